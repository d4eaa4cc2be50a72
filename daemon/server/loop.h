/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_LOOP_H
#define HEDGED_LOOP_H

#include "daemon/server/server.h"

/** The loop of the coordinator: a poll() over its sockets, its mail and its signals, until what is due next. */

/** Serve until a signal says stop, and what runs has ended or STOP_MS are over. Feeds systemd's watchdog.
 * @return 0, -errno where the loop itself failed. */
int hedged_loop_run(hedged_server_t *server, int signals_fd);

/** When the next PINGs are due. Where nobody waits for a board its death holds nothing up, so calm boards are left to sleep for some
 * heartbeats; as soon as there is work all are asked at once.
 * @param ticked_ms  When they were sent last; 0: never. @param busy  Somebody waits, or a board owes an answer. */
int64_t hedged_loop_ping_ms(const hedged_config_t *config, int64_t ticked_ms, bool busy);

/** Nothing is in flight anywhere that a thread works at. Also where parts of the server are not there yet. */
bool hedged_server_is_idle(const hedged_server_t *server);

#endif

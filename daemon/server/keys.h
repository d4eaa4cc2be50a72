/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_KEYS_H
#define HEDGED_KEYS_H

#include "daemon/server/server.h"

/** Who may use which socket: common/wire/auth.h for the sockets of the server, where the configuration wants CURVE. */

/** Read the keys and start authentication; before the sockets are bound. @return 0, -errno with a sentence. */
int hedged_keys_open(hedged_server_t *server, hedge_why_t *why);

/** May the sender of this message use this socket? If not, it has been told so. To be asked of what does not unpack, too. */
bool hedged_keys_admit(hedged_server_t *server, zsock_t *socket, hedge_envelope_t *e);

/** Read the connections' events: which board has hung up, who was refused. What was sent before is to be read first. */
void hedged_keys_monitor(hedged_server_t *server);

/** Readable when keys may have changed: hedged_keys_changed. -1: there is none. */
int hedged_keys_fd(const hedged_server_t *server);
void hedged_keys_changed(hedged_server_t *server);

/** Read the keys again. */
void hedged_keys_reload(hedged_server_t *server);

/** Now and then. */
void hedged_keys_tick(hedged_server_t *server);

/** Fill in refused and keys; that list is to be freed. @return 0, -ENOMEM. */
int hedged_keys_describe(const hedged_server_t *server, hedge_msg_status_ok_t *status);

#endif

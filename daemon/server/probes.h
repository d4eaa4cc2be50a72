/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_PROBES_H
#define HEDGED_PROBES_H

#include "daemon/server/server.h"

/** Boards that nothing is known about are measured as soon as they have a number, before they get any work: so that nothing is
 * planned on priors for a board that is there. One after the other, as they share the coordinator's link; each for a limited time,
 * after which it is taken as it is. What is measured is kept (cluster.measurements), so that this happens once for a board. With
 * plan.cut simple, which goes by no figures, it does not happen at all. */

/** @return 0, -ENOMEM. */
int hedged_probes_new(hedged_probes_t **ret);

/** NULL-safe; nullifies. */
void hedged_probes_destroy(hedged_probes_t **probes);

/** hedged_board_ready_t, arg: the server: need it not be measured first? */
bool hedged_probes_ready(void *arg, const hedged_board_t *board);

/** A board's state has changed: where it is lost, its measuring is over. */
void hedged_probes_changed(hedged_server_t *server, const hedged_board_t *board);

/** After every turn of the loop: begin with those that wait, give up those that take too long. */
void hedged_probes_turn(hedged_server_t *server);

/** When hedged_probes_turn is to be called again at the latest, monotonic; INT64_MAX: nothing is due. */
int64_t hedged_probes_due_ms(const hedged_probes_t *probes);

/** Is any board being measured, or waiting for it? */
bool hedged_probes_busy(const hedged_probes_t *probes);

/** What a board has sent may be about its measuring. @return whether it was. */
bool hedged_probes_share_ok(hedged_server_t *server, const hedged_board_t *board, const hedge_digest_t *digest);
bool hedged_probes_part(hedged_server_t *server, hedged_board_t *board, const hedge_envelope_t *envelope);
bool hedged_probes_ended(hedged_server_t *server, hedged_board_t *board, uint64_t run);
bool hedged_probes_error(hedged_server_t *server, hedged_board_t *board, const hedge_msg_error_t *error);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_BOARDS_H
#define HEDGED_BOARDS_H

#include "daemon/server/server.h"

/** What boards say, and what all of them are told. */

/** Read what boards have sent. */
void hedged_boards_receive(hedged_server_t *server);

/** A heartbeat interval is over: count strikes, send PINGs. */
void hedged_boards_tick(hedged_server_t *server);

/** Say BYE to every board. */
void hedged_boards_bye(hedged_server_t *server);

/** hedged_board_changed_t of the server's cluster. */
void hedged_boards_changed(void *server, hedged_board_t *board, bool restarted);

#endif

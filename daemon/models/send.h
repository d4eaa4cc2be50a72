/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_SEND_H
#define HEDGED_SEND_H

#include "common/wire/link.h"
#include "daemon/models/pieces.h"
#include "daemon/models/prepare.h"

/** The messages by which boards get what they hold. */

/** SHARE. @param encode  Its filters go with the message. @return as hedge_link_send; -ENOMEM: there are no filters, too. */
int hedged_send_share(hedge_send_t *send, zsock_t *boards, const hedge_route_t *route, hedged_encode_t *encode);

/** GRAPH. @param board  The number that it is for. @return as hedge_link_send. */
int hedged_send_block(hedge_send_t *send, zsock_t *boards, const hedge_route_t *route, const hedged_model_t *model,
                      const hedged_block_t *block, unsigned board);

/** CONSTANTS: the next of them, from where they are, without copying anything. The model may go before they have been sent.
 * @param pieces  There is room for one. @return as hedge_link_send. */
int hedged_send_piece(hedge_send_t *send, zsock_t *boards, const hedge_route_t *route, const hedged_model_t *model,
                      const hedged_block_t *block, unsigned board, hedged_pieces_t *pieces);

#endif

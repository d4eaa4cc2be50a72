/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_SEND_H
#define HEDGED_SEND_H

#include "common/wire/link.h"
#include "daemon/models/prepare.h"

/** The messages by which boards get what they hold. */

/** SHARE. @param encode  Its filters go with the message. @return as hedge_link_send; -ENOMEM: there are no filters, too. */
int hedged_send_share(hedge_send_t *send, zsock_t *boards, const hedge_route_t *route, hedged_encode_t *encode);

/** GRAPH: from where the block is, without encoding or copying anything. The model may go before it has been sent.
 * @param board  The number that it is for. @return as hedge_link_send. */
int hedged_send_block(hedge_send_t *send, zsock_t *boards, const hedge_route_t *route, const hedged_model_t *model,
                      const hedged_block_t *block, unsigned board);

#endif

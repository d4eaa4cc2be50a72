/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/models/send.h"

#include <errno.h>
#include <stdio.h>

int hedged_send_share(hedge_send_t *send, zsock_t *boards, const hedge_route_t *route, hedged_encode_t *e)
{
        const hedged_layer_t *layer = &e->model->layers[e->layer];
        const hedged_variant_t *v = &layer->variants[e->variant];
        hedge_message_t message = { .type = HEDGE_MSG_SHARE };
        zmq_msg_t frame;
        int r;

        if (!e->filters)
                return -ENOMEM;
        message.share.digest = v->digests[e->board];
        message.share.conv = v->partition.part;
        message.share.ell_b = hedge_code_ell_b(v->code, e->board);
        snprintf(message.share.layer, sizeof(message.share.layer), "%.63s/%.190s", e->model->name, layer->name);
        r = hedge_frame_floats(&frame, e->filters, hedged_variant_share_bytes(v, e->board) / sizeof(float));
        if (r < 0)
                return r;
        e->filters = NULL;
        return send(boards, route, &message, &frame, 1);
}

int hedged_send_block(hedge_send_t *send, zsock_t *boards, const hedge_route_t *route, const hedged_model_t *m,
                      const hedged_block_t *block, unsigned board)
{
        hedge_message_t message = { .type = HEDGE_MSG_GRAPH, .graph = { .digest = block->digests[board] } };
        zmq_msg_t frame;
        int r = hedged_block_frame(block, &frame);

        if (r < 0)
                return r;
        snprintf(message.graph.layer, sizeof(message.graph.layer), "%.63s/%.190s", m->name,
                 m->graph->nodes[block->first].name);
        return send(boards, route, &message, &frame, 1);
}

int hedged_send_piece(hedge_send_t *send, zsock_t *boards, const hedge_route_t *route, const hedged_model_t *m,
                      const hedged_block_t *block, unsigned board, hedged_pieces_t *pieces)
{
        hedge_message_t message = { .type = HEDGE_MSG_CONSTANTS,
                                    .constants = { .digest = block->digests[board], .offset = pieces->sent } };
        zmq_msg_t frame;
        size_t size;
        int r = hedged_block_piece(block, m->constants, pieces->sent, HEDGED_PIECE_BYTES, &frame);

        if (r < 0)
                return r;
        size = zmq_msg_size(&frame);
        r = send(boards, route, &message, &frame, 1);
        if (r == 0)
                hedged_pieces_sent(pieces, size);
        return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "common/segment/whole.h"

#include "common/segment/alive.h"

/* How an operator's result comes by whole numbers. */
typedef enum origin {
        NEVER,
        ALWAYS,
        FROM_FIRST, /* where its first input has them */
        FROM_ANY,   /* where any has, constants apart */
        FROM_ALL,   /* where all have, constants apart */
} origin_t;

static origin_t origin_of_kind(hedge_op_kind_t kind)
{
        switch (kind) {
        case HEDGE_OP_TO_INTEGER:
        case HEDGE_OP_NOT:
        case HEDGE_OP_TO_BOOL:
        case HEDGE_OP_IS_NAN:
        case HEDGE_OP_IS_INF:
        case HEDGE_OP_ARG_MAX:
        case HEDGE_OP_ARG_MIN:
        case HEDGE_OP_TOP:
        case HEDGE_OP_ONE_HOT:
        case HEDGE_OP_NMS:
        case HEDGE_OP_MAX_POOL_INDICES:
                return ALWAYS;
        case HEDGE_OP_MAX_POOL:
        case HEDGE_OP_GLOBAL_MAX_POOL:
        case HEDGE_OP_CLAMP:
        case HEDGE_OP_PAD:
        case HEDGE_OP_TRANSPOSE:
        case HEDGE_OP_SLICE:
        case HEDGE_OP_RESHAPE:
        case HEDGE_OP_EXPAND:
        case HEDGE_OP_TILE:
        case HEDGE_OP_GATHER:
        case HEDGE_OP_GATHER_ELEMENTS:
        case HEDGE_OP_GATHER_ND:
        case HEDGE_OP_SCATTER_ELEMENTS:
        case HEDGE_OP_SCATTER_ND:
        case HEDGE_OP_CUM_SUM:
        case HEDGE_OP_TRILU:
        case HEDGE_OP_MARK_ROWS:
                return FROM_FIRST;
        case HEDGE_OP_CONCAT:
                return FROM_ANY;
        case HEDGE_OP_ADD:
        case HEDGE_OP_SUB:
        case HEDGE_OP_MUL:
        case HEDGE_OP_MAX:
        case HEDGE_OP_MIN:
        case HEDGE_OP_WHERE:
                return FROM_ALL;
        default:
                return kind >= HEDGE_OP_EQUAL && kind <= HEDGE_OP_SHIFT_RIGHT ? ALWAYS : NEVER;
        }
}

static origin_t origin_of(const hedge_op_t *op)
{
        switch (op->kind) {
        case HEDGE_OP_RESIZE:
                return op->resize.mode == HEDGE_RESIZE_NEAREST ? FROM_FIRST : NEVER;
        case HEDGE_OP_REDUCE:
                return op->reduce.kind == HEDGE_REDUCE_MAX || op->reduce.kind == HEDGE_REDUCE_MIN ||
                                       op->reduce.kind == HEDGE_REDUCE_SUM || op->reduce.kind == HEDGE_REDUCE_PROD
                               ? FROM_FIRST
                               : NEVER;
        default:
                return origin_of_kind(op->kind);
        }
}

static bool is_whole(const hedge_graph_t *g, const hedge_node_t *node, const bool *whole)
{
        const origin_t origin = origin_of(&node->op);
        uint32_t moving = 0, n = 0;

        if (origin == NEVER || origin == ALWAYS)
                return origin == ALWAYS;
        if (origin == FROM_FIRST)
                return whole[node->inputs[0]];
        for (uint32_t j = 0; j < node->n_inputs; j++) {
                moving += hedge_alive_moves(g, node->inputs[j]);
                n += whole[node->inputs[j]];
        }
        return n > 0 && (origin == FROM_ANY || n == moving);
}

void hedge_whole_find(const hedge_graph_t *g, bool *ret_whole)
{
        for (uint32_t v = 0; v < g->n_values; v++)
                ret_whole[v] = hedge_alive_moves(g, v) && g->values[v].producer == HEDGE_NO_NODE &&
                               hedge_element_is_integer(g->values[v].element);
        for (uint32_t i = 0; i < g->n_nodes; i++)
                ret_whole[g->nodes[i].output] = is_whole(g, &g->nodes[i], ret_whole);
}

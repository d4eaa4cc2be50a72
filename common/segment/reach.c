/* SPDX-License-Identifier: Apache-2.0 */
#include "common/segment/reach.h"

#include <errno.h>
#include <stdlib.h>

#include "common/segment/alive.h"
#include "common/segment/cuts.h"
#include "common/segment/local.h"
#include "common/segment/segment.h"

struct hedge_reach {
        const hedge_graph_t *graph;
        hedge_layouts_t layouts;
        uint32_t *until;        /* per value: hedge_alive_until */
        bool *local;            /* per node */
        hedge_window_t *needed; /* per value: of the last trace; no rows: nothing */
};

int hedge_reach_new(const hedge_graph_t *g, hedge_reach_t **ret)
{
        hedge_reach_t *reach = calloc(1, sizeof(*reach));

        if (!reach)
                return -ENOMEM;
        reach->graph = g;
        reach->until = malloc((g->n_values + (size_t)1) * sizeof(*reach->until));
        reach->local = malloc((g->n_nodes + (size_t)1) * sizeof(*reach->local));
        reach->needed = calloc(g->n_values + (size_t)1, sizeof(*reach->needed));
        if (!reach->until || !reach->local || !reach->needed || hedge_layouts_find(g, &reach->layouts) < 0) {
                hedge_reach_destroy(&reach);
                return -ENOMEM;
        }
        hedge_alive_until(g, reach->until);
        for (uint32_t i = 0; i < g->n_nodes; i++)
                reach->local[i] = hedge_local_is(&(hedge_local_t){ g, &reach->layouts }, i);
        *ret = reach;
        return 0;
}

void hedge_reach_destroy(hedge_reach_t **reach)
{
        if (!*reach)
                return;
        hedge_layouts_release(&(*reach)->layouts);
        free((*reach)->until);
        free((*reach)->local);
        free((*reach)->needed);
        free(*reach);
        *reach = NULL;
}

/* Remember what goes in, or out; false where it is not the first that does. */
static bool note(uint32_t *one, uint32_t value)
{
        if (*one != HEDGE_NO_VALUE && *one != value)
                return false;
        *one = value;
        return true;
}

bool hedge_reach_ends(const hedge_reach_t *reach, uint32_t first, uint32_t last, uint32_t *ret_in, uint32_t *ret_out)
{
        const hedge_graph_t *g = reach->graph;
        uint32_t in = HEDGE_NO_VALUE, out = HEDGE_NO_VALUE;

        if (first > last || last > g->n_nodes)
                return false;
        for (uint32_t i = first; i < last; i++) {
                const hedge_node_t *node = &g->nodes[i];

                if (!reach->local[i] || (reach->until[node->output] > last && !note(&out, node->output)))
                        return false;
                for (uint32_t j = 0; j < node->n_inputs; j++) {
                        const uint32_t v = node->inputs[j], producer = g->values[v].producer;

                        if (hedge_alive_moves(g, v) && (producer == HEDGE_NO_NODE || producer < first) && !note(&in, v))
                                return false;
                }
        }
        if (in == HEDGE_NO_VALUE || out == HEDGE_NO_VALUE || !hedge_layouts_is_image(g, &reach->layouts, in) ||
            !hedge_layouts_is_image(g, &reach->layouts, out))
                return false;
        *ret_in = in;
        *ret_out = out;
        return true;
}

bool hedge_reach_is_local(const hedge_reach_t *reach, uint32_t first, uint32_t last)
{
        uint32_t in, out;

        return hedge_reach_ends(reach, first, last, &in, &out);
}

/* The smallest window that holds both. */
static void widen(hedge_window_t *to, const hedge_window_t *by)
{
        const uint32_t bottom = to->top + to->rows, right = to->left + to->cols;
        hedge_window_t w = *by;

        if (to->rows > 0) {
                w.top = to->top < by->top ? to->top : by->top;
                w.left = to->left < by->left ? to->left : by->left;
                w.rows = (bottom > by->top + by->rows ? bottom : by->top + by->rows) - w.top;
                w.cols = (right > by->left + by->cols ? right : by->left + by->cols) - w.left;
        }
        *to = w;
}

static void forget(hedge_reach_t *reach, uint32_t first, uint32_t last)
{
        const hedge_graph_t *g = reach->graph;

        for (uint32_t i = first; i < last; i++) {
                reach->needed[g->nodes[i].output].rows = 0;
                for (uint32_t j = 0; j < g->nodes[i].n_inputs; j++)
                        reach->needed[g->nodes[i].inputs[j]].rows = 0;
        }
}

/* Everyone who reads a value comes after the node that makes it: when that one's turn comes, all that is needed of it is known. */
static uint64_t trace_back(hedge_reach_t *reach, uint32_t first, uint32_t last)
{
        const hedge_graph_t *g = reach->graph;
        const hedge_local_t local = { g, &reach->layouts };
        uint64_t macs = 0;

        for (uint32_t i = last; i-- > first;) {
                const hedge_node_t *node = &g->nodes[i];
                hedge_window_t *out = &reach->needed[node->output];

                if (out->rows == 0)
                        continue;
                *out = hedge_local_round(&local, i, out);
                macs += hedge_local_macs(&local, i, out);
                for (uint32_t j = 0; j < node->n_inputs; j++) {
                        hedge_window_t need;

                        if (!hedge_alive_moves(g, node->inputs[j]))
                                continue;
                        need = hedge_local_need(&local, i, j, out);
                        widen(&reach->needed[node->inputs[j]], &need);
                }
        }
        return macs;
}

int hedge_reach_trace(hedge_reach_t *reach, uint32_t first, uint32_t last, const hedge_window_t *out,
                      hedge_window_t *ret_in, uint64_t *ret_macs)
{
        uint32_t value_in, value_out;
        const hedge_shape_t *image;

        if (!hedge_reach_ends(reach, first, last, &value_in, &value_out))
                return HEDGE_EUNSUPPORTED;
        image = &reach->graph->values[value_out].shape;
        if (!hedge_window_is_within(out, image->dims[1], image->dims[2]))
                return -EINVAL;
        forget(reach, first, last);
        reach->needed[value_out] = *out;
        *ret_macs = trace_back(reach, first, last);
        if (reach->needed[value_in].rows == 0) /* all of it comes from constants: any pixel will do */
                reach->needed[value_in] = (hedge_window_t){ 0, 1, 0, 1 };
        *ret_in = reach->needed[value_in];
        return 0;
}

const hedge_window_t *hedge_reach_of(const hedge_reach_t *reach, uint32_t value)
{
        return reach->needed[value].rows > 0 ? &reach->needed[value] : NULL;
}

const hedge_layouts_t *hedge_reach_layouts(const hedge_reach_t *reach)
{
        return &reach->layouts;
}

bool hedge_segment_is_local(const hedge_graph_t *g, uint32_t first, uint32_t last)
{
        hedge_reach_t *reach = NULL;
        const bool local = hedge_reach_new(g, &reach) == 0 && hedge_reach_is_local(reach, first, last);

        hedge_reach_destroy(&reach);
        return local;
}

/* One question. */
static int trace(const hedge_graph_t *g, uint32_t first, uint32_t last, const hedge_window_t *out,
                 hedge_window_t *ret_in, uint64_t *ret_macs)
{
        hedge_reach_t *reach = NULL;
        int r;

        if (first > last || last > g->n_nodes)
                return -EINVAL;
        r = hedge_reach_new(g, &reach);
        if (r == 0)
                r = hedge_reach_trace(reach, first, last, out, ret_in, ret_macs);
        hedge_reach_destroy(&reach);
        return r;
}

int hedge_segment_halo(const hedge_graph_t *g, uint32_t first, uint32_t last, const hedge_window_t *out,
                       hedge_window_t *ret_in)
{
        uint64_t macs;

        return trace(g, first, last, out, ret_in, &macs);
}

int hedge_segment_macs(const hedge_graph_t *g, uint32_t first, uint32_t last, const hedge_window_t *out, uint64_t *ret)
{
        hedge_window_t in;
        uint64_t macs = 0;

        if (out)
                return trace(g, first, last, out, &in, ret);
        if (first > last || last > g->n_nodes)
                return -EINVAL;
        for (uint32_t i = first; i < last; i++)
                macs += hedge_node_macs(g, &g->nodes[i]);
        *ret = macs;
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/survey.h"

#include <errno.h>
#include <stdlib.h>

#include "common/model/held.h"

#define SLICES (HEDGED_SURVEY_POINTS - 2)

static size_t elements_at(const hedge_graph_t *graph, const hedge_cut_point_t *cut)
{
        return hedge_shape_elements(&graph->values[cut->value].shape);
}

/* @param work  Per node: of all before it. */
static void thin_out(hedged_survey_t *s, const hedge_cut_point_t *cuts, uint32_t n, const double *work)
{
        const double slice = work[s->graph->n_nodes] / SLICES;
        unsigned at = 0;

        s->points[s->n++] = cuts[0];
        for (uint32_t i = 1; i + 1 < n; i++) {
                const unsigned in = slice > 0 ? (unsigned)(work[cuts[i].at] / slice) : 0;

                if (s->n == 1 || (in > at && s->n < HEDGED_SURVEY_POINTS - 1)) {
                        at = in;
                        s->points[s->n++] = cuts[i];
                } else if (elements_at(s->graph, &cuts[i]) <= elements_at(s->graph, &s->points[s->n - 1])) {
                        s->points[s->n - 1] = cuts[i];
                }
        }
        s->points[s->n++] = cuts[n - 1];
}

static void add_node(const hedged_survey_t *s, uint32_t i, hedged_before_t *b)
{
        const hedge_node_t *node = &s->graph->nodes[i];

        b->work += hedged_node_work(s->graph, node);
        b->macs += hedge_node_macs(s->graph, node);
        b->local_s += s->nodes[i].local_s;
        b->fixed += s->nodes[i].fixed;
        b->shared += s->nodes[i].boards_s > 0;
        hedged_node_constants(s->graph, node, &b->frame_bytes, &b->elements);
}

static void look_before(hedged_survey_t *s)
{
        hedged_before_t b = { .work = 0 };
        unsigned at = 0;

        for (uint32_t i = 0; i <= s->graph->n_nodes; i++) {
                while (at < s->n && s->points[at].at == i)
                        s->before[at++] = b;
                if (i < s->graph->n_nodes)
                        add_node(s, i, &b);
        }
}

int hedged_survey_make(const hedge_graph_t *graph, const hedged_node_cost_t *nodes, hedged_survey_t *ret)
{
        double *work = calloc(graph->n_nodes + (size_t)1, sizeof(*work));
        hedge_cut_point_t *cuts = NULL;
        uint32_t n = 0;
        int r = work ? hedge_cuts_find(graph, &cuts, &n) : -ENOMEM;

        *ret = (hedged_survey_t){ .graph = graph, .nodes = nodes };
        if (r == 0)
                r = hedge_reach_new(graph, &ret->reach);
        if (r == 0) {
                for (uint32_t i = 0; i < graph->n_nodes; i++)
                        work[i + 1] = work[i] + hedged_node_work(graph, &graph->nodes[i]);
                if (n > HEDGED_SURVEY_POINTS)
                        thin_out(ret, cuts, n, work);
                else
                        for (uint32_t i = 0; i < n; i++)
                                ret->points[ret->n++] = cuts[i];
                look_before(ret);
        }
        free(cuts);
        free(work);
        return r;
}

void hedged_survey_release(hedged_survey_t *s)
{
        hedge_reach_destroy(&s->reach);
}

uint64_t hedged_survey_bytes(const hedged_survey_t *s, unsigned from, unsigned to)
{
        const hedged_before_t *a = &s->before[from], *b = &s->before[to];

        return hedge_held_bytes(b->frame_bytes - a->frame_bytes, b->elements - a->elements,
                                s->points[to].at - s->points[from].at);
}

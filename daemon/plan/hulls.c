/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/hulls.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LITTLE \
        1.25 /* times the memory of what is asked for: what a board may be given to have less in the way of the next plan */

/* @param marks  Per node: is it in a segment inside these nodes? */
static void mark(const hedged_chains_t *chains, uint32_t first, uint32_t last, uint8_t *marks)
{
        for (unsigned c = 0; c < chains->n; c++)
                for (unsigned s = 0; s < chains->chains[c].n_steps; s++) {
                        const hedged_step_t *step = &chains->chains[c].steps[s];

                        if (step->kind == HEDGED_STEP_SEGMENT && first <= step->first && step->last <= last)
                                memset(marks + step->first, 1, step->last - step->first);
                }
}

static bool go_together(const hedge_graph_t *graph, const hedged_hull_t *a, const hedged_hull_t *b)
{
        const double apart = (double)hedged_block_bytes(graph, a->first, a->last) +
                             (double)hedged_block_bytes(graph, b->first, b->last);

        return (double)hedged_block_bytes(graph, a->first, b->last) <= LITTLE * apart;
}

/* The run, or more than it up to the graph's end where that is little. */
static void widen(const hedge_graph_t *graph, uint32_t first, uint32_t last, hedged_hull_t *hull)
{
        if ((double)hedged_block_bytes(graph, first, last) <=
            LITTLE * (double)hedged_block_bytes(graph, hull->first, hull->last))
                *hull = (hedged_hull_t){ first, last };
}

/* One more run, after the others. @return how many there are. */
static int add(const hedge_graph_t *graph, hedged_hull_t *hulls, int n, hedged_hull_t next)
{
        if (n > 0 && go_together(graph, &hulls[n - 1], &next)) {
                hulls[n - 1].last = next.last;
                return n;
        }
        hulls[n] = next;
        return n + 1;
}

int hedged_hulls_find(const hedge_graph_t *graph, const hedged_chains_t *chains, uint32_t first, uint32_t last,
                      hedged_hull_t **ret)
{
        uint8_t *marks = calloc(graph->n_nodes + (size_t)1, 1);
        hedged_hull_t *hulls = calloc(graph->n_nodes / 2 + (size_t)1, sizeof(*hulls));
        int n = 0;

        if (!marks || !hulls) {
                free(marks);
                free(hulls);
                return -ENOMEM;
        }
        mark(chains, first, last, marks);
        for (uint32_t i = 0; i < graph->n_nodes; i++) {
                const uint32_t begin = i;

                while (marks[i]) /* the last is none */
                        i++;
                if (i > begin)
                        n = add(graph, hulls, n, (hedged_hull_t){ begin, i });
        }
        if (n > 0 && first == 0)
                widen(graph, 0, hulls[0].last, &hulls[0]);
        if (n > 0 && last == graph->n_nodes)
                widen(graph, hulls[n - 1].first, last, &hulls[n - 1]);
        free(marks);
        *ret = hulls;
        return n;
}

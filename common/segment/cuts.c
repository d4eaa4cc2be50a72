/* SPDX-License-Identifier: Apache-2.0 */
#include "common/segment/cuts.h"

#include <errno.h>
#include <stdlib.h>

#include "common/segment/alive.h"
#include "common/segment/whole.h"

/* What goes across a place: how many values, and the sum of their numbers + 1, which names the one that is alone. Kept as
 * differences from the place before. */
typedef struct crossing {
        int64_t n, sum;
} crossing_t;

/* Each value goes across the places from behind its producer to before its last reader. */
static void count_crossings(const hedge_graph_t *g, const uint32_t *until, crossing_t *at)
{
        for (uint32_t v = 0; v < g->n_values; v++) {
                const uint32_t producer = g->values[v].producer, from = producer == HEDGE_NO_NODE ? 0 : producer + 1;

                if (!hedge_alive_moves(g, v) || until[v] <= from)
                        continue;
                at[from].n++;
                at[from].sum += (int64_t)v + 1;
                at[until[v]].n--;
                at[until[v]].sum -= (int64_t)v + 1;
        }
        for (uint32_t i = 1; i <= g->n_nodes; i++) {
                at[i].n += at[i - 1].n;
                at[i].sum += at[i - 1].sum;
        }
}

static uint32_t list_cuts(const hedge_graph_t *g, const crossing_t *crossings, const bool *whole,
                          hedge_cut_point_t *cuts)
{
        uint32_t n = 0;

        for (uint32_t at = 0; at <= g->n_nodes; at++) {
                const bool one = crossings[at].n == 1;
                const uint32_t value = one ? (uint32_t)(crossings[at].sum - 1) : HEDGE_NO_VALUE;

                if (one || at == 0 || at == g->n_nodes)
                        cuts[n++] = (hedge_cut_point_t){ at, value, one && hedge_is_one_image(&g->values[value].shape),
                                                         one && whole[value] };
        }
        return n;
}

int hedge_cuts_find(const hedge_graph_t *g, hedge_cut_point_t **ret, uint32_t *ret_n)
{
        uint32_t *until = malloc((g->n_values + (size_t)1) * sizeof(*until));
        crossing_t *crossings = calloc(g->n_nodes + (size_t)2, sizeof(*crossings)); /* until is n_nodes + 1 at most */
        hedge_cut_point_t *cuts = malloc((g->n_nodes + (size_t)1) * sizeof(*cuts));
        bool *whole = malloc((g->n_values + (size_t)1) * sizeof(*whole));
        int r = until && crossings && cuts && whole ? 0 : -ENOMEM;

        if (r == 0) {
                hedge_alive_until(g, until);
                count_crossings(g, until, crossings);
                hedge_whole_find(g, whole);
                *ret_n = list_cuts(g, crossings, whole, cuts);
                *ret = cuts;
                cuts = NULL;
        }
        free(until);
        free(crossings);
        free(cuts);
        free(whole);
        return r;
}

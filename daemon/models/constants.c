/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/models/constants.h"

#include <errno.h>
#include <stdlib.h>

int hedged_constants_new(hedge_graph_t *graph, hedged_constants_t **ret)
{
        hedged_constants_t *c = calloc(1, sizeof(*c));

        if (!c) {
                hedge_graph_destroy(&graph);
                return -ENOMEM;
        }
        atomic_init(&c->references, 1);
        c->graph = graph;
        *ret = c;
        return 0;
}

hedged_constants_t *hedged_constants_ref(hedged_constants_t *c)
{
        atomic_fetch_add(&c->references, 1);
        return c;
}

void hedged_constants_unref(hedged_constants_t **constants)
{
        hedged_constants_t *c = *constants;

        *constants = NULL;
        if (!c || atomic_fetch_sub(&c->references, 1) != 1)
                return;
        hedge_graph_destroy(&c->graph);
        hedged_constants_unref(&c->lender); /* after the graph */
        free(c);
}

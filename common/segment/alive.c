/* SPDX-License-Identifier: Apache-2.0 */
#include "common/segment/alive.h"

#include <string.h>

void hedge_alive_until(const hedge_graph_t *g, uint32_t *ret_until)
{
        memset(ret_until, 0, g->n_values * sizeof(*ret_until));
        for (uint32_t i = 0; i < g->n_nodes; i++)
                for (uint32_t j = 0; j < g->nodes[i].n_inputs; j++)
                        ret_until[g->nodes[i].inputs[j]] = i + 1;
        for (uint32_t i = 0; i < g->n_outputs; i++)
                ret_until[g->outputs[i]] = g->n_nodes + 1;
}

bool hedge_is_one_image(const hedge_shape_t *shape)
{
        return shape->rank == 4 && shape->dims[0] == 1 && shape->dims[1] > 0 && shape->dims[2] > 0 &&
               shape->dims[3] > 0;
}

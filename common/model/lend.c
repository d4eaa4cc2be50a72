/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "common/model/pack.h"

/* Also one that has no data yet. */
static bool is_constant(const hedge_value_t *v)
{
        return hedge_value_is_constant(v) || v->lent;
}

uint32_t hedge_graph_constants(const hedge_graph_t *g, uint32_t *ret_values)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < g->n_values; i++) {
                if (!is_constant(&g->values[i]))
                        continue;
                if (ret_values)
                        ret_values[n] = i;
                n++;
        }
        return n;
}

size_t hedge_graph_constant_size(const hedge_graph_t *g, uint32_t value)
{
        const hedge_value_t *v = &g->values[value];

        return v->narrow ? hedge_narrow_size(v->narrow) : hedge_shape_elements(&v->shape) * sizeof(float);
}

const void *hedge_graph_constant_data(const hedge_graph_t *g, uint32_t value)
{
        const hedge_value_t *v = &g->values[value];

        return v->narrow ? v->narrow->scale : v->data;
}

int hedge_graph_lend(hedge_graph_t *g, uint32_t value, const void *data)
{
        hedge_value_t *v = value < g->n_values ? &g->values[value] : NULL;

        if (!v || !data || (uintptr_t)data % _Alignof(float) != 0)
                return -EINVAL;
        if (v->narrow && v->narrow->lent)
                hedge_narrow_lend(v->narrow, data);
        else if (v->lent && !v->narrow)
                v->data = data;
        else
                return -EINVAL;
        return 0;
}

bool hedge_graph_is_complete(const hedge_graph_t *g)
{
        for (uint32_t i = 0; i < g->n_values; i++)
                if (is_constant(&g->values[i]) && !hedge_graph_constant_data(g, i))
                        return false;
        return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/winograd.h"

#include <math.h>

/* Tiles of a block. Fewer, and the filters are read too often; more, and the block's matrices leave the caches. */
#define ROWS_MIN    64u
#define ROWS_MAX    256u
#define ROWS_FLOATS 32768u /* of one block's matrices, both sides of a product together */

#define PRODUCT 1.1 /* of Winograd's multiply-accumulates against direct ones: its products are shorter */

static const hedge_products_costs_t *costs_of(const hedge_kernel_t *k)
{
        const unsigned lanes = hedge_winograd_isa()->lanes;

        return &k->kernels->backend->products->costs[lanes >= 16 ? 2 : lanes >= 8 ? 1 : 0];
}

static bool applies(const hedge_kernel_t *k)
{
        const hedge_conv_t *c = &k->op.conv;

        return k->op.kind == HEDGE_OP_CONV && !k->op.exact && k->kernels->backend->products && c->kernel_h == 3 &&
               c->kernel_w == 3 && c->stride_h == 1 && c->stride_w == 1 && c->dilation_h == 1 && c->dilation_w == 1 &&
               c->groups == 1;
}

size_t hedge_winograd_rows(const hedge_conv_t *c, size_t tiles)
{
        size_t most = ROWS_FLOATS / (c->in_c + c->out_c), blocks;

        most = most < ROWS_MIN ? ROWS_MIN : most > ROWS_MAX ? ROWS_MAX : most;
        blocks = (tiles + most - 1) / most;
        return (tiles + blocks - 1) / blocks;
}

static double cost_direct(const hedge_kernel_t *k, const hedge_products_costs_t *costs)
{
        const hedge_conv_t *c = &k->op.conv;
        const double filter = 9.0 * c->in_c * c->out_c;

        return filter * k->out.dims[0] * k->out.dims[1] * k->out.dims[2] + filter * costs->filter;
}

static double cost_winograd(const hedge_kernel_t *k, unsigned m, const hedge_products_costs_t *costs)
{
        const hedge_conv_t *c = &k->op.conv;
        const size_t tiles = (size_t)k->out.dims[0] * ((k->out.dims[1] + m - 1) / m) * ((k->out.dims[2] + m - 1) / m);
        const size_t rows = hedge_winograd_rows(c, tiles), blocks = (tiles + rows - 1) / rows;
        const double filter = (double)c->in_c * c->out_c, count = (m + 2.0) * (m + 2.0);

        return count * ((double)(rows * blocks) * filter * PRODUCT +
                        (double)tiles * ((double)c->in_c + c->out_c) * costs->transform +
                        (double)blocks * (filter * costs->filter + costs->call));
}

hedge_conv_method_t hedge_winograd_choose(const hedge_kernel_t *k, unsigned allowed, size_t bytes_max)
{
        const hedge_products_costs_t *costs;
        hedge_conv_method_t best = HEDGE_CONV_DIRECT;
        double least;

        if (!applies(k))
                return HEDGE_CONV_DIRECT;
        costs = costs_of(k);
        least = allowed & 1u << HEDGE_CONV_DIRECT ? cost_direct(k, costs) : INFINITY;
        for (unsigned method = HEDGE_CONV_WINOGRAD_2; method <= HEDGE_CONV_WINOGRAD_4; method++) {
                const unsigned m = hedge_winograd_m((hedge_conv_method_t)method);
                const double cost = cost_winograd(k, m, costs);
                const double bytes = 4.0 * (m + 2) * (m + 2) * k->op.conv.in_c * k->op.conv.out_c;

                if (!(allowed & 1u << method) || bytes > (double)bytes_max || cost >= least)
                        continue;
                best = (hedge_conv_method_t)method;
                least = cost;
        }
        return best;
}

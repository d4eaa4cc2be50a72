/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "common/op_infer.h"

int hedge_op_infer_grid_sample(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                               hedge_why_t *why)
{
        const hedge_shape_t *x = &in[0], *grid = &in[1];
        char a[80], b[80];

        if ((unsigned)op->grid.mode > HEDGE_RESIZE_CUBIC || (unsigned)op->grid.outside > HEDGE_GRID_REFLECTION)
                return hedge_why(why, -EINVAL, "an unknown way to sample");
        if ((x->rank != 4 && x->rank != 5) || grid->rank != x->rank || grid->dims[0] != x->dims[0] ||
            grid->dims[x->rank - 1] != x->rank - 2)
                return hedge_why(why, HEDGE_ESHAPE, "a grid of %s does not fit an image of %s",
                                 hedge_shape_text(grid, a, sizeof(a)), hedge_shape_text(x, b, sizeof(b)));
        for (uint32_t d = 0; d < x->rank; d++)
                if (x->dims[d] == 0)
                        return hedge_why(why, HEDGE_ESHAPE, "an image of %s", hedge_shape_text(x, a, sizeof(a)));
        *out = *grid;
        out->dims[out->rank - 1] = x->dims[x->rank - 1];
        return 0;
}

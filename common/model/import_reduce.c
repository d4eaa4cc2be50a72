/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/model/build.h"
#include "common/model/operators.h"

int hedge_import_reduced(hedge_import_t *imp, const hedge_shape_t *in, uint32_t *ret_mask, hedge_shape_t *ret_out)
{
        bool keep = hedge_attr_int(imp, "keepdims", 1) != 0, none = hedge_attr_int(imp, "noop_with_empty_axes", 0) != 0;
        hedge_shape_t out = { .rank = 0 };
        hedge_ints_t axes;
        uint32_t mask;
        int r = hedge_import_ints(imp, 1, "axes", &axes);

        if (r == 0)
                r = hedge_import_axes(imp, &axes, in->rank, &mask);
        if (r < 0)
                return r;
        if (axes.n == 0 && !none)
                mask = (1u << in->rank) - 1;
        for (uint32_t i = 0; i < in->rank; i++) {
                if (!(mask & 1u << i))
                        out.dims[out.rank++] = in->dims[i];
                else if (keep)
                        out.dims[out.rank++] = 1;
        }
        *ret_mask = mask;
        *ret_out = out;
        return 0;
}

int hedge_import_reduce_mean(hedge_import_t *imp)
{
        hedge_op_t op = { .kind = HEDGE_OP_REDUCE_MEAN };
        hedge_shape_t out;
        hedge_view_t x;
        uint32_t mask;
        int r = hedge_import_view(imp, 0, &x);

        if (r == 0)
                r = hedge_import_reduced(imp, &x.shape, &mask, &out);
        if (r < 0)
                return r;
        for (uint32_t i = 0; i < x.shape.rank; i++)
                if (mask & 1u << x.perm[i])
                        op.reduce.axes |= 1u << i;
        r = hedge_build_unary(imp, &op, &x);
        for (uint32_t i = 0; i < x.shape.rank; i++)
                if (mask & 1u << i)
                        x.shape.dims[i] = 1;
        if (r == 0 && !hedge_shape_equal(&x.shape, &out))
                r = hedge_build_reshape(imp, &x, &out);
        return r < 0 ? r : hedge_import_set_view(imp, 0, &x);
}

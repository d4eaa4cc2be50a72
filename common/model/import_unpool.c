/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/model/build.h"
#include "common/model/operators.h"
#include "common/model/volume.h"

/* MaxUnpool: zeros, with each element where the pool's index says it was. */

/* The extents that the pool had: batch, channels, and those that its window gives. */
static int unpooled(hedge_import_t *imp, const hedge_shape_t *in, hedge_shape_t *ret)
{
        hedge_window3_t w = { .kernel = { 0 } };
        int r;

        if (in->rank < 3 || in->rank > 5)
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "a tensor with %u axes", in->rank);
        r = hedge_image_read_window(imp, in->rank, &w);
        if (r < 0)
                return r;
        *ret = *in;
        for (uint32_t i = 2; i < in->rank; i++) {
                uint32_t a = 3 - in->rank + i;
                int64_t extent = ((int64_t)in->dims[i] - 1) * w.stride[a] + w.kernel[a] - w.before[a] - w.after[a];

                if (extent < 1 || extent > 1 << 20)
                        return hedge_import_fail(imp, HEDGE_ELIMIT, "an extent of %lld", (long long)extent);
                ret->dims[i] = (uint32_t)extent;
        }
        return 0;
}

/* So many zeros, in one row. */
static int build_zeros(hedge_import_t *imp, const hedge_shape_t *shape, uint32_t *ret)
{
        hedge_shape_t flat = { .rank = 1 };
        hedge_literal_t *zeros;
        hedge_view_t view;
        int r;

        if (hedge_shape_check(shape, imp->limits->max_tensor_elements) < 0)
                return hedge_import_fail(imp, HEDGE_ELIMIT, "a result that is too large");
        flat.dims[0] = (uint32_t)hedge_shape_elements(shape);
        r = hedge_import_new_literal(imp, &flat, false, &zeros);
        if (r < 0)
                return r;
        memset(zeros->floats, 0, flat.dims[0] * sizeof(float));
        r = hedge_build_literal(imp, zeros, 1, NULL, &view);
        hedge_literal_destroy(&zeros);
        if (r == 0)
                *ret = view.value;
        return r;
}

/* Input i in ONNX order, in one row. */
static int open_row(hedge_import_t *imp, uint32_t i, uint32_t *ret)
{
        hedge_shape_t flat = { .rank = 1 };
        hedge_view_t view;
        int r = hedge_import_view(imp, i, &view);

        if (r < 0)
                return r;
        flat.dims[0] = (uint32_t)hedge_shape_elements(&view.shape);
        r = hedge_build_plain(imp, &view);
        return r < 0 ? r : hedge_volume_reshape(imp, view.value, flat, ret);
}

/* A larger result is wanted than the pool's window says: zeros behind it. */
static int widen(hedge_import_t *imp, const hedge_shape_t *from, uint32_t *value)
{
        hedge_op_t op = { .kind = HEDGE_OP_PAD };
        hedge_literal_t *wanted;
        int r = hedge_import_extents(imp, 2, &wanted);

        if (r < 0)
                return r;
        if (wanted->shape.dims[0] != from->rank)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "output_shape has %u numbers for %u axes",
                                         wanted->shape.dims[0], from->rank);
        for (uint32_t i = 0; i < from->rank; i++) {
                int64_t more = wanted->ints[i] - from->dims[i];

                if (wanted->ints[i] < from->dims[i] || more > 1 << 20)
                        return hedge_import_fail(imp, HEDGE_EMALFORMED, "output_shape has an extent of %lld",
                                                 (long long)wanted->ints[i]);
                op.pad.after[i] = (int32_t)more;
        }
        return hedge_volume_step(imp, &op, value, 1, "wider", value);
}

int hedge_import_max_unpool(hedge_import_t *imp)
{
        hedge_op_t op = { .kind = HEDGE_OP_SCATTER_ELEMENTS };
        const hedge_shape_t *in = hedge_import_shape_of(imp, 0), *indices = hedge_import_shape_of(imp, 1);
        uint32_t inputs[3], value;
        hedge_shape_t shape;
        hedge_view_t view;
        int r;

        if (!hedge_shape_equal(in, indices))
                return hedge_import_fail(imp, HEDGE_ESHAPE, "the indices have not the shape of what they place");
        r = unpooled(imp, in, &shape);
        if (r == 0)
                r = build_zeros(imp, &shape, &inputs[0]);
        if (r == 0)
                r = open_row(imp, 1, &inputs[1]);
        if (r == 0)
                r = open_row(imp, 0, &inputs[2]);
        if (r == 0)
                r = hedge_build_op(imp, &op, inputs, 3, &value);
        if (r == 0)
                r = hedge_volume_reshape(imp, value, shape, &value);
        if (r == 0 && hedge_import_has(imp, 2))
                r = widen(imp, &shape, &value);
        if (r < 0)
                return r;
        view = hedge_view_plain(imp, value);
        return hedge_import_set_view(imp, 0, &view);
}

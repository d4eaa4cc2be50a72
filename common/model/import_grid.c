/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/model/build.h"
#include "common/model/operators.h"

/* GridSample, and AffineGrid, which makes its grids. */

int hedge_import_grid_sample(hedge_import_t *imp)
{
        /* Opset 16's words and opset 20's. */
        static const char *const modes[] = { "nearest", "linear", "cubic", "nearest", "bilinear", "bicubic", NULL };
        static const char *const outside[] = { "zeros", "border", "reflection", NULL };
        hedge_op_t op = { .kind = HEDGE_OP_GRID_SAMPLE };
        hedge_view_t x, grid;
        uint32_t inputs[2], rank;
        int r = hedge_import_view(imp, 0, &x);

        if (r == 0)
                r = hedge_import_view(imp, 1, &grid);
        if (r < 0)
                return r;
        rank = x.shape.rank;
        if (rank != 4 && rank != 5)
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED,
                                         "of a tensor with %u axes; images and volumes are "
                                         "supported",
                                         rank);
        op.grid.mode = (hedge_resize_mode_t)(hedge_attr_choice(imp, "mode", modes, HEDGE_RESIZE_LINEAR) % 3);
        op.grid.outside = (hedge_grid_outside_t)hedge_attr_choice(imp, "padding_mode", outside, HEDGE_GRID_ZEROS);
        op.grid.align_corners = hedge_attr_int(imp, "align_corners", 0) != 0;
        r = hedge_build_channels_last(imp, &x);
        if (r == 0)
                r = hedge_build_plain(imp, &grid);
        inputs[0] = x.value;
        inputs[1] = grid.value;
        if (r == 0)
                r = hedge_build_op(imp, &op, inputs, 2, &x.value);
        for (uint32_t i = 2; r == 0 && i < rank; i++)
                x.shape.dims[i] = imp->graph->values[x.value].shape.dims[i - 1];
        return r < 0 ? r : hedge_import_set_view(imp, 0, &x);
}

/* The i-th of n places from -1 to 1: with the corners' middles at the ends, or the edges. */
static float place_of(uint32_t i, uint32_t n, bool align_corners)
{
        if (align_corners)
                return n == 1 ? 0 : (float)(2.0 * i / (n - 1) - 1);
        return (float)((2.0 * i + 1) / n - 1);
}

/* Every place of the grid as x, y (, z), 1. */
static int build_places(hedge_import_t *imp, const uint32_t *extent, uint32_t axes, bool align_corners, uint32_t *ret)
{
        hedge_shape_t shape = { 2, { 1, axes + 1 } };
        uint32_t at[3] = { 0 };
        hedge_literal_t *places;
        hedge_view_t view;
        uint64_t n = 1;
        float *to;
        int r;

        for (uint32_t i = 0; i < axes; i++)
                n *= extent[i]; /* each of at most 2^20 */
        if (n > imp->limits->max_tensor_elements)
                return hedge_import_fail(imp, HEDGE_ELIMIT, "a grid that is too large");
        shape.dims[0] = (uint32_t)n;
        r = hedge_import_new_literal(imp, &shape, false, &places);
        if (r < 0)
                return r;
        to = places->floats;
        for (uint64_t p = 0; p < n; p++) {
                for (uint32_t i = axes; i-- > 0;)
                        *to++ = place_of(at[i], extent[i], align_corners);
                *to++ = 1;
                for (uint32_t i = axes; i-- > 0 && ++at[i] == extent[i];)
                        at[i] = 0;
        }
        r = hedge_build_literal(imp, places, 2, NULL, &view);
        hedge_literal_destroy(&places);
        if (r == 0)
                *ret = view.value;
        return r;
}

/* The size: N, C, then the extents of the grid. */
static int read_size(hedge_import_t *imp, const hedge_shape_t *theta, hedge_shape_t *ret)
{
        hedge_literal_t *size;
        int r = hedge_import_extents(imp, 1, &size);
        uint32_t axes;

        if (r < 0)
                return r;
        axes = size->shape.dims[0] - 2;
        if ((axes != 2 && axes != 3) || theta->rank != 3 || theta->dims[1] != axes || theta->dims[2] != axes + 1 ||
            size->ints[0] != theta->dims[0])
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "theta does not fit the size");
        *ret = (hedge_shape_t){ .rank = axes + 2, .dims = { theta->dims[0] } };
        for (uint32_t i = 0; i < axes; i++) {
                int64_t extent = size->ints[2 + i];

                if (extent < 1 || extent > 1 << 20)
                        return hedge_import_fail(imp, HEDGE_ELIMIT, "a grid with an extent of %lld", (long long)extent);
                ret->dims[1 + i] = (uint32_t)extent;
        }
        ret->dims[axes + 1] = axes;
        return 0;
}

int hedge_import_affine_grid(hedge_import_t *imp)
{
        static const uint32_t perm[HEDGE_MAX_RANK] = { 0, 2, 1, 3, 4, 5 };
        hedge_op_t op = { .kind = HEDGE_OP_MATMUL };
        bool align_corners = hedge_attr_int(imp, "align_corners", 0) != 0;
        hedge_shape_t shape;
        hedge_view_t theta;
        uint32_t inputs[2], value;
        int r = hedge_import_view(imp, 0, &theta);

        if (r == 0)
                r = read_size(imp, &theta.shape, &shape);
        if (r == 0)
                r = build_places(imp, &shape.dims[1], shape.rank - 2, align_corners, &inputs[0]);
        if (r == 0)
                r = hedge_build_layout(imp, &theta, perm);
        inputs[1] = theta.value;
        if (r == 0)
                r = hedge_build_op(imp, &op, inputs, 2, &value);
        if (r == 0)
                r = hedge_build_reshape_value(imp, value, &shape, false, &value);
        if (r < 0)
                return r;
        theta = hedge_view_plain(imp, value);
        return hedge_import_set_view(imp, 0, &theta);
}

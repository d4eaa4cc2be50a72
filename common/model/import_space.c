/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/model/build.h"
#include "common/model/operators.h"
#include "common/model/volume.h"

/* DepthToSpace and SpaceToDepth: channels to and from places. */

enum { N, D, H, W, C };

/* The input as N x 1 x H x W x C, and the block's size. */
static int open_blocks(hedge_import_t *imp, uint32_t *ret_value, uint32_t *ret_size)
{
        int64_t size = hedge_attr_int(imp, "blocksize", 0);
        hedge_view_t x;
        int r = hedge_import_view(imp, 0, &x);

        if (r < 0)
                return r;
        if (x.shape.rank != 4)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "a tensor with %u axes, not 4", x.shape.rank);
        if (size < 1 || size > 1 << 15)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "a blocksize of %lld", (long long)size);
        *ret_size = (uint32_t)size;
        return hedge_volume_open(imp, &x, ret_value);
}

int hedge_import_depth_to_space(hedge_import_t *imp)
{
        static const char *const modes[] = { "DCR", "CRD", NULL };
        int mode = hedge_attr_choice(imp, "mode", modes, 0);
        uint32_t value, size, channels, groups;
        int r = open_blocks(imp, &value, &size);

        if (r < 0)
                return r;
        channels = imp->graph->values[value].shape.dims[C];
        if (channels % (size * size))
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "%u channels are not made of blocks of %u x %u",
                                         channels, size, size);
        /* In the mode CRD every channel has its phases next to one another: a group of its own. */
        groups = mode == 1 ? channels / (size * size) : 1;
        r = hedge_volume_interleave(imp, value, groups, (const uint32_t[]){ 1, size, size }, &value);
        return r < 0 ? r : hedge_volume_close(imp, value, 4);
}

int hedge_import_space_to_depth(hedge_import_t *imp)
{
        hedge_op_t op = { .kind = HEDGE_OP_TRANSPOSE, .transpose = { { 0, 2, 1, 3 } } };
        uint32_t value, size, in[5], h, w;
        int r = open_blocks(imp, &value, &size);

        if (r < 0)
                return r;
        memcpy(in, imp->graph->values[value].shape.dims, sizeof(in));
        h = in[H] / size;
        w = in[W] / size;
        if (in[H] % size || in[W] % size)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "an image of %u x %u is not made of blocks of %u x %u",
                                         in[H], in[W], size, size);
        r = hedge_volume_reshape(imp, value, (hedge_shape_t){ 4, { in[N] * h, size, w, size * in[C] } }, &value);
        if (r == 0)
                r = hedge_volume_step(imp, &op, &value, 1, "blocks", &value);
        if (r == 0)
                r = hedge_volume_reshape(imp, value, (hedge_shape_t){ 5, { in[N], 1, h, w, size * size * in[C] } },
                                         &value);
        return r < 0 ? r : hedge_volume_close(imp, value, 4);
}

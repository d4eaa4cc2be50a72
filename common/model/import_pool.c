/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/model/build.h"
#include "common/model/import_volume.h"
#include "common/model/operators.h"
#include "common/model/volume.h"

void hedge_pool_round_up(hedge_window3_t *w, const uint32_t *in)
{
        for (int i = 0; i < 3; i++) {
                int64_t window = (int64_t)(w->kernel[i] - 1) * w->dilation[i] + 1, stride = w->stride[i];
                int64_t room = (int64_t)in[i] + w->before[i] + w->after[i] - window, out, needed;

                if (room < 0)
                        continue;
                out = (room + stride - 1) / stride + 1;
                if ((out - 1) * stride >= (int64_t)in[i] + w->before[i])
                        out--;
                needed = (out - 1) * stride + window - in[i] - w->before[i];
                w->after[i] = (uint32_t)(needed > 0 ? needed : 0);
        }
}

static uint32_t least(uint32_t a, uint32_t b)
{
        return a < b ? a : b;
}

static int pool_geometry(hedge_import_t *imp, const hedge_shape_t *x, uint32_t rank, bool average, hedge_pool_t *ret)
{
        uint32_t in[3] = { 1, x->dims[1], x->dims[2] }, after[3];
        hedge_window3_t w = { .kernel = { 0 } };
        int r = hedge_image_read_window(imp, rank, &w);

        if (r < 0)
                return r;
        hedge_image_pad_same(&w, in);
        memcpy(after, w.after, sizeof(after));
        if (hedge_attr_int(imp, "ceil_mode", 0) != 0)
                hedge_pool_round_up(&w, in);
        *ret = (hedge_pool_t){
                HEDGE_WINDOW3_FIELDS(w),
                .count_pad = average && hedge_attr_int(imp, "count_include_pad", 0) != 0,
        };
        if (ret->count_pad) {
                ret->count_bottom = least(after[1], w.after[1]);
                ret->count_right = least(after[2], w.after[2]);
        }
        return 0;
}

static int import_pool(hedge_import_t *imp, hedge_op_kind_t kind)
{
        hedge_op_t op = { .kind = kind };
        hedge_view_t x;
        uint32_t value;
        int r = hedge_import_view(imp, 0, &x);

        if (r == 0 && x.shape.rank == 5)
                return hedge_import_pool3(imp, kind, &x);
        if (r == 0)
                r = hedge_image_open(imp, &x, &value);
        if (r == 0 && (kind == HEDGE_OP_MAX_POOL || kind == HEDGE_OP_AVERAGE_POOL))
                r = pool_geometry(imp, &imp->graph->values[value].shape, x.shape.rank, kind == HEDGE_OP_AVERAGE_POOL,
                                  &op.pool);
        return r < 0 ? r : hedge_image_build(imp, &op, &value, 1, &x);
}

/* The second output: where each maximum was. */
static int import_indices(hedge_import_t *imp)
{
        hedge_op_t op = { .kind = HEDGE_OP_MAX_POOL_INDICES };
        const uint32_t *out;
        hedge_view_t x;
        uint32_t value;
        int r = hedge_import_view(imp, 0, &x);

        if (r == 0)
                r = hedge_image_open(imp, &x, &value);
        if (r == 0)
                r = pool_geometry(imp, &imp->graph->values[value].shape, x.shape.rank, false, &op.pool);
        if (r < 0)
                return r;
        op.indices.by_columns = hedge_attr_int(imp, "storage_order", 0) != 0;
        r = hedge_volume_step(imp, &op, &value, 1, "indices", &value);
        if (r < 0)
                return r;
        out = imp->graph->values[value].shape.dims;
        r = hedge_volume_reshape(imp, value, (hedge_shape_t){ 5, { out[0], 1, out[1], out[2], out[3] } }, &value);
        if (r == 0)
                r = hedge_volume_view(imp, value, x.shape.rank, &x);
        x.element = HEDGE_ELEMENT_INT64;
        return r < 0 ? r : hedge_import_set_view(imp, 1, &x);
}

int hedge_import_max_pool(hedge_import_t *imp)
{
        if (hedge_import_wanted(imp, 1)) {
                int r = import_indices(imp);

                if (r < 0)
                        return r;
        }
        return import_pool(imp, HEDGE_OP_MAX_POOL);
}

int hedge_import_average_pool(hedge_import_t *imp)
{
        return import_pool(imp, HEDGE_OP_AVERAGE_POOL);
}

int hedge_import_global_pool(hedge_import_t *imp)
{
        return import_pool(imp, hedge_import_is(imp, "GlobalMaxPool") ? HEDGE_OP_GLOBAL_MAX_POOL
                                                                      : HEDGE_OP_GLOBAL_AVERAGE_POOL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "common/train/layer.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/train/elementwise.h"
#include "common/train/norm.h"
#include "common/train/pool.h"
#include "common/train/product.h"

static const hedge_layer_type_t *const types[HEDGE_LAYER_KINDS] = {
        [HEDGE_LAYER_DENSE] = &hedge_layer_dense,
        [HEDGE_LAYER_CONV] = &hedge_layer_conv,
        [HEDGE_LAYER_MAX_POOL] = &hedge_layer_max_pool,
        [HEDGE_LAYER_AVERAGE_POOL] = &hedge_layer_average_pool,
        [HEDGE_LAYER_GLOBAL_AVERAGE_POOL] = &hedge_layer_global_average_pool,
        [HEDGE_LAYER_RELU] = &hedge_layer_relu,
        [HEDGE_LAYER_BATCH_NORM] = &hedge_layer_batch_norm,
        [HEDGE_LAYER_FLATTEN] = &hedge_layer_flatten,
        [HEDGE_LAYER_ADD] = &hedge_layer_add,
};

const hedge_layer_type_t *hedge_layer_type(hedge_layer_kind_t kind)
{
        assert(kind < HEDGE_LAYER_KINDS);
        return types[kind];
}

int hedge_layer_kind(const char *name, hedge_layer_kind_t *ret)
{
        for (unsigned i = 0; i < HEDGE_LAYER_KINDS; i++)
                if (strcmp(types[i]->name, name) == 0) {
                        *ret = (hedge_layer_kind_t)i;
                        return 0;
                }
        return -EINVAL;
}

uint64_t hedge_extent_elements(const hedge_extent_t *extent)
{
        return (uint64_t)extent->h * extent->w * extent->c;
}

bool hedge_extent_equal(const hedge_extent_t *a, const hedge_extent_t *b)
{
        return a->h == b->h && a->w == b->w && a->c == b->c && a->flat == b->flat;
}

char *hedge_extent_text(const hedge_extent_t *extent, char *buf, size_t size)
{
        if (extent->flat)
                snprintf(buf, size, "%u", extent->c);
        else
                snprintf(buf, size, "%u x %u x %u", extent->h, extent->w, extent->c);
        return buf;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "common/train/elementwise.h"

#include <string.h>

static int same_shape(hedge_layer_t *l, const hedge_layer_spec_t *spec, hedge_why_t *why)
{
        l->y = l->x;
        return 0;
}

/* NaN goes through, so that a loss that has left the numbers is seen. */
static void relu_forward(const hedge_layer_t *l, const hedge_layer_pass_t *p)
{
        const size_t n = p->batch * hedge_extent_elements(&l->x);
        const float *x = p->x;
        float *y = p->y;

        for (size_t i = 0; i < n; i++)
                y[i] = x[i] < 0.0f ? 0.0f : x[i];
}

static void keep_where_positive(size_t n, const float *restrict y, float *restrict d)
{
        for (size_t i = 0; i < n; i++)
                d[i] = y[i] > 0.0f ? d[i] : 0.0f;
}

static void relu_backward(const hedge_layer_t *l, const hedge_layer_pass_t *p)
{
        const size_t n = p->batch * hedge_extent_elements(&l->x);

        if (!p->dx)
                return;
        if (p->dx != p->dy)
                memcpy(p->dx, p->dy, n * sizeof(*p->dx));
        keep_where_positive(n, p->y, p->dx);
}

const hedge_layer_type_t hedge_layer_relu = {
        .name = "relu",
        .shape = same_shape,
        .forward = relu_forward,
        .backward = relu_backward,
};

static int flatten_shape(hedge_layer_t *l, const hedge_layer_spec_t *spec, hedge_why_t *why)
{
        l->y = (hedge_extent_t){ 1, 1, (uint32_t)hedge_extent_elements(&l->x), true };
        return 0;
}

const hedge_layer_type_t hedge_layer_flatten = {
        .name = "flatten",
        .shape = flatten_shape,
};

static void add_forward(const hedge_layer_t *l, const hedge_layer_pass_t *p)
{
        const size_t n = p->batch * hedge_extent_elements(&l->x);
        const float *a = p->x, *b = p->x2;
        float *restrict y = p->y;

        for (size_t i = 0; i < n; i++)
                y[i] = a[i] + b[i];
}

const hedge_layer_type_t hedge_layer_add = {
        .name = "add",
        .shape = same_shape,
        .forward = add_forward,
};

/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "common/model/build.h"
#include "common/model/image.h"
#include "common/model/import_conv.h"
#include "common/model/import_volume.h"
#include "common/model/integer_products.h"
#include "common/model/operators.h"

/* A convolution of integers: its result, N x H x W x C, and the axes of its input. */
typedef struct integer_conv {
        uint32_t x, w, x_zero, w_zero, bias; /* inputs of the node */
        hedge_view_t view;
        uint32_t value;
        uint32_t out_c;
        double most; /* no sum is larger */
} integer_conv_t;

/* Sum of |weights| of the filter with the largest one. */
static double largest_filter(const hedge_literal_t *weights, uint32_t filters)
{
        size_t each = hedge_shape_elements(&weights->shape) / filters;
        double most = 0;

        for (uint32_t o = 0; o < filters; o++) {
                double sum = 0;

                for (size_t i = o * each; i < (o + 1) * each; i++)
                        sum += fabsf(weights->floats[i]);
                most = sum > most ? sum : most;
        }
        return most;
}

static int build_conv(hedge_import_t *imp, integer_conv_t *c, hedge_literal_t *weights)
{
        hedge_op_t op = { .kind = HEDGE_OP_CONV, .exact = true };
        uint32_t inputs[3], n = hedge_import_has(imp, c->bias) ? 3 : 2;
        int r = hedge_image_open(imp, &c->view, &inputs[0]);

        if (r < 0)
                return r;
        if (weights->shape.rank != c->view.shape.rank)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "a filter with %u axes for an input with %u",
                                         weights->shape.rank, c->view.shape.rank);
        r = hedge_conv_geometry(imp, &imp->graph->values[inputs[0]].shape, weights, c->view.shape.rank, &op.conv);
        if (r < 0)
                return r;
        c->out_c = op.conv.out_c;
        c->most = largest_filter(weights, c->out_c) * hedge_integer_magnitude(imp, c->x, c->x_zero);
        r = hedge_conv_filter(imp, weights, &inputs[1]);
        if (r == 0 && n == 3)
                r = hedge_import_conv_bias(imp, c->bias, op.conv.out_c, &inputs[2]);
        return r < 0 ? r : hedge_build_op(imp, &op, inputs, n, &c->value);
}

static int integer_conv(hedge_import_t *imp, integer_conv_t *c)
{
        hedge_literal_t *weights = NULL;
        int r = hedge_integer_centred(imp, c->x, c->x_zero, 1, &c->view);

        if (r == 0)
                r = hedge_integer_weights(imp, c->w, c->w_zero, 0, &weights);
        if (r == 0)
                r = build_conv(imp, c, weights);
        hedge_literal_destroy(&weights);
        return r;
}

int hedge_import_conv_integer(hedge_import_t *imp)
{
        integer_conv_t c = { .x = 0, .w = 1, .x_zero = 2, .w_zero = 3, .bias = UINT32_MAX };
        int r = integer_conv(imp, &c);

        if (r == 0)
                r = hedge_integer_check_sums(imp, c.most);
        c.view.element = HEDGE_ELEMENT_INT32;
        return r < 0 ? r : hedge_image_close(imp, c.value, &c.view);
}

int hedge_import_qlinear_conv(hedge_import_t *imp)
{
        integer_conv_t c = { .x = 0, .w = 3, .x_zero = 2, .w_zero = 5, .bias = 8 };
        hedge_rescale_t s = { .a = 1, .b = 4, .y = 6, .y_zero = 7, .quantize = { .multiplies = true, .whole = true } };
        hedge_op_t op = { .kind = HEDGE_OP_QUANTIZE };
        int r = integer_conv(imp, &c);

        if (r == 0)
                r = hedge_rescale_read(imp, &s);
        if (r < 0)
                return r;
        if (s.rows != 1 || (s.columns != 1 && s.columns != c.out_c))
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "%u scales for %u channels", s.columns, c.out_c);
        op.quantize = s.quantize;
        c.view.element = hedge_import_element(imp, 7);
        return hedge_image_build(imp, &op, (const uint32_t[]){ c.value, s.scales.scale, s.scales.zero }, 3, &c.view);
}

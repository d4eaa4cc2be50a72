/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "common/model/build.h"
#include "common/model/import_linear.h"
#include "common/model/import_volume.h"
#include "common/model/integer_products.h"
#include "common/model/microsoft.h"

/* Of a constant K x N. */
static double largest_column(const hedge_literal_t *weights)
{
        uint32_t rows = weights->shape.dims[0], columns = weights->shape.dims[1];
        double most = 0;

        for (uint32_t n = 0; n < columns; n++) {
                double sum = 0;

                for (uint32_t k = 0; k < rows; k++)
                        sum += fabsf(weights->floats[(size_t)k * columns + n]);
                most = sum > most ? sum : most;
        }
        return most;
}

/* A product of integers: inputs of the node, and no sum is larger than *ret_most. */
static int integer_product(hedge_import_t *imp, uint32_t a, uint32_t a_zero, uint32_t b, uint32_t b_zero,
                           hedge_view_t *ret, double *ret_most)
{
        const hedge_sym_t *left = hedge_import_sym(imp, a), *right = hedge_import_sym(imp, b);
        uint32_t rank = left->literal ? left->literal->shape.rank : left->view.shape.rank;
        hedge_literal_t *weights = NULL;
        hedge_view_t x, w;
        int r = hedge_integer_centred(imp, a, a_zero, rank - 2, &x);

        if (r < 0)
                return r;
        *ret_most = hedge_integer_magnitude(imp, a, a_zero);
        if (right->literal && right->literal->shape.rank == 2) {
                r = hedge_integer_weights(imp, b, b_zero, 1, &weights);
                *ret_most *= r == 0 ? largest_column(weights) : 0;
        } else {
                rank = right->literal ? right->literal->shape.rank : right->view.shape.rank;
                r = hedge_integer_centred(imp, b, b_zero, rank - 1, &w);
                *ret_most *=
                        hedge_integer_magnitude(imp, b, b_zero) * (x.shape.rank ? x.shape.dims[x.shape.rank - 1] : 1);
        }
        if (r == 0)
                r = hedge_matmul(imp, &x, weights, &w, true, ret);
        hedge_literal_destroy(&weights);
        return r;
}

int hedge_import_matmul_integer(hedge_import_t *imp)
{
        hedge_view_t y;
        double most;
        int r = integer_product(imp, 0, 2, 1, 3, &y, &most);

        if (r == 0)
                r = hedge_integer_check_sums(imp, most);
        y.element = HEDGE_ELEMENT_INT32;
        return r < 0 ? r : hedge_import_set_view(imp, 0, &y);
}

int hedge_import_qlinear_matmul(hedge_import_t *imp)
{
        hedge_rescale_t s = { .a = 1, .b = 4, .y = 6, .y_zero = 7, .quantize = { .multiplies = true, .whole = true } };
        hedge_view_t y;
        double most;
        int r = integer_product(imp, 0, 2, 3, 5, &y, &most);

        if (r == 0)
                r = hedge_rescale_read(imp, &s);
        if (r == 0)
                r = hedge_build_plain(imp, &y);
        if (r == 0)
                r = hedge_build_quantize(imp, &s.quantize, &s.scales, &y);
        y.element = hedge_import_element(imp, 7);
        return r < 0 ? r : hedge_import_set_view(imp, 0, &y);
}

/* alpha * (A * B + C) of integers, with B as N x K or K x N. */
static int integer_gemm(hedge_import_t *imp, hedge_view_t *a, hedge_literal_t *weights, bool trans_b, hedge_view_t *ret)
{
        static const uint32_t swap[HEDGE_MAX_RANK] = { 1, 0, 2, 3, 4, 5 };
        hedge_op_t op = { .kind = HEDGE_OP_FULLY_CONNECTED, .exact = true };
        uint32_t inputs[3], n = hedge_import_has(imp, 6) ? 3 : 2, value;
        hedge_view_t b;
        int r = hedge_build_plain(imp, a);

        if (r == 0)
                r = hedge_build_literal(imp, weights, 2, trans_b ? NULL : swap, &b);
        if (r == 0 && n == 3)
                r = hedge_import_conv_bias(imp, 6, weights->shape.dims[trans_b ? 0 : 1], &inputs[2]);
        if (r < 0)
                return r;
        inputs[0] = a->value;
        inputs[1] = b.value;
        r = hedge_build_op(imp, &op, inputs, n, &value);
        if (r == 0)
                *ret = hedge_view_plain(imp, value);
        return r;
}

static int gemm_sums(hedge_import_t *imp, hedge_view_t *ret)
{
        bool trans_b = hedge_attr_int(imp, "transB", 0) != 0;
        hedge_literal_t *weights = NULL;
        hedge_view_t a;
        int r;

        if (hedge_attr_int(imp, "transA", 0) != 0 || hedge_attr_float(imp, "alpha", 1) != 1)
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "with A transposed, or an alpha that is not 1");
        if (!hedge_import_has(imp, 3))
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "B is missing");
        r = hedge_integer_centred(imp, 0, 2, 0, &a);
        if (r == 0)
                r = hedge_integer_weights(imp, 3, 5, trans_b ? 0 : 1, &weights);
        if (r == 0 && (a.shape.rank != 2 || weights->shape.rank != 2))
                r = hedge_import_fail(imp, HEDGE_EMALFORMED, "of %u and %u axes", a.shape.rank, weights->shape.rank);
        if (r == 0)
                r = integer_gemm(imp, &a, weights, trans_b, ret);
        hedge_literal_destroy(&weights);
        return r;
}

int hedge_import_qgemm(hedge_import_t *imp)
{
        hedge_rescale_t s = { .a = 1, .b = 4, .y = 7, .y_zero = 8, .quantize = { .multiplies = true, .whole = true } };
        hedge_op_t multiply = { .kind = HEDGE_OP_MUL };
        hedge_view_t y;
        int r = gemm_sums(imp, &y);

        if (r == 0)
                r = hedge_rescale_read(imp, &s);
        if (r == 0 && hedge_import_has(imp, 7))
                r = hedge_build_quantize(imp, &s.quantize, &s.scales, &y);
        else if (r == 0)
                r = hedge_build_op(imp, &multiply, (const uint32_t[]){ y.value, s.scales.scale }, 2, &y.value);
        y.element = hedge_import_has(imp, 7) ? hedge_import_element(imp, 8) : HEDGE_ELEMENT_FLOAT;
        return r < 0 ? r : hedge_import_set_view(imp, 0, &y);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "common/model/build.h"
#include "common/model/import_linear.h"
#include "common/model/integer_products.h"
#include "common/model/operators.h"

/* Of a constant K x N. */
static double largest_column(const hedge_literal_t *weights)
{
        uint32_t rows = weights->shape.dims[0], columns = weights->shape.dims[1];
        double most = 0;

        for (uint32_t n = 0; n < columns; n++) {
                double sum = 0;

                for (uint32_t k = 0; k < rows; k++)
                        sum += fabsf(weights->floats[(size_t)k * columns + n]);
                most = fmax(most, sum);
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

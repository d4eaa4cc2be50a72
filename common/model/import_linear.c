/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/model/binary.h"
#include "common/model/build.h"
#include "common/model/import_linear.h"
#include "common/model/operators.h"

/* Weight N x K from a constant K x N, or N x K as it is. */
static int build_weight(hedge_import_t *imp, hedge_literal_t *b, bool as_it_is, uint32_t *ret)
{
        static const uint32_t swap[HEDGE_MAX_RANK] = { 1, 0, 2, 3, 4, 5 };
        hedge_view_t view;
        int r = hedge_build_literal(imp, b, 2, as_it_is ? NULL : swap, &view);

        if (r == 0)
                *ret = view.value;
        return r;
}

/* x = x * factor, where that is not nothing. */
static int scale(hedge_import_t *imp, hedge_view_t *x, float factor)
{
        return factor == 1.0f ? 0 : hedge_binary_number(imp, HEDGE_OP_MUL, x, factor, false);
}

/* y + beta * C. */
static int add_c(hedge_import_t *imp, hedge_view_t *y)
{
        hedge_operand_t a = { .view = *y }, c;
        float beta = hedge_attr_float(imp, "beta", 1.0f);
        hedge_shape_t shape = y->shape;
        int r;

        if (!hedge_import_has(imp, 2) || beta == 0.0f)
                return 0;
        if (beta != 1.0f) {
                r = hedge_import_view(imp, 2, &c.view);
                if (r == 0)
                        r = scale(imp, &c.view, beta);
                c.literal = NULL;
        } else {
                r = hedge_operand(imp, 2, &c);
        }
        if (r == 0)
                r = hedge_binary(imp, HEDGE_OP_ADD, &a, &c, y);
        if (r == 0 && !hedge_shape_equal(&y->shape, &shape))
                r = hedge_import_fail(imp, HEDGE_EMALFORMED, "C does not broadcast to the product's shape");
        return r;
}

static int gemm_product(hedge_import_t *imp, hedge_view_t *a, bool trans_b, hedge_view_t *y)
{
        hedge_sym_t *sym = hedge_import_sym(imp, 1);
        hedge_op_t op = { .kind = HEDGE_OP_FULLY_CONNECTED };
        uint32_t inputs[2] = { a->value, 0 }, value;
        hedge_view_t b;
        int r;

        if (sym->literal && sym->literal->shape.rank == 2) {
                r = build_weight(imp, sym->literal, trans_b, &inputs[1]);
        } else {
                static const uint32_t swap[HEDGE_MAX_RANK] = { 1, 0, 2, 3, 4, 5 };

                op.kind = HEDGE_OP_MATMUL;
                r = hedge_import_view(imp, 1, &b);
                if (r == 0 && b.shape.rank != 2)
                        r = hedge_import_fail(imp, HEDGE_EMALFORMED, "B has %u axes", b.shape.rank);
                if (r == 0)
                        r = trans_b ? hedge_build_layout(imp, &b, swap) : hedge_build_plain(imp, &b);
                inputs[1] = b.value;
        }
        if (r == 0)
                r = hedge_build_op(imp, &op, inputs, 2, &value);
        if (r == 0)
                *y = hedge_view_plain(imp, value);
        return r;
}

int hedge_import_gemm(hedge_import_t *imp)
{
        static const uint32_t swap[HEDGE_MAX_RANK] = { 1, 0, 2, 3, 4, 5 };
        bool trans_a = hedge_attr_int(imp, "transA", 0) != 0, trans_b = hedge_attr_int(imp, "transB", 0) != 0;
        hedge_view_t a, y;
        int r = hedge_import_view(imp, 0, &a);

        if (r == 0 && a.shape.rank != 2)
                r = hedge_import_fail(imp, HEDGE_EMALFORMED, "A has %u axes", a.shape.rank);
        if (r == 0)
                r = trans_a ? hedge_build_layout(imp, &a, swap) : hedge_build_plain(imp, &a);
        if (r == 0)
                r = gemm_product(imp, &a, trans_b, &y);
        if (r == 0)
                r = scale(imp, &y, hedge_attr_float(imp, "alpha", 1.0f));
        if (r == 0)
                r = add_c(imp, &y);
        return r < 0 ? r : hedge_import_set_view(imp, 0, &y);
}

/* a (... x K) times a constant K x N: all leading axes become rows. */
static int matmul_constant(hedge_import_t *imp, hedge_view_t *a, hedge_literal_t *b, bool exact, hedge_view_t *y)
{
        hedge_op_t op = { .kind = HEDGE_OP_FULLY_CONNECTED, .exact = exact };
        hedge_shape_t out = a->shape, rows = { .rank = 2 };
        uint32_t last = a->shape.rank - 1, k = a->shape.dims[last], inputs[2], value;
        int r;

        if (k != b->shape.dims[0])
                return hedge_import_fail(imp, HEDGE_ESHAPE, "%u columns times %u rows", k, b->shape.dims[0]);
        out.dims[last] = b->shape.dims[1];
        rows.dims[0] = (uint32_t)(hedge_shape_elements(&a->shape) / k);
        rows.dims[1] = k;
        r = hedge_build_plain(imp, a);
        if (r == 0)
                r = hedge_build_reshape_value(imp, a->value, &rows, false, &inputs[0]);
        if (r == 0)
                r = build_weight(imp, b, false, &inputs[1]);
        if (r == 0)
                r = hedge_build_op(imp, &op, inputs, 2, &value);
        if (r == 0)
                *y = hedge_view_plain(imp, value);
        return r < 0 ? r : hedge_build_reshape(imp, y, &out);
}

/* Vectors become a row on the left, a column on the right. */
static int matmul_views(hedge_import_t *imp, hedge_view_t *a, hedge_view_t *b, hedge_view_t *y)
{
        hedge_op_t op = { .kind = HEDGE_OP_MATMUL };
        bool row = a->shape.rank == 1, column = b->shape.rank == 1;
        hedge_shape_t row_shape = { 2, { 1, a->shape.dims[0] } }, column_shape = { 2, { b->shape.dims[0], 1 } }, out;
        uint32_t inputs[2], value;
        int r;

        r = row ? hedge_build_reshape(imp, a, &row_shape) : hedge_build_plain(imp, a);
        if (r == 0)
                r = column ? hedge_build_reshape(imp, b, &column_shape) : hedge_build_plain(imp, b);
        if (r < 0)
                return r;
        inputs[0] = a->value;
        inputs[1] = b->value;
        r = hedge_build_op(imp, &op, inputs, 2, &value);
        if (r < 0)
                return r;
        *y = hedge_view_plain(imp, value);
        out = y->shape;
        if (column)
                out.dims[--out.rank] = 0;
        if (row) {
                if (!column)
                        out.dims[out.rank - 2] = out.dims[out.rank - 1];
                out.dims[--out.rank] = 0;
        }
        return hedge_build_reshape(imp, y, &out);
}

int hedge_matmul(hedge_import_t *imp, hedge_view_t *a, hedge_literal_t *weights, hedge_view_t *b, bool exact,
                 hedge_view_t *ret)
{
        uint32_t rank = weights ? weights->shape.rank : b->shape.rank;

        if (a->shape.rank == 0 || rank == 0)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "a product with a single number");
        return weights ? matmul_constant(imp, a, weights, exact, ret) : matmul_views(imp, a, b, ret);
}

int hedge_import_matmul(hedge_import_t *imp)
{
        hedge_sym_t *sym = hedge_import_sym(imp, 1);
        hedge_literal_t *weights = sym->literal && sym->literal->shape.rank == 2 ? sym->literal : NULL;
        hedge_view_t a, b, y;
        int r = hedge_import_view(imp, 0, &a);

        if (r == 0 && !weights)
                r = hedge_import_view(imp, 1, &b);
        if (r == 0)
                r = hedge_matmul(imp, &a, weights, &b, false, &y);
        return r < 0 ? r : hedge_import_set_view(imp, 0, &y);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/kernel/kernel.h"

/* Operators that compare, choose, order and index, against numbers worked out by hand, and against a sort. All results are exact. */

#define MAX_IN  3
#define MAX_OUT 64
#define LINES   300

static hedge_kernels_t *plain;

typedef struct tensor {
        hedge_shape_t shape;
        const float *v;
} tensor_t;

#define NUMBERS(...)       ((const float[]){ __VA_ARGS__ })
#define SHAPE(r, ...)      ((hedge_shape_t){ r, { __VA_ARGS__ } })
#define TENSOR(shape, ...) ((tensor_t){ shape, NUMBERS(__VA_ARGS__) })

/* @return what running gives; `ret_n` elements are in `out`. */
static int run(const hedge_op_t *op, const tensor_t *in, unsigned n_in, float *out, size_t *ret_n)
{
        const float *data[MAX_IN] = { NULL };
        hedge_shape_t shapes[MAX_IN];
        hedge_kernel_t *k = NULL;
        int r;

        for (unsigned i = 0; i < n_in; i++) {
                shapes[i] = in[i].shape;
                data[i] = in[i].v;
        }
        assert_int_equal(hedge_kernel_new(plain, op, shapes, n_in, NULL, &k), 0);
        *ret_n = hedge_shape_elements(hedge_kernel_shape(k));
        assert_true(*ret_n <= MAX_OUT);
        r = hedge_kernel_run(k, data, out);
        hedge_kernel_destroy(&k);
        return r;
}

static void gives(const hedge_op_t *op, const tensor_t *in, unsigned n_in, const float *want, size_t n)
{
        float out[MAX_OUT];
        size_t got;

        assert_int_equal(run(op, in, n_in, out, &got), 0);
        assert_int_equal(got, n);
        for (size_t i = 0; i < n; i++)
                if (out[i] != want[i] && !(isnan(out[i]) && isnan(want[i])))
                        fail_msg("%s: element %zu is %g, not %g", hedge_op_name(op->kind), i, (double)out[i],
                                 (double)want[i]);
}

#define GIVES(op, in, ...)                                                   \
        gives(&(op), in, sizeof(in) / sizeof((in)[0]), NUMBERS(__VA_ARGS__), \
              sizeof(NUMBERS(__VA_ARGS__)) / sizeof(float))

static void compares(void **state)
{
        const tensor_t in[] = { TENSOR(SHAPE(2, 2, 3), 1, 2, 3, NAN, -0.0f, INFINITY), TENSOR(SHAPE(1, 3), 2, 0, 3) };
        hedge_op_t op = { .kind = HEDGE_OP_EQUAL };

        GIVES(op, in, 0, 0, 1, 0, 1, 0);
        op.kind = HEDGE_OP_LESS;
        GIVES(op, in, 1, 0, 0, 0, 0, 0);
        op.kind = HEDGE_OP_LESS_EQUAL;
        GIVES(op, in, 1, 0, 1, 0, 1, 0);
}

static void decides(void **state)
{
        const tensor_t in[] = { TENSOR(SHAPE(2, 2, 1), 0, 7), TENSOR(SHAPE(1, 3), 0, 1, -1) };
        const tensor_t choice[] = { in[1], in[0], TENSOR(SHAPE(3, 2, 1, 1), 5, 6) };
        hedge_op_t op = { .kind = HEDGE_OP_AND };

        GIVES(op, in, 0, 0, 0, 0, 1, 1);
        op.kind = HEDGE_OP_OR;
        GIVES(op, in, 0, 1, 1, 1, 1, 1);
        op.kind = HEDGE_OP_XOR;
        GIVES(op, in, 0, 1, 1, 1, 0, 0);
        op.kind = HEDGE_OP_WHERE;
        GIVES(op, choice, 5, 0, 0, 5, 7, 7, 6, 0, 0, 6, 7, 7);
}

static void tests_one(void **state)
{
        const tensor_t in[] = { TENSOR(SHAPE(1, 5), 0, NAN, INFINITY, -INFINITY, -0.5f) };
        hedge_op_t op = { .kind = HEDGE_OP_NOT };

        GIVES(op, in, 1, 0, 0, 0, 0);
        op.kind = HEDGE_OP_TO_BOOL;
        GIVES(op, in, 0, 1, 1, 1, 1);
        op.kind = HEDGE_OP_IS_NAN;
        GIVES(op, in, 0, 1, 0, 0, 0);
        op.kind = HEDGE_OP_IS_INF;
        op.infinite.negative = true;
        GIVES(op, in, 0, 0, 0, 1, 0);
        op.infinite.positive = true;
        GIVES(op, in, 0, 0, 1, 1, 0);
}

static void leaves_remainders(void **state)
{
        const tensor_t in[] = { TENSOR(SHAPE(1, 5), 7, -7, 7, -7, 6), TENSOR(SHAPE(1, 5), 3, 3, -3, -3, 3) };
        const tensor_t bits[] = { TENSOR(SHAPE(1, 4), 255, 1, 96, 3), TENSOR(SHAPE(1, 4), 1, 7, 3, 8) };
        hedge_op_t op = { .kind = HEDGE_OP_MODULO };

        GIVES(op, in, 1, 2, -2, -1, 0);
        op.kind = HEDGE_OP_FMOD;
        GIVES(op, in, 1, -1, 1, -1, 0);
        op.kind = HEDGE_OP_SHIFT_LEFT;
        op.shift.bits = 8;
        GIVES(op, bits, 254, 128, 0, 0);
        op.kind = HEDGE_OP_SHIFT_RIGHT;
        GIVES(op, bits, 127, 0, 12, 0);
}

/* Along the last axis and along another: of equals the first, or the last; what is not a number is extreme. */
static void finds_extremes(void **state)
{
        const tensor_t in[] = { TENSOR(SHAPE(2, 3, 4), 1, 9, 9, 0, 5, 9, 2, 0, 5, 3, 9, NAN) };
        hedge_op_t op = { .kind = HEDGE_OP_ARG_MAX, .arg = { 1, false } };

        GIVES(op, in, 1, 1, 3);
        op.arg.last = true;
        GIVES(op, in, 2, 1, 3);
        op.arg.axis = 0;
        GIVES(op, in, 2, 1, 2, 2);
        op.arg.last = false;
        GIVES(op, in, 1, 0, 0, 2);
        op.kind = HEDGE_OP_ARG_MIN;
        GIVES(op, in, 0, 2, 1, 2);
}

static int by_value(const void *left, const void *right)
{
        const float *a = left, *b = right;

        return a[0] != b[0] ? (a[0] > b[0] ? -1 : 1) : a[1] < b[1] ? -1 : 1;
}

/* A line of few different numbers, so that many are equal, against a sort. */
static void orders_the_first(void **state)
{
        uint64_t seed = 7;

        for (int line = 0; line < LINES; line++) {
                uint32_t n = 1 + (uint32_t)(line % MAX_OUT), k = 1 + (uint32_t)line * 7 % n;
                hedge_op_t op = { .kind = HEDGE_OP_TOP, .top = { 0, k, line % 2 } };
                float v[MAX_OUT], pairs[MAX_OUT][2], out[MAX_OUT];
                size_t got;

                for (uint32_t i = 0; i < n; i++) {
                        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
                        v[i] = (float)((seed >> 33) % 9);
                        pairs[i][0] = op.top.smallest ? -v[i] : v[i];
                        pairs[i][1] = (float)i;
                }
                qsort(pairs, n, sizeof(pairs[0]), by_value);
                assert_int_equal(run(&op, &(tensor_t){ SHAPE(1, n), v }, 1, out, &got), 0);
                assert_int_equal(got, k);
                for (uint32_t i = 0; i < k; i++)
                        assert_true(out[i] == pairs[i][1]);
        }
}

static void orders_along_an_axis(void **state)
{
        const tensor_t in[] = { TENSOR(SHAPE(3, 2, 3, 2), 1, 6, 2, 5, 3, 4, 0, 0, NAN, 1, 0, 2) };
        hedge_op_t op = { .kind = HEDGE_OP_TOP, .top = { 1, 2, false } };

        GIVES(op, in, 2, 0, 1, 1, 1, 2, 0, 1);
}

static void sums_up(void **state)
{
        const tensor_t in[] = { TENSOR(SHAPE(2, 2, 3), 1, 2, 3, 4, 5, 6) };
        hedge_op_t op = { .kind = HEDGE_OP_CUM_SUM, .cum_sum = { 1, false, false } };

        GIVES(op, in, 1, 3, 6, 4, 9, 15);
        op.cum_sum.exclusive = true;
        GIVES(op, in, 0, 1, 3, 0, 4, 9);
        op.cum_sum.reverse = true;
        GIVES(op, in, 5, 3, 0, 11, 6, 0);
        op.cum_sum.axis = 0;
        op.cum_sum.exclusive = false;
        GIVES(op, in, 5, 7, 9, 4, 5, 6);
}

static void keeps_triangles(void **state)
{
        const tensor_t in[] = { TENSOR(SHAPE(2, 2, 3), 1, 2, 3, 4, 5, 6) };
        hedge_op_t op = { .kind = HEDGE_OP_TRILU, .trilu = { 0, true } };

        GIVES(op, in, 1, 2, 3, 0, 5, 6);
        op.trilu.diagonal = 1;
        GIVES(op, in, 0, 2, 3, 0, 0, 6);
        op.trilu.upper = false;
        GIVES(op, in, 1, 2, 0, 4, 5, 6);
        op.trilu.diagonal = INT64_MIN;
        GIVES(op, in, 0, 0, 0, 0, 0, 0);
}

static void repeats(void **state)
{
        const tensor_t in[] = { TENSOR(SHAPE(2, 2, 2), 1, 2, 3, 4) };
        hedge_op_t op = { .kind = HEDGE_OP_TILE, .shape = { SHAPE(2, 4, 4) } };

        GIVES(op, in, 1, 2, 1, 2, 3, 4, 3, 4, 1, 2, 1, 2, 3, 4, 3, 4);
}

static void gathers(void **state)
{
        const tensor_t x = TENSOR(SHAPE(2, 2, 3), 1, 2, 3, 4, 5, 6);
        const tensor_t by_axis[] = { x, TENSOR(SHAPE(2, 1, 2), -1, 0) },
                       scalar[] = { x, TENSOR(((hedge_shape_t){ .rank = 0 }), 1) };
        const tensor_t each[] = { x, TENSOR(SHAPE(2, 1, 3), 1, -2, 0) };
        const tensor_t tuples[] = { x, TENSOR(SHAPE(2, 2, 2), 0, 2, 1, -3) }, rows[] = { x, TENSOR(SHAPE(2, 1, 1), 1) };
        const tensor_t batch[] = { x, TENSOR(SHAPE(2, 2, 1), 2, 0) };
        hedge_op_t op = { .kind = HEDGE_OP_GATHER, .axis = { 1 } };

        GIVES(op, by_axis, 3, 1, 6, 4);
        GIVES(op, scalar, 2, 5);
        op = (hedge_op_t){ .kind = HEDGE_OP_GATHER_ELEMENTS, .axis = { 0 } };
        GIVES(op, each, 4, 2, 3);
        op = (hedge_op_t){ .kind = HEDGE_OP_GATHER_ND, .axis = { 0 } };
        GIVES(op, tuples, 3, 4);
        GIVES(op, rows, 4, 5, 6);
        op.axis.axis = 1;
        GIVES(op, batch, 3, 4);
}

static void scatters(void **state)
{
        const tensor_t x = TENSOR(SHAPE(2, 2, 2), 1, 2, 3, 4);
        const tensor_t elements[] = { x, TENSOR(SHAPE(2, 1, 2), 1, 1), TENSOR(SHAPE(2, 1, 2), 10, -20) };
        const tensor_t rows[] = { x, TENSOR(SHAPE(2, 2, 1), 0, 0), TENSOR(SHAPE(2, 2, 2), 5, 6, 7, -8) };
        hedge_op_t op = { .kind = HEDGE_OP_SCATTER_ELEMENTS, .scatter = { 0, HEDGE_SCATTER_SET } };

        GIVES(op, elements, 1, 2, 10, -20);
        op.scatter.how = HEDGE_SCATTER_MAX;
        GIVES(op, elements, 1, 2, 10, 4);
        op.scatter.how = HEDGE_SCATTER_MIN;
        GIVES(op, elements, 1, 2, 3, -20);
        op.kind = HEDGE_OP_SCATTER_ND;
        op.scatter.how = HEDGE_SCATTER_SET;
        GIVES(op, rows, 7, -8, 3, 4);
        op.scatter.how = HEDGE_SCATTER_ADD;
        GIVES(op, rows, 13, 0, 3, 4);
        op.scatter.how = HEDGE_SCATTER_MUL;
        GIVES(op, rows, 35, -96, 3, 4);
}

static void makes_one_hot(void **state)
{
        const tensor_t in[] = { TENSOR(SHAPE(1, 4), 1, -1, 3, -4), TENSOR(SHAPE(1, 2), 2, 5) };
        hedge_op_t op = { .kind = HEDGE_OP_ONE_HOT, .one_hot = { 1, 3 } };

        GIVES(op, in, 2, 5, 2, 2, 2, 5, 2, 2, 2, 2, 2, 2);
        op.one_hot.axis = 0;
        GIVES(op, in, 2, 2, 2, 2, 5, 2, 2, 2, 2, 5, 2, 2);
}

/* Boxes of 2 x 2 whose corners come in any order: the second overlaps the first by a third, the third lies apart. */
static void keeps_the_best_boxes(void **state)
{
        const tensor_t corners = TENSOR(SHAPE(3, 1, 3, 4), 0, 0, 2, 2, 2, 3, 0, 1, 9, 9, 7, 7);
        const tensor_t centers = TENSOR(SHAPE(3, 1, 3, 4), 1, 1, 2, 2, 2, 1, 2, 2, 8, 8, 2, 2);
        tensor_t in[] = { corners, TENSOR(SHAPE(3, 1, 2, 3), 0.5f, 0.9f, 0.2f, NAN, 0.4f, 0.4f) };
        hedge_op_t op = { .kind = HEDGE_OP_NMS, .nms = { 3, 0.3f, 0.1f, false, false } };

        GIVES(op, in, 0, 0, 1, 0, 0, 2, 0, 1, 1, 0, 1, 2, -1, -1, -1, -1, -1, -1);
        in[0] = centers;
        op.nms.center = true;
        GIVES(op, in, 0, 0, 1, 0, 0, 2, 0, 1, 1, 0, 1, 2, -1, -1, -1, -1, -1, -1);
        op.nms.overlap = 0.34f;
        op.nms.max = 2;
        GIVES(op, in, 0, 0, 1, 0, 0, 0, 0, 1, 1, 0, 1, 2);
        op.nms.score = 0.45f;
        GIVES(op, in, 0, 0, 1, 0, 0, 0, -1, -1, -1, -1, -1, -1);
}

/* An index that nobody could know before. */
static void refuses_indices_outside(void **state)
{
        const float wrong[] = { 3, -4, NAN, INFINITY, -INFINITY, 3e38f };
        const tensor_t x = TENSOR(SHAPE(1, 3), 1, 2, 3);
        const struct {
                hedge_op_t op;
                hedge_shape_t indices;
                unsigned n_in;
        } cases[] = {
                { { .kind = HEDGE_OP_GATHER }, SHAPE(1, 1), 2 },
                { { .kind = HEDGE_OP_GATHER_ELEMENTS }, SHAPE(1, 1), 2 },
                { { .kind = HEDGE_OP_GATHER_ND }, SHAPE(2, 1, 1), 2 },
                { { .kind = HEDGE_OP_SCATTER_ELEMENTS }, SHAPE(1, 1), 3 },
                { { .kind = HEDGE_OP_SCATTER_ND }, SHAPE(2, 1, 1), 3 },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                for (size_t j = 0; j < sizeof(wrong) / sizeof(wrong[0]); j++) {
                        const tensor_t in[] = { x, { cases[i].indices, &wrong[j] }, TENSOR(SHAPE(1, 1), 9) };
                        float out[MAX_OUT];
                        size_t n;

                        assert_int_equal(run(&cases[i].op, in, cases[i].n_in, out, &n), HEDGE_ERANGE);
                }
}

static int start(void **state)
{
        return hedge_kernels_new("plain", 1, &plain);
}

static int stop(void **state)
{
        hedge_kernels_destroy(&plain);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(compares),
                cmocka_unit_test(decides),
                cmocka_unit_test(tests_one),
                cmocka_unit_test(leaves_remainders),
                cmocka_unit_test(finds_extremes),
                cmocka_unit_test(orders_the_first),
                cmocka_unit_test(orders_along_an_axis),
                cmocka_unit_test(sums_up),
                cmocka_unit_test(keeps_triangles),
                cmocka_unit_test(repeats),
                cmocka_unit_test(gathers),
                cmocka_unit_test(scatters),
                cmocka_unit_test(makes_one_hot),
                cmocka_unit_test(keeps_the_best_boxes),
                cmocka_unit_test(refuses_indices_outside),
        };

        return cmocka_run_group_tests(tests, start, stop);
}

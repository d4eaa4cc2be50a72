/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/kernel/kernel.h"

/* Operators as a hostile model file would have them: any attributes, any shapes. hedge_op_infer refuses them with a
 * sentence, or every back end computes them without touching what is not theirs (which the sanitizers see). */

#define MAX_IN     4
#define TRIES      60000
#define RUN_EVERY  2 /* of the accepted ones: a back end takes a millisecond to prepare one */
#define MAX_TO_RUN 20000
#define SEAL       12345.5f

static uint64_t seed = 3;

static uint32_t any(uint32_t from, uint32_t to)
{
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return from + (uint32_t)((seed >> 33) % ((uint64_t)to - from + 1));
}

/* Mostly small, sometimes at an edge. */
static uint32_t wild(void)
{
        const uint32_t edges[] = { 0, 1u << 20, (1u << 20) + 1, 1u << 31, INT32_MAX, UINT32_MAX, 65536, 46341 };

        return any(0, 40) ? any(any(0, 8) ? 1 : 0, 6) : edges[any(0, 7)];
}

static int32_t wild_signed(void)
{
        return any(0, 1) ? (int32_t)any(0, 4) : -(int32_t)any(0, 4) - (any(0, 60) ? 0 : INT32_MAX - 4);
}

static float wild_float(void)
{
        const float edges[] = { 0, -0.0f, INFINITY, -INFINITY, NAN, 1e-38f, 3e38f, -1 };

        return any(0, 9) ? (float)any(0, 400) / 100 - 1 : edges[any(0, 7)];
}

static hedge_shape_t wild_shape(void)
{
        hedge_shape_t s = { .rank = any(0, 60) ? any(0, 3) ? 4 : any(0, HEDGE_MAX_RANK) : any(7, 99) };

        for (uint32_t d = 0; d < HEDGE_MAX_RANK; d++)
                s.dims[d] = wild();
        return s;
}

static hedge_resize_part_t wild_part(void)
{
        if (any(0, 2))
                return (hedge_resize_part_t){ 0, 0, 0, 0 };
        return (hedge_resize_part_t){ wild(), wild(), wild(), wild() };
}

static void wild_attributes(hedge_op_t *op, const hedge_shape_t *in)
{
        switch (op->kind) {
        case HEDGE_OP_CONV:
                op->conv = (hedge_conv_t){ wild(), wild(), wild(), wild(), wild(),
                                           wild(), wild(), wild(), wild(), wild(),
                                           wild(), wild(), wild(), wild(), any(0, 3) ? 1 : wild() };
                if (any(0, 9)) {
                        op->conv.in_h = in[0].dims[1];
                        op->conv.in_w = in[0].dims[2];
                        op->conv.in_c = in[0].dims[3];
                        op->conv.out_c = in[1].dims[0];
                        op->conv.kernel_h = in[1].dims[1];
                        op->conv.kernel_w = in[1].dims[2];
                }
                break;
        case HEDGE_OP_MAX_POOL:
        case HEDGE_OP_MAX_POOL_INDICES:
        case HEDGE_OP_AVERAGE_POOL:
                op->pool = (hedge_pool_t){ wild(),    wild(),    wild(),   wild(), any(0, 2) ? 1 : wild(),
                                           wild(),    wild(),    wild(),   wild(), wild(),
                                           any(0, 1), any(0, 2), any(0, 2) };
                break;
        case HEDGE_OP_UNARY:
                op->unary.kind = (hedge_unary_kind_t)any(0, HEDGE_UNARY_KINDS);
                op->unary.alpha = wild_float();
                op->unary.beta = wild_float();
                break;
        case HEDGE_OP_QUANTIZE:
                op->quantize = (hedge_quantize_t){ any(0, 2) ? -(float)any(0, 300) : wild_float(),
                                                   any(0, 2) ? (float)any(0, 300) : wild_float(),
                                                   (hedge_quantized_t)any(0, 3), any(0, 3) == 0, any(0, 1) };
                break;
        case HEDGE_OP_TO_INTEGER:
                op->to_integer = (hedge_to_integer_t){ (hedge_rounding_t)any(0, 3), (hedge_overflow_t)any(0, 3),
                                                       any(0, 2) ? -(float)any(0, 300) : wild_float(),
                                                       any(0, 2) ? (float)any(0, 300) : wild_float() };
                break;
        case HEDGE_OP_SOFTMAX:
        case HEDGE_OP_LOG_SOFTMAX:
        case HEDGE_OP_CONCAT:
                op->axis.axis = wild();
                break;
        case HEDGE_OP_PAD:
                op->pad.mode = (hedge_pad_mode_t)any(0, 4);
                op->pad.value = wild_float();
                for (uint32_t d = 0; d < HEDGE_MAX_RANK; d++) {
                        op->pad.before[d] = wild_signed();
                        op->pad.after[d] = wild_signed();
                }
                break;
        case HEDGE_OP_RESIZE:
                op->resize = (hedge_resize_t){ (hedge_resize_mode_t)any(0, 2),
                                               (hedge_resize_coord_t)any(0, 7),
                                               (hedge_resize_nearest_t)any(0, 3),
                                               wild(),
                                               wild(),
                                               wild_float(),
                                               wild_float(),
                                               wild_float(),
                                               any(0, 1),
                                               wild_float(),
                                               wild_float(),
                                               wild_float(),
                                               wild_float(),
                                               wild_float(),
                                               any(0, 1),
                                               wild_part(),
                                               wild_part() };
                break;
        case HEDGE_OP_LRN:
                op->lrn.size = wild();
                op->lrn.alpha = wild_float();
                op->lrn.beta = wild_float();
                op->lrn.bias = wild_float();
                break;
        case HEDGE_OP_TRANSPOSE:
                for (uint32_t d = 0; d < HEDGE_MAX_RANK; d++)
                        op->transpose.perm[d] =
                                any(0, 9) ? (d + in[0].rank - 1) % (in[0].rank ? in[0].rank : 1) : wild();
                break;
        case HEDGE_OP_SLICE:
                op->slice.out = wild_shape();
                op->slice.out.rank = any(0, 9) ? in[0].rank : op->slice.out.rank;
                for (uint32_t d = 0; d < HEDGE_MAX_RANK; d++) {
                        op->slice.start[d] = any(0, 30) ? any(0, 4) : INT64_MIN + any(0, 3);
                        op->slice.step[d] = any(0, 30) ? wild_signed() : INT64_MAX - any(0, 3);
                        op->slice.out.dims[d] = any(0, 2) ? any(0, 2) : op->slice.out.dims[d];
                }
                break;
        case HEDGE_OP_NORMALIZE:
                op->normalize.axes = any(0, 3) ? any(0, 15) : wild();
                op->normalize.epsilon = wild_float();
                op->normalize.centred = any(0, 1);
                break;
        case HEDGE_OP_REDUCE:
                op->reduce.kind = (hedge_reduce_kind_t)any(0, HEDGE_REDUCE_KINDS);
                op->reduce.axes = any(0, 3) ? any(0, 15) : wild();
                break;
        case HEDGE_OP_SHIFT_LEFT:
        case HEDGE_OP_SHIFT_RIGHT:
                op->shift.bits = any(0, 9) ? 8u << any(0, 3) : wild();
                break;
        case HEDGE_OP_ARG_MAX:
        case HEDGE_OP_ARG_MIN:
                op->arg.axis = wild();
                op->arg.last = any(0, 1);
                break;
        case HEDGE_OP_TOP:
                op->top.axis = wild();
                op->top.k = wild();
                op->top.smallest = any(0, 1);
                break;
        case HEDGE_OP_GATHER:
        case HEDGE_OP_GATHER_ELEMENTS:
                op->axis.axis = wild();
                break;
        case HEDGE_OP_GATHER_ND:
                op->axis.axis = any(0, 2) ? 0 : wild();
                break;
        case HEDGE_OP_SCATTER_ELEMENTS:
        case HEDGE_OP_SCATTER_ND:
                op->scatter.axis = wild();
                op->scatter.how = (hedge_scatter_t)any(0, HEDGE_SCATTER_MIN + 1);
                break;
        case HEDGE_OP_ONE_HOT:
                op->one_hot.axis = wild();
                op->one_hot.depth = wild();
                break;
        case HEDGE_OP_CUM_SUM:
                op->cum_sum.axis = wild();
                op->cum_sum.exclusive = any(0, 1);
                op->cum_sum.reverse = any(0, 1);
                break;
        case HEDGE_OP_TRILU:
                op->trilu.diagonal = any(0, 9) ? wild_signed() : INT64_MIN + any(0, 1);
                op->trilu.upper = any(0, 1);
                break;
        case HEDGE_OP_TILE:
                op->shape.out = in[0];
                for (uint32_t d = 0; d < HEDGE_MAX_RANK; d++)
                        op->shape.out.dims[d] *= any(0, 9) ? any(1, 2) : wild();
                break;
        case HEDGE_OP_NMS:
                op->nms.max = wild();
                op->nms.overlap = wild_float();
                op->nms.score = wild_float();
                op->nms.any_score = any(0, 1);
                op->nms.center = any(0, 1);
                break;
        case HEDGE_OP_GRID_SAMPLE:
                op->grid.mode = (hedge_resize_mode_t)any(0, HEDGE_RESIZE_CUBIC + (any(0, 9) == 0));
                op->grid.outside = (hedge_grid_outside_t)any(0, HEDGE_GRID_REFLECTION + (any(0, 9) == 0));
                op->grid.align_corners = any(0, 1);
                break;
        case HEDGE_OP_RESHAPE:
        case HEDGE_OP_EXPAND:
                op->shape.out = any(0, 1) ? in[0] : wild_shape();
                break;
        default:
                break;
        }
}

/* Shapes that fit one another, and indices what they point into, mostly. */
static void fitting_shapes(const hedge_op_t *op, hedge_shape_t *in, unsigned n_in)
{
        if (n_in < 2 || any(0, 3) == 0)
                return;
        switch (op->kind) {
        case HEDGE_OP_WHERE:
                in[1] = in[0];
                in[n_in - 1] = in[0];
                in[any(0, 2)].dims[any(0, 3)] = 1;
                break;
        case HEDGE_OP_QUANTIZE:
                in[1] = (hedge_shape_t){ 1, { in[0].rank - 1 < HEDGE_MAX_RANK ? in[0].dims[in[0].rank - 1] : 1 } };
                in[n_in - 1] = in[1];
                break;
        case HEDGE_OP_GATHER:
                in[1].rank = any(0, 2);
                break;
        case HEDGE_OP_GATHER_ELEMENTS:
        case HEDGE_OP_SCATTER_ELEMENTS:
                in[1] = in[0];
                in[n_in - 1] = in[1];
                break;
        case HEDGE_OP_GATHER_ND:
        case HEDGE_OP_SCATTER_ND:
                in[0].rank = any(1, 3);
                in[1] = (hedge_shape_t){ 2, { any(0, 4), in[0].rank } };
                if (n_in > 2)
                        in[2] = (hedge_shape_t){ 1, { in[1].dims[0] } };
                break;
        case HEDGE_OP_ONE_HOT:
                in[1] = (hedge_shape_t){ 1, { 2 } };
                break;
        case HEDGE_OP_MARK_ROWS:
                in[1] = (hedge_shape_t){ 2, { in[0].dims[0], 3 } };
                break;
        case HEDGE_OP_NMS:
                in[0].rank = in[1].rank = 3;
                in[0].dims[2] = 4;
                in[1].dims[0] = in[0].dims[0];
                in[1].dims[2] = in[0].dims[1];
                break;
        case HEDGE_OP_GRID_SAMPLE:
                in[0].rank = in[1].rank = any(4, 5);
                in[1].dims[0] = in[0].dims[0];
                in[1].dims[in[1].rank - 1] = in[1].rank - 2;
                break;
        default:
                break;
        }
}

/* Operators that look at values, not only at shapes. */
static bool may_refuse(hedge_op_kind_t kind)
{
        return kind == HEDGE_OP_TO_INTEGER || kind == HEDGE_OP_GATHER || kind == HEDGE_OP_GATHER_ELEMENTS ||
               kind == HEDGE_OP_GATHER_ND || kind == HEDGE_OP_SCATTER_ELEMENTS || kind == HEDGE_OP_SCATTER_ND;
}

static void wild_inputs(const hedge_op_t *op, hedge_shape_t *in, unsigned n_in)
{
        for (unsigned i = 0; i < n_in; i++) {
                in[i] = wild_shape();
                if (i > 0 && op->kind >= HEDGE_OP_ADD && any(0, 1)) {
                        in[i] = in[0];
                        in[i].dims[any(0, HEDGE_MAX_RANK - 1)] = wild();
                }
        }
        if (op->kind == HEDGE_OP_CONV && any(0, 3)) {
                in[0].rank = in[1].rank = 4;
                in[1].dims[3] = in[0].dims[3];
        }
        if (op->kind == HEDGE_OP_MATMUL && in[0].rank >= 2 && in[0].rank <= HEDGE_MAX_RANK && any(0, 3)) {
                in[1] = in[0];
                in[1].dims[in[0].rank - 2] = in[0].dims[in[0].rank - 1];
        }
        if (op->kind == HEDGE_OP_FULLY_CONNECTED && any(0, 3)) {
                in[0].rank = in[1].rank = 2;
                in[1].dims[1] = in[0].dims[1];
        }
        fitting_shapes(op, in, n_in);
}

static void run(hedge_kernels_t *kernels, const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in,
                const hedge_shape_t *shape)
{
        size_t n = hedge_shape_elements(shape);
        float *data[MAX_IN], *out = hedge_floats_new(n); /* the seal stands in its slack */
        const float *constants[MAX_IN] = { NULL };
        hedge_kernel_t *k = NULL;
        int r;

        assert_non_null(out);
        out[n] = SEAL;
        for (unsigned i = 0; i < n_in; i++) {
                size_t m = hedge_shape_elements(&in[i]);

                data[i] = hedge_floats_new(m);
                assert_non_null(data[i]);
                for (size_t j = 0; j < m; j++)
                        data[i][j] = wild_float();
                if (i > 0)
                        constants[i] = data[i];
        }
        assert_int_equal(hedge_kernel_new(kernels, op, in, n_in, constants, &k), 0);
        assert_true(hedge_shape_equal(hedge_kernel_shape(k), shape));
        r = hedge_kernel_run(k, (const float *const *)data, out);
        assert_true(r == 0 || (r == HEDGE_ERANGE && may_refuse(op->kind)));
        assert_true(out[n] == SEAL);
        hedge_kernel_destroy(&k);
        for (unsigned i = 0; i < n_in; i++)
                free(data[i]);
        free(out);
}

static bool small(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, const hedge_shape_t *out)
{
        uint64_t n = hedge_shape_elements(out);

        for (unsigned i = 0; i < n_in; i++)
                n += hedge_shape_elements(&in[i]);
        if (op->kind == HEDGE_OP_MAX_POOL || op->kind == HEDGE_OP_MAX_POOL_INDICES || op->kind == HEDGE_OP_AVERAGE_POOL)
                n += (uint64_t)op->pool.kernel_h * op->pool.kernel_w;
        return n <= MAX_TO_RUN && hedge_op_work(op, in, n_in) <= 10 * MAX_TO_RUN;
}

static void refused_or_computed(void **state)
{
        unsigned accepted[HEDGE_OP_KINDS] = { 0 };
        hedge_kernels_t *kernels;

        assert_int_equal(hedge_kernels_new(*state, 1, &kernels), 0);
        for (int i = 0; i < TRIES; i++) {
                hedge_op_t op = { .kind = (hedge_op_kind_t)any(0, HEDGE_OP_KINDS - 1) };
                hedge_shape_t in[MAX_IN], out;
                hedge_why_t why = { { 0 } };
                unsigned n_in = any(1, any(0, 3) ? 2 : MAX_IN);
                int r;

                wild_inputs(&op, in, n_in);
                if (any(0, 3) == 0)
                        op.activation =
                                (hedge_activation_t){ (hedge_activation_kind_t)any(0, 3), wild_float(), wild_float() };
                for (unsigned j = n_in; j < MAX_IN; j++)
                        in[j] = wild_shape();
                wild_attributes(&op, in);
                r = hedge_op_infer(&op, in, n_in, &out, &why);
                if (r < 0) {
                        assert_true(r == HEDGE_ESHAPE || r == HEDGE_ELIMIT || r == -EINVAL);
                        assert_true(strlen(why.text) > 10);
                } else if (accepted[op.kind]++ % RUN_EVERY == 0 && small(&op, in, n_in, &out)) {
                        run(kernels, &op, in, n_in, &out);
                }
        }
        for (int kind = 0; kind < HEDGE_OP_KINDS; kind++)
                if (accepted[kind] < 5)
                        fail_msg("only %u of %s came through", accepted[kind], hedge_op_name((hedge_op_kind_t)kind));
        hedge_kernels_destroy(&kernels);
}

int main(void)
{
        for (const char *const *name = hedge_kernels_available(); *name; name++) {
                void *state = (void *)(uintptr_t)*name;
                const struct CMUnitTest tests[] = { cmocka_unit_test_prestate(refused_or_computed, state) };
                int failed = cmocka_run_group_tests_name(*name, tests, NULL, NULL);

                if (failed)
                        return failed;
        }
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Normalisations, reductions and Lp norms: small models on every back end, against sums in double. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/engine/engine.h"
#include "common/model/onnx.h"
#include "import_made.h"

/* The input of all: 2 pictures of 4 channels, 3 x 5 pixels; that many elements. */
#define N     2
#define C     4
#define PLANE 15
#define ALL   (N * C * PLANE)
#define IMAGE DIMS(N, C, 3, 5)

typedef struct run {
        float x[ALL], scale[C], bias[C];
        double want[ALL];
} run_t;

/* Numbers around `mean`, which must not matter. */
static void fill(run_t *run, float mean)
{
        make_t m;

        make_init(&m, 13);
        for (int i = 0; i < ALL; i++)
                run->x[i] = mean + 3 * make_random(&m) + (float)(i / PLANE);
        for (int c = 0; c < C; c++) {
                run->scale[c] = 1 + make_random(&m);
                run->bias[c] = make_random(&m);
        }
        make_free(&m);
}

static void run_on(const char *backend, const hedge_graph_t *graph, const run_t *run, double bound)
{
        hedge_tensor_t in = { graph->values[graph->inputs[0]].shape, (float *)(uintptr_t)run->x };
        hedge_tensor_t out[3] = { { { 0 }, NULL } };
        hedge_kernels_t *kernels = NULL;
        hedge_engine_t *engine = NULL;

        assert_int_equal(hedge_kernels_new(backend, 1, &kernels), 0);
        assert_int_equal(hedge_engine_new(graph, kernels, &engine), 0);
        assert_int_equal(hedge_engine_run(engine, &in, NULL, NULL, out), 0);
        for (size_t i = 0; i < hedge_shape_elements(&out[0].shape); i++)
                if (!(fabs(out[0].data[i] - run->want[i]) <= bound * fmax(1, fabs(run->want[i]))))
                        fail_msg("%s: element %zu is %.9g instead of %.9g", backend, i, (double)out[0].data[i],
                                 run->want[i]);
        for (uint32_t i = 0; i < graph->n_outputs; i++)
                hedge_tensor_release(&out[i]);
        hedge_engine_destroy(&engine);
        hedge_kernels_destroy(&kernels);
}

/* Import the model and check its first output, of `elements`. */
static void check(make_t *m, const run_t *run, size_t elements, double bound)
{
        hedge_graph_t *graph = import_made(m);

        assert_int_equal(hedge_shape_elements(&graph->values[graph->outputs[0]].shape), elements);
        for (const char *const *b = hedge_kernels_available(); *b; b++)
                run_on(*b, graph, run, bound);
        hedge_graph_destroy(&graph);
        make_free(m);
}

/* x, and s and b of `n` numbers, as constants or (what a graph computes) as their halves twice. */
static void start(make_t *m, int64_t opset, const run_t *run, int64_t n, bool computed)
{
        make_init(m, opset);
        make_input(m, "x", IMAGE);
        make_output(m, "y");
        make_floats(m, "s", DIMS(n), run->scale);
        make_floats(m, "b", DIMS(n), run->bias);
        if (!computed)
                return;
        make_floats(m, "zero", SCALAR, (const float[]){ 0 });
        make_ints(m, "first", DIMS(1), (const int64_t[]){ 0 });
        make_node(m, "Mul", "x zero", "none");
        make_node(m, "ReduceMax", "none", "largest");
        make_ints(m, "shape", DIMS(1), (const int64_t[]){ 1 });
        make_node(m, "Reshape", "largest shape", "nothing");
        make_node(m, "Add", "s nothing", "sc");
        make_node(m, "Add", "b nothing", "bc");
}

/* want = x normalised over each of `groups` runs of `each` elements that lie together. */
static void normalize(run_t *run, size_t each, double epsilon, bool centred)
{
        for (size_t g = 0; g < ALL / each; g++) {
                double mean = 0, square = 0;

                for (size_t i = g * each; centred && i < (g + 1) * each; i++)
                        mean += run->x[i] / (double)each;
                for (size_t i = g * each; i < (g + 1) * each; i++)
                        square += (run->x[i] - mean) * (run->x[i] - mean) / (double)each;
                for (size_t i = g * each; i < (g + 1) * each; i++)
                        run->want[i] = (run->x[i] - mean) / sqrt(square + epsilon);
        }
}

static void scale(run_t *run, size_t each)
{
        for (size_t i = 0; i < ALL; i++) {
                size_t c = i / PLANE % C / each;

                run->want[i] = run->want[i] * run->scale[c] + run->bias[c];
        }
}

/* Results are about 3 at most, in float32; a mean of 1000 makes each x 6e-5 less exact, but all alike: x is what it is. */
static void test_instance_norm(void **state)
{
        for (int variant = 0; variant < 4; variant++) {
                run_t run;
                make_t m;

                fill(&run, variant & 1 ? 1000 : 0);
                normalize(&run, PLANE, 1e-5, true);
                scale(&run, 1);
                start(&m, variant & 2 ? 22 : 6, &run, C, variant == 3);
                make_node(&m, "InstanceNormalization", variant == 3 ? "x sc bc" : "x s b", "y");
                check(&m, &run, ALL, 3e-6);
        }
}

/* Behind something that wants channels last, and before it. */
static void test_instance_norm_of_channels_last(void **state)
{
        run_t run;
        make_t m;
        Onnx__NodeProto *node;

        fill(&run, 0);
        normalize(&run, PLANE, 0.25, true);
        scale(&run, 1);
        start(&m, 17, &run, C, false);
        node = make_node(&m, "MaxPool", "x", "p");
        make_int_list(&m, node, "kernel_shape", DIMS(1, 1));
        node = make_node(&m, "InstanceNormalization", "p s b", "n");
        make_float(&m, node, "epsilon", 0.25f);
        node = make_node(&m, "AveragePool", "n", "y");
        make_int_list(&m, node, "kernel_shape", DIMS(1, 1));
        check(&m, &run, ALL, 3e-6);
}

/* Two groups of two channels. Opset 18 has one scale for each group, 21 for each channel. */
static void test_group_norm(void **state)
{
        for (int variant = 0; variant < 8; variant++) {
                bool channels = variant & 1, computed = variant & 2, last = variant & 4;
                Onnx__NodeProto *node;
                run_t run;
                make_t m;

                fill(&run, 100);
                normalize(&run, 2 * PLANE, 1e-5, true);
                scale(&run, channels ? 1 : 2);
                start(&m, channels ? 21 : 18, &run, channels ? C : 2, computed);
                if (last) {
                        node = make_node(&m, "MaxPool", "x", "p");
                        make_int_list(&m, node, "kernel_shape", DIMS(1, 1));
                }
                node = make_node(&m, "GroupNormalization",
                                 last       ? computed ? "p sc bc" : "p s b"
                                 : computed ? "x sc bc"
                                            : "x s b",
                                 "y");
                make_int(&m, node, "num_groups", 2);
                check(&m, &run, ALL, 3e-6);
        }
}

/* Over all but the pictures; mean and deviation may be asked for. */
static void test_layer_norm(void **state)
{
        for (int variant = 0; variant < 2; variant++) {
                Onnx__NodeProto *node;
                run_t run;
                make_t m;

                fill(&run, -50);
                normalize(&run, C * PLANE, 1e-5, true);
                scale(&run, 1);
                start(&m, 17, &run, C, false);
                make_ints(&m, "column", DIMS(3), (const int64_t[]){ C, 1, 1 });
                make_node(&m, "Reshape", "s column", "scale");
                make_node(&m, "Reshape", "b column", "bias");
                node = make_node(&m, "LayerNormalization", "x scale bias", variant ? "n mean factor" : "y");
                make_int(&m, node, "axis", -3);
                if (variant) { /* (x - mean) * factor * scale + bias is y as well */
                        make_node(&m, "Sub", "x mean", "d");
                        make_node(&m, "Mul", "d factor", "f");
                        make_node(&m, "Mul", "f scale", "g");
                        make_node(&m, "Add", "g bias", "y");
                }
                check(&m, &run, ALL, variant ? 3e-5 : 3e-6);
        }
}

static void test_rms_norm(void **state)
{
        Onnx__NodeProto *node;
        run_t run;
        make_t m;

        fill(&run, 1);
        normalize(&run, 5, 1e-5, false);
        for (size_t i = 0; i < ALL; i++)
                run.want[i] *= 1 + (double)(i % 5);
        start(&m, 23, &run, C, false);
        make_floats(&m, "t", DIMS(5), (const float[]){ 1, 2, 3, 4, 5 });
        node = make_node(&m, "RMSNormalization", "x t", "y");
        make_int(&m, node, "axis", 3);
        check(&m, &run, ALL, 1e-5);
}

/* Over pictures and pixels: nothing but zeros stays so. */
static void test_mean_variance_norm(void **state)
{
        run_t run;
        make_t m;

        fill(&run, 0);
        for (int i = 0; i < ALL; i++)
                run.x[i] = i / PLANE % C == 2 ? 7 : run.x[i];
        for (int c = 0; c < C; c++) {
                double mean = 0, square = 0;

                for (int i = 0; i < ALL; i++)
                        mean += i / PLANE % C == c ? run.x[i] / (double)(N * PLANE) : 0;
                for (int i = 0; i < ALL; i++)
                        square += i / PLANE % C == c ? pow(run.x[i] - mean, 2) / (N * PLANE) : 0;
                for (int i = 0; i < ALL; i++)
                        if (i / PLANE % C == c)
                                run.want[i] = c == 2 ? 0 : (run.x[i] - mean) / (sqrt(square) + 1e-9);
        }
        start(&m, 13, &run, C, false);
        make_node(&m, "MeanVarianceNormalization", "x", "y");
        check(&m, &run, ALL, 3e-6);
}

static void test_lp_norm(void **state)
{
        for (int p = 1; p <= 2; p++) {
                Onnx__NodeProto *node;
                run_t run;
                make_t m;

                fill(&run, 0);
                for (int i = 0; i < 5; i++)
                        run.x[i] = 0;
                for (int row = 0; row < ALL / 5; row++) {
                        double sum = 0;

                        for (int i = 5 * row; i < 5 * row + 5; i++)
                                sum += p == 1 ? fabs(run.x[i]) : (double)run.x[i] * run.x[i];
                        for (int i = 5 * row; i < 5 * row + 5; i++)
                                run.want[i] = row == 0 ? 0 : run.x[i] / (p == 1 ? sum : sqrt(sum));
                }
                start(&m, 22, &run, C, false);
                node = make_node(&m, "LpNormalization", "x", "y");
                make_int(&m, node, "p", p);
                check(&m, &run, ALL, 1e-6);
        }
}

/* Windows of 2 x 2 with a pixel of padding above and on the left, and the whole plane. */
static void test_lp_pools(void **state)
{
        for (int p = 1; p <= 3; p++) {
                Onnx__NodeProto *node;
                run_t run;
                make_t m;

                fill(&run, 0);
                for (int i = 0; i < ALL; i++) {
                        int x = i % 5, y = i / 5 % 3;
                        double sum = 0;

                        for (int k = 0; k < 4; k++)
                                if (y - k / 2 >= 0 && x - k % 2 >= 0)
                                        sum += pow(fabs(run.x[i - 5 * (k / 2) - k % 2]), p);
                        run.want[i] = pow(sum, 1.0 / p);
                }
                start(&m, 18, &run, C, false);
                node = make_node(&m, "LpPool", "x", "y");
                make_int_list(&m, node, "kernel_shape", DIMS(2, 2));
                make_int_list(&m, node, "pads", DIMS(1, 1, 0, 0));
                make_int(&m, node, "p", p);
                check(&m, &run, ALL, 1e-5);
                for (int c = 0; c < N * C; c++) {
                        double sum = 0;

                        for (int i = 0; i < PLANE; i++)
                                sum += pow(fabs(run.x[c * PLANE + i]), p);
                        run.want[c] = pow(sum, 1.0 / p);
                }
                start(&m, 2, &run, C, false);
                node = make_node(&m, "GlobalLpPool", "x", "y");
                make_int(&m, node, "p", p);
                check(&m, &run, (size_t)N * C, 1e-4);
        }
}

static double combine(int kind, double a, double v)
{
        switch (kind) {
        case 0:
                return a + fabs(v);
        case 1:
        case 9:
                return a + v * v;
        case 2:
        case 5:
        case 8:
                return a + v;
        case 3:
                return a + exp(v);
        case 4:
                return fmax(a, v);
        case 6:
                return fmin(a, v);
        default:
                return a * v;
        }
}

/* Each over the channels and columns, with axes as an attribute and as an input, in both layouts. */
static void test_reductions(void **state)
{
        static const char *const names[] = { "ReduceL1",  "ReduceL2",       "ReduceLogSum", "ReduceLogSumExp",
                                             "ReduceMax", "ReduceMean",     "ReduceMin",    "ReduceProd",
                                             "ReduceSum", "ReduceSumSquare" };

        for (int variant = 0; variant < 40; variant++) {
                int kind = variant / 4;
                bool input = variant & 1, last = variant & 2;
                Onnx__NodeProto *node;
                run_t run;
                make_t m;

                fill(&run, 0);
                for (int i = 0; i < ALL; i++)
                        run.x[i] = kind == 2 ? 0.5f + fabsf(run.x[i]) / 8 : run.x[i];
                for (int row = 0; row < N * 3; row++) {
                        double a = kind == 4 ? -1e9 : kind == 6 ? 1e9 : kind == 7 ? 1 : 0;

                        for (int i = 0; i < C * 5; i++)
                                a = combine(kind, a, run.x[(row / 3 * C + i / 5) * PLANE + row % 3 * 5 + i % 5]);
                        run.want[row] = kind == 1                ? sqrt(a)
                                        : kind == 2 || kind == 3 ? log(a)
                                        : kind == 5              ? a / (C * 5)
                                                                 : a;
                }
                start(&m, input ? 18 : kind == 8 ? 12 : 13, &run, C, false);
                if (last) {
                        node = make_node(&m, "MaxPool", "x", "p");
                        make_int_list(&m, node, "kernel_shape", DIMS(1, 1));
                }
                make_ints(&m, "axes", DIMS(2), (const int64_t[]){ -1, 1 });
                node = make_node(&m, names[kind], input ? last ? "p axes" : "x axes" : last ? "p" : "x", "y");
                make_int(&m, node, "keepdims", 0);
                if (!input)
                        make_int_list(&m, node, "axes", DIMS(1, 3));
                check(&m, &run, (size_t)N * 3, 2e-7); /* rounded once */
        }
}

/* Shapes are reduced exactly: N x C x 3 x 5 elements, the largest extent, ... */
static void test_reductions_of_shapes(void **state)
{
        static const struct {
                const char *name;
                double want;
        } cases[] = { { "ReduceProd", ALL },     { "ReduceMax", 5 },  { "ReduceMin", 2 }, { "ReduceSum", 14 },
                      { "ReduceSumSquare", 54 }, { "ReduceMean", 3 }, { "ReduceL1", 14 } };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                Onnx__NodeProto *node;
                run_t run;
                make_t m;

                fill(&run, 0);
                for (int k = 0; k < ALL; k++)
                        run.want[k] = run.x[k] + cases[i].want;
                start(&m, 18, &run, C, false);
                make_node(&m, "Shape", "x", "shape");
                node = make_node(&m, cases[i].name, "shape", "n");
                make_int(&m, node, "keepdims", 0);
                node = make_node(&m, "Cast", "n", "f");
                make_int(&m, node, "to", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
                make_node(&m, "Add", "x f", "y");
                check(&m, &run, ALL, 1e-4);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_instance_norm), cmocka_unit_test(test_instance_norm_of_channels_last),
                cmocka_unit_test(test_group_norm),    cmocka_unit_test(test_layer_norm),
                cmocka_unit_test(test_rms_norm),      cmocka_unit_test(test_mean_variance_norm),
                cmocka_unit_test(test_lp_norm),       cmocka_unit_test(test_lp_pools),
                cmocka_unit_test(test_reductions),    cmocka_unit_test(test_reductions_of_shapes),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What opsets 18 to 23 changed: small models, answers worked out by hand or summed here in double. */
#include "test/unit/opset_bed.h"

/* Operators that mean what they did before. */
static void test_a_net_of_each_newer_opset(void **state)
{
        for (int64_t opset = 18; opset <= 23; opset++) {
                make_t m;

                start(&m, opset, DIMS(1, 1, 2, 2));
                make_floats(&m, "w", DIMS(1, 1, 2, 2), FLOATS(1, -2, 3, -4));
                make_floats(&m, "b", DIMS(1), FLOATS(9));
                make_node(&m, "Conv", "x w b", "c");
                make_node(&m, "Relu", "c", "r");
                make_node(&m, "Flatten", "r", "y");
                check(&m, DIMS(1, 1), FLOATS(1)); /* 9 - 2 + 6 - 12 */
        }
}

static void test_reduce_takes_axes_as_an_input(void **state)
{
        make_t m;
        Onnx__NodeProto *node;

        start(&m, 18, DIMS(2, 2, 2));
        make_ints(&m, "axes", DIMS(2), (const int64_t[]){ 0, -1 });
        node = make_node(&m, "ReduceMean", "x axes", "y");
        make_int(&m, node, "keepdims", 0);
        check(&m, DIMS(2), FLOATS(2.5f, 4.5f));
        start(&m, 18, DIMS(2, 2));
        node = make_node(&m, "ReduceMean", "x", "y");
        check(&m, DIMS(1, 1), FLOATS(1.5f));
        start(&m, 18, DIMS(2, 2));
        node = make_node(&m, "ReduceMean", "x", "y");
        make_int(&m, node, "noop_with_empty_axes", 1);
        check(&m, DIMS(2, 2), FLOATS(0, 1, 2, 3));
}

static void test_split_may_be_uneven(void **state)
{
        make_t m;
        Onnx__NodeProto *node;

        start(&m, 18, DIMS(5));
        node = make_node(&m, "Split", "x", "a y");
        make_int(&m, node, "num_outputs", 2);
        check(&m, DIMS(2), FLOATS(3, 4));
}

static void test_pad_takes_axes_and_wraps(void **state)
{
        make_t m;
        Onnx__NodeProto *node;

        start(&m, 18, DIMS(2, 2));
        make_ints(&m, "pads", DIMS(2), (const int64_t[]){ 1, 2 });
        make_floats(&m, "v", SCALAR, FLOATS(7));
        make_ints(&m, "axes", DIMS(1), (const int64_t[]){ -1 });
        make_node(&m, "Pad", "x pads v axes", "y");
        check(&m, DIMS(2, 5), FLOATS(7, 0, 1, 7, 7, 7, 2, 3, 7, 7));
        start(&m, 19, DIMS(1, 3));
        make_ints(&m, "pads", DIMS(4), (const int64_t[]){ 0, 4, 0, 2 });
        node = make_node(&m, "Pad", "x pads", "y");
        make_string(&m, node, "mode", "wrap");
        check(&m, DIMS(1, 9), FLOATS(2, 0, 1, 2, 0, 1, 2, 0, 1));
}

static void test_average_pool_dilates(void **state)
{
        make_t m;
        Onnx__NodeProto *node;

        start(&m, 19, DIMS(1, 1, 1, 5));
        node = make_node(&m, "AveragePool", "x", "y");
        make_int_list(&m, node, "kernel_shape", DIMS(1, 2));
        make_int_list(&m, node, "dilations", DIMS(1, 3));
        check(&m, DIMS(1, 1, 1, 2), FLOATS(1.5f, 2.5f));
}

static void resize(make_t *m, int64_t opset, make_dims_t in, const float *scales, const int64_t *sizes,
                   Onnx__NodeProto **node)
{
        start(m, opset, in);
        if (scales)
                make_floats(m, "scales", DIMS(2), scales);
        else
                make_ints(m, "sizes", DIMS(2), sizes);
        *node = make_node(m, "Resize", scales ? "x - scales" : "x - - sizes", "y");
        make_int_list(m, *node, "axes", DIMS(3, 2));
}

static void test_resize_keeps_the_aspect(void **state)
{
        make_t m;
        Onnx__NodeProto *node;

        resize(&m, 18, DIMS(1, 1, 2, 4), NULL, (const int64_t[]){ 4, 1 }, &node);
        make_string(&m, node, "keep_aspect_ratio_policy", "not_larger");
        make_string(&m, node, "coordinate_transformation_mode", "asymmetric");
        check(&m, DIMS(1, 1, 1, 2), FLOATS(0, 2));
        resize(&m, 18, DIMS(1, 1, 1, 2), NULL, (const int64_t[]){ 4, 1 }, &node);
        make_string(&m, node, "keep_aspect_ratio_policy", "not_smaller");
        check(&m, DIMS(1, 1, 2, 4), FLOATS(0, 0, 1, 1, 0, 0, 1, 1));
}

/* 4 columns by 0.7 are 2.8, which becomes 2: what is missing lies on both sides alike. */
static void test_resize_half_pixel_symmetric(void **state)
{
        double scale = (double)0.7f, shift = 2 * (1 - 2 / (4 * scale));
        float want[2];
        make_t m;
        Onnx__NodeProto *node;

        resize(&m, 19, DIMS(1, 1, 1, 4), FLOATS(0.7f, 1), NULL, &node);
        make_string(&m, node, "mode", "linear");
        make_string(&m, node, "coordinate_transformation_mode", "half_pixel_symmetric");
        for (int o = 0; o < 2; o++)
                want[o] = (float)(shift + (o + 0.5) / scale - 0.5);
        check(&m, DIMS(1, 1, 1, 2), want); /* 0.786 and 2.214: the row of 0, 1, 2, 3 is its own coordinates */
}

/* Keys' cubic of -0.75, or a triangle. */
static double weigh(double t, bool cubic)
{
        t = fabs(t);
        if (!cubic)
                return fmax(0, 1 - t);
        return t <= 1 ? 1.25 * t * t * t - 2.25 * t * t + 1 : t < 2 ? -0.75 * (t * t * t - 5 * t * t + 8 * t - 4) : 0;
}

/* One row of 0, 1, ... n - 1 made `out` long: every input pixel, and the border's copies, by its distance. */
static float antialiased(int n, double scale, int o, bool cubic, bool exclude)
{
        double x = (o + 0.5) / scale - 0.5, sum = 0, total = 0;

        for (int i = -3 * n; i < 4 * n; i++) {
                double w = exclude && (i < 0 || i >= n) ? 0 : weigh((i - x) * fmin(scale, 1), cubic);

                sum += w;
                total += w * (i < 0 ? 0 : i >= n ? n - 1 : i);
        }
        return (float)(total / sum);
}

static void test_resize_antialias(void **state)
{
        for (int variant = 0; variant < 8; variant++) {
                bool cubic = variant & 1, exclude = variant & 2;
                int out = variant & 4 ? 12 : 3;
                float want[24];
                make_t m;
                Onnx__NodeProto *node;

                resize(&m, 18, DIMS(1, 1, 1, 8), NULL, (const int64_t[]){ out, 2 }, &node);
                make_string(&m, node, "mode", cubic ? "cubic" : "linear");
                make_int(&m, node, "antialias", 1);
                make_int(&m, node, "exclude_outside", exclude);
                for (int i = 0; i < 2 * out; i++)
                        want[i] = antialiased(8, out / 8.0, i % out, cubic, exclude);
                check(&m, DIMS(1, 1, 2, out), want);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_a_net_of_each_newer_opset),
                cmocka_unit_test(test_reduce_takes_axes_as_an_input),
                cmocka_unit_test(test_split_may_be_uneven),
                cmocka_unit_test(test_pad_takes_axes_and_wraps),
                cmocka_unit_test(test_average_pool_dilates),
                cmocka_unit_test(test_resize_keeps_the_aspect),
                cmocka_unit_test(test_resize_half_pixel_symmetric),
                cmocka_unit_test(test_resize_antialias),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

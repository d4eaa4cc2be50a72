/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/code/conv/partition.h"
#include "common/code/q16.h"
#include "test/unit/layer.h"

#define MAX_K 16u

static void any_coefficients(layer_random_t *r, double *c, unsigned k)
{
        for (unsigned i = 0; i < k; i++) {
                const unsigned kind = layer_between(r, 0, 3);

                c[i] = kind == 0 ? 0 : kind == 1 ? 1 : (double)layer_value(r);
        }
}

/* Row `row` of strip i, taken from the definition: the padded input. */
static double strip_value(const hedge_partition_t *p, const float *input, unsigned i, uint32_t row, size_t x)
{
        const int64_t at = (int64_t)i * p->strip_h * p->layer.stride_h + row - p->layer.pad_top;

        if (at < 0 || at >= p->layer.in_h)
                return 0;
        return (double)input[(size_t)at * p->layer.in_w * p->layer.in_c + x];
}

static void check_input(const hedge_partition_t *p, layer_random_t *r)
{
        const size_t row = (size_t)p->layer.in_w * p->layer.in_c, n = hedge_partition_input_elements(p);
        float *input = layer_floats(r, hedge_conv_in_elements(&p->layer)), *out = malloc((n + 1) * sizeof(float));
        double a[MAX_K];

        any_coefficients(r, a, p->k_a);
        out[n] = 12345;
        hedge_encode_input(p, a, input, out);
        assert_true(out[n] == 12345);
        assert_int_equal(n, p->part.in_h * row);
        for (size_t e = 0; e < n; e++) {
                double sum = 0;

                for (unsigned i = 0; i < p->k_a; i++)
                        sum += a[i] * strip_value(p, input, i, (uint32_t)(e / row), e % row);
                assert_true(fabs(sum - (double)out[e]) < 2e-6);
        }
        free(input);
        free(out);
}

/* Element `e` of output channel `o` of block b; 0 for the filters that fill up the last blocks. */
static double block_value(const hedge_partition_t *p, const float *filter, unsigned b, uint32_t o, size_t e,
                          size_t size)
{
        const uint32_t group_c = p->layer.out_c / p->layer.groups, piece = p->part.out_c / p->layer.groups;
        const uint32_t within = b * piece + o % piece;

        if (within >= group_c)
                return 0;
        return (double)filter[(o / piece * group_c + within) * size + e];
}

static void check_filter(const hedge_partition_t *p, layer_random_t *r)
{
        const size_t n = hedge_partition_filter_elements(p), size = n / p->part.out_c;
        float *filter = layer_floats(r, hedge_conv_filter_elements(&p->layer)), *out = malloc((n + 1) * sizeof(float));
        double b[MAX_K];

        any_coefficients(r, b, p->k_b);
        out[n] = 12345;
        hedge_encode_filter(p, b, filter, out);
        assert_true(out[n] == 12345);
        for (size_t e = 0; e < n; e++) {
                double sum = 0;

                for (unsigned i = 0; i < p->k_b; i++)
                        sum += b[i] * block_value(p, filter, i, (uint32_t)(e / size), e % size, size);
                assert_true(fabs(sum - (double)out[e]) < 2e-6);
        }
        free(filter);
        free(out);
}

static uint32_t divide_up(uint32_t a, uint32_t b)
{
        return (a + b - 1) / b;
}

static void check_shape(const hedge_partition_t *p)
{
        const hedge_conv_t *l = &p->layer;

        assert_int_equal(hedge_conv_check(&p->part), 0);
        assert_int_equal(p->strip_h, divide_up(hedge_conv_out_h(l), p->k_a));
        assert_int_equal(hedge_conv_out_h(&p->part), p->strip_h);
        assert_int_equal(hedge_conv_out_w(&p->part), hedge_conv_out_w(l));
        assert_int_equal(p->part.in_h, (p->strip_h - 1) * l->stride_h + l->dilation_h * (l->kernel_h - 1) + 1);
        assert_int_equal(p->part.out_c, divide_up(l->out_c / l->groups, p->k_b) * l->groups);
        assert_int_equal(hedge_partition_part_elements(p), hedge_conv_out_elements(&p->part));
}

static void test_random_layers(void **state)
{
        layer_random_t r = { 1 };

        for (unsigned t = 0; t < 3000; t++) {
                const hedge_conv_t layer = layer_any(&r);
                const uint32_t most_a = hedge_conv_out_h(&layer), most_b = layer.out_c / layer.groups;
                hedge_partition_t p;

                assert_int_equal(hedge_partition_init(&p, &layer, layer_between(&r, 1, most_a < MAX_K ? most_a : MAX_K),
                                                      layer_between(&r, 1, most_b < MAX_K ? most_b : MAX_K)),
                                 0);
                check_shape(&p);
                check_input(&p, &r);
                check_filter(&p, &r);
        }
}

/* Many inputs in one call are the same as one call for each. */
static void check_many_inputs(layer_random_t *r, const hedge_partition_t *p, unsigned count, unsigned threads)
{
        const size_t n = hedge_partition_input_elements(p);
        float *input = layer_floats(r, hedge_conv_in_elements(&p->layer)), *one = malloc(n * sizeof(float));
        const double **a = calloc(count + 1, sizeof(*a));
        double *c = malloc((size_t)(count + 1) * p->k_a * sizeof(double));
        float **out = calloc(count + 1, sizeof(*out));

        for (unsigned o = 0; o < count; o++) {
                any_coefficients(r, c + (size_t)o * p->k_a, p->k_a);
                a[o] = c + (size_t)o * p->k_a;
                out[o] = malloc(n * sizeof(float));
        }
        hedge_encode_inputs(p, count, a, input, out, threads);
        for (unsigned o = 0; o < count; o++) {
                hedge_encode_input(p, a[o], input, one);
                for (size_t e = 0; e < n; e++)
                        assert_true(fabsf(one[e] - out[o][e]) < 1e-5f);
                free(out[o]);
        }
        free(out);
        free(a);
        free(c);
        free(one);
        free(input);
}

static void test_many_inputs_at_once(void **state)
{
        const hedge_conv_t layer = { 19, 7, 3, 8, 3, 3, 2, 1, 1, 1, 2, 1, 0, 1, 1 };
        const hedge_conv_t tall = { 700, 1, 2, 1, 2, 1, 1, 1, 1, 1, 1, 0, 1, 0, 1 };
        layer_random_t r = { 2 };
        hedge_partition_t p;

        assert_int_equal(hedge_partition_init(&p, &layer, 4, 2), 0);
        for (unsigned count = 0; count <= 70; count++)
                check_many_inputs(&r, &p, count, 1 + count % 3);
        assert_int_equal(hedge_partition_init(&p, &tall, 600, 1), 0);
        check_many_inputs(&r, &p, 40, 1);
}

/* What a zero coefficient hides must not come through, not even as 0 * infinity. */
static void test_zero_coefficients_are_skipped(void **state)
{
        const hedge_conv_t layer = { 8, 2, 1, 4, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1 };
        const double a[4] = { 0, 0.5, 0, -2 };
        float input[16], out[4];
        hedge_partition_t p;

        assert_int_equal(hedge_partition_init(&p, &layer, 4, 1), 0);
        for (unsigned i = 0; i < 16; i++)
                input[i] = i / 4 % 2 ? (float)i : INFINITY;
        hedge_encode_input(&p, a, input, out);
        for (unsigned i = 0; i < 4; i++)
                assert_true(out[i] == 0.5f * (float)(4 + i) - 2 * (float)(12 + i));
}

static void open_any(layer_random_t *r, hedge_partition_t *p)
{
        const hedge_conv_t wide = { 40, 9, 7, 4, 3, 3, 1, 1, 1, 1, 2, 1, 1, 1, 1 };
        const hedge_conv_t layer = layer_between(r, 0, 3) ? layer_any(r) : wide;
        const uint32_t most = hedge_conv_out_h(&layer);

        assert_int_equal(hedge_partition_init(p, &layer, layer_between(r, 1, most < MAX_K ? most : MAX_K), 1), 0);
}

/* The same bytes as by way of floats, for every shape, at any address. */
static void test_straight_to_q16(void **state)
{
        layer_random_t r = { 3 };

        for (unsigned t = 0; t < 600; t++) {
                const unsigned count = t % 37, offset = t % 5;
                double c[40][MAX_K];
                const double *a[40];
                float *floats[40], *input;
                void *out[40];
                uint8_t *expected;
                hedge_partition_t p;
                size_t n, bytes;

                open_any(&r, &p);
                n = hedge_partition_input_elements(&p);
                bytes = hedge_q16_bytes(n);
                expected = malloc(bytes);
                input = layer_floats(&r, hedge_conv_in_elements(&p.layer));
                for (unsigned o = 0; o < count; o++) {
                        any_coefficients(&r, c[o], p.k_a);
                        if (o % 3 == 0) /* a plain strip */
                                for (unsigned i = 0; i < p.k_a; i++)
                                        c[o][i] = i == o % p.k_a;
                        a[o] = c[o];
                        floats[o] = malloc(n * sizeof(float));
                        out[o] = (uint8_t *)malloc(bytes + offset) + offset;
                }
                hedge_encode_inputs(&p, count, a, input, floats, 1);
                assert_int_equal(hedge_encode_inputs_q16(&p, count, a, input, out, 1), 0);
                for (unsigned o = 0; o < count; o++) {
                        assert_int_equal(hedge_q16_encode(floats[o], n, expected), 0);
                        assert_memory_equal(out[o], expected, bytes);
                        free((uint8_t *)out[o] - offset);
                        free(floats[o]);
                }
                free(expected);
                free(input);
        }
}

static void test_what_q16_cannot_hold(void **state)
{
        const hedge_conv_t layer = { 64, 4, 16, 4, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1 };
        const double mixed[4] = { 0.5, 0.5, -1, 2 }, second[4] = { 0, 1, 0, 0 };
        const double *a[2] = { second, mixed };
        static float input[64 * 4 * 16];
        static uint8_t bytes[2][4096];
        void *out[2] = { bytes[0], bytes[1] };
        hedge_partition_t p;

        assert_int_equal(hedge_partition_init(&p, &layer, 4, 1), 0);
        for (unsigned i = 0; i < 64 * 4 * 16; i += 137) {
                const bool in_second = i / (16 * 4 * 16) == 1;

                input[i] = i % 2 ? NAN : -INFINITY;
                assert_int_equal(hedge_encode_inputs_q16(&p, 2, a, input, out, 1), -EINVAL);
                assert_int_equal(hedge_encode_inputs_q16(&p, 1, a, input, out, 1), in_second ? -EINVAL : 0);
                input[i] = 1;
        }
        assert_int_equal(hedge_encode_inputs_q16(&p, 2, a, input, out, 1), 0);
}

static void test_what_is_refused(void **state)
{
        hedge_conv_t layer = { 8, 6, 4, 10, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 2 };
        hedge_partition_t p = { .k_a = 77 };

        assert_int_equal(hedge_partition_init(&p, &layer, 0, 1), -EINVAL);
        assert_int_equal(hedge_partition_init(&p, &layer, 1, 0), -EINVAL);
        assert_int_equal(hedge_partition_init(&p, &layer, 9, 1), -EINVAL);
        assert_int_equal(hedge_partition_init(&p, &layer, 1, 6), -EINVAL);
        layer.in_h = 0;
        assert_int_equal(hedge_partition_init(&p, &layer, 1, 1), -EINVAL);
        layer.in_h = UINT32_MAX;
        assert_int_equal(hedge_partition_init(&p, &layer, 1, 1), HEDGE_ELIMIT);
        layer = (hedge_conv_t){ 64, 1, 1, 64, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1 };
        assert_int_equal(hedge_partition_init(&p, &layer, 64, 64), HEDGE_ELIMIT);
        assert_int_equal(p.k_a, 77);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_random_layers),
                cmocka_unit_test(test_many_inputs_at_once),
                cmocka_unit_test(test_zero_coefficients_are_skipped),
                cmocka_unit_test(test_straight_to_q16),
                cmocka_unit_test(test_what_q16_cannot_hold),
                cmocka_unit_test(test_what_is_refused),
        };

        return cmocka_run_group_tests_name("partition", tests, NULL, NULL);
}

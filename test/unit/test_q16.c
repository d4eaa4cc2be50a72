/* SPDX-License-Identifier: Apache-2.0 */
/* The wire precision q16: every instruction set's conversion against the layout and the bound that the header states. */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/code/q16.h"
#include "common/code/q16_isa.h"
#include "test/unit/layer.h"

#define BOUND 1.6e-5 /* of the block's peak */

typedef struct variant {
        const char *name;
        const hedge_q16_t *q16;
} variant_t;

static unsigned find_variants(variant_t *variants)
{
        static const hedge_q16_t chosen = { hedge_q16_encode, hedge_q16_decode };
        unsigned n = 0;

        variants[n++] = (variant_t){ "chosen", &chosen };
        variants[n++] = (variant_t){ "base", &base_q16 };
#ifdef __x86_64__
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
                variants[n++] = (variant_t){ "avx2", &avx2_q16 };
        if (__builtin_cpu_supports("avx512f"))
                variants[n++] = (variant_t){ "avx512", &avx512_q16 };
#endif
        return n;
}

static void *new_bytes(size_t n)
{
        void *bytes = malloc(n + 1);

        assert_non_null(bytes);
        memset(bytes, 0x55, n + 1);
        return bytes;
}

static float *new_floats(layer_random_t *r, size_t n)
{
        float *x = new_bytes(n * sizeof(*x));

        for (size_t i = 0; i < n; i++)
                x[i] = ldexpf(layer_value(r), (int)layer_between(r, 0, 12) - 6);
        return x;
}

static double peak_of(const float *x, size_t n)
{
        double peak = 0;

        for (size_t i = 0; i < n; i++)
                peak = fmax(peak, fabs((double)x[i]));
        return peak;
}

/* The layout as the header words it, read byte by byte. */
static double element(const uint8_t *bytes, size_t i)
{
        const uint8_t *block = bytes + i / 64 * 132, *level = block + 4 + i % 64 * 2;
        const uint32_t bits =
                (uint32_t)block[0] | (uint32_t)block[1] << 8 | (uint32_t)block[2] << 16 | (uint32_t)block[3] << 24;
        const int value = level[0] | level[1] << 8;
        float scale;

        memcpy(&scale, &bits, sizeof(scale));
        return (double)scale * (value < 0x8000 ? value : value - 0x10000);
}

/* There and back at any alignment; nothing beside the bytes is touched, and every element is within the bound. */
static void check_round_trip(const variant_t *v, const float *x, size_t n, size_t shift)
{
        const size_t size = hedge_q16_bytes(n);
        uint8_t *room = new_bytes(shift + size), *bytes = room + shift;
        float *back = new_bytes((n + 1) * sizeof(*back));

        assert_int_equal(v->q16->encode(x, n, bytes), 0);
        assert_int_equal(bytes[size], 0x55);
        assert_true(shift == 0 || bytes[-1] == 0x55);
        v->q16->decode(bytes, 0, n, back);
        for (size_t i = 0; i < n; i++) {
                const size_t first = i / 64 * 64;
                const double peak = peak_of(x + first, n - first < 64 ? n - first : 64);

                if (!(fabs((double)back[i] - (double)x[i]) <= BOUND * peak))
                        fail_msg("%s: n %zu, element %zu: %g for %g, peak %g", v->name, n, i, back[i], x[i], peak);
                assert_true(fabs((double)back[i] - element(bytes, i)) <= 1e-7 * peak);
        }
        assert_memory_equal(back + n, "\x55\x55\x55\x55", 4);
        free(back);
        free(room);
}

static void test_round_trip(void **state)
{
        variant_t variants[4];
        const unsigned count = find_variants(variants);

        for (unsigned k = 0; k < count; k++) {
                layer_random_t r = { 3 };

                for (size_t n = 0; n <= 300; n++) {
                        float *x = new_floats(&r, n);

                        check_round_trip(&variants[k], x, n, n % 5);
                        free(x);
                }
        }
}

static void test_sizes(void **state)
{
        static const size_t sizes[][2] = { { 0, 0 },    { 1, 6 },    { 2, 8 },     { 63, 130 },
                                           { 64, 132 }, { 65, 138 }, { 128, 264 }, { 1000, 2064 } };

        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
                assert_int_equal(hedge_q16_bytes(sizes[i][0]), sizes[i][1]);
        for (size_t n = 2; n < 1000; n++)
                assert_true(hedge_q16_bytes(n) <= 4 * n && hedge_q16_bytes(n) == 4 * ((n + 63) / 64) + 2 * n);
}

/* The root mean square error of nearly normal data, as the header says. */
static void test_mean_error(void **state)
{
        variant_t variants[4];
        const unsigned count = find_variants(variants);
        const size_t n = 64 * 1000;
        layer_random_t r = { 4 };
        uint8_t *bytes = new_bytes(hedge_q16_bytes(n));
        float *x = new_bytes(n * sizeof(*x)), *back = new_bytes(n * sizeof(*back));

        for (size_t i = 0; i < n; i++) {
                x[i] = 0;
                for (unsigned k = 0; k < 12; k++)
                        x[i] += layer_value(&r);
        }
        for (unsigned k = 0; k < count; k++) {
                double error = 0, square = 0;

                assert_int_equal(variants[k].q16->encode(x, n, bytes), 0);
                variants[k].q16->decode(bytes, 0, n, back);
                for (size_t i = 0; i < n; i++) {
                        error += pow((double)back[i] - (double)x[i], 2);
                        square += pow((double)x[i], 2);
                }
                assert_true(sqrt(error / square) > 2.0e-5 && sqrt(error / square) < 2.5e-5);
        }
        free(back);
        free(x);
        free(bytes);
}

/* Any range decodes on its own to the same bits. */
static void test_ranges(void **state)
{
        variant_t variants[4];
        const unsigned count = find_variants(variants);
        const size_t n = 200;
        layer_random_t r = { 5 };
        float *x = new_floats(&r, n), *whole = new_bytes(n * sizeof(*whole));
        uint8_t *bytes = new_bytes(hedge_q16_bytes(n));

        for (unsigned k = 0; k < count; k++) {
                const hedge_q16_t *q16 = variants[k].q16;

                assert_int_equal(q16->encode(x, n, bytes), 0);
                q16->decode(bytes, 0, n, whole);
                for (size_t begin = 0; begin <= n; begin++)
                        for (size_t end = begin; end <= n; end += layer_between(&r, 1, 9)) {
                                float part[201];

                                memset(part, 0x55, sizeof(part));
                                q16->decode(bytes, begin, end, part);
                                assert_memory_equal(part, whole + begin, (end - begin) * sizeof(*part));
                                assert_memory_equal(part + (end - begin), "\x55\x55\x55\x55", 4);
                        }
        }
        free(bytes);
        free(whole);
        free(x);
}

/* What is exact: the peak's own place, zeros, small integers of a block whose peak is 32767. */
static void test_exact(void **state)
{
        variant_t variants[4];
        const unsigned count = find_variants(variants);
        float x[130] = { 0 }, back[130];
        uint8_t bytes[400];

        for (int i = 0; i < 64; i++)
                x[i] = (float)(i % 2 ? -i * 500 : i * 500);
        x[63] = -32767;
        for (unsigned k = 0; k < count; k++) {
                memset(bytes, 0x55, sizeof(bytes));
                assert_int_equal(variants[k].q16->encode(x, 130, bytes), 0);
                variants[k].q16->decode(bytes, 0, 130, back);
                assert_memory_equal(back, x, sizeof(x));
                for (size_t i = 132; i < hedge_q16_bytes(130); i++)
                        assert_int_equal(bytes[i], 0); /* a block of zeros is zeros */
        }
}

/* Numbers near both ends of the range, each filling a block beside ones a little smaller. */
static void test_extremes(void **state)
{
        static const float peaks[] = { FLT_MAX, 0x1.fffffcp127f, 1e38f, 1e30f, 1, 1e-20f, 0x1p-99f, 0x1p-100f };
        variant_t variants[4];
        const unsigned count = find_variants(variants);
        float x[64];

        for (unsigned k = 0; k < count; k++)
                for (size_t p = 0; p < sizeof(peaks) / sizeof(peaks[0]); p++) {
                        for (int i = 0; i < 64; i++)
                                x[i] = (i % 2 ? -peaks[p] : peaks[p]) * ((float)i / 63);
                        check_round_trip(&variants[k], x, 64, p % 2);
                }
}

/* Blocks of tiny numbers are zeros, and keep a neighbour's from nothing. */
static void test_tiny(void **state)
{
        static const float tiny[] = { 0x1.fffffep-101f, FLT_MIN, FLT_MIN / 2, FLT_TRUE_MIN, 0, -0.0f };
        variant_t variants[4];
        const unsigned count = find_variants(variants);
        float x[128], back[128];
        uint8_t bytes[264];

        for (unsigned k = 0; k < count; k++)
                for (size_t t = 0; t < sizeof(tiny) / sizeof(tiny[0]); t++) {
                        for (int i = 0; i < 128; i++)
                                x[i] = i < 64 ? (i % 2 ? tiny[t] : -tiny[t]) : (i % 3 ? tiny[t] : 2);
                        assert_int_equal(variants[k].q16->encode(x, 128, bytes), 0);
                        variants[k].q16->decode(bytes, 0, 128, back);
                        for (int i = 0; i < 128; i++)
                                assert_true(back[i] == (i < 64 || i % 3 ? 0.0f : 2.0f));
                }
}

static void test_not_finite(void **state)
{
        const float wrong[] = { INFINITY, -INFINITY, NAN, -NAN };
        variant_t variants[4];
        const unsigned count = find_variants(variants);
        uint8_t bytes[400];

        for (unsigned k = 0; k < count; k++)
                for (size_t w = 0; w < 4; w++)
                        for (size_t at = 0; at < 150; at++) {
                                float x[150] = { 0 };

                                x[at] = wrong[w];
                                assert_int_equal(variants[k].q16->encode(x, 150, bytes), -EINVAL);
                                assert_int_equal(variants[k].q16->encode(x, at, bytes), 0);
                        }
}

/* Bytes from a peer, whatever they are, make floats: nothing is read or written beside them. */
static void test_hostile(void **state)
{
        variant_t variants[4];
        const unsigned count = find_variants(variants);
        layer_random_t r = { 6 };

        for (unsigned k = 0; k < count; k++)
                for (unsigned t = 0; t < 500; t++) {
                        const size_t n = layer_between(&r, 0, 200), size = hedge_q16_bytes(n);
                        uint8_t *bytes = malloc(size ? size : 1); /* exactly: the sanitizer watches its end */
                        float *out = malloc(n ? n * sizeof(*out) : 1);

                        assert_true(bytes && out);
                        for (size_t i = 0; i < size; i++)
                                bytes[i] = (uint8_t)layer_between(&r, 0, 255);
                        variants[k].q16->decode(bytes, 0, n, out);
                        for (size_t i = 0; i < n; i++) {
                                const double want = element(bytes, i);

                                if (fabs(want) < (double)FLT_MAX && fabs(want) > (double)FLT_MIN)
                                        assert_true(fabs((double)out[i] / want - 1) < 1e-6);
                        }
                        free(out);
                        free(bytes);
                }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round_trip), cmocka_unit_test(test_sizes),      cmocka_unit_test(test_mean_error),
                cmocka_unit_test(test_ranges),     cmocka_unit_test(test_exact),      cmocka_unit_test(test_extremes),
                cmocka_unit_test(test_tiny),       cmocka_unit_test(test_not_finite), cmocka_unit_test(test_hostile),
        };

        return cmocka_run_group_tests_name("q16", tests, NULL, NULL);
}

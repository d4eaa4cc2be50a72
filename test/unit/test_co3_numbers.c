/* SPDX-License-Identifier: Apache-2.0 */
/* The number formats of gradients: every instruction set rounds to the nearest, with the best scale. */
#include "test/unit/co3_bed.h"

#define MAX_VARIANTS 3

static unsigned find_variants(const hedge_co3_isa_t *variants[MAX_VARIANTS])
{
        unsigned n = 0;

        variants[n++] = &base_co3;
#ifdef __x86_64__
        if (__builtin_cpu_supports("avx2"))
                variants[n++] = &avx2_co3;
        if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
            __builtin_cpu_supports("avx512vl"))
                variants[n++] = &avx512_co3;
#endif
        return n;
}

static const hedge_minifloat_t *minifloat(const hedge_co3_isa_t *isa, unsigned f)
{
        const hedge_minifloat_t *all[] = { &isa->fp16, &isa->fp8, &isa->fp4 };

        return all[f];
}

static float *random_gradient(layer_random_t *r, size_t n, double (*one)(layer_random_t *r))
{
        float *x = room(n * sizeof(*x));

        for (size_t i = 0; i < n; i++)
                x[i] = (float)(1e-3 * one(r));
        return x;
}

/* --- the number formats ---------------------------------------------------------------------------------- */

/* The formats as co3.h words them. */
static double number_of(const hedge_minifloat_t *f, unsigned code)
{
        const unsigned e = code >> f->mantissa_bits & ((1u << f->exponent_bits) - 1);
        const unsigned m = code & ((1u << f->mantissa_bits) - 1);
        const double size = e == 0 ? m : ldexp((1u << f->mantissa_bits) + m, (int)e - 1);

        return code >> (f->exponent_bits + f->mantissa_bits) ? -size : size;
}

static unsigned bits_of(const hedge_minifloat_t *f)
{
        return f->exponent_bits + f->mantissa_bits + 1;
}

static unsigned code_at(const hedge_minifloat_t *f, const uint8_t *codes, size_t n, size_t i)
{
        switch (bits_of(f)) {
        case 16:
                return (unsigned)codes[i] << 8 | codes[n + i];
        case 8:
                return codes[i];
        default:
                return codes[i / 2] >> (i % 2 * 4) & 15;
        }
}

static size_t codes_size(const hedge_minifloat_t *f, size_t n)
{
        return (n * bits_of(f) + 7) / 8;
}

static void check_codes_return(const hedge_minifloat_t *f, float scale)
{
        const size_t n = (size_t)1 << bits_of(f);
        float *x = room(n * sizeof(*x)), *error = room(n * sizeof(*error)), *sum = room(n * sizeof(*sum));
        uint8_t *codes = room(codes_size(f, n));

        for (size_t i = 0; i < n; i++) {
                x[i] = (float)(number_of(f, (unsigned)i) * (double)scale);
                error[i] = sum[i] = 0;
        }
        f->convert(x, error, n, 1, scale, codes);
        f->restore(codes, codes + n, n, scale, sum);
        for (size_t i = 0; i < n; i++) {
                /* Zero has one code. */
                assert_int_equal(code_at(f, codes, n, i), i == n / 2 ? 0 : i);
                assert_true(error[i] == 0 && sum[i] == x[i]);
        }
        free(codes);
        free(sum);
        free(error);
        free(x);
}

static void test_every_code_returns(void **state)
{
        static const float scales[] = { 1, 0x1.fp-20f, 0x1.1p3f, HEDGE_CO3_MIN_SCALE, HEDGE_CO3_MAX_SCALE };
        const hedge_co3_isa_t *variants[MAX_VARIANTS];
        const unsigned count = find_variants(variants);

        for (unsigned v = 0; v < count; v++)
                for (unsigned f = 0; f < 3; f++)
                        for (unsigned s = 0; s < sizeof(scales) / sizeof(scales[0]); s++)
                                check_codes_return(minifloat(variants[v], f), scales[s]);
        assert_true(number_of(&base_co3.fp8, 0x7f) == 7 * 0x1p30 && base_co3.fp8.top == 7 * 0x1p30f);
        assert_true(number_of(&base_co3.fp4, 7) == 12 && base_co3.fp4.top == 12);
        assert_true(number_of(&base_co3.fp16, 0x7fff) == 2047 * 0x1p30 && base_co3.fp16.top == 2047 * 0x1p30f);
}

/* The nearest of all codes, of two equally near ones the even. */
static unsigned nearest(const hedge_minifloat_t *f, double x)
{
        const unsigned half = 1u << (bits_of(f) - 1);
        unsigned best = 0;

        x = fmin(fmax(x, -2 * (double)f->top), 2 * (double)f->top); /* or all codes are equally far */
        for (unsigned code = 1; code < half; code++) {
                const double far = fabs(number_of(f, code) - fabs(x)), least = fabs(number_of(f, best) - fabs(x));

                if (far < least || (far == least && code % 2 == 0))
                        best = code;
        }
        return best && x < 0 ? best | half : best;
}

static void check_nearest(const hedge_minifloat_t *f, const float *x, size_t n, float scale)
{
        float *error = room(n * sizeof(*error));
        uint8_t *codes = room(codes_size(f, n));

        memset(error, 0, n * sizeof(*error));
        f->convert(x, error, n, 1, scale, codes);
        for (size_t i = 0; i < n; i++) {
                const unsigned code = code_at(f, codes, n, i), want = nearest(f, (double)x[i] / (double)scale);

                if (code != want)
                        fail_msg("%u bits: %a / %a is code %x, not %x", bits_of(f), (double)x[i], (double)scale, code,
                                 want);
                assert_true(error[i] == (float)((double)x[i] - number_of(f, code) * (double)scale));
        }
        free(codes);
        free(error);
}

/* Everywhere in the range, at every tie, beside it, and beyond both ends. Powers of two scale exactly. */
static void test_nearest_is_nearest(void **state)
{
        const hedge_co3_isa_t *variants[MAX_VARIANTS];
        const unsigned count = find_variants(variants);

        for (unsigned v = 0; v < count; v++)
                for (unsigned k = 1; k < 3; k++) {
                        const hedge_minifloat_t *f = minifloat(variants[v], k);
                        const unsigned half = 1u << (bits_of(f) - 1);
                        layer_random_t r = { 7 };
                        float x[2000];
                        size_t n = 0;

                        for (unsigned c = 0; c + 1 < half; c++) {
                                const float tie = (float)(number_of(f, c) + number_of(f, c + 1)) / 2;

                                x[n++] = tie;
                                x[n++] = -tie;
                                x[n++] = nextafterf(tie, 0);
                                x[n++] = -nextafterf(tie, INFINITY);
                        }
                        x[n++] = f->top * 1.5f;
                        x[n++] = -FLT_MAX;
                        x[n++] = FLT_TRUE_MIN;
                        x[n++] = -0.0f;
                        while (n < 2000)
                                x[n++] = layer_value(&r) * exp2f((float)layer_between(&r, 0, 34));
                        check_nearest(f, x, n, 1);
                        check_nearest(f, x, 4, 0x1p-3f);
                        check_nearest(f, x, 2000, 0x1p5f);
                }
}

/* fp16 has too many codes for brute force on all; its neighbours tell. */
static void test_fp16_is_near(void **state)
{
        const hedge_co3_isa_t *variants[MAX_VARIANTS];
        const unsigned count = find_variants(variants);

        for (unsigned v = 0; v < count; v++) {
                const hedge_minifloat_t *f = &variants[v]->fp16;
                layer_random_t r = { 8 };
                float x[1500], error[1500] = { 0 };
                uint8_t codes[3000];

                for (size_t i = 0; i < 1500; i++)
                        x[i] = layer_value(&r) * exp2f((float)layer_between(&r, 0, 41));
                f->convert(x, error, 1500, 1, 1, codes);
                for (size_t i = 0; i < 1500; i++) {
                        const unsigned code = code_at(f, codes, 1500, i), size = code & 0x7fff;
                        const double far = fabs(number_of(f, code) - (double)x[i]);

                        assert_true(size == 0 || far <= fabs(number_of(f, code - 1) - (double)x[i]));
                        assert_true(size == 0x7fff || far <= fabs(number_of(f, code + 1) - (double)x[i]));
                }
        }
}

typedef struct results {
        float *error, *sum;
        uint8_t *codes;
        uint32_t peak;
} results_t;

static results_t run(const hedge_co3_isa_t *isa, unsigned f, const float *x, const float *memory, size_t n)
{
        const hedge_minifloat_t *m = minifloat(isa, f);
        const float gamma = memory ? 0.7f : 0, scale = 0x1.3p-12f;
        const size_t size = codes_size(m, n);
        results_t r = { room(n * 4), room(n * 4), room(size), isa->peak(x, memory, n, gamma) };

        for (size_t i = 0; i < n; i++) {
                r.error[i] = memory ? memory[i] : 0;
                r.sum[i] = 1;
        }
        m->convert(x, memory ? r.error : NULL, n, gamma, scale, r.codes);
        m->restore(r.codes, r.codes + n, n, 0.3f, r.sum);
        return r;
}

static void compare(const results_t *a, results_t *b, size_t n, size_t size)
{
        assert_memory_equal(a->error, b->error, n * 4);
        assert_memory_equal(a->sum, b->sum, n * 4);
        assert_memory_equal(a->codes, b->codes, size);
        assert_int_equal(a->peak, b->peak);
        free(b->error);
        free(b->sum);
        free(b->codes);
}

/* The same bits whatever the instruction set, at any length, with a memory and without. */
static void test_variants_agree(void **state)
{
        const hedge_co3_isa_t *variants[MAX_VARIANTS];
        const unsigned count = find_variants(variants);
        layer_random_t r = { 9 };

        for (unsigned f = 0; f < 3; f++)
                for (unsigned t = 1; t < 120; t++) {
                        const size_t n = t < 80 ? t : layer_between(&r, 80, 5000);
                        float *x = random_gradient(&r, n, normal), *memory = random_gradient(&r, n, laplacian);
                        const float *used = t % 2 ? memory : NULL;
                        const size_t size = codes_size(minifloat(&base_co3, f), n);
                        results_t first = run(&base_co3, f, x, used, n);

                        for (unsigned v = 1; v < count; v++) {
                                results_t other = run(variants[v], f, x, used, n);

                                compare(&first, &other, n, size);
                        }
                        compare(&first, &first, n, size);
                        free(memory);
                        free(x);
                }
}

/* The peak finds the largest wherever it is, and what is no number. */
static void test_peak(void **state)
{
        const float wrong[] = { INFINITY, -INFINITY, NAN, -NAN };
        const hedge_co3_isa_t *variants[MAX_VARIANTS];
        const unsigned count = find_variants(variants);
        float x[1100] = { 0 }, memory[1100] = { 0 };

        for (unsigned v = 0; v < count; v++)
                for (size_t at = 0; at < 1100; at += at < 70 ? 1 : 37) {
                        const uint32_t three = 0x40400000;

                        x[at] = -2;
                        memory[at] = -2;
                        assert_int_equal(variants[v]->peak(x, memory, 1100, 0.5f), three);
                        assert_int_equal(variants[v]->peak(x, NULL, at + 1, 0), 0x40000000);
                        assert_int_equal(variants[v]->peak(x, memory, at, 0.5f), 0);
                        memory[at] = 0;
                        for (unsigned w = 0; w < 4; w++) {
                                x[at] = wrong[w];
                                assert_true(variants[v]->peak(x, memory, 1100, 1) >= 0x7f800000);
                                assert_true(variants[v]->peak(x, NULL, 1100, 0) >= 0x7f800000);
                        }
                        x[at] = 0;
                }
}

/* --- scales ---------------------------------------------------------------------------------------------- */

static double squared_error(const hedge_minifloat_t *f, const float *x, size_t n, float scale, float *error,
                            uint8_t *codes)
{
        double sum = 0;

        memset(error, 0, n * sizeof(*error));
        f->convert(x, error, n, 1, scale, codes);
        for (size_t i = 0; i < n; i++)
                sum += (double)error[i] * (double)error[i];
        return sum;
}

/* No scale of a far finer grid does much better, also where one entry is a thousand times the others: then most of the
 * error is that entry's, which the steps between scales limit. */
static void check_scale(unsigned k, const float *x, size_t n)
{
        const hedge_minifloat_t *f = minifloat(hedge_co3_isa(), k);
        const uint32_t peak = hedge_co3_isa()->peak(x, NULL, n, 0);
        hedge_bins_t *bins = room(sizeof(*bins));
        float *error = room(n * sizeof(*error));
        uint8_t *codes = room(n);
        double least = INFINITY, found, largest = 0;

        for (size_t i = 0; i < n; i++)
                largest = fmax(largest, fabs((double)x[i]));
        hedge_bins_fill(bins, x, NULL, n, 0, peak);
        found = squared_error(f, x, n, hedge_scale_find(bins, f, peak, 0), error, codes);
        for (double scale = largest * 2 / (double)f->top; scale > largest * 2e-4 / (double)f->top; scale /= 1.02)
                least = fmin(least, squared_error(f, x, n, (float)scale, error, codes));
        /* The fewer the entries, the luckier a scale of a fine grid can be. */
        if (!(found <= (n > 10000 ? 1.02 : n > 512 ? 1.06 : 1.1) * least + pow(0.02 * largest, 2)))
                fail_msg("%u bits: a squared error of %g, not %g", bits_of(f), found, least);
        free(codes);
        free(error);
        free(bins);
}

static void test_scale_is_near_the_best(void **state)
{
        static double (*const draws[])(layer_random_t * r) = { normal, laplacian };
        static const size_t sizes[] = { 100, 500, 2000, 100000 };
        layer_random_t r = { 10 };

        for (unsigned k = 1; k < 3; k++)
                for (unsigned d = 0; d < 2; d++)
                        for (unsigned s = 0; s < 4; s++) {
                                float *x = random_gradient(&r, sizes[s], draws[d]);

                                check_scale(k, x, sizes[s]);
                                x[3] = 1;
                                check_scale(k, x, sizes[s]);
                                free(x);
                        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_code_returns),
                cmocka_unit_test(test_nearest_is_nearest),
                cmocka_unit_test(test_fp16_is_near),
                cmocka_unit_test(test_variants_agree),
                cmocka_unit_test(test_peak),
                cmocka_unit_test(test_scale_is_near_the_best),
        };

        return cmocka_run_group_tests_name("co3", tests, NULL, NULL);
}

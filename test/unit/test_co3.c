/* SPDX-License-Identifier: Apache-2.0 */
/* The gradient codec: its number formats by brute force, its scales, its memory, its messages and what damages them. */
#include <errno.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zstd.h>

#include "common/co3/co3.h"
#include "common/co3/co3_isa.h"
#include "common/co3/scale.h"
#include "common/co3/stream.h"
#include "common/co3/topk.h"
#include "test/unit/layer.h"

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

static void *room(size_t size)
{
        void *p = malloc(size ? size : 1); /* exactly: the sanitizer watches its end */

        assert_non_null(p);
        return p;
}

static double normal(layer_random_t *r)
{
        const double u = (layer_next(r) + 0.5) / 0x1p32, v = (layer_next(r) + 0.5) / 0x1p32;

        return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

static double laplacian(layer_random_t *r)
{
        return (layer_next(r) % 2 ? 1 : -1) * log((layer_next(r) + 0.5) / 0x1p32);
}

static float *random_gradient(layer_random_t *r, size_t n, double (*draw)(layer_random_t *r))
{
        float *x = room(n * sizeof(*x));

        for (size_t i = 0; i < n; i++)
                x[i] = (float)(1e-3 * draw(r));
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

/* --- whole messages -------------------------------------------------------------------------------------- */

static const uint32_t layers[] = { 1, 150, 6, 2400, 7, 48000, 120, 333 };
#define LAYERS (sizeof(layers) / sizeof(layers[0]))

typedef struct rig {
        hedge_co3_t *co3;
        size_t n, size;
        float *gradient, *error, *sum;
        uint8_t *message;
        layer_random_t random;
} rig_t;

static rig_t set_up(const uint32_t *entries, unsigned segments)
{
        rig_t rig = { .random = { 11 } };

        assert_int_equal(hedge_co3_new(entries, segments, &rig.co3), 0);
        rig.n = hedge_co3_entries(rig.co3);
        rig.gradient = room(rig.n * sizeof(float));
        rig.error = calloc(rig.n, sizeof(float));
        rig.sum = calloc(rig.n, sizeof(float));
        rig.message = room(hedge_co3_bound(rig.co3));
        assert_true(rig.error && rig.sum);
        return rig;
}

static void tear_down(rig_t *rig)
{
        free(rig->message);
        free(rig->sum);
        free(rig->error);
        free(rig->gradient);
        hedge_co3_destroy(&rig->co3);
        assert_null(rig->co3);
}

static void draw(rig_t *rig, double (*one)(layer_random_t *r))
{
        for (size_t i = 0; i < rig->n; i++)
                rig->gradient[i] = (float)(1e-3 * one(&rig->random));
}

static hedge_co3_options_t options_for(hedge_co3_format_t format, float gamma, int compress)
{
        return (hedge_co3_options_t){ format, gamma, format == HEDGE_CO3_TOPK ? 4.5f : 0, compress };
}

static void send(rig_t *rig, const hedge_co3_options_t *options, hedge_co3_stats_t *stats)
{
        hedge_why_t why = { "" };
        const int r =
                hedge_co3_encode(rig->co3, options, rig->gradient, rig->error, rig->message, &rig->size, stats, &why);

        if (r < 0)
                fail_msg("%s", why.text);
        assert_true(rig->size <= hedge_co3_bound(rig->co3));
        if (hedge_co3_decode(rig->co3, rig->message, rig->size, 1, rig->sum, &why) < 0)
                fail_msg("%s", why.text);
}

/* What has been decoded is what has been sent less what the memory holds, of every format, packed or not. */
static void test_memory_loses_nothing(void **state)
{
        for (hedge_co3_format_t format = 0; format < HEDGE_CO3_FORMATS; format++)
                for (int compress = 0; compress < 2; compress++) {
                        const hedge_co3_options_t options = options_for(format, 1, compress);
                        rig_t rig = set_up(layers, LAYERS);
                        double *sent = calloc(rig.n, sizeof(*sent));

                        assert_non_null(sent);
                        for (unsigned step = 0; step < 20; step++) {
                                draw(&rig, step % 2 ? normal : laplacian);
                                for (size_t i = 0; i < rig.n; i++)
                                        sent[i] += (double)rig.gradient[i];
                                send(&rig, &options, NULL);
                                for (size_t i = 0; i < rig.n; i++)
                                        assert_true(fabs((double)rig.sum[i] + (double)rig.error[i] - sent[i]) < 1e-8);
                        }
                        free(sent);
                        tear_down(&rig);
                }
}

/* An exact message after coarse ones brings all that they left out. */
static void test_exact_message_empties_memory(void **state)
{
        static const hedge_co3_format_t coarse[] = { HEDGE_CO3_FP4, HEDGE_CO3_TOPK };

        for (unsigned c = 0; c < 2; c++) {
                const hedge_co3_options_t first = options_for(coarse[c], 1, 1),
                                          last = options_for(HEDGE_CO3_FP32, 1, 1);
                rig_t rig = set_up(layers, LAYERS);

                draw(&rig, normal);
                send(&rig, &first, NULL);
                send(&rig, &last, NULL);
                for (size_t i = 0; i < rig.n; i++) {
                        assert_true(rig.error[i] == 0);
                        assert_true(fabs((double)rig.sum[i] - 2 * (double)rig.gradient[i]) < 1e-9);
                }
                tear_down(&rig);
        }
}

/* The memory decays by gamma; without correction it is only said what the last message lacks; without a memory the
 * message is the same. */
static void test_gamma(void **state)
{
        hedge_co3_options_t options = options_for(HEDGE_CO3_FP4, 0.5f, 1);
        rig_t rig = set_up(layers, LAYERS);
        float *first = room(rig.n * sizeof(*first));
        uint8_t *alone = room(hedge_co3_bound(rig.co3));
        size_t size;

        draw(&rig, normal);
        send(&rig, &options, NULL);
        memcpy(first, rig.error, rig.n * sizeof(*first));
        memset(rig.sum, 0, rig.n * sizeof(float));
        send(&rig, &options, NULL);
        for (size_t i = 0; i < rig.n; i++)
                assert_true(fabs((double)rig.sum[i] + (double)rig.error[i] - (double)rig.gradient[i] -
                                 0.5 * (double)first[i]) < 1e-9);
        options.gamma = 0;
        memset(rig.sum, 0, rig.n * sizeof(float));
        send(&rig, &options, NULL);
        assert_memory_equal(rig.error, first, rig.n * sizeof(*first));
        assert_int_equal(hedge_co3_encode(rig.co3, &options, rig.gradient, NULL, alone, &size, NULL, NULL), 0);
        assert_int_equal(size, rig.size);
        assert_memory_equal(alone, rig.message, size);
        free(alone);
        free(first);
        tear_down(&rig);
}

/* A late message goes back into the memory that it came from. */
static void test_late_message_goes_back(void **state)
{
        const hedge_co3_options_t options = options_for(HEDGE_CO3_FP8, 1, 1);
        rig_t rig = set_up(layers, LAYERS);

        draw(&rig, normal);
        send(&rig, &options, NULL);
        assert_int_equal(hedge_co3_decode(rig.co3, rig.message, rig.size, 1, rig.error, NULL), 0);
        for (size_t i = 0; i < rig.n; i++)
                assert_true(fabs((double)rig.error[i] - (double)rig.gradient[i]) < 1e-9);
        tear_down(&rig);
}

static void test_weight(void **state)
{
        for (hedge_co3_format_t format = 0; format < HEDGE_CO3_FORMATS; format++) {
                const hedge_co3_options_t options = options_for(format, 1, 1);
                rig_t rig = set_up(layers, LAYERS);

                draw(&rig, normal);
                send(&rig, &options, NULL);
                assert_int_equal(hedge_co3_decode(rig.co3, rig.message, rig.size, -1, rig.sum, NULL), 0);
                for (size_t i = 0; i < rig.n; i++)
                        assert_true(rig.sum[i] == 0);
                tear_down(&rig);
        }
}

static double relative_error(const rig_t *rig)
{
        double wrong = 0, whole = 0;

        for (size_t i = 0; i < rig->n; i++) {
                wrong += (double)rig->error[i] * (double)rig->error[i];
                whole += (double)rig->gradient[i] * (double)rig->gradient[i];
        }
        return sqrt(wrong / whole);
}

/* Bits per entry after zstd and the relative error, with some room for another seed. */
static void test_bits(void **state)
{
        static const struct {
                hedge_co3_format_t format;
                double (*draw)(layer_random_t *r);
                float max_bits;
                double bits, error; /* at most */
        } rows[] = {
                { HEDGE_CO3_FP8, normal, 0, 5.6, 0.055 },       { HEDGE_CO3_FP8, normal, 4.5f, 4.5, 0.065 },
                { HEDGE_CO3_FP8, laplacian, 4.5f, 4.5, 0.065 }, { HEDGE_CO3_FP4, normal, 0, 3.8, 0.115 },
                { HEDGE_CO3_FP4, normal, 2.2f, 2.2, 0.29 },     { HEDGE_CO3_FP4, laplacian, 2.2f, 2.2, 0.265 },
                { HEDGE_CO3_TOPK, normal, 4.5f, 4.5, 0.48 },    { HEDGE_CO3_TOPK, normal, 2.2f, 2.2, 0.70 },
                { HEDGE_CO3_TOPK, laplacian, 1.0f, 1.0, 0.75 }, { HEDGE_CO3_FP16, normal, 0, 13.7, 0.0003 },
                { HEDGE_CO3_FP32, normal, 0, 32.01, 0 },
        };
        static const uint32_t one[] = { 200000 };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const hedge_co3_options_t options = { rows[i].format, 1, rows[i].max_bits, true };
                rig_t rig = set_up(one, 1);
                hedge_co3_stats_t stats;
                double bits;

                draw(&rig, rows[i].draw);
                send(&rig, &options, &stats);
                bits = 8 * (double)rig.size / (double)rig.n;
                assert_int_equal(stats.bytes, rig.size);
                if (bits > rows[i].bits || bits < 0.95 * rows[i].bits || relative_error(&rig) > rows[i].error)
                        fail_msg("row %zu: %g bits per entry, error %g", i, bits, relative_error(&rig));
                assert_true(stats.entropy <= bits && stats.entropy > 0.97 * bits);
                tear_down(&rig);
        }
}

static void test_entropy(void **state)
{
        const uint8_t bytes[] = { 0, 1, 2, 3, 0, 0, 0, 0 }, halves[] = { 0x21, 0x43, 0x05 };

        assert_true(fabs(hedge_entropy_bytes(bytes, 4) - 8) < 1e-9);
        assert_true(fabs(hedge_entropy_bytes(bytes, 8) - (3 * 3 + 5 * log2(8 / 5.0))) < 1e-9);
        assert_true(fabs(hedge_entropy_halves(halves, 5) - 5 * log2(5)) < 1e-9);
        assert_true(fabs(hedge_entropy_halves(halves, 6) - 6 * log2(6)) < 1e-9);
        assert_true(hedge_entropy_bytes(bytes, 0) == 0 && hedge_entropy_halves(bytes, 1) == 0);
}

/* Top-k keeps to its bits where one entry fits them, compressed or not, and what it keeps are the largest. */
static void test_topk_keeps_its_bits(void **state)
{
        static const uint32_t sizes[] = { 100, 300, 5000, 60000 };

        for (unsigned s = 0; s < 4; s++)
                for (float bits = 0.5f; bits <= 16; bits *= 2)
                        for (int compress = 0; compress < 2; compress++) {
                                const hedge_co3_options_t options = { HEDGE_CO3_TOPK, 1, bits, compress };
                                rig_t rig = set_up(&sizes[s], 1);
                                const double most = fmax((double)bits * sizes[s] / 8 + 8, 8 + 8 + 24 + 4);
                                float least_kept = INFINITY, most_left = 0;

                                draw(&rig, laplacian);
                                send(&rig, &options, NULL);
                                assert_true((double)rig.size <= most);
                                assert_true((double)rig.size > 0.9 * most || sizes[s] < 1000 || bits > 8);
                                for (size_t i = 0; i < rig.n; i++)
                                        if (rig.sum[i] != 0)
                                                least_kept = fminf(least_kept, fabsf(rig.gradient[i]));
                                        else
                                                most_left = fmaxf(most_left, fabsf(rig.gradient[i]));
                                assert_true(isfinite(least_kept) && most_left <= least_kept);
                                tear_down(&rig);
                        }
}

static void test_topk_selects(void **state)
{
        layer_random_t r = { 12 };

        for (unsigned t = 0; t < 500; t++) {
                const size_t n = layer_between(&r, 1, 60), k = layer_between(&r, 1, 70);
                float x[60];
                uint32_t places[60];
                size_t kept, want = 0;

                for (size_t i = 0; i < n; i++)
                        x[i] = (float)layer_between(&r, 0, 6) - 3; /* many equal ones */
                kept = hedge_topk_select(x, n, k, places);
                for (size_t i = 0; i < n; i++) {
                        size_t before = 0;

                        for (size_t j = 0; j < n; j++)
                                before += fabsf(x[j]) > fabsf(x[i]) || (fabsf(x[j]) == fabsf(x[i]) && j < i);
                        if (x[i] != 0 && before < k) {
                                assert_true(want < kept);
                                assert_int_equal(places[want++], i);
                        }
                }
                assert_int_equal(kept, want);
        }
}

static void test_gaps(void **state)
{
        layer_random_t r = { 13 };

        for (unsigned t = 0; t < 200; t++) {
                uint32_t places[100], place = 0;
                uint8_t gaps[100 + 100000 / 255];
                const uint8_t *at = gaps;
                size_t k = layer_between(&r, 0, 100), size, next = SIZE_MAX;

                for (size_t i = 0; i < k; i++) {
                        place += layer_between(&r, 0, 3) ? layer_between(&r, 0, 3) : layer_between(&r, 253, 770);
                        places[i] = place++;
                }
                size = hedge_gaps_write(places, k, gaps);
                assert_true(size <= hedge_gaps_bound(k, place));
                assert_true(hedge_gaps_valid(gaps, size, k, place));
                assert_false(hedge_gaps_valid(gaps, size, k + 1, place));
                assert_true(k == 0 || !hedge_gaps_valid(gaps, size, k, place - 1));
                assert_true(k == 0 || !hedge_gaps_valid(gaps, size - 1, k, place));
                for (size_t i = 0; i < k; i++) {
                        next = hedge_gaps_next(&at, next);
                        assert_int_equal(next, places[i]);
                }
        }
}

/* Gradients of zeros, tiny, huge and mixed ones stay finite and lose nothing. */
static void test_extremes(void **state)
{
        static const float sizes[] = { 0, FLT_TRUE_MIN, 0x1p-90f, 0x1p-84f, 1e-20f, 1e20f, 0x1p100f, FLT_MAX };

        for (hedge_co3_format_t format = 0; format < HEDGE_CO3_FORMATS; format++)
                for (unsigned s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
                        const hedge_co3_options_t options = options_for(format, 0.9f, 1);
                        rig_t rig = set_up(layers, LAYERS);

                        for (size_t i = 0; i < rig.n; i++)
                                rig.gradient[i] = i % 3 ? sizes[s] * layer_value(&rig.random) : i % 2 ? sizes[s] : 0;
                        send(&rig, &options, NULL);
                        for (size_t i = 0; i < rig.n; i++) {
                                assert_true(isfinite(rig.sum[i]) && isfinite(rig.error[i]));
                                assert_true(fabs((double)rig.sum[i] + (double)rig.error[i] - (double)rig.gradient[i]) <=
                                            1e-6 * (double)sizes[s]);
                        }
                        tear_down(&rig);
                }
}

static void test_bad_gradients_change_nothing(void **state)
{
        static const float wrong[] = { INFINITY, -INFINITY, NAN };
        rig_t rig = set_up(layers, LAYERS);
        float *before = room(rig.n * sizeof(*before));

        draw(&rig, normal);
        for (size_t i = 0; i < rig.n; i++)
                before[i] = rig.error[i] = (float)i;
        for (unsigned w = 0; w < 3; w++)
                for (hedge_co3_format_t format = 0; format < HEDGE_CO3_FORMATS; format++) {
                        const hedge_co3_options_t options = options_for(format, 1, 1);
                        const size_t at = layer_between(&rig.random, 0, (uint32_t)rig.n - 1);
                        const float right = rig.gradient[at];
                        hedge_why_t why = { "" };

                        rig.gradient[at] = wrong[w];
                        assert_int_equal(hedge_co3_encode(rig.co3, &options, rig.gradient, rig.error, rig.message,
                                                          &rig.size, NULL, &why),
                                         -EINVAL);
                        assert_non_null(strstr(why.text, "not finite"));
                        rig.gradient[at] = right;
                }
        assert_memory_equal(before, rig.error, rig.n * sizeof(*before));
        free(before);
        tear_down(&rig);
}

static void test_bad_options(void **state)
{
        static const hedge_co3_options_t bad[] = {
                { HEDGE_CO3_FORMATS, 0, 0, true }, { HEDGE_CO3_FP8, 1.1f, 0, true },   { HEDGE_CO3_FP8, NAN, 0, true },
                { HEDGE_CO3_FP8, -0.1f, 0, true }, { HEDGE_CO3_FP8, 0, 0.4f, true },   { HEDGE_CO3_FP4, 0, NAN, true },
                { HEDGE_CO3_TOPK, 0, 0, true },    { HEDGE_CO3_TOPK, 0, 17.0f, true },
        };
        rig_t rig = set_up(layers, LAYERS);
        hedge_co3_options_t options = options_for(HEDGE_CO3_FP8, 1, 1);
        hedge_co3_t *none = NULL;
        hedge_co3_format_t format;

        draw(&rig, normal);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                hedge_why_t why = { "" };

                assert_int_equal(
                        hedge_co3_encode(rig.co3, &bad[i], rig.gradient, rig.error, rig.message, &rig.size, NULL, &why),
                        -EINVAL);
                assert_true(why.text[0]);
        }
        assert_int_equal(hedge_co3_encode(rig.co3, &options, rig.gradient, NULL, rig.message, &rig.size, NULL, NULL),
                         -EINVAL);
        assert_int_equal(hedge_co3_new(layers, 0, &none), -EINVAL);
        assert_int_equal(hedge_co3_new((uint32_t[]){ 3, 0 }, 2, &none), -EINVAL);
        assert_int_equal(hedge_co3_new((uint32_t[]){ 1u << 28, 1 }, 2, &none), HEDGE_ELIMIT);
        assert_null(none);
        for (hedge_co3_format_t i = 0; i < HEDGE_CO3_FORMATS; i++) {
                assert_int_equal(hedge_co3_format_parse(hedge_co3_format_name(i), &format), 0);
                assert_int_equal(format, i);
        }
        assert_int_equal(hedge_co3_format_parse("fp64", &format), -EINVAL);
        assert_null(hedge_co3_format_name(HEDGE_CO3_FORMATS));
        tear_down(&rig);
}

/* --- damage ---------------------------------------------------------------------------------------------- */

static const uint32_t small_layers[] = { 3, 400, 90 };

static rig_t small_message(hedge_co3_format_t format)
{
        const hedge_co3_options_t options = options_for(format, 1, 1);
        rig_t rig = set_up(small_layers, 3);

        draw(&rig, normal);
        send(&rig, &options, NULL);
        return rig;
}

static int decode_exactly(const rig_t *rig, const uint8_t *bytes, size_t size, float *sum, hedge_why_t *why)
{
        uint8_t *copy = room(size); /* exactly: the sanitizer watches its end */
        int r;

        memcpy(copy, bytes, size);
        r = hedge_co3_decode(rig->co3, copy, size, 1, sum, why);
        free(copy);
        return r;
}

/* Every shorter message is refused with a sentence, and nothing is written. */
static void test_cut_messages(void **state)
{
        for (hedge_co3_format_t format = 0; format < HEDGE_CO3_FORMATS; format++) {
                rig_t rig = small_message(format);
                float *before = room(rig.n * sizeof(*before));

                memcpy(before, rig.sum, rig.n * sizeof(*before));
                for (size_t size = 0; size < rig.size; size++) {
                        hedge_why_t why = { "" };

                        assert_int_equal(decode_exactly(&rig, rig.message, size, rig.sum, &why), HEDGE_EMALFORMED);
                        assert_true(why.text[0]);
                }
                assert_memory_equal(before, rig.sum, rig.n * sizeof(*before));
                free(before);
                tear_down(&rig);
        }
}

/* Any other byte anywhere either makes finite numbers or is refused with a sentence before anything is written. */
static void test_damaged_messages(void **state)
{
        for (hedge_co3_format_t format = 0; format < HEDGE_CO3_FORMATS; format++) {
                rig_t rig = small_message(format);
                float *sum = room(rig.n * sizeof(*sum));

                for (unsigned t = 0; t < 4000; t++) {
                        const size_t at = t < rig.size ? t : layer_between(&rig.random, 0, (uint32_t)rig.size - 1);
                        const uint8_t right = rig.message[at];
                        hedge_why_t why = { "" };
                        int r;

                        rig.message[at] ^= (uint8_t)layer_between(&rig.random, 1, 255);
                        memset(sum, 0, rig.n * sizeof(*sum));
                        r = decode_exactly(&rig, rig.message, rig.size, sum, &why);
                        assert_true(r == 0 || why.text[0]);
                        for (size_t i = 0; i < rig.n; i++)
                                assert_true(r == 0 ? isfinite(sum[i]) : sum[i] == 0);
                        rig.message[at] = right;
                }
                free(sum);
                tear_down(&rig);
        }
}

static void refuse(const rig_t *rig, size_t at, const void *bytes, size_t size, int code, const char *text)
{
        uint8_t *message = room(rig->size);
        hedge_why_t why = { "" };

        memcpy(message, rig->message, rig->size);
        memcpy(message + at, bytes, size);
        assert_int_equal(decode_exactly(rig, message, rig->size, rig->sum, &why), code);
        if (!strstr(why.text, text))
                fail_msg("\"%s\", not \"%s\"", why.text, text);
        free(message);
}

static void test_wrong_fields(void **state)
{
        const float scales[] = { 0, -1, NAN, INFINITY, 0x1p87f, 0x1p-127f };
        const uint32_t four = 4, huge = UINT32_MAX;
        rig_t rig = small_message(HEDGE_CO3_FP8), exact = small_message(HEDGE_CO3_FP32);
        uint8_t longer[3000] = { 0 };
        hedge_why_t why;

        refuse(&rig, 0, "\2", 1, HEDGE_EVERSION, "version 2");
        refuse(&rig, 1, "\5", 1, HEDGE_EMALFORMED, "unknown format 5");
        refuse(&rig, 2, "\1", 1, HEDGE_EMALFORMED, "");
        refuse(&rig, 4, &four, 4, HEDGE_ESHAPE, "4 segments, not 3");
        refuse(&rig, 8, &four, 4, HEDGE_ESHAPE, "4 entries, not 3");
        for (size_t i = 0; i < sizeof(scales) / sizeof(scales[0]); i++)
                refuse(&rig, 12, &scales[i], 4, HEDGE_EMALFORMED, "scale");
        refuse(&rig, 16, &huge, 4, HEDGE_EMALFORMED, "a stream of 4294967295 bytes");
        refuse(&rig, 20, &huge, 4, HEDGE_EMALFORMED, "stores 4294967295 of 3");
        refuse(&rig, 8 + 8 + 8 + 3 + 8 + 8, "\0", 1, HEDGE_EMALFORMED, "not one zstd frame");
        refuse(&exact, 24, &scales[2], 4, HEDGE_EMALFORMED, "not finite");
        memcpy(longer, rig.message, rig.size);
        assert_int_equal(decode_exactly(&rig, longer, rig.size + 1, rig.sum, &why), HEDGE_EMALFORMED);
        assert_non_null(strstr(why.text, "1 bytes behind"));
        tear_down(&exact);
        tear_down(&rig);
}

/* A message of one segment whose only stream has these bytes. */
static int decode_stream(const rig_t *rig, uint32_t raw, const void *bytes, uint32_t stored, hedge_why_t *why)
{
        const uint32_t fields[] = { 1 | HEDGE_CO3_FP8 << 8, 1, (uint32_t)rig->n, 0x3f800000, raw, stored };
        uint8_t message[2000];

        assert_true(sizeof(fields) + stored <= sizeof(message));
        memcpy(message, fields, sizeof(fields));
        memcpy(message + sizeof(fields), bytes, stored);
        return decode_exactly(rig, message, sizeof(fields) + stored, rig->sum, why);
}

/* Streams of another length, frames of another length, frames that do not say theirs, two frames, none. */
static void test_wrong_streams(void **state)
{
        static const uint32_t one[] = { 1000 };
        rig_t rig = set_up(one, 1);
        ZSTD_CCtx *zstd = ZSTD_createCCtx();
        uint8_t codes[1001] = { 1, 2, 3 }, frame[1000];
        hedge_why_t why;
        uint32_t size;

        assert_int_equal(decode_stream(&rig, 1000, codes, 1000, &why), 0);
        assert_int_equal(decode_stream(&rig, 999, codes, 999, &why), HEDGE_EMALFORMED);
        assert_non_null(strstr(why.text, "999 bytes, where 1000 to 1000"));
        assert_int_equal(decode_stream(&rig, 1001, codes, 1001, &why), HEDGE_EMALFORMED);
        for (uint32_t n = 999; n <= 1001; n++) {
                size = (uint32_t)ZSTD_compress2(zstd, frame, sizeof(frame), codes, n);
                assert_int_equal(decode_stream(&rig, 1000, frame, size, &why), n == 1000 ? 0 : HEDGE_EMALFORMED);
        }
        assert_non_null(strstr(why.text, "does not say that it holds 1000"));
        size = (uint32_t)ZSTD_compress2(zstd, frame, sizeof(frame), codes, 500);
        memcpy(frame + size, frame, size);
        assert_int_equal(decode_stream(&rig, 1000, frame, 2 * size, &why), HEDGE_EMALFORMED);
        assert_non_null(strstr(why.text, "not one zstd frame"));
        ZSTD_CCtx_setParameter(zstd, ZSTD_c_contentSizeFlag, 0);
        size = (uint32_t)ZSTD_compress2(zstd, frame, sizeof(frame), codes, 1000);
        assert_int_equal(decode_stream(&rig, 1000, frame, size, &why), HEDGE_EMALFORMED);
        assert_non_null(strstr(why.text, "does not say"));
        ZSTD_freeCCtx(zstd);
        tear_down(&rig);
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
                cmocka_unit_test(test_memory_loses_nothing),
                cmocka_unit_test(test_exact_message_empties_memory),
                cmocka_unit_test(test_gamma),
                cmocka_unit_test(test_entropy),
                cmocka_unit_test(test_late_message_goes_back),
                cmocka_unit_test(test_weight),
                cmocka_unit_test(test_bits),
                cmocka_unit_test(test_topk_keeps_its_bits),
                cmocka_unit_test(test_topk_selects),
                cmocka_unit_test(test_gaps),
                cmocka_unit_test(test_extremes),
                cmocka_unit_test(test_bad_gradients_change_nothing),
                cmocka_unit_test(test_bad_options),
                cmocka_unit_test(test_cut_messages),
                cmocka_unit_test(test_damaged_messages),
                cmocka_unit_test(test_wrong_fields),
                cmocka_unit_test(test_wrong_streams),
        };

        return cmocka_run_group_tests_name("co3", tests, NULL, NULL);
}

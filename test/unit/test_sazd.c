/* SPDX-License-Identifier: Apache-2.0 */
/* The shift-and-add code: every pattern against the truth and the oracle, its errors against what it says of them,
 * updates of coded blocks, arguments that make no sense. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/code/random.h"
#include "common/code/sazd/isa.h"
#include "common/code/sazd/sazd.h"
#include "test/unit/layer.h"

#define GUARD 12345.0f
#define MAX_K 10

/* Data, all coded blocks, and the data computed again; rows lie `pad` floats apart in everything. */
typedef struct bed {
        hedge_sazd_t *code;
        size_t cols, stride;
        hedge_sazd_in_t blocks[HEDGE_SAZD_MAX_BLOCKS];
        hedge_sazd_out_t own[HEDGE_SAZD_MAX_BLOCKS]; /* the same, to free */
        hedge_sazd_out_t out[HEDGE_SAZD_MAX_BLOCKS];
} bed_t;

static hedge_sazd_t *code_of(unsigned k, unsigned r, uint32_t rows, uint32_t step)
{
        const hedge_sazd_params_t params = { k, r, rows, step };
        hedge_sazd_t *code = NULL;

        assert_int_equal(hedge_sazd_new(&params, &code, NULL), 0);
        return code;
}

/* Exactly as large as the block is, so that the sanitizer watches its end. */
static hedge_sazd_out_t room(const bed_t *b, uint32_t rows)
{
        const size_t n = (rows - 1) * b->stride + b->cols;
        hedge_sazd_out_t out = { malloc(n * sizeof(float)), b->stride };

        assert_non_null(out.data);
        for (size_t i = 0; i < n; i++)
                out.data[i] = GUARD;
        return out;
}

/* Nothing has been written between the rows. */
static void check_gaps(const bed_t *b, hedge_sazd_out_t x, uint32_t rows)
{
        for (uint32_t row = 0; row + 1 < rows; row++)
                for (size_t c = b->cols; c < b->stride; c++)
                        assert_true(x.data[row * x.stride + c] == GUARD);
}

static void bed_open(bed_t *b, uint64_t *state, const hedge_sazd_params_t *params, size_t cols, size_t pad, bool whole)
{
        *b = (bed_t){ code_of(params->k, params->r, params->rows, params->step),
                      cols,
                      cols + pad,
                      { { 0 } },
                      { { 0 } },
                      { { 0 } } };
        for (unsigned i = 0; i < params->k + params->r; i++) {
                const uint32_t rows = hedge_sazd_rows(b->code, i);

                b->own[i] = room(b, rows);
                b->blocks[i] = (hedge_sazd_in_t){ b->own[i].data, b->stride };
                if (i < params->k)
                        b->out[i] = room(b, rows);
                for (uint32_t row = 0; i < params->k && row < rows; row++)
                        for (size_t c = 0; c < cols; c++)
                                b->own[i].data[row * b->stride + c] =
                                        whole ? (float)hedge_random_below(state, 2001) - 1000
                                              : (float)hedge_random_normal(state);
        }
        for (unsigned i = params->k; i < params->k + params->r; i++) {
                assert_int_equal(hedge_sazd_encode(b->code, i, cols, b->blocks, b->own[i]), 0);
                check_gaps(b, b->own[i], hedge_sazd_rows(b->code, i));
        }
}

static void bed_close(bed_t *b)
{
        for (unsigned i = 0; i < HEDGE_SAZD_MAX_BLOCKS; i++) {
                free(b->own[i].data);
                free(b->out[i].data);
        }
        hedge_sazd_destroy(&b->code);
        assert_null(b->code);
}

/* Row t of parity p, column c, straight from the definition. */
static double parity_of(const bed_t *b, unsigned p, uint32_t t, size_t c, uint32_t step)
{
        double sum = 0;

        for (unsigned i = 0; i < hedge_sazd_k(b->code); i++) {
                const int64_t row = (int64_t)t - (int64_t)i * p * step;

                if (row >= 0 && row < hedge_sazd_rows(b->code, i))
                        sum += (double)b->blocks[i].data[(size_t)row * b->stride + c];
        }
        return sum;
}

static void check_parities(const bed_t *b, uint32_t step)
{
        const unsigned k = hedge_sazd_k(b->code);

        for (unsigned p = 0; p < hedge_sazd_r(b->code); p++)
                for (uint32_t t = 0; t < hedge_sazd_rows(b->code, k + p); t++)
                        for (size_t c = 0; c < b->cols; c++)
                                assert_true(b->blocks[k + p].data[t * b->stride + c] ==
                                            (float)parity_of(b, p, t, c, step));
}

/* Decode from these blocks; all others are unreadable. @return the largest error. */
static double decode(bed_t *b, uint32_t have, uint32_t *ret_missing, double *ret_growth)
{
        const unsigned k = hedge_sazd_k(b->code), n = k + hedge_sazd_r(b->code);
        hedge_sazd_in_t blocks[HEDGE_SAZD_MAX_BLOCKS] = { { 0 } };
        hedge_sazd_out_t out[HEDGE_SAZD_MAX_BLOCKS] = { { 0 } };
        hedge_sazd_plan_t *plan = NULL;
        double worst = 0;

        assert_int_equal(hedge_sazd_plan_new(b->code, have, &plan), 0);
        const uint32_t uses = hedge_sazd_plan_uses(plan), missing = hedge_sazd_plan_missing(plan);

        assert_int_equal(uses & ~have, 0);
        assert_int_equal(__builtin_popcount(uses), k);
        assert_int_equal(missing, ~have & (uint32_t)((UINT64_C(1) << k) - 1));
        for (unsigned i = 0; i < n; i++) {
                if (uses >> i & 1)
                        blocks[i] = b->blocks[i];
                if (i < k && (missing >> i & 1)) {
                        out[i] = b->out[i];
                        for (uint32_t row = 0; row < hedge_sazd_rows(b->code, i); row++)
                                for (size_t c = 0; c < b->cols; c++)
                                        out[i].data[row * b->stride + c] = NAN;
                }
        }
        assert_int_equal(hedge_sazd_decode(plan, b->cols, blocks, out), 0);
        for (unsigned i = 0; i < k; i++)
                for (uint32_t row = 0; out[i].data && row < hedge_sazd_rows(b->code, i); row++)
                        for (size_t c = 0; c < b->cols; c++) {
                                const double error = fabs((double)out[i].data[row * b->stride + c] -
                                                          (double)b->blocks[i].data[row * b->stride + c]);

                                if (!(error <= worst) && !isnan(worst))
                                        worst = error;
                        }
        for (unsigned i = 0; i < k; i++)
                if (out[i].data)
                        check_gaps(b, out[i], hedge_sazd_rows(b->code, i));
        if (ret_growth)
                assert_int_equal(hedge_sazd_plan_growth(plan, ret_growth), 0);
        if (ret_missing)
                *ret_missing = missing;
        hedge_sazd_plan_destroy(&plan);
        assert_null(plan);
        return worst;
}

/* Whole numbers: sums are exact, and so must everything be, for every set of k blocks and more. */
static void test_every_pattern(void **state)
{
        uint64_t random = 1;

        (void)state;
        for (unsigned k = 1; k <= MAX_K; k++)
                for (unsigned r = 0; k + r <= 10; r++)
                        for (unsigned variant = 0; variant < 2; variant++) {
                                const hedge_sazd_params_t params = { k, r,
                                                                     variant ? 1 + hedge_random_below(&random, 40) : 7,
                                                                     variant ? 1 + hedge_random_below(&random, 5) : 0 };
                                bed_t b;

                                bed_open(&b, &random, &params, 1 + hedge_random_below(&random, 5), 2 * variant, true);
                                check_parities(&b, params.step ? params.step : 1);
                                for (uint32_t have = 0; have < 1u << (k + r); have++)
                                        if (__builtin_popcount(have) == (int)k ||
                                            (__builtin_popcount(have) > (int)k && hedge_random_below(&random, 8) == 0))
                                                assert_true(decode(&b, have, NULL, NULL) == 0);
                                bed_close(&b);
                        }
}

static void test_wide_blocks(void **state)
{
        static const size_t widths[] = { 31, 32, 33, 64, 100 };
        uint64_t random = 2;

        (void)state;
        for (unsigned w = 0; w < sizeof(widths) / sizeof(widths[0]); w++)
                for (unsigned pad = 0; pad < 2; pad++) {
                        bed_t b;

                        bed_open(&b, &random, &(hedge_sazd_params_t){ 4, 3, 50, 0 }, widths[w], pad, true);
                        check_parities(&b, 1);
                        assert_true(decode(&b, 0x71, NULL, NULL) == 0);
                        assert_true(decode(&b, 0x59, NULL, NULL) == 0);
                        assert_true(decode(&b, 0x1e, NULL, NULL) == 0);
                        bed_close(&b);
                }
}

/* Every instruction set against plain loops, at any alignment and length, and no more is written. */
static void check_sums(const hedge_sazd_isa_t *isa, uint64_t *random)
{
        float x[6][160], y[160];

        for (size_t n = 0; n < 140; n++) {
                const size_t shift = hedge_random_below(random, 8);
                const unsigned count = hedge_random_below(random, 5);
                const bool subtract = hedge_random_below(random, 2);
                const float *others[5];

                for (unsigned o = 0; o < 6; o++)
                        for (size_t i = 0; i < 160; i++)
                                x[o][i] = (float)hedge_random_normal(random);
                for (unsigned o = 0; o < 5; o++)
                        others[o] = x[o + 1] + hedge_random_below(random, 8);
                for (size_t i = 0; i < 160; i++)
                        y[i] = GUARD;
                isa->sum(x[0], others, count, subtract, y + shift, n);
                for (size_t i = 0; i < n; i++) {
                        double sum = (double)x[0][i];

                        for (unsigned o = 0; o < count; o++)
                                sum += (subtract ? -1 : 1) * (double)others[o][i];
                        assert_true(y[shift + i] == (float)sum);
                }
                assert_true(y[shift + n] == GUARD && (shift == 0 || y[shift - 1] == GUARD));
                memset(y + shift, 0, n * sizeof(*y));
                isa->add(0.5f, x[0], y + shift, n);
                for (size_t i = 0; i < n; i++)
                        assert_true(y[shift + i] == 0.5f * x[0][i]);
                assert_true(y[shift + n] == GUARD && (shift == 0 || y[shift - 1] == GUARD));
        }
}

static void test_instruction_sets(void **state)
{
        uint64_t random = 11;

        (void)state;
        check_sums(&base_sazd, &random);
#ifdef __x86_64__
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
                check_sums(&avx2_sazd, &random);
        if (__builtin_cpu_supports("avx512f"))
                check_sums(&avx512_sazd, &random);
#endif
}

static void test_largest_codes(void **state)
{
        uint64_t random = 3;
        bed_t b;

        (void)state;
        bed_open(&b, &random, &(hedge_sazd_params_t){ 28, 4, 9, 3 }, 2, 0, true);
        assert_true(decode(&b, 0xfffffff0u, NULL, NULL) == 0);
        assert_true(decode(&b, 0xf7f7f7f7u, NULL, NULL) == 0);
        bed_close(&b);
        bed_open(&b, &random, &(hedge_sazd_params_t){ 16, 16, 5, 0 }, 1, 0, true);
        assert_true(decode(&b, 0xffff0000u, NULL, NULL) == 0);
        bed_close(&b);
        bed_open(&b, &random, &(hedge_sazd_params_t){ 1, 31, 5, UINT32_MAX }, 1, 0, true);
        assert_true(decode(&b, 0x80000000u, NULL, NULL) == 0);
        bed_close(&b);
        bed_open(&b, &random, &(hedge_sazd_params_t){ 32, 0, 5, UINT32_MAX }, 1, 0, true);
        assert_true(decode(&b, UINT32_MAX, NULL, NULL) == 0);
        bed_close(&b);
}

/* Every set of blocks: nothing is worse than what the code says, and the worst comes near it. */
static void check_errors(uint64_t *random, unsigned k, unsigned r, uint32_t rows, uint32_t step, double limit)
{
        double worst[MAX_K] = { 0 }, predicted, largest = 0, growth, all = 0;
        bed_t b;

        bed_open(&b, random, &(hedge_sazd_params_t){ k, r, rows, step }, 16, 0, false);
        for (uint32_t have = 0; have < 1u << (k + r); have++) {
                uint32_t missing;
                double error;

                if (__builtin_popcount(have) != (int)k)
                        continue;
                error = decode(&b, have, &missing, &growth);
                worst[__builtin_popcount(missing)] = fmax(worst[__builtin_popcount(missing)], error);
                largest = fmax(largest, growth);
        }
        assert_true(worst[0] == 0);
        for (unsigned m = 1; m <= r && m <= k; m++) {
                assert_int_equal(hedge_sazd_error(b.code, m, 0, &predicted), 0);
                if (!(worst[m] <= predicted && worst[m] >= predicted / 4))
                        fail_msg("k=%u r=%u %u rows, step %u, %u missing: %g and not %g", k, r, rows, step, m, worst[m],
                                 predicted);
                all = fmax(all, worst[m]);
        }
        /* Neighbours are the worst: no pattern grows more, but for the error of measuring it. */
        assert_true(4 * (largest + 2) * 2.53e-8 * sqrt(k + 1) <= 1.25 * predicted);
        if (!(all <= limit))
                fail_msg("k=%u r=%u %u rows, step %u: %g is above %g", k, r, rows, step, all, limit);
        if (getenv("HEDGE_TEST_VERBOSE"))
                print_message("k=%u r=%u %u rows, step %u: growth %.1f, error %.1e, predicted %.1e\n", k, r, rows, step,
                              largest, all, predicted);
        bed_close(&b);
}

static void test_errors(void **state)
{
        uint64_t random = 4;

        (void)state;
        for (unsigned k = 4; k <= 8; k++)
                check_errors(&random, k, 2, 512, 1, 1e-5);
        check_errors(&random, 4, 1, 512, 1, 1e-6);
        check_errors(&random, 4, 3, 256, 1, 1e-3);
        check_errors(&random, 4, 3, 256, 16, 1e-5);
        check_errors(&random, 6, 3, 64, 1, 1e-4);
}

/* Noise in what the boards send grows as the code says. */
static void test_noise(void **state)
{
        const double noise = 1e-4;
        uint64_t random = 5;
        double predicted, error;
        bed_t b;

        (void)state;
        bed_open(&b, &random, &(hedge_sazd_params_t){ 6, 2, 256, 1 }, 32, 0, false);
        for (unsigned i = 6; i < 8; i++)
                for (size_t e = 0; e < hedge_sazd_rows(b.code, i) * b.cols; e++)
                        b.own[i].data[e] += (float)(noise * sqrt(6) * hedge_random_normal(&random));
        error = decode(&b, 0xfc, NULL, NULL);
        assert_int_equal(hedge_sazd_error(b.code, 2, noise, &predicted), 0);
        if (!(error < 1.3 * predicted && error > predicted / 2.5))
                fail_msg("%g and not %g", error, predicted);
        bed_close(&b);
}

static void test_budget(void **state)
{
        hedge_sazd_t *code = code_of(4, 4, 256, 1);
        hedge_why_t why = { "" };

        (void)state;
        assert_int_equal(hedge_sazd_check(code, 0, 1e-3, &why), HEDGE_ELIMIT);
        assert_non_null(strstr(why.text, "k = 4, r = 4, 256 rows"));
        assert_non_null(strstr(why.text, "at most r = 3 "));
        assert_int_equal(hedge_sazd_check(code, 0, 1e-5, &why), HEDGE_ELIMIT);
        assert_non_null(strstr(why.text, "at most r = 2 "));
        assert_int_equal(hedge_sazd_check(code, 0, 1e-12, &why), HEDGE_ELIMIT);
        assert_non_null(strstr(why.text, "at most r = 0 "));
        assert_int_equal(hedge_sazd_check(code, 1e-6, 1e-5, NULL), HEDGE_ELIMIT);
        assert_int_equal(hedge_sazd_check(code, 0, 10, NULL), 0);
        assert_int_equal(hedge_sazd_check(code, 0, 0, NULL), -EINVAL);
        assert_int_equal(hedge_sazd_check(code, 0, NAN, NULL), -EINVAL);
        assert_int_equal(hedge_sazd_check(code, -1, 1, NULL), -EINVAL);
        assert_int_equal(hedge_sazd_check(code, INFINITY, 1, NULL), -EINVAL);
        hedge_sazd_destroy(&code);
        code = code_of(4, 4, 512, 32);
        assert_int_equal(hedge_sazd_check(code, 0, 1e-3, NULL), 0);
        hedge_sazd_destroy(&code);
        code = code_of(4, 0, 512, 1);
        assert_int_equal(hedge_sazd_check(code, 0, 1e-12, NULL), 0);
        hedge_sazd_destroy(&code);
}

/* W -= eta delta X^T in double. */
static void update_exactly(double *w, size_t rows, size_t cols, const float *delta, const float *x, double eta)
{
        for (size_t i = 0; i < rows; i++)
                for (size_t j = 0; j < cols; j++)
                        w[i * cols + j] -= eta * (double)delta[i] * (double)x[j];
}

/* What a board does: encode delta with its own shifts, update the block it holds. */
static void update_block(const hedge_sazd_t *code, unsigned block, size_t cols, const float *delta, const float *x,
                         float eta, hedge_sazd_out_t held)
{
        const uint32_t rows = hedge_sazd_rows(code, block), whole = hedge_sazd_rows(code, 0);
        hedge_sazd_in_t parts[HEDGE_SAZD_MAX_BLOCKS];
        float *coded = malloc(rows * sizeof(float));

        for (unsigned i = 0; i < hedge_sazd_k(code); i++)
                parts[i] = (hedge_sazd_in_t){ delta + (size_t)i * whole, 1 };
        assert_int_equal(hedge_sazd_encode(code, block, 1, parts, (hedge_sazd_out_t){ coded, 1 }), 0);
        for (uint32_t i = 0; i < rows; i++)
                for (size_t j = 0; j < cols; j++)
                        held.data[i * held.stride + j] -= eta * coded[i] * x[j];
        free(coded);
}

/* The paper's theorem: blocks that are only ever updated where they are stay encodings of the true weights. */
static void test_updates_keep_to_the_code(void **state)
{
        const double eta = 0.05;
        uint64_t random = 6;
        double worst = 0, peak = 0;
        double *w;
        bed_t b;

        (void)state;
        bed_open(&b, &random, &(hedge_sazd_params_t){ 5, 2, 13, 1 }, 20, 3, false);
        w = calloc(65 * 20, sizeof(*w));
        for (unsigned i = 0; i < 65 * 20; i++)
                w[i] = (double)b.blocks[i / 260].data[i / 20 % 13 * b.stride + i % 20];
        for (unsigned step = 0; step < 200; step++) {
                float delta[65], x[20];

                for (unsigned i = 0; i < 65; i++)
                        delta[i] = (float)hedge_random_normal(&random);
                for (unsigned i = 0; i < 20; i++)
                        x[i] = (float)hedge_random_normal(&random);
                update_exactly(w, 65, 20, delta, x, eta);
                for (unsigned block = 0; block < 7; block++)
                        update_block(b.code, block, 20, delta, x, (float)eta, b.own[block]);
        }
        for (unsigned block = 0; block < 7; block++) /* from the truth, by the definition */
                for (uint32_t t = 0; t < hedge_sazd_rows(b.code, block); t++)
                        for (unsigned c = 0; c < 20; c++) {
                                double sum = block < 5 ? w[(block * 13 + t) * 20 + c] : 0;

                                for (unsigned i = 0; i < 5 && block >= 5; i++) {
                                        const int row = (int)t - (int)(i * (block - 5));

                                        if (row >= 0 && row < 13)
                                                sum += w[(i * 13 + (unsigned)row) * 20 + c];
                                }
                                peak = fmax(peak, fabs(sum));
                                worst = fmax(worst, fabs(sum - (double)b.own[block].data[t * b.stride + c]));
                        }
        assert_true(peak > 1);
        if (!(worst <= 5e-6 * peak && worst > 0))
                fail_msg("after 200 updates: %g at a peak of %g", worst, peak);
        assert_true(decode(&b, 0x73, NULL, NULL) < 2e-4);
        free(w);
        bed_close(&b);
}

/* One data block after the other makes what all at once do; alpha takes it away again. */
static void test_add(void **state)
{
        uint64_t random = 7;
        bed_t b;

        (void)state;
        bed_open(&b, &random, &(hedge_sazd_params_t){ 4, 3, 11, 2 }, 9, 4, true);
        for (unsigned block = 0; block < 7; block++) {
                const uint32_t rows = hedge_sazd_rows(b.code, block);
                hedge_sazd_out_t y = room(&b, rows);

                for (uint32_t row = 0; row < rows; row++)
                        memset(y.data + row * y.stride, 0, b.cols * sizeof(float));
                for (unsigned i = 0; i < 4; i++)
                        assert_int_equal(hedge_sazd_add(b.code, block, i, b.cols, 2, b.blocks[i], y), 0);
                for (uint32_t row = 0; row < rows; row++)
                        for (size_t c = 0; c < b.cols; c++)
                                assert_true(y.data[row * y.stride + c] == 2 * b.blocks[block].data[row * b.stride + c]);
                for (unsigned i = 0; i < 4; i++)
                        assert_int_equal(hedge_sazd_add(b.code, block, i, b.cols, -2, b.blocks[i], y), 0);
                for (uint32_t row = 0; row < rows; row++)
                        for (size_t c = 0; c < b.cols; c++)
                                assert_true(y.data[row * y.stride + c] == 0);
                check_gaps(&b, y, rows);
                free(y.data);
        }
        bed_close(&b);
}

static void test_runs(void **state)
{
        hedge_sazd_t *code = code_of(4, 2, 512, 1);
        hedge_sazd_plan_t *plan, *again;

        (void)state;
        assert_int_equal(hedge_sazd_plan_new(code, 0x1e, &plan), 0); /* one is missing: where others begin and end */
        assert_true(hedge_sazd_plan_runs(plan) <= 8);
        hedge_sazd_plan_destroy(&plan);
        assert_int_equal(hedge_sazd_plan_new(code, 0x0f, &plan), 0);
        assert_int_equal(hedge_sazd_plan_runs(plan), 0);
        hedge_sazd_plan_destroy(&plan);
        assert_int_equal(hedge_sazd_plan_new(code, 0x36, &plan), 0); /* 0 and 3: three rows at a time */
        assert_true(hedge_sazd_plan_runs(plan) <= 2 * 512 / 3 + 16);
        assert_int_equal(hedge_sazd_plan_new(code, 0x36, &again), 0);
        assert_ptr_equal(plan, again); /* found, not made */
        hedge_sazd_plan_destroy(&plan);
        hedge_sazd_plan_destroy(&again);
        hedge_sazd_destroy(&code);
        code = code_of(4, 2, 512, 16);
        assert_int_equal(hedge_sazd_plan_new(code, 0x36, &plan), 0);
        assert_true(hedge_sazd_plan_runs(plan) <= 2 * 512 / 48 + 16);
        hedge_sazd_plan_destroy(&plan);
        hedge_sazd_destroy(&code);
}

/* Plans of many rows are large: the oldest are not kept. One that is in use stays as it is. */
static void test_large_plans(void **state)
{
        hedge_sazd_t *code = code_of(8, 2, 65536, 1);
        hedge_sazd_plan_t *plan, *other;

        (void)state;
        assert_int_equal(hedge_sazd_plan_new(code, 0x3fc, &plan), 0);
        assert_int_equal(hedge_sazd_plan_runs(plan), 2 * 65536);
        for (unsigned i = 1; i < 7; i++) {
                assert_int_equal(hedge_sazd_plan_new(code, 0x3ffu & ~(3u << i), &other), 0);
                hedge_sazd_plan_destroy(&other);
        }
        assert_int_equal(hedge_sazd_plan_new(code, 0x3fc, &other), 0);
        assert_ptr_not_equal(plan, other);
        assert_int_equal(hedge_sazd_plan_runs(plan), hedge_sazd_plan_runs(other));
        hedge_sazd_plan_destroy(&plan);
        hedge_sazd_plan_destroy(&other);
        hedge_sazd_destroy(&code);
}

/* Of many parities those that differ most. */
static void test_choice(void **state)
{
        hedge_sazd_t *code = code_of(4, 5, 16, 1);
        hedge_sazd_plan_t *plan;

        (void)state;
        assert_int_equal(hedge_sazd_plan_new(code, 0x1f7, &plan), 0);
        assert_int_equal(hedge_sazd_plan_uses(plan), 0x017);
        hedge_sazd_plan_destroy(&plan);
        assert_int_equal(hedge_sazd_plan_new(code, 0x1f3, &plan), 0);
        assert_int_equal(hedge_sazd_plan_uses(plan), 0x113);
        hedge_sazd_plan_destroy(&plan);
        assert_int_equal(hedge_sazd_plan_new(code, 0x1f1, &plan), 0);
        assert_int_equal(hedge_sazd_plan_uses(plan), 0x151);
        hedge_sazd_plan_destroy(&plan);
        assert_int_equal(hedge_sazd_plan_new(code, 0x1ff, &plan), 0);
        assert_int_equal(hedge_sazd_plan_uses(plan), 0x00f);
        hedge_sazd_plan_destroy(&plan);
        hedge_sazd_destroy(&code);
}

typedef struct crowd {
        bed_t *bed;
        unsigned number;
        bool right;
} crowd_t;

/* Many patterns at once, more than a code keeps. Each thread has its own place for what it computes. */
static void *decode_many(void *context)
{
        crowd_t *crowd = context;
        bed_t *b = crowd->bed;
        hedge_sazd_out_t out[8];

        crowd->right = true;
        for (unsigned i = 0; i < 8; i++)
                out[i] = (hedge_sazd_out_t){ malloc(20 * 3 * sizeof(float)), 3 };
        for (unsigned round = 0; round < 300; round++) {
                const unsigned x = (round * (crowd->number + 1)) % 8, y = (x + 1 + round / 8 % 7) % 8;
                const uint32_t have = 0xfffu & ~(1u << x | 1u << y) & ~(1u << (8 + round % 3));
                hedge_sazd_plan_t *plan = NULL;
                double growth = 0;

                crowd->right &= hedge_sazd_plan_new(b->code, have, &plan) == 0 &&
                                hedge_sazd_decode(plan, 3, b->blocks, out) == 0 &&
                                hedge_sazd_plan_growth(plan, &growth) == 0 && growth >= 1;
                crowd->right &= memcmp(out[x].data, b->blocks[x].data, 20 * 3 * sizeof(float)) == 0;
                crowd->right &= memcmp(out[y].data, b->blocks[y].data, 20 * 3 * sizeof(float)) == 0;
                hedge_sazd_plan_destroy(&plan);
        }
        for (unsigned i = 0; i < 8; i++)
                free(out[i].data);
        return NULL;
}

static void test_threads(void **state)
{
        uint64_t random = 8;
        pthread_t threads[3];
        crowd_t crowds[3];
        bed_t b;

        (void)state;
        bed_open(&b, &random, &(hedge_sazd_params_t){ 8, 4, 20, 0 }, 3, 0, true);
        for (unsigned i = 0; i < 3; i++) {
                crowds[i] = (crowd_t){ &b, i, false };
                assert_int_equal(pthread_create(&threads[i], NULL, decode_many, &crowds[i]), 0);
        }
        for (unsigned i = 0; i < 3; i++) {
                pthread_join(threads[i], NULL);
                assert_true(crowds[i].right);
        }
        bed_close(&b);
}

/* A block of NaN spoils what it is part of, and nothing breaks. */
static void test_nan_blocks(void **state)
{
        uint64_t random = 9;
        bed_t b;

        (void)state;
        bed_open(&b, &random, &(hedge_sazd_params_t){ 3, 2, 8, 0 }, 2, 0, true);
        for (unsigned e = 0; e < 16; e++)
                b.own[1].data[e] = e % 2 ? NAN : INFINITY;
        assert_true(isnan(decode(&b, 0x1a, NULL, NULL)));
        bed_close(&b);
}

static void refuse(unsigned k, unsigned r, uint32_t rows, uint32_t step, int error)
{
        const hedge_sazd_params_t params = { k, r, rows, step };
        hedge_sazd_t *code = NULL;
        hedge_why_t why = { "" };

        assert_int_equal(hedge_sazd_new(&params, &code, &why), error);
        assert_null(code);
        assert_true(strlen(why.text) > 20);
}

static void test_refused_codes(void **state)
{
        (void)state;
        refuse(0, 2, 8, 1, -EINVAL);
        refuse(4, 2, 0, 1, -EINVAL);
        refuse(33, 0, 8, 1, HEDGE_ELIMIT);
        refuse(4, 29, 8, 1, HEDGE_ELIMIT);
        refuse(4, UINT_MAX, 8, 1, HEDGE_ELIMIT);
        refuse(UINT_MAX, 2, 8, 1, HEDGE_ELIMIT);
        refuse(4, 2, HEDGE_SAZD_MAX_ROWS, 1, HEDGE_ELIMIT);
        refuse(4, 2, UINT32_MAX, 1, HEDGE_ELIMIT);
        refuse(16, 16, 8, UINT32_MAX, HEDGE_ELIMIT);
}

static void test_refused_arguments(void **state)
{
        float x[64] = { 0 };
        hedge_sazd_in_t in[6] = { { x, 2 }, { x, 2 }, { x, 2 }, { x, 2 }, { x, 2 }, { x, 2 } };
        const hedge_sazd_out_t out = { x + 32, 2 };
        hedge_sazd_out_t outs[4] = { out, out, out, out };
        hedge_sazd_t *code = code_of(4, 2, 3, 1);
        hedge_sazd_plan_t *plan = NULL;
        double error;

        (void)state;
        assert_int_equal(hedge_sazd_rows(code, 6), 0);
        assert_int_equal(hedge_sazd_rows(code, UINT_MAX), 0);
        assert_int_equal(hedge_sazd_encode(code, 6, 2, in, out), -EINVAL);
        assert_int_equal(hedge_sazd_encode(code, 5, 0, in, out), -EINVAL);
        assert_int_equal(hedge_sazd_encode(code, 5, 3, in, out), -EINVAL);
        assert_int_equal(hedge_sazd_encode(code, 5, 2, in, (hedge_sazd_out_t){ NULL, 2 }), -EINVAL);
        assert_int_equal(hedge_sazd_add(code, 6, 0, 2, 1, in[0], out), -EINVAL);
        assert_int_equal(hedge_sazd_add(code, 5, 4, 2, 1, in[0], out), -EINVAL);
        assert_int_equal(hedge_sazd_add(code, 5, 0, 3, 1, in[0], out), -EINVAL);
        assert_int_equal(hedge_sazd_add(code, 5, 0, 2, 1, (hedge_sazd_in_t){ NULL, 2 }, out), -EINVAL);
        in[3].data = NULL;
        assert_int_equal(hedge_sazd_encode(code, 5, 2, in, out), -EINVAL);
        assert_int_equal(hedge_sazd_encode(code, 3, 2, in, out), -EINVAL);
        assert_int_equal(hedge_sazd_encode(code, 2, 2, in, out), 0);
        assert_int_equal(hedge_sazd_plan_new(code, 0x07, &plan), HEDGE_EUNDECODABLE);
        assert_int_equal(hedge_sazd_plan_new(code, 0, &plan), HEDGE_EUNDECODABLE);
        assert_int_equal(hedge_sazd_plan_new(code, 0x7f, &plan), -EINVAL);
        assert_int_equal(hedge_sazd_plan_new(code, UINT32_MAX, &plan), -EINVAL);
        assert_null(plan);
        assert_int_equal(hedge_sazd_error(code, 3, 0, &error), -EINVAL);
        assert_int_equal(hedge_sazd_error(code, 0, 1, &error), 0);
        assert_true(error == 0);
        assert_int_equal(hedge_sazd_error(code, 2, NAN, &error), -EINVAL);
        assert_int_equal(hedge_sazd_plan_new(code, 0x1e, &plan), 0);
        assert_int_equal(hedge_sazd_decode(plan, 2, in, outs), -EINVAL); /* a block it uses */
        in[3].data = x;
        assert_int_equal(hedge_sazd_decode(plan, 0, in, outs), -EINVAL);
        assert_int_equal(hedge_sazd_decode(plan, 3, in, outs), -EINVAL);
        assert_int_equal(hedge_sazd_decode(plan, 2, in, outs), 0);
        outs[0].data = NULL;
        assert_int_equal(hedge_sazd_decode(plan, 2, in, outs), -EINVAL);
        hedge_sazd_plan_destroy(&plan);
        hedge_sazd_plan_destroy(&plan);
        hedge_sazd_destroy(&code);
        hedge_sazd_destroy(&code);
}

/* Where the oracle is: beside the test data. @return false where there is none. */
static bool find_oracle(char *path, size_t size)
{
        const char *data = getenv("HEDGE_TEST_DATA"), *root = getenv("HEDGE_SOURCE_ROOT");
        char file[PATH_MAX + 64];

        if (data)
                snprintf(path, size, "%s/../oracle", data);
        else
                snprintf(path, size, "%s/../shared/oracle", root ? root : ".");
        snprintf(file, sizeof(file), "%s/sazd.py", path);
        return access(file, R_OK) == 0 && access("/usr/bin/python3", X_OK) == 0 &&
               system("/usr/bin/python3 -c 'import numpy' 2>/dev/null") == 0;
}

/* The oracle's parities come through the pipe, and then what it decodes of every pattern. Data is whole numbers. */
static const char oracle_program[] =
        "import itertools, sazd, numpy\n"
        "for k, r, L, c in ((4, 2, 32, 3), (4, 3, 20, 1), (3, 4, 9, 2), (6, 3, 12, 2)):\n"
        "    x = [numpy.array([[(i * 31 + s * 17 + j * 7) % 101 - 50 for j in range(c)] for s in range(L)], 'f4')"
        " for i in range(k)]\n"
        "    par = [sazd.encode(x, p) for p in range(r)]\n"
        "    for p in par: print(*p.reshape(-1))\n"
        "    n = 0\n"
        "    for S in itertools.combinations(range(k + r), k):\n"
        "        y = sazd.decode(k, L, {b: x[b] for b in S if b < k}, {b - k: par[b - k] for b in S if b >= k})\n"
        "        n += all((a == b).all() for a, b in zip(x, y))\n"
        "    print(n)\n";

static void compare_with_oracle(FILE *pipe, unsigned k, unsigned r, uint32_t rows, size_t cols)
{
        uint64_t random = 10;
        double x;
        bed_t b;
        int right, n = 0;

        bed_open(&b, &random, &(hedge_sazd_params_t){ k, r, rows, 0 }, cols, 0, true);
        for (unsigned i = 0; i < k; i++)
                for (uint32_t s = 0; s < rows; s++)
                        for (size_t j = 0; j < cols; j++)
                                b.own[i].data[s * cols + j] = (float)((i * 31 + s * 17 + j * 7) % 101) - 50;
        for (unsigned p = k; p < k + r; p++) {
                assert_int_equal(hedge_sazd_encode(b.code, p, cols, b.blocks, b.own[p]), 0);
                for (size_t e = 0; e < hedge_sazd_rows(b.code, p) * cols; e++) {
                        assert_int_equal(fscanf(pipe, "%lf", &x), 1);
                        assert_true(x == (double)b.own[p].data[e]);
                }
        }
        assert_int_equal(fscanf(pipe, "%d", &right), 1);
        for (uint32_t have = 0; have < 1u << (k + r); have++)
                n += __builtin_popcount(have) == (int)k && decode(&b, have, NULL, NULL) == 0;
        assert_int_equal(n, right);
        bed_close(&b);
}

static void test_the_oracle_agrees(void **state)
{
        char oracle[PATH_MAX + 32], command[PATH_MAX + 2048];
        FILE *pipe;

        (void)state;
        if (!find_oracle(oracle, sizeof(oracle))) {
                print_message("no oracle or no numpy here\n");
                skip();
        }
        snprintf(command, sizeof(command), "PYTHONPATH='%s' /usr/bin/python3 -B -c \"%s\"", oracle, oracle_program);
        pipe = popen(command, "r");
        assert_non_null(pipe);
        compare_with_oracle(pipe, 4, 2, 32, 3);
        compare_with_oracle(pipe, 4, 3, 20, 1);
        compare_with_oracle(pipe, 3, 4, 9, 2);
        compare_with_oracle(pipe, 6, 3, 12, 2);
        assert_int_equal(pclose(pipe), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_pattern),
                cmocka_unit_test(test_wide_blocks),
                cmocka_unit_test(test_instruction_sets),
                cmocka_unit_test(test_largest_codes),
                cmocka_unit_test(test_errors),
                cmocka_unit_test(test_noise),
                cmocka_unit_test(test_budget),
                cmocka_unit_test(test_updates_keep_to_the_code),
                cmocka_unit_test(test_add),
                cmocka_unit_test(test_runs),
                cmocka_unit_test(test_large_plans),
                cmocka_unit_test(test_choice),
                cmocka_unit_test(test_threads),
                cmocka_unit_test(test_nan_blocks),
                cmocka_unit_test(test_refused_codes),
                cmocka_unit_test(test_refused_arguments),
                cmocka_unit_test(test_the_oracle_agrees),
        };

        return cmocka_run_group_tests_name("sazd", tests, NULL, NULL);
}

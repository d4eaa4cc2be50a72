/* SPDX-License-Identifier: Apache-2.0 */
/* Shift-and-add codes: how rounding and numbers that are none spread. */
#include "test/unit/sazd_bed.h"

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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_errors),     cmocka_unit_test(test_noise),
                cmocka_unit_test(test_budget),     cmocka_unit_test(test_updates_keep_to_the_code),
                cmocka_unit_test(test_nan_blocks),
        };

        return cmocka_run_group_tests_name("sazd", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/code/random.h"
#include "daemon/train/sazd/coded_weights.h"

static const hedged_code_params_t cases[] = {
        { HEDGED_CODE_SAZD, 4, 2, 50, 1, 0 },
        { HEDGED_CODE_SAZD, 8, 2, 64, 2, 0 },
        { HEDGED_CODE_SAZD, 8, 2, 42, 1, 0 }, /* the last block is nothing but zeros */
        { HEDGED_CODE_SAZD, 3, 0, 7, 1, 0 },
        { HEDGED_CODE_SAZD, 1, 2, 5, 1, 0 },
        { HEDGED_CODE_POLY, 4, 2, 50, 0, HEDGE_POLY_CHEBYSHEV },
        { HEDGED_CODE_POLY, 5, 2, 11, 0, HEDGE_POLY_SPREAD },
        { HEDGED_CODE_POLY, 3, 2, 50, 0, HEDGE_POLY_INTEGERS },
        { HEDGED_CODE_UNCODED, 4, 0, 50, 0, 0 },
        { HEDGED_CODE_UNCODED, 1, 0, 3, 0, 0 },
};
#define CASES (sizeof(cases) / sizeof(cases[0]))

static float *noise(size_t n, uint64_t seed)
{
        float *x = calloc(n, sizeof(*x));
        uint64_t random = hedge_random_row(seed, 0);

        for (size_t i = 0; i < n; i++)
                x[i] = (float)((double)(hedge_random_next(&random) >> 40) / (1 << 23) - 1);
        return x;
}

static hedged_code_t *make(const hedged_code_params_t *params)
{
        hedged_code_t *code = NULL;
        hedge_why_t why = { "" };

        if (hedged_code_new(params, &code, &why) < 0)
                fail_msg("%s", why.text);
        assert_int_equal(hedged_code_needed(code), params->k);
        assert_int_equal(hedged_code_blocks(code), params->k + params->r);
        return code;
}

static void close_to(const float *a, const float *b, size_t n, double bound)
{
        for (size_t i = 0; i < n; i++)
                if (!(fabs((double)a[i] - (double)b[i]) <= bound))
                        fail_msg("%zu: %g, not %g", i, (double)a[i], (double)b[i]);
}

static bool enough(uint32_t have, const hedged_code_params_t *p)
{
        return (unsigned)__builtin_popcount(have) >= p->k;
}

/* A matrix comes back from every set of blocks that is enough. */
static void matrices_come_back(void **state)
{
        enum { COLS = 5 };

        (void)state;
        for (unsigned c = 0; c < CASES; c++) {
                const hedged_code_params_t *p = &cases[c];
                const unsigned n = p->k + p->r;
                hedged_code_t *code = make(p);
                float *w = noise((size_t)p->extent * COLS, 1), *back = noise((size_t)p->extent * COLS, 2), *blocks[32];
                const float *some[32];

                for (unsigned b = 0; b < n; b++) {
                        blocks[b] = noise((size_t)hedged_code_rows(code, b) * COLS, 3);
                        assert_int_equal(hedged_code_encode(code, b, COLS, w, blocks[b]), 0);
                }
                for (uint32_t have = 0; have < 1u << n; have++) {
                        for (unsigned b = 0; b < n; b++)
                                some[b] = have >> b & 1 ? blocks[b] : NULL;
                        if (!enough(have, p)) {
                                assert_int_equal(hedged_code_decode(code, have, COLS, some, back), HEDGE_EUNDECODABLE);
                                continue;
                        }
                        memset(back, 0x55, (size_t)p->extent * COLS * sizeof(float));
                        assert_int_equal(hedged_code_decode(code, have, COLS, some, back), 0);
                        close_to(back, w, (size_t)p->extent * COLS, p->kind == HEDGED_CODE_POLY ? 1e-3 : 2e-5);
                }
                for (unsigned b = 0; b < n; b++)
                        free(blocks[b]);
                free(w);
                free(back);
                hedged_code_destroy(&code);
                assert_null(code);
        }
}

/* What boards answer: rows of the code are columns of what comes. */
static void products_come_back(void **state)
{
        enum { BATCH = 6 };

        (void)state;
        for (unsigned c = 0; c < CASES; c++) {
                const hedged_code_params_t *p = &cases[c];
                const unsigned n = p->k + p->r;
                hedged_code_t *code = make(p);
                const size_t size = (size_t)p->extent * BATCH;
                float *y = noise(size, 1), *turned = noise(size, 2), *back = noise(size, 2), *blocks[32];
                const float *some[32];

                for (uint32_t i = 0; i < p->extent; i++)
                        for (unsigned x = 0; x < BATCH; x++)
                                turned[i * BATCH + x] = y[x * p->extent + i];
                for (unsigned b = 0; b < n; b++) {
                        const uint32_t rows = hedged_code_rows(code, b);
                        float *word = noise((size_t)rows * BATCH, 3);

                        blocks[b] = noise((size_t)rows * BATCH, 3);
                        assert_int_equal(hedged_code_encode(code, b, BATCH, turned, word), 0);
                        for (uint32_t i = 0; i < rows; i++)
                                for (unsigned x = 0; x < BATCH; x++)
                                        blocks[b][x * rows + i] = word[i * BATCH + x];
                        free(word);
                }
                for (uint32_t have = 0; have < 1u << n; have++) {
                        for (unsigned b = 0; b < n; b++)
                                some[b] = have >> b & 1 ? blocks[b] : NULL;
                        if (!enough(have, p)) {
                                assert_int_equal(hedged_code_decode_products(code, have, BATCH, some, back),
                                                 HEDGE_EUNDECODABLE);
                                continue;
                        }
                        memset(back, 0x55, size * sizeof(float));
                        assert_int_equal(hedged_code_decode_products(code, have, BATCH, some, back), 0);
                        close_to(back, y, size, p->kind == HEDGED_CODE_POLY ? 1e-3 : 2e-5);
                }
                for (unsigned b = 0; b < n; b++)
                        free(blocks[b]);
                free(y);
                free(turned);
                free(back);
                hedged_code_destroy(&code);
        }
}

/* A block is the sum of its terms: what an UPDATE says to a board. */
static void terms_say_what_a_block_is(void **state)
{
        enum { COLS = 3 };

        (void)state;
        for (unsigned c = 0; c < CASES; c++) {
                hedged_code_t *code = make(&cases[c]);
                const uint32_t extent = cases[c].extent, rows = hedged_code_data_rows(code);
                float *w = noise((size_t)extent * COLS, 1);

                for (unsigned b = 0; b < hedged_code_blocks(code); b++) {
                        hedge_code_term_t terms[HEDGE_SAZD_MAX_BLOCKS];
                        const uint32_t n = hedged_code_terms(code, b, terms);
                        const size_t size = (size_t)hedged_code_rows(code, b) * COLS;
                        float *block = noise(size, 2), *sum = calloc(size, sizeof(*sum));

                        assert_int_equal(hedged_code_encode(code, b, COLS, w, block), 0);
                        for (uint32_t t = 0; t < n; t++)
                                for (uint32_t i = 0; i < rows; i++)
                                        for (unsigned x = 0; x < COLS; x++) {
                                                const uint64_t from = (uint64_t)terms[t].block * rows + i;

                                                if (from < extent)
                                                        sum[(i + terms[t].shift) * COLS + x] +=
                                                                (float)terms[t].weight * w[from * COLS + x];
                                        }
                        close_to(block, sum, size, 1e-3);
                        free(block);
                        free(sum);
                }
                free(w);
                hedged_code_destroy(&code);
        }
}

static void conditions_are_known(void **state)
{
        double condition = -1;
        hedged_code_t *code = make(&cases[5]);

        (void)state;
        assert_int_equal(hedged_code_condition(code, &condition), 0);
        assert_true(condition > 40 && condition < 50); /* 44: poly.h */
        hedged_code_destroy(&code);
        code = make(&cases[0]);
        assert_int_equal(hedged_code_condition(code, &condition), 0);
        assert_true(condition == 0);
        hedged_code_destroy(&code);
        code = make(&(hedged_code_params_t){ HEDGED_CODE_POLY, 16, 16, 64, 0, HEDGE_POLY_CHEBYSHEV });
        assert_int_equal(hedged_code_condition(code, &condition), 0);
        assert_true(condition == 0); /* too many sets */
        hedged_code_destroy(&code);
}

static void what_cannot_be_is_refused(void **state)
{
        const hedged_code_params_t bad[] = {
                { HEDGED_CODE_SAZD, 0, 2, 50, 1, 0 },
                { HEDGED_CODE_SAZD, 31, 2, 50, 1, 0 },
                { HEDGED_CODE_UNCODED, 8, 0, 7, 1, 0 },
                { HEDGED_CODE_SAZD, 30, 2, 8000000, 1, 0 },
        };

        (void)state;
        for (unsigned i = 0; i < 4; i++) {
                hedged_code_t *code = NULL;
                hedge_why_t why = { "" };

                assert_true(hedged_code_new(&bad[i], &code, &why) < 0);
                assert_true(strlen(why.text) > 10);
                assert_null(code);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(matrices_come_back),        cmocka_unit_test(products_come_back),
                cmocka_unit_test(terms_say_what_a_block_is), cmocka_unit_test(conditions_are_known),
                cmocka_unit_test(what_cannot_be_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

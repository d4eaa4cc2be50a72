/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_SAZD_BED_H
#define HEDGE_TEST_SAZD_BED_H

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

/** Blocks with their parities in rows that have gaps, and decoding of them. */

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

static inline hedge_sazd_t *code_of(unsigned k, unsigned r, uint32_t rows, uint32_t step)
{
        const hedge_sazd_params_t params = { k, r, rows, step };
        hedge_sazd_t *code = NULL;

        assert_int_equal(hedge_sazd_new(&params, &code, NULL), 0);
        return code;
}

/* Exactly as large as the block is, so that the sanitizer watches its end. */
static inline hedge_sazd_out_t room(const bed_t *b, uint32_t rows)
{
        const size_t n = (rows - 1) * b->stride + b->cols;
        hedge_sazd_out_t out = { malloc(n * sizeof(float)), b->stride };

        assert_non_null(out.data);
        for (size_t i = 0; i < n; i++)
                out.data[i] = GUARD;
        return out;
}

/* Nothing has been written between the rows. */
static inline void check_gaps(const bed_t *b, hedge_sazd_out_t x, uint32_t rows)
{
        for (uint32_t row = 0; row + 1 < rows; row++)
                for (size_t c = b->cols; c < b->stride; c++)
                        assert_true(x.data[row * x.stride + c] == GUARD);
}

static inline void bed_open(bed_t *b, uint64_t *state, const hedge_sazd_params_t *params, size_t cols, size_t pad,
                            bool whole)
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

static inline void bed_close(bed_t *b)
{
        for (unsigned i = 0; i < HEDGE_SAZD_MAX_BLOCKS; i++) {
                free(b->own[i].data);
                free(b->out[i].data);
        }
        hedge_sazd_destroy(&b->code);
        assert_null(b->code);
}

/* Decode from these blocks; all others are unreadable. @return the largest error. */
static inline double decode(bed_t *b, uint32_t have, uint32_t *ret_missing, double *ret_growth)
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

#endif

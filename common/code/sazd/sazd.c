/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/sazd/sazd.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "common/code/sazd/rows.h"

#define ROUNDING   2.53e-8 /* see hedge_sazd_error */
#define DEVIATIONS 4       /* of the largest error to reckon with */

static int check_params(const hedge_sazd_params_t *p, hedge_why_t *why)
{
        const uint64_t step = p->step ? p->step : 1;

        if (p->k == 0 || p->rows == 0)
                return hedge_why(why, -EINVAL, "a shift-and-add code needs at least one block of at least one row");
        if (p->k > HEDGE_SAZD_MAX_BLOCKS || p->r > HEDGE_SAZD_MAX_BLOCKS - p->k)
                return hedge_why(why, HEDGE_ELIMIT, "k + r = %llu blocks are more than %u",
                                 (unsigned long long)p->k + p->r, HEDGE_SAZD_MAX_BLOCKS);
        if (p->rows + (p->r ? (uint64_t)(p->k - 1) * (p->r - 1) * step : 0) > HEDGE_SAZD_MAX_ROWS)
                return hedge_why(why, HEDGE_ELIMIT, "parities of blocks of %u rows would have more than %u rows",
                                 p->rows, HEDGE_SAZD_MAX_ROWS);
        return 0;
}

int hedge_sazd_new(const hedge_sazd_params_t *params, hedge_sazd_t **ret, hedge_why_t *why)
{
        hedge_sazd_t *code;
        int r = check_params(params, why);

        if (r < 0)
                return r;
        code = calloc(1, sizeof(*code));
        if (!code)
                return -ENOMEM;
        *code = (hedge_sazd_t){ params->k, params->r, params->rows, params->step ? params->step : 1, NULL };
        r = hedge_sazd_cache_new(&code->cache);
        if (r < 0) {
                free(code);
                return r;
        }
        *ret = code;
        return 0;
}

void hedge_sazd_destroy(hedge_sazd_t **code)
{
        if (!*code)
                return;
        hedge_sazd_cache_destroy(&(*code)->cache);
        free(*code);
        *code = NULL;
}

unsigned hedge_sazd_k(const hedge_sazd_t *code)
{
        return code->k;
}

unsigned hedge_sazd_r(const hedge_sazd_t *code)
{
        return code->r;
}

uint32_t hedge_sazd_shift(const hedge_sazd_t *code, unsigned i, unsigned p)
{
        return i * p * code->step;
}

uint32_t hedge_sazd_rows(const hedge_sazd_t *code, unsigned block)
{
        if (block >= code->k + code->r)
                return 0;
        return code->rows + (block < code->k ? 0 : hedge_sazd_shift(code, code->k - 1, block - code->k));
}

/* Rows of zeros, where more than `rows` apart shifted blocks leave a gap. */
static void clear(uint32_t rows, size_t cols, hedge_sazd_out_t out)
{
        for (uint32_t row = 0; row < rows; row++)
                for (size_t x = 0; x < cols; x++)
                        out.data[row * out.stride + x] = 0;
}

/* Rows [row, row + count) of a parity, all of the same data blocks. */
static void encode_run(const hedge_sazd_t *code, unsigned parity, uint32_t members, uint32_t row, uint32_t count,
                       size_t cols, const hedge_sazd_in_t *data, hedge_sazd_out_t out)
{
        hedge_sazd_terms_t terms = { .count = 0 };
        unsigned n = 0;

        out.data += row * out.stride;
        if (!members) {
                clear(count, cols, out);
                return;
        }
        for (unsigned i = 0; i < code->k; i++)
                if (members >> i & 1) {
                        const hedge_sazd_in_t term = hedge_sazd_at(&data[i], row - hedge_sazd_shift(code, i, parity));

                        if (n++ == 0)
                                terms.first = term;
                        else
                                terms.others[terms.count++] = term;
                }
        hedge_sazd_sum(&terms, false, count, cols, out);
}

int hedge_sazd_encode(const hedge_sazd_t *code, unsigned block, size_t cols, const hedge_sazd_in_t *data,
                      hedge_sazd_out_t out)
{
        const uint32_t rows = hedge_sazd_rows(code, block);
        uint32_t until;

        if (rows == 0 || cols == 0 || !out.data || out.stride < cols)
                return -EINVAL;
        for (unsigned i = 0; i < code->k; i++)
                if (!data[i].data && (block >= code->k || block == i))
                        return -EINVAL;
        if (block < code->k) {
                hedge_sazd_sum(&(hedge_sazd_terms_t){ .first = data[block] }, false, rows, cols, out);
                return 0;
        }
        for (uint32_t row = 0; row < rows; row = until) {
                const uint32_t members = hedge_sazd_members(code, block - code->k, row, &until);

                encode_run(code, block - code->k, members, row, until - row, cols, data, out);
        }
        return 0;
}

/* The growth of the worst pattern: neighbours are missing, and the parities that are here are neighbours. */
static int find_growth(const hedge_sazd_t *code, unsigned missing, double *ret)
{
        const uint32_t data = (uint32_t)((UINT64_C(1) << code->k) - (UINT64_C(1) << missing));
        const uint32_t parities = (uint32_t)(((UINT64_C(1) << missing) - 1) << code->k);
        hedge_sazd_plan_t *plan;
        int r = hedge_sazd_plan_new(code, data | parities, &plan);

        if (r < 0)
                return r;
        r = hedge_sazd_plan_growth(plan, ret);
        hedge_sazd_plan_destroy(&plan);
        return r;
}

int hedge_sazd_error(const hedge_sazd_t *code, unsigned missing, double noise, double *ret)
{
        double growth;
        int r;

        if (missing > code->k || missing > code->r || !isfinite(noise) || noise < 0)
                return -EINVAL;
        if (missing == 0) {
                *ret = 0;
                return 0;
        }
        r = find_growth(code, missing, &growth);
        if (r == 0)
                *ret = DEVIATIONS * (growth + 2) *
                       sqrt(ROUNDING * ROUNDING * (code->k + 1) + noise * noise * 2 * code->k);
        return r;
}

int hedge_sazd_check(const hedge_sazd_t *code, double noise, double budget, hedge_why_t *why)
{
        unsigned missing = code->r < code->k ? code->r : code->k;
        double error, within;
        int r;

        if (!(budget > 0) || !isfinite(budget) || !isfinite(noise) || noise < 0)
                return hedge_why(why, -EINVAL, "noise %g and budget %g are no errors", noise, budget);
        r = hedge_sazd_error(code, missing, noise, &error);
        if (r < 0 || error <= budget)
                return r;
        do
                r = hedge_sazd_error(code, --missing, noise, &within);
        while (r == 0 && missing > 0 && within > budget);
        if (r < 0)
                return r;
        return hedge_why(why, HEDGE_ELIMIT,
                         "k = %u, r = %u, %u rows, step %u: decoding is off by up to %.1e of the data's root mean "
                         "square, above %.1e; at most r = %u is within it, or a larger step",
                         code->k, code->r, code->rows, code->step, error, budget, missing);
}

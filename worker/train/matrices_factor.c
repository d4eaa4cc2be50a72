/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/train/matrices_factor.h"

#include <string.h>

#define TILE 1024u /* columns that are added up at once */

/* Where in the factor a term's block begins, and how many of its columns there are. */
static uint32_t extent(const hedge_update_target_t *target, const hedge_code_term_t *term, uint32_t cols,
                       uint64_t *ret_begin)
{
        const uint64_t begin = (uint64_t)term->block * target->block_cols;

        *ret_begin = begin;
        if (begin >= cols)
                return 0;
        return cols - begin < target->block_cols ? (uint32_t)(cols - begin) : target->block_cols;
}

int hedgew_factor_check(const hedge_update_target_t *target, uint32_t cols, uint32_t rows, hedge_why_t *why)
{
        uint64_t begin;

        if ((uint64_t)target->blocks * target->block_cols < cols)
                return hedge_why(why, HEDGE_EMALFORMED,
                                 "matrix %u: %u blocks of %u columns do not make up a factor of %u columns",
                                 target->matrix, target->blocks, target->block_cols, cols);
        for (uint32_t i = 0; i < target->n_terms; i++) {
                const hedge_code_term_t *term = &target->terms[i];
                const uint64_t end = (uint64_t)term->shift + extent(target, term, cols, &begin);

                if (term->block >= target->blocks)
                        return hedge_why(why, HEDGE_EMALFORMED, "matrix %u: block %u of %u", target->matrix,
                                         term->block, target->blocks);
                if (end > rows)
                        return hedge_why(why, HEDGE_EMALFORMED,
                                         "matrix %u: block %u, moved by %u, ends at column %llu, but the matrix has %u "
                                         "rows",
                                         target->matrix, term->block, term->shift, (unsigned long long)end, rows);
        }
        return 0;
}

static void add(size_t n, double weight, const float *restrict x, double *restrict sum)
{
        for (size_t i = 0; i < n; i++)
                sum[i] += weight * (double)x[i];
}

static void round_off(size_t n, const double *restrict sum, float *restrict out)
{
        for (size_t i = 0; i < n; i++)
                out[i] = (float)sum[i];
}

/* Columns `from` to `to` of one row, into sum. */
static void add_terms(const hedge_update_target_t *target, double scale, const float *row, uint32_t cols, uint64_t from,
                      uint64_t to, double *sum)
{
        memset(sum, 0, (to - from) * sizeof(*sum));
        for (uint32_t i = 0; i < target->n_terms; i++) {
                const hedge_code_term_t *term = &target->terms[i];
                uint64_t begin, first = term->shift, last = first + extent(target, term, cols, &begin);

                first = first < from ? from : first;
                last = last > to ? to : last;
                if (first < last)
                        add(last - first, scale * term->weight, row + begin + (first - term->shift),
                            sum + first - from);
        }
}

void hedgew_factor_encode(const hedge_update_target_t *target, double scale, uint32_t batch, const float *factor,
                          uint32_t cols, uint32_t rows, float *out)
{
        double sum[TILE];

        for (uint32_t b = 0; b < batch; b++, factor += cols, out += rows)
                for (uint64_t from = 0; from < rows; from += TILE) {
                        const uint64_t to = rows - from < TILE ? rows : from + TILE;

                        add_terms(target, scale, factor, cols, from, to, sum);
                        round_off(to - from, sum, out + from);
                }
}

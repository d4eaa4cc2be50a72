/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/conv/layout.h"
#include "common/code/conv/scheme.h"

/* All unit vectors of k, those of [begin, end) first. */
static void fill_side(double *vectors, unsigned k, unsigned begin, unsigned end)
{
        const size_t own = end - begin;

        hedge_fill_units(vectors, k, begin, end);
        hedge_fill_units(vectors + own * k, k, 0, begin);
        hedge_fill_units(vectors + (own + begin) * k, k, end, k);
}

int hedge_steal_fill(hedge_code_t *code, const hedge_code_params_t *params)
{
        hedge_run_t runs[HEDGE_CODE_MAX_BOARDS];
        int r = hedge_layout(code->k_a, code->k_b, code->n, params->weights, runs);

        for (unsigned j = 0; r >= 0 && j < code->n; j++) {
                const hedge_run_t *run = &runs[j];
                hedge_code_board_t *board = &code->boards[j];

                if (params->weights && !(params->weights[j] > 0))
                        continue;
                r = hedge_code_hold(code, j, code->k_a, code->k_b);
                if (r < 0)
                        return r;
                board->own_a = run->a1 - run->a0;
                board->own_b = run->b1 - run->b0;
                fill_side(board->a, code->k_a, run->a0, run->a1);
                fill_side(board->b, code->k_b, run->b0, run->b1);
        }
        *code->delta = 1;
        return r < 0 ? r : 0;
}

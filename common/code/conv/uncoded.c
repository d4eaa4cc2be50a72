/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/conv/layout.h"
#include "common/code/conv/scheme.h"

void hedge_fill_units(double *vectors, unsigned k, unsigned begin, unsigned end)
{
        for (unsigned i = begin; i < end; i++)
                vectors[(size_t)(i - begin) * k + i] = 1;
}

int hedge_uncoded_fill_boards(hedge_code_t *code, unsigned first, unsigned n, const double *weights)
{
        hedge_run_t runs[HEDGE_CODE_MAX_BOARDS];
        int used = hedge_layout(code->k_a, code->k_b, n, weights, runs), r;

        for (unsigned j = 0; used > 0 && j < n; j++) {
                const hedge_run_t *run = &runs[j];
                hedge_code_board_t *board = &code->boards[first + j];

                if (run->b1 == run->b0)
                        continue;
                r = hedge_code_hold(code, first + j, run->a1 - run->a0, run->b1 - run->b0);
                if (r < 0)
                        return r;
                hedge_fill_units(board->a, code->k_a, run->a0, run->a1);
                hedge_fill_units(board->b, code->k_b, run->b0, run->b1);
        }
        return used;
}

int hedge_uncoded_fill(hedge_code_t *code, const hedge_code_params_t *params)
{
        int used = hedge_uncoded_fill_boards(code, 0, code->n, params->weights);

        if (used < 0)
                return used;
        *code->delta = (unsigned)used;
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "common/code/basis.h"
#include "common/code/conv/layout.h"
#include "common/code/conv/scheme.h"
#include "common/code/random.h"

static int check_ell(unsigned ell_a, unsigned ell_b, const hedge_code_params_t *params, hedge_why_t *why)
{
        const unsigned times = params->systematic ? 2 : 1; /* plain ones, and as many coded ones */

        if (ell_a > times * params->k_a || ell_b > times * params->k_b)
                return hedge_why(why, -EINVAL, "krp can give a board %u x %u vectors at most, not %u x %u",
                                 times * params->k_a, times * params->k_b, ell_a, ell_b);
        return 0;
}

int hedge_krp_check(const hedge_code_params_t *params, hedge_why_t *why)
{
        int r = check_ell(params->ell_a, params->ell_b, params, why);

        for (unsigned j = 0; r == 0 && params->ell && j < params->n; j++)
                r = check_ell(params->ell[j].ell_a, params->ell[j].ell_b, params, why);
        return r;
}

static unsigned at_most(unsigned x, unsigned most)
{
        return x < most ? x : most;
}

static unsigned at_least(unsigned x, unsigned least)
{
        return x > least ? x : least;
}

/* What every board has of each side, before it is looked at by itself. */
static hedge_code_ell_t usual_ell(const hedge_code_params_t *p, const hedge_run_t *runs)
{
        hedge_code_ell_t ell = { p->systematic ? 0 : 1, p->systematic ? 0 : 1 };

        for (unsigned j = 0; p->systematic && j < p->n; j++) {
                ell.ell_a = at_least(ell.ell_a, runs[j].a1 - runs[j].a0);
                ell.ell_b = at_least(ell.ell_b, runs[j].b1 - runs[j].b0);
        }
        ell.ell_a = p->ell_a ? p->ell_a : at_most(ell.ell_a + 1, p->k_a);
        ell.ell_b = p->ell_b ? p->ell_b : at_most(p->systematic ? 2 * ell.ell_b : ell.ell_b + 1, p->k_b);
        return ell;
}

static hedge_code_ell_t board_ell(const hedge_code_params_t *p, const hedge_run_t *run, unsigned board,
                                  hedge_code_ell_t ell)
{
        if (p->weights && !(p->weights[board] > 0))
                return (hedge_code_ell_t){ 0, 0 };
        if (!p->systematic && p->k_b > 1)
                ell.ell_b = at_most(hedge_code_weigh(p, board, ell.ell_b), p->k_b);
        else if (!p->systematic)
                ell.ell_a = at_most(hedge_code_weigh(p, board, ell.ell_a), p->k_a);
        if (p->ell && p->ell[board].ell_a)
                ell.ell_a = p->ell[board].ell_a;
        if (p->ell && p->ell[board].ell_b)
                ell.ell_b = p->ell[board].ell_b;
        ell.ell_a = at_most(at_least(ell.ell_a, run->a1 - run->a0), p->k_a > 1 ? run->a1 - run->a0 + p->k_a : 1);
        ell.ell_b = at_most(at_least(ell.ell_b, run->b1 - run->b0), p->k_b > 1 ? run->b1 - run->b0 + p->k_b : 1);
        return ell;
}

/* `count` random orthonormal vectors. The chance that one falls into the space of those before it is nil, but numbers are
 * finite: then the next is drawn. */
static void fill_orthonormal(double *vectors, unsigned k, unsigned count, uint64_t state)
{
        for (unsigned l = 0; l < count;) {
                for (unsigned i = 0; i < k; i++)
                        vectors[(size_t)l * k + i] = hedge_random_normal(&state);
                l += hedge_basis_take(vectors, l, k);
        }
}

/* The unit vectors of [begin, end), then random ones. A side that is not cut has the one vector 1. */
static void fill_side(double *vectors, unsigned k, unsigned begin, unsigned end, unsigned ell, uint64_t state)
{
        const unsigned plain = end - begin;

        if (k == 1) {
                vectors[0] = 1;
                return;
        }
        hedge_fill_units(vectors, k, begin, end);
        fill_orthonormal(vectors + (size_t)plain * k, k, ell - plain, state);
}

int hedge_krp_fill(hedge_code_t *code, const hedge_code_params_t *params)
{
        hedge_run_t runs[HEDGE_CODE_MAX_BOARDS] = { 0 };
        hedge_code_ell_t usual;
        int r = 0;

        if (params->systematic)
                r = hedge_layout(code->k_a, code->k_b, code->n, params->weights, runs);
        if (r < 0)
                return r;
        usual = usual_ell(params, runs);
        for (unsigned j = 0; j < code->n; j++) {
                const hedge_run_t *run = &runs[j];
                const hedge_code_ell_t ell = board_ell(params, run, j, usual);
                hedge_code_board_t *board = &code->boards[j];

                if (ell.ell_a == 0)
                        continue;
                r = hedge_code_hold(code, j, ell.ell_a, ell.ell_b);
                if (r < 0)
                        return r;
                fill_side(board->a, code->k_a, run->a0, run->a1, ell.ell_a,
                          hedge_random_row(params->seed, 2 * (uint64_t)j));
                fill_side(board->b, code->k_b, run->b0, run->b1, ell.ell_b,
                          hedge_random_row(params->seed, 2 * (uint64_t)j + 1));
        }
        code->alike = !params->systematic && !params->weights && !params->ell;
        return 0;
}

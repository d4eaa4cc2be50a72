/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/conv/threshold.h"

#include <errno.h>
#include <stdlib.h>

#include "common/code/conv/rank.h"
#include "common/code/conv/scheme.h"
#include "common/code/random.h"

#define EVERY_SET  12u  /* boards up to which every set is looked at */
#define RANDOM_MAX 200u /* sets grown at random */
#define RANDOM_MIN 20u
#define WORK       1e7 /* multiply-adds that the random sets may cost, about */

typedef struct search {
        const hedge_code_t *code;
        unsigned n, rank; /* boards that hold something; K */
        unsigned boards[HEDGE_CODE_MAX_BOARDS];
        unsigned largest; /* set that does not decode, so far */
        double *basis;
} search_t;

static int search_open(search_t *s, const hedge_code_t *code)
{
        *s = (search_t){ .code = code, .rank = hedge_code_rank(code) };
        for (unsigned j = 0; j < code->n; j++)
                if (hedge_code_parts(code, j) > 0)
                        s->boards[s->n++] = j;
        s->basis = malloc((size_t)s->rank * s->rank * sizeof(double));
        return s->basis ? 0 : -ENOMEM;
}

int hedge_threshold_exists(const hedge_code_t *code)
{
        unsigned rank = 0;
        search_t s;

        if (search_open(&s, code) < 0)
                return -ENOMEM;
        for (unsigned i = 0; i < s.n; i++)
                rank = hedge_rank_take_board(s.basis, rank, code, s.boards[i]);
        free(s.basis);
        return rank == s.rank;
}

/* Grow a set that does not decode, board by board in this order, leaving out those with which it would. */
static void grow(search_t *s, const unsigned *order)
{
        unsigned rank = 0, size = 0;

        for (unsigned i = 0; i < s->n && size + (s->n - i) > s->largest; i++) {
                const unsigned with = hedge_rank_take_board(s->basis, rank, s->code, order[i]);

                if (with == s->rank && s->code->alike)
                        break;
                if (with == s->rank)
                        continue;
                rank = with;
                size++;
        }
        if (size > s->largest)
                s->largest = size;
}

static void grow_at_random(search_t *s, uint64_t *state)
{
        for (unsigned i = s->n; i > 1; i--) {
                const unsigned j = hedge_random_below(state, i), board = s->boards[j];

                s->boards[j] = s->boards[i - 1];
                s->boards[i - 1] = board;
        }
        grow(s, s->boards);
}

static int lacks(const hedge_code_t *code, unsigned board, unsigned block)
{
        const unsigned i = block / code->k_b, b = block % code->k_b;
        const hedge_code_board_t *x = &code->boards[board];
        int in_a = 0, in_b = 0;

        for (unsigned l = 0; l < x->ell_a; l++)
                in_a |= x->a[(size_t)l * code->k_a + i] != 0;
        for (unsigned l = 0; l < x->ell_b; l++)
                in_b |= x->b[(size_t)l * code->k_b + b] != 0;
        return !(in_a && in_b);
}

/* The boards that have nothing of one block come first. */
static void grow_without(search_t *s, unsigned block)
{
        unsigned order[HEDGE_CODE_MAX_BOARDS], n = 0;

        for (int pass = 1; pass >= 0; pass--)
                for (unsigned i = 0; i < s->n; i++)
                        if (lacks(s->code, s->boards[i], block) == pass)
                                order[n++] = s->boards[i];
        grow(s, order);
}

/* Every set of the boards from `next` on, beside `size` boards that have this rank: a vector that a board adds goes
 * behind those of the boards before it, so that leaving it out again is to forget the rank. */
static void try_every(search_t *s, unsigned next, unsigned size, unsigned rank)
{
        unsigned with;

        if (size > s->largest)
                s->largest = size;
        if (size + (s->n - next) <= s->largest)
                return;
        with = hedge_rank_take_board(s->basis, rank, s->code, s->boards[next]);
        if (with < s->rank)
                try_every(s, next + 1, size + 1, with);
        try_every(s, next + 1, size, rank);
}

static unsigned random_sets(const hedge_code_t *code)
{
        const double rank = hedge_code_rank(code), sets = WORK / (rank * rank * code->all_parts);

        return sets > RANDOM_MAX ? RANDOM_MAX : sets < RANDOM_MIN ? RANDOM_MIN : (unsigned)sets;
}

int hedge_threshold_find(const hedge_code_t *code)
{
        uint64_t state = 1;
        search_t s;

        if (search_open(&s, code) < 0)
                return -ENOMEM;
        if (code->alike) {
                grow(&s, s.boards);
        } else if (s.n <= EVERY_SET) {
                try_every(&s, 0, 0, 0);
        } else {
                for (unsigned block = 0; block < s.rank; block++)
                        grow_without(&s, block);
                for (unsigned i = random_sets(code); i > 0; i--)
                        grow_at_random(&s, &state);
        }
        free(s.basis);
        return (int)s.largest + 1;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <assert.h>

#include "common/code/conv/scheme.h"

/* Which unit vector? @return k where it is none. */
static unsigned unit_of(const double *vector, unsigned k)
{
        unsigned found = k;

        for (unsigned i = 0; i < k; i++) {
                if (vector[i] == 0)
                        continue;
                if (vector[i] != 1 || found < k)
                        return k;
                found = i;
        }
        return found;
}

unsigned hedge_code_strip(const hedge_code_t *code, unsigned board, unsigned la)
{
        return unit_of(hedge_code_a(code, board, la), code->k_a);
}

unsigned hedge_code_block(const hedge_code_t *code, unsigned board, unsigned lb)
{
        return unit_of(hedge_code_b(code, board, lb), code->k_b);
}

static bool is_plain_a(const hedge_code_t *code, unsigned board, unsigned la)
{
        return hedge_code_strip(code, board, la) < code->k_a;
}

static bool is_plain_b(const hedge_code_t *code, unsigned board, unsigned lb)
{
        return hedge_code_block(code, board, lb) < code->k_b;
}

bool hedge_code_is_plain(const hedge_code_t *code, unsigned board, unsigned part)
{
        const unsigned ell_b = hedge_code_ell_b(code, board);

        assert(part < hedge_code_parts(code, board));
        return is_plain_a(code, board, part / ell_b) && is_plain_b(code, board, part % ell_b);
}

/* The filter blocks of a board as they are best used with a plain input, and how many of them are plain: these come first.
 * With a coded input it is the other way round: the last plain blocks are those that slow boards lack. */
static unsigned order_blocks(const hedge_code_t *code, unsigned board, unsigned *blocks)
{
        const unsigned ell_b = hedge_code_ell_b(code, board);
        unsigned n = 0, plain;

        for (unsigned lb = 0; lb < ell_b; lb++)
                if (is_plain_b(code, board, lb))
                        blocks[n++] = lb;
        plain = n;
        for (unsigned lb = 0; lb < ell_b; lb++)
                if (!is_plain_b(code, board, lb))
                        blocks[n++] = lb;
        return plain;
}

/* The parts of [begin, end) of the blocks with all plain inputs, or with all others. */
static unsigned order_run(const hedge_code_t *code, unsigned board, bool plain_a, const unsigned *blocks,
                          unsigned begin, unsigned end, uint32_t *order)
{
        const unsigned ell_b = hedge_code_ell_b(code, board);
        unsigned n = 0;

        for (unsigned la = 0; la < hedge_code_ell_a(code, board); la++)
                for (unsigned i = begin; is_plain_a(code, board, la) == plain_a && i < end; i++)
                        order[n++] = la * ell_b + blocks[i];
        return n;
}

/* The board's own parts, then all others. */
static void order_steal(const hedge_code_t *code, unsigned board, uint32_t *order)
{
        const hedge_code_board_t *b = &code->boards[board];
        unsigned n = 0;

        for (unsigned own = 2; own-- > 0;)
                for (unsigned part = 0; part < hedge_code_parts(code, board); part++)
                        if ((part / b->ell_b < b->own_a && part % b->ell_b < b->own_b) == own)
                                order[n++] = part;
}

void hedge_code_order(const hedge_code_t *code, unsigned board, uint32_t *order)
{
        const unsigned ell_b = hedge_code_ell_b(code, board), useful = ell_b < code->k_b ? ell_b : code->k_b;
        unsigned blocks[HEDGE_CODE_MAX_PARTS], backwards[HEDGE_CODE_MAX_PARTS], plain, n;

        if (code->scheme == HEDGE_SCHEME_STEAL) {
                order_steal(code, board, order);
                return;
        }
        plain = order_blocks(code, board, blocks);
        for (unsigned i = 0; i < ell_b; i++)
                backwards[i] = i < ell_b - plain ? blocks[plain + i] : blocks[ell_b - 1 - i];
        n = order_run(code, board, true, blocks, 0, plain, order);
        n += order_run(code, board, true, blocks, plain, useful > plain ? useful : plain, order + n);
        n += order_run(code, board, false, backwards, 0, useful, order + n);
        n += order_run(code, board, true, blocks, useful > plain ? useful : plain, ell_b, order + n);
        order_run(code, board, false, backwards, useful, ell_b, order + n);
}

static unsigned first_of_krp(const hedge_code_t *code, unsigned board)
{
        const unsigned ell_b = hedge_code_ell_b(code, board), useful = ell_b < code->k_b ? ell_b : code->k_b;
        unsigned blocks[HEDGE_CODE_MAX_PARTS], inputs = 0, plain;

        for (unsigned la = 0; la < hedge_code_ell_a(code, board); la++)
                inputs += is_plain_a(code, board, la);
        if (inputs == 0)
                return code->systematic ? hedge_code_parts(code, board) : useful;
        plain = order_blocks(code, board, blocks);
        return inputs * (useful > plain ? useful : plain);
}

unsigned hedge_code_first_parts(const hedge_code_t *code, unsigned board)
{
        const hedge_code_board_t *b = &code->boards[board];

        assert(board < code->n);
        if (code->scheme == HEDGE_SCHEME_STEAL)
                return b->own_a * b->own_b;
        if (code->scheme == HEDGE_SCHEME_KRP && hedge_code_parts(code, board) > 0)
                return first_of_krp(code, board);
        return hedge_code_parts(code, board);
}

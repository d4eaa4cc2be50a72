/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/duties.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/plan/pieces.h"

/* A strip or block as the simulation numbers it: -1 where it is a combination of several. */
static int16_t plain_or_none(unsigned index, unsigned k)
{
        return index < k ? (int16_t)index : -1;
}

unsigned hedged_duties_usual_need(hedge_scheme_t scheme, unsigned rank)
{
        switch (scheme) {
        case HEDGE_SCHEME_LT:
                return rank > 4 ? rank + 3 : rank;
        case HEDGE_SCHEME_NSCTC:
                return rank + 2;
        case HEDGE_SCHEME_KRP:
                return rank + (rank > 48 ? 2 : 1);
        default:
                return rank;
        }
}

static hedged_done_t done_when(hedge_scheme_t scheme, bool systematic)
{
        switch (scheme) {
        case HEDGE_SCHEME_MDS:
        case HEDGE_SCHEME_KRP:
                return systematic ? HEDGED_DONE_RANK : HEDGED_DONE_COUNT;
        case HEDGE_SCHEME_LT:
                return HEDGED_DONE_COUNT;
        case HEDGE_SCHEME_NSCTC:
                return HEDGED_DONE_BOARDS;
        default:
                return HEDGED_DONE_PLAIN;
        }
}

/* The parts of [begin, n) of `order` that use input la, at most up to the first; they become a task. */
static unsigned add_task(const hedge_code_t *code, unsigned board, const uint32_t *order, unsigned begin, unsigned n,
                         unsigned la, hedged_duty_part_t *out)
{
        const unsigned ell_b = hedge_code_ell_b(code, board);
        unsigned added = 0;

        for (unsigned i = begin; i < n; i++) {
                if (order[i] / ell_b != la)
                        continue;
                out[added++] = (hedged_duty_part_t){
                        .part = (uint16_t)order[i],
                        .strip = plain_or_none(hedge_code_strip(code, board, la), hedge_code_k_a(code)),
                        .block = plain_or_none(hedge_code_block(code, board, order[i] % ell_b), hedge_code_k_b(code)),
                };
        }
        if (added > 0)
                out[added - 1].last = true;
        return added;
}

static void count_inputs(const hedge_code_t *code, unsigned board, const uint32_t *order, hedged_duty_t *d,
                         unsigned first)
{
        bool used[HEDGE_CODE_MAX_PARTS] = { false };

        for (unsigned i = 0; i < first; i++) {
                const unsigned la = order[i] / d->ell_b;

                if (used[la])
                        continue;
                used[la] = true;
                d->first_inputs++;
                d->coded_inputs += hedge_code_strip(code, board, la) == hedge_code_k_a(code);
        }
}

/* The first task, then, for krp, one task for each further input; what other schemes hold beyond the first is not asked
 * for in any order (steal). */
static void fill(const hedge_code_t *code, unsigned board, uint32_t *order, hedged_duty_t *d)
{
        const unsigned n = hedge_code_parts(code, board), first = hedge_code_first_parts(code, board);
        uint16_t piece[HEDGE_CODE_MAX_PARTS];

        d->ell_b = hedge_code_ell_b(code, board);
        if (n == 0)
                return;
        hedge_code_order(code, board, order);
        count_inputs(code, board, order, d, first);
        d->pieces = hedged_pieces(order, first, d->ell_b, piece);
        for (unsigned i = 0; i < first; i++) {
                add_task(code, board, order, i, i + 1, order[i] / d->ell_b, &d->parts[i]);
                d->parts[i].last = i + 1 == first;
                d->parts[i].piece = piece[i];
        }
        d->first_parts = d->n_parts = first;
        for (unsigned la = 0; hedge_code_scheme(code) == HEDGE_SCHEME_KRP && la < hedge_code_ell_a(code, board); la++)
                d->n_parts += add_task(code, board, order, first, n, la, d->parts + d->n_parts);
}

int hedged_duties_new(const hedge_code_t *code, bool systematic, unsigned delta, hedged_duties_t **ret)
{
        hedged_duties_t *d = calloc(1, sizeof(*d));
        uint32_t order[HEDGE_CODE_MAX_PARTS];
        unsigned all = 0, at = 0;

        if (!d)
                return -ENOMEM;
        d->scheme = hedge_code_scheme(code);
        d->k_a = hedge_code_k_a(code);
        d->k_b = hedge_code_k_b(code);
        d->boards = hedge_code_boards(code);
        d->done = done_when(d->scheme, systematic);
        d->need = hedged_duties_usual_need(d->scheme, hedge_code_rank(code));
        d->delta = delta;
        d->steals = d->scheme == HEDGE_SCHEME_STEAL;
        for (unsigned b = 0; b < d->boards; b++)
                all += hedge_code_parts(code, b);
        d->duty = calloc(d->boards, sizeof(*d->duty));
        d->parts = calloc(all, sizeof(*d->parts));
        if (!d->duty || !d->parts) {
                hedged_duties_destroy(&d);
                return -ENOMEM;
        }
        for (unsigned b = 0; b < d->boards; b++) {
                d->duty[b].parts = d->parts + at;
                fill(code, b, order, &d->duty[b]);
                at += hedge_code_parts(code, b);
        }
        *ret = d;
        return 0;
}

void hedged_duties_destroy(hedged_duties_t **duties)
{
        if (!*duties)
                return;
        free((*duties)->parts);
        free((*duties)->duty);
        free(*duties);
        *duties = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/infer/assign.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/plan/late.h"

#define COPIES_MAX 3u /* boards that are asked for the same plain part */

typedef struct place {
        hedged_advance_t advance; /* in microseconds */
        uint32_t *order;
        int64_t *asked_us; /* per part */
        bool *has_come;    /* per part */
        uint32_t *plain;   /* steal: per part, which of the K plain ones it is */
        uint32_t *part_of; /* steal: per plain part, its number here */
} place_t;

struct hedged_assign {
        const hedge_code_t *code;
        unsigned boards, rank;
        double hold_us;
        place_t *places;
        bool *alive;
        bool *done;       /* steal: per plain part */
        unsigned *copies; /* steal: per plain part, boards that work on it and are not lost */
};

/* Which plain part is which, on a board that could do them all. */
static void number_plain(const hedge_code_t *code, unsigned board, place_t *p)
{
        const unsigned k_b = hedge_code_k_b(code), ell_b = hedge_code_ell_b(code, board);

        for (unsigned part = 0; part < hedge_code_parts(code, board); part++) {
                unsigned i = hedge_code_strip(code, board, part / ell_b);
                unsigned b = hedge_code_block(code, board, part % ell_b);

                p->plain[part] = i * k_b + b;
                p->part_of[i * k_b + b] = part;
        }
}

static int init_place(const hedge_code_t *code, unsigned board, place_t *p)
{
        const unsigned parts = hedge_code_parts(code, board);
        const bool steals = hedge_code_scheme(code) == HEDGE_SCHEME_STEAL;

        if (parts == 0)
                return 0;
        p->order = calloc(parts, sizeof(*p->order));
        p->asked_us = calloc(parts, sizeof(*p->asked_us));
        p->has_come = calloc(parts, sizeof(*p->has_come));
        if (!p->order || !p->asked_us || !p->has_come)
                return -ENOMEM;
        hedge_code_order(code, board, p->order);
        if (!steals)
                return 0;
        p->plain = calloc(parts, sizeof(*p->plain));
        p->part_of = calloc(hedge_code_rank(code), sizeof(*p->part_of));
        if (!p->plain || !p->part_of)
                return -ENOMEM;
        number_plain(code, board, p);
        return 0;
}

int hedged_assign_new(const hedge_code_t *code, uint32_t hold_us, hedged_assign_t **ret)
{
        hedged_assign_t *a = calloc(1, sizeof(*a));
        int r = -ENOMEM;

        if (!a)
                return r;
        a->code = code;
        a->hold_us = hold_us;
        a->boards = hedge_code_boards(code);
        a->rank = hedge_code_rank(code);
        a->places = calloc(a->boards, sizeof(*a->places));
        a->alive = calloc(a->boards, sizeof(*a->alive));
        a->done = calloc(a->rank, sizeof(*a->done));
        a->copies = calloc(a->rank, sizeof(*a->copies));
        if (a->places && a->alive && a->done && a->copies)
                r = 0;
        for (unsigned b = 0; r == 0 && b < a->boards; b++)
                r = init_place(code, b, &a->places[b]);
        if (r < 0)
                hedged_assign_destroy(&a);
        else
                *ret = a;
        return r;
}

void hedged_assign_destroy(hedged_assign_t **assign)
{
        hedged_assign_t *a = *assign;

        if (!a)
                return;
        for (unsigned b = 0; a->places && b < a->boards; b++) {
                free(a->places[b].order);
                free(a->places[b].asked_us);
                free(a->places[b].has_come);
                free(a->places[b].plain);
                free(a->places[b].part_of);
        }
        free(a->places);
        free(a->alive);
        free(a->done);
        free(a->copies);
        free(a);
        *assign = NULL;
}

static bool has_input(const hedged_task_t *task, uint32_t la)
{
        for (uint32_t i = 0; i < task->n_inputs; i++)
                if (task->inputs[i] == la)
                        return true;
        return false;
}

/* Ask a board for one more part. @return false: its coded input does not fit into the task any more. */
static bool ask(hedged_assign_t *a, unsigned board, unsigned part, int64_t now_us, hedged_task_t *task)
{
        const uint32_t la = part / hedge_code_ell_b(a->code, board);
        place_t *p = &a->places[board];

        if (!has_input(task, la)) {
                if (task->n_inputs == HEDGED_TASK_INPUTS)
                        return false;
                task->inputs[task->n_inputs++] = la;
        }
        task->order[task->n_order++] = part;
        p->asked_us[part] = now_us ? now_us : 1;
        p->advance.asked++;
        if (p->plain)
                a->copies[p->plain[part]]++;
        return true;
}

void hedged_assign_piece(const hedged_task_t *task, const uint16_t *pieces, unsigned piece, unsigned ell_b,
                         hedged_task_t *ret)
{
        ret->board = task->board;
        ret->n_inputs = ret->n_order = 0;
        for (unsigned i = 0; i < task->n_order; i++) {
                if (pieces[i] != piece)
                        continue;
                if (!has_input(ret, task->order[i] / ell_b))
                        ret->inputs[ret->n_inputs++] = task->order[i] / ell_b;
                ret->order[ret->n_order++] = task->order[i];
        }
}

bool hedged_assign_first(hedged_assign_t *a, unsigned board, int64_t now_us, hedged_task_t *ret)
{
        const unsigned parts = hedge_code_first_parts(a->code, board);
        place_t *p = &a->places[board];

        ret->board = board;
        ret->n_inputs = ret->n_order = 0;
        for (unsigned i = 0; i < parts; i++)
                if (!ask(a, board, p->order[i], now_us, ret))
                        break; /* the rest is more work, for later */
        a->alive[board] = ret->n_order > 0;
        hedged_advance_begin(&p->advance, (double)now_us);
        return ret->n_order > 0;
}

void hedged_assign_came(hedged_assign_t *a, unsigned board, unsigned part, int64_t now_us)
{
        place_t *p = &a->places[board];

        if (!p->asked_us || !p->asked_us[part] || p->has_come[part])
                return;
        p->has_come[part] = true;
        hedged_advance_came(&p->advance, (double)now_us);
        if (p->plain)
                a->done[p->plain[part]] = true;
}

void hedged_assign_lost(hedged_assign_t *a, unsigned board)
{
        const place_t *p = &a->places[board];

        if (!a->alive[board])
                return;
        a->alive[board] = false;
        for (unsigned part = 0; p->plain && part < hedge_code_parts(a->code, board); part++)
                if (p->asked_us[part] && !p->has_come[part])
                        a->copies[p->plain[part]]--;
}

static bool owes(const place_t *p)
{
        return p->advance.came < p->advance.asked;
}

/* How long a board will still need: as it has done so far, or slower if it has been silent for long. */
static double needs_us(const place_t *p, int64_t now_us)
{
        const double pace = hedged_advance_pace(&p->advance), silent = (double)now_us - p->advance.last;

        return (p->advance.asked - p->advance.came) * (pace > silent ? pace : silent);
}

/* Parts that have come, or may still come. */
static unsigned in_sight(const hedged_assign_t *a)
{
        unsigned n = 0;

        for (unsigned b = 0; b < a->boards; b++)
                n += a->alive[b] ? a->places[b].advance.asked : a->places[b].advance.came;
        return n;
}

/* Should an idle board do more than it was asked for at first? */
static bool is_needed(const hedged_assign_t *a, unsigned board, int64_t now_us, int64_t *wake_us)
{
        bool others = false;

        if (in_sight(a) < a->rank)
                return true;
        for (unsigned v = 0; v < a->boards; v++) {
                double when_us;

                if (v == board || !owes(&a->places[v]))
                        continue;
                if (!a->alive[v])
                        return true; /* it is lost, and what it owes with it */
                others = true;
                if (hedged_is_late(&a->places[v].advance, &a->places[board].advance, a->hold_us,
                                   1e6 * HEDGED_NOISE_DELAY_S, (double)now_us, &when_us))
                        return true;
                if (when_us < (double)*wake_us)
                        *wake_us = (int64_t)when_us + 1;
        }
        return !others; /* all that was asked for is in, and it is not enough */
}

/* The plain part that `board` should do in place of whoever has it. @return a->rank where there is none. */
static unsigned find_late(const hedged_assign_t *a, unsigned board, int64_t now_us)
{
        const place_t *mine = &a->places[board];
        unsigned best = a->rank, best_copies = COPIES_MAX;
        double latest = -1;

        for (unsigned g = 0; g < a->rank; g++)
                if (!a->done[g] && a->copies[g] == 0)
                        return g;
        for (unsigned v = 0; v < a->boards; v++) {
                const place_t *p = &a->places[v];
                const double needs = needs_us(p, now_us);

                if (v == board || !a->alive[v] || !owes(p))
                        continue;
                for (unsigned i = hedge_code_parts(a->code, v); i-- > 0;) {
                        const unsigned part = p->order[i], g = p->plain[part];

                        if (!p->asked_us[part] || a->done[g] || mine->asked_us[mine->part_of[g]])
                                continue;
                        if (a->copies[g] < best_copies || (a->copies[g] == best_copies && needs > latest)) {
                                best = g;
                                best_copies = a->copies[g];
                                latest = needs;
                        }
                }
        }
        return best;
}

/* The next coded input of a board that it was not asked about, with all its parts. */
static bool next_input(hedged_assign_t *a, unsigned board, int64_t now_us, hedged_task_t *ret)
{
        const unsigned parts = hedge_code_parts(a->code, board), ell_b = hedge_code_ell_b(a->code, board);
        const place_t *p = &a->places[board];

        for (unsigned i = 0; i < parts; i++)
                if (!p->asked_us[p->order[i]] && (ret->n_order == 0 || p->order[i] / ell_b == ret->inputs[0]))
                        ask(a, board, p->order[i], now_us, ret);
        return ret->n_order > 0;
}

bool hedged_assign_more(hedged_assign_t *a, unsigned board, int64_t now_us, hedged_task_t *ret, int64_t *wake_us)
{
        const place_t *p = &a->places[board];
        unsigned late;

        if (!a->alive[board] || owes(p) || p->advance.asked == hedge_code_parts(a->code, board) ||
            !is_needed(a, board, now_us, wake_us))
                return false;
        ret->board = board;
        ret->n_inputs = ret->n_order = 0;
        if (!p->plain)
                return next_input(a, board, now_us, ret);
        late = find_late(a, board, now_us);
        return late < a->rank && ask(a, board, p->part_of[late], now_us, ret);
}

const bool *hedged_assign_alive(const hedged_assign_t *a)
{
        return a->alive;
}

bool hedged_assign_is_done(const hedged_assign_t *a, unsigned board)
{
        return !owes(&a->places[board]);
}

unsigned hedged_assign_asked(const hedged_assign_t *a)
{
        unsigned n = 0;

        for (unsigned b = 0; b < a->boards; b++)
                n += a->places[b].advance.asked;
        return n;
}

unsigned hedged_assign_outstanding(const hedged_assign_t *a)
{
        unsigned n = 0;

        for (unsigned b = 0; b < a->boards; b++)
                if (a->alive[b])
                        n += a->places[b].advance.asked - a->places[b].advance.came;
        return n;
}

int64_t hedged_assign_asked_us(const hedged_assign_t *a, unsigned board, unsigned part)
{
        return a->places[board].asked_us ? a->places[board].asked_us[part] : 0;
}

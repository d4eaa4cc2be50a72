/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/infer/share_out.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "daemon/plan/late.h"

#define WAITING 1.05  /* what waits for a place should be back so much sooner than elsewhere */
#define IDLE_S  0.001 /* of others' work */
#define AGAIN_S 0.005 /* after which it is looked again whether a place is idle: nobody says so */

/* A piece at a place. */
typedef struct copy {
        double given; /* when; < 0: it was not */
        double due, late;
        double allowed_s; /* until it is late, where lateness is 1 */
        double came;      /* < 0: it has not */
} copy_t;

typedef struct state {
        double link_free; /* when what was given out will have left */
        double free;      /* when it will have computed that */
        double due;       /* when the next is due of what it has; INFINITY: nothing */
        double slowness;  /* at least 1: what its last piece took, as a multiple of what was expected */
        unsigned under_way;
        bool lost;
} state_t;

struct hedged_share_out {
        hedged_share_out_settings_t set;
        unsigned missing;
        double link_free; /* the coordinator's */
        hedged_place_t *places;
        state_t *states, *ahead; /* per place; ahead: room for looking ahead */
        copy_t *copies;          /* per place and piece */
        unsigned *wanted;        /* per piece: so many more places are to be given it; 0 once it is back */
        unsigned *had;           /* per piece: places that have it, or have sent it */
        bool *done;
};

int hedged_share_out_new(const hedged_share_out_settings_t *set, hedged_share_out_t **ret)
{
        const size_t places = set->n_places, pieces = set->n_pieces;
        hedged_share_out_t *s = calloc(1, sizeof(*s));

        if (!s)
                return -ENOMEM;
        s->set = *set;
        s->missing = set->n_pieces;
        s->places = calloc(places, sizeof(*s->places));
        s->states = calloc(places, sizeof(*s->states));
        s->ahead = calloc(places, sizeof(*s->ahead));
        s->copies = calloc(places * pieces, sizeof(*s->copies));
        s->wanted = calloc(pieces, sizeof(*s->wanted));
        s->had = calloc(pieces, sizeof(*s->had));
        s->done = calloc(pieces, sizeof(*s->done));
        if (!s->places || !s->states || !s->ahead || !s->copies || !s->wanted || !s->had || !s->done) {
                hedged_share_out_destroy(&s);
                return -ENOMEM;
        }
        for (size_t i = 0; i < places * pieces; i++)
                s->copies[i] = (copy_t){ .given = -1, .came = -1 };
        for (size_t i = 0; i < pieces; i++)
                s->wanted[i] = set->copies;
        for (size_t i = 0; i < places; i++)
                s->states[i] = (state_t){ .slowness = 1, .due = INFINITY };
        *ret = s;
        return 0;
}

void hedged_share_out_destroy(hedged_share_out_t **share_out)
{
        hedged_share_out_t *s = *share_out;

        if (!s)
                return;
        free(s->places);
        free(s->states);
        free(s->ahead);
        free(s->copies);
        free(s->wanted);
        free(s->had);
        free(s->done);
        free(s);
        *share_out = NULL;
}

hedged_place_t *hedged_share_out_places(hedged_share_out_t *s)
{
        return s->places;
}

static copy_t *copy_of(const hedged_share_out_t *s, unsigned place, unsigned piece)
{
        return &s->copies[(size_t)place * s->set.n_pieces + piece];
}

static bool is_here(const hedged_share_out_t *s, unsigned place)
{
        return s->set.here && place + 1 == s->set.n_places;
}

/* May it be asked for a piece that it was not asked for before? */
static bool may_take(const hedged_share_out_t *s, unsigned place, unsigned piece)
{
        return s->places[place].able && !s->states[place].lost && copy_of(s, place, piece)->given < 0;
}

/* When a place will have computed what it has. Who has let wait for so long may do so for as long again. */
static double free_at(const hedged_share_out_t *s, const state_t *state, unsigned place, double now)
{
        const double others = now + s->places[place].busy_s, overdue = now > state->due ? now - state->due : 0;
        const double own = (state->free > now ? state->free : now) + overdue;

        return state->under_way > 0 && own > others ? own : others;
}

/* @param state  Of the place, or ahead of it. */
static void foresee(const hedged_share_out_t *s, const state_t *state, unsigned place, unsigned piece, double now,
                    hedged_prospect_t *ret)
{
        const double link = s->link_free > now ? s->link_free : now;
        const double per_s = s->set.link_bytes_per_s;

        hedged_foresee(&s->places[place].speed, &s->set.pieces[piece], now, state->link_free,
                       free_at(s, state, place, now), per_s > 0 ? link + s->set.pieces[piece].up_bytes / per_s : now,
                       ret);
}

static void give(hedged_share_out_t *s, unsigned place, unsigned piece, double now, hedged_given_t *ret)
{
        state_t *state = &s->states[place];
        hedged_prospect_t p;

        foresee(s, state, place, piece, now, &p);
        if (s->places[place].speed.up_bytes_per_s > 0 && s->set.link_bytes_per_s > 0)
                s->link_free = (s->link_free > now ? s->link_free : now) +
                               s->set.pieces[piece].up_bytes / s->set.link_bytes_per_s;
        state->link_free = p.leaves;
        state->free = p.computed;
        state->under_way++;
        state->due = p.back < state->due ? p.back : state->due;
        *copy_of(s, place, piece) = (copy_t){ .given = now,
                                              .due = p.back,
                                              .late = now + s->set.lateness * (p.rarely - now) + HEDGED_NOISE_DELAY_S,
                                              .allowed_s = p.rarely - now,
                                              .came = -1 };
        s->wanted[piece] -= s->wanted[piece] > 0;
        s->had[piece]++;
        *ret = (hedged_given_t){ .place = place, .piece = piece, .expected_s = p.busy_s };
}

/* ---- what nobody has yet ---- */

/* The place that would be back first with a piece, by what is ahead; n_places: none may take it. Those that cannot be given it
 * now have to be clearly better. */
static unsigned best_place(const hedged_share_out_t *s, unsigned piece, double now, hedged_prospect_t *ret)
{
        unsigned best = s->set.n_places;
        double takes, least = 0;

        if (piece == 0 && s->had[0] == 0 && s->set.first < s->set.n_places && may_take(s, s->set.first, 0)) {
                foresee(s, &s->ahead[s->set.first], s->set.first, 0, now, ret);
                return s->set.first;
        }
        for (unsigned v = 0; v < s->set.n_places; v++) {
                hedged_prospect_t p;

                if (!may_take(s, v, piece))
                        continue;
                foresee(s, &s->ahead[v], v, piece, now, &p);
                takes = (p.back - now) * (s->states[v].under_way < HEDGED_AT_A_TIME ? 1 : WAITING);
                if (best == s->set.n_places || takes < least) {
                        best = v;
                        least = takes;
                        *ret = p;
                }
        }
        return best;
}

/* The last piece that a place may still be given. */
static unsigned last_wanted(const hedged_share_out_t *s, unsigned place, unsigned piece)
{
        for (unsigned i = s->set.n_pieces; i-- > piece;)
                if (s->wanted[i] > 0 && may_take(s, place, i))
                        return i;
        return piece;
}

static void look_again(double when, double *wake)
{
        *wake = when < *wake ? when : *wake;
}

/* Pieces in order go where they would be back first. Where that place has enough for now they wait for it, and it is looked at
 * what is behind them. */
static bool give_wanted(hedged_share_out_t *s, double now, hedged_given_t *ret, double *wake)
{
        for (unsigned v = 0; v < s->set.n_places; v++)
                s->ahead[v] = s->states[v];
        for (unsigned piece = 0; piece < s->set.n_pieces; piece++)
                for (unsigned k = 0; k < s->wanted[piece]; k++) {
                        hedged_prospect_t p = { 0 };
                        const unsigned v = best_place(s, piece, now, &p);

                        if (v == s->set.n_places)
                                break;
                        if (s->states[v].under_way < HEDGED_AT_A_TIME) {
                                give(s, v, is_here(s, v) ? last_wanted(s, v, piece) : piece, now, ret);
                                return true;
                        }
                        look_again(s->states[v].due > now + AGAIN_S ? s->states[v].due : now + AGAIN_S, wake);
                        s->ahead[v].link_free = p.leaves;
                        s->ahead[v].free = p.computed;
                }
        return false;
}

/* ---- what others have ---- */

/* Who could do a piece again and be back first. */
static unsigned again_place(const hedged_share_out_t *s, unsigned piece, double now, bool busy, hedged_prospect_t *ret)
{
        unsigned best = s->set.n_places;

        for (unsigned v = 0; v < s->set.n_places; v++) {
                hedged_prospect_t p;

                if (!may_take(s, v, piece) || s->states[v].under_way >= (busy ? HEDGED_AT_A_TIME : 1u) ||
                    (!busy && s->places[v].busy_s > IDLE_S))
                        continue;
                foresee(s, &s->states[v], v, piece, now, &p);
                if (best == s->set.n_places || p.back < ret->back) {
                        best = v;
                        *ret = p;
                }
        }
        return best;
}

/* When a piece is due, by what those who have it have shown so far, and from when on all of them are late.
 * @param ret_fresh  How many there are from whom something is still to be hoped for.
 * @return false: nobody has it. */
static bool due_of(const hedged_share_out_t *s, unsigned piece, double now, double *ret_due, double *ret_late,
                   unsigned *ret_fresh)
{
        bool any = false;

        *ret_fresh = 0;

        for (unsigned v = 0; v < s->set.n_places; v++) {
                const copy_t *c = copy_of(s, v, piece);
                double due;

                if (c->given < 0 || c->came >= 0 || s->states[v].lost)
                        continue;
                due = c->given + (c->due - c->given) * s->states[v].slowness;
                *ret_due = !any || due < *ret_due ? due : *ret_due;
                *ret_late = !any || c->late > *ret_late ? c->late : *ret_late;
                *ret_fresh += now < c->late + (c->late - c->given);
                any = true;
        }
        return any;
}

typedef struct candidate {
        unsigned piece, place;
        double due;
} candidate_t;

/* Is this piece to be done again now, and by whom? */
static bool is_late(const hedged_share_out_t *s, unsigned piece, double now, bool crowded, bool busy, candidate_t *ret,
                    double *wake)
{
        hedged_prospect_t p = { 0 };
        double due, late;
        unsigned fresh;

        if (s->done[piece] || !due_of(s, piece, now, &due, &late, &fresh))
                return false;
        if (now < late)
                look_again(late, wake);
        *ret = (candidate_t){ piece, s->set.n_places, due };
        if (fresh < HEDGED_COPIES_MAX && (busy || !crowded))
                ret->place = again_place(s, piece, now, busy, &p);
        if (ret->place == s->set.n_places) {
                if (now >= late)
                        look_again(now + AGAIN_S, wake);
                return false;
        }
        return now >= late ||
               (s->set.race && !busy && now + HEDGED_LATE_PATIENCE * (p.back - now) + HEDGED_NOISE_DELAY_S < due);
}

static bool give_again(hedged_share_out_t *s, double now, bool crowded, bool busy, hedged_given_t *ret, double *wake)
{
        candidate_t best = { .place = s->set.n_places }, c;

        for (unsigned piece = 0; piece < s->set.n_pieces; piece++) {
                if (!is_late(s, piece, now, crowded, busy, &c, wake))
                        continue;
                if (best.place == s->set.n_places || s->had[piece] < s->had[best.piece] ||
                    (s->had[piece] == s->had[best.piece] && c.due > best.due))
                        best = c;
        }
        if (best.place == s->set.n_places)
                return false;
        give(s, best.place, best.piece, now, ret);
        ret->again = busy;
        return true;
}

bool hedged_share_out_next(hedged_share_out_t *s, double now, bool crowded, bool queue_again, hedged_given_t *ret,
                           double *wake)
{
        if (s->missing == 0)
                return false;
        if (give_wanted(s, now, ret, wake))
                return true;
        return s->set.hedge && hedged_share_out_waiting(s) == 0 && give_again(s, now, crowded, queue_again, ret, wake);
}

/* ---- what came ---- */

bool hedged_share_out_came(hedged_share_out_t *s, unsigned place, unsigned piece, double now)
{
        copy_t *c = copy_of(s, place, piece);
        state_t *state = &s->states[place];
        const double slip = now - c->due;
        const bool first = !s->done[piece];

        if (c->given < 0 || c->came >= 0)
                return false;
        c->came = now;
        state->under_way--;
        state->free += slip;
        state->due = INFINITY;
        state->slowness = c->due > c->given && slip > 0 ? (now - c->given) / (c->due - c->given) : 1;
        for (unsigned i = 0; i < s->set.n_pieces; i++) { /* what is behind it there */
                copy_t *other = copy_of(s, place, i);

                if (other->given < 0 || other->came >= 0)
                        continue;
                other->due += slip;
                other->late += slip > 0 ? slip : 0;
                state->due = other->due < state->due ? other->due : state->due;
        }
        s->done[piece] = true;
        s->wanted[piece] = 0;
        s->missing -= first;
        return first;
}

void hedged_share_out_lost(hedged_share_out_t *s, unsigned place)
{
        double due, late;
        unsigned fresh;

        if (s->states[place].lost)
                return;
        s->states[place].lost = true;
        s->states[place].under_way = 0;
        for (unsigned piece = 0; piece < s->set.n_pieces; piece++) {
                const copy_t *c = copy_of(s, place, piece);

                if (c->given < 0 || c->came >= 0)
                        continue;
                s->had[piece]--;
                if (!s->done[piece] && s->wanted[piece] == 0 && !due_of(s, piece, 0, &due, &late, &fresh))
                        s->wanted[piece] = 1;
        }
}

double hedged_share_out_given(const hedged_share_out_t *s, unsigned place, unsigned piece)
{
        return copy_of(s, place, piece)->given;
}

double hedged_share_out_took(const hedged_share_out_t *s, unsigned place, unsigned piece)
{
        const copy_t *c = copy_of(s, place, piece);

        return c->came >= 0 && c->allowed_s > 0 ? (c->came - c->given) / c->allowed_s : 0;
}

unsigned hedged_share_out_missing(const hedged_share_out_t *s)
{
        return s->missing;
}

unsigned hedged_share_out_waiting(const hedged_share_out_t *s)
{
        unsigned n = 0;

        for (unsigned i = 0; i < s->set.n_pieces; i++)
                n += s->wanted[i] > 0 && s->had[i] == 0;
        return n;
}

unsigned hedged_share_out_under_way(const hedged_share_out_t *s, unsigned place)
{
        return s->states[place].under_way;
}

bool hedged_share_out_possible(const hedged_share_out_t *s)
{
        if (s->missing == 0)
                return true;
        for (unsigned v = 0; v < s->set.n_places; v++)
                if (!s->states[v].lost &&
                    (is_here(s, v) ? hedged_share_out_waiting(s) == 0 && s->states[v].under_way > 0
                                   : s->places[v].able || s->states[v].under_way > 0))
                        return true;
        return false;
}

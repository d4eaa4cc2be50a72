/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/crew.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BOARDS HEDGE_CODE_MAX_BOARDS
#define NONE   UINT32_MAX
#define NOTES  64u

/* A shard on a board's list. */
typedef struct seat {
        uint32_t shard;
        bool sent;       /* to the board, or was there already */
        bool takes_over; /* who else has it and others too gives it up when the board holds it */
} seat_t;

typedef enum presence { AWAY, HERE, JOINED, LEFT_OUT } presence_t;

typedef struct member {
        char name[HEDGE_BOARD_NAME_MAX];
        presence_t presence;
        bool told;         /* to join */
        bool full;         /* has no room for more */
        bool wanted;       /* is to be asked in the open step */
        uint64_t asked;    /* the step whose answer is to come; 0: none */
        uint64_t answered; /* the open step, if it has; else 0 */
        uint64_t taken, version;
        unsigned failures;
        uint32_t n;
        seat_t *list; /* room for all shards */
        bool *holds;  /* per shard */
} member_t;

struct hedged_crew {
        uint32_t shards;
        uint64_t quorum;
        uint64_t first; /* steps that were done at the beginning */
        uint64_t step;  /* steps that are done; the open one is step + 1 */
        bool started, open;
        unsigned answers;
        uint32_t *home;  /* per shard, the board that had it first, or NONE */
        uint64_t *draws; /* per shard */
        member_t *members[BOARDS];
        char (*notes)[sizeof(((hedged_order_t *)0)->text)];
        unsigned n_notes, first_note;
};

int hedged_crew_new(uint32_t shards, uint64_t quorum, uint64_t step, hedged_crew_t **ret)
{
        hedged_crew_t *c = calloc(1, sizeof(*c));

        if (!c)
                return -ENOMEM;
        c->shards = shards;
        c->quorum = quorum;
        c->first = c->step = step;
        c->home = calloc(shards, sizeof(*c->home));
        c->draws = calloc(shards, sizeof(*c->draws));
        c->notes = calloc(NOTES, sizeof(*c->notes));
        if (!c->home || !c->draws || !c->notes) {
                hedged_crew_destroy(&c);
                return -ENOMEM;
        }
        for (uint32_t s = 0; s < shards; s++) {
                c->home[s] = NONE;
                c->draws[s] = step;
        }
        *ret = c;
        return 0;
}

void hedged_crew_destroy(hedged_crew_t **crew)
{
        hedged_crew_t *c = *crew;

        if (!c)
                return;
        for (unsigned b = 0; b < BOARDS; b++) {
                if (c->members[b]) {
                        free(c->members[b]->list);
                        free(c->members[b]->holds);
                        free(c->members[b]);
                }
        }
        free(c->home);
        free(c->draws);
        free(c->notes);
        free(c);
        *crew = NULL;
}

/* Beyond what is kept of them, later ones are dropped: they are for people. */
static void note(hedged_crew_t *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void note(hedged_crew_t *c, const char *format, ...)
{
        char *text = c->notes[(c->first_note + c->n_notes) % NOTES];
        va_list args;

        if (c->n_notes == NOTES)
                return;
        va_start(args, format);
        vsnprintf(text, sizeof(c->notes[0]), format, args);
        va_end(args);
        c->n_notes++;
}

static const char *plural(unsigned n)
{
        return n == 1 ? "board" : "boards";
}

static member_t *member(const hedged_crew_t *c, unsigned board, presence_t presence)
{
        member_t *m = board < BOARDS ? c->members[board] : NULL;

        return m && m->presence == presence ? m : NULL;
}

/* ---- lists ---- */

static seat_t *find_seat(const member_t *m, uint32_t shard)
{
        for (uint32_t i = 0; i < m->n; i++)
                if (m->list[i].shard == shard)
                        return &m->list[i];
        return NULL;
}

static void remove_seat(member_t *m, seat_t *seat)
{
        const size_t behind = (size_t)(m->list + m->n - (seat + 1));

        memmove(seat, seat + 1, behind * sizeof(*seat));
        m->n--;
}

static uint32_t held_seats(const member_t *m)
{
        uint32_t held = 0;

        for (uint32_t i = 0; i < m->n; i++)
                held += m->holds[m->list[i].shard];
        return held;
}

/* The board holds what it is to take over: who has others to draw from lets it go. */
static void relieve(hedged_crew_t *c, member_t *taker, seat_t *seat)
{
        for (unsigned b = 0; b < BOARDS; b++) {
                member_t *m = c->members[b];
                seat_t *other = m && m != taker ? find_seat(m, seat->shard) : NULL;

                if (other && m->n > 1)
                        remove_seat(m, other);
        }
        seat->takes_over = false;
}

static void give(hedged_crew_t *c, unsigned board, uint32_t shard, bool takes_over)
{
        member_t *m = c->members[board];
        seat_t *seat = &m->list[m->n];

        assert(m->n < c->shards && !find_seat(m, shard));
        *seat = (seat_t){ .shard = shard, .sent = m->holds[shard], .takes_over = takes_over };
        m->n++;
        if (c->home[shard] == NONE)
                c->home[shard] = board;
        if (takes_over && m->holds[shard])
                relieve(c, m, seat);
}

static unsigned listings(const hedged_crew_t *c, uint32_t shard)
{
        unsigned n = 0;

        for (unsigned b = 0; b < BOARDS; b++)
                n += c->members[b] && find_seat(c->members[b], shard);
        return n;
}

/* @return the board with the shortest list, NONE: nobody has room. */
static unsigned least_busy(const hedged_crew_t *c)
{
        unsigned best = NONE;

        for (unsigned b = 0; b < BOARDS; b++) {
                const member_t *m = member(c, b, JOINED);

                if (m && !m->full && (best == NONE || m->n < c->members[best]->n))
                        best = b;
        }
        return best;
}

/* Every shard is to be drawn from. */
static void fill_gaps(hedged_crew_t *c)
{
        for (uint32_t s = 0; c->started && s < c->shards; s++) {
                const unsigned board = listings(c, s) ? NONE : least_busy(c);

                if (board != NONE)
                        give(c, board, s, false);
        }
}

/* The shard that the busiest board had last, of one that has several; NONE: nobody has. */
static uint32_t spare_shard(const hedged_crew_t *c)
{
        const member_t *busiest = NULL;

        for (unsigned b = 0; b < BOARDS; b++) {
                const member_t *m = member(c, b, JOINED);

                if (m && m->n > 1 && (!busiest || m->n > busiest->n))
                        busiest = m;
        }
        return busiest ? busiest->list[busiest->n - 1].shard : NONE;
}

static uint32_t loneliest_shard(const hedged_crew_t *c)
{
        uint32_t best = 0;

        for (uint32_t s = 1; s < c->shards; s++)
                if (listings(c, s) < listings(c, best))
                        best = s;
        return best;
}

/* What a board that comes in the middle draws from. */
static void seat_newcomer(hedged_crew_t *c, unsigned board)
{
        member_t *m = c->members[board];
        uint32_t spare;

        for (uint32_t s = 0; s < c->shards; s++)
                if (c->home[s] == board)
                        give(c, board, s, true);
        fill_gaps(c);
        if (m->n > 0)
                return;
        spare = spare_shard(c);
        give(c, board, spare == NONE ? loneliest_shard(c) : spare, spare != NONE);
}

void hedged_crew_start(hedged_crew_t *c)
{
        uint32_t next = 0;

        assert(!c->started);
        /* After a restart of the coordinator boards still hold what they had. */
        for (unsigned b = 0; b < BOARDS; b++) {
                member_t *m = member(c, b, JOINED);

                for (uint32_t s = 0; m && m->n == 0 && s < c->shards; s++)
                        if (m->holds[s] && c->home[s] == NONE)
                                give(c, b, s, false);
        }
        for (unsigned b = 0; b < BOARDS; b++) {
                const member_t *m = member(c, b, JOINED);

                while (next < c->shards && c->home[next] != NONE)
                        next++;
                if (m && m->n == 0 && next < c->shards)
                        give(c, b, next, false);
        }
        c->started = true;
        fill_gaps(c);
        for (unsigned b = 0; b < BOARDS; b++)
                if (member(c, b, JOINED) && c->members[b]->n == 0)
                        seat_newcomer(c, b);
}

/* ---- what happened ---- */

static int new_member(const hedged_crew_t *c, member_t **ret)
{
        member_t *m = calloc(1, sizeof(*m));

        if (!m)
                return -ENOMEM;
        m->list = calloc(c->shards, sizeof(*m->list));
        m->holds = calloc(c->shards, sizeof(*m->holds));
        if (!m->list || !m->holds) {
                free(m->list);
                free(m->holds);
                free(m);
                return -ENOMEM;
        }
        m->taken = c->first;
        *ret = m;
        return 0;
}

/* Nothing is known of what it has, and nothing will come. */
static void forget(member_t *m, uint32_t shards)
{
        memset(m->holds, 0, shards * sizeof(*m->holds));
        for (uint32_t i = 0; i < m->n; i++)
                m->list[i].sent = false;
        m->told = m->full = m->wanted = false;
        m->asked = 0;
        m->failures = 0;
        m->version = HEDGED_NO_VERSION;
}

int hedged_crew_here(hedged_crew_t *c, unsigned board, const char *name)
{
        member_t *m;

        if (board >= BOARDS)
                return HEDGE_ELIMIT;
        if (!c->members[board]) {
                int r = new_member(c, &c->members[board]);

                if (r < 0)
                        return r;
        }
        m = c->members[board];
        forget(m, c->shards);
        m->presence = HERE;
        snprintf(m->name, sizeof(m->name), "%s", name);
        return 0;
}

void hedged_crew_lost(hedged_crew_t *c, unsigned board)
{
        member_t *m = board < BOARDS ? c->members[board] : NULL;
        const bool took_part = m && c->started && (m->presence == JOINED || (m->presence == HERE && m->n > 0));
        unsigned left;

        if (!m)
                return;
        m->n = 0;
        forget(m, c->shards);
        m->presence = AWAY;
        fill_gaps(c);
        left = hedged_crew_boards(c);
        if (took_part && left)
                note(c, "%s is lost: going on with %u %s", m->name, left, plural(left));
        else if (took_part)
                note(c, "%s is lost", m->name);
}

void hedged_crew_holds(hedged_crew_t *c, unsigned board, uint32_t shard)
{
        member_t *m = board < BOARDS ? c->members[board] : NULL;
        seat_t *seat;

        if (!m || (m->presence != HERE && m->presence != JOINED) || shard >= c->shards)
                return;
        m->holds[shard] = true;
        seat = find_seat(m, shard);
        if (!seat)
                return;
        seat->sent = true;
        if (seat->takes_over)
                relieve(c, m, seat);
}

static void greet(hedged_crew_t *c, unsigned board)
{
        const member_t *m = c->members[board];
        const uint32_t shard = m->list[0].shard, home = c->home[shard];

        if (home == board)
                note(c, "%s takes part again, with a shard of its own", m->name);
        else
                note(c, "%s takes part, with the shard of %s", m->name, c->members[home]->name);
}

void hedged_crew_joined(hedged_crew_t *c, unsigned board)
{
        member_t *m = member(c, board, HERE);

        if (!m)
                return;
        m->presence = JOINED;
        if (!c->started)
                return;
        if (m->n > 0) {
                note(c, "%s is back", m->name); /* by another connection, before anybody missed it */
                return;
        }
        seat_newcomer(c, board);
        greet(c, board);
}

/* It is of no use until it comes again. */
static void leave_out(hedged_crew_t *c, unsigned board, const char *why)
{
        member_t *m = c->members[board];

        m->n = 0;
        forget(m, c->shards);
        m->presence = LEFT_OUT;
        note(c, "%s is left out: %s", m->name, why);
        fill_gaps(c);
}

/* It has no room for this one, or for all that are on their way. */
static void refuse(hedged_crew_t *c, unsigned board, uint32_t shard, const char *why)
{
        member_t *m = c->members[board];

        m->full = true;
        for (uint32_t i = m->n; i-- > 0;) {
                const uint32_t s = m->list[i].shard;

                if (!m->holds[s] && m->list[i].sent && (s == shard || shard == NONE))
                        remove_seat(m, &m->list[i]);
        }
        if (m->n == 0)
                leave_out(c, board, why);
        else
                fill_gaps(c);
}

/* One more in a row; what it knows of the parameters is uncertain now. */
static void count_failure(hedged_crew_t *c, unsigned board, const char *why)
{
        member_t *m = c->members[board];

        m->asked = 0;
        m->wanted = false;
        m->version = HEDGED_NO_VERSION;
        m->failures++;
        if (m->failures >= HEDGED_CREW_FAILURES)
                leave_out(c, board, why);
}

void hedged_crew_error(hedged_crew_t *c, unsigned board, uint32_t shard, bool lacks, const char *why)
{
        member_t *m = member(c, board, JOINED);
        seat_t *seat = m && shard < c->shards ? find_seat(m, shard) : NULL;

        if (member(c, board, HERE)) {
                leave_out(c, board, why);
        } else if (m && !lacks && seat && seat->sent && !m->holds[shard]) {
                refuse(c, board, shard, why);
        } else if (m && !lacks && !m->asked && held_seats(m) < m->n) {
                refuse(c, board, NONE, why);
        } else if (m) {
                if (lacks && shard < c->shards)
                        m->holds[shard] = false;
                if (lacks && seat)
                        seat->sent = false;
                count_failure(c, board, why);
        }
}

hedged_answer_t hedged_crew_answered(hedged_crew_t *c, unsigned board, uint64_t step)
{
        member_t *m = member(c, board, JOINED);

        if (!m || step == 0 || m->asked != step)
                return HEDGED_ANSWER_STRAY;
        m->asked = 0;
        if (!c->open || step != c->step + 1) {
                m->failures = 0;
                return HEDGED_ANSWER_LATE;
        }
        m->answered = step;
        c->answers++;
        return HEDGED_ANSWER_COUNTS;
}

void hedged_crew_spoilt(hedged_crew_t *c, unsigned board, const char *why)
{
        member_t *m = board < BOARDS ? c->members[board] : NULL;

        if (!m || !m->answered)
                return;
        m->answered = 0;
        c->answers--;
        if (m->presence == JOINED)
                count_failure(c, board, why);
}

/* ---- steps ---- */

unsigned hedged_crew_joining(const hedged_crew_t *c)
{
        unsigned n = 0;

        for (unsigned b = 0; b < BOARDS; b++)
                n += member(c, b, HERE) != NULL;
        return n;
}

unsigned hedged_crew_loading(const hedged_crew_t *c)
{
        unsigned n = 0;

        for (unsigned b = 0; b < BOARDS; b++) {
                const member_t *m = member(c, b, JOINED);

                n += m && held_seats(m) < m->n;
        }
        return n;
}

/* @return how many there are. */
static unsigned want_all_idle(hedged_crew_t *c)
{
        unsigned n = 0;

        for (unsigned b = 0; b < BOARDS; b++) {
                member_t *m = member(c, b, JOINED);

                if (m && !m->asked && held_seats(m) > 0) {
                        m->wanted = true;
                        n++;
                }
        }
        return n;
}

uint64_t hedged_crew_begin(hedged_crew_t *c)
{
        assert(!c->open);
        c->open = true;
        c->answers = 0;
        want_all_idle(c);
        return c->step + 1;
}

bool hedged_crew_awaits(const hedged_crew_t *c, unsigned board)
{
        const member_t *m = member(c, board, JOINED);

        return m && c->open && (m->wanted || m->asked == c->step + 1);
}

static unsigned awaited(const hedged_crew_t *c)
{
        unsigned n = 0;

        for (unsigned b = 0; b < BOARDS; b++)
                n += hedged_crew_awaits(c, b);
        return n;
}

bool hedged_crew_enough(const hedged_crew_t *c)
{
        return c->answers > 0 && ((c->quorum && c->answers >= c->quorum) || awaited(c) == 0);
}

void hedged_crew_give_up(hedged_crew_t *c)
{
        for (unsigned b = 0; b < BOARDS; b++)
                if (hedged_crew_awaits(c, b))
                        note(c, "%s does not answer: going on without it until it does", c->members[b]->name);
}

void hedged_crew_end(hedged_crew_t *c)
{
        assert(c->open);
        c->step++;
        c->open = false;
        for (unsigned b = 0; b < BOARDS; b++) {
                member_t *m = c->members[b];

                if (!m)
                        continue;
                m->wanted = false;
                if (m->answered) {
                        m->taken = m->answered;
                        m->answered = 0;
                        m->failures = 0;
                }
        }
}

unsigned hedged_crew_boards(const hedged_crew_t *c)
{
        unsigned n = 0;

        for (unsigned b = 0; b < BOARDS; b++)
                n += member(c, b, JOINED) != NULL;
        return n;
}

unsigned hedged_crew_answers(const hedged_crew_t *c)
{
        return c->answers;
}

/* ---- orders ---- */

static bool next_note(hedged_crew_t *c, hedged_order_t *ret)
{
        if (c->n_notes == 0)
                return false;
        *ret = (hedged_order_t){ .kind = HEDGED_ORDER_NOTE };
        memcpy(ret->text, c->notes[c->first_note], sizeof(ret->text));
        c->first_note = (c->first_note + 1) % NOTES;
        c->n_notes--;
        return true;
}

static bool next_shard(unsigned board, member_t *m, hedged_order_t *ret)
{
        for (uint32_t i = 0; i < m->n; i++) {
                if (m->list[i].sent)
                        continue;
                m->list[i].sent = true;
                *ret = (hedged_order_t){ .kind = HEDGED_ORDER_SHARD, .board = board, .shard = m->list[i].shard };
                return true;
        }
        return false;
}

/* Its turn among those that it holds. */
static uint32_t shard_in_turn(const member_t *m, uint64_t step)
{
        uint32_t skip = (uint32_t)(step % held_seats(m));

        for (uint32_t i = 0;; i++)
                if (m->holds[m->list[i].shard] && skip-- == 0)
                        return m->list[i].shard;
}

static bool next_step(hedged_crew_t *c, unsigned board, member_t *m, hedged_order_t *ret)
{
        const uint64_t step = c->step + 1;
        const bool ready = m->wanted && held_seats(m) > 0;
        uint32_t shard;

        m->wanted = false;
        if (!ready)
                return false;
        shard = shard_in_turn(m, step);
        *ret = (hedged_order_t){ .kind = HEDGED_ORDER_STEP,
                                 .board = board,
                                 .shard = shard,
                                 .step = step,
                                 .draw = c->draws[shard]++,
                                 .taken = m->taken,
                                 .version = m->version };
        m->asked = step;
        m->version = step - 1;
        return true;
}

static bool order_for(hedged_crew_t *c, unsigned board, hedged_order_t *ret)
{
        member_t *m = c->members[board];

        if (!m)
                return false;
        if (m->presence == HERE && !m->told) {
                m->told = true;
                *ret = (hedged_order_t){ .kind = HEDGED_ORDER_JOIN, .board = board };
                return true;
        }
        return m->presence == JOINED && (next_shard(board, m, ret) || next_step(c, board, m, ret));
}

bool hedged_crew_next(hedged_crew_t *c, hedged_order_t *ret)
{
        if (next_note(c, ret))
                return true;
        do {
                for (unsigned b = 0; b < BOARDS; b++)
                        if (order_for(c, b, ret))
                                return true;
                /* A step that has lost all who were asked is asked for again. */
        } while (c->open && c->answers == 0 && awaited(c) == 0 && want_all_idle(c) > 0);
        return false;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/co3/crew.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/train/co3/shard_map.h"

#define BOARDS HEDGE_CODE_MAX_BOARDS
#define NONE   HEDGED_NO_SHARD
#define NOTES  64u

typedef enum presence { AWAY, HERE, JOINED, LEFT_OUT } presence_t;

typedef struct member {
        char name[HEDGE_BOARD_NAME_MAX];
        presence_t presence;
        bool told;         /* to join */
        bool wanted;       /* is to be asked in the open step */
        uint64_t asked;    /* the step whose answer is to come; 0: none */
        uint64_t answered; /* the open step, if it has; else 0 */
        uint64_t taken, version;
        unsigned failures;
} member_t;

struct hedged_crew {
        uint64_t quorum;
        uint64_t first; /* steps that were done at the beginning */
        uint64_t step;  /* steps that are done; the open one is step + 1 */
        bool started, open;
        unsigned answers;
        hedged_shard_map_t *map;
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
        c->quorum = quorum;
        c->first = c->step = step;
        c->draws = calloc(shards, sizeof(*c->draws));
        c->notes = calloc(NOTES, sizeof(*c->notes));
        if (!c->draws || !c->notes || hedged_shard_map_new(shards, &c->map) < 0) {
                hedged_crew_destroy(&c);
                return -ENOMEM;
        }
        for (uint32_t s = 0; s < shards; s++)
                c->draws[s] = step;
        *ret = c;
        return 0;
}

void hedged_crew_destroy(hedged_crew_t **crew)
{
        hedged_crew_t *c = *crew;

        if (!c)
                return;
        for (unsigned b = 0; b < BOARDS; b++)
                free(c->members[b]);
        hedged_shard_map_destroy(&c->map);
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

void hedged_crew_start(hedged_crew_t *c)
{
        c->started = true;
        hedged_shard_map_start(c->map);
}

static uint32_t held(const hedged_crew_t *c, unsigned board)
{
        return hedged_shard_map_held(c->map, board);
}

/* ---- what happened ---- */

/* Nothing that it was asked for will come. */
static void forget(member_t *m)
{
        m->told = m->wanted = false;
        m->asked = 0;
        m->failures = 0;
        m->version = HEDGED_NO_VERSION;
}

int hedged_crew_here(hedged_crew_t *c, unsigned board, const char *name)
{
        member_t *m;

        if (board >= BOARDS)
                return HEDGE_ELIMIT;
        if (hedged_shard_map_enter(c->map, board) < 0)
                return -ENOMEM;
        m = c->members[board];
        if (!m) {
                m = c->members[board] = calloc(1, sizeof(*m));
                if (!m)
                        return -ENOMEM;
                m->taken = c->first;
        }
        forget(m);
        m->presence = HERE;
        snprintf(m->name, sizeof(m->name), "%s", name);
        return 0;
}

void hedged_crew_lost(hedged_crew_t *c, unsigned board)
{
        member_t *m = board < BOARDS ? c->members[board] : NULL;
        bool took_part;
        unsigned left;

        if (!m)
                return;
        took_part = c->started &&
                    (m->presence == JOINED || (m->presence == HERE && hedged_shard_map_listed(c->map, board)));
        forget(m);
        m->presence = AWAY;
        hedged_shard_map_leave(c->map, board);
        left = hedged_crew_boards(c);
        if (took_part && left)
                note(c, "%s is lost: going on with %u %s", m->name, left, plural(left));
        else if (took_part)
                note(c, "%s is lost", m->name);
}

void hedged_crew_holds(hedged_crew_t *c, unsigned board, uint32_t shard)
{
        if (member(c, board, HERE) || member(c, board, JOINED))
                hedged_shard_map_holds(c->map, board, shard);
}

static void greet(hedged_crew_t *c, unsigned board)
{
        const member_t *m = c->members[board];
        const unsigned home = hedged_shard_map_home(c->map, hedged_shard_map_first(c->map, board));

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
        hedged_shard_map_join(c->map, board);
        if (!c->started)
                return;
        if (hedged_shard_map_listed(c->map, board) > 0) {
                note(c, "%s is back", m->name); /* by another connection, before anybody missed it */
                return;
        }
        hedged_shard_map_seat(c->map, board);
        greet(c, board);
}

/* It is of no use until it comes again. */
static void leave_out(hedged_crew_t *c, unsigned board, const char *why)
{
        member_t *m = c->members[board];

        forget(m);
        m->presence = LEFT_OUT;
        note(c, "%s is left out: %s", m->name, why);
        hedged_shard_map_leave(c->map, board);
}

/* It has no room for this one, or for all that are on their way. */
static void refuse(hedged_crew_t *c, unsigned board, uint32_t shard, const char *why)
{
        hedged_shard_map_refuse(c->map, board, shard);
        if (hedged_shard_map_listed(c->map, board) == 0)
                leave_out(c, board, why);
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
        const member_t *m = member(c, board, JOINED);

        if (member(c, board, HERE)) {
                leave_out(c, board, why);
        } else if (m && !lacks && hedged_shard_map_loading(c->map, board, shard)) {
                refuse(c, board, shard, why);
        } else if (m && !lacks && !m->asked && held(c, board) < hedged_shard_map_listed(c->map, board)) {
                refuse(c, board, NONE, why);
        } else if (m) {
                if (lacks)
                        hedged_shard_map_lacks(c->map, board, shard);
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

static unsigned count(const hedged_crew_t *c, presence_t presence)
{
        unsigned n = 0;

        for (unsigned b = 0; b < BOARDS; b++)
                n += member(c, b, presence) != NULL;
        return n;
}

unsigned hedged_crew_joining(const hedged_crew_t *c)
{
        return count(c, HERE);
}

unsigned hedged_crew_loading(const hedged_crew_t *c)
{
        unsigned n = 0;

        for (unsigned b = 0; b < BOARDS; b++) {
                const member_t *m = member(c, b, JOINED);

                n += m && held(c, b) < hedged_shard_map_listed(c->map, b);
        }
        return n;
}

/* @return how many there are. */
static unsigned want_all_idle(hedged_crew_t *c)
{
        unsigned n = 0;

        for (unsigned b = 0; b < BOARDS; b++) {
                member_t *m = member(c, b, JOINED);

                if (m && !m->asked && held(c, b) > 0) {
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
        return count(c, JOINED);
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

static bool next_shard(hedged_crew_t *c, unsigned board, hedged_order_t *ret)
{
        const uint32_t shard = hedged_shard_map_send(c->map, board);

        if (shard == NONE)
                return false;
        *ret = (hedged_order_t){ .kind = HEDGED_ORDER_SHARD, .board = board, .shard = shard };
        return true;
}

static bool next_step(hedged_crew_t *c, unsigned board, member_t *m, hedged_order_t *ret)
{
        const uint64_t step = c->step + 1;
        const bool ready = m->wanted && held(c, board) > 0;
        uint32_t shard;

        m->wanted = false;
        if (!ready)
                return false;
        shard = hedged_shard_map_turn(c->map, board, step);
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
        return m->presence == JOINED && (next_shard(c, board, ret) || next_step(c, board, m, ret));
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

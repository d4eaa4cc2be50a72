/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/round.h"

#include <assert.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

#define BOARDS HEDGE_CODE_MAX_BOARDS

/* A product that was asked for. A FETCH has no step on the wire: the order tells which one is answered. */
typedef struct asked {
        uint64_t step, wire_step;
        uint32_t packet;
        size_t bytes;
        int64_t asked_us;
} asked_t;

typedef struct member {
        bool here;
        char name[HEDGE_BOARD_NAME_MAX];
        asked_t *asked; /* oldest first */
        unsigned n_asked, room;
} member_t;

struct hedged_round {
        hedged_line_t *line;
        uint64_t job, step;
        unsigned count;
        uint64_t bytes_up, bytes_down;
        bool finishing;
        member_t members[BOARDS];
};

int hedged_round_new(hedged_line_t *line, uint64_t job, hedged_round_t **ret)
{
        hedged_round_t *round = calloc(1, sizeof(*round));

        if (!round)
                return -ENOMEM;
        round->line = line;
        round->job = job;
        *ret = round;
        return 0;
}

void hedged_round_destroy(hedged_round_t **round)
{
        if (!*round)
                return;
        for (unsigned i = 0; i < BOARDS; i++)
                free((*round)->members[i].asked);
        free(*round);
        *round = NULL;
}

bool hedged_round_here(const hedged_round_t *round, unsigned board)
{
        return board < BOARDS && round->members[board].here;
}

unsigned hedged_round_count(const hedged_round_t *round)
{
        return round->count;
}

const char *hedged_round_name(const hedged_round_t *round, unsigned board)
{
        return board < BOARDS ? round->members[board].name : "";
}

uint64_t hedged_round_begin(hedged_round_t *round)
{
        return ++round->step;
}

/* ---- asking ---- */

/* @return the step that the answer will name. */
static uint64_t address(const hedged_round_t *round, hedge_message_t *message, uint32_t *ret_packet)
{
        switch (message->type) {
        case HEDGE_MSG_HOLD:
        case HEDGE_MSG_FETCH:
                message->hold.job = round->job;
                *ret_packet = message->hold.matrix;
                return 0;
        case HEDGE_MSG_APPLY:
                message->apply.job = round->job;
                message->apply.step = round->step;
                *ret_packet = message->apply.matrix;
                break;
        case HEDGE_MSG_UPDATE:
                message->update.job = round->job;
                message->update.step = round->step;
                *ret_packet = 0;
                break;
        default:
                assert(message->type == HEDGE_MSG_MULTIPLY);
                message->multiply.job = round->job;
                message->multiply.step = round->step;
                *ret_packet = message->multiply.packet;
        }
        return round->step;
}

static int expect(member_t *m, const asked_t *asked)
{
        if (m->n_asked == m->room) {
                const unsigned room = m->room ? 2 * m->room : 16;
                asked_t *grown = realloc(m->asked, room * sizeof(*grown));

                if (!grown)
                        return -ENOMEM;
                m->asked = grown;
                m->room = room;
        }
        m->asked[m->n_asked++] = *asked;
        return 0;
}

int hedged_round_say(hedged_round_t *round, unsigned board, hedge_message_t *message, zmq_msg_t *frames,
                     uint32_t n_frames, uint32_t rows, uint32_t cols)
{
        asked_t asked = { .step = round->step, .bytes = (size_t)rows * cols * sizeof(float) };
        int r = hedged_round_here(round, board) ? 0 : -EHOSTUNREACH;
        uint64_t bytes = 0;

        asked.asked_us = hedge_now_us();
        asked.wire_step = address(round, message, &asked.packet);
        if (r == 0 && asked.bytes)
                r = expect(&round->members[board], &asked);
        for (uint32_t i = 0; i < n_frames; i++)
                bytes += zmq_msg_size(&frames[i]);
        if (r == 0) {
                r = hedged_line_send(round->line, board, message, frames, n_frames);
                if (r < 0 && asked.bytes)
                        round->members[board].n_asked--;
                round->bytes_down += r == 0 ? bytes : 0;
                return r;
        }
        for (uint32_t i = 0; i < n_frames; i++)
                zmq_msg_close(&frames[i]);
        return r;
}

unsigned hedged_round_pending(const hedged_round_t *round)
{
        unsigned n = 0;

        for (unsigned i = 0; i < BOARDS; i++)
                for (unsigned k = 0; k < round->members[i].n_asked; k++)
                        n += round->members[i].asked[k].step == round->step;
        return n;
}

void hedged_round_bytes(const hedged_round_t *round, uint64_t *ret_up, uint64_t *ret_down)
{
        *ret_up = round->bytes_up;
        *ret_down = round->bytes_down;
}

void hedged_round_finish(hedged_round_t *round)
{
        round->finishing = true;
}

unsigned hedged_round_owed(const hedged_round_t *round, unsigned board)
{
        return board < BOARDS ? round->members[board].n_asked : 0;
}

int64_t hedged_round_since(const hedged_round_t *round, unsigned board)
{
        return hedged_round_owed(round, board) ? round->members[board].asked[0].asked_us : INT64_MAX;
}

/* ---- hearing ---- */

static bool on_here(hedged_round_t *round, const hedged_line_event_t *event, hedged_round_news_t *news)
{
        member_t *m = &round->members[event->board];

        round->count += !m->here;
        m->here = true;
        m->n_asked = 0;
        snprintf(m->name, sizeof(m->name), "%s", event->name);
        news->event = HEDGED_ROUND_HERE;
        return true;
}

static bool on_lost(hedged_round_t *round, const hedged_line_event_t *event, hedged_round_news_t *news)
{
        member_t *m = &round->members[event->board];

        if (!m->here)
                return false;
        round->count--;
        m->here = false;
        m->n_asked = 0;
        news->event = HEDGED_ROUND_LOST;
        return true;
}

/* Boards answer in the order of steps: what is older than an answer does not come any more.
 * @return whether it was asked for. */
static bool strike(member_t *m, uint64_t wire_step, uint32_t packet, asked_t *ret)
{
        unsigned at = 0, kept = 0;

        while (at < m->n_asked && (m->asked[at].wire_step != wire_step || m->asked[at].packet != packet))
                at++;
        if (at == m->n_asked)
                return false;
        *ret = m->asked[at];
        for (unsigned i = 0; i < m->n_asked; i++)
                if (i != at && m->asked[i].step >= ret->step)
                        m->asked[kept++] = m->asked[i];
        m->n_asked = kept;
        return true;
}

static bool on_product(hedged_round_t *round, hedged_line_event_t *event, hedged_round_news_t *news)
{
        const hedge_msg_product_t *product = &event->envelope.message.product;
        asked_t asked;

        for (uint32_t i = 0; i < event->envelope.n_frames; i++)
                round->bytes_up += zmq_msg_size(&event->envelope.frames[i]);
        if (!strike(&round->members[event->board], product->step, product->packet, &asked))
                return false;
        if (asked.step != round->step || event->envelope.n_frames != 1)
                return false;
        if (zmq_msg_size(&event->envelope.frames[0]) != asked.bytes) {
                news->event = HEDGED_ROUND_REFUSED;
                news->code = hedge_why(&news->why, HEDGE_EMALFORMED, "a product of %zu bytes, not %zu",
                                       zmq_msg_size(&event->envelope.frames[0]), asked.bytes);
                return true;
        }
        news->event = HEDGED_ROUND_PRODUCT;
        news->packet = product->packet;
        news->compute_us = product->compute_us;
        zmq_msg_init(&news->frame);
        zmq_msg_move(&news->frame, &event->envelope.frames[0]);
        return true;
}

/* It stands for the answer to the oldest question, if there is one: a HOLD or an UPDATE may be refused as well, and then
 * what follows on it is, too. */
static bool on_error(hedged_round_t *round, const hedged_line_event_t *event, hedged_round_news_t *news)
{
        const hedge_msg_error_t *error = &event->envelope.message.error;
        member_t *m = &round->members[event->board];

        if (m->n_asked > 0)
                memmove(m->asked, m->asked + 1, --m->n_asked * sizeof(*m->asked));
        news->event = HEDGED_ROUND_REFUSED;
        news->code = error->code;
        snprintf(news->why.text, sizeof(news->why.text), "%s", error->text);
        return true;
}

static bool on_message(hedged_round_t *round, hedged_line_event_t *event, hedged_round_news_t *news)
{
        if (!round->members[event->board].here)
                return false;
        if (event->envelope.message.type == HEDGE_MSG_PRODUCT)
                return on_product(round, event, news);
        return event->envelope.message.type == HEDGE_MSG_ERROR && on_error(round, event, news);
}

/* @return whether that is news. */
static bool take(hedged_round_t *round, hedged_line_event_t *event, hedged_round_news_t *news)
{
        if (event->board >= BOARDS)
                return false; /* a number that no board has */
        *news = (hedged_round_news_t){ .board = event->board, .received_us = event->received_us };
        switch ((hedged_line_event_kind_t)event->mail.kind) {
        case HEDGED_LINE_HERE:
                return on_here(round, event, news);
        case HEDGED_LINE_LOST:
                return on_lost(round, event, news);
        case HEDGED_LINE_MESSAGE:
                return on_message(round, event, news);
        case HEDGED_LINE_STOP:
                break;
        }
        return false;
}

/* Not before the deadline. */
static int left_ms(int64_t deadline_us)
{
        int64_t left_us;

        if (deadline_us == INT64_MAX)
                return -1;
        if (deadline_us == 0)
                return 0;
        left_us = deadline_us - hedge_now_us();
        if (left_us <= 0)
                return 0;
        return left_us / 1000 < INT_MAX - 1 ? (int)((left_us + 999) / 1000) : INT_MAX;
}

void hedged_round_next(hedged_round_t *round, int64_t deadline_us, hedged_round_news_t *ret)
{
        for (;;) {
                hedged_line_event_t *event;
                bool news;

                *ret = (hedged_round_news_t){ .event = HEDGED_ROUND_STOP };
                if (!round->finishing && hedged_line_stopping(round->line) != HEDGED_STOP_NO)
                        return;
                event = hedged_line_next(round->line, left_ms(deadline_us));
                if (!event) {
                        ret->event = HEDGED_ROUND_LATE;
                        if (left_ms(deadline_us) == 0)
                                return;
                        continue;
                }
                news = take(round, event, ret);
                hedged_line_event_release(&event);
                if (news)
                        return;
        }
}

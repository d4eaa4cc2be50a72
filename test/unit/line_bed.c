/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/line_bed.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"

static void *get(size_t size)
{
        void *p = calloc(1, size);

        if (!p)
                abort();
        return p;
}

static hedged_line_event_t *make_word(enum hedged_line_event_kind kind, unsigned board)
{
        hedged_line_event_t *event = get(sizeof(*event));

        event->mail.kind = (int)kind;
        event->board = board;
        event->received_us = hedge_now_us();
        snprintf(event->name, sizeof(event->name), "board-%u", board);
        return event;
}

static void put(hedged_line_t *line, hedged_line_event_t *event)
{
        hedge_mailbox_put(line->events, &event->mail);
}

hedged_line_t *line_bed_new(unsigned boards)
{
        hedged_line_t *line = get(sizeof(*line));

        if (hedge_mailbox_new(&line->events) < 0)
                abort();
        for (unsigned i = 0; i < boards; i++)
                line_bed_here(line, i);
        return line;
}

static void drop_held(line_bed_board_t *b)
{
        while (b->n_held)
                hedged_line_event_release(&b->held[--b->n_held]);
}

void line_bed_destroy(hedged_line_t **line)
{
        hedged_line_event_t *event;

        for (unsigned i = 0; i < LINE_BED_BOARDS; i++)
                drop_held(&(*line)->boards[i]);
        while ((event = (hedged_line_event_t *)hedge_mailbox_take((*line)->events)))
                hedged_line_event_release(&event);
        hedge_mailbox_destroy(&(*line)->events);
        free(*line);
        *line = NULL;
}

void line_bed_here(hedged_line_t *line, unsigned board)
{
        line->boards[board].here = true;
        drop_held(&line->boards[board]);
        put(line, make_word(HEDGED_LINE_HERE, board));
}

void line_bed_lost(hedged_line_t *line, unsigned board)
{
        line->boards[board].here = false;
        drop_held(&line->boards[board]);
        put(line, make_word(HEDGED_LINE_LOST, board));
}

void line_bed_deliver(hedged_line_t *line, unsigned board)
{
        line_bed_board_t *b = &line->boards[board];

        for (unsigned i = 0; i < b->n_held; i++) {
                b->held[i]->received_us = hedge_now_us();
                put(line, b->held[i]);
        }
        b->n_held = 0;
}

void line_bed_stop(hedged_line_t *line)
{
        line->stopping = HEDGED_STOP_USER;
        put(line, make_word(HEDGED_LINE_STOP, 0));
}

/* ---- a board ---- */

static hedged_line_event_t *refuse(unsigned board)
{
        hedged_line_event_t *event = make_word(HEDGED_LINE_MESSAGE, board);
        hedge_msg_error_t *error = &event->envelope.message.error;

        event->envelope.message.type = HEDGE_MSG_ERROR;
        error->code = HEDGE_ELIMIT;
        snprintf(error->text, sizeof(error->text), "no room for that");
        return event;
}

static hedged_line_event_t *multiply(unsigned board, const hedge_msg_multiply_t *asked, zmq_msg_t *frames)
{
        hedged_line_event_t *event = make_word(HEDGED_LINE_MESSAGE, board);
        const float *a = zmq_msg_data(&frames[0]), *b = zmq_msg_data(&frames[1]);
        float *c;

        if (zmq_msg_size(&frames[0]) != (size_t)asked->rows * asked->inner * sizeof(float) ||
            zmq_msg_size(&frames[1]) != (size_t)asked->inner * asked->cols * sizeof(float))
                abort();
        event->envelope.message.type = HEDGE_MSG_PRODUCT;
        event->envelope.message.product = (hedge_msg_product_t){ asked->job, asked->step, asked->packet, 10 };
        event->envelope.n_frames = 1;
        event->envelope.frames = get(sizeof(zmq_msg_t));
        zmq_msg_init_size(&event->envelope.frames[0], (size_t)asked->rows * asked->cols * sizeof(float));
        c = zmq_msg_data(&event->envelope.frames[0]);
        for (uint32_t i = 0; i < asked->rows; i++)
                for (uint32_t j = 0; j < asked->cols; j++) {
                        double sum = 0;

                        for (uint32_t k = 0; k < asked->inner; k++)
                                sum += (double)a[i * asked->inner + k] * b[k * asked->cols + j];
                        c[i * asked->cols + j] = (float)sum;
                }
        return event;
}

static void answer(hedged_line_t *line, unsigned board, const hedge_message_t *message, zmq_msg_t *frames)
{
        line_bed_board_t *b = &line->boards[board];
        hedged_line_event_t *event;

        b->asked++;
        if (line->script)
                line->script(line, board);
        if (b->dies) {
                line_bed_lost(line, board);
                if (b->comes_back)
                        line_bed_here(line, board);
                b->dies = false;
                return;
        }
        if (b->dumb || !b->here)
                return;
        event = b->refuses ? refuse(board) : multiply(board, &message->multiply, frames);
        b->answered++;
        if (!b->slow)
                put(line, event);
        else if (b->n_held < sizeof(b->held) / sizeof(b->held[0]))
                b->held[b->n_held++] = event;
        else
                hedged_line_event_release(&event);
}

/* ---- the line ---- */

int hedged_line_send(hedged_line_t *line, unsigned board, const hedge_message_t *message, zmq_msg_t *frames,
                     uint32_t n_frames)
{
        if (message->type != HEDGE_MSG_MULTIPLY || n_frames != 2)
                abort();
        answer(line, board, message, frames);
        for (uint32_t i = 0; i < n_frames; i++)
                zmq_msg_close(&frames[i]);
        return 0;
}

hedged_line_event_t *hedged_line_next(hedged_line_t *line, int timeout_ms)
{
        return (hedged_line_event_t *)hedge_mailbox_wait(line->events, timeout_ms);
}

void hedged_line_event_release(hedged_line_event_t **event)
{
        hedge_envelope_release(&(*event)->envelope);
        free(*event);
        *event = NULL;
}

enum hedged_stop hedged_line_stopping(const hedged_line_t *line)
{
        return (enum hedged_stop)line->stopping;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/line_bed.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"

void line_bed_open(line_bed_t *line)
{
        if (hedge_mailbox_new(&line->events) < 0)
                abort();
}

void line_bed_drop(line_bed_t *line)
{
        hedged_line_event_t *event;

        while ((event = (hedged_line_event_t *)hedge_mailbox_take(line->events)))
                hedged_line_event_release(&event);
}

void line_bed_close(line_bed_t *line)
{
        line_bed_drop(line);
        hedge_mailbox_destroy(&line->events);
}

hedged_line_event_t *line_bed_event(enum hedged_line_event_kind kind, unsigned board)
{
        hedged_line_event_t *event = calloc(1, sizeof(*event));

        if (!event)
                abort();
        event->mail.kind = (int)kind;
        event->board = board;
        event->received_us = hedge_now_us();
        snprintf(event->name, sizeof(event->name), "board-%u", board);
        return event;
}

hedged_line_event_t *line_bed_answer(unsigned board, hedge_message_type_t type)
{
        hedged_line_event_t *event = line_bed_event(HEDGED_LINE_MESSAGE, board);

        event->envelope.message.type = type;
        return event;
}

zmq_msg_t *line_bed_frame(hedged_line_event_t *event, size_t size)
{
        event->envelope.n_frames = 1;
        event->envelope.frames = calloc(1, sizeof(zmq_msg_t));
        if (!event->envelope.frames || zmq_msg_init_size(event->envelope.frames, size) < 0)
                abort();
        return event->envelope.frames;
}

void line_bed_put(line_bed_t *line, hedged_line_event_t *event)
{
        hedge_mailbox_put(line->events, &event->mail);
}

void line_bed_put_error(line_bed_t *line, unsigned board, int code, const char *text, const hedge_digest_t *digest)
{
        hedged_line_event_t *event = line_bed_answer(board, HEDGE_MSG_ERROR);
        hedge_msg_error_t *error = &event->envelope.message.error;

        error->code = code;
        error->job = 7;
        snprintf(error->text, sizeof(error->text), "%s", text);
        if (digest)
                error->digest = *digest;
        line_bed_put(line, event);
}

void line_bed_here(line_bed_t *line, unsigned board)
{
        hedged_line_event_t *event = line_bed_event(HEDGED_LINE_HERE, board);

        line->here[board] = true;
        event->session = ++line->session[board];
        line_bed_put(line, event);
}

void line_bed_lost(line_bed_t *line, unsigned board)
{
        line->here[board] = false;
        line_bed_put(line, line_bed_event(HEDGED_LINE_LOST, board));
}

void line_bed_stop(line_bed_t *line, enum hedged_stop why)
{
        line->stopping = (int)why;
        line_bed_put(line, line_bed_event(HEDGED_LINE_STOP, 0));
}

bool line_bed_may_send(const hedge_message_t *message, uint32_t n_frames)
{
        zmq_msg_t header;

        if (hedge_message_pack(message, &header) < 0)
                return false;
        zmq_msg_close(&header);
        return hedge_message_check_frames(message, n_frames, NULL) == 0;
}

/* ---- what the real line has ---- */

int hedged_line_send(hedged_line_t *line, unsigned board, const hedge_message_t *message, zmq_msg_t *frames,
                     uint32_t n_frames)
{
        line_bed_t *bed = (line_bed_t *)(void *)line;
        const int r = bed->hear(bed, board, message, frames, n_frames);

        for (uint32_t i = 0; i < n_frames; i++)
                zmq_msg_close(&frames[i]);
        return r;
}

hedged_line_event_t *hedged_line_next(hedged_line_t *line, int timeout_ms)
{
        line_bed_t *bed = (line_bed_t *)(void *)line;
        hedged_line_event_t *event = (hedged_line_event_t *)hedge_mailbox_wait(bed->events, timeout_ms);

        if (event && event->board < LINE_BED_BOARDS &&
            (event->mail.kind == HEDGED_LINE_HERE || event->mail.kind == HEDGED_LINE_LOST))
                bed->heard[event->board] = event->session;
        return event;
}

void hedged_line_event_release(hedged_line_event_t **event)
{
        if (!*event)
                return;
        hedge_envelope_release(&(*event)->envelope);
        free(*event);
        *event = NULL;
}

enum hedged_stop hedged_line_stopping(const hedged_line_t *line)
{
        line_bed_t *l = (line_bed_t *)(uintptr_t)line; /* it counts */

        if (l->stop_look && ++l->looks == l->stop_look)
                l->stopping = (int)l->stop_why;
        return (enum hedged_stop)l->stopping;
}

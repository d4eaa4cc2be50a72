/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_LINE_BED_H
#define HEDGE_TEST_LINE_BED_H

#include "daemon/train/line.h"

/** A line (daemon/train/line.h) of the tests' own, in place of the real one. What is said to a board goes to a function, which may
 * put the answer in before hedged_line_send returns: then what happens does not depend on time. A bed has it as its first member. */
#define LINE_BED_BOARDS 16u

typedef struct line_bed line_bed_t;

struct line_bed {
        hedge_mailbox_t *events;
        int stopping;       /**< enum hedged_stop */
        unsigned looks;     /**< at stopping, so far */
        unsigned stop_look; /**< stop at so many; 0: never */
        enum hedged_stop stop_why;
        bool here[LINE_BED_BOARDS];
        /** Of its last HERE, and of the last HERE or LOST that was read. */
        uint64_t session[LINE_BED_BOARDS], heard[LINE_BED_BOARDS];
        /** What a board hears; the frames are the line's unless they are moved away. @return what hedged_line_send does */
        int (*hear)(line_bed_t *line, unsigned board, const hedge_message_t *message, zmq_msg_t *frames,
                    uint32_t n_frames);
};

/** The line that it stands for. */
static inline hedged_line_t *line_bed_line(line_bed_t *bed)
{
        return (hedged_line_t *)(void *)bed;
}

/** A line that is zeroed but for `hear`. */
void line_bed_open(line_bed_t *line);

/** With what nobody read. */
void line_bed_close(line_bed_t *line);

/** Drop what nobody read. */
void line_bed_drop(line_bed_t *line);

/** An event for line_bed_put, or to be released. */
hedged_line_event_t *line_bed_event(enum hedged_line_event_kind kind, unsigned board);

/** A message of a board, without frames. */
hedged_line_event_t *line_bed_answer(unsigned board, hedge_message_type_t type);

/** @return one frame of that size, the event's from now on. */
zmq_msg_t *line_bed_frame(hedged_line_event_t *event, size_t size);

void line_bed_put(line_bed_t *line, hedged_line_event_t *event);

/** @param digest  NULL: none. */
void line_bed_put_error(line_bed_t *line, unsigned board, int code, const char *text, const hedge_digest_t *digest);

/** Boards come and go. */
void line_bed_here(line_bed_t *line, unsigned board);
void line_bed_lost(line_bed_t *line, unsigned board);

void line_bed_stop(line_bed_t *line, enum hedged_stop why);

/** Can it be sent, with so many frames? */
bool line_bed_may_send(const hedge_message_t *message, uint32_t n_frames);

#endif

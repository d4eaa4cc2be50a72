/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_PARTS_H
#define HEDGEW_PARTS_H

#include "worker/infer/task.h"

/** A finished part. */
typedef struct hedgew_part {
        hedge_part_t said;  /**< as PART has it */
        uint64_t macs;      /**< that an emulated board takes its time for */
        int64_t packing_us; /**< that went by before it was begun: no part after it will take that */
        zmq_msg_t frame;
} hedgew_part_t;

/** Finished parts of a task that leave together, as one PART. The compute thread fills it and hands it to the I/O loop. */
typedef struct hedgew_parts {
        hedge_mail_t mail;
        hedgew_task_t *task; /**< outlives them */
        uint32_t n, room;
        uint64_t bytes;     /**< of all frames */
        int64_t first_us;   /**< the task's clock when the first was finished */
        int64_t ready_us;   /**< and the last */
        hedge_part_t *said; /**< n of them */
        zmq_msg_t *frames;  /**< likewise */
} hedgew_parts_t;

/** @param room  Parts that it can hold: 1 .. HEDGE_PART_FRAMES. @return 0, -ENOMEM. */
int hedgew_parts_new(hedgew_task_t *task, uint32_t room, hedgew_parts_t **ret);

/** There is room. @param part  Taken over. @param clock_us  When it was finished. */
void hedgew_parts_add(hedgew_parts_t *parts, hedgew_part_t *part, int64_t clock_us);

/** NULL-safe; nullifies. */
void hedgew_parts_destroy(hedgew_parts_t **parts);

#endif

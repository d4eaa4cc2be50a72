/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_ARRIVALS_H
#define HEDGEW_ARRIVALS_H

#include "worker/infer/task.h"

/** Tasks of an emulated board that are still on their way: in the order in which they arrive, and those that arrive together
 * in the order in which they were put. Nothing is owned or allocated. */
typedef struct hedgew_arrivals {
        hedgew_task_t *first;
} hedgew_arrivals_t;

void hedgew_arrivals_put(hedgew_arrivals_t *arrivals, hedgew_task_t *task);

/** The first that has arrived, arrives within a millisecond, or was cancelled (the caller holds the lock of that); or NULL.
 * It stays inside. */
hedgew_task_t *hedgew_arrivals_find(const hedgew_arrivals_t *arrivals, int64_t now_us);

/** How long to wait for the first; at most an hour. There is one. */
int hedgew_arrivals_wait_ms(const hedgew_arrivals_t *arrivals, int64_t now_us);

/** It is inside. */
void hedgew_arrivals_remove(hedgew_arrivals_t *arrivals, hedgew_task_t *task);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_WORKER_ARRIVALS_H
#define HEDGE_WORKER_ARRIVALS_H

#include "worker/task.h"

/** Tasks of an emulated board that are still on their way: in the order in which they arrive, and those that arrive together
 * in the order in which they were put. Nothing is owned or allocated. */
typedef struct hedge_arrivals {
        hedge_task_t *first;
} hedge_arrivals_t;

void hedge_arrivals_put(hedge_arrivals_t *arrivals, hedge_task_t *task);

/** The first that has arrived, arrives within a millisecond, or was cancelled (the caller holds the lock of that); or NULL.
 * It stays inside. */
hedge_task_t *hedge_arrivals_find(const hedge_arrivals_t *arrivals, int64_t now_us);

/** How long to wait for the first; at most an hour. There is one. */
int hedge_arrivals_wait_ms(const hedge_arrivals_t *arrivals, int64_t now_us);

/** It is inside. */
void hedge_arrivals_remove(hedge_arrivals_t *arrivals, hedge_task_t *task);

#endif

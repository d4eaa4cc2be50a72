/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/arrivals.h"

#define EARLY_US    1000 /* waiting is for whole milliseconds; the task's clock starts when it arrives, not before */
#define WAIT_US_MAX INT64_C(3600000000)

void hedge_arrivals_put(hedge_arrivals_t *arrivals, hedge_task_t *task)
{
        hedge_task_t **link = &arrivals->first;

        while (*link && (*link)->fate.arrival_us <= task->fate.arrival_us)
                link = &(*link)->later;
        task->later = *link;
        *link = task;
}

hedge_task_t *hedge_arrivals_find(const hedge_arrivals_t *arrivals, int64_t now_us)
{
        hedge_task_t *task = arrivals->first;

        while (task && task->fate.arrival_us > now_us + EARLY_US && !task->cancelled)
                task = task->later;
        return task;
}

int hedge_arrivals_wait_ms(const hedge_arrivals_t *arrivals, int64_t now_us)
{
        const int64_t us = arrivals->first->fate.arrival_us - now_us;

        return us > WAIT_US_MAX ? WAIT_US_MAX / 1000 : us > 0 ? (int)(us / 1000) : 0;
}

void hedge_arrivals_remove(hedge_arrivals_t *arrivals, hedge_task_t *task)
{
        hedge_task_t **link = &arrivals->first;

        while (*link != task)
                link = &(*link)->later;
        *link = task->later;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/infer/arrivals.h"

#define EARLY_US    1000 /* waiting is for whole milliseconds; the task's clock starts when it arrives, not before */
#define WAIT_US_MAX INT64_C(3600000000)

void hedgew_arrivals_put(hedgew_arrivals_t *arrivals, hedgew_task_t *task)
{
        hedgew_task_t **link = &arrivals->first;

        while (*link && (*link)->fate.arrival_us <= task->fate.arrival_us)
                link = &(*link)->later;
        task->later = *link;
        *link = task;
}

hedgew_task_t *hedgew_arrivals_find(const hedgew_arrivals_t *arrivals, int64_t now_us)
{
        hedgew_task_t *task = arrivals->first;

        while (task && task->fate.arrival_us > now_us + EARLY_US && !task->cancelled)
                task = task->later;
        return task;
}

int hedgew_arrivals_wait_ms(const hedgew_arrivals_t *arrivals, int64_t now_us)
{
        const int64_t us = arrivals->first->fate.arrival_us - now_us;

        return us > WAIT_US_MAX ? WAIT_US_MAX / 1000 : us > 0 ? (int)(us / 1000) : 0;
}

void hedgew_arrivals_remove(hedgew_arrivals_t *arrivals, hedgew_task_t *task)
{
        hedgew_task_t **link = &arrivals->first;

        while (*link != task)
                link = &(*link)->later;
        *link = task->later;
}

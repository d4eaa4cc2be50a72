/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/parallel.h"

#include <pthread.h>

#include "common/cost.h"

#define WORTH_A_THREAD ((size_t)1 << 24) /* multiply-adds: well over half a millisecond */

typedef struct range {
        void (*work)(void *context, size_t begin, size_t end);
        void *context;
        size_t begin, end;
        hedge_cost_kind_t kind; /* what the caller's thread works for */
} range_t;

unsigned hedge_parallel_threads(unsigned threads, size_t work)
{
        const size_t worth = work / WORTH_A_THREAD;

        if (worth < threads)
                threads = (unsigned)worth;
        if (threads > HEDGE_PARALLEL_MAX)
                threads = HEDGE_PARALLEL_MAX;
        return threads ? threads : 1;
}

static void *run(void *argument)
{
        const range_t *range = argument;

        range->work(range->context, range->begin, range->end);
        return NULL;
}

static void *run_beside(void *argument)
{
        const range_t *range = argument;
        const hedge_cost_kind_t before = hedge_cost_enter(range->kind);

        run(argument);
        hedge_cost_enter(before);
        return NULL;
}

void hedge_parallel(unsigned threads, size_t count, void (*work)(void *context, size_t begin, size_t end),
                    void *context)
{
        range_t ranges[HEDGE_PARALLEL_MAX];
        pthread_t ids[HEDGE_PARALLEL_MAX];
        int made[HEDGE_PARALLEL_MAX] = { 0 };

        if (threads > count)
                threads = count ? (unsigned)count : 1;
        for (unsigned t = 0; t < threads; t++)
                ranges[t] =
                        (range_t){ work, context, count * t / threads, count * (t + 1) / threads, hedge_cost_now() };
        for (unsigned t = 1; t < threads; t++)
                made[t] = pthread_create(&ids[t], NULL, run_beside, &ranges[t]) == 0;
        run(&ranges[0]);
        for (unsigned t = 1; t < threads; t++) {
                if (made[t])
                        pthread_join(ids[t], NULL);
                else
                        run(&ranges[t]);
        }
}

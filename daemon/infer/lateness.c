/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/infer/lateness.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define STEPS  256u /* that are known; who was asked for longest ago makes room */
#define KEPT   128u /* pieces of each */
#define ENOUGH 20u  /* one in 20 is no matter of chance */
#define LEAST  0.5  /* whatever was predicted, nobody is late before half of it */
#define MOST   20.0 /* nor on time after so many times it */

typedef struct step {
        const void *model;
        uint32_t first, last;
        unsigned n;
        uint64_t used; /* when it was asked for last; 0: not in use */
        float took[KEPT];
        unsigned count, next;
        double factor;
} step_t;

struct hedged_lateness {
        pthread_mutex_t lock;
        uint64_t clock;
        step_t steps[STEPS];
};

int hedged_lateness_new(hedged_lateness_t **ret)
{
        hedged_lateness_t *l = calloc(1, sizeof(*l));

        if (!l)
                return -ENOMEM;
        pthread_mutex_init(&l->lock, NULL);
        *ret = l;
        return 0;
}

void hedged_lateness_destroy(hedged_lateness_t **lateness)
{
        if (!*lateness)
                return;
        pthread_mutex_destroy(&(*lateness)->lock);
        free(*lateness);
        *lateness = NULL;
}

static step_t *find(hedged_lateness_t *l, const void *model, uint32_t first, uint32_t last, unsigned n)
{
        step_t *oldest = l->steps;

        for (step_t *s = l->steps; s < l->steps + STEPS; s++) {
                if (s->used > 0 && s->model == model && s->first == first && s->last == last && s->n == n) {
                        s->used = ++l->clock;
                        return s;
                }
                if (s->used < oldest->used)
                        oldest = s;
        }
        *oldest = (step_t){ .model = model,
                            .first = first,
                            .last = last,
                            .n = n,
                            .used = ++l->clock,
                            .factor = HEDGED_LATENESS_USUAL };
        return oldest;
}

double hedged_lateness_of(hedged_lateness_t *l, const void *model, uint32_t first, uint32_t last, unsigned n)
{
        double factor;

        pthread_mutex_lock(&l->lock);
        factor = find(l, model, first, last, n)->factor;
        pthread_mutex_unlock(&l->lock);
        return factor;
}

static int by_size(const void *left, const void *right)
{
        const float a = *(const float *)left, b = *(const float *)right;

        return (a > b) - (a < b);
}

static double percentile(const step_t *s)
{
        float sorted[KEPT];
        double at;

        memcpy(sorted, s->took, s->count * sizeof(sorted[0]));
        qsort(sorted, s->count, sizeof(sorted[0]), by_size);
        at = (double)sorted[s->count * 95 / 100];
        return at < LEAST ? LEAST : at > MOST ? MOST : at;
}

void hedged_lateness_took(hedged_lateness_t *l, const void *model, uint32_t first, uint32_t last, unsigned n,
                          double times)
{
        step_t *s;

        if (!(times > 0) || !isfinite(times))
                return;
        pthread_mutex_lock(&l->lock);
        s = find(l, model, first, last, n);
        s->took[s->next] = (float)times;
        s->next = (s->next + 1) % KEPT;
        s->count += s->count < KEPT;
        if (s->count >= ENOUGH)
                s->factor = percentile(s);
        pthread_mutex_unlock(&l->lock);
}

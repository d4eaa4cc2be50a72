/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/conv/streamed.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "common/code/conv/condition.h"
#include "common/code/conv/scheme.h"
#include "common/code/random.h"

#define SINGULAR 1e12

typedef struct arrival {
        double time;
        uint16_t id;
} arrival_t;

static int by_time(const void *x, const void *y)
{
        const arrival_t *a = x, *b = y;

        return a->time != b->time ? (a->time > b->time) - (a->time < b->time) : (a->id > b->id) - (a->id < b->id);
}

static int by_number(const void *x, const void *y)
{
        return *(const uint16_t *)x - *(const uint16_t *)y;
}

static int by_value(const void *x, const void *y)
{
        const double a = *(const double *)x, b = *(const double *)y;

        return (a > b) - (a < b);
}

static void draw_arrivals(const hedge_code_t *code, uint64_t *state, arrival_t *arrivals)
{
        uint32_t order[HEDGE_CODE_MAX_PARTS];
        unsigned n = 0;

        for (unsigned j = 0; j < code->n; j++) {
                const double pace = 1 + hedge_random_exponential(state);

                hedge_code_order(code, j, order);
                for (unsigned i = 0; i < hedge_code_parts(code, j); i++)
                        arrivals[n++] =
                                (arrival_t){ (i + 1) * pace, (uint16_t)(code->boards[j].first_part + order[i]) };
        }
        qsort(arrivals, n, sizeof(*arrivals), by_time);
}

static int try_once(const hedge_code_t *code, unsigned parts, uint64_t *state, arrival_t *arrivals, double *ret)
{
        uint16_t ids[HEDGE_CODE_MAX_ALL_PARTS];
        int r;

        draw_arrivals(code, state, arrivals);
        for (unsigned i = 0; i < parts; i++)
                ids[i] = arrivals[i].id;
        qsort(ids, parts, sizeof(*ids), by_number);
        r = hedge_condition_of(code, ids, parts, ret);
        if (r == 0 && !(*ret <= SINGULAR))
                *ret = INFINITY;
        return r;
}

int hedge_code_stream(const hedge_code_t *code, unsigned extra, unsigned trials, uint64_t seed, hedge_streamed_t *ret)
{
        const unsigned all = code->all_parts, rank = hedge_code_rank(code);
        hedge_streamed_t streamed = { .parts = extra < all - rank ? rank + extra : all, .trials = trials };
        arrival_t *arrivals = malloc(all * sizeof(*arrivals));
        double *conditions = calloc(trials, sizeof(*conditions));
        int r = arrivals && conditions ? 0 : -ENOMEM;

        for (unsigned t = 0; r == 0 && t < trials; t++) {
                r = try_once(code, streamed.parts, &seed, arrivals, &conditions[t]);
                if (r == 0)
                        streamed.singular += isinf(conditions[t]);
        }
        if (r == 0) {
                qsort(conditions, trials, sizeof(*conditions), by_value);
                streamed.cond_median = (conditions[(trials - 1) / 2] + conditions[trials / 2]) / 2;
                streamed.cond_worst = conditions[trials - 1];
                *ret = streamed;
        }
        free(conditions);
        free(arrivals);
        return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/path.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

enum { LOCAL, SHARED, STATES }; /* has the way taken boards already? */

/* The best way to a point. */
typedef struct arrival {
        double score;
        unsigned from;
        unsigned state; /* there */
        bool leg;
} arrival_t;

static void improve(arrival_t *arrival, double score, unsigned from, unsigned state, bool leg)
{
        if (score < arrival->score)
                *arrival = (arrival_t){ score, from, state, leg };
}

/* From the point before. */
static void hop(arrival_t (*at)[STATES], unsigned to, const hedged_hop_t *h)
{
        for (unsigned state = 0; state < STATES; state++)
                improve(&at[to][h->shared ? SHARED : state], at[to - 1][state].score + h->score, to - 1, state, false);
}

/* From any point before. @return whether to go on. */
static bool jump(arrival_t (*at)[STATES], unsigned to, hedged_leg_t *leg, void *arg)
{
        for (unsigned from = 0; from < to; from++) {
                const unsigned state = at[from][SHARED].score < at[from][LOCAL].score ? SHARED : LOCAL;
                const double before = at[from][state].score;
                double score;

                if (before >= at[to][SHARED].score)
                        continue;
                score = leg(arg, from, to, at[to][SHARED].score - before);
                if (score < 0)
                        return false;
                improve(&at[to][SHARED], before + score, from, state, true);
        }
        return true;
}

static int trace(arrival_t (*at)[STATES], unsigned n, hedged_path_t *ret)
{
        unsigned to = n - 1, state = SHARED;
        hedged_stretch_t *s;

        *ret = (hedged_path_t){ .score = at[n - 1][SHARED].score };
        if (isinf(ret->score))
                return 0;
        s = ret->stretches = calloc(n, sizeof(*s));
        if (!s)
                return -ENOMEM;
        while (to > 0) {
                const arrival_t *a = &at[to][state];

                if (ret->n && !a->leg && !s[ret->n - 1].leg)
                        s[ret->n - 1].from = a->from;
                else
                        s[ret->n++] = (hedged_stretch_t){ a->from, to, a->leg };
                to = a->from;
                state = a->state;
        }
        for (unsigned i = 0; i < ret->n / 2; i++) {
                const hedged_stretch_t kept = s[i];

                s[i] = s[ret->n - 1 - i];
                s[ret->n - 1 - i] = kept;
        }
        return 0;
}

int hedged_path_find(unsigned n, const hedged_hop_t *hops, hedged_leg_t *leg, void *arg, hedged_path_t *ret)
{
        arrival_t(*at)[STATES] = malloc(n * sizeof(*at));
        int r = at ? 0 : -ENOMEM;

        for (unsigned to = 0; r == 0 && to < n; to++) {
                at[to][LOCAL] = at[to][SHARED] = (arrival_t){ .score = INFINITY };
                if (to == 0) {
                        at[0][LOCAL].score = 0;
                        continue;
                }
                hop(at, to, &hops[to - 1]);
                if (!jump(at, to, leg, arg))
                        r = -ECANCELED;
        }
        if (r == 0)
                r = trace(at, n, ret);
        free(at);
        return r;
}

void hedged_path_release(hedged_path_t *path)
{
        free(path->stretches);
        path->stretches = NULL;
        path->n = 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/infer/standing.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define ENGINES_MAX (UINT64_C(512) << 20) /* bytes; and no more than an eighth of the machine's memory */

static uint64_t engines_bytes(void)
{
        const long pages = sysconf(_SC_PHYS_PAGES), size = sysconf(_SC_PAGESIZE);
        const uint64_t eighth = pages > 0 && size > 0 ? (uint64_t)pages * (uint64_t)size / 8 : ENGINES_MAX;

        return eighth < ENGINES_MAX ? eighth : ENGINES_MAX;
}

int hedged_standing_new(const hedged_config_t *config, hedge_kernels_t *kernels, double macs_per_s,
                        hedged_standing_t **ret)
{
        const hedged_here_settings_t here = { kernels, engines_bytes(), macs_per_s };
        hedged_standing_t *s = calloc(1, sizeof(*s));
        int r;

        if (!s)
                return -ENOMEM;
        pthread_mutex_init(&s->lock, NULL);
        s->hedge = config->plan.hedge;
        r = hedged_lateness_new(&s->lateness);
        if (r == 0 && config->plan.here)
                r = hedged_here_new(&here, &s->here);
        if (r < 0)
                hedged_standing_destroy(&s);
        else
                *ret = s;
        return r;
}

void hedged_standing_destroy(hedged_standing_t **standing)
{
        hedged_standing_t *s = *standing;

        if (!s)
                return;
        hedged_here_destroy(&s->here);
        hedged_lateness_destroy(&s->lateness);
        pthread_mutex_destroy(&s->lock);
        free(s->speeds);
        free(s);
        *standing = NULL;
}

int hedged_standing_publish(hedged_standing_t *s, const hedged_speeds_t *speeds)
{
        hedged_speeds_t *now = malloc(sizeof(*now)), *old;

        if (s->here)
                hedged_here_tidy(s->here);
        if (!now)
                return -ENOMEM;
        *now = *speeds;
        pthread_mutex_lock(&s->lock);
        old = s->speeds;
        s->speeds = now;
        pthread_mutex_unlock(&s->lock);
        free(old);
        return 0;
}

double hedged_standing_speeds(hedged_standing_t *s, unsigned n, hedged_speed_t *ret)
{
        const double rate = s->here ? hedged_here_rate(s->here) : 0;
        double link = 0;

        pthread_mutex_lock(&s->lock);
        if (s->speeds) {
                for (unsigned b = 0; b < n; b++)
                        ret[b] = s->speeds->board[b];
                ret[n] = s->speeds->here;
                link = ret[n].up_bytes_per_s;
        }
        pthread_mutex_unlock(&s->lock);
        ret[n].up_bytes_per_s = ret[n].down_bytes_per_s = ret[n].delay_s = 0; /* it is here */
        if (rate > 0)
                ret[n].macs_per_s = rate;
        return link;
}

unsigned hedged_standing_usable(hedged_standing_t *s)
{
        unsigned n = 0;

        pthread_mutex_lock(&s->lock);
        for (unsigned b = 0; s->speeds && b < s->speeds->boards; b++)
                n += s->speeds->usable[b];
        pthread_mutex_unlock(&s->lock);
        return n;
}

unsigned hedged_standing_share(unsigned objective, unsigned in_flight)
{
        return objective != HEDGED_OBJECTIVE_AUTO || in_flight == 0 ? 1 : in_flight;
}

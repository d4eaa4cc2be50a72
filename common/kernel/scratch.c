/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/scratch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/kernel/backend.h"

static void destroy(hedge_scratch_t *s)
{
        free(s->floats);
        free(s);
}

static int grow(hedge_scratch_t *s, size_t floats)
{
        free(s->floats);
        s->floats = hedge_floats_new(floats);
        s->room = s->floats ? floats : 0;
        if (!s->floats)
                return -ENOMEM;
        memset(s->floats, 0, floats * sizeof(float));
        return 0;
}

/* Take one out of the idle: the first that is large enough, else the largest, so that they do not all grow to the size of the
 * largest in the course of time. The lock is held. */
static hedge_scratch_t *take_idle(hedge_kernels_t *kernels, size_t floats)
{
        hedge_scratch_t **best = NULL, *s;

        for (hedge_scratch_t **at = &kernels->scratch; *at && !(best && (*best)->room >= floats); at = &(*at)->next)
                if (!best || (*at)->room > (*best)->room)
                        best = at;
        if (!best)
                return NULL;
        s = *best;
        *best = s->next;
        return s;
}

int hedge_scratch_take(hedge_kernels_t *kernels, size_t floats, hedge_scratch_t **ret)
{
        hedge_scratch_t *s;

        pthread_mutex_lock(&kernels->scratch_lock);
        s = take_idle(kernels, floats);
        pthread_mutex_unlock(&kernels->scratch_lock);
        if (!s)
                s = calloc(1, sizeof(*s));
        if (!s)
                return -ENOMEM;
        if (s->room < floats && grow(s, floats) < 0) {
                destroy(s);
                return -ENOMEM;
        }
        *ret = s;
        return 0;
}

void hedge_scratch_give(hedge_kernels_t *kernels, hedge_scratch_t *s)
{
        pthread_mutex_lock(&kernels->scratch_lock);
        s->next = kernels->scratch;
        kernels->scratch = s;
        pthread_mutex_unlock(&kernels->scratch_lock);
}

void hedge_scratch_free(hedge_kernels_t *kernels)
{
        hedge_scratch_t *s, *next;

        pthread_mutex_lock(&kernels->scratch_lock);
        s = kernels->scratch;
        kernels->scratch = NULL;
        pthread_mutex_unlock(&kernels->scratch_lock);
        for (; s; s = next) {
                next = s->next;
                destroy(s);
        }
}

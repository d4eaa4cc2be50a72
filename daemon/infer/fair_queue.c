/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/infer/fair_queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What one client asks of one model. */
struct hedged_fair_lane {
        hedged_fair_lane_t *next;
        hedged_fair_client_t *client;
        const void *model;
        hedged_turns_t *first, **end;
};

struct hedged_fair_client {
        hedged_fair_client_t *next;
        hedged_fair_lane_t *first, *last; /* in the order of their turns; never none */
        unsigned waiting;
        size_t size;
        unsigned char name[];
};

static hedged_fair_client_t *find_client(const hedged_fair_queue_t *q, const void *name, size_t size)
{
        hedged_fair_client_t *c = q->first;

        while (c && (c->size != size || memcmp(c->name, name, size) != 0))
                c = c->next;
        return c;
}

static hedged_fair_lane_t *find_lane(const hedged_fair_client_t *c, const void *model)
{
        hedged_fair_lane_t *l = c->first;

        while (l && l->model != model)
                l = l->next;
        return l;
}

/* ---- whose turn it is ---- */

static void append_client(hedged_fair_queue_t *q, hedged_fair_client_t *c)
{
        c->next = NULL;
        if (q->last)
                q->last->next = c;
        else
                q->first = c;
        q->last = c;
}

static void remove_client(hedged_fair_queue_t *q, hedged_fair_client_t *c)
{
        hedged_fair_client_t *before = NULL;

        for (hedged_fair_client_t *at = q->first; at != c; at = at->next)
                before = at;
        *(before ? &before->next : &q->first) = c->next;
        if (q->last == c)
                q->last = before;
}

static void append_lane(hedged_fair_client_t *c, hedged_fair_lane_t *l)
{
        l->next = NULL;
        if (c->last)
                c->last->next = l;
        else
                c->first = l;
        c->last = l;
}

static void remove_lane(hedged_fair_client_t *c, hedged_fair_lane_t *l)
{
        hedged_fair_lane_t *before = NULL;

        for (hedged_fair_lane_t *at = c->first; at != l; at = at->next)
                before = at;
        *(before ? &before->next : &c->first) = l->next;
        if (c->last == l)
                c->last = before;
}

/* ---- waiting ---- */

/* The client's, made where it has nothing waiting. */
static hedged_fair_client_t *take_in(hedged_fair_queue_t *q, const void *name, size_t size)
{
        hedged_fair_client_t *c = find_client(q, name, size);

        if (c)
                return c;
        c = calloc(1, sizeof(*c) + size);
        if (!c)
                return NULL;
        c->size = size;
        memcpy(c->name, name, size);
        append_client(q, c);
        q->clients++;
        return c;
}

static void let_go(hedged_fair_queue_t *q, hedged_fair_client_t *c)
{
        remove_client(q, c);
        free(c);
        q->clients--;
}

int hedged_fair_queue_put(hedged_fair_queue_t *q, const void *name, size_t size, const void *model,
                          hedged_turns_t *turns)
{
        hedged_fair_client_t *c;
        hedged_fair_lane_t *l;

        if (turns->runs == 0 || size > HEDGED_FAIR_NAME_MAX)
                return -EINVAL;
        c = take_in(q, name, size);
        if (!c)
                return -ENOMEM;
        l = find_lane(c, model);
        if (!l) {
                l = calloc(1, sizeof(*l));
                if (!l) {
                        if (!c->first)
                                let_go(q, c);
                        return -ENOMEM;
                }
                l->client = c;
                l->model = model;
                l->end = &l->first;
                append_lane(c, l);
        }
        turns->next = NULL;
        turns->given = 0;
        turns->lane = l;
        *l->end = turns;
        l->end = &turns->next;
        c->waiting++;
        q->waiting++;
        return 0;
}

/* Out of its lane, and what is empty then out of the queue. */
static void unlink_turns(hedged_fair_queue_t *q, hedged_turns_t *turns)
{
        hedged_fair_lane_t *l = turns->lane;
        hedged_fair_client_t *c = l->client;
        hedged_turns_t **at = &l->first;

        while (*at != turns)
                at = &(*at)->next;
        *at = turns->next;
        if (l->end == &turns->next)
                l->end = at;
        turns->next = NULL;
        turns->lane = NULL;
        c->waiting--;
        q->waiting--;
        if (!l->first) {
                remove_lane(c, l);
                free(l);
        }
        if (!c->first)
                let_go(q, c);
}

hedged_turns_t *hedged_fair_queue_take(hedged_fair_queue_t *q, uint32_t *ret_index)
{
        hedged_fair_client_t *c = q->first;
        hedged_fair_lane_t *l;
        hedged_turns_t *turns;

        if (!c)
                return NULL;
        l = c->first;
        turns = l->first;
        remove_client(q, c); /* both have had their turn */
        append_client(q, c);
        remove_lane(c, l);
        append_lane(c, l);
        *ret_index = turns->given++;
        if (turns->given == turns->runs)
                unlink_turns(q, turns);
        return turns;
}

void hedged_fair_queue_remove(hedged_fair_queue_t *q, hedged_turns_t *turns)
{
        if (turns->lane)
                unlink_turns(q, turns);
}

unsigned hedged_fair_queue_of(const hedged_fair_queue_t *q, const void *name, size_t size)
{
        const hedged_fair_client_t *c = find_client(q, name, size);

        return c ? c->waiting : 0;
}

bool hedged_fair_queue_admits(unsigned own, unsigned free_places)
{
        return own < free_places;
}

void hedged_fair_queue_clear(hedged_fair_queue_t *q)
{
        while (q->first)
                unlink_turns(q, q->first->first->first);
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_FAIR_QUEUE_H
#define HEDGED_FAIR_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Requests that wait, and whose turn it is.
 *
 * Clients take turns, and within a client its models do; of one client's for one model the oldest is first. A turn is one run: a
 * request of many pictures takes as many, and others get theirs in between. How much a client asks for changes nothing for the
 * others. Who has nothing waiting and asks again is behind those that wait, once each.
 *
 *     hedged_fair_queue_t queue = { 0 };
 *     hedged_fair_queue_put(&queue, name, size, model, &request->turns);
 *     while ((turns = hedged_fair_queue_take(&queue, &index)))
 *             ...run number `index` of the request that `turns` is in...
 *
 * Pure; no locks. Looking a client up takes as long as there are clients that wait. */

#define HEDGED_FAIR_NAME_MAX 288 /**< bytes of a client's name at most */

typedef struct hedged_fair_client hedged_fair_client_t;
typedef struct hedged_fair_lane hedged_fair_lane_t;

/** In every request that waits: the caller's memory. */
typedef struct hedged_turns {
        struct hedged_turns *next;
        hedged_fair_lane_t *lane; /**< where it waits; NULL: it does not */
        uint32_t runs;            /**< how many there are, at least 1: set by the caller */
        uint32_t given;           /**< how many of them have been taken */
} hedged_turns_t;

/** All zeros: empty. */
typedef struct hedged_fair_queue {
        hedged_fair_client_t *first, *last; /**< in the order of their turns */
        unsigned waiting;                   /**< requests inside */
        unsigned clients;                   /**< whose they are */
} hedged_fair_queue_t;

/** Let a request wait.
 * @param name   Who asks: size bytes, at most HEDGED_FAIR_NAME_MAX, copied. @param model  What for; only compared.
 * @return 0, -ENOMEM, -EINVAL (no runs, or too long a name). */
int hedged_fair_queue_put(hedged_fair_queue_t *queue, const void *name, size_t size, const void *model,
                          hedged_turns_t *turns);

/** The next run. With its last one a request waits no more. @return NULL: none waits. */
hedged_turns_t *hedged_fair_queue_take(hedged_fair_queue_t *queue, uint32_t *ret_index);

/** Take a request out that waits: those of its runs that have not been taken will not be. */
void hedged_fair_queue_remove(hedged_fair_queue_t *queue, hedged_turns_t *turns);

/** How many requests of a client wait. */
unsigned hedged_fair_queue_of(const hedged_fair_queue_t *queue, const void *name, size_t size);

/** May a client that has `own` requests waiting let another one wait, where so many places are free? As many of its own as are
 * left to the others, and no more: who is alone gets half of the queue, two get a third each, and a place is always left for who
 * has nothing there, but where there are as many clients as places. */
bool hedged_fair_queue_admits(unsigned own, unsigned free_places);

/** Forget all that wait. */
void hedged_fair_queue_clear(hedged_fair_queue_t *queue);

#endif

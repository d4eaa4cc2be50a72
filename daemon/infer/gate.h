/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_GATE_H
#define HEDGED_GATE_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/** What many threads compute here at a time, within bounds: so many are let in, the others stand in line in the order in which
 * they came. Requests mostly wait for boards, so that there are more of them at work than this machine has cores; where all come
 * to layers that run here at once, they would only take the cores' caches from one another.
 *
 * A thread goes in before it computes and out before it waits for anything else. Between two pieces of work it offers its place
 * (hedged_gate_pass), which it loses to who stands in line once it has had it for HEDGED_GATE_TURN_US: handing over for every small
 * layer would cost more than it is worth.
 *
 *     hedged_gate_enter(&gate, &visit);
 *     while (...) {
 *             ...compute a layer...
 *             hedged_gate_pass(&gate, &visit);
 *     }
 *     hedged_gate_leave(&gate, &visit); */

#define HEDGED_GATE_TURN_US 20000

/** A thread's way through the gate, in its own memory. All zeros: outside. */
typedef struct hedged_visit {
        struct hedged_visit *next; /**< in line behind it */
        pthread_cond_t called;
        bool inside;
        int64_t since_us; /**< has been inside */
} hedged_visit_t;

typedef struct hedged_gate {
        pthread_mutex_t lock;
        unsigned places; /**< that are free */
        hedged_visit_t *first, **end;
} hedged_gate_t;

/** @param places  How many may be inside at a time, at least 1. */
void hedged_gate_init(hedged_gate_t *gate, unsigned places);

/** Nobody is inside or in line. */
void hedged_gate_release(hedged_gate_t *gate);

/** Wait for a place. Who is inside is let through. */
void hedged_gate_enter(hedged_gate_t *gate, hedged_visit_t *visit);

/** Go to the end of the line if there is one, and this turn is over. Who is outside stays there. */
void hedged_gate_pass(hedged_gate_t *gate, hedged_visit_t *visit);

/** Is no place free? */
bool hedged_gate_is_full(hedged_gate_t *gate);

/** Give the place to who is first in line. Who is outside stays there. */
void hedged_gate_leave(hedged_gate_t *gate, hedged_visit_t *visit);

#endif

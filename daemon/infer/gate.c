/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/infer/gate.h"

#include "common/clock.h"

void hedged_gate_init(hedged_gate_t *gate, unsigned places)
{
        pthread_mutex_init(&gate->lock, NULL);
        gate->places = places ? places : 1;
        gate->first = NULL;
        gate->end = &gate->first;
}

void hedged_gate_release(hedged_gate_t *gate)
{
        pthread_mutex_destroy(&gate->lock);
}

/* With the lock. A place that is given up goes to who is first in line and is never free in between: whoever comes then would take
 * it before that one is awake. */
static void hand_over(hedged_gate_t *gate)
{
        hedged_visit_t *next = gate->first;

        if (!next) {
                gate->places++;
                return;
        }
        gate->first = next->next;
        if (!gate->first)
                gate->end = &gate->first;
        next->inside = true;
        pthread_cond_signal(&next->called);
}

/* With the lock. */
static void stand_in_line(hedged_gate_t *gate, hedged_visit_t *visit)
{
        pthread_cond_init(&visit->called, NULL);
        visit->next = NULL;
        *gate->end = visit;
        gate->end = &visit->next;
        while (!visit->inside)
                pthread_cond_wait(&visit->called, &gate->lock);
        pthread_cond_destroy(&visit->called);
}

void hedged_gate_enter(hedged_gate_t *gate, hedged_visit_t *visit)
{
        if (visit->inside)
                return;
        pthread_mutex_lock(&gate->lock);
        if (gate->places > 0) {
                gate->places--;
                visit->inside = true;
        } else {
                stand_in_line(gate, visit);
        }
        pthread_mutex_unlock(&gate->lock);
        visit->since_us = hedge_now_us();
}

void hedged_gate_pass(hedged_gate_t *gate, hedged_visit_t *visit)
{
        if (!visit->inside || hedge_now_us() - visit->since_us < HEDGED_GATE_TURN_US)
                return;
        pthread_mutex_lock(&gate->lock);
        if (gate->first) {
                visit->inside = false;
                hand_over(gate);
                stand_in_line(gate, visit);
        }
        pthread_mutex_unlock(&gate->lock);
        visit->since_us = hedge_now_us();
}

void hedged_gate_leave(hedged_gate_t *gate, hedged_visit_t *visit)
{
        if (!visit->inside)
                return;
        pthread_mutex_lock(&gate->lock);
        visit->inside = false;
        hand_over(gate);
        pthread_mutex_unlock(&gate->lock);
}

bool hedged_gate_is_full(hedged_gate_t *gate)
{
        bool full;

        pthread_mutex_lock(&gate->lock);
        full = gate->places == 0;
        pthread_mutex_unlock(&gate->lock);
        return full;
}

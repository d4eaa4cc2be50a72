/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/clock.h"
#include "daemon/infer/gate.h"

#define THREADS 6
#define ROUNDS  300

static hedged_gate_t gate;
static atomic_uint inside, most;
static unsigned order[THREADS], arrived; /* written by who is alone inside */

typedef struct thread {
        pthread_t thread;
        unsigned number;
        hedged_visit_t visit;
} thread_t;

static thread_t threads[THREADS];

static void start(unsigned n, void *(*run)(void *thread))
{
        for (unsigned i = 0; i < n; i++) {
                threads[i] = (thread_t){ .number = i };
                assert_int_equal(pthread_create(&threads[i].thread, NULL, run, &threads[i]), 0);
        }
}

static void join(unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                assert_int_equal(pthread_join(threads[i].thread, NULL), 0);
}

static void go_in(thread_t *t)
{
        unsigned now, before = atomic_load(&most);

        hedged_gate_enter(&gate, &t->visit);
        now = atomic_fetch_add(&inside, 1) + 1;
        while (now > before && !atomic_compare_exchange_weak(&most, &before, now))
                ;
}

static void go_out(thread_t *t)
{
        atomic_fetch_sub(&inside, 1);
        hedged_gate_leave(&gate, &t->visit);
}

/* In and out, with some work in between, for which the place is offered and kept: no turn is over. */
static void *come_and_go(void *arg)
{
        thread_t *t = arg;

        for (unsigned i = 0; i < ROUNDS; i++) {
                go_in(t);
                sched_yield();
                go_out(t);
        }
        return NULL;
}

static void no_more_than_places_are_inside(void **state)
{
        (void)state;
        for (unsigned places = 1; places <= 3; places++) {
                atomic_store(&most, 0);
                hedged_gate_init(&gate, places);
                start(THREADS, come_and_go);
                join(THREADS);
                assert_in_range(atomic_load(&most), 1, places);
                assert_int_equal(gate.places, places);
                hedged_gate_release(&gate);
        }
}

static unsigned in_line(void)
{
        unsigned n = 0;

        pthread_mutex_lock(&gate.lock);
        for (const hedged_visit_t *v = gate.first; v; v = v->next)
                n++;
        pthread_mutex_unlock(&gate.lock);
        return n;
}

static void *pass_once(void *arg)
{
        thread_t *t = arg;

        hedged_gate_enter(&gate, &t->visit);
        order[arrived++] = t->number;
        hedged_gate_leave(&gate, &t->visit);
        return NULL;
}

/* All at once may be let in: each is started when the one before stands in line. */
static void line_up(unsigned n)
{
        arrived = 0;
        for (unsigned i = 0; i < n; i++) {
                threads[i] = (thread_t){ .number = i };
                assert_int_equal(pthread_create(&threads[i].thread, NULL, pass_once, &threads[i]), 0);
                while (in_line() != i + 1)
                        sched_yield();
        }
}

static void who_came_first_goes_in_first(void **state)
{
        hedged_visit_t own = { 0 };

        (void)state;
        hedged_gate_init(&gate, 1);
        hedged_gate_enter(&gate, &own);
        hedged_gate_enter(&gate, &own); /* it is inside: nothing happens */
        line_up(THREADS);
        hedged_gate_pass(&gate, &own); /* its turn is not over, or it is: then it was behind all of them */
        if (arrived == 0)
                hedged_gate_leave(&gate, &own);
        join(THREADS);
        hedged_gate_leave(&gate, &own);
        hedged_gate_leave(&gate, &own); /* it is outside: nothing happens */
        for (unsigned i = 0; i < THREADS; i++)
                assert_int_equal(order[i], i);
        assert_int_equal(gate.places, 1);
        hedged_gate_release(&gate);
}

static void a_turn_ends_for_who_stands_in_line(void **state)
{
        hedged_visit_t own = { 0 };

        (void)state;
        hedged_gate_init(&gate, 1);
        hedged_gate_enter(&gate, &own);
        own.since_us = hedge_now_us() - HEDGED_GATE_TURN_US;
        hedged_gate_pass(&gate, &own); /* nobody wants the place */
        assert_true(own.inside);
        line_up(3);
        own.since_us = hedge_now_us() - HEDGED_GATE_TURN_US;
        hedged_gate_pass(&gate, &own);
        assert_true(own.inside);
        assert_int_equal(arrived, 3); /* all of them were before it */
        join(3);
        hedged_gate_leave(&gate, &own);
        assert_int_equal(gate.places, 1);
        hedged_gate_release(&gate);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(no_more_than_places_are_inside),
                cmocka_unit_test(who_came_first_goes_in_first),
                cmocka_unit_test(a_turn_ends_for_who_stands_in_line),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/infer/fair_queue.h"

#define CLIENTS  5
#define MODELS   3
#define REQUESTS 200

static const char models[MODELS]; /* only their addresses matter */

typedef struct request {
        hedged_turns_t turns; /* first, so that what is taken is the request */
        char client;
        unsigned model;
} request_t;

static hedged_fair_queue_t queue;
static request_t requests[REQUESTS];
static unsigned made;

static int set_up(void **state)
{
        (void)state;
        memset(&queue, 0, sizeof(queue));
        memset(requests, 0, sizeof(requests));
        made = 0;
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        hedged_fair_queue_clear(&queue);
        assert_null(queue.first);
        assert_int_equal(queue.waiting + queue.clients, 0);
        return 0;
}

static request_t *put(char client, unsigned model, uint32_t runs)
{
        request_t *r = &requests[made++];

        r->client = client;
        r->model = model;
        r->turns.runs = runs;
        assert_int_equal(hedged_fair_queue_put(&queue, &client, 1, &models[model], &r->turns), 0);
        return r;
}

static request_t *take(uint32_t *index)
{
        return (request_t *)hedged_fair_queue_take(&queue, index);
}

/* The next runs are these requests', in this order, and then none. */
static void expect(unsigned n, request_t *const *wanted)
{
        uint32_t index;

        for (unsigned i = 0; i < n; i++)
                assert_ptr_equal(take(&index), wanted[i]);
        assert_null(take(&index));
}

static void clients_take_turns(void **state)
{
        request_t *a1 = put('a', 0, 1), *a2 = put('a', 0, 1), *a3 = put('a', 0, 1), *b = put('b', 0, 1);
        request_t *c1 = put('c', 0, 1), *c2 = put('c', 0, 1);

        (void)state;
        assert_int_equal(queue.waiting, 6);
        assert_int_equal(queue.clients, 3);
        assert_int_equal(hedged_fair_queue_of(&queue, "a", 1), 3);
        assert_int_equal(hedged_fair_queue_of(&queue, "ab", 2), 0);
        expect(6, (request_t *[]){ a1, b, c1, a2, c2, a3 });
}

static void a_clients_models_take_turns_of_its_turns(void **state)
{
        request_t *x1 = put('a', 0, 1), *x2 = put('a', 0, 1), *x3 = put('a', 0, 1), *y = put('a', 1, 1);
        request_t *b1 = put('b', 0, 1), *b2 = put('b', 0, 1), *b3 = put('b', 0, 1);

        (void)state;
        expect(7, (request_t *[]){ x1, b1, y, b2, x2, b3, x3 });
}

static void a_large_request_counts_by_its_runs(void **state)
{
        request_t *large = put('a', 0, 4), *behind = put('a', 0, 1), *other = put('b', 0, 2), *model = put('a', 1, 1);
        request_t *wanted[] = { large, other, model, other, large, large, large, behind };
        const uint32_t indices[] = { 0, 0, 0, 1, 1, 2, 3, 0 };
        uint32_t index;

        (void)state;
        for (unsigned i = 0; i < 8; i++) {
                assert_ptr_equal(take(&index), wanted[i]);
                assert_int_equal(index, indices[i]);
        }
        assert_null(take(&index));
}

static void who_comes_back_is_behind_those_that_wait(void **state)
{
        request_t *a = put('a', 0, 1), *b1 = put('b', 0, 1), *b2 = put('b', 0, 1), *again;
        uint32_t index;

        (void)state;
        assert_ptr_equal(take(&index), a);
        again = put('a', 0, 1);
        expect(3, (request_t *[]){ b1, again, b2 });
}

static void requests_are_taken_out_anywhere(void **state)
{
        request_t *a1 = put('a', 0, 1), *a2 = put('a', 0, 3), *a3 = put('a', 0, 1), *b = put('b', 0, 1), *last;
        uint32_t index;

        (void)state;
        hedged_fair_queue_remove(&queue, &a1->turns);
        hedged_fair_queue_remove(&queue, &a1->turns); /* it is not there: nothing happens */
        assert_ptr_equal(take(&index), a2);
        hedged_fair_queue_remove(&queue, &a2->turns); /* begun; two of its runs will never be */
        assert_int_equal(a2->turns.given, 1);
        hedged_fair_queue_remove(&queue, &a3->turns); /* its client's last */
        assert_int_equal(queue.clients, 1);
        last = put('a', 0, 1);
        expect(2, (request_t *[]){ b, last });
}

static void what_makes_no_sense_is_refused(void **state)
{
        char name[HEDGED_FAIR_NAME_MAX + 1] = "";
        hedged_turns_t none = { .runs = 0 }, one = { .runs = 1 };

        (void)state;
        assert_int_equal(hedged_fair_queue_put(&queue, "a", 1, NULL, &none), -EINVAL);
        assert_int_equal(hedged_fair_queue_put(&queue, name, sizeof(name), NULL, &one), -EINVAL);
        assert_int_equal(hedged_fair_queue_put(&queue, name, sizeof(name) - 1, NULL, &one), 0);
        hedged_fair_queue_remove(&queue, &one);
}

static unsigned next_random(unsigned *seed, unsigned below)
{
        *seed = *seed * 1664525u + 1013904223u;
        return (*seed >> 8) % below;
}

/* Whatever is asked: between two turns of a client that waits, no other has more than one; and of one client's for one model the
 * older one is begun first. */
static void nobody_is_passed_by_twice(void **state)
{
        unsigned turns[CLIENTS][CLIENTS] = { { 0 } }; /* of the others, since this one's last or since it waits */
        unsigned seed = 7, runs_put = 0, runs_taken = 0, begun[CLIENTS][MODELS] = { { 0 } };
        uint32_t index;
        request_t *r;

        (void)state;
        for (unsigned step = 0; step < 4000; step++) {
                if (made < REQUESTS && next_random(&seed, 3) == 0) {
                        const unsigned c = next_random(&seed, CLIENTS), runs = 1 + next_random(&seed, 4);
                        const char name = (char)('a' + c);

                        if (hedged_fair_queue_of(&queue, &name, 1) == 0)
                                memset(turns[c], 0, sizeof(turns[c]));
                        put(name, next_random(&seed, MODELS), runs);
                        runs_put += runs;
                } else if ((r = take(&index))) {
                        const unsigned c = (unsigned)(r->client - 'a');

                        runs_taken++;
                        for (unsigned o = 0; o < CLIENTS; o++)
                                assert_true(++turns[o][c] <= 1 || o == c ||
                                            !hedged_fair_queue_of(&queue, &(char){ (char)('a' + o) }, 1));
                        memset(turns[c], 0, sizeof(turns[c]));
                        assert_true(index > 0 || begun[c][r->model] <= (unsigned)(r - requests));
                        begun[c][r->model] = (unsigned)(r - requests);
                }
        }
        assert_int_equal(made, REQUESTS);
        assert_int_equal(runs_taken, runs_put);
}

/* So many clients, all of which ask as often as they can: how many requests has each in the end? */
static unsigned share_of(unsigned clients, unsigned places, unsigned *ret_free)
{
        unsigned own[16] = { 0 }, all = 0, before;

        do {
                before = all;
                for (unsigned c = 0; c < clients; c++)
                        if (hedged_fair_queue_admits(own[c], places - all)) {
                                own[c]++;
                                all++;
                        }
        } while (all > before);
        for (unsigned c = 1; c < clients; c++)
                assert_in_range(own[0] - own[c], 0, 1);
        *ret_free = places - all;
        return own[0];
}

static void nobody_fills_the_queue(void **state)
{
        unsigned left;

        (void)state;
        for (unsigned clients = 1; clients <= 16; clients++) {
                const unsigned own = share_of(clients, 256, &left);

                assert_in_range(own, 256 / (clients + 1), 256 / (clients + 1) + 1);
                assert_true(hedged_fair_queue_admits(0, left)); /* who has nothing waiting */
        }
        assert_true(hedged_fair_queue_admits(0, 1));
        assert_false(hedged_fair_queue_admits(0, 0));
        assert_false(hedged_fair_queue_admits(1, 1));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(clients_take_turns, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_clients_models_take_turns_of_its_turns, set_up, tear_down),
                cmocka_unit_test_setup_teardown(a_large_request_counts_by_its_runs, set_up, tear_down),
                cmocka_unit_test_setup_teardown(who_comes_back_is_behind_those_that_wait, set_up, tear_down),
                cmocka_unit_test_setup_teardown(requests_are_taken_out_anywhere, set_up, tear_down),
                cmocka_unit_test_setup_teardown(what_makes_no_sense_is_refused, set_up, tear_down),
                cmocka_unit_test_setup_teardown(nobody_is_passed_by_twice, set_up, tear_down),
                cmocka_unit_test_setup_teardown(nobody_fills_the_queue, set_up, tear_down),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

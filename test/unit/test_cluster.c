/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/cluster/cluster.h"

#define HEARTBEAT 500
#define GONE      60000

typedef struct seen {
        unsigned calls;
        char name[HEDGE_BOARD_NAME_MAX];
        bool usable, restarted;
} seen_t;

static void on_change(void *arg, hedged_board_t *board, bool restarted)
{
        seen_t *seen = arg;

        seen->calls++;
        snprintf(seen->name, sizeof(seen->name), "%s", board->name);
        seen->usable = board->usable;
        seen->restarted = restarted;
}

static hedged_cluster_t *cluster;
static seen_t seen;
static int64_t now = 100000; /* ms */

static int setup(void **state)
{
        (void)state;
        memset(&seen, 0, sizeof(seen));
        now = 100000;
        return hedged_cluster_new(2, HEARTBEAT, 3, GONE, on_change, &seen, &cluster);
}

static int teardown(void **state)
{
        (void)state;
        hedged_cluster_destroy(&cluster);
        return 0;
}

static hedge_route_t route_of(const char *text)
{
        hedge_route_t route = { .size = (uint32_t)strlen(text) };

        memcpy(route.bytes, text, route.size);
        return route;
}

static hedged_board_t *hello(const char *name, uint64_t incarnation, const char *route, int fd)
{
        hedge_msg_hello_t message = { .incarnation = incarnation, .cores = 4 };
        hedge_route_t r = route_of(route);
        hedged_board_t *board = NULL;

        snprintf(message.board, sizeof(message.board), "%s", name);
        assert_int_equal(hedged_cluster_hello(cluster, &message, &r, fd, now, &board), 0);
        return board;
}

static void tick(void)
{
        now += HEARTBEAT;
        hedged_cluster_tick(cluster, now, now * 1000);
}

static void pong(hedged_board_t *board)
{
        hedge_msg_pong_t message = { .sequence = board->ping_sequence };

        hedged_cluster_seen(cluster, board, board->fd, now);
        hedged_cluster_pong(cluster, board, &message, now * 1000 + 250);
}

static void numbers_are_given_in_order(void **state)
{
        (void)state;
        hedged_board_t *a = hello("a", 1, "ra", 10), *b = hello("b", 2, "rb", 11), *c = hello("c", 3, "rc", 12);

        assert_int_equal(a->index, 0);
        assert_int_equal(b->index, 1);
        assert_int_equal(c->index, HEDGED_NO_INDEX);
        assert_true(a->usable && b->usable);
        assert_false(c->usable);
        assert_string_equal(hedged_board_state_name(c), "spare");
        assert_int_equal(hedged_cluster_usable(cluster), 2);
}

static void three_strikes_make_a_suspect(void **state)
{
        (void)state;
        hedged_board_t *a = hello("a", 1, "ra", 10);

        tick(); /* the first PING goes out */
        tick();
        tick();
        assert_true(a->usable); /* two strikes */
        tick();
        assert_false(a->usable);
        assert_int_equal(a->state, HEDGED_BOARD_SUSPECT);
        assert_string_equal(seen.name, "a");
        assert_false(seen.usable);
}

static void an_answer_takes_the_strikes_back(void **state)
{
        (void)state;
        hedged_board_t *a = hello("a", 1, "ra", 10);

        for (unsigned i = 0; i < 20; i++) {
                tick();
                tick();
                pong(a);
        }
        assert_true(a->usable);
        assert_true(a->round_trip_ms > 0.2 && a->round_trip_ms < 0.3);
}

static void calm_is_who_has_answered(void **state)
{
        (void)state;
        hedged_board_t *a, *b;

        assert_true(hedged_cluster_calm(cluster)); /* nobody is there */
        a = hello("a", 1, "ra", 10);
        assert_false(hedged_cluster_calm(cluster)); /* it has not been asked yet */
        tick();
        assert_false(hedged_cluster_calm(cluster));
        pong(a);
        assert_true(hedged_cluster_calm(cluster));
        b = hello("b", 2, "rb", 11);
        assert_false(hedged_cluster_calm(cluster));
        tick();
        pong(a);
        assert_false(hedged_cluster_calm(cluster));
        pong(b);
        assert_true(hedged_cluster_calm(cluster));
        hedged_cluster_lost(cluster, b);
        assert_false(hedged_cluster_calm(cluster)); /* suspect */
        for (unsigned i = 0; i <= GONE / HEARTBEAT; i++) {
                tick();
                pong(a);
        }
        assert_int_equal(b->state, HEDGED_BOARD_GONE);
        assert_true(hedged_cluster_calm(cluster)); /* nobody waits for it any more */
}

/* 5 MB at 10 Mbit/s take 4 s: PINGs that wait behind them are not missed. */
static void a_share_on_its_way_excuses_silence(void **state)
{
        (void)state;
        hedged_board_t *a = hello("a", 1, "ra", 10);

        tick();
        hedged_cluster_sending(cluster, a, 5000000, now);
        for (unsigned i = 0; i < 4000 / HEARTBEAT + 1; i++) {
                assert_true(a->usable);
                tick();
        }
        assert_true(a->usable);
        tick();
        tick();
        assert_false(a->usable);
        hedged_cluster_seen(cluster, a, 10, now);
        assert_true(a->usable);
        hedged_cluster_sending(cluster, a, 50000000, now);
        hedged_cluster_sending(cluster, a, 0, now); /* they have arrived */
        for (unsigned i = 0; i < 4; i++)
                tick();
        assert_false(a->usable);
}

/* What is under way of a block at the moment, and no more however long the block is. */
static void pieces_under_way_excuse_silence(void **state)
{
        (void)state;
        hedged_board_t *a = hello("a", 1, "ra", 10);

        tick();
        hedged_cluster_pong(cluster, a, &(hedge_msg_pong_t){ .sequence = a->ping_sequence }, now * 1000);
        assert_true(hedged_cluster_calm(cluster));
        hedged_cluster_streaming(cluster, a, 1000000); /* 0.8 s */
        assert_false(hedged_cluster_calm(cluster));    /* it is busy with them */
        hedged_cluster_seen(cluster, a, 10, now);
        for (unsigned i = 0; i < 800 / HEARTBEAT + 1; i++) {
                tick();
                assert_int_equal(a->missed, 0);
        }
        for (unsigned i = 0; i < 4; i++)
                tick();
        assert_false(a->usable);
        hedged_cluster_seen(cluster, a, 10, now);
        hedged_cluster_streaming(cluster, a, 0);
        for (unsigned i = 0; i < 4; i++)
                tick();
        assert_false(a->usable);
}

static void a_suspect_comes_back_with_any_message(void **state)
{
        (void)state;
        hedged_board_t *a = hello("a", 1, "ra", 10);

        for (unsigned i = 0; i < 4; i++)
                tick();
        assert_false(a->usable);
        hedged_cluster_seen(cluster, a, 10, now);
        assert_true(a->usable);
        assert_int_equal(a->comebacks, 1);
        assert_false(seen.restarted);
}

static void who_comes_and_goes_is_put_on_probation(void **state)
{
        (void)state;
        hedged_board_t *a = hello("a", 1, "ra", 10);
        unsigned ticks = 0;

        for (unsigned i = 0; i < 4; i++) {
                hedged_cluster_lost(cluster, a);
                now += 100;
                hedged_cluster_seen(cluster, a, 10, now);
        }
        assert_int_equal(a->state, HEDGED_BOARD_ALIVE);
        assert_false(a->usable);
        assert_string_equal(hedged_board_state_name(a), "probation");
        for (; !a->usable && ticks < 100; ticks++) {
                tick();
                pong(a);
        }
        assert_in_range(ticks, 7, 9); /* 500 ms << 3 */
        assert_true(seen.usable);
}

static void a_closed_connection_counts_at_once(void **state)
{
        (void)state;
        hedged_board_t *a = hello("a", 1, "ra", 10), *b = hello("b", 2, "rb", 11);

        hedged_cluster_disconnected(cluster, 11);
        assert_true(a->usable);
        assert_false(b->usable);
        hedged_cluster_disconnected(cluster, 11); /* nobody's any more */
        hedged_cluster_disconnected(cluster, -1);
        assert_true(a->usable);
}

static void a_new_process_is_told_apart(void **state)
{
        (void)state;
        hedged_board_t *a = hello("a", 1, "ra", 10), *again;
        hedge_route_t old = route_of("ra"), fresh = route_of("rx");

        assert_true(seen.restarted);
        again = hello("a", 1, "rb", 11); /* the same process on another connection */
        assert_ptr_equal(again, a);
        assert_int_equal(seen.calls, 1);
        hello("a", 99, "rx", 12);
        assert_int_equal(seen.calls, 2);
        assert_true(seen.restarted);
        assert_int_equal(a->index, 0);
        assert_null(hedged_cluster_find(cluster, &old));
        assert_ptr_equal(hedged_cluster_find(cluster, &fresh), a);
}

static int say_cost(hedged_board_t *board, hedge_cost_t cost)
{
        hedge_msg_pong_t message = { .sequence = board->ping_sequence, .parts_done = 7, .cost = cost };

        return hedged_cluster_pong(cluster, board, &message, now * 1000);
}

/* What a process cannot have taken is not taken from it, but the rest of what it says is. */
static void a_cost_that_cannot_be_is_left_out(void **state)
{
        (void)state;
        hedged_board_t *a = hello("a", 1, "ra", 10);
        const hedge_cost_t good = { .process_us = 1000, .kernel_us = 600, .io_us = 400, .sent = 5 };
        hedge_cost_t more = good, less = good, fresh = { .process_us = 10 };

        assert_int_equal(say_cost(a, (hedge_cost_t){ 0 }), 0); /* an older board, which does not say */
        assert_int_equal(a->cost.process_us, 0);
        assert_int_equal(say_cost(a, good), 0);
        assert_int_equal(a->cost_ms, now);
        more.kernel_us++; /* more than all */
        less.sent--;
        now += 10;
        a->parts_done = 0;
        assert_int_equal(say_cost(a, more), HEDGE_EMALFORMED);
        assert_int_equal(a->parts_done, 7);
        assert_int_equal(say_cost(a, less), HEDGE_EMALFORMED);
        assert_int_equal(say_cost(a, (hedge_cost_t){ 0 }), 0);
        assert_memory_equal(&a->cost, &good, sizeof(good));
        assert_int_equal(a->cost_ms, now - 10);
        hello("a", 99, "rx", 12); /* another process begins anew */
        assert_int_equal(a->cost.process_us, 0);
        assert_int_equal(say_cost(a, fresh), 0);
        assert_int_equal(a->cost.process_us, 10);
}

static void a_spare_takes_the_place_of_one_that_is_gone(void **state)
{
        (void)state;
        hedged_board_t *a = hello("a", 1, "ra", 10), *b = hello("b", 2, "rb", 11), *c = hello("c", 3, "rc", 12);

        while (a->state != HEDGED_BOARD_GONE) {
                tick();
                pong(b);
                pong(c);
                assert_true(now < 200000);
        }
        assert_int_equal(c->index, 0);
        assert_true(c->usable);
        assert_int_equal(a->index, HEDGED_NO_INDEX);
        assert_null(hedged_cluster_find(cluster, &a->route)); /* it has to say HELLO again */
        hello("a", 1, "ra2", 13);
        assert_string_equal(hedged_board_state_name(a), "spare");
}

static void too_many_boards_are_refused(void **state)
{
        (void)state;
        hedge_msg_hello_t message = { .incarnation = 1 };
        hedge_route_t route = route_of("r");
        hedged_board_t *board;
        int r = 0;
        unsigned n = 0;

        for (; r == 0 && n < 100000; n++) {
                snprintf(message.board, sizeof(message.board), "b%u", n);
                r = hedged_cluster_hello(cluster, &message, &route, 1, now, &board);
        }
        assert_int_equal(r, HEDGE_ELIMIT);
        assert_int_equal(n, 2 * HEDGE_CODE_MAX_BOARDS + 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(numbers_are_given_in_order, setup, teardown),
                cmocka_unit_test_setup_teardown(three_strikes_make_a_suspect, setup, teardown),
                cmocka_unit_test_setup_teardown(an_answer_takes_the_strikes_back, setup, teardown),
                cmocka_unit_test_setup_teardown(a_share_on_its_way_excuses_silence, setup, teardown),
                cmocka_unit_test_setup_teardown(pieces_under_way_excuse_silence, setup, teardown),
                cmocka_unit_test_setup_teardown(a_suspect_comes_back_with_any_message, setup, teardown),
                cmocka_unit_test_setup_teardown(who_comes_and_goes_is_put_on_probation, setup, teardown),
                cmocka_unit_test_setup_teardown(a_closed_connection_counts_at_once, setup, teardown),
                cmocka_unit_test_setup_teardown(calm_is_who_has_answered, setup, teardown),
                cmocka_unit_test_setup_teardown(a_cost_that_cannot_be_is_left_out, setup, teardown),
                cmocka_unit_test_setup_teardown(a_new_process_is_told_apart, setup, teardown),
                cmocka_unit_test_setup_teardown(a_spare_takes_the_place_of_one_that_is_gone, setup, teardown),
                cmocka_unit_test_setup_teardown(too_many_boards_are_refused, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

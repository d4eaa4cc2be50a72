/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/measure/costs.h"
#include "daemon/measure/loopback.h"
#include "daemon/measure/toll.h"

/* What no machine that hedge runs on is beyond: a message in 100 ns to 0.1 s, ... */
static void make_sense(const hedged_costs_t *c)
{
        assert_true(c->message_s > 1e-7 && c->message_s < 0.1);
        assert_true(c->byte_s > 1e-12 && c->byte_s < 1e-5);
        assert_true(c->part_s > 0 && c->part_s < c->message_s);
        assert_true(c->entry_s > 1e-12 && c->entry_s < 1e-5);
        assert_true(c->coding_s > 1e-13 && c->coding_s < 1e-6);
        assert_true(c->solve_s > 1e-12 && c->solve_s < 1e-4);
        assert_true(c->layer_s > c->message_s && c->layer_s < 1);
}

static void costs_are_measured(void **state)
{
        (void)state;
        for (unsigned encrypted = 0; encrypted < 2; encrypted++) {
                const hedged_costs_t c = hedged_costs_measure(encrypted);

                make_sense(&c);
                /* what is a difference of two measurements may fail on a busy machine, and is as usual then */
                assert_true(c.message_s != hedged_usual_costs.message_s && c.layer_s != hedged_usual_costs.layer_s);
                assert_true(c.entry_s != hedged_usual_costs.entry_s && c.solve_s != hedged_usual_costs.solve_s);
        }
        make_sense(&hedged_usual_costs);
}

static void messages_of_any_length_pass(void **state)
{
        (void)state;
        for (unsigned encrypted = 0; encrypted < 2; encrypted++) {
                hedged_loopback_t *x = NULL;
                double spent_s = 0;

                assert_int_equal(hedged_loopback_new(encrypted, &x), 0);
                assert_int_equal(hedged_loopback_run(x, 0, 3, &spent_s), 0);
                assert_int_equal(hedged_loopback_run(x, 1 << 20, 2, &spent_s), 0);
                assert_true(spent_s > 0);
                hedged_loopback_destroy(&x);
                assert_null(x);
                hedged_loopback_destroy(&x);
        }
}

/* A board's core counts as that much slower for messages as it computes slower, but not for wider vectors. */
static void boards_are_slower_as_they_compute(void **state)
{
        (void)state;
        static hedged_speeds_t s = { .boards = 5, .here = { 8e9, 0, 1e8, 1e8, 0, 0 }, .here_cores = 2 };

        for (unsigned b = 0; b < 5; b++)
                s.board[b] = (hedged_speed_t){ 1e9, 0, 1e7, 1e7, 0, 0 };
        s.cores[1] = 4;
        s.board[2].macs_per_s = 1e6;
        s.board[3].macs_per_s = 1e12;
        s.board[4].macs_per_s = 4e9;
        assert_true(fabs(hedged_speeds_slower(&s, 0) - 4) < 1e-9);
        assert_true(hedged_speeds_slower(&s, 1) == 10); /* 16 */
        assert_true(hedged_speeds_slower(&s, 2) == 10);
        assert_true(fabs(hedged_speeds_slower(&s, 3) - 0.1) < 1e-9);
        assert_true(fabs(hedged_speeds_slower(&s, 4) - 1) < 1e-9);
        s.slower[4] = 17; /* measured */
        assert_true(hedged_speeds_slower(&s, 4) == 17);
}

/* Ten times what was expected, for messages and bytes alike; too few messages, a new start and nonsense teach nothing. */
static void what_messages_cost_is_learnt(void **state)
{
        (void)state;
        const hedged_costs_t costs = { .message_s = 1e-5, .byte_s = 1e-9 };
        hedged_toll_t t = { 0 };

        hedged_toll_learn(&t, &costs, &(hedged_toll_totals_t){ 0.001, 10, 1000 });
        assert_true(t.factor == 0);
        hedged_toll_learn(&t, &costs, &(hedged_toll_totals_t){ 0.2, 1000, 10000000 });
        assert_true(fabs(t.factor - 10) < 1e-9);
        hedged_toll_learn(&t, &costs, &(hedged_toll_totals_t){ 0.2 + 0.01, 2000, 10000000 }); /* as expected */
        assert_true(t.factor > 5 && t.factor < 9);
        for (unsigned i = 3; i < 30; i++)
                hedged_toll_learn(&t, &costs, &(hedged_toll_totals_t){ 0.21 + 0.01 * (i - 2), i * 1000, 10000000 });
        assert_true(fabs(t.factor - 1) < 0.01);
        hedged_toll_learn(&t, &costs, &(hedged_toll_totals_t){ 0.001, 500, 1000 }); /* started again */
        assert_true(fabs(t.factor - 1) < 0.01);
        hedged_toll_learn(&t, &costs, &(hedged_toll_totals_t){ 1e6, 5000, 1000 });
        assert_true(t.factor > 2 && t.factor <= 30); /* nobody is that slow */
        hedged_toll_learn(&t, &(hedged_costs_t){ 0 }, &(hedged_toll_totals_t){ 2e6, 50000, 1000 });
        assert_true(isfinite(t.factor));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(costs_are_measured),
                cmocka_unit_test(messages_of_any_length_pass),
                cmocka_unit_test(what_messages_cost_is_learnt),
                cmocka_unit_test(boards_are_slower_as_they_compute),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

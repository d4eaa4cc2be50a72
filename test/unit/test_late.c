/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/plan/late.h"

/* A board that was asked at 100 and whose parts came at these times, of `asked`. */
static hedged_advance_t board(unsigned asked, unsigned n, const double *came)
{
        hedged_advance_t a = { .asked = asked };

        hedged_advance_begin(&a, 100);
        for (unsigned i = 0; i < n; i++)
                hedged_advance_came(&a, came[i]);
        return a;
}

static bool is_late(const hedged_advance_t *other, const hedged_advance_t *idle, double hold, double now, double *when)
{
        const bool late = hedged_is_late(other, idle, hold, 0, now, when);

        /* it is late at the time that is named, if nothing comes until then; not before, where it is not late now */
        if (!late && *when > now) {
                double again;

                assert_true(hedged_is_late(other, idle, hold, 0, *when + 1e-6, &again));
                assert_false(hedged_is_late(other, idle, hold, 0, now + 0.999 * (*when - now), &again));
        }
        return late;
}

static void what_came_is_kept(void **state)
{
        (void)state;
        const hedged_advance_t none = board(2, 0, NULL), some = board(4, 3, (double[]){ 130, 135, 145 });

        assert_true(none.last == 100 && hedged_advance_pace(&none) == 0);
        assert_int_equal(some.came, 3);
        assert_true(some.lead == 30 && some.longest == 10 && some.last == 145 && hedged_advance_pace(&some) == 15);
}

/* As silent as the two have been before is nothing to worry about, whatever their mean is. */
static void jitter_is_no_lateness(void **state)
{
        (void)state;
        const hedged_advance_t idle = board(4, 4, (double[]){ 120, 122, 124, 126 });
        const hedged_advance_t jumpy = board(4, 3, (double[]){ 120, 121, 140 });
        const hedged_advance_t steady = board(4, 3, (double[]){ 120, 130, 140 });
        double when;

        assert_false(is_late(&jumpy, &idle, 0, 160, &when)); /* it has been silent for 19 before */
        assert_true(fabs(when - (140 + 1.25 * 19)) < 1e-9);
        assert_true(is_late(&jumpy, &idle, 0, 164, &when));
        assert_false(is_late(&steady, &idle, 0, 150, &when));
        assert_true(fabs(when - (140 + 1.25 * 40 / 3)) < 1e-9); /* its pace, with what the first part took */
        assert_true(is_late(&steady, &idle, 0, 157, &when));
}

static void who_has_sent_nothing_has_as_long_as_the_first_took(void **state)
{
        (void)state;
        const hedged_advance_t idle = board(1, 1, (double[]){ 140 }), other = board(1, 0, NULL);
        double when;

        assert_false(is_late(&other, &idle, 0, 149, &when));
        assert_true(when == 150);
        assert_false(hedged_is_late(&other, &idle, 0, 7, 156, &when)); /* and for what is noise */
        assert_true(when == 157 && hedged_is_late(&other, &idle, 0, 7, 158, &when));
        assert_true(is_late(&other, &idle, 0, 151, &when));
}

/* Parts that come in one message say nothing about how long a board is silent; while they may wait it is not late. */
static void parts_that_travel_together_are_not_late(void **state)
{
        (void)state;
        const hedged_advance_t idle = board(4, 4, (double[]){ 140, 140, 140, 140 });
        const hedged_advance_t other = board(8, 4, (double[]){ 140, 140, 140, 140 });
        const hedged_advance_t slow = board(8, 2, (double[]){ 130, 130 });
        double when;

        assert_false(is_late(&other, &idle, 30, 188, &when)); /* 50: another message may take as long as the first */
        assert_true(is_late(&other, &idle, 30, 191, &when));
        assert_false(is_late(&other, &idle, 60, 209, &when)); /* 60 and 10 for a part */
        assert_true(is_late(&other, &idle, 60, 211, &when));
        assert_true(
                is_late(&slow, &idle, 60, 135, &when)); /* six parts of 15 are more than the other's 40 and a quarter */
}

static void who_owes_too_much_is_late_at_once(void **state)
{
        (void)state;
        const hedged_advance_t idle = board(4, 4, (double[]){ 120, 130, 140, 150 });
        const hedged_advance_t slow = board(4, 1, (double[]){ 150 }), near = board(4, 3, (double[]){ 120, 135, 150 });
        double when;

        assert_true(is_late(&slow, &idle, 0, 151, &when)); /* three parts of 50, and a first one takes 20 */
        assert_false(is_late(&near, &idle, 0, 151, &when));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_came_is_kept),
                cmocka_unit_test(jitter_is_no_lateness),
                cmocka_unit_test(who_has_sent_nothing_has_as_long_as_the_first_took),
                cmocka_unit_test(parts_that_travel_together_are_not_late),
                cmocka_unit_test(who_owes_too_much_is_late_at_once),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

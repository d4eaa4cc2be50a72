/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/infer/lateness.h"

static hedged_lateness_t *l;
static const char model = 'm', other = 'o';

static int set_up(void **state)
{
        (void)state;
        return hedged_lateness_new(&l);
}

static int tear_down(void **state)
{
        (void)state;
        hedged_lateness_destroy(&l);
        hedged_lateness_destroy(&l);
        return l ? -1 : 0;
}

static void expect(double factor)
{
        assert_true(fabs(hedged_lateness_of(l, &model, 2, 9, 4) - factor) < 1e-6);
}

static void nineteen_of_twenty_are_on_time(void **state)
{
        (void)state;
        for (unsigned i = 0; i < 19; i++) {
                hedged_lateness_took(l, &model, 2, 9, 4, 2);
                expect(HEDGED_LATENESS_USUAL); /* too few to tell */
        }
        hedged_lateness_took(l, &model, 2, 9, 4, 2);
        expect(2);
        for (unsigned i = 0; i < 100; i++)
                hedged_lateness_took(l, &model, 2, 9, 4, 1 + (i * 37 % 100) / 100.0); /* 1 .. 1.99 in any order */
        for (unsigned i = 0; i < 28; i++)
                hedged_lateness_took(l, &model, 2, 9, 4, 1); /* the 2s are forgotten */
        expect(1.93);                                        /* 6 of 128 are longer: with 95 of 100 that are not */
}

static void outliers_and_nonsense_do_not_count_for_ever(void **state)
{
        (void)state;
        for (unsigned i = 0; i < 100; i++) {
                hedged_lateness_took(l, &model, 2, 9, 4, NAN);
                hedged_lateness_took(l, &model, 2, 9, 4, INFINITY);
                hedged_lateness_took(l, &model, 2, 9, 4, 0);
                hedged_lateness_took(l, &model, 2, 9, 4, -1);
        }
        expect(HEDGED_LATENESS_USUAL);
        for (unsigned i = 0; i < 128; i++)
                hedged_lateness_took(l, &model, 2, 9, 4, 1e9);
        expect(20);
        for (unsigned i = 0; i < 128; i++)
                hedged_lateness_took(l, &model, 2, 9, 4, 1e-9);
        expect(0.5);
}

static void steps_are_told_apart(void **state)
{
        (void)state;
        for (unsigned i = 0; i < 20; i++) {
                hedged_lateness_took(l, &other, 2, 9, 4, 3);
                hedged_lateness_took(l, &model, 1, 9, 4, 3);
                hedged_lateness_took(l, &model, 2, 8, 4, 3);
                hedged_lateness_took(l, &model, 2, 9, 5, 3);
        }
        expect(HEDGED_LATENESS_USUAL);
        for (unsigned i = 0; i < 255;
             i++) { /* as many as are known with the one of this test, which is asked for in between */
                hedged_lateness_took(l, &other, i + 100, 9, 4, 3);
                expect(HEDGED_LATENESS_USUAL);
        }
        assert_true(fabs(hedged_lateness_of(l, &other, 2, 9, 4) - HEDGED_LATENESS_USUAL) < 1e-6); /* forgotten */
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(nineteen_of_twenty_are_on_time, set_up, tear_down),
                cmocka_unit_test_setup_teardown(outliers_and_nonsense_do_not_count_for_ever, set_up, tear_down),
                cmocka_unit_test_setup_teardown(steps_are_told_apart, set_up, tear_down),
        };

        return cmocka_run_group_tests_name("lateness", tests, NULL, NULL);
}

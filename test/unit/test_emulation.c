/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "worker/emulate/emulation.h"

static hedgew_emulation_t parse(const char *text)
{
        hedgew_emulation_t e;
        hedge_why_t why = { .text = "" };

        if (hedgew_emulation_parse(text, &e, &why) < 0)
                fail_msg("%s", why.text);
        return e;
}

static void every_key_is_read(void **state)
{
        const hedgew_emulation_t e = parse("# a board\n"
                                           "straggler 3 5.5 0.25 # often\n"
                                           "\n"
                                           "board 9\r\n"
                                           "\tboards  10\n"
                                           "seed 18446744073709551615\n"
                                           "round 12\n"
                                           "macs_per_s 7.5e8\n"
                                           "slowdown 1\n"
                                           "task_slowdown 0.5\n"
                                           "delay_ms 20\n"
                                           "fixed 2 1000\n"
                                           "failing 1\n"
                                           "silent 3");

        assert_int_equal(e.boards, 10);
        assert_int_equal(e.board, 9);
        assert_true(e.seed == UINT64_MAX);
        assert_int_equal(e.round, 12);
        assert_true(e.macs_per_s == 7.5e8);
        assert_true(e.slowdown == 1 && e.task_slowdown == 0.5 && e.delay_ms == 20);
        assert_int_equal(e.fixed, 2);
        assert_true(e.fixed_ms == 1000);
        assert_int_equal(e.failing, 1);
        assert_int_equal(e.silent, 3);
        assert_int_equal(e.straggler, 3);
        assert_true(e.straggler_factor == 5.5 && e.straggler_probability == 0.25);
}

static void what_is_not_given_is_not_so(void **state)
{
        const hedgew_emulation_t nothing = { 0 }, e = parse(""), f = parse("# nothing\n\n   \n");

        assert_memory_equal(&e, &nothing, sizeof(e));
        assert_memory_equal(&f, &nothing, sizeof(f));
}

static void a_wrong_line_is_named_and_changes_nothing(void **state)
{
        static const struct {
                const char *text, *why;
        } wrong[] = {
                { "store -1\n", "1: store: '-1' is no whole number from 0 to 1.04858e+06" },
                { "verify 2\n", "1: verify: '2' is no whole number from 0 to 1" },
                { "seed 1\nspeed 2\n", "2: there is no key 'speed'" },
                { "seed\n", "1: seed takes 1 values" },
                { "\n\nstraggler 1 2\n", "3: straggler takes 3 values" },
                { "seed 1 2\n", "1: seed: '2' is one value too many" },
                { "seed 1\n# x\nseed 1\n", "3: seed came in line 1 already" },
                { "seed -1\n", "1: seed: '-1'" },
                { "seed 1.5\n", "1: seed: '1.5'" },
                { "seed 18446744073709551616\n", "1: seed: '18446744073709551616'" },
                { "macs_per_s 0\n", "1: macs_per_s: '0'" },
                { "macs_per_s nan\n", "1: macs_per_s: 'nan'" },
                { "macs_per_s fast\n", "1: macs_per_s: 'fast'" },
                { "delay_ms -1\n", "1: delay_ms: '-1'" },
                { "delay_ms inf\n", "1: delay_ms: 'inf'" },
                { "straggler 1 0.5 1\n", "1: straggler: '0.5'" },
                { "straggler 1 2 1.5\n", "1: straggler: '1.5'" },
                { "boards 4097\n", "1: boards: '4097'" },
                { "boards 4\nboard 4\n", "2: board 4 is none of 4" },
                { "board 1\nfixed 1 5\n", "2: 1 boards fail" },
                { "boards 4\nfixed 2 5\nsilent 2\nfailing 1\nseed 1\n", "4: 5 boards fail" },
        };
        const hedgew_emulation_t before = { .seed = 77, .macs_per_s = 5 };

        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                hedgew_emulation_t e = before;
                hedge_why_t why = { .text = "" };

                assert_int_equal(hedgew_emulation_parse(wrong[i].text, &e, &why), HEDGE_ECONFIG);
                if (strncmp(why.text, wrong[i].why, strlen(wrong[i].why)))
                        fail_msg("'%s' instead of '%s...'", why.text, wrong[i].why);
                assert_memory_equal(&e, &before, sizeof(e));
        }
}

static hedgew_emulation_draws_t draw(const hedgew_emulation_t *e, uint64_t job)
{
        hedgew_emulation_draws_t draws;

        hedgew_emulation_draw(e, job, &draws);
        return draws;
}

static void without_troubles_nothing_is_drawn(void **state)
{
        const hedgew_emulation_t e = parse("seed 1\nround 2\nboards 5\nboard 3\nmacs_per_s 1e9\nstraggler 2 4 1");
        const hedgew_emulation_draws_t draws = draw(&e, 0);

        assert_true(draws.slower == 1 && draws.in_ms == 0 && draws.out_ms == 0);
        assert_int_equal(hedgew_emulation_kind(&e), HEDGEW_EMULATION_WELL);
}

static void draws_are_of_round_board_and_job(void **state)
{
        const hedgew_emulation_t e = parse("seed 1\nround 2\nboards 5\nboard 3\nslowdown 1\ndelay_ms 10");
        const hedgew_emulation_draws_t first = draw(&e, 0), again = draw(&e, 0), next = draw(&e, 1);
        hedgew_emulation_t other = e;

        assert_memory_equal(&first, &again, sizeof(first));
        assert_true(first.in_ms > 0 && first.out_ms > 0 && first.in_ms != first.out_ms && first.slower > 1);
        assert_true(next.slower == first.slower);
        assert_true(next.in_ms != first.in_ms && next.out_ms != first.out_ms);
        other.board = 2;
        assert_true(draw(&other, 0).slower != first.slower && draw(&other, 0).in_ms != first.in_ms);
        other = e;
        other.round = 3;
        assert_true(draw(&other, 0).slower != first.slower && draw(&other, 0).in_ms != first.in_ms);
        other = e;
        other.seed = 2;
        assert_true(draw(&other, 0).slower != first.slower);
        other = e;
        other.delay_ms = 0; /* one trouble less does not change the others */
        other.failing = 1;
        assert_true(draw(&other, 0).slower == first.slower);
}

static void task_slowdown_is_of_a_job_and_comes_on_top(void **state)
{
        const hedgew_emulation_t e = parse("seed 1\nround 2\ntask_slowdown 1"),
                                 both = parse("seed 1\nround 2\nslowdown 1\ntask_slowdown 1"),
                                 round = parse("seed 1\nround 2\nslowdown 1");

        assert_true(draw(&e, 0).slower > 1);
        assert_true(draw(&e, 0).slower != draw(&e, 1).slower);
        assert_float_equal(draw(&both, 1).slower, draw(&e, 1).slower * draw(&round, 1).slower, 1e-9);
}

/* 20,000 draws of mean 1 and deviation 1: the mean is within 0.03 in all but 2 of 100,000 seeds, and this is one seed. */
static void draws_are_exponential(void **state)
{
        hedgew_emulation_t e = parse("seed 5\nslowdown 1\ndelay_ms 2");
        double slower = 0, in_ms = 0, above = 0;
        const int n = 20000;

        for (int i = 0; i < n; i++) {
                hedgew_emulation_draws_t draws;

                e.round = (uint64_t)i;
                draws = draw(&e, 0);
                assert_true(draws.slower >= 1);
                slower += draws.slower - 1;
                in_ms += draws.in_ms;
                above += draws.in_ms > 4;
        }
        assert_float_equal(slower / n, 1, 0.03);
        assert_float_equal(in_ms / n, 2, 0.06);
        assert_float_equal(above / n, 0.1353, 0.01); /* exp(-2) */
}

static void so_many_boards_are_bad_in_every_round(void **state)
{
        hedgew_emulation_t e = parse("seed 3\nboards 10\nfixed 2 500\nfailing 1\nsilent 3");
        unsigned times[10] = { 0 };

        for (e.round = 0; e.round < 300; e.round++) {
                unsigned count[4] = { 0 };

                for (e.board = 0; e.board < 10; e.board++) {
                        const hedgew_emulation_kind_t kind = hedgew_emulation_kind(&e);

                        count[kind]++;
                        times[e.board] += kind == HEDGEW_EMULATION_SILENT;
                        assert_true(draw(&e, 0).out_ms == (kind == HEDGEW_EMULATION_FIXED ? 500 : 0));
                }
                assert_int_equal(count[HEDGEW_EMULATION_FIXED], 2);
                assert_int_equal(count[HEDGEW_EMULATION_FAILING], 1);
                assert_int_equal(count[HEDGEW_EMULATION_SILENT], 3);
        }
        for (int i = 0; i < 10; i++)
                assert_in_range(times[i], 50, 130); /* 90 in the mean, deviation 8 */
}

static void a_straggler_straggles_as_often_as_said(void **state)
{
        hedgew_emulation_t e = parse("seed 3\nboards 4\nboard 2\nstraggler 2 4 0.75");
        unsigned times = 0;

        for (e.round = 0; e.round < 1000; e.round++) {
                const double slower = draw(&e, 0).slower;

                assert_true(slower == 1 || slower == 4);
                assert_true(draw(&e, 5).slower == slower);
                times += slower == 4;
        }
        assert_in_range(times, 690, 810);
        e.board = 1;
        for (e.round = 0; e.round < 100; e.round++)
                assert_true(draw(&e, 0).slower == 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_key_is_read),
                cmocka_unit_test(what_is_not_given_is_not_so),
                cmocka_unit_test(a_wrong_line_is_named_and_changes_nothing),
                cmocka_unit_test(without_troubles_nothing_is_drawn),
                cmocka_unit_test(draws_are_of_round_board_and_job),
                cmocka_unit_test(task_slowdown_is_of_a_job_and_comes_on_top),
                cmocka_unit_test(draws_are_exponential),
                cmocka_unit_test(so_many_boards_are_bad_in_every_round),
                cmocka_unit_test(a_straggler_straggles_as_often_as_said),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

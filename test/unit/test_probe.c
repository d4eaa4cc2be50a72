/* SPDX-License-Identifier: Apache-2.0 */
/* What a board is measured with, and what comes out of it. */
#include <math.h>

#include "daemon/measure/probe.h"
#include "daemon/measure/transfer.h"
#include "test/unit/measure_bed.h"

#define PARTS HEDGED_PROBE_INPUTS

/* A PART of these parts, each computed in so many microseconds. */
typedef struct answer {
        hedge_part_t parts[HEDGE_PART_FRAMES];
        size_t bytes[HEDGE_PART_FRAMES];
        hedge_msg_part_t message;
} answer_t;

static hedge_msg_part_t *fill(answer_t *a, uint64_t run, unsigned n, uint64_t compute_us)
{
        for (unsigned i = 0; i < n; i++) {
                a->parts[i] = (hedge_part_t){ .part = i, .compute_us = compute_us };
                a->bytes[i] = hedge_conv_out_elements(&hedged_probe_conv) * sizeof(float);
        }
        a->message = (hedge_msg_part_t){ .run = run, .n_parts = n, .parts = a->parts };
        return &a->message;
}

static void what_it_consists_of_makes_sense(void **state)
{
        float filters[64 * 64 * 9], input[14 * 14 * 64];

        (void)state;
        assert_int_equal(hedge_conv_check(&hedged_probe_conv), 0);
        assert_int_equal(hedge_conv_filter_elements(&hedged_probe_conv), 64 * 64 * 9);
        assert_int_equal(hedge_conv_in_elements(&hedged_probe_conv), 14 * 14 * 64);
        hedged_probe_filters(filters);
        hedged_probe_input(input);
        for (unsigned i = 0; i < 64 * 64 * 9; i++)
                assert_true(fabsf(filters[i]) <= 1);
        for (unsigned i = 0; i < 14 * 14 * 64; i++)
                assert_true(fabsf(input[i]) <= 1);
        assert_true(memcmp(filters, filters + 100, 400) != 0);
}

/* Measure a board that is exactly so. @return what is then known of it. */
static hedged_speed_t measure(double macs_per_s, double bytes_per_s, double delay_s, unsigned parts_at_once)
{
        hedged_measure_t *m = start(NULL);
        hedged_probe_t probe = { 0 };
        const hedged_task_sample_t *sample;
        const double part_s = (double)hedge_conv_macs(&hedged_probe_conv) / macs_per_s;
        const double bytes = 2.0 * 14 * 14 * 64 * 4; /* of an input and its part */
        int64_t now_us = 1000;
        uint64_t run = 1;
        unsigned n;
        hedged_speed_t s;

        while ((n = hedged_probe_next(&probe, run, now_us))) {
                answer_t a;
                int r = 0;

                assert_in_range(n, 1, PARTS);
                for (unsigned at = 0; at < n; at += parts_at_once) {
                        const unsigned some = n - at < parts_at_once ? n - at : parts_at_once;

                        assert_int_equal(r, 0);
                        now_us += (int64_t)lround(1e6 * (some * (part_s + bytes / bytes_per_s) + delay_s));
                        fill(&a, run, some, (uint64_t)lround(1e6 * part_s));
                        for (unsigned i = 0; i < some; i++)
                                a.parts[i].part = at + i;
                        r = hedged_probe_part(&probe, &a.message, a.bytes, now_us, &sample);
                }
                assert_int_equal(r, 1);
                assert_int_equal(sample == NULL, run == 1); /* the first one is not counted */
                if (sample)
                        hedged_measure_first(m, "board", sample);
                run++;
                now_us += 100;
        }
        assert_true(hedged_measure_knows(m, "board"));
        assert_false(hedged_measure_knows(m, "another"));
        s = speed(m, "board");
        hedged_measure_destroy(&m);
        return s;
}

/* The prior, which is 2.5e9 multiply-accumulates and 12.5e6 bytes a second, moves what comes out by 2 % where the board is ten times
 * as fast: it counts for a twentieth of a task against five. */
static void a_board_comes_out_as_it_is(void **state)
{
        const double rates[] = { 7.5e8, 2.5e9, 7.5e9, 3e10 }, links[] = { 2.5e6, 12.5e6, 125e6 };

        (void)state;
        for (unsigned i = 0; i < 4; i++)
                for (unsigned j = 0; j < 3; j++) {
                        const hedged_speed_t s = measure(rates[i], links[j], 0.0005, PARTS);

                        assert_int_equal(s.tasks, 5);
                        assert_near(s.macs_per_s, rates[i], 0.1);
                        assert_near(s.up_bytes_per_s, links[j], 0.1);
                        assert_true(s.delay_s <
                                    0.004); /* 2 % of the way of a large task on the slowest link, and its own */
                }
}

static void a_delay_is_told_from_a_slow_link(void **state)
{
        const hedged_speed_t s = measure(2.5e9, 12.5e6, 0.02, PARTS);

        (void)state;
        assert_near(s.up_bytes_per_s, 12.5e6, 0.3);
        assert_near(s.delay_s, 0.02, 0.3);
}

static void parts_may_come_one_by_one(void **state)
{
        const hedged_speed_t s = measure(2.5e9, 12.5e6, 0.0005, 1);

        (void)state;
        assert_int_equal(s.tasks, 5);
        assert_near(s.macs_per_s, 2.5e9, 0.2);
}

static void what_was_not_asked_for_is_no_part(void **state)
{
        hedged_probe_t probe = { 0 };
        const hedged_task_sample_t *sample;
        answer_t a;

        (void)state;
        assert_int_equal(hedged_probe_next(&probe, 1, 0), 1);
        fill(&a, 1, 1, 10)->parts[0].part = 1;
        assert_int_equal(hedged_probe_part(&probe, &a.message, a.bytes, 10, &sample), HEDGE_EMALFORMED);
        fill(&a, 1, 1, 10)->parts[0].part = UINT32_MAX;
        assert_int_equal(hedged_probe_part(&probe, &a.message, a.bytes, 10, &sample), HEDGE_EMALFORMED);
        fill(&a, 1, 1, 10)->parts[0].wire = HEDGE_PRECISION_Q16;
        assert_int_equal(hedged_probe_part(&probe, &a.message, a.bytes, 10, &sample), HEDGE_EMALFORMED);
        fill(&a, 1, 1, 10);
        a.bytes[0]--;
        assert_int_equal(hedged_probe_part(&probe, &a.message, a.bytes, 10, &sample), HEDGE_EMALFORMED);
        fill(&a, 1, 2, 10)->parts[1].part = 0; /* twice in one message */
        assert_int_equal(hedged_probe_part(&probe, &a.message, a.bytes, 10, &sample), HEDGE_EMALFORMED);
        fill(&a, 1, 1, 10);
        assert_int_equal(hedged_probe_part(&probe, &a.message, a.bytes, 10, &sample), 1);
        assert_int_equal(hedged_probe_part(&probe, &a.message, a.bytes, 10, &sample), HEDGE_EMALFORMED); /* and again */
}

/* Whatever a board says it has taken. */
static void lies_do_no_harm(void **state)
{
        hedged_measure_t *m = start(NULL);
        const uint64_t lies[] = { 0, 1, UINT64_MAX, UINT64_MAX / 2 + 1 };

        (void)state;
        for (unsigned i = 0; i < 4; i++) {
                hedged_probe_t probe = { 0 };
                const hedged_task_sample_t *sample;
                uint64_t run = 1;
                unsigned n;

                while ((n = hedged_probe_next(&probe, run, 0))) {
                        answer_t a;

                        fill(&a, run, n, lies[i]);
                        assert_int_equal(hedged_probe_part(&probe, &a.message, a.bytes, 1000, &sample), 1);
                        if (sample)
                                hedged_measure_first(m, "liar", sample);
                        run++;
                }
        }
        assert_in_range(speed(m, "liar").up_bytes_per_s, HEDGED_TRANSFER_MIN_RATE, HEDGED_TRANSFER_MAX_RATE);
        assert_true(isfinite(speed(m, "liar").macs_per_s) && speed(m, "liar").macs_per_s > 0);
        hedged_measure_destroy(&m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_it_consists_of_makes_sense),   cmocka_unit_test(a_board_comes_out_as_it_is),
                cmocka_unit_test(a_delay_is_told_from_a_slow_link),  cmocka_unit_test(parts_may_come_one_by_one),
                cmocka_unit_test(what_was_not_asked_for_is_no_part), cmocka_unit_test(lies_do_no_harm),
        };

        return cmocka_run_group_tests(tests, setup, teardown);
}

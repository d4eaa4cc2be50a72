/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>

#include "test/unit/executor_bed.h"

static void parts_come_in_the_order_asked_for(void **state)
{
        uint32_t order[] = { 3, 0, 2, 1 };
        hedgew_executor_status_t status;
        fixture_t f;

        start(&f, &(hedgew_executor_settings_t){ 0 });
        give_share(&f);
        assert_int_equal(give_task(&f, 5, order, 4, INPUTS), 0);
        assert_int_equal(give_task(&f, 6, order, 1, INPUTS), 0);
        for (int i = 0; i < 4; i++) {
                take_part(&f, 5, order[i]);
        }
        expect_ended(&f, 5);
        take_part(&f, 6, 3);
        expect_ended(&f, 6);
        hedgew_executor_status(f.executor, &status);
        assert_int_equal(status.tasks, 0);
        assert_int_equal(status.parts_done, 5);
        assert_int_equal(status.busy_us, 0);
        finish(&f);
}

static void a_report_stays_until_it_is_sent(void **state)
{
        uint32_t order[] = { 1 };
        fixture_t f;

        start(&f, &(hedgew_executor_settings_t){ 0 });
        give_share(&f);
        assert_int_equal(give_task(&f, 5, order, 1, INPUTS), 0);
        for (int i = 0; i < 3; i++) {
                expect_part(&f, next_report(&f), 5, 1);
                zmq_msg_close(&next_report(&f)->frames[0]); /* as hedge_link_send does, whether or not it was sent */
        }
        hedgew_executor_reported(f.executor);
        expect_ended(&f, 5);
        finish(&f);
}

/* Waiting tasks, not parts, are what is counted; a task that is refused leaves its frames alone. */
static void too_many_tasks_are_refused(void **state)
{
        uint32_t order[] = { 0 };
        fixture_t f;

        start_emulated(&f, &(hedgew_executor_settings_t){ .tasks_max = 1 }, NULL, VERY_SLOW);
        assert_int_equal(give_task(&f, 1, order, 1, 1), HEDGE_ENOSHARE);
        give_share(&f);
        assert_int_equal(give_task(&f, 1, order, 1, 1), 0);
        assert_int_equal(give_task(&f, 1, order, 1, 1), HEDGE_ELIMIT);
        finish(&f);
}

static void waiting_inputs_are_bounded(void **state)
{
        uint32_t order[] = { 0 };
        fixture_t f;

        start_emulated(&f, &(hedgew_executor_settings_t){ .task_bytes_max = 3 * IN * sizeof(float) }, NULL, VERY_SLOW);
        give_share(&f);
        assert_int_equal(give_task(&f, 1, order, 1, 2), 0);
        assert_int_equal(give_task(&f, 2, order, 1, 2), HEDGE_ELIMIT);
        assert_int_equal(give_task(&f, 3, order, 1, 1), 0);
        assert_int_equal(hedgew_executor_cancel(f.executor, 1), 0);
        expect_cancelled(&f, 1, 0);
        assert_int_equal(give_task(&f, 4, order, 1, 2), 0);
        finish(&f);
}

static void cancelling_ends_a_task_between_parts(void **state)
{
        uint32_t order[] = { 0, 1, 2, 3 };
        hedgew_executor_status_t status;
        fixture_t f;

        start_emulated(&f, &(hedgew_executor_settings_t){ 0 }, NULL, VERY_SLOW);
        give_share(&f);
        assert_int_equal(give_task(&f, 1, order, 4, INPUTS), 0);
        assert_int_equal(give_task(&f, 2, order, 4, INPUTS), 0);
        assert_int_equal(give_task(&f, 3, order, 4, INPUTS), 0);
        assert_int_equal(hedgew_executor_cancel(f.executor, 2), 0); /* waits */
        assert_int_equal(hedgew_executor_cancel(f.executor, 1), 0); /* runs */
        assert_int_equal(hedgew_executor_cancel(f.executor, 77), -ENOENT);
        expect_cancelled(&f, 1, 0);
        expect_cancelled(&f, 2, 0);
        hedgew_executor_status(f.executor, &status);
        assert_int_equal(status.tasks, 1);
        assert_int_equal(hedgew_executor_cancel(f.executor, 3), 0);
        expect_cancelled(&f, 3, 0);
        assert_int_equal(hedgew_executor_cancel(f.executor, 3), -ENOENT);
        finish(&f);
}

static void finished_parts_of_a_cancelled_task_are_not_sent(void **state)
{
        uint32_t order[] = { 0, 1, 2, 3 };
        hedge_cost_t before, after;
        fixture_t f;

        hedge_cost_read(&before);
        /* room for two parts: the third is computed, waits for room, and is woken by the cancel */
        start(&f, &(hedgew_executor_settings_t){ .unsent_bytes_max = 2 * OUT * sizeof(float) });
        give_share(&f);
        assert_int_equal(give_task(&f, 1, order, 4, INPUTS), 0);
        assert_int_equal(give_task(&f, 2, order, 1, INPUTS), 0);
        take_part(&f, 1, 0);
        expect_part(&f, next_report(&f), 1, 1);
        assert_int_equal(hedgew_executor_cancel(f.executor, 1), 0);
        expect_cancelled(&f, 1, 1);
        take_part(&f, 2, 0);
        expect_ended(&f, 2);
        finish(&f);
        hedge_cost_read(&after);
        assert_in_range(after.vain_parts - before.vain_parts, 1, 3); /* the second, and later ones if they were begun */
        assert_int_equal(after.parts - before.parts, 2 + after.vain_parts - before.vain_parts);
}

static void computing_pauses_while_parts_wait(void **state)
{
        uint32_t order[] = { 0, 1, 2, 3 };
        hedgew_executor_status_t status = { 0 };
        fixture_t f;

        start(&f, &(hedgew_executor_settings_t){ .unsent_bytes_max = 1 });
        give_share(&f);
        assert_int_equal(give_task(&f, 1, order, 4, INPUTS), 0);
        for (uint32_t i = 0; i < 4; i++) {
                expect_part(&f, next_report(&f), 1, i);
                hedgew_executor_status(f.executor, &status);
                assert_int_equal(status.parts_done, i + 1); /* the next has no room */
                hedgew_executor_reported(f.executor);
        }
        expect_ended(&f, 1);
        finish(&f);
}

static void abandoned_tasks_are_not_heard_of_again(void **state)
{
        uint32_t order[] = { 0, 1, 2, 3 };
        hedgew_executor_status_t status = { .tasks = 1 };
        int64_t end_ms = hedge_now_ms() + PATIENCE_S * 1000;
        fixture_t f;

        start_emulated(&f, &(hedgew_executor_settings_t){ 0 }, NULL, VERY_SLOW);
        give_share(&f);
        assert_int_equal(give_task(&f, 1, order, 4, INPUTS), 0);
        assert_int_equal(give_task(&f, 2, order, 4, INPUTS), 0);
        hedgew_executor_abandon(f.executor);
        while (status.tasks && hedge_now_ms() < end_ms) {
                struct pollfd p = { .fd = hedgew_executor_fd(f.executor), .events = POLLIN };

                poll(&p, 1, 100);
                assert_null(hedgew_executor_report(f.executor));
                hedgew_executor_status(f.executor, &status);
        }
        assert_int_equal(status.tasks, 0);
        assert_int_equal(hedgew_shares_figures(f.shares).held, 1);
        finish(&f);
}

static void a_share_may_be_dropped_under_a_task(void **state)
{
        uint32_t order[] = { 0, 1, 2, 3 };
        hedge_digest_t digest = { { 9 } };
        fixture_t f;

        start(&f, &(hedgew_executor_settings_t){ .unsent_bytes_max = 1 });
        give_share(&f);
        assert_int_equal(give_task(&f, 1, order, 4, INPUTS), 0);
        expect_part(&f, next_report(&f), 1, 0);
        assert_int_equal(hedgew_executor_drop(f.executor, &digest), 0);
        assert_int_equal(hedgew_executor_drop(f.executor, &digest), HEDGE_ENOSHARE);
        hedgew_executor_reported(f.executor);
        for (uint32_t i = 1; i < 4; i++) {
                take_part(&f, 1, i);
        }
        expect_ended(&f, 1);
        assert_int_equal(give_task(&f, 2, order, 4, INPUTS), HEDGE_ENOSHARE);
        assert_int_equal(hedgew_shares_figures(f.shares).alive, 0);
        finish(&f);
}

static void stopping_does_not_wait_for_slow_parts(void **state)
{
        uint32_t order[] = { 0, 1, 2, 3 };
        fixture_t f;

        start_emulated(&f, &(hedgew_executor_settings_t){ 0 }, NULL, VERY_SLOW);
        give_share(&f);
        assert_int_equal(give_task(&f, 1, order, 4, INPUTS), 0);
        assert_int_equal(give_task(&f, 2, order, 4, INPUTS), 0);
        finish(&f);
}

static void a_frame_at_an_odd_address_is_copied(void **state)
{
        hedge_msg_task_t m = { .run = 1, .digest = { { 9 } }, .n_order = 1, .order = (uint32_t[]){ 1 } };
        char bytes[IN * sizeof(float) + 1];
        float in[IN];
        zmq_msg_t frame;
        hedge_why_t why;
        fixture_t f;

        start(&f, &(hedgew_executor_settings_t){ 0 });
        give_share(&f);
        fill_input(in, 0);
        memcpy(bytes + 1, in, sizeof(in));
        assert_int_equal(zmq_msg_init_data(&frame, bytes + 1, sizeof(in), NULL, NULL), 0);
        assert_int_equal(hedgew_executor_task(f.executor, &m, &frame, 1, &why), 0);
        take_part(&f, 1, 1);
        expect_ended(&f, 1);
        zmq_msg_close(&frame);
        finish(&f);
}

static void a_job_has_several_tasks(void **state)
{
        uint32_t first[] = { 1, 0 }, second[] = { 4 }, third[] = { 3 };
        hedgew_executor_status_t status;
        fixture_t f;

        start(&f, &(hedgew_executor_settings_t){ 0 });
        give_share(&f);
        assert_int_equal(give_task(&f, 7, first, 2, 1), 0);
        assert_int_equal(
                give(&f,
                     (hedge_msg_task_t){ 7, .n_inputs = 1, .inputs = (uint32_t[]){ 2 }, .n_order = 1, .order = second },
                     1),
                0);
        assert_int_equal(give(&f,
                              (hedge_msg_task_t){ 7, .n_inputs = 2, .inputs = (uint32_t[]){ 2, 1 }, .n_order = 1,
                                                  .order = third },
                              2),
                         0);
        take_part(&f, 7, 1);
        take_part(&f, 7, 0);
        expect_ended(&f, 7);
        take_part(&f, 7, 4);
        expect_ended(&f, 7);
        take_part(&f, 7, 3);
        expect_ended(&f, 7);
        hedgew_executor_status(f.executor, &status);
        assert_int_equal(status.tasks, 0);
        finish(&f);
}

static void cancelling_a_job_ends_all_its_tasks_and_no_later_one(void **state)
{
        uint32_t order[] = { 0, 1 };
        fixture_t f;

        start(&f, &(hedgew_executor_settings_t){ .unsent_bytes_max = 1 });
        give_share(&f);
        for (int i = 0; i < 3; i++)
                assert_int_equal(give_task(&f, 7, order, 2, 1), 0);
        assert_int_equal(give_task(&f, 8, order, 2, 1), 0);
        expect_part(&f, next_report(&f), 7, 0); /* waits to be sent, and all others for room */
        assert_int_equal(hedgew_executor_cancel(f.executor, 7), 0);
        for (int i = 0; i < 3; i++)
                expect_cancelled(&f, 7, 0);
        take_part(&f, 8, 0);
        take_part(&f, 8, 1);
        expect_ended(&f, 8);
        assert_int_equal(hedgew_executor_cancel(f.executor, 7), -ENOENT);
        assert_int_equal(give_task(&f, 7, order, 1, 1), 0);
        take_part(&f, 7, 0);
        expect_ended(&f, 7);
        finish(&f);
}

/* The part from inputs that were q16, against the exact one; and its frame, back from q16. */
static void expect_rounded_part(fixture_t *f, uint32_t part, bool last)
{
        hedgew_report_t *report = next_report(f);
        float exact[OUT], got[OUT];

        assert_int_equal(report->message.type, HEDGE_MSG_PART);
        assert_int_equal(report->message.part.parts[0].part, part);
        assert_int_equal(report->message.part.parts[0].wire, HEDGE_PRECISION_Q16);
        assert_int_equal(report->message.part.last, last);
        assert_int_equal(zmq_msg_size(&report->frames[0]), hedge_q16_bytes(OUT));
        hedge_q16_decode(zmq_msg_data(&report->frames[0]), 0, OUT, got);
        compute_part(f, part, exact);
        for (int i = 0; i < OUT; i++)
                assert_float_equal(got[i], exact[i], 27 * 6 * 5 * 2e-5 + 1e3 * 2e-5);
        hedgew_executor_reported(f->executor);
}

static void q16_goes_both_ways(void **state)
{
        uint32_t order[] = { 4, 3, 5 };
        fixture_t f;

        start(&f, &(hedgew_executor_settings_t){ 0 });
        give_share(&f);
        assert_int_equal(give(&f,
                              (hedge_msg_task_t){ 7, .n_inputs = 2, .inputs = (uint32_t[]){ 2, 1 }, .n_order = 3,
                                                  .order = order, .wire = HEDGE_PRECISION_Q16 },
                              2),
                         0);
        for (int i = 0; i < 3; i++)
                expect_rounded_part(&f, order[i], i == 2);
        finish(&f);
}

/* Also room for parts is counted in the bytes that they have on the wire. */
static void q16_parts_count_as_what_they_are(void **state)
{
        uint32_t order[] = { 0, 1, 2, 3 };
        hedgew_executor_status_t status = { 0 };
        int64_t end_ms = hedge_now_ms() + PATIENCE_S * 1000;
        fixture_t f;

        start(&f, &(hedgew_executor_settings_t){ .unsent_bytes_max = 2 * hedge_q16_bytes(OUT) });
        give_share(&f);
        assert_int_equal(
                give(&f, (hedge_msg_task_t){ 7, .n_order = 4, .order = order, .wire = HEDGE_PRECISION_Q16 }, 2), 0);
        while (status.parts_done < 2 && hedge_now_ms() < end_ms)
                hedgew_executor_status(f.executor, &status);
        assert_int_equal(status.parts_done, 2);
        for (int i = 0; i < 4; i++)
                expect_rounded_part(&f, order[i], i == 3);
        finish(&f);
}

static void what_q16_cannot_hold_is_sent_as_floats(void **state)
{
        hedge_msg_task_t m = {
                .run = 7, .digest = { { 9 } }, .n_order = 1, .order = (uint32_t[]){ 1 }, .wire = HEDGE_PRECISION_Q16
        };
        char packed[IN * sizeof(float)];
        const float nan = NAN;
        hedgew_report_t *report;
        float in[IN], got[OUT];
        hedge_why_t why;
        zmq_msg_t frame;
        fixture_t f;

        start(&f, &(hedgew_executor_settings_t){ 0 });
        give_share(&f);
        fill_input(in, 0);
        assert_int_equal(hedge_q16_encode(in, IN, packed), 0);
        memcpy(packed, &nan, sizeof(nan)); /* the first block's scale */
        frame_of(&frame, packed, hedge_q16_bytes(IN));
        assert_int_equal(hedgew_executor_task(f.executor, &m, &frame, 1, &why), 0);
        report = next_report(&f);
        assert_int_equal(report->message.type, HEDGE_MSG_PART);
        assert_int_equal(report->message.part.parts[0].wire, HEDGE_PRECISION_F32);
        assert_int_equal(zmq_msg_size(&report->frames[0]), sizeof(got));
        memcpy(got, zmq_msg_data(&report->frames[0]), sizeof(got));
        assert_true(isnan(got[0]));
        assert_true(report->message.part.last);
        hedgew_executor_reported(f.executor);
        zmq_msg_close(&frame);
        finish(&f);
}

static void parts_that_may_wait_travel_together(void **state)
{
        hedgew_executor_status_t status;
        fixture_t f;

        start(&f, &(hedgew_executor_settings_t){ 0 });
        give_share(&f);
        give_holding(&f, 1, 60000000);
        give_holding(&f, 2, 0);
        take_parts(&f, 1, 0, 6);
        expect_ended(&f, 1);
        for (uint32_t i = 0; i < 6; i++)
                take_part(&f, 2, i);
        expect_ended(&f, 2);
        hedgew_executor_status(f.executor, &status);
        assert_int_equal(status.tasks, 0);
        assert_int_equal(status.parts_done, 12);
        finish(&f);
}

/* Nothing else would make room for the next. */
static void parts_that_wait_leave_when_there_is_no_room(void **state)
{
        fixture_t f;

        start(&f, &(hedgew_executor_settings_t){ .unsent_bytes_max = 2 * OUT * sizeof(float) });
        give_share(&f);
        give_holding(&f, 1, 60000000);
        for (uint32_t i = 0; i < 6; i += 2)
                take_parts(&f, 1, i, 2);
        expect_ended(&f, 1);
        finish(&f);
}

static void await_parts_done(fixture_t *f, uint64_t parts)
{
        hedgew_executor_status_t status = { 0 };
        int64_t end_ms = hedge_now_ms() + PATIENCE_S * 1000;

        while (status.parts_done < parts && hedge_now_ms() < end_ms)
                hedgew_executor_status(f->executor, &status);
        assert_int_equal(status.parts_done, parts);
}

/* Three of them may wait a minute, and no more may be unsent: they are left alone until then. */
static void parts_that_wait_are_dropped_with_their_task(void **state)
{
        fixture_t f;

        start_emulated(&f, &(hedgew_executor_settings_t){ .unsent_bytes_max = 3 * OUT * sizeof(float) }, NULL,
                       RATE(20));
        give_share(&f);
        give_holding(&f, 1, 60000000);
        await_parts_done(&f, 3);
        assert_int_equal(hedgew_executor_cancel(f.executor, 1), 0);
        expect_cancelled(&f, 1, 0);
        give_holding(&f, 2, 60000000);
        await_parts_done(&f, 6); /* there is room again */
        finish(&f);
}

/* A share of 70 filter blocks, each a number. */
static void more_parts_than_a_message_takes_are_several(void **state)
{
        enum { MANY = HEDGE_PART_FRAMES + 6 };
        const hedge_conv_t one = { 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1 };
        hedge_msg_share_t share = { .digest = { { 1 } }, .conv = one, .ell_b = MANY };
        hedge_msg_task_t task = { .run = 1, .digest = { { 1 } }, .n_order = MANY, .hold_us = 60000000 };
        float filters[MANY], in = 2;
        uint32_t order[MANY];
        hedge_why_t why;
        zmq_msg_t frame;
        fixture_t f;

        for (uint32_t i = 0; i < MANY; i++) {
                filters[i] = (float)i;
                order[i] = i;
        }
        task.order = order;
        start(&f, &(hedgew_executor_settings_t){ 0 });
        frame_of(&frame, filters, sizeof(filters));
        assert_int_equal(hedgew_executor_share(f.executor, &share, &frame, &why), 0);
        assert_int_equal(next_report(&f)->message.type, HEDGE_MSG_SHARE_OK);
        hedgew_executor_reported(f.executor);
        zmq_msg_close(&frame);
        frame_of(&frame, &in, sizeof(in));
        assert_int_equal(hedgew_executor_task(f.executor, &task, &frame, 1, &why), 0);
        for (uint32_t at = 0; at < MANY; at += HEDGE_PART_FRAMES) {
                const hedgew_report_t *report = next_report(&f);
                const hedge_msg_part_t *m = &report->message.part;

                assert_int_equal(report->message.type, HEDGE_MSG_PART);
                assert_int_equal(m->n_parts, at ? 6 : HEDGE_PART_FRAMES);
                assert_int_equal(m->last, at > 0);
                for (uint32_t i = 0; i < m->n_parts; i++) {
                        float got;

                        assert_int_equal(m->parts[i].part, at + i);
                        memcpy(&got, zmq_msg_data((zmq_msg_t *)(uintptr_t)&report->frames[i]), sizeof(got));
                        assert_float_equal(got, 2 * (float)(at + i), 0);
                }
                hedgew_executor_reported(f.executor);
        }
        zmq_msg_close(&frame);
        finish(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(parts_come_in_the_order_asked_for),
                cmocka_unit_test(a_report_stays_until_it_is_sent),
                cmocka_unit_test(too_many_tasks_are_refused),
                cmocka_unit_test(waiting_inputs_are_bounded),
                cmocka_unit_test(cancelling_ends_a_task_between_parts),
                cmocka_unit_test(finished_parts_of_a_cancelled_task_are_not_sent),
                cmocka_unit_test(computing_pauses_while_parts_wait),
                cmocka_unit_test(abandoned_tasks_are_not_heard_of_again),
                cmocka_unit_test(a_share_may_be_dropped_under_a_task),
                cmocka_unit_test(stopping_does_not_wait_for_slow_parts),
                cmocka_unit_test(a_frame_at_an_odd_address_is_copied),
                cmocka_unit_test(a_job_has_several_tasks),
                cmocka_unit_test(cancelling_a_job_ends_all_its_tasks_and_no_later_one),
                cmocka_unit_test(q16_goes_both_ways),
                cmocka_unit_test(q16_parts_count_as_what_they_are),
                cmocka_unit_test(what_q16_cannot_hold_is_sent_as_floats),
                cmocka_unit_test(parts_that_may_wait_travel_together),
                cmocka_unit_test(parts_that_wait_leave_when_there_is_no_room),
                cmocka_unit_test(parts_that_wait_are_dropped_with_their_task),
                cmocka_unit_test(more_parts_than_a_message_takes_are_several),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/wire/link.h"
#include "worker/executor.h"

#define BLOCKS     2
#define INPUTS     2
#define IN         (6 * 5 * 3)
#define OUT        (4 * 3 * 4)
#define FILTERS    (BLOCKS * 4 * 3 * 3 * 3)
#define PATIENCE_S 60

static const hedge_conv_t conv = {
        .in_h = 6,
        .in_w = 5,
        .in_c = 3,
        .out_c = 4,
        .kernel_h = 3,
        .kernel_w = 3,
        .stride_h = 1,
        .stride_w = 1,
        .dilation_h = 1,
        .dilation_w = 1,
        .groups = 1,
};

/* At this rate a part takes ten minutes: nobody waits for it, everybody cancels it. */
#define VERY_SLOW (hedge_conv_macs(&conv) / 600.0)

typedef struct fixture {
        hedge_shares_t *shares;
        hedge_executor_t *executor;
        float filters[FILTERS];
} fixture_t;

static void start(fixture_t *f, const hedge_executor_settings_t *given)
{
        hedge_executor_settings_t settings = *given;

        assert_int_equal(hedge_shares_new(1 << 20, 1 << 20, &f->shares), 0);
        settings.backend = "plain";
        settings.threads = 1;
        settings.shares = f->shares;
        settings.tasks_max = settings.tasks_max ? settings.tasks_max : 16;
        settings.task_bytes_max = settings.task_bytes_max ? settings.task_bytes_max : 1 << 20;
        settings.unsent_bytes_max = settings.unsent_bytes_max ? settings.unsent_bytes_max : 1 << 20;
        assert_int_equal(hedge_executor_new(&settings, &f->executor), 0);
        for (int i = 0; i < FILTERS; i++)
                f->filters[i] = (float)(i * 7 % 13) - 6;
}

static void finish(fixture_t *f)
{
        hedge_executor_stop(f->executor);
        assert_int_equal(hedge_executor_join(f->executor, PATIENCE_S * 1000), 0);
        hedge_executor_destroy(&f->executor);
        assert_int_equal(hedge_shares_alive(f->shares), 0);
        assert_int_equal(hedge_shares_bytes(f->shares), 0);
        hedge_shares_destroy(&f->shares);
}

static hedge_report_t *next_report(fixture_t *f)
{
        struct pollfd p = { .fd = hedge_executor_fd(f->executor), .events = POLLIN };
        int64_t end_ms = hedge_now_ms() + PATIENCE_S * 1000;
        hedge_report_t *report;

        while (!(report = hedge_executor_report(f->executor)) && hedge_now_ms() < end_ms)
                poll(&p, 1, 1000);
        assert_non_null(report);
        return report;
}

static hedge_msg_share_t share_message(void)
{
        return (hedge_msg_share_t){ .digest = { { 9 } }, .conv = conv, .ell_b = BLOCKS };
}

static void frame_of(zmq_msg_t *frame, const void *bytes, size_t size)
{
        assert_int_equal(zmq_msg_init_size(frame, size), 0);
        memcpy(zmq_msg_data(frame), bytes, size);
}

static void give_share(fixture_t *f)
{
        hedge_msg_share_t m = share_message();
        hedge_why_t why;
        zmq_msg_t frame;

        frame_of(&frame, f->filters, sizeof(f->filters));
        assert_int_equal(hedge_executor_share(f->executor, &m, &frame, &why), 0);
        assert_int_equal(next_report(f)->message.type, HEDGE_MSG_SHARE_OK);
        assert_memory_equal(&hedge_executor_report(f->executor)->message.share_ok.digest, &m.digest, 16);
        hedge_executor_reported(f->executor);
        zmq_msg_close(&frame);
}

static void fill_input(float *in, int which)
{
        for (int i = 0; i < IN; i++)
                in[i] = (float)((i * 5 + which * 3) % 11) - 5;
}

static int give_task(fixture_t *f, uint64_t job, uint32_t *order, uint32_t n_order, uint32_t n_frames, size_t bytes)
{
        hedge_msg_task_t m = { .job = job, .digest = { { 9 } }, .n_order = n_order, .order = order };
        float in[IN + 1] = { 0 };
        zmq_msg_t frames[INPUTS + 1];
        hedge_why_t why;
        int r;

        for (uint32_t i = 0; i < n_frames; i++) {
                fill_input(in, (int)i);
                frame_of(&frames[i], in, bytes);
        }
        r = hedge_executor_task(f->executor, &m, frames, n_frames, &why);
        for (uint32_t i = 0; i < n_frames; i++)
                zmq_msg_close(&frames[i]);
        return r;
}

/* What the part should be, by the kernel itself. */
static void expect_part(fixture_t *f, const hedge_report_t *report, uint64_t job, uint32_t part)
{
        const hedge_op_t op = { .kind = HEDGE_OP_CONV, .conv = conv };
        const hedge_shape_t shapes[] = { { 4, { 1, 6, 5, 3 } }, { 4, { 4, 3, 3, 3 } } };
        const float *const constants[] = { NULL, f->filters + part % BLOCKS * (FILTERS / BLOCKS) };
        float in[IN], out[OUT];
        const float *const inputs[] = { in, NULL };
        hedge_kernels_t *kernels;
        hedge_kernel_t *kernel;

        assert_int_equal(report->message.type, HEDGE_MSG_PART);
        assert_int_equal(report->message.part.job, job);
        assert_int_equal(report->message.part.part, part);
        assert_int_equal(report->n_frames, 1);
        fill_input(in, (int)(part / BLOCKS));
        assert_int_equal(hedge_kernels_new("plain", 1, &kernels), 0);
        assert_int_equal(hedge_kernel_new(kernels, &op, shapes, 2, constants, &kernel), 0);
        assert_int_equal(hedge_kernel_run(kernel, inputs, out), 0);
        hedge_kernel_destroy(&kernel);
        hedge_kernels_destroy(&kernels);
        assert_int_equal(zmq_msg_size(&((hedge_report_t *)(uintptr_t)report)->frame), sizeof(out));
        assert_memory_equal(zmq_msg_data(&((hedge_report_t *)(uintptr_t)report)->frame), out, sizeof(out));
}

static void expect_end(fixture_t *f, uint64_t job, uint32_t parts, bool cancelled)
{
        const hedge_report_t *report = next_report(f);

        assert_int_equal(report->message.type, HEDGE_MSG_TASK_END);
        assert_int_equal(report->message.task_end.job, job);
        assert_int_equal(report->message.task_end.parts_sent, parts);
        assert_int_equal(report->message.task_end.cancelled, cancelled);
        hedge_executor_reported(f->executor);
}

static void parts_come_in_the_order_asked_for(void **state)
{
        uint32_t order[] = { 3, 0, 2, 1 };
        hedge_executor_status_t status;
        fixture_t f;

        start(&f, &(hedge_executor_settings_t){ 0 });
        give_share(&f);
        assert_int_equal(give_task(&f, 5, order, 4, INPUTS, IN * sizeof(float)), 0);
        assert_int_equal(give_task(&f, 6, order, 1, INPUTS, IN * sizeof(float)), 0);
        for (int i = 0; i < 4; i++) {
                expect_part(&f, next_report(&f), 5, order[i]);
                hedge_executor_reported(f.executor);
        }
        expect_end(&f, 5, 4, false);
        expect_part(&f, next_report(&f), 6, 3);
        hedge_executor_reported(f.executor);
        expect_end(&f, 6, 1, false);
        hedge_executor_status(f.executor, &status);
        assert_int_equal(status.tasks, 0);
        assert_int_equal(status.parts_done, 5);
        assert_int_equal(status.busy_us, 0);
        finish(&f);
}

static void a_report_stays_until_it_is_sent(void **state)
{
        uint32_t order[] = { 1 };
        fixture_t f;

        start(&f, &(hedge_executor_settings_t){ 0 });
        give_share(&f);
        assert_int_equal(give_task(&f, 5, order, 1, INPUTS, IN * sizeof(float)), 0);
        for (int i = 0; i < 3; i++) {
                expect_part(&f, next_report(&f), 5, 1);
                zmq_msg_close(&next_report(&f)->frame); /* as hedge_link_send does, whether or not it was sent */
        }
        hedge_executor_reported(f.executor);
        expect_end(&f, 5, 1, false);
        finish(&f);
}

static void what_is_wrong_with_a_task_is_said(void **state)
{
        uint32_t order[] = { 0, 4, 1, 2, 3 };
        fixture_t f;

        start(&f, &(hedge_executor_settings_t){ .tasks_max = 1, .macs_per_s = VERY_SLOW });
        assert_int_equal(give_task(&f, 1, order, 1, 1, IN * sizeof(float)), HEDGE_ENOSHARE);
        give_share(&f);
        assert_int_equal(give_task(&f, 1, order, 1, 1, IN * sizeof(float) - 1), HEDGE_EMALFORMED);
        assert_int_equal(give_task(&f, 1, order, 1, 1, (IN + 1) * sizeof(float)), HEDGE_EMALFORMED);
        assert_int_equal(give_task(&f, 1, order, 1, 0, 0), HEDGE_EMALFORMED);
        assert_int_equal(give_task(&f, 1, order, 0, 1, IN * sizeof(float)), HEDGE_EMALFORMED);
        assert_int_equal(give_task(&f, 1, order, 2, INPUTS, IN * sizeof(float)), HEDGE_EMALFORMED);
        assert_int_equal(give_task(&f, 1, order + 2, 1, 1, IN * sizeof(float)), 0);
        assert_int_equal(give_task(&f, 2, order, 1, 1, IN * sizeof(float)), HEDGE_ELIMIT);
        finish(&f);
}

static void waiting_inputs_are_bounded(void **state)
{
        uint32_t order[] = { 0 };
        fixture_t f;

        start(&f, &(hedge_executor_settings_t){ .task_bytes_max = 3 * IN * sizeof(float), .macs_per_s = VERY_SLOW });
        give_share(&f);
        assert_int_equal(give_task(&f, 1, order, 1, 2, IN * sizeof(float)), 0);
        assert_int_equal(give_task(&f, 2, order, 1, 2, IN * sizeof(float)), HEDGE_ELIMIT);
        assert_int_equal(give_task(&f, 3, order, 1, 1, IN * sizeof(float)), 0);
        assert_int_equal(hedge_executor_cancel(f.executor, 1), 0);
        expect_end(&f, 1, 0, true);
        assert_int_equal(give_task(&f, 4, order, 1, 2, IN * sizeof(float)), 0);
        finish(&f);
}

static void cancelling_ends_a_task_between_parts(void **state)
{
        uint32_t order[] = { 0, 1, 2, 3 };
        hedge_executor_status_t status;
        fixture_t f;

        start(&f, &(hedge_executor_settings_t){ .macs_per_s = VERY_SLOW });
        give_share(&f);
        assert_int_equal(give_task(&f, 1, order, 4, INPUTS, IN * sizeof(float)), 0);
        assert_int_equal(give_task(&f, 2, order, 4, INPUTS, IN * sizeof(float)), 0);
        assert_int_equal(give_task(&f, 3, order, 4, INPUTS, IN * sizeof(float)), 0);
        assert_int_equal(hedge_executor_cancel(f.executor, 2), 0); /* waits */
        assert_int_equal(hedge_executor_cancel(f.executor, 1), 0); /* runs */
        assert_int_equal(hedge_executor_cancel(f.executor, 77), -ENOENT);
        expect_end(&f, 1, 0, true);
        expect_end(&f, 2, 0, true);
        hedge_executor_status(f.executor, &status);
        assert_int_equal(status.tasks, 1);
        assert_int_equal(hedge_executor_cancel(f.executor, 3), 0);
        expect_end(&f, 3, 0, true);
        assert_int_equal(hedge_executor_cancel(f.executor, 3), -ENOENT);
        finish(&f);
}

static void finished_parts_of_a_cancelled_task_are_not_sent(void **state)
{
        uint32_t order[] = { 0, 1, 2, 3 };
        fixture_t f;

        /* room for two parts: the third is computed, waits for room, and is woken by the cancel */
        start(&f, &(hedge_executor_settings_t){ .unsent_bytes_max = 2 * OUT * sizeof(float) });
        give_share(&f);
        assert_int_equal(give_task(&f, 1, order, 4, INPUTS, IN * sizeof(float)), 0);
        assert_int_equal(give_task(&f, 2, order, 1, INPUTS, IN * sizeof(float)), 0);
        expect_part(&f, next_report(&f), 1, 0);
        hedge_executor_reported(f.executor);
        expect_part(&f, next_report(&f), 1, 1);
        assert_int_equal(hedge_executor_cancel(f.executor, 1), 0);
        expect_end(&f, 1, 1, true);
        expect_part(&f, next_report(&f), 2, 0);
        hedge_executor_reported(f.executor);
        expect_end(&f, 2, 1, false);
        finish(&f);
}

static void computing_pauses_while_parts_wait(void **state)
{
        uint32_t order[] = { 0, 1, 2, 3 };
        hedge_executor_status_t status = { 0 };
        fixture_t f;

        start(&f, &(hedge_executor_settings_t){ .unsent_bytes_max = 1 });
        give_share(&f);
        assert_int_equal(give_task(&f, 1, order, 4, INPUTS, IN * sizeof(float)), 0);
        for (uint32_t i = 0; i < 4; i++) {
                expect_part(&f, next_report(&f), 1, i);
                hedge_executor_status(f.executor, &status);
                assert_int_equal(status.parts_done, i + 1); /* the next has no room */
                hedge_executor_reported(f.executor);
        }
        expect_end(&f, 1, 4, false);
        finish(&f);
}

static void abandoned_tasks_are_not_heard_of_again(void **state)
{
        uint32_t order[] = { 0, 1, 2, 3 };
        hedge_executor_status_t status = { .tasks = 1 };
        int64_t end_ms = hedge_now_ms() + PATIENCE_S * 1000;
        fixture_t f;

        start(&f, &(hedge_executor_settings_t){ .macs_per_s = VERY_SLOW });
        give_share(&f);
        assert_int_equal(give_task(&f, 1, order, 4, INPUTS, IN * sizeof(float)), 0);
        assert_int_equal(give_task(&f, 2, order, 4, INPUTS, IN * sizeof(float)), 0);
        hedge_executor_abandon(f.executor);
        while (status.tasks && hedge_now_ms() < end_ms) {
                struct pollfd p = { .fd = hedge_executor_fd(f.executor), .events = POLLIN };

                poll(&p, 1, 100);
                assert_null(hedge_executor_report(f.executor));
                hedge_executor_status(f.executor, &status);
        }
        assert_int_equal(status.tasks, 0);
        assert_int_equal(hedge_shares_count(f.shares), 1);
        finish(&f);
}

static void a_share_may_be_dropped_under_a_task(void **state)
{
        uint32_t order[] = { 0, 1, 2, 3 };
        hedge_digest_t digest = { { 9 } };
        fixture_t f;

        start(&f, &(hedge_executor_settings_t){ .unsent_bytes_max = 1 });
        give_share(&f);
        assert_int_equal(give_task(&f, 1, order, 4, INPUTS, IN * sizeof(float)), 0);
        expect_part(&f, next_report(&f), 1, 0);
        assert_int_equal(hedge_executor_drop(f.executor, &digest), 0);
        assert_int_equal(hedge_executor_drop(f.executor, &digest), HEDGE_ENOSHARE);
        hedge_executor_reported(f.executor);
        for (uint32_t i = 1; i < 4; i++) {
                expect_part(&f, next_report(&f), 1, i);
                hedge_executor_reported(f.executor);
        }
        expect_end(&f, 1, 4, false);
        assert_int_equal(give_task(&f, 2, order, 4, INPUTS, IN * sizeof(float)), HEDGE_ENOSHARE);
        assert_int_equal(hedge_shares_alive(f.shares), 0);
        finish(&f);
}

static void stopping_does_not_wait_for_slow_parts(void **state)
{
        uint32_t order[] = { 0, 1, 2, 3 };
        fixture_t f;

        start(&f, &(hedge_executor_settings_t){ .macs_per_s = VERY_SLOW });
        give_share(&f);
        assert_int_equal(give_task(&f, 1, order, 4, INPUTS, IN * sizeof(float)), 0);
        assert_int_equal(give_task(&f, 2, order, 4, INPUTS, IN * sizeof(float)), 0);
        finish(&f);
}

static void a_frame_at_an_odd_address_is_copied(void **state)
{
        hedge_msg_task_t m = { .job = 1, .digest = { { 9 } }, .n_order = 1, .order = (uint32_t[]){ 1 } };
        char bytes[IN * sizeof(float) + 1];
        float in[IN];
        zmq_msg_t frame;
        hedge_why_t why;
        fixture_t f;

        start(&f, &(hedge_executor_settings_t){ 0 });
        give_share(&f);
        fill_input(in, 0);
        memcpy(bytes + 1, in, sizeof(in));
        assert_int_equal(zmq_msg_init_data(&frame, bytes + 1, sizeof(in), NULL, NULL), 0);
        assert_int_equal(hedge_executor_task(f.executor, &m, &frame, 1, &why), 0);
        expect_part(&f, next_report(&f), 1, 1);
        hedge_executor_reported(f.executor);
        expect_end(&f, 1, 1, false);
        zmq_msg_close(&frame);
        finish(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(parts_come_in_the_order_asked_for),
                cmocka_unit_test(a_report_stays_until_it_is_sent),
                cmocka_unit_test(what_is_wrong_with_a_task_is_said),
                cmocka_unit_test(waiting_inputs_are_bounded),
                cmocka_unit_test(cancelling_ends_a_task_between_parts),
                cmocka_unit_test(finished_parts_of_a_cancelled_task_are_not_sent),
                cmocka_unit_test(computing_pauses_while_parts_wait),
                cmocka_unit_test(abandoned_tasks_are_not_heard_of_again),
                cmocka_unit_test(a_share_may_be_dropped_under_a_task),
                cmocka_unit_test(stopping_does_not_wait_for_slow_parts),
                cmocka_unit_test(a_frame_at_an_odd_address_is_copied),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

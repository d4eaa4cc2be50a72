/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/kernel/kernel.h"
#include "test/system/worker_bed.h"

/* The real hedge-worker: shares, tasks and parts. */

static void computes_parts_of_shares(void **state)
{
        worker_bed_t *bed = *state;
        const hedge_msg_pong_t *pong;
        hedge_msg_hello_t hello;

        worker_bed_start(bed, "memory: {shares_bytes: 64M}");
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, &hello);
        assert_string_equal(hello.board, "pi-7");
        assert_string_equal(hello.backend, hedge_kernels_available()[0]);
        assert_string_equal(hello.version, HEDGE_VERSION);
        assert_true(hello.incarnation != 0);
        assert_true(hello.cores >= 1);
        assert_int_equal(hello.share_bytes_max, 64 << 20);
        assert_int_equal(hello.n_held, 0);
        worker_bed_give_share(bed, 1);
        worker_bed_give_share(bed, 1); /* again: the same answer */
        worker_bed_give_share(bed, 2);
        worker_bed_give_task(bed, 41);
        for (int i = 0; i < 4; i++)
                worker_bed_expect_part(bed, 41, 1, worker_bed_parts[i]);
        worker_bed_expect_last(bed, 41);
        worker_bed_send_task(bed, 42, 2, worker_bed_parts, 1, IN);
        worker_bed_expect_part(bed, 42, 2, worker_bed_parts[0]);
        worker_bed_expect_last(bed, 42);
        pong = fake_coordinator_ping(&bed->fake);
        assert_int_equal(pong->incarnation, hello.incarnation);
        assert_int_equal(pong->shares, 2);
        assert_int_equal(pong->queued, 0);
        assert_int_equal(pong->parts_done, 5);
        worker_bed_drop(bed, 1);
        worker_bed_give_task(bed, 43);
        worker_bed_expect_error(bed, HEDGE_ENOSHARE, 43, 1);
        worker_bed_drop(bed, 99); /* never held: nothing happens */
        assert_int_equal(fake_coordinator_ping(&bed->fake)->shares, 1);
        kill(bed->worker.pid, SIGTERM);
        fake_coordinator_expect(&bed->fake, HEDGE_MSG_BYE);
        worker_bed_expect_exit(bed, 0, TEST_PATIENCE_MS);
}

static void answers_while_it_computes_and_cancels_between_parts(void **state)
{
        worker_bed_t *bed = *state;

        worker_bed_slow_down(bed, 1);
        worker_bed_start(bed, PLAIN);
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        worker_bed_give_share(bed, 1);
        worker_bed_give_task(bed, 1);
        worker_bed_give_task(bed, 2);
        for (int i = 0; i < 5; i++)
                assert_int_equal(fake_coordinator_ping(&bed->fake)->queued, 2);
        worker_bed_expect_part(bed, 1, 1, worker_bed_parts[0]);
        assert_true(bed->fake.last.message.part.parts[0].compute_us >= 1000000);
        worker_bed_cancel(bed, 1);
        worker_bed_cancel(bed, 2);
        worker_bed_cancel(bed, 3); /* nobody knows it */
        worker_bed_expect_cancelled(bed, 1, 1);
        worker_bed_expect_cancelled(bed, 2, 0);
        assert_int_equal(fake_coordinator_ping(&bed->fake)->queued, 0);
}

static void a_share_may_be_dropped_while_it_is_computed_with(void **state)
{
        worker_bed_t *bed = *state;

        worker_bed_slow_down(bed, 0.1);
        worker_bed_start(bed, PLAIN);
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        worker_bed_give_share(bed, 1);
        worker_bed_give_task(bed, 1);
        worker_bed_drop(bed, 1);
        assert_int_equal(fake_coordinator_ping(&bed->fake)->shares, 0);
        for (int i = 0; i < 4; i++)
                worker_bed_expect_part(bed, 1, 1, worker_bed_parts[i]);
        worker_bed_expect_last(bed, 1);
        assert_int_equal(fake_coordinator_ping(&bed->fake)->held_bytes, 0);
}

static void malformed_messages_are_answered_and_survived(void **state)
{
        static const uint8_t huge[] = { 0xdd, 0xff, 0xff, 0xff, 0xff }; /* an array of 2^32 - 1 things */
        hedge_message_t message = worker_bed_share_message(7, &worker_bed_conv);
        uint32_t beyond[] = { 0, 4 };
        worker_bed_t *bed = *state;
        zmq_msg_t frame;

        worker_bed_start(bed, PLAIN);
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        worker_bed_give_share(bed, 1);
        fake_coordinator_send_bytes(&bed->fake, "", 0, NULL, 0);
        worker_bed_expect_error(bed, HEDGE_EMALFORMED, 0, 0);
        fake_coordinator_send_bytes(&bed->fake, "HEDGE", 5, NULL, 0);
        fake_coordinator_expect(&bed->fake, HEDGE_MSG_ERROR);
        fake_coordinator_send_bytes(&bed->fake, huge, sizeof(huge), "frame", 5);
        fake_coordinator_expect(&bed->fake, HEDGE_MSG_ERROR);
        worker_bed_frame(&frame, (size_t)BLOCKS * BLOCK - 1, 7); /* a share that is cut short */
        fake_coordinator_send(&bed->fake, &message, &frame, 1);
        worker_bed_expect_error(bed, HEDGE_EMALFORMED, 0, 7);
        worker_bed_send_task(bed, 1, 1, worker_bed_parts, 4, IN - 1);
        worker_bed_expect_error(bed, HEDGE_EMALFORMED, 1, 1);
        worker_bed_send_task(bed, 2, 1, worker_bed_parts, 4, 0);
        worker_bed_expect_error(bed, HEDGE_EMALFORMED, 2, 1);
        worker_bed_send_task(bed, 3, 1, beyond, 2, IN);
        worker_bed_expect_error(bed, HEDGE_EMALFORMED, 3, 1);
        message = (hedge_message_t){ .type = HEDGE_MSG_STATUS,
                                     .status = { .id = 5 } }; /* well-formed, but not for a board */
        fake_coordinator_send(&bed->fake, &message, NULL, 0);
        worker_bed_expect_error(bed, HEDGE_EUNSUPPORTED, 0, 0);
        worker_bed_give_task(bed, 4);
        worker_bed_expect_part(bed, 4, 1, worker_bed_parts[0]);
        worker_bed_expect_last(bed, 4);
        assert_int_equal(fake_coordinator_ping(&bed->fake)->shares, 1);
}

static void the_memory_cap_holds(void **state)
{
        hedge_conv_t large = worker_bed_conv;
        hedge_message_t message;
        worker_bed_t *bed = *state;
        zmq_msg_t frame;

        worker_bed_start(bed, PLAIN "memory: {shares_bytes: 1M}");
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        large.in_c = 64;
        large.out_c = 320; /* 2 x 320 x 9 x 64 floats: 1.4 MiB */
        message = worker_bed_share_message(1, &large);
        worker_bed_frame(&frame, (size_t)2 * 320 * 9 * 64, 1);
        fake_coordinator_send(&bed->fake, &message, &frame, 1);
        worker_bed_expect_error(bed, HEDGE_ELIMIT, 0, 1);
        large.out_c = 160; /* 0.7 MiB: fits once */
        message = worker_bed_share_message(2, &large);
        worker_bed_frame(&frame, (size_t)2 * 160 * 9 * 64, 2);
        fake_coordinator_send(&bed->fake, &message, &frame, 1);
        fake_coordinator_expect(&bed->fake, HEDGE_MSG_SHARE_OK);
        message.share.digest.bytes[0] = 3;
        worker_bed_frame(&frame, (size_t)2 * 160 * 9 * 64, 3);
        fake_coordinator_send(&bed->fake, &message, &frame, 1);
        worker_bed_expect_error(bed, HEDGE_ELIMIT, 0, 3);
        assert_true(fake_coordinator_ping(&bed->fake)->held_bytes <= 1 << 20);
        worker_bed_drop(bed, 2);
        worker_bed_frame(&frame, (size_t)2 * 160 * 9 * 64, 3);
        fake_coordinator_send(&bed->fake, &message, &frame, 1);
        fake_coordinator_expect(&bed->fake, HEDGE_MSG_SHARE_OK);
}

static void waits_without_turning_when_nobody_reads(void **state)
{
        const struct timespec pause = { 0, 400000000 };
        hedge_conv_t large = worker_bed_conv;
        hedge_message_t message;
        int64_t end_ms = hedge_now_ms() + TEST_PATIENCE_MS;
        uint32_t order[32];
        worker_bed_t *bed = *state;
        zmq_msg_t frames[32];
        long cpu_ms;

        bed->fake.receive_queue = 1; /* a reader that takes next to nothing */
        worker_bed_start(bed, PLAIN "limits: {unsent_bytes: 16M}");
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        large.in_h = large.in_w = 256;
        large.in_c = 1;
        large.kernel_h = large.kernel_w = 1;
        large.pad_left = large.pad_right = 0;
        large.out_c = 16; /* parts of 4 MiB */
        message = worker_bed_share_message(1, &large);
        message.share.ell_b = 1;
        worker_bed_frame(&frames[0], 16, 1);
        fake_coordinator_send(&bed->fake, &message, frames, 1);
        fake_coordinator_expect(&bed->fake, HEDGE_MSG_SHARE_OK);
        for (unsigned i = 0; i < 32; i++) {
                worker_bed_frame(&frames[i], (size_t)256 * 256, i);
                order[i] = i;
        }
        message = (hedge_message_t){ .type = HEDGE_MSG_TASK,
                                     .task = { .run = 9, .digest = { { 1 } }, .n_order = 32, .order = order } };
        fake_coordinator_send(&bed->fake, &message, frames, 32);
        do { /* until it is stuck: no CPU time goes by any more */
                assert_true(hedge_now_ms() < end_ms);
                cpu_ms = test_process_cpu_ms(&bed->worker);
                nanosleep(&pause, NULL);
        } while (test_process_cpu_ms(&bed->worker) - cpu_ms > 40);
        for (uint32_t i = 0; i < 32; i++) {
                assert_int_equal(fake_coordinator_expect(&bed->fake, HEDGE_MSG_PART)->part.parts[0].part, i);
                assert_int_equal(zmq_msg_size(&bed->fake.last.frames[0]), (size_t)256 * 256 * 16 * sizeof(float));
        }
        worker_bed_expect_last(bed, 9);
}

/* First what one coded input gives, then further tasks of the job with other inputs, in both precisions. */
static void a_job_has_several_tasks_each_with_its_inputs(void **state)
{
        worker_bed_t *bed = *state;

        worker_bed_start(bed, PLAIN);
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        worker_bed_give_share(bed, 1);
        worker_bed_send(bed, (hedge_msg_task_t){ 5, .n_inputs = 1, .inputs = (uint32_t[]){ 0 }, .n_order = 2,
                                                 .order = (uint32_t[]){ 1, 0 } });
        worker_bed_send(bed, (hedge_msg_task_t){ 5, .n_inputs = 1, .inputs = (uint32_t[]){ 7 }, .n_order = 2,
                                                 .order = (uint32_t[]){ 14, 15 }, .wire = HEDGE_PRECISION_Q16 });
        worker_bed_send(bed, (hedge_msg_task_t){ 5, .n_inputs = 2, .inputs = (uint32_t[]){ 3, 2 }, .n_order = 1,
                                                 .order = (uint32_t[]){ 5 } });
        worker_bed_expect_part(bed, 5, 1, 1);
        worker_bed_expect_part(bed, 5, 1, 0);
        assert_int_equal(bed->fake.last.message.part.parts[0].wire, HEDGE_PRECISION_F32);
        worker_bed_expect_last(bed, 5);
        worker_bed_expect_part(bed, 5, 1, 14);
        worker_bed_expect_part(bed, 5, 1, 15);
        assert_int_equal(bed->fake.last.message.part.parts[0].wire, HEDGE_PRECISION_Q16);
        worker_bed_expect_last(bed, 5);
        worker_bed_expect_part(bed, 5, 1, 5);
        worker_bed_expect_last(bed, 5);
        worker_bed_send(bed, (hedge_msg_task_t){ 6, .n_inputs = 2, .inputs = (uint32_t[]){ 3, 3 }, .n_order = 1,
                                                 .order = (uint32_t[]){ 6 } });
        worker_bed_expect_error(bed, HEDGE_EMALFORMED, 6, 1);
        worker_bed_send(bed, (hedge_msg_task_t){ 7, .n_inputs = 1, .inputs = (uint32_t[]){ 3 }, .n_order = 1,
                                                 .order = (uint32_t[]){ 0 } });
        worker_bed_expect_error(bed, HEDGE_EMALFORMED, 7, 1);
}

static void parts_that_may_wait_travel_together(void **state)
{
        uint32_t order[] = { 1, 0, 15, 14 };
        worker_bed_t *bed = *state;

        worker_bed_start(bed, PLAIN);
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        worker_bed_give_share(bed, 1);
        for (unsigned wire = 0; wire < HEDGE_PRECISIONS; wire++) {
                worker_bed_send(bed, (hedge_msg_task_t){ 5, .n_inputs = 2, .inputs = (uint32_t[]){ 0, 7 }, .n_order = 4,
                                                         .order = order, .wire = wire, .hold_us = 60000000 });
                worker_bed_expect_together(bed, 5, 1, order, 4);
                assert_int_equal(bed->fake.last.message.part.parts[3].wire, wire);
                assert_true(bed->fake.last.message.part.last);
        }
        assert_int_equal(fake_coordinator_ping(&bed->fake)->queued, 0);
}

static void one_cancel_ends_all_tasks_of_a_job(void **state)
{
        const hedge_msg_task_t task = { 5, .n_inputs = 1, .inputs = (uint32_t[]){ 0 }, .n_order = 1,
                                        .order = (uint32_t[]){ 1 } };
        worker_bed_t *bed = *state;

        worker_bed_slow_down(bed, 600);
        worker_bed_start(bed, PLAIN);
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        worker_bed_give_share(bed, 1);
        worker_bed_cancel(bed, 5); /* before anything of it came: means nothing */
        for (int i = 0; i < 3; i++)
                worker_bed_send(bed, task);
        assert_int_equal(fake_coordinator_ping(&bed->fake)->queued, 3);
        worker_bed_cancel(bed, 5);
        for (int i = 0; i < 3; i++)
                worker_bed_expect_cancelled(bed, 5, 0);
        worker_bed_send(bed, task); /* and this one it did not know of */
        assert_int_equal(fake_coordinator_ping(&bed->fake)->queued, 1);
}

static void a_board_can_be_emulated_by_a_file(void **state)
{
        worker_bed_t *bed = *state;
        int64_t start_ms;

        worker_bed_emulate(bed, "boards 1\nfailing 1\n");
        worker_bed_start(bed, PLAIN);
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        worker_bed_give_share(bed, 1);
        worker_bed_give_task(bed, 1);
        worker_bed_expect_error(bed, HEDGE_EKERNEL, 1, 1);
        worker_bed_emulate(bed, "boards 1\nsilent 1\n");
        worker_bed_give_task(bed, 2);
        assert_int_equal(fake_coordinator_ping(&bed->fake)->queued, 1); /* it lives */
        worker_bed_emulate(bed, "boards 1\nfixed 1 200\n");
        start_ms = hedge_now_ms();
        worker_bed_give_task(bed, 3);
        worker_bed_expect_part(bed, 3, 1, worker_bed_parts[0]);
        assert_true(hedge_now_ms() - start_ms >= 200);
        worker_bed_expect_last(bed, 3);
        worker_bed_cancel(bed, 2);
        worker_bed_expect_cancelled(bed, 2, 0);
        worker_bed_emulate(bed, "round 1\nround 2\n");
        worker_bed_give_task(bed, 4);
        worker_bed_expect_last(bed, 4);
        assert_true(test_process_said(&bed->worker, "emulate:2: round came in line 1 already"));
}

static void emulation_has_to_be_allowed(void **state)
{
        worker_bed_t *bed = *state;

        bed->no_emulation = true;
        worker_bed_slow_down(bed, 600);
        worker_bed_emulate(bed, "boards 1\nsilent 1\n");
        worker_bed_start(bed, PLAIN);
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        worker_bed_give_share(bed, 1);
        worker_bed_give_task(bed, 1);
        worker_bed_expect_last(bed, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, worker_bed_set_up, worker_bed_tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(computes_parts_of_shares),
                TEST(answers_while_it_computes_and_cancels_between_parts),
                TEST(a_share_may_be_dropped_while_it_is_computed_with),
                TEST(malformed_messages_are_answered_and_survived),
                TEST(the_memory_cap_holds),
                TEST(waits_without_turning_when_nobody_reads),
                TEST(a_job_has_several_tasks_each_with_its_inputs),
                TEST(parts_that_may_wait_travel_together),
                TEST(one_cancel_ends_all_tasks_of_a_job),
                TEST(a_board_can_be_emulated_by_a_file),
                TEST(emulation_has_to_be_allowed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/segment/segment.h"
#include "test/system/worker_bed.h"
#include "test/unit/block_bed.h"

/* The real hedge-worker: blocks of a model's graph, and tasks for segments of them. */

typedef struct blocks {
        worker_bed_t *bed;
        segment_bed_t net;
} blocks_t;

static int set_up(void **state)
{
        blocks_t *b = calloc(1, sizeof(*b));
        void *bed = NULL;

        worker_bed_set_up(&bed);
        b->bed = bed;
        block_bed_open(&b->net, 1);
        *state = b;
        return 0;
}

static int tear_down(void **state)
{
        blocks_t *b = *state;
        void *bed = b->bed;

        worker_bed_tear_down(&bed);
        segment_bed_close(&b->net);
        free(b);
        return 0;
}

static void start(blocks_t *b, const char *more)
{
        worker_bed_start(b->bed, more);
        fake_coordinator_welcome(&b->bed->fake, HEARTBEAT, NULL);
}

static void send_program(blocks_t *b, uint8_t name, zmq_msg_t *program)
{
        const hedge_message_t message = { .type = HEDGE_MSG_GRAPH,
                                          .graph = { .digest = { { name } }, .layer = "net/all" } };

        fake_coordinator_send(&b->bed->fake, &message, program, 1);
}

static void send_constants(blocks_t *b, uint8_t name, uint64_t offset, zmq_msg_t *frame)
{
        const hedge_message_t message = { .type = HEDGE_MSG_CONSTANTS,
                                          .constants = { .digest = { { name } }, .offset = offset } };

        fake_coordinator_send(&b->bed->fake, &message, frame, 1);
}

/* So many of its constants; the others are closed. @param frames  The first is its graph. @return how many bytes these are. */
static uint64_t send_first(blocks_t *b, uint8_t name, zmq_msg_t *frames, uint32_t n, uint32_t n_constants)
{
        uint64_t offset = 0;

        for (uint32_t i = 1; i < n; i++)
                if (i <= n_constants) {
                        const size_t size = zmq_msg_size(&frames[i]);

                        send_constants(b, name, offset, &frames[i]);
                        offset += size;
                } else {
                        zmq_msg_close(&frames[i]);
                }
        return offset;
}

/* Its graph, and so many of its constants, without a wait in between. */
static uint64_t send_some(blocks_t *b, uint8_t name, uint32_t n_constants)
{
        zmq_msg_t frames[BLOCK_FRAMES_MAX];
        const uint32_t n = block_bed_frames(b->net.graph, frames);

        send_program(b, name, &frames[0]);
        return send_first(b, name, frames, n, n_constants);
}

static void expect_come(blocks_t *b, uint8_t name, uint64_t bytes)
{
        const hedge_message_t *answer = fake_coordinator_expect(&b->bed->fake, HEDGE_MSG_CONSTANTS_OK);

        assert_int_equal(answer->constants_ok.digest.bytes[0], name);
        assert_int_equal(answer->constants_ok.bytes, bytes);
}

static const hedge_message_t *next_about_blocks(blocks_t *b)
{
        const hedge_message_t *answer;

        do
                answer = fake_coordinator_next(&b->bed->fake, TEST_PATIENCE_MS);
        while (answer && answer->type != HEDGE_MSG_SHARE_OK && answer->type != HEDGE_MSG_ERROR &&
               answer->type != HEDGE_MSG_CONSTANTS_OK);
        assert_non_null(answer);
        return answer;
}

/* Its graph, and its constants where they are wanted. @return what became of it. */
static const hedge_message_t *offer_block(blocks_t *b, uint8_t name)
{
        zmq_msg_t frames[BLOCK_FRAMES_MAX];
        const uint32_t n = block_bed_frames(b->net.graph, frames);
        const hedge_message_t *answer;

        send_program(b, name, &frames[0]);
        answer = next_about_blocks(b);
        send_first(b, name, frames, n, answer->type == HEDGE_MSG_CONSTANTS_OK ? n : 0);
        while (answer->type == HEDGE_MSG_CONSTANTS_OK)
                answer = next_about_blocks(b);
        return answer;
}

static void give_block(blocks_t *b, uint8_t name)
{
        const hedge_message_t *answer = offer_block(b, name);

        assert_int_equal(answer->type, HEDGE_MSG_SHARE_OK);
        assert_int_equal(answer->share_ok.digest.bytes[0], name);
        assert_true(answer->share_ok.held_bytes >= hedge_graph_constant_bytes(b->net.graph));
}

/* Send a task for the block, in one piece, with the inputs of nodes from .. to. */
static void send_task_with(blocks_t *b, const hedge_msg_task_t *task, uint32_t from, uint32_t to)
{
        hedge_message_t message = { .type = HEDGE_MSG_TASK, .task = *task };
        zmq_msg_t frames[BLOCK_FRAMES_MAX];
        uint32_t *in, *out, n_in, n_out;

        assert_int_equal(hedge_segment_values(b->net.graph, from, to, &in, &n_in, &out, &n_out), 0);
        for (uint32_t i = 0; i < n_in; i++)
                block_bed_frame(&b->net, in[i], task->wire, &frames[i]);
        free(in);
        free(out);
        message.task.digest.bytes[0] = 1;
        fake_coordinator_send(&b->bed->fake, &message, frames, n_in);
}

static void send_task(blocks_t *b, const hedge_msg_task_t *task)
{
        send_task_with(b, task, task->first, task->last);
}

/* The next part is this output of the task. */
static void expect_output(blocks_t *b, const hedge_msg_task_t *task, uint32_t output)
{
        const hedge_msg_part_t *part = &fake_coordinator_expect(&b->bed->fake, HEDGE_MSG_PART)->part;
        uint32_t *in, *out, n_in, n_out;

        assert_int_equal(hedge_segment_values(b->net.graph, task->first, task->last, &in, &n_in, &out, &n_out), 0);
        assert_int_equal(part->run, task->run);
        assert_int_equal(part->parts[0].part, output);
        block_bed_expect(&b->net, out[output], NULL, &b->bed->fake.last.frames[0], part->parts[0].wire,
                         BLOCK_TOLERANCE(task->wire));
        free(in);
        free(out);
}

/* Of the bed: convolutions and a branch, from 16 x 12 x 3 to 16 x 12 x 8. */
#define FIRST 1
#define LAST  6

#define ASK(n, ...)                         \
        .n_order = n, .order = (uint32_t[]) \
        {                                   \
                __VA_ARGS__                 \
        }

static void computes_segments_of_a_block(void **state)
{
        blocks_t *b = *state;
        hedge_msg_task_t all = { .run = 41, ASK(2, 1, 0), .last = b->net.graph->n_nodes };
        const hedge_msg_task_t some = { .run = 42, ASK(1, 0), .first = 1, .last = 4, .wire = HEDGE_PRECISION_Q16 };
        const hedge_msg_pong_t *pong;

        start(b, PLAIN);
        give_block(b, 1);
        give_block(b, 1); /* again: the same answer */
        send_task(b, &all);
        expect_output(b, &all, 1);
        expect_output(b, &all, 0);
        worker_bed_expect_last(b->bed, 41);
        send_task(b, &some);
        expect_output(b, &some, 0);
        worker_bed_expect_last(b->bed, 42);
        pong = fake_coordinator_ping(&b->bed->fake);
        assert_int_equal(pong->shares, 1);
        assert_int_equal(pong->queued, 0);
        assert_int_equal(pong->parts_done, 3);
        worker_bed_drop(b->bed, 1);
        send_task(b, &all);
        worker_bed_expect_error(b->bed, HEDGE_ENOSHARE, 41, 1);
        assert_int_equal(fake_coordinator_ping(&b->bed->fake)->held_bytes, 0);
        give_block(b, 1);
        send_task(b, &all);
        expect_output(b, &all, 1);
}

static void computes_strips_of_a_segment(void **state)
{
        hedge_window_t windows[] = { { 0, 5, 0, 12 }, { 5, 4, 0, 12 }, { 9, 7, 0, 12 } };
        hedge_message_t message = { .type = HEDGE_MSG_TASK,
                                    .task = { .run = 5,
                                              .digest = { { 1 } },
                                              ASK(3, 2, 0, 1),
                                              .first = FIRST,
                                              .last = LAST,
                                              .wire = HEDGE_PRECISION_Q16,
                                              .hold_us = 60000000,
                                              .n_windows = 3,
                                              .windows = windows } };
        blocks_t *b = *state;
        const hedge_msg_part_t *part;
        uint32_t *in, *out, n_in, n_out;
        hedge_window_t halo;
        zmq_msg_t frames[3];

        start(b, ""); /* with the board's own kernels */
        give_block(b, 1);
        assert_int_equal(hedge_segment_values(b->net.graph, FIRST, LAST, &in, &n_in, &out, &n_out), 0);
        for (uint32_t i = 0; i < 3; i++) {
                assert_int_equal(hedge_segment_halo(b->net.graph, FIRST, LAST, &windows[i], &halo), 0);
                block_bed_window_frame(&b->net, in[0], &halo, message.task.wire, &frames[i]);
        }
        fake_coordinator_send(&b->bed->fake, &message, frames, 3);
        part = &fake_coordinator_expect(&b->bed->fake, HEDGE_MSG_PART)->part;
        assert_int_equal(part->n_parts, 3);
        for (uint32_t i = 0; i < 3; i++) {
                const uint32_t number = message.task.order[i];

                assert_int_equal(part->parts[i].part, number);
                assert_int_equal(part->parts[i].wire, HEDGE_PRECISION_Q16);
                block_bed_expect(&b->net, out[0], &windows[number], &b->bed->fake.last.frames[i], part->parts[i].wire,
                                 BLOCK_TOLERANCE(message.task.wire));
        }
        free(in);
        free(out);
        assert_true(part->last);
        assert_int_equal(fake_coordinator_ping(&b->bed->fake)->parts_done, 3);
}

/* It is there beside shares of filters, also for the next coordinator. */
static void a_block_is_held_as_shares_are(void **state)
{
        blocks_t *b = *state;
        const hedge_msg_task_t all = { .run = 41, ASK(1, 1), .last = b->net.graph->n_nodes };
        hedge_msg_hello_t hello;

        start(b, PLAIN);
        worker_bed_give_share(b->bed, 2);
        give_block(b, 1);
        fake_coordinator_close(&b->bed->fake);
        fake_coordinator_open(&b->bed->fake, NULL, NULL);
        fake_coordinator_welcome(&b->bed->fake, HEARTBEAT, &hello);
        assert_int_equal(hello.n_held, 2);
        send_task(b, &all);
        expect_output(b, &all, 1);
        worker_bed_send_task(b->bed, 42, 2, worker_bed_parts, 1, IN);
        worker_bed_expect_part(b->bed, 42, 2, worker_bed_parts[0]);
        assert_int_equal(fake_coordinator_ping(&b->bed->fake)->shares, 2);
}

static void the_memory_cap_holds_for_blocks(void **state)
{
        blocks_t *b = *state;
        const hedge_message_t *answer;
        uint8_t name = 1;

        start(b, PLAIN "memory: {shares_bytes: 1M}");
        do { /* each takes at least what every node counts for, 4 KiB */
                assert_true(name < 255);
                answer = offer_block(b, name++);
        } while (answer->type == HEDGE_MSG_SHARE_OK);
        assert_int_equal(answer->error.code, HEDGE_ELIMIT);
        assert_int_equal(answer->error.digest.bytes[0], name - 1);
        assert_int_equal(fake_coordinator_ping(&b->bed->fake)->shares, name - 2);
        assert_true(fake_coordinator_ping(&b->bed->fake)->held_bytes <= 1 << 20);
        worker_bed_drop(b->bed, 1);
        give_block(b, name);
}

static void what_is_wrong_with_blocks_is_answered_and_survived(void **state)
{
        blocks_t *b = *state;
        const uint32_t n = b->net.graph->n_nodes;
        const hedge_message_t graph = { .type = HEDGE_MSG_GRAPH, .graph = { .digest = { { 7 } } } };
        const hedge_msg_task_t wrong[] = {
                { .run = 1, ASK(1, 0), .first = 3, .last = 2 },
                { .run = 2, ASK(1, 0), .last = n + 1 },
                { .run = 3, ASK(1, 0) },
                { .run = 4, ASK(1, 9), .last = n },
                { .run = 5, ASK(1, 0), .last = UINT32_MAX },
                { .run = 6, ASK(2, 0, 0), .last = n },
        };
        const hedge_msg_task_t right = { .run = 9, ASK(1, 0), .last = n };
        zmq_msg_t frame;

        start(b, PLAIN);
        give_block(b, 1);
        worker_bed_frame(&frame, 100, 7); /* no graph at all */
        fake_coordinator_send(&b->bed->fake, &graph, &frame, 1);
        assert_int_equal(fake_coordinator_expect(&b->bed->fake, HEDGE_MSG_ERROR)->error.digest.bytes[0], 7);
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                send_task_with(b, &wrong[i], 0, n);
                worker_bed_expect_error(b->bed, HEDGE_EMALFORMED, wrong[i].run, 1);
        }
        send_task_with(b,
                       &(hedge_msg_task_t){ .run = 7,
                                            ASK(1, 0),
                                            .first = FIRST,
                                            .last = LAST,
                                            .n_windows = 1,
                                            .windows = &(hedge_window_t){ 12, 5, 0, 12 } },
                       FIRST, LAST);
        worker_bed_expect_error(b->bed, HEDGE_EMALFORMED, 7, 1);
        worker_bed_send_task(b->bed, 8, 1, worker_bed_parts, 1, IN); /* as if it were filters */
        worker_bed_expect_error(b->bed, HEDGE_EMALFORMED, 8, 1);
        send_task(b, &right);
        expect_output(b, &right, 0);
        assert_int_equal(fake_coordinator_ping(&b->bed->fake)->shares, 1);
}

static void send_zeros(blocks_t *b, uint8_t name, uint64_t offset, size_t size)
{
        zmq_msg_t frame;

        assert_int_equal(zmq_msg_init_size(&frame, size), 0);
        memset(zmq_msg_data(&frame), 0, size);
        send_constants(b, name, offset, &frame);
}

/* Each ends what was coming of block 7, and nothing else. */
static void constants_that_are_not_the_next_are_refused(void **state)
{
        blocks_t *b = *state;
        const hedge_msg_task_t task = { .run = 9, ASK(1, 0), .last = b->net.graph->n_nodes };
        uint64_t held, some;

        start(b, PLAIN);
        worker_bed_give_share(b->bed, 2);
        give_block(b, 1);
        held = fake_coordinator_ping(&b->bed->fake)->held_bytes;
        send_zeros(b, 7, 0, 8); /* of no block at all */
        worker_bed_expect_error(b->bed, HEDGE_ENOSHARE, 0, 7);
        send_zeros(b, 2, 0, 8); /* of a share of filters */
        worker_bed_expect_error(b->bed, HEDGE_EMALFORMED, 0, 2);
        send_zeros(b, 1, 0, 8); /* of a block that has all */
        worker_bed_expect_error(b->bed, HEDGE_EMALFORMED, 0, 1);
        for (int i = 0; i < 5; i++) {
                some = send_some(b, 7, 2);
                expect_come(b, 7, 0);
                assert_true(fake_coordinator_ping(&b->bed->fake)->held_bytes > held);
                send_zeros(b, 7,
                           i == 0   ? some + 1
                           : i == 1 ? 0
                           : i == 2 ? UINT64_MAX
                                    : some,
                           i == 3   ? HEDGE_CONSTANTS_BYTES + 1
                           : i == 4 ? HEDGE_CONSTANTS_BYTES
                                    : 8);
                worker_bed_expect_error(b->bed, i == 3 ? HEDGE_ELIMIT : HEDGE_EMALFORMED, 0, 7);
                assert_int_equal(fake_coordinator_ping(&b->bed->fake)->held_bytes, held);
        }
        send_some(b, 7, 2);
        worker_bed_drop(b->bed, 7);
        assert_int_equal(fake_coordinator_ping(&b->bed->fake)->held_bytes, held);
        send_task(b, &task);
        expect_output(b, &task, 0);
        assert_int_equal(fake_coordinator_ping(&b->bed->fake)->shares, 2);
        give_block(b, 7);
}

/* The board answers for every piece, forgets what was coming when the connection is another one, and begins anew with every GRAPH. */
static void a_block_comes_in_pieces(void **state)
{
        blocks_t *b = *state;
        hedge_msg_hello_t hello;
        uint64_t some;

        start(b, PLAIN);
        some = send_some(b, 1, 1);
        expect_come(b, 1, 0);
        expect_come(b, 1, some);
        assert_true(fake_coordinator_ping(&b->bed->fake)->held_bytes > 0);
        assert_int_equal(fake_coordinator_ping(&b->bed->fake)->shares, 0);
        send_some(b, 1, 1);
        expect_come(b, 1, 0);
        expect_come(b, 1, some);
        fake_coordinator_close(&b->bed->fake);
        fake_coordinator_open(&b->bed->fake, NULL, NULL);
        fake_coordinator_welcome(&b->bed->fake, HEARTBEAT, &hello);
        assert_int_equal(hello.n_held, 0);
        assert_int_equal(fake_coordinator_ping(&b->bed->fake)->held_bytes, 0);
        send_zeros(b, 1, some, 8);
        worker_bed_expect_error(b->bed, HEDGE_ENOSHARE, 0, 1);
        give_block(b, 1);
}

static void answers_while_a_network_runs_and_cancels_it(void **state)
{
        blocks_t *b = *state;
        hedge_msg_task_t task = { .run = 1, ASK(1, 1), .last = b->net.graph->n_nodes };

        snprintf(b->bed->macs_per_s, sizeof(b->bed->macs_per_s), "HEDGE_EMULATE_MACS_PER_S=%.17g",
                 (double)hedge_graph_macs(b->net.graph) / 600);
        start(b, PLAIN);
        give_block(b, 1);
        send_task(b, &task);
        task.run = 2;
        send_task(b, &task);
        for (int i = 0; i < 5; i++)
                assert_int_equal(fake_coordinator_ping(&b->bed->fake)->queued, 2);
        worker_bed_drop(b->bed, 1);
        worker_bed_cancel(b->bed, 2);
        worker_bed_cancel(b->bed, 1);
        worker_bed_expect_cancelled(b->bed, 1, 0);
        worker_bed_expect_cancelled(b->bed, 2, 0);
        assert_int_equal(fake_coordinator_ping(&b->bed->fake)->queued, 0);
        assert_int_equal(fake_coordinator_ping(&b->bed->fake)->held_bytes, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(computes_segments_of_a_block),
                TEST(computes_strips_of_a_segment),
                TEST(a_block_is_held_as_shares_are),
                TEST(the_memory_cap_holds_for_blocks),
                TEST(what_is_wrong_with_blocks_is_answered_and_survived),
                TEST(constants_that_are_not_the_next_are_refused),
                TEST(a_block_comes_in_pieces),
                TEST(answers_while_a_network_runs_and_cancels_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

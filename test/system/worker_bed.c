/* SPDX-License-Identifier: Apache-2.0 */
#include "test/system/worker_bed.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/kernel/kernel.h"

const hedge_conv_t worker_bed_conv = {
        .in_h = 7,
        .in_w = 6,
        .in_c = 3,
        .out_c = 4,
        .kernel_h = 3,
        .kernel_w = 3,
        .stride_h = 1,
        .stride_w = 1,
        .dilation_h = 1,
        .dilation_w = 1,
        .pad_left = 1,
        .pad_right = 1,
        .groups = 1,
};

uint32_t worker_bed_parts[4] = { 2, 0, 3, 1 };

int worker_bed_set_up(void **state)
{
        worker_bed_t *bed = calloc(1, sizeof(*bed));

        test_dir_make(bed->dir, sizeof(bed->dir));
        *state = bed;
        return 0;
}

int worker_bed_tear_down(void **state)
{
        worker_bed_t *bed = *state;

        test_process_kill(&bed->worker);
        fake_coordinator_close(&bed->fake);
        test_dir_remove(bed->dir);
        free(bed);
        return 0;
}

void worker_bed_launch(worker_bed_t *bed, const char *security, const char *more)
{
        const char *program = getenv("HEDGE_WORKER");
        char config[300], text[2048];
        const char *const arguments[] = { program, "--config", config, "-v", NULL };
        const char *environment[4] = { NULL };
        int n = 0;

        snprintf(config, sizeof(config), "%s/worker.yaml", bed->dir);
        snprintf(text, sizeof(text),
                 "board: {name: pi-7}\n"
                 "coordinator: {endpoint: '%s'}\n"
                 "security: %s\n"
                 "keys: {secret: %s/pi-7.secret, coordinator: %s/coordinator.pub}\n"
                 "test: {allow_emulation: %s}\n"
                 "%s\n",
                 bed->fake.endpoint, security, bed->dir, bed->dir, bed->no_emulation ? "false" : "true", more);
        test_write_file(bed->dir, "worker.yaml", text);
        if (*bed->macs_per_s)
                environment[n++] = bed->macs_per_s;
        for (int i = 0; i < 2 && *bed->extra[i]; i++)
                environment[n++] = bed->extra[i];
        test_process_start(&bed->worker, bed->dir, "worker", arguments, environment);
}

void worker_bed_start(worker_bed_t *bed, const char *more)
{
        fake_coordinator_open(&bed->fake, NULL, NULL);
        worker_bed_launch(bed, "insecure-loopback", more);
}

void worker_bed_emulate(worker_bed_t *bed, const char *text)
{
        char from[300], to[300];

        snprintf(from, sizeof(from), "%s/emulate.new", bed->dir);
        snprintf(to, sizeof(to), "%s/emulate", bed->dir);
        test_write_file(bed->dir, "emulate.new", text);
        assert_int_equal(rename(from, to), 0);
        snprintf(bed->extra[0], sizeof(bed->extra[0]), "HEDGE_EMULATE=%s", to);
}

void worker_bed_slow_down(worker_bed_t *bed, double seconds)
{
        snprintf(bed->macs_per_s, sizeof(bed->macs_per_s), "HEDGE_EMULATE_MACS_PER_S=%.17g",
                 (double)hedge_conv_macs(&worker_bed_conv) / seconds);
}

static void fill(float *data, size_t n, unsigned seed)
{
        for (size_t i = 0; i < n; i++)
                data[i] = (float)((i * 2654435761u + seed * 40503u) >> 7 & 255) / 128 - 1;
}

void worker_bed_frame(zmq_msg_t *frame, size_t floats, unsigned seed)
{
        assert_int_equal(zmq_msg_init_size(frame, floats * sizeof(float)), 0);
        fill(zmq_msg_data(frame), floats, seed);
}

hedge_message_t worker_bed_share_message(uint8_t name, const hedge_conv_t *geometry)
{
        return (hedge_message_t){
                .type = HEDGE_MSG_SHARE,
                .share = { .digest = { { name } }, .conv = *geometry, .ell_b = BLOCKS, .layer = "net/conv1" },
        };
}

void worker_bed_send_share(worker_bed_t *bed, uint8_t name)
{
        hedge_message_t message = worker_bed_share_message(name, &worker_bed_conv);
        zmq_msg_t frame;

        worker_bed_frame(&frame, (size_t)BLOCKS * BLOCK, name);
        fake_coordinator_send(&bed->fake, &message, &frame, 1);
}

void worker_bed_give_share(worker_bed_t *bed, uint8_t name)
{
        const hedge_message_t *answer;

        worker_bed_send_share(bed, name);
        answer = fake_coordinator_expect(&bed->fake, HEDGE_MSG_SHARE_OK);
        assert_int_equal(answer->share_ok.digest.bytes[0], name);
        assert_true(answer->share_ok.held_bytes >= BLOCKS * BLOCK * sizeof(float));
}

void worker_bed_send_task(worker_bed_t *bed, uint64_t job, uint8_t name, uint32_t *order, uint32_t n_order,
                          size_t floats)
{
        const hedge_message_t message = {
                .type = HEDGE_MSG_TASK,
                .task = { .run = job, .digest = { { name } }, .n_order = n_order, .order = order },
        };
        zmq_msg_t frames[INPUTS];

        for (unsigned i = 0; i < INPUTS; i++)
                worker_bed_frame(&frames[i], floats, 100 + i);
        fake_coordinator_send(&bed->fake, &message, frames, INPUTS);
}

/* A coded input as a TASK carries it. */
static void input_frame(zmq_msg_t *frame, uint32_t number, hedge_precision_t wire)
{
        float in[IN];

        if (wire == HEDGE_PRECISION_F32) {
                worker_bed_frame(frame, IN, 100 + number);
                return;
        }
        fill(in, IN, 100 + number);
        assert_int_equal(zmq_msg_init_size(frame, hedge_q16_bytes(IN)), 0);
        assert_int_equal(hedge_q16_encode(in, IN, zmq_msg_data(frame)), 0);
}

void worker_bed_send(worker_bed_t *bed, hedge_msg_task_t task)
{
        hedge_message_t message = { .type = HEDGE_MSG_TASK, .task = task };
        zmq_msg_t frames[INPUTS];

        message.task.digest.bytes[0] = 1;
        assert_in_range(task.n_inputs, 1, INPUTS);
        for (uint32_t i = 0; i < task.n_inputs; i++)
                input_frame(&frames[i], task.inputs[i], task.wire);
        fake_coordinator_send(&bed->fake, &message, frames, task.n_inputs);
}

void worker_bed_give_task(worker_bed_t *bed, uint64_t job)
{
        worker_bed_send_task(bed, job, 1, worker_bed_parts, 4, IN);
}

void worker_bed_cancel(worker_bed_t *bed, uint64_t job)
{
        const hedge_message_t message = { .type = HEDGE_MSG_CANCEL, .cancel = { .run = job } };

        fake_coordinator_send(&bed->fake, &message, NULL, 0);
}

void worker_bed_drop(worker_bed_t *bed, uint8_t name)
{
        const hedge_message_t message = { .type = HEDGE_MSG_DROP, .drop = { .digest = { { name } } } };

        fake_coordinator_send(&bed->fake, &message, NULL, 0);
}

void worker_bed_compute(uint8_t share, uint32_t part, float *out)
{
        const hedge_op_t op = { .kind = HEDGE_OP_CONV, .conv = worker_bed_conv };
        const hedge_shape_t shapes[] = { { 4, { 1, 7, 6, 3 } }, { 4, { 4, 3, 3, 3 } } };
        float filters[BLOCKS * BLOCK], in[IN];
        const float *const constants[] = { NULL, filters + part % BLOCKS * BLOCK };
        const float *const inputs[] = { in, NULL };
        hedge_kernels_t *kernels = NULL;
        hedge_kernel_t *kernel = NULL;

        fill(filters, (size_t)BLOCKS * BLOCK, share);
        fill(in, IN, 100 + part / BLOCKS);
        assert_int_equal(hedge_kernels_new("plain", 1, &kernels), 0);
        assert_int_equal(hedge_kernel_new(kernels, &op, shapes, 2, constants, &kernel), 0);
        assert_int_equal(hedge_kernel_run(kernel, inputs, out), 0);
        hedge_kernel_destroy(&kernel);
        hedge_kernels_destroy(&kernels);
}

static void check_part(const hedge_part_t *said, zmq_msg_t *frame, uint8_t share, uint32_t part)
{
        const hedge_precision_t wire = said->wire;
        float expected[OUT], got[OUT];

        assert_int_equal(said->part, part);
        assert_int_equal(zmq_msg_size(frame), hedge_precision_bytes(wire, OUT));
        if (wire == HEDGE_PRECISION_Q16)
                hedge_q16_decode(zmq_msg_data(frame), 0, OUT, got);
        else
                memcpy(got, zmq_msg_data(frame), sizeof(got));
        worker_bed_compute(share, part, expected);
        for (int i = 0; i < OUT; i++)
                assert_float_equal(got[i], expected[i], wire == HEDGE_PRECISION_Q16 ? 2e-3 : 1e-4);
}

void worker_bed_expect_together(worker_bed_t *bed, uint64_t job, uint8_t share, const uint32_t *parts, uint32_t n)
{
        const hedge_message_t *message = fake_coordinator_expect(&bed->fake, HEDGE_MSG_PART);

        assert_int_equal(message->part.run, job);
        assert_int_equal(message->part.n_parts, n);
        assert_int_equal(bed->fake.last.n_frames, n);
        for (uint32_t i = 0; i < n; i++)
                check_part(&message->part.parts[i], &bed->fake.last.frames[i], share, parts[i]);
}

void worker_bed_expect_part(worker_bed_t *bed, uint64_t job, uint8_t share, uint32_t part)
{
        worker_bed_expect_together(bed, job, share, &part, 1);
}

static bool is_last(const hedge_message_t *message, uint64_t job)
{
        return message->type == HEDGE_MSG_PART && message->part.last && message->part.run == job;
}

void worker_bed_expect_last(worker_bed_t *bed, uint64_t job)
{
        const hedge_message_t *message = &bed->fake.last.message;

        while (!is_last(message, job))
                message = fake_coordinator_expect(&bed->fake, HEDGE_MSG_PART);
}

void worker_bed_expect_cancelled(worker_bed_t *bed, uint64_t job, uint32_t parts)
{
        const hedge_message_t *message = fake_coordinator_expect(&bed->fake, HEDGE_MSG_TASK_END);

        assert_int_equal(message->task_end.run, job);
        assert_int_equal(message->task_end.parts_sent, parts);
        assert_true(message->task_end.cancelled);
}

void worker_bed_expect_error(worker_bed_t *bed, int code, uint64_t job, uint8_t share)
{
        const hedge_message_t *message = fake_coordinator_expect(&bed->fake, HEDGE_MSG_ERROR);

        assert_int_equal(message->error.code, code);
        assert_int_equal(message->error.about, job);
        assert_int_equal(message->error.digest.bytes[0], share);
        assert_true(strlen(message->error.text) > 10);
}

void worker_bed_expect_queue(worker_bed_t *bed, uint32_t tasks)
{
        int64_t end_ms = hedge_now_ms() + TEST_PATIENCE_MS;

        while (fake_coordinator_ping(&bed->fake)->queued != tasks)
                assert_true(hedge_now_ms() < end_ms);
}

void worker_bed_expect_exit(worker_bed_t *bed, int status, int within_ms)
{
        int got = test_process_wait(&bed->worker, within_ms);

        if (got != status)
                test_process_show(&bed->worker);
        assert_int_equal(got, status);
}

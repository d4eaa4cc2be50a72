/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/kernel/kernel.h"
#include "test/system/fake_coordinator.h"
#include "test/system/process.h"

/* The real hedge-worker, over real sockets, against a coordinator that the test plays. */
#define BLOCKS    2
#define INPUTS    2
#define IN        (7 * 6 * 3)
#define OUT       (5 * 6 * 4)
#define BLOCK     (4 * 3 * 3 * 3)
#define HEARTBEAT 60000 /* as if never: what must happen by itself must not hang on it */

static const hedge_conv_t conv = {
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

typedef struct bed {
        char dir[256];
        fake_coordinator_t fake;
        test_process_t worker;
        char macs_per_s[64]; /* environment of the worker; empty: none */
        char extra[2][160];
        hedge_key_pair_t keys; /* the coordinator's, with CURVE */
} bed_t;

static int set_up(void **state)
{
        bed_t *bed = calloc(1, sizeof(*bed));

        test_dir_make(bed->dir, sizeof(bed->dir));
        *state = bed;
        return 0;
}

static int tear_down(void **state)
{
        bed_t *bed = *state;

        test_process_kill(&bed->worker);
        fake_coordinator_close(&bed->fake);
        test_dir_remove(bed->dir);
        free(bed);
        return 0;
}

/* Start the worker with a configuration that ends with `more` (YAML). */
static void start_worker(bed_t *bed, const char *security, const char *more)
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
                 "test: {allow_emulation: true}\n"
                 "%s\n",
                 bed->fake.endpoint, security, bed->dir, bed->dir, more);
        test_write_file(bed->dir, "worker.yaml", text);
        if (*bed->macs_per_s)
                environment[n++] = bed->macs_per_s;
        for (int i = 0; i < 2 && *bed->extra[i]; i++)
                environment[n++] = bed->extra[i];
        test_process_start(&bed->worker, bed->dir, "worker", arguments, environment);
}

#define PLAIN "compute: {backend: plain, threads: 1}\n"

static void start(bed_t *bed, const char *more)
{
        fake_coordinator_open(&bed->fake, NULL, NULL);
        start_worker(bed, "insecure-loopback", more);
}

/* Each part takes so many seconds. */
static void slow_down(bed_t *bed, double seconds)
{
        snprintf(bed->macs_per_s, sizeof(bed->macs_per_s), "HEDGE_EMULATE_MACS_PER_S=%.17g",
                 (double)hedge_conv_macs(&conv) / seconds);
}

static void fill(float *data, size_t n, unsigned seed)
{
        for (size_t i = 0; i < n; i++)
                data[i] = (float)((i * 2654435761u + seed * 40503u) >> 7 & 255) / 128 - 1;
}

static void make_frame(zmq_msg_t *frame, size_t floats, unsigned seed)
{
        assert_int_equal(zmq_msg_init_size(frame, floats * sizeof(float)), 0);
        fill(zmq_msg_data(frame), floats, seed);
}

static hedge_message_t share_message(uint8_t name, const hedge_conv_t *geometry)
{
        return (hedge_message_t){
                .type = HEDGE_MSG_SHARE,
                .share = { .digest = { { name } }, .conv = *geometry, .ell_b = BLOCKS, .layer = "net/conv1" },
        };
}

static void send_share(bed_t *bed, uint8_t name)
{
        hedge_message_t message = share_message(name, &conv);
        zmq_msg_t frame;

        make_frame(&frame, (size_t)BLOCKS * BLOCK, name);
        fake_coordinator_send(&bed->fake, &message, &frame, 1);
}

static void give_share(bed_t *bed, uint8_t name)
{
        const hedge_message_t *answer;

        send_share(bed, name);
        answer = fake_coordinator_expect(&bed->fake, HEDGE_MSG_SHARE_OK);
        assert_int_equal(answer->share_ok.digest.bytes[0], name);
        assert_true(answer->share_ok.held_bytes >= BLOCKS * BLOCK * sizeof(float));
}

static void send_task_sized(bed_t *bed, uint64_t job, uint8_t name, uint32_t *order, uint32_t n_order, size_t floats)
{
        const hedge_message_t message = {
                .type = HEDGE_MSG_TASK,
                .task = { .job = job, .digest = { { name } }, .n_order = n_order, .order = order },
        };
        zmq_msg_t frames[INPUTS];

        for (unsigned i = 0; i < INPUTS; i++)
                make_frame(&frames[i], floats, 100 + i);
        fake_coordinator_send(&bed->fake, &message, frames, INPUTS);
}

static uint32_t all_parts[] = { 2, 0, 3, 1 };

static void give_task(bed_t *bed, uint64_t job)
{
        send_task_sized(bed, job, 1, all_parts, 4, IN);
}

static void send_job(bed_t *bed, uint64_t job)
{
        const hedge_message_t message = { .type = HEDGE_MSG_CANCEL, .cancel = { .job = job } };

        fake_coordinator_send(&bed->fake, &message, NULL, 0);
}

static void send_drop(bed_t *bed, uint8_t name)
{
        const hedge_message_t message = { .type = HEDGE_MSG_DROP, .drop = { .digest = { { name } } } };

        fake_coordinator_send(&bed->fake, &message, NULL, 0);
}

/* What the part should be, by the plain kernel here. */
static void compute_part(uint8_t share, uint32_t part, float *out)
{
        const hedge_op_t op = { .kind = HEDGE_OP_CONV, .conv = conv };
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

static void expect_part(bed_t *bed, uint64_t job, uint8_t share, uint32_t part)
{
        const hedge_message_t *message = fake_coordinator_expect(&bed->fake, HEDGE_MSG_PART);
        float expected[OUT];
        const float *got;

        assert_int_equal(message->part.job, job);
        assert_int_equal(message->part.part, part);
        assert_int_equal(bed->fake.last.n_frames, 1);
        assert_int_equal(zmq_msg_size(&bed->fake.last.frames[0]), sizeof(expected));
        got = zmq_msg_data(&bed->fake.last.frames[0]);
        compute_part(share, part, expected);
        for (int i = 0; i < OUT; i++) {
                float value;

                memcpy(&value, (const char *)got + (size_t)i * sizeof(value), sizeof(value));
                assert_float_equal(value, expected[i], 1e-4);
        }
}

static void expect_end(bed_t *bed, uint64_t job, uint32_t parts, bool cancelled)
{
        const hedge_message_t *message = fake_coordinator_expect(&bed->fake, HEDGE_MSG_TASK_END);

        assert_int_equal(message->task_end.job, job);
        assert_int_equal(message->task_end.parts_sent, parts);
        assert_int_equal(message->task_end.cancelled, cancelled);
}

static void expect_error(bed_t *bed, int code, uint64_t job, uint8_t share)
{
        const hedge_message_t *message = fake_coordinator_expect(&bed->fake, HEDGE_MSG_ERROR);

        assert_int_equal(message->error.code, code);
        assert_int_equal(message->error.job, job);
        assert_int_equal(message->error.digest.bytes[0], share);
        assert_true(strlen(message->error.text) > 10);
}

/* So many tasks are there, now or soon. */
static void expect_queue(bed_t *bed, uint32_t tasks)
{
        int64_t end_ms = hedge_now_ms() + TEST_PATIENCE_MS;

        while (fake_coordinator_ping(&bed->fake)->queued != tasks)
                assert_true(hedge_now_ms() < end_ms);
}

static void expect_exit(bed_t *bed, int status, int within_ms)
{
        int got = test_process_wait(&bed->worker, within_ms);

        if (got != status)
                test_process_show(&bed->worker);
        assert_int_equal(got, status);
}

static void computes_parts_of_shares(void **state)
{
        bed_t *bed = *state;
        const hedge_msg_pong_t *pong;
        hedge_msg_hello_t hello;

        start(bed, "memory: {shares_bytes: 64M}");
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, &hello);
        assert_string_equal(hello.board, "pi-7");
        assert_string_equal(hello.backend, hedge_kernels_available()[0]);
        assert_string_equal(hello.version, HEDGE_VERSION);
        assert_true(hello.incarnation != 0);
        assert_true(hello.cores >= 1);
        assert_int_equal(hello.share_bytes_max, 64 << 20);
        assert_int_equal(hello.n_held, 0);
        give_share(bed, 1);
        give_share(bed, 1); /* again: the same answer */
        give_share(bed, 2);
        give_task(bed, 41);
        for (int i = 0; i < 4; i++)
                expect_part(bed, 41, 1, all_parts[i]);
        expect_end(bed, 41, 4, false);
        send_task_sized(bed, 42, 2, all_parts, 1, IN);
        expect_part(bed, 42, 2, all_parts[0]);
        expect_end(bed, 42, 1, false);
        pong = fake_coordinator_ping(&bed->fake);
        assert_int_equal(pong->incarnation, hello.incarnation);
        assert_int_equal(pong->shares, 2);
        assert_int_equal(pong->queued, 0);
        assert_int_equal(pong->parts_done, 5);
        send_drop(bed, 1);
        give_task(bed, 43);
        expect_error(bed, HEDGE_ENOSHARE, 43, 1);
        send_drop(bed, 99); /* never held: nothing happens */
        assert_int_equal(fake_coordinator_ping(&bed->fake)->shares, 1);
        kill(bed->worker.pid, SIGTERM);
        fake_coordinator_expect(&bed->fake, HEDGE_MSG_BYE);
        expect_exit(bed, 0, TEST_PATIENCE_MS);
}

static void answers_while_it_computes_and_cancels_between_parts(void **state)
{
        bed_t *bed = *state;

        slow_down(bed, 1);
        start(bed, PLAIN);
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        give_share(bed, 1);
        give_task(bed, 1);
        give_task(bed, 2);
        for (int i = 0; i < 5; i++)
                assert_int_equal(fake_coordinator_ping(&bed->fake)->queued, 2);
        expect_part(bed, 1, 1, all_parts[0]);
        assert_true(bed->fake.last.message.part.compute_us >= 1000000);
        send_job(bed, 1);
        send_job(bed, 2);
        send_job(bed, 3); /* nobody knows it */
        expect_end(bed, 1, 1, true);
        expect_end(bed, 2, 0, true);
        assert_int_equal(fake_coordinator_ping(&bed->fake)->queued, 0);
}

static void a_share_may_be_dropped_while_it_is_computed_with(void **state)
{
        bed_t *bed = *state;

        slow_down(bed, 0.1);
        start(bed, PLAIN);
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        give_share(bed, 1);
        give_task(bed, 1);
        send_drop(bed, 1);
        assert_int_equal(fake_coordinator_ping(&bed->fake)->shares, 0);
        for (int i = 0; i < 4; i++)
                expect_part(bed, 1, 1, all_parts[i]);
        expect_end(bed, 1, 4, false);
        assert_int_equal(fake_coordinator_ping(&bed->fake)->held_bytes, 0);
}

static void malformed_messages_are_answered_and_survived(void **state)
{
        static const uint8_t huge[] = { 0xdd, 0xff, 0xff, 0xff, 0xff }; /* an array of 2^32 - 1 things */
        hedge_message_t message = share_message(7, &conv);
        uint32_t beyond[] = { 0, 4 };
        bed_t *bed = *state;
        zmq_msg_t frame;

        start(bed, PLAIN);
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        give_share(bed, 1);
        fake_coordinator_send_bytes(&bed->fake, "", 0, NULL, 0);
        expect_error(bed, HEDGE_EMALFORMED, 0, 0);
        fake_coordinator_send_bytes(&bed->fake, "HEDGE", 5, NULL, 0);
        fake_coordinator_expect(&bed->fake, HEDGE_MSG_ERROR);
        fake_coordinator_send_bytes(&bed->fake, huge, sizeof(huge), "frame", 5);
        fake_coordinator_expect(&bed->fake, HEDGE_MSG_ERROR);
        make_frame(&frame, (size_t)BLOCKS * BLOCK - 1, 7); /* a share that is cut short */
        fake_coordinator_send(&bed->fake, &message, &frame, 1);
        expect_error(bed, HEDGE_EMALFORMED, 0, 7);
        send_task_sized(bed, 1, 1, all_parts, 4, IN - 1);
        expect_error(bed, HEDGE_EMALFORMED, 1, 1);
        send_task_sized(bed, 2, 1, all_parts, 4, 0);
        expect_error(bed, HEDGE_EMALFORMED, 2, 1);
        send_task_sized(bed, 3, 1, beyond, 2, IN);
        expect_error(bed, HEDGE_EMALFORMED, 3, 1);
        message = (hedge_message_t){ .type = HEDGE_MSG_STATUS,
                                     .status = { .id = 5 } }; /* well-formed, but not for a board */
        fake_coordinator_send(&bed->fake, &message, NULL, 0);
        expect_error(bed, HEDGE_EUNSUPPORTED, 0, 0);
        give_task(bed, 4);
        expect_part(bed, 4, 1, all_parts[0]);
        expect_end(bed, 4, 4, false);
        assert_int_equal(fake_coordinator_ping(&bed->fake)->shares, 1);
}

static void the_memory_cap_holds(void **state)
{
        hedge_conv_t large = conv;
        hedge_message_t message;
        bed_t *bed = *state;
        zmq_msg_t frame;

        start(bed, PLAIN "memory: {shares_bytes: 1M}");
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        large.in_c = 64;
        large.out_c = 320; /* 2 x 320 x 9 x 64 floats: 1.4 MiB */
        message = share_message(1, &large);
        make_frame(&frame, (size_t)2 * 320 * 9 * 64, 1);
        fake_coordinator_send(&bed->fake, &message, &frame, 1);
        expect_error(bed, HEDGE_ELIMIT, 0, 1);
        large.out_c = 160; /* 0.7 MiB: fits once */
        message = share_message(2, &large);
        make_frame(&frame, (size_t)2 * 160 * 9 * 64, 2);
        fake_coordinator_send(&bed->fake, &message, &frame, 1);
        fake_coordinator_expect(&bed->fake, HEDGE_MSG_SHARE_OK);
        message.share.digest.bytes[0] = 3;
        make_frame(&frame, (size_t)2 * 160 * 9 * 64, 3);
        fake_coordinator_send(&bed->fake, &message, &frame, 1);
        expect_error(bed, HEDGE_ELIMIT, 0, 3);
        assert_true(fake_coordinator_ping(&bed->fake)->held_bytes <= 1 << 20);
        send_drop(bed, 2);
        make_frame(&frame, (size_t)2 * 160 * 9 * 64, 3);
        fake_coordinator_send(&bed->fake, &message, &frame, 1);
        fake_coordinator_expect(&bed->fake, HEDGE_MSG_SHARE_OK);
}

static void greets_a_coordinator_that_was_started_anew(void **state)
{
        hedge_msg_hello_t before, after;
        const hedge_message_t *message;
        bed_t *bed = *state;

        slow_down(bed, 600);
        start(bed, PLAIN "reconnect: {max_ms: 300}");
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, &before);
        give_share(bed, 1);
        give_task(bed, 1);
        assert_int_equal(fake_coordinator_ping(&bed->fake)->queued, 1);
        fake_coordinator_close(&bed->fake);
        fake_coordinator_open(&bed->fake, NULL, NULL); /* the same port, another incarnation */
        message = fake_coordinator_expect(&bed->fake, HEDGE_MSG_HELLO);
        after = message->hello;
        assert_int_equal(after.incarnation, before.incarnation);
        assert_int_equal(after.n_held, 1);
        assert_int_equal(after.held[0].bytes[0], 1);
        fake_coordinator_send(
                &bed->fake,
                &(hedge_message_t){ .type = HEDGE_MSG_WELCOME, .welcome = { bed->fake.incarnation, 0, HEARTBEAT } },
                NULL, 0);
        /* the old task is gone without a word, and the new one takes its turn: cancelled at once, as it is slow */
        give_task(bed, 2);
        send_job(bed, 2);
        message = fake_coordinator_next(&bed->fake, TEST_PATIENCE_MS);
        while (message && message->type == HEDGE_MSG_HELLO)
                message = fake_coordinator_next(&bed->fake, TEST_PATIENCE_MS);
        assert_non_null(message);
        assert_int_equal(message->type, HEDGE_MSG_TASK_END);
        assert_int_equal(message->task_end.job, 2);
        assert_int_equal(fake_coordinator_ping(&bed->fake)->queued, 0);
}

static void another_coordinator_at_the_same_connection_voids_tasks(void **state)
{
        hedge_message_t ping = { .type = HEDGE_MSG_PING };
        bed_t *bed = *state;

        slow_down(bed, 600);
        start(bed, PLAIN);
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        give_share(bed, 1);
        give_task(bed, 1);
        ping.ping.coordinator = ++bed->fake.incarnation;
        fake_coordinator_send(&bed->fake, &ping, NULL, 0);
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        expect_queue(bed, 0);
        assert_int_equal(fake_coordinator_ping(&bed->fake)->shares, 1);
}

static void a_lost_connection_voids_tasks(void **state)
{
        bed_t *bed = *state;

        slow_down(bed, 600);
        start(bed, PLAIN "reconnect: {max_ms: 300}");
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        give_share(bed, 1);
        give_task(bed, 1);
        expect_queue(bed, 1);
        fake_coordinator_close(&bed->fake);
        fake_coordinator_open(&bed->fake, NULL, NULL);
        bed->fake.incarnation -= 1000; /* the same coordinator: only what was on its way is lost */
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        expect_queue(bed, 0);
        assert_int_equal(fake_coordinator_ping(&bed->fake)->shares, 1);
}

static void says_hello_again_after_silence(void **state)
{
        hedge_message_t error = { .type = HEDGE_MSG_ERROR,
                                  .error = { .code = -ENOTCONN, .text = "who are you? say HELLO" } };
        bed_t *bed = *state;
        hedge_route_t route;
        int64_t start_ms;
        int first_fd;

        start(bed, PLAIN "reconnect: {min_ms: 10, max_ms: 200}");
        fake_coordinator_welcome(&bed->fake, 100, NULL); /* silence: a second */
        start_ms = hedge_now_ms();
        fake_coordinator_ping(&bed->fake); /* a HELLO from here on is a new one */
        first_fd = bed->fake.last.fd;
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        assert_true(hedge_now_ms() - start_ms >= 1000);
        assert_int_equal(bed->fake.last.fd, first_fd);
        fake_coordinator_send(&bed->fake, &error, NULL, 0);
        fake_coordinator_welcome(&bed->fake, 20, NULL);
        /* left alone it says HELLO, and in the end comes by a new connection: another route */
        route = bed->fake.board;
        while (bed->fake.board.size == route.size && !memcmp(bed->fake.board.bytes, route.bytes, route.size)) {
                assert_true(hedge_now_ms() - start_ms < TEST_PATIENCE_MS);
                fake_coordinator_expect(&bed->fake, HEDGE_MSG_HELLO);
        }
}

static void waits_without_turning_when_nobody_reads(void **state)
{
        const struct timespec pause = { 0, 400000000 };
        hedge_conv_t large = conv;
        hedge_message_t message;
        int64_t end_ms = hedge_now_ms() + TEST_PATIENCE_MS;
        uint32_t order[32];
        bed_t *bed = *state;
        zmq_msg_t frames[32];
        long cpu_ms;

        bed->fake.receive_queue = 1; /* a reader that takes next to nothing */
        start(bed, PLAIN "limits: {unsent_bytes: 16M}");
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        large.in_h = large.in_w = 256;
        large.in_c = 1;
        large.kernel_h = large.kernel_w = 1;
        large.pad_left = large.pad_right = 0;
        large.out_c = 16; /* parts of 4 MiB */
        message = share_message(1, &large);
        message.share.ell_b = 1;
        make_frame(&frames[0], 16, 1);
        fake_coordinator_send(&bed->fake, &message, frames, 1);
        fake_coordinator_expect(&bed->fake, HEDGE_MSG_SHARE_OK);
        for (unsigned i = 0; i < 32; i++) {
                make_frame(&frames[i], (size_t)256 * 256, i);
                order[i] = i;
        }
        message = (hedge_message_t){ .type = HEDGE_MSG_TASK,
                                     .task = { .job = 9, .digest = { { 1 } }, .n_order = 32, .order = order } };
        fake_coordinator_send(&bed->fake, &message, frames, 32);
        do { /* until it is stuck: no CPU time goes by any more */
                assert_true(hedge_now_ms() < end_ms);
                cpu_ms = test_process_cpu_ms(&bed->worker);
                nanosleep(&pause, NULL);
        } while (test_process_cpu_ms(&bed->worker) - cpu_ms > 40);
        for (uint32_t i = 0; i < 32; i++) {
                assert_int_equal(fake_coordinator_expect(&bed->fake, HEDGE_MSG_PART)->part.part, i);
                assert_int_equal(zmq_msg_size(&bed->fake.last.frames[0]), (size_t)256 * 256 * 16 * sizeof(float));
        }
        expect_end(bed, 9, 32, false);
}

static void stops_within_a_second_between_and_inside_parts(void **state)
{
        const int second_ms = getenv("HEDGE_TEST_SANITIZED") ? 10000 : 1000; /* TSan sleeps before every exit */
        hedge_conv_t heavy = conv;
        hedge_message_t message;
        bed_t *bed = *state;
        int64_t start_ms;
        zmq_msg_t frame;
        long cpu_ms;

        start(bed, PLAIN);
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        heavy.in_h = heavy.in_w = 256;
        heavy.in_c = heavy.out_c = 128; /* 9.5 thousand million: many seconds for the plain kernel */
        message = share_message(1, &heavy);
        message.share.ell_b = 1;
        make_frame(&frame, (size_t)128 * 128 * 9, 1);
        fake_coordinator_send(&bed->fake, &message, &frame, 1);
        fake_coordinator_expect(&bed->fake, HEDGE_MSG_SHARE_OK);
        message = (hedge_message_t){
                .type = HEDGE_MSG_TASK,
                .task = { .job = 1, .digest = { { 1 } }, .n_order = 1, .order = (uint32_t[]){ 0 } }
        };
        make_frame(&frame, (size_t)256 * 256 * 128, 1);
        fake_coordinator_send(&bed->fake, &message, &frame, 1);
        cpu_ms = test_process_cpu_ms(&bed->worker);
        while (test_process_cpu_ms(&bed->worker) - cpu_ms < 300) /* until it is in the kernel */
                assert_int_equal(fake_coordinator_ping(&bed->fake)->queued, 1);
        start_ms = hedge_now_ms();
        kill(bed->worker.pid, SIGTERM);
        fake_coordinator_expect(&bed->fake, HEDGE_MSG_BYE);
        expect_exit(bed, 0, TEST_PATIENCE_MS);
        assert_in_range(hedge_now_ms() - start_ms, 0, second_ms);
        assert_true(test_process_said(&bed->worker, "still computing"));
        /* and in the middle of a part that only waits */
        slow_down(bed, 600);
        start_worker(bed, "insecure-loopback", PLAIN);
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        give_share(bed, 1);
        give_task(bed, 1);
        assert_int_equal(fake_coordinator_ping(&bed->fake)->queued, 1);
        start_ms = hedge_now_ms();
        kill(bed->worker.pid, SIGINT);
        expect_exit(bed, 0, TEST_PATIENCE_MS);
        assert_in_range(hedge_now_ms() - start_ms, 0, second_ms);
}

static void make_keys(bed_t *bed)
{
        char path[300], boards[300], from[300], to[300];
        hedge_why_t why;

        snprintf(boards, sizeof(boards), "%s/boards", bed->dir);
        assert_int_equal(mkdir(boards, 0700), 0);
        assert_int_equal(hedge_keys_generate(bed->dir, "coordinator", &why), 0);
        assert_int_equal(hedge_keys_generate(bed->dir, "pi-7", &why), 0);
        snprintf(from, sizeof(from), "%s/pi-7.pub", bed->dir);
        snprintf(to, sizeof(to), "%s/boards/pi-7.pub", bed->dir);
        assert_int_equal(link(from, to), 0);
        snprintf(path, sizeof(path), "%s/coordinator.secret", bed->dir);
        assert_int_equal(hedge_keys_load_secret(path, &bed->keys, &why), 0);
}

static void open_curve(bed_t *bed, const hedge_key_pair_t *keys)
{
        char boards[300];

        snprintf(boards, sizeof(boards), "%s/boards", bed->dir);
        fake_coordinator_open(&bed->fake, keys, boards);
}

static void keeps_trying_a_coordinator_with_a_wrong_key(void **state)
{
        hedge_key_pair_t wrong;
        bed_t *bed = *state;
        int64_t end_ms;

        make_keys(bed);
        assert_int_equal(zmq_curve_keypair(wrong.public_key, wrong.secret_key), 0);
        open_curve(bed, &wrong);
        start_worker(bed, "curve", PLAIN "reconnect: {min_ms: 20, max_ms: 200}");
        for (end_ms = hedge_now_ms() + TEST_PATIENCE_MS;
             !test_process_said(&bed->worker, "the handshake failed") && hedge_now_ms() < end_ms;)
                assert_null(fake_coordinator_next(&bed->fake, 50));
        assert_true(test_process_said(&bed->worker, "the handshake failed"));
        assert_null(fake_coordinator_next(&bed->fake, 500));
        assert_true(test_process_runs(&bed->worker));
        fake_coordinator_close(&bed->fake);
        open_curve(bed, &bed->keys);
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        assert_string_equal(bed->fake.last.user, "pi-7");
        give_share(bed, 1);
        give_task(bed, 1);
        expect_part(bed, 1, 1, all_parts[0]);
        expect_end(bed, 1, 4, false);
}

/* Run to its end with this configuration; it must refuse it with this sentence. */
static void expect_refusal(bed_t *bed, const char *security, const char *more, const char *sentence)
{
        start_worker(bed, security, more);
        expect_exit(bed, 78, TEST_PATIENCE_MS);
        if (!test_process_said(&bed->worker, sentence))
                test_process_show(&bed->worker);
        assert_true(test_process_said(&bed->worker, sentence));
        assert_int_equal(unlink(bed->worker.log), 0);
}

static void wrong_configurations_are_refused_with_a_sentence(void **state)
{
        bed_t *bed = *state;
        char path[300];

        make_keys(bed);
        snprintf(bed->fake.endpoint, sizeof(bed->fake.endpoint), "tcp://127.0.0.1:9");
        expect_refusal(bed, "insecure-loopback", "nonsense: 1", "worker.yaml:6: nonsense");
        expect_refusal(bed, "insecure-loopback", "compute: {threads: many}", "compute.threads");
        expect_refusal(bed, "insecure-loopback", "reconnect: {min_ms: 500, max_ms: 400}", "reconnect.max_ms");
        snprintf(path, sizeof(path), "%s/pi-7.secret", bed->dir);
        assert_int_equal(chmod(path, 0644), 0);
        expect_refusal(bed, "curve", "", "pi-7.secret");
        assert_int_equal(chmod(path, 0600), 0);
        test_write_file(bed->dir, "coordinator.pub", "this is no key\n");
        expect_refusal(bed, "curve", "", "coordinator.pub");
        assert_int_equal(unlink(path), 0);
        expect_refusal(bed, "curve", "", "pi-7.secret");
        snprintf(bed->fake.endpoint, sizeof(bed->fake.endpoint), "tcp://192.0.2.1:7501");
        expect_refusal(bed, "insecure-loopback", "", "leaves this machine");
        snprintf(bed->fake.endpoint, sizeof(bed->fake.endpoint), "tcp://127.example.org:7501");
        expect_refusal(bed, "insecure-loopback", "", "leaves this machine");
        snprintf(bed->fake.endpoint, sizeof(bed->fake.endpoint), "tcp://192.0.2.1");
        expect_refusal(bed, "network", "", "wants a host and a port");
        snprintf(bed->fake.endpoint, sizeof(bed->fake.endpoint), "udp://192.0.2.1:5");
        expect_refusal(bed, "network", "", "is no endpoint");
        snprintf(bed->macs_per_s, sizeof(bed->macs_per_s), "HEDGE_EMULATE_MACS_PER_S=fast");
        snprintf(bed->fake.endpoint, sizeof(bed->fake.endpoint), "tcp://127.0.0.1:9");
        expect_refusal(bed, "insecure-loopback", "", "is no rate");
}

/* One notification that holds the text; others are skipped. */
static void expect_notification(int fd, const char *text)
{
        char got[1024];

        do {
                ssize_t n = recv(fd, got, sizeof(got) - 1, 0);

                if (n < 0)
                        fail_msg("systemd was not told '%s'", text);
                got[n < 0 ? 0 : n] = 0;
        } while (!strstr(got, text));
}

static void tells_systemd_how_it_is(void **state)
{
        const struct timeval patience = { TEST_PATIENCE_MS / 1000, 0 };
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        bed_t *bed = *state;

        assert_true(fd >= 0);
        snprintf(address.sun_path, sizeof(address.sun_path), "%.60s/notify", bed->dir);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
        snprintf(bed->extra[0], sizeof(bed->extra[0]), "NOTIFY_SOCKET=%s", address.sun_path);
        snprintf(bed->extra[1], sizeof(bed->extra[1]), "WATCHDOG_USEC=200000");
        start(bed, PLAIN);
        expect_notification(fd, "READY=1");
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        expect_notification(fd, "STATUS=connected to");
        for (int i = 0; i < 3; i++)
                expect_notification(fd, "WATCHDOG=1");
        kill(bed->worker.pid, SIGTERM);
        expect_notification(fd, "STOPPING=1");
        expect_exit(bed, 0, TEST_PATIENCE_MS);
        close(fd);
}

static void is_small_when_idle(void **state)
{
        const struct timespec pause = { 0, 100000000 };
        int64_t end_ms = hedge_now_ms() + 10000;
        long idle, held, kib;
        bed_t *bed = *state;

        if (getenv("HEDGE_TEST_SANITIZED")) {
                print_message("skipped: a sanitizer's own memory is no measure\n");
                skip();
        }
        make_keys(bed);
        open_curve(bed, &bed->keys);
        start_worker(bed, "curve", "");
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        fake_coordinator_ping(&bed->fake);
        idle = test_process_memory_kib(&bed->worker, "VmRSS");
        give_share(bed, 1);
        give_task(bed, 1);
        expect_end(bed, 1, 4, false);
        held = test_process_memory_kib(&bed->worker, "VmRSS");
        send_drop(bed, 1);
        do {
                nanosleep(&pause, NULL);
                kib = test_process_memory_kib(&bed->worker, "VmRSS");
        } while (kib > 12 * 1024 && hedge_now_ms() < end_ms);
        print_message("resident: %ld KiB connected, %ld KiB computing, %ld KiB afterwards\n", idle, held, kib);
        assert_in_range(idle, 1, 12 * 1024);
        assert_in_range(kib, 1, 12 * 1024);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(computes_parts_of_shares),
                TEST(answers_while_it_computes_and_cancels_between_parts),
                TEST(a_share_may_be_dropped_while_it_is_computed_with),
                TEST(malformed_messages_are_answered_and_survived),
                TEST(the_memory_cap_holds),
                TEST(greets_a_coordinator_that_was_started_anew),
                TEST(another_coordinator_at_the_same_connection_voids_tasks),
                TEST(a_lost_connection_voids_tasks),
                TEST(says_hello_again_after_silence),
                TEST(waits_without_turning_when_nobody_reads),
                TEST(stops_within_a_second_between_and_inside_parts),
                TEST(keeps_trying_a_coordinator_with_a_wrong_key),
                TEST(wrong_configurations_are_refused_with_a_sentence),
                TEST(tells_systemd_how_it_is),
                TEST(is_small_when_idle),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

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

#include <cmocka.h>

#include "common/clock.h"
#include "test/system/worker_bed.h"

/* The real hedge-worker holds coded matrices, applies and updates them, and multiplies. The test is the coordinator. */
#define TRAIN 7u
#define ROWS  5u
#define COLS  6u
#define BATCH 3u

static void start(worker_bed_t *bed, const char *more)
{
        worker_bed_start(bed, more);
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
}

/* Small whole numbers, whose products and sums are exact in any order. */
static void fill(float *v, size_t n, unsigned seed)
{
        for (size_t i = 0; i < n; i++)
                v[i] = (float)((i * 7 + seed * 13) % 11) - 5;
}

static zmq_msg_t frame_of(const float *v, size_t n)
{
        zmq_msg_t frame;

        assert_int_equal(zmq_msg_init_size(&frame, n * sizeof(*v)), 0);
        memcpy(zmq_msg_data(&frame), v, n * sizeof(*v));
        return frame;
}

static void send_hold(worker_bed_t *bed, uint32_t matrix, uint32_t rows, uint32_t cols, const float *v)
{
        const hedge_message_t message = { .type = HEDGE_MSG_HOLD, .hold = { TRAIN, matrix, rows, cols } };
        zmq_msg_t frame = frame_of(v, (size_t)rows * cols);

        fake_coordinator_send(&bed->fake, &message, &frame, 1);
}

static void send_apply(worker_bed_t *bed, uint64_t step, uint32_t matrix, uint32_t keep, const float *x, size_t n)
{
        const hedge_message_t message = { .type = HEDGE_MSG_APPLY, .apply = { TRAIN, step, matrix, BATCH, keep } };
        zmq_msg_t frame = frame_of(x, n);

        fake_coordinator_send(&bed->fake, &message, &frame, 1);
}

static void send_fetch(worker_bed_t *bed, uint32_t matrix)
{
        const hedge_message_t message = { .type = HEDGE_MSG_FETCH, .hold = { TRAIN, matrix, 0, 0 } };

        fake_coordinator_send(&bed->fake, &message, NULL, 0);
}

static void send_leave(worker_bed_t *bed)
{
        fake_coordinator_send(&bed->fake, &(hedge_message_t){ .type = HEDGE_MSG_LEAVE, .leave = { TRAIN } }, NULL, 0);
}

static void expect_product(worker_bed_t *bed, uint64_t step, uint32_t packet, const float *expected, size_t n)
{
        const hedge_msg_product_t *product = &fake_coordinator_expect(&bed->fake, HEDGE_MSG_PRODUCT)->product;

        assert_int_equal(product->job, TRAIN);
        assert_int_equal(product->step, step);
        assert_int_equal(product->packet, packet);
        assert_int_equal(bed->fake.last.n_frames, 1);
        assert_int_equal(zmq_msg_size(&bed->fake.last.frames[0]), n * sizeof(*expected));
        assert_memory_equal(zmq_msg_data(&bed->fake.last.frames[0]), expected, n * sizeof(*expected));
}

static void expect_error(worker_bed_t *bed, int code)
{
        const hedge_msg_error_t *error = &fake_coordinator_expect(&bed->fake, HEDGE_MSG_ERROR)->error;

        if (error->code != code)
                fail_msg("%d, not %d: %s", error->code, code, error->text);
        assert_int_equal(error->job, TRAIN);
        assert_true(strlen(error->text) > 10);
}

static void expect_held(worker_bed_t *bed, uint64_t least, uint64_t most)
{
        const int64_t end_ms = hedge_now_ms() + TEST_PATIENCE_MS;
        uint64_t held;

        do {
                assert_true(hedge_now_ms() < end_ms);
                held = fake_coordinator_ping(&bed->fake)->held_bytes;
        } while (held < least || held > most);
}

/* y (BATCH x rows) = x (BATCH x cols) w^T, plus 0: -0 and 0 are different bytes. */
static void apply(const float *w, uint32_t rows, uint32_t cols, const float *x, float *y)
{
        for (uint32_t b = 0; b < BATCH; b++)
                for (uint32_t i = 0; i < rows; i++) {
                        float sum = 0;

                        for (uint32_t j = 0; j < cols; j++)
                                sum += x[b * cols + j] * w[i * cols + j];
                        y[b * rows + i] = sum + 0.0f;
                }
}

/* Blocks of 2 of the 4 left columns, the second moved by 3 and doubled, the first taken away: rows 0 .. 4. */
static hedge_code_term_t terms[2] = { { 0, 0, -1 }, { 1, 3, 2 } };
static hedge_update_target_t target = { 2, false, 2, 2, 2, terms };

static void send_update(worker_bed_t *bed, uint32_t right_kept, const float *delta, const float *x)
{
        const hedge_message_t message = { .type = HEDGE_MSG_UPDATE,
                                          .update = { .job = TRAIN,
                                                      .step = 4,
                                                      .batch = BATCH,
                                                      .left_cols = 4,
                                                      .right_cols = COLS,
                                                      .right_kept = right_kept,
                                                      .rate = 0.5,
                                                      .decay = 0.25,
                                                      .n_targets = 1,
                                                      .targets = &target } };
        zmq_msg_t frames[2] = { frame_of(delta, BATCH * 4), frame_of(x, BATCH * COLS) };

        if (right_kept)
                zmq_msg_close(&frames[1]);
        fake_coordinator_send(&bed->fake, &message, frames, right_kept ? 1 : 2);
}

static void update(float *w, const float *delta, const float *x)
{
        for (uint32_t i = 0; i < ROWS; i++)
                for (uint32_t j = 0; j < COLS; j++) {
                        float sum = 0;

                        for (uint32_t b = 0; b < BATCH; b++) {
                                const float d = i < 2 ? -delta[b * 4 + i] : i < 3 ? 0 : 2 * delta[b * 4 + i - 1];

                                sum += d * x[b * COLS + j];
                        }
                        w[i * COLS + j] = 0.75f * w[i * COLS + j] - 0.5f * sum + 0.0f;
                }
}

static void matrices_are_applied_and_updated(void **state)
{
        float w[ROWS * COLS], x[BATCH * COLS], delta[BATCH * 4], y[BATCH * ROWS];
        worker_bed_t *bed = *state;

        start(bed, PLAIN);
        expect_held(bed, 0, 0);
        fill(w, ROWS * COLS, 1);
        send_hold(bed, 2, ROWS, COLS, w);
        for (unsigned step = 1; step <= 4; step++) {
                fill(x, BATCH * COLS, step);
                fill(delta, BATCH * 4, step + 100);
                send_apply(bed, step, 2, step % 2 ? 9 : 0, x, BATCH * COLS);
                send_update(bed, step % 2 ? 9 : 0, delta, x);
                send_fetch(bed, 2);
                apply(w, ROWS, COLS, x, y);
                expect_product(bed, step, 2, y, BATCH * ROWS);
                update(w, delta, x);
                expect_product(bed, 0, 2, w, ROWS * COLS);
        }
        expect_held(bed, sizeof(w), 1 << 20);
        send_leave(bed);
        expect_held(bed, 0, 0);
        send_fetch(bed, 2);
        expect_error(bed, -ENOENT);
}

static void products_need_nothing_held(void **state)
{
        const hedge_message_t message = { .type = HEDGE_MSG_MULTIPLY, .multiply = { TRAIN, 3, 77, ROWS, COLS, BATCH } };
        float a[ROWS * COLS], b[COLS * BATCH], c[ROWS * BATCH] = { 0 };
        worker_bed_t *bed = *state;
        zmq_msg_t frames[2];

        start(bed, PLAIN);
        fill(a, ROWS * COLS, 3);
        fill(b, COLS * BATCH, 4);
        for (uint32_t i = 0; i < ROWS; i++)
                for (uint32_t k = 0; k < COLS; k++)
                        for (uint32_t j = 0; j < BATCH; j++)
                                c[i * BATCH + j] += a[i * COLS + k] * b[k * BATCH + j];
        for (int i = 0; i < 3; i++) {
                frames[0] = frame_of(a, ROWS * COLS);
                frames[1] = frame_of(b, COLS * BATCH);
                fake_coordinator_send(&bed->fake, &message, frames, 2);
                expect_product(bed, 3, 77, c, ROWS * BATCH);
                if (i == 1)
                        send_leave(bed);
        }
}

/* Another connection: who knows which updates were lost with the one before. */
static void a_coordinator_started_anew_must_hold_anew(void **state)
{
        float w[ROWS * COLS];
        worker_bed_t *bed = *state;

        fill(w, ROWS * COLS, 1);
        start(bed, PLAIN "reconnect: {max_ms: 300}");
        send_hold(bed, 2, ROWS, COLS, w);
        send_fetch(bed, 2);
        expect_product(bed, 0, 2, w, ROWS * COLS);
        fake_coordinator_close(&bed->fake);
        fake_coordinator_open(&bed->fake, NULL, NULL);
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        send_fetch(bed, 2);
        expect_error(bed, -ENOENT);
        send_hold(bed, 2, ROWS, COLS, w);
        send_fetch(bed, 2);
        expect_product(bed, 0, 2, w, ROWS * COLS);
}

static void hostile_messages_are_answered(void **state)
{
        static const uint32_t large[][2] = { { 1 << 24, 1 << 24 }, { 1 << 24, 1 }, { 65536, 65536 }, { 1, 31 } };
        float w[64];
        worker_bed_t *bed = *state;
        hedge_message_t message;
        zmq_msg_t frames[2];

        fill(w, 64, 1);
        start(bed, PLAIN "memory: {training_bytes: 1M}");
        send_apply(bed, 1, 2, 0, w, BATCH * COLS);
        expect_error(bed, -ENOENT);
        for (unsigned i = 0; i < 4; i++) {
                message = (hedge_message_t){ .type = HEDGE_MSG_HOLD, .hold = { TRAIN, 2, large[i][0], large[i][1] } };
                frames[0] = frame_of(w, 30);
                fake_coordinator_send(&bed->fake, &message, frames, 1);
                expect_error(bed, HEDGE_EMALFORMED);
        }
        message.hold = (hedge_msg_hold_t){ TRAIN, 2, 512, 512 }; /* as much as it may take, and itself */
        assert_int_equal(zmq_msg_init_size(&frames[0], 1 << 20), 0);
        fake_coordinator_send(&bed->fake, &message, frames, 1);
        expect_error(bed, HEDGE_ELIMIT);
        message.hold = (hedge_msg_hold_t){ TRAIN, 2, 1024, 512 };
        assert_int_equal(zmq_msg_init_size(&frames[0], 2 << 20), 0);
        fake_coordinator_send(&bed->fake, &message, frames, 1);
        expect_error(bed, HEDGE_ELIMIT);

        send_hold(bed, 2, ROWS, COLS, w);
        send_apply(bed, 1, 2, 1, w, BATCH * COLS + 1);
        expect_error(bed, HEDGE_EMALFORMED);
        send_apply(bed, 1, 3, 1, w, BATCH * COLS);
        expect_error(bed, -ENOENT);
        send_hold(bed, 1023, 32768, 1, (const float[32768]){ 0 });
        message = (hedge_message_t){ .type = HEDGE_MSG_APPLY, .apply = { TRAIN, 1, 1023, 64, 0 } };
        frames[0] = frame_of(w, 64); /* its product has 8 MiB */
        fake_coordinator_send(&bed->fake, &message, frames, 1);
        expect_error(bed, HEDGE_ELIMIT);
        message = (hedge_message_t){ .type = HEDGE_MSG_MULTIPLY, .multiply = { TRAIN, 1, 1, 64, 1, 1 << 24 } };
        frames[0] = frame_of(w, 64);
        frames[1] = frame_of(w, 64);
        fake_coordinator_send(&bed->fake, &message, frames, 2);
        expect_error(bed, HEDGE_EMALFORMED);

        send_update(bed, 9, w, w); /* nothing is kept there, and so the update is missing */
        expect_error(bed, -ENOENT);
        send_fetch(bed, 2);
        expect_error(bed, -ENOENT);
        send_hold(bed, 2, ROWS, COLS, w); /* and all is well again */
        send_fetch(bed, 2);
        expect_product(bed, 0, 2, w, ROWS * COLS);
}

#define SIDE 1400u /* of matrices whose product takes a good while */

static void heartbeats_do_not_wait_for_products(void **state)
{
        const hedge_message_t message = { .type = HEDGE_MSG_MULTIPLY, .multiply = { TRAIN, 1, 5, SIDE, SIDE, SIDE } };
        float *zeros = calloc((size_t)SIDE * SIDE, sizeof(*zeros));
        worker_bed_t *bed = *state;
        zmq_msg_t frames[2];

        start(bed, PLAIN);
        for (int i = 0; i < 3; i++) {
                frames[0] = frame_of(zeros, (size_t)SIDE * SIDE);
                frames[1] = frame_of(zeros, (size_t)SIDE * SIDE);
                fake_coordinator_send(&bed->fake, &message, frames, 2);
        }
        fake_coordinator_ping(&bed->fake); /* skips products that were there before */
        expect_product(bed, 1, 5, zeros, (size_t)SIDE * SIDE);
        kill(bed->worker.pid, SIGTERM);
        worker_bed_expect_exit(bed, 0, TEST_PATIENCE_MS);
        free(zeros);
}

/* Slow, late or unlucky: as its tasks and gradients. */
static void emulated_boards_take_their_time(void **state)
{
        float w[ROWS * COLS], x[BATCH * COLS], y[BATCH * ROWS];
        worker_bed_t *bed = *state;
        int64_t start_ms;

        fill(w, ROWS * COLS, 1);
        fill(x, BATCH * COLS, 2);
        apply(w, ROWS, COLS, x, y);
        worker_bed_emulate(bed, "boards 1\nboard 0\nmacs_per_s 900\n"); /* 100 ms for each product */
        start(bed, PLAIN);
        send_hold(bed, 2, ROWS, COLS, w);
        start_ms = hedge_now_ms();
        send_apply(bed, 1, 2, 0, x, BATCH * COLS);
        send_apply(bed, 1, 2, 0, x, BATCH * COLS);
        expect_product(bed, 1, 2, y, BATCH * ROWS);
        assert_in_range(bed->fake.last.message.product.compute_us, 100000, 10000000);
        expect_product(bed, 1, 2, y, BATCH * ROWS);
        assert_in_range(hedge_now_ms() - start_ms, 200, 20000);
        worker_bed_emulate(bed, "boards 1\nboard 0\nfixed 1 150\n");
        start_ms = hedge_now_ms();
        send_apply(bed, 2, 2, 0, x, BATCH * COLS);
        expect_product(bed, 2, 2, y, BATCH * ROWS);
        assert_in_range(hedge_now_ms() - start_ms, 150, 20000);
        worker_bed_emulate(bed, "boards 1\nboard 0\nfailing 1\n");
        send_apply(bed, 3, 2, 0, x, BATCH * COLS);
        expect_error(bed, HEDGE_EKERNEL);
        worker_bed_emulate(bed, "boards 1\nboard 0\nsilent 1\n");
        send_apply(bed, 4, 2, 0, x, BATCH * COLS);
        send_fetch(bed, 2);
        expect_product(bed, 0, 2, w, ROWS * COLS);
        worker_bed_emulate(bed, "boards 1\nboard 0\n");
        send_apply(bed, 5, 2, 0, x, BATCH * COLS);
        expect_product(bed, 5, 2, y, BATCH * ROWS);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, worker_bed_set_up, worker_bed_tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(matrices_are_applied_and_updated),          TEST(products_need_nothing_held),
                TEST(a_coordinator_started_anew_must_hold_anew), TEST(hostile_messages_are_answered),
                TEST(heartbeats_do_not_wait_for_products),       TEST(emulated_boards_take_their_time),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

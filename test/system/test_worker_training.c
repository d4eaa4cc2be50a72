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
#include <time.h>

#include <cmocka.h>

#include "common/clock.h"
#include "test/system/worker_bed.h"
#include "test/unit/training_cases.h"

/* The real hedge-worker takes part in a training. The test is the coordinator. */
#define TRAIN 7u

static void start(worker_bed_t *bed, const char *more)
{
        worker_bed_start(bed, more);
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
}

static uint32_t join(worker_bed_t *bed, const hedge_msg_join_t *terms)
{
        const hedge_message_t message = { .type = HEDGE_MSG_JOIN, .join = *terms };
        const hedge_message_t *answer;

        fake_coordinator_send(&bed->fake, &message, NULL, 0);
        answer = fake_coordinator_expect(&bed->fake, HEDGE_MSG_JOINED);
        assert_int_equal(answer->joined.job, terms->job);
        return answer->joined.n_held;
}

static void leave(worker_bed_t *bed, uint64_t train)
{
        const hedge_message_t message = { .type = HEDGE_MSG_LEAVE, .leave = { train } };

        fake_coordinator_send(&bed->fake, &message, NULL, 0);
}

static hedge_digest_t give_data(worker_bed_t *bed, uint64_t train, const hedge_dataset_t *data)
{
        zmq_msg_t frames[2];
        const hedge_message_t message = case_shard_message(train, data, frames);
        const hedge_message_t *answer;

        fake_coordinator_send(&bed->fake, &message, frames, 2);
        answer = fake_coordinator_expect(&bed->fake, HEDGE_MSG_SHARD_OK);
        assert_int_equal(answer->shard.job, train);
        assert_memory_equal(&answer->shard.digest, &message.shard.digest, sizeof(hedge_digest_t));
        return message.shard.digest;
}

static void send_step(worker_bed_t *bed, uint64_t step, const hedge_digest_t *shard, uint64_t taken, bool whole,
                      zmq_msg_t *frame)
{
        const hedge_message_t message = {
                .type = HEDGE_MSG_STEP,
                .step = { .job = TRAIN,
                          .step = step,
                          .digest = *shard,
                          .draw = step - 1,
                          .whole = whole,
                          .taken = taken },
        };

        fake_coordinator_send(&bed->fake, &message, frame, frame ? 1 : 0);
}

static const hedge_msg_gradient_t *expect_gradient(worker_bed_t *bed, uint64_t step)
{
        const hedge_message_t *message = fake_coordinator_expect(&bed->fake, HEDGE_MSG_GRADIENT);

        assert_int_equal(message->gradient.job, TRAIN);
        assert_int_equal(message->gradient.step, step);
        return &message->gradient;
}

static void expect_error(worker_bed_t *bed, int code, uint64_t train, const hedge_digest_t *shard)
{
        const hedge_digest_t none = { { 0 } };
        const hedge_msg_error_t *error = &fake_coordinator_expect(&bed->fake, HEDGE_MSG_ERROR)->error;

        if (error->code != code)
                fail_msg("%d, not %d: %s", error->code, code, error->text);
        assert_int_equal(error->job, train);
        assert_int_equal(error->about, 0);
        assert_memory_equal(&error->digest, shard ? shard : &none, sizeof(none));
        assert_true(strlen(error->text) > 10);
}

/* As a coordinator does it: decode, step, send the update in few bits and add what was sent. */
static void follow(model_t *m, const hedge_sgd_t *sgd, uint64_t step, zmq_msg_t *gradient, float *momentum,
                   zmq_msg_t *ret_update)
{
        const hedge_co3_options_t options = { .format = HEDGE_CO3_FP16, .compress = true };

        memset(m->gradient, 0, m->net->n_params * sizeof(float));
        assert_int_equal(hedge_co3_decode(m->co3, zmq_msg_data(gradient), zmq_msg_size(gradient), 1, m->gradient, NULL),
                         0);
        hedge_sgd_update(sgd, m->net, step, m->params, m->gradient, momentum, m->gradient);
        assert_int_equal(hedge_co3_encode(m->co3, &options, m->gradient, NULL, m->bytes, &m->size, NULL, NULL), 0);
        assert_int_equal(hedge_co3_decode(m->co3, m->bytes, m->size, 1, m->params, NULL), 0);
        case_frame(ret_update, m->bytes, m->size);
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

static void learns(void **state)
{
        const hedge_sgd_t sgd = { .rate = 0.1f, .momentum = 0.9f };
        const hedge_msg_join_t terms = CASE_JOIN(TRAIN, case_mlp);
        worker_bed_t *bed = *state;
        double first = 0, last = 0;
        hedge_digest_t digests[2];
        float *momentum;
        zmq_msg_t frame;
        model_t m;

        model_open(&m, &terms);
        momentum = calloc(m.net->n_params, sizeof(float));
        start(bed, PLAIN);
        assert_int_equal(join(bed, &terms), 0);
        for (unsigned i = 0; i < 2; i++)
                digests[i] = give_data(bed, TRAIN, m.shards[i]);
        expect_held(bed, (size_t)2 * IMAGES * SIDE * SIDE, UINT64_MAX);
        model_whole(&m, &frame);
        for (uint64_t step = 1; step <= 60; step++) {
                const hedge_msg_gradient_t *gradient;

                send_step(bed, step, &digests[step % 2], step - 1, step == 1, &frame);
                gradient = expect_gradient(bed, step);
                assert_int_equal(gradient->images, BATCH);
                first += step <= 10 ? gradient->loss / 10 : 0;
                last += step > 50 ? gradient->loss / 10 : 0;
                follow(&m, &sgd, step - 1, &bed->fake.last.frames[0], momentum, &frame);
        }
        print_message("loss %.3f to %.3f\n", first, last);
        assert_true(last < first / 3);
        zmq_msg_close(&frame);
        leave(bed, TRAIN);
        expect_held(bed, 0, 0);
        free(momentum);
        model_close(&m);
}

/* What it has survives the coordinator, and the connection. */
static void a_coordinator_started_anew_finds_the_shards(void **state)
{
        const hedge_msg_join_t terms = CASE_JOIN(TRAIN, case_conv);
        worker_bed_t *bed = *state;
        hedge_digest_t digest;
        zmq_msg_t frame;
        model_t m;

        model_open(&m, &terms);
        start(bed, PLAIN "reconnect: {max_ms: 300}");
        assert_int_equal(join(bed, &terms), 0);
        digest = give_data(bed, TRAIN, m.shards[0]);
        model_whole(&m, &frame);
        send_step(bed, 1, &digest, 0, true, &frame);
        assert_int_equal(expect_gradient(bed, 1)->images, BATCH); /* and that is the end of it */
        fake_coordinator_close(&bed->fake);
        fake_coordinator_open(&bed->fake, NULL, NULL);
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        assert_int_equal(join(bed, &terms), 1);
        assert_memory_equal(&bed->fake.last.message.joined.held[0], &digest, sizeof(digest));
        send_step(bed, 2, &digest, 0, false, NULL); /* it has to say where the parameters are now */
        expect_error(bed, -ESTALE, TRAIN, NULL);
        /* the gradient of step 1 counted to nothing, and needs no time to be sent again */
        model_step(&m, 0, 0);
        model_repeat(&m);
        model_whole(&m, &frame);
        send_step(bed, 2, &digest, 0, true, &frame);
        assert_int_equal(expect_gradient(bed, 2)->images, 0);
        assert_int_equal(zmq_msg_size(&bed->fake.last.frames[0]), m.size);
        assert_memory_equal(zmq_msg_data(&bed->fake.last.frames[0]), m.bytes, m.size);
        model_close(&m);
}

static void a_lost_connection_voids_steps(void **state)
{
        const hedge_msg_join_t terms = CASE_JOIN(TRAIN, case_conv);
        worker_bed_t *bed = *state;
        hedge_digest_t digest;
        zmq_msg_t frame;
        model_t m;

        model_open(&m, &terms);
        worker_bed_emulate(bed, "boards 1\nboard 0\nmacs_per_s 1\n");
        start(bed, PLAIN "reconnect: {max_ms: 300}");
        join(bed, &terms);
        digest = give_data(bed, TRAIN, m.shards[0]);
        model_whole(&m, &frame);
        send_step(bed, 1, &digest, 0, true, &frame);
        assert_int_equal(fake_coordinator_ping(&bed->fake)->queued, 1);
        fake_coordinator_close(&bed->fake);
        fake_coordinator_open(&bed->fake, NULL, NULL);
        bed->fake.incarnation -= 1000; /* the same coordinator: only what was on its way is lost */
        fake_coordinator_welcome(&bed->fake, HEARTBEAT, NULL);
        assert_int_equal(fake_coordinator_ping(&bed->fake)->queued, 0);
        assert_int_equal(join(bed, &terms), 1);
        model_close(&m);
}

static void hostile_messages_are_answered(void **state)
{
        const hedge_msg_join_t terms = CASE_JOIN(TRAIN, case_mlp);
        const hedge_digest_t other = { { 5 } };
        hedge_message_t message;
        worker_bed_t *bed = *state;
        zmq_msg_t frames[2];
        hedge_digest_t digest;
        hedge_msg_join_t bad;
        model_t m;

        model_open(&m, &terms);
        start(bed, PLAIN "memory: {training_bytes: 1M}");
        send_step(bed, 1, &other, 0, false, NULL);
        expect_error(bed, -ENOENT, TRAIN, NULL);
        bad = terms;
        bad.batch = 65536;
        message = (hedge_message_t){ .type = HEDGE_MSG_JOIN, .join = bad };
        fake_coordinator_send(&bed->fake, &message, NULL, 0);
        expect_error(bed, HEDGE_ELIMIT, TRAIN, NULL);
        assert_int_equal(join(bed, &terms), 0);
        digest = give_data(bed, TRAIN, m.shards[0]);

        message = case_shard_message(TRAIN, m.shards[1], frames);
        message.shard.digest = other;
        fake_coordinator_send(&bed->fake, &message, frames, 2);
        expect_error(bed, HEDGE_EMALFORMED, TRAIN, &other);
        message = case_shard_message(TRAIN, m.shards[1], frames);
        message.shard.count = 1000000000;
        fake_coordinator_send(&bed->fake, &message, frames, 2);
        expect_error(bed, HEDGE_ELIMIT, TRAIN, &message.shard.digest);
        case_frame(&frames[0], NULL, 0);
        assert_int_equal(zmq_msg_init_size(&frames[1], 2 << 20), 0); /* more than it may take, even if it waits only */
        message.shard.count = 2;
        fake_coordinator_send(&bed->fake, &message, frames, 2);
        expect_error(bed, HEDGE_ELIMIT, TRAIN, &message.shard.digest);

        case_frame(&frames[0], "\1\0no gradient", 13);
        send_step(bed, 1, &digest, 0, true, &frames[0]);
        expect_error(bed, HEDGE_EMALFORMED, TRAIN, NULL);
        model_whole(&m, &frames[0]);
        send_step(bed, 1, &other, 0, true, &frames[0]);
        expect_error(bed, HEDGE_ENOSHARE, TRAIN, &other);
        for (int i = 0; i < 200; i++) /* fewer than a socket queues; nobody listens meanwhile */
                send_step(bed, 1, &digest, 0, false, NULL);
        for (int i = 0; i < 200; i++)
                assert_int_equal(fake_coordinator_expect(&bed->fake, HEDGE_MSG_ERROR)->error.job, TRAIN);
        model_whole(&m, &frames[0]);
        send_step(bed, 1, &digest, 0, true, &frames[0]);
        assert_int_equal(expect_gradient(bed, 1)->images, BATCH);
        model_close(&m);
}

/* 600 thousand million multiply-accumulates: seconds. */
static const hedge_train_layer_t heavy[] = {
        { .kind = "conv", .units = 256, .kernel = 7, .pad = 3 },
        { .kind = "conv", .units = 256, .kernel = 7, .pad = 3 },
        { .kind = "global_average_pool" },
        { .kind = "flatten" },
        { .kind = "dense", .units = CLASSES },
};
#define MANY 1000u

static void start_heavy_step(worker_bed_t *bed)
{
        hedge_msg_join_t terms = CASE_JOIN(TRAIN, heavy);
        static uint8_t pixels[MANY * SIDE * SIDE], labels[MANY];
        const hedge_dataset_t data = { { SIDE, SIDE, 1, false }, CLASSES, MANY, pixels, labels };
        hedge_digest_t digest;
        zmq_msg_t frame;
        long cpu_ms;
        model_t m;

        model_open(&m, &terms); /* of its parameters; it computes nothing */
        terms.batch = MANY;
        join(bed, &terms);
        digest = give_data(bed, TRAIN, &data);
        model_whole(&m, &frame);
        model_close(&m);
        send_step(bed, 1, &digest, 0, true, &frame);
        cpu_ms = test_process_cpu_ms(&bed->worker);
        while (test_process_cpu_ms(&bed->worker) - cpu_ms < 300)
                assert_int_equal(fake_coordinator_ping(&bed->fake)->queued, 1);
}

static void stops_within_a_second_in_the_middle_of_a_step(void **state)
{
        const int second_ms = getenv("HEDGE_TEST_SANITIZED") ? 10000 : 1000; /* TSan sleeps before every exit */
        worker_bed_t *bed = *state;
        int64_t start_ms;

        start(bed, PLAIN);
        start_heavy_step(bed);
        start_ms = hedge_now_ms();
        kill(bed->worker.pid, SIGTERM);
        fake_coordinator_expect(&bed->fake, HEDGE_MSG_BYE);
        worker_bed_expect_exit(bed, 0, TEST_PATIENCE_MS);
        assert_in_range(hedge_now_ms() - start_ms, 0, second_ms);
        assert_true(test_process_said(&bed->worker, "still computing"));
}

/* A step that takes hours keeps no task waiting, nor the end. */
static void serves_tasks_while_it_trains(void **state)
{
        const int second_ms = getenv("HEDGE_TEST_SANITIZED") ? 10000 : 1000;
        const hedge_msg_join_t terms = CASE_JOIN(TRAIN, case_conv);
        worker_bed_t *bed = *state;
        hedge_digest_t digest;
        zmq_msg_t frame;
        int64_t start_ms;
        model_t m;

        model_open(&m, &terms);
        worker_bed_emulate(bed, "boards 1\nboard 0\nmacs_per_s 1\n");
        start(bed, PLAIN);
        join(bed, &terms);
        digest = give_data(bed, TRAIN, m.shards[0]);
        worker_bed_give_share(bed, 1);
        model_whole(&m, &frame);
        send_step(bed, 1, &digest, 0, true, &frame);
        assert_int_equal(fake_coordinator_ping(&bed->fake)->queued, 1); /* the step's fate is drawn */
        worker_bed_emulate(bed, "boards 1\nboard 0\nmacs_per_s 1e9\n");
        worker_bed_give_task(bed, 1);
        for (int i = 0; i < 4; i++)
                worker_bed_expect_part(bed, 1, 1, worker_bed_parts[i]);
        worker_bed_expect_last(bed, 1);
        worker_bed_expect_queue(bed, 1);
        start_ms = hedge_now_ms();
        kill(bed->worker.pid, SIGTERM);
        worker_bed_expect_exit(bed, 0, TEST_PATIENCE_MS);
        assert_in_range(hedge_now_ms() - start_ms, 0, second_ms);
        assert_false(test_process_said(&bed->worker, "still computing"));
        model_close(&m);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, worker_bed_set_up, worker_bed_tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(learns),
                TEST(a_coordinator_started_anew_finds_the_shards),
                TEST(a_lost_connection_voids_steps),
                TEST(hostile_messages_are_answered),
                TEST(stops_within_a_second_in_the_middle_of_a_step),
                TEST(serves_tasks_while_it_trains),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_TRAINING_BED_H
#define HEDGE_TEST_TRAINING_BED_H

#include <poll.h>

#include "test/unit/training_cases.h"

#include "common/clock.h"
#include "worker/emulate/emulate.h"
#include "worker/train/training.h"

/** A board's part in a training, told by a test what a coordinator would, and the model of what it should answer. */
#define PATIENCE_S 60
#define PLENTY     (UINT64_C(64) << 20)

typedef struct fixture {
        hedgew_training_t *training;
        hedgew_emulate_t *emulate;
        model_t model;
} fixture_t;

static inline void open_all(fixture_t *f, uint64_t bytes_max, double macs_per_s, const hedge_msg_join_t *join)
{
        hedgew_training_settings_t settings = { .bytes_max = bytes_max };

        memset(f, 0, sizeof(*f));
        model_open(&f->model, join);
        if (macs_per_s > 0)
                assert_int_equal(hedgew_emulate_new(NULL, macs_per_s, &f->emulate), 0);
        settings.emulate = f->emulate;
        assert_int_equal(hedgew_training_new(&settings, &f->training), 0);
}

static inline void close_all(fixture_t *f)
{
        assert_int_equal(hedgew_training_end(f->training, PATIENCE_S * 1000), 0);
        hedgew_training_destroy(&f->training);
        assert_null(f->training);
        hedgew_emulate_destroy(&f->emulate);
        model_close(&f->model);
}

/* As hedge_link_receive hands it over: the frames in an array of the envelope's own. */
static inline void tell(fixture_t *f, const hedge_message_t *message, zmq_msg_t *frames, uint32_t n_frames)
{
        hedge_envelope_t envelope = { .message = *message, .n_frames = n_frames };

        envelope.frames = calloc(n_frames + 1, sizeof(*frames));
        for (uint32_t i = 0; i < n_frames; i++) {
                zmq_msg_init(&envelope.frames[i]);
                zmq_msg_move(&envelope.frames[i], &frames[i]);
        }
        hedgew_training_message(f->training, &envelope);
        hedge_envelope_release(&envelope);
}

static inline void tell_join(fixture_t *f, const hedge_msg_join_t *join)
{
        tell(f, &(hedge_message_t){ .type = HEDGE_MSG_JOIN, .join = *join }, NULL, 0);
}

static inline void tell_leave(fixture_t *f, uint64_t job)
{
        tell(f, &(hedge_message_t){ .type = HEDGE_MSG_LEAVE, .leave = { job } }, NULL, 0);
}

static inline void tell_shard(fixture_t *f, uint64_t job, unsigned i)
{
        zmq_msg_t frames[2];
        hedge_message_t message = case_shard_message(job, f->model.shards[i], frames);

        tell(f, &message, frames, 2);
}

static inline hedgew_training_report_t *next_report(fixture_t *f)
{
        struct pollfd wait = { .fd = hedgew_training_fd(f->training), .events = POLLIN };
        const int64_t end_ms = hedge_now_ms() + PATIENCE_S * 1000;
        hedgew_training_report_t *report;

        while (!(report = hedgew_training_report(f->training))) {
                if (hedge_now_ms() > end_ms)
                        fail_msg("nothing is reported");
                poll(&wait, 1, 1000);
        }
        return report;
}

static inline const hedge_message_t *expect(fixture_t *f, hedge_message_type_t type)
{
        const hedgew_training_report_t *report = next_report(f);

        if (report->message.type != type)
                fail_msg("%s, not %s: %s", hedge_message_name(report->message.type), hedge_message_name(type),
                         report->message.type == HEDGE_MSG_ERROR ? report->message.error.text : "");
        return &report->message;
}

static inline void done(fixture_t *f)
{
        hedgew_training_reported(f->training);
}

static inline void expect_error(fixture_t *f, int code, uint64_t job, const hedge_digest_t *shard)
{
        const hedge_digest_t none = { { 0 } };
        const hedge_msg_error_t *error = &expect(f, HEDGE_MSG_ERROR)->error;

        if (error->code != code)
                fail_msg("%d, not %d: %s", error->code, code, error->text);
        assert_int_equal(error->job, job);
        assert_memory_equal(&error->digest, shard ? shard : &none, sizeof(none));
        assert_true(strlen(error->text) > 10);
        done(f);
}

static inline void join(fixture_t *f, const hedge_msg_join_t *terms, uint32_t held)
{
        const hedge_message_t *message;

        tell_join(f, terms);
        message = expect(f, HEDGE_MSG_JOINED);
        assert_int_equal(message->joined.job, terms->job);
        assert_int_equal(message->joined.n_held, held);
        done(f);
}

static inline void give_shard(fixture_t *f, uint64_t job, unsigned i)
{
        const hedge_digest_t digest = case_digest(f->model.shards[i]);
        const hedge_message_t *message;

        tell_shard(f, job, i);
        message = expect(f, HEDGE_MSG_SHARD_OK);
        assert_int_equal(message->shard.job, job);
        assert_memory_equal(&message->shard.digest, &digest, sizeof(digest));
        done(f);
}

static inline hedge_message_t step_message(const fixture_t *f, uint64_t job, uint64_t step, unsigned shard,
                                           uint64_t taken)
{
        return (hedge_message_t){
                .type = HEDGE_MSG_STEP,
                .step = { .job = job,
                          .step = step,
                          .digest = case_digest(f->model.shards[shard]),
                          .draw = 3 * step,
                          .taken = taken },
        };
}

/* A STEP with everything, or with so many updates. */
static inline void tell_step(fixture_t *f, uint64_t step, unsigned shard, uint64_t taken, int updates)
{
        hedge_message_t message = step_message(f, 1, step, shard, taken);
        zmq_msg_t frames[HEDGE_STEP_UPDATES];
        const uint32_t n = updates < 0 ? 1 : (uint32_t)updates;

        message.step.whole = updates < 0;
        if (updates < 0)
                model_whole(&f->model, &frames[0]);
        for (int i = 0; i < updates; i++)
                model_update(&f->model, step * 100 + (unsigned)i, &frames[i]);
        tell(f, &message, frames, n);
}

#define WHOLE (-1)

/* What it sends is what the model says, bit for bit. */
static inline void expect_gradient(fixture_t *f, uint64_t step, bool fresh)
{
        model_t *m = &f->model;
        hedgew_training_report_t *report;
        const hedge_msg_gradient_t *gradient = &expect(f, HEDGE_MSG_GRADIENT)->gradient;
        const bool statistics = fresh && m->net->n_state;

        report = next_report(f);
        assert_int_equal(gradient->job, 1);
        assert_int_equal(gradient->step, step);
        assert_int_equal(gradient->images, fresh ? BATCH : 0);
        assert_int_equal(report->n_frames, statistics ? 2 : 1);
        assert_int_equal(zmq_msg_size(&report->frames[0]), m->size);
        assert_memory_equal(zmq_msg_data(&report->frames[0]), m->bytes, m->size);
        if (statistics) {
                assert_int_equal(zmq_msg_size(&report->frames[1]), m->net->n_state * sizeof(float));
                assert_memory_equal(zmq_msg_data(&report->frames[1]), m->statistics, m->net->n_state * sizeof(float));
        }
        if (fresh) {
                assert_true(gradient->loss == m->score.loss);
                assert_int_equal(gradient->correct, m->score.correct);
        }
        done(f);
}

/* A step that all goes well with. */
static inline void do_step(fixture_t *f, uint64_t step, unsigned shard, uint64_t taken, int updates)
{
        tell_step(f, step, shard, taken, updates);
        model_step(&f->model, shard, 3 * step);
        expect_gradient(f, step, true);
}

static inline hedgew_training_status_t status_of(fixture_t *f)
{
        hedgew_training_status_t status;

        hedgew_training_status(f->training, &status);
        return status;
}

static inline void start(fixture_t *f, const hedge_msg_join_t *terms)
{
        open_all(f, PLENTY, 0, terms);
        join(f, terms, 0);
        give_shard(f, terms->job, 0);
        give_shard(f, terms->job, 1);
}

#endif

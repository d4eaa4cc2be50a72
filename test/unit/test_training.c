/* SPDX-License-Identifier: Apache-2.0 */
/* A board's part in a training, with its thread, against the libraries used directly. */
#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "test/unit/training_cases.h"

#include "common/clock.h"
#include "worker/emulate.h"
#include "worker/training.h"

#define PATIENCE_S 60
#define PLENTY     (UINT64_C(64) << 20)

typedef struct fixture {
        hedge_training_t *training;
        hedge_emulate_t *emulate;
        model_t model;
} fixture_t;

static void open_all(fixture_t *f, uint64_t bytes_max, double macs_per_s, const hedge_msg_join_t *join)
{
        hedge_training_settings_t settings = { .bytes_max = bytes_max };

        memset(f, 0, sizeof(*f));
        model_open(&f->model, join);
        if (macs_per_s > 0)
                assert_int_equal(hedge_emulate_new(NULL, macs_per_s, &f->emulate), 0);
        settings.emulate = f->emulate;
        assert_int_equal(hedge_training_new(&settings, &f->training), 0);
}

static void close_all(fixture_t *f)
{
        assert_int_equal(hedge_training_end(f->training, PATIENCE_S * 1000), 0);
        hedge_training_destroy(&f->training);
        assert_null(f->training);
        hedge_emulate_destroy(&f->emulate);
        model_close(&f->model);
}

/* As hedge_link_receive hands it over: the frames in an array of the envelope's own. */
static void tell(fixture_t *f, const hedge_message_t *message, zmq_msg_t *frames, uint32_t n_frames)
{
        hedge_envelope_t envelope = { .message = *message, .n_frames = n_frames };

        envelope.frames = calloc(n_frames + 1, sizeof(*frames));
        for (uint32_t i = 0; i < n_frames; i++) {
                zmq_msg_init(&envelope.frames[i]);
                zmq_msg_move(&envelope.frames[i], &frames[i]);
        }
        hedge_training_message(f->training, &envelope);
        hedge_envelope_release(&envelope);
}

static void tell_join(fixture_t *f, const hedge_msg_join_t *join)
{
        tell(f, &(hedge_message_t){ .type = HEDGE_MSG_JOIN, .join = *join }, NULL, 0);
}

static void tell_leave(fixture_t *f, uint64_t train)
{
        tell(f, &(hedge_message_t){ .type = HEDGE_MSG_LEAVE, .leave = { train } }, NULL, 0);
}

static void tell_shard(fixture_t *f, uint64_t train, unsigned i)
{
        zmq_msg_t frames[2];
        hedge_message_t message = case_shard_message(train, f->model.shards[i], frames);

        tell(f, &message, frames, 2);
}

static hedge_training_report_t *next_report(fixture_t *f)
{
        struct pollfd wait = { .fd = hedge_training_fd(f->training), .events = POLLIN };
        const int64_t end_ms = hedge_now_ms() + PATIENCE_S * 1000;
        hedge_training_report_t *report;

        while (!(report = hedge_training_report(f->training))) {
                if (hedge_now_ms() > end_ms)
                        fail_msg("nothing is reported");
                poll(&wait, 1, 1000);
        }
        return report;
}

static const hedge_message_t *expect(fixture_t *f, hedge_message_type_t type)
{
        const hedge_training_report_t *report = next_report(f);

        if (report->message.type != type)
                fail_msg("%s, not %s: %s", hedge_message_name(report->message.type), hedge_message_name(type),
                         report->message.type == HEDGE_MSG_ERROR ? report->message.error.text : "");
        return &report->message;
}

static void done(fixture_t *f)
{
        hedge_training_reported(f->training);
}

static void expect_error(fixture_t *f, int code, uint64_t train, const hedge_digest_t *shard)
{
        const hedge_digest_t none = { { 0 } };
        const hedge_msg_error_t *error = &expect(f, HEDGE_MSG_ERROR)->error;

        if (error->code != code)
                fail_msg("%d, not %d: %s", error->code, code, error->text);
        assert_int_equal(error->train, train);
        assert_memory_equal(&error->digest, shard ? shard : &none, sizeof(none));
        assert_true(strlen(error->text) > 10);
        done(f);
}

static void join(fixture_t *f, const hedge_msg_join_t *terms, uint32_t held)
{
        const hedge_message_t *message;

        tell_join(f, terms);
        message = expect(f, HEDGE_MSG_JOINED);
        assert_int_equal(message->joined.train, terms->train);
        assert_int_equal(message->joined.n_held, held);
        done(f);
}

static void give_shard(fixture_t *f, uint64_t train, unsigned i)
{
        const hedge_digest_t digest = case_digest(f->model.shards[i]);
        const hedge_message_t *message;

        tell_shard(f, train, i);
        message = expect(f, HEDGE_MSG_SHARD_OK);
        assert_int_equal(message->shard.train, train);
        assert_memory_equal(&message->shard.digest, &digest, sizeof(digest));
        done(f);
}

static hedge_message_t step_message(const fixture_t *f, uint64_t train, uint64_t step, unsigned shard, uint64_t taken)
{
        return (hedge_message_t){
                .type = HEDGE_MSG_STEP,
                .step = { .train = train,
                          .step = step,
                          .digest = case_digest(f->model.shards[shard]),
                          .draw = 3 * step,
                          .taken = taken },
        };
}

/* A STEP with everything, or with so many updates. */
static void tell_step(fixture_t *f, uint64_t step, unsigned shard, uint64_t taken, int updates)
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
static void expect_gradient(fixture_t *f, uint64_t step, bool fresh)
{
        model_t *m = &f->model;
        hedge_training_report_t *report;
        const hedge_msg_gradient_t *gradient = &expect(f, HEDGE_MSG_GRADIENT)->gradient;
        const bool statistics = fresh && m->net->n_state;

        report = next_report(f);
        assert_int_equal(gradient->train, 1);
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
static void do_step(fixture_t *f, uint64_t step, unsigned shard, uint64_t taken, int updates)
{
        tell_step(f, step, shard, taken, updates);
        model_step(&f->model, shard, 3 * step);
        expect_gradient(f, step, true);
}

static hedge_training_status_t status_of(fixture_t *f)
{
        hedge_training_status_t status;

        hedge_training_status(f->training, &status);
        return status;
}

static void start(fixture_t *f, const hedge_msg_join_t *terms)
{
        open_all(f, PLENTY, 0, terms);
        join(f, terms, 0);
        give_shard(f, terms->train, 0);
        give_shard(f, terms->train, 1);
}

static void steps_are_what_the_libraries_compute(void **state)
{
        const hedge_msg_join_t terms[] = { CASE_JOIN(1, case_conv), CASE_JOIN(1, case_mlp) };
        const char *const formats[] = { "fp8", "fp4", "fp32", "topk", "fp16" };
        fixture_t f;

        for (unsigned i = 0; i < 5; i++) {
                hedge_msg_join_t join = terms[i % 2];

                snprintf(join.format, sizeof(join.format), "%s", formats[i]);
                join.max_bits = i == 3 ? 2 : 0;
                start(&f, &join);
                do_step(&f, 1, 0, 0, WHOLE);
                do_step(&f, 2, 1, 1, 1);
                do_step(&f, 3, 0, 2, HEDGE_STEP_UPDATES);
                do_step(&f, 4, 0, 3, 0);
                do_step(&f, 9, 1, 4, WHOLE);
                assert_int_equal(status_of(&f).train, 1);
                assert_int_equal(status_of(&f).steps, 5);
                assert_int_equal(status_of(&f).queued, 0);
                close_all(&f);
        }
}

/* Two that came too late, one after the other, are both in what is sent then. */
static void what_did_not_count_comes_back(void **state)
{
        const hedge_msg_join_t terms = CASE_JOIN(1, case_conv);
        fixture_t f;

        start(&f, &terms);
        do_step(&f, 1, 0, 0, WHOLE);
        do_step(&f, 2, 0, 1, 1);
        tell_step(&f, 3, 0, 1, 1); /* 2 did not count */
        model_repeat(&f.model);
        expect_gradient(&f, 3, false);
        tell_step(&f, 4, 0, 1, 1); /* nor did 3, which held 2 */
        model_repeat(&f.model);
        expect_gradient(&f, 4, false);
        do_step(&f, 5, 0, 4, 2);
        do_step(&f, 6, 1, 5, 0);
        close_all(&f);
}

static void without_memory_it_computes_anew(void **state)
{
        hedge_msg_join_t terms = CASE_JOIN(1, case_conv);
        fixture_t f;

        terms.gamma = 0;
        start(&f, &terms);
        do_step(&f, 1, 0, 0, WHOLE);
        do_step(&f, 2, 0, 0, 1);
        do_step(&f, 3, 1, 0, 1);
        close_all(&f);
}

/* A connection that breaks takes the answer along; the gradient stays. */
static void a_forgotten_gradient_is_not_lost(void **state)
{
        hedge_msg_join_t terms = CASE_JOIN(1, case_mlp);
        fixture_t f;

        start(&f, &terms);
        do_step(&f, 1, 0, 0, WHOLE);
        tell_step(&f, 2, 1, 1, 1);
        model_step(&f.model, 1, 6);
        expect(&f, HEDGE_MSG_GRADIENT); /* it is there, but does not get out */
        hedge_training_forget(f.training);
        assert_null(hedge_training_report(f.training));
        tell_step(&f, 3, 0, 1, 1);
        expect_error(&f, -ESTALE, 1, NULL);
        join(&f, &terms, 2);
        tell_step(&f, 3, 0, 1, 1);
        expect_error(&f, -ESTALE, 1, NULL);
        tell_step(&f, 3, 0, 1, WHOLE);
        model_repeat(&f.model);
        expect_gradient(&f, 3, false);
        do_step(&f, 4, 0, 3, 1);
        close_all(&f);
}

static void a_report_stays_until_it_is_sent(void **state)
{
        hedge_msg_join_t terms = CASE_JOIN(1, case_conv);
        fixture_t f;

        start(&f, &terms);
        tell_step(&f, 1, 0, 0, WHOLE);
        model_step(&f.model, 0, 3);
        for (int i = 0; i < 3; i++) { /* as hedge_link_send does, whether or not it was sent */
                hedge_training_report_t *report = next_report(&f);

                zmq_msg_close(&report->frames[0]);
                zmq_msg_close(&report->frames[1]);
                zmq_msg_init(&report->frames[0]);
                zmq_msg_init(&report->frames[1]);
                assert_int_equal(status_of(&f).queued, 1);
        }
        expect_gradient(&f, 1, true);
        assert_int_equal(status_of(&f).queued, 0);
        close_all(&f);
}

/* ---- identity ---- */

static void the_same_training_keeps_what_it_has(void **state)
{
        hedge_msg_join_t terms = CASE_JOIN(1, case_conv);
        hedge_digest_t digests[2];
        const hedge_message_t *message;
        fixture_t f;

        start(&f, &terms);
        do_step(&f, 1, 0, 0, WHOLE);
        tell_join(&f, &terms);
        message = expect(&f, HEDGE_MSG_JOINED);
        assert_int_equal(message->joined.n_held, 2);
        for (unsigned i = 0; i < 2; i++)
                digests[i] = case_digest(f.model.shards[i]);
        assert_memory_equal(&message->joined.held[0], &digests[1], sizeof(digests[0]));
        assert_memory_equal(&message->joined.held[1], &digests[0], sizeof(digests[0]));
        done(&f);
        do_step(&f, 2, 1, 1, WHOLE); /* with the error memory of step 1 */
        terms.train = 9;             /* another coordinator may count anew */
        join(&f, &terms, 2);
        tell_shard(&f, 1, 2);
        expect_error(&f, -ENOENT, 1, NULL);
        give_shard(&f, 9, 2);
        give_shard(&f, 9, 2); /* again: nothing happens */
        join(&f, &terms, 3);
        close_all(&f);
}

/* Also one that says it is the same, but is not. */
static void another_training_begins_anew(void **state)
{
        const hedge_msg_join_t terms = CASE_JOIN(1, case_conv);
        hedge_msg_join_t others[4];
        hedge_digest_t first;
        fixture_t f;

        for (unsigned i = 0; i < 4; i++)
                others[i] = CASE_JOIN(1, case_conv);
        others[0].identity.bytes[15] = 1;
        others[1].batch = 2 * BATCH;
        others[2].layers = (hedge_train_layer_t *)(uintptr_t)case_mlp;
        others[2].n_layers = sizeof(case_mlp) / sizeof(case_mlp[0]);
        others[3].image_h = 2 * SIDE;
        for (unsigned i = 0; i < 4; i++) {
                start(&f, &terms);
                do_step(&f, 1, 0, 0, WHOLE);
                join(&f, &others[i], 0);
                tell_step(&f, 2, 0, 1, 0);
                first = case_digest(f.model.shards[0]);
                expect_error(&f, HEDGE_ENOSHARE, 1, &first);
                close_all(&f);
        }
}

static int threads(void)
{
        DIR *dir = opendir("/proc/self/task");
        int n = 0;

        assert_non_null(dir);
        while (readdir(dir))
                n++;
        closedir(dir);
        return n;
}

static void the_thread_is_there_only_for_a_training(void **state)
{
        const int64_t end_ms = hedge_now_ms() + PATIENCE_S * 1000;
        const struct timespec pause = { 0, 1000000 };
        const hedge_msg_join_t terms = CASE_JOIN(1, case_conv);
        fixture_t f;
        int before;

        open_all(&f, PLENTY, 0, &terms); /* libraries have their threads by now */
        before = threads();
        for (int i = 0; i < 3; i++) {
                join(&f, &terms, 0);
                assert_int_equal(threads(), before + 1);
                give_shard(&f, 1, 0);
                assert_true(status_of(&f).bytes > 0);
                tell_leave(&f, 2); /* not that one */
                do_step(&f, 1, 0, 0, WHOLE);
                tell_leave(&f, 1);
                while (threads() > before) {
                        assert_true(hedge_now_ms() < end_ms);
                        nanosleep(&pause, NULL);
                }
                assert_int_equal(status_of(&f).train, 0);
                assert_int_equal(status_of(&f).bytes, 0);
                tell_leave(&f, 1);
                tell_step(&f, 2, 0, 0, WHOLE);
                expect_error(&f, -ENOENT, 1, NULL);
                memset(f.model.error, 0, f.model.net->n_params * sizeof(float));
        }
        close_all(&f);
}

/* ---- what is wrong ---- */

static void joins_that_make_no_sense_are_refused(void **state)
{
        const hedge_msg_join_t terms = CASE_JOIN(1, case_conv);
        hedge_train_layer_t unknown[6], broken[6], wide[6];
        hedge_msg_join_t bad[9];
        const int codes[9] = {
                HEDGE_EUNSUPPORTED, HEDGE_EUNSUPPORTED, HEDGE_ESHAPE, HEDGE_ESHAPE, -EINVAL, -EINVAL, -EINVAL, -EINVAL,
                HEDGE_ELIMIT
        };
        fixture_t f;

        memcpy(unknown, case_conv, sizeof(unknown));
        memcpy(broken, case_conv, sizeof(broken));
        memcpy(wide, case_conv, sizeof(wide));
        snprintf(unknown[2].kind, sizeof(unknown[2].kind), "gelu");
        snprintf(broken[3].from, sizeof(broken[3].from), "nobody");
        wide[0].units = 1u << 20;
        for (unsigned i = 0; i < 9; i++)
                bad[i] = CASE_JOIN(i + 1, case_conv);
        bad[0].layers = unknown;
        snprintf(bad[1].format, sizeof(bad[1].format), "fp3");
        bad[2].classes = CLASSES + 1;
        bad[3].n_layers = 4; /* ends in an image */
        bad[4].layers = broken;
        bad[5].deviation[0] = 0;
        bad[6].max_bits = 0.3;
        bad[7].deviation[0] = 1e-300; /* 0 as a float */
        bad[8].layers = wide;
        open_all(&f, PLENTY, 0, &terms);
        for (unsigned i = 0; i < 9; i++) {
                tell_join(&f, &bad[i]);
                expect_error(&f, codes[i], i + 1, NULL);
                tell_shard(&f, i + 1, 0);
                expect_error(&f, -ENOENT, i + 1, NULL);
        }
        assert_int_equal(status_of(&f).bytes, 0);
        close_all(&f);
}

static void tell_bad_shard(fixture_t *f, const hedge_msg_shard_t *shard, size_t pixels, size_t labels, uint8_t label)
{
        uint8_t *zeros = calloc(1, pixels + labels + 1);
        hedge_message_t message = { .type = HEDGE_MSG_SHARD, .shard = *shard };
        zmq_msg_t frames[2];

        case_frame(&frames[0], zeros, pixels);
        zeros[labels / 2] = label;
        case_frame(&frames[1], zeros, labels);
        free(zeros);
        tell(f, &message, frames, 2);
        expect_error(f, HEDGE_EMALFORMED, shard->train, &shard->digest);
}

static void shards_that_are_none_are_refused(void **state)
{
        const hedge_msg_join_t terms = CASE_JOIN(1, case_conv);
        hedge_msg_shard_t shard = { .train = 1, .digest = { { 1 } }, .count = 10 };
        const size_t pixels = 10 * SIDE * SIDE;
        fixture_t f;

        start(&f, &terms);
        tell_bad_shard(&f, &shard, pixels - 1, 10, 0);
        tell_bad_shard(&f, &shard, pixels + 1, 10, 0);
        tell_bad_shard(&f, &shard, pixels, 11, 0);
        tell_bad_shard(&f, &shard, pixels, 10, CLASSES);
        tell_bad_shard(&f, &shard, pixels, 10, 0); /* not that digest */
        shard.count = 11;
        tell_bad_shard(&f, &shard, pixels, 10, 0);
        tell_bad_shard(&f, &shard, 0, 0, 0);
        join(&f, &terms, 2);
        close_all(&f);
}

/* Whatever is wrong with a step, the next one must be whole, and then all is well. */
static void steps_that_make_no_sense_are_refused(void **state)
{
        const hedge_msg_join_t terms = CASE_JOIN(1, case_conv);
        const hedge_digest_t other = { { 9 } };
        hedge_message_t message;
        zmq_msg_t frames[3];
        fixture_t f;

        start(&f, &terms);
        tell_step(&f, 1, 0, 0, 0);
        expect_error(&f, -ESTALE, 1, NULL);
        do_step(&f, 1, 0, 0, WHOLE);

        tell(&f, &(hedge_message_t){ .type = HEDGE_MSG_STEP, .step = { .train = 3, .step = 2 } }, NULL, 0);
        expect_error(&f, -ENOENT, 3, NULL);
        do_step(&f, 2, 0, 1, 1); /* that was about another training */

        message = step_message(&f, 1, 3, 0, 2);
        message.step.digest = other;
        tell(&f, &message, NULL, 0);
        expect_error(&f, HEDGE_ENOSHARE, 1, &other);
        tell_step(&f, 3, 0, 2, 0);
        expect_error(&f, -ESTALE, 1, NULL);
        do_step(&f, 3, 0, 2, WHOLE);

        for (unsigned cut = 0; cut < 3; cut++) { /* two good ones before it change nothing */
                float *params = malloc(f.model.net->n_params * sizeof(float));

                memcpy(params, f.model.params, f.model.net->n_params * sizeof(float));
                message = step_message(&f, 1, 4 + cut, 0, 3 + cut);
                for (unsigned i = 0; i < 3; i++)
                        model_update(&f.model, i, &frames[i]);
                memcpy(f.model.params, params, f.model.net->n_params * sizeof(float));
                free(params);
                if (cut == 0)
                        ((uint8_t *)zmq_msg_data(&frames[2]))[1] = 77;
                else if (cut == 1)
                        ((uint8_t *)zmq_msg_data(&frames[2]))[4]++;
                else
                        ((uint8_t *)zmq_msg_data(&frames[2]))[0] = 2;
                tell(&f, &message, frames, 3);
                expect_error(&f, cut == 1 ? HEDGE_ESHAPE : cut == 0 ? HEDGE_EMALFORMED : HEDGE_EVERSION, 1, NULL);
                tell_step(&f, 4 + cut, 0, 3 + cut, 0);
                expect_error(&f, -ESTALE, 1, NULL);
                do_step(&f, 4 + cut, 0, 3 + cut, WHOLE);
        }
        message = step_message(&f, 1, 7, 0, 6);
        message.step.whole = true;
        tell(&f, &message, NULL, 0);
        expect_error(&f, HEDGE_EMALFORMED, 1, NULL);
        do_step(&f, 7, 0, 6, WHOLE);
        close_all(&f);
}

static void a_loss_without_bounds_is_an_error(void **state)
{
        const hedge_msg_join_t terms = CASE_JOIN(1, case_mlp);
        fixture_t f;

        start(&f, &terms);
        do_step(&f, 1, 0, 0, WHOLE);
        for (size_t i = 0; i < f.model.net->n_params; i++)
                f.model.params[i] *= 1e30f;
        tell_step(&f, 2, 0, 1, WHOLE);
        expect_error(&f, -EDOM, 1, NULL);
        for (size_t i = 0; i < f.model.net->n_params; i++)
                f.model.params[i] = 0.01f;
        do_step(&f, 3, 0, 1, WHOLE); /* and the error memory is as it was */
        close_all(&f);
}

static void memory_is_counted_before_it_is_taken(void **state)
{
        const hedge_msg_join_t terms = CASE_JOIN(1, case_conv);
        hedge_digest_t second;
        uint64_t joined, one, workspace;
        fixture_t f;

        open_all(&f, PLENTY, 0, &terms);
        join(&f, &terms, 0);
        joined = status_of(&f).bytes;
        give_shard(&f, 1, 0);
        one = status_of(&f).bytes;
        assert_true(one - joined >= IMAGES * SIDE * SIDE + IMAGES);
        assert_int_equal(hedge_workspace_size(f.model.net, BATCH, &workspace), 0);
        assert_int_equal(workspace, hedge_workspace_bytes(f.model.workspace));
        assert_int_equal(hedge_workspace_size(f.model.net, 0, &workspace), -EINVAL);
        assert_true(joined >= workspace + 3 * f.model.net->n_params * sizeof(float) + hedge_co3_bound(f.model.co3));
        close_all(&f);
        open_all(&f, joined - 1, 0, &terms);
        tell_join(&f, &terms);
        expect_error(&f, HEDGE_ELIMIT, 1, NULL);
        close_all(&f);
        open_all(&f, one, 0, &terms);
        join(&f, &terms, 0);
        give_shard(&f, 1, 0);
        tell_shard(&f, 1, 1);
        second = case_digest(f.model.shards[1]);
        expect_error(&f, HEDGE_ELIMIT, 1, &second);
        assert_int_equal(status_of(&f).bytes, one);
        do_step(&f, 1, 0, 0, WHOLE);
        close_all(&f);
}

/* A shard smaller than the mini-batch: its images are the mini-batch. */
static void a_small_shard_gives_all_it_has(void **state)
{
        hedge_msg_join_t terms = CASE_JOIN(1, case_conv);
        const hedge_message_t *message;
        fixture_t f;

        terms.batch = 2 * IMAGES;
        start(&f, &terms);
        tell_step(&f, 1, 0, 0, WHOLE);
        message = expect(&f, HEDGE_MSG_GRADIENT);
        assert_int_equal(message->gradient.images, IMAGES);
        done(&f);
        close_all(&f);
}

/* ---- time ---- */

/* At this rate a step takes so long. */
static double rate_of(double seconds)
{
        const hedge_msg_join_t terms = CASE_JOIN(1, case_conv);
        model_t m;
        double macs;

        model_open(&m, &terms);
        macs = 3.0 * BATCH * (double)hedge_net_macs(m.net);
        model_close(&m);
        return macs / seconds;
}

static void start_slowly(fixture_t *f, double seconds)
{
        const hedge_msg_join_t terms = CASE_JOIN(1, case_conv);

        open_all(f, PLENTY, rate_of(seconds), &terms);
        join(f, &terms, 0);
        give_shard(f, 1, 0);
}

static void an_emulated_board_takes_its_time(void **state)
{
        const int64_t began_us = hedge_now_us();
        fixture_t f;

        start_slowly(&f, 0.2);
        tell_step(&f, 1, 0, 0, WHOLE);
        assert_int_equal(status_of(&f).queued, 1);
        model_step(&f.model, 0, 3);
        tell_step(&f, 2, 0, 0, 1); /* not yet */
        assert_true(expect(&f, HEDGE_MSG_GRADIENT)->gradient.compute_us >= 200000);
        assert_true(hedge_now_us() - began_us >= 200000);
        expect_gradient(&f, 1, true);
        expect_error(&f, -EBUSY, 1, NULL);
        tell_step(&f, 2, 0, 1, 0); /* the update before has not been applied */
        expect_error(&f, -ESTALE, 1, NULL);
        do_step(&f, 2, 0, 1, WHOLE);
        close_all(&f);
}

/* Nothing has to wait for ten minutes: neither another coordinator, another training, nor the end. */
static void a_slow_step_is_given_up(void **state)
{
        hedge_msg_join_t terms = CASE_JOIN(1, case_conv);
        fixture_t f;

        start_slowly(&f, 600);
        tell_step(&f, 1, 0, 0, WHOLE);
        hedge_training_forget(f.training);
        assert_int_equal(status_of(&f).queued, 0);
        join(&f, &terms, 1);
        tell_step(&f, 1, 0, 0, WHOLE);
        terms.identity.bytes[0]++;
        join(&f, &terms, 0);
        give_shard(&f, 1, 0);
        tell_step(&f, 1, 0, 0, WHOLE);
        tell_leave(&f, 1);
        join(&f, &terms, 0);
        give_shard(&f, 1, 0);
        tell_step(&f, 1, 0, 0, WHOLE);
        assert_int_equal(hedge_training_end(f.training, PATIENCE_S * 1000), 0);
        close_all(&f);
}

/* A gradient itself cannot be interrupted: who does not wait for it is told so. */
static void ending_in_the_middle_of_a_gradient(void **state)
{
        static const hedge_train_layer_t heavy[] = {
                { .kind = "conv", .units = 256, .kernel = 7, .pad = 3 },
                { .kind = "conv", .units = 256, .kernel = 7, .pad = 3 },
                { .kind = "global_average_pool" },
                { .kind = "flatten" },
                { .kind = "dense", .units = CLASSES },
        };
        const hedge_msg_join_t terms = CASE_JOIN(1, heavy);
        const int64_t end_ms = hedge_now_ms() + PATIENCE_S * 1000;
        fixture_t f;
        int r;

        open_all(&f, UINT64_C(1) << 30, 0, &terms);
        join(&f, &terms, 0);
        give_shard(&f, 1, 0);
        tell_step(&f, 1, 0, 0, WHOLE);
        while (!status_of(&f).busy_us)
                assert_true(hedge_now_ms() < end_ms);
        r = hedge_training_end(f.training, 0);
        assert_true(r == -ETIMEDOUT || r == 0);
        close_all(&f);
}

static void an_emulated_failure_is_an_error(void **state)
{
        char path[] = "/tmp/hedge-emulate-XXXXXX";
        const hedge_msg_join_t terms = CASE_JOIN(1, case_conv);
        hedge_training_settings_t settings = { .bytes_max = PLENTY };
        FILE *file = fdopen(mkstemp(path), "w");
        fixture_t f = { 0 };

        assert_non_null(file);
        fputs("boards 1\nboard 0\nfailing 1\n", file);
        fclose(file);
        model_open(&f.model, &terms);
        assert_int_equal(hedge_emulate_new(path, 0, &f.emulate), 0);
        settings.emulate = f.emulate;
        assert_int_equal(hedge_training_new(&settings, &f.training), 0);
        join(&f, &terms, 0);
        give_shard(&f, 1, 0);
        tell_step(&f, 1, 0, 0, WHOLE);
        expect_error(&f, HEDGE_EKERNEL, 1, NULL);
        assert_int_equal(status_of(&f).queued, 0);
        tell_step(&f, 1, 0, 0, WHOLE);
        expect_error(&f, HEDGE_EKERNEL, 1, NULL);
        close_all(&f);
        unlink(path);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(steps_are_what_the_libraries_compute),
                cmocka_unit_test(what_did_not_count_comes_back),
                cmocka_unit_test(without_memory_it_computes_anew),
                cmocka_unit_test(a_forgotten_gradient_is_not_lost),
                cmocka_unit_test(a_report_stays_until_it_is_sent),
                cmocka_unit_test(the_same_training_keeps_what_it_has),
                cmocka_unit_test(another_training_begins_anew),
                cmocka_unit_test(the_thread_is_there_only_for_a_training),
                cmocka_unit_test(joins_that_make_no_sense_are_refused),
                cmocka_unit_test(shards_that_are_none_are_refused),
                cmocka_unit_test(steps_that_make_no_sense_are_refused),
                cmocka_unit_test(a_loss_without_bounds_is_an_error),
                cmocka_unit_test(memory_is_counted_before_it_is_taken),
                cmocka_unit_test(a_small_shard_gives_all_it_has),
                cmocka_unit_test(an_emulated_board_takes_its_time),
                cmocka_unit_test(a_slow_step_is_given_up),
                cmocka_unit_test(ending_in_the_middle_of_a_gradient),
                cmocka_unit_test(an_emulated_failure_is_an_error),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

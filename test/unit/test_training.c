/* SPDX-License-Identifier: Apache-2.0 */
/* A board's part in a training, with its thread, against the libraries used directly. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "test/unit/training_bed.h"

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
                assert_int_equal(status_of(&f).job, 1);
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
        hedgew_training_forget(f.training);
        assert_null(hedgew_training_report(f.training));
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
                hedgew_training_report_t *report = next_report(&f);

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

/* Boards of every kind make the same mini-batches of a shard, and others of another one. */
static void seeds_are_of_job_and_shard(void **state)
{
        hedge_digest_t shard = { { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 } };
        const uint64_t seed = hedgew_training_seed(42, &shard);

        assert_true(seed == UINT64_C(0xeba16f662e1f1e1a)); /* by another implementation */
        assert_true(hedgew_training_seed(43, &shard) != seed);
        for (unsigned i = 0; i < sizeof(shard.bytes); i++) {
                shard.bytes[i]++;
                assert_true(hedgew_training_seed(42, &shard) != seed);
                shard.bytes[i]--;
        }
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
        terms.job = 9;               /* another coordinator may count anew */
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

#define MOST_THREADS 64

typedef struct threads {
        long ids[MOST_THREADS];
        unsigned n;
} threads_t;

static threads_t all_threads(void)
{
        DIR *dir = opendir("/proc/self/task");
        const struct dirent *entry;
        threads_t all = { .n = 0 };

        assert_non_null(dir);
        while ((entry = readdir(dir)) && all.n < MOST_THREADS)
                if (entry->d_name[0] != '.')
                        all.ids[all.n++] = strtol(entry->d_name, NULL, 10);
        closedir(dir);
        return all;
}

/* Threads that were not there before. (The number would not do: one that has been joined may be listed for a moment.) */
static unsigned new_threads(const threads_t *before)
{
        const threads_t all = all_threads();
        unsigned n = 0;

        for (unsigned i = 0; i < all.n; i++) {
                bool known = false;

                for (unsigned k = 0; k < before->n; k++)
                        known |= all.ids[i] == before->ids[k];
                n += !known;
        }
        return n;
}

static void the_thread_is_there_only_for_a_training(void **state)
{
        const int64_t end_ms = hedge_now_ms() + PATIENCE_S * 1000;
        const struct timespec pause = { 0, 1000000 };
        const hedge_msg_join_t terms = CASE_JOIN(1, case_conv);
        threads_t before;
        fixture_t f;

        open_all(&f, PLENTY, 0, &terms); /* libraries have their threads by now */
        before = all_threads();
        for (int i = 0; i < 3; i++) {
                join(&f, &terms, 0);
                assert_int_equal(new_threads(&before), 1);
                give_shard(&f, 1, 0);
                assert_true(status_of(&f).bytes > 0);
                tell_leave(&f, 2); /* not that one */
                do_step(&f, 1, 0, 0, WHOLE);
                tell_leave(&f, 1);
                while (new_threads(&before) > 0) {
                        assert_true(hedge_now_ms() < end_ms);
                        nanosleep(&pause, NULL);
                }
                assert_int_equal(status_of(&f).job, 0);
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

/* One whose sizes or labels are wrong; `digest` is of what is sent, but for `bent`. */
static void tell_bad_shard(fixture_t *f, uint32_t count, size_t pixels, size_t labels, uint8_t label, bool bent)
{
        uint8_t *zeros = calloc(1, pixels + labels + 1);
        hedge_message_t message = { .type = HEDGE_MSG_SHARD, .shard = { .job = 1, .count = count } };
        hedge_digest_t *digest = &message.shard.digest;
        zmq_msg_t frames[2];

        zeros[pixels + labels / 2] = label;
        case_frame(&frames[0], zeros, pixels);
        case_frame(&frames[1], zeros + pixels, labels);
        crypto_generichash(digest->bytes, sizeof(digest->bytes), zeros, pixels + labels, NULL, 0);
        digest->bytes[15] ^= bent;
        free(zeros);
        tell(f, &message, frames, 2);
        expect_error(f, HEDGE_EMALFORMED, 1, digest);
}

static void shards_that_are_none_are_refused(void **state)
{
        const hedge_msg_join_t terms = CASE_JOIN(1, case_conv);
        const size_t pixels = 10 * SIDE * SIDE;
        fixture_t f;

        start(&f, &terms);
        tell_bad_shard(&f, 10, pixels - 1, 10, 0, false);
        tell_bad_shard(&f, 10, pixels + 1, 10, 0, false);
        tell_bad_shard(&f, 10, pixels, 11, 0, false);
        tell_bad_shard(&f, 11, pixels, 10, 0, false);
        tell_bad_shard(&f, 10, 0, 0, 0, false);
        tell_bad_shard(&f, 10, pixels, 10, CLASSES, false);
        tell_bad_shard(&f, 10, pixels, 10, 0, true);
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

        tell(&f, &(hedge_message_t){ .type = HEDGE_MSG_STEP, .step = { .job = 3, .step = 2 } }, NULL, 0);
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

/* For a step to get as far as waiting; if it does not, what follows is easier. */
static void let_it_wait(void)
{
        const struct timespec pause = { 0, 30000000 };

        nanosleep(&pause, NULL);
}

/* Nothing has to wait for ten minutes: neither another coordinator, another training, nor the end. */
static void a_slow_step_is_given_up(void **state)
{
        const int64_t end_ms = hedge_now_ms() + PATIENCE_S * 1000;
        hedge_msg_join_t terms = CASE_JOIN(1, case_conv);
        fixture_t f;

        start_slowly(&f, 600);
        tell_step(&f, 1, 0, 0, WHOLE);
        let_it_wait();
        hedgew_training_forget(f.training);
        assert_int_equal(status_of(&f).queued, 0);
        join(&f, &terms, 1);
        tell_step(&f, 1, 0, 0, WHOLE);
        let_it_wait();
        terms.identity.bytes[0]++;
        join(&f, &terms, 0);
        give_shard(&f, 1, 0);
        tell_step(&f, 1, 0, 0, WHOLE);
        let_it_wait();
        tell_leave(&f, 1);
        while (status_of(&f).job)
                assert_true(hedge_now_ms() < end_ms);
        join(&f, &terms, 0);
        give_shard(&f, 1, 0);
        tell_step(&f, 1, 0, 0, WHOLE);
        let_it_wait();
        assert_int_equal(hedgew_training_end(f.training, PATIENCE_S * 1000), 0);
        close_all(&f);
}

/* A gradient itself cannot be interrupted: who does not wait for it is told so. */
static void ending_in_the_middle_of_a_gradient(void **state)
{
        static const hedge_train_layer_t heavy[] = {
                { .kind = "conv", .units = 64, .kernel = 5, .pad = 2 },
                { .kind = "conv", .units = 64, .kernel = 5, .pad = 2 },
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
        while (!status_of(&f).busy_us && !hedgew_training_report(f.training))
                assert_true(hedge_now_ms() < end_ms);
        r = hedgew_training_end(f.training, 0);
        assert_true(r == -ETIMEDOUT || r == 0);
        close_all(&f);
}

static void an_emulated_failure_is_an_error(void **state)
{
        char path[] = "/tmp/hedge-emulate-XXXXXX";
        const hedge_msg_join_t terms = CASE_JOIN(1, case_conv);
        hedgew_training_settings_t settings = { .bytes_max = PLENTY };
        FILE *file = fdopen(mkstemp(path), "w");
        fixture_t f = { 0 };

        assert_non_null(file);
        fputs("boards 1\nboard 0\nfailing 1\n", file);
        fclose(file);
        model_open(&f.model, &terms);
        assert_int_equal(hedgew_emulate_new(path, 0, &f.emulate), 0);
        settings.emulate = f.emulate;
        assert_int_equal(hedgew_training_new(&settings, &f.training), 0);
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

/* oneDNN makes its caches when it is first used, out of ThreadSanitizer's sight: before there is a second thread, then. */
static int warm_up(void **state)
{
        const hedge_msg_join_t terms = CASE_JOIN(1, case_conv);
        model_t m;

        model_open(&m, &terms);
        model_step(&m, 0, 0);
        model_close(&m);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(steps_are_what_the_libraries_compute),
                cmocka_unit_test(what_did_not_count_comes_back),
                cmocka_unit_test(without_memory_it_computes_anew),
                cmocka_unit_test(a_forgotten_gradient_is_not_lost),
                cmocka_unit_test(a_report_stays_until_it_is_sent),
                cmocka_unit_test(seeds_are_of_job_and_shard),
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

        return cmocka_run_group_tests(tests, warm_up, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Training as a whole: steps, schedules, stopping and going on, what comes out as an ONNX file, and real digits. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/code/random.h"
#include "common/engine/engine.h"
#include "common/model/onnx.h"
#include "common/train/dataset_read.h"
#include "common/train/export.h"
#include "common/train/preset.h"
#include "common/train/train.h"
#include "test/unit/train_cases.h"

#define TOY_COUNT 96u

static char folder[] = "/tmp/hedge-train-XXXXXX";

static int make_folder(void **state)
{
        return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
        char command[128];

        snprintf(command, sizeof(command), "rm -rf '%s'", folder);
        return system(command); /* NOLINT(cert-env33-c) */
}

static const char *path_of(const char *name)
{
        static char path[256];

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        return path;
}

static const hedge_norm_t middle = { { 0.5f, 0.5f, 0.5f, 0.5f }, { 0.25f, 0.25f, 0.25f, 0.25f } };

/* 8 x 8 pictures with a bright bar, upright or lying, in some noise: what is to be told apart. */
static hedge_dataset_t *toy_data(void)
{
        const hedge_extent_t image = { 8, 8, 1, false };
        uint8_t pixels[TOY_COUNT][8][8], labels[TOY_COUNT];
        hedge_dataset_t *d = NULL;
        uint64_t row = 3;

        for (unsigned i = 0; i < TOY_COUNT; i++) {
                const unsigned at = hedge_random_below(&row, 8);

                labels[i] = (uint8_t)(i % 2);
                for (unsigned y = 0; y < 8; y++)
                        for (unsigned x = 0; x < 8; x++)
                                pixels[i][y][x] = (uint8_t)(hedge_random_below(&row, 150) +
                                                            ((labels[i] ? x : y) == at ? 100 : 0));
        }
        assert_int_equal(hedge_dataset_new(&image, 2, TOY_COUNT, &pixels[0][0][0], labels, &d, NULL), 0);
        return d;
}

static const hedge_layer_spec_t toy_specs[] = {
        { .kind = HEDGE_LAYER_CONV, .units = 8, .kernel = 3, .pad = 1, .no_bias = true },
        { .kind = HEDGE_LAYER_BATCH_NORM },
        { .kind = HEDGE_LAYER_RELU },
        { .kind = HEDGE_LAYER_MAX_POOL, .kernel = 2 },
        { .kind = HEDGE_LAYER_FLATTEN },
        { .kind = HEDGE_LAYER_DENSE, .units = 2 },
};

static const hedge_sgd_t toy_sgd = {
        .rate = 0.05f, .momentum = 0.9f, .decay = 1e-4f, .schedule = HEDGE_SCHEDULE_COSINE, .warm_up = 5, .steps = 200
};

typedef struct toy {
        hedge_dataset_t *data;
        hedge_net_t *net;
        hedge_batches_t *batches;
        hedge_trainer_t *trainer;
} toy_t;

static void open_toy(toy_t *t, uint64_t seed)
{
        hedge_why_t why = { "" };

        *t = (toy_t){ .data = toy_data() };
        assert_int_equal(hedge_net_new(&t->data->image, toy_specs, 6, &t->net, &why), 0);
        assert_int_equal(hedge_batches_new(t->data, &middle, seed, 16, true, &t->batches, &why), 0);
        assert_int_equal(hedge_trainer_new(t->net, &toy_sgd, t->batches, seed, &t->trainer, &why), 0);
}

static void close_toy(toy_t *t)
{
        hedge_trainer_destroy(&t->trainer);
        hedge_batches_destroy(&t->batches);
        hedge_net_destroy(&t->net);
        hedge_dataset_destroy(&t->data);
}

static double train_toy(toy_t *t, unsigned steps)
{
        hedge_score_t score = { 0 };

        for (unsigned i = 0; i < steps; i++)
                assert_int_equal(hedge_train_step(t->trainer, &score), 0);
        return score.loss;
}

static void the_loss_falls(void **state)
{
        hedge_score_t score;
        toy_t t;

        open_toy(&t, 1);
        assert_int_equal(hedge_train_test(t.trainer, t.data, &middle, &score), 0);
        assert_true(score.loss > 0.4);
        train_toy(&t, 150);
        assert_int_equal(hedge_train_test(t.trainer, t.data, &middle, &score), 0);
        assert_true(score.loss < 0.05);
        assert_int_equal(score.correct, TOY_COUNT);
        assert_int_equal(hedge_trainer_checkpoint(t.trainer)->step, 150);
        assert_int_equal(hedge_trainer_checkpoint(t.trainer)->epoch, 25);
        close_toy(&t);
}

static void assert_same(const toy_t *a, const toy_t *b)
{
        const hedge_checkpoint_t *x = hedge_trainer_checkpoint(a->trainer), *y = hedge_trainer_checkpoint(b->trainer);

        assert_int_equal(x->step, y->step);
        assert_int_equal(x->epoch, y->epoch);
        assert_memory_equal(x->params, y->params, a->net->n_params * sizeof(float));
        assert_memory_equal(x->momentum, y->momentum, a->net->n_params * sizeof(float));
        assert_memory_equal(x->state, y->state, a->net->n_state * sizeof(float));
}

static void the_same_seed_gives_the_same_network(void **state)
{
        toy_t a, b, c;

        open_toy(&a, 7);
        open_toy(&b, 7);
        open_toy(&c, 8);
        assert_true(train_toy(&a, 20) == train_toy(&b, 20));
        assert_same(&a, &b);
        train_toy(&c, 20);
        assert_memory_not_equal(hedge_trainer_checkpoint(a.trainer)->params,
                                hedge_trainer_checkpoint(c.trainer)->params, a.net->n_params * sizeof(float));
        close_toy(&a);
        close_toy(&b);
        close_toy(&c);
}

static void set_digest(toy_t *t, int c)
{
        memset(hedge_trainer_checkpoint(t->trainer)->digest, c, HEDGE_JOB_DIGEST);
}

static void a_checkpoint_goes_on_as_if_nothing_happened(void **state)
{
        toy_t straight, stopped, resumed;
        hedge_why_t why;

        open_toy(&straight, 7);
        open_toy(&stopped, 7);
        open_toy(&resumed, 99);
        train_toy(&straight, 31);
        train_toy(&stopped, 17);
        set_digest(&stopped, 'a');
        assert_int_equal(hedge_checkpoint_save(stopped.net, hedge_trainer_checkpoint(stopped.trainer),
                                               path_of("checkpoint"), &why),
                         0);
        hedge_batches_destroy(&resumed.batches);
        hedge_trainer_destroy(&resumed.trainer);
        assert_int_equal(hedge_batches_new(resumed.data, &middle, 7, 16, true, &resumed.batches, NULL), 0);
        assert_int_equal(hedge_trainer_new(resumed.net, &toy_sgd, resumed.batches, 99, &resumed.trainer, NULL), 0);
        set_digest(&resumed, 'a');
        assert_int_equal(hedge_checkpoint_load(resumed.net, hedge_trainer_checkpoint(resumed.trainer),
                                               path_of("checkpoint"), &why),
                         0);
        assert_int_equal(hedge_trainer_checkpoint(resumed.trainer)->seed, 7);
        assert_same(&stopped, &resumed);
        train_toy(&resumed, 14);
        assert_same(&straight, &resumed);
        close_toy(&straight);
        close_toy(&stopped);
        close_toy(&resumed);
}

static size_t slurp(const char *path, uint8_t *bytes, size_t room)
{
        FILE *file = fopen(path, "rb");
        size_t n;

        assert_non_null(file);
        n = fread(bytes, 1, room, file);
        fclose(file);
        return n;
}

static void spill(const char *path, const uint8_t *bytes, size_t n)
{
        FILE *file = fopen(path, "wb");

        assert_non_null(file);
        assert_int_equal(fwrite(bytes, 1, n, file), n);
        assert_int_equal(fclose(file), 0);
}

static void refuse_checkpoint(toy_t *t, int code, const char *sentence)
{
        hedge_checkpoint_t *c = hedge_trainer_checkpoint(t->trainer);
        const float first = c->params[0];
        hedge_why_t why = { "" };

        assert_int_equal(hedge_checkpoint_load(t->net, c, path_of("checkpoint"), &why), code);
        if (!strstr(why.text, sentence))
                fail_msg("'%s' does not say '%s'", why.text, sentence);
        assert_true(c->params[0] == first && c->step == 3);
}

static void wrong_checkpoints_are_refused(void **state)
{
        static uint8_t bytes[65536];
        const char *path = path_of("checkpoint");
        hedge_why_t why;
        size_t n;
        toy_t t;

        open_toy(&t, 7);
        train_toy(&t, 3);
        unlink(path);
        refuse_checkpoint(&t, -ENOENT, "No such file");
        set_digest(&t, 'a');
        assert_int_equal(hedge_checkpoint_save(t.net, hedge_trainer_checkpoint(t.trainer), path, &why), 0);
        set_digest(&t, 'b');
        refuse_checkpoint(&t, HEDGE_EDENIED, "a checkpoint of another job");
        set_digest(&t, 'a');
        n = slurp(path, bytes, sizeof(bytes));
        assert_int_equal(n, 88 + (2 * t.net->n_params + t.net->n_state) * 4 + 32);
        for (size_t at = 0; at < n; at += at < 88 ? 1 : 501) { /* any byte changed anywhere */
                bytes[at] ^= 0x40;
                spill(path, bytes, n);
                assert_in_range(-hedge_checkpoint_load(t.net, hedge_trainer_checkpoint(t.trainer), path, &why), 1001,
                                1012);
                bytes[at] ^= 0x40;
        }
        for (size_t cut = 0; cut < n; cut += 97) {
                spill(path, bytes, cut);
                refuse_checkpoint(&t, HEDGE_EMALFORMED, "cut short, or too long");
        }
        spill(path, bytes, n + 1);
        refuse_checkpoint(&t, HEDGE_EMALFORMED, "cut short, or too long");
        bytes[8] = 2;
        spill(path, bytes, n);
        refuse_checkpoint(&t, HEDGE_EVERSION, "a checkpoint of version 2, not 1");
        bytes[8] = 1;
        bytes[40]++;
        spill(path, bytes, n);
        refuse_checkpoint(&t, HEDGE_ESHAPE, "a checkpoint of another network: ");
        close_toy(&t);
}

/* Writing that fails leaves the old file, and nothing beside it. */
static void failed_writing_leaves_nothing(void **state)
{
        char inside[300];
        hedge_why_t why;
        toy_t t;

        open_toy(&t, 7);
        assert_int_equal(hedge_checkpoint_save(t.net, hedge_trainer_checkpoint(t.trainer), path_of("no/where"), &why),
                         -ENOENT);
        snprintf(inside, sizeof(inside), "%s", path_of("taken"));
        assert_int_equal(mkdir(inside, 0755), 0);
        assert_int_equal(hedge_net_write_onnx(t.net, hedge_trainer_checkpoint(t.trainer)->params,
                                              hedge_trainer_checkpoint(t.trainer)->state, inside, &why),
                         -EISDIR);
        assert_non_null(strstr(why.text, "taken: "));
        assert_int_equal(rmdir(inside), 0);
        snprintf(inside, sizeof(inside), "ls '%s' | grep -q taken", folder);
        assert_int_not_equal(system(inside), 0); /* NOLINT(cert-env33-c) */
        close_toy(&t);
}

static void rates_follow_their_schedule(void **state)
{
        hedge_sgd_t sgd = { .rate = 0.4f, .warm_up = 4, .steps = 104, .every = 10, .drop = 0.5f };

        assert_true(fabs(hedge_sgd_rate(&sgd, 0) - 0.1) < 1e-7 && fabs(hedge_sgd_rate(&sgd, 3) - 0.4) < 1e-7);
        assert_true(fabs(hedge_sgd_rate(&sgd, 1000) - 0.4) < 1e-7);
        sgd.schedule = HEDGE_SCHEDULE_STEP;
        assert_true(fabs(hedge_sgd_rate(&sgd, 9) - 0.4) < 1e-7 && fabs(hedge_sgd_rate(&sgd, 10) - 0.2) < 1e-7 &&
                    fabs(hedge_sgd_rate(&sgd, 29) - 0.1) < 1e-7);
        sgd.schedule = HEDGE_SCHEDULE_COSINE;
        assert_true(fabs(hedge_sgd_rate(&sgd, 4) - 0.4) < 1e-7 && fabs(hedge_sgd_rate(&sgd, 54) - 0.2) < 1e-7 &&
                    hedge_sgd_rate(&sgd, 104) == 0 && hedge_sgd_rate(&sgd, 5000) == 0);
}

static void momentum_and_decay_are_as_stated(void **state)
{
        const hedge_sgd_t sgd = { .rate = 0.5f, .momentum = 0.5f, .decay = 0.25f };
        const hedge_layer_spec_t specs[] = { { .kind = HEDGE_LAYER_BATCH_NORM },
                                             { .kind = HEDGE_LAYER_FLATTEN },
                                             { .kind = HEDGE_LAYER_DENSE, .units = 2 } };
        const hedge_extent_t image = { 1, 1, 1, false };
        /* scale, shift, two weights, two biases: only the weights decay */
        float params[6] = { 1, 1, 4, 8, 2, 4 }, momentum[6] = { 2, 0, 2, 0, 0, 0 }, update[6];
        const float gradient[6] = { 1, 1, 1, 1, 1, -1 }, before[6] = { 1, 1, 4, 8, 2, 4 };
        const float expected[6] = { -1, -0.5f, -1.5f, -1.5f, -0.5f, 0.5f };
        hedge_net_t *net = NULL;

        assert_int_equal(hedge_net_new(&image, specs, 3, &net, NULL), 0);
        hedge_sgd_update(&sgd, net, 0, params, gradient, momentum, update);
        for (int i = 0; i < 6; i++) {
                assert_true(update[i] == expected[i]);
                assert_true(momentum[i] == -2 * expected[i]);
                momentum[i] = i % 2 ? 0 : i < 3 ? 2 : 0;
        }
        hedge_sgd_apply(&sgd, net, 0, gradient, momentum, params);
        for (int i = 0; i < 6; i++)
                assert_true(params[i] == before[i] + expected[i]);
        hedge_net_destroy(&net);
}

static void senseless_settings_are_refused(void **state)
{
        hedge_sgd_t sgd = { .rate = 0 };
        hedge_why_t why;

        assert_int_equal(hedge_sgd_check(&sgd, &why), -EINVAL);
        sgd.rate = NAN;
        assert_int_equal(hedge_sgd_check(&sgd, &why), -EINVAL);
        sgd.rate = 1;
        assert_int_equal(hedge_sgd_check(&sgd, &why), 0);
        sgd.momentum = 1;
        assert_int_equal(hedge_sgd_check(&sgd, &why), -EINVAL);
        assert_string_equal(why.text, "a momentum of 1: 0 to below 1");
        sgd.momentum = 0;
        sgd.decay = -1;
        assert_int_equal(hedge_sgd_check(&sgd, &why), -EINVAL);
        sgd.decay = 0;
        sgd.schedule = HEDGE_SCHEDULE_STEP;
        assert_int_equal(hedge_sgd_check(&sgd, &why), -EINVAL);
        sgd.schedule = HEDGE_SCHEDULE_COSINE;
        assert_int_equal(hedge_sgd_check(&sgd, &why), -EINVAL);
        assert_string_equal(why.text, "0 steps in all, 0 of them to warm up");
}

static void data_that_does_not_fit_is_refused(void **state)
{
        const hedge_extent_t image = { 28, 28, 1, false };
        hedge_trainer_t *trainer = NULL;
        hedge_net_t *net = NULL;
        hedge_why_t why;
        toy_t t;

        open_toy(&t, 7);
        assert_int_equal(hedge_preset_new("lenet5", &image, 10, &net, NULL), 0);
        assert_int_equal(hedge_trainer_new(net, &toy_sgd, t.batches, 1, &trainer, &why), HEDGE_ESHAPE);
        assert_string_equal(why.text, "the network reads 28 x 28 x 1, but the images are 8 x 8 x 1");
        assert_null(trainer);
        t.data->classes = 3;
        assert_int_equal(hedge_train_fits(t.net, t.data, &why), HEDGE_ESHAPE);
        assert_string_equal(why.text, "the network tells 2 classes apart, but the data has 3");
        hedge_net_destroy(&net);
        close_toy(&t);
}

static void a_loss_that_is_no_number_stops_the_training(void **state)
{
        hedge_checkpoint_t *at;
        hedge_score_t score;
        toy_t t;

        open_toy(&t, 7);
        at = hedge_trainer_checkpoint(t.trainer);
        at->params[t.net->n_params - 1] = INFINITY;
        assert_int_equal(hedge_train_step(t.trainer, &score), -EDOM);
        assert_false(isfinite(score.loss));
        assert_int_equal(at->step, 0);
        assert_true(isfinite(at->params[0]) && at->momentum[0] == 0);
        close_toy(&t);
}

/* --- ONNX: our importer and engine compute what the trained network does ------------------------------------------- */

static float *random_floats(size_t n, uint64_t seed)
{
        float *v = malloc((n + 1) * sizeof(*v));

        assert_non_null(v);
        for (size_t i = 0; i < n; i++)
                v[i] = (float)hedge_random_normal(&seed);
        return v;
}

/* The engine's answer for an image given as H x W x C. */
static void run_onnx(const char *path, const hedge_extent_t *extent, const float *image, uint32_t classes,
                     float *logits)
{
        hedge_kernels_t *kernels = NULL;
        hedge_engine_t *engine = NULL;
        hedge_graph_t *graph = NULL;
        hedge_tensor_t in, out;
        hedge_why_t why = { "" };

        if (hedge_onnx_load(path, NULL, &graph, &why) < 0)
                fail_msg("%s", why.text);
        assert_int_equal(hedge_kernels_new("plain", 1, &kernels), 0);
        assert_int_equal(hedge_engine_new(graph, kernels, &engine), 0);
        assert_int_equal(hedge_tensor_alloc(&in, &graph->values[graph->inputs[0]].shape), 0);
        assert_int_equal(hedge_shape_elements(&in.shape), hedge_extent_elements(extent));
        for (size_t c = 0; c < extent->c; c++)
                for (size_t i = 0; i < (size_t)extent->h * extent->w; i++)
                        in.data[c * extent->h * extent->w + i] = image[i * extent->c + c];
        assert_int_equal(hedge_engine_run(engine, &in, NULL, NULL, &out), 0);
        assert_int_equal(hedge_shape_elements(&out.shape), classes);
        memcpy(logits, out.data, classes * sizeof(float));
        hedge_tensor_release(&in);
        hedge_tensor_release(&out);
        hedge_engine_destroy(&engine);
        hedge_kernels_destroy(&kernels);
        hedge_graph_destroy(&graph);
}

/* ONNX's own checker, where it is installed. */
static void check_onnx(const char *path, const char *name)
{
        char command[512];

        snprintf(command, sizeof(command),
                 "PATH=/usr/bin:$PATH; python3 -c 'import onnx' 2>/dev/null || exit 77; python3 -c 'import onnx, sys; "
                 "m = "
                 "onnx.load(sys.argv[1]); "
                 "onnx.checker.check_model(m, full_check=True)' '%s'",
                 path);
        const int status = system(command); /* NOLINT(cert-env33-c) */

        if (WEXITSTATUS(status) == 77)
                print_message("python3-onnx is not there: %s is not checked by it\n", name);
        else if (status != 0)
                fail_msg("ONNX's checker refuses %s", name);
}

static void round_trip(const hedge_net_t *net, const char *name, bool check)
{
        float *params = random_floats(net->n_params, 1), *state = random_floats(net->n_state, 2);
        float *image = random_floats(hedge_extent_elements(&net->image), 3);
        float ours[HEDGE_NET_MAX_CLASSES], theirs[HEDGE_NET_MAX_CLASSES], peak = 0;
        hedge_workspace_t *workspace = NULL;
        hedge_why_t why = { "" };

        for (uint32_t i = 0; i < net->n_layers; i++) { /* activations that neither vanish nor grow, variances above 0 */
                const hedge_layer_t *l = &net->layers[i];

                for (size_t k = 0; l->kind != HEDGE_LAYER_BATCH_NORM && k < l->n_weights; k++)
                        params[l->weights + k] *= sqrtf(2.0f * (float)l->y.c / (float)l->n_weights);
                for (size_t k = 0; k < l->n_statistics; k++)
                        state[l->variances + k] = 0.5f + fabsf(state[l->variances + k]);
        }
        assert_int_equal(hedge_workspace_new(net, NULL, 1, &workspace, NULL), 0);
        assert_int_equal(hedge_net_forward(workspace, params, state, image, 1, ours), 0);
        if (hedge_net_write_onnx(net, params, state, path_of("model.onnx"), &why) < 0)
                fail_msg("%s: %s", name, why.text);
        run_onnx(path_of("model.onnx"), &net->image, image, net->classes, theirs);
        for (uint32_t i = 0; i < net->classes; i++)
                peak = fmaxf(peak, fabsf(ours[i]));
        for (uint32_t i = 0; i < net->classes; i++)
                if (!(fabsf(ours[i] - theirs[i]) < 1e-5f * peak))
                        fail_msg("%s: logit %u is %g, in ONNX %g", name, i, (double)ours[i], (double)theirs[i]);
        if (check)
                check_onnx(path_of("model.onnx"), name);
        hedge_workspace_destroy(&workspace);
        free(params);
        free(state);
        free(image);
}

static void onnx_files_give_the_same_answers(void **state)
{
        hedge_net_t *net = NULL;

        for (size_t i = 0; i < N_CASES; i++) {
                assert_int_equal(hedge_net_new(&cases[i].image, cases[i].specs, case_layers(&cases[i]), &net, NULL), 0);
                round_trip(net, cases[i].name, false);
                hedge_net_destroy(&net);
        }
        for (size_t i = 0; hedge_preset_names[i]; i++) {
                const hedge_extent_t grey = { 28, 28, 1, false }, colour = { 32, 32, 3, false };

                assert_int_equal(hedge_preset_new(hedge_preset_names[i], i == 2 ? &colour : &grey, 10, &net, NULL), 0);
                round_trip(net, hedge_preset_names[i], true);
                hedge_net_destroy(&net);
        }
}

/* --- real digits --------------------------------------------------------------------------------------------------- */

static hedge_dataset_t *mnist(const char *images, const char *labels)
{
        const char *data = getenv("HEDGE_TEST_DATA"), *root = getenv("HEDGE_SOURCE_ROOT");
        char where[2048], image_path[4096], label_path[4096];
        hedge_dataset_t *d = NULL;
        hedge_why_t why;

        if (data)
                snprintf(where, sizeof(where), "%s/datasets/mnist", data);
        else
                snprintf(where, sizeof(where), "%s/../shared/data/datasets/mnist", root ? root : ".");
        snprintf(image_path, sizeof(image_path), "%s/%s", where, images);
        snprintf(label_path, sizeof(label_path), "%s/%s", where, labels);
        if (access(image_path, R_OK)) {
                print_message("no MNIST at %s: set HEDGE_TEST_DATA\n", where);
                skip();
        }
        if (hedge_dataset_read_idx(image_path, label_path, 10, &d, &why) < 0)
                fail_msg("%s", why.text);
        return d;
}

static void lenet5_learns_digits(void **state)
{
        const bool brief = getenv("HEDGE_TEST_SHORT"); /* where every instruction is interpreted */
        const hedge_sgd_t sgd = {
                .rate = 0.03f, .momentum = 0.9f, .schedule = HEDGE_SCHEDULE_COSINE, .warm_up = 30, .steps = 300
        };
        hedge_dataset_t *train = mnist("train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz"), *few = NULL;
        hedge_dataset_t *test = mnist("t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz");
        hedge_batches_t *batches = NULL;
        hedge_trainer_t *trainer = NULL;
        hedge_net_t *net = NULL;
        hedge_score_t score;
        hedge_norm_t norm;

        assert_int_equal(train->count, 60000);
        assert_int_equal(hedge_dataset_slice(test, 0, brief ? 100 : 2000, &few, NULL), 0);
        hedge_dataset_norm(train, &norm);
        assert_true(fabsf(norm.mean[0] - 0.1307f) < 1e-4f && fabsf(norm.deviation[0] - 0.3081f) < 1e-4f);
        assert_int_equal(hedge_preset_new("lenet5", &train->image, 10, &net, NULL), 0);
        assert_int_equal(hedge_batches_new(train, &norm, 1, 64, false, &batches, NULL), 0);
        assert_int_equal(hedge_trainer_new(net, &sgd, batches, 1, &trainer, NULL), 0);
        for (int i = 0; i < (brief ? 3 : 300); i++)
                assert_int_equal(hedge_train_step(trainer, &score), 0);
        assert_int_equal(hedge_train_test(trainer, few, &norm, &score), 0);
        print_message("%u of %u right\n", score.correct, few->count);
        assert_true(brief || score.correct >= 1900);
        hedge_trainer_destroy(&trainer);
        hedge_batches_destroy(&batches);
        hedge_net_destroy(&net);
        hedge_dataset_destroy(&few);
        hedge_dataset_destroy(&test);
        hedge_dataset_destroy(&train);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_loss_falls),
                cmocka_unit_test(the_same_seed_gives_the_same_network),
                cmocka_unit_test(a_checkpoint_goes_on_as_if_nothing_happened),
                cmocka_unit_test(wrong_checkpoints_are_refused),
                cmocka_unit_test(failed_writing_leaves_nothing),
                cmocka_unit_test(rates_follow_their_schedule),
                cmocka_unit_test(momentum_and_decay_are_as_stated),
                cmocka_unit_test(senseless_settings_are_refused),
                cmocka_unit_test(data_that_does_not_fit_is_refused),
                cmocka_unit_test(a_loss_that_is_no_number_stops_the_training),
                cmocka_unit_test(onnx_files_give_the_same_answers),
                cmocka_unit_test(lenet5_learns_digits),
        };

        return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

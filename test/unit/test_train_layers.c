/* SPDX-License-Identifier: Apache-2.0 */
/* Every kind of layer: its gradient against finite differences, in networks where what is before it has parameters. */
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/code/random.h"
#include "common/train/conv_onednn.h"
#include "common/train/preset.h"
#include "common/train/workspace.h"
#include "test/unit/train_cases.h"

#define PROBES 40 /* entries of a segment that are looked at, at most */

/* All of it is done with each. */
static const char *products = "blas";

/* A network with a batch of random images. */
typedef struct fixture {
        hedge_net_t *net;
        hedge_workspace_t *workspace;
        uint32_t batch;
        float *params, *state, *gradient, *sink, *statistics, *images;
        uint8_t labels[MAX_BATCH];
} fixture_t;

static float *floats(size_t n)
{
        float *v = calloc(n + 1, sizeof(*v));

        assert_non_null(v);
        return v;
}

static void fill(fixture_t *f, uint64_t seed)
{
        uint64_t row = hedge_random_row(seed, 1);

        hedge_net_initialise(f->net, seed, f->params, f->state);
        for (size_t i = 0; i < f->net->n_params; i++) /* no zero biases, no scales of exactly 1 */
                f->params[i] += 0.2f * (float)hedge_random_normal(&row);
        for (size_t i = 0; i < f->batch * hedge_extent_elements(&f->net->image); i++)
                f->images[i] = (float)hedge_random_normal(&row);
        for (uint32_t i = 0; i < f->batch && i < MAX_BATCH; i++)
                f->labels[i] = (uint8_t)hedge_random_below(&row, f->net->classes);
}

static void open_case(const net_case_t *c, fixture_t *f)
{
        hedge_why_t why = { "" };
        const uint32_t n = case_layers(c);

        if (hedge_net_new(&c->image, c->specs, n, &f->net, &why) < 0)
                fail_msg("%s: %s", c->name, why.text);
        assert_int_equal(hedge_workspace_new(f->net, products, c->batch, &f->workspace, &why), 0);
        f->batch = c->batch;
        f->params = floats(f->net->n_params);
        f->state = floats(f->net->n_state);
        f->gradient = floats(f->net->n_params);
        f->sink = floats(f->net->n_params);
        f->statistics = floats(f->net->n_state);
        f->images = floats(c->batch * hedge_extent_elements(&c->image));
        fill(f, 42);
}

static void close_case(fixture_t *f)
{
        hedge_workspace_destroy(&f->workspace);
        hedge_net_destroy(&f->net);
        free(f->params);
        free(f->state);
        free(f->gradient);
        free(f->sink);
        free(f->statistics);
        free(f->images);
}

static double loss_with(fixture_t *f, size_t i, float value)
{
        const float kept = f->params[i];
        hedge_score_t score;

        f->params[i] = value;
        assert_int_equal(hedge_net_gradient(f->workspace, f->params, f->images, f->labels, f->batch, f->sink,
                                            f->statistics, &score),
                         0);
        f->params[i] = kept;
        return score.loss;
}

/* The loss by parameter i, by central differences; the steps are what float32 makes of them. */
static double slope(fixture_t *f, size_t i, float step)
{
        const float up = f->params[i] + step, down = f->params[i] - step;

        return (loss_with(f, i, up) - loss_with(f, i, down)) / ((double)up - (double)down);
}

/* Two step widths, and the error that goes with the square taken out: what is left goes with the fourth power. Where the
 * two are far apart for their tolerance, the loss has a bend. */
static double slope_twice(fixture_t *f, size_t i, float step, double tolerance, bool *ret_smooth)
{
        const double fine = slope(f, i, step), coarse = slope(f, i, 2 * step);

        *ret_smooth = fabs(fine - coarse) < tolerance;
        return (4 * fine - coarse) / 3;
}

/* Entries of one segment. Where relu or a maximum turns over within the step there is no slope: those few are left out. */
static void check_segment(fixture_t *f, const net_case_t *c, const hedge_segment_t *s, unsigned *probed, unsigned *bent)
{
        uint64_t row = hedge_random_row(7, s->offset);
        const size_t n = s->count < PROBES ? s->count : PROBES;
        double largest = 0, tolerance;

        for (size_t i = 0; i < s->count; i++)
                largest = fmax(largest, fabs((double)f->gradient[s->offset + i]));
        tolerance = 3e-3 * largest + 8e-5;
        for (size_t k = 0; k < n; k++) {
                const size_t i = s->offset + (n == s->count ? k : hedge_random_below(&row, (unsigned)s->count));
                bool smooth;
                const double expected = slope_twice(f, i, 4e-3f, tolerance, &smooth), got = (double)f->gradient[i];

                (*probed)++;
                *bent += !smooth;
                if (smooth && !(fabs(got - expected) < tolerance))
                        fail_msg("%s, %s[%zu]: gradient %g, finite differences %g (largest of the segment %g)", c->name,
                                 s->name, i - s->offset, got, expected, largest);
        }
}

static void gradients_are_finite_differences(void **state)
{
        const bool tell = getenv("HEDGE_TEST_VERBOSE");

        for (size_t k = 0; k < N_CASES; k++) {
                unsigned probed = 0, bent = 0;
                hedge_score_t score;
                fixture_t f;

                open_case(&cases[k], &f);
                assert_int_equal(hedge_net_gradient(f.workspace, f.params, f.images, f.labels, f.batch, f.gradient,
                                                    f.statistics, &score),
                                 0);
                for (uint32_t s = 0; s < f.net->n_segments; s++)
                        check_segment(&f, &cases[k], &f.net->segments[s], &probed, &bent);
                if (tell)
                        print_message("%s: %u entries, %u at a bend\n", cases[k].name, probed, bent);
                if (4 * bent > probed)
                        fail_msg("%s: %u of %u entries without a slope", cases[k].name, bent, probed);
                close_case(&f);
        }
}

/* A smaller batch in the same workspace, after a larger one, is that batch's own. */
static void batches_do_not_touch_each_other(void **state)
{
        for (size_t k = 0; k < N_CASES; k++) {
                hedge_workspace_t *small = NULL;
                hedge_score_t score, alone;
                fixture_t f;

                open_case(&cases[k], &f);
                assert_int_equal(hedge_workspace_new(f.net, products, 2, &small, NULL), 0);
                assert_int_equal(hedge_net_gradient(f.workspace, f.params, f.images, f.labels, f.batch, f.gradient,
                                                    f.statistics, &score),
                                 0);
                memset(f.gradient, 0xff, f.net->n_params * sizeof(float));
                assert_int_equal(hedge_net_gradient(f.workspace, f.params, f.images, f.labels, 2, f.gradient,
                                                    f.statistics, &score),
                                 0);
                assert_int_equal(
                        hedge_net_gradient(small, f.params, f.images, f.labels, 2, f.sink, f.statistics, &alone), 0);
                assert_memory_equal(&score.loss, &alone.loss, sizeof(score.loss));
                assert_memory_equal(f.gradient, f.sink, f.net->n_params * sizeof(float));
                hedge_workspace_destroy(&small);
                close_case(&f);
        }
}

/* One thread's share: the same batch again and again, in a workspace of its own. */
typedef struct share {
        pthread_t thread;
        const fixture_t *f;
        float *gradient, *statistics;
        int result;
} share_t;

static void *compute_share(void *arg)
{
        share_t *s = arg;
        const fixture_t *f = s->f;
        hedge_workspace_t *workspace = NULL;
        hedge_score_t score;

        s->result = hedge_workspace_new(f->net, products, f->batch, &workspace, NULL);
        for (int i = 0; i < 20 && s->result == 0; i++)
                s->result = hedge_net_gradient(workspace, f->params, f->images, f->labels, f->batch, s->gradient,
                                               s->statistics, &score);
        hedge_workspace_destroy(&workspace);
        return NULL;
}

static void threads_do_not_touch_each_other(void **state)
{
        share_t shares[3];
        hedge_score_t score;
        fixture_t f;

        open_case(&cases[20], &f);
        assert_int_equal(hedge_net_gradient(f.workspace, f.params, f.images, f.labels, f.batch, f.gradient,
                                            f.statistics, &score),
                         0);
        for (int i = 0; i < 3; i++) {
                shares[i] =
                        (share_t){ .f = &f, .gradient = floats(f.net->n_params), .statistics = floats(f.net->n_state) };
                assert_int_equal(pthread_create(&shares[i].thread, NULL, compute_share, &shares[i]), 0);
        }
        for (int i = 0; i < 3; i++) {
                pthread_join(shares[i].thread, NULL);
                assert_int_equal(shares[i].result, 0);
                assert_memory_equal(shares[i].gradient, f.gradient, f.net->n_params * sizeof(float));
                assert_memory_equal(shares[i].statistics, f.statistics, f.net->n_state * sizeof(float));
                free(shares[i].gradient);
                free(shares[i].statistics);
        }
        close_case(&f);
}

/* The mean of the gradients of two halves is that of the whole, where no layer looks across the batch. */
static void halves_average_to_the_whole(void **state)
{
        hedge_score_t whole, first, second;
        fixture_t f;
        float *half;

        open_case(&cases[2], &f);
        hedge_workspace_destroy(&f.workspace);
        assert_int_equal(hedge_workspace_new(f.net, products, 4, &f.workspace, NULL), 0);
        free(f.images);
        f.images = floats(4 * hedge_extent_elements(&f.net->image));
        f.batch = 4;
        fill(&f, 5);
        half = floats(f.net->n_params);
        hedge_net_gradient(f.workspace, f.params, f.images, f.labels, 4, f.gradient, f.statistics, &whole);
        hedge_net_gradient(f.workspace, f.params, f.images, f.labels, 2, f.sink, f.statistics, &first);
        hedge_net_gradient(f.workspace, f.params, f.images + 2 * hedge_extent_elements(&f.net->image), f.labels + 2, 2,
                           half, f.statistics, &second);
        assert_true(fabs(whole.loss - (first.loss + second.loss) / 2) < 1e-6);
        for (size_t i = 0; i < f.net->n_params; i++)
                assert_true(fabsf(f.gradient[i] - (f.sink[i] + half[i]) / 2) < 1e-5f);
        free(half);
        close_case(&f);
}

static void kinds_have_names(void **state)
{
        hedge_layer_kind_t kind;

        for (unsigned i = 0; i < HEDGE_LAYER_KINDS; i++) {
                assert_int_equal(hedge_layer_kind(hedge_layer_type((hedge_layer_kind_t)i)->name, &kind), 0);
                assert_int_equal(kind, i);
        }
        assert_int_equal(hedge_layer_kind("global_average_pool", &kind), 0);
        assert_int_equal(kind, HEDGE_LAYER_GLOBAL_AVERAGE_POOL);
        assert_int_equal(hedge_layer_kind("lstm", &kind), -EINVAL);
}

static void products_are_refused_by_name(void **state)
{
        hedge_workspace_t *workspace = NULL;
        hedge_why_t why;
        fixture_t f;

        open_case(&cases[0], &f);
        assert_int_equal(hedge_workspace_new(f.net, "abacus", 1, &workspace, &why), -EINVAL);
        assert_string_equal(why.text, "products by 'abacus': onednn or blas");
        if (!hedge_conv_onednn_built())
                assert_int_equal(hedge_workspace_new(f.net, "onednn", 1, &workspace, &why), HEDGE_EUNSUPPORTED);
        assert_null(workspace);
        close_case(&f);
}

/* Batch normalisation of the image itself: two channels whose numbers are known. */
static void batch_statistics_are_told(void **state)
{
        static const hedge_layer_spec_t specs[] = { PLAIN(BATCH_NORM), PLAIN(FLATTEN), DENSE(2) };
        const hedge_extent_t image = { 2, 1, 2, false };
        const float images[8] = { 1, 10, 2, 10, 3, 30, 6, 50 }; /* 1 2 3 6 and 10 10 30 50 */
        const uint8_t labels[2] = { 0, 1 };
        float params[14], gradient[14], statistics[4], running[4], logits[4], again[4];
        hedge_workspace_t *workspace = NULL;
        hedge_net_t *net = NULL;
        hedge_score_t score;

        assert_int_equal(hedge_net_new(&image, specs, 3, &net, NULL), 0);
        assert_int_equal(net->n_params, 14);
        assert_int_equal(net->n_state, 4);
        assert_int_equal(hedge_workspace_new(net, products, 2, &workspace, NULL), 0);
        hedge_net_initialise(net, 1, params, running);
        assert_int_equal(hedge_net_gradient(workspace, params, images, labels, 2, gradient, statistics, &score), 0);
        assert_true(fabsf(statistics[0] - 3) < 1e-5f && fabsf(statistics[1] - 25) < 1e-4f);
        assert_true(fabsf(statistics[2] - 14.0f / 3) < 1e-5f && fabsf(statistics[3] - 1100.0f / 3) < 1e-3f);

        hedge_net_blend_state(net, 0.25f, statistics, running);
        assert_true(fabsf(running[0] - 0.75f) < 1e-6f && fabsf(running[2] - (0.75f + 14.0f / 12)) < 1e-6f);

        /* With the batch's own statistics (over n) as the running ones, evaluation sees what training saw. */
        hedge_net_blend_state(net, 1, statistics, running);
        for (int i = 2; i < 4; i++)
                running[i] *= 0.75f;
        assert_int_equal(hedge_net_forward(workspace, params, running, images, 2, logits), 0);
        assert_int_equal(hedge_net_evaluate(workspace, params, running, images, labels, 2, &score), 0);
        {
                hedge_score_t trained;

                hedge_net_gradient(workspace, params, images, labels, 2, gradient, statistics, &trained);
                assert_true(fabs(trained.loss - score.loss) < 1e-6);
        }
        running[0] += 1;
        hedge_net_forward(workspace, params, running, images, 2, again);
        assert_true(fabsf(again[0] - logits[0]) > 1e-3f);
        hedge_workspace_destroy(&workspace);
        hedge_net_destroy(&net);
}

static void evaluation_goes_in_pieces(void **state)
{
        hedge_workspace_t *small = NULL;
        hedge_score_t whole, pieces;
        fixture_t f;

        open_case(&cases[14], &f);
        assert_int_equal(hedge_workspace_new(f.net, products, 3, &small, NULL), 0);
        assert_int_equal(hedge_net_evaluate(f.workspace, f.params, f.state, f.images, f.labels, f.batch, &whole), 0);
        assert_int_equal(hedge_net_evaluate(small, f.params, f.state, f.images, f.labels, f.batch, &pieces), 0);
        assert_true(fabs(whole.loss - pieces.loss) < 1e-6);
        assert_int_equal(whole.correct, pieces.correct);
        hedge_workspace_destroy(&small);
        close_case(&f);
}

static void wrong_batches_are_refused(void **state)
{
        hedge_score_t score = { -1, 77 };
        fixture_t f;

        open_case(&cases[0], &f);
        f.labels[1] = 4;
        assert_int_equal(hedge_net_gradient(f.workspace, f.params, f.images, f.labels, f.batch, f.gradient,
                                            f.statistics, &score),
                         -EINVAL);
        assert_int_equal(hedge_net_evaluate(f.workspace, f.params, f.state, f.images, f.labels, f.batch, &score),
                         -EINVAL);
        assert_int_equal(score.correct, 77);
        f.labels[1] = 3;
        assert_int_equal(hedge_net_gradient(f.workspace, f.params, f.images, f.labels, f.batch + 1, f.gradient,
                                            f.statistics, &score),
                         -EINVAL);
        assert_int_equal(
                hedge_net_gradient(f.workspace, f.params, f.images, f.labels, 0, f.gradient, f.statistics, &score),
                -EINVAL);
        assert_int_equal(hedge_net_evaluate(f.workspace, f.params, f.state, f.images, f.labels, 0, &score), -EINVAL);
        close_case(&f);
}

/* A parameter that has left the numbers is seen in the loss, through relu and pools. */
static void nan_reaches_the_loss(void **state)
{
        hedge_score_t score;
        fixture_t f;

        open_case(&cases[14], &f);
        f.params[0] = NAN;
        assert_int_equal(hedge_net_gradient(f.workspace, f.params, f.images, f.labels, f.batch, f.gradient,
                                            f.statistics, &score),
                         0);
        assert_false(isfinite(score.loss));
        close_case(&f);
}

static void refuse(const hedge_layer_spec_t *specs, uint32_t n, int code, const char *sentence)
{
        const hedge_extent_t image = { 8, 8, 3, false };
        hedge_why_t why = { "" };
        hedge_net_t *net = NULL;

        assert_int_equal(hedge_net_new(&image, specs, n, &net, &why), code);
        assert_null(net);
        assert_string_equal(why.text, sentence);
}

#define REFUSE(code, sentence, ...)                         \
        refuse((const hedge_layer_spec_t[]){ __VA_ARGS__ }, \
               sizeof((const hedge_layer_spec_t[]){ __VA_ARGS__ }) / sizeof(hedge_layer_spec_t), code, sentence)

static void networks_that_do_not_fit_are_refused(void **state)
{
        REFUSE(HEDGE_ESHAPE,
               "dense1: a dense layer reads one row of numbers, but is given 8 x 8 x 3: put a flatten before it",
               DENSE(3));
        REFUSE(HEDGE_ESHAPE, "conv1: a window of 9 x 9 does not fit 8 x 8 x 3 with padding 0", CONV(4, 9, 1, 0));
        REFUSE(HEDGE_ESHAPE, "max_pool1: a window of 9 x 9 does not fit 8 x 8 x 3 with padding 0", POOL(MAX, 9, 1, 0));
        REFUSE(HEDGE_ESHAPE, "conv1: a convolution needs an image, but is given a row of 192", PLAIN(FLATTEN),
               CONV(4, 3, 1, 0));
        REFUSE(HEDGE_ESHAPE, "max_pool1: a pool needs an image, but is given a row of 192", PLAIN(FLATTEN),
               POOL(MAX, 2, 0, 0));
        REFUSE(HEDGE_ESHAPE, "global_average_pool1: a pool needs an image, but is given a row of 192", PLAIN(FLATTEN),
               PLAIN(GLOBAL_AVERAGE_POOL));
        REFUSE(HEDGE_ESHAPE, "add1: 8 x 8 x 3 cannot be added to 8 x 8 x 4", CONV(4, 3, 1, 1),
               { .kind = HEDGE_LAYER_ADD, .with = "image" });
        REFUSE(HEDGE_ESHAPE, "the last layer gives 8 x 8 x 4 instead of one number for each of 2 to 256 classes",
               CONV(4, 3, 1, 1));
        REFUSE(-EINVAL, "conv1: a window of 0 with padding 0: 1 to 255, and less padding than that", CONV(4, 0, 1, 0));
        REFUSE(-EINVAL, "conv1: a window of 3 with padding 3: 1 to 255, and less padding than that", CONV(4, 3, 1, 3));
        REFUSE(-EINVAL, "average_pool1: a window of 16 with padding 0: 1 to 15, and less padding than that",
               POOL(AVERAGE, 16, 1, 0));
        REFUSE(-EINVAL, "dense1: a dense layer needs units, at least 1", PLAIN(FLATTEN), PLAIN(DENSE));
        REFUSE(-EINVAL, "add1: \"with\" names the other value of an add, and only of that", CONV(4, 3, 1, 1),
               PLAIN(ADD));
        REFUSE(-EINVAL, "add1: no layer before it is called 'nowhere'", CONV(4, 3, 1, 1),
               { .kind = HEDGE_LAYER_ADD, .with = "nowhere" });
        REFUSE(-EINVAL, "layer 2: 'a' is the name of an earlier one", { .kind = HEDGE_LAYER_RELU, .name = "a" },
               { .kind = HEDGE_LAYER_RELU, .name = "a" });
        REFUSE(-EINVAL, "layer 1: 'image' is the name of an earlier one",
               { .kind = HEDGE_LAYER_RELU, .name = "image" });
        REFUSE(-EINVAL, "layer 1: a name is 1 to 31 letters, digits or any of \"_-/\"",
               { .kind = HEDGE_LAYER_RELU, .name = "a.b" });
        REFUSE(-EINVAL, "conv1: no layer reads it", CONV(4, 3, 1, 1), { .kind = HEDGE_LAYER_FLATTEN, .from = "image" },
               DENSE(3));
        REFUSE(-EINVAL, "the network has nothing to train", PLAIN(GLOBAL_AVERAGE_POOL));
        REFUSE(-EINVAL, "layer 1: no such kind", { .kind = HEDGE_LAYER_KINDS });
        REFUSE(HEDGE_ELIMIT, "dense1: at most 1048576 units and strides of 65536", PLAIN(FLATTEN), DENSE(UINT32_MAX));
        REFUSE(HEDGE_ELIMIT, "dense2: the network has more than 268435456 parameters", PLAIN(FLATTEN), DENSE(100000),
               DENSE(100000));
        REFUSE(HEDGE_ELIMIT, "conv1: its output has more than 67108864 numbers", CONV(1u << 20, 2, 1, 1));
}

static void too_large_batches_are_refused(void **state)
{
        const hedge_extent_t image = { 1024, 1024, 3, false };
        hedge_workspace_t *workspace = NULL;
        hedge_why_t why = { "" };
        hedge_net_t *net = NULL;

        assert_int_equal(hedge_preset_new("resnet8", &image, 10, &net, NULL), 0);
        assert_int_equal(hedge_workspace_new(net, products, 4096, &workspace, &why), HEDGE_ELIMIT);
        assert_non_null(strstr(why.text, "batches of 4096 images take "));
        assert_int_equal(hedge_workspace_new(net, products, 0, &workspace, &why), -EINVAL);
        assert_null(workspace);
        hedge_net_destroy(&net);
}

static void presets_are_what_they_are_called(void **state)
{
        static const struct {
                const char *name;
                hedge_extent_t image;
                size_t params;
                uint64_t macs;
        } known[] = {
                { "mlp", { 28, 28, 1, false }, 78500 + 20200 + 2010, 78400 + 20000 + 2000 },
                { "lenet5", { 28, 28, 1, false }, 61706, 416520 },
                { "resnet8", { 32, 32, 3, false }, 77946, 12501632 },
        };
        hedge_net_t *net = NULL;
        hedge_why_t why;

        for (size_t i = 0; i < 3; i++) {
                size_t sum = 0;

                assert_string_equal(hedge_preset_names[i], known[i].name);
                assert_int_equal(hedge_preset_new(known[i].name, &known[i].image, 10, &net, NULL), 0);
                assert_int_equal(net->n_params, known[i].params);
                assert_int_equal(hedge_net_macs(net), known[i].macs);
                for (uint32_t s = 0; s < net->n_segments; sum += net->segments[s++].count)
                        assert_int_equal(net->segments[s].offset, sum);
                assert_int_equal(sum, net->n_params);
                hedge_net_destroy(&net);
        }
        assert_null(hedge_preset_names[3]);
        assert_int_equal(hedge_preset_new("vgg", &known[0].image, 10, &net, &why), -EINVAL);
        assert_string_equal(why.text, "no network is called 'vgg': mlp, lenet5 or resnet8");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(gradients_are_finite_differences),
                cmocka_unit_test(batches_do_not_touch_each_other),
                cmocka_unit_test(threads_do_not_touch_each_other),
                cmocka_unit_test(halves_average_to_the_whole),
                cmocka_unit_test(kinds_have_names),
                cmocka_unit_test(products_are_refused_by_name),
                cmocka_unit_test(batch_statistics_are_told),
                cmocka_unit_test(evaluation_goes_in_pieces),
                cmocka_unit_test(wrong_batches_are_refused),
                cmocka_unit_test(nan_reaches_the_loss),
                cmocka_unit_test(networks_that_do_not_fit_are_refused),
                cmocka_unit_test(too_large_batches_are_refused),
                cmocka_unit_test(presets_are_what_they_are_called),
        };

        int failed = cmocka_run_group_tests(tests, NULL, NULL);

        if (!hedge_conv_onednn_built()) {
                print_message("oneDNN is not in this build\n");
                return failed;
        }
        products = "onednn";
        return failed + cmocka_run_group_tests(tests, NULL, NULL);
}

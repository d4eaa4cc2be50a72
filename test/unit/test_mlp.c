/* SPDX-License-Identifier: Apache-2.0 */
/* Gradients whose products somebody else computes: the same as the network's own, and asked for in the promised order. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/code/random.h"
#include "common/train/mlp.h"

#define MAX_DENSE 4
#define MAX_SPECS 12
#define BATCH     23

/* A network with a batch of random images, and its gradient as the engine has it. */
typedef struct fixture {
        hedge_net_t *net;
        hedge_mlp_t *mlp;
        float *params, *images, *gradient, *expected;
        uint8_t labels[BATCH];
        hedge_score_t score;
} fixture_t;

static float *floats(size_t n)
{
        float *v = calloc(n + 1, sizeof(*v));

        assert_non_null(v);
        return v;
}

/* [relu], flatten, then dense layers, some without bias, with none to two relus behind each. */
static uint32_t draw_specs(uint64_t *row, hedge_layer_spec_t *specs)
{
        const uint32_t n_dense = 1 + (uint32_t)hedge_random_below(row, MAX_DENSE);
        uint32_t n = 0;

        if (hedge_random_below(row, 3) == 0)
                specs[n++].kind = HEDGE_LAYER_RELU;
        specs[n++].kind = HEDGE_LAYER_FLATTEN;
        for (uint32_t i = 0; i < n_dense; i++) {
                specs[n++] = (hedge_layer_spec_t){ .kind = HEDGE_LAYER_DENSE,
                                                   .units = 2 + (uint32_t)hedge_random_below(row, 40),
                                                   .no_bias = hedge_random_below(row, 4) == 0 };
                if (i + 1 < n_dense || hedge_random_below(row, 4) == 0)
                        specs[n++].kind = HEDGE_LAYER_RELU;
                if (hedge_random_below(row, 6) == 0)
                        specs[n++].kind = HEDGE_LAYER_FLATTEN;
        }
        assert_true(n <= MAX_SPECS);
        return n;
}

static void compute_expected(fixture_t *f, uint32_t batch)
{
        hedge_workspace_t *workspace;
        hedge_why_t why = { "" };

        assert_int_equal(hedge_workspace_new(f->net, NULL, batch, &workspace, &why), 0);
        assert_int_equal(
                hedge_net_gradient(workspace, f->params, f->images, f->labels, batch, f->expected, NULL, &f->score), 0);
        hedge_workspace_destroy(&workspace);
}

static void open_fixture(fixture_t *f, uint64_t seed)
{
        const hedge_extent_t image = { 3, 5, 2, false };
        hedge_layer_spec_t specs[MAX_SPECS] = { { .kind = HEDGE_LAYER_DENSE } };
        uint64_t row = hedge_random_row(seed, 7);
        hedge_why_t why = { "" };
        float *state = floats(0);

        if (hedge_net_new(&image, specs, draw_specs(&row, specs), &f->net, &why) < 0)
                fail_msg("%s", why.text);
        f->params = floats(f->net->n_params);
        f->gradient = floats(f->net->n_params);
        f->expected = floats(f->net->n_params);
        f->images = floats((size_t)BATCH * 30);
        hedge_net_initialise(f->net, seed, f->params, state);
        free(state);
        for (size_t i = 0; i < f->net->n_params; i++) /* no zero biases */
                f->params[i] += 0.1f * (float)hedge_random_normal(&row);
        for (size_t i = 0; i < (size_t)BATCH * 30; i++)
                f->images[i] = (float)hedge_random_normal(&row);
        for (uint32_t i = 0; i < BATCH; i++)
                f->labels[i] = (uint8_t)hedge_random_below(&row, f->net->classes);
        assert_int_equal(hedge_mlp_new(f->net, BATCH, &f->mlp, &why), 0);
        compute_expected(f, BATCH);
}

static void close_fixture(fixture_t *f)
{
        hedge_mlp_destroy(&f->mlp);
        assert_null(f->mlp);
        hedge_net_destroy(&f->net);
        free(f->params);
        free(f->images);
        free(f->gradient);
        free(f->expected);
}

static double norm(const float *v, size_t n)
{
        double sum = 0;

        for (size_t i = 0; i < n; i++)
                sum += (double)v[i] * (double)v[i];
        return sqrt(sum);
}

static void expect_near(const float *is, const float *expected, size_t n, const char *what)
{
        float *difference = floats(n);

        for (size_t i = 0; i < n; i++)
                difference[i] = is[i] - expected[i];
        if (!(norm(difference, n) <= 2e-6 * norm(expected, n)))
                fail_msg("%s: off by %g of %g", what, norm(difference, n), norm(expected, n));
        free(difference);
}

static void poison(float *v, size_t n)
{
        for (size_t i = 0; i < n; i++)
                v[i] = NAN;
}

static void without_hooks_it_is_the_networks_gradient(void **state)
{
        for (uint64_t seed = 0; seed < 60; seed++) {
                hedge_score_t score = { 0 };
                fixture_t f;

                open_fixture(&f, seed);
                poison(f.gradient, f.net->n_params);
                assert_int_equal(
                        hedge_mlp_gradient(f.mlp, NULL, f.params, f.images, f.labels, BATCH, f.gradient, &score), 0);
                expect_near(f.gradient, f.expected, f.net->n_params, "gradient");
                assert_float_equal(score.loss, f.score.loss, 1e-6 * f.score.loss);
                assert_int_equal(score.correct, f.score.correct);
                compute_expected(&f, 9); /* a shorter batch in the same memory */
                assert_int_equal(hedge_mlp_gradient(f.mlp, NULL, f.params, f.images, f.labels, 9, f.gradient, &score),
                                 0);
                expect_near(f.gradient, f.expected, f.net->n_params, "gradient of a shorter batch");
                close_fixture(&f);
        }
}

/* ---- hooks: a cluster that computes from parameters of its own and writes down what it was asked ---- */

typedef enum call_kind { FORWARD, BACKWARD, WEIGH, UPDATE } call_kind_t;

typedef struct call {
        call_kind_t kind;
        uint32_t dense;
} call_t;

typedef struct cluster {
        fixture_t *f;
        const float *params; /* the true ones */
        float *updates;      /* where updates go, as gradients lie */
        call_t calls[4 * MAX_DENSE];
        unsigned n_calls;
        int fails_at, error; /* the call that fails */
        /* inputs as they were, to see that they stay */
        const float *x[MAX_DENSE], *delta[MAX_DENSE];
        double x_norm[MAX_DENSE], delta_norm[MAX_DENSE];
} cluster_t;

/* c (m x n) = op(a) op(b), plainly. Strides of op(a)'s rows and columns, likewise b's. */
static void multiply(size_t m, size_t n, size_t k, const float *a, size_t a_row, size_t a_col, const float *b,
                     size_t b_row, size_t b_col, float *c)
{
        for (size_t i = 0; i < m; i++)
                for (size_t j = 0; j < n; j++) {
                        double sum = 0;

                        for (size_t l = 0; l < k; l++)
                                sum += (double)a[i * a_row + l * a_col] * (double)b[l * b_row + j * b_col];
                        c[i * n + j] = (float)sum;
                }
}

static int note(cluster_t *c, call_kind_t kind, uint32_t dense, uint32_t batch)
{
        assert_int_equal(batch, BATCH);
        assert_true(c->n_calls < 4 * MAX_DENSE);
        c->calls[c->n_calls] = (call_t){ kind, dense };
        return (int)c->n_calls++ == c->fails_at ? c->error : 0;
}

static int on_forward(void *arg, uint32_t dense, uint32_t batch, const float *x, float *y)
{
        cluster_t *c = arg;
        const hedge_layer_t *l = hedge_mlp_dense(c->f->mlp, dense);

        c->x[dense] = x;
        c->x_norm[dense] = norm(x, (size_t)batch * l->x.c);
        multiply(batch, l->y.c, l->x.c, x, l->x.c, 1, c->params + l->weights, 1, l->x.c, y);
        return note(c, FORWARD, dense, batch);
}

static int on_backward(void *arg, uint32_t dense, uint32_t batch, const float *delta, float *dx)
{
        cluster_t *c = arg;
        const hedge_layer_t *l = hedge_mlp_dense(c->f->mlp, dense);

        c->delta[dense] = delta;
        c->delta_norm[dense] = norm(delta, (size_t)batch * l->y.c);
        multiply(batch, l->x.c, l->y.c, delta, l->y.c, 1, c->params + l->weights, l->x.c, 1, dx);
        return note(c, BACKWARD, dense, batch);
}

static void weigh(cluster_t *c, uint32_t dense, uint32_t batch, const float *delta, const float *x, float *dw)
{
        const hedge_layer_t *l = hedge_mlp_dense(c->f->mlp, dense);

        if (c->x[dense]) { /* its forward was hooked */
                assert_ptr_equal(x, c->x[dense]);
                assert_true(norm(x, (size_t)batch * l->x.c) == c->x_norm[dense]);
        }
        if (c->delta[dense]) {
                assert_ptr_equal(delta, c->delta[dense]);
                assert_true(norm(delta, (size_t)batch * l->y.c) == c->delta_norm[dense]);
        }
        multiply(l->y.c, l->x.c, batch, delta, 1, l->y.c, x, l->x.c, 1, dw);
}

static int on_weigh(void *arg, uint32_t dense, uint32_t batch, const float *delta, const float *x, float *dw)
{
        weigh(arg, dense, batch, delta, x, dw);
        return note(arg, WEIGH, dense, batch);
}

static int on_update(void *arg, uint32_t dense, uint32_t batch, const float *delta, const float *x)
{
        cluster_t *c = arg;

        weigh(c, dense, batch, delta, x, c->updates + hedge_mlp_dense(c->f->mlp, dense)->weights);
        return note(arg, UPDATE, dense, batch);
}

static unsigned promise(const cluster_t *c, const hedge_mlp_hooks_t *hooks, call_t *calls)
{
        const uint32_t n = hedge_mlp_count(c->f->mlp);
        unsigned k = 0;

        for (uint32_t i = 0; hooks->forward && i < n; i++)
                calls[k++] = (call_t){ FORWARD, i };
        for (uint32_t i = n; hooks->backward && i-- > 1;)
                calls[k++] = (call_t){ BACKWARD, i };
        for (uint32_t i = n; (hooks->weigh || hooks->update) && i-- > 0;)
                calls[k++] = (call_t){ hooks->update ? UPDATE : WEIGH, i };
        return k;
}

static void expect_calls(const cluster_t *c, const hedge_mlp_hooks_t *hooks)
{
        call_t calls[4 * MAX_DENSE];

        assert_int_equal(c->n_calls, promise(c, hooks, calls));
        for (unsigned i = 0; i < c->n_calls; i++) {
                assert_int_equal(c->calls[i].kind, calls[i].kind);
                assert_int_equal(c->calls[i].dense, calls[i].dense);
        }
}

static hedge_mlp_hooks_t hooks_of(unsigned mask, cluster_t *c)
{
        return (hedge_mlp_hooks_t){
                .arg = c,
                .forward = mask & 1 ? on_forward : NULL,
                .backward = mask & 2 ? on_backward : NULL,
                .weigh = mask & 4 ? on_weigh : NULL,
                .update = mask & 8 ? on_update : NULL,
        };
}

static void open_cluster(cluster_t *c, fixture_t *f)
{
        *c = (cluster_t){ .f = f, .fails_at = -1 };
        c->params = f->params;
        c->updates = floats(f->net->n_params);
}

/* The gradient is where it should be: updated weights' in the cluster, with zeros in their place. */
static void expect_gradient(const cluster_t *c, bool updated)
{
        const fixture_t *f = c->f;

        for (uint32_t i = 0; updated && i < hedge_mlp_count(f->mlp); i++) {
                const hedge_layer_t *l = hedge_mlp_dense(f->mlp, i);

                for (size_t k = 0; k < l->n_weights; k++)
                        assert_true(f->gradient[l->weights + k] == 0);
                memcpy(f->gradient + l->weights, c->updates + l->weights, l->n_weights * sizeof(float));
        }
        expect_near(f->gradient, f->expected, f->net->n_params, "gradient of a cluster");
}

static void hooks_are_asked_exactly_when_promised(void **state)
{
        for (unsigned mask = 0; mask < 16; mask++)
                for (uint64_t seed = 0; seed < 10; seed++) {
                        hedge_mlp_hooks_t hooks;
                        hedge_score_t score;
                        fixture_t f;
                        cluster_t c;

                        open_fixture(&f, seed);
                        open_cluster(&c, &f);
                        hooks = hooks_of(mask, &c);
                        poison(f.gradient, f.net->n_params);
                        assert_int_equal(hedge_mlp_gradient(f.mlp, &hooks, f.params, f.images, f.labels, BATCH,
                                                            f.gradient, &score),
                                         0);
                        expect_calls(&c, &hooks);
                        expect_gradient(&c, mask & 8);
                        assert_float_equal(score.loss, f.score.loss, 1e-6 * f.score.loss);
                        free(c.updates);
                        close_fixture(&f);
                }
}

/* With forward, backward and update elsewhere, the weights here may be anything. */
static void hooked_weights_are_not_read(void **state)
{
        hedge_mlp_hooks_t hooks;
        hedge_score_t score;
        float *params;
        fixture_t f;
        cluster_t c;

        open_fixture(&f, 3);
        open_cluster(&c, &f);
        hooks = hooks_of(1 | 2 | 8, &c);
        params = floats(f.net->n_params);
        memcpy(params, f.params, f.net->n_params * sizeof(float));
        for (uint32_t i = 0; i < hedge_mlp_count(f.mlp); i++)
                poison(params + hedge_mlp_dense(f.mlp, i)->weights, hedge_mlp_dense(f.mlp, i)->n_weights);
        assert_int_equal(hedge_mlp_gradient(f.mlp, &hooks, params, f.images, f.labels, BATCH, f.gradient, &score), 0);
        expect_gradient(&c, true);
        free(params);
        free(c.updates);
        close_fixture(&f);
}

static void an_error_of_a_hook_ends_the_pass(void **state)
{
        hedge_mlp_hooks_t hooks;
        call_t calls[4 * MAX_DENSE];
        fixture_t f;
        cluster_t c;
        unsigned n;

        open_fixture(&f, 5);
        open_cluster(&c, &f);
        assert_true(hedge_mlp_count(f.mlp) >= 2);
        hooks = hooks_of(15, &c);
        n = promise(&c, &hooks, calls);
        for (unsigned i = 0; i < n; i++) {
                hedge_score_t score = { .loss = -1 };

                c.n_calls = 0;
                c.fails_at = (int)i;
                c.error = i % 2 ? -EHOSTUNREACH : HEDGE_EUNDECODABLE;
                assert_int_equal(
                        hedge_mlp_gradient(f.mlp, &hooks, f.params, f.images, f.labels, BATCH, f.gradient, &score),
                        c.error);
                assert_int_equal(c.n_calls, i + 1);
                assert_true(score.loss == -1);
        }
        free(c.updates);
        close_fixture(&f);
}

static void other_networks_are_refused_by_name(void **state)
{
        const hedge_extent_t image = { 4, 4, 2, false };
        const hedge_layer_spec_t conv[] = { { .kind = HEDGE_LAYER_CONV, .name = "eye", .units = 3, .kernel = 3 },
                                            { .kind = HEDGE_LAYER_FLATTEN },
                                            { .kind = HEDGE_LAYER_DENSE, .units = 3 } };
        const hedge_layer_spec_t around[] = {
                { .kind = HEDGE_LAYER_FLATTEN },
                { .kind = HEDGE_LAYER_DENSE, .name = "one", .units = 3 },
                { .kind = HEDGE_LAYER_DENSE, .name = "two", .from = "flatten1", .units = 3 },
                { .kind = HEDGE_LAYER_ADD, .name = "sum", .with = "one" },
        };
        const struct {
                const hedge_layer_spec_t *specs;
                uint32_t n;
                const char *name;
        } list[] = { { conv, 3, "eye" }, { around, 4, "two" } };

        for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
                hedge_why_t why = { "" };
                hedge_mlp_t *mlp = NULL;
                hedge_net_t *net;

                assert_int_equal(hedge_net_new(&image, list[i].specs, list[i].n, &net, &why), 0);
                assert_int_equal(hedge_mlp_new(net, 4, &mlp, &why), HEDGE_EUNSUPPORTED);
                assert_null(mlp);
                assert_non_null(strstr(why.text, list[i].name));
                hedge_net_destroy(&net);
        }
}

static void bad_numbers_are_refused(void **state)
{
        const hedge_extent_t image = { 64, 64, 16, false };
        const hedge_layer_spec_t specs[] = { { .kind = HEDGE_LAYER_RELU },
                                             { .kind = HEDGE_LAYER_FLATTEN },
                                             { .kind = HEDGE_LAYER_DENSE, .units = 3 } };
        hedge_why_t why = { "" };
        hedge_mlp_t *mlp = NULL;
        hedge_score_t score;
        hedge_net_t *net;
        fixture_t f;

        assert_int_equal(hedge_net_new(&image, specs, 3, &net, &why), 0);
        assert_int_equal(hedge_mlp_new(net, 0, &mlp, &why), -EINVAL);
        assert_int_equal(hedge_mlp_new(net, HEDGE_MAX_BATCH + 1, &mlp, &why), -EINVAL);
        assert_int_equal(hedge_mlp_new(net, HEDGE_MAX_BATCH, &mlp, &why), HEDGE_ELIMIT);
        assert_null(mlp);
        hedge_mlp_destroy(&mlp);
        hedge_net_destroy(&net);
        open_fixture(&f, 1);
        assert_int_equal(hedge_mlp_gradient(f.mlp, NULL, f.params, f.images, f.labels, 0, f.gradient, &score), -EINVAL);
        assert_int_equal(hedge_mlp_gradient(f.mlp, NULL, f.params, f.images, f.labels, BATCH + 1, f.gradient, &score),
                         -EINVAL);
        f.labels[BATCH - 1] = (uint8_t)f.net->classes;
        assert_int_equal(hedge_mlp_gradient(f.mlp, NULL, f.params, f.images, f.labels, BATCH, f.gradient, &score),
                         -EINVAL);
        close_fixture(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(without_hooks_it_is_the_networks_gradient),
                cmocka_unit_test(hooks_are_asked_exactly_when_promised),
                cmocka_unit_test(hooked_weights_are_not_read),
                cmocka_unit_test(an_error_of_a_hook_ends_the_pass),
                cmocka_unit_test(other_networks_are_refused_by_name),
                cmocka_unit_test(bad_numbers_are_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

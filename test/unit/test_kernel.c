/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/kernel.h"

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/kernel/backend.h"
#include "kernel_examples.h"

/* Every back end against the plain reference, on random operators. */

#define MAX_REL_ERR 1e-5
#define CASES       60
#define CONV_CASES  250
#define CONV_LARGE  256
#define CALLERS     4
#define CALLS       20
#define FEW_CALLS   3

/* Threads per operator; under valgrind, where one thread runs at a time, waiting ones would only spin. */
static unsigned threads(void)
{
        const char *text = getenv("HEDGE_TEST_THREADS");

        return text ? (unsigned)strtoul(text, NULL, 10) : 2;
}

static hedge_kernel_t *prepare(hedge_kernels_t *kernels, const example_t *e)
{
        const float *constants[EXAMPLE_MAX_IN];
        hedge_kernel_t *k = NULL;

        for (unsigned i = 0; i < e->n_in; i++)
                constants[i] = e->constant[i] ? e->data[i] : NULL;
        assert_int_equal(hedge_kernel_new(kernels, &e->op, e->in, e->n_in, constants, &k), 0);
        return k;
}

static void inputs(const example_t *e, const float **in)
{
        for (unsigned i = 0; i < e->n_in; i++)
                in[i] = e->constant[i] ? NULL : e->data[i];
}

static float *run(hedge_kernel_t *k, const example_t *e)
{
        float *out = hedge_floats_new(hedge_shape_elements(hedge_kernel_shape(k)));
        const float *in[EXAMPLE_MAX_IN];

        assert_non_null(out);
        inputs(e, in);
        assert_int_equal(hedge_kernel_run(k, in, out), 0);
        return out;
}

/* Largest difference relative to the largest magnitude. */
static double rel_err(const float *want, const float *got, size_t n)
{
        double worst = 0, peak = 0;

        for (size_t i = 0; i < n; i++) {
                double diff = fabs((double)want[i] - got[i]);

                if (isnan(got[i]))
                        return INFINITY;
                worst = diff > worst ? diff : worst;
                peak = fabs(want[i]) > peak ? fabs(want[i]) : peak;
        }
        return worst == 0 ? 0 : worst / (peak + 1e-30);
}

static bool in_place(const example_t *e, const hedge_shape_t *out)
{
        return e->op.kind >= HEDGE_OP_ADD && e->op.kind <= HEDGE_OP_TO_INTEGER && hedge_shape_equal(&e->in[0], out);
}

/* @return the error of the back end's result */
static double compare(hedge_kernels_t *plain, hedge_kernels_t *backend, const example_t *e, size_t *ret_n)
{
        hedge_kernel_t *a = prepare(plain, e), *b = prepare(backend, e);
        size_t n = hedge_shape_elements(hedge_kernel_shape(a));
        float *want = run(a, e), *got = run(b, e);
        double err = rel_err(want, got, n);

        assert_true(hedge_shape_equal(hedge_kernel_shape(a), hedge_kernel_shape(b)));
        if (e->op.kind == HEDGE_OP_CONV || e->op.kind == HEDGE_OP_FULLY_CONNECTED) /* never left to the reference */
                assert_string_equal(b->computes->name, hedge_kernels_name(backend));
        if (in_place(e, hedge_kernel_shape(a))) {
                const float *in[EXAMPLE_MAX_IN];

                inputs(e, in);
                memcpy(got, e->data[0], n * sizeof(float));
                in[0] = got;
                assert_int_equal(hedge_kernel_run(b, in, got), 0);
                err = fmax(err, rel_err(want, got, n));
        }
        free(got);
        free(want);
        hedge_kernel_destroy(&a);
        hedge_kernel_destroy(&b);
        *ret_n = n;
        return err;
}

static void matches_plain(void **state)
{
        hedge_kernels_t *plain, *backend;
        double conv_err = 0; /* of outputs large enough to have a peak to speak of */

        example_seed(1);
        assert_int_equal(hedge_kernels_new("plain", 1, &plain), 0);
        assert_int_equal(hedge_kernels_new(*state, threads(), &backend), 0);
        hedge_kernels_allow(backend, 1u << HEDGE_CONV_DIRECT); /* test_winograd has the others */
        assert_string_equal(hedge_kernels_name(backend), *state);
        assert_true(hedge_kernels_slack(backend) <= HEDGE_TENSOR_SLACK);
        for (hedge_op_kind_t kind = 0; kind < HEDGE_OP_KINDS; kind++) {
                double worst = 0;

                if (kind >= HEDGE_OP_EQUAL)
                        continue; /* of no library: test_kernel_choose, test_grid */
                for (int i = 0; i < (kind == HEDGE_OP_CONV || kind == HEDGE_OP_UNARY ? CONV_CASES : CASES); i++) {
                        example_t e;
                        size_t n;
                        double err;

                        example_make(&e, kind);
                        example_fill(&e);
                        err = compare(plain, backend, &e, &n);
                        example_drop(&e);
                        worst = fmax(worst, err);
                        if (kind == HEDGE_OP_CONV && n >= CONV_LARGE)
                                conv_err = fmax(conv_err, err);
                        if (err > MAX_REL_ERR)
                                fail_msg("%s %d: error %g", hedge_op_name(kind), i, err);
                }
                if (worst > 0)
                        print_message("%-8s %-18s %.1e\n", (const char *)*state, hedge_op_name(kind), worst);
                if (kind == HEDGE_OP_CONV)
                        print_message("%-8s %-18s %.1e\n", (const char *)*state, "large Conv", conv_err);
        }
        assert_true(conv_err <= hedge_kernels_conv_error(backend));
        hedge_kernels_destroy(&backend);
        hedge_kernels_destroy(&plain);
        assert_null(backend);
}

typedef struct caller {
        pthread_t thread;
        hedge_kernel_t *kernel;
        example_t example; /* its own input */
        float *want, *got;
        int r;
} caller_t;

static void *call(void *argument)
{
        caller_t *c = argument;
        const float *in[EXAMPLE_MAX_IN];
        size_t n = hedge_shape_elements(hedge_kernel_shape(c->kernel));

        inputs(&c->example, in);
        for (int i = 0; i < (threads() > 1 ? CALLS : FEW_CALLS) && c->r == 0; i++) {
                memset(c->got, 0, n * sizeof(float));
                c->r = hedge_kernel_run(c->kernel, in, c->got);
                if (c->r == 0 && rel_err(c->want, c->got, n) > MAX_REL_ERR)
                        c->r = 1;
        }
        return NULL;
}

/* Heavy enough that a back end uses all its threads for one call. */
static void many_callers(hedge_kernels_t *plain, hedge_kernels_t *backend, hedge_op_kind_t kind, bool heavy)
{
        caller_t callers[CALLERS] = { 0 };
        hedge_kernel_t *want, *got;
        example_t e;

        if (heavy)
                example_heavy_conv(&e);
        else
                example_make(&e, kind);
        example_fill(&e);
        want = prepare(plain, &e);
        got = prepare(backend, &e);
        for (int i = 0; i < CALLERS; i++) {
                caller_t *c = &callers[i];

                c->example = e;
                c->example.n_in = 1;
                example_fill(&c->example);
                c->example.n_in = e.n_in;
                c->want = run(want, &c->example);
                c->got = run(want, &c->example);
                c->kernel = got;
                assert_int_equal(pthread_create(&c->thread, NULL, call, c), 0);
        }
        for (int i = 0; i < CALLERS; i++) {
                assert_int_equal(pthread_join(callers[i].thread, NULL), 0);
                assert_int_equal(callers[i].r, 0);
                free(callers[i].want);
                free(callers[i].got);
                free(callers[i].example.data[0]);
        }
        hedge_kernel_destroy(&want);
        hedge_kernel_destroy(&got);
        example_drop(&e);
}

static void serves_many_threads(void **state)
{
        const hedge_op_kind_t kinds[] = { HEDGE_OP_CONV,    HEDGE_OP_MAX_POOL, HEDGE_OP_FULLY_CONNECTED,
                                          HEDGE_OP_SOFTMAX, HEDGE_OP_MUL,      HEDGE_OP_UNARY };
        hedge_kernels_t *plain, *backend;

        example_seed(2);
        assert_int_equal(hedge_kernels_new("plain", 1, &plain), 0);
        assert_int_equal(hedge_kernels_new(*state, threads(), &backend), 0);
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
                for (int repeat = 0; repeat < 3; repeat++)
                        many_callers(plain, backend, kinds[i], false);
        if (threads() > 1)
                many_callers(plain, backend, HEDGE_OP_CONV, true);
        hedge_kernels_destroy(&backend);
        hedge_kernels_destroy(&plain);
}

static void refuses_what_it_cannot(void **state)
{
        hedge_op_t conv = { .kind = HEDGE_OP_CONV, .conv = { 4, 4, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1 } };
        hedge_shape_t in[2] = { example_image(1, 4, 4, 1), example_image(1, 1, 1, 1) };
        float one = 1;
        const float *constants[2] = { NULL, &one };
        hedge_kernels_t *backend = NULL;
        hedge_kernel_t *k = NULL;

        assert_int_equal(hedge_kernels_new("abacus", 1, &backend), HEDGE_EUNSUPPORTED);
        assert_null(backend);
        assert_int_equal(hedge_kernels_new(*state, 1, &backend), 0);
        assert_int_equal(hedge_kernel_new(backend, &conv, in, 2, NULL, &k), -EINVAL);
        in[0].dims[1] = 5;
        assert_int_equal(hedge_kernel_new(backend, &conv, in, 2, constants, &k), HEDGE_ESHAPE);
        assert_null(k);
        in[0].dims[1] = 4;
        assert_int_equal(hedge_kernel_new(backend, &conv, in, 2, constants, &k), 0);
        assert_true(hedge_kernel_bytes(k) >= sizeof(float));
        hedge_kernel_destroy(&k);
        hedge_kernel_destroy(&k);
        hedge_kernels_destroy(&backend);
        hedge_kernels_destroy(&backend);
}

/* Shape operators take tensors of no elements. */
static void takes_empty_tensors(void **state)
{
        const hedge_op_kind_t kinds[] = { HEDGE_OP_RESHAPE, HEDGE_OP_TRANSPOSE, HEDGE_OP_CONCAT, HEDGE_OP_SOFTMAX,
                                          HEDGE_OP_PAD,     HEDGE_OP_ADD,       HEDGE_OP_CLAMP };
        hedge_kernels_t *backend;
        float nothing = 7;

        assert_int_equal(hedge_kernels_new(*state, 1, &backend), 0);
        for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                hedge_op_t op = { .kind = kinds[i] };
                hedge_shape_t in[2] = { { .rank = 2, .dims = { 0, 3 } }, { .rank = 2, .dims = { 0, 3 } } };
                const float *data[2] = { &nothing, &nothing };
                hedge_kernel_t *k;

                if (op.kind == HEDGE_OP_RESHAPE)
                        op.shape.out = (hedge_shape_t){ .rank = 1, .dims = { 0 } };
                if (op.kind == HEDGE_OP_TRANSPOSE)
                        op.transpose.perm[0] = 1;
                assert_int_equal(hedge_kernel_new(backend, &op, in, op.kind == HEDGE_OP_ADD ? 2 : 1, NULL, &k), 0);
                assert_int_equal(hedge_kernel_run(k, data, &nothing), 0);
                assert_true(nothing == 7);
                hedge_kernel_destroy(&k);
        }
        hedge_kernels_destroy(&backend);
}

int main(void)
{
        for (const char *const *name = hedge_kernels_available(); *name; name++) {
                void *state = (void *)(uintptr_t)*name;
                const struct CMUnitTest tests[] = {
                        cmocka_unit_test_prestate(matches_plain, state),
                        cmocka_unit_test_prestate(serves_many_threads, state),
                        cmocka_unit_test_prestate(refuses_what_it_cannot, state),
                        cmocka_unit_test_prestate(takes_empty_tensors, state),
                };
                int failed;

                print_message("back end %s\n", *name);
                failed = cmocka_run_group_tests_name(*name, tests, NULL, NULL);
                if (failed)
                        return failed;
        }
        return 0;
}

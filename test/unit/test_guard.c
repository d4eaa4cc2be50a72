/* SPDX-License-Identifier: Apache-2.0 */
/* Convolutions with pages that may not be touched next to every buffer, the libraries' own among them: the sanitizers
 * do not see what generated code reads and writes. Every case runs in a child, so that a fault names its shape. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/kernel/kernel.h"
#include "common/train/blas.h"
#include "common/train/conv_onednn.h"
#include "common/train/product.h"
#include "test/unit/guarded.h"

#define CHANNELS     17u
#define MAX_FAILURES 20
#define CHILD_S      120u         /* a broken heap may also hang; a child that is well takes a few seconds */
#define FIELD_BYTES  (384u << 10) /* the largest buffer here is 3 x 8 x 8 rows of 5 x 5 x 17 columns */
#define MARGIN       4096u        /* bytes on the open side of a buffer that are looked at */
#define UNTOUCHED    0x5a         /* what lies where nobody may write */

static const unsigned kernels[] = { 1, 2, 3, 5 };

/* A convolution: every one has two neighbours with other sizes and batches. */
typedef struct shape {
        uint32_t in_c, out_c, kernel, stride, size, batch;
        bool bias;
} shape_t;

#define CASES (CHANNELS * CHANNELS * 4 * 2 * 2)

static shape_t shape_of(unsigned i)
{
        shape_t s = { .in_c = i % CHANNELS + 1 };
        unsigned size;

        i /= CHANNELS;
        s.out_c = i % CHANNELS + 1;
        i /= CHANNELS;
        s.kernel = kernels[i % 4];
        s.stride = i / 4 % 2 + 1;
        s.bias = i / 8;
        size = (s.in_c + s.out_c) % 3;
        s.size = size == 0 ? s.kernel : size == 1 ? 8 : s.kernel + 3;
        s.batch = (s.in_c + s.out_c / 3) % 2 ? 3 : 1;
        return s;
}

/* Told by the child to its parent. */
typedef struct report {
        unsigned at;
        char text[200];
} report_t;

static report_t *report;

#define FAIL(...)                                                          \
        do {                                                               \
                snprintf(report->text, sizeof(report->text), __VA_ARGS__); \
                _exit(1);                                                  \
        } while (0)

/* A page that may not be touched, FIELD_BYTES, and another such page. */
typedef struct field {
        char *start;
        char *data; /* the buffer in it */
        size_t bytes;
        char *from, *to; /* it and its margins */
} field_t;

static void open_field(field_t *f)
{
        const size_t page = (size_t)sysconf(_SC_PAGESIZE);
        char *all = mmap(NULL, FIELD_BYTES + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        assert_true(all != MAP_FAILED);
        f->start = all + page;
        assert_int_equal(mprotect(f->start, FIELD_BYTES, PROT_READ | PROT_WRITE), 0);
}

/* A buffer right before the page behind, but for the slack; or right behind the page before. */
static float *place(field_t *f, size_t floats, bool behind, size_t slack)
{
        f->bytes = floats * sizeof(float);
        if (f->bytes + slack > FIELD_BYTES)
                FAIL("a buffer of %zu bytes does not fit", f->bytes);
        f->data = f->start + (behind ? FIELD_BYTES - slack - f->bytes : 0);
        f->from = (size_t)(f->data - f->start) > MARGIN ? f->data - MARGIN : f->start;
        f->to = (size_t)(f->start + FIELD_BYTES - (f->data + f->bytes)) > MARGIN ? f->data + f->bytes + MARGIN
                                                                                 : f->start + FIELD_BYTES;
        memset(f->from, UNTOUCHED, (size_t)(f->to - f->from));
        return (float *)(void *)f->data;
}

/* Nothing written round it? */
static void check_field(const field_t *f, const char *what)
{
        for (const char *p = f->from; p < f->to; p++)
                if (*p != UNTOUCHED && (p < f->data || p >= f->data + f->bytes))
                        FAIL("%s: a byte at %td of %zu was written", what, p - f->data, f->bytes);
        if (hedge_guarded_broken())
                FAIL("%s: a library wrote past memory of its own", what);
}

static uint64_t seed = 1;

static void fill(float *v, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
                v[i] = (float)(int32_t)(seed >> 32) / 2147483648.0f;
        }
}

/* Sums in double, and of magnitudes: n terms in float32 in any order are off by n 2^-24 times that at most; each term
 * brings one rounding more, and transformed ones (Winograd) about ten. */
typedef struct sums {
        double *sum, *size;
        size_t n;
} sums_t;

static sums_t sums_new(size_t n)
{
        return (sums_t){ calloc(n, sizeof(double)), calloc(n, sizeof(double)), n };
}

static void add(sums_t *s, size_t at, double a, double b)
{
        s->sum[at] += a * b;
        s->size[at] += fabs(a * b);
}

static void check_sums(sums_t *s, const float *got, size_t terms, const char *what)
{
        const double unit = 0x1p-24 * (double)(terms + 1) * 10;

        for (size_t i = 0; i < s->n; i++)
                if (!(fabs((double)got[i] - s->sum[i]) <= unit * s->size[i]))
                        FAIL("%s[%zu] is %g, not %g", what, i, (double)got[i], s->sum[i]);
        free(s->sum);
        free(s->size);
}

enum { X, Y, PARAMS, DY, DX, GRADIENT, SCRATCH, FIELDS };

/* One layer in one placement of its buffers. */
typedef struct bed {
        hedge_layer_t layer;
        hedge_layer_pass_t pass;
        field_t fields[FIELDS];
        float *at[FIELDS];
        size_t x, y, filter;
} bed_t;

static void describe(bed_t *b, const shape_t *s)
{
        const hedge_layer_spec_t spec = { .kind = HEDGE_LAYER_CONV,
                                          .units = s->out_c,
                                          .kernel = s->kernel,
                                          .stride = s->stride,
                                          .pad = s->kernel / 2,
                                          .no_bias = !s->bias };
        hedge_layer_t *l = &b->layer;

        *l = (hedge_layer_t){ .kind = HEDGE_LAYER_CONV, .x = { s->size, s->size, s->in_c, false } };
        if (hedge_layer_conv.shape(l, &spec, NULL) < 0)
                FAIL("refused");
        /* Of weights and bias one lies first, the other last. */
        l->weights = s->in_c % 2 ? 0 : l->n_bias;
        l->bias = s->in_c % 2 ? l->n_weights : 0;
        b->x = s->batch * hedge_extent_elements(&l->x);
        b->y = s->batch * hedge_extent_elements(&l->y);
        b->filter = l->n_weights / s->out_c;
}

static void place_all(bed_t *b, uint32_t batch, bool behind)
{
        const size_t params = b->layer.n_weights + b->layer.n_bias;
        const size_t floats[FIELDS] = {
                b->x, b->y, params, b->y, b->x, params, hedge_layer_conv.scratch_floats(&b->layer, batch)
        };
        float **at = b->at;

        for (int i = 0; i < FIELDS; i++)
                at[i] = place(&b->fields[i], floats[i], behind, 0);
        fill(at[X], b->x);
        fill(at[PARAMS], params);
        fill(at[DY], b->y);
        b->pass = (hedge_layer_pass_t){ .batch = batch,
                                        .training = true,
                                        .params = at[PARAMS],
                                        .x = at[X],
                                        .y = at[Y],
                                        .dy = at[DY],
                                        .dx = at[DX],
                                        .gradient = at[GRADIENT],
                                        .scratch = at[SCRATCH],
                                        .onednn = b->pass.onednn };
}

/* The product that a filter's tap makes at every output pixel: all three sums at once. */
static void add_tap(const bed_t *b, size_t out, size_t in, size_t tap, sums_t *y, sums_t *dx, sums_t *gradient)
{
        const hedge_layer_t *l = &b->layer;

        for (size_t o = 0; o < l->y.c; o++)
                for (size_t i = 0; i < l->x.c; i++) {
                        const size_t w = l->weights + o * b->filter + tap * l->x.c + i;

                        add(y, out * l->y.c + o, (double)b->at[X][in * l->x.c + i], (double)b->at[PARAMS][w]);
                        add(dx, in * l->x.c + i, (double)b->at[DY][out * l->y.c + o], (double)b->at[PARAMS][w]);
                        add(gradient, w, (double)b->at[X][in * l->x.c + i], (double)b->at[DY][out * l->y.c + o]);
                }
}

static void add_pixel(const bed_t *b, uint32_t n, uint32_t oy, uint32_t ox, sums_t *y, sums_t *dx, sums_t *gradient)
{
        const hedge_layer_t *l = &b->layer;
        const size_t out = ((size_t)n * l->y.h + oy) * l->y.w + ox;

        for (size_t o = 0; o < l->n_bias; o++) {
                add(y, out * l->y.c + o, (double)b->at[PARAMS][l->bias + o], 1);
                add(gradient, l->bias + o, (double)b->at[DY][out * l->y.c + o], 1);
        }
        for (uint32_t tap = 0; tap < l->kernel * l->kernel; tap++) {
                const int64_t iy = (int64_t)oy * l->stride + tap / l->kernel - l->pad;
                const int64_t ix = (int64_t)ox * l->stride + tap % l->kernel - l->pad;

                if (iy >= 0 && iy < l->x.h && ix >= 0 && ix < l->x.w)
                        add_tap(b, out, ((size_t)n * l->x.h + (size_t)iy) * l->x.w + (size_t)ix, tap, y, dx, gradient);
        }
}

static void check_results(const bed_t *b)
{
        const hedge_layer_t *l = &b->layer;
        sums_t y = sums_new(b->y), dx = sums_new(b->x), gradient = sums_new(l->n_weights + l->n_bias);

        for (uint32_t n = 0; n < b->pass.batch; n++)
                for (uint32_t oy = 0; oy < l->y.h; oy++)
                        for (uint32_t ox = 0; ox < l->y.w; ox++)
                                add_pixel(b, n, oy, ox, &y, &dx, &gradient);
        check_sums(&y, b->at[Y], b->filter + 1, "output");
        check_sums(&dx, b->at[DX], l->n_weights / l->x.c, "loss by the input");
        check_sums(&gradient, b->at[GRADIENT], b->y / l->y.c, "loss by the parameters");
}

static const char *backend; /* of the cases that run */

static void train_case(const shape_t *s)
{
        static const char *const names[FIELDS] = { "x", "y", "parameters", "dy", "dx", "gradient", "scratch" };
        static bed_t b;

        if (!b.fields[0].start)
                for (int i = 0; i < FIELDS; i++)
                        open_field(&b.fields[i]);
        describe(&b, s);
        hedge_guarded = true;
        if (strcmp(backend, "onednn") == 0 && hedge_conv_onednn_new(&b.layer, &b.pass.onednn) < 0)
                FAIL("not made");
        for (int behind = 0; behind < 2; behind++) {
                place_all(&b, s->batch, behind);
                hedge_layer_conv.forward(&b.layer, &b.pass);
                hedge_layer_conv.backward(&b.layer, &b.pass);
                for (int i = 0; i < FIELDS; i++)
                        check_field(&b.fields[i], names[i]);
                check_results(&b);
        }
        hedge_conv_onednn_destroy(&b.pass.onednn);
        hedge_guarded = false;
}

static hedge_op_t op_of(const shape_t *s)
{
        return (hedge_op_t){ .kind = HEDGE_OP_CONV,
                             .conv = { .in_h = s->size,
                                       .in_w = s->size,
                                       .in_c = s->in_c,
                                       .out_c = s->out_c,
                                       .kernel_h = s->kernel,
                                       .kernel_w = s->kernel,
                                       .stride_h = s->stride,
                                       .stride_w = s->stride,
                                       .dilation_h = 1,
                                       .dilation_w = 1,
                                       .pad_top = s->kernel / 2,
                                       .pad_left = s->kernel / 2,
                                       .pad_bottom = s->kernel / 2,
                                       .pad_right = s->kernel / 2,
                                       .groups = 1 } };
}

/* The plain reference's answer to the same operator. */
static void check_inference(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, const float *const *data,
                            const float *got)
{
        static hedge_kernels_t *plain;
        static float want[3 * 9 * 9 * CHANNELS];
        hedge_kernel_t *k = NULL;
        float peak = 0;
        size_t n;

        if ((!plain && hedge_kernels_new("plain", 1, &plain) < 0) ||
            hedge_kernel_new(plain, op, in, n_in, (const float *[]){ NULL, data[1], data[2] }, &k) < 0 ||
            hedge_kernel_run(k, data, want) < 0)
                FAIL("no reference");
        n = hedge_shape_elements(hedge_kernel_shape(k));
        for (size_t i = 0; i < n; i++)
                peak = fmaxf(peak, fabsf(want[i]));
        for (size_t i = 0; i < n; i++)
                if (!(fabsf(got[i] - want[i]) <= 1e-5f * peak)) /* as test_kernel.c has it */
                        FAIL("output[%zu] is %g, not %g", i, (double)got[i], (double)want[i]);
        hedge_kernel_destroy(&k);
}

static void infer_case(const shape_t *s)
{
        static const char *const names[] = { "input", "filter", "bias", "output" };
        static hedge_kernels_t *kernels_of;
        static field_t fields[4];
        const hedge_op_t op = op_of(s);
        const hedge_shape_t in[3] = { { 4, { s->batch, s->size, s->size, s->in_c } },
                                      { 4, { s->out_c, s->kernel, s->kernel, s->in_c } },
                                      { 1, { s->out_c } } };
        const size_t y = (size_t)s->batch * hedge_conv_out_h(&op.conv) * hedge_conv_out_w(&op.conv) * s->out_c;

        if (!kernels_of) {
                for (int i = 0; i < 4; i++)
                        open_field(&fields[i]);
                if (hedge_kernels_new(backend, 1, &kernels_of) < 0)
                        FAIL("no back end");
        }
        hedge_guarded = true;
        for (int behind = 0; behind < 2; behind++) {
                const size_t slack = hedge_kernels_slack(kernels_of);
                float *out, *data[3];
                hedge_kernel_t *k = NULL;

                for (unsigned i = 0; i < 3; i++) {
                        data[i] = place(&fields[i], hedge_shape_elements(&in[i]), behind, i ? 0 : slack);
                        fill(data[i], hedge_shape_elements(&in[i]));
                }
                out = place(&fields[3], y, behind, slack);
                if (hedge_kernel_new(kernels_of, &op, in, s->bias ? 3 : 2, (const float *[]){ NULL, data[1], data[2] },
                                     &k) < 0 ||
                    hedge_kernel_run(k, (const float *const *)data, out) < 0)
                        FAIL("not computed");
                for (int i = 0; i < 4; i++)
                        check_field(&fields[i], names[i]);
                check_inference(&op, in, s->bias ? 3 : 2, (const float *const *)data, out);
                hedge_kernel_destroy(&k);
        }
        hedge_guarded = false;
}

/* In a child: all cases from one on. */
static void run_from(unsigned first, void (*run)(const shape_t *))
{
        const pid_t child = fork();

        assert_true(child >= 0);
        if (child == 0) {
                signal(SIGSEGV, SIG_DFL); /* not cmocka's */
                signal(SIGABRT, SIG_DFL);
                alarm(CHILD_S);
                for (unsigned i = first; i < CASES; i++) {
                        const shape_t s = shape_of(i);

                        report->at = i;
                        run(&s);
                }
                report->at = CASES;
                _exit(0);
        } else {
                int status;

                assert_int_equal(waitpid(child, &status, 0), child);
                if (WIFSIGNALED(status))
                        snprintf(report->text, sizeof(report->text), "%s", strsignal(WTERMSIG(status)));
        }
}

static void sweep(const char *name, void (*run)(const shape_t *))
{
        unsigned failures = 0;

        backend = name;
        report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        assert_true(report != MAP_FAILED);
        for (unsigned first = 0; first < CASES && failures < MAX_FAILURES; first = report->at + 1) {
                run_from(first, run);
                if (report->at < CASES) {
                        const shape_t s = shape_of(report->at);

                        print_error("%s: %u x %u x %u x %u, %u filters of %u x %u%s, stride %u: %s\n", name, s.batch,
                                    s.size, s.size, s.in_c, s.out_c, s.kernel, s.kernel, s.bias ? " with bias" : "",
                                    s.stride, report->text);
                        failures++;
                }
        }
        munmap(report, sizeof(*report));
        if (failures)
                fail_msg("%s: %u%s failures", name, failures, failures == MAX_FAILURES ? " and maybe more" : "");
}

static void training_by_onednn(void **state)
{
        if (!hedge_conv_onednn_built()) {
                print_message("oneDNN is not in this build\n");
                skip();
        }
        sweep("onednn", train_case);
}

static void training_by_blas(void **state)
{
        sweep("blas", train_case);
}

static void inference_by_every_back_end(void **state)
{
        for (const char *const *b = hedge_kernels_available(); *b; b++)
                if (strcmp(*b, "plain") != 0)
                        sweep(*b, infer_case);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(training_by_onednn),
                cmocka_unit_test(training_by_blas),
                cmocka_unit_test(inference_by_every_back_end),
        };

        hedge_blas_open(NULL);
        return cmocka_run_group_tests(tests, NULL, NULL);
}

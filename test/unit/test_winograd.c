/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/winograd.h"

#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/kernel/winograd_points.h"

/* Winograd's convolutions: the transforms of every instruction set against their definition, whole convolutions of every back end
 * against the plain reference, and which convolutions go this way. */

#define METHODS  (HEDGE_CONV_METHODS - 1)
#define CASES    120
#define LARGE    256 /* outputs */
#define CHANNELS 40  /* of the transforms: whole vectors of every width, and rests */
#define CALLERS  3
#define CALLS    10

/* Rounding relative to 2^-24 x (largest input) x (largest sum of a filter's magnitudes). Worst of 3,000 random convolutions on
 * SSE4.1, AVX, AVX2 and AVX-512: direct 2.9, F(2x2) 2.5, F(4x4) 12; times ten. */
static const double max_err[HEDGE_CONV_METHODS] = { 29, 25, 120 };

static uint64_t seed;

static uint32_t any(uint32_t from, uint32_t to)
{
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return from + (uint32_t)((seed >> 33) % (to - from + 1));
}

static float *any_floats(size_t n)
{
        float *x = hedge_floats_new(n);

        assert_non_null(x);
        for (size_t i = 0; i < n; i++)
                x[i] = (float)any(0, 2000000) / 1e6f - 1;
        return x;
}

/* ---- transforms ---- */

static unsigned find_isas(const hedge_winograd_isa_t *isas[3])
{
        unsigned n = 0;

        isas[n++] = &base_winograd;
#ifdef __x86_64__
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
                isas[n++] = &avx2_winograd;
        if (__builtin_cpu_supports("avx512f"))
                isas[n++] = &avx512_winograd;
#endif
        return n;
}

/* Points of a tile of n: 0, +-p, .., as the rows of the transforms have them; the last is infinity. */
static double point(unsigned n, unsigned row)
{
        const double p = row ? hedge_winograd_points[n / 2 - 1][(row - 1) / 2] : 0;

        return row % 2 ? p : -p;
}

/* B^T by its definition: row r has the coefficients of the product of (x - q) over all finite points but its own. */
static void make_bt(unsigned n, double bt[HEDGE_WINOGRAD_SIDE_MAX][HEDGE_WINOGRAD_SIDE_MAX])
{
        for (unsigned r = 0; r < n; r++) {
                double *c = bt[r];

                memset(c, 0, HEDGE_WINOGRAD_SIDE_MAX * sizeof(*c));
                c[0] = 1;
                for (unsigned q = 0; q + 1 < n; q++) {
                        if (q == r)
                                continue;
                        for (unsigned i = n - 1; i > 0; i--)
                                c[i] = c[i - 1] - point(n, q) * c[i];
                        c[0] *= -point(n, q);
                }
        }
}

static double at(unsigned n, unsigned y, unsigned column)
{
        return column + 1 == n ? y + 3 == n : y == 0 ? 1 : pow(point(n, column), y);
}

/* The value of a padded image. */
static double pixel(const hedge_winograd_input_t *in, int64_t y, int64_t x, uint32_t c)
{
        y -= in->pad_top;
        x -= in->pad_left;
        if (y < 0 || x < 0 || y >= in->in_h || x >= in->in_w)
                return 0;
        return in->image[(y * in->in_w + x) * in->in_c + c];
}

static void check_input(const hedge_winograd_isa_t *isa, unsigned m, const hedge_winograd_input_t *in)
{
        const unsigned n = m + 2;
        double bt[HEDGE_WINOGRAD_SIDE_MAX][HEDGE_WINOGRAD_SIDE_MAX];
        const size_t tiles = (size_t)in->tiles_h * in->tiles_w;

        make_bt(n, bt);
        isa->input(m, in, 0, tiles);
        for (size_t t = 0; t < tiles; t++)
                for (unsigned e = 0; e < n * n; e++)
                        for (uint32_t c = 0; c < in->in_c; c++) {
                                double want = 0;

                                for (unsigned i = 0; i < n; i++)
                                        for (unsigned j = 0; j < n; j++)
                                                want += bt[e / n][i] * bt[e % n][j] *
                                                        pixel(in, (int64_t)(t / in->tiles_w) * m + i,
                                                              (int64_t)(t % in->tiles_w) * m + j, c);
                                /* rows of B^T sum up to at most 4.5 in magnitude: some roundings of values of at most 20 */
                                assert_true(fabs(want - in->panels[e * in->panel + t * in->in_c + c]) < 20 * 0x1p-20);
                        }
}

static void check_output(const hedge_winograd_isa_t *isa, unsigned m, const hedge_winograd_output_t *out)
{
        const unsigned n = m + 2;

        isa->output(m, out, 0, (size_t)out->tiles_h * out->tiles_w);
        for (uint32_t y = 0; y < out->out_h; y++)
                for (uint32_t x = 0; x < out->out_w; x++)
                        for (uint32_t c = 0; c < out->out_c; c++) {
                                const size_t tile = (size_t)(y / m) * out->tiles_w + x / m;
                                double want = out->bias ? out->bias[c] : 0;

                                for (unsigned e = 0; e < n * n; e++)
                                        want += at(n, y % m, e / n) * at(n, x % m, e % n) *
                                                out->panels[e * out->panel + tile * out->out_c + c];
                                if (out->activation.kind == HEDGE_ACT_CLAMP)
                                        want = fmin(fmax(want, out->activation.lo), out->activation.hi);
                                else if (out->activation.kind == HEDGE_ACT_LEAKY_RELU && want < 0)
                                        want *= out->activation.lo;
                                /* rows of A^T sum up to at most 6.4 in magnitude: some roundings of values of at most 42 */
                                assert_true(fabs(want - out->image[((size_t)y * out->out_w + x) * out->out_c + c]) <
                                            42 * 0x1p-20);
                        }
}

static void transforms_of(const hedge_winograd_isa_t *isa, unsigned m, uint32_t channels)
{
        const unsigned n = m + 2;
        const uint32_t h = any(1, 11), w = any(1, 11), pad_top = any(0, 2), pad_left = any(0, 2);
        const uint32_t tiles_h = (h + m - 1) / m, tiles_w = (w + m - 1) / m;
        const size_t panel = (size_t)tiles_h * tiles_w * channels + any(0, 5);
        const hedge_activation_t activations[] = { { HEDGE_ACT_NONE, 0, 0 },
                                                   { HEDGE_ACT_CLAMP, 0, INFINITY },
                                                   { HEDGE_ACT_CLAMP, -1, 2 },
                                                   { HEDGE_ACT_LEAKY_RELU, 0.1f, 0 } };
        float *image = any_floats((size_t)h * w * channels), *panels = any_floats(n * n * panel);
        float *patch = any_floats((size_t)n * n * channels), *bias = any_floats(channels);

        check_output(isa, m,
                     &(hedge_winograd_output_t){ .panels = panels,
                                                 .panel = panel,
                                                 .tiles_h = tiles_h,
                                                 .tiles_w = tiles_w,
                                                 .out_h = h,
                                                 .out_w = w,
                                                 .out_c = channels,
                                                 .image = image,
                                                 .bias = any(0, 1) ? bias : NULL,
                                                 .activation = activations[any(0, 3)] });
        free(image);
        image = any_floats((size_t)h * w * channels);
        check_input(isa, m,
                    &(hedge_winograd_input_t){ .image = image,
                                               .in_h = h,
                                               .in_w = w,
                                               .in_c = channels,
                                               .pad_top = (int32_t)pad_top,
                                               .pad_left = (int32_t)pad_left,
                                               .tiles_h = tiles_h,
                                               .tiles_w = tiles_w,
                                               .panels = panels,
                                               .panel = panel,
                                               .patch = patch });
        free(bias);
        free(patch);
        free(panels);
        free(image);
}

static void transforms_are_as_defined(void **state)
{
        const hedge_winograd_isa_t *isas[3];
        const unsigned n = find_isas(isas);

        (void)state;
        seed = 1;
        for (unsigned i = 0; i < n; i++)
                for (unsigned m = 2; m <= 4; m += 2)
                        for (uint32_t channels = 1; channels <= CHANNELS; channels++)
                                transforms_of(isas[i], m, channels);
}

/* ---- convolutions ---- */

typedef struct example {
        hedge_op_t op;
        hedge_shape_t in[3];
        unsigned n_in;
        float *x, *filter, *bias;
        size_t elements; /* of the output */
        double scale;    /* what errors are relative to */
} example_t;

static hedge_op_t any_conv(void)
{
        const hedge_activation_t activations[] = { { HEDGE_ACT_NONE, 0, 0 },
                                                   { HEDGE_ACT_CLAMP, 0, INFINITY },
                                                   { HEDGE_ACT_CLAMP, -2, 6 },
                                                   { HEDGE_ACT_LEAKY_RELU, 0.1f, 0 } };
        hedge_op_t op = { .kind = HEDGE_OP_CONV, .activation = activations[any(0, 3)] };
        const uint32_t most = any(0, 3) ? 24 : 150;

        op.conv = (hedge_conv_t){ .in_h = any(1, 20),
                                  .in_w = any(1, 20),
                                  .in_c = any(1, most),
                                  .out_c = any(1, most),
                                  .kernel_h = 3,
                                  .kernel_w = 3,
                                  .stride_h = 1,
                                  .stride_w = 1,
                                  .dilation_h = 1,
                                  .dilation_w = 1,
                                  .pad_top = any(0, 3),
                                  .pad_left = any(0, 3),
                                  .pad_bottom = any(0, 3),
                                  .pad_right = any(0, 3),
                                  .groups = 1 };
        if (op.conv.in_h + op.conv.pad_top + op.conv.pad_bottom < 3)
                op.conv.in_h = 3;
        if (op.conv.in_w + op.conv.pad_left + op.conv.pad_right < 3)
                op.conv.in_w = 3;
        return op;
}

static void make_example(example_t *e)
{
        const uint32_t batch = any(0, 3) ? 1 : any(2, 3);
        double peak = 0;

        e->op = any_conv();
        e->n_in = any(2, 3);
        e->in[0] = (hedge_shape_t){ 4, { batch, e->op.conv.in_h, e->op.conv.in_w, e->op.conv.in_c } };
        e->in[1] = (hedge_shape_t){ 4, { e->op.conv.out_c, 3, 3, e->op.conv.in_c } };
        e->in[2] = (hedge_shape_t){ 1, { e->op.conv.out_c } };
        e->x = any_floats(hedge_shape_elements(&e->in[0]));
        e->filter = any_floats(hedge_shape_elements(&e->in[1]));
        e->bias = any_floats(e->op.conv.out_c);
        e->elements = batch * hedge_conv_out_elements(&e->op.conv);
        e->scale = 0;
        for (size_t i = 0; i < hedge_shape_elements(&e->in[0]); i++)
                peak = fmax(peak, fabs(e->x[i]));
        for (uint32_t f = 0; f < e->op.conv.out_c; f++) {
                double sum = 0;

                for (size_t i = 0; i < 9 * (size_t)e->op.conv.in_c; i++)
                        sum += fabs(e->filter[f * 9 * (size_t)e->op.conv.in_c + i]);
                e->scale = fmax(e->scale, sum * peak);
        }
}

static void drop_example(example_t *e)
{
        free(e->x);
        free(e->filter);
        free(e->bias);
}

static hedge_kernel_t *prepare(hedge_kernels_t *kernels, const example_t *e)
{
        const float *constants[] = { NULL, e->filter, e->bias };
        hedge_kernel_t *kernel = NULL;

        assert_int_equal(hedge_kernel_new(kernels, &e->op, e->in, e->n_in, constants, &kernel), 0);
        return kernel;
}

static float *run(hedge_kernel_t *kernel, const example_t *e)
{
        const float *in[] = { e->x, NULL, NULL };
        float *out = hedge_floats_new(e->elements);

        assert_non_null(out);
        assert_int_equal(hedge_kernel_run(kernel, in, out), 0);
        return out;
}

typedef struct errors {
        double scaled; /* relative to 2^-24 of the scale */
        double peak;   /* relative to the largest output, where there are enough for one to speak of, and none is cut */
} errors_t;

static errors_t error_of(const float *want, const float *got, const example_t *e)
{
        double worst = 0, peak = 0;

        for (size_t i = 0; i < e->elements; i++) {
                if (isnan(got[i]))
                        return (errors_t){ INFINITY, INFINITY };
                worst = fmax(worst, fabs((double)want[i] - got[i]));
                peak = fmax(peak, fabs(want[i]));
        }
        return (errors_t){ worst / e->scale / 0x1p-24,
                           e->elements < LARGE || e->op.activation.kind != HEDGE_ACT_NONE ? 0 : worst / peak };
}

/* The same once the input has been transformed for several kernels: to the bit, as the arithmetic is the same. */
static void compare_begun(hedge_kernel_t *kernel, const example_t *e, const float *want)
{
        float *out = hedge_floats_new(e->elements);
        hedge_kernel_input_t *input = NULL;

        assert_non_null(out);
        assert_int_equal(hedge_kernel_input_new(kernel, e->x, &input), 0);
        for (unsigned i = 0; i < 2; i++) {
                memset(out, 0, e->elements * sizeof(float));
                assert_int_equal(hedge_kernel_run_input(kernel, input, out), 0);
                assert_memory_equal(out, want, e->elements * sizeof(float));
        }
        hedge_kernel_input_destroy(&input);
        assert_null(input);
        free(out);
}

static errors_t compare(hedge_kernels_t *plain, hedge_kernels_t *kernels, hedge_conv_method_t method,
                        const example_t *e)
{
        hedge_kernel_t *a = prepare(plain, e), *b;
        float *want = run(a, e), *got;
        errors_t error;

        hedge_kernels_allow(kernels, 1u << method);
        b = prepare(kernels, e);
        assert_int_equal(hedge_kernel_method(b), method);
        got = run(b, e);
        error = error_of(want, got, e);
        compare_begun(b, e, got);
        free(got);
        free(want);
        hedge_kernel_destroy(&b);
        hedge_kernel_destroy(&a);
        return error;
}

static void matches_plain(void **state)
{
        hedge_kernels_t *plain, *kernels;
        errors_t worst[HEDGE_CONV_METHODS] = { 0 };
        const char *cases = getenv("HEDGE_TEST_CASES");
        const unsigned long n = cases ? strtoul(cases, NULL, 10) : CASES;

        seed = 2;
        assert_int_equal(hedge_kernels_new("plain", 1, &plain), 0);
        assert_int_equal(hedge_kernels_new(*state, 2, &kernels), 0);
        for (unsigned long i = 0; i < n; i++) {
                example_t e;

                make_example(&e);
                for (hedge_conv_method_t method = 0; method < HEDGE_CONV_METHODS; method++) {
                        const errors_t error = compare(plain, kernels, method, &e);

                        worst[method].scaled = fmax(worst[method].scaled, error.scaled);
                        worst[method].peak = fmax(worst[method].peak, error.peak);
                }
                drop_example(&e);
        }
        for (hedge_conv_method_t method = 0; method < HEDGE_CONV_METHODS; method++) {
                print_message("%s, %s: %.2f scaled, %.1e of the peak\n", (const char *)*state,
                              hedge_conv_method_name(method), worst[method].scaled, worst[method].peak);
                assert_true(worst[method].scaled < max_err[method]);
                assert_true(worst[method].peak < hedge_kernels_conv_error(kernels));
        }
        hedge_kernels_destroy(&kernels);
        hedge_kernels_destroy(&plain);
}

/* ---- what goes this way ---- */

static hedge_conv_method_t method_of(hedge_kernels_t *kernels, const hedge_conv_t *conv, size_t bytes_max,
                                     size_t *ret_bytes)
{
        const hedge_op_t op = { .kind = HEDGE_OP_CONV, .conv = *conv };
        const hedge_shape_t in[] = { { 4, { 1, conv->in_h, conv->in_w, conv->in_c } },
                                     { 4,
                                       { conv->out_c, conv->kernel_h, conv->kernel_w, conv->in_c / conv->groups } } };
        float *filter = any_floats(hedge_conv_filter_elements(conv));
        const float *constants[] = { NULL, filter };
        hedge_kernel_t *kernel = NULL;
        hedge_conv_method_t method;

        assert_int_equal(hedge_kernel_new_within(kernels, &op, in, 2, constants, bytes_max, &kernel), 0);
        method = hedge_kernel_method(kernel);
        if (ret_bytes)
                *ret_bytes = hedge_kernel_bytes(kernel);
        hedge_kernel_destroy(&kernel);
        free(filter);
        return method;
}

static void only_where_it_applies(void **state)
{
        const hedge_conv_t large = { 56, 56, 64, 64, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
        const size_t filters = hedge_conv_filter_elements(&large) * sizeof(float);
        hedge_kernels_t *kernels;
        hedge_conv_t other;
        size_t bytes;

        assert_int_equal(hedge_kernels_new(*state, 1, &kernels), 0);
        assert_int_equal(method_of(kernels, &large, SIZE_MAX, &bytes), HEDGE_CONV_WINOGRAD_4);
        assert_true(bytes >= 4 * filters && bytes < 5 * filters);
        assert_int_equal(method_of(kernels, &large, 3 * filters, &bytes), HEDGE_CONV_WINOGRAD_2);
        assert_true(bytes < 3 * filters);
        assert_int_equal(method_of(kernels, &large, filters, NULL), HEDGE_CONV_DIRECT);

        for (unsigned i = 0; i < 6; i++) {
                other = large;
                *(uint32_t *[]){ &other.stride_h,   &other.stride_w, &other.dilation_h,
                                 &other.dilation_w, &other.groups,   &other.kernel_h }[i] = 2;
                assert_int_equal(method_of(kernels, &other, SIZE_MAX, NULL), HEDGE_CONV_DIRECT);
        }
        other = (hedge_conv_t){
                7, 7, 3, 512, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1
        }; /* more to transform than to multiply */
        assert_int_equal(method_of(kernels, &other, SIZE_MAX, NULL), HEDGE_CONV_DIRECT);
        hedge_kernels_destroy(&kernels);
}

typedef struct caller {
        pthread_t thread;
        hedge_kernel_t *kernel;
        const example_t *e;
        const float *want;
} caller_t;

static void *call(void *arg)
{
        caller_t *c = arg;
        const float *in[] = { c->e->x, NULL, NULL };
        float *out = hedge_floats_new(c->e->elements);
        bool same = out != NULL;

        for (unsigned i = 0; i < CALLS && same; i++)
                same = hedge_kernel_run(c->kernel, in, out) == 0 &&
                       !memcmp(out, c->want, c->e->elements * sizeof(float));
        free(out);
        return same ? c : NULL;
}

static void several_callers(void **state)
{
        caller_t callers[CALLERS];
        hedge_kernels_t *kernels;
        hedge_kernel_t *kernel;
        example_t e;
        float *want;

        seed = 3;
        make_example(&e);
        assert_int_equal(hedge_kernels_new(*state, 2, &kernels), 0);
        hedge_kernels_allow(kernels, 1u << HEDGE_CONV_WINOGRAD_4);
        kernel = prepare(kernels, &e);
        want = run(kernel, &e);
        for (unsigned i = 0; i < CALLERS; i++) {
                callers[i] = (caller_t){ .kernel = kernel, .e = &e, .want = want };
                assert_int_equal(pthread_create(&callers[i].thread, NULL, call, &callers[i]), 0);
        }
        for (unsigned i = 0; i < CALLERS; i++) {
                void *result;

                pthread_join(callers[i].thread, &result);
                assert_non_null(result);
        }
        free(want);
        hedge_kernel_destroy(&kernel);
        hedge_kernels_destroy(&kernels);
        drop_example(&e);
}

/* Every test for every back end that has products, and the transforms. */
int main(void)
{
        struct CMUnitTest tests[16] = { cmocka_unit_test(transforms_are_as_defined) };
        static char names[15][64];
        size_t n = 1;
        const struct {
                const char *name;
                CMUnitTestFunction function;
        } each[] = { { "matches_plain", matches_plain },
                     { "only_where_it_applies", only_where_it_applies },
                     { "several_callers", several_callers } };

        for (const char *const *name = hedge_kernels_available(); *name; name++)
                for (size_t i = 0; strcmp(*name, "plain") != 0 && i < sizeof(each) / sizeof(each[0]); i++) {
                        snprintf(names[n - 1], sizeof(names[0]), "%s_%s", each[i].name, *name);
                        tests[n] = (struct CMUnitTest){ .name = names[n - 1],
                                                        .test_func = each[i].function,
                                                        .initial_state = (void *)(uintptr_t)*name };
                        n++;
                }
        return _cmocka_run_group_tests("winograd", tests, n, NULL, NULL);
}

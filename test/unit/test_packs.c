/* SPDX-License-Identifier: Apache-2.0 */
/* Kernels for several windows share what they pack of their constants. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/kernel/kernel.h"

#define IN_C     48
#define OUT_C    32
#define FILTER   ((size_t)OUT_C * 9 * IN_C)
#define HEIGHTS  4
#define WIDTH    30
#define ALL_ROWS 33

static const uint32_t heights[HEIGHTS] = { 33, 17, 8, 29 };

typedef struct fixture {
        hedge_kernels_t *kernels;
        hedge_packs_t *packs;
        float *filter, *other, *bias, *zero, *in;
        int names[4]; /* whose addresses stand for them */
} fixture_t;

static float *random_floats(size_t n, unsigned seed)
{
        float *floats = hedge_floats_new(n);

        assert_non_null(floats);
        for (size_t i = 0; i < n; i++)
                floats[i] = (float)((i * 2654435761u + seed * 40503u) >> 9 & 1023) / 512 - 1;
        return floats;
}

static void open_fixture(fixture_t *f, const char *backend)
{
        assert_int_equal(hedge_kernels_new(backend, 1, &f->kernels), 0);
        assert_int_equal(hedge_packs_new(&f->packs), 0);
        f->filter = random_floats(FILTER, 1);
        f->other = random_floats(FILTER, 2);
        f->bias = random_floats(OUT_C, 3);
        f->zero = random_floats(OUT_C, 3);
        memset(f->zero, 0, OUT_C * sizeof(float));
        f->in = random_floats((size_t)ALL_ROWS * WIDTH * IN_C, 4);
}

static void close_fixture(fixture_t *f)
{
        assert_int_equal(hedge_packs_bytes(f->packs), 0); /* what nobody uses is gone */
        hedge_packs_destroy(&f->packs);
        assert_null(f->packs);
        hedge_kernels_destroy(&f->kernels);
        free(f->filter);
        free(f->other);
        free(f->bias);
        free(f->zero);
        free(f->in);
}

/* A convolution of so many rows. @param names  As the kernel's; NULL: without sharing. */
static hedge_kernel_t *new_conv(const fixture_t *f, uint32_t rows, uint32_t stride, const float *filter,
                                const float *bias, size_t bytes_max, const void *const *names)
{
        const hedge_conv_t conv = { rows, WIDTH, IN_C, OUT_C, 3, 3, stride, stride, 1, 1, 1, 1, 1, 1, 1 };
        const hedge_op_t op = { .kind = HEDGE_OP_CONV, .conv = conv };
        const hedge_shape_t in[] = { { 4, { 1, rows, WIDTH, IN_C } }, { 4, { OUT_C, 3, 3, IN_C } }, { 1, { OUT_C } } };
        const float *const constants[] = { NULL, filter, bias };
        hedge_kernel_t *kernel = NULL;

        assert_int_equal(hedge_kernel_new_sharing(f->kernels, &op, in, bias ? 3 : 2, constants, bytes_max,
                                                  names ? f->packs : NULL, names, &kernel),
                         0);
        return kernel;
}

static float *compute(const fixture_t *f, hedge_kernel_t *kernel, size_t *ret_n)
{
        const float *const in[] = { f->in, NULL, NULL };
        const size_t n = hedge_shape_elements(hedge_kernel_shape(kernel));
        float *out = hedge_floats_new(n);

        assert_non_null(out);
        assert_int_equal(hedge_kernel_run(kernel, in, out), 0);
        *ret_n = n;
        return out;
}

/* To the bit what a kernel of its own computes. */
static void assert_alone(const fixture_t *f, hedge_kernel_t *shared, hedge_kernel_t *alone)
{
        size_t n, m;
        float *a = compute(f, shared, &n), *b = compute(f, alone, &m);

        assert_int_equal(hedge_kernel_method(shared), hedge_kernel_method(alone));
        assert_int_equal(n, m);
        assert_memory_equal(a, b, n * sizeof(*a));
        free(a);
        free(b);
}

/* Of the same height: the same form, one packing. */
static void check_twice(const fixture_t *f, uint32_t rows, uint32_t stride, const void *const *names)
{
        const uint64_t bytes = hedge_packs_bytes(f->packs);
        hedge_kernel_t *again = new_conv(f, rows, stride, f->filter, f->bias, SIZE_MAX, names);

        assert_int_equal(hedge_packs_bytes(f->packs), bytes);
        hedge_kernel_destroy(&again);
        assert_int_equal(hedge_packs_bytes(f->packs), bytes);
}

/* All heights. A library may want other forms for others, but it has few; what is left works when others are gone. */
static void check_heights(fixture_t *f, uint32_t stride)
{
        const void *const names[] = { NULL, &f->names[0], &f->names[1] };
        hedge_kernel_t *shared[HEIGHTS], *alone[HEIGHTS];
        uint64_t each = 0;

        for (int i = 0; i < HEIGHTS; i++) {
                alone[i] = new_conv(f, heights[i], stride, f->filter, f->bias, SIZE_MAX, NULL);
                shared[i] = new_conv(f, heights[i], stride, f->filter, f->bias, SIZE_MAX, names);
                each += hedge_kernel_bytes(alone[i]);
                assert_true(hedge_kernel_bytes(shared[i]) <= OUT_C * sizeof(float));
                assert_alone(f, shared[i], alone[i]);
                check_twice(f, heights[i], stride, names);
        }
        assert_true(hedge_packs_bytes(f->packs) >= FILTER * sizeof(float));
        assert_true(hedge_packs_bytes(f->packs) <= each * 3 / 4);
        for (int i = 0; i < HEIGHTS; i++) {
                assert_alone(f, shared[HEIGHTS - 1], alone[HEIGHTS - 1]);
                hedge_kernel_destroy(&shared[i]);
        }
        assert_int_equal(hedge_packs_bytes(f->packs), 0);
        for (int i = 0; i < HEIGHTS; i++)
                hedge_kernel_destroy(&alone[i]);
}

static void for_each_backend(void (*check)(fixture_t *f))
{
        unsigned n = 0;

        for (const char *const *name = hedge_kernels_available(); *name; name++) {
                fixture_t f;

                if (!strcmp(*name, "plain")) /* it packs nothing */
                        continue;
                n++;
                open_fixture(&f, *name);
                check(&f);
                close_fixture(&f);
        }
        if (!n) {
                print_message("this build has no back end that packs\n");
                skip();
        }
}

static void check_methods(fixture_t *f)
{
        hedge_kernels_allow(f->kernels, 1u << HEDGE_CONV_DIRECT);
        check_heights(f, 1);
        check_heights(f, 2);
        hedge_kernels_allow(f->kernels, 1u << HEDGE_CONV_DIRECT | 1u << HEDGE_CONV_WINOGRAD_2);
        check_heights(f, 1);
        hedge_kernels_allow(f->kernels, 1u << HEDGE_CONV_DIRECT | 1u << HEDGE_CONV_WINOGRAD_4);
        check_heights(f, 1);
}

static void windows_of_a_layer_pack_once(void **state)
{
        (void)state;
        for_each_backend(check_methods);
}

typedef struct told {
        uint32_t stride;
        const float *filter, *bias;
        const void *names[3];
} told_t;

/* Others' filters, biases, strides and methods are not mixed up, though all are there at once. */
static void check_all_at_once(const fixture_t *f, const told_t *told, unsigned n)
{
        hedge_kernel_t *shared[8], *alone;
        uint64_t bytes;

        assert_true(n <= 8);
        for (unsigned i = 0; i < n; i++)
                shared[i] = new_conv(f, 33, told[i].stride, told[i].filter, told[i].bias, SIZE_MAX, told[i].names);
        bytes = hedge_packs_bytes(f->packs);
        for (unsigned i = 0; i < n; i++) {
                alone = new_conv(f, 33, told[i].stride, told[i].filter, told[i].bias, SIZE_MAX, NULL);
                assert_alone(f, shared[i], alone);
                if (!told[i].names[1]) /* what has no name is its own */
                        assert_int_equal(hedge_kernel_bytes(shared[i]), hedge_kernel_bytes(alone));
                hedge_kernel_destroy(&alone);
        }
        assert_int_equal(hedge_packs_bytes(f->packs), bytes);
        for (unsigned i = 0; i < n; i++)
                hedge_kernel_destroy(&shared[i]);
}

static void check_names(fixture_t *f)
{
        const void *a = &f->names[0], *b = &f->names[1], *c = &f->names[2], *d = &f->names[3];
        const told_t told[] = {
                { 1, f->filter, f->bias, { NULL, a, b } },    { 1, f->other, f->bias, { NULL, c, b } },
                { 1, f->filter, NULL, { NULL, a, NULL } },    { 1, f->filter, f->zero, { NULL, a, d } },
                { 2, f->filter, f->bias, { NULL, a, b } },    { 1, f->other, f->bias, { NULL, NULL, NULL } },
                { 1, f->filter, f->zero, { NULL, a, NULL } },
        };

        check_all_at_once(f, told, sizeof(told) / sizeof(told[0]));
        hedge_kernels_allow(f->kernels, 1u << HEDGE_CONV_DIRECT);
        check_all_at_once(f, told, sizeof(told) / sizeof(told[0]));
}

static void only_the_same_constant_is_shared(void **state)
{
        (void)state;
        for_each_backend(check_names);
}

/* Where memory is short, what is transformed for another already is not computed in a slower way. */
static void check_limit(fixture_t *f)
{
        const void *const names[] = { NULL, &f->names[0], &f->names[1] };
        hedge_kernel_t *free_one = new_conv(f, 33, 1, f->filter, f->bias, SIZE_MAX, names), *tight;
        uint64_t bytes = hedge_packs_bytes(f->packs);

        assert_int_not_equal(hedge_kernel_method(free_one), HEDGE_CONV_DIRECT);
        tight = new_conv(f, 33, 1, f->filter, f->bias, 0, names);
        assert_int_equal(hedge_kernel_method(tight), hedge_kernel_method(free_one));
        assert_int_equal(hedge_packs_bytes(f->packs), bytes);
        hedge_kernel_destroy(&free_one);
        hedge_kernel_destroy(&tight);
        tight = new_conv(f, 33, 1, f->filter, f->bias, 0, names);
        assert_int_equal(hedge_kernel_method(tight), HEDGE_CONV_DIRECT);
        hedge_kernel_destroy(&tight);
}

static void what_is_transformed_already_may_be_used(void **state)
{
        (void)state;
        for_each_backend(check_limit);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(windows_of_a_layer_pack_once),
                cmocka_unit_test(only_the_same_constant_is_shared),
                cmocka_unit_test(what_is_transformed_already_may_be_used),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Every instruction set's copy of the passes, as far as this processor runs it, against the definition. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/code/conv/passes_isa.h"
#include "test/unit/layer.h"

#define MAX_STREAMS 40u

typedef struct variant {
        const char *name;
        const hedge_passes_t *passes;
        int runs;
} variant_t;

static unsigned find_variants(variant_t *variants)
{
        unsigned n = 0;

        variants[n++] = (variant_t){ "base f32", &base_passes_f32, 1 };
        variants[n++] = (variant_t){ "base f64", &base_passes_f64, 1 };
#ifdef __x86_64__
        const int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
        const int avx512 = __builtin_cpu_supports("avx512f") != 0;

        variants[n++] = (variant_t){ "avx2 f32", &avx2_passes_f32, avx2 };
        variants[n++] = (variant_t){ "avx2 f64", &avx2_passes_f64, avx2 };
        variants[n++] = (variant_t){ "avx512 f32", &avx512_passes_f32, avx512 };
        variants[n++] = (variant_t){ "avx512 f64", &avx512_passes_f64, avx512 };
#endif
        return n;
}

/* Random elements of either type; the same values for the same state. */
static void *random_data(layer_random_t *r, size_t n, size_t size)
{
        char *data = malloc(n * size + 1);

        if (!data)
                abort();
        for (size_t i = 0; i < n; i++) {
                const float f = layer_value(r);
                const double d = (double)f;

                memcpy(data + i * size, size == sizeof(float) ? (const void *)&f : (const void *)&d, size);
        }
        return data;
}

static double element(const void *data, size_t i, size_t size)
{
        return size == sizeof(float) ? (double)((const float *)data)[i] : ((const double *)data)[i];
}

static void check_blend(const variant_t *v, layer_random_t *r, unsigned outs, unsigned ins, size_t length)
{
        const size_t size = v->passes->size, shift = layer_between(r, 0, 3);
        void *c = random_data(r, (size_t)outs * ins + 1, size), *in[MAX_STREAMS], *out[MAX_STREAMS];
        const void *from[MAX_STREAMS];
        void *to[MAX_STREAMS];

        for (unsigned i = 0; i < ins; i++) {
                in[i] = random_data(r, shift + length, size);
                from[i] = (char *)in[i] + shift * size; /* inputs need not be aligned */
        }
        for (unsigned o = 0; o < outs; o++) {
                out[o] = random_data(r, length + 2, size);
                memset(out[o], 0x55, size);
                memset((char *)out[o] + (length + 1) * size, 0x55, size);
                to[o] = (char *)out[o] + size;
        }
        v->passes->blend(outs, ins, c, from, to, length);
        for (unsigned o = 0; o < outs; o++) {
                assert_memory_equal(out[o], (char *)out[o] + (length + 1) * size, size); /* nothing beside it */
                for (size_t x = 0; x < length; x++) {
                        double sum = 0;

                        for (unsigned i = 0; i < ins; i++)
                                sum += element(c, (size_t)o * ins + i, size) * element(from[i], x, size);
                        if (!(fabs(sum - element(to[o], x, size)) <= (size == sizeof(float) ? 5e-6 : 1e-14)))
                                fail_msg("%s: %u x %u, length %zu, output %u, element %zu", v->name, outs, ins, length,
                                         o, x);
                }
        }
        for (unsigned i = 0; i < ins; i++)
                free(in[i]);
        for (unsigned o = 0; o < outs; o++)
                free(out[o]);
        free(c);
}

static void test_blend(void **state)
{
        variant_t variants[8];
        const unsigned n = find_variants(variants);

        for (unsigned i = 0; i < n; i++) {
                layer_random_t r = { 1 };

                if (!variants[i].runs) {
                        print_message("this processor has no %s\n", variants[i].name);
                        continue;
                }
                for (unsigned outs = 0; outs <= 19; outs++)
                        for (unsigned ins = 0; ins <= 5; ins++)
                                check_blend(&variants[i], &r, outs, ins, layer_between(&r, 0, 150));
                check_blend(&variants[i], &r, 17, 40, 1000); /* more than a tile */
                check_blend(&variants[i], &r, 3, 1, 20000);
        }
}

/* A decode matrix of dense rows, with one copied block among them, over a layer of any shape. */
static hedge_solution_t *any_solution(layer_random_t *r, unsigned rank, unsigned count)
{
        hedge_solution_t *s = hedge_solution_new(rank, rank, count);

        if (!s)
                abort();
        s->dense = 0; /* counted below */
        for (unsigned k = 0; k < rank; k++) {
                s->rows[k] = (hedge_solution_row_t){ layer_between(r, 0, 3) ? -1 : (int32_t)(k % count), s->dense };
                s->dense += s->rows[k].part < 0;
        }
        s->rows[rank] = (hedge_solution_row_t){ -1, s->dense };
        for (size_t i = 0; i < (size_t)s->dense * count; i++) {
                s->f32[i] = layer_value(r);
                s->f64[i] = (double)s->f32[i];
        }
        return s;
}

/* Element (y, x, o) of the output, found backwards: which block holds it, and where. */
static double joined(const hedge_join_t *join, size_t size, uint32_t y, uint32_t x, uint32_t o)
{
        const hedge_partition_t *p = join->partition;
        const hedge_solution_t *s = join->solution;
        const uint32_t group_c = p->layer.out_c / p->layer.groups, piece = p->part.out_c / p->layer.groups;
        const uint32_t g = o / group_c, b = o % group_c / piece, c = g * piece + o % group_c % piece;
        const unsigned k = y / p->strip_h * p->k_b + b;
        const size_t e = ((size_t)(y % p->strip_h) * hedge_conv_out_w(&p->part) + x) * p->part.out_c + c;
        double sum = 0;

        if (s->rows[k].part >= 0)
                return element(join->parts[s->rows[k].part], e, size);
        for (unsigned i = 0; i < s->count; i++)
                sum += s->f64[(size_t)s->rows[k].dense * s->count + i] * element(join->parts[i], e, size);
        return sum;
}

static double activated(const hedge_activation_t *a, double y)
{
        if (a->kind == HEDGE_ACT_CLAMP)
                return fmin(fmax(y, (double)a->lo), (double)a->hi);
        if (a->kind == HEDGE_ACT_LEAKY_RELU)
                return y < 0 ? (double)a->lo * y : y;
        return y;
}

/* Pieces of more channels than a vector holds, too. */
static hedge_conv_t layer_wide(layer_random_t *r)
{
        const uint32_t h = layer_between(r, 1, 9), w = layer_between(r, 1, 3), groups = layer_between(r, 1, 2);

        return (hedge_conv_t){ h, w, groups, groups * layer_between(r, 10, 90), 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, groups };
}

static void check_join(const variant_t *v, layer_random_t *r, hedge_conv_t layer)
{
        const hedge_activation_t activations[] = { { HEDGE_ACT_NONE, 0, 0 },
                                                   { HEDGE_ACT_CLAMP, -0.25f, 0.5f },
                                                   { HEDGE_ACT_LEAKY_RELU, 0.25f, 0 } };
        const uint32_t out_w = hedge_conv_out_w(&layer), group_c = layer.out_c / layer.groups;
        const size_t size = v->passes->size;
        const void *parts[MAX_STREAMS];
        void *held[MAX_STREAMS];
        hedge_partition_t p;
        hedge_join_t join = { .partition = &p, .parts = parts, .activation = activations[layer_between(r, 0, 2)] };
        hedge_solution_t *s;
        void *bias = layer_between(r, 0, 1) ? random_data(r, layer.out_c, size) : NULL;

        assert_int_equal(hedge_partition_init(&p, &layer, layer_between(r, 1, hedge_conv_out_h(&layer)),
                                              layer_between(r, 1, group_c)),
                         0);
        s = any_solution(r, p.k_a * p.k_b, layer_between(r, 1, MAX_STREAMS));
        for (unsigned i = 0; i < s->count; i++)
                parts[i] = held[i] = random_data(r, hedge_partition_part_elements(&p), size);
        join.solution = s;
        join.bias = bias;
        join.output = random_data(r, hedge_conv_out_elements(&layer), size);
        v->passes->join(&join, 0, hedge_partition_part_elements(&p));
        for (uint32_t y = 0; y < hedge_conv_out_h(&layer); y++)
                for (uint32_t x = 0; x < out_w; x++)
                        for (uint32_t o = 0; o < layer.out_c; o++) {
                                const double plain = joined(&join, size, y, x, o) + (bias ? element(bias, o, size) : 0);
                                const double got =
                                        element(join.output, ((size_t)y * out_w + x) * layer.out_c + o, size);

                                if (!(fabs(activated(&join.activation, plain) - got) <=
                                      (size == sizeof(float) ? 5e-6 : 1e-14)))
                                        fail_msg("%s: %g for %g", v->name, got, plain);
                        }
        for (unsigned i = 0; i < s->count; i++)
                free(held[i]);
        free(join.output);
        free(bias);
        hedge_solution_destroy(&s);
}

static void test_join(void **state)
{
        variant_t variants[8];
        const unsigned n = find_variants(variants);

        for (unsigned i = 0; i < n; i++) {
                layer_random_t r = { 2 };

                for (unsigned t = 0; t < 300 && variants[i].runs; t++)
                        check_join(&variants[i], &r, t % 3 ? layer_any(&r) : layer_wide(&r));
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_blend),
                cmocka_unit_test(test_join),
        };

        return cmocka_run_group_tests_name("passes", tests, NULL, NULL);
}

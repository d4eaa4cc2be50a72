/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_DECODE_BED_H
#define HEDGE_TEST_DECODE_BED_H

#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/code/conv/decode.h"
#include "test/unit/layer.h"

/** A layer, coded and computed by its boards. */

/* A layer, its code, all parts of all boards, and what must come out. */
typedef struct bench {
        hedge_code_t *code;
        hedge_partition_t partition;
        double *expected; /* before bias and activation */
        double peak;
        float *bias;
        unsigned all; /* parts of all boards */
        struct piece {
                unsigned board, part;
                float *data;
        } * pieces;
} bench_t;

static inline void compute_board(bench_t *b, unsigned board, const float *input, const float *filter)
{
        const hedge_partition_t *p = &b->partition;
        const unsigned ell_b = hedge_code_ell_b(b->code, board);
        float *coded_input = malloc(hedge_partition_input_elements(p) * sizeof(float));
        float *coded_filter = malloc(hedge_partition_filter_elements(p) * sizeof(float));
        const size_t n = hedge_partition_part_elements(p);

        for (unsigned part = 0; part < hedge_code_parts(b->code, board); part++) {
                float *data = malloc(n * sizeof(float));
                double *exact;

                hedge_encode_input(p, hedge_code_a(b->code, board, part / ell_b), input, coded_input);
                hedge_encode_filter(p, hedge_code_b(b->code, board, part % ell_b), filter, coded_filter);
                exact = layer_convolve(&p->part, coded_input, coded_filter);
                for (size_t i = 0; i < n; i++)
                        data[i] = (float)exact[i];
                free(exact);
                b->pieces[b->all++] = (struct piece){ board, part, data };
        }
        free(coded_input);
        free(coded_filter);
}

static inline void bench_open(bench_t *b, layer_random_t *r, const hedge_conv_t *layer, hedge_scheme_t scheme,
                              unsigned k_a, unsigned k_b, unsigned n)
{
        float *input = layer_floats(r, hedge_conv_in_elements(layer));
        float *filter = layer_floats(r, hedge_conv_filter_elements(layer));

        memset(b, 0, sizeof(*b));
        assert_int_equal(hedge_code_new(scheme, k_a, k_b, n, &b->code, NULL), 0);
        assert_int_equal(hedge_partition_init(&b->partition, layer, k_a, k_b), 0);
        b->expected = layer_convolve(layer, input, filter);
        for (size_t i = 0; i < hedge_conv_out_elements(layer); i++)
                b->peak = fmax(b->peak, fabs(b->expected[i]));
        b->bias = layer_floats(r, layer->out_c);
        b->pieces = calloc(2 * HEDGE_CODE_MAX_PARTS, sizeof(*b->pieces));
        for (unsigned j = 0; j < n; j++)
                compute_board(b, j, input, filter);
        free(input);
        free(filter);
}

static inline void bench_close(bench_t *b)
{
        for (unsigned i = 0; i < b->all; i++)
                free(b->pieces[i].data);
        free(b->pieces);
        free(b->bias);
        free(b->expected);
        hedge_code_destroy(&b->code);
        assert_null(b->code);
}

static inline double activated(const hedge_activation_t *a, double y)
{
        if (a->kind == HEDGE_ACT_CLAMP)
                return fmin(fmax(y, (double)a->lo), (double)a->hi);
        if (a->kind == HEDGE_ACT_LEAKY_RELU)
                return y < 0 ? (double)a->lo * y : y;
        return y;
}

static inline hedge_activation_t any_activation(layer_random_t *r)
{
        const hedge_activation_t all[] = {
                { HEDGE_ACT_NONE, 0, 0 },
                { HEDGE_ACT_CLAMP, 0, INFINITY },
                { HEDGE_ACT_CLAMP, -0.5f, 0.75f },
                { HEDGE_ACT_LEAKY_RELU, 0.125f, 0 },
        };

        return all[layer_between(r, 0, 3)];
}

/* Decode with the parts taken and compare. The parts are rounded to float, the codes add no more than a few
 * roundings, and decoding multiplies that by the condition number at most. */
static inline void check_answer(const bench_t *b, layer_random_t *r, hedge_decoder_t *decoder,
                                const float *const *parts)
{
        const hedge_conv_t *layer = &b->partition.layer;
        const size_t n = hedge_conv_out_elements(layer);
        const hedge_activation_t activation = any_activation(r);
        const float *bias = layer_between(r, 0, 1) ? b->bias : NULL;
        float *output = malloc((n + 2) * sizeof(float));
        double condition = 0, worst = 0;

        assert_int_equal(hedge_decoder_solve(decoder, &condition), 0);
        assert_true(condition >= 1 - 1e-9 && condition < 1e10);
        output[0] = output[n + 1] = 12345;
        hedge_decoder_apply(decoder, &b->partition, parts, bias, &activation, output + 1, layer_between(r, 1, 3));
        assert_true(output[0] == 12345 && output[n + 1] == 12345);
        for (size_t i = 0; i < n; i++) {
                const double y = b->expected[i] + (bias ? (double)bias[i % layer->out_c] : 0);

                worst = fmax(worst, fabs((double)output[i + 1] - activated(&activation, y)));
        }
        if (!(worst <= 1e-6 * condition * (b->peak + 1)))
                fail_msg("error %g at condition %g, peak %g, %s k_a=%u k_b=%u", worst, condition, b->peak,
                         hedge_scheme_name(hedge_code_scheme(b->code)), b->partition.k_a, b->partition.k_b);
        free(output);
}

/* Take these pieces in random order; every one once, some offered again. */
static inline void take_pieces(const bench_t *b, layer_random_t *r, hedge_decoder_t *decoder, const bool *wanted,
                               const float **parts)
{
        unsigned order[2 * HEDGE_CODE_MAX_PARTS], n = 0, missing = hedge_code_rank(b->code);

        for (unsigned i = 0; i < b->all; i++)
                if (wanted[i])
                        order[n++] = i;
        for (unsigned i = 0; i < n; i++) {
                const unsigned j = layer_between(r, i, n - 1), x = order[j];
                const struct piece *piece = &b->pieces[x];

                order[j] = order[i];
                order[i] = x;
                assert_int_equal(hedge_decoder_add(decoder, piece->board, piece->part), (int)i);
                assert_int_equal(hedge_decoder_add(decoder, piece->board, piece->part), -EALREADY);
                parts[i] = piece->data;
                assert_true(hedge_decoder_missing(decoder) + 1 >= missing); /* a part stands for one at most */
                assert_true((hedge_decoder_missing(decoder) == 0) == hedge_decoder_ready(decoder));
                missing = hedge_decoder_missing(decoder);
        }
        assert_int_equal(hedge_decoder_count(decoder), n);
}

static inline void check_boards(const bench_t *b, layer_random_t *r, const bool *boards)
{
        const float *parts[2 * HEDGE_CODE_MAX_PARTS];
        bool wanted[2 * HEDGE_CODE_MAX_PARTS];
        hedge_decoder_t *decoder;

        for (unsigned i = 0; i < b->all; i++)
                wanted[i] = boards[b->pieces[i].board];
        assert_int_equal(hedge_decoder_new(b->code, &decoder), 0);
        assert_true(hedge_decoder_possible(decoder, boards));
        take_pieces(b, r, decoder, wanted, parts);
        assert_true(hedge_decoder_ready(decoder));
        check_answer(b, r, decoder, parts);
        hedge_decoder_destroy(&decoder);
        assert_null(decoder);
}

/* Boards that hold something. */
static inline unsigned holders(const hedge_code_t *code)
{
        unsigned n = 0;

        for (unsigned j = 0; j < hedge_code_boards(code); j++)
                n += hedge_code_parts(code, j) > 0;
        return n;
}

static inline void random_boards(const bench_t *b, layer_random_t *r, unsigned wanted, bool *boards)
{
        const unsigned n = holders(b->code);

        memset(boards, 0, HEDGE_CODE_MAX_BOARDS * sizeof(*boards));
        while (wanted > 0) {
                const unsigned j = layer_between(r, 0, n - 1);

                wanted -= !boards[j];
                boards[j] = true;
        }
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
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

static void compute_board(bench_t *b, unsigned board, const float *input, const float *filter)
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

static void bench_open(bench_t *b, layer_random_t *r, const hedge_conv_t *layer, hedge_scheme_t scheme, unsigned k_a,
                       unsigned k_b, unsigned n)
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

static void bench_close(bench_t *b)
{
        for (unsigned i = 0; i < b->all; i++)
                free(b->pieces[i].data);
        free(b->pieces);
        free(b->bias);
        free(b->expected);
        hedge_code_destroy(&b->code);
        assert_null(b->code);
}

static double activated(const hedge_activation_t *a, double y)
{
        if (a->kind == HEDGE_ACT_CLAMP)
                return fmin(fmax(y, (double)a->lo), (double)a->hi);
        if (a->kind == HEDGE_ACT_LEAKY_RELU)
                return y < 0 ? (double)a->lo * y : y;
        return y;
}

static hedge_activation_t any_activation(layer_random_t *r)
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
static void check_answer(const bench_t *b, layer_random_t *r, hedge_decoder_t *decoder, const float *const *parts)
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
static void take_pieces(const bench_t *b, layer_random_t *r, hedge_decoder_t *decoder, const bool *wanted,
                        const float **parts)
{
        unsigned order[2 * HEDGE_CODE_MAX_PARTS], n = 0, rank = 0;

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
                assert_true(hedge_decoder_rank(decoder) - rank <= 1);
                rank = hedge_decoder_rank(decoder);
        }
        assert_int_equal(hedge_decoder_count(decoder), n);
}

static void check_boards(const bench_t *b, layer_random_t *r, const bool *boards)
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
        assert_int_equal(hedge_decoder_rank(decoder), hedge_code_rank(b->code));
        check_answer(b, r, decoder, parts);
        hedge_decoder_destroy(&decoder);
        assert_null(decoder);
}

/* Boards that hold something. */
static unsigned holders(const hedge_code_t *code)
{
        unsigned n = 0;

        for (unsigned j = 0; j < hedge_code_boards(code); j++)
                n += hedge_code_parts(code, j) > 0;
        return n;
}

static void check_every_subset(const bench_t *b, layer_random_t *r)
{
        const unsigned n = holders(b->code), delta = hedge_code_delta(b->code);

        for (unsigned set = 0; set < 1u << n; set++) {
                bool boards[HEDGE_CODE_MAX_BOARDS] = { false };

                if ((unsigned)__builtin_popcount(set) != delta)
                        continue;
                for (unsigned j = 0; j < n; j++)
                        boards[j] = set >> j & 1;
                check_boards(b, r, boards);
        }
}

static void random_boards(const bench_t *b, layer_random_t *r, unsigned wanted, bool *boards)
{
        const unsigned n = holders(b->code);

        memset(boards, 0, HEDGE_CODE_MAX_BOARDS * sizeof(*boards));
        while (wanted > 0) {
                const unsigned j = layer_between(r, 0, n - 1);

                wanted -= !boards[j];
                boards[j] = true;
        }
}

/* A code that suits the layer. @return whether one was found. */
static bool any_code(layer_random_t *r, const hedge_conv_t *layer, unsigned max_n, hedge_scheme_t *scheme,
                     unsigned *k_a, unsigned *k_b, unsigned *n)
{
        const unsigned most_a = hedge_conv_out_h(layer) < 6 ? hedge_conv_out_h(layer) : 6;
        const unsigned most_b = layer->out_c / layer->groups < 6 ? layer->out_c / layer->groups : 6;
        hedge_code_t *code = NULL;

        *scheme = layer_between(r, 0, 1) ? HEDGE_SCHEME_NSCTC : (hedge_scheme_t)layer_between(r, 0, HEDGE_SCHEMES - 1);
        *k_a = layer_between(r, 1, most_a);
        *k_b = layer_between(r, 1, most_b);
        *n = layer_between(r, 1, max_n);
        if (hedge_code_new(*scheme, *k_a, *k_b, *n, &code, NULL) < 0)
                return false;
        hedge_code_destroy(&code);
        return true;
}

static void test_every_subset_up_to_eight_boards(void **state)
{
        layer_random_t r = { 1 };

        for (unsigned i = 0; i < 400; i++) {
                const hedge_conv_t layer = layer_any(&r);
                hedge_scheme_t scheme;
                unsigned k_a, k_b, n;
                bench_t b;

                if (!any_code(&r, &layer, 8, &scheme, &k_a, &k_b, &n))
                        continue;
                bench_open(&b, &r, &layer, scheme, k_a, k_b, n);
                check_every_subset(&b, &r);
                bench_close(&b);
        }
}

static void test_random_subsets_up_to_forty_boards(void **state)
{
        static const struct {
                unsigned k_a, k_b, n;
        } codes[] = { { 4, 8, 10 },  { 8, 8, 20 }, { 2, 16, 20 }, { 16, 1, 12 },
                      { 1, 16, 12 }, { 8, 8, 40 }, { 6, 10, 33 } };
        layer_random_t r = { 2 };

        for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
                const hedge_conv_t layer = { 17, 3, 2, 18, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
                bool boards[HEDGE_CODE_MAX_BOARDS];
                bench_t b;

                bench_open(&b, &r, &layer, HEDGE_SCHEME_NSCTC, codes[i].k_a, codes[i].k_b, codes[i].n);
                for (unsigned t = 0; t < 12; t++) {
                        random_boards(&b, &r, hedge_code_delta(b.code) + t % 3, boards);
                        check_boards(&b, &r, boards);
                }
                bench_close(&b);
        }
}

/* Parts of unfinished boards count too: any that reach the rank decode, with more than needed as well. */
static void test_any_parts_of_full_rank(void **state)
{
        const hedge_conv_t layer = { 9, 4, 2, 10, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
        layer_random_t r = { 3 };
        unsigned decoded = 0, refused = 0;
        bench_t b;

        bench_open(&b, &r, &layer, HEDGE_SCHEME_NSCTC, 4, 4, 8);
        for (unsigned t = 0; t < 200; t++) {
                const float *parts[2 * HEDGE_CODE_MAX_PARTS];
                bool wanted[2 * HEDGE_CODE_MAX_PARTS];
                hedge_decoder_t *decoder;

                for (unsigned i = 0; i < b.all; i++)
                        wanted[i] = layer_between(&r, 0, 99) < 55;
                assert_int_equal(hedge_decoder_new(b.code, &decoder), 0);
                take_pieces(&b, &r, decoder, wanted, parts);
                if (hedge_decoder_ready(decoder)) {
                        check_answer(&b, &r, decoder, parts);
                        decoded++;
                } else {
                        assert_int_equal(hedge_decoder_solve(decoder, NULL), HEDGE_EUNDECODABLE);
                        refused++;
                }
                hedge_decoder_destroy(&decoder);
        }
        assert_true(decoded > 20 && refused > 20);
        bench_close(&b);
}

/* 16 parts of five boards, dependent though there are as many as the rank: nsctc, the first of many such sets. */
static void test_dependent_parts_are_refused(void **state)
{
        hedge_decoder_t *decoder;
        hedge_code_t *code;
        double condition = 77;

        assert_int_equal(hedge_code_new(HEDGE_SCHEME_NSCTC, 4, 4, 8, &code, NULL), 0);
        assert_int_equal(hedge_decoder_new(code, &decoder), 0);
        for (unsigned j = 0; j < 8; j++)
                for (unsigned p = 0; p < 2; p++)
                        assert_int_equal(hedge_decoder_add(decoder, j, p), (int)(2 * j + p));
        assert_int_equal(hedge_decoder_count(decoder), 16);
        assert_true(hedge_decoder_rank(decoder) < 16);
        assert_false(hedge_decoder_ready(decoder));
        assert_int_equal(hedge_decoder_solve(decoder, &condition), HEDGE_EUNDECODABLE);
        assert_true(condition == 77);
        assert_int_equal(hedge_decoder_add(decoder, 8, 0), -EINVAL);
        assert_int_equal(hedge_decoder_add(decoder, 0, 4), -EINVAL);
        assert_int_equal(hedge_decoder_add(decoder, UINT32_MAX, UINT32_MAX), -EINVAL);
        hedge_decoder_destroy(&decoder);
        hedge_code_destroy(&code);
}

static void test_possible(void **state)
{
        bool alive[8] = { true, true, true, true };
        hedge_decoder_t *decoder;
        hedge_code_t *code;

        assert_int_equal(hedge_code_new(HEDGE_SCHEME_NSCTC, 4, 4, 8, &code, NULL), 0);
        assert_int_equal(hedge_decoder_new(code, &decoder), 0);
        assert_true(hedge_decoder_possible(decoder, alive));
        alive[3] = false;
        assert_false(hedge_decoder_possible(decoder, alive));
        for (unsigned p = 0; p < 4; p++) /* what board 7 sent before it died still counts */
                assert_int_equal(hedge_decoder_add(decoder, 7, p), (int)p);
        assert_true(hedge_decoder_possible(decoder, alive));
        assert_int_equal(hedge_decoder_rank(decoder), 4);
        alive[0] = false;
        assert_false(hedge_decoder_possible(decoder, alive));
        hedge_decoder_destroy(&decoder);
        hedge_code_destroy(&code);
}

/* Plain parts come through bit for bit, whichever copy of each arrives. */
static void test_plain_parts_are_copied(void **state)
{
        const hedge_conv_t layer = { 11, 5, 3, 7, 3, 2, 1, 1, 1, 1, 2, 0, 1, 1, 1 };
        const hedge_activation_t none = { HEDGE_ACT_NONE, 0, 0 };
        layer_random_t r = { 4 };
        float *first = NULL;

        for (unsigned scheme = HEDGE_SCHEME_UNCODED; scheme <= HEDGE_SCHEME_REPLICATION; scheme++) {
                const size_t n = hedge_conv_out_elements(&layer);
                const float *parts[2 * HEDGE_CODE_MAX_PARTS];
                bool wanted[2 * HEDGE_CODE_MAX_PARTS];
                float *output = malloc(n * sizeof(float));
                hedge_decoder_t *decoder;
                double condition;
                bench_t b;

                r.state = 4;
                memset(wanted, 1, sizeof(wanted));
                bench_open(&b, &r, &layer, (hedge_scheme_t)scheme, 3, 2, 9);
                assert_int_equal(hedge_decoder_new(b.code, &decoder), 0);
                take_pieces(&b, &r, decoder, wanted, parts);
                assert_int_equal(hedge_decoder_solve(decoder, &condition), 0);
                assert_true(fabs(condition - 1) < 1e-12 && hedge_decoder_gain(decoder) == 1);
                hedge_decoder_apply(decoder, &b.partition, parts, NULL, &none, output, 1);
                for (size_t i = 0; i < n; i++)
                        assert_true(output[i] == (float)b.expected[i]);
                if (first)
                        assert_memory_equal(first, output, n * sizeof(float));
                free(first);
                first = output;
                hedge_decoder_destroy(&decoder);
                bench_close(&b);
        }
        free(first);
}

static double column_length(const hedge_code_t *code, unsigned board, unsigned part)
{
        double column[HEDGE_CODE_MAX_PARTS], sum = 0;

        hedge_code_column(code, board, part, column);
        for (unsigned k = 0; k < hedge_code_rank(code); k++)
                sum += column[k] * column[k];
        return sqrt(sum);
}

/* The mean square over the blocks of what errors as large as the parts become, from the decode matrix by way of apply. */
static void check_gain(const hedge_code_t *code, const hedge_partition_t *p, unsigned n)
{
        const hedge_activation_t none = { HEDGE_ACT_NONE, 0, 0 };
        const float zero[2] = { 0, 0 };
        float output[32], error[64][2];
        const float *parts[64];
        hedge_decoder_t *decoder;
        double sum = 0, gain;

        assert_int_equal(hedge_decoder_new(code, &decoder), 0);
        for (unsigned i = 0; i < n; i++) {
                uint32_t order[HEDGE_CODE_MAX_PARTS];

                hedge_code_order(code, i % 8, order);
                assert_int_equal(hedge_decoder_add(decoder, i % 8, order[i / 8]), (int)i);
                error[i][0] = error[i][1] = (float)column_length(code, i % 8, order[i / 8]);
                parts[i] = zero;
        }
        assert_int_equal(hedge_decoder_solve(decoder, NULL), 0);
        for (unsigned i = 0; i < n; i++) {
                parts[i] = error[i];
                hedge_decoder_apply(decoder, p, parts, NULL, &none, output, 1);
                parts[i] = zero;
                for (unsigned k = 0; k < 32; k++)
                        sum += (double)output[k] * (double)output[k] / 2;
        }
        gain = hedge_decoder_gain(decoder);
        assert_true(fabs(gain - sqrt(sum / 16)) < 1e-5 * gain && gain > 0.3);
        hedge_decoder_destroy(&decoder);
}

static void test_gain(void **state)
{
        const hedge_conv_t layer = { 8, 1, 1, 4, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1 };
        hedge_partition_t p;

        assert_int_equal(hedge_partition_init(&p, &layer, 4, 4), 0);
        for (unsigned extra = 0; extra <= 8; extra += 4) {
                hedge_code_params_t params = { .scheme = HEDGE_SCHEME_KRP, .k_a = 4, .k_b = 4, .n = 8, .ell_b = 4 };
                hedge_code_t *code;

                params.systematic = extra == 8;
                assert_int_equal(hedge_code_new_with(&params, &code, NULL), 0);
                check_gain(code, &p, 16 + extra);
                check_gain(code, &p, 16 + extra); /* with the matrix that was kept */
                hedge_code_destroy(&code);

                params = (hedge_code_params_t){ .scheme = HEDGE_SCHEME_NSCTC, .k_a = 4, .k_b = 4, .n = 8 };
                assert_int_equal(hedge_code_new_with(&params, &code, NULL), 0); /* columns of length 2 */
                assert_true(fabs(column_length(code, 1, 1) - 2) < 1e-12);
                check_gain(code, &p, 32);
                hedge_code_destroy(&code);
        }
}

/* Blocks that came as they are come through bit for bit, whatever the coded parts say of them; the others are solved for. */
static void check_plain_among_coded(layer_random_t *r, const hedge_code_t *code, const hedge_partition_t *p)
{
        const hedge_activation_t none = { HEDGE_ACT_NONE, 0, 0 };
        const unsigned n = hedge_code_rank(code), k_b = hedge_code_k_b(code);
        float blocks[16][2], data[64][2], output[32];
        bool came[16] = { false };
        const float *parts[64];
        hedge_decoder_t *decoder;
        double column[16], condition;
        unsigned count = 0;

        for (unsigned k = 0; k < n; k++)
                blocks[k][0] = blocks[k][1] = layer_value(r);
        assert_int_equal(hedge_decoder_new(code, &decoder), 0);
        while (!hedge_decoder_ready(decoder) || count < n + 3) {
                const unsigned board = layer_between(r, 0, 7);
                const unsigned part = layer_between(r, 0, hedge_code_parts(code, board) - 1);
                double sum = 0;

                if (hedge_decoder_add(decoder, board, part) < 0)
                        continue;
                hedge_code_column(code, board, part, column);
                for (unsigned k = 0; k < n; k++) {
                        sum += column[k] * (double)blocks[k][0];
                        came[k] |= column[k] == 1;
                }
                data[count][0] = (float)sum;
                data[count][1] = hedge_code_is_plain(code, board, part) ? (float)sum : INFINITY;
                parts[count] = data[count];
                count++;
        }
        assert_int_equal(hedge_decoder_solve(decoder, &condition), 0);
        hedge_decoder_apply(decoder, p, parts, NULL, &none, output, 1);
        for (unsigned k = 0; k < n; k++) {
                const float *pixels = output + k / k_b * 8 + k % k_b;

                assert_true(fabsf(pixels[0] - blocks[k][0]) <= (came[k] ? 0 : 1e-5 * condition));
                if (came[k])
                        assert_true(pixels[4] == blocks[k][1]);
        }
        hedge_decoder_destroy(&decoder);
}

static void test_plain_among_coded(void **state)
{
        const hedge_conv_t layer = { 8, 1, 1, 4, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1 };
        const hedge_code_params_t params = {
                .scheme = HEDGE_SCHEME_KRP, .k_a = 4, .k_b = 4, .n = 8, .systematic = true
        };
        layer_random_t r = { 10 };
        hedge_partition_t p;
        hedge_code_t *code;

        assert_int_equal(hedge_partition_init(&p, &layer, 4, 4), 0);
        assert_int_equal(hedge_code_new_with(&params, &code, NULL), 0);
        for (unsigned t = 0; t < 200; t++)
                check_plain_among_coded(&r, code, &p);
        hedge_code_destroy(&code);
}

/* Of replicated parts, one copy or two: the singular values are 1 and the root of 2. */
static void test_condition_of_copies(void **state)
{
        hedge_decoder_t *decoder;
        hedge_code_t *code;
        double condition;

        assert_int_equal(hedge_code_new(HEDGE_SCHEME_REPLICATION, 2, 2, 4, &code, NULL), 0);
        assert_int_equal(hedge_decoder_new(code, &decoder), 0);
        for (unsigned j = 0; j < 3; j++)
                for (unsigned p = 0; p < 2; p++)
                        assert_int_equal(hedge_decoder_add(decoder, j, p), (int)(2 * j + p));
        assert_int_equal(hedge_decoder_solve(decoder, &condition), 0);
        assert_true(fabs(condition - sqrt(2)) < 1e-12);
        hedge_decoder_destroy(&decoder);
        hedge_code_destroy(&code);
}

/* A part that comes after a solve counts in the next one, wherever it stands in the order of boards. */
static void test_more_parts_after_a_solve(void **state)
{
        const hedge_conv_t layer = { 9, 4, 2, 10, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
        const float *parts[2 * HEDGE_CODE_MAX_PARTS];
        double condition[2];
        layer_random_t r = { 8 };
        hedge_decoder_t *decoder;
        bench_t b;

        bench_open(&b, &r, &layer, HEDGE_SCHEME_NSCTC, 4, 4, 8);
        assert_int_equal(hedge_decoder_new(b.code, &decoder), 0);
        for (unsigned i = 0; i < 20; i++) {
                const struct piece *piece = &b.pieces[(i + 8) % 20]; /* boards 2, 3, 4, 0 and then 1 */

                assert_int_equal(hedge_decoder_add(decoder, piece->board, piece->part), (int)i);
                parts[i] = piece->data;
                if (i < 15)
                        continue;
                assert_int_equal(hedge_decoder_solve(decoder, &condition[i > 15]), 0);
                check_answer(&b, &r, decoder, parts);
        }
        assert_true(condition[1] < condition[0]);
        hedge_decoder_destroy(&decoder);
        bench_close(&b);
}

/* More decode matrices than the cache holds; every answer must be its own, also when it comes from the cache. */
static void test_many_sets_of_parts(void **state)
{
        const hedge_conv_t layer = { 8, 3, 1, 8, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
        layer_random_t r = { 5 };
        bool boards[HEDGE_CODE_MAX_BOARDS];
        bench_t b;

        bench_open(&b, &r, &layer, HEDGE_SCHEME_NSCTC, 4, 8, 12);
        for (unsigned t = 0; t < 300; t++) {
                random_boards(&b, &r, 8, boards);
                check_boards(&b, &r, boards);
                check_boards(&b, &r, boards);
        }
        bench_close(&b);
}

typedef struct thread_case {
        const bench_t *bench;
        uint64_t seed;
} thread_case_t;

static void *decode_many(void *argument)
{
        const thread_case_t *c = argument;
        layer_random_t r = { c->seed };
        bool boards[HEDGE_CODE_MAX_BOARDS];

        for (unsigned t = 0; t < 60; t++) {
                random_boards(c->bench, &r, 4, boards);
                check_boards(c->bench, &r, boards);
        }
        return NULL;
}

static void test_threads_share_a_code(void **state)
{
        const hedge_conv_t layer = { 8, 3, 1, 8, 3, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1 };
        layer_random_t r = { 6 };
        thread_case_t cases[3];
        pthread_t ids[3];
        bench_t b;

        bench_open(&b, &r, &layer, HEDGE_SCHEME_NSCTC, 4, 4, 10);
        for (unsigned i = 0; i < 3; i++) {
                cases[i] = (thread_case_t){ &b, 10 + i };
                assert_int_equal(pthread_create(&ids[i], NULL, decode_many, &cases[i]), 0);
        }
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(pthread_join(ids[i], NULL), 0);
        bench_close(&b);
}

/* Large enough that encoding and decoding split over threads, which must change nothing. */
static void test_threads_give_the_same_answer(void **state)
{
        const hedge_conv_t layer = { 120, 64, 64, 72, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1 };
        const hedge_activation_t relu = { HEDGE_ACT_CLAMP, 0, INFINITY };
        const size_t n = hedge_conv_out_elements(&layer);
        const double *a[16];
        float *outputs[2], *coded[2][16], *parts[16], *input;
        layer_random_t r = { 7 };
        hedge_partition_t p;
        hedge_decoder_t *decoder;
        hedge_code_t *code;

        assert_int_equal(hedge_code_new(HEDGE_SCHEME_NSCTC, 4, 4, 8, &code, NULL), 0);
        assert_int_equal(hedge_partition_init(&p, &layer, 4, 4), 0);
        assert_int_equal(hedge_decoder_new(code, &decoder), 0);
        input = layer_floats(&r, hedge_conv_in_elements(&layer));
        for (unsigned i = 0; i < 16; i++) {
                a[i] = hedge_code_a(code, i / 2, i % 2);
                parts[i] = layer_floats(&r, hedge_partition_part_elements(&p));
                assert_int_equal(hedge_decoder_add(decoder, 1 + i / 4, i % 4), (int)i);
        }
        assert_int_equal(hedge_decoder_solve(decoder, NULL), 0);
        for (unsigned t = 0; t < 2; t++) {
                for (unsigned i = 0; i < 16; i++)
                        coded[t][i] = layer_floats(&r, hedge_partition_input_elements(&p));
                hedge_encode_inputs(&p, 16, a, input, coded[t], 1 + 2 * t);
                outputs[t] = malloc(n * sizeof(float));
                memset(outputs[t], 0xff - (int)t, n * sizeof(float));
                hedge_decoder_apply(decoder, &p, (const float *const *)parts, NULL, &relu, outputs[t], 1 + 2 * t);
        }
        assert_memory_equal(outputs[0], outputs[1], n * sizeof(float));
        for (unsigned i = 0; i < 16; i++) {
                assert_memory_equal(coded[0][i], coded[1][i], hedge_partition_input_elements(&p) * sizeof(float));
                free(coded[0][i]);
                free(coded[1][i]);
                free(parts[i]);
        }
        free(outputs[0]);
        free(outputs[1]);
        free(input);
        hedge_decoder_destroy(&decoder);
        hedge_code_destroy(&code);
}

/* q16 blocks of some parts at odd addresses, and what these hold for hedge_decoder_apply. */
static void check_wire(const bench_t *b, layer_random_t *r, const hedge_decoder_t *decoder, unsigned percent)
{
        const size_t n = hedge_partition_part_elements(&b->partition);
        const size_t outputs = hedge_conv_out_elements(&b->partition.layer);
        const unsigned count = hedge_decoder_count(decoder);
        const hedge_activation_t activation = any_activation(r);
        const float *bias = layer_between(r, 0, 1) ? b->bias : NULL;
        hedge_wire_part_t wire[2 * HEDGE_CODE_MAX_PARTS];
        float *floats[2 * HEDGE_CODE_MAX_PARTS], *output[2];
        uint8_t *bytes[2 * HEDGE_CODE_MAX_PARTS];

        for (unsigned i = 0; i < count; i++) {
                floats[i] = layer_floats(r, n);
                bytes[i] = malloc(hedge_q16_bytes(n) + 1);
                wire[i] = (hedge_wire_part_t){ floats[i], HEDGE_PRECISION_F32 };
                if (layer_between(r, 0, 99) >= percent)
                        continue;
                assert_int_equal(hedge_q16_encode(floats[i], n, bytes[i] + 1), 0);
                hedge_q16_decode(bytes[i] + 1, 0, n, floats[i]);
                wire[i] = (hedge_wire_part_t){ bytes[i] + 1, HEDGE_PRECISION_Q16 };
        }
        for (unsigned i = 0; i < 2; i++) {
                output[i] = malloc(outputs * sizeof(float));
                memset(output[i], 0xff - (int)i, outputs * sizeof(float));
        }
        hedge_decoder_apply(decoder, &b->partition, (const float *const *)floats, bias, &activation, output[0], 1);
        hedge_decoder_apply_wire(decoder, &b->partition, wire, bias, &activation, output[1], layer_between(r, 1, 3));
        assert_memory_equal(output[0], output[1], outputs * sizeof(float));
        for (unsigned i = 0; i < count; i++) {
                free(bytes[i]);
                free(floats[i]);
        }
        free(output[0]);
        free(output[1]);
}

static void test_parts_as_they_came(void **state)
{
        const hedge_conv_t wide = { 61, 23, 1, 23, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1 };
        const hedge_scheme_t schemes[] = { HEDGE_SCHEME_UNCODED, HEDGE_SCHEME_NSCTC, HEDGE_SCHEME_KRP };
        layer_random_t r = { 9 };

        for (unsigned t = 0; t < 60; t++) {
                const unsigned k_a = 2 * layer_between(&r, 1, 2), k_b = 2 * layer_between(&r, 1, 3);
                const float *parts[2 * HEDGE_CODE_MAX_PARTS];
                bool wanted[2 * HEDGE_CODE_MAX_PARTS];
                hedge_decoder_t *decoder;
                bench_t b;

                bench_open(&b, &r, &wide, schemes[t % 3], k_a, k_b, 9);
                assert_int_equal(hedge_decoder_new(b.code, &decoder), 0);
                memset(wanted, 1, sizeof(wanted));
                take_pieces(&b, &r, decoder, wanted, parts);
                assert_int_equal(hedge_decoder_solve(decoder, NULL), 0);
                check_wire(&b, &r, decoder, t % 2 ? 100 : layer_between(&r, 0, 99));
                hedge_decoder_destroy(&decoder);
                bench_close(&b);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_subset_up_to_eight_boards),
                cmocka_unit_test(test_random_subsets_up_to_forty_boards),
                cmocka_unit_test(test_any_parts_of_full_rank),
                cmocka_unit_test(test_dependent_parts_are_refused),
                cmocka_unit_test(test_possible),
                cmocka_unit_test(test_plain_parts_are_copied),
                cmocka_unit_test(test_plain_among_coded),
                cmocka_unit_test(test_gain),
                cmocka_unit_test(test_condition_of_copies),
                cmocka_unit_test(test_more_parts_after_a_solve),
                cmocka_unit_test(test_many_sets_of_parts),
                cmocka_unit_test(test_threads_share_a_code),
                cmocka_unit_test(test_threads_give_the_same_answer),
                cmocka_unit_test(test_parts_as_they_came),
        };

        return cmocka_run_group_tests_name("decode", tests, NULL, NULL);
}

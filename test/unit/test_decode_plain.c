/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding where some parts are plain: they are copied, and roundings do not grow. */
#include "test/unit/decode_bed.h"

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
                check_gain(code, &p, 16 + extra / 2);
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

/* Further copies of blocks are not used, and do not count. */
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
        assert_true(fabs(condition - 1) < 1e-12 && hedge_decoder_gain(decoder) == 1);
        hedge_decoder_destroy(&decoder);
        hedge_code_destroy(&code);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_plain_parts_are_copied),
                cmocka_unit_test(test_plain_among_coded),
                cmocka_unit_test(test_gain),
                cmocka_unit_test(test_condition_of_copies),
        };

        return cmocka_run_group_tests_name("decode", tests, NULL, NULL);
}

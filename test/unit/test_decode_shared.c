/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding by several threads, and of parts as they come from the wire. */
#include "test/unit/decode_bed.h"

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
        const hedge_conv_t layer = { 240, 128, 64, 72, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1 };
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
                        coded[t][i] = malloc(hedge_partition_input_elements(&p) * sizeof(float));
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

/* The same for plain strips as q16, there and, as parts of a layer that computes nothing, back: rounded once. */
static void test_threads_share_plain_strips(void **state)
{
        const hedge_conv_t layer = { 512, 512, 16, 16, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1 };
        const hedge_activation_t none = { HEDGE_ACT_NONE, 0, 0 };
        const size_t n = hedge_conv_out_elements(&layer);
        float *output = malloc(n * sizeof(float)), *input;
        hedge_wire_part_t parts[16];
        hedge_decoder_t *decoder;
        layer_random_t r = { 11 };
        const double *a[16];
        void *coded[2][16];
        hedge_partition_t p;
        hedge_code_t *code;
        size_t bytes;

        assert_int_equal(hedge_code_new(HEDGE_SCHEME_UNCODED, 16, 1, 8, &code, NULL), 0);
        assert_int_equal(hedge_partition_init(&p, &layer, 16, 1), 0);
        assert_int_equal(hedge_decoder_new(code, &decoder), 0);
        bytes = hedge_q16_bytes(hedge_partition_input_elements(&p));
        input = layer_floats(&r, n);
        for (unsigned i = 0; i < 16; i++) {
                a[i] = hedge_code_a(code, i / 2, i % 2);
                coded[0][i] = malloc(bytes);
                coded[1][i] = malloc(bytes);
                parts[i] = (hedge_wire_part_t){ coded[1][i], HEDGE_PRECISION_Q16 };
                assert_int_equal(hedge_decoder_add(decoder, i / 2, i % 2), (int)i);
        }
        assert_int_equal(hedge_decoder_solve(decoder, NULL), 0);
        for (unsigned t = 0; t < 2; t++)
                assert_int_equal(hedge_encode_inputs_q16(&p, 16, a, input, coded[t], 1 + 2 * t), 0);
        for (unsigned i = 0; i < 16; i++)
                assert_memory_equal(coded[0][i], coded[1][i], bytes);
        hedge_decoder_apply_wire(decoder, &p, parts, NULL, &none, output, 3);
        for (size_t i = 0; i < n; i++)
                assert_true(fabsf(output[i] - input[i]) <= 1.6e-5f);
        for (unsigned i = 0; i < 16; i++) {
                free(coded[0][i]);
                free(coded[1][i]);
        }
        free(input);
        free(output);
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
        const hedge_conv_t layers[] = { { 61, 23, 1, 23, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1 },
                                        { 33, 12, 2, 74, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 2 } };
        const hedge_scheme_t schemes[] = { HEDGE_SCHEME_UNCODED, HEDGE_SCHEME_NSCTC, HEDGE_SCHEME_KRP };
        layer_random_t r = { 9 };

        for (unsigned t = 0; t < 60; t++) {
                const unsigned k_a = 2 * layer_between(&r, 1, 2), k_b = 2 * layer_between(&r, 1, 3);
                const float *parts[2 * HEDGE_CODE_MAX_PARTS];
                bool wanted[2 * HEDGE_CODE_MAX_PARTS];
                hedge_decoder_t *decoder;
                bench_t b;

                bench_open(&b, &r, &layers[t / 3 % 2], schemes[t % 3], k_a, k_b, 9);
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
                cmocka_unit_test(test_threads_share_a_code),
                cmocka_unit_test(test_threads_give_the_same_answer),
                cmocka_unit_test(test_threads_share_plain_strips),
                cmocka_unit_test(test_parts_as_they_came),
        };

        return cmocka_run_group_tests_name("decode", tests, NULL, NULL);
}

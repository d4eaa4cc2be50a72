/* SPDX-License-Identifier: Apache-2.0 */
/* Decoding of layers from what boards computed. */
#include "test/unit/decode_bed.h"

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
        assert_int_equal(hedge_decoder_count(decoder), 4);
        alive[0] = false;
        assert_false(hedge_decoder_possible(decoder, alive));
        hedge_decoder_destroy(&decoder);
        hedge_code_destroy(&code);
}

/* What is possible with these boards is what their parts make ready. */
static void check_possible(const hedge_code_t *code, unsigned set)
{
        bool alive[6], possible;
        hedge_decoder_t *decoder;

        assert_int_equal(hedge_decoder_new(code, &decoder), 0);
        for (unsigned j = 0; j < 6; j++)
                alive[j] = set >> j & 1;
        possible = hedge_decoder_possible(decoder, alive);
        for (unsigned j = 0; j < 6; j++)
                for (unsigned p = 0; alive[j] && p < hedge_code_parts(code, j); p++)
                        assert_true(hedge_decoder_add(decoder, j, p) >= 0);
        assert_int_equal(possible, hedge_decoder_ready(decoder));
        hedge_decoder_destroy(&decoder);
}

static void test_possible_of_every_set(void **state)
{
        for (unsigned scheme = 0; scheme < HEDGE_SCHEMES; scheme++)
                for (unsigned systematic = 0; systematic < 2; systematic++) {
                        const bool strips = scheme == HEDGE_SCHEME_MDS || scheme == HEDGE_SCHEME_LT;
                        const hedge_code_params_t params = { .scheme = (hedge_scheme_t)scheme,
                                                             .k_a = 4,
                                                             .k_b = strips ? 1 : 4,
                                                             .n = 6,
                                                             .systematic = systematic };
                        hedge_code_t *code;

                        if (hedge_code_new_with(&params, &code, NULL) < 0)
                                continue; /* no systematic form */
                        for (unsigned set = 0; set < 1u << 6; set++)
                                check_possible(code, set);
                        assert_true(hedge_code_delta(code) >= 1);
                        for (unsigned set = 0; set < 1u << 6; set++) /* now that it is known */
                                check_possible(code, set);
                        hedge_code_destroy(&code);
                }
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

/* Every answer is its own, whatever other decoders of the code solve. */
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

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_subset_up_to_eight_boards),
                cmocka_unit_test(test_random_subsets_up_to_forty_boards),
                cmocka_unit_test(test_any_parts_of_full_rank),
                cmocka_unit_test(test_dependent_parts_are_refused),
                cmocka_unit_test(test_possible),
                cmocka_unit_test(test_possible_of_every_set),
                cmocka_unit_test(test_more_parts_after_a_solve),
                cmocka_unit_test(test_many_sets_of_parts),
        };

        return cmocka_run_group_tests_name("decode", tests, NULL, NULL);
}

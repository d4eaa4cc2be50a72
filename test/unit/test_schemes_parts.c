/* SPDX-License-Identifier: Apache-2.0 */
/* The codes: the parts of a board, in their order. */
#include "test/unit/schemes_bed.h"

/* As measured with the design: krp is never singular, nsctc mostly, until there are two parts more. */
static void test_streamed_parts(void **state)
{
        static const struct {
                hedge_code_params_t params;
                double low, high;
        } krp[] = {
                { { HEDGE_SCHEME_KRP, 4, 8, 10, 2, 4, .seed = 1 }, 20, 250 },
                { { HEDGE_SCHEME_KRP, 4, 8, 10, 1, 8, .seed = 1 }, 20, 250 },
                { { HEDGE_SCHEME_KRP, 8, 8, 20, 2, 4, .seed = 1 }, 40, 500 },
        };
        hedge_code_t *code;
        hedge_streamed_t at_k, more;

        for (unsigned i = 0; i < 3; i++) {
                code = code_with(&krp[i].params);
                assert_int_equal(hedge_code_stream(code, 0, 300, 3, &at_k), 0);
                assert_int_equal(hedge_code_stream(code, 2, 300, 3, &more), 0);
                assert_int_equal(at_k.parts, hedge_code_rank(code));
                assert_int_equal(more.parts, hedge_code_rank(code) + 2);
                assert_int_equal(at_k.singular, 0);
                assert_int_equal(more.singular, 0);
                assert_true(at_k.cond_median > krp[i].low && at_k.cond_median < krp[i].high);
                assert_true(more.cond_median < at_k.cond_median && isfinite(at_k.cond_worst));
                hedge_code_destroy(&code);
        }
        for (unsigned i = 0; i < 2; i++) {
                code = code_with(&(hedge_code_params_t){
                        .scheme = HEDGE_SCHEME_NSCTC, .k_a = i ? 8 : 4, .k_b = 8, .n = i ? 20 : 10 });
                assert_int_equal(hedge_code_stream(code, 0, 300, 3, &at_k), 0);
                assert_int_equal(hedge_code_stream(code, 2, 300, 3, &more), 0);
                assert_in_range(at_k.singular, 150, 285);
                assert_true(more.singular < at_k.singular / 2 && more.cond_median < 200);
                hedge_code_destroy(&code);
        }
}

/* Every block once as it is, coded parts for each board that can have some; the plain ones are computed first. */
static void check_systematic(const hedge_code_t *code)
{
        unsigned seen[HEDGE_CODE_MAX_PARTS] = { 0 };
        double column[HEDGE_CODE_MAX_PARTS], condition = 0;
        uint32_t order[HEDGE_CODE_MAX_PARTS];
        hedge_decoder_t *decoder;

        assert_int_equal(hedge_decoder_new(code, &decoder), 0);
        for (unsigned j = 0; j < hedge_code_boards(code); j++) {
                const unsigned parts = hedge_code_parts(code, j);
                bool listed[HEDGE_CODE_MAX_PARTS] = { false }, coded = false;

                hedge_code_order(code, j, order);
                for (unsigned i = 0; i < parts; i++) {
                        assert_true(order[i] < parts && !listed[order[i]]);
                        listed[order[i]] = true;
                        coded |= !hedge_code_is_plain(code, j, order[i]);
                        assert_true(coded == !hedge_code_is_plain(code, j, order[i]));
                        if (coded)
                                continue;
                        hedge_code_column(code, j, order[i], column);
                        for (unsigned k = 0; k < hedge_code_rank(code); k++)
                                seen[k] += column[k] == 1;
                        assert_true(hedge_decoder_add(decoder, j, order[i]) >= 0);
                }
        }
        for (unsigned k = 0; k < hedge_code_rank(code); k++)
                assert_int_equal(seen[k], 1);
        assert_int_equal(hedge_decoder_count(decoder), hedge_code_rank(code));
        assert_int_equal(hedge_decoder_solve(decoder, &condition), 0);
        assert_true(condition == 1);
        hedge_decoder_destroy(&decoder);
}

static void test_systematic(void **state)
{
        static const double weights[] = { 4, 1, 0, 2, 1, 1, 3, 1, 1, 1 };

        for (unsigned k_a = 1; k_a <= 10; k_a += 3)
                for (unsigned k_b = 1; k_b <= 8; k_b++)
                        for (unsigned n = 2; n <= 10; n += 4)
                                for (unsigned weighted = 0; weighted <= 1; weighted++) {
                                        hedge_code_params_t p = { .scheme = HEDGE_SCHEME_KRP,
                                                                  .k_a = k_a,
                                                                  .k_b = k_b,
                                                                  .n = n,
                                                                  .systematic = true,
                                                                  .weights = weighted ? weights : NULL };
                                        hedge_code_t *code;

                                        if (k_a * k_b == 1) /* every board has the same part */
                                                continue;
                                        code = code_with(&p);
                                        check_systematic(code);
                                        hedge_code_destroy(&code);
                                        p.scheme = HEDGE_SCHEME_MDS;
                                        if (k_b > 1 || k_a > n || weighted)
                                                continue;
                                        code = code_with(&p);
                                        check_systematic(code);
                                        hedge_code_destroy(&code);
                                }
}

/* With the order given, a quarter more than K decodes almost always; where two boards share a strip, a half more. */
static void test_streamed_systematic(void **state)
{
        static const unsigned cases[][4] = {
                { 4, 8, 10, 8 }, { 10, 4, 10, 10 }, { 5, 8, 10, 20 }, { 8, 8, 20, 16 }, { 12, 1, 12, 3 }
        };

        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                hedge_code_t *code = code_with(&(hedge_code_params_t){ .scheme = HEDGE_SCHEME_KRP,
                                                                       .k_a = cases[i][0],
                                                                       .k_b = cases[i][1],
                                                                       .n = cases[i][2],
                                                                       .systematic = true });
                hedge_streamed_t streamed;

                assert_int_equal(hedge_code_stream(code, cases[i][3], 200, 1, &streamed), 0);
                assert_in_range(streamed.singular, 0, 12);
                assert_true(streamed.cond_median < 60);
                hedge_code_destroy(&code);
        }
}

static unsigned block_of(const hedge_code_t *code, unsigned board, unsigned part)
{
        double column[HEDGE_CODE_MAX_PARTS];
        unsigned found = 0, block = 0;

        hedge_code_column(code, board, part, column);
        for (unsigned k = 0; k < hedge_code_rank(code); k++)
                if (column[k] != 0) {
                        assert_true(column[k] == 1);
                        found++;
                        block = k;
                }
        assert_int_equal(found, 1);
        return block;
}

/* First what uncoded would give each board, in the same order, then every other block once; alone it decodes. */
static void check_steal(const hedge_code_t *steal, const hedge_code_t *uncoded, const double *weights)
{
        const unsigned rank = hedge_code_rank(steal);

        assert_int_equal(hedge_code_delta(steal), 1);
        for (unsigned j = 0; j < hedge_code_boards(steal); j++) {
                const bool works = !weights || weights[j] > 0;
                bool seen[HEDGE_CODE_MAX_PARTS] = { false };
                uint32_t order[HEDGE_CODE_MAX_PARTS];

                assert_int_equal(hedge_code_parts(steal, j), works ? rank : 0);
                assert_int_equal(hedge_code_first_parts(steal, j), hedge_code_parts(uncoded, j));
                hedge_code_order(steal, j, order);
                for (unsigned i = 0; i < hedge_code_parts(steal, j); i++) {
                        const unsigned block = block_of(steal, j, order[i]);

                        assert_true(hedge_code_is_plain(steal, j, order[i]) && !seen[block]);
                        seen[block] = true;
                        if (i < hedge_code_parts(uncoded, j))
                                assert_int_equal(block, block_of(uncoded, j, i));
                }
                if (works)
                        assert_true(fabs(condition_of(steal, UINT64_C(1) << j) - 1) < 1e-12);
        }
}

static void test_steal(void **state)
{
        static const double weights[] = { 4, 1, 0, 2, 1, 1, 3, 1e-6, 1, 1 };

        for (unsigned k_a = 1; k_a <= 10; k_a += 3)
                for (unsigned k_b = 1; k_b <= 8; k_b += 2)
                        for (unsigned n = 1; n <= 10; n += 3)
                                for (unsigned weighted = 0; weighted <= 1; weighted++) {
                                        hedge_code_params_t p = { .scheme = HEDGE_SCHEME_STEAL,
                                                                  .k_a = k_a,
                                                                  .k_b = k_b,
                                                                  .n = n,
                                                                  .weights = weighted ? weights : NULL };
                                        hedge_code_t *steal = code_with(&p), *uncoded;

                                        p.scheme = HEDGE_SCHEME_UNCODED;
                                        uncoded = code_with(&p);
                                        check_steal(steal, uncoded, p.weights);
                                        hedge_code_destroy(&uncoded);
                                        hedge_code_destroy(&steal);
                                }
}

static bool is_unit(const double *a, unsigned k)
{
        unsigned ones = 0, zeros = 0;

        for (unsigned i = 0; i < k; i++) {
                ones += a[i] == 1;
                zeros += a[i] == 0;
        }
        return ones == 1 && zeros == k - 1;
}

/* krp's first parts use the first coded input, or all plain ones; so does no other part that adds anything. */
static void check_first_parts(const hedge_code_t *code, bool systematic)
{
        for (unsigned j = 0; j < hedge_code_boards(code); j++) {
                const unsigned ell_b = hedge_code_ell_b(code, j), first = hedge_code_first_parts(code, j);
                const unsigned useful = ell_b < hedge_code_k_b(code) ? ell_b : hedge_code_k_b(code);
                bool wanted[HEDGE_CODE_MAX_PARTS] = { false };
                uint32_t order[HEDGE_CODE_MAX_PARTS];
                unsigned inputs = 0, later = 0;

                for (unsigned la = 0; la < hedge_code_ell_a(code, j); la++) {
                        wanted[la] = systematic ? is_unit(hedge_code_a(code, j, la), hedge_code_k_a(code)) : la == 0;
                        inputs += wanted[la];
                }
                assert_int_equal(first, inputs * useful);
                hedge_code_order(code, j, order);
                for (unsigned i = 0; i < hedge_code_parts(code, j); i++) {
                        if (i < first)
                                assert_true(wanted[order[i] / ell_b]);
                        else
                                later += wanted[order[i] / ell_b];
                        if (hedge_code_is_plain(code, j, order[i]))
                                assert_true(i < first);
                }
                assert_int_equal(later, inputs * (ell_b - useful));
        }
}

static void test_first_parts(void **state)
{
        static const hedge_scheme_t whole[] = { HEDGE_SCHEME_UNCODED, HEDGE_SCHEME_REPLICATION, HEDGE_SCHEME_NSCTC };
        hedge_code_t *code;

        for (unsigned i = 0; i < 3; i++) {
                code = code_with(&(hedge_code_params_t){ .scheme = whole[i], .k_a = 4, .k_b = 8, .n = 10 });
                for (unsigned j = 0; j < 10; j++)
                        assert_int_equal(hedge_code_first_parts(code, j), hedge_code_parts(code, j));
                hedge_code_destroy(&code);
        }
        for (unsigned k_b = 1; k_b <= 12; k_b++)
                for (unsigned systematic = 0; systematic <= 1; systematic++) {
                        code = code_with(&(hedge_code_params_t){ .scheme = HEDGE_SCHEME_KRP,
                                                                 .k_a = 5,
                                                                 .k_b = k_b,
                                                                 .n = 5,
                                                                 .ell_a = 3,
                                                                 .ell_b = systematic && k_b > 1 ? k_b + 1 : k_b,
                                                                 .systematic = systematic });
                        check_first_parts(code, systematic);
                        hedge_code_destroy(&code);
                }
        /* a board without a plain input is given all, one that weighs nothing has nothing */
        code = code_with(&(hedge_code_params_t){
                .scheme = HEDGE_SCHEME_KRP, .k_a = 2, .k_b = 1, .n = 3, .ell_a = 2, .systematic = true });
        assert_int_equal(hedge_code_first_parts(code, 0), 1);
        assert_int_equal(hedge_code_first_parts(code, 1), 1);
        assert_int_equal(hedge_code_first_parts(code, 2), 2);
        hedge_code_destroy(&code);
        code = code_with(&(hedge_code_params_t){ .scheme = HEDGE_SCHEME_KRP,
                                                 .k_a = 2,
                                                 .k_b = 1,
                                                 .n = 3,
                                                 .weights = (const double[]){ 1, 0, 1 },
                                                 .systematic = true });
        assert_int_equal(hedge_code_first_parts(code, 1), 0);
        assert_int_equal(hedge_code_first_parts(code, 2), 1);
        hedge_code_destroy(&code);
}

/* Plain parts follow the weights: no board is far above its share, and every block is there once. */
static void test_weights(void **state)
{
        static const double weights[] = { 1, 3, 0, 1, 6, 1, 0.5, 0 };
        hedge_code_params_t p = { .scheme = HEDGE_SCHEME_UNCODED, .k_a = 5, .k_b = 25, .n = 8, .weights = weights };
        hedge_code_t *code = code_with(&p);
        unsigned parts = 0;

        for (unsigned j = 0; j < 8; j++) {
                assert_true(hedge_code_parts(code, j) <= 10 * weights[j] * 1.3);
                assert_true(hedge_code_parts(code, j) >= 10 * weights[j] * 0.5);
                parts += hedge_code_parts(code, j);
        }
        assert_int_equal(parts, 125);
        assert_int_equal(hedge_code_delta(code), 6);
        hedge_code_destroy(&code);
        p = (hedge_code_params_t){ .scheme = HEDGE_SCHEME_UNCODED, .k_a = 2, .k_b = 1, .n = 3 };
        p.weights = (const double[]){ 1, 1, 1 };
        code = code_with(&p);
        for (unsigned j = 0; j < 3; j++)
                assert_true(hedge_code_parts(code, j) <= 1);
        hedge_code_destroy(&code);
        p.n = 8;
        p.weights = weights;
        p.scheme = HEDGE_SCHEME_KRP;
        p.k_a = 3;
        p.k_b = 15;
        p.ell_b = 4; /* the mean weight is 12.5 / 8 */
        code = code_with(&p);
        assert_int_equal(hedge_code_ell_b(code, 4), 15);
        assert_int_equal(hedge_code_ell_b(code, 1), 8);
        assert_int_equal(hedge_code_ell_b(code, 6), 1);
        assert_int_equal(hedge_code_parts(code, 2), 0);
        assert_int_equal(hedge_code_ell_a(code, 4), 2);
        hedge_code_destroy(&code);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_streamed_parts),
                cmocka_unit_test(test_systematic),
                cmocka_unit_test(test_streamed_systematic),
                cmocka_unit_test(test_weights),
                cmocka_unit_test(test_steal),
                cmocka_unit_test(test_first_parts),
        };

        return cmocka_run_group_tests_name("schemes", tests, NULL, NULL);
}

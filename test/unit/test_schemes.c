/* SPDX-License-Identifier: Apache-2.0 */
/* The codes: what suffices to decode, and how well. */
#include "test/unit/schemes_bed.h"

static double dot(const double *x, const double *y, unsigned k)
{
        double sum = 0;

        for (unsigned i = 0; i < k; i++)
                sum += x[i] * y[i];
        return sum;
}

/* delta is exact: every set of so many boards decodes, and one of fewer does not. */
static void check_delta(const hedge_code_t *code)
{
        const unsigned n = hedge_code_boards(code), delta = hedge_code_delta(code);
        unsigned failed = 0;
        uint64_t holders = 0;

        for (unsigned j = 0; j < n; j++)
                holders |= (uint64_t)(hedge_code_parts(code, j) > 0) << j;
        for (uint64_t set = 0; set < UINT64_C(1) << n; set++) {
                const unsigned size = (unsigned)__builtin_popcountll(set);

                if (set & ~holders || (size != delta && size + 1 != delta))
                        continue;
                if (size == delta)
                        assert_true(isfinite(condition_of(code, set)));
                else
                        failed += isinf(condition_of(code, set));
        }
        assert_true(delta == 1 || failed > 0);
}

static void test_what_is_refused(void **state)
{
        static const double zero[8], negative[8] = { 1, -1 }, nan[8] = { NAN }, fine[8] = { 1, 2 };
        static const hedge_code_ell_t ell[8] = { { 1, 1 }, { 2, 2 } };
        static const struct {
                hedge_code_params_t params;
                int code;
                const char *says;
        } cases[] = {
                { { .scheme = HEDGE_SCHEME_MDS, .k_a = 4, .k_b = 2, .n = 8 }, -EINVAL, "k_b must be 1" },
                { { .scheme = HEDGE_SCHEME_MDS, .k_a = 9, .k_b = 1, .n = 8 }, -EINVAL, "at least 9 boards" },
                { { .scheme = HEDGE_SCHEME_MDS, .k_a = 4, .k_b = 1, .n = 8, .ell_a = 2 }, -EINVAL, "one part" },
                { { .scheme = HEDGE_SCHEME_MDS, .k_a = 4, .k_b = 1, .n = 8, .ell = ell }, -EINVAL, "own rule" },
                { { .scheme = HEDGE_SCHEME_MDS, .k_a = 4, .k_b = 1, .n = 8, .weights = fine }, -EINVAL, "weights" },
                { { .scheme = HEDGE_SCHEME_LT, .k_a = 4, .k_b = 2, .n = 8 }, -EINVAL, "k_b must be 1" },
                { { .scheme = HEDGE_SCHEME_LT, .k_a = 4, .k_b = 1, .n = 8, .ell_b = 2 }, -EINVAL, "ell_b" },
                { { .scheme = HEDGE_SCHEME_LT, .k_a = 4, .k_b = 1, .n = 8, .ell = ell }, -EINVAL, "ell_b" },
                { { .scheme = HEDGE_SCHEME_LT, .k_a = 9, .k_b = 1, .n = 8, .ell_a = 1 }, -EINVAL, "do not decode" },
                { { .scheme = HEDGE_SCHEME_LT, .k_a = 9, .k_b = 1, .n = 8, .ell_a = 1025 }, HEDGE_ELIMIT, "1024" },
                { { .scheme = HEDGE_SCHEME_LT, .k_a = 9, .k_b = 1, .n = 8, .ell_a = 257 }, HEDGE_ELIMIT, "2048" },
                { { .scheme = HEDGE_SCHEME_LT, .k_a = 9, .k_b = 1, .n = 8, .ell_a = UINT32_MAX },
                  HEDGE_ELIMIT,
                  "1024" },
                { { .scheme = HEDGE_SCHEME_LT, .k_a = 4, .k_b = 1, .n = 8, .systematic = true },
                  -EINVAL,
                  "systematic" },
                { { .scheme = HEDGE_SCHEME_KRP, .k_a = 4, .k_b = 4, .n = 8, .ell_a = 5 }, -EINVAL, "at most" },
                { { .scheme = HEDGE_SCHEME_KRP, .k_a = 4, .k_b = 1, .n = 8, .ell = ell }, -EINVAL, "at most" },
                { { .scheme = HEDGE_SCHEME_KRP, .k_a = 4, .k_b = 4, .n = 3, .ell_a = 1, .ell_b = 4 },
                  -EINVAL,
                  "do not decode" },
                { { .scheme = HEDGE_SCHEME_KRP, .k_a = 32, .k_b = 32, .n = 8, .ell_a = 32, .ell_b = 32 },
                  HEDGE_ELIMIT,
                  "2048" },
                { { .scheme = HEDGE_SCHEME_KRP, .k_a = 4, .k_b = 4, .n = 8, .weights = zero }, -EINVAL, "weight 0" },
                { { .scheme = HEDGE_SCHEME_KRP, .k_a = 4, .k_b = 4, .n = 8, .weights = negative }, -EINVAL, "board 1" },
                { { .scheme = HEDGE_SCHEME_UNCODED, .k_a = 4, .k_b = 4, .n = 8, .weights = nan }, -EINVAL, "board 0" },
                { { .scheme = HEDGE_SCHEME_UNCODED, .k_a = 4, .k_b = 4, .n = 8, .ell_a = 1 }, -EINVAL, "ell_a" },
                { { .scheme = HEDGE_SCHEME_NSCTC, .k_a = 4, .k_b = 4, .n = 8, .systematic = true },
                  -EINVAL,
                  "systematic" },
                { { .scheme = HEDGE_SCHEME_NSCTC, .k_a = 4, .k_b = 4, .n = 8, .weights = fine }, -EINVAL, "weights" },
                { { .scheme = HEDGE_SCHEME_REPLICATION, .k_a = 4, .k_b = 4, .n = 8, .ell = ell }, -EINVAL, "own rule" },
        };

        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                hedge_code_t *code = NULL;
                hedge_why_t why = { "" };

                assert_int_equal(hedge_code_new_with(&cases[i].params, &code, &why), cases[i].code);
                assert_null(code);
                if (!strstr(why.text, cases[i].says))
                        fail_msg("case %u says '%s'", i, why.text);
        }
}

/* Any k of n, for every k and every set; and no worse than the header says. */
static void test_mds_any_k_of_n(void **state)
{
        static const struct {
                unsigned n, k;
                double worst;
        } published[] = { { 10, 4, 36.5 }, { 10, 8, 10.5 }, { 10, 9, 12 } };

        for (unsigned n = 1; n <= 10; n++)
                for (unsigned k = 1; k <= n; k++)
                        for (unsigned systematic = 0; systematic <= 1; systematic++) {
                                hedge_code_t *code = code_with(&(hedge_code_params_t){ .scheme = HEDGE_SCHEME_MDS,
                                                                                       .k_a = k,
                                                                                       .k_b = 1,
                                                                                       .n = n,
                                                                                       .systematic = systematic });
                                double worst = 0;

                                assert_int_equal(hedge_code_delta(code), k);
                                for (uint64_t set = 0; set < UINT64_C(1) << n; set++)
                                        if ((unsigned)__builtin_popcountll(set) == k)
                                                worst = fmax(worst, condition_of(code, set));
                                assert_true(worst < 300);
                                for (unsigned i = 0; !systematic && i < 3; i++)
                                        if (published[i].n == n && published[i].k == k)
                                                assert_true(worst < published[i].worst);
                                hedge_code_destroy(&code);
                        }
}

static void test_mds_up_to_sixty_boards(void **state)
{
        static const struct {
                unsigned n, k;
                double median;
        } cases[] = { { 16, 8, 25 }, { 20, 10, 20 }, { 20, 16, 15 }, { 40, 20, 45 }, { 40, 36, 25 }, { 60, 48, 45 } };

        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                for (unsigned systematic = 0; systematic <= 1; systematic++) {
                        hedge_code_params_t p = { .scheme = HEDGE_SCHEME_MDS,
                                                  .k_a = cases[i].k,
                                                  .k_b = 1,
                                                  .n = cases[i].n,
                                                  .seed = i,
                                                  .systematic = systematic };
                        hedge_code_t *code = code_with(&p);
                        hedge_code_study_t study;

                        assert_int_equal(hedge_code_study(code, 1, &study), 0);
                        assert_true(study.cond_median < (systematic ? 3 : 1) * cases[i].median);
                        assert_true(study.cond_worst < 1e7);
                        for (unsigned j = 0; j < p.n && !systematic && p.n > 16; j++)
                                assert_true(fabs(dot(hedge_code_a(code, j, 0), hedge_code_a(code, j, 0), p.k_a) - 1) <
                                            1e-12);
                        hedge_code_destroy(&code);
                }
}

/* A row that needs k_a = 1 gets the same strip for all. */
static void test_the_smallest_codes(void **state)
{
        static const hedge_scheme_t all[] = { HEDGE_SCHEME_MDS, HEDGE_SCHEME_LT, HEDGE_SCHEME_KRP };

        for (unsigned i = 0; i < 3; i++)
                for (unsigned n = 1; n <= 3; n++) {
                        hedge_code_t *code =
                                code_with(&(hedge_code_params_t){ .scheme = all[i], .k_a = 1, .k_b = 1, .n = n });

                        assert_int_equal(hedge_code_delta(code), 1);
                        check_delta(code);
                        hedge_code_destroy(&code);
                }
}

static void test_lt_sums(void **state)
{
        for (unsigned k = 1; k <= 60; k += 7)
                for (unsigned n = 1; n <= 20; n += 3) {
                        hedge_code_t *code = code_with(
                                &(hedge_code_params_t){ .scheme = HEDGE_SCHEME_LT, .k_a = k, .k_b = 1, .n = n });
                        unsigned parts = 0;

                        for (unsigned j = 0; j < n; j++)
                                for (unsigned l = 0; l < hedge_code_ell_a(code, j); l++, parts++) {
                                        const double *a = hedge_code_a(code, j, l);
                                        unsigned degree = 0;

                                        for (unsigned i = 0; i < k; i++) {
                                                assert_true(a[i] == 0 || a[i] == 1);
                                                degree += a[i] == 1;
                                        }
                                        assert_in_range(degree, 1, k);
                                        assert_true(hedge_code_is_plain(code, j, l) == (degree == 1));
                                }
                        assert_in_range(parts, 2 * k, 2 * k + n);
                        hedge_code_destroy(&code);
                }
}

/* Robust soliton with c = 0.1, delta = 0.5 for k = 24, by hand: R = 1.8965, the peak at 13, the sum 1.35057. Strips are
 * all alike. */
static void test_lt_degrees(void **state)
{
        const double all = 200 * 64;
        unsigned degrees[25] = { 0 }, strips[24] = { 0 }, sum = 0;

        for (uint64_t seed = 0; seed < 200; seed++) {
                hedge_code_params_t p = {
                        .scheme = HEDGE_SCHEME_LT, .k_a = 24, .k_b = 1, .n = 64, .ell_a = 1, .seed = seed
                };
                hedge_code_t *code = code_with(&p);

                for (unsigned j = 0; j < 64; j++) {
                        const double *a = hedge_code_a(code, j, 0);
                        unsigned degree = 0;

                        for (unsigned i = 0; i < 24; i++) {
                                degree += a[i] == 1;
                                strips[i] += a[i] == 1;
                        }
                        degrees[degree]++;
                        sum += degree;
                }
                hedge_code_destroy(&code);
        }
        assert_true(fabs(degrees[1] / all - 0.0894) < 0.01);
        assert_true(fabs(degrees[2] / all - 0.3995) < 0.015);
        assert_true(fabs(degrees[3] / all - 0.1429) < 0.01);
        assert_true(fabs(degrees[13] / all - 0.0828) < 0.01);
        for (unsigned i = 0; i < 24; i++)
                assert_true(fabs(strips[i] * 24.0 / sum - 1) < 0.1);
}

/* How often parts in random order decode: seldom with K of them, mostly with a third more. */
static void test_lt_success(void **state)
{
        unsigned at_k = 0, at_more = 0;

        for (uint64_t seed = 0; seed < 60; seed++) {
                hedge_code_params_t p = {
                        .scheme = HEDGE_SCHEME_LT, .k_a = 24, .k_b = 1, .n = 32, .ell_a = 1, .seed = seed
                };
                hedge_code_t *code = code_with(&p);
                hedge_streamed_t streamed;

                assert_int_equal(hedge_code_stream(code, 0, 10, seed, &streamed), 0);
                assert_int_equal(streamed.parts, 24);
                at_k += streamed.trials - streamed.singular;
                assert_int_equal(hedge_code_stream(code, 6, 10, seed, &streamed), 0);
                assert_int_equal(streamed.parts, 30);
                at_more += streamed.trials - streamed.singular;
                hedge_code_destroy(&code);
        }
        assert_in_range(at_k, 60, 400);
        assert_in_range(at_more, 480, 600);
        assert_true(at_k < at_more);
}

static void test_krp_is_orthonormal(void **state)
{
        hedge_code_t *code = code_with(&(hedge_code_params_t){
                .scheme = HEDGE_SCHEME_KRP, .k_a = 5, .k_b = 8, .n = 30, .ell_a = 5, .ell_b = 4 });

        for (unsigned j = 0; j < 30; j++) {
                for (unsigned x = 0; x < 5; x++)
                        for (unsigned y = 0; y < 5; y++)
                                assert_true(fabs(dot(hedge_code_a(code, j, x), hedge_code_a(code, j, y), 5) -
                                                 (x == y)) < 1e-12);
                for (unsigned x = 0; x < 4; x++)
                        for (unsigned y = 0; y < 4; y++)
                                assert_true(fabs(dot(hedge_code_b(code, j, x), hedge_code_b(code, j, y), 8) -
                                                 (x == y)) < 1e-12);
        }
        hedge_code_destroy(&code);
}

/* Exact, also where boards have products in common: 3 x 2 of 4 x 3 needs 3 boards although 2 have 12 parts. */
static void test_krp_threshold(void **state)
{
        static const struct {
                unsigned k_a, k_b, n, ell_a, ell_b, delta;
        } cases[] = { { 4, 4, 8, 2, 2, 4 }, { 2, 4, 6, 1, 2, 4 }, { 1, 6, 7, 1, 2, 3 }, { 6, 1, 7, 2, 1, 3 },
                      { 4, 3, 6, 3, 2, 3 }, { 3, 3, 6, 2, 2, 3 }, { 3, 5, 9, 1, 2, 8 }, { 4, 4, 6, 4, 2, 2 },
                      { 2, 2, 5, 0, 0, 1 }, { 4, 6, 8, 0, 0, 6 } };

        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                for (uint64_t seed = 0; seed < 3; seed++) {
                        hedge_code_t *code = code_with(&(hedge_code_params_t){ HEDGE_SCHEME_KRP, cases[i].k_a,
                                                                               cases[i].k_b, cases[i].n, cases[i].ell_a,
                                                                               cases[i].ell_b, .seed = seed });

                        assert_int_equal(hedge_code_delta(code), cases[i].delta);
                        check_delta(code);
                        hedge_code_destroy(&code);
                }
}

static void test_thresholds_by_search(void **state)
{
        static const double weights[] = { 4, 1, 0, 2, 1, 1, 3, 1, 1 };
        static const hedge_code_ell_t ell[] = { { 1, 1 }, { 1, 4 }, { 3, 1 }, { 0, 0 }, { 2, 2 },
                                                { 1, 2 }, { 2, 1 }, { 1, 1 }, { 4, 4 } };
        const hedge_code_params_t cases[] = {
                { .scheme = HEDGE_SCHEME_LT, .k_a = 6, .k_b = 1, .n = 9, .seed = 1 },
                { .scheme = HEDGE_SCHEME_LT, .k_a = 12, .k_b = 1, .n = 9, .weights = weights },
                { .scheme = HEDGE_SCHEME_LT, .k_a = 8, .k_b = 1, .n = 10, .ell_a = 3 },
                { .scheme = HEDGE_SCHEME_KRP, .k_a = 4, .k_b = 4, .n = 9, .weights = weights },
                { .scheme = HEDGE_SCHEME_KRP, .k_a = 4, .k_b = 4, .n = 9, .ell = ell },
                { .scheme = HEDGE_SCHEME_KRP, .k_a = 3, .k_b = 6, .n = 9, .systematic = true },
                { .scheme = HEDGE_SCHEME_KRP, .k_a = 6, .k_b = 3, .n = 9, .systematic = true, .weights = weights },
                { .scheme = HEDGE_SCHEME_KRP, .k_a = 8, .k_b = 1, .n = 8, .systematic = true },
                { .scheme = HEDGE_SCHEME_UNCODED, .k_a = 6, .k_b = 6, .n = 9, .weights = weights },
        };

        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                hedge_code_t *code = code_with(&cases[i]);

                check_delta(code);
                hedge_code_destroy(&code);
        }
}

static void assert_same_boards(const hedge_code_t *x, const hedge_code_t *y, unsigned boards, unsigned ell_a,
                               unsigned ell_b)
{
        for (unsigned j = 0; j < boards; j++) {
                for (unsigned l = 0; l < ell_a; l++)
                        assert_memory_equal(hedge_code_a(x, j, l), hedge_code_a(y, j, l),
                                            hedge_code_k_a(x) * sizeof(double));
                for (unsigned l = 0; l < ell_b; l++)
                        assert_memory_equal(hedge_code_b(x, j, l), hedge_code_b(y, j, l),
                                            hedge_code_k_b(x) * sizeof(double));
        }
}

/* The same parameters: the same code. Another seed: another. */
static void test_the_seed_makes_the_code(void **state)
{
        const hedge_code_params_t cases[] = {
                { .scheme = HEDGE_SCHEME_MDS, .k_a = 16, .k_b = 1, .n = 20, .seed = 7 },
                { .scheme = HEDGE_SCHEME_LT, .k_a = 16, .k_b = 1, .n = 20, .ell_a = 3, .seed = 7 },
                { .scheme = HEDGE_SCHEME_KRP, .k_a = 8, .k_b = 4, .n = 20, .ell_a = 2, .ell_b = 3, .seed = 7 },
        };

        for (unsigned i = 0; i < 3; i++) {
                const unsigned ell_a = cases[i].ell_a ? cases[i].ell_a : 1, ell_b = cases[i].ell_b ? cases[i].ell_b : 1;
                hedge_code_params_t other = cases[i];
                hedge_code_t *x = code_with(&cases[i]), *y = code_with(&cases[i]), *z;
                unsigned differ = 0;

                assert_same_boards(x, y, 20, ell_a, ell_b);
                other.seed++;
                z = code_with(&other);
                for (unsigned j = 0; j < 20; j++)
                        differ += memcmp(hedge_code_a(x, j, 0), hedge_code_a(z, j, 0), cases[i].k_a * sizeof(double)) !=
                                  0;
                assert_true(differ > 10);
                hedge_code_destroy(&x);
                hedge_code_destroy(&y);
                hedge_code_destroy(&z);
        }
}

/* More boards, and more for a board, leave what there is as it is. */
static void test_krp_grows(void **state)
{
        hedge_code_params_t p = { .scheme = HEDGE_SCHEME_KRP, .k_a = 6, .k_b = 8, .n = 12, .seed = 3 };
        hedge_code_t *small = code_with(&p), *large;

        p.n = 20;
        p.ell_a = 3;
        p.ell_b = 7;
        large = code_with(&p);
        assert_same_boards(small, large, 12, 2, 2);
        hedge_code_destroy(&small);
        hedge_code_destroy(&large);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_what_is_refused),
                cmocka_unit_test(test_mds_any_k_of_n),
                cmocka_unit_test(test_mds_up_to_sixty_boards),
                cmocka_unit_test(test_the_smallest_codes),
                cmocka_unit_test(test_lt_sums),
                cmocka_unit_test(test_lt_degrees),
                cmocka_unit_test(test_lt_success),
                cmocka_unit_test(test_krp_is_orthonormal),
                cmocka_unit_test(test_krp_threshold),
                cmocka_unit_test(test_thresholds_by_search),
                cmocka_unit_test(test_the_seed_makes_the_code),
                cmocka_unit_test(test_krp_grows),
        };

        return cmocka_run_group_tests_name("schemes", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/code/conv/study.h"

static hedge_code_t *code_of(hedge_scheme_t scheme, unsigned k_a, unsigned k_b, unsigned n)
{
        hedge_code_t *code = NULL;
        hedge_why_t why = { "" };

        if (hedge_code_new(scheme, k_a, k_b, n, &code, &why) < 0)
                fail_msg("%s", why.text);
        return code;
}

static void test_names(void **state)
{
        for (int i = 0; i < HEDGE_SCHEMES; i++)
                assert_int_equal(hedge_scheme_parse(hedge_scheme_name((hedge_scheme_t)i)), i);
        assert_string_equal(hedge_scheme_name(HEDGE_SCHEME_NSCTC), "nsctc");
        assert_int_equal(hedge_scheme_parse("NSCTC"), -EINVAL);
        assert_int_equal(hedge_scheme_parse(""), -EINVAL);
}

static void test_what_is_refused(void **state)
{
        static const struct {
                hedge_scheme_t scheme;
                unsigned k_a, k_b, n;
                int code;
                const char *says;
        } cases[] = {
                { HEDGE_SCHEME_NSCTC, 0, 4, 8, -EINVAL, "at least 1" },
                { HEDGE_SCHEME_UNCODED, 4, 0, 8, -EINVAL, "at least 1" },
                { HEDGE_SCHEME_UNCODED, 4, 4, 0, -EINVAL, "at least one board" },
                { HEDGE_SCHEME_UNCODED, 4, 4, 257, HEDGE_ELIMIT, "257 boards" },
                { HEDGE_SCHEME_UNCODED, 33, 32, 8, HEDGE_ELIMIT, "1056" },
                { HEDGE_SCHEME_UNCODED, 65536, 65536, 8, HEDGE_ELIMIT, "4294967296" },
                { HEDGE_SCHEME_NSCTC, 3, 4, 8, -EINVAL, "even" },
                { HEDGE_SCHEME_NSCTC, 4, 5, 8, -EINVAL, "even" },
                { HEDGE_SCHEME_NSCTC, 1, 1, 8, -EINVAL, "nothing" },
                { HEDGE_SCHEME_NSCTC, 4, 4, 3, -EINVAL, "at least 4 boards" },
                { HEDGE_SCHEME_NSCTC, 1, 16, 7, -EINVAL, "at least 8 boards" },
                { HEDGE_SCHEMES, 4, 4, 8, -EINVAL, "scheme" },
                { (hedge_scheme_t)-1, 4, 4, 8, -EINVAL, "scheme" },
        };

        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                hedge_code_t *code = NULL;
                hedge_why_t why = { "" };

                assert_int_equal(hedge_code_new(cases[i].scheme, cases[i].k_a, cases[i].k_b, cases[i].n, &code, &why),
                                 cases[i].code);
                assert_null(code);
                assert_non_null(strstr(why.text, cases[i].says));
                assert_int_equal(hedge_code_new(cases[i].scheme, cases[i].k_a, cases[i].k_b, cases[i].n, &code, NULL),
                                 cases[i].code);
        }
}

/* Every part `copies` times, each a unit column; strips and blocks as even as they can be. */
static void check_plain(const hedge_code_t *code, unsigned copies)
{
        const unsigned rank = hedge_code_rank(code);
        unsigned seen[HEDGE_CODE_MAX_PARTS] = { 0 }, most = 0, holders = 0;
        double column[HEDGE_CODE_MAX_PARTS];

        for (unsigned j = 0; j < hedge_code_boards(code); j++) {
                const unsigned parts = hedge_code_parts(code, j);

                most = parts > most ? parts : most;
                holders += parts > 0;
                if (parts == 0)
                        assert_true(holders == j || j > holders); /* those without parts are the last */
                for (unsigned p = 0; p < parts; p++) {
                        unsigned ones = 0;

                        hedge_code_column(code, j, p, column);
                        for (unsigned k = 0; k < rank; k++) {
                                assert_true(column[k] == 0 || column[k] == 1);
                                ones += column[k] == 1;
                                seen[k] += column[k] == 1;
                        }
                        assert_int_equal(ones, 1);
                }
        }
        for (unsigned k = 0; k < rank; k++)
                assert_int_equal(seen[k], copies);
        assert_int_equal(hedge_code_delta(code), copies == 1 ? holders : holders - 1);
}

static void test_uncoded_and_replication(void **state)
{
        for (unsigned k_a = 1; k_a <= 6; k_a++)
                for (unsigned k_b = 1; k_b <= 6; k_b++)
                        for (unsigned n = 1; n <= 13; n++) {
                                hedge_code_t *code = code_of(HEDGE_SCHEME_UNCODED, k_a, k_b, n);

                                check_plain(code, 1);
                                hedge_code_destroy(&code);
                                code = code_of(HEDGE_SCHEME_REPLICATION, k_a, k_b, n);
                                check_plain(code, n == 1 ? 1 : 2);
                                hedge_code_destroy(&code);
                        }
}

static void test_uncoded_layouts(void **state)
{
        static const struct {
                unsigned k_a, k_b, n, boards, ell_a, ell_b; /* of the largest board */
        } cases[] = {
                { 4, 4, 8, 8, 1, 2 }, { 4, 4, 16, 16, 1, 1 }, { 4, 4, 20, 16, 1, 1 }, { 2, 8, 8, 8, 1, 2 },
                { 8, 1, 8, 8, 1, 1 }, { 8, 1, 5, 4, 2, 1 },   { 5, 1, 3, 3, 2, 1 },   { 1, 8, 8, 8, 1, 1 },
                { 4, 4, 1, 1, 4, 4 }, { 6, 6, 6, 6, 1, 6 },   { 4, 6, 8, 8, 1, 3 },   { 3, 3, 2, 2, 2, 3 },
        };

        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                hedge_code_t *code = code_of(HEDGE_SCHEME_UNCODED, cases[i].k_a, cases[i].k_b, cases[i].n);
                unsigned ell_a = 0, ell_b = 0;

                for (unsigned j = 0; j < cases[i].n; j++) {
                        ell_a = hedge_code_ell_a(code, j) > ell_a ? hedge_code_ell_a(code, j) : ell_a;
                        ell_b = hedge_code_ell_b(code, j) > ell_b ? hedge_code_ell_b(code, j) : ell_b;
                }
                assert_int_equal(hedge_code_delta(code), cases[i].boards);
                assert_int_equal(ell_a, cases[i].ell_a);
                assert_int_equal(ell_b, cases[i].ell_b);
                hedge_code_destroy(&code);
        }
}

static void test_columns_are_products(void **state)
{
        hedge_code_t *code = code_of(HEDGE_SCHEME_NSCTC, 4, 6, 9);
        double column[24];

        assert_int_equal(hedge_code_k_a(code), 4);
        assert_int_equal(hedge_code_k_b(code), 6);
        assert_int_equal(hedge_code_boards(code), 9);
        assert_int_equal(hedge_code_rank(code), 24);
        assert_int_equal(hedge_code_delta(code), 6);
        assert_int_equal(hedge_code_scheme(code), HEDGE_SCHEME_NSCTC);
        for (unsigned j = 0; j < 9; j++)
                for (unsigned p = 0; p < hedge_code_parts(code, j); p++) {
                        hedge_code_column(code, j, p, column);
                        for (unsigned k = 0; k < 24; k++)
                                assert_true(column[k] ==
                                            hedge_code_a(code, j, p / 2)[k / 6] * hedge_code_b(code, j, p % 2)[k % 6]);
                }
        hedge_code_destroy(&code);
}

/* Condition numbers as published with the design: nsctc, all or many sets of delta boards. */
static void test_conditions(void **state)
{
        static const struct {
                unsigned k_a, k_b, n, delta;
                double median, worst, slack;
        } cases[] = {
                { 2, 2, 2, 1, 1, 1, 1e-6 },           { 2, 4, 3, 2, 1.73, 1.73, 0.005 },
                { 4, 4, 6, 4, 4.19, 8.94, 0.005 },    { 2, 8, 5, 4, 2.24, 2.24, 0.005 },
                { 4, 8, 10, 8, 6.62, 29.21, 0.005 },  { 16, 1, 10, 8, 6.62, 29.21, 0.005 },
                { 1, 16, 10, 8, 6.62, 29.21, 0.005 }, { 8, 8, 18, 16, 8.65, 117.8, 0.005 },
                { 8, 8, 20, 16, 18.5, 1551, 1.5 }, /* sampled */
        };

        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                hedge_code_t *code = code_of(HEDGE_SCHEME_NSCTC, cases[i].k_a, cases[i].k_b, cases[i].n);
                hedge_code_study_t study;

                assert_int_equal(hedge_code_study(code, 1, &study), 0);
                assert_int_equal(study.delta, cases[i].delta);
                assert_true(fabs(study.cond_median - cases[i].median) <= cases[i].slack);
                assert_true(fabs(study.cond_worst - cases[i].worst) <= cases[i].slack);
                assert_true(study.mse_float64 >= 0 && study.mse_float64 <= 1e-27);
                assert_true(study.mse_float32 > 1e-15 && study.mse_float32 < 1e-11);
                hedge_code_destroy(&code);
        }
}

/* FCDCC's figure: mean squared error in float64 at most 1e-27 for each of AlexNet's convolutions at n = 20. */
static void test_alexnet(void **state)
{
        hedge_code_t *code = code_of(HEDGE_SCHEME_NSCTC, 8, 8, 20);

        assert_int_equal(hedge_code_delta(code), 16);
        for (unsigned i = 0; i < HEDGE_ALEXNET_LAYERS; i++) {
                hedge_code_error_t error;

                assert_int_equal(hedge_code_study_layer(code, &hedge_alexnet[i], 1, &error), 0);
                assert_true(error.mse_float64 > 0 && error.mse_float64 <= 1e-27);
                assert_true(error.mse_float32 > 0 && error.mse_float32 <= 1e-11);
                assert_true(error.condition > 1 && error.condition < 1000);
        }
        hedge_code_destroy(&code);
}

static void test_study_of_plain_codes(void **state)
{
        hedge_code_t *code = code_of(HEDGE_SCHEME_UNCODED, 4, 4, 8);
        hedge_code_study_t study;

        assert_int_equal(hedge_code_study(code, 1, &study), 0);
        assert_int_equal(study.delta, 8);
        assert_int_equal(study.subsets, 1);
        assert_true(study.cond_worst == 1 && study.mse_float64 < 1e-29);
        hedge_code_destroy(&code);
        code = code_of(HEDGE_SCHEME_REPLICATION, 2, 2, 9);
        assert_int_equal(hedge_code_study(code, 1, &study), 0);
        assert_int_equal(study.delta, 7);
        assert_int_equal(study.subsets, 8);
        assert_true(fabs(study.cond_worst - sqrt(2)) < 1e-9);
        hedge_code_destroy(&code);
        code = code_of(HEDGE_SCHEME_NSCTC, 32, 2, 20); /* AlexNet's second convolution has 27 rows */
        assert_int_equal(hedge_code_study(code, 1, &study), 0);
        assert_true(isnan(study.mse_float64) && isnan(study.mse_float32) && study.cond_worst > 1000);
        hedge_code_destroy(&code);
}

/* Where the oracle is: beside the test data. @return false where there is none. */
static bool find_oracle(char *path, size_t size)
{
        const char *data = getenv("HEDGE_TEST_DATA"), *root = getenv("HEDGE_SOURCE_ROOT");

        if (data)
                snprintf(path, size, "%s/../oracle", data);
        else
                snprintf(path, size, "%s/../shared/oracle", root ? root : ".");
        return access(path, R_OK) == 0 && access("/usr/bin/python3", X_OK) == 0 &&
               system("/usr/bin/python3 -c 'import numpy' 2>/dev/null") == 0;
}

/* The oracle's columns come through the pipe, board after board, part after part. */
static void compare_columns(FILE *pipe, unsigned k_a, unsigned k_b, unsigned n)
{
        hedge_code_t *code = code_of(HEDGE_SCHEME_NSCTC, k_a, k_b, n);

        for (unsigned j = 0; j < n; j++)
                for (unsigned p = 0; p < hedge_code_parts(code, j); p++) {
                        double column[HEDGE_CODE_MAX_PARTS], x;

                        hedge_code_column(code, j, p, column);
                        for (unsigned k = 0; k < k_a * k_b; k++) {
                                assert_int_equal(fscanf(pipe, "%lf", &x), 1);
                                assert_true(fabs(x - column[k]) < 1e-12);
                        }
                }
        hedge_code_destroy(&code);
}

static void test_the_oracle_agrees(void **state)
{
        static const unsigned cases[][3] = { { 2, 2, 1 },  { 2, 8, 5 },  { 4, 6, 8 },  { 1, 16, 12 },
                                             { 16, 1, 9 }, { 8, 8, 20 }, { 16, 8, 40 } };
        char oracle[PATH_MAX + 32], command[PATH_MAX + 1024];
        FILE *pipe;
        int n;

        if (!find_oracle(oracle, sizeof(oracle))) {
                print_message("no oracle or no numpy here\n");
                skip();
        }
        n = snprintf(command, sizeof(command),
                     "/usr/bin/python3 -B -c \"import sys; sys.path.insert(0, '%s'); import codes\nfor k in (", oracle);
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                n += snprintf(command + n, sizeof(command) - (size_t)n, "(%u, %u, %u), ", cases[i][0], cases[i][1],
                              cases[i][2]);
        snprintf(command + n, sizeof(command) - (size_t)n,
                 "):\n    for b in codes.nsctc(*k):\n        for c in codes.columns(b): print(*map(float, c))\"");
        pipe = popen(command, "r");
        assert_non_null(pipe);
        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                compare_columns(pipe, cases[i][0], cases[i][1], cases[i][2]);
        assert_int_equal(pclose(pipe), 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_what_is_refused),
                cmocka_unit_test(test_uncoded_and_replication),
                cmocka_unit_test(test_uncoded_layouts),
                cmocka_unit_test(test_columns_are_products),
                cmocka_unit_test(test_conditions),
                cmocka_unit_test(test_alexnet),
                cmocka_unit_test(test_study_of_plain_codes),
                cmocka_unit_test(test_the_oracle_agrees),
        };

        return cmocka_run_group_tests_name("code", tests, NULL, NULL);
}

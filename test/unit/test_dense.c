/* SPDX-License-Identifier: Apache-2.0 */
/* Condition numbers and solutions of dense matrices, beside LAPACK and where they are known. */
#include <errno.h>
#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/code/dense.h"
#include "common/err.h"
#include "test/unit/layer.h"

#define MAX 48u

static double condition_of(const double *matrix, unsigned rows, unsigned cols)
{
        double copy[MAX * MAX], condition = -1;

        memcpy(copy, matrix, (size_t)rows * cols * sizeof(*copy));
        assert_int_equal(hedge_dense_condition(copy, rows, cols, &condition), 0);
        return condition;
}

static void fill(layer_random_t *r, double *matrix, unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                matrix[i] = (double)layer_value(r);
}

/* Both are as far from the truth as rounding is beside the largest singular value; ten times the 12 that was measured. */
static void test_conditions_beside_lapack(void **state)
{
        double a[MAX * MAX], copy[MAX * MAX], singular[MAX];
        layer_random_t r = { 1 };

        for (unsigned t = 0; t < 400; t++) {
                const unsigned rows = layer_between(&r, 1, MAX), cols = layer_between(&r, rows, MAX);
                double wanted, got;

                fill(&r, a, rows * cols);
                if (t % 2 && rows > 1) /* nearly a multiple of the row above */
                        for (unsigned i = 0; i < cols; i++)
                                a[cols + i] = 3 * a[i] + pow(10, -(double)(t % 14)) * (double)layer_value(&r);
                memcpy(copy, a, sizeof(copy));
                /* by columns: the transpose */
                assert_int_equal(LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'N', (int)cols, (int)rows, copy, (int)cols, singular,
                                                NULL, 1, NULL, 1),
                                 0);
                wanted = singular[0] / singular[rows - 1];
                got = condition_of(a, rows, cols);
                if (wanted > 1e13) /* so near to what counts as dependent that either may say so */
                        assert_true(got > 1e12);
                else if (!(fabs(got - wanted) <= 120 * DBL_EPSILON * wanted * wanted))
                        fail_msg("%u x %u: %.17g, LAPACK %.17g", rows, cols, got, wanted);
        }
}

static void test_conditions_that_are_known(void **state)
{
        double a[MAX * MAX] = { 0 };

        a[0] = -7;
        assert_true(condition_of(a, 1, 1) == 1 || fabs(condition_of(a, 1, 1) - 1) < 1e-12);
        for (unsigned i = 0; i < 4; i++)
                for (unsigned j = 0; j < 4; j++)
                        a[i * 4 + j] = i == j ? (double)(1u << 5 * i) : 0;
        assert_true(fabs(condition_of(a, 4, 4) / 32768 - 1) < 1e-10);
        for (unsigned i = 0; i < 5; i++)
                for (unsigned j = 0; j < 5; j++)
                        a[i * 5 + j] = 1.0 / (i + j + 1); /* Hilbert's */
        assert_true(fabs(condition_of(a, 5, 5) / 476607.25 - 1) < 1e-6);
        memcpy(a + 10, a, 5 * sizeof(*a)); /* a row twice */
        assert_true(isinf(condition_of(a, 5, 5)));
        memset(a, 0, sizeof(a));
        assert_true(isinf(condition_of(a, 3, 5)));
        a[7] = NAN;
        assert_true(isinf(condition_of(a, 3, 5)));
}

static void test_solutions(void **state)
{
        double a[MAX * MAX], lost[MAX * MAX], b[MAX * 5], x[MAX * 5];
        layer_random_t r = { 2 };

        for (unsigned t = 0; t < 200; t++) {
                const unsigned n = layer_between(&r, 1, MAX), wide = layer_between(&r, 1, 5);

                fill(&r, a, n * n);
                fill(&r, b, n * wide);
                a[0] = t % 3 ? a[0] : 0; /* the first pivot is another row's */
                memcpy(lost, a, sizeof(lost));
                memcpy(x, b, sizeof(x));
                if (n == 1 && a[0] == 0)
                        continue;
                assert_int_equal(hedge_dense_solve(lost, n, x, wide), 0);
                for (unsigned i = 0; i < n; i++)
                        for (unsigned j = 0; j < wide; j++) {
                                double sum = -b[i * wide + j], size = 1;

                                for (unsigned k = 0; k < n; k++) {
                                        sum += a[i * n + k] * x[k * wide + j];
                                        size = fmax(size, fabs(x[k * wide + j]));
                                }
                                assert_true(fabs(sum) <= 16 * n * DBL_EPSILON * size);
                        }
        }
}

static void test_singular_matrices_are_refused(void **state)
{
        double a[] = { 1, 2, 2, 4 }, b[] = { 1, 1 }, infinite[] = { INFINITY, 1, 1, 1 };

        assert_int_equal(hedge_dense_solve(a, 2, b, 1), HEDGE_EUNDECODABLE);
        assert_int_equal(hedge_dense_solve(infinite, 2, b, 1), HEDGE_EUNDECODABLE);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_conditions_beside_lapack),
                cmocka_unit_test(test_conditions_that_are_known),
                cmocka_unit_test(test_solutions),
                cmocka_unit_test(test_singular_matrices_are_refused),
        };

        return cmocka_run_group_tests_name("dense", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The polynomial code: coefficients, every pattern against the truth, conditions, arguments that make no sense. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/code/random.h"
#include "common/code/sazd/poly.h"
#include "test/unit/layer.h"

#define ROWS 6u
#define MAX  10u

typedef struct bed {
        hedge_poly_t *poly;
        unsigned k, n;
        size_t cols, stride;
        float *data[MAX], *coded[MAX], *out[MAX];
        hedge_sazd_in_t blocks[MAX];
} bed_t;

static hedge_poly_t *poly_of(hedge_poly_points_t points, unsigned k, unsigned n)
{
        hedge_poly_t *poly = NULL;

        assert_int_equal(hedge_poly_new(points, k, n, &poly, NULL), 0);
        return poly;
}

static void bed_open(bed_t *b, uint64_t *random, hedge_poly_points_t points, unsigned k, unsigned n, size_t cols,
                     size_t pad)
{
        const size_t size = (ROWS - 1) * (cols + pad) + cols;
        hedge_sazd_in_t data[MAX];

        *b = (bed_t){ .poly = poly_of(points, k, n), .k = k, .n = n, .cols = cols, .stride = cols + pad };
        for (unsigned i = 0; i < k; i++) {
                b->data[i] = malloc(size * sizeof(float));
                b->out[i] = malloc(size * sizeof(float));
                for (size_t e = 0; e < size; e++)
                        b->data[i][e] = (float)hedge_random_normal(random);
                data[i] = (hedge_sazd_in_t){ b->data[i], b->stride };
        }
        for (unsigned j = 0; j < n; j++) {
                b->coded[j] = malloc(size * sizeof(float));
                b->blocks[j] = (hedge_sazd_in_t){ b->coded[j], b->stride };
                assert_int_equal(
                        hedge_poly_encode(b->poly, j, ROWS, cols, data, (hedge_sazd_out_t){ b->coded[j], b->stride }),
                        0);
        }
}

static void bed_close(bed_t *b)
{
        for (unsigned i = 0; i < MAX; i++) {
                free(b->data[i]);
                free(b->out[i]);
                free(b->coded[i]);
        }
        hedge_poly_destroy(&b->poly);
        assert_null(b->poly);
}

/* @return the largest error of all data, from these blocks alone. */
static double decode(bed_t *b, uint32_t have, double *ret_condition)
{
        hedge_sazd_in_t blocks[MAX] = { { 0 } };
        hedge_sazd_out_t out[MAX];
        hedge_poly_plan_t *plan = NULL;
        double worst = 0;

        for (unsigned j = 0, taken = 0; j < b->n && taken < b->k; j++)
                if (have >> j & 1) {
                        blocks[j] = b->blocks[j];
                        taken++;
                }
        for (unsigned i = 0; i < b->k; i++)
                out[i] = (hedge_sazd_out_t){ b->out[i], b->stride };
        assert_int_equal(hedge_poly_plan_new(b->poly, have, &plan, ret_condition), 0);
        assert_int_equal(hedge_poly_decode(plan, ROWS, b->cols, blocks, out), 0);
        hedge_poly_plan_destroy(&plan);
        assert_null(plan);
        for (unsigned i = 0; i < b->k; i++)
                for (unsigned row = 0; row < ROWS; row++)
                        for (size_t c = 0; c < b->cols; c++)
                                worst = fmax(worst, fabs((double)(b->out[i][row * b->stride + c] -
                                                                  b->data[i][row * b->stride + c])));
        return worst;
}

static void check_patterns(uint64_t *random, hedge_poly_points_t points, unsigned k, unsigned n, size_t pad)
{
        double error = 0, condition, worst = 0;
        bed_t b;

        bed_open(&b, random, points, k, n, 19, pad);
        for (uint32_t have = 0; have < 1u << n; have++) {
                double e;

                if (__builtin_popcount(have) < (int)k)
                        continue;
                e = decode(&b, have, &condition);
                if (!(e <= 2e-6 * condition && condition >= 1))
                        fail_msg("points %d, k=%u n=%u: error %g at condition %g", (int)points, k, n, e, condition);
                error = fmax(error, e);
                worst = fmax(worst, condition);
        }
        if (getenv("HEDGE_TEST_VERBOSE"))
                print_message("points %d, k=%u n=%u: worst condition %.1e, error %.1e\n", (int)points, k, n, worst,
                              error);
        bed_close(&b);
}

static void test_every_pattern(void **state)
{
        uint64_t random = 1;

        (void)state;
        for (hedge_poly_points_t points = HEDGE_POLY_INTEGERS; points <= HEDGE_POLY_CHEBYSHEV; points++)
                for (unsigned k = 1; k <= (points == HEDGE_POLY_INTEGERS ? 5 : 8); k++)
                        check_patterns(&random, points, k, k + 2, k % 2);
}

static void test_coefficients(void **state)
{
        hedge_poly_t *poly = poly_of(HEDGE_POLY_INTEGERS, 4, 6);

        (void)state;
        for (unsigned j = 0; j < 6; j++)
                for (unsigned i = 0; i < 4; i++)
                        assert_true(fabs(hedge_poly_row(poly, j)[i] - pow(j + 1, i)) < 1e-9);
        assert_null(hedge_poly_row(poly, 6));
        hedge_poly_destroy(&poly);
        poly = poly_of(HEDGE_POLY_SPREAD, 3, 5);
        assert_true(fabs(hedge_poly_row(poly, 1)[1] + 0.5) < 1e-15);
        assert_true(fabs(hedge_poly_row(poly, 4)[2] - 1) < 1e-15);
        hedge_poly_destroy(&poly);
        poly = poly_of(HEDGE_POLY_CHEBYSHEV, 3, 4);
        assert_true(fabs(hedge_poly_row(poly, 3)[1] + cos(M_PI / 8)) < 1e-15);
        hedge_poly_destroy(&poly);
}

/* A matrix that can be done by hand: [1 1; 1 2] has (3 + sqrt 5)^2 / 4 = 6.854. And what the code is known for. */
static void test_conditions(void **state)
{
        hedge_poly_t *poly = poly_of(HEDGE_POLY_INTEGERS, 2, 4);
        hedge_poly_plan_t *plan;
        double condition;

        (void)state;
        assert_int_equal(hedge_poly_plan_new(poly, 0x3, &plan, &condition), 0);
        assert_true(fabs(condition - pow(3 + sqrt(5), 2) / 4) < 1e-9);
        hedge_poly_plan_destroy(&plan);
        hedge_poly_destroy(&poly);
        poly = poly_of(HEDGE_POLY_INTEGERS, 8, 10);
        assert_int_equal(hedge_poly_plan_new(poly, 0x3fc, &plan, &condition), 0);
        assert_true(condition > 1e9 && condition < 1e13);
        hedge_poly_plan_destroy(&plan);
        assert_int_equal(hedge_poly_plan_new(poly, 0x3ff, &plan, NULL), 0);
        hedge_poly_plan_destroy(&plan);
        hedge_poly_destroy(&poly);
}

static void test_refused(void **state)
{
        float x[64] = { 0 };
        hedge_sazd_in_t in[4] = { { x, 3 }, { x, 3 }, { x, 3 }, { x, 3 } };
        const hedge_sazd_out_t to = { x + 32, 3 };
        hedge_sazd_out_t out[2] = { to, { x + 48, 3 } };
        hedge_poly_plan_t *plan = NULL;
        hedge_poly_t *poly = NULL;
        hedge_why_t why = { "" };

        (void)state;
        assert_int_equal(hedge_poly_new(HEDGE_POLY_SPREAD, 0, 4, &poly, NULL), -EINVAL);
        assert_int_equal(hedge_poly_new(HEDGE_POLY_SPREAD, 5, 4, &poly, &why), -EINVAL);
        assert_non_null(strstr(why.text, "4 blocks can't give 5 back"));
        assert_int_equal(hedge_poly_new(HEDGE_POLY_SPREAD, 5, 33, &poly, NULL), HEDGE_ELIMIT);
        assert_int_equal(hedge_poly_new(HEDGE_POLY_SPREAD, 1, UINT_MAX, &poly, NULL), HEDGE_ELIMIT);
        assert_int_equal(hedge_poly_new((hedge_poly_points_t)3, 2, 4, &poly, NULL), -EINVAL);
        assert_null(poly);
        poly = poly_of(HEDGE_POLY_SPREAD, 2, 4);
        assert_int_equal(hedge_poly_encode(poly, 4, 2, 3, in, to), -EINVAL);
        assert_int_equal(hedge_poly_encode(poly, 0, 0, 3, in, to), -EINVAL);
        assert_int_equal(hedge_poly_encode(poly, 0, 2, 0, in, to), -EINVAL);
        assert_int_equal(hedge_poly_encode(poly, 0, 2, 4, in, to), -EINVAL);
        assert_int_equal(hedge_poly_plan_new(poly, 0x1, &plan, NULL), HEDGE_EUNDECODABLE);
        assert_int_equal(hedge_poly_plan_new(poly, 0x13, &plan, NULL), -EINVAL);
        assert_null(plan);
        assert_int_equal(hedge_poly_plan_new(poly, 0xc, &plan, NULL), 0);
        assert_int_equal(hedge_poly_decode(plan, 0, 3, in, out), -EINVAL);
        assert_int_equal(hedge_poly_decode(plan, 2, 0, in, out), -EINVAL);
        assert_int_equal(hedge_poly_decode(plan, 2, 4, in, out), -EINVAL);
        in[0].data = NULL; /* not one it reads */
        assert_int_equal(hedge_poly_decode(plan, 2, 3, in, out), 0);
        in[2].data = NULL;
        assert_int_equal(hedge_poly_decode(plan, 2, 3, in, out), -EINVAL);
        assert_int_equal(hedge_poly_encode(poly, 0, 2, 3, in, to), -EINVAL);
        hedge_poly_plan_destroy(&plan);
        hedge_poly_plan_destroy(&plan);
        hedge_poly_destroy(&poly);
        hedge_poly_destroy(&poly);
        poly = poly_of(HEDGE_POLY_INTEGERS, 32, 32); /* singular in double, and far from float */
        if (hedge_poly_plan_new(poly, UINT32_MAX, &plan, NULL) == 0)
                hedge_poly_plan_destroy(&plan);
        hedge_poly_destroy(&poly);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_every_pattern),
                cmocka_unit_test(test_coefficients),
                cmocka_unit_test(test_conditions),
                cmocka_unit_test(test_refused),
        };

        return cmocka_run_group_tests_name("poly", tests, NULL, NULL);
}

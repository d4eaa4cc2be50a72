/* SPDX-License-Identifier: Apache-2.0 */
/* Decode matrices of growing sets of parts of every scheme, beside LAPACK. */
#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/code/conv/scheme.h"
#include "common/code/conv/solve.h"
#include "test/unit/layer.h"

#define TRIALS     30
#define MAX_BEYOND 10 /* parts beyond the rank */

/* What must always decode, and never: between the two it is a matter of the order in which parts come. */
#define SOUND    1e8
#define SINGULAR 1e13

/* How far D G is from the identity, relative to DBL_EPSILON x |G| x the largest weights on the way, which are those of D or what
 * an update may start from: ten times the 3 that was measured. */
#define EXACT 30.0

static const struct {
        const char *name;
        hedge_code_params_t params;
} codes[] = {
        { "uncoded", { .scheme = HEDGE_SCHEME_UNCODED, .k_a = 4, .k_b = 3, .n = 5 } },
        { "replication", { .scheme = HEDGE_SCHEME_REPLICATION, .k_a = 4, .k_b = 3, .n = 6 } },
        { "steal", { .scheme = HEDGE_SCHEME_STEAL, .k_a = 4, .k_b = 3, .n = 4 } },
        { "nsctc", { .scheme = HEDGE_SCHEME_NSCTC, .k_a = 4, .k_b = 4, .n = 8 } },
        { "nsctc 8 8", { .scheme = HEDGE_SCHEME_NSCTC, .k_a = 8, .k_b = 8, .n = 20 } },
        { "mds", { .scheme = HEDGE_SCHEME_MDS, .k_a = 8, .k_b = 1, .n = 14 } },
        { "mds 20", { .scheme = HEDGE_SCHEME_MDS, .k_a = 20, .k_b = 1, .n = 40 } },
        { "systematic mds", { .scheme = HEDGE_SCHEME_MDS, .k_a = 8, .k_b = 1, .n = 14, .systematic = true } },
        { "lt", { .scheme = HEDGE_SCHEME_LT, .k_a = 16, .k_b = 1, .n = 8 } },
        { "krp", { .scheme = HEDGE_SCHEME_KRP, .k_a = 4, .k_b = 4, .n = 8 } },
        { "krp 8 8", { .scheme = HEDGE_SCHEME_KRP, .k_a = 8, .k_b = 8, .n = 20, .ell_b = 4 } },
        { "systematic krp", { .scheme = HEDGE_SCHEME_KRP, .k_a = 4, .k_b = 4, .n = 8, .systematic = true } },
        { "systematic krp 10 4", { .scheme = HEDGE_SCHEME_KRP, .k_a = 10, .k_b = 4, .n = 10, .systematic = true } },
};

typedef struct bed {
        const char *name;
        hedge_code_t *code;
        unsigned rank, all;
        uint16_t order[HEDGE_CODE_MAX_ALL_PARTS], board[HEDGE_CODE_MAX_ALL_PARTS], part[HEDGE_CODE_MAX_ALL_PARTS];
        double *g; /* the columns of the parts taken, in this order */
        hedge_decoder_t *decoder;
        hedge_received_t received;
        hedge_solver_t solver;
} bed_t;

static void open_bed(bed_t *b, size_t which)
{
        memset(b, 0, sizeof(*b));
        b->name = codes[which].name;
        assert_int_equal(hedge_code_new_with(&codes[which].params, &b->code, NULL), 0);
        b->rank = hedge_code_rank(b->code);
        for (unsigned j = 0; j < hedge_code_boards(b->code); j++)
                for (unsigned p = 0; p < hedge_code_parts(b->code, j); p++) {
                        b->order[b->all] = (uint16_t)b->all;
                        b->board[b->all] = (uint16_t)j;
                        b->part[b->all++] = (uint16_t)p;
                }
        b->g = calloc((size_t)b->all * b->rank, sizeof(double));
        assert_non_null(b->g);
}

static void close_bed(bed_t *b)
{
        free(b->g);
        hedge_code_destroy(&b->code);
}

static void begin(bed_t *b, layer_random_t *r)
{
        for (unsigned i = b->all; i > 1; i--) {
                const unsigned j = layer_between(r, 0, i - 1);
                const uint16_t id = b->order[j];

                b->order[j] = b->order[i - 1];
                b->order[i - 1] = id;
        }
        assert_int_equal(hedge_decoder_new(b->code, &b->decoder), 0);
        assert_int_equal(hedge_received_open(&b->received, b->code), 0);
        b->solver = (hedge_solver_t){ 0 };
}

static void end(bed_t *b)
{
        hedge_solver_release(&b->solver);
        hedge_received_release(&b->received);
        hedge_decoder_destroy(&b->decoder);
}

static void take(bed_t *b, unsigned i)
{
        const unsigned id = b->order[i];

        assert_int_equal(hedge_decoder_add(b->decoder, b->board[id], b->part[id]), (int)i);
        assert_int_equal(hedge_received_add(&b->received, b->board[id], b->part[id]), (int)i);
        assert_int_equal(hedge_solver_take(&b->solver, &b->received), 0);
        hedge_received_column(&b->received, i, b->g + (size_t)i * b->rank);
}

static double lapack_condition(const bed_t *b, unsigned count)
{
        double *copy = malloc((size_t)count * b->rank * sizeof(double)), singular[HEDGE_CODE_MAX_PARTS], least;

        if (count < b->rank) {
                free(copy);
                return INFINITY;
        }
        memcpy(copy, b->g, (size_t)count * b->rank * sizeof(double));
        assert_int_equal(LAPACKE_dgesdd(LAPACK_COL_MAJOR, 'N', (int)b->rank, (int)count, copy, (int)b->rank, singular,
                                        NULL, 1, NULL, 1),
                         0);
        free(copy);
        least = singular[b->rank - 1];
        return least > 0 ? singular[0] / least : INFINITY;
}

/* The smallest mean square that errors as large as their columns can have in the blocks, where plain ones are copied: weighted
 * least squares of all parts at once. */
static double least_gain(const bed_t *b, unsigned count)
{
        const unsigned n = b->rank, tall = count > n ? count : n;
        double *a = calloc((size_t)count * n, sizeof(double)), *x = calloc((size_t)tall * count, sizeof(double));
        double sum = 0;

        for (unsigned p = 0; p < count; p++) {
                x[(size_t)p * tall + p] = 1;
                for (unsigned k = 0; k < n; k++)
                        a[(size_t)k * count + p] = b->g[(size_t)p * n + k] / sqrt(b->received.parts[p].power);
        }
        assert_int_equal(
                LAPACKE_dgels(LAPACK_COL_MAJOR, 'N', (int)count, (int)n, (int)count, a, (int)count, x, (int)tall), 0);
        for (unsigned k = 0; k < n; k++)
                for (unsigned p = 0; p < count; p++)
                        sum += b->received.plain[k] >= 0 ? 1.0 / count
                                                         : x[(size_t)p * tall + k] * x[(size_t)p * tall + k];
        free(a);
        free(x);
        return sqrt(sum / n);
}

/* Entry (k, p) of the whole decode matrix. */
static double weight(const hedge_solution_t *s, unsigned k, unsigned p)
{
        const hedge_solution_row_t *row = &s->rows[k];

        return row->part >= 0 ? row->part == (int32_t)p : s->f64[(size_t)row->dense * s->count + p];
}

static double distance(const bed_t *b, const hedge_solution_t *s)
{
        double sum = 0;

        for (unsigned k = 0; k < b->rank; k++)
                for (unsigned i = 0; i < b->rank; i++) {
                        double entry = k == i ? -1 : 0;

                        for (unsigned p = 0; p < s->count; p++)
                                entry += weight(s, k, p) * b->g[(size_t)p * b->rank + i];
                        sum += entry * entry;
                }
        return sqrt(sum);
}

static double norm_of(const double *x, size_t n)
{
        double sum = 0;

        for (size_t i = 0; i < n; i++)
                sum += x[i] * x[i];
        return sqrt(sum);
}

static double gain_of(const bed_t *b, const hedge_solution_t *s)
{
        double sum = 0;

        for (unsigned k = 0; k < b->rank; k++)
                for (unsigned p = 0; p < s->count; p++)
                        sum += b->received.parts[p].power * weight(s, k, p) * weight(s, k, p);
        return sqrt(sum / b->rank);
}

/* @param worst  The largest of what EXACT bounds. @param beside  The largest gain beside the least there is. */
static void check_solution(const bed_t *b, const hedge_solution_t *s, double condition, double *worst, double *beside)
{
        const double g = norm_of(b->g, (size_t)s->count * b->rank), gain = gain_of(b, s);
        const double weights = fmax(b->solver.size, sqrt(b->rank)),
                     exact = distance(b, s) / (DBL_EPSILON * g * weights);

        *worst = fmax(*worst, exact);
        if (!(exact <= EXACT))
                fail_msg("%s, %u parts: D G is %g x what rounding explains, at condition %g", b->name, s->count, exact,
                         condition);
        assert_true(fabs(s->gain - gain) <= 1e-12 * gain);
        assert_true(fabs(hedge_decoder_gain(b->decoder) - gain) <= 1e-6 * gain);
        assert_true(s->condition >= 1 - 1e-9);
        if (s->count == b->rank)
                assert_true(s->condition <= condition * (1 + 1e-6));
        if (condition < 1e5)
                *beside = fmax(*beside, gain / least_gain(b, s->count));
}

/* Whether the parts so far decode, as LAPACK sees it, and how. @return whether they do. */
static bool check_parts(bed_t *b, unsigned count, double *worst, double *beside)
{
        const double condition = lapack_condition(b, count);
        hedge_solution_t *s = NULL;
        double said;
        int r = hedge_decoder_solve(b->decoder, &said);

        assert_int_equal(r, hedge_decoder_ready(b->decoder) ? 0 : HEDGE_EUNDECODABLE);
        if (condition < SOUND)
                assert_int_equal(r, 0);
        if (condition > SINGULAR)
                assert_int_equal(r, HEDGE_EUNDECODABLE);
        if (r < 0)
                return false;
        assert_int_equal(hedge_solver_run(&b->solver, &b->received), 0);
        assert_int_equal(hedge_solver_finish(&b->solver, &b->received, &s), 0);
        assert_true(fabs(s->condition - said) <= 1e-6 * said);
        check_solution(b, s, condition, worst, beside);
        hedge_solution_destroy(&s);
        return true;
}

static void test_random_orders(void **state)
{
        layer_random_t r = { 1 };

        for (size_t c = 0; c < sizeof(codes) / sizeof(codes[0]); c++) {
                double worst = 0, beside = 0;
                unsigned refused = 0;
                bed_t b;

                open_bed(&b, c);
                for (unsigned t = 0; t < TRIALS; t++) {
                        unsigned more = MAX_BEYOND;

                        begin(&b, &r);
                        for (unsigned i = 0; i < b.all && more > 0; i++) {
                                take(&b, i);
                                if (check_parts(&b, i + 1, &worst, &beside))
                                        more--;
                                else
                                        refused += i + 1 >= b.rank;
                        }
                        assert_true(more < MAX_BEYOND);
                        end(&b);
                }
                print_message("%s: exact to %.2g, gain %.4f of the least, %u sets refused\n", b.name, worst, beside,
                              refused);
                close_bed(&b);
        }
}

/* The first two boards' vectors are nearly the same: with one part more than the rank all is well, and what the first solve was
 * wrong by must not be in the second, as it is where that starts from the first (1e-10 to 1e-7). */
static void check_nearly_dependent(bed_t *b, layer_random_t *r, double apart)
{
        const double *first = b->code->boards[0].a;
        hedge_solution_t *s = NULL;

        for (unsigned i = 0; i < b->rank; i++)
                b->code->boards[1].a[i] = first[i] + apart * (double)layer_value(r);
        begin(b, r);
        for (unsigned i = 0; i < b->all; i++)
                b->order[i] = (uint16_t)i;
        for (unsigned i = 0; i < b->rank; i++)
                take(b, i);
        assert_true(hedge_decoder_ready(b->decoder));
        assert_int_equal(hedge_solver_run(&b->solver, &b->received), 0);
        assert_true(b->solver.size > 0.1 / apart);
        for (unsigned more = 0; more < 3; more++) {
                take(b, b->rank + more);
                assert_int_equal(hedge_solver_run(&b->solver, &b->received), 0);
                assert_int_equal(hedge_solver_finish(&b->solver, &b->received, &s), 0);
                assert_true(s->gain < 1e3);
                if (!(distance(b, s) < 1e-11))
                        fail_msg("vectors %g apart: D G is %g from the identity", apart, distance(b, s));
                hedge_solution_destroy(&s);
        }
        end(b);
}

static void test_nearly_dependent_first_parts(void **state)
{
        layer_random_t r = { 2 };
        bed_t b;

        open_bed(&b, 5);
        for (double apart = 1e-4; apart > 1e-9; apart /= 2)
                check_nearly_dependent(&b, &r, apart);
        close_bed(&b);
}

/* Closer than that they count as one vector. */
static void test_dependent_parts_are_refused(void **state)
{
        layer_random_t r = { 3 };
        double condition;
        bed_t b;

        open_bed(&b, 5);
        for (unsigned i = 0; i < b.rank; i++)
                b.code->boards[1].a[i] = b.code->boards[0].a[i] * (1 + 1e-13 * i);
        begin(&b, &r);
        for (unsigned i = 0; i < b.all; i++)
                b.order[i] = (uint16_t)i;
        for (unsigned i = 0; i < b.rank; i++)
                take(&b, i);
        assert_false(hedge_decoder_ready(b.decoder));
        assert_int_equal(hedge_decoder_solve(b.decoder, &condition), HEDGE_EUNDECODABLE);
        take(&b, b.rank);
        assert_true(hedge_decoder_ready(b.decoder));
        assert_int_equal(hedge_decoder_solve(b.decoder, &condition), 0);
        assert_true(condition < 100);
        end(&b);
        close_bed(&b);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_nearly_dependent_first_parts),
                cmocka_unit_test(test_dependent_parts_are_refused),
                cmocka_unit_test(test_random_orders),
        };

        return cmocka_run_group_tests_name("solve", tests, NULL, NULL);
}

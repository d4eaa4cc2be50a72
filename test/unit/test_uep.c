/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/uep_cases.h"

#include "common/code/uep/window.h"

/* --- packets --- */

/* A packet's column is what its terms make, and nothing is outside its window. */
static void check_packet(const hedge_uep_t *code, hedge_uep_scheme_t scheme, unsigned packet)
{
        const hedge_uep_classes_t *c = hedge_uep_classes(code);
        const double *column = hedge_uep_column(code, packet);
        const unsigned window = hedge_uep_window(code, packet);
        double made[HEDGE_UEP_MAX_PRODUCTS] = { 0 }, a[16], b[16], length = 0;

        for (unsigned t = 0; t < hedge_uep_terms(code, packet); t++) {
                hedge_uep_term(code, packet, t, a, b);
                for (unsigned i = 0; i < c->blocks_a; i++)
                        for (unsigned j = 0; j < c->blocks_b; j++)
                                if (c->split == HEDGE_UEP_ROW_COLUMN)
                                        made[i * c->blocks_b + j] += a[i] * b[j];
                                else if (i == j)
                                        made[i] += a[i] * b[i];
                                else
                                        assert_true(a[i] * b[j] == 0);
        }
        for (unsigned k = 0; k < c->products; k++) {
                assert_float_equal(column[k], made[k], 1e-12);
                length += column[k] * column[k];
                if (scheme == HEDGE_UEP_NOW)
                        assert_true(column[k] == 0 || c->of[k] == window);
                if (scheme == HEDGE_UEP_EW)
                        assert_true(column[k] == 0 || c->of[k] <= window);
        }
        assert_float_equal(length, 1, 1e-12);
}

/* The class of the one sub-product of a packet. */
static unsigned class_of(const hedge_uep_t *code, unsigned packet)
{
        unsigned k = 0;

        while (hedge_uep_column(code, packet)[k] == 0)
                k++;
        return hedge_uep_classes(code)->of[k];
}

static void test_packets(void **state)
{
        const hedge_uep_classes_t both[] = { classes_of(&pairs), classes_of(&sums) };

        (void)state;
        for (int s = 0; s < HEDGE_UEP_SCHEMES; s++)
                for (int variant = 0; variant < 3; variant++) {
                        const hedge_uep_params_t p =
                                params_of((hedge_uep_scheme_t)s, &both[variant == 2], variant == 1);
                        hedge_uep_t *code = NULL;

                        assert_int_equal(hedge_uep_new(&p, &code, NULL), 0);
                        assert_int_equal(hedge_uep_packets(code), p.packets);
                        for (unsigned n = 0; n < p.packets; n++) {
                                check_packet(code, p.scheme, n);
                                if (n % 9 && !hedge_uep_scheme_has_windows(p.scheme) && s != HEDGE_UEP_MDS)
                                        assert_true(class_of(code, n) >= class_of(code, n - 1));
                                if (variant == 0)
                                        assert_int_equal(hedge_uep_terms(code, n), 1);
                        }
                        hedge_uep_destroy(&code);
                        assert_null(code);
                }
}

/* What a task costs: by the window's blocks where stacked. */
static void test_terms(void **state)
{
        static const unsigned now[] = { 2, 3, 2 }, ew[] = { 2, 3, 3 };
        const hedge_uep_classes_t c = classes_of(&pairs), d = classes_of(&sums);

        (void)state;
        for (int by_pairs = 0; by_pairs < 2; by_pairs++)
                for (int s = HEDGE_UEP_NOW; s <= HEDGE_UEP_EW; s++) {
                        const hedge_uep_params_t p = params_of((hedge_uep_scheme_t)s, by_pairs ? &c : &d, true);
                        hedge_uep_t *code = NULL;
                        unsigned seen = 0;

                        assert_int_equal(hedge_uep_new(&p, &code, NULL), 0);
                        for (unsigned n = 0; n < PACKETS; n++) {
                                const unsigned w = hedge_uep_window(code, n),
                                               blocks = s == HEDGE_UEP_EW ? 3 * w + 3 : 3;

                                seen |= 1u << w;
                                assert_int_equal(hedge_uep_terms(code, n), !by_pairs            ? blocks
                                                                           : s == HEDGE_UEP_NOW ? now[w]
                                                                                                : ew[w]);
                        }
                        assert_int_equal(seen, 7);
                        hedge_uep_destroy(&code);
                }
}

/* The shorter side makes the terms. */
static void test_terms_of_oblong_cuts(void **state)
{
        static const double norms[] = { 5, 4, 3, 2, 1 };

        (void)state;
        for (unsigned i = 0; i < 2; i++) {
                const hedge_uep_shape_t shape = { .blocks_a = i ? 2 : 5, .blocks_b = i ? 5 : 2 };
                hedge_uep_classes_t c;
                hedge_uep_params_t p;
                hedge_uep_t *code = NULL;

                assert_int_equal(hedge_uep_classify(&shape, norms, norms, 2, 3, &c, NULL), 0);
                p = params_of(HEDGE_UEP_MDS, &c, true);
                assert_int_equal(hedge_uep_new(&p, &code, NULL), 0);
                for (unsigned n = 0; n < PACKETS; n++) {
                        assert_int_equal(hedge_uep_terms(code, n), 2);
                        check_packet(code, p.scheme, n);
                }
                hedge_uep_destroy(&code);
        }
}

/* {hh, hm, mh} is two rectangles, {hl, mm, lh} three; what expanding windows cover has one for each step of its stairs. */
static void test_rectangles(void **state)
{
        static const unsigned now[] = { 2, 3, 2 }, ew[] = { 2, 3, 1 };
        const hedge_uep_classes_t c = classes_of(&pairs);

        (void)state;
        for (int s = HEDGE_UEP_NOW; s <= HEDGE_UEP_MDS; s++) {
                const hedge_uep_params_t p = params_of((hedge_uep_scheme_t)s, &c, false);

                for (unsigned w = 0; w < 3; w++)
                        assert_int_equal(hedge_uep_count_rectangles(&p, w), s == HEDGE_UEP_NOW  ? now[w]
                                                                            : s == HEDGE_UEP_EW ? ew[w]
                                                                                                : 1);
        }
}

static void test_seeds(void **state)
{
        const hedge_uep_classes_t c = classes_of(&pairs);
        hedge_uep_params_t p = params_of(HEDGE_UEP_EW, &c, false);
        hedge_uep_t *one = NULL, *two = NULL, *other = NULL;

        (void)state;
        assert_int_equal(hedge_uep_new(&p, &one, NULL), 0);
        assert_int_equal(hedge_uep_new(&p, &two, NULL), 0);
        p.seed++;
        assert_int_equal(hedge_uep_new(&p, &other, NULL), 0);
        assert_memory_equal(hedge_uep_column(one, 0), hedge_uep_column(two, 0), PACKETS * 9 * sizeof(double));
        assert_memory_not_equal(hedge_uep_column(one, 0), hedge_uep_column(other, 0), PACKETS * 9 * sizeof(double));
        hedge_uep_destroy(&one);
        hedge_uep_destroy(&two);
        hedge_uep_destroy(&other);
}

static void refuse(hedge_uep_params_t p, int code, const char *sentence)
{
        hedge_uep_t *made = NULL;
        hedge_why_t why = { "" };
        double losses[1];

        assert_int_equal(hedge_uep_new(&p, &made, &why), code);
        assert_null(made);
        assert_non_null(strstr(why.text, sentence));
        assert_int_equal(hedge_uep_losses(&p, losses, NULL), code);
}

static void test_codes_refuse(void **state)
{
        const hedge_uep_classes_t c = classes_of(&pairs);
        hedge_uep_params_t p = params_of(HEDGE_UEP_NOW, &c, false);

        (void)state;
        p.packets = 0;
        refuse(p, -EINVAL, "at least 1 packets, not 0");
        p.packets = UINT32_MAX;
        refuse(p, HEDGE_ELIMIT, "more than 512");
        p = params_of(HEDGE_UEP_NOW, &c, false);
        p.windows[1] = NAN;
        refuse(p, -EINVAL, "nan is not within");
        p.windows[1] = -0.1;
        refuse(p, -EINVAL, "-0.1 is not within");
        p.windows[1] = 0.5;
        refuse(p, -EINVAL, "sum to 1.15");
        p = params_of(HEDGE_UEP_MDS, &c, false);
        p.packets = 8;
        refuse(p, -EINVAL, "mds of 9 sub-products wants at least 9 packets, not 8");
        p.scheme = HEDGE_UEP_REPLICATION;
        refuse(p, -EINVAL, "at least 9");
        p.packets = 19;
        refuse(p, -EINVAL, "18 packets at most");
        p.scheme = HEDGE_UEP_UNCODED;
        refuse(p, -EINVAL, "uncoded has 9 packets, not 19");
        p.scheme = HEDGE_UEP_SCHEMES;
        refuse(p, -EINVAL, "no such scheme");
        assert_int_equal(hedge_uep_scheme_parse("uep-ew"), HEDGE_UEP_EW);
        assert_int_equal(hedge_uep_scheme_parse("uep"), -EINVAL);
        assert_string_equal(hedge_uep_scheme_name(HEDGE_UEP_REPLICATION), "replication");
}

/* --- the decoder --- */

/* Rank by Gaussian elimination with full pivoting, in long double. `rows` of `n`; destroyed. */
static unsigned rank_of(long double (*rows)[9], unsigned count, unsigned n)
{
        unsigned rank = 0;

        for (; rank < count && rank < n; rank++) {
                unsigned row = rank, column = rank;

                for (unsigned i = rank; i < count; i++)
                        for (unsigned j = rank; j < n; j++)
                                if (fabsl(rows[i][j]) > fabsl(rows[row][column])) {
                                        row = i;
                                        column = j;
                                }
                if (fabsl(rows[row][column]) < 1e-9L)
                        break;
                for (unsigned j = 0; j < n; j++) {
                        const long double one = rows[row][j];

                        rows[row][j] = rows[rank][j];
                        rows[rank][j] = one;
                }
                for (unsigned i = 0; i < count; i++) {
                        const long double one = rows[i][column];

                        rows[i][column] = rows[i][rank];
                        rows[i][rank] = one;
                }
                for (unsigned i = rank + 1; i < count; i++) {
                        const long double by = rows[i][rank] / rows[rank][rank];

                        for (unsigned j = rank; j < n; j++)
                                rows[i][j] -= by * rows[rank][j];
                }
        }
        return rank;
}

/* A unit vector is in the span where it adds nothing to the rank. `unit` 9: the span alone. */
static unsigned brute_rank(const hedge_uep_t *code, const unsigned *ids, unsigned count, unsigned unit)
{
        long double rows[PACKETS + 1][9] = { { 0 } };

        for (unsigned p = 0; p < count; p++)
                for (unsigned k = 0; k < 9; k++)
                        rows[p][k] = hedge_uep_column(code, ids[p])[k];
        if (unit < 9)
                rows[count][unit] = 1;
        return rank_of(rows, count + (unit < 9), 9);
}

static void compare_with_brute_force(const hedge_uep_t *code, uint64_t *row)
{
        hedge_uep_decoder_t *d = NULL;
        unsigned ids[PACKETS];

        shuffle(ids, hedge_uep_packets(code), row);
        assert_int_equal(hedge_uep_decoder_new(code, &d), 0);
        for (unsigned n = 0; n < 14 && n < hedge_uep_packets(code); n++) {
                unsigned rank = brute_rank(code, ids, n + 1, 9), determined = 0;

                assert_true(hedge_uep_decoder_add(d, ids[n]) >= 0);
                assert_int_equal(hedge_uep_decoder_rank(d), rank);
                for (unsigned k = 0; k < 9; k++) {
                        const bool has = brute_rank(code, ids, n + 1, k) == rank;

                        assert_int_equal(hedge_uep_decoder_has(d, k), has);
                        determined += has;
                }
                assert_int_equal(hedge_uep_decoder_determined(d), determined);
        }
        hedge_uep_decoder_destroy(&d);
}

static void test_determined_as_by_brute_force(void **state)
{
        const hedge_uep_classes_t both[] = { classes_of(&pairs), classes_of(&sums) };
        uint64_t row = 11;

        (void)state;
        for (int s = 0; s < HEDGE_UEP_SCHEMES; s++)
                for (int variant = 0; variant < 3; variant++)
                        for (unsigned seed = 0; seed < 8; seed++) {
                                hedge_uep_params_t p =
                                        params_of((hedge_uep_scheme_t)s, &both[variant == 2], variant == 1);
                                hedge_uep_t *code = NULL;

                                p.seed = seed;
                                assert_int_equal(hedge_uep_new(&p, &code, NULL), 0);
                                compare_with_brute_force(code, &row);
                                hedge_uep_destroy(&code);
                        }
}

static void test_decoder_refuses(void **state)
{
        const hedge_uep_classes_t c = classes_of(&pairs);
        const hedge_uep_params_t p = params_of(HEDGE_UEP_UNCODED, &c, false);
        hedge_uep_decoder_t *d = NULL;
        hedge_uep_t *code = NULL;

        (void)state;
        assert_int_equal(hedge_uep_new(&p, &code, NULL), 0);
        assert_int_equal(hedge_uep_decoder_new(code, &d), 0);
        assert_int_equal(hedge_uep_decoder_solve(d), 0);
        assert_int_equal(hedge_uep_decoder_add(d, 9), -EINVAL);
        assert_int_equal(hedge_uep_decoder_add(d, UINT32_MAX), -EINVAL);
        assert_int_equal(hedge_uep_decoder_add(d, 4), 1);
        assert_int_equal(hedge_uep_decoder_add(d, 4), -EALREADY);
        assert_false(hedge_uep_decoder_has(d, 9));
        hedge_uep_decoder_destroy(&d);
        hedge_uep_decoder_destroy(&d);
        hedge_uep_destroy(&code);
        hedge_uep_destroy(&code);
}

/* Two packets of two sub-products whose columns are almost the same: far enough apart to count, too near to be of use. */
static bool find_near_pair(const hedge_uep_t *code, unsigned *first, unsigned *second)
{
        for (*first = 0; *first < hedge_uep_packets(code); ++*first)
                for (*second = 0; *second < *first; ++*second) {
                        const double *x = hedge_uep_column(code, *first), *y = hedge_uep_column(code, *second);
                        const double apart = fabs(x[0] * y[1] - x[1] * y[0]);

                        if (apart < 0.5 / HEDGE_UEP_MAX_GAIN && apart > 1e-9)
                                return true;
                }
        return false;
}

static void test_errors_are_not_blown_up(void **state)
{
        static const double norms[] = { 1, 1 };
        const hedge_uep_shape_t shape = { .split = HEDGE_UEP_COLUMN_ROW, .blocks_a = 2, .blocks_b = 2 };
        hedge_uep_classes_t c;
        hedge_uep_params_t p = { .scheme = HEDGE_UEP_MDS, .classes = &c, .packets = HEDGE_UEP_MAX_PACKETS };
        hedge_uep_decoder_t *d = NULL;
        hedge_uep_t *code = NULL;
        unsigned first, second;

        (void)state;
        assert_int_equal(hedge_uep_classify(&shape, norms, norms, 0, 1, &c, NULL), 0);
        for (;; p.seed++) {
                assert_true(p.seed < 100);
                assert_int_equal(hedge_uep_new(&p, &code, NULL), 0);
                if (find_near_pair(code, &first, &second))
                        break;
                hedge_uep_destroy(&code);
        }
        assert_int_equal(hedge_uep_decoder_new(code, &d), 0);
        assert_int_equal(hedge_uep_decoder_add(d, first), 0);
        assert_int_equal(hedge_uep_decoder_add(d, second), 2);
        assert_int_equal(hedge_uep_decoder_solve(d), 0);
        assert_false(hedge_uep_decoder_has(d, 0));
        assert_int_equal(hedge_uep_decoder_add(d, first > 5 ? 0 : 10), 2);
        assert_int_equal(hedge_uep_decoder_solve(d), 2);
        assert_true(hedge_uep_decoder_has(d, 0));
        hedge_uep_decoder_destroy(&d);
        hedge_uep_destroy(&code);
}

/* As large as can be. */
static void test_many_products(void **state)
{
        const hedge_uep_shape_t shape = { .blocks_a = 16, .blocks_b = 16 };
        double norms[16];
        hedge_uep_classes_t c;
        hedge_uep_params_t p = { .scheme = HEDGE_UEP_EW, .classes = &c, .packets = HEDGE_UEP_MAX_PACKETS };
        hedge_uep_decoder_t *d = NULL;
        hedge_uep_t *code = NULL;

        (void)state;
        for (unsigned i = 0; i < 16; i++)
                norms[i] = 16 - i;
        assert_int_equal(hedge_uep_classify(&shape, norms, norms, 16, HEDGE_UEP_MAX_CLASSES, &c, NULL), 0);
        for (unsigned l = 0; l < HEDGE_UEP_MAX_CLASSES; l++)
                p.windows[l] = 1.0 / HEDGE_UEP_MAX_CLASSES;
        assert_int_equal(hedge_uep_new(&p, &code, NULL), 0);
        assert_int_equal(hedge_uep_decoder_new(code, &d), 0);
        for (unsigned n = 0; n < p.packets; n++)
                assert_true(hedge_uep_decoder_add(d, n) >= 0);
        assert_int_equal(hedge_uep_decoder_solve(d), 256);
        hedge_uep_decoder_destroy(&d);
        hedge_uep_destroy(&code);
}

/* --- matrices --- */

/* What C is when only these sub-products are known. */
static void known_part(const hedge_uep_shape_t *s, const hedge_uep_decoder_t *d, const float *a, const float *b,
                       float *c)
{
        const unsigned width = s->inner / s->blocks_a, rows = s->rows / s->blocks_a, columns = s->columns / s->blocks_b;

        for (unsigned i = 0; i < s->rows; i++)
                for (unsigned j = 0; j < s->columns; j++) {
                        double sum = 0;

                        for (unsigned x = 0; x < s->inner; x++)
                                if (hedge_uep_decoder_has(d, s->split == HEDGE_UEP_ROW_COLUMN
                                                                     ? i / rows * s->blocks_b + j / columns
                                                                     : x / width))
                                        sum += (double)a[i * s->inner + x] * b[x * s->columns + j];
                        c[i * s->columns + j] = (float)sum;
                }
}

static void check_products(const hedge_uep_t *code, const hedge_uep_shape_t *s, uint64_t *row)
{
        float a[12 * 18], b[18 * 9], c[12 * 9], whole[12 * 9], part[12 * 9], *results[PACKETS];
        const unsigned n = hedge_uep_packets(code);
        hedge_uep_decoder_t *d = NULL;
        unsigned ids[PACKETS];

        for (unsigned i = 0; i < s->rows * s->inner; i++)
                a[i] = (float)hedge_random_normal(row);
        for (unsigned i = 0; i < s->inner * s->columns; i++)
                b[i] = (float)hedge_random_normal(row);
        multiply(a, b, whole, s->rows, s->inner, s->columns);
        shuffle(ids, n, row);
        assert_int_equal(hedge_uep_decoder_new(code, &d), 0);
        for (unsigned p = 0; p < n; p++) {
                results[p] = task(code, s, ids[p], a, b);
                assert_true(hedge_uep_decoder_add(d, ids[p]) >= 0);
                assert_int_equal(hedge_uep_decoder_solve(d), hedge_uep_decoder_determined(d));
                hedge_uep_decoder_apply(d, s, (const float *const *)results, c);
                known_part(s, d, a, b, part);
                for (unsigned i = 0; i < s->rows * s->columns; i++)
                        c[i] += whole[i] - part[i];
                assert_true(hedge_uep_loss(c, whole, (size_t)s->rows * s->columns) < 1e-6);
        }
        assert_int_equal(hedge_uep_decoder_determined(d), 9);
        hedge_uep_decoder_destroy(&d);
        for (unsigned p = 0; p < n; p++)
                free(results[p]);
}

/* Real matrices through encoder, board and decoder: what is determined is right, all else is zero. */
static void test_products(void **state)
{
        const hedge_uep_classes_t both[] = { classes_of(&pairs), classes_of(&sums) };
        uint64_t row = 5;

        (void)state;
        for (int s = 0; s < HEDGE_UEP_SCHEMES; s++)
                for (int variant = 0; variant < 3; variant++) {
                        const hedge_uep_params_t p =
                                params_of((hedge_uep_scheme_t)s, &both[variant == 2], variant == 1);
                        hedge_uep_t *code = NULL;

                        assert_int_equal(hedge_uep_new(&p, &code, NULL), 0);
                        check_products(code, variant == 2 ? &sums : &pairs, &row);
                        hedge_uep_destroy(&code);
                }
}

static void test_losses_of_answers(void **state)
{
        const float c[] = { 3, 4 }, half[] = { 3, 0 }, zero[] = { 0, 0 };

        (void)state;
        assert_float_equal(hedge_uep_loss(half, c, 2), 16.0 / 25, 1e-12);
        assert_float_equal(hedge_uep_loss(zero, c, 2), 1, 1e-12);
        assert_true(hedge_uep_loss(zero, zero, 2) == 0);
        assert_true(isinf(hedge_uep_loss(c, zero, 2)));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_packets),
                cmocka_unit_test(test_terms),
                cmocka_unit_test(test_terms_of_oblong_cuts),
                cmocka_unit_test(test_rectangles),
                cmocka_unit_test(test_seeds),
                cmocka_unit_test(test_codes_refuse),
                cmocka_unit_test(test_determined_as_by_brute_force),
                cmocka_unit_test(test_decoder_refuses),
                cmocka_unit_test(test_errors_are_not_blown_up),
                cmocka_unit_test(test_many_products),
                cmocka_unit_test(test_products),
                cmocka_unit_test(test_losses_of_answers),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/uep_cases.h"

/* The same by adding up every way to spread N packets over three windows. */
static double chance_by_hand(hedge_uep_scheme_t scheme, const hedge_uep_classes_t *c, const double *windows, unsigned n,
                             unsigned class)
{
        double sum = 0;

        for (unsigned i = 0; i <= n; i++)
                for (unsigned j = 0; i + j <= n; j++) {
                        const unsigned came[] = { i, j, n - i - j };
                        double chance = tgamma(n + 1.0);
                        unsigned rank = 0, all = 0;
                        bool decoded = scheme == HEDGE_UEP_NOW && came[class] >= c->size[class];

                        for (unsigned l = 0; l < 3; l++) {
                                chance *= pow(windows[l], came[l]) / tgamma(came[l] + 1.0);
                                all += c->size[l];
                                rank = rank + came[l] < all ? rank + came[l] : all;
                                decoded |= scheme == HEDGE_UEP_EW && l >= class && rank == all;
                        }
                        sum += decoded ? chance : 0;
                }
        return sum;
}

static void test_chances_by_hand(void **state)
{
        const hedge_uep_shape_t wide = { .blocks_a = 4, .blocks_b = 3 };
        static const double na[] = { 4, 3, 2, 1 }, nb[] = { 3, 2, 1 };
        hedge_uep_classes_t c;
        double chances[(PACKETS + 1) * 3];

        (void)state;
        assert_int_equal(hedge_uep_classify(&wide, na, nb, 3, 3, &c, NULL), 0);
        assert_true(c.size[0] != c.size[1] || c.size[1] != c.size[2]);
        for (int s = HEDGE_UEP_NOW; s <= HEDGE_UEP_EW; s++)
                for (int lacking = 0; lacking < 4; lacking++) {
                        hedge_uep_params_t p = params_of((hedge_uep_scheme_t)s, &c, true);

                        if (lacking < 3) {
                                p.windows[lacking == 0] += p.windows[lacking];
                                p.windows[lacking] = 0;
                        }
                        assert_int_equal(hedge_uep_chances(&p, chances, NULL), 0);
                        for (unsigned n = 0; n <= PACKETS; n++)
                                for (unsigned l = 0; l < 3; l++)
                                        assert_float_equal(chances[n * 3 + l],
                                                           chance_by_hand(p.scheme, &c, p.windows, n, l), 1e-9);
                }
}

/* Per class, the part of it that is determined; or whether all is. */
static void count_classes(const hedge_uep_decoder_t *d, const hedge_uep_classes_t *c, bool whole, double *seen)
{
        unsigned has[3] = { 0 };

        for (unsigned k = 0; k < c->products; k++)
                has[c->of[k]] += hedge_uep_decoder_has(d, k);
        for (unsigned l = 0; l < 3; l++)
                seen[l] += whole ? has[l] == c->size[l] : (double)has[l] / c->size[l];
}

/* How often each class came out of real decoders, against the closed form: no further off than chance allows. `whole`: only
 * classes of which all is determined are counted, and the closed form is the most that they can be. */
static void compare_chances(hedge_uep_scheme_t scheme, const hedge_uep_classes_t *c, bool stacked, bool whole)
{
        enum { TRIALS = 600 };
        hedge_uep_params_t p = params_of(scheme, c, stacked);
        double chances[(PACKETS + 1) * 3], seen[PACKETS + 1][3] = { { 0 } };
        uint64_t row = 23;

        assert_int_equal(hedge_uep_chances(&p, chances, NULL), 0);
        for (unsigned t = 0; t < TRIALS; t++) {
                hedge_uep_decoder_t *d = NULL;
                hedge_uep_t *code = NULL;
                unsigned ids[PACKETS];

                p.seed = t;
                assert_int_equal(hedge_uep_new(&p, &code, NULL), 0);
                assert_int_equal(hedge_uep_decoder_new(code, &d), 0);
                shuffle(ids, p.packets, &row);
                for (unsigned n = 1; n <= p.packets; n++) {
                        assert_true(hedge_uep_decoder_add(d, ids[n - 1]) >= 0);
                        count_classes(d, c, whole, seen[n]);
                }
                hedge_uep_decoder_destroy(&d);
                hedge_uep_destroy(&code);
        }
        for (unsigned n = 1; n <= p.packets; n++)
                for (unsigned l = 0; l < 3; l++) {
                        const double want = chances[n * 3 + l], got = seen[n][l] / TRIALS;
                        const double off = 4.5 * sqrt(want * (1 - want) / TRIALS) + 4.0 / TRIALS;

                        assert_true(got <= want + off);
                        assert_true(whole || got >= want - off);
                }
}

static void test_chances_of_decoders(void **state)
{
        const hedge_uep_classes_t c = classes_of(&pairs), d = classes_of(&sums);

        (void)state;
        for (int s = 0; s < HEDGE_UEP_SCHEMES; s++) {
                compare_chances((hedge_uep_scheme_t)s, &c, true, false);
                compare_chances((hedge_uep_scheme_t)s, &d, true, false);
        }
        compare_chances(HEDGE_UEP_NOW, &c, false, true);
        compare_chances(HEDGE_UEP_MDS, &c, false, false);
}

/* The blocks have the variances 10, 1 and 0.1; C is what comes of it. */
static void draw_matrices(const hedge_uep_shape_t *s, float *a, float *b, float *c, uint64_t *row)
{
        static const double variances[] = { 10, 1, 0.1 };
        const bool by_pairs = s->split == HEDGE_UEP_ROW_COLUMN;

        for (unsigned i = 0; i < s->rows * s->inner; i++) {
                const unsigned block = by_pairs ? i / s->inner * 3 / s->rows : i % s->inner * 3 / s->inner;

                a[i] = (float)(sqrt(variances[block]) * hedge_random_normal(row));
        }
        for (unsigned i = 0; i < s->inner * s->columns; i++) {
                const unsigned block = by_pairs ? i % s->columns * 3 / s->columns : i / s->columns * 3 / s->inner;

                b[i] = (float)(sqrt(variances[block]) * hedge_random_normal(row));
        }
        multiply(a, b, c, s->rows, s->inner, s->columns);
}

/* |C' - C|^2 after the first `came` packets of a random product, and |C|^2. Classes are those of its norms. */
static double error_after(hedge_uep_scheme_t scheme, const hedge_uep_shape_t *s, unsigned came, uint64_t *row,
                          double *all)
{
        float a[12 * 18], b[18 * 9], c[12 * 9], answer[12 * 9], *results[PACKETS];
        double norms_a[9], norms_b[9], loss;
        hedge_uep_classes_t classes;
        hedge_uep_params_t p;
        hedge_uep_decoder_t *d = NULL;
        hedge_uep_t *code = NULL;
        unsigned ids[PACKETS];

        draw_matrices(s, a, b, c, row);
        assert_int_equal(hedge_uep_norms(s, a, b, norms_a, norms_b, NULL), 0);
        assert_int_equal(hedge_uep_classify(s, norms_a, norms_b, s == &pairs ? 3 : 0, 3, &classes, NULL), 0);
        p = params_of(scheme, &classes, true);
        p.seed = hedge_random_next(row);
        assert_int_equal(hedge_uep_new(&p, &code, NULL), 0);
        assert_int_equal(hedge_uep_decoder_new(code, &d), 0);
        shuffle(ids, p.packets, row);
        for (unsigned n = 0; n < came; n++) {
                results[n] = task(code, s, ids[n], a, b);
                assert_true(hedge_uep_decoder_add(d, ids[n]) >= 0);
        }
        assert_true(hedge_uep_decoder_solve(d) >= 0);
        hedge_uep_decoder_apply(d, s, (const float *const *)results, answer);
        loss = hedge_uep_loss(answer, c, (size_t)s->rows * s->columns);
        *all = 0;
        for (unsigned i = 0; i < s->rows * s->columns; i++)
                *all += (double)c[i] * c[i];
        for (unsigned n = 0; n < came; n++)
                free(results[n]);
        hedge_uep_decoder_destroy(&d);
        hedge_uep_destroy(&code);
        return loss * *all;
}

static void compare_errors(hedge_uep_scheme_t scheme, const hedge_uep_shape_t *s, unsigned came)
{
        enum { TRIALS = 500 };
        const hedge_uep_classes_t classes = classes_of(s);
        const hedge_uep_params_t p = params_of(scheme, &classes, true);
        double off[TRIALS], all[TRIALS], losses[PACKETS + 1], off_sum = 0, all_sum = 0, spread = 0;
        uint64_t row = 31;

        for (unsigned t = 0; t < TRIALS; t++) {
                off[t] = error_after(scheme, s, came, &row, &all[t]);
                off_sum += off[t];
                all_sum += all[t];
        }
        assert_int_equal(hedge_uep_losses(&p, losses, NULL), 0);
        for (unsigned t = 0; t < TRIALS; t++)
                spread += pow(off[t] - off_sum / all_sum * all[t], 2);
        assert_float_equal(off_sum / all_sum, losses[came], 4.5 * sqrt(spread) / all_sum + 1e-6);
}

/* The error of products of random matrices, through encoder and decoder, is what the closed form says of the variances. */
static void test_errors_of_products(void **state)
{
        (void)state;
        for (int s = 0; s < HEDGE_UEP_SCHEMES; s++) {
                compare_errors((hedge_uep_scheme_t)s, &pairs, 6);
                compare_errors((hedge_uep_scheme_t)s, &sums, 7);
        }
        compare_errors(HEDGE_UEP_NOW, &pairs, 10);
        compare_errors(HEDGE_UEP_EW, &pairs, 10);
        compare_errors(HEDGE_UEP_MDS, &pairs, 9);
}

/* Factored packets are as good as general ones where windows are rectangles, as with the classes {hh}, {hm, mh, mm}. */
static void test_factored_rectangles(void **state)
{
        hedge_uep_classes_t c = classes_of(&pairs);
        static const uint8_t of[] = { 1, 1, 2, 1, 0, 2, 2, 2, 2 };

        (void)state;
        memcpy(c.of, of, sizeof(of));
        c.size[0] = 1;
        c.size[1] = 3;
        c.size[2] = 5;
        compare_chances(HEDGE_UEP_EW, &c, false, false);
}

static void test_partial_replication(void **state)
{
        const hedge_uep_classes_t c = classes_of(&pairs);
        hedge_uep_params_t p = params_of(HEDGE_UEP_REPLICATION, &c, false);
        double chances[(PACKETS + 1) * 3];

        (void)state;
        p.packets = 13; /* the first class and one of the second are there twice */
        assert_int_equal(hedge_uep_chances(&p, chances, NULL), 0);
        assert_float_equal(chances[3 * 3 + 0], 1 - 10.0 * 9 / (13 * 12), 1e-12);
        assert_float_equal(chances[3 * 3 + 1], (1 - 10.0 * 9 / (13 * 12) + 2 * 3.0 / 13) / 3, 1e-12);
        assert_float_equal(chances[3 * 3 + 2], 3.0 / 13, 1e-12);
        assert_float_equal(chances[13 * 3 + 2], 1, 1e-12);
}

static void test_loss_at(void **state)
{
        const hedge_uep_classes_t c = classes_of(&pairs);
        double losses[PACKETS + 1];

        (void)state;
        for (int s = 0; s < HEDGE_UEP_SCHEMES; s++) {
                const hedge_uep_params_t p = params_of((hedge_uep_scheme_t)s, &c, true);

                assert_int_equal(hedge_uep_losses(&p, losses, NULL), 0);
                assert_float_equal(losses[0], 1, 1e-9);
                assert_float_equal(hedge_uep_loss_at(losses, p.packets, 0), 1, 1e-9);
                assert_float_equal(hedge_uep_loss_at(losses, p.packets, 1), losses[p.packets], 1e-9);
                for (unsigned n = 0; n < p.packets; n++)
                        assert_true(losses[n + 1] <= losses[n] + 1e-12);
                for (double x = 0.05; x < 1; x += 0.05) {
                        if (p.scheme == HEDGE_UEP_UNCODED)
                                assert_float_equal(hedge_uep_loss_at(losses, p.packets, x), 1 - x, 1e-9);
                        if (p.scheme == HEDGE_UEP_REPLICATION)
                                assert_float_equal(hedge_uep_loss_at(losses, p.packets, x), (1 - x) * (1 - x), 1e-9);
                }
        }
}

static double loss_at(hedge_uep_scheme_t scheme, const hedge_uep_classes_t *c, double time)
{
        const hedge_uep_params_t p = params_of(scheme, c, true);
        double losses[PACKETS + 1];

        assert_int_equal(hedge_uep_losses(&p, losses, NULL), 0);
        return hedge_uep_loss_at(losses, p.packets, 1 - exp(-time));
}

/* 30 boards of mean latency 1: nine packets, the threshold of MDS, have come at 0.36 in the mean. */
static void test_protection_pays_before_the_threshold(void **state)
{
        const hedge_uep_classes_t both[] = { classes_of(&pairs), classes_of(&sums) };

        (void)state;
        for (int v = 0; v < 2; v++)
                for (int s = HEDGE_UEP_NOW; s <= HEDGE_UEP_EW; s++) {
                        const hedge_uep_scheme_t scheme = (hedge_uep_scheme_t)s;

                        for (double t = 0.25; t < 0.36; t += 0.02) {
                                assert_true(loss_at(scheme, &both[v], t) < loss_at(HEDGE_UEP_MDS, &both[v], t));
                                assert_true(loss_at(scheme, &both[v], t) < loss_at(HEDGE_UEP_REPLICATION, &both[v], t));
                                assert_true(loss_at(scheme, &both[v], t) < loss_at(HEDGE_UEP_UNCODED, &both[v], t));
                        }
                        assert_true(loss_at(scheme, &both[v], 1) > loss_at(HEDGE_UEP_MDS, &both[v], 1));
                }
}

/* Chosen windows beat every choice on a grid but for what lies between its points. */
static void test_chosen_windows(void **state)
{
        const hedge_uep_classes_t c = classes_of(&pairs);
        double losses[PACKETS + 1], chosen[3];

        (void)state;
        for (int s = HEDGE_UEP_NOW; s <= HEDGE_UEP_EW; s++)
                for (double arrived = 0.1; arrived < 1; arrived += 0.2) {
                        hedge_uep_params_t p = params_of((hedge_uep_scheme_t)s, &c, true);
                        double loss;

                        p.windows[0] = NAN; /* not looked at */
                        assert_int_equal(hedge_uep_choose_windows(&p, arrived, chosen, NULL), 0);
                        assert_float_equal(chosen[0] + chosen[1] + chosen[2], 1, 1e-9);
                        memcpy(p.windows, chosen, sizeof(chosen));
                        assert_int_equal(hedge_uep_losses(&p, losses, NULL), 0);
                        loss = hedge_uep_loss_at(losses, PACKETS, arrived);
                        for (unsigned i = 0; i <= 5; i++)
                                for (unsigned j = 0; i + j <= 5; j++) {
                                        p.windows[0] = i / 5.0;
                                        p.windows[1] = j / 5.0;
                                        p.windows[2] = (5 - i - j) / 5.0;
                                        assert_int_equal(hedge_uep_losses(&p, losses, NULL), 0);
                                        assert_true(loss <= hedge_uep_loss_at(losses, PACKETS, arrived) + 1e-6);
                                }
                }
}

static void test_chosen_windows_refuse(void **state)
{
        const hedge_uep_classes_t c = classes_of(&pairs);
        hedge_uep_params_t p = params_of(HEDGE_UEP_MDS, &c, true);
        hedge_why_t why = { "" };
        double chosen[3];

        (void)state;
        assert_int_equal(hedge_uep_choose_windows(&p, 0.5, chosen, &why), -EINVAL);
        assert_string_equal(why.text, "mds has no windows");
        p.scheme = HEDGE_UEP_EW;
        assert_int_equal(hedge_uep_choose_windows(&p, NAN, chosen, &why), -EINVAL);
        assert_int_equal(hedge_uep_choose_windows(&p, 1.5, chosen, &why), -EINVAL);
        assert_non_null(strstr(why.text, "1.5"));
        p.packets = 0;
        assert_int_equal(hedge_uep_choose_windows(&p, 0.5, chosen, &why), -EINVAL);
        assert_non_null(strstr(why.text, "at least 1 packets"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_chances_by_hand),
                cmocka_unit_test(test_chances_of_decoders),
                cmocka_unit_test(test_errors_of_products),
                cmocka_unit_test(test_factored_rectangles),
                cmocka_unit_test(test_partial_replication),
                cmocka_unit_test(test_loss_at),
                cmocka_unit_test(test_protection_pays_before_the_threshold),
                cmocka_unit_test(test_chosen_windows),
                cmocka_unit_test(test_chosen_windows_refuse),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

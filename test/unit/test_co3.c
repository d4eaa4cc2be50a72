/* SPDX-License-Identifier: Apache-2.0 */
/* Gradient messages: nothing is lost but what the error memory has, and they have the size that they should have. */
#include "test/unit/co3_bed.h"

/* --- whole messages -------------------------------------------------------------------------------------- */

static const uint32_t layers[] = { 1, 150, 6, 2400, 7, 48000, 120, 333 };

#define LAYERS (sizeof(layers) / sizeof(layers[0]))

/* What has been decoded is what has been sent less what the memory holds, of every format, packed or not. */
static void test_memory_loses_nothing(void **state)
{
        for (hedge_co3_format_t format = 0; format < HEDGE_CO3_FORMATS; format++)
                for (int compress = 0; compress < 2; compress++) {
                        const hedge_co3_options_t options = options_for(format, 1, compress);
                        rig_t rig = set_up(layers, LAYERS);
                        double *sent = calloc(rig.n, sizeof(*sent));

                        assert_non_null(sent);
                        for (unsigned step = 0; step < 20; step++) {
                                draw(&rig, step % 2 ? normal : laplacian);
                                for (size_t i = 0; i < rig.n; i++)
                                        sent[i] += (double)rig.gradient[i];
                                send(&rig, &options, NULL);
                                for (size_t i = 0; i < rig.n; i++)
                                        assert_true(fabs((double)rig.sum[i] + (double)rig.error[i] - sent[i]) < 1e-8);
                        }
                        free(sent);
                        tear_down(&rig);
                }
}

/* An exact message after coarse ones brings all that they left out. */
static void test_exact_message_empties_memory(void **state)
{
        static const hedge_co3_format_t coarse[] = { HEDGE_CO3_FP4, HEDGE_CO3_TOPK };

        for (unsigned c = 0; c < 2; c++) {
                const hedge_co3_options_t first = options_for(coarse[c], 1, 1),
                                          last = options_for(HEDGE_CO3_FP32, 1, 1);
                rig_t rig = set_up(layers, LAYERS);

                draw(&rig, normal);
                send(&rig, &first, NULL);
                send(&rig, &last, NULL);
                for (size_t i = 0; i < rig.n; i++) {
                        assert_true(rig.error[i] == 0);
                        assert_true(fabs((double)rig.sum[i] - 2 * (double)rig.gradient[i]) < 1e-9);
                }
                tear_down(&rig);
        }
}

/* The memory decays by gamma; without correction it is only said what the last message lacks; without a memory the
 * message is the same. */
static void test_gamma(void **state)
{
        hedge_co3_options_t options = options_for(HEDGE_CO3_FP4, 0.5f, 1);
        rig_t rig = set_up(layers, LAYERS);
        float *first = room(rig.n * sizeof(*first));
        uint8_t *alone = room(hedge_co3_bound(rig.co3));
        size_t size;

        draw(&rig, normal);
        send(&rig, &options, NULL);
        memcpy(first, rig.error, rig.n * sizeof(*first));
        memset(rig.sum, 0, rig.n * sizeof(float));
        send(&rig, &options, NULL);
        for (size_t i = 0; i < rig.n; i++)
                assert_true(fabs((double)rig.sum[i] + (double)rig.error[i] - (double)rig.gradient[i] -
                                 0.5 * (double)first[i]) < 1e-9);
        options.gamma = 0;
        memset(rig.sum, 0, rig.n * sizeof(float));
        send(&rig, &options, NULL);
        assert_memory_equal(rig.error, first, rig.n * sizeof(*first));
        assert_int_equal(hedge_co3_encode(rig.co3, &options, rig.gradient, NULL, alone, &size, NULL, NULL), 0);
        assert_int_equal(size, rig.size);
        assert_memory_equal(alone, rig.message, size);
        free(alone);
        free(first);
        tear_down(&rig);
}

/* A late message goes back into the memory that it came from. */
static void test_late_message_goes_back(void **state)
{
        const hedge_co3_options_t options = options_for(HEDGE_CO3_FP8, 1, 1);
        rig_t rig = set_up(layers, LAYERS);

        draw(&rig, normal);
        send(&rig, &options, NULL);
        assert_int_equal(hedge_co3_decode(rig.co3, rig.message, rig.size, 1, rig.error, NULL), 0);
        for (size_t i = 0; i < rig.n; i++)
                assert_true(fabs((double)rig.error[i] - (double)rig.gradient[i]) < 1e-9);
        tear_down(&rig);
}

static void test_weight(void **state)
{
        for (hedge_co3_format_t format = 0; format < HEDGE_CO3_FORMATS; format++) {
                const hedge_co3_options_t options = options_for(format, 1, 1);
                rig_t rig = set_up(layers, LAYERS);

                draw(&rig, normal);
                send(&rig, &options, NULL);
                assert_int_equal(hedge_co3_decode(rig.co3, rig.message, rig.size, -1, rig.sum, NULL), 0);
                for (size_t i = 0; i < rig.n; i++)
                        assert_true(rig.sum[i] == 0);
                tear_down(&rig);
        }
}

static double relative_error(const rig_t *rig)
{
        double wrong = 0, whole = 0;

        for (size_t i = 0; i < rig->n; i++) {
                wrong += (double)rig->error[i] * (double)rig->error[i];
                whole += (double)rig->gradient[i] * (double)rig->gradient[i];
        }
        return sqrt(wrong / whole);
}

/* Bits per entry after zstd and the relative error, with some room for another seed. */
static void test_bits(void **state)
{
        static const struct {
                hedge_co3_format_t format;
                double (*draw)(layer_random_t *r);
                float max_bits;
                double bits, error; /* at most */
        } rows[] = {
                { HEDGE_CO3_FP8, normal, 0, 5.6, 0.055 },       { HEDGE_CO3_FP8, normal, 4.5f, 4.5, 0.065 },
                { HEDGE_CO3_FP8, laplacian, 4.5f, 4.5, 0.065 }, { HEDGE_CO3_FP4, normal, 0, 3.8, 0.115 },
                { HEDGE_CO3_FP4, normal, 2.2f, 2.2, 0.29 },     { HEDGE_CO3_FP4, laplacian, 2.2f, 2.2, 0.265 },
                { HEDGE_CO3_TOPK, normal, 4.5f, 4.5, 0.48 },    { HEDGE_CO3_TOPK, normal, 2.2f, 2.2, 0.70 },
                { HEDGE_CO3_TOPK, laplacian, 1.0f, 1.0, 0.75 }, { HEDGE_CO3_FP16, normal, 0, 13.7, 0.0003 },
                { HEDGE_CO3_FP32, normal, 0, 32.01, 0 },
        };
        static const uint32_t one[] = { 200000 };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                const hedge_co3_options_t options = { rows[i].format, 1, rows[i].max_bits, true };
                rig_t rig = set_up(one, 1);
                hedge_co3_stats_t stats;
                double bits;

                draw(&rig, rows[i].draw);
                send(&rig, &options, &stats);
                bits = 8 * (double)rig.size / (double)rig.n;
                assert_int_equal(stats.bytes, rig.size);
                if (bits > rows[i].bits || bits < 0.95 * rows[i].bits || relative_error(&rig) > rows[i].error)
                        fail_msg("row %zu: %g bits per entry, error %g", i, bits, relative_error(&rig));
                assert_true(stats.entropy <= bits && stats.entropy > 0.97 * bits);
                tear_down(&rig);
        }
}

static void test_entropy(void **state)
{
        const uint8_t bytes[] = { 0, 1, 2, 3, 0, 0, 0, 0 }, halves[] = { 0x21, 0x43, 0x05 };

        assert_true(fabs(hedge_entropy_bytes(bytes, 4) - 8) < 1e-9);
        assert_true(fabs(hedge_entropy_bytes(bytes, 8) - (3 * 3 + 5 * log2(8 / 5.0))) < 1e-9);
        assert_true(fabs(hedge_entropy_halves(halves, 5) - 5 * log2(5)) < 1e-9);
        assert_true(fabs(hedge_entropy_halves(halves, 6) - 6 * log2(6)) < 1e-9);
        assert_true(hedge_entropy_bytes(bytes, 0) == 0 && hedge_entropy_halves(bytes, 1) == 0);
}

/* Top-k keeps to its bits where one entry fits them, compressed or not, and what it keeps are the largest. */
static void test_topk_keeps_its_bits(void **state)
{
        static const uint32_t sizes[] = { 100, 300, 5000, 60000 };

        for (unsigned s = 0; s < 4; s++)
                for (float bits = 0.5f; bits <= 16; bits *= 2)
                        for (int compress = 0; compress < 2; compress++) {
                                const hedge_co3_options_t options = { HEDGE_CO3_TOPK, 1, bits, compress };
                                rig_t rig = set_up(&sizes[s], 1);
                                const double most = fmax((double)bits * sizes[s] / 8 + 8, 8 + 8 + 24 + 4);
                                float least_kept = INFINITY, most_left = 0;

                                draw(&rig, laplacian);
                                send(&rig, &options, NULL);
                                assert_true((double)rig.size <= most);
                                assert_true((double)rig.size > 0.9 * most || sizes[s] < 1000 || bits > 8);
                                for (size_t i = 0; i < rig.n; i++)
                                        if (rig.sum[i] != 0)
                                                least_kept = fminf(least_kept, fabsf(rig.gradient[i]));
                                        else
                                                most_left = fmaxf(most_left, fabsf(rig.gradient[i]));
                                assert_true(isfinite(least_kept) && most_left <= least_kept);
                                tear_down(&rig);
                        }
}

static void test_topk_selects(void **state)
{
        layer_random_t r = { 12 };

        for (unsigned t = 0; t < 500; t++) {
                const size_t n = layer_between(&r, 1, 60), k = layer_between(&r, 1, 70);
                float x[60];
                uint32_t places[60];
                size_t kept, want = 0;

                for (size_t i = 0; i < n; i++)
                        x[i] = (float)layer_between(&r, 0, 6) - 3; /* many equal ones */
                kept = hedge_topk_select(x, n, k, places);
                for (size_t i = 0; i < n; i++) {
                        size_t before = 0;

                        for (size_t j = 0; j < n; j++)
                                before += fabsf(x[j]) > fabsf(x[i]) || (fabsf(x[j]) == fabsf(x[i]) && j < i);
                        if (x[i] != 0 && before < k) {
                                assert_true(want < kept);
                                assert_int_equal(places[want++], i);
                        }
                }
                assert_int_equal(kept, want);
        }
}

static void test_gaps(void **state)
{
        layer_random_t r = { 13 };

        for (unsigned t = 0; t < 200; t++) {
                uint32_t places[100], place = 0;
                uint8_t gaps[100 + 100000 / 255];
                const uint8_t *at = gaps;
                size_t k = layer_between(&r, 0, 100), size, next = SIZE_MAX;

                for (size_t i = 0; i < k; i++) {
                        place += layer_between(&r, 0, 3) ? layer_between(&r, 0, 3) : layer_between(&r, 253, 770);
                        places[i] = place++;
                }
                size = hedge_gaps_write(places, k, gaps);
                assert_true(size <= hedge_gaps_bound(k, place));
                assert_true(hedge_gaps_valid(gaps, size, k, place));
                assert_false(hedge_gaps_valid(gaps, size, k + 1, place));
                assert_true(k == 0 || !hedge_gaps_valid(gaps, size, k, place - 1));
                assert_true(k == 0 || !hedge_gaps_valid(gaps, size - 1, k, place));
                for (size_t i = 0; i < k; i++) {
                        next = hedge_gaps_next(&at, next);
                        assert_int_equal(next, places[i]);
                }
        }
}

/* Gradients of zeros, tiny, huge and mixed ones stay finite and lose nothing. */
static void test_extremes(void **state)
{
        static const float sizes[] = { 0, FLT_TRUE_MIN, 0x1p-90f, 0x1p-84f, 1e-20f, 1e20f, 0x1p100f, FLT_MAX };

        for (hedge_co3_format_t format = 0; format < HEDGE_CO3_FORMATS; format++)
                for (unsigned s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
                        const hedge_co3_options_t options = options_for(format, 0.9f, 1);
                        rig_t rig = set_up(layers, LAYERS);

                        for (size_t i = 0; i < rig.n; i++)
                                rig.gradient[i] = i % 3 ? sizes[s] * layer_value(&rig.random) : i % 2 ? sizes[s] : 0;
                        send(&rig, &options, NULL);
                        for (size_t i = 0; i < rig.n; i++) {
                                assert_true(isfinite(rig.sum[i]) && isfinite(rig.error[i]));
                                assert_true(fabs((double)rig.sum[i] + (double)rig.error[i] - (double)rig.gradient[i]) <=
                                            1e-6 * (double)sizes[s]);
                        }
                        tear_down(&rig);
                }
}

static void test_bad_gradients_change_nothing(void **state)
{
        static const float wrong[] = { INFINITY, -INFINITY, NAN };
        rig_t rig = set_up(layers, LAYERS);
        float *before = room(rig.n * sizeof(*before));

        draw(&rig, normal);
        for (size_t i = 0; i < rig.n; i++)
                before[i] = rig.error[i] = (float)i;
        for (unsigned w = 0; w < 3; w++)
                for (hedge_co3_format_t format = 0; format < HEDGE_CO3_FORMATS; format++) {
                        const hedge_co3_options_t options = options_for(format, 1, 1);
                        const size_t at = layer_between(&rig.random, 0, (uint32_t)rig.n - 1);
                        const float right = rig.gradient[at];
                        hedge_why_t why = { "" };

                        rig.gradient[at] = wrong[w];
                        assert_int_equal(hedge_co3_encode(rig.co3, &options, rig.gradient, rig.error, rig.message,
                                                          &rig.size, NULL, &why),
                                         -EINVAL);
                        assert_non_null(strstr(why.text, "not finite"));
                        rig.gradient[at] = right;
                }
        assert_memory_equal(before, rig.error, rig.n * sizeof(*before));
        free(before);
        tear_down(&rig);
}

static void test_bad_options(void **state)
{
        static const hedge_co3_options_t bad[] = {
                { HEDGE_CO3_FORMATS, 0, 0, true }, { HEDGE_CO3_FP8, 1.1f, 0, true },   { HEDGE_CO3_FP8, NAN, 0, true },
                { HEDGE_CO3_FP8, -0.1f, 0, true }, { HEDGE_CO3_FP8, 0, 0.4f, true },   { HEDGE_CO3_FP4, 0, NAN, true },
                { HEDGE_CO3_TOPK, 0, 0, true },    { HEDGE_CO3_TOPK, 0, 17.0f, true },
        };
        rig_t rig = set_up(layers, LAYERS);
        hedge_co3_options_t options = options_for(HEDGE_CO3_FP8, 1, 1);
        hedge_co3_t *none = NULL;
        hedge_co3_format_t format;

        draw(&rig, normal);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
                hedge_why_t why = { "" };

                assert_int_equal(
                        hedge_co3_encode(rig.co3, &bad[i], rig.gradient, rig.error, rig.message, &rig.size, NULL, &why),
                        -EINVAL);
                assert_true(why.text[0]);
        }
        assert_int_equal(hedge_co3_encode(rig.co3, &options, rig.gradient, NULL, rig.message, &rig.size, NULL, NULL),
                         -EINVAL);
        assert_int_equal(hedge_co3_new(layers, 0, &none), -EINVAL);
        assert_int_equal(hedge_co3_new((uint32_t[]){ 3, 0 }, 2, &none), -EINVAL);
        assert_int_equal(hedge_co3_new((uint32_t[]){ 1u << 28, 1 }, 2, &none), HEDGE_ELIMIT);
        assert_null(none);
        for (hedge_co3_format_t i = 0; i < HEDGE_CO3_FORMATS; i++) {
                assert_int_equal(hedge_co3_format_parse(hedge_co3_format_name(i), &format), 0);
                assert_int_equal(format, i);
        }
        assert_int_equal(hedge_co3_format_parse("fp64", &format), -EINVAL);
        assert_null(hedge_co3_format_name(HEDGE_CO3_FORMATS));
        tear_down(&rig);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_memory_loses_nothing),
                cmocka_unit_test(test_exact_message_empties_memory),
                cmocka_unit_test(test_gamma),
                cmocka_unit_test(test_entropy),
                cmocka_unit_test(test_late_message_goes_back),
                cmocka_unit_test(test_weight),
                cmocka_unit_test(test_bits),
                cmocka_unit_test(test_topk_keeps_its_bits),
                cmocka_unit_test(test_topk_selects),
                cmocka_unit_test(test_gaps),
                cmocka_unit_test(test_extremes),
                cmocka_unit_test(test_bad_gradients_change_nothing),
                cmocka_unit_test(test_bad_options),
        };

        return cmocka_run_group_tests_name("co3", tests, NULL, NULL);
}

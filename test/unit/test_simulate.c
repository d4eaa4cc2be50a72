/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/plan/calibrate.h"
#include "test/unit/square.h"

static hedged_speeds_t speeds;
static double hold_s;

/* Boards and a coordinator that are all alike: 1e9 MAC/s, links of 1e7 bytes/s, the coordinator's ten times that; messages and coding
 * cost nothing. */
static void all_alike(unsigned n, double spread)
{
        hold_s = 0;
        speeds = (hedged_speeds_t){ .boards = n,
                                    .here = { .macs_per_s = 1e9, .up_bytes_per_s = 1e8, .down_bytes_per_s = 1e8 } };
        for (unsigned b = 0; b < n; b++) {
                speeds.board[b] = (hedged_speed_t){
                        .macs_per_s = 1e9, .spread = spread, .up_bytes_per_s = 1e7, .down_bytes_per_s = 1e7
                };
                speeds.usable[b] = true;
        }
}

static hedged_forecast_t forecast(const hedge_conv_t *conv, hedge_code_params_t params, hedge_precision_t wire)
{
        hedged_duties_t *duties = NULL;
        hedged_luck_t *luck = NULL;
        hedge_code_t *code = NULL;
        hedged_forecast_t f;
        hedge_partition_t p;

        params.n = speeds.boards;
        assert_int_equal(hedge_code_new_with(&params, &code, NULL), 0);
        assert_int_equal(hedge_partition_init(&p, conv, params.k_a, params.k_b), 0);
        assert_int_equal(hedged_duties_new(code, params.systematic,
                                           params.scheme == HEDGE_SCHEME_NSCTC ? hedge_code_delta(code) : 0, &duties),
                         0);
        duties->hold_s = hold_s;
        assert_int_equal(hedged_luck_new(64, speeds.boards, 1, &luck), 0);
        assert_int_equal(hedged_simulate(&speeds, &p, duties, wire, luck, &f), 0);
        hedged_luck_destroy(&luck);
        hedged_duties_destroy(&duties);
        hedge_code_destroy(&code);
        return f;
}

/* Without spread everything can be worked out by hand: one part per board, so upload + compute + download. */
static void one_part_each_takes_what_it_takes(void **state)
{
        (void)state;
        const hedge_conv_t conv = square(32, 64, 64, 3);
        const hedge_code_params_t params = { .scheme = HEDGE_SCHEME_UNCODED, .k_a = 4, .k_b = 1 };
        const double strip = 10 * 32 * 64, part = 8 * 32 * 64, macs = part * 64 * 9;
        hedged_forecast_t f;

        all_alike(4, 0);
        f = forecast(&conv, params, HEDGE_PRECISION_F32);
        /* the last of the four parts waits for the three before it on the coordinator's link */
        assert_true(fabs(f.mean_s - (4 * strip / 1e7 + macs / 1e9 + 4 * part / 1e7 + 3 * 4 * part / 1e8)) < 1e-9);
        assert_true(fabs(f.p99_s - f.mean_s) < 1e-12);
        assert_true(fabs(f.up_bytes - 4 * 4 * strip) < 1e-6 && fabs(f.down_bytes - 4 * 4 * part) < 1e-6);
        assert_true(f.here_s == 0 && fabs(f.boards_s - 4 * macs / 1e9) < 1e-9);
        assert_true(f.asked == 4 && f.computed == 4 && f.messages == 4);
        speeds.here.up_bytes_per_s = 1e7; /* now the four share one link */
        f = forecast(&conv, params, HEDGE_PRECISION_F32);
        assert_true(f.mean_s > 4 * 4 * strip / 1e7 + macs / 1e9);
}

/* Messages of a millisecond: the boards' inputs leave one after the other, so that their parts never meet. */
static void processors_take_their_time(void **state)
{
        (void)state;
        const hedge_conv_t conv = square(32, 64, 64, 3);
        const hedge_code_params_t params = { .scheme = HEDGE_SCHEME_UNCODED, .k_a = 4, .k_b = 1 };
        const double strip = 10 * 32 * 64, part = 8 * 32 * 64, macs = part * 64 * 9;
        const double up = 1e-3 + 4 * strip * 1e-9, down = 1e-3 + 4 * part * 1e-9;
        const double encode = 4 * strip * 1e-9, decode = 4 * part * 1e-9;
        hedged_forecast_t f;

        all_alike(4, 0);
        speeds.costs = (hedged_costs_t){ .message_s = 1e-3,
                                         .byte_s = 1e-9,
                                         .part_s = 1e-5,
                                         .entry_s = 1e-9,
                                         .coding_s = 1, /* nothing is combined */
                                         .solve_s = 1,
                                         .layer_s = 2e-3 };
        f = forecast(&conv, params, HEDGE_PRECISION_F32);
        assert_true(fabs(f.mean_s - (encode + 4 * up + 4 * strip / 1e7 + up + macs / 1e9 + down + 4 * part / 1e7 +
                                     down + 1e-5 + decode + 2e-3)) < 1e-9);
        assert_true(fabs(f.here_s - (encode + 4 * up + 4 * (down + 1e-5) + decode + 2e-3)) < 1e-9);
        assert_true(fabs(f.boards_s - 4 * (up + macs / 1e9 + down)) < 1e-9);
        for (unsigned b = 0; b < 4; b++)
                speeds.board[b].macs_per_s = 0.5e9; /* and messages take them twice as long */
        f = forecast(&conv, params, HEDGE_PRECISION_F32);
        assert_true(fabs(f.boards_s - 4 * 2 * (up + macs / 1e9 + down)) < 1e-9);
}

/* Sixteen parts of one input, four on each board: as many messages as the time allows that parts wait. */
static void parts_travel_together(void **state)
{
        (void)state;
        const hedge_conv_t conv = square(32, 64, 64, 3);
        const double part_s = 32.0 * 32 * 4 * 64 * 9 / 1e9;
        const struct {
                double hold_s, messages;
        } cases[] = { { 0, 16 },
                      { 0.9 * part_s, 16 },
                      { 1.1 * part_s, 8 },
                      { 1.9 * part_s, 8 },
                      { 2.5 * part_s, 8 },
                      { 3.1 * part_s, 4 },
                      { 1, 4 } };
        double before = 0;

        all_alike(4, 0);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                hedged_forecast_t f;

                hold_s = cases[i].hold_s;
                f = forecast(&conv, (hedge_code_params_t){ .k_a = 1, .k_b = 16 }, HEDGE_PRECISION_F32);
                assert_true(f.messages == cases[i].messages && f.computed == 16);
                assert_true(f.mean_s >= before - 1e-12); /* nothing is won where messages cost nothing */
                before = f.mean_s;
        }
        speeds.costs.message_s = 0.5 * part_s;
        before = forecast(&conv, (hedge_code_params_t){ .k_a = 1, .k_b = 16 }, HEDGE_PRECISION_F32).mean_s;
        hold_s = 0;
        assert_true(forecast(&conv, (hedge_code_params_t){ .k_a = 1, .k_b = 16 }, HEDGE_PRECISION_F32).mean_s > before);
}

/* Where there is one core, messages keep it from computing. */
static void one_core_does_one_thing_at_a_time(void **state)
{
        (void)state;
        const hedge_conv_t conv = square(32, 64, 64, 3);
        const hedge_code_params_t params = { .k_a = 4, .k_b = 4 };
        hedged_forecast_t many, one;

        all_alike(4, 0);
        speeds.costs.message_s = 1e-4;
        many = forecast(&conv, params, HEDGE_PRECISION_F32);
        for (unsigned b = 0; b < 4; b++)
                speeds.cores[b] = 1;
        one = forecast(&conv, params, HEDGE_PRECISION_F32);
        assert_true(fabs(one.boards_s - many.boards_s) < 1e-9); /* the same work, */
        assert_true(one.mean_s > many.mean_s + 2e-4);           /* but three messages before the last part */
}

/* A spread and a delay that may be noise cost time, but are no reason for redundancy: nobody is asked for more than K parts. */
static void noise_is_not_drawn(void **state)
{
        (void)state;
        const hedge_conv_t conv = square(56, 64, 64, 3);
        hedged_forecast_t calm, noisy;

        for (unsigned i = 0; i < 2; i++) {
                const hedge_code_params_t params = {
                        .scheme = i ? HEDGE_SCHEME_STEAL : HEDGE_SCHEME_KRP, .k_a = 5, .k_b = 4, .systematic = !i
                };

                all_alike(10, 0);
                calm = forecast(&conv, params, HEDGE_PRECISION_F32);
                all_alike(10, 0.8 * HEDGED_NOISE_SPREAD);
                for (unsigned b = 0; b < 10; b++)
                        speeds.board[b].delay_s = 0.8 * HEDGED_NOISE_DELAY_S;
                noisy = forecast(&conv, params, HEDGE_PRECISION_F32);
                assert_true(fabs(noisy.p99_s - noisy.mean_s) < 1e-9);
                assert_true(noisy.mean_s > calm.mean_s + 0.7 * HEDGED_NOISE_DELAY_S);
                if (i)
                        assert_true(calm.asked == 20 && noisy.asked == 20 && noisy.computed == 20);
        }
}

/* All wait for the slowest: spread 1 adds the mean of the largest of four exponentials. */
static void spread_makes_the_slowest_count(void **state)
{
        (void)state;
        const hedge_conv_t conv = square(32, 64, 64, 3);
        const double compute_s = 8.0 * 32 * 64 * 64 * 9 / 1e9;
        const double harmonic = 1 + 1 / 2.0 + 1 / 3.0 + 1 / 4.0; /* the mean of the largest of four Exp(1) */
        const hedge_code_params_t params = { .scheme = HEDGE_SCHEME_UNCODED, .k_a = 4, .k_b = 1 };
        double calm, stormy;

        all_alike(4, 0);
        speeds.here.down_bytes_per_s = 1e12; /* no queue at the coordinator: calm boards would all be in it */
        calm = forecast(&conv, params, HEDGE_PRECISION_F32).mean_s;
        for (unsigned b = 0; b < 4; b++)
                speeds.board[b].spread = 1;
        stormy = forecast(&conv, params, HEDGE_PRECISION_F32).mean_s;
        assert_true(fabs(stormy - calm - compute_s * (HEDGED_NOISE_SPREAD + (1 - HEDGED_NOISE_SPREAD) * harmonic)) <
                    0.15 * compute_s);
}

static double mean_of(const hedge_conv_t *conv, hedge_scheme_t scheme, unsigned k_a, unsigned k_b, bool systematic)
{
        hedge_code_params_t params = { .scheme = scheme, .k_a = k_a, .k_b = k_b, .systematic = systematic };

        if (scheme == HEDGE_SCHEME_KRP && !systematic) {
                params.ell_a = 2;
                params.ell_b = k_b;
        }
        return forecast(conv, params, HEDGE_PRECISION_F32).mean_s;
}

static void codes_help_against_stragglers_alone(void **state)
{
        (void)state;
        const hedge_conv_t conv = square(56, 128, 128, 3);

        all_alike(10, 0);
        assert_true(mean_of(&conv, HEDGE_SCHEME_UNCODED, 10, 4, false) <
                    mean_of(&conv, HEDGE_SCHEME_KRP, 10, 4, false));
        assert_true(mean_of(&conv, HEDGE_SCHEME_KRP, 10, 4, true) <
                    1.01 * mean_of(&conv, HEDGE_SCHEME_UNCODED, 10, 4, false));
        assert_true(mean_of(&conv, HEDGE_SCHEME_STEAL, 10, 4, false) <
                    1.01 * mean_of(&conv, HEDGE_SCHEME_UNCODED, 10, 4, false));
        all_alike(10, 2);
        assert_true(mean_of(&conv, HEDGE_SCHEME_KRP, 8, 8, false) <
                    0.6 * mean_of(&conv, HEDGE_SCHEME_UNCODED, 10, 4, false));
        assert_true(mean_of(&conv, HEDGE_SCHEME_STEAL, 10, 4, false) <
                    0.7 * mean_of(&conv, HEDGE_SCHEME_UNCODED, 10, 4, false));
        assert_true(mean_of(&conv, HEDGE_SCHEME_MDS, 7, 1, false) <
                    0.8 * mean_of(&conv, HEDGE_SCHEME_UNCODED, 10, 1, false));
}

/* Faster boards, faster links, less spread, fewer bytes: never slower. */
static void better_is_never_slower(void **state)
{
        (void)state;
        static const struct {
                hedge_scheme_t scheme;
                unsigned k_a, k_b;
                bool systematic;
        } cuts[] = { { HEDGE_SCHEME_UNCODED, 5, 4, false }, { HEDGE_SCHEME_REPLICATION, 4, 1, false },
                     { HEDGE_SCHEME_NSCTC, 4, 4, false },   { HEDGE_SCHEME_MDS, 6, 1, false },
                     { HEDGE_SCHEME_LT, 16, 1, false },     { HEDGE_SCHEME_KRP, 4, 5, false },
                     { HEDGE_SCHEME_KRP, 4, 5, true },      { HEDGE_SCHEME_STEAL, 5, 4, false } };
        const hedge_conv_t conv = square(56, 64, 64, 3);

        for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
                const hedge_code_params_t params = { .scheme = cuts[i].scheme,
                                                     .k_a = cuts[i].k_a,
                                                     .k_b = cuts[i].k_b,
                                                     .systematic = cuts[i].systematic };
                double before;

                all_alike(8, 1);
                before = forecast(&conv, params, HEDGE_PRECISION_F32).mean_s;
                assert_true(isfinite(before));
                assert_true(forecast(&conv, params, HEDGE_PRECISION_Q16).mean_s <= before);
                for (unsigned b = 0; b < 8; b++)
                        speeds.board[b].up_bytes_per_s *= 2, speeds.board[b].down_bytes_per_s *= 2;
                assert_true(forecast(&conv, params, HEDGE_PRECISION_F32).mean_s < before);
                all_alike(8, 1);
                for (unsigned b = 0; b < 8; b++)
                        speeds.board[b].macs_per_s *= 2;
                assert_true(forecast(&conv, params, HEDGE_PRECISION_F32).mean_s < before);
                all_alike(8, 0);
                assert_true(forecast(&conv, params, HEDGE_PRECISION_F32).mean_s < before);
                all_alike(8, 1);
                for (unsigned b = 0; b < 8; b++)
                        speeds.board[b].delay_s = 0.05;
                assert_true(forecast(&conv, params, HEDGE_PRECISION_F32).mean_s > before);
        }
}

/* Codes decode without some boards, uncoded does not; steal's others do what a missing board would have done. */
static void boards_that_are_gone_do_nothing(void **state)
{
        (void)state;
        const hedge_conv_t conv = square(56, 64, 64, 3);

        all_alike(8, 0.5);
        speeds.usable[3] = speeds.usable[5] = false;
        assert_false(isfinite(mean_of(&conv, HEDGE_SCHEME_UNCODED, 8, 1, false)));
        assert_true(isfinite(mean_of(&conv, HEDGE_SCHEME_MDS, 6, 1, false)));
        assert_false(isfinite(mean_of(&conv, HEDGE_SCHEME_MDS, 7, 1, false)));
        assert_true(isfinite(mean_of(&conv, HEDGE_SCHEME_KRP, 4, 4, false)));
        assert_true(isfinite(mean_of(&conv, HEDGE_SCHEME_STEAL, 8, 1, false)));
        for (unsigned b = 0; b < 8; b++)
                speeds.usable[b] = false;
        assert_false(isfinite(mean_of(&conv, HEDGE_SCHEME_STEAL, 8, 1, false)));
}

/* The draws: Exp(1), the same for the same seed, and stratified: the mean of few is close. */
static void luck_is_exponential_and_repeatable(void **state)
{
        (void)state;
        hedged_luck_t *a = NULL, *b = NULL;

        assert_int_equal(hedged_luck_new(32, 5, 7, &a), 0);
        assert_int_equal(hedged_luck_new(32, 5, 7, &b), 0);
        for (unsigned board = 0; board < 5; board++) {
                double sum = 0;

                for (unsigned t = 0; t < 32; t++) {
                        assert_true(a->slow[t * 5 + board] >= 0);
                        assert_true(a->slow[t * 5 + board] == b->slow[t * 5 + board]);
                        sum += a->slow[t * 5 + board];
                }
                assert_true(fabs(sum / 32 - 1) < 0.15);
        }
        assert_true(a->slow[0] != a->in[0] && a->in[0] != a->out[0]);
        hedged_luck_destroy(&a);
        hedged_luck_destroy(&b);
}

/* A board's duties are the dispatcher's: krp gets one input at a time, steal its own parts, others all. */
static void duties_follow_the_code(void **state)
{
        (void)state;
        const hedge_code_params_t krp = {
                .scheme = HEDGE_SCHEME_KRP, .k_a = 4, .k_b = 4, .n = 4, .ell_a = 3, .ell_b = 2
        };
        const hedge_code_params_t steal = { .scheme = HEDGE_SCHEME_STEAL, .k_a = 4, .k_b = 4, .n = 4 };
        hedged_duties_t *d = NULL;
        hedge_code_t *code = NULL;

        assert_int_equal(hedge_code_new_with(&krp, &code, NULL), 0);
        assert_int_equal(hedged_duties_new(code, false, 0, &d), 0);
        assert_int_equal(d->duty[1].first_inputs, 1);
        assert_int_equal(d->duty[1].coded_inputs, 1);
        assert_int_equal(d->duty[1].first_parts, 2);
        assert_int_equal(d->duty[1].n_parts, 6);
        for (unsigned i = 0; i < 6; i++)
                assert_int_equal(d->duty[1].parts[i].last, i % 2 == 1);
        assert_int_equal(d->need, 17);
        hedged_duties_destroy(&d);
        hedge_code_destroy(&code);
        assert_int_equal(hedge_code_new_with(&steal, &code, NULL), 0);
        assert_int_equal(hedged_duties_new(code, false, 0, &d), 0);
        assert_int_equal(d->duty[1].n_parts, 4);
        assert_int_equal(d->duty[1].ell_b, 4);
        assert_true(d->duty[1].parts[0].strip >= 0 && d->duty[1].parts[0].block >= 0);
        assert_int_equal(d->duty[1].coded_inputs, 0);
        hedged_duties_destroy(&d);
        hedge_code_destroy(&code);
}

/* A tight tolerance wants more parts than a loose one, and what is reached is within it. */
static void calibrating_counts_parts_until_it_is_accurate(void **state)
{
        (void)state;
        const hedge_code_params_t params = { .scheme = HEDGE_SCHEME_KRP, .k_a = 6, .k_b = 6, .n = 10, .ell_b = 6 };
        const hedged_tolerance_t loose = { 1e-6, 1, HEDGE_PRECISION_F32 }, tight = { 1e-6, 4e-4, HEDGE_PRECISION_Q16 };
        const double calm[10] = { 0 };
        hedged_quality_t few, many;
        hedged_duties_t *d = NULL;
        hedged_luck_t *luck = NULL;
        hedge_code_t *code = NULL;

        assert_int_equal(hedge_code_new_with(&params, &code, NULL), 0);
        assert_int_equal(hedged_duties_new(code, false, 0, &d), 0);
        assert_int_equal(hedged_luck_new(8, 10, 3, &luck), 0);
        assert_int_equal(hedged_calibrate(code, d, calm, luck, &loose, &few), 0);
        assert_int_equal(hedged_calibrate(code, d, calm, luck, &tight, &many), 0);
        assert_int_equal(few.need, 36);
        assert_in_range(many.need, 37, 48);
        assert_true(many.gain < few.gain && many.condition < few.condition);
        assert_true(hedge_decode_error(many.gain, tight.conv_error, tight.wire) <= tight.accuracy);
        hedged_luck_destroy(&luck);
        hedged_duties_destroy(&d);
        hedge_code_destroy(&code);
}

/* Ten boards with 13 parts each of 8 strips and 16 blocks: when all have done what they were asked for first, as they do in the calm, the
 * 130 parts decode, but not accurately enough. */
static void calibrating_knows_the_calm(void **state)
{
        (void)state;
        const hedge_code_params_t params = {
                .scheme = HEDGE_SCHEME_KRP, .k_a = 8, .k_b = 16, .n = 10, .ell_a = 2, .ell_b = 13
        };
        const hedged_tolerance_t tolerance = { 8e-6, 1e-3, HEDGE_PRECISION_Q16 };
        const double calm[10] = { 0 };
        hedge_decoder_t *decoder = NULL;
        hedged_quality_t quality;
        hedged_duties_t *d = NULL;
        hedged_luck_t *luck = NULL;
        hedge_code_t *code = NULL;
        unsigned first = 0;

        assert_int_equal(hedge_code_new_with(&params, &code, NULL), 0);
        assert_int_equal(hedged_duties_new(code, false, 0, &d), 0);
        assert_int_equal(hedged_luck_new(8, 10, 3, &luck), 0);
        assert_int_equal(hedge_decoder_new(code, &decoder), 0);
        for (unsigned b = 0; b < 10; b++)
                for (unsigned i = 0; i < d->duty[b].first_parts; i++, first++)
                        assert_true(hedge_decoder_add(decoder, b, d->duty[b].parts[i].part) >= 0);
        assert_true(first >= 128);
        assert_int_equal(hedge_decoder_solve(decoder, NULL), 0);
        assert_true(hedge_decode_error(hedge_decoder_gain(decoder), tolerance.conv_error, tolerance.wire) >
                    tolerance.accuracy);
        assert_int_equal(hedged_calibrate(code, d, calm, luck, &tolerance, &quality), 0);
        assert_true(quality.need > first);
        hedge_decoder_destroy(&decoder);
        hedged_luck_destroy(&luck);
        hedged_duties_destroy(&d);
        hedge_code_destroy(&code);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(one_part_each_takes_what_it_takes),
                cmocka_unit_test(processors_take_their_time),
                cmocka_unit_test(parts_travel_together),
                cmocka_unit_test(one_core_does_one_thing_at_a_time),
                cmocka_unit_test(noise_is_not_drawn),
                cmocka_unit_test(spread_makes_the_slowest_count),
                cmocka_unit_test(codes_help_against_stragglers_alone),
                cmocka_unit_test(better_is_never_slower),
                cmocka_unit_test(boards_that_are_gone_do_nothing),
                cmocka_unit_test(luck_is_exponential_and_repeatable),
                cmocka_unit_test(duties_follow_the_code),
                cmocka_unit_test(calibrating_counts_parts_until_it_is_accurate),
                cmocka_unit_test(calibrating_knows_the_calm),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

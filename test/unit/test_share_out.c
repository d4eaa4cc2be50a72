/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/infer/occupancy.h"
#include "daemon/infer/share_out.h"

#define PLACES 5u
#define PIECES 12u

/* Places of 1 MAC/s and pieces of 1 MAC, without a link to speak of, so that times are counted in pieces. */
static hedged_piece_t pieces[PIECES];
static hedged_share_out_t *s;
static hedged_share_out_settings_t set;
static double wake;

static int set_up(void **state)
{
        (void)state;
        for (unsigned i = 0; i < PIECES; i++)
                pieces[i] = (hedged_piece_t){ .macs = 1 };
        set = (hedged_share_out_settings_t){ .n_places = PLACES,
                                             .n_pieces = PIECES,
                                             .pieces = pieces,
                                             .copies = 1,
                                             .hedge = true,
                                             .race = true,
                                             .lateness = 1.25,
                                             .first = PLACES };
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        hedged_share_out_destroy(&s);
        assert_null(s);
        return 0;
}

static void begin(void)
{
        hedged_share_out_destroy(&s);
        assert_int_equal(hedged_share_out_new(&set, &s), 0);
        for (unsigned v = 0; v < set.n_places; v++)
                hedged_share_out_places(s)[v] = (hedged_place_t){ .able = true, .speed.macs_per_s = 1 };
}

static void is_so_fast(unsigned place, double macs_per_s)
{
        hedged_share_out_places(s)[place].speed.macs_per_s = macs_per_s;
}

static bool next(double now, hedged_given_t *ret)
{
        wake = INFINITY;
        return hedged_share_out_next(s, now, false, false, ret, &wake);
}

/* @param counts  Per place: how many it was given. */
static unsigned give_all(double now, unsigned *counts)
{
        hedged_given_t g;
        unsigned n = 0;

        while (next(now, &g)) {
                counts[g.place]++;
                n++;
        }
        return n;
}

static void all_get_two_and_more_when_one_is_back(void **state)
{
        (void)state;
        unsigned counts[PLACES] = { 0 };
        hedged_given_t g;

        begin();
        assert_int_equal(give_all(0, counts), 2 * PLACES);
        for (unsigned v = 0; v < PLACES; v++)
                assert_int_equal(counts[v], 2);
        assert_int_equal(hedged_share_out_waiting(s), 2);
        for (unsigned v = 3; v > 1; v--) {
                unsigned piece = 0;

                while (hedged_share_out_given(s, v, piece) < 0)
                        piece++;
                assert_true(hedged_share_out_came(s, v, piece, 1));
                assert_false(hedged_share_out_came(s, v, piece, 1));
                assert_true(next(1, &g));
                assert_int_equal(g.place, v);
                assert_false(next(1, &g));
        }
        assert_int_equal(hedged_share_out_waiting(s), 0);
        assert_int_equal(hedged_share_out_missing(s), PIECES - 2);
}

/* What it does by itself is what would be done fastest: a place that would be later with one than the others with all gets none. */
static void who_would_be_done_first_gets_it(void **state)
{
        (void)state;
        unsigned counts[PLACES] = { 0 };

        set.n_pieces = 5;
        begin();
        is_so_fast(1, 0.2);
        is_so_fast(2, 2.5);
        give_all(0, counts);
        assert_int_equal(counts[1], 0); /* 5 s; the others have all in 2 */
        assert_int_equal(counts[2], 2);
        assert_int_equal(counts[0] + counts[3] + counts[4], 3);
}

static void links_delays_and_others_work_count(void **state)
{
        (void)state;
        hedged_place_t *p;
        hedged_given_t g;

        set.n_places = 2;
        set.n_pieces = 1;
        pieces[0] = (hedged_piece_t){ .macs = 1, .up_bytes = 100, .down_bytes = 50 };
        for (unsigned i = 0; i < 5; i++) {
                begin();
                p = hedged_share_out_places(s);
                for (unsigned v = 0; v < 2; v++)
                        p[v].speed.up_bytes_per_s = p[v].speed.down_bytes_per_s = 100;
                if (i == 0)
                        p[0].speed.up_bytes_per_s = 90;
                if (i == 1)
                        p[0].speed.down_bytes_per_s = 90;
                if (i == 2)
                        p[0].speed.delay_s = 0.1;
                if (i == 3)
                        p[0].busy_s = 1.5; /* more than its way there */
                if (i == 4)
                        p[0].speed.spread = 0.1;
                assert_true(next(0, &g));
                assert_int_equal(g.place, 1);
                begin();
        }
        p = hedged_share_out_places(s);
        for (unsigned v = 0; v < 2; v++)
                p[v].speed.up_bytes_per_s = p[v].speed.down_bytes_per_s = 100;
        p[0].busy_s = 0.5; /* less than its way there: the same, and the first of equals is taken */
        assert_true(next(0, &g));
        assert_int_equal(g.place, 0);
        assert_true(fabs(g.expected_s - 1) < 1e-9);
}

static void nobody_does_again_what_is_not_late(void **state)
{
        (void)state;
        unsigned counts[PLACES] = { 0 };
        hedged_given_t g;

        set.n_pieces = PLACES;
        begin();
        assert_int_equal(give_all(0, counts), PLACES);
        for (unsigned v = 1; v < PLACES; v++)
                assert_true(hedged_share_out_came(s, v, v, 1));
        assert_false(next(1, &g));
        assert_true(fabs(wake - 1.252) < 1e-9); /* 1.25 times what was foreseen, and noise */
        assert_false(next(1.251, &g));
        assert_true(next(1.2521, &g));
        assert_int_equal(g.piece, 0);
        assert_int_not_equal(g.place, 0);
        assert_false(next(1.26, &g)); /* and this one is given its time */
        assert_true(wake > 2.25 && wake < 2.6);
        assert_true(next(2.6, &g)); /* a third */
        assert_int_equal(g.piece, 0);
        assert_false(next(2.7, &g)); /* but no fourth */
        assert_true(next(100, &g));  /* until nothing is to be hoped for from those */
        assert_int_equal(g.piece, 0);
        assert_true(next(200, &g));
        assert_false(next(300, &g)); /* all five places have it */
        assert_true(hedged_share_out_came(s, 0, 0, 101));
        assert_int_equal(hedged_share_out_missing(s), 0);
        assert_true(hedged_share_out_took(s, 0, 0) > 100);
}

/* Two were given to one that turns out five times slower: when its first comes, the other one is seen to be far away. */
static void who_is_slow_is_overtaken(void **state)
{
        (void)state;
        unsigned counts[PLACES] = { 0 };
        hedged_given_t g;

        set.n_places = 2;
        set.n_pieces = 4;
        begin();
        assert_int_equal(give_all(0, counts), 4);
        hedged_share_out_came(s, 0, 0, 1);
        hedged_share_out_came(s, 0, 2, 2);
        set.race = true;
        assert_true(next(2, &g)); /* late by then */
        assert_int_equal(g.place, 0);
        assert_int_equal(g.piece, 1);
        set.race = false;
        begin();
        counts[0] = counts[1] = 0;
        give_all(0, counts);
        hedged_share_out_came(s, 0, 0, 1);
        hedged_share_out_came(s, 1, 1, 1.2); /* hardly slower */
        hedged_share_out_came(s, 0, 2, 2);
        assert_false(next(2, &g));
}

static void in_a_race_idle_places_beat_slow_ones(void **state)
{
        (void)state;
        hedged_given_t g;

        set.n_places = 2;
        set.n_pieces = 2;
        for (unsigned race = 0; race < 2; race++) {
                set.race = race;
                begin();
                hedged_share_out_places(s)[0].able = false;
                is_so_fast(1, 0.2);
                assert_true(next(0, &g) && next(0, &g)); /* 5 and 10 s */
                assert_false(next(0, &g));
                hedged_share_out_places(s)[0].able = true; /* it comes back */
                assert_int_equal(next(1, &g), race);
                if (race) {
                        assert_int_equal(g.place, 0);
                        assert_int_equal(g.piece, 1); /* the one that is further away */
                        assert_false(next(1, &g));    /* one at a time */
                }
        }
}

static void places_that_others_need_are_left_to_them(void **state)
{
        (void)state;
        unsigned counts[PLACES] = { 0 };
        hedged_given_t g;

        set.n_pieces = 1;
        set.n_places = 3;
        begin();
        give_all(0, counts);
        for (unsigned v = 0; v < 3; v++)
                hedged_share_out_places(s)[v].busy_s = 0.5;
        assert_false(next(10, &g)); /* late as can be, but they are busy */
        assert_true(wake > 10 && wake < 10.1);
        assert_true(hedged_share_out_next(s, 10, true, true, &g, &wake));
        assert_true(g.again);
        assert_int_equal(g.piece, 0);
        begin();
        give_all(0, counts);
        assert_false(hedged_share_out_next(s, 10, true, false, &g, &wake)); /* idle, but pieces of others wait */
        assert_true(hedged_share_out_next(s, 10, false, false, &g, &wake));
        assert_false(g.again);
}

static void others_work_is_no_lateness(void **state)
{
        (void)state;
        hedged_given_t g;

        set.n_pieces = 1;
        set.n_places = 2;
        begin();
        hedged_share_out_places(s)[1].able = false;
        hedged_share_out_places(s)[0].busy_s = 10;
        assert_true(next(0, &g));
        hedged_share_out_places(s)[1].able = true;
        set.race = false;
        hedged_share_out_places(s)[0].busy_s = 2;
        assert_false(hedged_share_out_next(s, 9, true, false, &g, &wake));
        wake = INFINITY;
        assert_false(hedged_share_out_next(s, 13.7, true, false, &g, &wake));
        assert_true(fabs(wake - 13.752) < 1e-9); /* 1.25 times 11 */
}

static void what_is_lost_is_given_to_another(void **state)
{
        (void)state;
        unsigned counts[PLACES] = { 0 }, n;

        for (unsigned hedge = 0; hedge < 2; hedge++) {
                set.hedge = hedge;
                set.n_pieces = 4;
                set.n_places = 3;
                begin();
                assert_int_equal(give_all(0, counts), 4);
                n = hedged_share_out_under_way(s, 0);
                assert_true(n >= 1);
                hedged_share_out_lost(s, 0);
                assert_int_equal(hedged_share_out_waiting(s), n);
                assert_int_equal(hedged_share_out_under_way(s, 0), 0);
                counts[0] = counts[1] = counts[2] = 0;
                assert_int_equal(give_all(0.1, counts), n);
                assert_int_equal(counts[0], 0);
                assert_true(hedged_share_out_possible(s));
                hedged_share_out_lost(s, 1);
                hedged_share_out_lost(s, 1);
                assert_true(hedged_share_out_possible(s));
                hedged_share_out_lost(s, 2);
                assert_false(hedged_share_out_possible(s));
        }
}

static void without_hedging_nothing_is_done_twice(void **state)
{
        (void)state;
        unsigned counts[PLACES] = { 0 };
        hedged_given_t g;

        set.n_pieces = 2;
        set.hedge = false;
        set.first = 3;
        begin();
        assert_true(next(0, &g));
        assert_int_equal(g.place, 3); /* whose turn it is */
        assert_int_equal(g.piece, 0);
        assert_int_equal(give_all(0, counts), 1);
        assert_false(next(1000, &g));
        assert_true(isinf(wake));
        assert_false(hedged_share_out_next(s, 1000, false, true, &g, &wake));
}

static void copies_go_to_different_places(void **state)
{
        (void)state;
        unsigned counts[PLACES] = { 0 };

        set.copies = 2;
        set.n_pieces = 4;
        begin();
        assert_int_equal(give_all(0, counts), 8);
        for (unsigned i = 0; i < 4; i++) {
                unsigned n = 0;

                for (unsigned v = 0; v < PLACES; v++)
                        n += hedged_share_out_given(s, v, i) >= 0;
                assert_int_equal(n, 2);
        }
        hedged_share_out_lost(s, 0); /* others have those */
        assert_int_equal(hedged_share_out_waiting(s), 0);
        set.n_places = 1; /* there is one place only */
        begin();
        counts[0] = 0;
        assert_int_equal(give_all(0, counts), 2);
        assert_int_equal(hedged_share_out_waiting(s), 2);
}

static void the_coordinator_begins_at_the_end_and_is_not_left_alone(void **state)
{
        (void)state;
        hedged_given_t g;

        set.here = true;
        set.n_places = 2;
        set.n_pieces = 6;
        begin();
        for (unsigned i = 0; i < 4; i++) {
                assert_true(next(0, &g));
                assert_int_equal(g.piece, g.place ? 5 - i / 2 : i / 2);
        }
        assert_false(next(0, &g));
        hedged_share_out_lost(s, 0);
        assert_int_equal(hedged_share_out_waiting(s), 4);
        assert_false(hedged_share_out_possible(s));
        set.n_pieces = 1; /* it has all there is */
        begin();
        hedged_share_out_places(s)[0].busy_s = 1;
        assert_true(next(0, &g));
        assert_int_equal(g.place, 1);
        hedged_share_out_lost(s, 0);
        assert_true(hedged_share_out_possible(s));
}

/* ---- any places, played through ---- */

static uint64_t random_state = 1;

static double uniform(void)
{
        random_state = random_state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        return (double)(random_state >> 11) / 9007199254740992.0;
}

typedef struct flight {
        unsigned place, piece;
        double back;
} flight_t;

/* Boards take as long as is foreseen, one piece after the other.
 * @param gone  A place that falls silent at this time. @return when all is there. */
static double play(const double *rate, unsigned gone, double gone_at)
{
        flight_t flights[PLACES * PIECES];
        double now = 0, free[PLACES] = { 0 };
        unsigned n = 0, most = 0;

        begin();
        for (unsigned v = 0; v < set.n_places; v++)
                is_so_fast(v, rate[v]);
        while (hedged_share_out_missing(s) > 0) {
                hedged_given_t g;
                unsigned at = n;

                while (next(now, &g)) {
                        free[g.place] = fmax(free[g.place], now) + pieces[g.piece].macs / rate[g.place];
                        flights[n++] = (flight_t){ g.place, g.piece, free[g.place] };
                        most = hedged_share_out_under_way(s, g.place) > most ? hedged_share_out_under_way(s, g.place)
                                                                             : most;
                }
                at = n;
                for (unsigned i = 0; i < n; i++)
                        if ((flights[i].place != gone || flights[i].back <= gone_at) &&
                            (at == n || flights[i].back < flights[at].back))
                                at = i;
                assert_true(at < n || wake < INFINITY);
                if (at == n || wake < flights[at].back) {
                        now = wake + 1e-9;
                        continue;
                }
                now = flights[at].back;
                hedged_share_out_came(s, flights[at].place, flights[at].piece, now);
                flights[at] = flights[--n];
        }
        assert_true(most <= HEDGED_AT_A_TIME);
        return now;
}

static void any_places_are_used_well(void **state)
{
        (void)state;
        for (unsigned round = 0; round < 300; round++) {
                double rate[PLACES], sum = 0, slowest = INFINITY, took, longest = 0, macs = 0;

                set.n_places = 1 + (unsigned)(uniform() * PLACES);
                set.n_pieces = 1 + (unsigned)(uniform() * PIECES);
                for (unsigned i = 0; i < set.n_pieces; i++) {
                        pieces[i].macs = 0.5 + uniform();
                        macs += pieces[i].macs;
                        longest = fmax(longest, pieces[i].macs);
                }
                for (unsigned v = 0; v < set.n_places; v++) {
                        rate[v] = 0.2 + uniform();
                        sum += rate[v];
                        slowest = fmin(slowest, rate[v]);
                }
                took = play(rate, PLACES, 0);
                assert_true(took >= macs / sum - 1e-9);
                /* As list scheduling: until the last piece begins somewhere nobody is idle who could have it, and then it takes no longer
                 * than at the place that would be done first; two at a time delay that by one more. */
                assert_true(took <= macs / sum + 2 * longest * set.n_places / sum + 2 * longest / slowest);
        }
}

static void whoever_falls_silent_all_comes(void **state)
{
        (void)state;
        for (unsigned round = 0; round < 300; round++) {
                double rate[PLACES];

                set.n_places = 2 + (unsigned)(uniform() * (PLACES - 1));
                set.n_pieces = 1 + (unsigned)(uniform() * PIECES);
                for (unsigned v = 0; v < set.n_places; v++)
                        rate[v] = 0.2 + uniform();
                play(rate, (unsigned)(uniform() * set.n_places), uniform() * 3);
                assert_int_equal(hedged_share_out_missing(s), 0);
        }
}

static void others_work_is_counted_for_all(void **state)
{
        (void)state;
        static hedged_occupancy_t o;

        hedged_occupancy_add(&o, 3, 1500000);
        hedged_occupancy_add(&o, HEDGED_HERE, 500000);
        assert_true(fabs(hedged_occupancy_others_s(&o, 3, 0) - 1.5) < 1e-9);
        assert_true(fabs(hedged_occupancy_others_s(&o, 3, 1000000) - 0.5) < 1e-9);
        assert_true(hedged_occupancy_others_s(&o, 3, 2000000) <= 0 && hedged_occupancy_others_s(&o, 3, 2000000) >= 0);
        hedged_occupancy_add(&o, 3, -1500000);
        assert_true(hedged_occupancy_others_s(&o, 3, 0) <= 0);
        assert_true(fabs(hedged_occupancy_others_s(&o, HEDGED_HERE, 0) - 0.5) < 1e-9);
        for (unsigned i = 0; i < 3; i++) /* 16 places: 3 at a time */
                assert_true(hedged_occupancy_again(&o, 16));
        assert_false(hedged_occupancy_again(&o, 16));
        hedged_occupancy_again_over(&o, 2);
        assert_true(hedged_occupancy_again(&o, 16));
        hedged_occupancy_again_over(&o, 2);
        assert_true(hedged_occupancy_again(&o, 1)); /* one in any case */
        assert_false(hedged_occupancy_again(&o, 1));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                TEST(all_get_two_and_more_when_one_is_back),
                TEST(who_would_be_done_first_gets_it),
                TEST(links_delays_and_others_work_count),
                TEST(nobody_does_again_what_is_not_late),
                TEST(who_is_slow_is_overtaken),
                TEST(in_a_race_idle_places_beat_slow_ones),
                TEST(places_that_others_need_are_left_to_them),
                TEST(others_work_is_no_lateness),
                TEST(what_is_lost_is_given_to_another),
                TEST(without_hedging_nothing_is_done_twice),
                TEST(copies_go_to_different_places),
                TEST(the_coordinator_begins_at_the_end_and_is_not_left_alone),
                TEST(any_places_are_used_well),
                TEST(whoever_falls_silent_all_comes),
                TEST(others_work_is_counted_for_all),
#undef TEST
        };

        return cmocka_run_group_tests_name("share_out", tests, NULL, NULL);
}

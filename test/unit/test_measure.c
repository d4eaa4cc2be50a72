/* SPDX-License-Identifier: Apache-2.0 */
/* How fast boards are: what is told of their computing, and to whom. */
#include "test/unit/measure_bed.h"

/* The same for boards that share jobs: when `finish` of them have finished the others are cancelled. */
static void feed_jobs(hedged_measure_t *m, layer_random_t *r, const board_t *boards, unsigned n, unsigned finish,
                      unsigned jobs)
{
        for (unsigned job = 0; job < jobs; job++) {
                uint64_t macs = 10000000 * layer_between(r, 2, 20), up = 20000 * layer_between(r, 1, 20);
                uint64_t part = 5000 * layer_between(r, 1, 20), cancel_us = 0;
                hedged_task_sample_t s[16];

                for (unsigned i = 0; i < n; i++)
                        s[i] = task(r, &boards[i], macs, up, part);
                for (unsigned i = 0; i < n; i++) {
                        unsigned before = 0;

                        for (unsigned j = 0; j < n; j++)
                                before += s[j].elapsed_us < s[i].elapsed_us;
                        if (before == finish - 1)
                                cancel_us = s[i].elapsed_us;
                }
                for (unsigned i = 0; i < n; i++) {
                        char name[16];

                        if (s[i].elapsed_us > cancel_us) {
                                uint64_t later = s[i].first_compute_us, at = s[i].first_us;

                                s[i].cancelled = true;
                                s[i].elapsed_us = cancel_us;
                                s[i].parts_done = 0;
                                for (; s[i].parts_done < parts && at <= cancel_us; at += later)
                                        s[i].parts_done++;
                                s[i].macs_done = macs / parts * s[i].parts_done;
                                s[i].compute_us = s[i].first_compute_us * s[i].parts_done;
                        }
                        snprintf(name, sizeof(name), "b%u", i);
                        hedged_measure_task(m, name, &s[i]);
                }
        }
}

/* ---- computing ---- */

static void a_board_never_heard_of_is_the_prior(void **state)
{
        hedged_measure_t *m = start(NULL);
        hedged_speed_t s = speed(m, "new");

        (void)state;
        assert_near(s.macs_per_s, 2.5e9, 1e-9);
        assert_near(s.spread, 0.2, 1e-9);
        assert_near(s.up_bytes_per_s, 100 * MBIT, 1e-9);
        assert_near(s.down_bytes_per_s, 100 * MBIT, 1e-9);
        assert_int_equal(s.tasks, 0);
        hedged_measure_here(m, &s);
        assert_near(s.macs_per_s, 2e10, 1e-9);
        assert_near(s.up_bytes_per_s, 1000 * MBIT, 1e-9);
        hedged_measure_destroy(&m);
        assert_null(m);
        hedged_measure_destroy(&m);
}

static void a_steady_board_is_steady(void **state)
{
        const board_t board = { .macs_per_s = 7.5e8, .noise = 0.03, .bytes_per_s = 100 * MBIT };

        (void)state;
        for (uint64_t seed = 1; seed <= 20; seed++) {
                layer_random_t r = { seed };
                hedged_measure_t *m = start(NULL);

                feed(m, "pi", &r, &board, 200);
                assert_near(speed(m, "pi").macs_per_s, 7.5e8, 0.06);
                if (speed(m, "pi").spread > 0.05)
                        fail_msg("seed %d: spread %g", (int)seed, speed(m, "pi").spread);
                assert_int_equal(speed(m, "pi").tasks, 200);
                hedged_measure_destroy(&m);
        }
}

static void spread_is_found(void **state)
{
        static const double spreads[] = { 0.3, 1, 3 };

        (void)state;
        for (unsigned k = 0; k < 3; k++) {
                const board_t board = { .macs_per_s = 4e9, .spread = spreads[k], .bytes_per_s = 100 * MBIT };
                double mean = 0;

                for (uint64_t seed = 1; seed <= 20; seed++) {
                        layer_random_t r = { seed };
                        hedged_measure_t *m = start(NULL);

                        feed(m, "pi", &r, &board, 200);
                        assert_near(speed(m, "pi").spread, spreads[k], 0.2);
                        assert_near(speed(m, "pi").macs_per_s, 4e9, 0.08);
                        mean += speed(m, "pi").spread / 20;
                        hedged_measure_destroy(&m);
                }
                assert_near(mean, spreads[k], 0.03); /* without a bias */
        }
}

static void what_was_cancelled_counts(void **state)
{
        static const double spreads[] = { 0.3, 1, 3, 0.3, 1 };
        const unsigned n = 10;

        (void)state;
        for (unsigned k = 0; k < 5; k++) {
                layer_random_t r = { k + 1 };
                hedged_measure_t *m = start(NULL);
                double spread = 0, rate = 0, delay = 0;
                board_t boards[16];

                parts = k < 3 ? 4 : 1; /* of one part nothing comes of any late board */
                for (unsigned i = 0; i < n; i++)
                        boards[i] = (board_t){ .macs_per_s = 7.5e8,
                                               .spread = spreads[k],
                                               .noise = 0.01,
                                               .bytes_per_s = 100 * MBIT,
                                               .delay_s = 0.003 };
                feed_jobs(m, &r, boards, n, 6, 200);
                for (unsigned i = 0; i < n; i++) {
                        char name[16];
                        hedged_speed_t s;

                        name_of(name, i);
                        s = speed(m, name);
                        assert_near(s.spread, spreads[k], 0.4);
                        assert_near(s.up_bytes_per_s, 100 * MBIT, 0.1);
                        spread += s.spread / n;
                        rate += s.macs_per_s / n;
                        delay += s.delay_s / n;
                }
                parts = 4;
                assert_near(spread, spreads[k], 0.12);
                assert_near(rate, 7.5e8, 0.08);
                assert_near(delay, 0.003, 0.15);
                hedged_measure_destroy(&m);
        }
}

/* The same cancelling, but it is the way that is slow at random: computing is not to be blamed. */
static void late_on_the_way_is_not_slow(void **state)
{
        const unsigned n = 10;
        layer_random_t r = { 7 };
        hedged_measure_t *m = start(NULL);
        board_t boards[16];
        double delay = 0;

        (void)state;
        for (unsigned i = 0; i < n; i++)
                boards[i] = (board_t){ .macs_per_s = 2.5e9, .noise = 0.02, .bytes_per_s = 100 * MBIT, .delay_s = 0.05 };
        feed_jobs(m, &r, boards, n, 6, 200);
        for (unsigned i = 0; i < n; i++) {
                char name[16];
                hedged_speed_t s;

                name_of(name, i);
                s = speed(m, name);
                delay += s.delay_s / n;
                assert_near(s.delay_s, 0.05, 0.5);
                assert_near(s.macs_per_s, 2.5e9, 0.1);
                assert_near(s.up_bytes_per_s, 100 * MBIT, 0.4);
                assert_true(s.spread < 0.25);
        }
        assert_near(delay, 0.05, 0.1);
        hedged_measure_destroy(&m);
}

/* Every task of one board is cancelled: it counts as slow, though how slow nobody has seen. */
static void never_finishing_is_slow(void **state)
{
        hedged_task_sample_t s = { .macs_asked = 100000000, .parts_asked = 4, .elapsed_us = 500000, .cancelled = true };
        hedged_measure_t *m = start(NULL);

        (void)state;
        s.up_bytes = 100000;
        s.part_bytes = 10000;
        for (unsigned i = 0; i < 60; i++)
                hedged_measure_task(m, "stuck", &s);
        assert_int_equal(speed(m, "stuck").tasks, 60);
        assert_true(speed(m, "stuck").macs_per_s / (1 + speed(m, "stuck").spread) < 2e8);
        assert_true(isfinite(speed(m, "stuck").spread) && isfinite(speed(m, "stuck").delay_s));
        hedged_measure_destroy(&m);
}

static void changes_for_good_are_noticed(void **state)
{
        static const double spreads[] = { 0, 1 };

        (void)state;
        for (unsigned k = 0; k < 2; k++) {
                const board_t fast = { 2e9, spreads[k], 0.02, 100 * MBIT, 0.001, 0 };
                const board_t slow = { 1e9, spreads[k], 0.02, 50 * MBIT, 0.001, 0 };
                layer_random_t r = { k + 1 };
                hedged_measure_t *m = start(NULL);

                feed(m, "pi", &r, &fast, 400);
                assert_near(speed(m, "pi").macs_per_s, 2e9, 0.08);
                feed(m, "pi", &r, &slow, 55);
                assert_near(speed(m, "pi").macs_per_s, 1e9, 0.12);
                if (k > 0)
                        assert_near(speed(m, "pi").spread, spreads[k], 0.3);
                assert_true(k > 0 || speed(m, "pi").spread < 0.1);
                assert_near(speed(m, "pi").up_bytes_per_s, 50 * MBIT, 0.12);
                feed(m, "pi", &r, &slow, 300);
                feed(m, "pi", &r, &fast, k ? 16 : 3);
                assert_near(speed(m, "pi").macs_per_s, 2e9, k ? 0.3 : 0.08);
                feed(m, "pi", &r, &fast, 8);
                assert_near(speed(m, "pi").up_bytes_per_s, 100 * MBIT, 0.15);
                hedged_measure_destroy(&m);
        }
}

/* ---- what boards may say ---- */

static void nonsense_does_no_harm(void **state)
{
        layer_random_t r = { 11 };
        hedged_measure_t *m = start(NULL);

        (void)state;
        for (unsigned i = 0; i < 5000; i++) {
                uint64_t *fields[8];
                hedged_task_sample_t s = any_task(&r, &(board_t){ 1e9, 1, 0, 1e6, 0.01, 0 });
                hedged_speed_t v;

                fields[0] = &s.macs_asked, fields[1] = &s.macs_done, fields[2] = &s.compute_us;
                fields[3] = &s.elapsed_us, fields[4] = &s.first_us, fields[5] = &s.first_compute_us;
                fields[6] = &s.up_bytes, fields[7] = &s.part_bytes;
                for (unsigned k = layer_between(&r, 1, 3); k > 0; k--)
                        *fields[layer_between(&r, 0, 7)] = layer_between(&r, 0, 2) ? (uint64_t)layer_next(&r)
                                                                                             << layer_between(&r, 0, 32)
                                                           : layer_between(&r, 0, 1) ? 0
                                                                                     : UINT64_MAX;
                if (layer_between(&r, 0, 3) == 0)
                        s.parts_done = 0, s.cancelled = true;
                if (layer_between(&r, 0, 9) == 0)
                        s.parts_asked = 0;
                hedged_measure_task(m, "liar", &s);
                v = speed(m, "liar");
                assert_true(v.macs_per_s >= 99 && v.macs_per_s <= 2.01e14);
                assert_true(v.spread >= 0 && v.spread < 1e6);
                assert_true(v.up_bytes_per_s >= 1e4 && v.up_bytes_per_s <= 1.25e10);
                assert_true(v.delay_s >= 0 && v.delay_s < 1e7);
        }
        hedged_measure_destroy(&m);
}

static void the_coordinator_is_measured_too(void **state)
{
        hedged_measure_t *m = start(NULL);
        hedged_speed_t s;

        (void)state;
        for (unsigned i = 0; i < 100; i++) {
                hedged_measure_local(m, 50000000, 10000 + i % 3 * 100);
                hedged_measure_local(m, 1000, 40); /* too short to say anything */
        }
        hedged_measure_local(m, 0, 1000);
        hedged_measure_here(m, &s);
        assert_near(s.macs_per_s, 5e9, 0.05);
        assert_true(s.spread < 0.05);
        assert_int_equal(s.tasks, 100);
        hedged_measure_destroy(&m);
}

static void the_coordinators_rate_is_timed_where_nobody_says_it(void **state)
{
        hedge_kernels_t *kernels;
        hedged_measure_t *m = NULL;
        hedged_speed_t s;
        hedge_why_t why;

        (void)state;
        config.prior.here_macs_per_s = 0;
        m = start(NULL);
        hedged_measure_here(m, &s);
        assert_near(s.macs_per_s, 2.5e9, 1e-9);
        hedged_measure_destroy(&m);
        config.prior.board_macs_per_s = 10000; /* no machine is so slow */
        assert_int_equal(hedge_kernels_new(NULL, 1, &kernels), 0);
        assert_int_equal(hedged_measure_new(&config, NULL, kernels, &m, &why), 0);
        hedge_kernels_destroy(&kernels);
        hedged_measure_here(m, &s);
        assert_true(s.macs_per_s > 1e6 && s.macs_per_s < 1e14);
        hedged_measure_destroy(&m);
}

/* ---- snapshots ---- */

static void ignore_change(void *arg, hedged_board_t *board, bool restarted)
{
        (void)arg;
        (void)board;
        (void)restarted;
}

static hedged_board_t *join(hedged_cluster_t *cluster, const char *name)
{
        hedge_msg_hello_t hello = { .incarnation = 1, .cores = 4 };
        hedge_route_t route = { .size = 2, .bytes = { (uint8_t)name[0], (uint8_t)name[1] } };
        hedged_board_t *board = NULL;

        snprintf(hello.board, sizeof(hello.board), "%s", name);
        assert_int_equal(hedged_cluster_hello(cluster, &hello, &route, 7, 1000, &board), 0);
        return board;
}

static void a_snapshot_has_the_boards_by_number(void **state)
{
        layer_random_t r = { 1 };
        hedged_measure_t *m = start(NULL);
        hedged_cluster_t *cluster;
        hedged_speeds_t s;

        (void)state;
        assert_int_equal(hedged_cluster_new(4, 500, 3, 60000, ignore_change, NULL, &cluster), 0);
        join(cluster, "aa");
        hedged_cluster_lost(cluster, join(cluster, "bb"));
        join(cluster, "cc");
        feed(m, "bb", &r, &(board_t){ 1e9, 0, 0.01, 50 * MBIT, 0, 0 }, 100);
        feed(m, "cc", &r, &(board_t){ 4e9, 0, 0.01, 50 * MBIT, 0, 0 }, 100);
        hedged_measure_snapshot(m, cluster, &s);
        assert_int_equal(s.boards, 4);
        assert_near(s.here.macs_per_s, 2e10, 1e-9);
        assert_near(s.board[0].macs_per_s, 2.5e9, 1e-9);
        assert_near(s.board[1].macs_per_s, 1e9, 0.05);
        assert_near(s.board[2].macs_per_s, 4e9, 0.05);
        assert_near(s.board[3].macs_per_s, 2.5e9, 1e-9);
        assert_true(s.usable[0] && !s.usable[1] && s.usable[2] && !s.usable[3]);
        assert_true(s.cores[0] == 4 && s.cores[3] == 0 && s.here_cores > 0);
        hedged_cluster_destroy(&cluster);
        hedged_measure_destroy(&m);
}

/* A board's messages cost four times what was expected, the coordinator's own twice. */
static void what_messages_cost_is_in_the_snapshot(void **state)
{
        layer_random_t r = { 1 };
        hedged_measure_t *m = start(NULL);
        hedged_cluster_t *cluster;
        hedged_speeds_t s;
        double each_s;

        (void)state;
        assert_int_equal(hedged_cluster_new(2, 500, 3, 60000, ignore_change, NULL, &cluster), 0);
        join(cluster, "aa");
        join(cluster, "bb");
        feed(m, "bb", &r, &(board_t){ 1e9, 0, 0.01, 50 * MBIT, 0, 0 }, 10);
        hedged_measure_snapshot(m, cluster, &s);
        each_s = s.costs.message_s;
        assert_true(each_s > 0 && s.slower[0] == 0 && s.slower[1] == 0);
        hedged_measure_messages(m, "nobody", &(hedged_toll_totals_t){ 1, 1000, 0 });
        hedged_measure_messages(m, "bb", &(hedged_toll_totals_t){ 4000 * each_s, 1000, 0 });
        hedged_measure_snapshot(m, cluster, &s);
        assert_near(s.slower[1], 4, 1e-9);
        hedged_measure_messages(m, NULL, &(hedged_toll_totals_t){ 2000 * each_s, 1000, 0 });
        hedged_measure_snapshot(m, cluster, &s);
        assert_near(s.costs.message_s, 2 * each_s, 1e-9);
        assert_near(s.slower[1], 2, 1e-9);
        assert_true(s.slower[0] == 0);
        hedged_cluster_destroy(&cluster);
        hedged_measure_destroy(&m);
}

static void only_what_matters_is_drift(void **state)
{
        hedged_speeds_t then = { .boards = 3, .here = { 1e10, 0, 1e8, 1e8, 0, 50 } }, now;

        (void)state;
        for (unsigned i = 0; i < 3; i++) {
                then.board[i] = (hedged_speed_t){ 1e9, 0.5, 1e7, 1e7, 0.001, 50 };
                then.usable[i] = i < 2;
        }
        now = then;
        assert_false(hedged_measure_drifted(&then, &now));
        now.board[1].tasks = 60;
        now.board[1].macs_per_s = 1.2e9;
        now.board[1].delay_s = 0.0029; /* much more, and yet nothing */
        assert_false(hedged_measure_drifted(&then, &now));
        now.board[1].macs_per_s = 1.3e9;
        assert_true(hedged_measure_drifted(&then, &now));
        assert_true(hedged_measure_drifted(&now, &then));
        now.usable[1] = false;
        assert_false(hedged_measure_drifted(&then, &now));
        now = then;
        now.board[0].tasks = 60;
        now.board[0].spread = 1;
        assert_true(hedged_measure_drifted(&then, &now));
        now.board[0].spread = 0.5;
        now.board[0].up_bytes_per_s = 7e6;
        assert_true(hedged_measure_drifted(&then, &now));
        now = then;
        now.board[0].tasks = 60;
        now.board[0].delay_s = 0.004;
        assert_true(hedged_measure_drifted(&then, &now));
        now.board[0].tasks = 51; /* by one task alone */
        assert_false(hedged_measure_drifted(&then, &now));
        now.board[0].tasks = 10; /* another board in its place */
        assert_true(hedged_measure_drifted(&then, &now));
        now = then;
        now.here.macs_per_s = 5e9;
        now.here.tasks = 90;
        assert_true(hedged_measure_drifted(&then, &now));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(a_board_never_heard_of_is_the_prior),
                TEST(a_steady_board_is_steady),
                TEST(spread_is_found),
                TEST(what_was_cancelled_counts),
                TEST(late_on_the_way_is_not_slow),
                TEST(never_finishing_is_slow),
                TEST(changes_for_good_are_noticed),
                TEST(nonsense_does_no_harm),
                TEST(the_coordinator_is_measured_too),
                TEST(the_coordinators_rate_is_timed_where_nobody_says_it),
                TEST(a_snapshot_has_the_boards_by_number),
                TEST(what_messages_cost_is_in_the_snapshot),
                TEST(only_what_matters_is_drift),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

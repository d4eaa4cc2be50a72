/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/plan/strips.h"

#define MOST    24
#define ENDLESS 1e30

static hedged_speeds_t speeds;
static hedged_team_t team;
static hedged_strip_t windows[3 * MOST];
static hedged_luck_t *luck;

/* Boards of a unit of work per second and links without end; nothing else costs anything. */
static void boards(unsigned n)
{
        const hedged_speed_t one = { .macs_per_s = 1, .up_bytes_per_s = ENDLESS, .down_bytes_per_s = ENDLESS };

        speeds = (hedged_speeds_t){ .boards = n, .here = one, .here_cores = 1 };
        team = (hedged_team_t){ .boards = n };
        for (unsigned b = 0; b < n; b++) {
                speeds.board[b] = one;
                speeds.cores[b] = 2;
                speeds.slower[b] = 1;
                speeds.usable[b] = team.may[b] = true;
        }
}

static hedged_forecast_t play(unsigned n, hedged_strip_t each, bool hedged, unsigned copies)
{
        const hedged_strips_t strips = { .n = n, .strips = windows, .copies = copies, .hedged = hedged };
        hedged_forecast_t f;

        for (unsigned i = 0; i < n; i++)
                windows[i] = each;
        assert_int_equal(hedged_strips_simulate(&speeds, &strips, &team, luck, &f), 0);
        return f;
}

static double takes(unsigned n, double work)
{
        return play(n, (hedged_strip_t){ .work = work }, true, 1).mean_s;
}

static void near(double a, double b)
{
        if (!(fabs(a - b) <= 1e-6 * b))
                fail_msg("%.9g is not %.9g", a, b);
}

static void work_is_shared(void **state)
{
        (void)state;
        for (unsigned n = 1; n <= MOST; n++) {
                boards(n);
                near(takes(n, 6), 6);
                near(takes(3 * n, 2), 6);
                near(takes(1, 6), 6);
        }
}

/* A board of a quarter of the others' rate does what it can meanwhile. */
static void slow_board_gets_less(void **state)
{
        (void)state;
        boards(4);
        speeds.board[2].macs_per_s = 0.25;
        assert_true(takes(13, 1) >= 4);
        assert_true(takes(13, 1) <= 5); /* a window more than with windows without end */
        assert_true(takes(52, 0.25) <= 4.5);
}

/* Each return takes the mean delay; two windows are on a board at a time. */
static void delays_are_returns(void **state)
{
        (void)state;
        boards(3);
        for (unsigned b = 0; b < 3; b++)
                speeds.board[b].delay_s = HEDGED_NOISE_DELAY_S;
        near(takes(3, 1), 1 + HEDGED_NOISE_DELAY_S);
        near(takes(6, 1), 2 + HEDGED_NOISE_DELAY_S);
        near(takes(18, 1e-12), 3 * HEDGED_NOISE_DELAY_S); /* 6 windows each */
}

static void links_are_shared(void **state)
{
        const hedged_strip_t each = { .up_bytes = 100, .down_bytes = 50 };

        (void)state;
        boards(5);
        speeds.here.up_bytes_per_s = speeds.here.down_bytes_per_s = 1000;
        near(play(5, each, true, 1).mean_s, 0.5 + 4 * 0.05); /* all at once, and answers one after the other */
        for (unsigned b = 0; b < 5; b++)
                speeds.board[b].up_bytes_per_s = speeds.board[b].down_bytes_per_s = 10;
        near(play(5, each, true, 1).mean_s, 10 + 5 + 4 * 0.05);
        near(play(5, each, true, 1).up_bytes, 500);
        near(play(5, each, true, 1).down_bytes, 250);
}

/* The second window's input comes while the first is computed. */
static void inputs_overtake_computing(void **state)
{
        const hedged_strip_t each = { .work = 3, .up_bytes = 10 };

        (void)state;
        boards(1);
        speeds.board[0].up_bytes_per_s = 10;
        near(play(2, each, true, 1).mean_s, 1 + 3 + 3);
        near(play(5, each, true, 1).mean_s, 1 + 5 * 3);
}

static void processors_take_time(void **state)
{
        const hedged_strip_t each = { .work = 1, .up_bytes = 1, .down_bytes = 1, .up_elements = 1, .down_elements = 1 };
        hedged_forecast_t f;

        (void)state;
        boards(1);
        speeds.costs = (hedged_costs_t){ .message_s = 0.1, .byte_s = 0.01, .entry_s = 0.001, .layer_s = 0.5 };
        speeds.slower[0] = 2;
        f = play(1, each, true, 1);
        near(f.here_s, 2 * 0.111 + 0.5);
        near(f.mean_s, 0.111 + 2 * 0.11 + 1 + 2 * 0.11 + 0.111 + 0.5);
        speeds.cores[0] = 1; /* then the answer of the first window keeps the second one waiting */
        assert_true(play(2, each, true, 1).mean_s > 2.2 + 2 * 2 * 0.11);
}

/* One of four is 51 times slower this time: what it has is done again. */
static void late_ones_are_redone(void **state)
{
        static double slow[4] = { 0, 0, 50, 0 }, none[4];
        static hedged_luck_t bad = { .trials = 1, .boards = 4, .slow = slow, .in = none, .out = none };
        hedged_luck_t *kept = luck;

        (void)state;
        boards(4);
        for (unsigned b = 0; b < 4; b++)
                speeds.board[b].spread = 1;
        luck = &bad;
        assert_true(play(8, (hedged_strip_t){ .work = 1 }, false, 1).mean_s > 50);
        assert_true(play(8, (hedged_strip_t){ .work = 1 }, true, 1).mean_s < 6);
        assert_true(play(8, (hedged_strip_t){ .work = 1 }, true, 1).asked > 8);
        /* a second copy from the start does as well without */
        assert_true(play(4, (hedged_strip_t){ .work = 1 }, false, 2).mean_s < 6);
        assert_int_equal(play(4, (hedged_strip_t){ .work = 1 }, false, 2).asked, 8);
        luck = kept;
}

/* A network in one piece on a board that is late: another one does it, when 95 of 100 would have been done. */
static void one_piece_is_redone(void **state)
{
        static double slow[2] = { 99, 99 }, none[2];
        static hedged_luck_t bad = { .trials = 1, .boards = 2, .slow = slow, .in = none, .out = none };
        hedged_luck_t *kept = luck;

        (void)state;
        boards(2);
        speeds.board[0].spread = speeds.board[1].spread = 1;
        slow[1] = 0;
        luck = &bad;
        near(play(1, (hedged_strip_t){ .work = 10 }, false, 1).mean_s, 10 * (1 + 0.05 + 0.95 * 99));
        assert_true(play(1, (hedged_strip_t){ .work = 10 }, true, 1).mean_s < 1.25 * 40 + 11);
        assert_true(play(1, (hedged_strip_t){ .work = 10 }, true, 1).mean_s > 1.25 * 40);
        slow[0] = slow[1] = 0;
        near(play(1, (hedged_strip_t){ .work = 10 }, true, 1).asked, 1);
        luck = kept;
}

static void coordinator_helps(void **state)
{
        (void)state;
        boards(3);
        team.here = 1;
        near(takes(4, 5), 5);
        team.here = 0.25;
        assert_true(takes(13, 1) >= 4 && takes(13, 1) <= 5);
        team.boards = 0;
        memset(team.may, 0, sizeof(team.may));
        near(takes(3, 1), 12);
        team.here = 0;
        assert_true(isinf(takes(3, 1)));
}

/* Its messages slow its computing down, by the part of its cores that they take. */
static void messages_stop_its_computing(void **state)
{
        (void)state;
        boards(1);
        team.here = 1;
        near(takes(2, 10), 10);
        speeds.costs.message_s = 0.25;
        near(takes(2, 10), 10 + 4 * 0.25); /* the board's way: both ends of both messages */
        speeds.board[0].macs_per_s = 1.1;  /* its answer comes first */
        near(takes(2, 10), 10 + 2 * 0.25);
        speeds.here_cores = 2;
        near(takes(2, 10), 10 + 1 * 0.25);
}

/* Requests that have a part of the boards get all of them in turn, and only those that may. */
static void boards_take_turns(void **state)
{
        hedged_luck_t *kept = luck;

        (void)state;
        assert_int_equal(hedged_luck_new(12, MOST, 3, &luck), 0);
        boards(4);
        team.boards = 1;
        speeds.board[1].macs_per_s = 0.5;
        speeds.board[3].macs_per_s = 0.25;
        near(takes(1, 1), (1 + 2 + 1 + 4) / 4.);
        team.may[3] = false;
        near(takes(1, 1), (1 + 2 + 1) / 3.);
        speeds.usable[1] = false;
        near(takes(1, 1), 1);
        hedged_luck_destroy(&luck);
        luck = kept;
}

static void same_again(void **state)
{
        hedged_forecast_t a, b;

        (void)state;
        boards(7);
        for (unsigned i = 0; i < 7; i++) {
                speeds.board[i].spread = 0.5;
                speeds.board[i].delay_s = 0.1;
        }
        a = play(21, (hedged_strip_t){ .work = 1, .up_bytes = 1 }, true, 1);
        b = play(21, (hedged_strip_t){ .work = 1, .up_bytes = 1 }, true, 1);
        assert_memory_equal(&a, &b, sizeof(a));
        assert_true(a.mean_s > 3 && a.p99_s > a.mean_s);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(work_is_shared),
                cmocka_unit_test(slow_board_gets_less),
                cmocka_unit_test(delays_are_returns),
                cmocka_unit_test(links_are_shared),
                cmocka_unit_test(inputs_overtake_computing),
                cmocka_unit_test(processors_take_time),
                cmocka_unit_test(late_ones_are_redone),
                cmocka_unit_test(one_piece_is_redone),
                cmocka_unit_test(coordinator_helps),
                cmocka_unit_test(messages_stop_its_computing),
                cmocka_unit_test(boards_take_turns),
                cmocka_unit_test(same_again),
        };
        int r;

        if (hedged_luck_new(8, MOST, 1, &luck) < 0)
                return 1;
        r = cmocka_run_group_tests(tests, NULL, NULL);
        hedged_luck_destroy(&luck);
        return r;
}

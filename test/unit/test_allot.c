/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "daemon/models/allot.h"

#define NODES 30u

/* One that covers all segments, then three segments and one across two of them. */
static const hedged_allot_t example[] = {
        { .first = 0, .last = NODES, .bytes = 1000, .saves_s = 1, .all = true },
        { .first = 0, .last = 10, .bytes = 100, .saves_s = 0.2 },
        { .first = 10, .last = 20, .bytes = 300, .saves_s = 0.5 },
        { .first = 20, .last = NODES, .bytes = 600, .saves_s = 0.1 },
        { .first = 5, .last = 20, .bytes = 350, .saves_s = 0.4 },
};

#define N (sizeof(example) / sizeof(example[0]))

static hedged_allot_t blocks[N];

static void begin(void)
{
        for (unsigned i = 0; i < N; i++)
                blocks[i] = example[i];
}

/* Bit i: block i is chosen. */
static unsigned choose(uint64_t room)
{
        unsigned chosen = 0;

        hedged_allot(blocks, N, room);
        for (unsigned i = 0; i < N; i++)
                chosen |= (unsigned)blocks[i].chosen << i;
        return chosen;
}

static unsigned choose_anew(uint64_t room)
{
        begin();
        return choose(room);
}

static void where_there_is_room_it_is_one_for_all(void **state)
{
        (void)state;
        assert_int_equal(choose_anew(1000), 1u << 0);
        assert_int_equal(choose_anew(UINT64_MAX), 1u << 0);
}

static void else_what_saves_most_for_its_bytes(void **state)
{
        (void)state;
        assert_int_equal(choose_anew(99), 0);
        assert_int_equal(choose_anew(100), 1u << 1);
        assert_int_equal(choose_anew(350), 1u << 1); /* 0.2 / 100 is more than 0.5 / 300 */
        assert_int_equal(choose_anew(400), 1u << 1 | 1u << 2);
        assert_int_equal(choose_anew(749), 1u << 1 | 1u << 2);
        assert_int_equal(choose_anew(999), 1u << 1 | 1u << 2 | 1u << 4);
}

static void what_the_plan_says_comes_first(void **state)
{
        (void)state;
        begin();
        blocks[3].planned = true;
        assert_int_equal(choose(650), 1u << 3);
        begin();
        blocks[3].planned = true;
        assert_int_equal(choose(700), 1u << 3 | 1u << 1);
        begin();
        blocks[3].planned = true;
        assert_int_equal(choose(599), 1u << 1 | 1u << 2); /* it does not fit this board */
}

static void what_saves_nothing_is_left_alone(void **state)
{
        (void)state;
        begin();
        blocks[1].saves_s = 0;
        assert_int_equal(choose(299), 0);
        blocks[1].planned = true;
        assert_int_equal(choose(299), 1u << 1);
}

static void what_was_refused_is_not_chosen(void **state)
{
        (void)state;
        begin();
        blocks[0].refused = true;
        assert_int_equal(choose(2000), 1u << 1 | 1u << 2 | 1u << 3 | 1u << 4);
        begin();
        blocks[1].refused = blocks[2].refused = true;
        assert_int_equal(choose(400), 1u << 4);
}

static void what_is_held_stays_and_counts(void **state)
{
        (void)state;
        begin();
        blocks[3].chosen = true;
        assert_int_equal(choose(600), 1u << 3);
        assert_int_equal(choose(10), 1u << 3); /* even where there is less than it takes */
        assert_int_equal(choose(700), 1u << 3 | 1u << 1);
        begin();
        blocks[3].chosen = true;
        assert_int_equal(choose(1600), 1u << 3 | 1u << 0); /* there is room for both */
}

static void what_is_inside_is_not_chosen_too(void **state)
{
        (void)state;
        begin();
        blocks[4].chosen = true; /* of nodes 5 .. 19, so also 10 .. 19 */
        assert_int_equal(choose(750), 1u << 4 | 1u << 1);
}

/* One of an earlier plan: whoever has it needs nothing else, nobody else gets it. */
static void what_was_for_all_before_does_as_well(void **state)
{
        (void)state;
        begin();
        blocks[0].all = false;
        blocks[0].saves_s = 0;
        blocks[4].all = true;
        assert_int_equal(choose(2000), 1u << 4 | 1u << 1 | 1u << 3);
        begin();
        blocks[0].all = false;
        blocks[0].saves_s = 0;
        blocks[0].chosen = true;
        blocks[4].all = true;
        assert_int_equal(choose(2000), 1u << 0);
}

/* Two runs with much between them: the plan has boards hold both, and no block is for all. */
static void runs_apart_are_both_held(void **state)
{
        (void)state;
        begin();
        blocks[0].all = false;
        blocks[0].saves_s = 0;
        blocks[1].planned = blocks[3].planned = true;
        blocks[2].saves_s = blocks[4].saves_s = 0;
        assert_int_equal(choose(2000), 1u << 1 | 1u << 3);
}

static void nothing_is_over_its_room(void **state)
{
        (void)state;
        for (uint64_t room = 0; room < 1200; room++) {
                const unsigned chosen = choose_anew(room);
                uint64_t bytes = 0;

                for (unsigned i = 0; i < N; i++)
                        bytes += chosen >> i & 1 ? example[i].bytes : 0;
                assert_true(bytes <= room);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(where_there_is_room_it_is_one_for_all),
                cmocka_unit_test(else_what_saves_most_for_its_bytes),
                cmocka_unit_test(what_the_plan_says_comes_first),
                cmocka_unit_test(what_saves_nothing_is_left_alone),
                cmocka_unit_test(what_was_refused_is_not_chosen),
                cmocka_unit_test(what_is_held_stays_and_counts),
                cmocka_unit_test(what_is_inside_is_not_chosen_too),
                cmocka_unit_test(what_was_for_all_before_does_as_well),
                cmocka_unit_test(runs_apart_are_both_held),
                cmocka_unit_test(nothing_is_over_its_room),
        };

        return cmocka_run_group_tests_name("allot", tests, NULL, NULL);
}

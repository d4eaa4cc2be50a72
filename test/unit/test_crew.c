/* SPDX-License-Identifier: Apache-2.0 */
/* Who draws from which shard, who is asked, who is late. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/code/conv/code.h"
#include "common/code/random.h"
#include "daemon/train/co3/crew.h"

#define NONE UINT32_MAX

/* All orders since the last look, and what came of them. */
static struct {
        hedged_order_t steps[HEDGE_CODE_MAX_BOARDS];
        bool asked[HEDGE_CODE_MAX_BOARDS];
        unsigned n_steps, n_shards, n_joins, n_notes;
        char notes[16][160];
} seen;

static hedged_crew_t *crew;
static bool keeps_shards; /* SHARD is answered at once */

static void look(void)
{
        hedged_order_t order;

        memset(&seen, 0, sizeof(seen));
        while (hedged_crew_next(crew, &order)) {
                switch (order.kind) {
                case HEDGED_ORDER_NOTE:
                        snprintf(seen.notes[seen.n_notes++ % 16], sizeof(seen.notes[0]), "%s", order.text);
                        break;
                case HEDGED_ORDER_JOIN:
                        seen.n_joins++;
                        break;
                case HEDGED_ORDER_SHARD:
                        seen.n_shards++;
                        if (keeps_shards)
                                hedged_crew_holds(crew, order.board, order.shard);
                        break;
                case HEDGED_ORDER_STEP:
                        assert_false(seen.asked[order.board]);
                        seen.asked[order.board] = true;
                        seen.steps[order.board] = order;
                        seen.n_steps++;
                        break;
                }
        }
}

static void come(unsigned board)
{
        char name[32];

        snprintf(name, sizeof(name), "board-%u", board);
        assert_int_equal(hedged_crew_here(crew, board, name), 0);
        look();
        assert_int_equal(seen.n_joins, 1);
        hedged_crew_joined(crew, board);
}

static void start(uint32_t shards, unsigned boards, uint64_t quorum, uint64_t step)
{
        hedged_crew_destroy(&crew);
        keeps_shards = true;
        assert_int_equal(hedged_crew_new(shards, quorum, step, &crew), 0);
        for (unsigned b = 0; b < boards; b++)
                come(b);
        assert_int_equal(hedged_crew_joining(crew), 0);
        hedged_crew_start(crew);
        look();
        assert_int_equal(hedged_crew_loading(crew), 0);
}

static int end(void **state)
{
        hedged_crew_destroy(&crew);
        return 0;
}

static uint64_t begin(void)
{
        const uint64_t step = hedged_crew_begin(crew);

        look();
        return step;
}

static void answer_all(uint64_t step)
{
        for (unsigned b = 0; b < HEDGE_CODE_MAX_BOARDS; b++)
                if (seen.asked[b])
                        assert_int_equal(hedged_crew_answered(crew, b, step), HEDGED_ANSWER_COUNTS);
        assert_true(hedged_crew_enough(crew));
        hedged_crew_end(crew);
}

static bool noted(const char *text)
{
        for (unsigned i = 0; i < seen.n_notes && i < 16; i++)
                if (strcmp(seen.notes[i], text) == 0)
                        return true;
        return false;
}

/* ---- the ordinary way ---- */

static void every_board_has_its_shard(void **state)
{
        start(4, 4, 0, 0);
        assert_int_equal(seen.n_shards, 4);
        for (uint64_t step = 1; step <= 20; step++) {
                assert_int_equal(begin(), step);
                assert_int_equal(seen.n_steps, 4);
                for (unsigned b = 0; b < 4; b++) {
                        const hedged_order_t *o = &seen.steps[b];

                        assert_int_equal(o->shard, b);
                        assert_int_equal(o->step, step);
                        assert_int_equal(o->draw, step - 1);
                        assert_int_equal(o->taken, step - 1);
                        assert_true(o->version == (step == 1 ? HEDGED_NO_VERSION : step - 2));
                        assert_true(hedged_crew_awaits(crew, b));
                        assert_false(hedged_crew_enough(crew));
                        assert_int_equal(hedged_crew_answered(crew, b, step), HEDGED_ANSWER_COUNTS);
                        assert_false(hedged_crew_awaits(crew, b));
                }
                assert_true(hedged_crew_enough(crew));
                hedged_crew_end(crew);
        }
        look();
        assert_int_equal(seen.n_notes + seen.n_shards + seen.n_joins + seen.n_steps, 0);
}

static void a_restart_goes_on_from_its_step(void **state)
{
        start(2, 2, 0, 1200);
        assert_int_equal(begin(), 1201);
        for (unsigned b = 0; b < 2; b++) {
                assert_int_equal(seen.steps[b].draw, 1200);
                assert_int_equal(seen.steps[b].taken, 1200);
                assert_true(seen.steps[b].version == HEDGED_NO_VERSION);
        }
}

/* Boards that still hold shards begin with those. */
static void what_boards_hold_is_not_sent(void **state)
{
        hedged_crew_destroy(&crew);
        assert_int_equal(hedged_crew_new(3, 0, 0, &crew), 0);
        for (unsigned b = 0; b < 3; b++) {
                assert_int_equal(hedged_crew_here(crew, b, "a"), 0);
                hedged_crew_holds(crew, b, 2 - b);
                hedged_crew_holds(crew, b, NONE); /* a digest that is none of ours */
                hedged_crew_joined(crew, b);
        }
        hedged_crew_start(crew);
        look();
        assert_int_equal(seen.n_shards, 0);
        begin();
        for (unsigned b = 0; b < 3; b++)
                assert_int_equal(seen.steps[b].shard, 2 - b);
}

static void many_shards_are_drawn_from_in_turn(void **state)
{
        unsigned drawn[7] = { 0 };

        start(7, 2, 0, 0);
        assert_int_equal(seen.n_shards, 7);
        for (unsigned i = 0; i < 12; i++) {
                const uint64_t step = begin();

                drawn[seen.steps[0].shard]++;
                drawn[seen.steps[1].shard]++;
                answer_all(step);
        }
        for (unsigned s = 0; s < 7; s++)
                assert_int_equal(drawn[s], s % 2 ? 4 : 3);
}

static void more_boards_than_shards_share_them(void **state)
{
        start(2, 5, 0, 0);
        assert_int_equal(seen.n_shards, 5);
        begin();
        assert_int_equal(seen.n_steps, 5);
        for (unsigned b = 0; b < 5; b++) {
                assert_int_equal(seen.steps[b].shard, b % 2);
                assert_int_equal(seen.steps[b].draw, b / 2); /* each another mini-batch */
        }
}

/* ---- late ---- */

static void a_quorum_is_enough(void **state)
{
        start(3, 3, 2, 0);
        begin();
        assert_int_equal(hedged_crew_answered(crew, 2, 1), HEDGED_ANSWER_COUNTS);
        assert_false(hedged_crew_enough(crew));
        assert_int_equal(hedged_crew_answered(crew, 0, 1), HEDGED_ANSWER_COUNTS);
        assert_true(hedged_crew_enough(crew));
        hedged_crew_end(crew);
        begin();
        assert_int_equal(seen.n_steps, 2); /* board 1 still computes */
        assert_false(seen.asked[1]);
        assert_int_equal(hedged_crew_answered(crew, 1, 1), HEDGED_ANSWER_LATE);
        assert_int_equal(hedged_crew_answered(crew, 1, 1), HEDGED_ANSWER_STRAY);
        look();
        assert_int_equal(seen.n_steps, 0);
        hedged_crew_answered(crew, 0, 2);
        hedged_crew_answered(crew, 2, 2);
        hedged_crew_end(crew);
        begin();
        assert_int_equal(seen.n_steps, 3);
        assert_int_equal(seen.steps[1].taken, 0);
        assert_int_equal(seen.steps[1].version, 0); /* it lacks two updates */
        assert_int_equal(seen.steps[0].taken, 2);
        assert_int_equal(seen.steps[0].version, 1);
}

static void a_quorum_above_the_boards_is_all_of_them(void **state)
{
        start(3, 3, 3, 0);
        hedged_crew_lost(crew, 0);
        begin();
        assert_int_equal(seen.n_steps, 2);
        answer_all(1);
}

/* ---- lost, and back ---- */

static void shards_of_a_lost_board_move(void **state)
{
        start(3, 3, 0, 0);
        begin();
        hedged_crew_answered(crew, 0, 1);
        hedged_crew_answered(crew, 2, 1);
        assert_false(hedged_crew_enough(crew));
        hedged_crew_lost(crew, 1);
        assert_true(hedged_crew_enough(crew));
        hedged_crew_end(crew);
        assert_int_equal(hedged_crew_answered(crew, 1, 1), HEDGED_ANSWER_STRAY);
        keeps_shards = false;
        look();
        assert_true(noted("board-1 is lost: going on with 2 boards"));
        assert_int_equal(seen.n_shards, 1);
        begin();
        assert_int_equal(seen.steps[0].shard, 0);
        answer_all(2);
        hedged_crew_holds(crew, 0, 1);
        begin();
        assert_int_equal(seen.steps[0].shard, 1); /* list[3 % 2] */
        assert_int_equal(seen.steps[0].draw, 1);  /* the first went with board 1 */
        answer_all(3);

        come(1); /* back, with nothing */
        look();
        assert_true(noted("board-1 takes part again, with a shard of its own"));
        assert_int_equal(seen.n_shards, 1);
        begin();
        assert_int_equal(seen.n_steps, 2);
        answer_all(4);
        begin();
        assert_int_equal(seen.steps[0].shard, 1); /* until it has come */
        answer_all(5);
        hedged_crew_holds(crew, 1, 1);
        for (uint64_t step = 6; step < 9; step++) {
                begin();
                assert_int_equal(seen.n_steps, 3);
                for (unsigned b = 0; b < 3; b++)
                        assert_int_equal(seen.steps[b].shard, b);
                assert_true((seen.steps[1].version == HEDGED_NO_VERSION) == (step == 6));
                answer_all(step);
        }
}

static void a_lost_answer_is_not_taken(void **state)
{
        start(2, 2, 0, 0);
        begin();
        answer_all(1);
        begin();
        hedged_crew_answered(crew, 0, 2);
        assert_int_equal(hedged_crew_here(crew, 1, "board-1"), 0); /* by another connection */
        assert_true(hedged_crew_enough(crew));
        hedged_crew_end(crew);
        look();
        assert_int_equal(seen.n_joins, 1);
        hedged_crew_holds(crew, 1, 1);
        hedged_crew_joined(crew, 1);
        begin();
        assert_int_equal(seen.n_shards, 0);
        assert_int_equal(seen.steps[1].taken, 1);
        assert_true(seen.steps[1].version == HEDGED_NO_VERSION);
        assert_int_equal(seen.steps[0].taken, 2);
}

/* Its answer came, then the board went: it counts. */
static void an_answer_outlives_its_board(void **state)
{
        start(2, 2, 0, 0);
        begin();
        hedged_crew_answered(crew, 1, 1);
        hedged_crew_lost(crew, 1);
        assert_false(hedged_crew_enough(crew));
        hedged_crew_answered(crew, 0, 1);
        assert_int_equal(hedged_crew_answers(crew), 2);
        hedged_crew_end(crew);
        come(1);
        look();
        begin();
        assert_int_equal(seen.steps[1].taken, 1);
}

static void a_new_board_relieves_the_busiest(void **state)
{
        start(4, 4, 0, 0);
        hedged_crew_lost(crew, 3);
        look();
        come(9);
        look();
        assert_true(noted("board-9 takes part, with the shard of board-3"));
        begin();
        assert_int_equal(seen.steps[9].shard, 3);
        for (unsigned b = 0; b < 3; b++)
                assert_int_equal(seen.steps[b].shard, b);
        answer_all(1);
        come(3); /* its own again; board 9 has no other and draws beside it */
        look();
        for (uint64_t step = 2; step < 5; step++) {
                begin();
                assert_int_equal(seen.steps[3].shard, 3);
                assert_int_equal(seen.steps[9].shard, 3);
                assert_true(seen.steps[3].draw != seen.steps[9].draw);
                answer_all(step);
        }
}

static void a_step_that_lost_everybody_is_asked_for_again(void **state)
{
        start(2, 2, 0, 0);
        begin();
        hedged_crew_lost(crew, 0);
        hedged_crew_lost(crew, 1);
        look();
        assert_int_equal(hedged_crew_boards(crew), 0);
        assert_false(hedged_crew_enough(crew));
        come(5);
        look(); /* both shards go there, and the step is asked for when they are there */
        assert_int_equal(seen.n_shards, 2);
        assert_int_equal(seen.n_steps, 1);
        assert_int_equal(seen.steps[5].step, 1);
        answer_all(1);
}

/* ---- boards that fail ---- */

static void errors_have_their_consequences(void **state)
{
        start(4, 3, 0, 0);
        begin();
        hedged_crew_error(crew, 0, 0, true, "not mine"); /* lacks its shard */
        keeps_shards = false;
        look();
        assert_int_equal(seen.n_shards, 1);
        hedged_crew_holds(crew, 0, 0);
        hedged_crew_answered(crew, 1, 1);
        hedged_crew_answered(crew, 2, 1);
        assert_true(hedged_crew_enough(crew));
        hedged_crew_end(crew);

        hedged_crew_lost(crew, 1);
        look();
        assert_int_equal(seen.n_shards, 1);
        hedged_crew_error(crew, 2, 1, false, "no room"); /* goes to the other one then */
        look();
        assert_int_equal(seen.n_shards, 1);
        assert_int_equal(seen.n_notes, 0);
        for (uint64_t i = 0; i < HEDGED_CREW_FAILURES - 1; i++) { /* that it lacked its shard was the first */
                assert_int_equal(begin(), 2 + i);
                assert_true(seen.asked[0] && seen.steps[2].taken == 1 + i);
                hedged_crew_error(crew, 0, NONE, false, "broken");
                hedged_crew_answered(crew, 2, 2 + i);
                hedged_crew_end(crew);
        }
        look();
        assert_true(noted("board-0 is left out: broken"));
        assert_int_equal(hedged_crew_boards(crew), 1);
}

/* An answer that turns out to be none counts as a failure; one that is good forgives them. */
static void spoilt_answers_are_not_taken(void **state)
{
        start(2, 2, 0, 0);
        for (uint64_t step = 1; step < 12; step++) {
                begin();
                assert_int_equal(seen.n_steps, 2);
                hedged_crew_answered(crew, 0, step);
                hedged_crew_answered(crew, 1, step);
                if (step % HEDGED_CREW_FAILURES)
                        hedged_crew_spoilt(crew, 1, "nonsense");
                assert_true(hedged_crew_enough(crew));
                hedged_crew_end(crew);
        }
        begin(); /* the third in a row */
        hedged_crew_answered(crew, 0, 12);
        hedged_crew_answered(crew, 1, 12);
        hedged_crew_spoilt(crew, 1, "nonsense");
        hedged_crew_end(crew);
        look();
        assert_int_equal(hedged_crew_boards(crew), 1);
        assert_true(noted("board-1 is left out: nonsense"));
        begin();
        assert_int_equal(seen.n_steps, 1);
}

/* ---- anything at any time ---- */

static unsigned below(uint64_t *random, unsigned n)
{
        return hedge_random_below(random, n);
}

static void happen(uint64_t *random, uint64_t step)
{
        const unsigned board = below(random, 7);

        switch (below(random, 12)) {
        case 0:
                hedged_crew_lost(crew, board);
                break;
        case 1:
                assert_int_equal(hedged_crew_here(crew, board, "x"), 0);
                break;
        case 2:
        case 3:
                hedged_crew_joined(crew, board);
                break;
        case 4:
        case 5:
                hedged_crew_holds(crew, board, below(random, 6));
                break;
        case 6:
                hedged_crew_error(crew, board, below(random, 6), below(random, 2), "x");
                break;
        case 7:
                hedged_crew_spoilt(crew, board, "x");
                break;
        default:
                hedged_crew_answered(crew, board, step - below(random, 2));
        }
}

/* Whatever is said: nobody is asked twice, only of the open step, and a crew of boards that behave finds to work again. */
static void no_order_of_things_confuses_it(void **state)
{
        for (uint64_t seed = 0; seed < 300; seed++) {
                uint64_t random = hedge_random_row(seed, 1), step;

                start(5, 4, seed % 4, 0);
                keeps_shards = seed % 2;
                step = begin();
                for (unsigned i = 0; i < 400; i++) {
                        happen(&random, step);
                        look();
                        for (unsigned b = 0; b < 8; b++)
                                assert_true(!seen.asked[b] || seen.steps[b].step == step);
                        if (hedged_crew_enough(crew)) {
                                hedged_crew_end(crew);
                                step = begin();
                        }
                }
                keeps_shards = true;
                for (unsigned b = 0; b < 7; b++) {
                        hedged_crew_lost(crew, b);
                        look();
                }
                for (unsigned b = 0; b < 3; b++)
                        come(b);
                look();
                for (unsigned b = 0; b < 3; b++)
                        hedged_crew_answered(crew, b, step);
                assert_true(hedged_crew_enough(crew));
                hedged_crew_end(crew);
                begin();
                assert_int_equal(seen.n_steps, 3);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_teardown(every_board_has_its_shard, end),
                cmocka_unit_test_teardown(a_restart_goes_on_from_its_step, end),
                cmocka_unit_test_teardown(what_boards_hold_is_not_sent, end),
                cmocka_unit_test_teardown(many_shards_are_drawn_from_in_turn, end),
                cmocka_unit_test_teardown(more_boards_than_shards_share_them, end),
                cmocka_unit_test_teardown(a_quorum_is_enough, end),
                cmocka_unit_test_teardown(a_quorum_above_the_boards_is_all_of_them, end),
                cmocka_unit_test_teardown(shards_of_a_lost_board_move, end),
                cmocka_unit_test_teardown(a_lost_answer_is_not_taken, end),
                cmocka_unit_test_teardown(an_answer_outlives_its_board, end),
                cmocka_unit_test_teardown(a_new_board_relieves_the_busiest, end),
                cmocka_unit_test_teardown(a_step_that_lost_everybody_is_asked_for_again, end),
                cmocka_unit_test_teardown(errors_have_their_consequences, end),
                cmocka_unit_test_teardown(spoilt_answers_are_not_taken, end),
                cmocka_unit_test_teardown(no_order_of_things_confuses_it, end),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

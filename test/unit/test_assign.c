/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "common/code/conv/decode.h"
#include "daemon/infer/assign.h"

#define BOARDS 10u

/* What one board has to do, and how fast it is: a queue of parts that a test works through. */
typedef struct hand {
        uint32_t queue[HEDGE_CODE_MAX_PARTS];
        unsigned n, at;
        double pace, next; /* of a part; when the next one is done */
        bool lost;
} hand_t;

typedef struct play {
        hedge_code_t *code;
        hedged_assign_t *assign;
        hedge_decoder_t *decoder;
        hand_t hands[BOARDS];
        unsigned tasks, parts; /* given and come */
        double now;
} play_t;

static void begin(play_t *p, const hedge_code_params_t *params)
{
        *p = (play_t){ 0 };
        assert_int_equal(hedge_code_new_with(params, &p->code, NULL), 0);
        assert_int_equal(hedged_assign_new(p->code, 0, &p->assign), 0);
        assert_int_equal(hedge_decoder_new(p->code, &p->decoder), 0);
}

static void end(play_t *p)
{
        hedge_decoder_destroy(&p->decoder);
        hedged_assign_destroy(&p->assign);
        hedge_code_destroy(&p->code);
}

/* Every part is one of the inputs that come with it, and is asked for once. */
static void take_task(play_t *p, const hedged_task_t *task)
{
        hand_t *hand = &p->hands[task->board];
        const unsigned ell_b = hedge_code_ell_b(p->code, task->board);

        p->tasks++;
        assert_in_range(task->n_inputs, 1, HEDGED_TASK_INPUTS);
        assert_in_range(task->n_order, 1, HEDGE_CODE_MAX_PARTS);
        if (hand->at == hand->n)
                hand->next = p->now + hand->pace;
        for (unsigned i = 0; i < task->n_order; i++) {
                unsigned found = 0;

                for (unsigned j = 0; j < task->n_inputs; j++)
                        found += task->inputs[j] == task->order[i] / ell_b;
                assert_int_equal(found, 1);
                for (unsigned j = 0; j < hand->n; j++)
                        assert_int_not_equal(hand->queue[j], task->order[i]);
                hand->queue[hand->n++] = task->order[i];
        }
}

static int64_t clock_us(const play_t *p)
{
        return 1000000 + (int64_t)(p->now * 1e6);
}

static void start(play_t *p, const double *pace)
{
        hedged_task_t task;

        for (unsigned b = 0; b < BOARDS; b++) {
                p->hands[b].pace = pace ? pace[b] : 1;
                if (hedged_assign_first(p->assign, b, clock_us(p), &task)) {
                        assert_int_equal(task.board, b);
                        assert_int_equal(task.n_order, hedge_code_first_parts(p->code, b));
                        take_task(p, &task);
                }
        }
}

/* @return when to look again. */
static double give_more(play_t *p)
{
        int64_t wake_us = INT64_MAX;
        hedged_task_t task;

        for (unsigned b = 0; b < BOARDS; b++)
                while (hedged_assign_more(p->assign, b, clock_us(p), &task, &wake_us)) {
                        assert_false(p->hands[b].lost);
                        assert_int_equal(p->hands[b].at, p->hands[b].n);
                        take_task(p, &task);
                }
        return wake_us == INT64_MAX ? INFINITY : (double)(wake_us - 1000000) / 1e6;
}

/* The board that is done first delivers a part, or, if `wake` comes before that, only time passes.
 * @return false: nobody has anything to do. */
static bool step(play_t *p, double wake)
{
        unsigned first = BOARDS;
        hand_t *hand;

        for (unsigned b = 0; b < BOARDS; b++)
                if (!p->hands[b].lost && p->hands[b].at < p->hands[b].n &&
                    (first == BOARDS || p->hands[b].next < p->hands[first].next))
                        first = b;
        if (first == BOARDS)
                return false;
        if (wake < p->hands[first].next) {
                assert_true(wake > p->now); /* else it would never end */
                p->now = wake;
                return true;
        }
        hand = &p->hands[first];
        p->now = hand->next;
        assert_true(hedge_decoder_add(p->decoder, first, hand->queue[hand->at]) >= 0);
        hedged_assign_came(p->assign, first, hand->queue[hand->at], clock_us(p));
        hand->at++;
        hand->next += hand->pace;
        p->parts++;
        return true;
}

/* Until the rank is full. @return when; < 0: it never was. */
static double run(play_t *p)
{
        while (!hedge_decoder_ready(p->decoder))
                if (!step(p, give_more(p)))
                        return -1;
        return p->now;
}

static void lose(play_t *p, unsigned board)
{
        p->hands[board].lost = true;
        hedged_assign_lost(p->assign, board);
}

static const hedge_code_params_t steal = { .scheme = HEDGE_SCHEME_STEAL, .k_a = 10, .k_b = 4, .n = BOARDS };
static const hedge_code_params_t systematic = {
        .scheme = HEDGE_SCHEME_KRP, .k_a = 10, .k_b = 4, .n = BOARDS, .systematic = true
};
static const hedge_code_params_t plain = {
        .scheme = HEDGE_SCHEME_KRP, .k_a = 5, .k_b = 4, .n = BOARDS, .ell_a = 2, .ell_b = 4
};
static const hedge_code_params_t nsctc = { .scheme = HEDGE_SCHEME_NSCTC, .k_a = 4, .k_b = 8, .n = BOARDS };

static void boards_alike_need_nothing_more(void **state)
{
        play_t p;

        begin(&p, &steal);
        start(&p, NULL);
        assert_true(run(&p) > 3.9); /* four parts each */
        assert_int_equal(p.parts, 40);
        end(&p);
        begin(&p, &systematic);
        start(&p, NULL);
        assert_true(run(&p) < 4.1);
        assert_int_equal(p.tasks, BOARDS);
        end(&p);
}

/* Boards that differ by less than a quarter, as any do: nobody is late. */
static void jitter_asks_for_nothing(void **state)
{
        double pace[BOARDS];
        play_t p;

        for (unsigned b = 0; b < BOARDS; b++)
                pace[b] = 1 + 0.02 * b;
        begin(&p, &steal);
        start(&p, pace);
        assert_true(run(&p) > 4.7);
        assert_int_equal(p.tasks, BOARDS);
        assert_int_equal(hedged_assign_asked(p.assign), 40);
        assert_int_equal(p.parts, 40);
        end(&p);
}

/* First tasks that are too few together: whoever is done gets the next at once. */
static void too_few_parts_are_not_waited_for(void **state)
{
        const hedge_code_params_t few = {
                .scheme = HEDGE_SCHEME_KRP, .k_a = 5, .k_b = 4, .n = BOARDS, .ell_a = 3, .ell_b = 1
        };
        double pace[BOARDS] = { 1, 50, 50, 50, 50, 50, 50, 50, 50, 50 };
        play_t p;

        begin(&p, &few);
        start(&p, pace);
        assert_true(step(&p, INFINITY));
        give_more(&p);
        assert_int_equal(p.now, 1);
        assert_int_equal(p.tasks, BOARDS + 1);
        end(&p);
}

static void a_late_board_is_made_up_for(void **state)
{
        double pace[BOARDS] = { 1, 1, 1, 50, 1, 1, 1, 1, 1, 1 };
        play_t p;

        begin(&p, &steal);
        start(&p, pace);
        assert_true(run(&p) < 6); /* its four parts, spread over nine boards, not 200 */
        assert_in_range(p.tasks, BOARDS + 4, BOARDS + 12);
        end(&p);
        begin(&p, &systematic);
        start(&p, pace);
        assert_true(run(&p) < 10);
        end(&p);
        begin(&p, &plain);
        start(&p, pace);
        assert_true(run(&p) < 3.1); /* 20 parts of nine boards */
        end(&p);
}

static void what_a_lost_board_owed_is_done_by_others(void **state)
{
        play_t p;

        begin(&p, &steal);
        start(&p, NULL);
        assert_true(step(&p, INFINITY));
        lose(&p, 2);
        lose(&p, 3);
        lose(&p, 3); /* again: nothing changes */
        assert_true(run(&p) >= 0);
        for (unsigned b = 0; b < BOARDS; b++)
                assert_int_equal(hedged_assign_alive(p.assign)[b], b != 2 && b != 3);
        end(&p);
        begin(&p, &systematic);
        start(&p, NULL);
        lose(&p, 2);
        lose(&p, 3);
        assert_true(run(&p) >= 0);
        end(&p);
}

/* A whole board's worth of parts in one go, or not at all, is what the paper's schemes are. */
static void other_schemes_are_asked_once(void **state)
{
        int64_t wake_us = INT64_MAX;
        hedged_task_t task;
        play_t p;

        begin(&p, &nsctc);
        start(&p, NULL);
        for (unsigned b = 0; b < BOARDS; b++)
                assert_int_equal(p.hands[b].n, 4);
        assert_int_equal(hedged_assign_outstanding(p.assign), 4 * BOARDS);
        while (step(&p, INFINITY))
                ;
        assert_int_equal(hedged_assign_outstanding(p.assign), 0);
        for (unsigned b = 0; b < BOARDS; b++)
                assert_false(hedged_assign_more(p.assign, b, clock_us(&p), &task, &wake_us));
        end(&p);
}

static void a_board_at_work_gets_no_more(void **state)
{
        int64_t wake_us = INT64_MAX;
        hedged_task_t task;
        play_t p;

        begin(&p, &plain);
        start(&p, NULL);
        assert_int_equal(hedged_assign_asked_us(p.assign, 0, 0), 1000000);
        assert_int_equal(hedged_assign_asked_us(p.assign, 0, 4), 0); /* of the second input */
        assert_false(hedged_assign_more(p.assign, 0, clock_us(&p), &task, &wake_us));
        for (unsigned i = 0; i < 4; i++)
                hedged_assign_came(p.assign, 0, p.hands[0].queue[i], 2000000 + i);
        hedged_assign_came(p.assign, 0, 7, 2000009);                             /* was not asked for: ignored */
        assert_false(hedged_assign_more(p.assign, 0, 2000010, &task, &wake_us)); /* the others are not late yet */
        assert_in_range(wake_us, 2000010, 1000000 + 1252000 + 10); /* a quarter longer than its own first part took */
        assert_true(hedged_assign_more(p.assign, 0, wake_us, &task, &wake_us));
        assert_int_equal(task.n_inputs, 1);
        assert_int_equal(task.inputs[0], 1);
        assert_int_equal(task.n_order, 4);
        assert_false(hedged_assign_more(p.assign, 0, wake_us, &task, &wake_us)); /* it has that to do now */
        end(&p);
}

/* Whatever the boards' speeds and whoever dies: as long as one board is left that holds everything, it ends. */
static void stealing_always_ends(void **state)
{
        srand(7);
        for (unsigned trial = 0; trial < 200; trial++) {
                double pace[BOARDS];
                unsigned dead = 0;
                play_t p;

                for (unsigned b = 0; b < BOARDS; b++)
                        pace[b] = 0.1 + rand() % 1000 / 100.0;
                begin(&p, &steal);
                start(&p, pace);
                while (!hedge_decoder_ready(p.decoder)) {
                        if (rand() % 8 == 0 && dead < BOARDS - 1)
                                lose(&p, dead++);
                        assert_true(step(&p, give_more(&p)));
                }
                end(&p);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(boards_alike_need_nothing_more),
                cmocka_unit_test(jitter_asks_for_nothing),
                cmocka_unit_test(too_few_parts_are_not_waited_for),
                cmocka_unit_test(a_late_board_is_made_up_for),
                cmocka_unit_test(what_a_lost_board_owed_is_done_by_others),
                cmocka_unit_test(other_schemes_are_asked_once),
                cmocka_unit_test(a_board_at_work_gets_no_more),
                cmocka_unit_test(stealing_always_ends),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

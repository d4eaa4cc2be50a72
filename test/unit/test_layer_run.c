/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>

#include "test/unit/dispatch_runs.h"

/* What a layer run costs its two threads: when the request's is woken, how many mails the loop's gets, and who waits for whom. */

/* How near a run is to what its thread waits for since it last read: what of it is not to be waited for? */
static void expect_waiting(hedged_layer_run_t *run, unsigned worth, bool urgent)
{
        assert_int_equal(run->inbox.worth, worth);
        assert_int_equal(run->inbox.urgent, urgent);
}

static void parts_count_and_who_could_do_more_is_told_of(void **state)
{
        (void)state;
        uint64_t id;
        hedged_layer_run_t *run = begin_run(2, &id);

        expect_waiting(run, 0, false);
        for (unsigned i = 0; i < PARTS; i++) {
                assert_int_equal(part(0, id, i), 0);
                expect_waiting(run, i + 1, false); /* also the last: it did all that it can do */
        }
        give(run, 2, 1u << 1 | 1u << 2);
        dispatch_bed_turn(&bed);
        assert_int_equal(part(2, id, 1), 0);
        expect_waiting(run, PARTS + 1, false);
        assert_int_equal(part(2, id, 2), 0);
        expect_waiting(run, PARTS + 2, true); /* it could be asked for two more */
        for (unsigned i = 0; i < PARTS; i++)
                expect_part(run, 0, i, HEDGE_PRECISION_F32);
        expect_waiting(run, 0, false); /* read */
        assert_int_equal(part(1, id, 3), 0);
        expect_waiting(run, 1, false);
        hedged_cluster_lost(bed.cluster, dispatch_bed_board(&bed, 1));
        expect_waiting(run, 1, true);
        for (unsigned i = 1; i <= 2; i++)
                expect_part(run, 2, i, HEDGE_PRECISION_F32);
        expect_part(run, 1, 3, HEDGE_PRECISION_F32);
        expect(run, HEDGED_EVENT_LOST, 1);
        end_run(&run);
}

static void whole_boards_count_when_they_are_done(void **state)
{
        (void)state;
        uint64_t id;
        hedged_layer_run_t *run;

        bed.variant.cut.whole_boards = true;
        run = begin_run(2, &id);
        assert_int_equal(part(0, id, 0), 0);
        assert_int_equal(part(1, id, 2), 0);
        assert_int_equal(part(0, id, 3), 0);
        expect_waiting(run, 0, false);
        expect_part(run, 0, 0, HEDGE_PRECISION_F32); /* read, but not counted */
        assert_int_equal(part(0, id, 1), 0);
        assert_int_equal(part(0, id, 2), 0);
        expect_waiting(run, PARTS, false);
        expect_part(run, 1, 2, HEDGE_PRECISION_F32); /* in the order in which they came */
        expect_part(run, 0, 3, HEDGE_PRECISION_F32);
        expect_part(run, 0, 1, HEDGE_PRECISION_F32);
        expect_part(run, 0, 2, HEDGE_PRECISION_F32);
        end_run(&run);
}

static void all_tasks_of_a_mail_go_out_in_its_order(void **state)
{
        (void)state;
        hedged_layer_run_t *run = new_run();
        hedged_task_t tasks[] = { { .board = 1, .n_inputs = 1, .n_order = 2, .inputs = { 1 }, .order = { 3, 2 } },
                                  { .board = 0, .n_inputs = 2, .n_order = 3, .inputs = { 1, 0 }, .order = { 0, 3, 1 } },
                                  { .board = 1, .n_inputs = 1, .n_order = 1, .inputs = { 0 }, .order = { 1 } } };
        const hedged_task_t *given[] = { &tasks[0], &tasks[1], &tasks[2] };
        zmq_msg_t frames[4], *of_task[] = { &frames[0], &frames[1], &frames[3] };

        for (unsigned i = 0; i < 4; i++)
                MUST(zmq_msg_init_size(&frames[i], 10 + i) == 0);
        assert_int_equal(hedged_layer_run_give(run, 3, given, HEDGE_PRECISION_Q16, of_task), 0);
        memset(tasks, 0xff, sizeof(tasks)); /* they are the run's now */
        dispatch_bed_turn(&bed);
        assert_int_equal(bed.boards[0].n_sent, 1);
        assert_int_equal(bed.boards[1].n_sent, 2);
        for (unsigned i = 0; i < 3; i++) {
                const dispatch_sent_t *s = &bed.boards[i == 1 ? 0 : 1].sent[i == 2];
                static const uint32_t inputs[3][2] = { { 1 }, { 1, 0 }, { 0 } };
                static const uint32_t order[3][3] = { { 3, 2 }, { 0, 3, 1 }, { 1 } };

                assert_int_equal(s->wire, HEDGE_PRECISION_Q16);
                assert_int_equal(s->n_inputs, i == 1 ? 2 : 1);
                assert_int_equal(s->n_order, 3 - (i == 0) - 2 * (i == 2));
                assert_memory_equal(s->inputs, inputs[i], s->n_inputs * sizeof(s->inputs[0]));
                assert_memory_equal(s->order, order[i], s->n_order * sizeof(s->order[0]));
                for (unsigned f = 0; f < s->n_inputs; f++)
                        assert_int_equal(zmq_msg_size(&s->frames[f]), 10 + i + f + (i == 2));
        }
        end_run(&run);
}

/* Whoever is last frees it: the loop may find the end of a run long after its thread has gone on. */
static void nobody_waits_for_the_end_of_a_run(void **state)
{
        (void)state;
        uint64_t id;
        hedged_layer_run_t *run = begin_run(2, &id);

        assert_int_equal(part(0, id, 0), 0);
        hedged_layer_run_destroy(&run);
        assert_null(run);
        assert_int_equal(part(1, id, 0), 0); /* the loop has yet to hear of it */
        hedged_cluster_lost(bed.cluster, dispatch_bed_board(&bed, 1));
        dispatch_bed_turn(&bed);
        assert_int_equal(part(0, id, 1), -ENOENT);
        run = new_run();
        give(run, 0, 1);
        hedged_layer_run_destroy(&run); /* before the loop has heard of it at all */
        assert_int_equal(bed.boards[0].n_sent, 2);
        dispatch_bed_turn(&bed);
        assert_int_equal(bed.boards[0].n_sent, 4);
        assert_int_equal(bed.boards[0].sent[2].type, HEDGE_MSG_TASK);
        assert_int_equal(bed.boards[0].sent[3].type, HEDGE_MSG_CANCEL);
}

static bool is_loop_woken(void)
{
        struct pollfd p = { .fd = hedge_mailbox_fd(bed.loop), .events = POLLIN };

        return poll(&p, 1, 0) == 1;
}

static void an_end_without_news_wakes_nobody(void **state)
{
        (void)state;
        uint64_t id;
        hedged_layer_run_t *run = begin_run(1, &id), *next = new_run();

        for (unsigned i = 0; i < PARTS; i++)
                assert_int_equal(part(0, id, i), 0);
        hedged_layer_run_close(run, true);
        hedged_layer_run_destroy(&run);
        assert_false(is_loop_woken());
        give(next, 0, 1);
        assert_true(is_loop_woken());
        assert_int_equal(bed.n_samples, 0);
        dispatch_bed_turn(&bed);
        assert_int_equal(bed.n_samples, 1); /* the first is over and measured before the next begins */
        assert_int_equal(bed.boards[0].n_sent, 2);
        assert_false(is_loop_woken());
        hedged_layer_run_close(next, false);
        assert_true(is_loop_woken());
        dispatch_bed_turn(&bed);
        assert_int_equal(bed.boards[0].sent[2].type, HEDGE_MSG_CANCEL);
        hedged_layer_run_destroy(&next);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                TEST(parts_count_and_who_could_do_more_is_told_of),
                TEST(whole_boards_count_when_they_are_done),
                TEST(all_tasks_of_a_mail_go_out_in_its_order),
                TEST(nobody_waits_for_the_end_of_a_run),
                TEST(an_end_without_news_wakes_nobody),
#undef TEST
        };

        return cmocka_run_group_tests_name("layer_run", tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/dispatch_runs.h"

static void a_task_goes_out_as_it_was_given(void **state)
{
        (void)state;
        hedged_layer_run_t *run = new_run();
        const dispatch_sent_t *s = &bed.boards[2].sent[0];

        give(run, 2, 1u << 1 | 1u << 2 | 1u << 3);
        assert_int_equal(bed.boards[2].n_sent, 0); /* the loop sends it */
        dispatch_bed_turn(&bed);
        assert_int_equal(bed.boards[2].n_sent, 1);
        assert_int_equal(s->type, HEDGE_MSG_TASK);
        assert_memory_equal(&s->digest, &bed.digests[2], sizeof(s->digest));
        assert_int_equal(s->wire, HEDGE_PRECISION_F32);
        assert_int_equal(s->n_inputs, 2);
        assert_int_equal(s->n_order, 3);
        for (unsigned i = 0; i < 2; i++) {
                assert_int_equal(s->inputs[i], i);
                assert_int_equal(zmq_msg_size((zmq_msg_t *)(uintptr_t)&s->frames[i]), 100 + i);
                assert_int_equal(((char *)zmq_msg_data((zmq_msg_t *)(uintptr_t)&s->frames[i]))[0], 20 + i);
        }
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(s->order[i], i + 1);
        end_run(&run);
}

static void parts_become_events(void **state)
{
        (void)state;
        uint64_t id;
        hedged_layer_run_t *run = begin_run(2, &id);

        expect_nothing(run);
        assert_int_equal(part(1, id, 3), 0);
        assert_int_equal(part(0, id, 0), 0);
        assert_int_equal(part(1, id, 0), 0);
        expect_part(run, 1, 3, HEDGE_PRECISION_F32);
        expect_part(run, 0, 0, HEDGE_PRECISION_F32);
        expect_part(run, 1, 0, HEDGE_PRECISION_F32);
        expect_nothing(run);
        end_run(&run);
}

static void parts_of_one_message_are_taken_together(void **state)
{
        (void)state;
        uint64_t id;
        hedged_layer_run_t *run = begin_run(2, &id);

        assert_int_equal(parts(1, id, (unsigned[]){ 2, 0, 3 }, 3, false), 0);
        assert_int_equal(parts(0, id, (unsigned[]){ 1 }, 1, false), 0);
        assert_int_equal(parts(1, id, (unsigned[]){ 1 }, 1, true), 0);
        expect_part(run, 1, 2, HEDGE_PRECISION_F32);
        expect_part(run, 1, 0, HEDGE_PRECISION_F32);
        expect_part(run, 1, 3, HEDGE_PRECISION_F32);
        expect_part(run, 0, 1, HEDGE_PRECISION_F32);
        expect_part(run, 1, 1, HEDGE_PRECISION_F32);
        expect_nothing(run);
        assert_int_equal(parts(1, id + 1, (unsigned[]){ 0, 1 }, 2, true), -ENOENT);
        assert_int_equal(parts(1, id, (unsigned[]){ 0, 1 }, 2, true), -ENOENT); /* it owes nothing */
        expect_nothing(run);
        end_run(&run);
}

/* Whatever is wrong with one of them, wherever it stands: none is taken, and all may come again. */
static void a_message_is_refused_as_a_whole(void **state)
{
        (void)state;
        static const unsigned wrong[][3] = { { 0, 2, 0 },          { 2, 0, 0 }, { 0, PARTS, 2 },
                                             { UINT32_MAX, 0, 2 }, { 0, 2, 3 }, { 3, 0, 2 } };
        const size_t one = f32_bytes();
        hedge_part_t said[] = { { .part = 0 }, { .part = 2 } };
        uint64_t id;
        hedged_layer_run_t *run = begin_run(1, &id);

        assert_int_equal(part(0, id, 3), 0); /* so it comes twice in the last two */
        expect_part(run, 0, 3, HEDGE_PRECISION_F32);
        for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
                assert_int_equal(parts(0, id, wrong[i], 3, false), HEDGE_EMALFORMED);
        for (unsigned i = 0; i < 2; i++) {
                size_t bytes[] = { one - 4 * (i == 0), one - 4 * (i == 1) };

                assert_int_equal(dispatch_bed_send_parts(
                                         &bed, 0, &(hedge_msg_part_t){ .run = id, .n_parts = 2, .parts = said }, bytes),
                                 HEDGE_EMALFORMED);
        }
        said[1].wire = HEDGE_PRECISIONS;
        assert_int_equal(dispatch_bed_send_parts(&bed, 0, &(hedge_msg_part_t){ .run = id, .n_parts = 2, .parts = said },
                                                 (size_t[]){ one, one }),
                         HEDGE_EMALFORMED);
        expect_nothing(run);
        assert_int_equal(parts(0, id, (unsigned[]){ 0, 2, 1 }, 3, true), 0);
        expect_part(run, 0, 0, HEDGE_PRECISION_F32);
        expect_part(run, 0, 2, HEDGE_PRECISION_F32);
        expect_part(run, 0, 1, HEDGE_PRECISION_F32);
        expect_nothing(run);
        end_run(&run);
}

static void the_last_parts_end_their_task(void **state)
{
        (void)state;
        uint64_t id;
        hedged_layer_run_t *run = begin_run(3, &id);

        give(run, 3, 1);
        give(run, 3, 2);
        dispatch_bed_turn(&bed);
        assert_int_equal(parts(0, id, (unsigned[]){ 0, 1, 2, 3 }, 4, true), 0);
        for (unsigned i = 0; i < PARTS; i++)
                expect_part(run, 0, i, HEDGE_PRECISION_F32);
        expect_nothing(run); /* all that was owed came */
        assert_int_equal(parts(1, id, (unsigned[]){ 0, 1 }, 2, true), 0);
        expect_part(run, 1, 0, HEDGE_PRECISION_F32);
        expect_part(run, 1, 1, HEDGE_PRECISION_F32);
        expect(run, HEDGED_EVENT_LOST, 1); /* and nothing more will */
        assert_int_equal(parts(2, id, (unsigned[]){ 0, 0 }, 2, true), HEDGE_EMALFORMED);
        expect(run, HEDGED_EVENT_LOST, 2); /* likewise */
        assert_int_equal(parts(3, id, (unsigned[]){ 0 }, 1, true), 0);
        expect_part(run, 3, 0, HEDGE_PRECISION_F32);
        expect_nothing(run); /* one of two tasks */
        assert_int_equal(parts(3, id, (unsigned[]){ 1 }, 1, true), 0);
        expect_part(run, 3, 1, HEDGE_PRECISION_F32);
        expect_nothing(run);
        end_run(&run);
        for (unsigned b = 0; b < DISPATCH_BOARDS; b++)
                while (bed.boards[b].n_sent)
                        assert_true(was_task(b, id)); /* no board has anything to cancel */
}

static void what_was_not_asked_for_is_refused(void **state)
{
        (void)state;
        uint64_t id;
        hedged_layer_run_t *run = begin_run(1, &id);

        give(run, 1, 1u << 2); /* one part alone */
        dispatch_bed_turn(&bed);
        assert_int_equal(part(0, id, PARTS), HEDGE_EMALFORMED);
        assert_int_equal(part(0, id, UINT32_MAX), HEDGE_EMALFORMED);
        assert_int_equal(part(1, id, 1), HEDGE_EMALFORMED); /* of its share, but not asked for */
        assert_int_equal(part(0, id + 1, 0), -ENOENT);      /* of no run */
        assert_int_equal(part(2, id, 0), -ENOENT);          /* not asked at all */
        assert_int_equal(dispatch_bed_part(&bed, 0, id, 1, f32_bytes() - 1, HEDGE_PRECISION_F32), HEDGE_EMALFORMED);
        assert_int_equal(dispatch_bed_part(&bed, 0, id, 1, f32_bytes() + 4, HEDGE_PRECISION_F32), HEDGE_EMALFORMED);
        assert_int_equal(dispatch_bed_part(&bed, 0, id, 1, 0, HEDGE_PRECISION_F32), HEDGE_EMALFORMED);
        expect_nothing(run);
        assert_int_equal(part(0, id, 1), 0); /* as if nothing had been */
        expect_part(run, 0, 1, HEDGE_PRECISION_F32);
        assert_int_equal(part(0, id, 1), HEDGE_EMALFORMED); /* twice */
        assert_int_equal(part(1, id, 2), 0);
        assert_int_equal(part(1, id, 2), -ENOENT); /* twice, and it owes nothing any more */
        expect_part(run, 1, 2, HEDGE_PRECISION_F32);
        expect_nothing(run);
        end_run(&run);
}

static void parts_are_written_as_asked_or_as_floats(void **state)
{
        (void)state;
        const size_t q16 = dispatch_bed_part_bytes(&bed, HEDGE_PRECISION_Q16);
        uint64_t id;
        hedged_layer_run_t *run = begin_run(1, &id);

        assert_int_not_equal(q16, f32_bytes());
        assert_int_equal(dispatch_bed_part(&bed, 0, id, 0, q16, HEDGE_PRECISION_Q16), HEDGE_EMALFORMED);
        end_run(&run);
        bed.variant.cut.wire = HEDGE_PRECISION_Q16;
        dispatch_bed_shift(&bed.boards[0]);
        dispatch_bed_shift(&bed.boards[0]);
        run = begin_run(1, &id);
        assert_int_equal(dispatch_bed_part(&bed, 0, id, 0, f32_bytes(), HEDGE_PRECISION_Q16), HEDGE_EMALFORMED);
        assert_int_equal(dispatch_bed_part(&bed, 0, id, 0, q16, HEDGE_PRECISION_F32), HEDGE_EMALFORMED);
        assert_int_equal(dispatch_bed_part(&bed, 0, id, 0, q16, HEDGE_PRECISIONS), HEDGE_EMALFORMED);
        assert_int_equal(dispatch_bed_part(&bed, 0, id, 0, q16, HEDGE_PRECISION_Q16), 0);
        assert_int_equal(dispatch_bed_part(&bed, 0, id, 1, f32_bytes(), HEDGE_PRECISION_F32), 0);
        expect_part(run, 0, 0, HEDGE_PRECISION_Q16);
        expect_part(run, 0, 1, HEDGE_PRECISION_F32);
        end_run(&run);
}

static void a_task_that_ends_without_its_parts_is_lost(void **state)
{
        (void)state;
        uint64_t id;
        hedged_layer_run_t *run = begin_run(1, &id);

        for (unsigned i = 0; i < PARTS; i++) {
                assert_int_equal(part(0, id, i), 0);
                expect_part(run, 0, i, HEDGE_PRECISION_F32);
        }
        hedged_dispatch_ended(bed.dispatch, dispatch_bed_board(&bed, 0), id);
        expect_nothing(run); /* nothing is owed */
        give(run, 1, 1);
        give(run, 1, 2);
        dispatch_bed_turn(&bed);
        hedged_dispatch_ended(bed.dispatch, dispatch_bed_board(&bed, 1), id + 1); /* of another run */
        hedged_dispatch_ended(bed.dispatch, dispatch_bed_board(&bed, 1), id);
        expect_nothing(run); /* one of two */
        hedged_dispatch_ended(bed.dispatch, dispatch_bed_board(&bed, 1), id);
        expect(run, HEDGED_EVENT_LOST, 1);
        hedged_dispatch_ended(bed.dispatch, dispatch_bed_board(&bed, 1), id);
        hedged_dispatch_ended(bed.dispatch, dispatch_bed_board(&bed, 2), id); /* that was never asked */
        expect_nothing(run);
        assert_int_equal(part(1, id, 0), 0); /* what comes all the same counts */
        expect_part(run, 1, 0, HEDGE_PRECISION_F32);
        end_run(&run);
}

static void a_lost_board_is_lost_to_all_that_wait_for_it(void **state)
{
        (void)state;
        uint64_t first_id, second_id;
        hedged_layer_run_t *first = begin_run(2, &first_id), *second = begin_run(1, &second_id), *third = new_run();

        assert_int_not_equal(first_id, second_id);
        for (unsigned i = 0; i < PARTS; i++)
                assert_int_equal(part(0, second_id, i), 0); /* has done its work for that one */
        give(third, 1, 1);
        dispatch_bed_turn(&bed);
        hedged_cluster_lost(bed.cluster, dispatch_bed_board(&bed, 0));
        hedged_dispatch_board_lost(bed.dispatch, dispatch_bed_board(&bed, 0));
        expect(first, HEDGED_EVENT_LOST, 0);
        expect_nothing(first);
        for (unsigned i = 0; i < PARTS; i++)
                expect_part(second, 0, i, HEDGE_PRECISION_F32);
        expect_nothing(second);
        expect_nothing(third);
        dispatch_bed_hello(&bed, 1, 2); /* another process */
        expect(first, HEDGED_EVENT_LOST, 1);
        expect(third, HEDGED_EVENT_LOST, 1);
        end_run(&first);
        end_run(&second);
        end_run(&third);
}

static void what_still_runs_is_cancelled_at_the_end(void **state)
{
        (void)state;
        uint64_t id;
        hedged_layer_run_t *run = begin_run(DISPATCH_BOARDS, &id);

        for (unsigned i = 0; i < PARTS; i++)
                assert_int_equal(part(0, id, i), 0);
        assert_int_equal(part(1, id, 0), 0);
        hedged_cluster_lost(bed.cluster, dispatch_bed_board(&bed, 2));
        hedged_layer_run_close(run, false);
        assert_int_equal(part(3, id, 0), 0); /* the loop has yet to hear of it */
        dispatch_bed_turn(&bed);
        assert_int_equal(part(3, id, 1), -ENOENT);
        hedged_dispatch_ended(bed.dispatch, dispatch_bed_board(&bed, 3), id);
        for (unsigned b = 0; b < DISPATCH_BOARDS; b++) {
                assert_true(was_task(b, id));
                if (b == 1 || b == 3)
                        assert_false(was_task(b, id)); /* 0 has nothing to do any more, 2 is not there */
                assert_int_equal(bed.boards[b].n_sent, 0);
        }
        hedged_layer_run_destroy(&run); /* with all that is in its mailbox */
        run = new_run();                /* one that was given nothing needs no loop */
        hedged_layer_run_destroy(&run);
        hedged_layer_run_destroy(&run);
}

static void what_cannot_be_sent_is_lost(void **state)
{
        (void)state;
        uint64_t id, other_id;
        hedged_layer_run_t *other = begin_run(2, &other_id), *run;

        bed.boards[1].fails = -EAGAIN;
        run = begin_run(2, &id);
        expect(run, HEDGED_EVENT_LOST, 1);
        expect_nothing(run);
        assert_true(dispatch_bed_board(&bed, 1)->usable); /* it has too much to do, that is all */
        expect_nothing(other);
        assert_int_equal(part(1, other_id, 0), 0);
        expect_part(other, 1, 0, HEDGE_PRECISION_F32);
        end_run(&run);
        bed.boards[1].fails = -EHOSTUNREACH;
        run = begin_run(2, &id);
        expect(run, HEDGED_EVENT_LOST, 1);
        expect(other, HEDGED_EVENT_LOST, 1); /* it is gone for all */
        assert_false(dispatch_bed_board(&bed, 1)->usable);
        bed.boards[1].fails = 0;
        give(other, 1, 1);
        dispatch_bed_turn(&bed); /* nothing is sent to who is lost, nor lost twice */
        assert_int_equal(bed.boards[1].n_sent, 1);
        expect_nothing(other);
        expect_nothing(run);
        end_run(&run);
        end_run(&other);
}

static void runs_hear_that_the_program_stops(void **state)
{
        (void)state;
        uint64_t id, late_id;
        hedged_layer_run_t *run = begin_run(1, &id), *late = new_run();

        hedged_dispatch_shutdown(bed.dispatch);
        hedged_dispatch_shutdown(bed.dispatch);
        expect(run, HEDGED_EVENT_SHUTDOWN, 0);
        expect_nothing(run);
        expect_nothing(late); /* the loop does not know it */
        hedged_layer_run_destroy(&late);
        late = begin_run(1, &late_id);
        expect(late, HEDGED_EVENT_SHUTDOWN, 0);
        assert_int_equal(part(0, late_id, 0), 0); /* until they are closed they are as ever */
        expect_part(late, 0, 0, HEDGE_PRECISION_F32);
        end_run(&run);
        end_run(&late);
}

static const hedged_task_sample_t *sample_of(unsigned board)
{
        char name[16];

        snprintf(name, sizeof(name), "board-%u", board);
        for (unsigned i = 0; i < bed.n_samples; i++)
                if (!strcmp(bed.samples[i].board, name))
                        return &bed.samples[i].sample;
        return NULL;
}

static void boards_are_measured_by_what_they_did(void **state)
{
        (void)state;
        const uint64_t macs = hedge_conv_macs(&bed.variant.partition.part);
        uint64_t id, other_id;
        hedged_layer_run_t *other = begin_run(1, &other_id), *run = begin_run(3, &id);

        assert_int_equal(parts(0, id, (unsigned[]){ 1, 0, 2 }, 3, false), 0);
        assert_int_equal(part(0, id, 3), 0);
        assert_int_equal(part(1, id, 2), 0);
        hedged_cluster_lost(bed.cluster, dispatch_bed_board(&bed, 2));
        give(run, 3, 1u << 0);
        give(run, 3, 1u << 3);
        dispatch_bed_turn(&bed);
        assert_int_equal(part(3, id, 3), 0);
        hedged_layer_run_close(run, false);
        dispatch_bed_turn(&bed);
        assert_int_equal(bed.n_samples, 3); /* lost is not slow, and who was not asked was not slow either */
        assert_int_equal(sample_of(0)->parts_asked, PARTS);
        assert_int_equal(sample_of(0)->parts_done, PARTS);
        assert_int_equal(sample_of(0)->macs_asked, PARTS * macs);
        assert_int_equal(sample_of(0)->macs_done, PARTS * macs);
        assert_int_equal(sample_of(0)->compute_us, 1 + 2 + 3 + 4);
        assert_int_equal(sample_of(0)->first_parts, 3);
        assert_int_equal(sample_of(0)->first_compute_us, 2 + 1 + 3);
        assert_int_equal(sample_of(0)->up_bytes, 201);
        assert_int_equal(sample_of(0)->ahead_bytes, 402);
        assert_int_equal(sample_of(0)->part_bytes, f32_bytes());
        assert_true(sample_of(0)->elapsed_us >= sample_of(0)->first_us);
        assert_false(sample_of(0)->cancelled);
        assert_true(sample_of(0)->queued); /* behind the other run's */
        assert_int_equal(sample_of(1)->parts_done, 1);
        assert_int_equal(sample_of(1)->first_parts, 1);
        assert_int_equal(sample_of(1)->macs_done, macs);
        assert_true(sample_of(1)->cancelled);
        assert_false(sample_of(1)->queued);
        assert_int_equal(sample_of(3)->parts_asked,
                         2); /* in two tasks, the first of which is what its way is measured by */
        assert_int_equal(sample_of(3)->macs_asked, 2 * macs);
        assert_int_equal(sample_of(3)->up_bytes, 100);
        assert_int_equal(sample_of(3)->ahead_bytes, 603);
        hedged_layer_run_destroy(&run);
        end_run(&other);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                TEST(a_task_goes_out_as_it_was_given),
                TEST(parts_become_events),
                TEST(parts_of_one_message_are_taken_together),
                TEST(a_message_is_refused_as_a_whole),
                TEST(the_last_parts_end_their_task),
                TEST(what_was_not_asked_for_is_refused),
                TEST(parts_are_written_as_asked_or_as_floats),
                TEST(a_task_that_ends_without_its_parts_is_lost),
                TEST(a_lost_board_is_lost_to_all_that_wait_for_it),
                TEST(what_still_runs_is_cancelled_at_the_end),
                TEST(what_cannot_be_sent_is_lost),
                TEST(runs_hear_that_the_program_stops),
                TEST(boards_are_measured_by_what_they_did),
#undef TEST
        };

        return cmocka_run_group_tests_name("dispatch", tests, NULL, NULL);
}

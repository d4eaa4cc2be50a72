/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "test/system/hedged_bed.h"

/* The real hedged, over real sockets, against boards and clients that the test plays. */

static unsigned sum_tasks(const hedged_bed_t *bed)
{
        unsigned n = 0;

        for (unsigned i = 0; i < BED_BOARDS; i++)
                n += bed->boards[i].tasks;
        return n;
}

static unsigned sum_shares(const hedged_bed_t *bed)
{
        unsigned n = 0;

        for (unsigned i = 0; i < BED_BOARDS; i++)
                n += bed->boards[i].shares_sent;
        return n;
}

static void boards_answer_right(void **state)
{
        hedged_bed_t *bed = hedged_bed_ready(state, "");
        const hedge_msg_result_t *result = hedged_bed_infer(bed, "digits");

        assert_true(hedged_bed_says_coded(result));
        assert_true(sum_tasks(bed) >= result->n_layers * 2);
}

/* ---- stragglers ---- */

/* Two of four boards are in this mood; a layer needs two, or one where it is replanned. */
static const hedge_msg_result_t *two_are(hedged_bed_t *bed, fake_mood_t mood)
{
        bed->boards[0].mood = bed->boards[1].mood = mood;
        return hedged_bed_infer(bed, "digits");
}

static bool the_silent_were_told(hedged_bed_t *bed)
{
        return bed->boards[0].cancels > 0 && bed->boards[1].cancels > 0;
}

static void silent_boards_are_not_waited_for(void **state)
{
        hedged_bed_t *bed = hedged_bed_ready(state, "");
        const hedge_msg_result_t *result = two_are(bed, FAKE_SILENT);

        assert_true(hedged_bed_says_coded(result));
        assert_false(hedged_bed_uses_board(result, 0) || hedged_bed_uses_board(result, 1));
        assert_true(result->latency_ms < 30000);
        hedged_bed_until(bed, the_silent_were_told, "CANCEL");
}

static bool both_were_told(hedged_bed_t *bed)
{
        return bed->boards[0].errors > 0 && bed->boards[1].errors > 0;
}

/* The good ones wait until the others were told off. */
static void expect_refused(hedged_bed_t *bed, fake_mood_t mood)
{
        const hedge_msg_result_t *result;

        bed->boards[0].errors = bed->boards[1].errors = 0;
        bed->boards[0].mood = bed->boards[1].mood = mood;
        bed->boards[2].mood = bed->boards[3].mood = FAKE_HELD_BACK;
        hedged_bed_ask(bed, "digits");
        hedged_bed_until(bed, both_were_told, "ERRORs");
        assert_int_equal(bed->boards[0].error.code, HEDGE_EMALFORMED);
        assert_true(bed->boards[0].error.about > 0);
        bed->boards[2].mood = bed->boards[3].mood = FAKE_GOOD;
        result = &hedged_bed_answer(bed)->result;
        hedged_bed_check(bed);
        assert_true(hedged_bed_says_coded(result));
        assert_false(hedged_bed_uses_board(result, 0) || hedged_bed_uses_board(result, 1));
}

static void wrong_parts_are_refused(void **state)
{
        hedged_bed_t *bed = hedged_bed_ready(state, "");
        const hedge_msg_result_t *result;

        expect_refused(bed, FAKE_WRONG_SIZE);
        expect_refused(bed, FAKE_WRONG_INDEX);
        expect_refused(bed, FAKE_TWICE_AT_ONCE);
        assert_true(hedged_bed_status(bed)->malformed > 3);
        /* all of them: nothing is left but the coordinator itself, at once and not after a time-out */
        bed->boards[2].mood = bed->boards[3].mood = FAKE_WRONG_SIZE;
        result = two_are(bed, FAKE_WRONG_SIZE);
        assert_true(hedged_bed_says_local(result));
        assert_true(result->latency_ms < 20000);
}

static void the_same_part_again_counts_once(void **state)
{
        hedged_bed_t *bed = hedged_bed_ready(state, "");
        const hedge_msg_result_t *result = two_are(bed, FAKE_TWICE);

        assert_true(hedged_bed_says_coded(result));
        bed->boards[2].mood = bed->boards[3].mood = FAKE_TWICE;
        result = two_are(bed, FAKE_TWICE);
        assert_true(result->latency_ms < 20000); /* not the time-out's 30 s */
}

static bool late_came(hedged_bed_t *bed)
{
        return hedged_bed_status(bed)->late_parts >= 8;
}

static void late_and_unasked_parts_do_no_harm(void **state)
{
        hedged_bed_t *bed = hedged_bed_ready(state, "");

        assert_true(hedged_bed_says_coded(two_are(bed, FAKE_LATE)));
        assert_true(hedged_bed_says_coded(two_are(bed, FAKE_LATE)));
        hedged_bed_until(bed, late_came, "late parts");
        assert_true(hedged_bed_says_coded(two_are(bed, FAKE_UNKNOWN_JOB)));
        assert_int_equal(hedged_bed_status(bed)->malformed, 0);
}

static void tasks_that_end_empty_are_lost(void **state)
{
        hedged_bed_t *bed = hedged_bed_ready(state, "");
        const hedge_msg_result_t *result = two_are(bed, FAKE_EMPTY);

        assert_true(hedged_bed_says_coded(result));
        assert_false(hedged_bed_uses_board(result, 0) || hedged_bed_uses_board(result, 1));
        bed->boards[2].mood = bed->boards[3].mood = FAKE_EMPTY;
        result = two_are(bed, FAKE_EMPTY);
        assert_true(hedged_bed_says_local(result));
        for (uint32_t i = 0; i < result->n_layers; i++)
                assert_true(result->layers[i].lost >= 3);
}

static bool hold_all_again(hedged_bed_t *bed)
{
        return hedged_bed_model(bed, "digits")->ready_boards == 4;
}

/* The first two have got all their shares a second time, and that is known. */
static bool got_all_twice(hedged_bed_t *bed)
{
        for (unsigned i = 0; i < 2; i++)
                if (bed->boards[i].shares_sent < 2 * bed->boards[i].n_shares)
                        return false;
        return hold_all_again(bed);
}

static void a_share_that_is_not_held_is_sent_again(void **state)
{
        hedged_bed_t *bed = hedged_bed_ready(state, "");
        const hedge_msg_result_t *result;

        assert_true(bed->boards[0].n_shares > 0);
        assert_int_equal(bed->boards[0].shares_sent, bed->boards[0].n_shares);
        result = two_are(bed, FAKE_FORGETFUL);
        assert_true(hedged_bed_says_coded(result));
        hedged_bed_until(bed, got_all_twice, "the shares to be sent again");
        bed->boards[2].mood = bed->boards[3].mood = FAKE_SILENT; /* so that the first two are needed */
        result = two_are(bed, FAKE_FORGETFUL);
        assert_true(hedged_bed_says_coded(result));
        assert_true(hedged_bed_uses_board(result, 0) && hedged_bed_uses_board(result, 1));
}

static void a_board_without_room_gets_no_tasks(void **state)
{
        hedged_bed_t *bed = *state;
        unsigned sent;

        hedged_bed_start(bed, "");
        bed->boards[0].mood = FAKE_FULL;
        hedged_bed_join(bed, 4);
        hedged_bed_load(bed, "digits");
        sent = bed->boards[0].shares_sent;
        assert_true(sent > 0);
        assert_int_equal(hedged_bed_model(bed, "digits")->ready_boards, 3);
        assert_true(hedged_bed_says_coded(hedged_bed_infer(bed, "digits")));
        assert_true(hedged_bed_says_coded(hedged_bed_infer(bed, "digits")));
        assert_int_equal(bed->boards[0].tasks, 0);
        assert_int_equal(bed->boards[0].shares_sent, sent); /* not again and again */
        /* room comes with a model that goes */
        bed->boards[0].mood = FAKE_GOOD;
        hedged_bed_load(bed, "other");
        hedged_bed_send_unload(bed, "other");
        assert_int_equal(hedged_bed_answer(bed)->type, HEDGE_MSG_UNLOAD_OK);
        hedged_bed_until(bed, hold_all_again, "the shares to be sent again");
}

static void a_board_that_hangs_up_is_lost_at_once(void **state)
{
        hedged_bed_t *bed = hedged_bed_ready(state, "");
        const hedge_msg_result_t *result = two_are(bed, FAKE_HANGS_UP);

        assert_true(hedged_bed_says_coded(result));
        assert_true(result->latency_ms < 30000);
        bed->boards[2].mood = bed->boards[3].mood = FAKE_HANGS_UP;
        result = hedged_bed_infer(bed, "digits"); /* the first layer's boards all die */
        assert_true(hedged_bed_says_local(result));
        assert_true(result->latency_ms < 20000);
        assert_true(hedged_bed_says_local(hedged_bed_infer(bed, "digits")));
        for (unsigned i = 0; i < 4; i++)
                bed->boards[i].mood = FAKE_GOOD;
        hedged_bed_join(bed, 4);
        hedged_bed_until(bed, hold_all_again, "the boards to be back");
        assert_true(hedged_bed_says_coded(hedged_bed_infer(bed, "digits")));
}

static bool none_usable(hedged_bed_t *bed)
{
        const hedge_msg_status_ok_t *status = hedged_bed_status(bed);

        for (uint32_t i = 0; i < status->n_boards; i++)
                if (!strcmp(status->boards[i].state, "alive"))
                        return false;
        return true;
}

static void without_boards_it_computes_itself(void **state)
{
        hedged_bed_t *bed = *state;

        hedged_bed_start(bed, "");
        hedged_bed_load(bed, "digits");
        assert_string_equal(hedged_bed_model(bed, "digits")->state, "waiting");
        assert_true(hedged_bed_says_local(hedged_bed_infer(bed, "digits")));
}

/* While all boards are silent nobody is told that the model is there for use. */
static void a_load_waits_for_boards_that_may_be_back(void **state)
{
        hedged_bed_t *bed = *state;

        hedged_bed_start(bed, "");
        hedged_bed_join(bed, 4);
        for (unsigned i = 0; i < 4; i++)
                fake_board_leave(&bed->boards[i]);
        hedged_bed_until(bed, none_usable, "the boards to be suspect");
        hedged_bed_send_load(bed, "digits", bed->onnx, bed->onnx_bytes, NULL, TEST_PATIENCE_MS);
        while (!hedged_bed_model(bed, "digits")) /* LOAD_OK in between would be no answer to it */
                continue;
        assert_string_equal(hedged_bed_model(bed, "digits")->state, "waiting");
        hedged_bed_join(bed, 4);
        assert_int_equal(hedged_bed_answer(bed)->type, HEDGE_MSG_LOAD_OK);
        assert_string_equal(hedged_bed_model(bed, "digits")->state, "ready");
        assert_true(hedged_bed_says_coded(hedged_bed_infer(bed, "digits")));
}

/* ---- restarts ---- */

static bool settled(hedged_bed_t *bed)
{
        return hedged_bed_model(bed, "digits")->ready_boards == 4;
}

static void a_new_coordinator_finds_everything_as_it_was(void **state)
{
        hedged_bed_t *bed = hedged_bed_ready(state, "");
        uint64_t coordinator = bed->boards[0].coordinator, job;
        unsigned sent;

        hedged_bed_load(bed, "gone");
        hedged_bed_send_unload(bed, "gone");
        assert_int_equal(hedged_bed_answer(bed)->type, HEDGE_MSG_UNLOAD_OK);
        assert_true(hedged_bed_says_coded(hedged_bed_infer(bed, "digits")));
        job = bed->boards[0].first_job;
        sent = sum_shares(bed);
        assert_int_equal(hedged_bed_end(bed, SIGKILL), 128 + SIGKILL);
        hedged_bed_start(bed, "");
        for (unsigned i = 0; i < 4; i++)
                bed->boards[i].first_job = 0;
        for (unsigned i = 4; i-- > 0;) { /* the other way round: each is who it was all the same */
                fake_board_leave(&bed->boards[i]);
                bed->boards[i].welcomes = 0;
                fake_board_join(&bed->boards[i], bed->endpoint);
                while (!bed->boards[i].welcomes)
                        hedged_bed_status(bed);
        }
        hedged_bed_until(bed, settled, "the boards to be known again");
        for (unsigned i = 0; i < 4; i++)
                assert_int_equal(bed->boards[i].index, i);
        assert_true(bed->boards[0].coordinator != coordinator);
        assert_true(hedged_bed_says_coded(hedged_bed_infer(bed, "digits")));
        assert_int_equal(sum_shares(bed), sent);
        assert_true(bed->boards[0].first_job != job); /* what is late from before can be told apart */
        assert_null(hedged_bed_model(bed, "gone"));
        hedged_bed_ask(bed, "gone");
        hedged_bed_expect_error(bed, HEDGE_ENOMODEL);
        hedged_bed_send_load(bed, "gone", NULL, 0, NULL, 0); /* from the repository */
        assert_int_equal(hedged_bed_answer(bed)->type, HEDGE_MSG_LOAD_OK);
        hedged_bed_infer(bed, "gone");
}

static bool the_third_is_back(hedged_bed_t *bed)
{
        return bed->boards[2].welcomes > 0 && settled(bed);
}

static void a_board_started_anew_gets_its_shares_again(void **state)
{
        hedged_bed_t *bed = hedged_bed_ready(state, "");
        unsigned held = bed->boards[2].n_shares;

        fake_board_leave(&bed->boards[2]);
        fake_board_forget(&bed->boards[2]);
        bed->boards[2].shares_sent = bed->boards[2].welcomes = 0;
        fake_board_join(&bed->boards[2], bed->endpoint);
        hedged_bed_until(bed, the_third_is_back, "the shares to be sent again");
        assert_int_equal(bed->boards[2].index, 2);
        assert_int_equal(bed->boards[2].shares_sent, held);
        /* and one that only lost its connection none */
        fake_board_leave(&bed->boards[2]);
        bed->boards[2].welcomes = 0;
        fake_board_join(&bed->boards[2], bed->endpoint);
        hedged_bed_until(bed, the_third_is_back, "the board to be back");
        assert_int_equal(bed->boards[2].shares_sent, held);
}

static bool spare_is_in(hedged_bed_t *bed)
{
        return hedged_bed_status(bed)->n_boards == 5 && settled(bed) && bed->boards[4].index == 1;
}

static void a_spare_takes_the_number_of_one_that_is_gone(void **state)
{
        hedged_bed_t *bed =
                hedged_bed_ready(state, "cluster: {slots: 4, heartbeat_ms: 200, gone_ms: 2000, measurements: ''}");
        const hedge_msg_result_t *result;

        hedged_bed_join(bed, 5);
        assert_int_equal(bed->boards[4].index, UINT32_MAX);
        assert_int_equal(bed->boards[4].n_shares, 0);
        fake_board_leave(&bed->boards[1]);
        hedged_bed_until(bed, spare_is_in, "the spare to take the number");
        bed->boards[0].mood = bed->boards[2].mood = FAKE_SILENT; /* so that it is needed */
        result = hedged_bed_infer(bed, "digits");
        assert_true(hedged_bed_says_coded(result));
        assert_true(hedged_bed_uses_board(result, 1) && bed->boards[4].tasks > 0);
        /* the one that was gone comes back with its old shares, as a spare */
        bed->boards[1].welcomes = 0;
        fake_board_join(&bed->boards[1], bed->endpoint);
        while (!bed->boards[1].welcomes)
                hedged_bed_status(bed);
        assert_int_equal(bed->boards[1].index, UINT32_MAX);
        assert_true(hedged_bed_says_coded(hedged_bed_infer(bed, "digits")));
}

/* ---- limits ---- */

static bool three_wait(hedged_bed_t *bed)
{
        return bed->boards[0].tasks > 0 && hedged_bed_status(bed)->in_flight == 3;
}

static void a_full_queue_says_so(void **state)
{
        hedged_bed_t *bed = hedged_bed_ready(state, "inference: {in_flight: 1, queue: 3}");
        uint64_t first = bed->id + 1;
        unsigned results = 0;

        for (unsigned i = 0; i < 4; i++)
                bed->boards[i].mood = FAKE_HELD_BACK;
        for (unsigned i = 0; i < 3; i++)
                hedged_bed_ask(bed, "digits");
        hedged_bed_until(bed, three_wait, "three requests to be taken");
        hedged_bed_ask(bed, "digits");
        hedged_bed_expect_error(bed, -EAGAIN);
        for (unsigned i = 0; i < 4; i++)
                bed->boards[i].mood = FAKE_GOOD;
        for (; results < 3; results++) {
                hedged_bed_answer(bed);
                hedged_bed_check(bed);
                assert_in_range(bed->client.last.message.result.id, first, bed->id);
        }
}

static void no_more_models_than_allowed(void **state)
{
        hedged_bed_t *bed = *state;

        bed->max_loaded = 2;
        hedged_bed_start(bed, "");
        hedged_bed_load(bed, "m");
        hedged_bed_load(bed, "n");
        hedged_bed_send_load(bed, "a", bed->onnx, bed->onnx_bytes, NULL, 0);
        assert_non_null(strstr(hedged_bed_expect_error(bed, HEDGE_ELIMIT)->text, "max_loaded"));
        hedged_bed_load(bed, "n"); /* in place of itself */
        hedged_bed_infer(bed, "m");
        assert_int_equal(hedged_bed_end(bed, SIGTERM), 0);
        hedged_bed_start(bed, "");
        assert_null(hedged_bed_model(bed, "a")); /* "no" holds for the next start, too */
        hedged_bed_infer(bed, "m");
        hedged_bed_infer(bed, "n");
        hedged_bed_send_unload(bed, "n");
        assert_int_equal(hedged_bed_answer(bed)->type, HEDGE_MSG_UNLOAD_OK);
        hedged_bed_load(bed, "a");
}

static void requests_that_run_outlive_their_model(void **state)
{
        hedged_bed_t *bed = hedged_bed_ready(state, "inference: {in_flight: 2}");
        unsigned results = 0;

        for (unsigned i = 0; i < 8; i++)
                hedged_bed_ask(bed, "digits");
        hedged_bed_send_unload(bed, "digits");
        for (unsigned answers = 0; answers < 9; answers++) {
                const hedge_message_t *m = hedged_bed_answer(bed);

                if (m->type == HEDGE_MSG_UNLOAD_OK)
                        continue;
                hedged_bed_check(bed); /* those taken before are finished */
                results++;
        }
        assert_int_equal(results, 8);
        hedged_bed_ask(bed, "digits");
        hedged_bed_expect_error(bed, HEDGE_ENOMODEL);
        for (unsigned i = 0; i < 4; i++) /* what nobody uses does not stay at the boards */
                assert_int_equal(bed->boards[i].n_shares, 0);
}

/* ---- the end ---- */

static bool first_works(hedged_bed_t *bed)
{
        return bed->boards[0].tasks > 0;
}

static bool all_heard_bye(hedged_bed_t *bed)
{
        return bed->boards[0].byes > 0 && bed->boards[3].byes > 0;
}

static void stops_within_a_second(hedged_bed_t *bed)
{
        const int second_ms = getenv("HEDGE_TEST_SANITIZED") ? 10000 : 1000;
        int64_t start_ms = hedge_now_ms();

        assert_int_equal(hedged_bed_end(bed, SIGTERM), 0);
        assert_in_range(hedge_now_ms() - start_ms, 0, second_ms);
}

static void stops_in_the_middle_of_a_layer(void **state)
{
        hedged_bed_t *bed = hedged_bed_ready(state, "");

        for (unsigned i = 0; i < 4; i++)
                bed->boards[i].mood = FAKE_SILENT;
        hedged_bed_ask(bed, "digits");
        hedged_bed_until(bed, first_works, "a task");
        stops_within_a_second(bed);
        hedged_bed_expect_error(bed, HEDGE_ESHUTDOWN);
        hedged_bed_until(bed, all_heard_bye, "BYE");
}

static void stops_while_models_are_loaded(void **state)
{
        hedged_bed_t *bed = *state;
        uint64_t first;
        unsigned n = 0;

        hedged_bed_start(bed, "");
        for (unsigned i = 0; i < 4; i++)
                bed->boards[i].mood = FAKE_SILENT; /* a board that stays mute about its shares as well */
        fake_board_join(&bed->boards[0], bed->endpoint);
        fake_peer_expect(&bed->boards[0].peer, HEDGE_MSG_WELCOME);
        first = bed->id + 1;
        for (unsigned i = 0; i < 3; i++) {
                char name[8];

                snprintf(name, sizeof(name), "m%u", i);
                hedged_bed_send_load(bed, name, bed->onnx, bed->onnx_bytes, NULL, TEST_PATIENCE_MS);
        }
        fake_peer_expect(&bed->boards[0].peer, HEDGE_MSG_SHARE); /* one is loaded, and waits for the boards */
        stops_within_a_second(bed);
        for (; n < 3; n++) { /* none is left without an answer */
                const hedge_message_t *m = fake_peer_next(&bed->client, 5000);

                assert_non_null(m);
                if (m->type == HEDGE_MSG_ERROR)
                        assert_int_equal(m->error.code, HEDGE_ESHUTDOWN);
                else
                        assert_int_equal(m->type, HEDGE_MSG_LOAD_OK);
                assert_in_range(m->type == HEDGE_MSG_ERROR ? m->error.about : m->done.id, first, bed->id);
        }
}

/* Also where nobody ever comes. */
static void tells_systemd_how_it_is(void **state)
{
        hedged_bed_t *bed = *state;
        int fd = test_notify_open(bed->dir, bed->notify, sizeof(bed->notify));

        hedged_bed_launch(bed, "insecure-loopback", "cluster: {measurements: ''}");
        test_notify_expect(fd, "READY=1");
        for (int i = 0; i < 3; i++)
                test_notify_expect(fd, "WATCHDOG=1");
        kill(bed->hedged.pid, SIGTERM);
        test_notify_expect(fd, "STOPPING=1");
        assert_int_equal(test_process_wait(&bed->hedged, TEST_PATIENCE_MS), 0);
        close(fd);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, hedged_bed_set_up, hedged_bed_tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(boards_answer_right),
                TEST(silent_boards_are_not_waited_for),
                TEST(wrong_parts_are_refused),
                TEST(the_same_part_again_counts_once),
                TEST(late_and_unasked_parts_do_no_harm),
                TEST(tasks_that_end_empty_are_lost),
                TEST(a_share_that_is_not_held_is_sent_again),
                TEST(a_board_without_room_gets_no_tasks),
                TEST(a_board_that_hangs_up_is_lost_at_once),
                TEST(without_boards_it_computes_itself),
                TEST(a_load_waits_for_boards_that_may_be_back),
                TEST(a_new_coordinator_finds_everything_as_it_was),
                TEST(a_board_started_anew_gets_its_shares_again),
                TEST(a_spare_takes_the_number_of_one_that_is_gone),
                TEST(a_full_queue_says_so),
                TEST(no_more_models_than_allowed),
                TEST(requests_that_run_outlive_their_model),
                TEST(stops_in_the_middle_of_a_layer),
                TEST(stops_while_models_are_loaded),
                TEST(tells_systemd_how_it_is),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

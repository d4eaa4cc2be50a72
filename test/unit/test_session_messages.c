/* SPDX-License-Identifier: Apache-2.0 */
/* What a board does with each message, and what it sends while its socket is full. */
#include "test/unit/random_message.h"
#include "test/unit/session_bed.h"

#define ANSWERS    64 /* that may wait for room */
#define AT_ONCE    32 /* messages that are read in one turn */
#define REPORTS_AT 16 /* reports that are sent in one */

static const hedge_digest_t digest = { { 1, 2, 3 } };

static const hedge_conv_t conv = {
        .in_h = 1,
        .in_w = 1,
        .in_c = 1,
        .out_c = 1,
        .kernel_h = 1,
        .kernel_w = 1,
        .stride_h = 1,
        .stride_w = 1,
        .dilation_h = 1,
        .dilation_w = 1,
        .groups = 1,
};

/* A message of this type, with as few frames as it can have; the numbers in it are arbitrary. */
static void tell(hedge_message_type_t type)
{
        uint64_t seed = type;
        random_blocks_t blocks = { .n = 0 };
        hedge_message_t message;
        uint32_t n_frames = hedge_schema(type)->frames_min;

        random_message(&seed, type, 1, &message, &blocks);
        if (hedge_schema(type)->frames_offset)
                n_frames = hedge_message_max_frames(&message);
        bed_tell(&message, n_frames);
        random_release(&blocks);
}

static void tell_task(uint64_t run)
{
        uint32_t order[] = { 0, 1 };
        const hedge_message_t task = {
                .type = HEDGE_MSG_TASK,
                .task = { .run = run, .digest = digest, .n_order = 2, .order = order },
        };

        bed_tell(&task, 2);
}

static void tell_share(void)
{
        bed_tell(&(hedge_message_t){ .type = HEDGE_MSG_SHARE,
                                     .share = { .digest = digest, .conv = conv, .ell_b = 1, .layer = "l" } },
                 1);
}

static void tell_graph(void)
{
        bed_tell(&(hedge_message_t){ .type = HEDGE_MSG_GRAPH, .graph = { .digest = digest, .layer = "l" } }, 1);
}

/* @param send  Sends something that is to be held. */
static void check_holding(void (*send)(void))
{
        bed_serve();
        send();
        bed_turn();
        assert_memory_equal(&bed.executor.digest, &digest, sizeof(digest));
        bed_expect_nothing(); /* it is said when it is packed */
        bed.executor.says = 1;
        send();
        bed_turn();
        assert_memory_equal(&bed_expect(HEDGE_MSG_SHARE_OK)->share_ok.digest, &digest, sizeof(digest));
        bed.executor.says = HEDGE_ELIMIT;
        send();
        bed_turn();
        assert_memory_equal(&bed_expect_error(HEDGE_ELIMIT)->digest, &digest, sizeof(digest));
        assert_string_equal(bed.heard.message.error.text, "no room");
        assert_int_equal(bed.heard.message.error.about, 0);
        assert_true(bed_serving());
}

static void a_share_goes_to_the_executor(void **state)
{
        check_holding(tell_share);
        assert_int_equal(bed.executor.n_shares, 3);
}

static void expect_constants_ok(uint64_t bytes)
{
        const hedge_msg_constants_ok_t *ok = &bed_expect(HEDGE_MSG_CONSTANTS_OK)->constants_ok;

        assert_memory_equal(&ok->digest, &digest, sizeof(digest));
        assert_int_equal(ok->bytes, bytes);
}

static void a_graph_goes_to_the_executor(void **state)
{
        bed_serve();
        tell_graph();
        bed_turn();
        expect_constants_ok(0);
        bed.executor.says = 2; /* it has no constants */
        tell_graph();
        bed_turn();
        bed_expect_nothing();
        bed.executor.says = 1;
        tell_graph();
        bed_turn();
        assert_memory_equal(&bed_expect(HEDGE_MSG_SHARE_OK)->share_ok.digest, &digest, sizeof(digest));
        bed.executor.says = HEDGE_ELIMIT;
        tell_graph();
        bed_turn();
        assert_memory_equal(&bed_expect_error(HEDGE_ELIMIT)->digest, &digest, sizeof(digest));
        assert_string_equal(bed.heard.message.error.text, "no room");
        assert_int_equal(bed.executor.n_graphs, 4);
}

static void constants_go_to_the_executor(void **state)
{
        const hedge_message_t constants = { .type = HEDGE_MSG_CONSTANTS,
                                            .constants = { .digest = digest, .offset = UINT64_C(5) << 32 } };

        bed_serve();
        bed_tell(&constants, 1);
        bed_turn();
        expect_constants_ok((UINT64_C(5) << 32) + 4);
        bed.executor.says = HEDGE_EMALFORMED;
        bed_tell(&constants, 1);
        bed_turn();
        assert_memory_equal(&bed_expect_error(HEDGE_EMALFORMED)->digest, &digest, sizeof(digest));
        assert_string_equal(bed.heard.message.error.text, "not the next");
        assert_true(bed_serving());
}

/* Who hears HELLO begins anew with what the board does not list. */
static void what_was_coming_is_forgotten_with_hello(void **state)
{
        unsigned forgotten;

        bed_serve();
        assert_true(bed.executor.n_forgotten > 0);
        forgotten = bed.executor.n_forgotten;
        tell_graph();
        bed_turn();
        expect_constants_ok(0);
        assert_int_equal(bed.executor.n_forgotten, forgotten);
        bed_tell(&(hedge_message_t){ .type = HEDGE_MSG_BYE }, 0);
        bed_turn();
        assert_int_equal(bed.executor.n_forgotten, forgotten + 1);
}

static void a_task_goes_to_the_executor(void **state)
{
        bed_serve();
        tell_task(9);
        bed_turn();
        bed_expect_nothing();
        bed.executor.says = HEDGE_ENOSHARE;
        tell_task(9);
        bed_turn();
        assert_int_equal(bed_expect_error(HEDGE_ENOSHARE)->about, 9);
        assert_memory_equal(&bed.heard.message.error.digest, &digest, sizeof(digest));
        assert_string_equal(bed.heard.message.error.text, "no such share");
        assert_int_equal(bed.executor.n_tasks, 2);
}

/* What is gone already needs no answer. */
static void cancel_and_drop_go_to_the_executor(void **state)
{
        const int says[] = { 0, -ENOENT };

        bed_serve();
        for (uint64_t i = 0; i < 2; i++) {
                bed.executor.says = says[i];
                bed_tell(&(hedge_message_t){ .type = HEDGE_MSG_CANCEL, .cancel = { 5 + i } }, 0);
                bed_turn();
                assert_int_equal(bed.executor.cancelled, 5 + i);
                memset(&bed.executor.digest, 0, sizeof(digest));
                bed_tell(&(hedge_message_t){ .type = HEDGE_MSG_DROP, .drop = { digest } }, 0);
                bed_turn();
                assert_memory_equal(&bed.executor.digest, &digest, sizeof(digest));
                bed_expect_nothing();
        }
}

/* The next message at the coordinator; the board sends what it can before, and has room again afterwards. */
static const hedge_message_t *expect_after_all(hedge_message_type_t type)
{
        zmq_pollitem_t item = hedge_socket_poll(bed.dealer, ZMQ_POLLOUT);
        const hedge_message_t *message;

        bed_turn();
        message = bed_expect(type);
        assert_int_equal(zmq_poll(&item, 1, BED_STUCK_S * 1000), 1);
        return message;
}

static bool is_in(hedge_message_type_t type, const hedge_message_type_t *types)
{
        while (*types && *types != type)
                types++;
        return *types;
}

/* All types that there are: what is not about the board itself or its shares is the training's, or no board's business. */
static void every_type_has_its_place(void **state)
{
        const hedge_message_type_t own[] = { HEDGE_MSG_WELCOME,
                                             HEDGE_MSG_SHARE,
                                             HEDGE_MSG_TASK,
                                             HEDGE_MSG_CANCEL,
                                             HEDGE_MSG_DROP,
                                             HEDGE_MSG_PING,
                                             HEDGE_MSG_ERROR,
                                             HEDGE_MSG_BYE,
                                             HEDGE_MSG_GRAPH,
                                             HEDGE_MSG_CONSTANTS,
                                             0 };
        const hedge_message_type_t trainings[] = {
                HEDGE_MSG_JOIN,  HEDGE_MSG_SHARD, HEDGE_MSG_STEP,   HEDGE_MSG_LEAVE,    HEDGE_MSG_HOLD,
                HEDGE_MSG_APPLY, HEDGE_MSG_FETCH, HEDGE_MSG_UPDATE, HEDGE_MSG_MULTIPLY, 0
        };
        unsigned n = 0;

        bed_serve();
        for (hedge_message_type_t type = 1; type < HEDGE_MSG_TYPES; type++) {
                if (is_in(type, own))
                        continue;
                tell(type);
                bed_turn();
                if (is_in(type, trainings)) {
                        assert_int_equal(bed.training.n_messages, ++n);
                        assert_int_equal(bed.training.last, type);
                } else {
                        assert_non_null(strstr(bed_expect_error(HEDGE_EUNSUPPORTED)->text, hedge_message_name(type)));
                }
                bed_expect_nothing();
        }
        assert_int_equal(bed.training.n_messages, 9);
        assert_true(bed_serving());
}

static void an_error_about_nothing_is_about_the_board(void **state)
{
        bed_serve();
        bed_later(BED_MIN_MS);
        bed_tell(&(hedge_message_t){ .type = HEDGE_MSG_ERROR, .error = { .code = -EIO, .about = 4 } }, 0);
        bed_tell(&(hedge_message_t){ .type = HEDGE_MSG_ERROR, .error = { .code = -EIO, .job = 4 } }, 0);
        bed_tell(&(hedge_message_t){ .type = HEDGE_MSG_ERROR, .error = { .code = -EIO, .digest = digest } }, 0);
        bed_turn();
        assert_true(bed_serving());
        bed_expect_nothing();
        bed_tell(&(hedge_message_t){ .type = HEDGE_MSG_ERROR, .error = { .code = -EIO } }, 0);
        bed_turn();
        assert_false(bed_serving());
        bed_expect(HEDGE_MSG_HELLO);
        assert_int_equal(bed.executor.n_abandoned, 0);
}

/* One that is not wanted does not ask the faster for it. */
static void an_error_keeps_the_back_off(void **state)
{
        int64_t wait_ms;

        bed_start();
        for (int i = 0; i < 3; i++) {
                bed_later(bed_turn());
                bed_expect(HEDGE_MSG_HELLO);
        }
        wait_ms = bed_turn();
        assert_true(wait_ms > BED_MIN_MS);
        bed.now_ms += wait_ms - 1;
        bed_tell(&(hedge_message_t){ .type = HEDGE_MSG_ERROR, .error = { .code = -EPERM } }, 0);
        assert_int_equal(bed_turn(), 1);
        bed_expect_nothing();
}

static void tell_bytes(const char *header, size_t size, bool with_frame)
{
        void *router = zsock_resolve(bed.router);

        assert_true(zmq_send(router, bed.board.bytes, bed.board.size, ZMQ_SNDMORE) >= 0);
        assert_true(zmq_send(router, header, size, with_frame ? ZMQ_SNDMORE : 0) >= 0);
        if (with_frame)
                assert_true(zmq_send(router, "1234", 4, 0) >= 0);
}

static void what_is_no_message_is_answered(void **state)
{
        zmq_msg_t packed;

        bed_serve();
        assert_int_equal(hedge_message_pack(&(hedge_message_t){ .type = HEDGE_MSG_PING, .ping = { 77, 1 } }, &packed),
                         0);
        for (int i = 0; i < 3; i++) {
                if (i < 2)
                        tell_bytes("\xc1 nonsense", 10, i == 1);
                else
                        tell_bytes(zmq_msg_data(&packed), zmq_msg_size(&packed), true); /* a PING has no frame */
                bed_turn();
                bed_expect_error(HEDGE_EMALFORMED);
                bed_expect_nothing();
                assert_true(bed_serving());
        }
        zmq_msg_close(&packed);
        bed_ping(77, 2);
        bed_turn();
        assert_int_equal(bed_expect(HEDGE_MSG_PONG)->pong.sequence, 2);
}

/* The coordinator need not wait for a task that did not get here whole. */
static void a_broken_task_is_named(void **state)
{
        uint32_t order[] = { 0 };
        const hedge_message_t task = { .type = HEDGE_MSG_TASK, .task = { .run = 9, .n_order = 1, .order = order } };
        zmq_msg_t packed;

        bed_serve();
        assert_int_equal(hedge_message_pack(&task, &packed), 0);
        tell_bytes(zmq_msg_data(&packed), zmq_msg_size(&packed), false);
        zmq_msg_close(&packed);
        bed_turn();
        assert_int_equal(bed_expect_error(HEDGE_EMALFORMED)->about, 9);
        assert_int_equal(bed.executor.n_tasks, 0);
        tell_bytes("\xc1 nonsense", 10, false); /* and what comes next is not about it */
        bed_turn();
        assert_int_equal(bed_expect_error(HEDGE_EMALFORMED)->about, 0);
}

/* ---- a full socket ---- */

static void a_pong_waits_for_room(void **state)
{
        unsigned n;

        bed_serve();
        n = bed_fill();
        bed_ping(77, 8);
        bed_turn();
        assert_true(hedgew_session_wants_room(bed.session));
        assert_true(hedgew_session_wants_messages(bed.session));
        bed_drain(n);
        bed_turn();
        assert_false(hedgew_session_wants_room(bed.session));
        assert_int_equal(bed_expect(HEDGE_MSG_PONG)->pong.sequence, 8);
}

static void a_hello_waits_for_room(void **state)
{
        unsigned n;

        bed_serve();
        n = bed_fill();
        bed_later(BED_SILENCE);
        assert_true(hedgew_session_wants_room(bed.session));
        bed_drain(n);
        bed_turn();
        bed_expect(HEDGE_MSG_HELLO);
        bed_turn();
        bed_expect_nothing();
}

/* Nor does it go out when a PING has come in the meantime: the coordinator was only silent. */
static void a_ping_makes_a_hello_that_waits_needless(void **state)
{
        unsigned n;

        bed_serve();
        n = bed_fill();
        bed_later(BED_SILENCE);
        bed_ping(77, 4);
        bed_turn();
        bed_drain(n);
        bed_turn();
        assert_int_equal(bed_expect(HEDGE_MSG_PONG)->pong.sequence, 4);
        bed_expect_nothing();
}

/* Answers wait in order; when there are many nothing more is read, so that nobody makes a board take memory without end. */
static void answers_wait_for_room(void **state)
{
        const unsigned more = 10;
        unsigned n;

        bed_serve();
        n = bed_fill();
        for (unsigned i = 0; i < ANSWERS + more; i++)
                tell_task(i + 1);
        bed.executor.says = HEDGE_ENOSHARE;
        bed_turn();
        assert_int_equal(bed.executor.n_tasks, AT_ONCE);
        for (unsigned i = 0; i < 4; i++)
                bed_turn();
        assert_int_equal(bed.executor.n_tasks, ANSWERS);
        assert_false(hedgew_session_wants_messages(bed.session));
        assert_true(hedgew_session_wants_room(bed.session));
        bed_drain(n);
        for (unsigned i = 0; i < ANSWERS + more; i++)
                assert_int_equal(expect_after_all(HEDGE_MSG_ERROR)->error.about, i + 1);
        bed_turn();
        bed_expect_nothing();
        assert_true(hedgew_session_wants_messages(bed.session));
}

/* An answer that comes later does not overtake those that wait, though there is room for it. */
static void answers_do_not_overtake(void **state)
{
        unsigned n;

        bed_serve();
        bed.executor.says = HEDGE_ENOSHARE;
        n = bed_fill();
        tell_task(1);
        bed_turn();
        tell_task(2);
        bed_drain(n);
        hedgew_session_receive(bed.session);
        bed_turn();
        assert_int_equal(expect_after_all(HEDGE_MSG_ERROR)->error.about, 1);
        assert_int_equal(expect_after_all(HEDGE_MSG_ERROR)->error.about, 2);
}

/* A full training takes no more messages: they wait in the socket. */
static void a_full_training_is_told_nothing(void **state)
{
        bed_serve();
        bed.training.status.full = true;
        tell(HEDGE_MSG_LEAVE);
        bed_turn();
        assert_false(hedgew_session_wants_messages(bed.session));
        assert_int_equal(bed.training.n_messages, 0);
        bed.training.status.full = false;
        bed_turn();
        assert_int_equal(bed.training.n_messages, 1);
}

/* ---- reports ---- */

static void reports_wait_for_a_coordinator(void **state)
{
        bed_start();
        bed_finish_task(1);
        bed_turn();
        assert_int_equal(bed.executor.n_read, 0);
        bed_expect_nothing();
        bed_welcome(77, 3);
        bed_turn();
        assert_int_equal(bed_expect(HEDGE_MSG_TASK_END)->task_end.run, 1);
        assert_int_equal(bed.executor.n_reported, 1);
}

/* What the executor holds can still be cancelled; what is in the socket can't. */
static void reports_are_left_while_the_socket_is_full(void **state)
{
        unsigned n, read;

        bed_serve();
        n = bed_fill();
        bed_finish_task(1);
        bed_finish_task(2);
        bed_turn();
        assert_true(hedgew_session_wants_room(bed.session));
        assert_false(hedgew_session_wants_reports(bed.session));
        assert_int_equal(bed.executor.n_reported, 0);
        bed_ping(77, 3);
        read = bed.executor.n_read;
        bed_turn(); /* the PONG has to wait already: reports are not even looked at */
        assert_int_equal(bed.executor.n_read, read);
        bed_drain(n);
        assert_int_equal(expect_after_all(HEDGE_MSG_PONG)->pong.sequence, 3); /* before all reports */
        assert_int_equal(expect_after_all(HEDGE_MSG_TASK_END)->task_end.run, 1);
        assert_int_equal(expect_after_all(HEDGE_MSG_TASK_END)->task_end.run, 2);
        assert_int_equal(bed.executor.n_reported, 2);
        bed_turn();
        assert_true(hedgew_session_wants_reports(bed.session));
        bed_expect_nothing();
}

static void executor_and_training_take_turns(void **state)
{
        bed_serve();
        for (unsigned i = 0; i < 6; i++) {
                bed_finish_task(i + 1);
                bed_finish_shard(i + 1);
        }
        for (unsigned i = 0; i < 6; i++) {
                assert_int_equal(expect_after_all(HEDGE_MSG_TASK_END)->task_end.run, i + 1);
                assert_int_equal(expect_after_all(HEDGE_MSG_SHARD_OK)->shard.job, i + 1);
        }
        bed_finish_shard(20); /* alone, as many as there are */
        bed_finish_shard(21);
        assert_int_equal(expect_after_all(HEDGE_MSG_SHARD_OK)->shard.job, 20);
        assert_int_equal(expect_after_all(HEDGE_MSG_SHARD_OK)->shard.job, 21);
        bed_finish_task(20);
        bed_finish_task(21);
        assert_int_equal(expect_after_all(HEDGE_MSG_TASK_END)->task_end.run, 20);
        assert_int_equal(expect_after_all(HEDGE_MSG_TASK_END)->task_end.run, 21);
}

/* However many there are, messages are read between them. */
static void so_many_reports_are_sent_in_a_turn(void **state)
{
        zsock_set_sndhwm(bed.dealer, 0); /* from the next connection on */
        bed_serve();
        hedgew_session_reconnect(bed.session);
        zsock_destroy(&bed.dealer);
        assert_int_equal(hedge_socket_new(ZMQ_DEALER, &(hedge_socket_options_t){ .limits = &hedge_wire_default_limits },
                                          &bed.dealer),
                         0);
        bed_connect();
        bed_event(HEDGEW_UPLINK_CONNECTED);
        bed_later(BED_MIN_MS);
        bed_expect(HEDGE_MSG_HELLO);
        bed_welcome(77, 3);
        bed_turn();
        for (unsigned i = 0; i < BED_REPORTS; i++)
                bed_finish_task(i + 1);
        bed_turn();
        assert_true(bed.executor.n_reported <= REPORTS_AT);
        while (bed.executor.n_reported < BED_REPORTS) {
                unsigned before = bed.executor.n_reported;

                bed_turn();
                assert_in_range(bed.executor.n_reported, before + 1, before + REPORTS_AT);
        }
        for (unsigned i = 0; i < BED_REPORTS; i++)
                assert_int_equal(bed_expect(HEDGE_MSG_TASK_END)->task_end.run, i + 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                BED_TEST(a_share_goes_to_the_executor),
                BED_TEST(a_graph_goes_to_the_executor),
                BED_TEST(constants_go_to_the_executor),
                BED_TEST(what_was_coming_is_forgotten_with_hello),
                BED_TEST(a_task_goes_to_the_executor),
                BED_TEST(cancel_and_drop_go_to_the_executor),
                BED_TEST(every_type_has_its_place),
                BED_TEST(an_error_about_nothing_is_about_the_board),
                BED_TEST(an_error_keeps_the_back_off),
                BED_TEST(what_is_no_message_is_answered),
                BED_TEST(a_broken_task_is_named),
                BED_TEST(a_pong_waits_for_room),
                BED_TEST(a_hello_waits_for_room),
                BED_TEST(a_ping_makes_a_hello_that_waits_needless),
                BED_TEST(answers_wait_for_room),
                BED_TEST(answers_do_not_overtake),
                BED_TEST(a_full_training_is_told_nothing),
                BED_TEST(reports_wait_for_a_coordinator),
                BED_TEST(reports_are_left_while_the_socket_is_full),
                BED_TEST(executor_and_training_take_turns),
                BED_TEST(so_many_reports_are_sent_in_a_turn),
        };

        return cmocka_run_group_tests(tests, bed_begin, bed_end);
}

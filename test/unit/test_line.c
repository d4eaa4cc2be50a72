/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/wire/link.h"
#include "daemon/train/line.h"

/* The line with a real cluster and real sockets, all on the test's thread: what the loop and the training's thread do is
 * called in turn. */

#define PATIENCE_MS 20000
#define HEARTBEAT   500
#define STRIKES     3
#define KIND        7

typedef struct peer {
        void *dealer;
        hedge_route_t route;
} peer_t;

static void *context, *router, *dealers[8];
static unsigned n_dealers;
static hedge_mailbox_t *loop;
static hedged_cluster_t *cluster;
static hedged_line_t *line;
static int64_t now; /* ms */
static uint64_t gradient_step;

static void on_change(void *arg, hedged_board_t *board, bool restarted)
{
        (void)arg;
        (void)restarted;
        hedged_line_changed(line, board);
}

static int set_up(void **state)
{
        (void)state;
        now = 100000;
        gradient_step = 1;
        context = zmq_ctx_new();
        router = zmq_socket(context, ZMQ_ROUTER);
        assert_int_equal(hedge_socket_set(router, &(hedge_socket_options_t){ .limits = &hedge_wire_default_limits }),
                         0);
        assert_int_equal(zmq_bind(router, "inproc://boards"), 0);
        assert_int_equal(hedge_mailbox_new(&loop), 0);
        assert_int_equal(hedged_cluster_new(4, HEARTBEAT, STRIKES, 60000, on_change, NULL, &cluster), 0);
        return hedged_line_new(router, cluster, loop, KIND, &line);
}

static void run_loop(void)
{
        hedge_mail_t *mail;

        while ((mail = hedge_mailbox_take(loop))) {
                assert_int_equal(mail->kind, KIND);
                hedged_line_mail(line, mail);
        }
}

static int tear_down(void **state)
{
        (void)state;
        run_loop();
        hedged_line_destroy(&line);
        hedged_cluster_destroy(&cluster);
        hedge_mailbox_destroy(&loop);
        while (n_dealers > 0)
                zmq_close(dealers[--n_dealers]);
        zmq_close(router);
        zmq_ctx_term(context);
        return 0;
}

static void receive(void *socket, bool is_router, hedge_envelope_t *ret)
{
        zmq_pollitem_t item = { socket, 0, ZMQ_POLLIN, 0 };

        assert_int_equal(zmq_poll(&item, 1, PATIENCE_MS), 1);
        assert_int_equal(hedge_link_receive(socket, is_router, &hedge_wire_default_limits, ret, NULL), 1);
}

static void open_peer(peer_t *peer)
{
        peer->dealer = zmq_socket(context, ZMQ_DEALER);
        assert_int_equal(
                hedge_socket_set(peer->dealer, &(hedge_socket_options_t){ .limits = &hedge_wire_default_limits }), 0);
        assert_int_equal(zmq_connect(peer->dealer, "inproc://boards"), 0);
        dealers[n_dealers++] = peer->dealer;
}

/* As boards.c does with a HELLO. */
static hedged_board_t *hello(peer_t *peer, const char *name, uint64_t incarnation)
{
        hedge_message_t message = { .type = HEDGE_MSG_HELLO, .hello = { .incarnation = incarnation } };
        hedged_board_t *board = NULL;
        hedge_envelope_t e;

        snprintf(message.hello.board, sizeof(message.hello.board), "%s", name);
        assert_int_equal(hedge_link_send(peer->dealer, NULL, &message, NULL, 0), 0);
        receive(router, true, &e);
        peer->route = e.route;
        assert_int_equal(hedged_cluster_hello(cluster, &e.message.hello, &e.route, 5, now, &board), 0);
        hedged_line_changed(line, board);
        hedge_envelope_release(&e);
        return board;
}

/* What the thread hears: HERE, LOST and STOP, or an answer. */
static hedged_line_event_t *next(enum hedged_line_event_kind kind, unsigned board)
{
        hedged_line_event_t *event = hedged_line_next(line, 0);

        assert_non_null(event);
        assert_int_equal(event->mail.kind, kind);
        assert_int_equal(event->board, board);
        return event;
}

static void expect(enum hedged_line_event_kind kind, unsigned board)
{
        hedged_line_event_t *event = next(kind, board);

        hedged_line_event_release(&event);
        assert_null(event);
}

static void expect_answer(hedge_message_type_t type, unsigned board)
{
        hedged_line_event_t *event = next(HEDGED_LINE_MESSAGE, board);

        assert_int_equal(event->envelope.message.type, type);
        hedged_line_event_release(&event);
}

static void expect_nothing(void)
{
        assert_null(hedged_line_next(line, 0));
}

static void say(unsigned board, hedge_message_type_t type, uint64_t job, size_t bytes)
{
        hedge_train_layer_t layer = { .kind = "dense" };
        hedge_message_t message = { .type = type };
        uint32_t n = 0;
        zmq_msg_t frames[2];

        if (type == HEDGE_MSG_JOIN)
                message.join = (hedge_msg_join_t){ .job = job,
                                                   .image_h = 1,
                                                   .image_w = 1,
                                                   .image_c = 1,
                                                   .classes = 2,
                                                   .n_layers = 1,
                                                   .layers = &layer,
                                                   .batch = 1,
                                                   .format = "fp32" };
        else if (type == HEDGE_MSG_SHARD)
                message.shard = (hedge_msg_shard_t){ .job = job, .count = 1 }, n = 2;
        else
                message.step = (hedge_msg_step_t){ .job = job, .step = 1, .whole = true }, n = 1;
        for (uint32_t i = 0; i < n; i++) {
                assert_int_equal(zmq_msg_init_size(&frames[i], bytes), 0);
                memset(zmq_msg_data(&frames[i]), 0, bytes);
        }
        assert_int_equal(hedged_line_send(line, board, &message, frames, n), 0);
        run_loop(); /* while the layer is there */
}

static void expect_at(peer_t *peer, hedge_message_type_t type)
{
        hedge_envelope_t e;

        receive(peer->dealer, false, &e);
        assert_int_equal(e.message.type, type);
        hedge_envelope_release(&e);
}

static void expect_silence_at(peer_t *peer)
{
        hedge_envelope_t e;

        assert_int_equal(hedge_link_receive(peer->dealer, false, &hedge_wire_default_limits, &e, NULL), 0);
}

/* As boards.c does with an answer. */
static int answer(hedged_board_t *board, hedge_message_type_t type, uint64_t job, size_t bytes)
{
        hedge_envelope_t e = { .message = { .type = type }, .fd = 5 };
        int r;

        if (type == HEDGE_MSG_JOINED)
                e.message.joined.job = job;
        else if (type == HEDGE_MSG_SHARD_OK)
                e.message.shard.job = job;
        else if (type == HEDGE_MSG_GRADIENT)
                e.message.gradient = (hedge_msg_gradient_t){ .job = job, .step = gradient_step };
        else if (type == HEDGE_MSG_PRODUCT)
                e.message.product.job = job;
        else
                e.message.error = (hedge_msg_error_t){ .code = -EDOM, .job = job };
        if (bytes) {
                e.frames = malloc(sizeof(*e.frames));
                e.n_frames = 1;
                assert_int_equal(zmq_msg_init_size(e.frames, bytes), 0);
        }
        hedged_cluster_seen(cluster, board, 5, now);
        r = hedged_line_received(line, board, &e);
        hedge_envelope_release(&e);
        return r;
}

static void tick(unsigned n)
{
        for (; n > 0; n--) {
                now += HEARTBEAT;
                hedged_cluster_tick(cluster, now, now * 1000);
                hedged_line_tick(line);
        }
}

/* ---- */

static void words_come_in_order(void **state)
{
        (void)state;
        peer_t a, b;
        hedged_board_t *first, *second;

        open_peer(&a);
        open_peer(&b);
        first = hello(&a, "a", 1);
        expect_nothing(); /* none is open */
        hedged_line_open(line, 3);
        expect(HEDGED_LINE_HERE, 0);
        second = hello(&b, "b", 2);
        expect(HEDGED_LINE_HERE, 1);
        expect_nothing();

        say(0, HEDGE_MSG_JOIN, 3, 0);
        expect_at(&a, HEDGE_MSG_JOIN);
        assert_int_equal(answer(first, HEDGE_MSG_JOINED, 3, 0), 0);
        expect_answer(HEDGE_MSG_JOINED, 0);
        say(0, HEDGE_MSG_SHARD, 3, 100);
        expect_at(&a, HEDGE_MSG_SHARD);
        assert_int_equal(answer(first, HEDGE_MSG_SHARD_OK, 3, 0), 0);
        expect_answer(HEDGE_MSG_SHARD_OK, 0);
        say(0, HEDGE_MSG_STEP, 3, 100);
        expect_at(&a, HEDGE_MSG_STEP);
        assert_int_equal(answer(first, HEDGE_MSG_GRADIENT, 3, 50), 0);
        expect_answer(HEDGE_MSG_GRADIENT, 0);
        say(1, HEDGE_MSG_JOIN, 3, 0);
        assert_int_equal(answer(second, HEDGE_MSG_ERROR, 3, 0), 0);
        expect_answer(HEDGE_MSG_ERROR, 1);
        expect_nothing();

        hedged_line_close(line, false);
        expect_at(&a, HEDGE_MSG_LEAVE);
        expect_at(&b, HEDGE_MSG_JOIN);
        expect_at(&b, HEDGE_MSG_LEAVE);
}

/* What the thread says while it does not know yet that the board was lost, or is another one, is not sent. */
static void messages_belong_to_a_session(void **state)
{
        (void)state;
        peer_t a, again;
        hedged_board_t *board;

        open_peer(&a);
        open_peer(&again);
        board = hello(&a, "a", 1);
        hedged_line_open(line, 3);
        expect(HEDGED_LINE_HERE, 0);
        say(0, HEDGE_MSG_JOIN, 3, 0);
        expect_at(&a, HEDGE_MSG_JOIN);
        assert_int_equal(answer(board, HEDGE_MSG_JOINED, 3, 0), 0);
        expect_answer(HEDGE_MSG_JOINED, 0);

        hello(&again, "a", 1); /* the thread has not read this yet */
        say(0, HEDGE_MSG_STEP, 3, 10);
        expect_silence_at(&again);
        expect(HEDGED_LINE_HERE, 0); /* without a LOST */
        expect_nothing();
        assert_int_equal(answer(board, HEDGE_MSG_GRADIENT, 3, 10), 0); /* of before, come late */
        expect_nothing();
        say(0, HEDGE_MSG_JOIN, 3, 0);
        expect_at(&again, HEDGE_MSG_JOIN);
        assert_int_equal(answer(board, HEDGE_MSG_GRADIENT, 3, 10), 0);
        expect_nothing();
        assert_int_equal(answer(board, HEDGE_MSG_JOINED, 3, 0), 0);
        expect_answer(HEDGE_MSG_JOINED, 0);

        hedged_cluster_lost(cluster, board);
        say(0, HEDGE_MSG_STEP, 3, 10);
        expect(HEDGED_LINE_LOST, 0);
        say(0, HEDGE_MSG_STEP, 3, 10);
        expect_silence_at(&again);
        hedged_line_close(line, true);
        expect_silence_at(&again);
}

static void a_board_on_probation_is_not_here(void **state)
{
        (void)state;
        peer_t a;
        hedged_board_t *board;

        open_peer(&a);
        board = hello(&a, "a", 1);
        hedged_line_open(line, 3);
        expect(HEDGED_LINE_HERE, 0);
        for (unsigned i = 0; i < 2; i++) { /* the second time within a minute it is watched for a while */
                hedged_cluster_lost(cluster, board);
                expect(HEDGED_LINE_LOST, 0);
                assert_int_equal(answer(board, HEDGE_MSG_GRADIENT, 3, 10), 0);
                if (i == 0)
                        expect(HEDGED_LINE_HERE, 0);
                expect_nothing();
        }
        assert_false(board->usable);
        for (unsigned i = 0; i < 3; i++) {
                hedged_cluster_seen(cluster, board, 5, now);
                tick(1);
        }
        assert_true(board->usable);
        expect(HEDGED_LINE_HERE, 0);
        hedged_line_close(line, false);
}

static void what_nobody_asked_for_is_not_passed_on(void **state)
{
        (void)state;
        peer_t a;
        hedged_board_t *board;

        open_peer(&a);
        board = hello(&a, "a", 1);
        assert_int_equal(answer(board, HEDGE_MSG_GRADIENT, 2, 10), -ENOENT);
        expect_at(&a, HEDGE_MSG_LEAVE);
        assert_int_equal(answer(board, HEDGE_MSG_GRADIENT, 0, 10), -ENOENT);
        expect_at(&a, HEDGE_MSG_LEAVE);
        hedged_line_open(line, 3);
        expect(HEDGED_LINE_HERE, 0);
        assert_int_equal(answer(board, HEDGE_MSG_JOINED, 3, 0), HEDGE_EMALFORMED);
        say(0, HEDGE_MSG_JOIN, 3, 0);
        expect_at(&a, HEDGE_MSG_JOIN);
        assert_int_equal(answer(board, HEDGE_MSG_JOINED, 2, 0), -ENOENT);
        expect_at(&a, HEDGE_MSG_LEAVE);
        assert_int_equal(answer(board, HEDGE_MSG_JOINED, 3, 0), 0);
        for (unsigned i = 0; i < 100; i++)
                assert_int_equal(answer(board, HEDGE_MSG_GRADIENT, 3, 10), HEDGE_EMALFORMED);
        say(0, HEDGE_MSG_STEP, 3, 10);
        gradient_step = 2;
        assert_int_equal(answer(board, HEDGE_MSG_GRADIENT, 3, 10), HEDGE_EMALFORMED); /* of another step */
        gradient_step = 1;
        assert_int_equal(answer(board, HEDGE_MSG_GRADIENT, 3, 10), 0);
        assert_int_equal(answer(board, HEDGE_MSG_GRADIENT, 3, 10), HEDGE_EMALFORMED); /* again */
        say(0, HEDGE_MSG_SHARD, 3, 10);
        assert_int_equal(answer(board, HEDGE_MSG_JOINED, 3, 0), HEDGE_EMALFORMED); /* again */
        assert_int_equal(answer(board, HEDGE_MSG_ERROR, 3, 0), 0);
        assert_int_equal(board->excused_bytes, 0);
        assert_int_equal(answer(board, HEDGE_MSG_SHARD_OK, 3, 0), 0);
        assert_int_equal(answer(board, HEDGE_MSG_SHARD_OK, 3, 0), HEDGE_EMALFORMED);
        assert_int_equal(answer(board, HEDGE_MSG_ERROR, 3, 0), 0);
        assert_int_equal(answer(board, HEDGE_MSG_ERROR, 3, 0), 0); /* one for each of what was said */
        assert_int_equal(answer(board, HEDGE_MSG_ERROR, 3, 0), HEDGE_EMALFORMED);
        expect_answer(HEDGE_MSG_JOINED, 0);
        expect_answer(HEDGE_MSG_GRADIENT, 0);
        expect_answer(HEDGE_MSG_ERROR, 0);
        expect_answer(HEDGE_MSG_SHARD_OK, 0);
        expect_answer(HEDGE_MSG_ERROR, 0);
        expect_answer(HEDGE_MSG_ERROR, 0);
        expect_nothing();
        hedged_line_close(line, true);
}

static void say_matrix(hedge_message_type_t type, size_t bytes)
{
        hedge_message_t message = { .type = type };
        zmq_msg_t frame;

        if (type == HEDGE_MSG_HOLD)
                message.hold = (hedge_msg_hold_t){ .job = 3, .rows = 1, .cols = (uint32_t)bytes / 4 };
        else
                message.apply = (hedge_msg_apply_t){ .job = 3, .batch = 1 };
        assert_int_equal(zmq_msg_init_size(&frame, bytes), 0);
        assert_int_equal(hedged_line_send(line, 0, &message, &frame, 1), 0);
        run_loop();
}

/* Nobody joins, and a HOLD has no answer, but may be refused. */
static void products_are_answers_too(void **state)
{
        (void)state;
        peer_t a;
        hedged_board_t *board;

        open_peer(&a);
        board = hello(&a, "a", 1);
        hedged_line_open(line, 3);
        expect(HEDGED_LINE_HERE, 0);
        assert_int_equal(answer(board, HEDGE_MSG_ERROR, 3, 0), HEDGE_EMALFORMED);
        say_matrix(HEDGE_MSG_HOLD, 1000);
        expect_at(&a, HEDGE_MSG_HOLD);
        assert_int_equal(answer(board, HEDGE_MSG_PRODUCT, 3, 8), HEDGE_EMALFORMED);
        assert_int_equal(answer(board, HEDGE_MSG_ERROR, 3, 0), 0);
        expect_answer(HEDGE_MSG_ERROR, 0);
        assert_int_equal(board->excused_bytes, 1000);
        say_matrix(HEDGE_MSG_APPLY, 400);
        say_matrix(HEDGE_MSG_APPLY, 600);
        assert_int_equal(board->excused_bytes, 2000);
        assert_int_equal(answer(board, HEDGE_MSG_PRODUCT, 2, 8), -ENOENT);
        assert_int_equal(answer(board, HEDGE_MSG_PRODUCT, 3, 8), 0);
        assert_int_equal(board->excused_bytes, 1000);
        assert_int_equal(answer(board, HEDGE_MSG_PRODUCT, 3, 8), 0);
        assert_int_equal(board->excused_bytes, 0);
        assert_int_equal(answer(board, HEDGE_MSG_PRODUCT, 3, 8), HEDGE_EMALFORMED);
        expect_answer(HEDGE_MSG_PRODUCT, 0);
        expect_answer(HEDGE_MSG_PRODUCT, 0);
        expect_nothing();
        for (unsigned i = 0; i < 2; i++)
                expect_at(&a, HEDGE_MSG_APPLY);
        expect_at(&a, HEDGE_MSG_LEAVE); /* the product of another training */
        hedged_line_close(line, false);
        expect_at(&a, HEDGE_MSG_LEAVE);
}

/* A board that was away when the training ended holds its data still. */
static void who_was_away_is_told_to_leave(void **state)
{
        (void)state;
        peer_t a, again;
        hedged_board_t *board;

        open_peer(&a);
        open_peer(&again);
        board = hello(&a, "a", 1);
        hedged_line_open(line, 3);
        expect(HEDGED_LINE_HERE, 0);
        say(0, HEDGE_MSG_JOIN, 3, 0);
        expect_at(&a, HEDGE_MSG_JOIN);
        hedged_cluster_lost(cluster, board);
        hedged_line_close(line, false);
        expect_silence_at(&a);
        hello(&again, "a", 1);
        expect_at(&again, HEDGE_MSG_LEAVE);
        hedged_line_open(line, 4);
        expect(HEDGED_LINE_HERE, 0); /* nothing is left of the one before */
        expect_nothing();
        hedged_line_close(line, false);
        expect_silence_at(&again);
}

static void a_board_that_cannot_be_reached_is_lost(void **state)
{
        (void)state;
        peer_t a;
        hedged_board_t *board;

        open_peer(&a);
        board = hello(&a, "a", 1);
        hedged_line_open(line, 3);
        expect(HEDGED_LINE_HERE, 0);
        board->route.bytes[0] ^= 0x55;
        say(0, HEDGE_MSG_JOIN, 3, 0);
        expect(HEDGED_LINE_LOST, 0);
        expect_nothing();
        assert_int_equal(board->state, HEDGED_BOARD_SUSPECT);
        hedged_line_close(line, false);
}

/* A queue that is full says nothing about the board: it is tried again after a while. */
static void a_full_queue_is_waited_for(void **state)
{
        (void)state;
        peer_t a;
        hedged_board_t *board;
        hedge_envelope_t e;
        hedged_line_event_t *event = NULL;

        open_peer(&a);
        board = hello(&a, "a", 1);
        hedged_line_open(line, 3);
        expect(HEDGED_LINE_HERE, 0);
        for (unsigned i = 0; i < 2000 && !event; i++) {
                say(0, HEDGE_MSG_JOIN, 3, 0);
                event = hedged_line_next(line, 0);
        }
        assert_non_null(event);
        assert_int_equal(event->mail.kind, HEDGED_LINE_LOST);
        hedged_line_event_release(&event);
        assert_true(board->usable);
        hedged_line_tick(line);
        expect_nothing(); /* not at once */
        while (hedge_link_receive(a.dealer, false, &hedge_wire_default_limits, &e, NULL) == 1)
                hedge_envelope_release(&e);
        for (unsigned i = 0; i < PATIENCE_MS / 20 && !event; i++) {
                zmq_poll(NULL, 0, 20);
                hedged_line_tick(line);
                event = hedged_line_next(line, 0);
        }
        assert_non_null(event);
        assert_int_equal(event->mail.kind, HEDGED_LINE_HERE);
        hedged_line_event_release(&event);
        hedged_line_close(line, false);
}

/* 5 MB down and as many up take 8 s at 10 Mbit/s: PINGs that wait behind them are not missed. */
static void what_is_under_way_excuses_silence(void **state)
{
        (void)state;
        const unsigned excused = 8000 / HEARTBEAT;
        peer_t a;
        hedged_board_t *board;

        open_peer(&a);
        board = hello(&a, "a", 1);
        hedged_line_open(line, 3);
        expect(HEDGED_LINE_HERE, 0);
        say(0, HEDGE_MSG_JOIN, 3, 0);
        assert_int_equal(answer(board, HEDGE_MSG_JOINED, 3, 0), 0);
        expect_answer(HEDGE_MSG_JOINED, 0);
        say(0, HEDGE_MSG_STEP, 3, 5000000);
        tick(excused);
        assert_true(board->usable);
        assert_int_equal(answer(board, HEDGE_MSG_GRADIENT, 3, 1000), 0);
        expect_answer(HEDGE_MSG_GRADIENT, 0);
        assert_int_equal(board->excused_bytes, 0);
        say(0, HEDGE_MSG_STEP, 3, 1000); /* from now on it is known what a gradient takes */
        assert_int_equal(board->excused_bytes, 2000);
        say(0, HEDGE_MSG_SHARD, 3, 5000000);
        assert_int_equal(board->excused_bytes, 10002000);
        assert_int_equal(answer(board, HEDGE_MSG_GRADIENT, 3, 1000), 0);
        tick(excused);
        assert_true(board->usable);
        assert_int_equal(answer(board, HEDGE_MSG_SHARD_OK, 3, 0), 0);
        assert_int_equal(board->excused_bytes, 0);
        tick(STRIKES + 2);
        assert_false(board->usable);
        hedged_line_close(line, false);
}

static void the_first_reason_to_stop_holds(void **state)
{
        (void)state;
        hedged_line_stop(line, HEDGED_STOP_USER); /* nothing is open */
        hedged_line_open(line, 3);
        assert_int_equal(hedged_line_stopping(line), HEDGED_STOP_NO);
        hedged_line_stop(line, HEDGED_STOP_USER);
        hedged_line_stop(line, HEDGED_STOP_SHUTDOWN);
        assert_int_equal(hedged_line_stopping(line), HEDGED_STOP_USER);
        expect(HEDGED_LINE_STOP, 0);
        expect_nothing();
        hedged_line_close(line, false);
        hedged_line_open(line, 4);
        assert_int_equal(hedged_line_stopping(line), HEDGED_STOP_NO);
        hedged_line_stop(line, HEDGED_STOP_SHUTDOWN); /* its event is never read */
        hedged_line_close(line, false);
        hedged_line_open(line, 5);
        expect_nothing();
        hedged_line_close(line, false);
}

/* A spare that gets a number is told to say HELLO again first. */
static void a_promoted_spare_says_hello_first(void **state)
{
        (void)state;
        peer_t peers[5];
        hedged_board_t *spare = NULL, *gone = NULL;
        char name[8];

        for (unsigned i = 0; i < 5; i++) {
                open_peer(&peers[i]);
                snprintf(name, sizeof(name), "b%u", i);
                spare = hello(&peers[i], name, i + 1);
                gone = i == 2 ? spare : gone;
        }
        assert_int_equal(spare->index, HEDGED_NO_INDEX);
        hedged_line_open(line, 3);
        for (unsigned i = 0; i < 4; i++)
                expect(HEDGED_LINE_HERE, i);
        for (unsigned i = 0; i < 200 && spare->index == HEDGED_NO_INDEX; i++) {
                for (unsigned b = 0; b < 4; b++)
                        if (hedged_cluster_at(cluster, b) != gone)
                                hedged_cluster_seen(cluster, hedged_cluster_at(cluster, b), 5, now);
                hedged_cluster_seen(cluster, spare, 5, now);
                tick(1);
        }
        assert_int_equal(spare->index, 2);
        expect(HEDGED_LINE_LOST, 2);
        expect_nothing();
        spare->promoted = false;
        hello(&peers[4], "b4", 5);
        expect(HEDGED_LINE_HERE, 2);
        expect_nothing();
        hedged_line_close(line, false);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(words_come_in_order),
                TEST(messages_belong_to_a_session),
                TEST(a_board_on_probation_is_not_here),
                TEST(what_nobody_asked_for_is_not_passed_on),
                TEST(products_are_answers_too),
                TEST(who_was_away_is_told_to_leave),
                TEST(a_board_that_cannot_be_reached_is_lost),
                TEST(a_full_queue_is_waited_for),
                TEST(what_is_under_way_excuses_silence),
                TEST(the_first_reason_to_stop_holds),
                TEST(a_promoted_spare_says_hello_first),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

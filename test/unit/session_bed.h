/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_SESSION_BED_H
#define HEDGE_TEST_SESSION_BED_H

#include <czmq.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/err.h"
#include "worker/session/session.h"

/** A session on the test's thread and by its clock. Its coordinator is a ROUTER of the test's; the uplink, the executor and the
 * training are played: they note what they are told, and report what the test gives them. A message is there as soon as it was
 * sent, since both sockets are in this process. */
#define BED_MIN_MS    100
#define BED_MAX_MS    800
#define BED_HEARTBEAT 500
#define BED_SILENCE   (10 * BED_HEARTBEAT)
#define BED_REPORTS   64
#define BED_STUCK_S   60

typedef struct bed_executor {
        hedgew_report_t reports[BED_REPORTS]; /* without frames */
        unsigned n_reports, n_reported, n_read;
        hedgew_executor_status_t status;
        unsigned n_status, n_abandoned, n_shares, n_graphs, n_tasks;
        unsigned n_forgotten; /* blocks whose constants were coming */
        int says;             /* to a SHARE, a GRAPH, a TASK, a CANCEL, a DROP */
        uint64_t cancelled;
        hedge_digest_t digest; /* of the last one of these */
        int fds[2];
} bed_executor_t;

typedef struct bed_training {
        hedgew_training_report_t reports[BED_REPORTS];
        unsigned n_reports, n_reported;
        hedgew_training_status_t status;
        unsigned n_forgotten, n_messages;
        hedge_message_type_t last;
        int fds[2];
} bed_training_t;

typedef struct session_bed {
        char endpoint[32], events_endpoint[32];
        int64_t now_ms;
        unsigned n_asked_time;
        zsock_t *router, *dealer, *events, *events_in;
        hedge_route_t board; /* who spoke last */
        hedge_envelope_t heard;
        bool away; /* the next socket finds nobody */
        int reopen_fails;
        unsigned n_opened, reconnect_ms; /* of the last reopening */
        bed_executor_t executor;
        bed_training_t training;
        hedgew_shares_t *shares;
        char status[512];
        unsigned n_status;
        void (*on_status)(void), (*on_executor_status)(void), (*on_reported)(void);
        hedgew_session_settings_t settings;
        hedgew_session_t *session;
} session_bed_t;

static session_bed_t bed;
static unsigned bed_number; /* an address is free only some time after its socket was closed: another for each */

/* ---- in place of worker/infer/executor.c ---- */

int hedgew_executor_share(hedgew_executor_t *executor, const hedge_msg_share_t *message, zmq_msg_t *frame,
                          hedge_why_t *why)
{
        assert_ptr_equal(executor, &bed.executor);
        assert_int_equal(zmq_msg_size(frame), 4);
        bed.executor.n_shares++;
        bed.executor.digest = message->digest;
        return bed.executor.says < 0 ? hedge_why(why, bed.executor.says, "no room") : bed.executor.says;
}

int hedgew_executor_graph(hedgew_executor_t *executor, const hedge_msg_graph_t *message, zmq_msg_t *program,
                          hedge_why_t *why)
{
        assert_ptr_equal(executor, &bed.executor);
        assert_int_equal(zmq_msg_size(program), 4);
        bed.executor.n_graphs++;
        bed.executor.digest = message->digest;
        return bed.executor.says < 0 ? hedge_why(why, bed.executor.says, "no room") : bed.executor.says;
}

int hedgew_executor_constants(hedgew_executor_t *executor, const hedge_msg_constants_t *message, zmq_msg_t *frame,
                              uint64_t *ret_bytes, hedge_why_t *why)
{
        assert_ptr_equal(executor, &bed.executor);
        bed.executor.digest = message->digest;
        *ret_bytes = message->offset + zmq_msg_size(frame);
        return bed.executor.says < 0 ? hedge_why(why, bed.executor.says, "not the next") : 0;
}

void hedgew_executor_forget_filling(hedgew_executor_t *executor)
{
        assert_ptr_equal(executor, &bed.executor);
        bed.executor.n_forgotten++;
}

int hedgew_executor_task(hedgew_executor_t *executor, const hedge_msg_task_t *message, zmq_msg_t *frames,
                         uint32_t n_frames, hedge_why_t *why)
{
        assert_int_equal(n_frames, 2);
        assert_int_equal(zmq_msg_size(&frames[1]), 4);
        bed.executor.n_tasks++;
        bed.executor.digest = message->digest;
        return bed.executor.says < 0 ? hedge_why(why, bed.executor.says, "no such share") : 0;
}

int hedgew_executor_cancel(hedgew_executor_t *executor, uint64_t run)
{
        bed.executor.cancelled = run;
        return bed.executor.says;
}

int hedgew_executor_drop(hedgew_executor_t *executor, const hedge_digest_t *digest)
{
        bed.executor.digest = *digest;
        return bed.executor.says;
}

void hedgew_executor_abandon(hedgew_executor_t *executor)
{
        bed.executor.n_abandoned++;
        bed.executor.n_reported = bed.executor.n_reports;
}

int hedgew_executor_fd(const hedgew_executor_t *executor)
{
        return bed.executor.fds[0];
}

hedgew_report_t *hedgew_executor_report(hedgew_executor_t *executor)
{
        bed.executor.n_read++;
        return bed.executor.n_reported < bed.executor.n_reports ? &bed.executor.reports[bed.executor.n_reported] : NULL;
}

void hedgew_executor_reported(hedgew_executor_t *executor)
{
        bed.executor.n_reported++;
        if (bed.on_reported)
                bed.on_reported();
}

void hedgew_executor_status(hedgew_executor_t *executor, hedgew_executor_status_t *ret)
{
        *ret = bed.executor.status;
        bed.executor.n_status++;
        if (bed.on_executor_status)
                bed.on_executor_status();
}

/* ---- in place of worker/train/training.c ---- */

void hedgew_training_message(hedgew_training_t *training, hedge_envelope_t *envelope)
{
        assert_ptr_equal(training, &bed.training);
        bed.training.n_messages++;
        bed.training.last = envelope->message.type;
}

void hedgew_training_forget(hedgew_training_t *training)
{
        bed.training.n_forgotten++;
        bed.training.n_reported = bed.training.n_reports;
}

int hedgew_training_fd(const hedgew_training_t *training)
{
        return bed.training.fds[0];
}

hedgew_training_report_t *hedgew_training_report(hedgew_training_t *training)
{
        return bed.training.n_reported < bed.training.n_reports ? &bed.training.reports[bed.training.n_reported] : NULL;
}

void hedgew_training_reported(hedgew_training_t *training)
{
        bed.training.n_reported++;
        if (bed.on_reported)
                bed.on_reported();
}

void hedgew_training_status(hedgew_training_t *training, hedgew_training_status_t *ret)
{
        *ret = bed.training.status;
}

/* ---- in place of worker/session/uplink.c ---- */

static inline void bed_connect(void)
{
        assert_int_equal(hedge_socket_connect(bed.dealer, bed.endpoint, NULL), 0);
}

static inline void bed_open(void)
{
        const hedge_socket_options_t options = { .limits = &hedge_wire_default_limits, .send_queue = 1 };

        assert_int_equal(hedge_socket_new(ZMQ_DEALER, &options, &bed.dealer), 0);
        if (!bed.away)
                bed_connect();
}

int hedgew_uplink_reopen(hedgew_uplink_t *uplink, unsigned reconnect_ms)
{
        bed.n_opened++;
        bed.reconnect_ms = reconnect_ms;
        zsock_destroy(&bed.dealer);
        if (bed.reopen_fails == 0)
                bed_open();
        return bed.reopen_fails;
}

zsock_t *hedgew_uplink_socket(hedgew_uplink_t *uplink)
{
        assert_non_null(bed.dealer);
        return bed.dealer;
}

zsock_t *hedgew_uplink_monitor(hedgew_uplink_t *uplink)
{
        return bed.events;
}

const hedge_wire_limits_t *hedgew_uplink_limits(const hedgew_uplink_t *uplink)
{
        return &hedge_wire_default_limits;
}

hedgew_uplink_event_t hedgew_uplink_next(hedgew_uplink_t *uplink)
{
        uint8_t byte = HEDGEW_UPLINK_NOTHING;

        return zmq_recv(zsock_resolve(bed.events), &byte, 1, ZMQ_DONTWAIT) == 1 ? (hedgew_uplink_event_t)byte
                                                                                : HEDGEW_UPLINK_NOTHING;
}

/* ---- the bed ---- */

static inline int64_t bed_now_ms(void)
{
        bed.n_asked_time++;
        return bed.now_ms;
}

static inline void bed_take_status(const char *text)
{
        bed.n_status++;
        snprintf(bed.status, sizeof(bed.status), "%s", text);
        if (bed.on_status)
                bed.on_status();
}

static inline int bed_set_up(void **state)
{
        const hedge_socket_options_t options = { .limits = &hedge_wire_default_limits };

        alarm(BED_STUCK_S);
        memset(&bed, 0, sizeof(bed));
        bed.now_ms = 1000000;
        snprintf(bed.endpoint, sizeof(bed.endpoint), "inproc://coordinator-%u", ++bed_number);
        snprintf(bed.events_endpoint, sizeof(bed.events_endpoint), "inproc://events-%u", bed_number);
        assert_int_equal(hedge_socket_new(ZMQ_ROUTER, &options, &bed.router), 0);
        zsock_set_rcvhwm(bed.router, 1);
        assert_int_equal(hedge_socket_bind(bed.router, bed.endpoint, NULL), 0);
        assert_int_equal(hedge_socket_new(ZMQ_PULL, &options, &bed.events), 0);
        assert_int_equal(hedge_socket_bind(bed.events, bed.events_endpoint, NULL), 0);
        assert_int_equal(hedge_socket_new(ZMQ_PUSH, &options, &bed.events_in), 0);
        assert_int_equal(hedge_socket_connect(bed.events_in, bed.events_endpoint, NULL), 0);
        bed_open();
        assert_int_equal(hedgew_shares_new(1 << 20, 1 << 20, &bed.shares), 0);
        assert_int_equal(pipe(bed.executor.fds), 0);
        assert_int_equal(pipe(bed.training.fds), 0);
        bed.settings = (hedgew_session_settings_t){
                .board = "pi-3",
                .backend = "plain",
                .endpoint = "tcp://coordinator:1",
                .cores = 4,
                .share_bytes_max = 12345,
                .reconnect_min_ms = BED_MIN_MS,
                .reconnect_max_ms = BED_MAX_MS,
                .shares = bed.shares,
                .executor = (hedgew_executor_t *)(void *)&bed.executor,
                .training = (hedgew_training_t *)(void *)&bed.training,
                .now_ms = bed_now_ms,
                .status = bed_take_status,
        };
        return 0;
}

static inline int bed_tear_down(void **state)
{
        hedgew_session_destroy(&bed.session);
        assert_null(bed.session);
        hedgew_shares_destroy(&bed.shares);
        hedge_envelope_release(&bed.heard);
        zsock_destroy(&bed.dealer);
        zsock_destroy(&bed.events_in);
        zsock_destroy(&bed.events);
        zsock_destroy(&bed.router);
        for (int i = 0; i < 2; i++) {
                close(bed.executor.fds[i]);
                close(bed.training.fds[i]);
        }
        alarm(0);
        return 0;
}

static inline void bed_event(hedgew_uplink_event_t event)
{
        const uint8_t byte = (uint8_t)event;

        assert_int_equal(zmq_send(zsock_resolve(bed.events_in), &byte, 1, ZMQ_DONTWAIT), 1);
}

/** One turn of the loop. @return how long it may sleep. */
static inline int64_t bed_turn(void)
{
        int64_t wait_ms = -1;

        hedgew_session_events(bed.session);
        hedgew_session_receive(bed.session);
        assert_int_equal(hedgew_session_tick(bed.session, &wait_ms), 0);
        hedgew_session_send(bed.session);
        assert_true(wait_ms >= 0);
        return wait_ms;
}

/** One so much later. */
static inline int64_t bed_later(int64_t ms)
{
        bed.now_ms += ms;
        return bed_turn();
}

/** The next message at the coordinator, of this type. */
static inline const hedge_message_t *bed_expect(hedge_message_type_t type)
{
        hedge_envelope_release(&bed.heard);
        assert_int_equal(hedge_link_receive(bed.router, true, &hedge_wire_default_limits, &bed.heard, NULL), 1);
        assert_int_equal(bed.heard.message.type, type);
        bed.board = bed.heard.route;
        return &bed.heard.message;
}

static inline void bed_expect_nothing(void)
{
        hedge_envelope_release(&bed.heard);
        assert_int_equal(hedge_link_receive(bed.router, true, &hedge_wire_default_limits, &bed.heard, NULL), 0);
}

/** An ERROR with this code. */
static inline const hedge_msg_error_t *bed_expect_error(int code)
{
        const hedge_message_t *message = bed_expect(HEDGE_MSG_ERROR);

        assert_int_equal(message->error.code, code);
        assert_true(*message->error.text);
        return &message->error;
}

/** The coordinator says something, with so many frames of four bytes. */
static inline void bed_tell(const hedge_message_t *message, uint32_t n_frames)
{
        zmq_msg_t frames[8];

        assert_true(n_frames <= 8);
        for (uint32_t i = 0; i < n_frames; i++) {
                assert_int_equal(zmq_msg_init_size(&frames[i], 4), 0);
                memset(zmq_msg_data(&frames[i]), 0, 4);
        }
        assert_int_equal(hedge_link_send(bed.router, &bed.board, message, frames, n_frames), 0);
}

static inline void bed_ping(uint64_t coordinator, uint64_t sequence)
{
        bed_tell(&(hedge_message_t){ .type = HEDGE_MSG_PING, .ping = { coordinator, sequence } }, 0);
}

static inline void bed_welcome(uint64_t coordinator, uint32_t index)
{
        bed_tell(&(hedge_message_t){ .type = HEDGE_MSG_WELCOME, .welcome = { coordinator, index, BED_HEARTBEAT } }, 0);
}

static inline bool bed_serving(void)
{
        return hedgew_session_wants_reports(bed.session);
}

/** A session that has said its first HELLO. */
static inline void bed_start(void)
{
        assert_int_equal(hedgew_session_new(&bed.settings, &bed.session), 0);
        bed_event(HEDGEW_UPLINK_CONNECTED);
        bed_turn();
        bed_expect(HEDGE_MSG_HELLO);
}

/** One that serves coordinator 77. */
static inline void bed_serve(void)
{
        bed_start();
        bed_welcome(77, 3);
        bed_turn();
        assert_true(bed_serving());
}

/** The socket takes no more. @return how many messages it took (PONG 0). */
static inline unsigned bed_fill(void)
{
        const hedge_message_t message = { .type = HEDGE_MSG_PONG };
        unsigned n = 0;

        while (hedge_link_send(bed.dealer, NULL, &message, NULL, 0) == 0)
                n++;
        assert_true(n > 0);
        return n;
}

/** The coordinator reads what bed_fill sent; there is room again. */
static inline void bed_drain(unsigned n)
{
        zmq_pollitem_t item = hedge_socket_poll(bed.dealer, ZMQ_POLLOUT);

        while (n-- > 0)
                assert_int_equal(bed_expect(HEDGE_MSG_PONG)->pong.sequence, 0);
        assert_int_equal(zmq_poll(&item, 1, BED_STUCK_S * 1000), 1);
}

static inline void bed_finish_task(uint64_t run)
{
        assert_true(bed.executor.n_reports < BED_REPORTS);
        bed.executor.reports[bed.executor.n_reports++].message =
                (hedge_message_t){ .type = HEDGE_MSG_TASK_END, .task_end = { .run = run } };
}

static inline void bed_finish_shard(uint64_t job)
{
        assert_true(bed.training.n_reports < BED_REPORTS);
        bed.training.reports[bed.training.n_reports++].message =
                (hedge_message_t){ .type = HEDGE_MSG_SHARD_OK, .shard = { .job = job } };
}

/** The group's own: of all sockets. */
static inline int bed_begin(void **state)
{
        hedge_sockets_begin(1024); /* all that the group opens: one that was closed still counts for a while */
        return 0;
}

static inline int bed_end(void **state)
{
        hedge_sockets_end();
        return 0;
}

#define BED_TEST(name) cmocka_unit_test_setup_teardown(name, bed_set_up, bed_tear_down)

#endif

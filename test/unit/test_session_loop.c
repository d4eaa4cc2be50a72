/* SPDX-License-Identifier: Apache-2.0 */
/* What wakes a board's loop, what ends it, and when it feeds the watchdog. The session has nothing to do of itself in all these tests:
 * its clock stands still, and it would sleep for longer than the test may last. */
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/signals.h"
#include "test/unit/session_bed.h"
#include "worker/session/loop.h"

#define WATCHDOG_US INT64_C(20000)

static hedgew_loop_t loop;
static int64_t now_us;
static unsigned n_reloads, n_hooked, hooks_max;
static int notified;

static int64_t tell_us(void)
{
        return now_us;
}

static void reload(void *arg)
{
        assert_ptr_equal(arg, &loop);
        n_reloads++;
}

static int set_up(void **state)
{
        bed_set_up(state);
        bed.settings.silence_ms = 10 * BED_STUCK_S * 1000;
        bed_serve();
        now_us = 1000000;
        n_reloads = n_hooked = 0;
        loop = (hedgew_loop_t){
                .session = bed.session,
                .executor = bed.settings.executor,
                .training = bed.settings.training,
                .reload = reload,
                .reload_arg = &loop,
                .now_us = tell_us,
                .stuck_us = 1000000,
        };
        return hedge_signals_open(&loop.signals_fd);
}

static int tear_down(void **state)
{
        hedge_signals_close(loop.signals_fd);
        return bed_tear_down(state);
}

static void terminate(void)
{
        raise(SIGTERM);
}

/* As systemd listens. */
static int set_up_notified(void **state)
{
        struct sockaddr_un address = { .sun_family = AF_UNIX };
        socklen_t size = sizeof(address);
        char name[128];

        notified = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        assert_true(notified >= 0);
        assert_int_equal(bind(notified, (struct sockaddr *)&address, sizeof(sa_family_t)), 0); /* any abstract name */
        assert_int_equal(getsockname(notified, (struct sockaddr *)&address, &size), 0);
        snprintf(name, sizeof(name), "@%.*s", (int)(size - offsetof(struct sockaddr_un, sun_path) - 1),
                 address.sun_path + 1);
        assert_int_equal(setenv("NOTIFY_SOCKET", name, 1), 0);
        return set_up(state);
}

static int tear_down_notified(void **state)
{
        unsetenv("NOTIFY_SOCKET");
        close(notified);
        return tear_down(state);
}

/* How often it was fed. */
static unsigned feedings(void)
{
        char text[64];
        ssize_t size;
        unsigned n = 0;

        while ((size = recv(notified, text, sizeof(text) - 1, 0)) >= 0) {
                text[size] = 0;
                assert_string_equal(text, "WATCHDOG=1");
                n++;
        }
        return n;
}

/* ---- */

static void a_signal_ends_it_with_its_number(void **state)
{
        const int numbers[] = { SIGTERM, SIGINT };

        for (int i = 0; i < 2; i++) {
                raise(numbers[i]);
                assert_int_equal(hedgew_loop_run(&loop), numbers[i]);
        }
        assert_int_equal(n_reloads, 0);
}

static void hang_up_once_more(void *arg)
{
        reload(arg);
        raise(n_reloads < 3 ? SIGHUP : SIGTERM);
}

static void a_hangup_reloads_and_goes_on(void **state)
{
        raise(SIGHUP);
        raise(SIGHUP);
        raise(SIGINT);
        assert_int_equal(hedgew_loop_run(&loop), SIGINT);
        assert_int_equal(n_reloads, 2);
        n_reloads = 0;
        loop.reload = hang_up_once_more;
        raise(SIGHUP);
        assert_int_equal(hedgew_loop_run(&loop), SIGTERM);
        assert_int_equal(n_reloads, 3);
}

static void reconnect_for_ever_more(void *arg)
{
        reload(arg);
        bed.reopen_fails = -EMFILE;
        hedgew_session_reconnect(bed.session);
}

static void a_session_that_fails_ends_it(void **state)
{
        loop.reload = reconnect_for_ever_more;
        raise(SIGHUP);
        assert_int_equal(hedgew_loop_run(&loop), -EMFILE);
}

/* ---- what wakes it ---- */

static void a_message_wakes_it(void **state)
{
        bed.on_status = terminate;
        bed_welcome(77, 4);
        assert_int_equal(hedgew_loop_run(&loop), SIGTERM);
        assert_string_equal(bed.status, "connected to tcp://coordinator:1 as board 4");
}

static void an_event_of_the_connection_wakes_it(void **state)
{
        bed.on_status = terminate;
        bed_event(HEDGEW_UPLINK_CLOSED);
        assert_int_equal(hedgew_loop_run(&loop), SIGTERM);
        assert_string_equal(bed.status, "connecting to tcp://coordinator:1");
}

/* As a monitor's socket is opened: nobody has asked it for anything, so that its descriptor says nothing. */
static void listen_anew(void *arg)
{
        const hedge_socket_options_t options = { .limits = &hedge_wire_default_limits };

        reload(arg);
        zsock_destroy(&bed.events_in);
        zsock_destroy(&bed.events);
        snprintf(bed.events_endpoint, sizeof(bed.events_endpoint), "inproc://events-%u", ++bed_number);
        assert_int_equal(hedge_socket_new(ZMQ_PUSH, &options, &bed.events_in), 0);
        assert_int_equal(hedge_socket_bind(bed.events_in, bed.events_endpoint, NULL), 0);
        assert_int_equal(hedge_socket_new(ZMQ_PULL, &options, &bed.events), 0);
        assert_int_equal(hedge_socket_connect(bed.events, bed.events_endpoint, NULL), 0);
        bed_event(HEDGEW_UPLINK_CLOSED);
}

static void an_event_of_a_new_socket_wakes_it(void **state)
{
        bed.on_status = terminate;
        loop.reload = listen_anew;
        raise(SIGHUP);
        assert_int_equal(hedgew_loop_run(&loop), SIGTERM);
        assert_string_equal(bed.status, "connecting to tcp://coordinator:1");
}

static void terminate_when_seeking(void)
{
        if (strstr(bed.status, "connecting"))
                raise(SIGTERM);
}

/* By the real clock: a tenth of a second of silence, which is the shortest that there is. */
static void the_clock_wakes_it(void **state)
{
        hedgew_session_destroy(&bed.session);
        bed.settings.now_ms = hedge_now_ms;
        bed.settings.silence_ms = 0;
        bed_start();
        loop.session = bed.session;
        bed.on_status = terminate_when_seeking;
        bed_tell(&(hedge_message_t){ .type = HEDGE_MSG_WELCOME, .welcome = { 77, 3, 1 } }, 0);
        assert_int_equal(hedgew_loop_run(&loop), SIGTERM);
        assert_string_equal(bed.status, "connecting to tcp://coordinator:1");
}

/* A report that comes while it waits: here, after it has looked for reports in vain. */
static void report_task(void)
{
        if (n_hooked++)
                return;
        bed_finish_task(8);
        assert_int_equal(write(bed.executor.fds[1], "1", 1), 1);
}

static void report_shard(void)
{
        if (n_hooked++)
                return;
        bed_finish_shard(8);
        assert_int_equal(write(bed.training.fds[1], "1", 1), 1);
}

static void reports_wake_it(void **state)
{
        void (*const report[])(void) = { report_task, report_shard };
        const int fds[] = { bed.executor.fds[0], bed.training.fds[0] };
        char byte;

        loop.watchdog_us = INT64_C(1000000) * 10 * BED_STUCK_S; /* its hook only: it is fed once */
        bed.on_reported = terminate;
        for (unsigned i = 0; i < 2; i++) {
                n_hooked = 0;
                bed.on_executor_status = report[i];
                assert_int_equal(hedgew_loop_run(&loop), SIGTERM);
                bed_expect(i == 0 ? HEDGE_MSG_TASK_END : HEDGE_MSG_SHARD_OK);
                assert_int_equal(read(fds[i], &byte, 1), 1); /* so that it does not wake for this one again */
        }
}

/* The coordinator reads as soon as the loop has seen that its socket is full. */
static void read_all(void)
{
        if (n_hooked++)
                return;
        assert_true(hedgew_session_wants_room(bed.session));
        while (hedge_link_receive(bed.router, true, &hedge_wire_default_limits, &bed.heard, NULL) == 1)
                hedge_envelope_release(&bed.heard);
}

static void room_wakes_it(void **state)
{
        loop.watchdog_us = INT64_C(1000000) * 10 * BED_STUCK_S;
        bed.on_executor_status = read_all;
        bed.on_reported = terminate;
        bed_finish_task(8);
        bed_fill();
        assert_int_equal(hedgew_loop_run(&loop), SIGTERM);
        assert_int_equal(bed_expect(HEDGE_MSG_TASK_END)->task_end.run, 8);
}

/* ---- the watchdog ---- */

static void count_feeding(void)
{
        if (++n_hooked == hooks_max)
                raise(SIGTERM);
}

/* By itself, twice in its time; also when nothing else happens. */
static void the_watchdog_is_fed(void **state)
{
        loop.watchdog_us = WATCHDOG_US;
        bed.on_executor_status = count_feeding;
        hooks_max = 5;
        loop.now_us = hedge_now_us;
        assert_int_equal(hedgew_loop_run(&loop), SIGTERM);
        assert_int_equal(feedings(), 5);
}

/* Once in every turn of the loop. */
static int64_t go_on_by_a_quarter(void)
{
        now_us += WATCHDOG_US / 4;
        if (++n_hooked == 8)
                raise(SIGTERM);
        return bed.now_ms;
}

static void it_is_fed_twice_in_its_time(void **state)
{
        hedgew_session_destroy(&bed.session);
        bed.settings.now_ms = go_on_by_a_quarter;
        assert_int_equal(hedgew_session_new(&bed.settings, &bed.session), 0);
        loop.session = bed.session;
        loop.watchdog_us = WATCHDOG_US;
        n_hooked = 0;
        assert_int_equal(hedgew_loop_run(&loop), SIGTERM);
        assert_int_equal(n_hooked, 8);
        assert_int_equal(feedings(), 4);
}

static void without_a_watchdog_nothing_is_fed(void **state)
{
        raise(SIGTERM);
        assert_int_equal(hedgew_loop_run(&loop), SIGTERM);
        assert_int_equal(feedings(), 0);
        assert_int_equal(bed.executor.n_status, 0);
}

static void a_thread_that_is_stuck_is_not_hidden(void **state)
{
        int64_t *const busy_us[] = { &bed.executor.status.busy_us, &bed.training.status.busy_us };

        loop.watchdog_us = WATCHDOG_US;
        for (unsigned i = 0; i < 2; i++) {
                *busy_us[i] = loop.stuck_us;
                raise(SIGTERM);
                assert_int_equal(hedgew_loop_run(&loop), SIGTERM);
                assert_int_equal(feedings(), 0);
                *busy_us[i] = loop.stuck_us - 1;
                raise(SIGTERM);
                assert_int_equal(hedgew_loop_run(&loop), SIGTERM);
                assert_int_equal(feedings(), 1);
                *busy_us[i] = 0;
        }
}

/* A full socket, an unread report and messages that may not be read keep nobody awake. */
static void what_has_to_wait_does_not_keep_it_awake(void **state)
{
        bed_finish_task(1);
        assert_int_equal(write(bed.executor.fds[1], "1", 1), 1);
        assert_int_equal(write(bed.training.fds[1], "1", 1), 1);
        bed_fill();
        bed.training.status.full = true;
        bed_ping(77, 1);
        loop.watchdog_us = WATCHDOG_US;
        loop.now_us = hedge_now_us;
        bed.on_executor_status = count_feeding;
        hooks_max = 4;
        bed.n_asked_time = 0;
        assert_int_equal(hedgew_loop_run(&loop), SIGTERM);
        /* A turn for each feeding, and a few: waits end a millisecond early. Awake, it turns thousands of times. */
        assert_in_range(bed.n_asked_time, 4, 40);
        assert_int_equal(bed.executor.n_reported, 0);
}

#define LOOP_TEST(name)     cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define NOTIFIED_TEST(name) cmocka_unit_test_setup_teardown(name, set_up_notified, tear_down_notified)

int main(void)
{
        const struct CMUnitTest tests[] = {
                LOOP_TEST(a_signal_ends_it_with_its_number),
                LOOP_TEST(a_hangup_reloads_and_goes_on),
                LOOP_TEST(a_session_that_fails_ends_it),
                LOOP_TEST(a_message_wakes_it),
                LOOP_TEST(an_event_of_the_connection_wakes_it),
                LOOP_TEST(an_event_of_a_new_socket_wakes_it),
                LOOP_TEST(the_clock_wakes_it),
                LOOP_TEST(reports_wake_it),
                LOOP_TEST(room_wakes_it),
                NOTIFIED_TEST(the_watchdog_is_fed),
                NOTIFIED_TEST(it_is_fed_twice_in_its_time),
                NOTIFIED_TEST(without_a_watchdog_nothing_is_fed),
                NOTIFIED_TEST(a_thread_that_is_stuck_is_not_hidden),
                NOTIFIED_TEST(what_has_to_wait_does_not_keep_it_awake),
        };

        return cmocka_run_group_tests(tests, bed_begin, bed_end);
}

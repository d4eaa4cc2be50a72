/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/session/loop.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <systemd/sd-daemon.h>

#include "common/cost.h"
#include "common/log.h"
#include "common/signals.h"

enum { AT_SIGNAL, AT_SOCKET, AT_MONITOR, AT_REPORTS, AT_TRAINING, N_FDS };

/* What has come. */
typedef struct found {
        bool signal, event, message;
} found_t;

/* The descriptors themselves are polled: zmq_poll would ask each socket twice in every turn, and poll twice. A socket's
 * descriptor says only that there is news since the socket was last asked: it is asked before we sleep. Events of the connection belong before
 * what came by it: the monitor is looked at after the socket, but read first. Full sockets and unread reports are left out
 * where they would only keep us awake.
 * @return 0, -errno. */
static int wait_for(const hedgew_loop_t *loop, int64_t wait_ms, found_t *ret)
{
        const hedgew_session_t *session = loop->session;
        const bool reports = hedgew_session_wants_reports(session);
        zsock_t *socket = hedgew_uplink_socket(loop->uplink), *monitor = hedgew_uplink_monitor(loop->uplink);
        struct pollfd fds[N_FDS] = {
                [AT_SIGNAL] = { .fd = loop->signals_fd, .events = POLLIN },
                [AT_SOCKET] = { .fd = hedge_socket_fd(socket), .events = POLLIN },
                [AT_MONITOR] = { .fd = hedge_socket_fd(monitor), .events = POLLIN },
                [AT_REPORTS] = { .fd = reports ? hedgew_executor_fd(loop->executor) : -1, .events = POLLIN },
                [AT_TRAINING] = { .fd = reports ? hedgew_training_fd(loop->training) : -1, .events = POLLIN },
        };
        const int events = hedge_socket_events(socket), happened = hedge_socket_events(monitor);

        if (events < 0 || happened < 0)
                return events < 0 ? events : happened;
        ret->event = happened & ZMQ_POLLIN;
        ret->message = hedgew_session_wants_messages(session) && events & ZMQ_POLLIN;
        if (ret->event || ret->message || (hedgew_session_wants_room(session) && events & ZMQ_POLLOUT))
                wait_ms = 0;
        if (poll(fds, N_FDS, wait_ms < INT_MAX ? (int)wait_ms : INT_MAX) < 0)
                return errno == EINTR ? 0 : -errno;
        ret->signal = fds[AT_SIGNAL].revents & POLLIN;
        ret->event = ret->event || fds[AT_MONITOR].revents & POLLIN;
        ret->message = ret->message || fds[AT_SOCKET].revents & POLLIN;
        return 0;
}

/* @return the one that says stop, 0: none has come. */
static int read_signals(const hedgew_loop_t *loop)
{
        int number;

        while ((number = hedge_signals_next(loop->signals_fd)) == SIGHUP)
                loop->reload(loop->reload_arg);
        return number;
}

/* Feed systemd's watchdog twice in its time: this loop turns, and so must the threads that compute.
 * @return when to do it again. */
static int64_t feed(const hedgew_loop_t *loop, int64_t due_us)
{
        const int64_t now_us = loop->now_us();
        hedgew_executor_status_t status;
        hedgew_training_status_t training;
        int64_t busy_us;

        if (now_us < due_us)
                return due_us;
        hedgew_executor_status(loop->executor, &status);
        hedgew_training_status(loop->training, &training);
        busy_us = status.busy_us > training.busy_us ? status.busy_us : training.busy_us;
        if (busy_us < loop->stuck_us)
                sd_notify(0, "WATCHDOG=1");
        else
                log_error("a thread has been computing without a break for %lld s, not feeding the watchdog",
                          (long long)(busy_us / 1000000));
        return now_us + loop->watchdog_us / 2;
}

int hedgew_loop_run(const hedgew_loop_t *loop)
{
        int64_t wait_ms, feed_us = 0, left_ms;
        int r;

        hedge_cost_enter(HEDGE_COST_MESSAGES);
        for (;;) {
                found_t found = { 0 };

                r = hedgew_session_tick(loop->session, &wait_ms);
                if (r < 0)
                        return r;
                hedgew_session_send(loop->session);
                if (loop->watchdog_us) {
                        feed_us = feed(loop, feed_us);
                        left_ms = (feed_us - loop->now_us()) / 1000 + 1;
                        wait_ms = left_ms < wait_ms ? left_ms : wait_ms;
                }
                r = wait_for(loop, wait_ms > 0 ? wait_ms : 0, &found);
                if (r < 0)
                        return r;
                if (found.signal && (r = read_signals(loop)) > 0)
                        return r;
                if (found.event)
                        hedgew_session_events(loop->session);
                if (found.message)
                        hedgew_session_receive(loop->session);
        }
}

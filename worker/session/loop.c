/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/session/loop.h"

#include <errno.h>
#include <signal.h>
#include <systemd/sd-daemon.h>

#include "common/cost.h"
#include "common/log.h"
#include "common/signals.h"

enum { AT_SIGNAL, AT_MONITOR, AT_SOCKET, AT_REPORTS, AT_TRAINING, N_ITEMS };

/* Wait for whatever comes first. Full sockets and unread reports are left out where they would only keep us awake. */
static int wait_for(const hedgew_loop_t *loop, int64_t wait_ms, bool *ret_signal)
{
        const hedgew_session_t *session = loop->session;
        zmq_pollitem_t items[N_ITEMS] = {
                [AT_SIGNAL] = { .fd = loop->signals_fd, .events = ZMQ_POLLIN },
                [AT_MONITOR] = hedge_socket_poll(hedgew_uplink_monitor(loop->uplink), ZMQ_POLLIN),
                [AT_SOCKET] = hedge_socket_poll(hedgew_uplink_socket(loop->uplink), 0),
                [AT_REPORTS] = { .fd = hedgew_executor_fd(loop->executor) },
                [AT_TRAINING] = { .fd = hedgew_training_fd(loop->training) },
        };

        if (hedgew_session_wants_messages(session))
                items[AT_SOCKET].events |= ZMQ_POLLIN;
        if (hedgew_session_wants_room(session))
                items[AT_SOCKET].events |= ZMQ_POLLOUT;
        if (hedgew_session_wants_reports(session))
                items[AT_REPORTS].events = items[AT_TRAINING].events = ZMQ_POLLIN;
        if (zmq_poll(items, N_ITEMS, (long)wait_ms) < 0 && errno != EINTR)
                return -errno;
        *ret_signal = items[AT_SIGNAL].revents & ZMQ_POLLIN;
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
        bool signalled = false;
        int r;

        hedge_cost_enter(HEDGE_COST_MESSAGES);
        for (;;) {
                r = hedgew_session_tick(loop->session, &wait_ms);
                if (r < 0)
                        return r;
                hedgew_session_send(loop->session);
                if (loop->watchdog_us) {
                        feed_us = feed(loop, feed_us);
                        left_ms = (feed_us - loop->now_us()) / 1000 + 1;
                        wait_ms = left_ms < wait_ms ? left_ms : wait_ms;
                }
                r = wait_for(loop, wait_ms > 0 ? wait_ms : 0, &signalled);
                if (r < 0)
                        return r;
                if (signalled && (r = read_signals(loop)) > 0)
                        return r;
                hedgew_session_receive(loop->session);
        }
}

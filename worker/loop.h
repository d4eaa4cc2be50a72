/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_WORKER_LOOP_H
#define HEDGE_WORKER_LOOP_H

#include "worker/session.h"

/** The I/O loop: waits for the socket, the reports of the executor and the training, a signal and the clock, and never for anything else. */
typedef struct hedge_loop {
        hedge_session_t *session;
        hedge_executor_t *executor;
        hedge_training_t *training;
        hedge_uplink_t *uplink;
        int signal_fd;       /**< readable when the process is to stop (signalfd) */
        int64_t watchdog_us; /**< systemd's; 0: none */
        int64_t stuck_us;    /**< a kernel call that takes longer is a hang: the watchdog is not fed any more */
} hedge_loop_t;

/** Run until a signal comes. @return the signal's number, or what the session failed with. */
int hedge_loop_run(const hedge_loop_t *loop);

#endif

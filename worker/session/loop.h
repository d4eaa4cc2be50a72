/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_LOOP_H
#define HEDGEW_LOOP_H

#include "worker/session/session.h"

/** The I/O loop: waits for the socket, the reports of the executor and the training, a signal and the clock, and never for anything else. */
typedef struct hedgew_loop {
        hedgew_session_t *session;
        hedgew_executor_t *executor;
        hedgew_training_t *training;
        hedgew_uplink_t *uplink;
        int signals_fd;            /**< common/signals.h */
        void (*reload)(void *arg); /**< SIGHUP */
        void *reload_arg;
        int64_t watchdog_us; /**< systemd's; 0: none */
        int64_t stuck_us;    /**< a kernel call that takes longer is a hang: the watchdog is not fed any more */
} hedgew_loop_t;

/** Run until a signal says stop. @return the signal's number, or what the session failed with. */
int hedgew_loop_run(const hedgew_loop_t *loop);

#endif

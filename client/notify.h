/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_NOTIFY_H
#define HEDGEC_NOTIFY_H

#include "client/process.h"

/** Readiness as systemd does it (sd_notify(3)): the programs we start tell a socket of ours READY=1, and the kernel says
 * which of them it was. */
typedef struct hedgec_notify {
        int fd;
        char name[32]; /**< for NOTIFY_SOCKET: "@..." (an abstract address that the kernel chose) */
        int stop_fd;   /**< readable once SIGINT, SIGTERM or SIGHUP has come; they do not end us while it is open */
} hedgec_notify_t;

/** One at a time in a process. @return 0, -errno. */
int hedgec_notify_open(hedgec_notify_t *notify, hedge_why_t *why);
void hedgec_notify_close(hedgec_notify_t *notify);

/** Wait for something to happen, at most wait_ms: a process says that it is ready (process->ready), or ends, or a signal
 * asks us to stop.
 * @param ret_ended   The process that ended, with ret_status as of waitpid; only for a return of 2.
 * @return 0 (time is up, or a process became ready), 1 (asked to stop), 2 (a process ended), -errno. */
int hedgec_notify_wait(const hedgec_notify_t *notify, hedgec_process_t *processes, unsigned count, int wait_ms,
                       unsigned *ret_ended, int *ret_status);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_CLIENT_PROCESS_H
#define HEDGE_CLIENT_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"

/** Processes that `hedge up` starts and `hedge down` ends.
 *
 * A process is held by a pidfd, so that a number that the system has given to another process is never signalled. */
typedef struct hedge_process {
        char name[64]; /**< "hedged", "board-1", ...: of its files run/NAME.pid, log/NAME.log */
        pid_t pid;     /**< 0: not running */
        int pidfd;     /**< -1: not running */
        bool ready;    /**< it has said READY=1 */
} hedge_process_t;

/** Start a program in a session of its own, input /dev/null, output to a log file (appended), no signal blocked or ignored.
 *
 * @param argv    argv[0] is the program's path; NULL at the end.
 * @param log     Path of the log file.
 * @param notify  NOTIFY_SOCKET for it; JOURNAL_STREAM and WATCHDOG_* are not passed on.
 * @return 0, -errno (the program cannot be started). */
int hedge_process_start(hedge_process_t *process, char *const argv[], const char *log, const char *notify,
                        hedge_why_t *why);

/** Take hold of a running process by its pid file, if it is still the one that was started: its command line must hold the
 * argument `mark` (its configuration file's path, which no other process has).
 * @return 1 (taken), 0 (no pid file, or a stale one), -errno. */
int hedge_process_find(hedge_process_t *process, const char *pid_file, const char *mark);

/** Write the pid file: the number and a line end. @return 0, -errno. */
int hedge_process_write_pid(const hedge_process_t *process, const char *pid_file);

/** Has it ended? Reaps our own child. @param ret_status  As of waitpid; 0 for a process that is not our child. */
bool hedge_process_ended(hedge_process_t *process, int *ret_status);

/** Say how a process ended: "ended with status 1", "was killed by signal 9 (Killed)". @return buf. */
char *hedge_process_end_text(int status, char *buf, size_t size);

/** End processes: SIGTERM (and SIGCONT, for they may be frozen), wait for all of them, SIGKILL what is left after
 * `grace_ms`. @return how many had to be killed. */
unsigned hedge_process_stop_all(hedge_process_t *processes, unsigned count, int grace_ms);

/** Let go without ending it. */
void hedge_process_release(hedge_process_t *process);

/** Find a program of ours: beside this one, in the build tree, in ../sbin, on PATH.
 * @param folder  Its folder in the build tree. @return 0, -ENOENT. */
int hedge_find_program(const char *name, const char *folder, char *path, size_t size, hedge_why_t *why);

#endif

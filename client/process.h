/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_PROCESS_H
#define HEDGEC_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/err.h"

/** Processes that `hedge up` starts and `hedge down` ends.
 *
 * A process is held by a pidfd, so that a number that the system has given to another process is never signalled. */
typedef struct hedgec_process {
        char name[64]; /**< "hedged", "board-1", ...: of its files run/NAME.pid, log/NAME.log */
        pid_t pid;     /**< 0: not running */
        int pidfd;     /**< -1: not running */
        bool ready;    /**< it has said READY=1 */
} hedgec_process_t;

/** Start a program in a session of its own, input /dev/null, output to a log file (appended), no signal blocked or ignored.
 *
 * @param argv    argv[0] is the program's path; NULL at the end.
 * @param log     Path of the log file.
 * @param notify  NOTIFY_SOCKET for it; JOURNAL_STREAM and WATCHDOG_* are not passed on.
 * @return 0, -errno (the program cannot be started). */
int hedgec_process_start(hedgec_process_t *process, char *const argv[], const char *log, const char *notify,
                         hedge_why_t *why);

/** Take hold of a running process by its pid file, if it is still the one that was started: its command line must hold the
 * argument `mark` (its configuration file's path, which no other process has).
 * @return 1 (taken), 0 (no pid file, or a stale one), -errno. */
int hedgec_process_find(hedgec_process_t *process, const char *pid_file, const char *mark);

/** Write the pid file: the number and a line end. @return 0, -errno. */
int hedgec_process_write_pid(const hedgec_process_t *process, const char *pid_file);

/** Has it ended? Reaps our own child. @param ret_status  As of waitpid; 0 for a process that is not our child. */
bool hedgec_process_ended(hedgec_process_t *process, int *ret_status);

/** Say how a process ended: "ended with status 1", "was killed by signal 9 (Killed)". @return buf. */
char *hedgec_process_end_text(int status, char *buf, size_t size);

/** End processes: SIGTERM (and SIGCONT, for they may be frozen), wait for all of them, SIGKILL what is left after
 * `grace_ms`. @return how many had to be killed. */
unsigned hedgec_process_stop_all(hedgec_process_t *processes, unsigned count, int grace_ms);

/** Let go without ending it. */
void hedgec_process_release(hedgec_process_t *process);

/** Find a program of ours: beside this one, in the build tree, in ../sbin, on PATH.
 * @param folder  Its folder in the build tree. @return 0, -ENOENT. */
int hedgec_find_program(const char *name, const char *folder, char *path, size_t size, hedge_why_t *why);

#endif

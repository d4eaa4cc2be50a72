/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_PROCESS_H
#define HEDGE_TEST_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** Real programs, started by a test: their files, their log, their end. Failures fail the cmocka test. */
#define TEST_PATIENCE_MS \
        60000 /**< for what must happen at all; nothing is as slow as a busy machine under a sanitizer */

/** A fresh folder, and its removal with all that is in it. */
void test_dir_make(char *dir, size_t size);
void test_dir_remove(const char *dir);

/** Write a text file DIR/NAME. */
void test_write_file(const char *dir, const char *name, const char *text);

typedef struct test_process {
        pid_t pid;     /**< 0: none */
        char log[300]; /**< the file that its stderr and stdout go to */
} test_process_t;

/** Start a program; environment is a list "NAME=VALUE" (or NULL) that is added to ours. Output goes to DIR/NAME.log. It is
 * killed should the test end before it. */
void test_process_start(test_process_t *process, const char *dir, const char *name, const char *const *arguments,
                        const char *const *environment);

/** Wait for its end. @return its exit status; 128 + signal where a signal ended it; -1: it still runs. */
int test_process_wait(test_process_t *process, int timeout_ms);

/** Is it still there? */
bool test_process_runs(const test_process_t *process);

/** Kill it, if it runs. For tear-down. */
void test_process_kill(test_process_t *process);

/** Does the log hold this text by now? */
bool test_process_said(const test_process_t *process, const char *text);

/** Copy the log to stderr. */
void test_process_show(const test_process_t *process);

/** "VmRSS" and other sizes of /proc/PID/status, in KiB. */
long test_process_memory_kib(const test_process_t *process, const char *field);

/** Be systemd for a program: a socket DIR/notify, and the setting that a program finds it by. @return the socket; close it. */
int test_notify_open(const char *dir, char *environment, size_t size);

/** Wait for a notification that holds the text; others are skipped. */
void test_notify_expect(int fd, const char *text);

/** CPU time used so far. */
long test_process_cpu_ms(const test_process_t *process);

#endif

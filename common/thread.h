/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_THREAD_H
#define HEDGE_THREAD_H

#include <pthread.h>
#include <signal.h>
#include <stddef.h>

/** Threads beside the main one, which alone takes the program's signals. */

/** Start a thread with all signals blocked.
 * @param stack_bytes  Of its stack; 0: the system's default. @return 0, -errno. */
int hedge_thread_start(pthread_t *ret, size_t stack_bytes, void *(*run)(void *), void *arg);

/** Block all signals in this thread for a while: threads that a library starts meanwhile inherit that. */
void hedge_signals_block(sigset_t *ret_before);
void hedge_signals_restore(const sigset_t *before);

#endif

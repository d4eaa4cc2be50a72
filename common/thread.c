/* SPDX-License-Identifier: Apache-2.0 */
#include "common/thread.h"

void hedge_signals_block(sigset_t *ret_before)
{
        sigset_t all;

        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, ret_before);
}

void hedge_signals_restore(const sigset_t *before)
{
        pthread_sigmask(SIG_SETMASK, before, NULL);
}

int hedge_thread_start(pthread_t *ret, size_t stack_bytes, void *(*run)(void *), void *arg)
{
        pthread_attr_t attr;
        sigset_t before;
        int r;

        pthread_attr_init(&attr);
        if (stack_bytes)
                pthread_attr_setstacksize(&attr, stack_bytes);
        hedge_signals_block(&before);
        r = -pthread_create(ret, &attr, run, arg);
        hedge_signals_restore(&before);
        pthread_attr_destroy(&attr);
        return r;
}

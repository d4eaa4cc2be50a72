/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/signals.h"

static bool readable(int fd, int timeout_ms)
{
        struct pollfd item = { .fd = fd, .events = POLLIN };

        return poll(&item, 1, timeout_ms) == 1;
}

static void signals_come_by_a_descriptor_in_order(void **state)
{
        int fd;

        assert_int_equal(hedge_signals_open(&fd), 0);
        assert_false(readable(fd, 0));
        assert_int_equal(hedge_signals_next(fd), 0);
        raise(SIGHUP);
        raise(SIGTERM);
        raise(SIGINT);
        raise(SIGPIPE); /* ignored, or this would be the end */
        assert_true(readable(fd, 0));
        assert_int_equal(hedge_signals_next(fd), SIGHUP);
        assert_int_equal(hedge_signals_next(fd), SIGTERM);
        assert_int_equal(hedge_signals_next(fd), SIGINT);
        assert_int_equal(hedge_signals_next(fd), 0);
        assert_false(readable(fd, 0));
        hedge_signals_close(fd);
}

/* More than anybody reads: none of them blocks the program. */
static void a_flood_blocks_nobody(void **state)
{
        int fd;

        assert_int_equal(hedge_signals_open(&fd), 0);
        for (unsigned i = 0; i < 100000; i++)
                raise(SIGHUP);
        assert_int_equal(hedge_signals_next(fd), SIGHUP);
        hedge_signals_close(fd);
}

static void *hang_up(void *arg)
{
        kill(getpid(), SIGHUP);
        return arg;
}

/* A signal that a thread takes, as those of libraries do that block nothing, is not lost. */
static void a_thread_may_take_it(void **state)
{
        pthread_t thread;
        int fd;

        assert_int_equal(hedge_signals_open(&fd), 0);
        assert_int_equal(pthread_create(&thread, NULL, hang_up, NULL), 0);
        pthread_join(thread, NULL);
        assert_true(readable(fd, 20000));
        assert_int_equal(hedge_signals_next(fd), SIGHUP);
        hedge_signals_close(fd);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(signals_come_by_a_descriptor_in_order),
                cmocka_unit_test(a_flood_blocks_nobody),
                cmocka_unit_test(a_thread_may_take_it),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/emulated.h"

/* Runs with test/bed/slow.c preloaded, and HEDGE_SLOW=FACTOR. Of what other programs do on the machine nothing depends on: processor
 * time is that of the thread, elapsed time is bounded from below, and from above what is owed, not how late a sleep ends. */

#define FACTOR    8
#define AROUND_NS 100000  /* from paying to the first look: a microsecond, a hundred where the thread is put aside */
#define WORTH_NS  50000   /* may be owed on */
#define CREDIT_NS 2000000 /* of oversleeping */
/* What may be taken off each piece, as what it takes to read the clock: measured 200 ns, times ten. */
#define LOOK_NS 2000

static int64_t (*owed_ns)(void), (*slept_ns)(void);
static int (*look)(clockid_t clock, struct timespec *ret); /* the C library's own clock_gettime: it does not pay */

static int64_t now_ns(clockid_t clock)
{
        struct timespec t;

        look(clock, &t);
        return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static void use(int64_t ns)
{
        const int64_t until = now_ns(CLOCK_THREAD_CPUTIME_ID) + ns;

        while (now_ns(CLOCK_THREAD_CPUTIME_ID) < until)
                ;
}

static void find(void *where, const char *name, void *ret)
{
        void *found = dlsym(where, name);

        assert_non_null(found);
        memcpy(ret, &found, sizeof(found));
}

static int find_slow(void **state)
{
        find(RTLD_DEFAULT, "hedge_slow_owed_ns", &owed_ns);
        find(RTLD_DEFAULT, "hedge_slow_slept_ns", &slept_ns);
        find(dlopen("libc.so.6", RTLD_LAZY), "clock_gettime", &look);
        return 0;
}

typedef struct account {
        int64_t used, passed, owed, slept;
} account_t;

/* So much processor time in so many pieces, after each of which the thread would block. */
static void work(int64_t piece_ns, unsigned pieces, account_t *ret)
{
        account_t begin;

        poll(NULL, 0, 0); /* what was before is not part of it */
        begin = (account_t){ now_ns(CLOCK_THREAD_CPUTIME_ID), now_ns(CLOCK_MONOTONIC), owed_ns(), slept_ns() };
        for (unsigned i = 0; i < pieces; i++) {
                use(piece_ns);
                poll(NULL, 0, 0);
        }
        *ret = (account_t){ now_ns(CLOCK_THREAD_CPUTIME_ID) - begin.used, now_ns(CLOCK_MONOTONIC) - begin.passed,
                            owed_ns() - begin.owed, slept_ns() - begin.slept };
}

/* It owes for all that it used, but not for the sleeping; and has slept for it, but for what it may still owe and what it overslept
 * before. */
static void check(const account_t *a, int64_t piece_ns, unsigned pieces)
{
        assert_true(a->owed <= (FACTOR - 1) * (a->used + AROUND_NS));
        assert_true(a->owed >= (FACTOR - 1) * pieces * (piece_ns - LOOK_NS));
        assert_true(a->slept >= a->owed - WORTH_NS - CREDIT_NS);
        assert_true(a->slept <= a->owed + WORTH_NS + CREDIT_NS);
        assert_true(a->passed >= pieces * piece_ns + a->slept);
}

static void processor_time_is_stretched(void **state)
{
        account_t a;

        work(1000000, 30, &a);
        check(&a, 1000000, 30);
}

/* Where each piece is so short that a sleep for it ends late by as much as it is long. */
static void short_pieces_are_stretched_in_the_mean(void **state)
{
        account_t a;

        work(20000, 500, &a);
        check(&a, 20000, 500);
}

static void *work_apart(void *account)
{
        work(1000000, 10, account);
        return NULL;
}

static void every_thread_pays_for_itself(void **state)
{
        pthread_t threads[3];
        account_t accounts[3];

        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, work_apart, &accounts[i]), 0);
        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(pthread_join(threads[i], NULL), 0);
        for (unsigned i = 0; i < 3; i++)
                check(&accounts[i], 1000000, 10);
}

/* One core, as HEDGE_SLOW_CORES has it: what three threads sleep for their processor time is slept one after the other. */
static void threads_share_the_cores(void **state)
{
        pthread_t threads[3];
        account_t accounts[3];
        const int64_t begin = now_ns(CLOCK_MONOTONIC);
        int64_t slept = 0;

        for (unsigned i = 0; i < 3; i++)
                assert_int_equal(pthread_create(&threads[i], NULL, work_apart, &accounts[i]), 0);
        for (unsigned i = 0; i < 3; i++) {
                assert_int_equal(pthread_join(threads[i], NULL), 0);
                slept += accounts[i].slept;
        }
        assert_true(now_ns(CLOCK_MONOTONIC) - begin >= slept);
}

static void who_uses_nothing_is_not_delayed(void **state)
{
        unsigned delayed = 0;

        for (unsigned i = 0; i < 100; i++) {
                const int64_t slept = slept_ns();

                poll(NULL, 0, 0);
                delayed += slept_ns() != slept;
        }
        assert_true(delayed < 50); /* a call takes a microsecond, and another program's may take more of it */
}

static void rated_time_is_not_stretched(void **state)
{
        const int64_t owed = owed_ns();
        account_t a;

        hedge_emulated_rest_us();
        hedge_emulated_rated(true);
        work(1000000, 10, &a);
        hedge_emulated_rated(false);
        assert_true(owed_ns() - owed < a.used / 10); /* what is around it */
        assert_true(hedge_emulated_rest_us() < a.used / 10 / 1000);
}

static void *only_use(void *unused)
{
        use(10000000);
        return NULL;
}

/* A thread that just works, and ends. @return the program's processor time for it, as its clock shows it. */
static int64_t time_a_thread(int64_t *ret_passed_ns)
{
        const int64_t begin = now_ns(CLOCK_MONOTONIC);
        struct timespec before, after;
        pthread_t thread;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
        assert_int_equal(pthread_create(&thread, NULL, only_use, NULL), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
        *ret_passed_ns = now_ns(CLOCK_MONOTONIC) - begin;
        return (after.tv_sec - before.tv_sec) * INT64_C(1000000000) + after.tv_nsec - before.tv_nsec;
}

static void threads_pay_when_they_end(void **state)
{
        int64_t passed_ns;

        assert_true(time_a_thread(&passed_ns) >= FACTOR * (INT64_C(10000000) - LOOK_NS));
        assert_true(passed_ns >= FACTOR * (INT64_C(10000000) - LOOK_NS) - WORTH_NS);
}

/* A kernel's threads. */
static void threads_are_rated_as_their_maker(void **state)
{
        int64_t passed_ns, took_ns;

        hedge_emulated_rated(true);
        took_ns = time_a_thread(&passed_ns);
        hedge_emulated_rated(false);
        assert_true(took_ns < 2 * INT64_C(10000000));
}

static void the_rest_is_told(void **state)
{
        account_t a;
        int64_t rest_us;

        hedge_emulated_rest_us();
        work(1000000, 10, &a);
        rest_us = hedge_emulated_rest_us();
        assert_true(rest_us >= FACTOR * INT64_C(10) * (1000000 - LOOK_NS) / 1000);
        assert_true(rest_us >= a.owed / 1000);
        work(1000000, 1, &a);
        assert_true(hedge_emulated_rest_us() < rest_us); /* since the last call alone */
}

/* Of work by a rate: threads do not have it each for themselves, and nobody is paid for having waited. */
static void threads_share_a_rate(void **state)
{
        assert_int_equal(hedge_emulated_share(1000, 5e6, 1e9), 6000);
        assert_int_equal(hedge_emulated_share(2000, 5e6, 1e9), 11000);
        assert_int_equal(hedge_emulated_share(20000, 5e6, 1e9), 25000);
}

/* @return what passed by the program's clock while it worked for 10 ms. */
static int64_t measured_ns(clockid_t clock)
{
        struct timespec begin, end;

        clock_gettime(clock, &begin);
        use(10000000);
        clock_gettime(clock, &end);
        return (end.tv_sec - begin.tv_sec) * INT64_C(1000000000) + end.tv_nsec - begin.tv_nsec;
}

/* What a program measures of itself is measured on the slower processor. */
static void clocks_show_it(void **state)
{
        const int64_t begin = now_ns(CLOCK_THREAD_CPUTIME_ID);
        int64_t thread_ns;

        assert_true(measured_ns(CLOCK_MONOTONIC) >= FACTOR * INT64_C(10000000) - WORTH_NS - CREDIT_NS);
        thread_ns = measured_ns(CLOCK_THREAD_CPUTIME_ID);
        assert_true(thread_ns >= FACTOR * (INT64_C(10000000) - LOOK_NS));
        assert_true(measured_ns(CLOCK_PROCESS_CPUTIME_ID) >= FACTOR * (INT64_C(10000000) - LOOK_NS));
        assert_true(thread_ns <= FACTOR * (now_ns(CLOCK_THREAD_CPUTIME_ID) - begin));
}

static void a_file_switches_it_off(void **state)
{
        const char *path = getenv("HEDGE_SLOW_WHILE");
        const int fd = open(path ? path : "", O_WRONLY);
        account_t off, on;

        assert_true(fd >= 0);
        assert_int_equal(pwrite(fd, "0", 1, 0), 1);
        work(1000000, 10, &off);
        assert_int_equal(pwrite(fd, "1", 1, 0), 1);
        work(1000000, 10, &on);
        close(fd);
        assert_true(off.owed == 0);
        assert_true(on.owed >= (FACTOR - 1) * INT64_C(10) * (1000000 - LOOK_NS));
}

static void errno_is_kept(void **state)
{
        char byte;

        use(1000000);
        assert_int_equal(read(-1, &byte, 1), -1);
        assert_int_equal(errno, EBADF);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(processor_time_is_stretched),
                cmocka_unit_test(short_pieces_are_stretched_in_the_mean),
                cmocka_unit_test(every_thread_pays_for_itself),
                cmocka_unit_test(who_uses_nothing_is_not_delayed),
                cmocka_unit_test(rated_time_is_not_stretched),
                cmocka_unit_test(threads_pay_when_they_end),
                cmocka_unit_test(threads_are_rated_as_their_maker),
                cmocka_unit_test(the_rest_is_told),
                cmocka_unit_test(threads_share_a_rate),
                cmocka_unit_test(clocks_show_it),
                cmocka_unit_test(errno_is_kept),
        };
        const struct CMUnitTest shared[] = {
                cmocka_unit_test(threads_share_the_cores),
        };

        const struct CMUnitTest switched[] = {
                cmocka_unit_test(a_file_switches_it_off),
        };

        if (getenv("HEDGE_SLOW_WHILE"))
                return cmocka_run_group_tests(switched, find_slow, NULL);
        return getenv("HEDGE_SLOW_CORES") ? cmocka_run_group_tests(shared, find_slow, NULL)
                                          : cmocka_run_group_tests(tests, find_slow, NULL);
}

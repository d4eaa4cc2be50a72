/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/clock.h"
#include "daemon/infer/inbox.h"

#define STUCK_US INT64_C(60000000) /* who waits in vain fails, and does not wait for ever */

static hedged_inbox_t box;
static hedge_mail_t mail[8];

static int set_up(void **state)
{
        (void)state;
        hedged_inbox_init(&box);
        for (unsigned i = 0; i < 8; i++)
                mail[i] = (hedge_mail_t){ .kind = (int)i };
        return 0;
}

static int tear_down(void **state)
{
        (void)state;
        hedged_inbox_release(&box);
        return 0;
}

static bool put(unsigned i, unsigned worth, bool urgent)
{
        return hedged_inbox_put(&box, &mail[i], &mail[i], worth, urgent);
}

static void expect_mail(unsigned from, unsigned to)
{
        const hedge_mail_t *at = hedged_inbox_take(&box);

        for (unsigned i = from; i < to; i++, at = at->next)
                assert_ptr_equal(at, &mail[i]);
        assert_null(at);
}

static void all_that_is_there_is_taken_in_order(void **state)
{
        (void)state;
        expect_mail(0, 0);
        put(0, 1, false);
        mail[1].next = &mail[2];
        hedged_inbox_put(&box, &mail[1], &mail[2], 2, false);
        put(3, 0, true);
        expect_mail(0, 4);
        expect_mail(0, 0);
        put(4, 0, false);
        expect_mail(4, 5);
}

static void who_has_enough_does_not_sleep(void **state)
{
        (void)state;
        const int64_t long_ago_us = hedge_now_us() - 1000000;
        int64_t began_us;

        put(0, 2, false);
        put(1, 1, false);
        began_us = hedge_now_us();
        hedged_inbox_wait(&box, 3, began_us + STUCK_US);
        put(2, 0, true); /* that makes it urgent, however little it is */
        hedged_inbox_wait(&box, 100, began_us + STUCK_US);
        assert_true(hedge_now_us() - began_us < STUCK_US);
        expect_mail(0, 3);
        hedged_inbox_wait(&box, 1, long_ago_us); /* the time has come */
        began_us = hedge_now_us();
        put(3, 0, false); /* and what was taken counts no more */
        hedged_inbox_wait(&box, 0, began_us + 20000);
        assert_true(hedge_now_us() - began_us >= 20000);
}

static void *sleep_for(void *arg)
{
        hedged_inbox_wait(&box, *(unsigned *)arg, hedge_now_us() + STUCK_US);
        return NULL;
}

/* Somebody who wants so much, asleep. */
static pthread_t sleeper(unsigned *least)
{
        pthread_t thread;
        bool sleeps = false;

        assert_int_equal(pthread_create(&thread, NULL, sleep_for, least), 0);
        while (!sleeps) {
                sched_yield();
                pthread_mutex_lock(&box.lock);
                sleeps = box.least == *least;
                pthread_mutex_unlock(&box.lock);
        }
        return thread;
}

static void who_sleeps_is_woken_once_when_there_is_enough(void **state)
{
        (void)state;
        unsigned least = 4;
        pthread_t thread = sleeper(&least);

        assert_false(put(0, 1, false));
        assert_false(put(1, 2, false));
        assert_false(put(2, 0, false));
        assert_true(put(3, 1, false));
        assert_false(put(4, 1, false)); /* it is awake already */
        assert_false(put(5, 1, true));
        pthread_join(thread, NULL);
        expect_mail(0, 6);
        thread = sleeper(&least);
        assert_false(put(0, 3, false));
        assert_true(put(1, 0, true));
        pthread_join(thread, NULL);
        assert_false(put(2, 100, true)); /* nobody sleeps */
        expect_mail(0, 3);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                TEST(all_that_is_there_is_taken_in_order),
                TEST(who_has_enough_does_not_sleep),
                TEST(who_sleeps_is_woken_once_when_there_is_enough),
#undef TEST
        };

        return cmocka_run_group_tests_name("inbox", tests, NULL, NULL);
}

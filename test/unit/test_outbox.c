/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/clock.h"
#include "worker/outbox.h"

#define PATIENCE_MS 60000
#define NEVER_US    INT64_MAX

typedef struct letter {
        hedge_mail_t mail;
        int64_t due_us;
} letter_t;

static int64_t due_us(const hedge_mail_t *mail)
{
        return ((const letter_t *)mail)->due_us;
}

typedef struct fixture {
        hedge_mailbox_t *box;
        hedgew_outbox_t *outbox;
        letter_t letters[4];
} fixture_t;

static void start(fixture_t *f)
{
        assert_int_equal(hedge_mailbox_new(&f->box), 0);
        assert_int_equal(hedgew_outbox_new(f->box, due_us, &f->outbox), 0);
}

static void finish(fixture_t *f)
{
        hedgew_outbox_destroy(&f->outbox);
        hedge_mailbox_destroy(&f->box);
}

static void put(fixture_t *f, int letter, int64_t when_us)
{
        f->letters[letter].due_us = when_us;
        hedge_mailbox_put(f->box, &f->letters[letter].mail);
}

static void expect(fixture_t *f, int letter)
{
        assert_ptr_equal(hedgew_outbox_take(f->outbox), &f->letters[letter]);
}

static int wait_for(const fixture_t *f, int timeout_ms)
{
        struct pollfd p = { .fd = hedgew_outbox_fd(f->outbox), .events = POLLIN };

        return poll(&p, 1, timeout_ms);
}

static void what_is_due_comes_in_order(void **state)
{
        fixture_t f;

        start(&f);
        assert_int_equal(wait_for(&f, 0), 0);
        for (int i = 0; i < 3; i++)
                put(&f, i, 0);
        assert_int_equal(wait_for(&f, 0), 1);
        for (int i = 0; i < 3; i++)
                expect(&f, i);
        assert_null(hedgew_outbox_take(f.outbox));
        assert_int_equal(wait_for(&f, 0), 0);
        finish(&f);
}

static void what_is_held_back_keeps_nothing_waiting(void **state)
{
        fixture_t f;

        start(&f);
        put(&f, 0, NEVER_US);
        put(&f, 1, 0);
        expect(&f, 1);
        assert_null(hedgew_outbox_take(f.outbox));
        assert_int_equal(wait_for(&f, 0), 0);
        put(&f, 2, 0);
        assert_int_equal(wait_for(&f, 0), 1);
        expect(&f, 2);
        assert_null(hedgew_outbox_take(f.outbox));
        assert_ptr_equal(hedgew_outbox_take_any(f.outbox), &f.letters[0]);
        assert_null(hedgew_outbox_take_any(f.outbox));
        put(&f, 3, 0); /* the queue is sound when its last was taken out */
        expect(&f, 3);
        finish(&f);
}

static void it_wakes_for_the_first_that_is_due(void **state)
{
        const int64_t now_us = hedge_now_us();
        fixture_t f;

        start(&f);
        put(&f, 0, NEVER_US);
        put(&f, 1, now_us + 60000);
        put(&f, 2, now_us + 30000);
        for (int letter = 2; letter > 0; letter--) {
                hedge_mail_t *mail;

                while (!(mail = hedgew_outbox_take(f.outbox)))
                        assert_int_equal(wait_for(&f, PATIENCE_MS), 1);
                assert_ptr_equal(mail, &f.letters[letter]);
                assert_true(hedge_now_us() >= f.letters[letter].due_us);
        }
        assert_null(hedgew_outbox_take(f.outbox));
        assert_int_equal(wait_for(&f, 0), 0);
        finish(&f);
}

/* As when their task is cancelled: its end must not overtake its parts, even if it comes only now. */
static void what_comes_to_be_due_comes_in_order(void **state)
{
        fixture_t f;

        start(&f);
        put(&f, 0, NEVER_US - 5); /* of another task */
        put(&f, 1, NEVER_US);
        put(&f, 2, NEVER_US);
        assert_null(hedgew_outbox_take(f.outbox));
        f.letters[1].due_us = f.letters[2].due_us = 0;
        put(&f, 3, 0);
        for (int i = 1; i < 4; i++)
                expect(&f, i);
        assert_null(hedgew_outbox_take(f.outbox));
        finish(&f);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(what_is_due_comes_in_order),
                cmocka_unit_test(what_is_held_back_keeps_nothing_waiting),
                cmocka_unit_test(it_wakes_for_the_first_that_is_due),
                cmocka_unit_test(what_comes_to_be_due_comes_in_order),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "common/mailbox.h"

#define SENDERS 4
#define EACH    5000

typedef struct letter {
        hedge_mail_t mail;
        int sender, number;
} letter_t;

typedef struct sender {
        hedge_mailbox_t *box;
        int id;
        letter_t letters[EACH];
} sender_t;

static void *send_all(void *arg)
{
        sender_t *s = arg;

        for (int i = 0; i < EACH; i++) {
                s->letters[i] = (letter_t){ .mail = { .kind = 7 }, .sender = s->id, .number = i };
                hedge_mailbox_put(s->box, &s->letters[i].mail);
        }
        return NULL;
}

static void all_arrive_in_each_senders_order(void **state)
{
        (void)state;
        static sender_t senders[SENDERS];
        hedge_mailbox_t *box;
        pthread_t threads[SENDERS];
        int next[SENDERS] = { 0 };

        assert_int_equal(hedge_mailbox_new(&box), 0);
        for (int i = 0; i < SENDERS; i++) {
                senders[i].box = box;
                senders[i].id = i;
                assert_int_equal(pthread_create(&threads[i], NULL, send_all, &senders[i]), 0);
        }
        for (int i = 0; i < SENDERS * EACH; i++) {
                letter_t *l = (letter_t *)hedge_mailbox_wait(box, 60000);

                assert_non_null(l);
                assert_int_equal(l->mail.kind, 7);
                assert_int_equal(l->number, next[l->sender]++);
        }
        for (int i = 0; i < SENDERS; i++)
                pthread_join(threads[i], NULL);
        assert_null(hedge_mailbox_take(box));
        hedge_mailbox_destroy(&box);
        assert_null(box);
}

static void the_descriptor_tells_whether_there_is_mail(void **state)
{
        (void)state;
        hedge_mailbox_t *box;
        hedge_mail_t a, b;
        struct pollfd p = { .events = POLLIN };

        assert_int_equal(hedge_mailbox_new(&box), 0);
        p.fd = hedge_mailbox_fd(box);
        assert_int_equal(poll(&p, 1, 0), 0);
        hedge_mailbox_put(box, &a);
        hedge_mailbox_put(box, &b);
        assert_int_equal(poll(&p, 1, 0), 1);
        assert_ptr_equal(hedge_mailbox_take(box), &a);
        assert_int_equal(poll(&p, 1, 0), 1);
        assert_ptr_equal(hedge_mailbox_take(box), &b);
        assert_int_equal(poll(&p, 1, 0), 0);
        assert_null(hedge_mailbox_wait(box, 10));
        hedge_mailbox_destroy(&box);
}

static void what_is_put_quietly_waits_for_the_next(void **state)
{
        (void)state;
        hedge_mailbox_t *box;
        hedge_mail_t mail[4];
        struct pollfd p = { .events = POLLIN };

        assert_int_equal(hedge_mailbox_new(&box), 0);
        p.fd = hedge_mailbox_fd(box);
        hedge_mailbox_put_quietly(box, &mail[0]);
        assert_int_equal(poll(&p, 1, 0), 0);
        hedge_mailbox_put(box, &mail[1]);
        hedge_mailbox_put_quietly(box, &mail[2]);
        assert_int_equal(poll(&p, 1, 0), 1);
        for (unsigned i = 0; i < 3; i++)
                assert_ptr_equal(hedge_mailbox_take(box), &mail[i]);
        assert_null(hedge_mailbox_take(box));
        assert_int_equal(poll(&p, 1, 0), 0);
        hedge_mailbox_put_quietly(box, &mail[3]);
        assert_ptr_equal(hedge_mailbox_wait(box, 60000), &mail[3]); /* who looks finds it */
        assert_int_equal(poll(&p, 1, 0), 0);
        hedge_mailbox_destroy(&box);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(all_arrive_in_each_senders_order),
                cmocka_unit_test(the_descriptor_tells_whether_there_is_mail),
                cmocka_unit_test(what_is_put_quietly_waits_for_the_next),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

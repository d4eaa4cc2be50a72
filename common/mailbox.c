/* SPDX-License-Identifier: Apache-2.0 */
#include "common/mailbox.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/clock.h"

struct hedge_mailbox {
        pthread_mutex_t lock;
        hedge_mail_t *head, **tail;
        int fd;        /* counts: whoever sets `readable` counts up, who clears it down, both behind the lock */
        bool readable; /* something is there that was not put quietly */
};

int hedge_mailbox_new(hedge_mailbox_t **ret)
{
        hedge_mailbox_t *box = calloc(1, sizeof(*box));
        int r;

        if (!box)
                return -ENOMEM;
        box->fd = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
        if (box->fd < 0) {
                r = -errno;
                free(box);
                return r;
        }
        pthread_mutex_init(&box->lock, NULL);
        box->tail = &box->head;
        *ret = box;
        return 0;
}

void hedge_mailbox_destroy(hedge_mailbox_t **box)
{
        if (!*box)
                return;
        close((*box)->fd);
        pthread_mutex_destroy(&(*box)->lock);
        free(*box);
        *box = NULL;
}

/* Without the lock: who is woken by it would only find it taken. Counting down waits where who counts up is about to. */
static void count(hedge_mailbox_t *box, bool up)
{
        uint64_t n = 1;
        ssize_t r;

        do
                r = up ? write(box->fd, &n, sizeof(n)) : read(box->fd, &n, sizeof(n));
        while (r < 0 && errno == EINTR);
}

static void put(hedge_mailbox_t *box, hedge_mail_t *mail, bool quietly)
{
        bool first;

        mail->next = NULL;
        pthread_mutex_lock(&box->lock);
        first = !quietly && !box->readable;
        box->readable = box->readable || first;
        *box->tail = mail;
        box->tail = &mail->next;
        pthread_mutex_unlock(&box->lock);
        if (first)
                count(box, true);
}

void hedge_mailbox_put(hedge_mailbox_t *box, hedge_mail_t *mail)
{
        put(box, mail, false);
}

void hedge_mailbox_put_quietly(hedge_mailbox_t *box, hedge_mail_t *mail)
{
        put(box, mail, true);
}

hedge_mail_t *hedge_mailbox_take(hedge_mailbox_t *box)
{
        hedge_mail_t *mail;
        bool last = false;

        pthread_mutex_lock(&box->lock);
        mail = box->head;
        if (mail)
                box->head = mail->next;
        if (mail && !box->head) {
                box->tail = &box->head;
                last = box->readable;
                box->readable = false;
        }
        pthread_mutex_unlock(&box->lock);
        if (last)
                count(box, false);
        return mail;
}

hedge_mail_t *hedge_mailbox_wait(hedge_mailbox_t *box, int timeout_ms)
{
        int64_t end = hedge_now_ms() + timeout_ms;
        struct pollfd p = { .fd = box->fd, .events = POLLIN };
        hedge_mail_t *mail;

        while (!(mail = hedge_mailbox_take(box))) {
                int64_t left = timeout_ms < 0 ? -1 : end - hedge_now_ms();

                if (timeout_ms >= 0 && left <= 0)
                        return NULL;
                poll(&p, 1, (int)left);
        }
        return mail;
}

int hedge_mailbox_fd(const hedge_mailbox_t *box)
{
        return box->fd;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/outbox.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "common/clock.h"

struct hedgew_outbox {
        hedge_mailbox_t *box;
        int64_t (*due_us)(const hedge_mail_t *mail);
        hedge_mail_t *first, **tail; /* as they came: a task's end stays behind its parts, whatever they are due */
        int timer, poll;             /* poll: readable when the timer or the mailbox is */
        int64_t set_us;              /* what the timer is set to; 0: to nothing, INT64_MAX: nothing is due ever */
};

static int watch(const hedgew_outbox_t *o, int fd)
{
        struct epoll_event event = { .events = EPOLLIN };

        return epoll_ctl(o->poll, EPOLL_CTL_ADD, fd, &event) < 0 ? -errno : 0;
}

int hedgew_outbox_new(hedge_mailbox_t *box, int64_t (*due_us)(const hedge_mail_t *mail), hedgew_outbox_t **ret)
{
        hedgew_outbox_t *o = calloc(1, sizeof(*o));
        int r = 0;

        if (!o)
                return -ENOMEM;
        o->box = box;
        o->due_us = due_us;
        o->tail = &o->first;
        o->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
        o->poll = o->timer < 0 ? -1 : epoll_create1(EPOLL_CLOEXEC);
        if (o->poll < 0)
                r = -errno;
        if (r == 0)
                r = watch(o, o->timer);
        if (r == 0)
                r = watch(o, hedge_mailbox_fd(box));
        if (r < 0)
                hedgew_outbox_destroy(&o);
        else
                *ret = o;
        return r;
}

void hedgew_outbox_destroy(hedgew_outbox_t **outbox)
{
        if (!*outbox)
                return;
        if ((*outbox)->poll >= 0)
                close((*outbox)->poll);
        if ((*outbox)->timer >= 0)
                close((*outbox)->timer);
        free(*outbox);
        *outbox = NULL;
}

/* Wake us for the one that is due first, or never. */
static void set_timer(hedgew_outbox_t *o)
{
        struct itimerspec at = { { 0, 0 }, { 0, 0 } };
        int64_t due_us = o->first ? INT64_MAX : 0;

        for (const hedge_mail_t *mail = o->first; mail; mail = mail->next)
                due_us = o->due_us(mail) < due_us ? o->due_us(mail) : due_us;
        if (due_us == o->set_us)
                return;
        o->set_us = due_us;
        at.it_value.tv_sec = due_us / 1000000;
        at.it_value.tv_nsec = due_us % 1000000 * 1000;
        timerfd_settime(o->timer, TFD_TIMER_ABSTIME, &at, NULL);
}

static void put(hedgew_outbox_t *o, hedge_mail_t *mail)
{
        mail->next = NULL;
        *o->tail = mail;
        o->tail = &mail->next;
}

static hedge_mail_t *take_out(hedgew_outbox_t *o, hedge_mail_t **link)
{
        hedge_mail_t *mail = *link;

        *link = mail->next;
        if (!mail->next)
                o->tail = link;
        return mail;
}

hedge_mail_t *hedgew_outbox_take(hedgew_outbox_t *o)
{
        const int64_t now_us = hedge_now_us();
        hedge_mail_t **link = &o->first, *mail;

        while ((mail = hedge_mailbox_take(o->box)))
                put(o, mail);
        while (*link && o->due_us(*link) > now_us)
                link = &(*link)->next;
        if (*link)
                return take_out(o, link);
        set_timer(o);
        return NULL;
}

hedge_mail_t *hedgew_outbox_take_any(hedgew_outbox_t *o)
{
        return o->first ? take_out(o, &o->first) : NULL;
}

int hedgew_outbox_fd(const hedgew_outbox_t *o)
{
        return o->poll;
}

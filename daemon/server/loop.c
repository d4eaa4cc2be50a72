/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/server/loop.h"

#include <czmq.h>
#include <errno.h>
#include <systemd/sd-daemon.h>

#include "common/clock.h"
#include "common/cost.h"
#include "common/log.h"
#include "common/signals.h"
#include "daemon/server/boards.h"
#include "daemon/server/clients.h"
#include "daemon/server/keys.h"
#include "daemon/server/models.h"
#include "daemon/server/plans.h"
#include "daemon/server/products.h"
#include "daemon/server/requests.h"
#include "daemon/server/trainings.h"

#define IDLE_HEARTBEATS 4   /* fewer than half of the ten after which a board takes its coordinator for lost */
#define STOP_MS         700 /* what still runs by then is given up, so that stopping takes less than a second */
#define MAIL_PER_TURN   256 /* read before the loop looks at everything else */

typedef struct loop {
        hedged_server_t *server;
        zloop_t *zloop;
        int signals_fd;
        int64_t ticked_ms; /* PINGs were sent; 0: never */
        int64_t stop_by_ms;
        int64_t watchdog_ms, fed_ms; /* half of systemd's time, 0: it does not watch; last time */
        int timer;                   /* zloop's, for... */
        int64_t due_ms;              /* NOT_SET, or when it goes off */
        int failed;                  /* the loop itself: 0, -ENOMEM */
} loop_t;

#define NOT_SET (-1) /* and not 0, which is when the first PINGs are due */

enum { GO_ON = 0, END = -1 }; /* what zloop's handlers return */

/* ---- what is due ---- */

bool hedged_server_is_idle(const hedged_server_t *s)
{
        return (!s->requests || hedged_requests_counts(s->requests)->in_flight == 0) &&
               (!s->models || hedged_models_preparing(s->models) == 0) &&
               (!s->plans || hedged_plans_asked(s->plans) == 0) &&
               (!s->trainings || hedged_trainings_are_idle(s->trainings));
}

int64_t hedged_loop_ping_ms(const hedged_config_t *config, int64_t ticked_ms, bool busy)
{
        const int64_t busy_ms = (int64_t)config->cluster.heartbeat_ms;
        const int64_t most_ms = (int64_t)config->cluster.gone_ms / 2;
        int64_t idle_ms = IDLE_HEARTBEATS * busy_ms;

        if (!ticked_ms)
                return 0;
        idle_ms = idle_ms < most_ms ? idle_ms : most_ms;
        return ticked_ms + (busy || idle_ms < busy_ms ? busy_ms : idle_ms);
}

static int64_t ping_ms(const loop_t *l)
{
        const hedged_server_t *s = l->server;
        const bool busy = s->stopping || !hedged_server_is_idle(s) || !hedged_models_are_idle(s->models) ||
                          !hedged_cluster_calm(s->cluster);

        return hedged_loop_ping_ms(s->config, l->ticked_ms, busy);
}

static int64_t sooner(int64_t a, int64_t b)
{
        return a < b ? a : b;
}

static int64_t due_ms(const loop_t *l)
{
        int64_t due = sooner(ping_ms(l), hedged_models_due_ms(l->server->models));

        if (l->server->stopping)
                due = sooner(due, l->stop_by_ms);
        return l->watchdog_ms ? sooner(due, l->fed_ms + l->watchdog_ms) : due;
}

static void tick(loop_t *l)
{
        hedged_server_t *s = l->server;
        hedge_why_t why;

        if (hedge_now_ms() < ping_ms(l))
                return;
        hedged_keys_tick(s);
        hedged_boards_tick(s);
        hedged_plans_tick(s);
        hedged_line_tick(hedged_trainings_line(s->trainings));
        if (hedged_measure_save(s->measure, false, &why) < 0)
                log_warning("%s, going on without", why.text); /* what cannot be saved is learnt again */
        l->ticked_ms = hedge_now_ms();
}

static void feed_watchdog(loop_t *l)
{
        if (!l->watchdog_ms || hedge_now_ms() - l->fed_ms < l->watchdog_ms / 2)
                return;
        sd_notify(0, "WATCHDOG=1");
        l->fed_ms = hedge_now_ms();
}

static int on_due(zloop_t *zloop, int timer, void *arg);

/* Have the timer go off when something is due next. */
static int set_timer(loop_t *l)
{
        const int64_t due = due_ms(l), now = hedge_now_ms();

        if (due == l->due_ms)
                return GO_ON;
        if (l->due_ms != NOT_SET)
                zloop_timer_end(l->zloop, l->timer);
        l->due_ms = due;
        l->timer = zloop_timer(l->zloop, due > now ? (size_t)(due - now) : 0, 1, on_due, l);
        l->failed = l->timer < 0 ? -ENOMEM : 0;
        return l->failed < 0 ? END : GO_ON;
}

/* After every handler. */
static int look_round(loop_t *l)
{
        tick(l);
        hedged_models_settle(l->server);
        feed_watchdog(l);
        if (l->server->stopping && (hedged_server_is_idle(l->server) || hedge_now_ms() >= l->stop_by_ms))
                return END;
        return set_timer(l);
}

static int on_due(zloop_t *zloop, int timer, void *arg)
{
        loop_t *l = arg;

        l->due_ms = NOT_SET; /* it has gone off: zloop forgets it */
        return look_round(l);
}

/* ---- what comes ---- */

static void take(hedged_server_t *s, hedge_mail_t *mail)
{
        switch (mail->kind) {
        case HEDGED_MAIL_ANSWER:
                hedged_requests_answer(s->requests, (hedged_request_t *)mail);
                break;
        case HEDGED_MAIL_LOADED:
                hedged_models_loaded(s, (hedged_load_t *)mail);
                break;
        case HEDGED_MAIL_PLANNED:
                hedged_plans_answer(s, (hedged_ask_t *)mail);
                break;
        case HEDGED_MAIL_ENCODED:
                hedged_distribute_encoded(s->distributor, (hedged_encode_t *)mail);
                break;
        case HEDGED_MAIL_LINE:
                hedged_line_mail(hedged_trainings_line(s->trainings), mail);
                break;
        case HEDGED_MAIL_NEWS:
                hedged_trainings_news(s->trainings, (hedged_news_t *)mail);
                break;
        case HEDGED_MAIL_STORAGE:
                hedged_trainings_done(s->trainings, (hedged_storage_op_t *)mail);
                break;
        case HEDGED_MAIL_PRODUCT:
                hedged_products_done(s);
                break;
        default:
                hedged_dispatch_mail(s->dispatch, mail);
        }
}

static int on_mail(zloop_t *zloop, zmq_pollitem_t *item, void *arg)
{
        loop_t *l = arg;
        hedge_mail_t *mail;

        for (unsigned i = 0; i < MAIL_PER_TURN && (mail = hedge_mailbox_take(l->server->mail)); i++)
                take(l->server, mail);
        return look_round(l);
}

static void begin_stop(loop_t *l)
{
        hedged_server_t *s = l->server;

        if (s->stopping)
                return;
        log_notice("stopping: %u requests are in flight", hedged_requests_counts(s->requests)->in_flight);
        sd_notify(0, "STOPPING=1");
        s->stopping = true;
        l->stop_by_ms = hedge_now_ms() + STOP_MS;
        hedged_requests_stop(s->requests);
        hedged_dispatch_shutdown(s->dispatch);
        hedged_trainings_stop(s->trainings);
        hedged_products_stop(s);
}

static int on_signal(zloop_t *zloop, zmq_pollitem_t *item, void *arg)
{
        loop_t *l = arg;
        int number;

        while ((number = hedge_signals_next(l->signals_fd)))
                if (number == SIGHUP)
                        hedged_keys_reload(l->server);
                else
                        begin_stop(l);
        return look_round(l);
}

static int on_boards(zloop_t *zloop, zsock_t *socket, void *arg)
{
        loop_t *l = arg;

        hedged_boards_receive(l->server);
        return look_round(l);
}

static int on_monitor(zloop_t *zloop, zsock_t *socket, void *arg)
{
        loop_t *l = arg;

        hedged_keys_monitor(l->server);
        return look_round(l);
}

static int on_keys(zloop_t *zloop, zmq_pollitem_t *item, void *arg)
{
        loop_t *l = arg;

        hedged_keys_changed(l->server);
        return look_round(l);
}

static int on_clients(zloop_t *zloop, zsock_t *socket, void *arg)
{
        loop_t *l = arg;

        hedged_clients_receive(l->server, socket);
        return look_round(l);
}

/* In the order in which they are looked at in a turn: what boards have sent comes before the news that they have hung up. */
static int watch(loop_t *l)
{
        hedged_sockets_t *s = &l->server->sockets;
        zmq_pollitem_t mail = { .fd = hedge_mailbox_fd(l->server->mail), .events = ZMQ_POLLIN };
        zmq_pollitem_t signals = { .fd = l->signals_fd, .events = ZMQ_POLLIN };
        zmq_pollitem_t keys = { .fd = hedged_keys_fd(l->server), .events = ZMQ_POLLIN };

        if (zloop_reader(l->zloop, s->boards, on_boards, l) < 0 ||
            zloop_reader(l->zloop, hedge_monitor_socket(s->monitor), on_monitor, l) < 0 ||
            zloop_reader(l->zloop, s->clients, on_clients, l) < 0 ||
            (s->clients_tcp && (zloop_reader(l->zloop, s->clients_tcp, on_clients, l) < 0 ||
                                zloop_reader(l->zloop, hedge_monitor_socket(s->clients_monitor), on_monitor, l) < 0)) ||
            (keys.fd >= 0 && zloop_poller(l->zloop, &keys, on_keys, l) < 0) ||
            zloop_poller(l->zloop, &mail, on_mail, l) < 0 || zloop_poller(l->zloop, &signals, on_signal, l) < 0)
                return -ENOMEM;
        set_timer(l);
        return l->failed;
}

int hedged_loop_run(hedged_server_t *server, int signals_fd)
{
        loop_t l = { .server = server, .signals_fd = signals_fd, .zloop = zloop_new(), .due_ms = NOT_SET };
        uint64_t watchdog_us = 0;
        int r = l.zloop ? 0 : -ENOMEM;

        if (sd_watchdog_enabled(0, &watchdog_us) > 0)
                l.watchdog_ms = (int64_t)(watchdog_us / 2000);
        if (r == 0) {
                zloop_set_nonstop(l.zloop, true);
                r = watch(&l);
        }
        hedge_cost_enter(HEDGE_COST_MESSAGES);
        /* 0: polling has failed, or a signal has interrupted it, which is read as everything else; -1: a handler has ended it */
        while (r == 0 && zloop_start(l.zloop) == 0)
                if (errno != EINTR)
                        r = -errno;
        zloop_destroy(&l.zloop);
        return r < 0 ? r : l.failed;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/server/loop.h"

#include <czmq.h>
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <systemd/sd-daemon.h>

#include "common/clock.h"
#include "common/cost.h"
#include "common/log.h"
#include "common/signals.h"
#include "common/wire/socket.h"
#include "daemon/server/boards.h"
#include "daemon/server/clients.h"
#include "daemon/server/keys.h"
#include "daemon/server/models.h"
#include "daemon/server/plans.h"
#include "daemon/server/probes.h"
#include "daemon/server/products.h"
#include "daemon/server/requests.h"
#include "daemon/server/trainings.h"

#define IDLE_HEARTBEATS 4   /* fewer than half of the ten after which a board takes its coordinator for lost */
#define STOP_MS         700 /* what still runs by then is given up, so that stopping takes less than a second */
#define MAIL_PER_TURN   256 /* read before the loop looks at everything else */

/* In the order in which they are looked at in a turn: what boards have sent comes before the news that they have hung up. */
enum { BOARDS, MONITOR, CLIENTS, CLIENTS_TCP, CLIENTS_MONITOR, CLIENTS_TCP_MONITOR, KEYS, MAIL, SIGNALS, SOURCES };

typedef struct loop {
        hedged_server_t *server;
        int signals_fd;
        zsock_t *sockets[KEYS]; /* NULL: there is none */
        struct pollfd fds[SOURCES];
        int64_t ticked_ms; /* PINGs were sent; 0: never */
        int64_t stop_by_ms;
        int64_t watchdog_ms, fed_ms; /* half of systemd's time, 0: it does not watch; last time */
} loop_t;

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

        due = sooner(due, hedged_probes_due_ms(l->server->probes));
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

/* After every turn. @return whether the program goes on. */
static bool look_round(loop_t *l)
{
        tick(l);
        hedged_probes_turn(l->server);
        hedged_models_settle(l->server);
        feed_watchdog(l);
        return !l->server->stopping || (!hedged_server_is_idle(l->server) && hedge_now_ms() < l->stop_by_ms);
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
        case HEDGED_MAIL_REPLANNED:
                hedged_plans_replanned(s, (hedged_replan_t *)mail);
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

static void take_mail(hedged_server_t *s)
{
        hedge_mail_t *mail;

        for (unsigned i = 0; i < MAIL_PER_TURN && (mail = hedge_mailbox_take(s->mail)); i++)
                take(s, mail);
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

static void take_signals(loop_t *l)
{
        int number;

        while ((number = hedge_signals_next(l->signals_fd)))
                if (number == SIGHUP)
                        hedged_keys_reload(l->server);
                else
                        begin_stop(l);
}

static void take_all(loop_t *l)
{
        hedged_server_t *s = l->server;

        if (l->fds[BOARDS].revents)
                hedged_boards_receive(s);
        if (l->fds[MONITOR].revents || l->fds[CLIENTS_MONITOR].revents || l->fds[CLIENTS_TCP_MONITOR].revents)
                hedged_keys_monitor(s);
        if (l->fds[CLIENTS].revents)
                hedged_clients_receive(s, s->sockets.clients);
        if (l->fds[CLIENTS_TCP].revents)
                hedged_clients_receive(s, s->sockets.clients_tcp);
        if (l->fds[KEYS].revents)
                hedged_keys_changed(s);
        if (l->fds[MAIL].revents)
                take_mail(s);
        if (l->fds[SIGNALS].revents)
                take_signals(l);
}

/* ---- sleeping ---- */

static void watch(loop_t *l)
{
        hedged_sockets_t *s = &l->server->sockets;

        l->sockets[BOARDS] = s->boards;
        l->sockets[MONITOR] = hedge_monitor_socket(s->monitor);
        l->sockets[CLIENTS] = s->clients;
        l->sockets[CLIENTS_MONITOR] = hedge_monitor_socket(s->clients_monitor);
        if (s->clients_tcp) {
                l->sockets[CLIENTS_TCP] = s->clients_tcp;
                l->sockets[CLIENTS_TCP_MONITOR] = hedge_monitor_socket(s->clients_tcp_monitor);
        }
        for (unsigned i = 0; i < SOURCES; i++)
                l->fds[i] = (struct pollfd){ .fd = -1, .events = POLLIN }; /* one of -1 is passed over */
        for (unsigned i = 0; i < KEYS; i++)
                if (l->sockets[i])
                        l->fds[i] =
                                (struct pollfd){ hedge_socket_fd(l->sockets[i]), POLLIN, POLLIN }; /* looked at once */
        l->fds[KEYS].fd = hedged_keys_fd(l->server);
        l->fds[MAIL].fd = hedge_mailbox_fd(l->server->mail);
        l->fds[SIGNALS].fd = l->signals_fd;
}

/* Has something come in by a socket? Its descriptor says so once, and who sends by it may have taken that: it is asked, before
 * every sleep. Nothing is sent by a monitor's, and it is always read to its end. */
static bool has_input(const loop_t *l, unsigned source)
{
        int events;

        if (!l->sockets[source] || source == MONITOR || source == CLIENTS_MONITOR || source == CLIENTS_TCP_MONITOR)
                return false;
        events = hedge_socket_events(l->sockets[source]);
        return events > 0 && events & ZMQ_POLLIN;
}

/* @return 0, -errno. */
static int wait_for_input(loop_t *l)
{
        bool input[SOURCES] = { false }, any = false;
        int64_t left = 0;

        for (unsigned i = 0; i < KEYS; i++)
                any |= input[i] = has_input(l, i);
        if (!any)
                left = due_ms(l) - hedge_now_ms();
        left = left < 0 ? 0 : left < INT_MAX ? left : INT_MAX;
        if (poll(l->fds, SOURCES, (int)left) < 0) {
                if (errno != EINTR)
                        return -errno;
                for (unsigned i = 0; i < SOURCES; i++)
                        l->fds[i].revents = 0; /* as it was before */
        }
        for (unsigned i = 0; i < KEYS; i++)
                if (input[i])
                        l->fds[i].revents = POLLIN;
        return 0;
}

int hedged_loop_run(hedged_server_t *server, int signals_fd)
{
        loop_t l = { .server = server, .signals_fd = signals_fd };
        uint64_t watchdog_us = 0;
        int r = 0;

        if (sd_watchdog_enabled(0, &watchdog_us) > 0)
                l.watchdog_ms = (int64_t)(watchdog_us / 2000);
        hedge_cost_enter(HEDGE_COST_MESSAGES);
        watch(&l);
        take_all(&l);
        while (r == 0 && look_round(&l)) {
                r = wait_for_input(&l);
                if (r == 0)
                        take_all(&l);
        }
        return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/server/coordinator.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/emulated.h"
#include "common/log.h"
#include "common/wire/keys.h"
#include "daemon/models/repository.h"
#include "daemon/server/state.h"

#define IDLE_HEARTBEATS 4   /* fewer than half of the ten after which a board takes its coordinator for lost */
#define STOP_MS         700 /* what still runs by then is given up, so that stopping takes less than a second */
#define LINGER_MS       200
#define MAIL_PER_TURN   256 /* read before the loop looks at everything else */
#define MONITOR         "inproc://boards.monitor"

/* ---- start ---- */

static int open_auth(hedged_coordinator_t *c, hedge_why_t *why)
{
        int r;

        if (c->config->security != HEDGED_SECURITY_CURVE)
                return 0;
        r = hedge_auth_new(c->zmq, &c->auth);
        if (r < 0)
                return hedge_why(why, r, "cannot start authentication: %s", hedge_strerror(r));
        r = hedge_auth_allow(c->auth, "boards", c->config->keys.boards, why);
        if (r == 0 && *c->config->listen.clients_tcp)
                r = hedge_auth_allow(c->auth, "clients", c->config->keys.clients, why);
        return r;
}

/* A bound ROUTER. With a domain, and where CURVE is on, only keys of that domain get in. */
static int open_socket(hedged_coordinator_t *c, const char *endpoint, const char *domain, void **ret, hedge_why_t *why)
{
        hedge_key_pair_t pair;
        int r = 0;

        *ret = zmq_socket(c->zmq, ZMQ_ROUTER);
        if (!*ret)
                return hedge_why(why, -errno, "cannot make a socket: %s", zmq_strerror(errno));
        r = hedge_link_configure(*ret, &c->limits, LINGER_MS);
        if (r == 0 && domain && c->auth) {
                r = hedge_keys_load_secret(c->config->keys.secret, &pair, why);
                if (r < 0)
                        return r;
                r = hedge_link_curve_server(*ret, pair.secret_key, domain);
                hedge_keys_wipe(&pair);
        }
        if (r < 0)
                return hedge_why(why, r, "cannot set the socket for %s up: %s", endpoint, hedge_strerror(r));
        return 0;
}

static int bind_socket(void *socket, const char *endpoint, hedge_why_t *why)
{
        mode_t before = umask(0007); /* ipc: the owner and the group, nobody else */
        int r = zmq_bind(socket, endpoint) < 0 ? -errno : 0;

        umask(before);
        if (r < 0)
                return hedge_why(why, r, "cannot listen at %s: %s", endpoint, zmq_strerror(-r));
        return 0;
}

static int open_monitor(hedged_coordinator_t *c, hedge_why_t *why)
{
        if (zmq_socket_monitor(c->boards, MONITOR, ZMQ_EVENT_DISCONNECTED) < 0 ||
            !(c->monitor = zmq_socket(c->zmq, ZMQ_PAIR)) || zmq_connect(c->monitor, MONITOR) < 0)
                return hedge_why(why, -errno, "cannot watch the boards' connections: %s", zmq_strerror(errno));
        return 0;
}

/* Where the boards' socket was bound in the end, for those who have to know it: written beside and renamed. */
static int write_endpoint(const hedged_coordinator_t *c, hedge_why_t *why)
{
        const char *path = c->config->listen.endpoint_file;
        char endpoint[256] = "", beside[4200];
        size_t size = sizeof(endpoint);
        FILE *f;
        int r;

        zmq_getsockopt(c->boards, ZMQ_LAST_ENDPOINT, endpoint, &size);
        log_notice("listening for boards at %s, for clients at %s%s%s", endpoint, c->config->listen.clients,
                   *c->config->listen.clients_tcp ? " and " : "", c->config->listen.clients_tcp);
        if (!*path)
                return 0;
        snprintf(beside, sizeof(beside), "%s.new", path);
        f = fopen(beside, "we");
        if (!f)
                return hedge_why(why, -errno, "%s: %s", beside, strerror(errno));
        fprintf(f, "%s\n", endpoint);
        r = fclose(f) < 0 || rename(beside, path) < 0 ? -errno : 0;
        return r < 0 ? hedge_why(why, r, "%s: %s", path, strerror(-r)) : 0;
}

static int open_sockets(hedged_coordinator_t *c, hedge_why_t *why)
{
        const hedged_config_t *config = c->config;
        int r = open_socket(c, config->listen.boards, "boards", &c->boards, why);

        if (r == 0)
                r = open_socket(c, config->listen.clients, NULL, &c->clients, why);
        if (r == 0 && *config->listen.clients_tcp)
                r = open_socket(c, config->listen.clients_tcp, "clients", &c->clients_tcp, why);
        if (r == 0)
                r = open_monitor(c, why);
        return r;
}

/* The boards' endpoint first: if another coordinator has it, its clients' socket file must not be taken away. */
static int bind_sockets(hedged_coordinator_t *c, hedge_why_t *why)
{
        int r = bind_socket(c->boards, c->config->listen.boards, why);

        if (r == 0)
                r = write_endpoint(c, why);
        if (r == 0 && c->clients_tcp)
                r = bind_socket(c->clients_tcp, c->config->listen.clients_tcp, why);
        if (r == 0)
                r = bind_socket(c->clients, c->config->listen.clients, why);
        return r;
}

/* The test bed's brake; hidden, and without effect unless the configuration allows it. */
static int read_emulation(const hedged_config_t *config, double *ret_macs_per_s, hedge_why_t *why)
{
        int r = config->test.allow_emulation ? hedge_emulated_rate(ret_macs_per_s, why) : 0;

        if (r == 0 && *ret_macs_per_s > 0)
                log_warning("emulating a coordinator of %.3g multiply-accumulates a second", *ret_macs_per_s);
        return r;
}

static int open_measure(hedged_coordinator_t *c, hedge_why_t *why)
{
        int r = hedged_measure_new(c->config, c->config->cluster.measurements, c->kernels, &c->measure, why);

        if (r == 0 && *why->text)
                log_warning("%s, ignoring it", why->text);
        return r;
}

/* What cannot be saved is learnt again. */
static void save_measurements(hedged_coordinator_t *c, bool now)
{
        hedge_why_t why;

        if (c->measure && hedged_measure_save(c->measure, now, &why) < 0)
                log_warning("%s, going on without", why.text);
}

static int open_threads(hedged_coordinator_t *c, hedge_why_t *why)
{
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        unsigned threads = c->config->compute.threads ? (unsigned)c->config->compute.threads
                           : cores > 0                ? (unsigned)cores
                                                      : 1;
        const hedged_preparer_kinds_t kinds = { HEDGED_MAIL_LOADED, HEDGED_MAIL_ENCODED, HEDGED_MAIL_PLANNED };
        hedged_runner_settings_t settings = {
                .coded.loop = c->mail,
                .coded.accuracy = c->config->plan.accuracy,
                .coded.timeout_ms = (unsigned)c->config->inference.layer_timeout_ms,
                .coded.threads = threads,
                .count = (unsigned)c->config->inference.in_flight,
                .answer_kind = HEDGED_MAIL_ANSWER,
        };
        int r = read_emulation(c->config, &settings.macs_per_s, why);

        if (r < 0)
                return r;
        c->macs_per_s = settings.macs_per_s;
        r = hedge_kernels_open(hedged_config_backend(c->config), threads, &c->kernels, why);
        if (r < 0)
                return r;
        r = open_measure(c, why);
        if (r < 0)
                return r;
        settings.measure = c->measure;
        settings.coded.conv_error = hedge_kernels_conv_error(c->kernels);
        r = hedged_preparer_new(c->config, c->kernels, c->mail, &kinds, &c->preparer);
        if (r == 0)
                r = hedged_runners_new(&settings, &c->runners);
        return r < 0 ? hedge_why(why, r, "cannot start the threads: %s", hedge_strerror(r)) : 0;
}

static int open_state(hedged_coordinator_t *c, hedge_why_t *why)
{
        const hedged_config_t *config = c->config;
        int r = hedged_cluster_new((unsigned)config->cluster.slots, (unsigned)config->cluster.heartbeat_ms,
                                   (unsigned)config->cluster.strikes, (unsigned)config->cluster.gone_ms,
                                   hedged_boards_changed, c, &c->cluster);

        c->registry.max = (unsigned)config->models.max_loaded;
        if (r == 0)
                r = hedged_dispatch_new(hedge_link_send, c->boards, c->cluster, c->measure, &c->dispatch);
        if (r == 0)
                r = hedged_distributor_new(hedge_link_send, c->boards, c->cluster, &c->registry, c->preparer,
                                           hedge_now_ms() + HEDGED_DISTRIBUTE_PATIENT_MS, &c->distributor);
        return r < 0 ? hedge_why(why, r, "%s", hedge_strerror(r)) : 0;
}

/* One broken model does not keep the others from being served. */
static void load_stored(void *arg, const char *name)
{
        hedged_coordinator_t *c = arg;
        hedged_speeds_t speeds;
        hedged_model_t *model;
        hedge_why_t why;
        int r;

        hedged_measure_snapshot(c->measure, c->cluster, &speeds);
        r = hedged_prepare_stored(c->config, c->kernels, &speeds, name, &model, &why);
        if (r < 0) {
                log_warning("model=%s: not loaded: %s, ignoring it", name, why.text);
                return;
        }
        r = hedged_models_serve(c, model);
        if (r < 0) {
                log_warning("model=%s: not loaded: %s, ignoring it", name, hedge_strerror(r));
                hedged_model_unref(&model);
        }
}

static int open_repository(hedged_coordinator_t *c, hedge_why_t *why)
{
        const char *folder = c->config->models.repository;
        int r;

        if (mkdir(folder, 0750) < 0 && errno != EEXIST)
                return hedge_why(why, -errno, "models.repository: %s: %s", folder, strerror(errno));
        r = hedged_repository_list(folder, load_stored, c);
        return r < 0 ? hedge_why(why, r, "models.repository: %s: %s", folder, hedge_strerror(r)) : 0;
}

int hedged_coordinator_new(const hedged_config_t *config, int stop_fd, hedged_coordinator_t **ret, hedge_why_t *why)
{
        hedged_coordinator_t *c = calloc(1, sizeof(*c));
        int r;

        if (!c)
                return hedge_why(why, -ENOMEM, "out of memory");
        c->config = config;
        c->limits = hedge_wire_default_limits;
        c->limits.max_header_bytes = (uint32_t)config->limits.header_bytes;
        c->limits.max_frame_bytes = config->limits.frame_bytes;
        c->started_ms = hedge_now_ms();
        c->stop_fd = stop_fd;
        while (c->incarnation == 0)
                if (getrandom(&c->incarnation, sizeof(c->incarnation), 0) < 0 && errno != EINTR)
                        c->incarnation = (uint64_t)hedge_now_us();
        c->zmq = zmq_ctx_new();
        r = c->zmq ? hedge_mailbox_new(&c->mail) : -ENOMEM;
        if (r < 0)
                hedge_why(why, r, "%s", hedge_strerror(r));
        if (r == 0)
                r = open_auth(c, why);
        if (r == 0)
                r = open_sockets(c, why);
        if (r == 0)
                r = open_threads(c, why);
        if (r == 0)
                r = open_state(c, why);
        if (r == 0)
                r = open_repository(c, why); /* before boards come: what they hold must be known to be worth keeping */
        if (r == 0)
                r = hedged_training_open(c, why);
        if (r == 0)
                r = bind_sockets(c, why);
        if (r < 0) {
                hedged_coordinator_destroy(&c);
                return r;
        }
        *ret = c;
        return 0;
}

/* ---- the loop ---- */

static void read_mail(hedged_coordinator_t *c)
{
        hedge_mail_t *mail;

        for (unsigned i = 0; i < MAIL_PER_TURN && (mail = hedge_mailbox_take(c->mail)); i++)
                switch (mail->kind) {
                case HEDGED_MAIL_ANSWER:
                        hedged_clients_answer(c, (hedged_request_t *)mail);
                        break;
                case HEDGED_MAIL_LOADED:
                        hedged_models_loaded(c, (hedged_load_t *)mail);
                        break;
                case HEDGED_MAIL_PLANNED:
                        hedged_planning_answer(c, (hedged_ask_t *)mail);
                        break;
                case HEDGED_MAIL_ENCODED:
                        hedged_distribute_encoded(c->distributor, (hedged_encode_t *)mail);
                        break;
                case HEDGED_MAIL_LINE:
                        hedged_line_mail(c->line, mail);
                        break;
                case HEDGED_MAIL_NEWS:
                        hedged_training_news(c, (hedged_news_t *)mail);
                        break;
                case HEDGED_MAIL_STORAGE:
                        hedged_training_done(c, (hedged_storage_op_t *)mail);
                        break;
                case HEDGED_MAIL_PRODUCT:
                        hedged_products_done(c);
                        break;
                default:
                        hedged_dispatch_mail(c->dispatch, mail);
                }
}

static void begin_stop(hedged_coordinator_t *c)
{
        if (c->stopping)
                return;
        log_notice("stopping: %u requests are in flight", c->in_flight);
        sd_notify(0, "STOPPING=1");
        c->stopping = true;
        c->stop_by_ms = hedge_now_ms() + STOP_MS;
        hedged_runners_stop(c->runners);
        hedged_dispatch_shutdown(c->dispatch);
        hedged_training_stop(c);
        hedged_products_stop(c);
}

/* When the next PINGs are due. Where nobody waits for a board its death holds nothing up, so calm boards are left to sleep; one
 * that owes an answer is asked again in a heartbeat, and all are at once when work comes. */
static int64_t next_tick_ms(const hedged_coordinator_t *c)
{
        const int64_t busy_ms = (int64_t)c->config->cluster.heartbeat_ms;
        const int64_t most_ms = (int64_t)c->config->cluster.gone_ms / 2;
        int64_t idle_ms = IDLE_HEARTBEATS * busy_ms;

        if (!c->ticked_ms)
                return 0;
        if (c->in_flight || c->preparing || c->n_loads || c->n_asks || c->stopping || !hedged_training_idle(c) ||
            !hedged_cluster_calm(c->cluster))
                return c->ticked_ms + busy_ms;
        idle_ms = idle_ms < most_ms ? idle_ms : most_ms;
        return c->ticked_ms + (idle_ms > busy_ms ? idle_ms : busy_ms);
}

static void tick(hedged_coordinator_t *c)
{
        if (hedge_now_ms() < next_tick_ms(c))
                return;
        hedged_boards_tick(c);
        hedged_planning_tick(c);
        hedged_line_tick(c->line);
        save_measurements(c, false);
        c->ticked_ms = hedge_now_ms();
}

/* How long the loop may sleep, in milliseconds. */
static long sleep_ms(const hedged_coordinator_t *c, int64_t watchdog_ms)
{
        int64_t now = hedge_now_ms(), until = next_tick_ms(c);

        for (unsigned i = 0; i < c->n_loads; i++)
                until = c->loads[i]->answer_by_ms < until ? c->loads[i]->answer_by_ms : until;
        if (c->stopping && c->stop_by_ms < until)
                until = c->stop_by_ms;
        if (watchdog_ms && now + watchdog_ms < until)
                until = now + watchdog_ms;
        return until > now ? (long)(until - now) : 0;
}

static int turn(hedged_coordinator_t *c, int64_t watchdog_ms)
{
        zmq_pollitem_t items[] = {
                { .fd = hedge_mailbox_fd(c->mail), .events = ZMQ_POLLIN },
                { .fd = c->stop_fd, .events = c->stopping ? 0 : ZMQ_POLLIN },
                { .socket = c->boards, .events = ZMQ_POLLIN },
                { .socket = c->monitor, .events = ZMQ_POLLIN },
                { .socket = c->clients, .events = ZMQ_POLLIN },
                { .socket = c->clients_tcp, .events = ZMQ_POLLIN },
        };

        if (zmq_poll(items, c->clients_tcp ? 6 : 5, sleep_ms(c, watchdog_ms)) < 0 && errno != EINTR)
                return -errno;
        read_mail(c);
        if (items[1].revents)
                begin_stop(c);
        if (items[2].revents)
                hedged_boards_receive(c);
        if (items[3].revents)
                hedged_boards_monitor(c); /* after what the boards have sent before they hung up */
        if (items[4].revents)
                hedged_clients_receive(c, c->clients);
        if (c->clients_tcp && items[5].revents)
                hedged_clients_receive(c, c->clients_tcp);
        tick(c);
        hedged_models_settle(c);
        return 0;
}

static bool is_done(const hedged_coordinator_t *c)
{
        return c->stopping && ((c->in_flight == 0 && c->preparing == 0 && c->n_asks == 0 && hedged_training_idle(c)) ||
                               hedge_now_ms() >= c->stop_by_ms);
}

int hedged_coordinator_run(hedged_coordinator_t *c)
{
        uint64_t watchdog_us = 0;
        int64_t half_ms, fed_ms = 0;
        int r = 0;

        half_ms = sd_watchdog_enabled(0, &watchdog_us) > 0 ? (int64_t)(watchdog_us / 2000) : 0;
        sd_notifyf(0, "READY=1\nSTATUS=%u models, %u board slots", c->registry.count, hedged_cluster_slots(c->cluster));
        hedged_training_next(c);
        while (r == 0 && !is_done(c)) {
                r = turn(c, half_ms);
                if (half_ms && hedge_now_ms() - fed_ms >= half_ms / 2) {
                        sd_notify(0, "WATCHDOG=1");
                        fed_ms = hedge_now_ms();
                }
        }
        hedged_clients_abandon(c);
        hedged_models_abandon(c);
        hedged_planning_abandon(c);
        hedged_training_abandon(c);
        hedged_products_abandon(c);
        hedged_boards_bye(c);
        save_measurements(c, true);
        return r;
}

/* ---- the end ---- */

static void close_network(hedged_coordinator_t *c)
{
        void *sockets[] = { c->monitor, c->boards, c->clients, c->clients_tcp };

        if (c->boards)
                zmq_socket_monitor(c->boards, NULL, 0);
        for (size_t i = 0; i < sizeof(sockets) / sizeof(sockets[0]); i++)
                if (sockets[i])
                        zmq_close(sockets[i]);
        hedge_auth_destroy(&c->auth);
        if (c->zmq)
                zmq_ctx_term(c->zmq); /* sends what is left, for at most LINGER_MS */
}

static void drop_mail(hedged_coordinator_t *c)
{
        hedge_mail_t *mail;

        while (c->mail && (mail = hedge_mailbox_take(c->mail))) {
                hedged_load_t *load = (hedged_load_t *)mail;
                hedged_encode_t *encode = (hedged_encode_t *)mail;
                hedged_ask_t *ask = (hedged_ask_t *)mail;
                hedged_storage_op_t *op = (hedged_storage_op_t *)mail;

                if (mail->kind == HEDGED_MAIL_LOADED)
                        hedged_load_destroy(&load);
                else if (mail->kind == HEDGED_MAIL_ENCODED)
                        hedged_encode_destroy(&encode);
                else if (mail->kind == HEDGED_MAIL_PLANNED)
                        hedged_ask_destroy(&ask);
                else if (mail->kind == HEDGED_MAIL_LINE)
                        hedged_line_mail(c->line, mail); /* none is open: not sent */
                else if (mail->kind == HEDGED_MAIL_STORAGE)
                        hedged_storage_op_destroy(&op);
                else if (mail->kind == HEDGED_MAIL_NEWS)
                        free(mail);
        }
}

int hedged_coordinator_destroy(hedged_coordinator_t **coordinator)
{
        hedged_coordinator_t *c = *coordinator;

        *coordinator = NULL;
        if (!c)
                return 0;
        close_network(c);
        if (c->in_flight > 0 || c->preparing > 0 || c->n_asks > 0 || !hedged_training_idle(c)) {
                log_warning("%u requests, %u loads, %u plans, %u ops, %d training and %d product did not stop in time, "
                            "leaving them",
                            c->in_flight, c->preparing, c->n_asks, c->n_ops, c->run != NULL, c->product != NULL);
                return 1; /* their threads still use all this */
        }
        hedged_runners_destroy(&c->runners);
        hedged_preparer_destroy(&c->preparer);
        drop_mail(c);
        for (unsigned i = 0; i < c->n_loads; i++)
                hedged_load_destroy(&c->loads[i]);
        hedged_distributor_destroy(&c->distributor);
        hedged_dispatch_destroy(&c->dispatch);
        hedged_cluster_destroy(&c->cluster);
        hedged_measure_destroy(&c->measure);
        hedged_registry_release(&c->registry);
        hedged_training_close(c);
        hedge_kernels_destroy(&c->kernels);
        hedge_mailbox_destroy(&c->mail);
        free(c);
        return 0;
}

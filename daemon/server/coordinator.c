/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/server/coordinator.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/emulated.h"
#include "common/log.h"
#include "daemon/models/repository.h"
#include "daemon/server/boards.h"
#include "daemon/server/keys.h"
#include "daemon/server/locks.h"
#include "daemon/server/loop.h"
#include "daemon/server/models.h"
#include "daemon/server/plans.h"
#include "daemon/server/probes.h"
#include "daemon/server/products.h"
#include "daemon/server/requests.h"
#include "daemon/server/trainings.h"

struct hedged_coordinator {
        hedged_server_t server;
        hedged_locks_t locks;
        int signals_fd;
};

/* ---- start ---- */

/* The test bed's brake; hidden, and without effect unless the configuration allows it. */
static int read_emulation(const hedged_config_t *config, double *ret_macs_per_s, hedge_why_t *why)
{
        int r = config->test.allow_emulation ? hedge_emulated_rate(ret_macs_per_s, why) : 0;

        if (r == 0 && *ret_macs_per_s > 0)
                log_warning("emulating a coordinator of %.3g multiply-accumulates a second", *ret_macs_per_s);
        return r;
}

static int open_measure(hedged_server_t *c, hedge_why_t *why)
{
        int r = hedged_measure_new(c->config, c->config->cluster.measurements, c->kernels, &c->measure, why);

        if (r == 0 && *why->text)
                log_warning("%s, ignoring it", why->text);
        return r;
}

static int open_threads(hedged_server_t *c, double macs_per_s, hedge_why_t *why)
{
        long cores = sysconf(_SC_NPROCESSORS_ONLN);
        unsigned threads = c->config->compute.threads ? (unsigned)c->config->compute.threads
                           : cores > 0                ? (unsigned)cores
                                                      : 1;
        const hedged_preparer_kinds_t kinds = { HEDGED_MAIL_LOADED, HEDGED_MAIL_ENCODED, HEDGED_MAIL_PLANNED,
                                                HEDGED_MAIL_REPLANNED };
        hedged_runner_settings_t settings = {
                .coded.loop = c->mail,
                .coded.accuracy = c->config->plan.accuracy,
                .coded.timeout_ms = (unsigned)c->config->inference.layer_timeout_ms,
                .coded.threads = threads,
                .queue = (unsigned)c->config->inference.queue,
                .answer_kind = HEDGED_MAIL_ANSWER,
                .macs_per_s = macs_per_s,
        };
        int r = hedge_kernels_open(hedged_config_backend(c->config), threads, &c->kernels, why);

        if (r == 0)
                r = open_measure(c, why);
        if (r < 0)
                return r;
        r = hedged_standing_new(c->config, c->kernels, macs_per_s, &c->standing);
        if (r < 0)
                return hedge_why(why, r, "cannot start the threads: %s", hedge_strerror(r));
        settings.measure = c->measure;
        settings.standing = c->standing;
        settings.coded.conv_error = hedge_kernels_conv_error(c->kernels);
        r = hedged_preparer_new(c->config, c->kernels, c->mail, &kinds, &c->preparer);
        if (r == 0)
                r = hedged_requests_new(&settings, &c->requests);
        return r < 0 ? hedge_why(why, r, "cannot start the threads: %s", hedge_strerror(r)) : 0;
}

static int open_state(hedged_server_t *c, hedge_why_t *why)
{
        const hedged_config_t *config = c->config;
        int r = hedged_cluster_new((unsigned)config->cluster.slots, (unsigned)config->cluster.heartbeat_ms,
                                   (unsigned)config->cluster.strikes, (unsigned)config->cluster.gone_ms,
                                   hedged_boards_changed, c, &c->cluster);

        c->registry.max = (unsigned)config->models.max_loaded;
        c->registry.share_bytes = config->plan.share_bytes;
        if (r == 0)
                r = hedged_models_new(&c->models);
        if (r == 0)
                r = hedged_plans_new(&c->plans);
        if (r == 0)
                r = hedged_products_new(&c->products);
        if (r == 0)
                r = hedged_probes_new(&c->probes);
        if (r == 0)
                hedged_cluster_set_ready(c->cluster, hedged_probes_ready);
        if (r == 0)
                r = hedged_dispatch_new(hedge_link_send, c->sockets.boards, c->cluster, c->measure, &c->dispatch);
        if (r == 0)
                r = hedged_distributor_new(hedge_link_send, c->sockets.boards, c->cluster, &c->registry, c->preparer,
                                           hedge_now_ms() + HEDGED_DISTRIBUTE_PATIENT_MS, &c->distributor);
        return r < 0 ? hedge_why(why, r, "%s", hedge_strerror(r)) : 0;
}

/* One broken model does not keep the others from being served. */
static void load_stored(void *arg, const char *name)
{
        hedged_server_t *c = arg;
        hedged_speeds_t speeds;
        hedged_model_set_t set;
        hedge_why_t why;
        int r;

        hedged_measure_snapshot(c->measure, c->cluster, &speeds);
        r = hedged_prepare_stored(c->config, c->kernels, &speeds, name, &set, &why);
        if (r < 0) {
                log_warning("model=%s: not loaded: %s, ignoring it", name, why.text);
                return;
        }
        r = hedged_models_serve(c, &set);
        if (r < 0) {
                log_warning("model=%s: not loaded: %s, ignoring it", name, hedge_strerror(r));
                hedged_model_set_unref(&set);
        }
}

static int open_repository(hedged_server_t *c, hedge_why_t *why)
{
        const char *folder = c->config->models.repository;
        int r;

        if (mkdir(folder, 0750) < 0 && errno != EEXIST)
                return hedge_why(why, -errno, "models.repository: %s: %s", folder, strerror(errno));
        r = hedged_repository_list(folder, load_stored, c);
        return r < 0 ? hedge_why(why, r, "models.repository: %s: %s", folder, hedge_strerror(r)) : 0;
}

/* In an order in which each finds what it needs. */
static int open_all(hedged_server_t *c, hedge_why_t *why)
{
        double macs_per_s = 0;
        int r = hedge_mailbox_new(&c->mail);

        if (r < 0)
                return hedge_why(why, r, "%s", hedge_strerror(r));
        r = read_emulation(c->config, &macs_per_s, why);
        if (r == 0)
                r = hedged_keys_open(c, why);
        if (r == 0)
                r = hedged_sockets_open(c->config, &c->limits, &c->sockets, why);
        if (r == 0)
                r = open_threads(c, macs_per_s, why);
        if (r == 0)
                r = open_state(c, why);
        if (r == 0)
                r = open_repository(c, why); /* before boards come: what they hold must be known to be worth keeping */
        if (r == 0)
                r = hedged_trainings_new(c, macs_per_s, &c->trainings, why);
        return r < 0 ? r : hedged_sockets_bind(&c->sockets, c->config, why);
}

int hedged_coordinator_new(const hedged_config_t *config, int signals_fd, hedged_coordinator_t **ret, hedge_why_t *why)
{
        hedged_coordinator_t *coordinator = calloc(1, sizeof(*coordinator));
        hedged_server_t *c;
        int r;

        if (!coordinator)
                return hedge_why(why, -ENOMEM, "out of memory");
        coordinator->signals_fd = signals_fd;
        c = &coordinator->server;
        c->config = config;
        c->limits = hedge_wire_default_limits;
        c->limits.max_header_bytes = (uint32_t)config->limits.header_bytes;
        c->limits.max_frame_bytes = config->limits.frame_bytes;
        c->started_ms = hedge_now_ms();
        while (c->incarnation == 0)
                if (getrandom(&c->incarnation, sizeof(c->incarnation), 0) < 0 && errno != EINTR)
                        c->incarnation = (uint64_t)hedge_now_us();
        r = hedged_locks_take(config, &coordinator->locks, why);
        if (r == 0)
                r = open_all(c, why);
        if (r < 0)
                hedged_coordinator_destroy(&coordinator);
        else
                *ret = coordinator;
        return r;
}

int hedged_coordinator_run(hedged_coordinator_t *coordinator)
{
        hedged_server_t *c = &coordinator->server;
        hedge_why_t why;
        int r;

        sd_notifyf(0, "READY=1\nSTATUS=%u models, %u board slots", c->registry.count, hedged_cluster_slots(c->cluster));
        hedged_trainings_next(c->trainings);
        r = hedged_loop_run(c, coordinator->signals_fd);
        hedged_requests_abandon(c->requests);
        hedged_models_abandon(c);
        hedged_plans_abandon(c->plans);
        hedged_trainings_abandon(c->trainings);
        hedged_products_abandon(c->products);
        hedged_boards_bye(c);
        if (hedged_measure_save(c->measure, true, &why) < 0)
                log_warning("%s, going on without", why.text);
        return r;
}

/* ---- the end ---- */

static void drop_mail(hedged_server_t *c)
{
        hedge_mail_t *mail;

        while (c->mail && (mail = hedge_mailbox_take(c->mail))) {
                hedged_load_t *load = (hedged_load_t *)mail;
                hedged_encode_t *encode = (hedged_encode_t *)mail;
                hedged_ask_t *ask = (hedged_ask_t *)mail;
                hedged_replan_t *replan = (hedged_replan_t *)mail;
                hedged_storage_op_t *op = (hedged_storage_op_t *)mail;

                if (mail->kind == HEDGED_MAIL_LOADED)
                        hedged_load_destroy(&load);
                else if (mail->kind == HEDGED_MAIL_ENCODED)
                        hedged_encode_destroy(&encode);
                else if (mail->kind == HEDGED_MAIL_PLANNED)
                        hedged_ask_destroy(&ask);
                else if (mail->kind == HEDGED_MAIL_REPLANNED)
                        hedged_replan_destroy(&replan);
                else if (mail->kind == HEDGED_MAIL_LINE)
                        hedged_line_mail(hedged_trainings_line(c->trainings), mail); /* none is open: not sent */
                else if (mail->kind == HEDGED_MAIL_STORAGE)
                        hedged_storage_op_destroy(&op);
                else if (mail->kind == HEDGED_MAIL_NEWS)
                        free(mail);
        }
}

int hedged_coordinator_destroy(hedged_coordinator_t **coordinator)
{
        hedged_server_t *c = *coordinator ? &(*coordinator)->server : NULL;

        if (!c)
                return 0;
        hedged_sockets_close(&c->sockets);
        hedge_auth_destroy(&c->auth);
        if (!hedged_server_is_idle(c)) {
                log_warning("not all that was being computed could be stopped in time, leaving it");
                *coordinator = NULL;
                return 1; /* its threads still use all this */
        }
        hedged_requests_destroy(&c->requests);
        hedged_standing_destroy(&c->standing);
        hedged_preparer_destroy(&c->preparer);
        drop_mail(c);
        hedged_trainings_destroy(&c->trainings);
        hedged_products_destroy(&c->products);
        hedged_probes_destroy(&c->probes);
        hedged_models_destroy(&c->models);
        hedged_plans_destroy(&c->plans);
        hedged_distributor_destroy(&c->distributor);
        hedged_dispatch_destroy(&c->dispatch);
        hedged_cluster_destroy(&c->cluster);
        hedged_measure_destroy(&c->measure);
        hedged_registry_release(&c->registry);
        hedge_kernels_destroy(&c->kernels);
        hedge_mailbox_destroy(&c->mail);
        hedged_locks_release(&(*coordinator)->locks);
        free(*coordinator);
        *coordinator = NULL;
        return 0;
}

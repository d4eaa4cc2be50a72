/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/conf/daemon.h"
#include "common/emulated.h"
#include "common/log.h"
#include "common/signals.h"
#include "common/train/blas.h"
#include "common/wire/socket.h"
#include "worker/config.h"
#include "worker/session/loop.h"

#define STOP_MS         600 /* a kernel can't be interrupted; then the process leaves without waiting for it */
#define BYE_MS          150
#define ALLOCATOR_POOLS 2
#define SOCKETS_MAX     64 /* a closed one counts until libzmq has freed it */

static const hedge_daemon_t program = {
        .name = "hedge-worker",
        .what = "The daemon of a board: keeps shares of coded filters and computes with them for a coordinator.",
        .config = "/etc/hedge/worker.yaml",
        .rows = hedgew_conf_rows,
};

/* All that lives as long as the process, in the order in which it starts. */
typedef struct worker {
        hedgew_config_t config;
        hedge_key_pair_t keys;
        char coordinator_key[41];
        hedgew_emulate_t *emulate;
        int signals_fd;
        hedgew_shares_t *shares;
        hedgew_executor_t *executor;
        hedgew_training_t *training;
        hedgew_uplink_t *uplink;
        hedgew_session_t *session;
} worker_t;

/* The test bed's brake; hidden, and without effect unless the configuration allows it. */
static int read_emulation(worker_t *worker, hedge_why_t *why)
{
        const char *path = getenv("HEDGE_EMULATE");
        double macs_per_s = 0;
        int r;

        if (!worker->config.test.allow_emulation)
                return 0;
        r = hedge_emulated_rate(&macs_per_s, why);
        if (r < 0 || (macs_per_s <= 0 && !path))
                return r;
        r = hedgew_emulate_new(path, macs_per_s, &worker->emulate);
        return r < 0 ? hedge_why(why, r, "%s", hedge_strerror(r)) : 0;
}

static int configure(worker_t *worker, const hedge_daemon_options_t *options, hedge_why_t *why)
{
        int r = hedgew_config_load(options->config, &worker->config, why);

        if (r == 0)
                r = hedgew_config_keys(&worker->config, &worker->keys, worker->coordinator_key, why);
        if (r == 0)
                r = read_emulation(worker, why);
        if (r < 0)
                return r;
        hedge_log_set_level(options->verbose ? HEDGE_LOG_DEBUG : worker->config.log_level);
        return 0;
}

/* What a bad file costs is said, and nothing else: the connection and its keys stay. */
static void reload(void *arg)
{
        worker_t *worker = arg;
        hedge_key_pair_t keys;
        char coordinator_key[41];
        hedge_why_t why;

        if (hedgew_config_keys(&worker->config, &keys, coordinator_key, &why) < 0) {
                log_warning("board=%s: %s, going on with the keys as they were", worker->config.board.name, why.text);
                return;
        }
        if (!memcmp(&keys, &worker->keys, sizeof(keys)) && !strcmp(coordinator_key, worker->coordinator_key)) {
                log_notice("board=%s: the keys are the same as before", worker->config.board.name);
        } else {
                log_notice("board=%s: the keys are others now, connecting with them", worker->config.board.name);
                worker->keys = keys;
                strcpy(worker->coordinator_key, coordinator_key);
                hedgew_session_reconnect(worker->session);
        }
        hedge_keys_wipe(&keys);
}

static void tell_systemd(const char *text)
{
        sd_notifyf(0, "STATUS=%s", text);
}

static int start_executor(worker_t *worker)
{
        const hedgew_config_t *config = &worker->config;
        const hedgew_executor_settings_t settings = {
                .backend = hedgew_config_backend(config),
                .threads = (unsigned)config->compute.threads,
                .shares = worker->shares,
                .tasks_max = (uint32_t)config->limits.tasks,
                .task_bytes_max = config->limits.task_bytes,
                .unsent_bytes_max = config->limits.unsent_bytes,
                .emulate = worker->emulate,
        };

        return hedgew_executor_new(&settings, &worker->executor);
}

static int start_training(worker_t *worker)
{
        const hedgew_training_settings_t settings = {
                .bytes_max = worker->config.memory.training_bytes,
                .emulate = worker->emulate,
        };

        return hedgew_training_new(&settings, &worker->training);
}

static int start_uplink(worker_t *worker)
{
        const hedgew_config_t *config = &worker->config;
        const hedgew_uplink_settings_t settings = {
                .endpoint = config->coordinator.endpoint,
                .keys = config->security == HEDGEW_CURVE ? &worker->keys : NULL,
                .coordinator_key = worker->coordinator_key,
                .limits = { (uint32_t)config->limits.header_bytes, hedge_wire_default_limits.max_frames,
                            config->limits.frame_bytes },
                .reconnect_min_ms = (unsigned)config->reconnect.min_ms,
                .reconnect_max_ms = (unsigned)config->reconnect.max_ms,
        };

        return hedgew_uplink_new(&settings, &worker->uplink);
}

static int start_session(worker_t *worker)
{
        const hedgew_config_t *config = &worker->config;
        const hedgew_session_settings_t settings = {
                .board = config->board.name,
                .backend = hedgew_config_backend(config),
                .endpoint = config->coordinator.endpoint,
                .cores = hedgew_cores(),
                .share_bytes_max = config->memory.shares_bytes,
                .reconnect_min_ms = (unsigned)config->reconnect.min_ms,
                .reconnect_max_ms = (unsigned)config->reconnect.max_ms,
                .silence_ms = (unsigned)config->reconnect.silence_ms,
                .shares = worker->shares,
                .executor = worker->executor,
                .training = worker->training,
                .uplink = worker->uplink,
                .now_ms = hedge_now_ms,
                .status = tell_systemd,
        };

        return hedgew_session_new(&settings, &worker->session);
}

static int start(worker_t *worker)
{
        const hedgew_config_t *config = &worker->config;
        int r;

        hedge_blas_begin();
        hedge_sockets_begin(SOCKETS_MAX);
        mallopt(M_ARENA_MAX, ALLOCATOR_POOLS); /* idle memory counts for more here than threads that allocate at once */
        r = hedge_signals_open(&worker->signals_fd);
        if (r == 0)
                r = hedgew_shares_new(config->memory.shares_bytes, config->limits.frame_bytes, &worker->shares);
        if (r == 0)
                r = start_executor(worker);
        if (r == 0)
                r = start_training(worker);
        if (r == 0)
                r = start_uplink(worker);
        if (r == 0)
                r = start_session(worker);
        if (r < 0)
                return r;
        log_info("board=%s: hedge-worker " HEDGE_VERSION ", backend %s, %u threads, connecting to %s",
                 config->board.name, hedgew_config_backend(config), (unsigned)config->compute.threads,
                 config->coordinator.endpoint);
        if (worker->emulate)
                log_warning("board=%s: emulating another, slower board, as the environment says", config->board.name);
        sd_notifyf(0, "READY=1\nSTATUS=connecting to %s", config->coordinator.endpoint);
        return 0;
}

static int run(worker_t *worker)
{
        uint64_t watchdog_us = 0;
        hedgew_loop_t loop = {
                .session = worker->session,
                .executor = worker->executor,
                .training = worker->training,
                .uplink = worker->uplink,
                .signals_fd = worker->signals_fd,
                .reload = reload,
                .reload_arg = worker,
                .now_us = hedge_now_us,
                .stuck_us = (int64_t)worker->config.compute.stuck_s * 1000000,
        };

        if (sd_watchdog_enabled(0, &watchdog_us) > 0)
                loop.watchdog_us = (int64_t)watchdog_us;
        return hedgew_loop_run(&loop);
}

/* Wait for the threads that compute. @return 0, -ETIMEDOUT. */
static int join(worker_t *worker)
{
        const int64_t until_ms = hedge_now_ms() + STOP_MS;
        int64_t left_ms;
        int r = worker->executor ? hedgew_executor_join(worker->executor, STOP_MS) : 0;

        left_ms = until_ms - hedge_now_ms();
        if (r == 0 && worker->training)
                r = hedgew_training_end(worker->training, left_ms > 0 ? (int)left_ms : 0);
        return r;
}

/* Leave. A thread may be inside a kernel or a gradient, which can't be interrupted: they get STOP_MS, in which BYE goes out;
 * then the process ends around them. Nothing is lost by that: a board keeps nothing on disk. */
static void stop(worker_t *worker, int status)
{
        sd_notify(0, "STOPPING=1\nSTATUS=stopping");
        if (worker->executor)
                hedgew_executor_stop(worker->executor);
        if (worker->training)
                hedgew_training_end(worker->training, 0);
        if (worker->session)
                hedgew_session_bye(worker->session, "the board is stopping");
        if (worker->uplink)
                hedgew_uplink_close(worker->uplink, BYE_MS);
        if (join(worker) < 0) {
                log_notice("board=%s: still computing, leaving without waiting for it", worker->config.board.name);
                _exit(status);
        }
        hedgew_session_destroy(&worker->session);
        hedgew_training_destroy(&worker->training);
        hedgew_executor_destroy(&worker->executor);
        hedgew_uplink_destroy(&worker->uplink);
        hedge_sockets_end();
        hedgew_shares_destroy(&worker->shares);
        hedge_signals_close(worker->signals_fd);
}

int main(int argc, char **argv)
{
        worker_t worker = { .signals_fd = -1 };
        hedge_daemon_options_t options;
        hedge_why_t why = { .text = "" };
        int r, status = hedge_daemon_options(&program, argc, argv, &options);

        if (status >= 0)
                return status;
        r = configure(&worker, &options, &why);
        if (r < 0) {
                fprintf(stderr, "hedge-worker: %s\n", why.text);
                status = HEDGE_EXIT_CONFIG;
        } else if (options.check) {
                printf("%s: fine\n", options.config);
                status = EXIT_SUCCESS;
        } else {
                r = start(&worker);
                if (r == 0)
                        r = run(&worker);
                status = r < 0 ? HEDGE_EXIT_FAILED : EXIT_SUCCESS;
                if (r < 0)
                        log_error("board=%s: %s, stopping", worker.config.board.name, hedge_strerror(r));
                else
                        log_info("board=%s: %s, stopping", worker.config.board.name, strsignal(r));
                stop(&worker, status);
        }
        hedgew_emulate_destroy(&worker.emulate);
        hedge_keys_wipe(&worker.keys);
        hedgew_config_release(&worker.config);
        return status;
}

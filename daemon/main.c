/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/conf/daemon.h"
#include "common/log.h"
#include "common/signals.h"
#include "common/train/blas.h"
#include "common/wire/key_folder.h"
#include "common/wire/keys.h"
#include "common/wire/socket.h"
#include "daemon/server/coordinator.h"

#define SOCKETS_MAX 1024 /* two for each thread that runs requests, and a dozen */

static const hedge_daemon_t program = {
        .name = "hedged",
        .what = "The coordinator of a cluster: runs convolutional networks on boards, and trains them.",
        .config = "/etc/hedge/hedged.yaml",
        .rows = hedged_conf_rows,
};

/* A layer's tensors are megabytes, and every layer wants them anew: keep the pages instead of giving them back to the
 * system and taking (and clearing) them again each time. */
static void keep_memory(void)
{
        mallopt(M_MMAP_THRESHOLD, 32 << 20);
        mallopt(M_TRIM_THRESHOLD, 256 << 20);
}

static int serve(const hedged_config_t *config)
{
        hedged_coordinator_t *coordinator;
        hedge_why_t why = { "" };
        int signals_fd = -1, r;

        hedge_blas_begin();
        hedge_sockets_begin(SOCKETS_MAX);
        keep_memory();
        r = hedge_signals_open(&signals_fd);
        if (r < 0) {
                log_error("cannot catch signals: %s", hedge_strerror(r));
                return 1;
        }
        r = hedged_coordinator_new(config, signals_fd, &coordinator, &why);
        if (r < 0) {
                log_error("%s", why.text);
                return 1;
        }
        r = hedged_coordinator_run(coordinator);
        if (r < 0)
                log_error("the loop failed: %s", hedge_strerror(r));
        if (hedged_coordinator_destroy(&coordinator) > 0)
                _exit(r < 0); /* a layer that is being computed here cannot be interrupted; nothing is lost with it */
        hedge_sockets_end();
        return r < 0;
}

/* A file there that is no key costs its owner alone, so it is told and no error: it must not keep the coordinator from
 * starting (ExecStartPre). */
static int check_folder(const char *key, const char *path, hedge_why_t *why)
{
        hedge_key_folder_t folder = { 0 };
        hedge_why_t inner;
        int r = hedge_key_folder_read(path, &folder, &inner);

        for (size_t i = 0; i < folder.n_complaints; i++)
                fprintf(stderr, "hedged: %s, leaving it out\n", folder.complaints[i]);
        hedge_key_folder_release(&folder);
        return r < 0 ? hedge_why(why, r, "%s: %.480s", key, inner.text) : 0;
}

/* --check-config also opens what the configuration names. @return the exit status. */
static int check_keys(const hedged_config_t *config, const char *path)
{
        hedge_key_pair_t pair = { "", "" };
        hedge_why_t why = { "" };
        int r = 0;

        if (config->security == HEDGED_SECURITY_CURVE) {
                r = hedge_keys_load_secret(config->keys.secret, &pair, &why);
                hedge_keys_wipe(&pair);
                if (r == 0)
                        r = check_folder("keys.boards", config->keys.boards, &why);
                if (r == 0 && *config->listen.clients_tcp)
                        r = check_folder("keys.clients", config->keys.clients, &why);
        }
        if (r < 0) {
                fprintf(stderr, "hedged: %s: %s\n", path, why.text);
                return HEDGE_EXIT_CONFIG;
        }
        printf("%s: fine\n", path);
        return 0;
}

int main(int argc, char **argv)
{
        hedge_daemon_options_t options;
        hedged_config_t config;
        hedge_why_t why = { "" };
        int status = hedge_daemon_options(&program, argc, argv, &options);

        if (status >= 0)
                return status;
        if (hedged_config_load(options.config, &config, &why) < 0) {
                fprintf(stderr, "hedged: %s\n", why.text);
                return HEDGE_EXIT_CONFIG;
        }
        if (options.check) {
                status = check_keys(&config, options.config);
        } else {
                hedge_log_set_level(options.verbose ? HEDGE_LOG_DEBUG
                                                    : (hedge_log_level_t)(HEDGE_LOG_ERROR + config.log_level));
                status = serve(&config);
        }
        hedged_config_release(&config);
        return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/config.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/kernel/kernel.h"
#include "common/log.h"
#include "common/types/name.h"
#include "common/wire/address.h"

static const char *const securities[] = { "curve", "network", "insecure-loopback", NULL };
static const char *const backends[] = { "auto", "onednn", "xnnpack", "plain", NULL };
static const char *const levels[] = { "error", "warning", "notice", "info", "debug", NULL };

#define AT(field) offsetof(hedgew_config_t, field)
#define KIB       1024.0
#define MIB       1048576.0
#define GIB       1073741824.0

const hedge_conf_row_t hedgew_conf_rows[] = {
        { "board.name", HEDGE_CONF_STRING, AT(board.name), 0, HEDGE_BOARD_NAME_MAX - 1, "\"\"", NULL,
          "The board's name: letters, digits, '.', '_' and '-'. With security: curve it is the name under which the "
          "coordinator keeps this board's public key. Empty: the host's name.",
          NULL, NULL, 0 },
        { "coordinator.endpoint", HEDGE_CONF_STRING, AT(coordinator.endpoint), 1, 255, NULL, NULL,
          "Where the coordinator listens: tcp://HOST:PORT or ipc://FILE. An IPv6 address stands in brackets: "
          "tcp://[fd00::1]:7501; a link's own names its interface: [fe80::1%eth0].",
          NULL, NULL, 0 },
        { "security", HEDGE_CONF_CHOICE, AT(security), 0, 0, "curve", NULL,
          "curve: the connection is encrypted and both ends prove their keys. network: neither, for a cluster inside a "
          "WireGuard network or on a switch of its own. insecure-loopback: neither, and only 127.0.0.1, [::1] and ipc "
          "endpoints are accepted.",
          securities, NULL, 0 },
        { "keys.secret", HEDGE_CONF_STRING, AT(keys.secret), 0, 4095, "/etc/hedge/keys/board.secret", NULL,
          "This board's key pair, made by hedge keygen. Nobody else may be able to read the file.", NULL, NULL, 0 },
        { "keys.coordinator", HEDGE_CONF_STRING, AT(keys.coordinator), 0, 4095, "/etc/hedge/keys/coordinator.pub", NULL,
          "The coordinator's public key.", NULL, NULL, 0 },
        { "compute.backend", HEDGE_CONF_CHOICE, AT(compute.backend), 0, 0, "auto", NULL,
          "Kernels for the convolutions.", backends, NULL, 0 },
        { "compute.threads", HEDGE_CONF_UINT, AT(compute.threads), 0, 1024, "0", NULL,
          "Threads for them; 0: one per core.", NULL, NULL, 0 },
        { "compute.stuck_s", HEDGE_CONF_UINT, AT(compute.stuck_s), 1, 86400, "300", "s",
          "A single part (or the packing of a share, or a step of a training) that takes longer counts as a hang: "
          "systemd's watchdog is then no "
          "longer fed.",
          NULL, NULL, 0 },
        { "memory.shares_bytes", HEDGE_CONF_BYTES, AT(memory.shares_bytes), MIB, 1024 * GIB, "512M", "bytes",
          "Most memory that what is kept here to compute with may take: coded filters, and runs of models' layers with "
          "their weights.",
          NULL, NULL, 0 },
        { "memory.training_bytes", HEDGE_CONF_BYTES, AT(memory.training_bytes), MIB, 1024 * GIB, "512M", "bytes",
          "Most memory that taking part in a training may take: parts of the data, parameters and what steps need. A "
          "training that needs more is refused.",
          NULL, NULL, 0 },
        { "limits.frame_bytes", HEDGE_CONF_BYTES, AT(limits.frame_bytes), 64 * KIB, 4 * GIB, "1G", "bytes",
          "Largest single frame (an input, the filters of a share, the weights of a layer, a part).", NULL, NULL, 0 },
        { "limits.header_bytes", HEDGE_CONF_BYTES, AT(limits.header_bytes), 4 * KIB, 64 * MIB, "4M", "bytes",
          "Largest message header accepted.", NULL, NULL, 0 },
        { "limits.tasks", HEDGE_CONF_UINT, AT(limits.tasks), 1, 65536, "256", NULL,
          "Tasks that may wait or run here; more are refused.", NULL, NULL, 0 },
        { "limits.task_bytes", HEDGE_CONF_BYTES, AT(limits.task_bytes), MIB, 64 * GIB, "512M", "bytes",
          "Most memory that the coded inputs of waiting tasks may take together; more are refused.", NULL, NULL, 0 },
        { "limits.unsent_bytes", HEDGE_CONF_BYTES, AT(limits.unsent_bytes), KIB, 64 * GIB, "64M", "bytes",
          "Finished parts that wait for a slow link; computing pauses when they are more.", NULL, NULL, 0 },
        { "reconnect.min_ms", HEDGE_CONF_UINT, AT(reconnect.min_ms), 10, 60000, "100", "ms",
          "First wait before connecting, or saying HELLO, again. It doubles each time, with jitter.", NULL, NULL, 0 },
        { "reconnect.max_ms", HEDGE_CONF_UINT, AT(reconnect.max_ms), 10, 3600000, "10000", "ms", "Longest such wait.",
          NULL, NULL, 0 },
        { "reconnect.silence_ms", HEDGE_CONF_UINT, AT(reconnect.silence_ms), 0, 3600000, "0", "ms",
          "HELLO is said again when nothing came from the coordinator for so long, and a new connection made after "
          "three times as long; 0: ten of the coordinator's heartbeats. Less than five counts as five.",
          NULL, NULL, 0 },
        { "log.level", HEDGE_CONF_CHOICE, AT(log_level), 0, 0, "info", NULL, "What is logged.", levels, NULL, 0 },
        { "test.allow_emulation", HEDGE_CONF_BOOL, AT(test.allow_emulation), 0, 0, "false", NULL,
          "For tests: let the environment variables HEDGE_EMULATE_MACS_PER_S and HEDGE_EMULATE (a file) make this "
          "board "
          "slower and less reliable than it is.",
          NULL, NULL, 0 },
        { 0 },
};

static int check_endpoint(const hedgew_config_t *config, hedge_why_t *why)
{
        const char *endpoint = config->coordinator.endpoint;
        hedge_why_t inner;
        int r = hedge_address_check(endpoint, false, &inner);

        if (r == 0 && config->security == HEDGEW_INSECURE_LOOPBACK && !hedge_address_is_local(endpoint))
                r = hedge_why(&inner, HEDGE_ECONFIG,
                              "'%s' leaves this machine, which security: insecure-loopback forbids", endpoint);
        return r < 0 ? hedge_why(why, r, "coordinator.endpoint: %s", inner.text) : 0;
}

static int check_name(hedgew_config_t *config, hedge_why_t *why)
{
        char host[HEDGE_BOARD_NAME_MAX] = "", *name;

        if (!*config->board.name) {
                if (gethostname(host, sizeof(host) - 1) < 0)
                        return hedge_why(why, HEDGE_ECONFIG, "board.name: the host's name is too long; set one");
                name = strdup(host);
                if (!name)
                        return hedge_why(why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));
                free(config->board.name);
                config->board.name = name;
        }
        name = config->board.name;
        if (!hedge_name_ok(name))
                return hedge_why(why, HEDGE_ECONFIG,
                                 "board.name: '%s' has other characters than letters, digits, '.', '_' and '-', or "
                                 "does not begin with a letter or digit",
                                 name);
        return 0;
}

static int check_rest(const hedgew_config_t *config, hedge_why_t *why)
{
        if (config->reconnect.max_ms < config->reconnect.min_ms)
                return hedge_why(why, HEDGE_ECONFIG, "reconnect.max_ms: %llu is below reconnect.min_ms, %llu",
                                 (unsigned long long)config->reconnect.max_ms,
                                 (unsigned long long)config->reconnect.min_ms);
        if (!hedgew_config_backend(config))
                return hedge_why(why, HEDGE_ECONFIG,
                                 "compute.backend: %s is not in this build, or its module is not installed",
                                 backends[config->compute.backend]);
        return 0;
}

/* "FILE: " in front of what no single line of the file shows. */
static int name_file(const char *path, int code, hedge_why_t *why)
{
        hedge_why_t copy;

        if (!why || !path)
                return code;
        copy = *why;
        return hedge_why(why, code, "%s: %s", path, copy.text);
}

int hedgew_config_load(const char *path, hedgew_config_t *config, hedge_why_t *why)
{
        int r;

        memset(config, 0, sizeof(*config));
        r = hedge_conf_load(hedgew_conf_rows, path, config, why);
        if (r < 0)
                return r;
        r = check_name(config, why);
        if (r == 0)
                r = check_endpoint(config, why);
        if (r == 0)
                r = check_rest(config, why);
        if (r < 0) {
                hedgew_config_release(config);
                return name_file(path, r, why);
        }
        config->log_level += HEDGE_LOG_ERROR;
        if (!config->compute.threads)
                config->compute.threads = hedgew_cores();
        return 0;
}

void hedgew_config_release(hedgew_config_t *config)
{
        hedge_conf_release(hedgew_conf_rows, config);
}

int hedgew_config_keys(const hedgew_config_t *config, hedge_key_pair_t *ret_pair, char ret_coordinator[41],
                       hedge_why_t *why)
{
        hedge_key_pair_t pair;
        char coordinator[41];
        int r;

        memset(ret_pair, 0, sizeof(*ret_pair));
        memset(ret_coordinator, 0, 41);
        if (config->security != HEDGEW_CURVE)
                return 0;
        r = hedge_keys_load_secret(config->keys.secret, &pair, why);
        if (r < 0)
                return r;
        r = hedge_keys_load_public(config->keys.coordinator, coordinator, why);
        if (r == 0) {
                *ret_pair = pair;
                memcpy(ret_coordinator, coordinator, sizeof(coordinator));
        }
        hedge_keys_wipe(&pair);
        return r;
}

const char *hedgew_config_backend(const hedgew_config_t *config)
{
        const char *const *available = hedge_kernels_available();
        const char *wanted = backends[config->compute.backend];

        if (!strcmp(wanted, "auto"))
                return available[0];
        while (*available && strcmp(*available, wanted))
                available++;
        return *available;
}

unsigned hedgew_cores(void)
{
        long online = sysconf(_SC_NPROCESSORS_ONLN);
        cpu_set_t set;

        if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0)
                return (unsigned)CPU_COUNT(&set);
        return online > 0 ? (unsigned)online : 1;
}

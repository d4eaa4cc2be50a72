/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_WORKER_CONFIG_H
#define HEDGE_WORKER_CONFIG_H

#include "common/conf/conf.h"
#include "common/wire/keys.h"

/** hedge-worker.yaml. Every field is a row of hedge_worker_conf_rows, which says what it means. */
enum { HEDGE_WORKER_CURVE, HEDGE_WORKER_NETWORK, HEDGE_WORKER_INSECURE_LOOPBACK };

typedef struct hedge_worker_config {
        struct {
                char *name;
        } board;
        struct {
                char *endpoint;
        } coordinator;
        unsigned security;
        struct {
                char *secret, *coordinator;
        } keys;
        struct {
                unsigned backend;
                uint64_t threads, stuck_s;
        } compute;
        struct {
                uint64_t shares_bytes, training_bytes;
        } memory;
        struct {
                uint64_t frame_bytes, header_bytes, tasks, task_bytes, unsent_bytes;
        } limits;
        struct {
                uint64_t min_ms, max_ms, silence_ms;
        } reconnect;
        unsigned log_level;
        struct {
                bool allow_emulation;
        } test;
} hedge_worker_config_t;

extern const hedge_conf_row_t hedge_worker_conf_rows[];

/** Read and check a configuration (path NULL: the defaults), also what no single key can show: an endpoint that the
 * security setting does not allow, a name that is none. An empty board.name becomes the host's, 0 threads the cores'.
 * Key files are not read.
 * @return 0, HEDGE_ECONFIG, -errno. On error nothing is held. */
int hedge_worker_config_load(const char *path, hedge_worker_config_t *config, hedge_why_t *why);
void hedge_worker_config_release(hedge_worker_config_t *config);

/** Read the key files, where `security` asks for them. @return 0, or what hedge_keys_load_secret/_public say. */
int hedge_worker_config_keys(const hedge_worker_config_t *config, hedge_key_pair_t *ret_pair, char ret_coordinator[41],
                             hedge_why_t *why);

/** The back end's name as hedge_kernels_new takes it: for "auto" the build's best. NULL where the build has it not. */
const char *hedge_worker_config_backend(const hedge_worker_config_t *config);

/** Cores that this process may use. */
unsigned hedge_worker_cores(void);

#endif

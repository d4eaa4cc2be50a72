/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_CONFIG_H
#define HEDGEW_CONFIG_H

#include "common/conf/conf.h"
#include "common/wire/keys.h"

/** hedge-worker.yaml. Every field is a row of hedgew_conf_rows, which says what it means. */
enum { HEDGEW_CURVE, HEDGEW_NETWORK, HEDGEW_INSECURE_LOOPBACK };

typedef struct hedgew_config {
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
} hedgew_config_t;

extern const hedge_conf_row_t hedgew_conf_rows[];

/** Read and check a configuration (path NULL: the defaults), also what no single key can show: an endpoint that the
 * security setting does not allow, a name that is none. An empty board.name becomes the host's, 0 threads the cores'.
 * Key files are not read.
 * @return 0, HEDGE_ECONFIG, -errno. On error nothing is held. */
int hedgew_config_load(const char *path, hedgew_config_t *config, hedge_why_t *why);
void hedgew_config_release(hedgew_config_t *config);

/** Read the key files, where `security` asks for them. @return 0, or what hedge_keys_load_secret/_public say. */
int hedgew_config_keys(const hedgew_config_t *config, hedge_key_pair_t *ret_pair, char ret_coordinator[41],
                       hedge_why_t *why);

/** The back end's name as hedge_kernels_new takes it: for "auto" the build's best. NULL where the build has it not. */
const char *hedgew_config_backend(const hedgew_config_t *config);

/** Cores that this process may use. */
unsigned hedgew_cores(void);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_CONFIG_H
#define HEDGED_CONFIG_H

#include "common/conf/conf.h"

/** hedged.yaml. Every field is a row of hedged_conf_rows, which says what it means. */
enum { HEDGED_SECURITY_CURVE, HEDGED_SECURITY_NETWORK, HEDGED_SECURITY_INSECURE_LOOPBACK };

/** One row of plan.rules; the first that matches a layer holds. */
typedef struct hedged_plan_rule {
        char *model;     /**< glob */
        char *layer;     /**< glob */
        unsigned scheme; /**< hedge_scheme_t + 1; 0: local */
        uint64_t k_a, k_b;
} hedged_plan_rule_t;

typedef struct hedged_config {
        struct {
                char *boards, *clients, *clients_tcp, *endpoint_file;
        } listen;
        unsigned security;
        struct {
                char *secret, *boards, *clients;
        } keys;
        struct {
                char *repository;
                uint64_t file_bytes, max_loaded;
        } models;
        struct {
                uint64_t slots, heartbeat_ms, strikes, gone_ms;
        } cluster;
        struct {
                unsigned scheme; /**< as in a rule */
                uint64_t k_a, k_b, spare, min_macs, macs_per_entry;
                double accuracy;
                hedge_conf_list_t rules; /**< of hedged_plan_rule_t */
        } plan;
        struct {
                uint64_t in_flight, queue, layer_timeout_ms;
        } inference;
        struct {
                unsigned backend;
                uint64_t threads;
        } compute;
        struct {
                uint64_t frame_bytes, header_bytes;
        } limits;
        unsigned log_level;
} hedged_config_t;

extern const hedge_conf_row_t hedged_conf_rows[];

/** Read and check a configuration (path NULL: the defaults), also what no single key can show: endpoints that the security
 * setting does not allow, keys that are missing. @return 0, HEDGE_ECONFIG, -errno. */
int hedged_config_load(const char *path, hedged_config_t *config, hedge_why_t *why);
void hedged_config_release(hedged_config_t *config);

/** "auto" becomes NULL, as hedge_kernels_new wants it. */
const char *hedged_config_backend(const hedged_config_t *config);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_CONFIG_H
#define HEDGED_CONFIG_H

#include "common/code/conv/code.h"
#include "common/conf/conf.h"

/** hedged.yaml. Every field is a row of hedged_conf_rows, which says what it means. */
enum { HEDGED_SECURITY_CURVE, HEDGED_SECURITY_NETWORK, HEDGED_SECURITY_INSECURE_LOOPBACK };

/** plan.scheme and a rule's: local, then hedge_scheme_t + 1, then auto. */
enum { HEDGED_PLAN_LOCAL = 0, HEDGED_PLAN_AUTO = HEDGE_SCHEMES + 1 };
enum { HEDGED_CUT_MEASURED, HEDGED_CUT_SIMPLE };
enum { HEDGED_OBJECTIVE_LATENCY, HEDGED_OBJECTIVE_P99, HEDGED_OBJECTIVE_COST, HEDGED_OBJECTIVE_AUTO };
enum { HEDGED_WORK_AUTO, HEDGED_WORK_LAYERS, HEDGED_WORK_SEGMENTS, HEDGED_WORK_WHOLE };
enum { HEDGED_WIRE_AUTO, HEDGED_WIRE_F32, HEDGED_WIRE_Q16 };
enum { HEDGED_SYSTEMATIC_AUTO, HEDGED_SYSTEMATIC_NO, HEDGED_SYSTEMATIC_YES };

/** The names of the objectives, NULL at the end. */
extern const char *const hedged_objectives[];

/** One row of plan.rules; the first that matches a layer holds. */
typedef struct hedged_plan_rule {
        char *model;     /**< glob */
        char *layer;     /**< glob */
        unsigned scheme; /**< HEDGED_PLAN_LOCAL .. HEDGED_PLAN_AUTO */
        uint64_t k_a, k_b, ell_a, ell_b;
        unsigned systematic, wire;
        bool even, whole_boards;
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
                char *folder;
                uint64_t keep, queue;
        } jobs;
        struct {
                uint64_t slots, heartbeat_ms, strikes, gone_ms;
                char *measurements;
        } cluster;
        struct {
                uint64_t board_macs_per_s, here_macs_per_s;
                double spread, link_mbit, here_link_mbit;
        } prior;
        struct {
                unsigned scheme;                     /**< as in a rule */
                unsigned cut, objective, wire, work; /**< work: HEDGED_WORK_* */
                bool hedge, here;
                uint64_t copies;
                uint64_t k_a, k_b, spare, min_macs, macs_per_entry, share_bytes;
                double accuracy, price_busy, price_comm, price_comp, price_store;
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
        struct {
                bool allow_emulation;
        } test;
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

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_CHAIN_H
#define HEDGED_CHAIN_H

#include "common/code/precision.h"
#include "common/model/graph.h"
#include "common/types/window.h"
#include "daemon/config.h"
#include "daemon/measure/speed.h"
#include "daemon/plan/search.h"

/** How a request runs: a chain of steps over the graph's nodes, in order, for a request that has all boards to itself, a half
 * of them, a quarter, ... (daemon/plan/chains.h makes them.) */

typedef enum hedged_step_kind {
        HEDGED_STEP_NODES, /**< one by one, each coded by its layer's variants or computed by the coordinator */
        HEDGED_STEP_SEGMENT, /**< all at one go, in windows of its output over the boards, or in one piece on one of them */
} hedged_step_kind_t;

typedef struct hedged_step {
        hedged_step_kind_t kind;
        uint32_t first, last; /**< nodes, `last` exclusive */
        unsigned n_windows;   /**< SEGMENT: 1 with windows NULL: in one piece, whatever its inputs and outputs are */
        hedge_window_t *windows;
        unsigned copies; /**< of each window, from the start */
        hedge_precision_t wire;
        double predicted_s;            /**< mean */
        uint64_t macs;                 /**< of all windows */
        uint64_t up_bytes, down_bytes; /**< of all windows, or of all parts of the nodes */
} hedged_step_t;

typedef struct hedged_chain {
        unsigned boards; /**< planned for so many, whichever they are */
        unsigned n_steps;
        hedged_step_t *steps; /**< they cover all nodes */
        double predicted_s;   /**< mean, of a request that has so many boards to itself */
        double local_s;       /**< by the coordinator alone */
        double rate;          /**< requests per second of the whole cluster, each request with so many boards */
} hedged_chain_t;

/** A board's graph of its own: nodes first .. last. */
typedef struct hedged_placement {
        uint32_t first, last;
        uint64_t bytes;                              /**< hedged_block_bytes */
        uint64_t boards[HEDGE_CODE_MAX_BOARDS / 64]; /**< those that are to hold it: a bit each */
} hedged_placement_t;

typedef struct hedged_chains {
        unsigned n;
        hedged_chain_t *chains; /**< most boards first */
        unsigned n_blocks;
        hedged_placement_t *
                blocks; /**< which boards hold what for the SEGMENT steps: hedged_hulls_find of what each has room for */
        double best_shared_s; /**< the best that was found which takes boards, planned or not; 0: there was none */
        uint64_t trials;      /**< simulated ones that it took */
} hedged_chains_t;

/** What a node takes by itself, in the better of two ways: coded, or by the coordinator. */
typedef struct hedged_node_cost {
        double s, p99_s;
        double here_s;   /**< of it the coordinator's processor */
        double boards_s; /**< of all boards together */
        double up_bytes, down_bytes;
        double cost;                             /**< by plan.price_* */
        double local_s, local_p99_s, local_cost; /**< by the coordinator */
        bool fixed;                              /**< the configuration says how it runs: never a part of a segment */
} hedged_node_cost_t;

/** Memory that a board may still give to one model's blocks. */
typedef struct hedged_capacity {
        uint64_t bytes[HEDGE_CODE_MAX_BOARDS];
} hedged_capacity_t;

/** What boards have, as far as plan.share_bytes allows: of one of which nobody knows it, as little as any of the others.
 * @param share_bytes  Per board; 0: not known. */
void hedged_capacity_find(const hedged_config_t *config, const uint64_t *share_bytes, unsigned boards,
                          hedged_capacity_t *ret);

/** Every node by the coordinator, and which of them are fixed: plan.scheme is not auto, plan.cut is simple, or a rule is about them.
 * @param nodes  graph->n_nodes entries. */
void hedged_nodes_local(const hedged_config_t *config, const char *model, const hedged_speeds_t *speeds,
                        const hedge_graph_t *graph, hedged_node_cost_t *nodes);

/** A node runs coded, as it is predicted for its cut (of one that the simple rule made nothing is). */
void hedged_node_coded(const hedged_cut_t *cut, hedged_node_cost_t *node);

/** It does not: the coordinator computes it. */
void hedged_node_uncoded(hedged_node_cost_t *node);

/** Does plan.work name segments or whole networks, so that they are taken whatever is predicted? */
bool hedged_plan_names_segments(const hedged_config_t *config);

/** Where it does: nodes that are not fixed do not run coded. hedged_chains_plan does this itself. */
void hedged_nodes_as_named(const hedged_config_t *config, const hedge_graph_t *graph, hedged_node_cost_t *nodes);

/** Multiply-accumulates of a node as processors feel them: of an operator that has none, what moving its elements takes. */
double hedged_node_work(const hedge_graph_t *graph, const hedge_node_t *node);

/** Add a node's constants: bytes of their frames, and elements. */
void hedged_node_constants(const hedge_graph_t *graph, const hedge_node_t *node, uint64_t *frame_bytes,
                           uint64_t *elements);

/** Memory that nodes take as a block on a board (common/model/held.h). A constant that several nodes read counts for each. */
uint64_t hedged_block_bytes(const hedge_graph_t *graph, uint32_t first, uint32_t last);

/** The chain for a request that starts now: that with the most boards of those which as many requests as are in flight (this
 * one among them) can all have at a time, by the number that was planned for; the last where there are as many requests as boards
 * that can be used, or more. */
const hedged_chain_t *hedged_chains_pick(const hedged_chains_t *chains, unsigned usable, unsigned in_flight);

/** From so many requests in flight on hedged_chains_pick takes chain i. */
unsigned hedged_chains_in_flight(const hedged_chains_t *chains, unsigned i);

/** How a SEGMENT step runs, for people: "strips", "tiles" (windows that do not have all columns) or "whole" (in one piece). */
const char *hedged_segment_way(const hedged_step_t *step, const hedge_graph_t *graph);

/** What is placed of just these nodes, or NULL. */
hedged_placement_t *hedged_chains_placement(const hedged_chains_t *chains, uint32_t first, uint32_t last);

/** Does some chain run this node by itself, so that it may be coded? */
bool hedged_chains_leave(const hedged_chains_t *chains, uint32_t node);

#endif

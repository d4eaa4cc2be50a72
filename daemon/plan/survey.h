/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_SURVEY_H
#define HEDGED_SURVEY_H

#include "common/segment/cuts.h"
#include "common/segment/reach.h"
#include "daemon/plan/chain.h"

/** A graph as chains are planned over it: the points where it may be cut, and what lies before each of them.
 *
 * Of a graph that comes apart in more than HEDGED_SURVEY_POINTS places these are its ends and, of each of as many equal parts of its
 * work as are left, the place whose tensor is smallest, of equals the last. */

#define HEDGED_SURVEY_POINTS 26

/** Of all nodes before a point. */
typedef struct hedged_before {
        double work;   /**< hedged_node_work */
        uint64_t macs; /**< hedge_node_macs */
        double local_s;
        uint64_t frame_bytes, elements; /**< of their constants */
        unsigned fixed, shared;         /**< nodes that are fixed; that run coded */
} hedged_before_t;

typedef struct hedged_survey {
        const hedge_graph_t *graph;
        const hedged_node_cost_t *nodes;
        hedge_reach_t *reach;
        unsigned n; /**< points; at least 2 where there are nodes */
        hedge_cut_point_t points[HEDGED_SURVEY_POINTS];
        hedged_before_t before[HEDGED_SURVEY_POINTS];
} hedged_survey_t;

/** @param nodes  Borrowed, and so is the graph. @param ret  On failure to be released too. @return 0, -ENOMEM. */
int hedged_survey_make(const hedge_graph_t *graph, const hedged_node_cost_t *nodes, hedged_survey_t *ret);
void hedged_survey_release(hedged_survey_t *survey);

/** Memory of what lies between two points as a block on a board, as hedge_held_bytes. */
uint64_t hedged_survey_bytes(const hedged_survey_t *survey, unsigned from, unsigned to);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_CUTS_H
#define HEDGE_CUTS_H

#include <stdbool.h>

#include "common/model/graph.h"

/** Where a graph comes apart: places between two nodes across which one tensor goes, and nothing else that is computed.
 *
 * Constants do not count: whoever computes a piece holds them. What a graph gives is needed until its end, so that behind an
 * answer in the middle nothing is a cut; neither is anything inside a branch, where two tensors go across.
 *
 *      hedge_cut_point_t *cuts;
 *      uint32_t n;
 *      int r = hedge_cuts_find(graph, &cuts, &n);
 *
 *      for (uint32_t i = 0; r == 0 && i + 1 < n; i++)
 *              if (hedge_segment_is_local(graph, cuts[i].at, cuts[i + 1].at))
 *                      ... nodes cuts[i].at .. cuts[i + 1].at - 1 can be computed strip by strip ...
 *      free(cuts); */
typedef struct hedge_cut_point {
        uint32_t at;    /**< before node `at`; 0: the graph's inputs; n_nodes: its outputs */
        uint32_t value; /**< the tensor that goes across; HEDGE_NO_VALUE: not one alone, only at the ends */
        bool image;     /**< it is 1 x H x W x C, or at the graph's ends whatever has four axes and a batch of 1 */
        bool whole;     /**< it holds whole numbers that must stay as they are: common/segment/whole.h */
} hedge_cut_point_t;

/** All cut points in order, both ends included. A graph without nodes has one.
 * @return 0, -ENOMEM. */
int hedge_cuts_find(const hedge_graph_t *graph, hedge_cut_point_t **ret, uint32_t *ret_n);

/** Can windows of the output of nodes first .. last - 1 be computed apart, each from a window of the input? One image goes in, one
 * comes out, and all operators are local in rows and columns: no global pool, matrix product, softmax over the image... Reshapes and
 * transposes are where between them they only move channels or pixels of a neighbourhood about.
 * False also where there is no memory to find out; who asks often asks hedge_reach_is_local (common/segment/reach.h). */
bool hedge_segment_is_local(const hedge_graph_t *graph, uint32_t first, uint32_t last);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_LOCAL_NET_H
#define HEDGE_LOCAL_NET_H

#include "common/model/graph.h"

/** Graphs of operators that are local in rows and columns, of random geometry. */
typedef struct local_net {
        hedge_graph_t *graph;
        uint32_t at; /**< the value that the next block reads */
        uint64_t random;
        bool smooth; /**< set it after local_net_begin: nothing that makes small differences large */
} local_net_t;

/** Begin with an image of 1 x h x w x c. */
void local_net_begin(local_net_t *net, uint64_t seed, uint32_t h, uint32_t w, uint32_t c);

/** Names of the kinds of blocks: one operator, or some with branches; NULL at the end. */
extern const char *const local_net_kinds[];

/** The first of those that move pixels and channels about. */
extern const unsigned local_net_rearrangements;

/** Add a block of a kind. @return false: the geometry that was drawn does not fit, nothing is added. */
bool local_net_add(local_net_t *net, unsigned kind);

/** What is there becomes the answer, and the graph the caller's. */
hedge_graph_t *local_net_end(local_net_t *net);

/** from .. to, and -1 .. 1. */
uint32_t local_net_any(local_net_t *net, uint32_t from, uint32_t to);
float local_net_float(local_net_t *net);

/** An operator over values; HEDGE_NO_VALUE where it does not fit them. Outputs larger than 64 x 64 do not fit. */
uint32_t local_net_node(local_net_t *net, const hedge_op_t *op, const uint32_t *inputs, uint32_t n);

/** A constant of small random numbers. */
uint32_t local_net_constant(local_net_t *net, const hedge_shape_t *shape);

#endif

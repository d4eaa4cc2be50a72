/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_GRAPH_H
#define HEDGE_GRAPH_H

#include "common/element.h"
#include "common/model/narrow.h"
#include "common/op.h"

/** A network as hedge runs it: operators in topological order over values of fixed shape.
 *
 * Inside, images are NHWC and batch normalisation, bias and activation are folded into the operator before them. At the
 * edges (graph inputs and outputs) shapes and data are as in the ONNX file (usually NCHW): the graph holds the transposes.
 * An extent of an input that the file leaves open is what the importer was told; a batch of which it was told nothing is 1. */

#define HEDGE_NAME_MAX 256 /**< bytes of a name, with its terminating zero */

typedef struct hedge_value {
        char name[HEDGE_NAME_MAX];
        hedge_shape_t shape;
        hedge_element_t element; /**< of a graph input or output: what the model says it is; UNDEFINED elsewhere */
        const float *data;       /**< of a constant (owned by the graph, unless lent); NULL for what is computed */
        bool lent; /**< data and narrow are another's: hedge_graph_borrow, hedge_graph_lend (without either: not yet) */
        bool marked;            /**< of a graph output: rows that begin with HEDGE_NO_ROW are not there */
        hedge_narrow_t *narrow; /**< a filter of a quantised model: the constant in bytes, data is NULL then */
        uint32_t producer;      /**< node, or HEDGE_NO_NODE for constants and graph inputs */
        uint32_t uses;          /**< how many node inputs and graph outputs read it */
} hedge_value_t;

#define HEDGE_NO_NODE  UINT32_MAX
#define HEDGE_NO_VALUE UINT32_MAX

typedef struct hedge_node {
        char name[HEDGE_NAME_MAX]; /**< the ONNX node's name, or its output's; unique in the graph */
        hedge_op_t op;
        uint32_t n_inputs;
        uint32_t *inputs; /**< values */
        uint32_t output;  /**< value */
} hedge_node_t;

typedef struct hedge_batch hedge_batch_t; /* common/model/batch.h */

typedef struct hedge_graph {
        hedge_value_t *values;
        uint32_t n_values;
        hedge_node_t *nodes;
        uint32_t n_nodes;
        uint32_t *inputs; /**< values that a caller gives, in the file's order; constants are not among them */
        uint32_t n_inputs;
        uint32_t *
                open; /**< per input: bit i is set where the file leaves the extent of its axis i open (bit 0: the batch) */
        uint32_t *outputs; /**< values that are the answer, in the file's order */
        uint32_t n_outputs;
        hedge_batch_t *batch;     /**< how many pictures a request may hold; NULL: nobody has looked */
        unsigned char digest[32]; /**< of the file the graph came from (BLAKE2b-256) */
        uint32_t opset;
} hedge_graph_t;

/** Is it known before the graph runs? */
static inline bool hedge_value_is_constant(const hedge_value_t *value)
{
        return value->data || value->narrow;
}

/** A constant's floats: its own, or made of its bytes into *ret_room, which is to be freed (else NULL).
 * @return 0, -ENOMEM. */
int hedge_value_floats(const hedge_value_t *value, const float **ret, float **ret_room);

/** Memory of all constants. */
uint64_t hedge_graph_constant_bytes(const hedge_graph_t *graph);

/** Give up constants for those of another graph of the same file, where they are equal: what is in the same order in both (weights
 * are). `lender` must outlive the graph. @return the bytes that were given up. */
uint64_t hedge_graph_borrow(hedge_graph_t *graph, const hedge_graph_t *lender);

void hedge_graph_destroy(hedge_graph_t **graph);

/** Multiply-accumulates of the whole graph. */
uint64_t hedge_graph_macs(const hedge_graph_t *graph);

/** Those of one node. */
uint64_t hedge_node_macs(const hedge_graph_t *graph, const hedge_node_t *node);

#endif

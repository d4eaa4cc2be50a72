/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_GRAPH_PACK_H
#define HEDGE_GRAPH_PACK_H

#include "common/model/graph.h"

/** A graph as bytes, to send it to who computes it, and its constants, to send them without copying them.
 *
 * The bytes are a msgpack map: `version`, `values` (name, shape, element, marked, constant; narrow_rows and narrow_signed of those in
 * bytes), `nodes` (op, the kind's name; name; inputs; output; fused, fused_lo, fused_hi; exact; and the attributes of the kind, each by
 * the name that it has in common/op.h), `inputs` and `outputs`, by the numbers of values. What is zero or empty is left out.
 *
 *   hedge_graph_pack(graph, &bytes, &size);                          there: hedge_graph_unpack(bytes, size, most, &graph, &why);
 *   n = hedge_graph_constants(graph, values);                               n = hedge_graph_constants(graph, values);
 *   for each: send hedge_graph_constant_data(graph, values[i]),             for each: check that hedge_graph_constant_size() bytes
 *             hedge_graph_constant_size(graph, values[i]) bytes                       came, hedge_graph_lend(graph, values[i], them) */

#define HEDGE_PACK_VERSION     1     /**< another one when an attribute, a kind or a meaning of them comes or goes */
#define HEDGE_PACK_CONSTANTS   4095u /**< at most */
#define HEDGE_PACK_EDGES       1024u /**< inputs at most, and outputs */
#define HEDGE_PACK_NODES       65536u
#define HEDGE_PACK_VALUES      65536u
#define HEDGE_PACK_NODE_INPUTS 4096u

/** All of a graph but the data of its constants, the digest, what is known of batches and which extents are open.
 * @param ret  To be freed. @return 0, HEDGE_ELIMIT (more of something than can be packed), -EINVAL (it is no graph: our bug), -ENOMEM. */
int hedge_graph_pack(const hedge_graph_t *graph, void **ret, size_t *ret_size);

/** Make a graph of bytes that anyone may have sent.
 *
 * All that running it relies on holds then: every operator is one that hedge_op_infer takes and has a result of the shape that is stated,
 * is computed from what is there before it, and is named once; filters and biases are constants; no tensor is empty. What constants
 * hold can be anything: kernels look at every index themselves.
 * @param max_elements  Of all constants together, of all inputs, and of the computed values that live at once while it runs.
 * @param ret           Its constants have no data yet.
 * @return 0, HEDGE_EMALFORMED, HEDGE_EVERSION, HEDGE_ESHAPE, HEDGE_ELIMIT, -EINVAL, -ENOMEM, with a sentence in `why`, which may be NULL. */
int hedge_graph_unpack(const void *bytes, size_t size, uint64_t max_elements, hedge_graph_t **ret, hedge_why_t *why);

/** Its constants, in the order of its values. @param ret_values  Room for n_values, or NULL. @return how many they are. */
uint32_t hedge_graph_constants(const hedge_graph_t *graph, uint32_t *ret_values);

/** Bytes that the data of a constant takes: its floats; of one in bytes (narrow) the scales, the zero points and the bytes. */
size_t hedge_graph_constant_size(const hedge_graph_t *graph, uint32_t value);

/** Where they are, one behind the other; NULL where they have not been lent yet. */
const void *hedge_graph_constant_data(const hedge_graph_t *graph, uint32_t value);

/** Say where the data of a constant of an unpacked graph is. @param data  Aligned as floats are; borrowed: it must outlive the graph.
 * @return 0, -EINVAL (no such constant, or not aligned). */
int hedge_graph_lend(hedge_graph_t *graph, uint32_t value, const void *data);

/** Have all constants data? Before, a graph does not run. */
bool hedge_graph_is_complete(const hedge_graph_t *graph);

#endif

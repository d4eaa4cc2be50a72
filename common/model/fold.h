/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_FOLD_H
#define HEDGE_FOLD_H

#include "common/model/graph.h"
#include "common/model/onnx.h"

/** Finish a graph that the importer built.
 *
 * Additions and products by one constant per channel (bias, batch normalisation) move into the convolution or fully
 * connected operator before them, activations into the operator before them, and the transpose before a flattened
 * fully connected layer into the order of its weights. Operators that no output needs go. Names become printable and
 * unique, uses are counted.
 * @return 0, HEDGE_ELIMIT (more memory at once than the limits allow), -ENOMEM. */
int hedge_fold(hedge_graph_t *graph, const hedge_onnx_limits_t *limits, hedge_why_t *why);

#endif

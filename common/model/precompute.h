/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_PRECOMPUTE_H
#define HEDGE_PRECOMPUTE_H

#include "common/model/import.h"

/** Operators whose every input is a constant of the graph, computed while the model is imported, by the plain kernels. */

/** Compute one as a new constant of the graph.
 * @param shape  Its result's.
 * @return 0; 1: it is left for the run (an input is computed then, or it would take too much now); HEDGE_EMALFORMED (it fails),
 * -ENOMEM. */
int hedge_precompute(hedge_import_t *imp, const hedge_op_t *op, const uint32_t *inputs, uint32_t n,
                     const hedge_shape_t *shape, uint32_t *ret);

/** A view of a constant as a literal of the view's element type, in ONNX order. @return 0, HEDGE_ELIMIT, -ENOMEM. */
int hedge_precompute_literal(hedge_import_t *imp, const hedge_view_t *view, hedge_literal_t **ret);

#endif

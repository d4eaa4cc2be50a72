/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_BUILD_H
#define HEDGE_BUILD_H

#include "common/model/import.h"

/** Adding values and operators to the graph, and bringing views into the layout an operator wants.
 *
 * All return 0, HEDGE_ESHAPE, HEDGE_ELIMIT or -ENOMEM with the sentence written. Views are changed on success only. */

/** A graph input, or (data, taken over also on failure) a constant. */
int hedge_build_value(hedge_import_t *imp, const hedge_shape_t *shape, float *data, uint32_t *ret);

/** An operator after its inputs; the result's shape comes from hedge_op_infer. */
int hedge_build_op(hedge_import_t *imp, const hedge_op_t *op, const uint32_t *inputs, uint32_t n, uint32_t *ret);

/** An operator of one input on a view, which keeps its layout (element-wise). */
int hedge_build_unary(hedge_import_t *imp, const hedge_op_t *op, hedge_view_t *view);

/** A literal as a constant of the graph, as float32: its shape filled up to `rank` axes with leading 1s, laid out
 * by `perm` (NULL: plain). Its memory moves to the graph where no one else will read it. */
int hedge_build_literal(hedge_import_t *imp, hedge_literal_t *literal, uint32_t rank, const uint32_t *perm,
                        hedge_view_t *ret);

/** Convert to a layout; costs an operator only if data really moves. */
int hedge_build_layout(hedge_import_t *imp, hedge_view_t *view, const uint32_t *perm);

/** The ONNX order. */
int hedge_build_plain(hedge_import_t *imp, hedge_view_t *view);

/** Channels (axis 1) last, the other axes in their order. */
int hedge_build_channels_last(hedge_import_t *imp, hedge_view_t *view);

/** The same elements in ONNX order under another shape; the view is plain afterwards. */
int hedge_build_reshape(hedge_import_t *imp, hedge_view_t *view, const hedge_shape_t *shape);

/** A RESHAPE operator on a value as it lies, under a new shape; `force` makes one even where it changes nothing. */
int hedge_build_reshape_value(hedge_import_t *imp, uint32_t value, const hedge_shape_t *shape, bool force,
                              uint32_t *ret);

/** Reduce logical axes, a bit each; their extents become 1. */
int hedge_build_reduce(hedge_import_t *imp, hedge_reduce_kind_t kind, uint32_t mask, hedge_view_t *view);

/** Logical axes, a bit each, as those in memory. */
uint32_t hedge_view_mask(const hedge_view_t *view, uint32_t mask);

/** The shape in memory. */
hedge_shape_t hedge_view_memory(const hedge_view_t *view);

/** Where in memory a logical axis is. */
uint32_t hedge_view_axis(const hedge_view_t *view, uint32_t logical);

/** A plain view of a value with its own shape. */
hedge_view_t hedge_view_plain(const hedge_import_t *imp, uint32_t value);

/** 0, 1, 2, ... */
void hedge_perm_identity(uint32_t *perm);

/** Channels last for a rank of at least 2. */
void hedge_perm_channels_last(uint32_t rank, uint32_t *perm);

#endif

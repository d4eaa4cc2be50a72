/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_DEQUANTIZE_H
#define HEDGE_DEQUANTIZE_H

#include "common/model/import.h"

/** How a tensor is scaled: all of it, each place of one axis, or each block of places of it. */
typedef struct hedge_scaling {
        const hedge_literal_t *scale, *zero; /**< of one shape, or zero one number for all; NULL: 1 and 0 */
        uint32_t axis;
        uint32_t block; /**< places of the axis that share a scale; 0: not in blocks */
} hedge_scaling_t;

/** Does the scaling fit a tensor of this shape? @return 0, or a refusal. */
int hedge_scaling_check(hedge_import_t *imp, const hedge_scaling_t *scaling, const hedge_shape_t *shape);

/** (x - zero) * scale of a constant; of bytes the result is kept narrow too. */
int hedge_dequantize(hedge_import_t *imp, const hedge_literal_t *x, const hedge_scaling_t *scaling,
                     hedge_literal_t **ret);

/** The integers of an element type nearest to x / scale + zero, of a constant. */
int hedge_quantize(hedge_import_t *imp, const hedge_literal_t *x, const hedge_scaling_t *scaling,
                   hedge_element_t element, hedge_literal_t **ret);

/** Which element of the scale is that of element i of a tensor. */
typedef struct hedge_scale_index {
        uint64_t inner, extent, block, count; /**< elements behind the axis, of it, a block's places, scales along it */
        bool one, blocked;
} hedge_scale_index_t;

hedge_scale_index_t hedge_scale_index(const hedge_scaling_t *scaling, const hedge_shape_t *shape);
size_t hedge_scale_of(const hedge_scale_index_t *index, size_t i);

#endif

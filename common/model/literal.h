/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_LITERAL_H
#define HEDGE_LITERAL_H

#include <stdbool.h>

#include "common/element.h"
#include "common/err.h"
#include "common/model/narrow.h"
#include "common/model/proto.h"
#include "common/tensor.h"

/** What constants may take: each tensor, all that live at once, and all that were ever made. */
typedef struct hedge_budget {
        uint64_t max_elements;
        uint64_t bytes_left;
        uint64_t work_left; /**< elements; bounds the time that folding takes */
} hedge_budget_t;

/** A tensor known at import, in the order of its ONNX shape: weights (every float type becomes float32) or
 * integers (every integer type and bool become int64). */
typedef struct hedge_literal {
        hedge_shape_t shape;
        bool is_int;
        hedge_element_t element; /**< what the model says they are */
        union {
                float *floats; /**< from hedge_floats_new */
                int64_t *ints;
        };
        hedge_narrow_t *narrow; /**< the same numbers in a byte each, of dequantised weights; else NULL */
        hedge_budget_t *budget;
        const uint32_t *readers; /**< how many will still read it; NULL: unknown, it must be copied */
} hedge_literal_t;

/** Not cleared; INT64 or FLOAT. @return 0, HEDGE_ELIMIT, -ENOMEM. */
int hedge_literal_new(const hedge_shape_t *shape, bool is_int, hedge_budget_t *budget, hedge_literal_t **ret);

/** NULL-safe; nullifies; gives the bytes back to the budget. */
void hedge_literal_destroy(hedge_literal_t **literal);

/** Decode a TensorProto. @return 0, HEDGE_EMALFORMED, HEDGE_EUNSUPPORTED (strings, complex, external data),
 * HEDGE_ELIMIT, -ENOMEM. */
int hedge_literal_from_proto(const Onnx__TensorProto *proto, hedge_budget_t *budget, hedge_literal_t **ret,
                             hedge_why_t *why);

/** One element as a float. */
static inline float hedge_literal_float(const hedge_literal_t *literal, size_t i)
{
        return literal->is_int ? (float)literal->ints[i] : literal->floats[i];
}

/** out[i] = src[offset + sum_d index_d(i) * stride[d]] over a new shape: transposes, slices, broadcasts.
 * Elements of the same type.
 * The caller answers for the range. @return as hedge_literal_new. */
int hedge_literal_strided(const hedge_literal_t *src, const hedge_shape_t *shape, int64_t offset, const int64_t *stride,
                          hedge_literal_t **ret);

/** Row-major strides of a shape, in elements; all 0 where it has no elements. */
void hedge_strides(const hedge_shape_t *shape, int64_t *stride);

#endif

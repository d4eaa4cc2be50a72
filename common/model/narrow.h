/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_NARROW_H
#define HEDGE_NARROW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/tensor.h"

/** Numbers in a byte each, as weights of quantised models are: (byte - zero) * scale, with a scale and a zero point for all,
 * or for each row along one axis. */
typedef struct hedge_narrow {
        size_t elements;
        uint32_t axis, rows; /**< rows: of the axis, or 1 where all is one; in a graph the axis is 0 */
        bool is_signed;      /**< the bytes are int8, else uint8 */
        bool lent;           /**< the three are someone else's */
        float *scale, *zero; /**< one per row */
        uint8_t *bytes;      /**< in memory behind the zero points, as these behind the scales */
} hedge_narrow_t;

/** Not cleared. @return 0, -ENOMEM. */
int hedge_narrow_new(size_t elements, uint32_t rows, bool is_signed, hedge_narrow_t **ret);

/** One whose numbers are another's. It has none until hedge_narrow_lend. @return 0, -ENOMEM. */
int hedge_narrow_new_lent(size_t elements, uint32_t rows, bool is_signed, hedge_narrow_t **ret);

/** Where the numbers are: `rows` scales, `rows` zero points, `elements` bytes. Aligned as floats are; borrowed. */
void hedge_narrow_lend(hedge_narrow_t *narrow, const void *numbers);

/** Bytes that the numbers take, from `scale` on. */
size_t hedge_narrow_size(const hedge_narrow_t *narrow);

/** NULL-safe; nullifies. */
void hedge_narrow_destroy(hedge_narrow_t **narrow);

/** The numbers as floats, where the rows lie one after the other (axis 0). */
void hedge_narrow_expand(const hedge_narrow_t *narrow, float *out);

/** The bytes of `from` in another order: element i of `shape` from where `strides` lead. */
void hedge_narrow_order(hedge_narrow_t *to, const hedge_narrow_t *from, const hedge_shape_t *shape,
                        const int64_t *strides);

/** Do two stand for the same numbers in the same way? */
bool hedge_narrow_equal(const hedge_narrow_t *a, const hedge_narrow_t *b);

/** Bytes of memory that it takes. */
size_t hedge_narrow_bytes(const hedge_narrow_t *narrow);

/** One byte as the integer that it stands for. */
static inline float hedge_narrow_integer(const hedge_narrow_t *narrow, size_t i)
{
        return narrow->is_signed ? (float)(int8_t)narrow->bytes[i] : (float)narrow->bytes[i];
}

#endif

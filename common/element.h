/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_ELEMENT_H
#define HEDGE_ELEMENT_H

#include <stdbool.h>
#include <stdint.h>

/** What a tensor's elements are in a model or a file, with ONNX's numbers.
 *
 * hedge computes in float32 whatever the type: wider and narrower floats become float32, integers and booleans are
 * floats with whole values, exact up to HEDGE_EXACT. */
typedef enum hedge_element {
        HEDGE_ELEMENT_UNDEFINED = 0,
        HEDGE_ELEMENT_FLOAT = 1,
        HEDGE_ELEMENT_UINT8 = 2,
        HEDGE_ELEMENT_INT8 = 3,
        HEDGE_ELEMENT_UINT16 = 4,
        HEDGE_ELEMENT_INT16 = 5,
        HEDGE_ELEMENT_INT32 = 6,
        HEDGE_ELEMENT_INT64 = 7,
        HEDGE_ELEMENT_STRING = 8,
        HEDGE_ELEMENT_BOOL = 9,
        HEDGE_ELEMENT_FLOAT16 = 10,
        HEDGE_ELEMENT_DOUBLE = 11,
        HEDGE_ELEMENT_UINT32 = 12,
        HEDGE_ELEMENT_UINT64 = 13,
        HEDGE_ELEMENT_COMPLEX64 = 14,
        HEDGE_ELEMENT_COMPLEX128 = 15,
        HEDGE_ELEMENT_BFLOAT16 = 16,
} hedge_element_t;

/** 2^24 - 1: a float32 with a whole value up to it came from no other whole number. */
#define HEDGE_EXACT 16777215.0f

/** "FLOAT16", ...: ONNX's name, or "of an unknown type". Any int may be asked for, as in the four below. */
const char *hedge_element_name(int element);

/** "float16", ...: NumPy's name, or "unknown". */
const char *hedge_element_short_name(int element);

/** Bytes of one element where hedge can read it, else 0 (strings, complex numbers, what is unknown). */
unsigned hedge_element_bytes(int element);

/** Is it a floating point type that hedge can read? */
bool hedge_element_is_float(int element);

/** Is it an integer type, or bool? */
bool hedge_element_is_integer(int element);

/** The smallest and the largest value of an integer type that hedge computes with: the type's own where float32 has them
 * all, else those up to HEDGE_EXACT. */
void hedge_element_range(hedge_element_t element, float *ret_lo, float *ret_hi);

/** An integer as its type keeps it: what is too large loses its upper bits, bool becomes 0 or 1. */
int64_t hedge_element_wrap(hedge_element_t element, int64_t value);

#endif

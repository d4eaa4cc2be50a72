/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_NPY_H
#define HEDGEC_NPY_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/element.h"
#include "common/err.h"
#include "common/tensor.h"

/** NumPy's .npy files (NEP 1, versions 1 to 3). */

#define HEDGEC_NPY_MAX_ELEMENTS (1u << 28)
#define HEDGEC_NPY_MAX_BYTES    ((size_t)HEDGEC_NPY_MAX_ELEMENTS * 8 + 65536) /**< of a file */

/** Read an array as float32: float16, float32, float64, signed and unsigned integers of 8 to 64 bits and bool, of either byte
 * order, in C or Fortran order (the tensor is always row-major). Values are rounded to float32.
 * The file must hold exactly the elements of its shape, which is checked before memory is taken.
 * @return 0, HEDGE_EMALFORMED, HEDGE_EUNSUPPORTED (type, version), HEDGE_ELIMIT (rank, elements), -ENOMEM; `why` is a
 * sentence without the file's name. */
int hedgec_npy_decode(const uint8_t *bytes, size_t size, hedge_tensor_t *ret, hedge_why_t *why);

/** The same for a file. @return also -errno; `why` begins with the file's name. */
int hedgec_npy_load(const char *path, hedge_tensor_t *ret, hedge_why_t *why);

/** Likewise, but an array of any other type than float32 is HEDGE_EUNSUPPORTED. */
int hedgec_npy_load_float32(const char *path, hedge_tensor_t *ret, hedge_why_t *why);

/** Write a tensor as a version 1 file, little-endian: float32, or, where `element` is an integer type or bool, of that type.
 * Values that it has not (which no model gives) become its nearest. @return 0, -errno. */
int hedgec_npy_write(const hedge_tensor_t *tensor, hedge_element_t element, FILE *out);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TENSOR_H
#define HEDGE_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#define HEDGE_MAX_RANK     6
#define HEDGE_ALIGNMENT    64 /**< of every tensor that hedge allocates, in bytes */
#define HEDGE_TENSOR_SLACK 64 /**< readable bytes behind every tensor that hedge allocates */

/** Most elements of a tensor from outside: 2^31, or 2^29 where a size_t of 32 bits has to count their bytes. */
#define HEDGE_MAX_ELEMENTS (SIZE_MAX > UINT32_MAX ? UINT64_C(1) << 31 : UINT64_C(1) << 29)

/** The extents of a tensor, outermost first. Images are N x H x W x C ("NHWC") everywhere inside hedge. */
typedef struct hedge_shape {
        uint32_t rank;                 /**< 0 (a scalar) .. HEDGE_MAX_RANK */
        uint32_t dims[HEDGE_MAX_RANK]; /**< extents; those past rank are 0 */
} hedge_shape_t;

/** Elements of a shape; 1 for a scalar. The product is not checked: use hedge_shape_check on shapes from outside. */
size_t hedge_shape_elements(const hedge_shape_t *shape);

/** Is a shape from outside one we would allocate? @return 0, HEDGE_ELIMIT (rank, or more than max_elements). */
int hedge_shape_check(const hedge_shape_t *shape, uint64_t max_elements);

int hedge_shape_equal(const hedge_shape_t *a, const hedge_shape_t *b);

/** "1x224x224x3", for messages to people. @return buf. */
char *hedge_shape_text(const hedge_shape_t *shape, char *buf, size_t size);

/** A float32 tensor, dense, row-major in the order of its shape. */
typedef struct hedge_tensor {
        hedge_shape_t shape;
        float *data;
} hedge_tensor_t;

/** Memory for `elements` floats, HEDGE_ALIGNMENT aligned with HEDGE_TENSOR_SLACK bytes behind; not cleared,
 * but for the slack. @return NULL when there is none. Free with free(). */
float *hedge_floats_new(size_t elements);

/** Allocate a tensor's data for its shape. @return 0, -ENOMEM. */
int hedge_tensor_alloc(hedge_tensor_t *tensor, const hedge_shape_t *shape);

/** Free the data and forget it. */
void hedge_tensor_release(hedge_tensor_t *tensor);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_KERNEL_EXAMPLES_H
#define HEDGE_TEST_KERNEL_EXAMPLES_H

#include <stdbool.h>
#include <stdint.h>

#include "common/op.h"

/** Random operators with inputs that suit them. */

#define EXAMPLE_MAX_IN 4

typedef struct example {
        hedge_op_t op;
        unsigned n_in;
        hedge_shape_t in[EXAMPLE_MAX_IN];
        float *data[EXAMPLE_MAX_IN];
        bool constant[EXAMPLE_MAX_IN];
} example_t;

/** What follows is the same for the same value. */
void example_seed(uint64_t value);

/** An operator of the kind, its inputs' shapes, and which are constants. */
void example_make(example_t *e, hedge_op_kind_t kind);

/** A convolution that keeps a thread busy for a while. */
void example_heavy_conv(example_t *e);

/** Numbers for which the result is a number of moderate size; they are the example's. */
void example_fill(example_t *e);

void example_drop(example_t *e);

hedge_shape_t example_image(uint32_t n, uint32_t h, uint32_t w, uint32_t c);

#endif

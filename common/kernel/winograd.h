/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_KERNEL_WINOGRAD_H
#define HEDGE_KERNEL_WINOGRAD_H

#include "common/kernel/backend.h"
#include "common/kernel/winograd_isa.h"

/** Inside of common/kernel: 3x3 convolutions of stride 1 by Winograd's F(m x m, 3 x 3), with the back end's products.
 *
 * The image is cut into tiles of (m + 2) x (m + 2) that overlap by 2. Input tiles and filters are transformed, what is then
 * (m + 2)^2 products of matrices (tiles x in_c by in_c x out_c) replaces the sums over the window, and each product's tile is
 * transformed back to m x m outputs: (m + 2)^2 / m^2 multiplications per output, channel and filter instead of 9. The transformed
 * filters take (m + 2)^2 / 9 times the filters' memory. */

/** Outputs along a side of a tile, of a method that is not direct. */
static inline unsigned hedge_winograd_m(hedge_conv_method_t method)
{
        return method == HEDGE_CONV_WINOGRAD_2 ? 2 : 4;
}

/** Which of the methods is likely the fastest for this convolution? From its geometry, by a table of costs for the instruction
 * set: the same on every call, and nothing is measured while a model loads.
 * @param allowed    A mask of 1 << HEDGE_CONV_*.
 * @param bytes_max  Of the transformed filters.
 * @return HEDGE_CONV_DIRECT also where Winograd does not apply. */
hedge_conv_method_t hedge_winograd_choose(const hedge_kernel_t *kernel, unsigned allowed, size_t bytes_max);

/** How many tiles are transformed and multiplied together, so that all blocks are alike and stay in the caches. */
size_t hedge_winograd_rows(const hedge_conv_t *conv, size_t tiles);

/** The transforms for this processor. */
const hedge_winograd_isa_t *hedge_winograd_isa(void);

/** Computes kernel->op, a convolution, by kernel->method. Its back end has products. */
extern const hedge_backend_t hedge_backend_winograd;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_KERNEL_ONEDNN_COLUMNS_H
#define HEDGE_KERNEL_ONEDNN_COLUMNS_H

#include "common/kernel/backend.h"

/** A convolution as one of 1 x 1: each pixel's window is laid out as the channels of one pixel ("im2col").
 *
 * For what oneDNN has no direct loops: with AVX2 alone long strides with wide filters and wide dilations. Its own way to do
 * the same gathers element by element; in our layout the channels of a window's row lie together. */

/** Elements of all windows, N x out_h x out_w x (kernel_h * kernel_w * in_c); 0: not to be done (groups, or too much
 * memory). */
size_t hedge_onednn_columns(const hedge_kernel_t *kernel);

/** Lay out the windows of an image; spread over the kernel's threads.
 * @param columns  hedge_onednn_columns elements, overwritten. */
void hedge_onednn_columns_fill(hedge_kernel_t *kernel, const float *in, float *columns);

#endif

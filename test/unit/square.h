/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_SQUARE_H
#define HEDGE_TEST_SQUARE_H

#include "common/conv.h"

/** A convolution over a square image, stride 1, that keeps its size. */
static inline hedge_conv_t square(unsigned size, unsigned in_c, unsigned out_c, unsigned kernel)
{
        return (hedge_conv_t){ .in_h = size,
                               .in_w = size,
                               .in_c = in_c,
                               .out_c = out_c,
                               .kernel_h = kernel,
                               .kernel_w = kernel,
                               .stride_h = 1,
                               .stride_w = 1,
                               .dilation_h = 1,
                               .dilation_w = 1,
                               .pad_top = kernel / 2,
                               .pad_left = kernel / 2,
                               .pad_bottom = kernel / 2,
                               .pad_right = kernel / 2,
                               .groups = 1 };
}

#endif

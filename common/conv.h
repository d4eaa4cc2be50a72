/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_CONV_H
#define HEDGE_CONV_H

#include <stdint.h>

/** What follows a linear operator, element by element. */
typedef enum hedge_activation_kind {
        HEDGE_ACT_NONE,
        HEDGE_ACT_CLAMP,      /**< min(max(x, lo), hi); relu is lo = 0, hi = INFINITY */
        HEDGE_ACT_LEAKY_RELU, /**< x < 0 ? lo * x : x */
} hedge_activation_kind_t;

typedef struct hedge_activation {
        hedge_activation_kind_t kind;
        float lo, hi;
} hedge_activation_t;

/** The geometry of a 2-D convolution over one NHWC image.
 *
 * Input in_h x in_w x in_c, filter out_c x kernel_h x kernel_w x (in_c / groups) ("OHWI"),
 * output out_h x out_w x out_c. Depthwise: groups = in_c. */
typedef struct hedge_conv {
        uint32_t in_h, in_w, in_c, out_c;
        uint32_t kernel_h, kernel_w;
        uint32_t stride_h, stride_w;
        uint32_t dilation_h, dilation_w;
        uint32_t pad_top, pad_left, pad_bottom, pad_right;
        uint32_t groups;
} hedge_conv_t;

/** A 3 x 3 convolution that keeps the image's size: what there is most of, to measure with and to test. */
#define HEDGE_CONV_3X3(h, w, in, out)                                                                                \
        {                                                                                                            \
                .in_h = (h), .in_w = (w), .in_c = (in), .out_c = (out), .kernel_h = 3, .kernel_w = 3, .stride_h = 1, \
                .stride_w = 1, .dilation_h = 1, .dilation_w = 1, .pad_top = 1, .pad_left = 1, .pad_bottom = 1,       \
                .pad_right = 1, .groups = 1                                                                          \
        }

/** Are all numbers in range (each extent 1 .. 2^20, products without overflow, groups dividing both channel
 * counts, at least one output row and column)? @return 0, -EINVAL, HEDGE_ELIMIT. */
int hedge_conv_check(const hedge_conv_t *conv);

/** Output rows and columns of a checked geometry. */
uint32_t hedge_conv_out_h(const hedge_conv_t *conv);
uint32_t hedge_conv_out_w(const hedge_conv_t *conv);

/** Multiply-accumulates of one image. */
uint64_t hedge_conv_macs(const hedge_conv_t *conv);

/** Elements of input, filter and output. */
uint64_t hedge_conv_in_elements(const hedge_conv_t *conv);
uint64_t hedge_conv_filter_elements(const hedge_conv_t *conv);
uint64_t hedge_conv_out_elements(const hedge_conv_t *conv);

#endif

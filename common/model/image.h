/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_IMAGE_H
#define HEDGE_IMAGE_H

#include "common/model/import.h"

/** What the spatial operators share: N x C x L (one spatial axis, run as an image of height 1) and N x C x H x W
 * become N x H x W x C; windows with strides, dilations and padding. */

/** Arrays of two are height and width; pads are before (top, left) and after (bottom, right). */
typedef struct hedge_window2 {
        uint32_t kernel[2], stride[2], dilation[2], before[2], after[2];
        int auto_pad; /**< index into "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID" */
} hedge_window2_t;

/** The fields that a convolution's and a pool's geometry have in common. */
#define HEDGE_WINDOW_FIELDS(w)                                                                                      \
        .kernel_h = (w).kernel[0], .kernel_w = (w).kernel[1], .stride_h = (w).stride[0], .stride_w = (w).stride[1], \
        .dilation_h = (w).dilation[0], .dilation_w = (w).dilation[1], .pad_top = (w).before[0],                     \
        .pad_left = (w).before[1], .pad_bottom = (w).after[0], .pad_right = (w).after[1]

/** The N x H x W x C value of a view. @return 0, HEDGE_EUNSUPPORTED (another number of axes). */
int hedge_image_open(hedge_import_t *imp, hedge_view_t *view, uint32_t *ret_value);

/** Build an operator over values whose first is an image, and make its result output 0, with the axes of view.
 * @param view  The input's, of 3 or 4 logical axes, with the result's element type; overwritten. @return 0, or a refusal. */
int hedge_image_build(hedge_import_t *imp, const hedge_op_t *op, const uint32_t *inputs, uint32_t n,
                      hedge_view_t *view);

/** The end of it: an N x H x W x C value becomes output 0. */
int hedge_image_close(hedge_import_t *imp, uint32_t value, hedge_view_t *view);

/** Read strides, dilations, pads and auto_pad; the kernel's extents from kernel_shape, or, if that is left out, as
 * given in window->kernel (0: it must be there). Same padding is worked out for an input of in[0] x in[1]. */
int hedge_image_window(hedge_import_t *imp, uint32_t rank, const uint32_t *in, hedge_window2_t *window);

/** The same with three spatial axes; arrays are depth, height and width. An axis that the model has not has extent 1. */
typedef struct hedge_window3 {
        uint32_t kernel[3], stride[3], dilation[3], before[3], after[3];
        int auto_pad; /**< as in hedge_window2_t */
} hedge_window3_t;

/** HEDGE_WINDOW_FIELDS of the height and width. */
#define HEDGE_WINDOW3_FIELDS(w)                                                                                     \
        .kernel_h = (w).kernel[1], .kernel_w = (w).kernel[2], .stride_h = (w).stride[1], .stride_w = (w).stride[2], \
        .dilation_h = (w).dilation[1], .dilation_w = (w).dilation[2], .pad_top = (w).before[1],                     \
        .pad_left = (w).before[2], .pad_bottom = (w).after[1], .pad_right = (w).after[2]

/** Read what hedge_image_window reads, for one to three spatial axes. Kernels from kernel_shape, else as given (0: it must
 * be there). Padding is as the model has it: same padding is left to the caller (hedge_image_pad_same). */
int hedge_image_read_window(hedge_import_t *imp, uint32_t rank, hedge_window3_t *window);

/** Same padding for an input of in[0] x in[1] x in[2], where auto_pad asks for it. */
void hedge_image_pad_same(hedge_window3_t *window, const uint32_t *in);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_IMAGE_H
#define HEDGE_IMAGE_H

#include "common/model/import.h"

/** What the spatial operators share: N x C x L (one spatial axis, run as an image of height 1) and N x C x H x W
 * become N x H x W x C; windows with strides, dilations and padding. */

/** Arrays of two are height and width; pads are before (top, left) and after (bottom, right). */
typedef struct hedge_window {
        uint32_t kernel[2], stride[2], dilation[2], before[2], after[2];
        int auto_pad; /**< index into "NOTSET", "SAME_UPPER", "SAME_LOWER", "VALID" */
} hedge_window_t;

/** The N x H x W x C value of a view. @return 0, HEDGE_EUNSUPPORTED (another number of axes). */
int hedge_image_open(hedge_import_t *imp, hedge_view_t *view, uint32_t *ret_value);

/** A view with `rank` (3 or 4) logical axes on an N x H x W x C value. */
int hedge_image_close(hedge_import_t *imp, uint32_t value, uint32_t rank, hedge_view_t *ret);

/** Read strides, dilations, pads and auto_pad; the kernel's extents from kernel_shape, or, if that is left out, as
 * given in window->kernel (0: it must be there). Same padding is worked out for an input of in[0] x in[1]. */
int hedge_image_window(hedge_import_t *imp, uint32_t rank, const uint32_t *in, hedge_window_t *window);

#endif

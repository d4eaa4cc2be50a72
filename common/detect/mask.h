/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_DETECT_MASK_H
#define HEDGE_DETECT_MASK_H

#include <stddef.h>

#include "common/detect/detect.h"

/** Where a segmentation's numbers lie: that of class c at (x, y) is data[c step_c + y step_y + x step_x]. */
typedef struct hedge_mask_layout {
        const float *data;
        uint32_t width, height;
        uint32_t planes; /**< 1: the only plane is class 1, or (labels) the numbers are the classes */
        bool labels;
        size_t step_c, step_y, step_x;
} hedge_mask_layout_t;

/** Find the planes: C x h x w or h x w x C, the model's input's way first; a single plane is h x w.
 * @return 0, HEDGE_ESHAPE, HEDGE_ECONFIG, HEDGE_ELIMIT (more than HEDGE_DETECT_MAX_CLASSES). */
int hedge_mask_layout(const hedge_output_t *what, const hedge_detect_outputs_t *outputs, hedge_mask_layout_t *ret,
                      hedge_why_t *why);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_DETECT_LAYOUT_H
#define HEDGE_DETECT_LAYOUT_H

#include <stddef.h>

#include "common/detect/detect.h"

/** Where the numbers of a box lie in a model's outputs. */

typedef enum hedge_detect_role {
        HEDGE_ROLE_BOX,
        HEDGE_ROLE_OBJECTNESS,
        HEDGE_ROLE_SCORES,
        HEDGE_ROLE_LABEL,
        HEDGE_ROLE_IMAGE,
        HEDGE_N_ROLES,
} hedge_detect_role_t;

/** The numbers of one role: number f of anchor a in cell (x, y) is data[base + y step_y + x step_x + a step_a + f step_f]. */
typedef struct hedge_detect_part {
        const float *data;
        uint32_t width; /**< numbers per box; 0: the role does not occur */
        size_t base, step_y, step_x, step_a, step_f;
} hedge_detect_part_t;

/** Boxes that come from one grid; a mere list is a grid of one row. */
typedef struct hedge_detect_level {
        const hedge_output_level_t *of; /**< stride and anchors, or NULL for a list */
        uint32_t width, height, anchors;
        hedge_detect_part_t parts[HEDGE_N_ROLES];
} hedge_detect_level_t;

typedef struct hedge_detect_layout {
        uint32_t n_levels;
        hedge_detect_level_t levels[HEDGE_OUTPUT_MAX_TENSORS];
        uint32_t classes;              /**< columns of the scores */
        const hedge_tensor_t *indices; /**< or NULL */
} hedge_detect_layout_t;

/** Find all parts of a model of boxes. The extents that a tensor may have, but for ones, where a box has F numbers:
 *
 *     a list, of any length n:           n x F, or F x n with one extent for each in front
 *     a tensor per level, of A anchors:  A F x h x w, A x F x h x w, A x h x w x F, h x w x A F, h x w x A x F, n x F, F x n
 *     one for all levels:                n x F or F x n, the levels one after the other
 *
 * In the last ones anchors are next to one another, and only with yolov3 and yolov5 those of a cell are a grid apart.
 * The first that fits is taken.
 * @return 0, HEDGE_ESHAPE, HEDGE_ECONFIG; `why` names the output. */
int hedge_detect_layout(const hedge_output_t *what, const hedge_detect_outputs_t *outputs, hedge_detect_layout_t *ret,
                        hedge_why_t *why);

/** The number of an output, or -ENOENT with a sentence that lists those there are. */
int hedge_detect_find(const hedge_detect_outputs_t *outputs, const char *name, hedge_why_t *why);

/** How many classes there are: what is said, or as many as there are labels; 0: nothing says it. */
uint32_t hedge_detect_classes(const hedge_output_t *what, const hedge_detect_outputs_t *outputs);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_DETECT_H
#define HEDGE_DETECT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/detect/map.h"
#include "common/err.h"
#include "common/tensor.h"
#include "common/types/output.h"

/** Boxes and masks out of a model's outputs. Pure: no files, no logs.
 *
 *     hedge_detect_outputs_t outputs = { width, height, false, n_labels, n, names, tensors };
 *     hedge_box_t *boxes;
 *     uint32_t n_boxes;
 *
 *     r = hedge_detect_boxes(&manifest.output, &outputs, &map, &boxes, &n_boxes, &why);
 *     ...
 *     free(boxes);
 *
 * Outputs are those for one picture. */

#define HEDGE_DETECT_MAX_CANDIDATES 30000 /**< that suppress one another: those of the highest scores */
#define HEDGE_DETECT_OUTSIDE        255   /**< in a mask: the model has not seen this pixel */
#define HEDGE_DETECT_MAX_CLASSES    255   /**< of a mask */

/** A model's outputs, borrowed. */
typedef struct hedge_detect_outputs {
        uint32_t width, height; /**< of the model's input, in pixels */
        bool nhwc;              /**< which has its channels at the end */
        uint32_t n_labels;      /**< that the model has; 0: none */
        uint32_t n;
        const char *const *names;
        const hedge_tensor_t *tensors; /**< data may be NULL where only shapes are looked at */
} hedge_detect_outputs_t;

typedef struct hedge_box {
        float score;
        uint32_t class;
        float corners[4]; /**< x0, y0, x1, y1 in pixels of the picture, within it */
} hedge_box_t;

/** Width and height of a model's input as a picture: N x C x H x W or (nhwc) N x H x W x C, without N, or H x W.
 * @return 0, HEDGE_ESHAPE (it is none of these). */
int hedge_detect_extents(const hedge_shape_t *input, bool nhwc, uint32_t *ret_width, uint32_t *ret_height);

/** Do the outputs have the names and the shapes that are said?
 * @return 0, HEDGE_ESHAPE, HEDGE_ECONFIG (no such output; classes are not said); `why` is a sentence that names the output. */
int hedge_detect_check(const hedge_output_t *what, const hedge_detect_outputs_t *outputs, hedge_why_t *why);

/** The boxes of a picture, the highest score first, after suppression: a box goes where its intersection with a better one
 * is more than what->iou of their union. At most what->max. What is not a number passes nowhere.
 * @param ret  To be freed; NULL where there are none.
 * @return 0, -ENOMEM, -ERANGE (scores above 1: an activation is missing), as hedge_detect_check. */
int hedge_detect_boxes(const hedge_output_t *what, const hedge_detect_outputs_t *outputs, const hedge_map_t *map,
                       hedge_box_t **ret, uint32_t *ret_n, hedge_why_t *why);

/** The class of every pixel of a picture: scores are interpolated bilinearly between the mask's pixels and the highest one
 * wins (the first of equal ones; one that is not a number never; where none is a number, HEDGE_DETECT_OUTSIDE). Scores of
 * one plane are class 1 from what->score on and class 0 below.
 * @param ret         map->width x map->height bytes, to be freed.
 * @param ret_counts  256 numbers of pixels, by byte.
 * @return 0, -ENOMEM, -ERANGE, as hedge_detect_check. */
int hedge_detect_mask(const hedge_output_t *what, const hedge_detect_outputs_t *outputs, const hedge_map_t *map,
                      uint8_t **ret, uint64_t ret_counts[256], hedge_why_t *why);

#endif

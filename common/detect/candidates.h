/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_DETECT_CANDIDATES_H
#define HEDGE_DETECT_CANDIDATES_H

#include "common/detect/detect.h"

/** A box before suppression, in pixels of the model's input. */
typedef struct hedge_candidate {
        double corners[4];
        float score;
        uint32_t class;
        uint64_t order; /**< in which it was found: of equal scores the first counts more */
} hedge_candidate_t;

/** The best HEDGE_DETECT_MAX_CANDIDATES that were added. Zeroed at first; free `items`. */
typedef struct hedge_candidates {
        hedge_candidate_t *items;
        uint32_t count, room;
        uint64_t seen;
} hedge_candidates_t;

/** @return 0, -ENOMEM. */
int hedge_candidates_add(hedge_candidates_t *list, const hedge_candidate_t *candidate);

/** Greedy suppression: in the order of scores, a box stays unless its intersection with one that stays (of its class, with
 * HEDGE_NMS_CLASS) is more than `iou` of their union. Those that stay come to the front.
 * @return how many stay, at most `max`. */
uint32_t hedge_candidates_suppress(hedge_candidates_t *list, hedge_output_nms_t nms, double iou, uint32_t max);

/** Decode what the heads say, those of at least what->score and visible in the picture.
 * @return 0, -ENOMEM, -ERANGE, as hedge_detect_layout. */
int hedge_heads_decode(const hedge_output_t *what, const hedge_detect_outputs_t *outputs, const hedge_map_t *map,
                       hedge_candidates_t *ret, hedge_why_t *why);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "common/detect/detect.h"

#include <errno.h>
#include <stdlib.h>

#include "common/detect/candidates.h"
#include "common/detect/layout.h"
#include "common/detect/mask.h"

int hedge_detect_extents(const hedge_shape_t *input, bool nhwc, uint32_t *ret_width, uint32_t *ret_height)
{
        const uint32_t *d = input->dims + (input->rank > 2 ? input->rank - 3 + !nhwc : 0);

        if (input->rank < 2 || input->rank > 4)
                return HEDGE_ESHAPE;
        *ret_height = d[0];
        *ret_width = d[1];
        return *ret_height && *ret_width ? 0 : HEDGE_ESHAPE;
}

int hedge_detect_check(const hedge_output_t *what, const hedge_detect_outputs_t *outputs, hedge_why_t *why)
{
        hedge_detect_layout_t layout;
        hedge_mask_layout_t mask;

        switch (what->kind) {
        case HEDGE_OUTPUT_BOXES:
                return hedge_detect_layout(what, outputs, &layout, why);
        case HEDGE_OUTPUT_SEGMENTATION:
                return hedge_mask_layout(what, outputs, &mask, why);
        default:
                return 0;
        }
}

int hedge_detect_boxes(const hedge_output_t *what, const hedge_detect_outputs_t *outputs, const hedge_map_t *map,
                       hedge_box_t **ret, uint32_t *ret_n, hedge_why_t *why)
{
        hedge_candidates_t list = { .count = 0 };
        hedge_box_t *boxes = NULL;
        uint32_t n = 0;
        int r = hedge_heads_decode(what, outputs, map, &list, why);

        if (r < 0)
                goto out;
        n = hedge_candidates_suppress(&list, what->indices.count ? HEDGE_NMS_NONE : what->nms, what->iou, what->max);
        if (n) {
                boxes = calloc(n, sizeof(*boxes));
                if (!boxes) {
                        r = hedge_why(why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));
                        goto out;
                }
        }
        for (uint32_t i = 0; i < n; i++) {
                boxes[i] = (hedge_box_t){ .score = list.items[i].score, .class = list.items[i].class };
                hedge_map_box(map, list.items[i].corners, boxes[i].corners);
        }
        *ret = boxes;
        *ret_n = n;
out:
        free(list.items);
        return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "common/detect/candidates.h"

#include <errno.h>
#include <stdlib.h>

#define FIRST_ROOM 256

static int compare(const void *a, const void *b)
{
        const hedge_candidate_t *x = a, *y = b;

        if (x->score != y->score)
                return x->score < y->score ? 1 : -1;
        return (x->order > y->order) - (x->order < y->order);
}

static void sort(hedge_candidates_t *list)
{
        if (list->count)
                qsort(list->items, list->count, sizeof(*list->items), compare);
        if (list->count > HEDGE_DETECT_MAX_CANDIDATES)
                list->count = HEDGE_DETECT_MAX_CANDIDATES;
}

/* Room for twice as many as are kept, so that a full list is sorted once in so many. */
static int make_room(hedge_candidates_t *list)
{
        hedge_candidate_t *items;
        uint32_t room = list->room ? list->room * 2 : FIRST_ROOM;

        if (room > 2 * HEDGE_DETECT_MAX_CANDIDATES)
                room = 2 * HEDGE_DETECT_MAX_CANDIDATES;
        if (list->count == room) {
                sort(list);
                return 0;
        }
        items = realloc(list->items, room * sizeof(*items));
        if (!items)
                return -ENOMEM;
        list->items = items;
        list->room = room;
        return 0;
}

int hedge_candidates_add(hedge_candidates_t *list, const hedge_candidate_t *candidate)
{
        if (list->count == list->room && make_room(list) < 0)
                return -ENOMEM;
        list->items[list->count] = *candidate;
        list->items[list->count++].order = list->seen++;
        return 0;
}

static double area(const double *corners)
{
        return (corners[2] - corners[0]) * (corners[3] - corners[1]);
}

static bool overlap(const double *a, const double *b, double iou)
{
        double common[4];

        for (unsigned i = 0; i < 4; i++)
                common[i] = (i < 2) == (a[i] > b[i]) ? a[i] : b[i];
        if (common[2] <= common[0] || common[3] <= common[1])
                return false;
        return area(common) > iou * (area(a) + area(b) - area(common));
}

uint32_t hedge_candidates_suppress(hedge_candidates_t *list, hedge_output_nms_t nms, double iou, uint32_t max)
{
        hedge_candidate_t *items = list->items;
        uint32_t kept = 0;

        sort(list);
        for (uint32_t i = 0; i < list->count && kept < max; i++) {
                uint32_t k = 0;

                if (nms == HEDGE_NMS_NONE)
                        k = kept;
                for (; k < kept; k++)
                        if ((nms == HEDGE_NMS_ALL || items[k].class == items[i].class) &&
                            overlap(items[k].corners, items[i].corners, iou))
                                break;
                if (k == kept)
                        items[kept++] = items[i];
        }
        return kept;
}

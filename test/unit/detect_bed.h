/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_DETECT_BED_H
#define HEDGE_DETECT_BED_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/code/random.h"
#include "common/detect/detect.h"

/* A model's outputs, made by hand, and what a plain evaluation in double finds in them. */

#define BED_MAX_BOXES 4000
#define BED_WIDTH     96
#define BED_HEIGHT    64

typedef struct found {
        double box[4], score;
        uint32_t class;
} found_t;

typedef struct bed {
        uint64_t random;
        hedge_output_t what;
        hedge_detect_outputs_t outputs;
        const char *names[8];
        hedge_tensor_t tensors[8];
        found_t expected[BED_MAX_BOXES];
        uint32_t n_expected;
} bed_t;

/* What model.yaml has where it says nothing. */
static inline void bed_init(bed_t *bed, uint64_t seed)
{
        *bed = (bed_t){ .what = { .kind = HEDGE_OUTPUT_BOXES,
                                  .bins = 1,
                                  .offset = .5,
                                  .variance = { .1, .2 },
                                  .n_columns = 3,
                                  .columns = { HEDGE_COLUMN_BOX, HEDGE_COLUMN_OBJECTNESS, HEDGE_COLUMN_SCORES },
                                  .score = .25,
                                  .iou = .45,
                                  .max = 100 } };
        bed->outputs = (hedge_detect_outputs_t){ .width = BED_WIDTH, .height = BED_HEIGHT };
        bed->outputs.names = bed->names;
        bed->outputs.tensors = bed->tensors;
        bed->random = hedge_random_row(seed, 0);
}

static inline void bed_release(bed_t *bed)
{
        for (uint32_t i = 0; i < bed->outputs.n; i++)
                hedge_tensor_release(&bed->tensors[i]);
}

static inline double bed_uniform(bed_t *bed, double low, double high)
{
        return low + (high - low) * hedge_random_uniform(&bed->random);
}

/* A further output of that shape, of random numbers. */
static inline float *bed_add(bed_t *bed, hedge_output_names_t *role, const char *name, double low, double high,
                             hedge_shape_t shape)
{
        hedge_tensor_t *tensor = &bed->tensors[bed->outputs.n];

        assert_int_equal(hedge_tensor_alloc(tensor, &shape), 0);
        for (size_t i = 0; i < hedge_shape_elements(&shape); i++)
                tensor->data[i] = (float)bed_uniform(bed, low, high);
        bed->names[bed->outputs.n++] = name;
        if (role)
                strcpy(role->names[role->count++], name);
        return tensor->data;
}

static inline void bed_expect(bed_t *bed, double x0, double y0, double x1, double y1, double score, uint32_t class)
{
        assert_true(bed->n_expected < BED_MAX_BOXES);
        bed->expected[bed->n_expected++] = (found_t){ { x0, y0, x1, y1 }, score, class };
}

static inline double bed_sigmoid(double x)
{
        return 1 / (1 + exp(-x));
}

static inline int bed_compare(const void *a, const void *b)
{
        double x = ((const found_t *)a)->score, y = ((const found_t *)b)->score;

        return (x < y) - (x > y);
}

static inline double bed_iou(const double *a, const double *b)
{
        double w = fmin(a[2], b[2]) - fmax(a[0], b[0]), h = fmin(a[3], b[3]) - fmax(a[1], b[1]);
        double both = w > 0 && h > 0 ? w * h : 0;

        return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both);
}

/* The definition of greedy suppression, over all pairs, of the boxes that are visible and good enough. */
static inline void bed_suppress(bed_t *bed)
{
        uint32_t n = 0, kept = 0;

        for (uint32_t i = 0; i < bed->n_expected; i++) {
                found_t f = bed->expected[i];

                if (f.score >= bed->what.score && f.box[0] < BED_WIDTH && f.box[1] < BED_HEIGHT && f.box[2] > 0 &&
                    f.box[3] > 0 && f.box[2] > f.box[0] && f.box[3] > f.box[1])
                        bed->expected[n++] = f;
        }
        if (n)
                qsort(bed->expected, n, sizeof(found_t), bed_compare);
        for (uint32_t i = 0; i < n; i++) {
                bool stays = true;

                for (uint32_t k = 0; k < kept && bed->what.nms != HEDGE_NMS_NONE; k++)
                        if (bed->what.nms == HEDGE_NMS_ALL || bed->expected[k].class == bed->expected[i].class)
                                stays = stays && bed_iou(bed->expected[k].box, bed->expected[i].box) <= bed->what.iou;
                if (stays)
                        bed->expected[kept++] = bed->expected[i];
        }
        bed->n_expected = kept < bed->what.max ? kept : bed->what.max;
}

/* Float results of a calculation in double: half a unit in the last place of numbers up to 96, and of scores up to 1. */
static inline void bed_check(bed_t *bed)
{
        const hedge_map_t map = hedge_map_same(BED_WIDTH, BED_HEIGHT);
        hedge_why_t why = { "" };
        hedge_box_t *boxes;
        uint32_t n;

        if (hedge_detect_boxes(&bed->what, &bed->outputs, &map, &boxes, &n, &why))
                fail_msg("%s", why.text);
        bed_suppress(bed);
        assert_int_equal(n, bed->n_expected);
        assert_true(n > 2); /* else nothing was tested */
        for (uint32_t i = 0; i < n; i++) {
                const found_t *f = &bed->expected[i];

                assert_int_equal(boxes[i].class, f->class);
                assert_true(fabs((double)boxes[i].score - f->score) < 1e-6);
                for (unsigned k = 0; k < 4; k++) {
                        double most = k % 2 ? BED_HEIGHT : BED_WIDTH;

                        assert_true(fabs((double)boxes[i].corners[k] - fmin(fmax(f->box[k], 0), most)) < 1e-5);
                }
        }
        free(boxes);
        bed_release(bed);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/plain.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Of boxes that overlap, the one with the best score. */

typedef struct box {
        float top, left, bottom, right, score;
        uint32_t index;
} box_t;

static float smaller(float a, float b)
{
        return a < b ? a : b;
}

static float larger(float a, float b)
{
        return a > b ? a : b;
}

/* Corners may be given in any order; a centre comes as x, y, width, height. */
static void set_corners(box_t *box, const float *p, bool center)
{
        if (center) {
                box->left = p[0] - p[2] / 2;
                box->right = p[0] + p[2] / 2;
                box->top = p[1] - p[3] / 2;
                box->bottom = p[1] + p[3] / 2;
        } else {
                box->top = smaller(p[0], p[2]);
                box->bottom = larger(p[0], p[2]);
                box->left = smaller(p[1], p[3]);
                box->right = larger(p[1], p[3]);
        }
}

static bool overlaps(const box_t *a, const box_t *b, float limit)
{
        float height = smaller(a->bottom, b->bottom) - larger(a->top, b->top);
        float width = smaller(a->right, b->right) - larger(a->left, b->left);
        float both, area_a = (a->bottom - a->top) * (a->right - a->left);
        float area_b = (b->bottom - b->top) * (b->right - b->left);

        if (!(height > 0 && width > 0 && area_a > 0 && area_b > 0))
                return false;
        both = height * width;
        return both / (area_a + area_b - both) > limit;
}

/* The best first; of equals the earlier one. */
static int by_score(const void *left, const void *right)
{
        const box_t *a = left, *b = right;

        if (a->score != b->score)
                return a->score > b->score ? -1 : 1;
        return a->index < b->index ? -1 : a->index > b->index;
}

static uint32_t candidates(const hedge_op_t *op, const float *boxes, const float *scores, uint32_t n, box_t *ret)
{
        uint32_t count = 0;

        for (uint32_t i = 0; i < n; i++) {
                if (isnan(scores[i]) || !(scores[i] > op->nms.score || op->nms.any_score))
                        continue;
                set_corners(&ret[count], boxes + 4 * (size_t)i, op->nms.center);
                ret[count].score = scores[i];
                ret[count++].index = i;
        }
        qsort(ret, count, sizeof(*ret), by_score);
        return count;
}

/* The kept ones are moved to the front. @return how many. */
static uint32_t suppress(box_t *boxes, uint32_t n, float limit, uint32_t max)
{
        uint32_t kept = 0;

        for (uint32_t i = 0; i < n && kept < max; i++) {
                uint32_t j = 0;

                while (j < kept && !overlaps(&boxes[i], &boxes[j], limit))
                        j++;
                if (j == kept)
                        boxes[kept++] = boxes[i];
        }
        return kept;
}

int hedge_plain_nms(const hedge_kernel_t *k, const float *const *in, float *out)
{
        uint32_t batches = k->in[1].dims[0], classes = k->in[1].dims[1], n = k->in[1].dims[2];
        uint32_t max = k->op.nms.max < n ? k->op.nms.max : n;
        float *end = out + hedge_shape_elements(&k->out);
        box_t *boxes = malloc(n * sizeof(*boxes));

        if (!boxes)
                return -ENOMEM;
        for (uint32_t b = 0; b < batches; b++)
                for (uint32_t c = 0; c < classes; c++) {
                        const float *scores = in[1] + ((size_t)b * classes + c) * n;
                        uint32_t count = candidates(&k->op, in[0] + (size_t)b * n * 4, scores, n, boxes);

                        count = suppress(boxes, count, k->op.nms.overlap, max);
                        for (uint32_t i = 0; i < count; i++, out += 3) {
                                out[0] = (float)b;
                                out[1] = (float)c;
                                out[2] = (float)boxes[i].index;
                        }
                }
        while (out < end)
                *out++ = -1;
        free(boxes);
        return 0;
}

int hedge_plain_mark_rows(const hedge_kernel_t *k, const float *const *in, float *out)
{
        uint32_t rows = k->out.dims[0], mark = HEDGE_NO_ROW;
        size_t each = hedge_shape_elements(&k->out) / rows;

        memcpy(out, in[0], rows * each * sizeof(*out));
        for (uint32_t i = 0; i < rows; i++)
                if (in[1][(size_t)i * 3] == -1)
                        memcpy(out + i * each, &mark, sizeof(mark));
        return 0;
}

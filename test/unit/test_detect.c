/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/detect_bed.h"

#define SHAPE(...) \
        ((hedge_shape_t){ .rank = sizeof((uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t), .dims = { __VA_ARGS__ } })

static hedge_output_level_t level(uint32_t stride, uint32_t n, const double *sizes)
{
        hedge_output_level_t l = { .stride = stride, .n_anchors = n };

        for (uint32_t i = 0; sizes && i < n; i++) {
                l.anchors[i][0] = sizes[2 * i];
                l.anchors[i][1] = sizes[2 * i + 1];
        }
        return l;
}

static const double small[] = { 10, 13, 16, 30, 33, 23 }, large[] = { 30, 61, 62, 45, 59, 40 };

/* A box of each class that is good enough, or only of the best one. */
static void expect_classes(bed_t *bed, const double box[4], const double *scores, uint32_t classes, bool all)
{
        uint32_t best = 0;

        for (uint32_t c = 0; c < classes; c++) {
                if (all)
                        bed_expect(bed, box[0], box[1], box[2], box[3], scores[c], c);
                if (scores[c] > scores[best])
                        best = c;
        }
        if (!all)
                bed_expect(bed, box[0], box[1], box[2], box[3], scores[best], best);
}

/* Scores beside boxes, in each of the formats of coordinates, boxes in rows or in columns, scores likewise. */
static void test_coordinates(void **state)
{
        for (unsigned variant = 0; variant < 32; variant++) {
                const hedge_box_format_t format = (hedge_box_format_t)(variant % 4);
                const bool relative = variant & 4, columns = variant & 8, all = variant & 16;
                const uint32_t n = 60, classes = 3;
                bed_t bed;
                float *b, *s;

                bed_init(&bed, variant);
                bed.what.format = format;
                bed.what.relative = relative;
                bed.what.multi_label = all;
                bed.what.nms = all ? HEDGE_NMS_ALL : HEDGE_NMS_CLASS;
                s = bed_add(&bed, &bed.what.scores, "s", 0, 1, columns ? SHAPE(1, classes, n) : SHAPE(1, n, classes));
                b = bed_add(&bed, &bed.what.boxes, "b", 0, .5, columns ? SHAPE(1, 4, n) : SHAPE(1, n, 1, 4));
                for (size_t i = 0; i < 4 * n; i++)
                        b[i] *= relative ? 1 : 64;
                for (uint32_t i = 0; i < n; i++) {
                        double v[4], scores[3], wx = relative ? BED_WIDTH : 1, wy = relative ? BED_HEIGHT : 1;

                        for (unsigned k = 0; k < 4; k++)
                                v[k] = (double)b[columns ? k * n + i : i * 4 + k];
                        for (unsigned c = 0; c < classes; c++)
                                scores[c] = (double)s[columns ? c * n + i : i * classes + c];
                        if (format == HEDGE_BOX_XYXY)
                                expect_classes(&bed, (double[]){ v[0] * wx, v[1] * wy, v[2] * wx, v[3] * wy }, scores,
                                               classes, all);
                        if (format == HEDGE_BOX_YXYX)
                                expect_classes(&bed, (double[]){ v[1] * wx, v[0] * wy, v[3] * wx, v[2] * wy }, scores,
                                               classes, all);
                        if (format == HEDGE_BOX_XYWH)
                                expect_classes(
                                        &bed,
                                        (double[]){ v[0] * wx, v[1] * wy, (v[0] + v[2]) * wx, (v[1] + v[3]) * wy },
                                        scores, classes, all);
                        if (format == HEDGE_BOX_CXCYWH)
                                expect_classes(&bed,
                                               (double[]){ (v[0] - v[2] / 2) * wx, (v[1] - v[3] / 2) * wy,
                                                           (v[0] + v[2] / 2) * wx, (v[1] + v[3] / 2) * wy },
                                               scores, classes, all);
                }
                bed_check(&bed);
        }
}

/* Offsets from priors and the softmax of three classes, the first of which is none: two grids in one list, or a tensor each. */
static void test_ssd(void **state)
{
        for (unsigned apart = 0; apart < 2; apart++) {
                const uint32_t cells[2][2] = { { 12, 8 }, { 6, 4 } }, anchors[2] = { 3, 2 };
                const uint32_t n = 12 * 8 * 3 + 6 * 4 * 2;
                float *boxes[2], *scores[2];
                bed_t bed;
                size_t row = 0;

                bed_init(&bed, 40 + apart);
                bed.what.format = HEDGE_BOX_SSD;
                bed.what.activation = HEDGE_ACTIVATION_SOFTMAX;
                bed.what.background = HEDGE_BACKGROUND_FIRST;
                bed.what.score = .5;
                bed.what.levels[bed.what.n_levels++] = level(8, 3, small);
                bed.what.levels[bed.what.n_levels++] = level(16, 2, large);
                if (apart) {
                        boxes[0] = bed_add(&bed, &bed.what.boxes, "b0", -2, 2, SHAPE(1, 8, 12, 12));
                        boxes[1] = bed_add(&bed, &bed.what.boxes, "b1", -2, 2, SHAPE(1, 4, 6, 8));
                        scores[0] = bed_add(&bed, &bed.what.scores, "s0", -3, 3, SHAPE(1, 8, 12, 9));
                        scores[1] = bed_add(&bed, &bed.what.scores, "s1", -3, 3, SHAPE(1, 4, 6, 6));
                } else {
                        boxes[0] = bed_add(&bed, &bed.what.boxes, "b", -2, 2, SHAPE(1, n, 4));
                        boxes[1] = boxes[0] + 12 * 8 * 3 * 4;
                        scores[0] = bed_add(&bed, &bed.what.scores, "s", -3, 3, SHAPE(1, n, 3));
                        scores[1] = scores[0] + 12 * 8 * 3 * 3;
                }
                for (unsigned l = 0; l < 2; l++, row = 0)
                        for (uint32_t y = 0; y < cells[l][1]; y++)
                                for (uint32_t x = 0; x < cells[l][0]; x++)
                                        for (uint32_t a = 0; a < anchors[l]; a++, row++) {
                                                const double *size = (l ? large : small) + 2 * a, stride = l ? 16 : 8;
                                                const float *o = boxes[l] + 4 * row, *s = scores[l] + 3 * row;
                                                double cx = (x + .5) * stride + .1 * (double)o[0] * size[0];
                                                double cy = (y + .5) * stride + .1 * (double)o[1] * size[1];
                                                double w = size[0] * exp(.2 * (double)o[2]);
                                                double h = size[1] * exp(.2 * (double)o[3]), sum = 0;
                                                uint32_t best = s[2] > s[1] ? 2 : 1;

                                                for (unsigned c = 0; c < 3; c++)
                                                        sum += exp((double)s[c]);
                                                bed_expect(&bed, cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2,
                                                           exp((double)s[best]) / sum, best);
                                        }
                bed_check(&bed);
        }
}

typedef enum order { PLANES, ANCHORS_APART, CELLS, LIST, LIST_COLUMNS, N_ORDERS } order_t;

/* The shape of a grid of 3 anchors of 7 numbers each, and where number f of anchor a at (x, y) is. */
static hedge_shape_t yolo_shape(order_t order, uint32_t w, uint32_t h, uint32_t rows)
{
        return order == PLANES          ? SHAPE(1, 21, h, w)
               : order == ANCHORS_APART ? SHAPE(1, 3, h, w, 7)
               : order == CELLS         ? SHAPE(1, h, w, 21)
               : order == LIST          ? SHAPE(1, rows, 7)
                                        : SHAPE(1, 7, rows);
}

static double yolo_number(const float *data, order_t order, uint32_t w, uint32_t h, uint32_t rows, uint32_t first,
                          uint32_t x, uint32_t y, uint32_t a, uint32_t f)
{
        const size_t row = first + (a * h + y) * w + x;

        return (double)(order == PLANES          ? data[((a * 7 + f) * h + y) * w + x]
                        : order == ANCHORS_APART ? data[((a * h + y) * w + x) * 7 + f]
                        : order == CELLS         ? data[(y * w + x) * 21 + a * 7 + f]
                        : order == LIST          ? data[row * 7 + f]
                                                 : data[f * rows + row]);
}

/* Raw heads of v3 and v5, with the sigmoid still to come or already there, in every layout. */
static void test_yolo_with_anchors(void **state)
{
        for (unsigned variant = 0; variant < 4 * N_ORDERS; variant++) {
                const order_t order = (order_t)(variant / 4);
                const bool v5 = variant & 1, raw = variant & 2, joined = order >= LIST;
                const uint32_t w[2] = { 12, 6 }, h[2] = { 8, 4 }, rows = 3 * (12 * 8 + 6 * 4);
                const double low = raw ? -2 : 0, high = raw ? 3 : 1;
                float *data[2];
                bed_t bed;

                bed_init(&bed, 100 + variant);
                bed.what.format = v5 ? HEDGE_BOX_YOLOV5 : HEDGE_BOX_YOLOV3;
                bed.what.activation = raw ? HEDGE_ACTIVATION_SIGMOID : HEDGE_ACTIVATION_NONE;
                bed.what.classes = 2;
                bed.what.levels[bed.what.n_levels++] = level(8, 3, small);
                bed.what.levels[bed.what.n_levels++] = level(16, 3, large);
                data[0] = bed_add(&bed, &bed.what.tensors, "p3", low, high, yolo_shape(order, w[0], h[0], rows));
                data[1] =
                        joined ? data[0]
                               : bed_add(&bed, &bed.what.tensors, "p4", low, high, yolo_shape(order, w[1], h[1], rows));
                for (unsigned l = 0; l < 2; l++)
                        for (uint32_t i = 0; i < w[l] * h[l] * 3; i++) {
                                const uint32_t x = i % w[l], y = i / w[l] % h[l], a = i / (w[l] * h[l]);
                                const double *size = (l ? large : small) + 2 * a, stride = l ? 16 : 8;
                                double v[7], t[7], cx, cy, bw, bh;

                                for (uint32_t f = 0; f < 7; f++) {
                                        t[f] = yolo_number(data[l], order, w[l], h[l], rows, l && joined ? 288 : 0, x,
                                                           y, a, f);
                                        v[f] = raw ? bed_sigmoid(t[f]) : t[f];
                                }
                                cx = (v5 ? 2 * v[0] - .5 + x : v[0] + x) * stride;
                                cy = (v5 ? 2 * v[1] - .5 + y : v[1] + y) * stride;
                                bw = v5 ? 4 * v[2] * v[2] * size[0] : exp(t[2]) * size[0];
                                bh = v5 ? 4 * v[3] * v[3] * size[1] : exp(t[3]) * size[1];
                                expect_classes(&bed, (double[]){ cx - bw / 2, cy - bh / 2, cx + bw / 2, cy + bh / 2 },
                                               (double[]){ v[4] * v[5], v[4] * v[6] }, 2, false);
                        }
                bed_check(&bed);
        }
}

static void test_yolox(void **state)
{
        const uint32_t n = 12 * 8 + 6 * 4;
        bed_t bed;
        float *data;

        bed_init(&bed, 200);
        bed.what.format = HEDGE_BOX_YOLOX;
        bed.what.classes = 2;
        bed.what.levels[bed.what.n_levels++] = level(8, 0, NULL);
        bed.what.levels[bed.what.n_levels++] = level(16, 0, NULL);
        data = bed_add(&bed, &bed.what.tensors, "out", 0, 1, SHAPE(1, n, 7));
        for (uint32_t i = 0; i < n; i++) {
                const uint32_t k = i < 96 ? i : i - 96, w = i < 96 ? 12 : 6;
                const double stride = i < 96 ? 8 : 16;
                const float *t = data + 7 * i;
                double cx = (k % w + (double)t[0]) * stride, cy = (k / w + (double)t[1]) * stride;
                double bw = exp((double)t[2]) * stride, bh = exp((double)t[3]) * stride;

                expect_classes(&bed, (double[]){ cx - bw / 2, cy - bh / 2, cx + bw / 2, cy + bh / 2 },
                               (double[]){ (double)t[4] * (double)t[5], (double)t[4] * (double)t[6] }, 2, false);
        }
        bed_check(&bed);
}

/* 1 x (4 + C) x N without objectness, as v8 has it. */
static void test_yolo_decoded(void **state)
{
        const uint32_t n = 189;
        bed_t bed;
        float *d;

        bed_init(&bed, 210);
        bed.what.format = HEDGE_BOX_CXCYWH;
        bed.what.n_columns = 2;
        bed.what.columns[1] = HEDGE_COLUMN_SCORES;
        bed.outputs.n_labels = 5; /* that is how many classes there are */
        d = bed_add(&bed, &bed.what.tensors, "output0", 0, 1, SHAPE(1, 9, n));
        for (uint32_t i = 0; i < 4 * n; i++)
                d[i] *= i < n ? 96 : i < 2 * n ? 64 : 30;
        for (uint32_t i = 0; i < n; i++) {
                double cx = (double)d[i], cy = (double)d[n + i], w = (double)d[2 * n + i], h = (double)d[3 * n + i],
                       s[5];

                for (unsigned c = 0; c < 5; c++)
                        s[c] = (double)d[(4 + c) * n + i];
                expect_classes(&bed, (double[]){ cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2 }, s, 5, false);
        }
        bed_check(&bed);
}

/* Distances to the sides: numbers, or distributions behind the scores in one row. */
static void test_distances(void **state)
{
        for (uint32_t bins = 1; bins <= 8; bins += 7) {
                const uint32_t n = 12 * 8 + 6 * 4, f = 2 + 4 * bins;
                bed_t bed;
                float *data;

                bed_init(&bed, 220 + bins);
                bed.what.format = HEDGE_BOX_LTRB;
                bed.what.bins = bins;
                bed.what.offset = bins == 1 ? 0 : .5;
                bed.what.classes = 2;
                bed.what.n_columns = 2;
                bed.what.columns[0] = HEDGE_COLUMN_SCORES;
                bed.what.columns[1] = HEDGE_COLUMN_BOX;
                bed.what.levels[bed.what.n_levels++] = level(8, 0, NULL);
                bed.what.levels[bed.what.n_levels++] = level(16, 0, NULL);
                data = bed_add(&bed, &bed.what.tensors, "out", 0, 1, SHAPE(1, n, f));
                for (uint32_t i = 0; i < n; i++) {
                        const uint32_t k = i < 96 ? i : i - 96, w = i < 96 ? 12 : 6;
                        const double stride = i < 96 ? 8 : 16;
                        const float *t = data + f * i;
                        double x = (k % w + bed.what.offset) * stride, y = (k / w + bed.what.offset) * stride, far[4];

                        for (unsigned side = 0; side < 4; side++) {
                                double sum = 0, mean = 0;

                                for (uint32_t b = 0; b < bins; b++) {
                                        sum += exp((double)t[2 + side * bins + b]);
                                        mean += exp((double)t[2 + side * bins + b]) * b;
                                }
                                far[side] = bins == 1 ? (double)t[2 + side] * stride : mean / sum * stride;
                        }
                        expect_classes(&bed, (double[]){ x - far[0], y - far[1], x + far[2], y + far[3] },
                                       (double[]){ (double)t[0], (double)t[1] }, 2, false);
                }
                bed_check(&bed);
        }
}

/* What a model has chosen itself: three outputs, rows, or the indices of ONNX's operator. */
static void test_chosen(void **state)
{
        const uint32_t n = 12;
        bed_t bed;
        float *b, *s, *l;

        bed_init(&bed, 300);
        bed.what.nms = HEDGE_NMS_NONE;
        b = bed_add(&bed, &bed.what.boxes, "dets", 0, 40, SHAPE(n, 4));
        l = bed_add(&bed, &bed.what.labels, "labels", 0, 3, SHAPE(n));
        s = bed_add(&bed, &bed.what.scores, "scores", 0, 1, SHAPE(n));
        for (uint32_t i = 0; i < n; i++) {
                b[4 * i + 2] += b[4 * i];
                b[4 * i + 3] += b[4 * i + 1];
                l[i] = floorf(l[i]);
                bed_expect(&bed, (double)b[4 * i], (double)b[4 * i + 1], (double)b[4 * i + 2], (double)b[4 * i + 3],
                           (double)s[i], (uint32_t)l[i]);
        }
        l[n - 1] = -1; /* fills up */
        bed.n_expected--;
        bed_check(&bed);

        bed_init(&bed, 301);
        bed.what.nms = HEDGE_NMS_NONE;
        bed.what.n_columns = 4;
        memcpy(bed.what.columns,
               (hedge_output_column_t[]){ HEDGE_COLUMN_IMAGE, HEDGE_COLUMN_LABEL, HEDGE_COLUMN_SCORE,
                                          HEDGE_COLUMN_BOX },
               4 * sizeof(hedge_output_column_t));
        bed.what.relative = true;
        b = bed_add(&bed, &bed.what.tensors, "detection_out", 0, .5, SHAPE(1, 1, n, 7));
        for (uint32_t i = 0; i < n; i++) {
                float *row = b + 7 * i;

                row[0] = i == 3 ? -1 : 0;
                row[1] = (float)(i % 5);
                row[2] += .5f;
                row[5] += row[3];
                row[6] += row[4];
                if (i != 3)
                        bed_expect(&bed, (double)row[3] * 96, (double)row[4] * 64, (double)row[5] * 96,
                                   (double)row[6] * 64, (double)row[2], i % 5);
        }
        bed_check(&bed);
}

static void test_indices(void **state)
{
        const uint32_t n = 12;
        bed_t bed;
        float *b, *s, *x;

        bed_init(&bed, 302);
        b = bed_add(&bed, &bed.what.boxes, "b", 0, 40, SHAPE(1, n, 4));
        s = bed_add(&bed, &bed.what.scores, "s", .3, 1, SHAPE(1, 2, n));
        x = bed_add(&bed, &bed.what.indices, "i", 0, 0, SHAPE(7, 3));
        for (uint32_t i = 0; i < n; i++) {
                b[4 * i + 2] += b[4 * i];
                b[4 * i + 3] += b[4 * i + 1];
        }
        for (uint32_t i = 0; i < 5; i++) {
                x[3 * i + 1] = (float)(i % 2);
                x[3 * i + 2] = (float)(2 * i);
                bed_expect(&bed, (double)b[8 * i], (double)b[8 * i + 1], (double)b[8 * i + 2], (double)b[8 * i + 3],
                           (double)s[(i % 2) * n + 2 * i], i % 2);
        }
        memcpy(x + 15, (float[]){ -1, -1, -1, 0, 0, (float)n }, 6 * sizeof(float)); /* rows that name nothing */
        bed.what.nms = HEDGE_NMS_NONE;                                              /* of the expected ones */
        bed_check(&bed);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_coordinates),
                cmocka_unit_test(test_ssd),
                cmocka_unit_test(test_yolo_with_anchors),
                cmocka_unit_test(test_yolox),
                cmocka_unit_test(test_yolo_decoded),
                cmocka_unit_test(test_distances),
                cmocka_unit_test(test_chosen),
                cmocka_unit_test(test_indices),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

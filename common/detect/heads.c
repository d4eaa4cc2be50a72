/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>

#include "common/detect/candidates.h"
#include "common/detect/layout.h"

#define SCORE_SLACK 1e-3 /* above 1, of what computed the scores */
#define MAX_CLASS   (1 << 24)

typedef struct decoder {
        const hedge_output_t *what;
        const hedge_detect_outputs_t *outputs;
        const hedge_map_t *map;
        hedge_detect_layout_t layout;
        hedge_candidates_t *list;
        hedge_why_t *why;
} decoder_t;

/* A box that may be: anchor a of cell (x, y). */
typedef struct place {
        const hedge_detect_level_t *level;
        uint32_t x, y, a;
} place_t;

static double sigmoid(double x)
{
        return 1 / (1 + exp(-x));
}

static double number(const place_t *p, hedge_detect_role_t role, size_t f)
{
        const hedge_detect_part_t *part = &p->level->parts[role];

        return (double)part
                ->data[part->base + p->y * part->step_y + p->x * part->step_x + p->a * part->step_a + f * part->step_f];
}

/* What a mere number says, by the activation that it still needs. */
static double activated(const decoder_t *d, double value)
{
        return d->what->activation == HEDGE_ACTIVATION_NONE ? value : sigmoid(value);
}

static void from_coordinates(const decoder_t *d, const double n[4], double box[4])
{
        const double w = d->what->relative ? d->outputs->width : 1, h = d->what->relative ? d->outputs->height : 1;
        const bool swapped = d->what->format == HEDGE_BOX_YXYX;
        const double in[4] = { n[swapped] * w, n[!swapped] * h, n[2 + swapped] * w, n[2 + !swapped] * h };
        const bool centre = d->what->format == HEDGE_BOX_CXCYWH, corner = d->what->format == HEDGE_BOX_XYWH;

        box[0] = centre ? in[0] - in[2] / 2 : in[0];
        box[1] = centre ? in[1] - in[3] / 2 : in[1];
        box[2] = centre || corner ? box[0] + in[2] : in[2];
        box[3] = centre || corner ? box[1] + in[3] : in[3];
}

static void from_centre(double x, double y, double w, double h, double box[4])
{
        box[0] = x - w / 2;
        box[1] = y - h / 2;
        box[2] = x + w / 2;
        box[3] = y + h / 2;
}

static void from_prior(const decoder_t *d, const place_t *p, const double n[4], double box[4])
{
        const hedge_output_level_t *of = p->level->of;
        const double w = of->anchors[p->a][0], h = of->anchors[p->a][1], *v = d->what->variance;

        from_centre((p->x + d->what->offset) * of->stride + n[0] * v[0] * w,
                    (p->y + d->what->offset) * of->stride + n[1] * v[0] * h, w * exp(n[2] * v[1]), h * exp(n[3] * v[1]),
                    box);
}

static void from_yolo(const decoder_t *d, const place_t *p, const double n[4], double box[4])
{
        const hedge_output_level_t *of = p->level->of;
        const double *anchor = of->anchors[p->a], stride = of->stride;

        if (d->what->format == HEDGE_BOX_YOLOX)
                from_centre((n[0] + p->x) * stride, (n[1] + p->y) * stride, exp(n[2]) * stride, exp(n[3]) * stride,
                            box);
        else if (d->what->format == HEDGE_BOX_YOLOV3)
                from_centre((activated(d, n[0]) + p->x) * stride, (activated(d, n[1]) + p->y) * stride,
                            exp(n[2]) * anchor[0], exp(n[3]) * anchor[1], box);
        else
                from_centre((2 * activated(d, n[0]) - .5 + p->x) * stride,
                            (2 * activated(d, n[1]) - .5 + p->y) * stride, pow(2 * activated(d, n[2]), 2) * anchor[0],
                            pow(2 * activated(d, n[3]), 2) * anchor[1], box);
}

/* A distance: a number, or the mean of a distribution over 0 .. bins - 1. */
static double distance(const decoder_t *d, const place_t *p, uint32_t side)
{
        const uint32_t bins = d->what->bins;
        double most = -INFINITY, sum = 0, mean = 0;

        if (bins == 1)
                return number(p, HEDGE_ROLE_BOX, side);
        for (uint32_t i = 0; i < bins; i++) {
                double v = number(p, HEDGE_ROLE_BOX, side * bins + i);

                most = v > most ? v : most;
        }
        for (uint32_t i = 0; i < bins; i++) {
                double e = exp(number(p, HEDGE_ROLE_BOX, side * bins + i) - most);

                sum += e;
                mean += e * i;
        }
        return mean / sum;
}

static void from_distances(const decoder_t *d, const place_t *p, double box[4])
{
        const double stride = p->level->of->stride;

        for (uint32_t side = 0; side < 4; side++) {
                double at = ((side % 2 ? p->y : p->x) + d->what->offset) * stride, far = distance(d, p, side) * stride;

                box[side] = side < 2 ? at - far : at + far;
        }
}

static void decode_box(const decoder_t *d, const place_t *p, double box[4])
{
        double n[4];

        if (d->what->format == HEDGE_BOX_LTRB) {
                from_distances(d, p, box);
                return;
        }
        for (uint32_t i = 0; i < 4; i++)
                n[i] = number(p, HEDGE_ROLE_BOX, i);
        if (d->what->format <= HEDGE_BOX_CXCYWH)
                from_coordinates(d, n, box);
        else if (d->what->format == HEDGE_BOX_SSD)
                from_prior(d, p, n, box);
        else
                from_yolo(d, p, n, box);
}

static int add(decoder_t *d, const place_t *p, uint32_t class, double score)
{
        hedge_candidate_t candidate = { .score = (float)score, .class = class };
        float visible[4];

        if (!(score >= d->what->score))
                return 0;
        if (score > 1 + SCORE_SLACK)
                return hedge_why(
                        d->why, -ERANGE,
                        "a score of %g is above 1: it still needs output.activation in model.yaml, or is no score",
                        score);
        decode_box(d, p, candidate.corners);
        if (!hedge_map_box(d->map, candidate.corners, visible))
                return 0;
        return hedge_candidates_add(d->list, &candidate) < 0 ? hedge_why(d->why, -ENOMEM, "%s", hedge_strerror(-ENOMEM))
                                                             : 0;
}

static bool is_background(const decoder_t *d, uint32_t class)
{
        return d->what->background == HEDGE_BACKGROUND_FIRST  ? class == 0
               : d->what->background == HEDGE_BACKGROUND_LAST ? class + 1 == d->layout.classes
                                                              : false;
}

/* What a class's number becomes: softmax(x) = exp(x - most) / sum. */
typedef struct softmax {
        double most, sum;
} softmax_t;

static softmax_t weigh(const decoder_t *d, const place_t *p)
{
        softmax_t s = { .most = -INFINITY };

        for (uint32_t c = 0; c < d->layout.classes; c++) {
                double v = number(p, HEDGE_ROLE_SCORES, c);

                s.most = v > s.most ? v : s.most;
        }
        for (uint32_t c = 0; c < d->layout.classes; c++)
                s.sum += exp(number(p, HEDGE_ROLE_SCORES, c) - s.most);
        return s;
}

static double score_of(const decoder_t *d, const softmax_t *s, double value)
{
        return d->what->activation == HEDGE_ACTIVATION_SOFTMAX ? exp(value - s->most) / s->sum : activated(d, value);
}

/* The class of a box is what the model says, the best one, or any of enough score. */
static int add_classes(decoder_t *d, const place_t *p, double objectness)
{
        softmax_t s = { .sum = 0 };
        uint32_t best = UINT32_MAX;
        double highest = -INFINITY;
        int r = 0;

        if (d->what->activation == HEDGE_ACTIVATION_SOFTMAX)
                s = weigh(d, p);
        for (uint32_t c = 0; c < d->layout.classes && !r; c++) {
                double value = number(p, HEDGE_ROLE_SCORES, c);

                if (is_background(d, c))
                        continue;
                if (d->what->multi_label)
                        r = add(d, p, c, objectness * score_of(d, &s, value));
                if (value > highest) {
                        highest = value;
                        best = c;
                }
        }
        if (r || d->what->multi_label || best == UINT32_MAX)
                return r;
        return add(d, p, best, objectness * score_of(d, &s, highest));
}

static int add_labelled(decoder_t *d, const place_t *p, double objectness)
{
        double label = round(number(p, HEDGE_ROLE_LABEL, 0));

        if (!(label >= 0 && label < MAX_CLASS))
                return 0; /* what fills up a list of fixed length */
        if (d->what->background == HEDGE_BACKGROUND_FIRST && label == 0)
                return 0;
        return add(d, p, (uint32_t)label, objectness * activated(d, number(p, HEDGE_ROLE_SCORES, 0)));
}

static int decode_place(decoder_t *d, const place_t *p)
{
        const hedge_detect_part_t *parts = p->level->parts;
        double objectness = 1;

        if (parts[HEDGE_ROLE_IMAGE].width && number(p, HEDGE_ROLE_IMAGE, 0) != 0)
                return 0;
        if (parts[HEDGE_ROLE_OBJECTNESS].width)
                objectness = activated(d, number(p, HEDGE_ROLE_OBJECTNESS, 0));
        if (!(objectness >= d->what->score / (1 + SCORE_SLACK)))
                return 0;
        return parts[HEDGE_ROLE_LABEL].width ? add_labelled(d, p, objectness) : add_classes(d, p, objectness);
}

static int decode_level(decoder_t *d, const hedge_detect_level_t *level)
{
        place_t p = { .level = level };
        int r = 0;

        for (p.y = 0; p.y < level->height; p.y++)
                for (p.x = 0; p.x < level->width; p.x++)
                        for (p.a = 0; p.a < level->anchors && !r; p.a++)
                                r = decode_place(d, &p);
        return r;
}

/* Rows of picture, class and box: what is named there was chosen by the model. */
static int decode_indices(decoder_t *d)
{
        const float *row = d->layout.indices->data;
        size_t n = hedge_shape_elements(&d->layout.indices->shape) / 3;
        place_t p = { .level = &d->layout.levels[0] };
        softmax_t s = { .sum = 0 };
        int r = 0;

        for (; n && !r; n--, row += 3) {
                if (!(row[0] == 0 && row[1] >= 0 && row[1] < (float)d->layout.classes && row[2] >= 0 &&
                      row[2] < (float)p.level->width) ||
                    is_background(d, (uint32_t)row[1]))
                        continue;
                p.x = (uint32_t)row[2];
                if (d->what->activation == HEDGE_ACTIVATION_SOFTMAX)
                        s = weigh(d, &p);
                r = add(d, &p, (uint32_t)row[1], score_of(d, &s, number(&p, HEDGE_ROLE_SCORES, (uint32_t)row[1])));
        }
        return r;
}

int hedge_heads_decode(const hedge_output_t *what, const hedge_detect_outputs_t *outputs, const hedge_map_t *map,
                       hedge_candidates_t *ret, hedge_why_t *why)
{
        decoder_t d = { .what = what, .outputs = outputs, .map = map, .list = ret, .why = why };
        int r = hedge_detect_layout(what, outputs, &d.layout, why);

        if (r < 0)
                return r;
        if (d.layout.indices)
                return decode_indices(&d);
        for (uint32_t i = 0; i < d.layout.n_levels && !r; i++)
                r = decode_level(&d, &d.layout.levels[i]);
        return r;
}

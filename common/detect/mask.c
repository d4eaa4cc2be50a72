/* SPDX-License-Identifier: Apache-2.0 */
#include "common/detect/mask.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/detect/layout.h"

/* Where a column or row of the picture falls among those of the mask: between `first` and `next`. */
typedef struct sample {
        bool outside;
        uint32_t first, next;
        float weight; /* of `next` */
} sample_t;

typedef struct masker {
        const hedge_output_t *what;
        hedge_mask_layout_t layout;
        sample_t *columns, *rows;
        uint8_t *winners; /* of several planes: the class of each of the mask's own pixels */
        float threshold;  /* of a single plane, before the activation */
} masker_t;

/* The extents without the picture's 1 in front. */
static uint32_t drop_batch(const hedge_shape_t *shape, const uint32_t **dims)
{
        bool batch = shape->rank == 4 || (shape->rank == 3 && shape->dims[0] == 1);

        if (shape->rank == 4 && shape->dims[0] != 1)
                return 0;
        *dims = shape->dims + batch;
        return shape->rank - batch;
}

static bool place_planes(const hedge_tensor_t *tensor, uint32_t planes, bool last, hedge_mask_layout_t *m)
{
        const uint32_t *d = NULL;
        uint32_t rank = drop_batch(&tensor->shape, &d);
        uint32_t channels = rank == 2 ? 1 : rank == 3 ? d[last ? 2 : 0] : 0;

        if (channels != planes)
                return false;
        m->height = d[rank == 3 && !last];
        m->width = d[1 + (rank == 3 && !last)];
        m->planes = planes;
        m->step_x = last ? planes : 1;
        m->step_y = m->step_x * m->width;
        m->step_c = last ? 1 : m->step_y * m->height;
        m->data = tensor->data;
        return m->width && m->height;
}

int hedge_mask_layout(const hedge_output_t *what, const hedge_detect_outputs_t *outputs, hedge_mask_layout_t *ret,
                      hedge_why_t *why)
{
        const uint32_t classes = hedge_detect_classes(what, outputs);
        const hedge_output_names_t *names = what->labels.count ? &what->labels : &what->scores;
        int at = hedge_detect_find(outputs, names->names[0], why);
        hedge_mask_layout_t m = { .labels = what->labels.count };
        char shape[96];

        if (at < 0)
                return HEDGE_ECONFIG;
        if (classes > HEDGE_DETECT_MAX_CLASSES)
                return hedge_why(why, HEDGE_ELIMIT, "a mask has at most %u classes, not %u", HEDGE_DETECT_MAX_CLASSES,
                                 classes);
        if (!m.labels && !classes)
                return hedge_why(why, HEDGE_ECONFIG,
                                 "nothing says how many classes there are: model.yaml wants output.classes, or labels");
        if (place_planes(&outputs->tensors[at], m.labels ? 1 : classes, outputs->nhwc, &m) ||
            place_planes(&outputs->tensors[at], m.labels ? 1 : classes, !outputs->nhwc, &m) ||
            (classes == 2 &&
             (place_planes(&outputs->tensors[at], 1, false, &m) || place_planes(&outputs->tensors[at], 1, true, &m)))) {
                *ret = m;
                return 0;
        }
        return hedge_why(why, HEDGE_ESHAPE, "the output %.100s is %s, but model.yaml wants %u planes there%s",
                         names->names[0], hedge_shape_text(&outputs->tensors[at].shape, shape, sizeof(shape)),
                         m.labels ? 1 : classes, classes == 2 && !m.labels ? ", or one" : "");
}

/* One for each of the picture's `n` columns or rows. */
static sample_t *make_samples(uint32_t n, double scale, double offset, uint32_t input, uint32_t mask)
{
        sample_t *samples = calloc(n ? n : 1, sizeof(*samples));

        for (uint32_t i = 0; samples && i < n; i++) {
                double at = (i + .5 - offset) / scale, in = at * mask / input - .5;

                samples[i].outside = !(at >= 0 && at <= input);
                if (samples[i].outside)
                        continue;
                in = in < 0 ? 0 : in > mask - 1 ? mask - 1 : in;
                samples[i].first = (uint32_t)in;
                samples[i].next = samples[i].first + 1 < mask ? samples[i].first + 1 : samples[i].first;
                samples[i].weight = (float)(in - samples[i].first);
        }
        return samples;
}

static float between(const masker_t *m, const sample_t *x, const sample_t *y, size_t plane)
{
        const float *upper = m->layout.data + plane * m->layout.step_c + y->first * m->layout.step_y;
        const float *lower = m->layout.data + plane * m->layout.step_c + y->next * m->layout.step_y;
        const size_t left = x->first * m->layout.step_x, right = x->next * m->layout.step_x;
        /* A weight of 0 leaves out what it stands for, be it infinite. */
        float a = x->weight > 0 ? upper[left] * (1 - x->weight) + upper[right] * x->weight : upper[left];
        float b = y->weight > 0 ? x->weight > 0 ? lower[left] * (1 - x->weight) + lower[right] * x->weight : lower[left]
                                : 0;

        return y->weight > 0 ? a * (1 - y->weight) + b * y->weight : a;
}

static uint8_t class_of_label(const masker_t *m, const sample_t *x, const sample_t *y)
{
        const uint32_t column = x->weight < .5f ? x->first : x->next, row = y->weight < .5f ? y->first : y->next;
        const float label = m->layout.data[row * m->layout.step_y + column * m->layout.step_x];

        return label >= 0 && label < HEDGE_DETECT_OUTSIDE ? (uint8_t)lrintf(label) : HEDGE_DETECT_OUTSIDE;
}

static uint8_t highest_plane(const masker_t *m, const sample_t *x, const sample_t *y)
{
        uint8_t best = HEDGE_DETECT_OUTSIDE;
        float highest = 0, value;

        for (uint32_t c = 0; c < m->layout.planes; c++) {
                value = between(m, x, y, c);
                if (!isnan(value) && (best == HEDGE_DETECT_OUTSIDE || value > highest)) {
                        highest = value;
                        best = (uint8_t)c;
                }
        }
        return best;
}

/* What wins at all four neighbours wins between them: only where they differ are the planes looked at. */
static uint8_t class_of(const masker_t *m, const sample_t *x, const sample_t *y)
{
        const uint8_t *upper, *lower;
        float value;

        if (m->layout.labels)
                return class_of_label(m, x, y);
        if (!m->winners) {
                value = between(m, x, y, 0);
                return isnan(value) ? HEDGE_DETECT_OUTSIDE : value >= m->threshold;
        }
        upper = m->winners + (size_t)y->first * m->layout.width;
        lower = m->winners + (size_t)y->next * m->layout.width;
        if (upper[x->first] == upper[x->next] && upper[x->first] == lower[x->first] &&
            upper[x->first] == lower[x->next])
                return upper[x->first];
        return highest_plane(m, x, y);
}

static int find_winners(masker_t *m)
{
        if (m->layout.labels || m->layout.planes == 1)
                return 0;
        m->winners = malloc((size_t)m->layout.width * m->layout.height);
        for (uint32_t y = 0; m->winners && y < m->layout.height; y++)
                for (uint32_t x = 0; x < m->layout.width; x++)
                        m->winners[(size_t)y * m->layout.width + x] = highest_plane(
                                m, &(sample_t){ .first = x, .next = x }, &(sample_t){ .first = y, .next = y });
        return m->winners ? 0 : -ENOMEM;
}

/* The logit of the threshold, so that no pixel needs an exponential. */
static float threshold_of(const hedge_output_t *what)
{
        return (float)(what->activation == HEDGE_ACTIVATION_NONE ? what->score : log(what->score / (1 - what->score)));
}

int hedge_detect_mask(const hedge_output_t *what, const hedge_detect_outputs_t *outputs, const hedge_map_t *map,
                      uint8_t **ret, uint64_t ret_counts[256], hedge_why_t *why)
{
        masker_t m = { .what = what, .threshold = threshold_of(what) };
        uint64_t counts[256] = { 0 };
        uint8_t *mask = NULL;
        size_t pixels;
        int r = hedge_mask_layout(what, outputs, &m.layout, why);

        if (r < 0)
                return r;
        m.columns = make_samples(map->width, map->scale_x, map->offset_x, outputs->width, m.layout.width);
        m.rows = make_samples(map->height, map->scale_y, map->offset_y, outputs->height, m.layout.height);
        if (!__builtin_mul_overflow((size_t)map->width, (size_t)map->height, &pixels))
                mask = malloc(pixels ? pixels : 1);
        if (!m.columns || !m.rows || !mask || find_winners(&m) < 0) {
                r = hedge_why(why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));
                free(mask);
                goto out;
        }
        for (uint32_t y = 0; y < map->height; y++)
                for (uint32_t x = 0; x < map->width; x++) {
                        bool outside = m.columns[x].outside || m.rows[y].outside;
                        uint8_t class = outside ? HEDGE_DETECT_OUTSIDE : class_of(&m, &m.columns[x], &m.rows[y]);

                        mask[(size_t)y * map->width + x] = class;
                        counts[class]++;
                }
        *ret = mask;
        memcpy(ret_counts, counts, sizeof(counts));
out:
        free(m.winners);
        free(m.rows);
        free(m.columns);
        return r;
}

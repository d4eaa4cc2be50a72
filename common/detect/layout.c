/* SPDX-License-Identifier: Apache-2.0 */
#include "common/detect/layout.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* A tensor's shape as it is compared: its extents but for ones. */
typedef struct extents {
        uint32_t n;
        uint64_t dims[HEDGE_MAX_RANK];
} extents_t;

/* What is looked for in one tensor. */
typedef struct wanted {
        const hedge_tensor_t *tensor;
        const char *name;
        uint64_t numbers; /* per box */
        bool apart;       /* the anchors of a cell lie a grid apart */
} wanted_t;

static extents_t extents_of(uint32_t n, const uint64_t *dims)
{
        extents_t e = { .n = 0 };

        for (uint32_t i = 0; i < n; i++)
                if (dims[i] != 1)
                        e.dims[e.n++] = dims[i];
        return e;
}

static bool has_extents(const hedge_shape_t *shape, uint32_t n, const uint64_t *dims)
{
        uint64_t own[HEDGE_MAX_RANK];
        extents_t a, b = extents_of(n, dims);

        for (uint32_t i = 0; i < shape->rank; i++)
                own[i] = shape->dims[i];
        a = extents_of(shape->rank, own);
        return a.n == b.n && memcmp(a.dims, b.dims, a.n * sizeof(*a.dims)) == 0;
}

int hedge_detect_find(const hedge_detect_outputs_t *outputs, const char *name, hedge_why_t *why)
{
        char list[256] = "";
        size_t used = 0;

        for (uint32_t i = 0; i < outputs->n; i++)
                if (!strcmp(outputs->names[i], name))
                        return (int)i;
        for (uint32_t i = 0; i < outputs->n && used < sizeof(list) - 1; i++) {
                int n = snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "", outputs->names[i]);

                used += n > 0 ? (size_t)n : 0;
        }
        hedge_why(why, HEDGE_ECONFIG, "model.yaml says '%.100s' in its section output, but the model's outputs are %s",
                  name, list);
        return -ENOENT;
}

uint32_t hedge_detect_classes(const hedge_output_t *what, const hedge_detect_outputs_t *outputs)
{
        return what->classes ? what->classes : outputs->n_labels;
}

static int misfit(const wanted_t *w, const char *expected, hedge_why_t *why)
{
        char shape[96];

        return hedge_why(why, HEDGE_ESHAPE, "the output %.100s is %s, but model.yaml wants %s there", w->name,
                         hedge_shape_text(&w->tensor->shape, shape, sizeof(shape)), expected);
}

/* Boxes in a list: anchor after anchor of a cell, or grid after grid. */
static hedge_detect_part_t part_in_list(const hedge_detect_level_t *l, size_t first, size_t step, size_t step_f,
                                        bool apart)
{
        hedge_detect_part_t part = { .base = first * step, .step_f = step_f };

        part.step_x = apart ? step : step * l->anchors;
        part.step_y = part.step_x * l->width;
        part.step_a = apart ? step * l->width * l->height : step;
        return part;
}

/* A list of `n` boxes in all, of which those of this level begin at `first`. */
static bool place_in_list(const wanted_t *w, const hedge_detect_level_t *l, uint64_t n, uint64_t first,
                          hedge_detect_part_t *ret)
{
        const hedge_shape_t *shape = &w->tensor->shape;

        if (has_extents(shape, 2, (uint64_t[]){ n, w->numbers }))
                *ret = part_in_list(l, (size_t)first, (size_t)w->numbers, 1, w->apart);
        else if (has_extents(shape, 2, (uint64_t[]){ w->numbers, n }))
                *ret = part_in_list(l, (size_t)first, 1, (size_t)n, w->apart);
        else
                return false;
        return true;
}

/* A tensor that holds this level alone. */
static bool place_in_grid(const wanted_t *w, const hedge_detect_level_t *l, hedge_detect_part_t *ret)
{
        const hedge_shape_t *shape = &w->tensor->shape;
        const uint64_t f = w->numbers, a = l->anchors, height = l->height, width = l->width;
        const size_t plane = (size_t)(height * width);

        if (has_extents(shape, 3, (uint64_t[]){ a * f, height, width }) ||
            has_extents(shape, 4, (uint64_t[]){ a, f, height, width }))
                *ret = (hedge_detect_part_t){
                        .step_a = (size_t)f * plane, .step_f = plane, .step_y = width, .step_x = 1
                };
        else if (has_extents(shape, 4, (uint64_t[]){ a, height, width, f }))
                *ret = part_in_list(l, 0, (size_t)f, 1, true);
        else if (has_extents(shape, 3, (uint64_t[]){ height, width, a * f }) ||
                 has_extents(shape, 4, (uint64_t[]){ height, width, a, f }))
                *ret = part_in_list(l, 0, (size_t)f, 1, false);
        else
                return place_in_list(w, l, height * width * a, 0, ret);
        return true;
}

static int place(const wanted_t *w, const hedge_detect_level_t *l, bool alone, uint64_t n, uint64_t first,
                 hedge_detect_part_t *ret, hedge_why_t *why)
{
        char text[160];

        if (alone && l->of ? place_in_grid(w, l, ret) : place_in_list(w, l, n, first, ret)) {
                ret->data = w->tensor->data;
                ret->width = (uint32_t)w->numbers;
                return 0;
        }
        if (alone && l->of)
                snprintf(text, sizeof(text), "%llu numbers for each of %u anchors of %u x %u cells",
                         (unsigned long long)w->numbers, l->anchors, l->height, l->width);
        else
                snprintf(text, sizeof(text), "%llu numbers for each of %llu boxes", (unsigned long long)w->numbers,
                         (unsigned long long)n);
        return misfit(w, text, why);
}

/* How many boxes a list has whose tensor comes first. */
static int count_rows(const wanted_t *w, uint64_t *ret, hedge_why_t *why)
{
        const hedge_shape_t *shape = &w->tensor->shape;
        const uint64_t elements = hedge_shape_elements(shape);
        char text[64];
        uint32_t front = 0;

        while (front + 1 < shape->rank && shape->dims[front] == 1)
                front++;
        if (shape->rank && (shape->rank < 3 || shape->dims[0] == 1) &&
            (w->numbers == 1 || shape->dims[shape->rank - 1] == w->numbers || shape->dims[front] == w->numbers) &&
            elements % w->numbers == 0) {
                *ret = elements / w->numbers;
                return 0;
        }
        snprintf(text, sizeof(text), "%llu numbers for each box of one picture", (unsigned long long)w->numbers);
        return misfit(w, text, why);
}

/* A tensor of more extents than a list's two becomes one: A x h x w x F, or F x h x w. */
static hedge_tensor_t flattened(const wanted_t *w, uint64_t n)
{
        const hedge_shape_t *shape = &w->tensor->shape;
        hedge_tensor_t flat = { .shape = { .rank = 2 }, .data = w->tensor->data };
        bool last = w->numbers == 1 || shape->dims[shape->rank - 1] == w->numbers;

        flat.shape.dims[last ? 0 : 1] = (uint32_t)n;
        flat.shape.dims[last ? 1 : 0] = (uint32_t)w->numbers;
        return flat;
}

static int take(const hedge_detect_outputs_t *outputs, const char *name, wanted_t *w, hedge_why_t *why)
{
        int at = hedge_detect_find(outputs, name, why);

        if (at < 0)
                return HEDGE_ECONFIG;
        w->tensor = &outputs->tensors[at];
        w->name = name;
        return 0;
}

/* The grids that the strides lay over the input, or a list for each tensor. */
static void make_levels(const hedge_output_t *what, const hedge_detect_outputs_t *outputs, uint32_t n_tensors,
                        hedge_detect_layout_t *layout)
{
        layout->n_levels = what->n_levels ? what->n_levels : n_tensors;
        for (uint32_t i = 0; i < layout->n_levels; i++) {
                hedge_detect_level_t *l = &layout->levels[i];

                *l = (hedge_detect_level_t){ .height = 1, .anchors = 1 };
                if (!what->n_levels)
                        continue;
                l->of = &what->levels[i];
                l->width = (outputs->width + l->of->stride - 1) / l->of->stride;
                l->height = (outputs->height + l->of->stride - 1) / l->of->stride;
                l->anchors = l->of->n_anchors ? l->of->n_anchors : 1;
        }
}

static uint64_t boxes_of(const hedge_detect_level_t *l)
{
        return (uint64_t)l->width * l->height * l->anchors;
}

/* Place what a list of names holds, `numbers` of it per box, on all levels; the parts go to `role`. In lists without a
 * grid the first role that is placed decides how many boxes there are. */
static int place_role(const hedge_output_t *what, const hedge_detect_outputs_t *outputs,
                      const hedge_output_names_t *names, uint64_t numbers, hedge_detect_role_t role,
                      hedge_detect_layout_t *layout, hedge_why_t *why)
{
        wanted_t w = { .numbers = numbers,
                       .apart = what->format == HEDGE_BOX_YOLOV3 || what->format == HEDGE_BOX_YOLOV5 };
        bool alone = names->count == layout->n_levels;
        uint64_t all = 0, first = 0, n = 0;
        int r = 0;

        for (uint32_t i = 0; i < layout->n_levels; i++)
                all += boxes_of(&layout->levels[i]);
        for (uint32_t i = 0; i < layout->n_levels && !r; i++) {
                hedge_detect_level_t *l = &layout->levels[i];
                hedge_tensor_t flat;

                r = take(outputs, names->names[alone ? i : 0], &w, why);
                if (!r && !l->of && role == HEDGE_ROLE_BOX) {
                        r = count_rows(&w, &n, why);
                        if (r < 0)
                                break;
                        l->width = (uint32_t)n;
                        flat = flattened(&w, n);
                        w.tensor = &flat;
                }
                if (!r)
                        r = place(&w, l, alone, alone ? boxes_of(l) : all, alone ? 0 : first, &l->parts[role], why);
                first += boxes_of(l);
        }
        return r;
}

/* A joined tensor is placed as a whole; its columns are parts of it. */
static int place_joined(const hedge_output_t *what, const hedge_detect_outputs_t *outputs,
                        hedge_detect_layout_t *layout, hedge_why_t *why)
{
        static const hedge_detect_role_t roles[] = {
                [HEDGE_COLUMN_BOX] = HEDGE_ROLE_BOX,       [HEDGE_COLUMN_OBJECTNESS] = HEDGE_ROLE_OBJECTNESS,
                [HEDGE_COLUMN_SCORES] = HEDGE_ROLE_SCORES, [HEDGE_COLUMN_SCORE] = HEDGE_ROLE_SCORES,
                [HEDGE_COLUMN_LABEL] = HEDGE_ROLE_LABEL,   [HEDGE_COLUMN_IMAGE] = HEDGE_ROLE_IMAGE,
        };
        uint32_t widths[HEDGE_OUTPUT_MAX_COLUMNS], at = 0;
        uint64_t numbers = 0;
        int r;

        layout->classes = 1;
        for (uint32_t c = 0; c < what->n_columns; c++) {
                widths[c] = what->columns[c] == HEDGE_COLUMN_BOX ? 4 * what->bins : 1;
                if (what->columns[c] == HEDGE_COLUMN_SCORES)
                        layout->classes = widths[c] = hedge_detect_classes(what, outputs);
                if (!widths[c])
                        return hedge_why(
                                why, HEDGE_ECONFIG,
                                "nothing says how many classes there are: model.yaml wants output.classes, or labels");
                numbers += widths[c];
        }
        r = place_role(what, outputs, &what->tensors, numbers, HEDGE_ROLE_BOX, layout, why);
        for (uint32_t i = 0; i < layout->n_levels && !r; i++) {
                const hedge_detect_part_t whole = layout->levels[i].parts[HEDGE_ROLE_BOX];

                at = 0;
                for (uint32_t c = 0; c < what->n_columns; at += widths[c++]) {
                        hedge_detect_part_t *part = &layout->levels[i].parts[roles[what->columns[c]]];

                        *part = whole;
                        part->width = widths[c];
                        part->base += at * whole.step_f;
                }
        }
        return r;
}

/* The scores' columns are the classes: as said, or whatever there is for each box. */
static int count_classes(const hedge_output_t *what, const hedge_detect_outputs_t *outputs,
                         hedge_detect_layout_t *layout, hedge_why_t *why)
{
        uint64_t boxes = 0, elements;
        wanted_t w;
        int r = take(outputs, what->scores.names[0], &w, why);

        layout->classes = what->labels.count ? 1 : hedge_detect_classes(what, outputs);
        if (r < 0 || layout->classes)
                return r;
        for (uint32_t i = 0; i < layout->n_levels; i++)
                if (!i || what->scores.count == 1)
                        boxes += boxes_of(&layout->levels[i]);
        elements = hedge_shape_elements(&w.tensor->shape);
        if (!boxes || !elements || elements % boxes || elements / boxes > UINT32_MAX)
                return misfit(&w, "scores for each box", why);
        layout->classes = (uint32_t)(elements / boxes);
        return 0;
}

static int place_separate(const hedge_output_t *what, const hedge_detect_outputs_t *outputs,
                          hedge_detect_layout_t *layout, hedge_why_t *why)
{
        int r = place_role(what, outputs, &what->boxes, 4u * what->bins, HEDGE_ROLE_BOX, layout, why);

        if (!r)
                r = count_classes(what, outputs, layout, why);
        if (!r)
                r = place_role(what, outputs, &what->scores, layout->classes, HEDGE_ROLE_SCORES, layout, why);
        if (!r && what->labels.count)
                r = place_role(what, outputs, &what->labels, 1, HEDGE_ROLE_LABEL, layout, why);
        return r;
}

static int take_indices(const hedge_output_t *what, const hedge_detect_outputs_t *outputs,
                        hedge_detect_layout_t *layout, hedge_why_t *why)
{
        wanted_t w = { .numbers = 3 };
        int r = take(outputs, what->indices.names[0], &w, why);

        if (r < 0)
                return r;
        layout->indices = w.tensor;
        if (!w.tensor->shape.rank || w.tensor->shape.dims[w.tensor->shape.rank - 1] != 3)
                return misfit(&w, "picture, class and box", why);
        return 0;
}

int hedge_detect_layout(const hedge_output_t *what, const hedge_detect_outputs_t *outputs, hedge_detect_layout_t *ret,
                        hedge_why_t *why)
{
        int r;

        *ret = (hedge_detect_layout_t){ .n_levels = 0 };
        make_levels(what, outputs, what->tensors.count ? what->tensors.count : what->boxes.count, ret);
        r = what->tensors.count ? place_joined(what, outputs, ret, why) : place_separate(what, outputs, ret, why);
        if (!r && what->indices.count)
                r = take_indices(what, outputs, ret, why);
        return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "common/manifest/output.h"

#include <string.h>

/* What is being read, for its messages. */
typedef struct taking {
        const char *name;
        hedge_why_t *why;
} taking_t;

static int complain(const taking_t *t, const char *key, const char *text)
{
        return hedge_why(t->why, HEDGE_ECONFIG, "%s: output%s%s: %s", t->name, *key ? "." : "", key, text);
}

static int take_names(const taking_t *t, const char *key, const hedge_conf_strings_t *from, hedge_output_names_t *to)
{
        for (size_t i = 0; i < from->count; i++) {
                const char *name = from->items[i];

                if (!*name || strlen(name) >= sizeof(to->names[0]))
                        return complain(t, key, "is no name of an output: it may have 1 to 255 bytes");
                for (const char *c = name; *c; c++)
                        if ((unsigned char)*c < 0x20 || *c == 0x7f)
                                return complain(t, key, "holds a control character");
                strcpy(to->names[to->count++], name);
        }
        return 0;
}

static int take_columns(const taking_t *t, const hedge_conf_strings_t *from, hedge_output_t *to)
{
        unsigned times[6] = { 0 };

        for (size_t i = 0; i < from->count; i++) {
                unsigned c = 0;

                while (hedge_output_columns[c] && strcmp(hedge_output_columns[c], from->items[i]))
                        c++;
                if (!hedge_output_columns[c])
                        return complain(t, "columns", "may be box, objectness, scores, score, label and image");
                if (times[c]++)
                        return complain(t, "columns", "names a column twice");
                to->columns[to->n_columns++] = (hedge_output_column_t)c;
        }
        if (!times[HEDGE_COLUMN_BOX] || times[HEDGE_COLUMN_SCORES] + times[HEDGE_COLUMN_SCORE] != 1)
                return complain(t, "columns", "wants box, and either scores or score");
        if (times[HEDGE_COLUMN_LABEL] && !times[HEDGE_COLUMN_SCORE])
                return complain(t, "columns", "wants score beside label");
        return 0;
}

static int take_levels(const taking_t *t, const hedge_conf_list_t *from, hedge_output_t *to)
{
        const hedge_manifest_level_t *levels = from->items;
        const bool decoded = to->format <= HEDGE_BOX_CXCYWH;
        const bool sized = to->format >= HEDGE_BOX_SSD && to->format <= HEDGE_BOX_YOLOV5;

        if (decoded && from->count)
                return complain(t, "levels", "says nothing where output.format is coordinates");
        if (!decoded && !from->count)
                return complain(t, "levels", "is wanted for this output.format");
        for (size_t i = 0; i < from->count; i++) {
                hedge_output_level_t *level = &to->levels[to->n_levels++];
                const hedge_conf_floats_t *anchors = &levels[i].anchors;

                if (anchors->count % 2 || (sized && !anchors->count))
                        return complain(t, "levels", "wants a width and a height for each anchor");
                if (anchors->count && to->format == HEDGE_BOX_YOLOX)
                        return complain(t, "levels", "has anchors, but output.format is yolox");
                level->stride = (uint32_t)levels[i].stride;
                level->n_anchors = anchors->count / 2;
                memcpy(level->anchors, anchors->values, anchors->count * sizeof(double));
        }
        return 0;
}

static bool fits_levels(const hedge_output_t *o, uint32_t count)
{
        return count == 1 || (o->n_levels ? count == o->n_levels : count == o->boxes.count);
}

static int check_boxes(const taking_t *t, const hedge_output_t *o)
{
        const bool joined = o->tensors.count;

        if (joined && (o->boxes.count || o->scores.count || o->labels.count || o->indices.count))
                return complain(t, "tensors", "is there, so boxes, scores, labels and indices cannot be");
        if (!joined && (!o->boxes.count || !o->scores.count))
                return complain(t, "", "wants either tensors, or boxes and scores");
        if (!joined && (o->scores.count != o->boxes.count || (o->labels.count && o->labels.count != o->boxes.count)))
                return complain(t, "boxes", "there must be as many outputs for boxes, scores and labels");
        if (joined ? o->n_levels && !fits_levels(o, o->tensors.count) : !fits_levels(o, o->boxes.count))
                return complain(t, "levels", "there must be one output, or one for each level");
        if (o->indices.count && (o->boxes.count != 1 || o->n_levels || o->labels.count))
                return complain(t, "indices", "goes with one output of boxes, one of scores and nothing else");
        if (o->bins > 1 && o->format != HEDGE_BOX_LTRB)
                return complain(t, "bins", "is for output.format ltrb");
        return 0;
}

static int check_segmentation(const taking_t *t, const hedge_output_t *o)
{
        if (o->tensors.count || o->boxes.count || o->indices.count || o->scores.count + o->labels.count != 1)
                return complain(t, "", "a segmentation wants one output, as scores or as labels");
        return 0;
}

int hedge_manifest_take_output(const char *name, const hedge_manifest_output_t *s, hedge_output_t *ret,
                               hedge_why_t *why)
{
        const taking_t t = { name, why };
        hedge_output_t o = { .kind = (hedge_output_kind_t)s->kind,
                             .format = (hedge_box_format_t)s->format,
                             .relative = s->units,
                             .activation = (hedge_output_activation_t)s->activation,
                             .background = (hedge_output_background_t)s->background,
                             .bins = (uint32_t)s->bins,
                             .offset = s->offset,
                             .classes = (uint32_t)s->classes,
                             .multi_label = s->multi_label,
                             .score = s->score,
                             .iou = s->iou,
                             .max = (uint32_t)s->max,
                             .nms = (hedge_output_nms_t)s->nms };
        int r = 0;

        if (s->variance.count != 2)
                return complain(&t, "variance", "wants two numbers");
        memcpy(o.variance, s->variance.values, sizeof(o.variance));
        if (o.kind == HEDGE_OUTPUT_CLASSES &&
            (s->tensors.count || s->boxes.count || s->scores.count || s->labels.count || s->levels.count))
                return complain(&t, "kind", "is classes, so no outputs can be named: is it boxes, or segmentation?");
        r = take_names(&t, "tensors", &s->tensors, &o.tensors);
        if (!r)
                r = take_names(&t, "boxes", &s->boxes, &o.boxes);
        if (!r)
                r = take_names(&t, "scores", &s->scores, &o.scores);
        if (!r)
                r = take_names(&t, "labels", &s->labels, &o.labels);
        if (!r)
                r = take_names(&t, "indices", &s->indices, &o.indices);
        if (!r)
                r = take_columns(&t, &s->columns, &o);
        if (!r && o.kind == HEDGE_OUTPUT_BOXES)
                r = take_levels(&t, &s->levels, &o);
        if (!r && o.kind == HEDGE_OUTPUT_BOXES)
                r = check_boxes(&t, &o);
        if (!r && o.kind == HEDGE_OUTPUT_SEGMENTATION)
                r = check_segmentation(&t, &o);
        if (!r)
                *ret = o;
        return r;
}

void hedge_manifest_write_quoted(const char *text, FILE *out)
{
        fputc('"', out);
        for (; *text; text++) {
                if (*text == '"' || *text == '\\')
                        fputc('\\', out);
                fputc(*text, out);
        }
        fputc('"', out);
}

static void write_names(const char *key, const hedge_output_names_t *names, FILE *out)
{
        fprintf(out, "  %s: [", key);
        for (uint32_t i = 0; i < names->count; i++) {
                fputs(i ? ", " : "", out);
                hedge_manifest_write_quoted(names->names[i], out);
        }
        fputs("]\n", out);
}

static void write_levels(const hedge_output_t *o, FILE *out)
{
        fprintf(out, "  levels:%s\n", o->n_levels ? "" : " []");
        for (uint32_t i = 0; i < o->n_levels; i++) {
                const hedge_output_level_t *level = &o->levels[i];

                fprintf(out, "  - stride: %u\n    anchors: [", level->stride);
                for (uint32_t a = 0; a < level->n_anchors; a++)
                        fprintf(out, "%s%.17g, %.17g", a ? ", " : "", level->anchors[a][0], level->anchors[a][1]);
                fputs("]\n", out);
        }
}

void hedge_manifest_write_output(const hedge_output_t *o, FILE *out)
{
        if (o->kind == HEDGE_OUTPUT_CLASSES)
                return;
        fprintf(out, "output:\n  kind: %s\n", hedge_output_kinds[o->kind]);
        write_names("tensors", &o->tensors, out);
        write_names("boxes", &o->boxes, out);
        write_names("scores", &o->scores, out);
        write_names("labels", &o->labels, out);
        write_names("indices", &o->indices, out);
        fputs("  columns: [", out);
        for (uint32_t i = 0; i < o->n_columns; i++)
                fprintf(out, "%s%s", i ? ", " : "", hedge_output_columns[o->columns[i]]);
        fprintf(out, "]\n  format: %s\n  units: %s\n", hedge_output_formats[o->format],
                hedge_output_units[o->relative]);
        fprintf(out, "  activation: %s\n  background: %s\n", hedge_output_activations[o->activation],
                hedge_output_backgrounds[o->background]);
        write_levels(o, out);
        fprintf(out, "  variance: [%.17g, %.17g]\n  offset: %.17g\n", o->variance[0], o->variance[1], o->offset);
        fprintf(out, "  bins: %u\n  classes: %u\n  multi_label: %s\n", o->bins, o->classes,
                o->multi_label ? "true" : "false");
        fprintf(out, "  score: %.17g\n  iou: %.17g\n  max: %u\n  nms: %s\n", o->score, o->iou, o->max,
                hedge_output_suppressions[o->nms]);
}

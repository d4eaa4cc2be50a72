/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "client/media/draw.h"
#include "client/media/picture_write.h"
#include "client/sight.h"

static const hedgec_colour_t black = { { 0, 0, 0 } }, grey = { { 128, 128, 128 } };

static void name_class(const hedgec_finding_t *finding, uint32_t class, char *text, size_t size)
{
        const char *name = hedgec_labels_name(finding->labels, class);

        if (name && *name)
                snprintf(text, size, "%s", name);
        else
                snprintf(text, size, "%u", class);
}

/* The worse ones first, so that the better ones lie above, and all names above all frames. */
static void draw_boxes(const hedgec_finding_t *finding, hedgec_picture_t *picture)
{
        const uint32_t scale = hedgec_draw_scale(picture);
        char name[256], text[272];

        for (uint32_t i = finding->n_boxes; i--;)
                hedgec_draw_frame(picture, finding->boxes[i].corners, scale,
                                  hedgec_class_colour(finding->boxes[i].class));
        for (uint32_t i = finding->n_boxes; i--;) {
                const hedge_box_t *box = &finding->boxes[i];

                name_class(finding, box->class, name, sizeof(name));
                snprintf(text, sizeof(text), "%s %.2f", name, (double)box->score);
                hedgec_draw_label(picture, box->corners, text, scale, hedgec_class_colour(box->class));
        }
}

static bool is_background(const hedgec_finding_t *finding, const hedge_output_t *output, uint32_t class)
{
        if (output->background == HEDGE_BACKGROUND_LAST && output->classes)
                return class + 1 == output->classes;
        if (output->background == HEDGE_BACKGROUND_LAST)
                return class + 1 == finding->labels->count;
        return output->background == HEDGE_BACKGROUND_FIRST && class == 0;
}

/* Background and what the model has not seen stay as they are. */
static void draw_mask(const hedgec_finding_t *finding, const hedge_output_t *output, hedgec_picture_t *picture,
                      unsigned opacity)
{
        hedgec_colour_t colours[256];
        bool left[256];

        for (uint32_t c = 0; c < 256; c++) {
                colours[c] = hedgec_class_colour(c);
                left[c] = c == HEDGE_DETECT_OUTSIDE || is_background(finding, output, c);
        }
        for (uint32_t y = 0; y < picture->height; y++)
                for (uint32_t x = 0; x < picture->width; x++) {
                        uint8_t class = finding->mask[(size_t)y * picture->width + x];

                        if (!left[class])
                                hedgec_draw_blend(picture, x, y, colours[class], opacity);
                }
}

/* The names of the classes that occur, one below the other. */
static void draw_legend(const hedgec_finding_t *finding, const hedge_output_t *output, hedgec_picture_t *picture)
{
        const uint32_t scale = hedgec_draw_scale(picture);
        float corners[4] = { (float)scale, (float)scale, 0, 0 };
        char name[256];

        for (uint32_t c = 0; c < HEDGE_DETECT_MAX_CLASSES; c++) {
                if (!finding->counts[c] || is_background(finding, output, c))
                        continue;
                if (corners[1] + (float)(9 * scale) > (float)picture->height)
                        break;
                name_class(finding, c, name, sizeof(name));
                corners[1] += (float)(9 * scale); /* a label stands above its corner */
                hedgec_draw_label(picture, corners, name, scale, hedgec_class_colour(c));
                corners[1] += (float)scale;
        }
}

int hedgec_sight_draw(const hedgec_finding_t *finding, const hedge_output_t *output, hedgec_picture_t *picture,
                      unsigned opacity, const char *path, hedge_why_t *why)
{
        int r = hedgec_draw_need_colours(picture, why);

        if (r < 0)
                return r;
        if (finding->kind == HEDGE_OUTPUT_BOXES) {
                draw_boxes(finding, picture);
        } else {
                draw_mask(finding, output, picture, opacity);
                draw_legend(finding, output, picture);
        }
        return hedgec_picture_save(picture, path, why);
}

int hedgec_sight_save_mask(const hedgec_finding_t *finding, const hedge_output_t *output, const char *path,
                           hedge_why_t *why)
{
        hedgec_colour_t palette[256];

        for (uint32_t c = 0; c < 256; c++)
                palette[c] = c == HEDGE_DETECT_OUTSIDE           ? grey
                             : is_background(finding, output, c) ? black
                                                                 : hedgec_class_colour(c);
        return hedgec_picture_save_indexed(finding->mask, finding->map.width, finding->map.height, palette, path, why);
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_DRAW_H
#define HEDGEC_DRAW_H

#include "client/media/picture.h"

/** Drawing on pictures of three channels. What lies outside is left out. */

typedef struct hedgec_colour {
        uint8_t rgb[3];
} hedgec_colour_t;

/** The colour of a class: those of neighbouring numbers are far apart. */
hedgec_colour_t hedgec_class_colour(uint32_t class);

/** How many pixels one of the font's is wide, so that text is legible on the whole picture: 1 up to 480 pixels, and then as the
 * longer side. */
uint32_t hedgec_draw_scale(const hedgec_picture_t *picture);

/** Fill the pixels from (x0, y0) to before (x1, y1). */
void hedgec_draw_fill(hedgec_picture_t *picture, int64_t x0, int64_t y0, int64_t x1, int64_t y1,
                      hedgec_colour_t colour);

/** The frame of a box, drawn inwards, `width` pixels wide. */
void hedgec_draw_frame(hedgec_picture_t *picture, const float corners[4], uint32_t width, hedgec_colour_t colour);

/** Text on a filled ground, above the box whose corners they are or, where there is no room, in it; always within the
 * picture, and cut where it is too long. Black or white, whichever stands out. Characters beyond ASCII are boxes. */
void hedgec_draw_label(hedgec_picture_t *picture, const float corners[4], const char *text, uint32_t scale,
                       hedgec_colour_t colour);

/** Blend a colour over one pixel, `opacity` percent of it. */
void hedgec_draw_blend(hedgec_picture_t *picture, uint32_t x, uint32_t y, hedgec_colour_t colour, unsigned opacity);

/** Make three channels of one. @return 0, -ENOMEM, HEDGE_ELIMIT. */
int hedgec_draw_need_colours(hedgec_picture_t *picture, hedge_why_t *why);

#endif

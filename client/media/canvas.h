/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_CANVAS_H
#define HEDGEC_CANVAS_H

#include "client/media/picture.h"

/** Where a decoder's rows become a picture: reduced while they come, and turned as the camera was held.
 *
 *     hedgec_canvas_t canvas = { 0 };
 *
 *     hedgec_canvas_open(&canvas, &(hedgec_rows_t){ .width = 640, .height = 480, .channels = 3, .orientation = 6 }, why);
 *     for (y = 0; y < 480; y++)
 *             hedgec_canvas_row(&canvas, row);
 *     picture = hedgec_canvas_take(&canvas);
 *     hedgec_canvas_close(&canvas); */

/** What will come. */
typedef struct hedgec_rows {
        uint32_t width, height, channels; /**< 1 or 3 channels */
        uint32_t reduction;               /**< squares of so many pixels become one, their mean; 0 and 1: none do */
        uint32_t reduced;                 /**< what the decoder has already reduced by; 0 and 1: nothing */
        unsigned orientation;             /**< of EXIF, 1 to 8 */
} hedgec_rows_t;

typedef struct hedgec_canvas {
        hedgec_rows_t rows;
        hedgec_picture_t picture;
        uint32_t row;   /**< the next to come */
        uint32_t *sums; /**< of the squares that are being read; reduction > 1 */
        uint8_t *means;
} hedgec_canvas_t;

/** The smallest reduction (1, 2, 3, ..., or with `by_doubling` 1, 2, 4, ...) that makes a picture fit HEDGEC_PICTURE_MAX_PIXELS. Its
 * size is checked against the limits. @return 0, HEDGE_EMALFORMED (a side is 0), HEDGE_ELIMIT. */
int hedgec_canvas_reduction(uint32_t width, uint32_t height, bool by_doubling, uint32_t *ret, hedge_why_t *why);

/** Take memory for the picture. @return 0, HEDGE_ELIMIT, -ENOMEM. */
int hedgec_canvas_open(hedgec_canvas_t *canvas, const hedgec_rows_t *rows, hedge_why_t *why);

/** The next row, width x channels samples; at most as many rows as were said. */
void hedgec_canvas_row(hedgec_canvas_t *canvas, const uint8_t *row);

/** The picture, once all rows have come. */
hedgec_picture_t hedgec_canvas_take(hedgec_canvas_t *canvas);

/** Free what is left; takes a canvas of zeros. */
void hedgec_canvas_close(hedgec_canvas_t *canvas);

#endif

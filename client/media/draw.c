/* SPDX-License-Identifier: Apache-2.0 */
#include "client/media/draw.h"

#include <math.h>
#include <string.h>

#include "client/media/font.h"

#define PIXELS_PER_SCALE 320 /* of the longer side: text is 1/45 of it */

static const hedgec_colour_t black = { { 0, 0, 0 } }, white = { { 255, 255, 255 } };

/* A step of the golden section round the colour circle leaves the colours of any run of numbers far apart; and every other one
 * is darker. */
hedgec_colour_t hedgec_class_colour(uint32_t class)
{
        double hue = fmod(class * .618033988749895 + .33, 1) * 6, value = class % 2 ? 200 : 255;
        hedgec_colour_t colour;

        for (unsigned c = 0; c < 3; c++) {
                double k = fmod(hue + 5 - 2 * c, 6), fall = fmin(k, 4 - k);

                fall = fall < 0 ? 0 : fall > 1 ? 1 : fall;
                colour.rgb[c] = (uint8_t)lrint(value * (1 - .9 * fall));
        }
        return colour;
}

uint32_t hedgec_draw_scale(const hedgec_picture_t *picture)
{
        uint32_t longer = picture->width > picture->height ? picture->width : picture->height;
        uint32_t scale = (longer + PIXELS_PER_SCALE / 2) / PIXELS_PER_SCALE;

        return scale ? scale : 1;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
        return value < low ? low : value > high ? high : value;
}

void hedgec_draw_fill(hedgec_picture_t *picture, int64_t x0, int64_t y0, int64_t x1, int64_t y1, hedgec_colour_t colour)
{
        x0 = clamp(x0, 0, picture->width);
        x1 = clamp(x1, 0, picture->width);
        y0 = clamp(y0, 0, picture->height);
        y1 = clamp(y1, 0, picture->height);
        for (int64_t y = y0; y < y1; y++)
                for (int64_t x = x0; x < x1; x++)
                        memcpy(picture->pixels + 3 * ((size_t)y * picture->width + (size_t)x), colour.rgb, 3);
}

void hedgec_draw_frame(hedgec_picture_t *picture, const float corners[4], uint32_t width, hedgec_colour_t colour)
{
        int64_t x0 = (int64_t)floorf(corners[0]), y0 = (int64_t)floorf(corners[1]);
        int64_t x1 = (int64_t)ceilf(corners[2]), y1 = (int64_t)ceilf(corners[3]);

        hedgec_draw_fill(picture, x0, y0, x1, y0 + width, colour);
        hedgec_draw_fill(picture, x0, y1 - width, x1, y1, colour);
        hedgec_draw_fill(picture, x0, y0, x0 + width, y1, colour);
        hedgec_draw_fill(picture, x1 - width, y0, x1, y1, colour);
}

static void draw_character(hedgec_picture_t *picture, int64_t x, int64_t y, uint32_t character, uint32_t scale,
                           hedgec_colour_t colour)
{
        for (uint32_t row = 0; row < HEDGEC_FONT_HEIGHT; row++)
                for (uint32_t column = 0; column < HEDGEC_FONT_WIDTH; column++)
                        if (hedgec_font_ink(character, column, row))
                                hedgec_draw_fill(picture, x + column * scale, y + row * scale, x + (column + 1) * scale,
                                                 y + (row + 1) * scale, colour);
}

/* How many characters of a text have room. */
static uint32_t count_characters(const char *text, uint32_t most)
{
        uint32_t n = 0;

        for (; *text && n < most; n++)
                hedgec_font_next(&text);
        return n;
}

void hedgec_draw_label(hedgec_picture_t *picture, const float corners[4], const char *text, uint32_t scale,
                       hedgec_colour_t colour)
{
        const bool bright = colour.rgb[0] * 299 + colour.rgb[1] * 587 + colour.rgb[2] * 114 > 140000;
        const int64_t step = (HEDGEC_FONT_WIDTH + 1) * scale, height = (HEDGEC_FONT_HEIGHT + 2) * scale;
        const uint32_t n = count_characters(text, (uint32_t)(picture->width / step));
        const int64_t width = n * step + scale;
        const int64_t x = clamp((int64_t)floorf(corners[0]), 0, clamp(picture->width - width, 0, picture->width));
        int64_t y = (int64_t)floorf(corners[1]) - height;

        y = clamp(y < 0 ? (int64_t)floorf(corners[1]) : y, 0, clamp(picture->height - height, 0, picture->height));
        hedgec_draw_fill(picture, x, y, x + width, y + height, colour);
        for (uint32_t i = 0; i < n; i++)
                draw_character(picture, x + scale + i * step, y + scale, hedgec_font_next(&text), scale,
                               bright ? black : white);
}

void hedgec_draw_blend(hedgec_picture_t *picture, uint32_t x, uint32_t y, hedgec_colour_t colour, unsigned opacity)
{
        uint8_t *pixel = picture->pixels + 3 * ((size_t)y * picture->width + x);

        for (unsigned c = 0; c < 3; c++)
                pixel[c] = (uint8_t)((pixel[c] * (100 - opacity) + colour.rgb[c] * opacity + 50) / 100);
}

int hedgec_draw_need_colours(hedgec_picture_t *picture, hedge_why_t *why)
{
        const size_t n = (size_t)picture->width * picture->height;
        hedgec_picture_t colours;
        int r;

        if (picture->channels == 3)
                return 0;
        r = hedgec_picture_alloc(picture->width, picture->height, 3, &colours, why);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++)
                memset(colours.pixels + 3 * i, picture->pixels[i], 3);
        hedgec_picture_release(picture);
        *picture = colours;
        return 0;
}

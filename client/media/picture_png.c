/* SPDX-License-Identifier: Apache-2.0 */
#include "client/media/picture_png.h"

#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "client/media/canvas.h"
#include "client/media/exif.h"

#define MAX_CHUNK_BYTES (8u << 20) /* of chunks that libpng keeps, such as text and profiles */

/* Everything lives here and not in locals, which a longjmp would leave undefined. */
typedef struct decoder {
        const uint8_t *bytes;
        size_t left;
        png_structp png;
        png_infop info;
        hedgec_canvas_t canvas;
        size_t row_bytes;
        uint8_t *buffer;  /* one row, or all of an interlaced picture */
        uint32_t samples; /* of a pixel as it comes: grey or RGB, with or without alpha */
        hedge_why_t *why;
        int code; /* what to return when libpng jumps out */
} decoder_t;

static void on_error(png_structp png, png_const_charp message)
{
        decoder_t *d = png_get_error_ptr(png);

        hedge_why(d->why, d->code, "is a damaged PNG: %s", message);
        png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp message)
{
}

static void on_read(png_structp png, png_bytep to, size_t n)
{
        decoder_t *d = png_get_io_ptr(png);

        if (n > d->left)
                png_error(png, "it ends early");
        memcpy(to, d->bytes, n);
        d->bytes += n;
        d->left -= n;
}

/* Whatever the file has becomes 1 to 4 channels of 8 bits: grey or RGB, with or without alpha. */
static void ask_for_8_bit(decoder_t *d)
{
        png_set_expand(d->png);
        png_set_scale_16(d->png);
        png_set_packing(d->png);
}

/* Lay a row of grey or RGB with alpha over white, in place. */
static void drop_alpha(uint8_t *row, uint32_t width, uint32_t samples)
{
        uint32_t colours = samples - 1;
        const uint8_t *from = row;

        for (; width; width--, from += samples) {
                unsigned alpha = from[colours];

                for (uint32_t c = 0; c < colours; c++)
                        *row++ = (uint8_t)((from[c] * alpha + 255 * (255 - alpha) + 127) / 255);
        }
}

static void give_row(decoder_t *d, uint8_t *row)
{
        if (d->samples % 2 == 0)
                drop_alpha(row, d->canvas.rows.width, d->samples);
        hedgec_canvas_row(&d->canvas, row);
}

/* What the picture needs, whose rows come one by one, or (interlaced) again and again. */
static int prepare(decoder_t *d, const hedgec_rows_t *stored)
{
        bool interlaced = png_get_interlace_type(d->png, d->info) != PNG_INTERLACE_NONE;
        hedgec_rows_t rows = *stored;
        int r;

        rows.width = png_get_image_width(d->png, d->info);
        rows.height = png_get_image_height(d->png, d->info);
        d->samples = png_get_channels(d->png, d->info);
        rows.channels = d->samples - (d->samples % 2 == 0);
        r = hedgec_canvas_reduction(rows.width, rows.height, false, &rows.reduction, d->why);
        if (r < 0)
                return r;
        if (interlaced && rows.reduction > 1)
                return hedge_why(d->why, HEDGE_ELIMIT,
                                 "is an interlaced PNG of %u x %u pixels; above %u megapixels only PNGs that are not "
                                 "interlaced are read: convert it",
                                 rows.width, rows.height, HEDGEC_PICTURE_MAX_PIXELS >> 20);
        r = hedgec_canvas_open(&d->canvas, &rows, d->why);
        if (r < 0)
                return r;
        d->row_bytes = (size_t)rows.width * d->samples;
        d->buffer = malloc(d->row_bytes * (interlaced ? rows.height : 1));
        return d->buffer ? 0 : hedge_why(d->why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));
}

static void read_rows(decoder_t *d, int passes)
{
        for (int pass = 1; pass <= passes; pass++)
                for (uint32_t y = 0; y < d->canvas.rows.height; y++) {
                        uint8_t *row = d->buffer + (passes > 1 ? y * d->row_bytes : 0);

                        png_read_row(d->png, row, NULL);
                        if (pass == passes)
                                give_row(d, row);
                }
}

static int read_picture(decoder_t *d, const hedgec_rows_t *rows)
{
        int passes, r;

        if (setjmp(png_jmpbuf(d->png)))
                return d->code;
        png_read_info(d->png, d->info);
        ask_for_8_bit(d);
        passes = png_set_interlace_handling(d->png);
        png_read_update_info(d->png, d->info);
        r = prepare(d, rows);
        if (r < 0)
                return r;
        if (png_get_rowbytes(d->png, d->info) != d->row_bytes)
                png_error(d->png, "its rows have an odd size");
        read_rows(d, passes);
        png_read_end(d->png, NULL);
        return 0;
}

int hedgec_picture_decode_png(const uint8_t *bytes, size_t size, bool as_stored, hedgec_picture_t *ret,
                              hedge_why_t *why)
{
        const hedgec_rows_t rows = { .orientation = as_stored ? 1 : hedgec_exif_of_png(bytes, size) };
        decoder_t d = { .bytes = bytes, .left = size, .why = why, .code = HEDGE_EMALFORMED };
        int r = -ENOMEM;

        d.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &d, on_error, on_warning);
        if (d.png)
                d.info = png_create_info_struct(d.png);
        if (d.info) {
                png_set_user_limits(d.png, HEDGEC_PICTURE_MAX_SIDE, HEDGEC_PICTURE_MAX_SIDE);
                png_set_chunk_malloc_max(d.png, MAX_CHUNK_BYTES);
                png_set_crc_action(d.png, PNG_CRC_DEFAULT, PNG_CRC_ERROR_QUIT); /* transparency is such a chunk too */
                png_set_read_fn(d.png, &d, on_read);
                r = read_picture(&d, &rows);
        } else {
                hedge_why(why, r, "%s", hedge_strerror(r));
        }
        png_destroy_read_struct(&d.png, &d.info, NULL);
        if (!r)
                *ret = hedgec_canvas_take(&d.canvas);
        hedgec_canvas_close(&d.canvas);
        free(d.buffer);
        return r;
}

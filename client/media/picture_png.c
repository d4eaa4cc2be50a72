/* SPDX-License-Identifier: Apache-2.0 */
#include "client/media/picture_png.h"

#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CHUNK_BYTES (8u << 20) /* of chunks that libpng keeps, such as text and profiles */

/* Everything lives here and not in locals, which a longjmp would leave undefined. */
typedef struct decoder {
        const uint8_t *bytes;
        size_t left;
        png_structp png;
        png_infop info;
        hedgec_picture_t picture;
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

static int read_pixels(decoder_t *d)
{
        int passes, r;
        size_t row_bytes;

        if (setjmp(png_jmpbuf(d->png)))
                return d->code;
        png_read_info(d->png, d->info);
        ask_for_8_bit(d);
        passes = png_set_interlace_handling(d->png);
        png_read_update_info(d->png, d->info);
        r = hedgec_picture_alloc(png_get_image_width(d->png, d->info), png_get_image_height(d->png, d->info),
                                 png_get_channels(d->png, d->info), &d->picture, d->why);
        if (r < 0)
                return r;
        row_bytes = (size_t)d->picture.width * d->picture.channels;
        if (png_get_rowbytes(d->png, d->info) != row_bytes)
                png_error(d->png, "its rows have an odd size");
        for (; passes > 0; passes--)
                for (uint32_t y = 0; y < d->picture.height; y++)
                        png_read_row(d->png, d->picture.pixels + y * row_bytes, NULL);
        png_read_end(d->png, NULL);
        return 0;
}

/* Lay grey or RGB with alpha over white, in place. */
static void drop_alpha(hedgec_picture_t *picture)
{
        size_t n = (size_t)picture->width * picture->height;
        uint32_t colours = picture->channels - 1;
        const uint8_t *from = picture->pixels;
        uint8_t *to = picture->pixels;

        if (picture->channels % 2)
                return;
        for (; n; n--, from += colours + 1) {
                unsigned alpha = from[colours];

                for (uint32_t c = 0; c < colours; c++)
                        *to++ = (uint8_t)((from[c] * alpha + 255 * (255 - alpha) + 127) / 255);
        }
        picture->channels = colours;
}

int hedgec_picture_decode_png(const uint8_t *bytes, size_t size, hedgec_picture_t *ret, hedge_why_t *why)
{
        decoder_t d = { .bytes = bytes, .left = size, .why = why, .code = HEDGE_EMALFORMED };
        int r = -ENOMEM;

        d.png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &d, on_error, on_warning);
        if (d.png)
                d.info = png_create_info_struct(d.png);
        if (d.info) {
                png_set_user_limits(d.png, HEDGEC_PICTURE_MAX_SIDE, HEDGEC_PICTURE_MAX_SIDE);
                png_set_chunk_malloc_max(d.png, MAX_CHUNK_BYTES);
                png_set_read_fn(d.png, &d, on_read);
                r = read_pixels(&d);
        } else {
                hedge_why(why, r, "%s", hedge_strerror(r));
        }
        png_destroy_read_struct(&d.png, &d.info, NULL);
        if (r < 0) {
                hedgec_picture_release(&d.picture);
                return r;
        }
        drop_alpha(&d.picture);
        *ret = d.picture;
        return 0;
}

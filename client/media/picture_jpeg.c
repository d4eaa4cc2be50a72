/* SPDX-License-Identifier: Apache-2.0 */
#include "client/media/picture_jpeg.h"

#include <errno.h>
#include <setjmp.h>
#include <stdio.h> /* jpeglib.h wants it before itself */
#include <stdlib.h>

#include <jerror.h>
#include <jpeglib.h>

#include "client/media/canvas.h"
#include "client/media/exif.h"

/* Of a progressive file, whose scans each cost a walk over the picture: a few thousand bytes can ask for very many. */
#define MAX_SCANS        500
#define MAX_SCANS_PIXELS (UINT64_C(1) << 33)

/* Everything lives here and not in locals, which a longjmp would leave undefined. */
typedef struct decoder {
        struct jpeg_decompress_struct jpeg;
        struct jpeg_error_mgr errors;
        struct jpeg_progress_mgr progress;
        jmp_buf out;
        hedgec_canvas_t canvas;
        uint8_t *row;
        hedge_why_t *why;
        int code; /* what to return when libjpeg jumps out */
} decoder_t;

/* Why a whole JPEG is not read, else NULL. */
static const char *unsupported(int message)
{
        switch (message) {
        case JERR_BAD_PRECISION:
                return "is a JPEG of samples of more than 8 bits, or without losses";
        case JERR_SOF_UNSUPPORTED:
                return "is a JPEG of a rare kind (lossless or hierarchical)";
        case JERR_ARITH_NOTIMPL:
                return "is a JPEG with arithmetic coding, which this libjpeg does not read";
        case JERR_CONVERSION_NOTIMPL:
                return "is a JPEG of colours that are neither grey, RGB, YCbCr, CMYK nor YCCK";
        default:
                return NULL;
        }
}

static void on_error(j_common_ptr jpeg)
{
        decoder_t *d = jpeg->client_data;
        const char *what = unsupported(jpeg->err->msg_code);
        char text[JMSG_LENGTH_MAX];

        jpeg->err->format_message(jpeg, text);
        if (jpeg->err->msg_code == JERR_NO_BACKING_STORE)
                d->code = hedge_why(
                        d->why, HEDGE_ELIMIT,
                        "is a JPEG of %u x %u pixels in scans of the whole picture, which take more than %u MiB "
                        "of memory: convert it to a baseline JPEG",
                        d->jpeg.image_width, d->jpeg.image_height, HEDGEC_PICTURE_MEMORY >> 20);
        else if (jpeg->err->msg_code == JERR_IMAGE_TOO_BIG)
                d->code = hedge_why(d->why, HEDGE_ELIMIT, "is a JPEG of more than %ld pixels on a side",
                                    (long)JPEG_MAX_DIMENSION);
        else if (what)
                d->code = hedge_why(d->why, HEDGE_EUNSUPPORTED, "%s: convert it", what);
        else
                d->code = hedge_why(d->why, HEDGE_EMALFORMED, "is a damaged JPEG: %s", text);
        longjmp(d->out, 1);
}

/* libjpeg only warns of missing or wrong pixels and paints them grey; only stray bytes and odd headers do no harm. */
static void on_message(j_common_ptr jpeg, int level)
{
        switch (jpeg->err->msg_code) {
        case JWRN_ADOBE_XFORM:
        case JWRN_EXTRANEOUS_DATA:
        case JWRN_JFIF_MAJOR:
        case JWRN_NOT_SEQUENTIAL:
                return;
        default:
                if (level < 0)
                        on_error(jpeg);
        }
}

static void on_output(j_common_ptr jpeg)
{
}

static void on_progress(j_common_ptr jpeg)
{
        decoder_t *d = jpeg->client_data;

        unsigned scans = (unsigned)d->jpeg.input_scan_number;

        if (scans <= MAX_SCANS && (uint64_t)d->jpeg.image_width * d->jpeg.image_height * scans <= MAX_SCANS_PIXELS)
                return;
        d->code = hedge_why(d->why, HEDGE_ELIMIT, "is a JPEG of %u x %u pixels and more than %u scans over them",
                            d->jpeg.image_width, d->jpeg.image_height, scans - 1);
        longjmp(d->out, 1);
}

/* Into grey, RGB or CMYK; YCbCr and YCCK are converted by libjpeg. */
static int choose_colours(decoder_t *d)
{
        switch (d->jpeg.num_components) {
        case 1:
                d->jpeg.out_color_space = JCS_GRAYSCALE;
                return 0;
        case 3:
                d->jpeg.out_color_space = JCS_RGB;
                return 0;
        case 4:
                d->jpeg.out_color_space = JCS_CMYK;
                return 0;
        default:
                return hedge_why(d->why, HEDGE_EUNSUPPORTED, "is a JPEG of %d channels; 1, 3 or 4 are wanted",
                                 d->jpeg.num_components);
        }
}

/* Ink to light, in place: what passes the ink of a colour and black. Adobe, whose mark such files nearly all have, writes
 * how much light there is and not how much ink. */
static void cmyk_to_rgb(uint8_t *row, uint32_t width, bool inverted)
{
        const uint8_t *from = row;

        for (; width; width--, from += 4) {
                unsigned black = inverted ? from[3] : 255u - from[3];

                for (unsigned c = 0; c < 3; c++)
                        *row++ = (uint8_t)(((inverted ? from[c] : 255u - from[c]) * black + 127) / 255);
        }
}

static int prepare(decoder_t *d, const hedgec_rows_t *stored)
{
        hedgec_rows_t rows = *stored;
        int r = hedgec_canvas_reduction(d->jpeg.image_width, d->jpeg.image_height, true, &rows.reduced, d->why);

        if (!r)
                r = choose_colours(d);
        if (r < 0)
                return r;
        d->jpeg.scale_num = 1;
        d->jpeg.scale_denom = rows.reduced;
        jpeg_calc_output_dimensions(&d->jpeg);
        rows.width = d->jpeg.output_width;
        rows.height = d->jpeg.output_height;
        rows.channels = d->jpeg.num_components == 1 ? 1 : 3;
        r = hedgec_canvas_open(&d->canvas, &rows, d->why);
        if (r < 0)
                return r;
        d->jpeg.mem->max_memory_to_use =
                HEDGEC_PICTURE_MEMORY - (long)((size_t)rows.width * rows.height * rows.channels);
        d->row = malloc((size_t)rows.width * (unsigned)d->jpeg.num_components);
        return d->row ? 0 : hedge_why(d->why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));
}

static int read_pixels(decoder_t *d, const uint8_t *bytes, size_t size, const hedgec_rows_t *rows)
{
        int r;

        if (setjmp(d->out))
                return d->code;
        jpeg_create_decompress(&d->jpeg);
        d->jpeg.progress = &d->progress;
        jpeg_mem_src(&d->jpeg, bytes, size);
        jpeg_read_header(&d->jpeg, TRUE);
        r = prepare(d, rows);
        if (r < 0)
                return r;
        jpeg_start_decompress(&d->jpeg);
        while (d->jpeg.output_scanline < d->jpeg.output_height) {
                jpeg_read_scanlines(&d->jpeg, (JSAMPROW[]){ d->row }, 1);
                if (d->jpeg.out_color_space == JCS_CMYK)
                        cmyk_to_rgb(d->row, d->jpeg.output_width, d->jpeg.saw_Adobe_marker);
                hedgec_canvas_row(&d->canvas, d->row);
        }
        jpeg_finish_decompress(&d->jpeg);
        return 0;
}

int hedgec_picture_decode_jpeg(const uint8_t *bytes, size_t size, bool as_stored, hedgec_picture_t *ret,
                               hedge_why_t *why)
{
        const hedgec_rows_t rows = { .orientation = as_stored ? 1 : hedgec_exif_of_jpeg(bytes, size) };
        decoder_t d = { .progress = { .progress_monitor = on_progress }, .why = why };
        int r;

        d.jpeg.err = jpeg_std_error(&d.errors);
        d.errors.error_exit = on_error;
        d.errors.emit_message = on_message;
        d.errors.output_message = on_output;
        d.jpeg.client_data = &d;
        r = read_pixels(&d, bytes, size, &rows);
        jpeg_destroy_decompress(&d.jpeg);
        if (!r)
                *ret = hedgec_canvas_take(&d.canvas);
        hedgec_canvas_close(&d.canvas);
        free(d.row);
        return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "client/media/picture_jpeg.h"

#include <setjmp.h>
#include <stdio.h> /* jpeglib.h wants it before itself */

#include <jerror.h>
#include <jpeglib.h>

#define MAX_SCANS 500 /* of a progressive file; each costs a walk over the picture */

/* Everything lives here and not in locals, which a longjmp would leave undefined. */
typedef struct decoder {
        struct jpeg_decompress_struct jpeg;
        struct jpeg_error_mgr errors;
        struct jpeg_progress_mgr progress;
        jmp_buf out;
        hedgec_picture_t picture;
        hedge_why_t *why;
} decoder_t;

static void on_error(j_common_ptr jpeg)
{
        decoder_t *d = jpeg->client_data;
        char text[JMSG_LENGTH_MAX];

        jpeg->err->format_message(jpeg, text);
        hedge_why(d->why, HEDGE_EMALFORMED, "is a damaged JPEG: %s", text);
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

        if (d->jpeg.input_scan_number <= MAX_SCANS)
                return;
        hedge_why(d->why, HEDGE_EMALFORMED, "is a JPEG of more than %d scans", MAX_SCANS);
        longjmp(d->out, 1);
}

static int read_pixels(decoder_t *d, const uint8_t *bytes, size_t size)
{
        int r;

        if (setjmp(d->out))
                return HEDGE_EMALFORMED;
        jpeg_create_decompress(&d->jpeg);
        d->jpeg.progress = &d->progress;
        jpeg_mem_src(&d->jpeg, bytes, size);
        jpeg_read_header(&d->jpeg, TRUE);
        if (d->jpeg.num_components != 1 && d->jpeg.num_components != 3)
                return hedge_why(d->why, HEDGE_EUNSUPPORTED, "is a JPEG of %d channels (CMYK?); grey or RGB is wanted",
                                 d->jpeg.num_components);
        d->jpeg.out_color_space = d->jpeg.num_components == 1 ? JCS_GRAYSCALE : JCS_RGB;
        r = hedgec_picture_alloc(d->jpeg.image_width, d->jpeg.image_height, (uint32_t)d->jpeg.num_components,
                                 &d->picture, d->why);
        if (r < 0)
                return r;
        jpeg_start_decompress(&d->jpeg);
        while (d->jpeg.output_scanline < d->jpeg.output_height) {
                JSAMPROW row =
                        d->picture.pixels + (size_t)d->jpeg.output_scanline * d->picture.width * d->picture.channels;

                jpeg_read_scanlines(&d->jpeg, &row, 1);
        }
        jpeg_finish_decompress(&d->jpeg);
        return 0;
}

int hedgec_picture_decode_jpeg(const uint8_t *bytes, size_t size, hedgec_picture_t *ret, hedge_why_t *why)
{
        decoder_t d = { .progress = { .progress_monitor = on_progress }, .why = why };
        int r;

        d.jpeg.err = jpeg_std_error(&d.errors);
        d.errors.error_exit = on_error;
        d.errors.emit_message = on_message;
        d.errors.output_message = on_output;
        d.jpeg.client_data = &d;
        r = read_pixels(&d, bytes, size);
        jpeg_destroy_decompress(&d.jpeg);
        if (r < 0)
                hedgec_picture_release(&d.picture);
        else
                *ret = d.picture;
        return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "client/media/picture.h"

#include <errno.h>
#include <stdlib.h>

#include "client/media/file.h"
#include "client/media/picture_jpeg.h"
#include "client/media/picture_png.h"
#include "client/media/picture_pnm.h"
#include "common/io/kind.h"

void hedgec_picture_release(hedgec_picture_t *picture)
{
        free(picture->pixels);
        *picture = (hedgec_picture_t){ .pixels = NULL };
}

int hedgec_picture_alloc(uint32_t width, uint32_t height, uint32_t channels, hedgec_picture_t *ret, hedge_why_t *why)
{
        uint8_t *pixels;

        if (!width || !height || !channels)
                return hedge_why(why, HEDGE_EMALFORMED, "is an empty picture");
        if (width > HEDGEC_PICTURE_MAX_SIDE || height > HEDGEC_PICTURE_MAX_SIDE ||
            (uint64_t)width * height > HEDGEC_PICTURE_MAX_PIXELS)
                return hedge_why(why, HEDGE_ELIMIT, "is %u x %u pixels; at most %u megapixels are kept", width, height,
                                 HEDGEC_PICTURE_MAX_PIXELS >> 20);
        pixels = malloc((size_t)width * height * channels);
        if (!pixels)
                return hedge_why(why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));
        *ret = (hedgec_picture_t){
                .width = width, .height = height, .channels = channels, .reduction = 1, .pixels = pixels
        };
        return 0;
}

int hedgec_picture_decode(const uint8_t *bytes, size_t size, bool as_stored, hedgec_picture_t *ret, hedge_why_t *why)
{
        switch (hedge_kind(bytes, size)) {
        case HEDGE_KIND_PNG:
                return hedgec_picture_decode_png(bytes, size, as_stored, ret, why);
        case HEDGE_KIND_JPEG:
                return hedgec_picture_decode_jpeg(bytes, size, as_stored, ret, why);
        case HEDGE_KIND_PNM:
                return hedgec_picture_decode_pnm(bytes, size, ret, why);
        case HEDGE_KIND_UNKNOWN:
                return hedge_why(why, HEDGE_EMALFORMED, "is %s; pictures are read from PNG, JPEG, PPM, PGM and PBM",
                                 size ? "no picture that hedge knows" : "empty");
        default:
                return hedge_why(why, HEDGE_EMALFORMED, "is %s; pictures are read from PNG, JPEG, PPM, PGM and PBM",
                                 hedge_kind_text(bytes, size));
        }
}

int hedgec_picture_load(const char *path, bool as_stored, hedgec_picture_t *ret, hedge_why_t *why)
{
        hedge_why_t what = { .text = "" };
        uint8_t *bytes = NULL;
        size_t size = 0;
        int r;

        r = hedgec_file_read(path, HEDGEC_PICTURE_MAX_BYTES, &bytes, &size, why);
        if (r < 0)
                return r;
        r = hedgec_picture_decode(bytes, size, as_stored, ret, &what);
        free(bytes);
        return r < 0 ? hedge_why(why, r, "%s: %.300s", hedgec_file_name(path), what.text) : 0;
}

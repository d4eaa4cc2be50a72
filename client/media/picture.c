/* SPDX-License-Identifier: Apache-2.0 */
#include "client/media/picture.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "client/media/file.h"
#include "client/media/picture_jpeg.h"
#include "client/media/picture_png.h"

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
                return hedge_why(why, HEDGE_ELIMIT, "is %u x %u pixels; at most %u megapixels are read", width, height,
                                 HEDGEC_PICTURE_MAX_PIXELS >> 20);
        pixels = malloc((size_t)width * height * channels);
        if (!pixels)
                return hedge_why(why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));
        *ret = (hedgec_picture_t){ .width = width, .height = height, .channels = channels, .pixels = pixels };
        return 0;
}

static bool is_space(int c)
{
        return c == ' ' || (c >= '\t' && c <= '\r');
}

/* A number of a PNM header, with the white space and comments before it; bounded so that it cannot overflow. */
static int pnm_number(const uint8_t **at, const uint8_t *end, uint32_t *ret)
{
        const uint8_t *p = *at;
        uint32_t value = 0;

        while (p < end && (is_space(*p) || *p == '#')) {
                if (*p == '#')
                        p = memchr(p, '\n', (size_t)(end - p));
                if (!p)
                        return HEDGE_EMALFORMED;
                p++;
        }
        if (p == end || *p < '0' || *p > '9')
                return HEDGE_EMALFORMED;
        for (; p < end && *p >= '0' && *p <= '9'; p++) {
                value = value * 10 + (*p - (uint32_t)'0');
                if (value > 100000000)
                        return HEDGE_EMALFORMED;
        }
        *at = p;
        *ret = value;
        return 0;
}

/* Copy samples of 0 .. maxval as 0 .. 255. */
static int stretch(const uint8_t *from, size_t n, uint32_t maxval, uint8_t *to)
{
        for (size_t i = 0; i < n; i++) {
                if (from[i] > maxval)
                        return HEDGE_EMALFORMED;
                to[i] = (uint8_t)((from[i] * 255u + maxval / 2) / maxval);
        }
        return 0;
}

static int decode_pnm(const uint8_t *bytes, size_t size, hedgec_picture_t *ret, hedge_why_t *why)
{
        const uint8_t *at = bytes + 2, *end = bytes + size;
        uint32_t width, height, maxval, channels = bytes[1] == '6' ? 3 : 1;
        hedgec_picture_t picture = { .pixels = NULL };
        size_t n;
        int r;

        if (pnm_number(&at, end, &width) || pnm_number(&at, end, &height) || pnm_number(&at, end, &maxval) ||
            at == end || !is_space(*at++))
                return hedge_why(why, HEDGE_EMALFORMED, "is a damaged PPM or PGM: its header cannot be read");
        if (!maxval || maxval > 255)
                return hedge_why(why, HEDGE_EUNSUPPORTED, "is a PPM or PGM of samples up to %u; 1 to 255 is wanted",
                                 maxval);
        n = (size_t)width * height;
        if (n <= HEDGEC_PICTURE_MAX_PIXELS && (size_t)(end - at) < n * channels)
                return hedge_why(why, HEDGE_EMALFORMED, "is a damaged PPM or PGM: it ends early");
        r = hedgec_picture_alloc(width, height, channels, &picture, why);
        if (r < 0)
                return r;
        r = stretch(at, n * channels, maxval, picture.pixels);
        if (r < 0) {
                hedgec_picture_release(&picture);
                return hedge_why(why, r, "is a damaged PPM or PGM: a sample is above %u", maxval);
        }
        *ret = picture;
        return 0;
}

int hedgec_picture_decode(const uint8_t *bytes, size_t size, hedgec_picture_t *ret, hedge_why_t *why)
{
        if (size >= 8 && !memcmp(bytes, "\x89PNG\r\n\x1a\n", 8))
                return hedgec_picture_decode_png(bytes, size, ret, why);
        if (size >= 3 && !memcmp(bytes, "\xff\xd8\xff", 3))
                return hedgec_picture_decode_jpeg(bytes, size, ret, why);
        if (size >= 3 && bytes[0] == 'P' && (bytes[1] == '5' || bytes[1] == '6') &&
            (is_space(bytes[2]) || bytes[2] == '#'))
                return decode_pnm(bytes, size, ret, why);
        return hedge_why(why, HEDGE_EMALFORMED, "is no picture that hedge knows: PNG, JPEG, PPM (P6) or PGM (P5)");
}

int hedgec_picture_load(const char *path, hedgec_picture_t *ret, hedge_why_t *why)
{
        hedge_why_t what = { .text = "" };
        uint8_t *bytes = NULL;
        size_t size = 0;
        int r;

        r = hedgec_file_read(path, HEDGEC_PICTURE_MAX_BYTES, &bytes, &size, why);
        if (r < 0)
                return r;
        r = hedgec_picture_decode(bytes, size, ret, &what);
        free(bytes);
        return r < 0 ? hedge_why(why, r, "%s: %.300s", path, what.text) : 0;
}

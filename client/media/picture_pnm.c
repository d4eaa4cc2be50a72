/* SPDX-License-Identifier: Apache-2.0 */
#include "client/media/picture_pnm.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/media/canvas.h"

/* P1 to P3 are text, P4 to P6 the same in bytes: black and white, grey, RGB. */
typedef struct reader {
        const uint8_t *at, *end;
        char kind;
        uint32_t maxval;
        hedgec_canvas_t canvas;
} reader_t;

static bool is_space(int c)
{
        return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool skip_space(reader_t *p)
{
        while (p->at < p->end && (is_space(*p->at) || *p->at == '#')) {
                if (*p->at == '#')
                        p->at = memchr(p->at, '\n', (size_t)(p->end - p->at));
                if (!p->at)
                        return false;
                p->at++;
        }
        return p->at < p->end;
}

/* A number, with the white space and comments before it; bounded so that it cannot overflow. */
static bool take_number(reader_t *p, uint32_t *ret)
{
        uint32_t value = 0;

        if (!skip_space(p) || *p->at < '0' || *p->at > '9')
                return false;
        for (; p->at < p->end && *p->at >= '0' && *p->at <= '9'; p->at++) {
                value = value * 10 + (*p->at - (uint32_t)'0');
                if (value > 100000000)
                        return false;
        }
        *ret = value;
        return true;
}

/* In P1 the digits may stand without space between. */
static bool take_bit(reader_t *p, uint32_t *ret)
{
        if (!skip_space(p) || (*p->at != '0' && *p->at != '1'))
                return false;
        *ret = *p->at++ == '0'; /* 1 is black */
        return true;
}

static bool take_sample(reader_t *p, uint32_t x, uint32_t *ret)
{
        unsigned bytes = p->maxval > 255 ? 2 : 1;

        switch (p->kind) {
        case '1':
                return take_bit(p, ret);
        case '2':
        case '3':
                return take_number(p, ret);
        case '4': /* eight in a byte, each row beginning with a new one */
                if (p->at == p->end)
                        return false;
                *ret = !(*p->at >> (7 - x % 8) & 1);
                p->at += x % 8 == 7 || x + 1 == p->canvas.rows.width;
                return true;
        default:
                if ((size_t)(p->end - p->at) < bytes)
                        return false;
                *ret = bytes == 2 ? (uint32_t)p->at[0] << 8 | p->at[1] : p->at[0];
                p->at += bytes;
                return true;
        }
}

/* Samples of 0 .. maxval become 0 .. 255. */
static int read_row(reader_t *p, uint8_t *row, hedge_why_t *why)
{
        uint32_t n = p->canvas.rows.width * p->canvas.rows.channels, sample;

        for (uint32_t x = 0; x < n; x++) {
                if (!take_sample(p, x, &sample))
                        return hedge_why(why, HEDGE_EMALFORMED, "is a damaged PPM, PGM or PBM: it ends early");
                if (sample > p->maxval)
                        return hedge_why(why, HEDGE_EMALFORMED, "is a damaged PPM or PGM: a sample is above %u",
                                         p->maxval);
                row[x] = (uint8_t)((sample * 255 + p->maxval / 2) / p->maxval);
        }
        return 0;
}

static int read_rows(reader_t *p, hedge_why_t *why)
{
        uint8_t *row = malloc((size_t)p->canvas.rows.width * p->canvas.rows.channels);
        int r = row ? 0 : hedge_why(why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));

        for (uint32_t y = 0; !r && y < p->canvas.rows.height; y++) {
                r = read_row(p, row, why);
                if (!r)
                        hedgec_canvas_row(&p->canvas, row);
        }
        free(row);
        return r;
}

static int read_header(reader_t *p, hedgec_rows_t *rows, hedge_why_t *why)
{
        bool bits = p->kind == '1' || p->kind == '4';

        p->maxval = 1;
        rows->channels = p->kind == '3' || p->kind == '6' ? 3 : 1;
        if (!take_number(p, &rows->width) || !take_number(p, &rows->height) || (!bits && !take_number(p, &p->maxval)) ||
            p->at == p->end || !is_space(*p->at++))
                return hedge_why(why, HEDGE_EMALFORMED, "is a damaged PPM, PGM or PBM: its header cannot be read");
        if (!p->maxval || p->maxval > 65535)
                return hedge_why(why, HEDGE_EUNSUPPORTED, "is a PPM or PGM of samples up to %u; 1 to 65535 is wanted",
                                 p->maxval);
        return hedgec_canvas_reduction(rows->width, rows->height, false, &rows->reduction, why);
}

int hedgec_picture_decode_pnm(const uint8_t *bytes, size_t size, hedgec_picture_t *ret, hedge_why_t *why)
{
        reader_t p = { .at = bytes + 2, .end = bytes + size, .kind = (char)bytes[1] };
        hedgec_rows_t rows = { .orientation = 1 };
        int r = read_header(&p, &rows, why);

        if (!r)
                r = hedgec_canvas_open(&p.canvas, &rows, why);
        if (!r)
                r = read_rows(&p, why);
        if (!r)
                *ret = hedgec_canvas_take(&p.canvas);
        hedgec_canvas_close(&p.canvas);
        return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/media/exif.h"
#include "client/media/picture.h"
#include "test/unit/picture_bed.h"

#define WIDTH  21
#define HEIGHT 13
#define PIXELS (WIDTH * HEIGHT)

/* What is done with a print in the hand. */
static hedgec_picture_t mirrored(hedgec_picture_t p)
{
        hedgec_picture_t q;

        assert_int_equal(hedgec_picture_alloc(p.width, p.height, 3, &q, NULL), 0);
        for (unsigned y = 0; y < p.height; y++)
                for (unsigned x = 0; x < p.width; x++)
                        memcpy(q.pixels + 3 * (y * p.width + p.width - 1 - x), p.pixels + 3 * (y * p.width + x), 3);
        hedgec_picture_release(&p);
        return q;
}

static hedgec_picture_t turned_clockwise(hedgec_picture_t p)
{
        hedgec_picture_t q;

        assert_int_equal(hedgec_picture_alloc(p.height, p.width, 3, &q, NULL), 0);
        for (unsigned y = 0; y < p.height; y++)
                for (unsigned x = 0; x < p.width; x++)
                        memcpy(q.pixels + 3 * (x * p.height + p.height - 1 - y), p.pixels + 3 * (y * p.width + x), 3);
        hedgec_picture_release(&p);
        return q;
}

/* Mirror it, or not, and then turn it clockwise by so many quarters, so that it is seen as the tag says. */
static const struct {
        bool mirror;
        unsigned quarters;
} ways[] = { { 0 },       { false, 0 }, { true, 0 }, { false, 2 }, { true, 2 },
             { true, 3 }, { false, 1 }, { true, 1 }, { false, 3 } };

static hedgec_picture_t decode(const file_t *f, bool as_stored)
{
        hedgec_picture_t p = { 0 };
        hedge_why_t why = { "" };

        if (hedgec_picture_decode(f->bytes, f->size, as_stored, &p, &why))
                fail_msg("%s", why.text);
        assert_int_equal(p.reduction, 1);
        return p;
}

static void check_equal(const hedgec_picture_t *p, const hedgec_picture_t *wanted, unsigned orientation)
{
        assert_int_equal(p->width, wanted->width);
        assert_int_equal(p->height, wanted->height);
        assert_int_equal(p->channels, wanted->channels);
        if (memcmp(p->pixels, wanted->pixels, (size_t)p->width * p->height * p->channels) != 0)
                fail_msg("orientation %u", orientation);
}

/* The file as it is stored, turned by hand, is what it is read as. */
static void check_turned(file_t f, unsigned orientation)
{
        hedgec_picture_t p = decode(&f, false), wanted = decode(&f, true);

        assert_int_equal(wanted.width, WIDTH);
        assert_int_equal(wanted.height, HEIGHT);
        if (ways[orientation].mirror)
                wanted = mirrored(wanted);
        for (unsigned i = 0; i < ways[orientation].quarters; i++)
                wanted = turned_clockwise(wanted);
        check_equal(&p, &wanted, orientation);
        hedgec_picture_release(&p);
        hedgec_picture_release(&wanted);
        free(f.bytes);
}

static void fill(uint8_t *pixels)
{
        for (unsigned i = 0; i < PIXELS * 3; i++)
                pixels[i] = (uint8_t)(i * 37 + i / 7);
}

static void test_jpegs_are_turned(void **state)
{
        uint8_t pixels[PIXELS * 3];

        fill(pixels);
        for (unsigned o = 1; o <= 8; o++) {
                jpeg_kind_t kind = { JCS_RGB, .channels = 3, .orientation = o };

                check_turned(write_jpeg(WIDTH, HEIGHT, &kind, pixels), o);
                kind.big_endian = kind.progressive = true;
                check_turned(write_jpeg(WIDTH, HEIGHT, &kind, pixels), o);
        }
}

static void test_pngs_are_turned(void **state)
{
        uint8_t pixels[PIXELS * 3];

        fill(pixels);
        for (unsigned o = 1; o <= 8; o++) {
                png_kind_t kind = { PNG_COLOR_TYPE_RGB, 8, PNG_INTERLACE_NONE, WIDTH * 3 };

                check_turned(write_png_exif(WIDTH, HEIGHT, kind, (png_exif_t){ o, false }, pixels), o);
                kind.interlace = PNG_INTERLACE_ADAM7;
                check_turned(write_png_exif(WIDTH, HEIGHT, kind, (png_exif_t){ o, true }, pixels), o);
        }
}

/* A grey picture of the letter F: black on white, 3 x 4. */
static void test_an_upright_letter(void **state)
{
        /* Its first column is seen on top, its first row on the right. */
        static const uint8_t stored[3 * 4] = { 0, 255, 255, 255, 0, 255, 0, 255, 0, 0, 0, 0 };
        static const uint8_t upright[4 * 3] = { 0, 0, 0, 0, 255, 255, 0, 0, 255, 0, 255, 255 };
        png_kind_t kind = { PNG_COLOR_TYPE_GRAY, 8, PNG_INTERLACE_NONE, 4 };
        file_t f = write_png_exif(4, 3, kind, (png_exif_t){ 6, false }, stored);
        hedgec_picture_t p = decode(&f, false);

        assert_int_equal(p.width, 3);
        assert_int_equal(p.height, 4);
        assert_memory_equal(p.pixels, upright, sizeof(upright));
        hedgec_picture_release(&p);
        free(f.bytes);
}

/* A JPEG's head with these EXIF data, exactly as long as it is. */
static unsigned orientation_of(const uint8_t *exif, size_t n)
{
        size_t size = 2 + 4 + 6 + n + 4;
        uint8_t *jpeg = calloc(1, size);
        unsigned o;

        memcpy(jpeg, "\xff\xd8\xff\xe1\0\0Exif\0", 12);
        jpeg[4] = (uint8_t)((n + 8) >> 8);
        jpeg[5] = (uint8_t)(n + 8);
        memcpy(jpeg + 12, exif, n);
        memcpy(jpeg + 12 + n, "\xff\xda\0\2", 4);
        o = hedgec_exif_of_jpeg(jpeg, size);
        for (size_t cut = 0; cut < size; cut++) {
                uint8_t *part = malloc(cut ? cut : 1);

                memcpy(part, jpeg, cut);
                assert_in_range(hedgec_exif_of_jpeg(part, cut), 1, 8);
                free(part);
        }
        free(jpeg);
        return o;
}

static void test_what_cannot_be_read_turns_nothing(void **state)
{
        /* offset in write_exif's bytes and what is written there; the first change leaves all as it is */
        static const struct {
                unsigned at;
                uint8_t byte, wanted;
        } cases[] = {
                { 0, 'I', 6 }, { 0, 'X', 1 }, { 2, 0, 1 },   /* neither II nor MM; no 42 */
                { 4, 255, 1 }, { 7, 255, 1 },                /* a directory outside, one at 4 GB */
                { 8, 1, 1 },   { 8, 2, 6 },   { 9, 255, 6 }, /* too few entries, too many */
                { 24, 4, 6 },  { 24, 1, 1 },  { 24, 5, 1 },  /* type LONG, BYTE, RATIONAL */
                { 26, 2, 1 },  { 26, 0, 1 },                 /* two values, none */
                { 30, 0, 1 },  { 30, 9, 1 },  { 31, 1, 1 },  /* 0, 9, 262 */
        };
        uint8_t exif[64];

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                size_t n = write_exif(exif, 6, false);

                exif[cases[i].at] = cases[i].byte;
                if (orientation_of(exif, n) != cases[i].wanted)
                        fail_msg("case %zu: %u", i, orientation_of(exif, n));
        }
        for (size_t n = write_exif(exif, 6, true); n-- > 34;)
                assert_int_equal(orientation_of(exif, n), 6); /* cut behind the value */
        assert_int_equal(orientation_of(exif, 31), 1);
        assert_int_equal(orientation_of(exif, 0), 1);
}

/* EXIF comes after other segments, and what comes after the first scan is none. */
static void test_where_exif_is_looked_for(void **state)
{
        uint8_t jpeg[256], exif[64];
        size_t n = write_exif(exif, 8, true), at = 0;

#define PUT(text) (memcpy(jpeg + at, text, sizeof(text) - 1), at += sizeof(text) - 1)
        PUT("\xff\xd8\xff\xe0\0\4AB\xff\xff\xff\xe1\0\6http"); /* JFIF, filling bytes, XMP's segment */
        PUT("\xff\xe1\0\0Exif\0\0");
        jpeg[at - 7] = (uint8_t)(n + 8);
        memcpy(jpeg + at, exif, n);
        assert_int_equal(hedgec_exif_of_jpeg(jpeg, at + n), 8);
        jpeg[3] = 0xda; /* JFIF's segment is now the head of a scan */
        assert_int_equal(hedgec_exif_of_jpeg(jpeg, at + n), 1);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_jpegs_are_turned),
                cmocka_unit_test(test_pngs_are_turned),
                cmocka_unit_test(test_an_upright_letter),
                cmocka_unit_test(test_what_cannot_be_read_turns_nothing),
                cmocka_unit_test(test_where_exif_is_looked_for),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

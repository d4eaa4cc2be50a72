/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/media/picture.h"
#include "test/unit/picture_bed.h"

static hedgec_picture_t decode(const file_t *f)
{
        hedgec_picture_t p = { 0 };
        hedge_why_t why = { "" };

        if (hedgec_picture_decode(f->bytes, f->size, false, &p, &why))
                fail_msg("%s", why.text);
        return p;
}

static void check(file_t *f, unsigned width, unsigned height, unsigned channels, const uint8_t *pixels, int tolerance)
{
        hedgec_picture_t p = decode(f);

        assert_int_equal(p.width, width);
        assert_int_equal(p.height, height);
        assert_int_equal(p.channels, channels);
        for (unsigned i = 0; i < width * height * channels; i++)
                if (abs(p.pixels[i] - pixels[i]) > tolerance)
                        fail_msg("sample %u is %u, not %u", i, p.pixels[i], pixels[i]);
        hedgec_picture_release(&p);
        free(f->bytes);
        *f = (file_t){ 0 };
}

static void smooth(unsigned width, unsigned height, unsigned channels, uint8_t *pixels)
{
        for (unsigned y = 0; y < height; y++)
                for (unsigned x = 0; x < width; x++)
                        for (unsigned c = 0; c < channels; c++)
                                *pixels++ = (uint8_t)(20 + 3 * x + y * (c + 4));
}

static void test_png(void **state)
{
        uint8_t pixels[13 * 9 * 4], expected[13 * 9 * 3];
        file_t f;

        for (unsigned i = 0; i < sizeof(pixels); i++)
                pixels[i] = (uint8_t)(i * 37 + i / 7);
        f = write_png(13, 9, (png_kind_t){ PNG_COLOR_TYPE_RGB, 8, 0, 39 }, pixels, NULL);
        check(&f, 13, 9, 3, pixels, 0);
        f = write_png(13, 9, (png_kind_t){ PNG_COLOR_TYPE_RGB, 8, PNG_INTERLACE_ADAM7, 39 }, pixels, NULL);
        check(&f, 13, 9, 3, pixels, 0);
        f = write_png(13, 9, (png_kind_t){ PNG_COLOR_TYPE_GRAY, 8, 0, 13 }, pixels, NULL);
        check(&f, 13, 9, 1, pixels, 0);

        f = write_png(13, 9, (png_kind_t){ PNG_COLOR_TYPE_RGBA, 8, 0, 52 }, pixels, NULL);
        for (unsigned i = 0; i < 13 * 9 * 3; i++) {
                double alpha = pixels[i / 3 * 4 + 3] / 255.;

                expected[i] = (uint8_t)(pixels[i / 3 * 4 + i % 3] * alpha + 255 * (1 - alpha) + 0.5);
        }
        check(&f, 13, 9, 3, expected, 0);
        f = write_png(13, 9, (png_kind_t){ PNG_COLOR_TYPE_GRAY_ALPHA, 8, PNG_INTERLACE_ADAM7, 26 }, pixels, NULL);
        for (unsigned i = 0; i < 13 * 9; i++) {
                double alpha = pixels[i * 2 + 1] / 255.;

                expected[i] = (uint8_t)(pixels[i * 2] * alpha + 255 * (1 - alpha) + 0.5);
        }
        check(&f, 13, 9, 1, expected, 0);
}

static void test_png_other_depths(void **state)
{
        static const uint8_t wide[] = { 0x12, 0x34, 0xff, 0xff, 0x80, 0x7f, 0, 0, 0xab, 0xcd, 0x01, 0x90 };
        static const uint8_t narrow[] = { 0x12, 0xff, 0x80, 0x00, 0xab, 0x02 };
        static const uint8_t two_bits[] = { 0x1b }, palette[] = { 1, 2, 3, 250, 120, 0, 0, 0, 255, 9, 99, 199 };
        static const uint8_t grey[] = { 0, 85, 170, 255 }, alphas[] = { 255, 0, 255, 255 };
        static const uint8_t over_white[] = { 1, 2, 3, 255, 255, 255, 0, 0, 255, 9, 99, 199 };
        file_t f;

        f = write_png(2, 1, (png_kind_t){ PNG_COLOR_TYPE_RGB, 16, 0, 12 }, wide, NULL);
        check(&f, 2, 1, 3, narrow, 0);
        f = write_png(4, 1, (png_kind_t){ PNG_COLOR_TYPE_PALETTE, 2, 0, 1 }, two_bits, NULL);
        check(&f, 4, 1, 3, palette, 0);
        f = write_png(4, 1, (png_kind_t){ PNG_COLOR_TYPE_PALETTE, 2, 0, 1 }, two_bits, alphas);
        check(&f, 4, 1, 3, over_white, 0);
        f = write_png(4, 1, (png_kind_t){ PNG_COLOR_TYPE_GRAY, 2, 0, 1 }, two_bits, NULL);
        check(&f, 4, 1, 1, grey, 0);
}

/* One colour may be transparent; and a chunk that says so is as much of the picture as the pixels, damaged or not. */
static void test_png_with_a_transparent_colour(void **state)
{
        static const uint8_t rgb[] = { 1, 2, 3, 1, 2, 4 }, grey[] = { 7, 9 };
        hedgec_picture_t p = { 0 };
        hedge_why_t why;
        file_t f;

        f = write_png(2, 1, (png_kind_t){ PNG_COLOR_TYPE_RGB, 8, 0, 6 }, rgb, NULL);
        put_chunk(&f, "IDAT", "tRNS", (const uint8_t *)"\0\1\0\2\0\3", 6);
        check(&f, 2, 1, 3, (uint8_t[]){ 255, 255, 255, 1, 2, 4 }, 0);
        f = write_png(2, 1, (png_kind_t){ PNG_COLOR_TYPE_GRAY, 8, 0, 2 }, grey, NULL);
        put_chunk(&f, "IDAT", "tRNS", (const uint8_t *)"\0\11", 2);
        check(&f, 2, 1, 1, (uint8_t[]){ 7, 255 }, 0);
        /* gamma means nothing */
        f = write_png(2, 1, (png_kind_t){ PNG_COLOR_TYPE_GRAY, 8, 0, 2 }, grey, NULL);
        put_chunk(&f, "IDAT", "gAMA", (const uint8_t *)"\0\0\x27\x10", 4);
        check(&f, 2, 1, 1, grey, 0);

        f = write_png(2, 1, (png_kind_t){ PNG_COLOR_TYPE_GRAY, 8, 0, 2 }, grey, NULL);
        put_chunk(&f, "IDAT", "tRNS", (const uint8_t *)"\0\11", 2);
        f.bytes[33 + 9] ^= 1; /* its checksum is another's */
        assert_int_equal(hedgec_picture_decode(f.bytes, f.size, false, &p, &why), HEDGE_EMALFORMED);
        free(f.bytes);
}

static void test_jpeg(void **state)
{
        uint8_t pixels[24 * 17 * 4];
        file_t f;

        smooth(24, 17, 3, pixels);
        f = write_jpeg(24, 17, &(jpeg_kind_t){ JCS_RGB, .channels = 3 }, pixels);
        check(&f, 24, 17, 3, pixels, 4);
        f = write_jpeg(24, 17, &(jpeg_kind_t){ JCS_RGB, .channels = 3, .progressive = true }, pixels);
        check(&f, 24, 17, 3, pixels, 4);
        smooth(24, 17, 1, pixels);
        f = write_jpeg(24, 17, &(jpeg_kind_t){ JCS_GRAYSCALE, .channels = 1 }, pixels);
        check(&f, 24, 17, 1, pixels, 2);
}

/* As inks are meant to mix: what is not absorbed by a colour and not by black. Adobe's mark says that the samples are light. */
static void test_jpeg_of_inks(void **state)
{
        uint8_t pixels[24 * 17 * 4], light[24 * 17 * 3], dark[24 * 17 * 3];
        hedgec_picture_t p = { 0 };
        hedge_why_t why;
        file_t f;

        smooth(24, 17, 4, pixels);
        for (unsigned i = 0; i < 24 * 17 * 3; i++) {
                double ink = pixels[i / 3 * 4 + i % 3] / 255., black = pixels[i / 3 * 4 + 3] / 255.;

                light[i] = (uint8_t)(255 * ink * black + 0.5);
                dark[i] = (uint8_t)(255 * (1 - ink) * (1 - black) + 0.5);
        }
        /* JPEG's own error is at most 3 here (measured; 4 in test_jpeg), of each of the two factors */
        f = write_jpeg(24, 17, &(jpeg_kind_t){ JCS_CMYK, .channels = 4 }, pixels);
        check(&f, 24, 17, 3, light, 6);
        f = write_jpeg(24, 17, &(jpeg_kind_t){ JCS_CMYK, .channels = 4, .stored_as = JCS_YCCK }, pixels);
        check(&f, 24, 17, 3, light, 6);
        f = write_jpeg(24, 17, &(jpeg_kind_t){ JCS_CMYK, .channels = 4, .unmarked = true }, pixels);
        check(&f, 24, 17, 3, dark, 6);
        f = write_jpeg(24, 17, &(jpeg_kind_t){ JCS_UNKNOWN, .channels = 2 }, pixels);
        assert_int_equal(hedgec_picture_decode(f.bytes, f.size, false, &p, &why), HEDGE_EUNSUPPORTED);
        assert_string_equal(why.text, "is a JPEG of 2 channels; 1, 3 or 4 are wanted");
        free(f.bytes);
}

/* Restart marks and arithmetic coding are read, samples of 12 bits and lossless JPEG told. */
static void test_rare_jpegs(void **state)
{
        uint8_t pixels[24 * 17 * 3];
        hedgec_picture_t p = { 0 };
        hedge_why_t why;
        file_t f;

        smooth(24, 17, 3, pixels);
        f = write_jpeg(24, 17, &(jpeg_kind_t){ JCS_RGB, .channels = 3, .restart = 1 }, pixels);
        check(&f, 24, 17, 3, pixels, 4);
        f = write_jpeg(24, 17, &(jpeg_kind_t){ JCS_RGB, .channels = 3, .arithmetic = true }, pixels);
        check(&f, 24, 17, 3, pixels, 4);
        f = write_jpeg(24, 17, &(jpeg_kind_t){ JCS_RGB, .channels = 3 }, pixels);
        for (size_t i = 0; i + 4 < f.size; i++)
                if (f.bytes[i] == 0xff && f.bytes[i + 1] == 0xc0) {
                        f.bytes[i + 4] = 12;
                        break;
                }
        assert_int_equal(hedgec_picture_decode(f.bytes, f.size, false, &p, &why), HEDGE_EUNSUPPORTED);
        assert_non_null(strstr(why.text, "samples of more than 8 bits"));
        for (size_t i = 0; i + 4 < f.size; i++)
                if (f.bytes[i] == 0xff && f.bytes[i + 1] == 0xc0) {
                        f.bytes[i + 1] = 0xc5; /* hierarchical */
                        break;
                }
        assert_int_equal(hedgec_picture_decode(f.bytes, f.size, false, &p, &why), HEDGE_EUNSUPPORTED);
        assert_non_null(strstr(why.text, "rare kind"));
        free(f.bytes);
}

/* A file of a text and, behind it, so many zeros. */
static void put(file_t *f, const char *text, size_t zeros)
{
        f->size = strlen(text) + zeros;
        f->bytes = calloc(1, f->size);
        assert_non_null(f->bytes);
        memcpy(f->bytes, text, strlen(text));
}

static void test_pnm(void **state)
{
        static const uint8_t pixels[] = { 0, 1, 2, 127, 254, 255 }, stretched[] = { 0, 85, 170, 255, 128, 43 };
        file_t f;

        f.size = sizeof("P6 2\n# a comment\n1 255\n") - 1 + 6;
        f.bytes = malloc(f.size);
        memcpy(f.bytes, "P6 2\n# a comment\n1 255\n", f.size - 6);
        memcpy(f.bytes + f.size - 6, pixels, 6);
        check(&f, 2, 1, 3, pixels, 0);
        put(&f, "P3 2 1 7\n0 1 # one\n2 5\n6 7", 0);
        check(&f, 2, 1, 3, (uint8_t[]){ 0, 36, 73, 182, 219, 255 }, 0);
        put(&f, "P2\n2 1\n65535\n65535 257", 0);
        check(&f, 2, 1, 1, (uint8_t[]){ 255, 1 }, 0);
        put(&f, "P5\n3 1\n65535\n\xff\xff\x80\x80\x01\x01", 0);
        check(&f, 3, 1, 1, (uint8_t[]){ 255, 128, 1 }, 0);
        put(&f, "P6 1 1 1000\n\x03\xe8\x01\xf4\0\0", 2);
        check(&f, 1, 1, 3, (uint8_t[]){ 255, 128, 0 }, 0);
        put(&f, "P1 3 2\n101 0\n1 1", 0);
        check(&f, 3, 2, 1, (uint8_t[]){ 0, 255, 0, 255, 0, 0 }, 0);
        put(&f, "P4 9 2\n\x80\x80\x7f\x7f", 0);
        check(&f, 9, 2, 1, (uint8_t[]){ 0, 255, 255, 255, 255, 255, 255, 255, 0, 255, 0, 0, 0, 0, 0, 0, 0, 255 }, 0);
        f.size = sizeof("P5\n3 2 6\n") - 1 + 7;
        f.bytes = malloc(f.size);
        memcpy(f.bytes, "P5\n3 2 6\n\x00\x02\x04\x06\x03\x01 ", f.size);
        check(&f, 3, 2, 1, stretched, 0);
}

static void test_refused(void **state)
{
        static const struct {
                const char *bytes;
                size_t size;
                int code;
                const char *error;
        } cases[] = {
#define CASE(bytes, code, error) { bytes, sizeof(bytes) - 1, code, error }
                CASE("", HEDGE_EMALFORMED, "is empty"),
                CASE("GIF89a", HEDGE_EMALFORMED,
                     "is a GIF picture; pictures are read from PNG, JPEG, PPM, PGM and PBM"),
                CASE("P3\n1 1 255\n1 2\n", HEDGE_EMALFORMED, "it ends early"),
                CASE("P3\n1 1 255\n1 2 256\n", HEDGE_EMALFORMED, "a sample is above 255"),
                CASE("P1\n2 1\n12\n", HEDGE_EMALFORMED, "it ends early"),
                CASE("P4\n9 1\n\xff", HEDGE_EMALFORMED, "it ends early"),
                CASE("P5\n2 1 65535\n123", HEDGE_EMALFORMED, "it ends early"),
                CASE("RIFF\x10\0\0\0WEBPVP8 ", HEDGE_EMALFORMED, "is a WebP picture"),
                CASE("\0\0\0\x18"
                     "ftypheic\0\0\0\0",
                     HEDGE_EMALFORMED, "is a HEIC picture"),
                CASE("\0\0\0\x1c"
                     "ftypavif\0\0\0\0",
                     HEDGE_EMALFORMED, "is an AVIF picture"),
                CASE("BM\x46\0\0\0\0\0\0\0\x36", HEDGE_EMALFORMED, "is a BMP picture"),
                CASE("BMW is a car\n", HEDGE_EMALFORMED, "is no picture that hedge knows"),
                CASE("II*\0\x08\0\0\0", HEDGE_EMALFORMED, "is a TIFF picture"),
                CASE("\x93NUMPY\x01\0", HEDGE_EMALFORMED, "is a NumPy array"),
                CASE("version https://git-lfs.github.com/spec/v1\n", HEDGE_EMALFORMED, "is a pointer of Git LFS"),
                CASE("PK\x03\x04", HEDGE_EMALFORMED, "is a zip archive"),
                CASE("P5", HEDGE_EMALFORMED, "is no picture"),
                CASE("P5\n", HEDGE_EMALFORMED, "header cannot be read"),
                CASE("P5\n#", HEDGE_EMALFORMED, "header cannot be read"),
                CASE("P5\n1 1 255", HEDGE_EMALFORMED, "header cannot be read"),
                CASE("P5\n-1 1 255\n0", HEDGE_EMALFORMED, "header cannot be read"),
                CASE("P5\n1 1 255\n", HEDGE_EMALFORMED, "it ends early"),
                CASE("P6\n1 2 255\n12345", HEDGE_EMALFORMED, "it ends early"),
                CASE("P5\n0 1 255\n0", HEDGE_EMALFORMED, "is an empty picture"),
                CASE("P5\n1 1 0\n0", HEDGE_EUNSUPPORTED, "samples up to 0"),
                CASE("P5\n1 1 65536\n000", HEDGE_EUNSUPPORTED, "samples up to 65536"),
                CASE("P5\n1 1 47\n0", HEDGE_EMALFORMED, "a sample is above 47"),
                CASE("P5\n4294967297 1 255\n0", HEDGE_EMALFORMED, "header cannot be read"),
                CASE("P5\n65536 1 255\n0", HEDGE_ELIMIT, "is 65536 x 1 pixels"),
                CASE("P6\n60000 60000 255\n0", HEDGE_ELIMIT, "is 60000 x 60000 pixels; at most 1024 megapixels"),
                CASE("P6\n99999999 99999999 255\n0", HEDGE_ELIMIT, "and 65535 on a side, are read"),
                CASE("\x89PNG\r\n\x1a\n", HEDGE_EMALFORMED, "is a damaged PNG: it ends early"),
                CASE("\x89PNG\r\n\x1a\n\0\0\0\0IDAT\0\0\0\0", HEDGE_EMALFORMED, "is a damaged PNG"),
                CASE("\xff\xd8\xff", HEDGE_EMALFORMED, "is a damaged JPEG"),
                CASE("\xff\xd8\xff\xd9", HEDGE_EMALFORMED, "is a damaged JPEG"),
        };
        hedgec_picture_t p = { 0 };
        hedge_why_t why;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                uint8_t *copy = malloc(cases[i].size + 1); /* exactly as long as the file, for ASan */
                int r;

                memcpy(copy, cases[i].bytes, cases[i].size);
                r = hedgec_picture_decode(copy, cases[i].size, false, &p, &why);
                if (r != cases[i].code || !strstr(why.text, cases[i].error))
                        fail_msg("case %zu gives %d, %s; not %s", i, r, why.text, cases[i].error);
                assert_null(p.pixels);
                free(copy);
        }
}

/* A PNG of 50,000 x 50,000 pixels of zeros, and one of a single huge row: refused before memory is taken. */
static void test_huge_png(void **state)
{
        static const uint8_t row[4] = { 0 };
        hedgec_picture_t p = { 0 };
        hedge_why_t why;
        file_t f = write_png(1, 1, (png_kind_t){ PNG_COLOR_TYPE_GRAY, 8, 0, 1 }, row, NULL);

        memcpy(f.bytes + 16, "\x00\x00\xc3\x50\x00\x00\xc3\x50", 8);
        assert_int_equal(hedgec_picture_decode(f.bytes, f.size, false, &p, &why), HEDGE_EMALFORMED); /* the checksum */
        put_checksum(&f);
        assert_int_equal(hedgec_picture_decode(f.bytes, f.size, false, &p, &why), HEDGE_ELIMIT);
        assert_string_equal(why.text,
                            "is 50000 x 50000 pixels; at most 1024 megapixels, and 65535 on a side, are read");
        free(f.bytes);
}

/* Every file cut short is refused, and with any byte changed it is read or refused: never anything else. */
static void cut_and_change(file_t f)
{
        hedgec_picture_t p = { 0 };
        hedge_why_t why;

        for (size_t n = 0; n + 12 < f.size; n++) {
                uint8_t *cut = malloc(n + 1);
                int r;

                memcpy(cut, f.bytes, n);
                r = hedgec_picture_decode(cut, n, false, &p, &why);
                if (!r)
                        fail_msg("%zu bytes of %zu are read", n, f.size);
                assert_true(strlen(why.text) > 10);
                assert_null(p.pixels);
                free(cut);
        }
        for (size_t i = 0; i < f.size; i++) {
                for (unsigned bit = 0; bit < 8; bit++) {
                        f.bytes[i] ^= (uint8_t)(1u << bit);
                        if (!hedgec_picture_decode(f.bytes, f.size, false, &p, &why))
                                hedgec_picture_release(&p);
                        f.bytes[i] ^= (uint8_t)(1u << bit);
                }
        }
        free(f.bytes);
}

static void test_damaged(void **state)
{
        uint8_t pixels[24 * 17 * 3];

        smooth(24, 17, 3, pixels);
        cut_and_change(write_png(9, 7, (png_kind_t){ PNG_COLOR_TYPE_RGB, 8, 0, 27 }, pixels, NULL));
        cut_and_change(write_png(24, 2, (png_kind_t){ PNG_COLOR_TYPE_PALETTE, 2, 1, 6 }, pixels, pixels));
        cut_and_change(write_jpeg(24, 17, &(jpeg_kind_t){ JCS_RGB, .channels = 3 }, pixels));
        cut_and_change(write_jpeg(24, 17, &(jpeg_kind_t){ JCS_RGB, .channels = 3, .progressive = true }, pixels));
}

static void test_load(void **state)
{
        char path[] = "/tmp/hedge-picture-XXXXXX";
        int fd = mkstemp(path);
        hedgec_picture_t p = { 0 };
        hedge_why_t why;

        assert_true(fd >= 0);
        assert_int_equal(write(fd, "P5 1 1 255\n7", 12), 12);
        assert_int_equal(hedgec_picture_load(path, false, &p, &why), 0); /* the name does not end in .pgm */
        assert_int_equal(p.pixels[0], '7');
        hedgec_picture_release(&p);
        assert_int_equal(ftruncate(fd, 11), 0);
        assert_int_equal(hedgec_picture_load(path, false, &p, &why), HEDGE_EMALFORMED);
        assert_true(!strncmp(why.text, path, strlen(path)) && strstr(why.text, ": is a damaged PPM, PGM or PBM"));
        assert_int_equal(ftruncate(fd, (off_t)HEDGEC_PICTURE_MAX_BYTES + 1), 0);
        assert_int_equal(hedgec_picture_load(path, false, &p, &why), HEDGE_ELIMIT);
        close(fd);
        unlink(path);
        assert_int_equal(hedgec_picture_load(path, false, &p, &why), -ENOENT);
        assert_int_equal(hedgec_picture_load("/", false, &p, &why), -EISDIR);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_png),
                cmocka_unit_test(test_png_other_depths),
                cmocka_unit_test(test_png_with_a_transparent_colour),
                cmocka_unit_test(test_jpeg),
                cmocka_unit_test(test_jpeg_of_inks),
                cmocka_unit_test(test_rare_jpegs),
                cmocka_unit_test(test_pnm),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_huge_png),
                cmocka_unit_test(test_damaged),
                cmocka_unit_test(test_load),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

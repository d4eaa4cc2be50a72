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
#include <jpeglib.h>
#include <png.h>

#include "client/media/picture.h"

/* A file in memory, written by libpng or libjpeg. */
typedef struct file {
        uint8_t *bytes;
        size_t size;
} file_t;

static void png_append(png_structp png, png_bytep from, size_t n)
{
        file_t *f = png_get_io_ptr(png);

        f->bytes = realloc(f->bytes, f->size + n);
        assert_non_null(f->bytes);
        memcpy(f->bytes + f->size, from, n);
        f->size += n;
}

typedef struct png_kind {
        int colour, depth, interlace;
        unsigned row_bytes;
} png_kind_t;

static file_t write_png(unsigned width, unsigned height, png_kind_t kind, const uint8_t *rows, const uint8_t *alphas)
{
        static const png_color palette[4] = { { 1, 2, 3 }, { 250, 120, 0 }, { 0, 0, 255 }, { 9, 99, 199 } };
        file_t f = { 0 };
        png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
        png_infop info = png_create_info_struct(png);

        png_set_write_fn(png, &f, png_append, NULL);
        png_set_IHDR(png, info, width, height, kind.depth, kind.colour, kind.interlace, 0, 0);
        if (kind.colour == PNG_COLOR_TYPE_PALETTE)
                png_set_PLTE(png, info, palette, 4);
        if (alphas)
                png_set_tRNS(png, info, alphas, 4, NULL);
        png_write_info(png, info);
        for (int pass = png_set_interlace_handling(png); pass; pass--)
                for (unsigned y = 0; y < height; y++)
                        png_write_row(png, rows + y * kind.row_bytes);
        png_write_end(png, info);
        png_destroy_write_struct(&png, &info);
        return f;
}

static file_t write_jpeg(unsigned width, unsigned height, J_COLOR_SPACE space, int channels, bool progressive,
                         const uint8_t *pixels)
{
        struct jpeg_compress_struct jpeg;
        struct jpeg_error_mgr errors;
        file_t f = { 0 };
        unsigned long size = 0;

        jpeg.err = jpeg_std_error(&errors);
        jpeg_create_compress(&jpeg);
        jpeg_mem_dest(&jpeg, &f.bytes, &size);
        jpeg.image_width = width;
        jpeg.image_height = height;
        jpeg.in_color_space = space;
        jpeg.input_components = channels;
        jpeg_set_defaults(&jpeg);
        jpeg_set_quality(&jpeg, 100, TRUE);
        if (progressive)
                jpeg_simple_progression(&jpeg);
        jpeg_start_compress(&jpeg, TRUE);
        while (jpeg.next_scanline < height) {
                uint8_t row[256];
                JSAMPROW rows = row;

                memcpy(row, pixels + jpeg.next_scanline * width * (unsigned)channels, width * (unsigned)channels);
                jpeg_write_scanlines(&jpeg, &rows, 1);
        }
        jpeg_finish_compress(&jpeg);
        jpeg_destroy_compress(&jpeg);
        f.size = size;
        return f;
}

static hedgec_picture_t decode(const file_t *f)
{
        hedgec_picture_t p = { 0 };
        hedge_why_t why = { "" };

        if (hedgec_picture_decode(f->bytes, f->size, &p, &why))
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

static void test_jpeg(void **state)
{
        uint8_t pixels[24 * 17 * 4];
        hedgec_picture_t p = { 0 };
        hedge_why_t why;
        file_t f;

        smooth(24, 17, 3, pixels);
        f = write_jpeg(24, 17, JCS_RGB, 3, false, pixels);
        check(&f, 24, 17, 3, pixels, 4);
        f = write_jpeg(24, 17, JCS_RGB, 3, true, pixels);
        check(&f, 24, 17, 3, pixels, 4);
        smooth(24, 17, 1, pixels);
        f = write_jpeg(24, 17, JCS_GRAYSCALE, 1, false, pixels);
        check(&f, 24, 17, 1, pixels, 2);
        smooth(24, 17, 4, pixels);
        f = write_jpeg(24, 17, JCS_CMYK, 4, false, pixels);
        assert_int_equal(hedgec_picture_decode(f.bytes, f.size, &p, &why), HEDGE_EUNSUPPORTED);
        assert_string_equal(why.text, "is a JPEG of 4 channels (CMYK?); grey or RGB is wanted");
        free(f.bytes);
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
                CASE("", HEDGE_EMALFORMED, "is no picture"),
                CASE("GIF89a", HEDGE_EMALFORMED, "is no picture"),
                CASE("P3\n1 1 255\n1 2 3\n", HEDGE_EMALFORMED, "is no picture"),
                CASE("P5", HEDGE_EMALFORMED, "is no picture"),
                CASE("P5\n", HEDGE_EMALFORMED, "header cannot be read"),
                CASE("P5\n#", HEDGE_EMALFORMED, "header cannot be read"),
                CASE("P5\n1 1 255", HEDGE_EMALFORMED, "header cannot be read"),
                CASE("P5\n-1 1 255\n0", HEDGE_EMALFORMED, "header cannot be read"),
                CASE("P5\n1 1 255\n", HEDGE_EMALFORMED, "it ends early"),
                CASE("P6\n1 2 255\n12345", HEDGE_EMALFORMED, "it ends early"),
                CASE("P5\n0 1 255\n0", HEDGE_EMALFORMED, "is an empty picture"),
                CASE("P5\n1 1 0\n0", HEDGE_EUNSUPPORTED, "samples up to 0"),
                CASE("P5\n1 1 65535\n00", HEDGE_EUNSUPPORTED, "samples up to 65535"),
                CASE("P5\n1 1 47\n0", HEDGE_EMALFORMED, "a sample is above 47"),
                CASE("P5\n4294967297 1 255\n0", HEDGE_EMALFORMED, "header cannot be read"),
                CASE("P5\n65536 1 255\n0", HEDGE_EMALFORMED, "it ends early"),
                CASE("P6\n60000 60000 255\n0", HEDGE_ELIMIT, "is 60000 x 60000 pixels; at most 64 megapixels are read"),
                CASE("P6\n99999999 99999999 255\n0", HEDGE_ELIMIT, "at most 64 megapixels"),
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
                r = hedgec_picture_decode(copy, cases[i].size, &p, &why);
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
        uint32_t crc;

        memcpy(f.bytes + 16, "\x00\x00\xc3\x50\x00\x00\xc3\x50", 8);
        crc = (uint32_t)png_get_uint_32(f.bytes + 29);
        assert_int_equal(hedgec_picture_decode(f.bytes, f.size, &p, &why), HEDGE_EMALFORMED); /* the checksum */
        crc = 0xffffffff;
        for (unsigned i = 12; i < 29; i++) {
                crc ^= f.bytes[i];
                for (unsigned bit = 0; bit < 8; bit++)
                        crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
        }
        png_save_uint_32(f.bytes + 29, ~crc);
        assert_int_equal(hedgec_picture_decode(f.bytes, f.size, &p, &why), HEDGE_ELIMIT);
        assert_string_equal(why.text, "is 50000 x 50000 pixels; at most 64 megapixels are read");
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
                r = hedgec_picture_decode(cut, n, &p, &why);
                if (!r)
                        fail_msg("%zu bytes of %zu are read", n, f.size);
                assert_true(strlen(why.text) > 10);
                assert_null(p.pixels);
                free(cut);
        }
        for (size_t i = 0; i < f.size; i++) {
                for (unsigned bit = 0; bit < 8; bit++) {
                        f.bytes[i] ^= (uint8_t)(1u << bit);
                        if (!hedgec_picture_decode(f.bytes, f.size, &p, &why))
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
        cut_and_change(write_jpeg(24, 17, JCS_RGB, 3, false, pixels));
        cut_and_change(write_jpeg(24, 17, JCS_RGB, 3, true, pixels));
}

static void test_load(void **state)
{
        char path[] = "/tmp/hedge-picture-XXXXXX";
        int fd = mkstemp(path);
        hedgec_picture_t p = { 0 };
        hedge_why_t why;

        assert_true(fd >= 0);
        assert_int_equal(write(fd, "P5 1 1 255\n7", 12), 12);
        assert_int_equal(hedgec_picture_load(path, &p, &why), 0); /* the name does not end in .pgm */
        assert_int_equal(p.pixels[0], '7');
        hedgec_picture_release(&p);
        assert_int_equal(ftruncate(fd, 11), 0);
        assert_int_equal(hedgec_picture_load(path, &p, &why), HEDGE_EMALFORMED);
        assert_true(!strncmp(why.text, path, strlen(path)) && strstr(why.text, ": is a damaged PPM or PGM"));
        assert_int_equal(ftruncate(fd, (off_t)HEDGEC_PICTURE_MAX_BYTES + 1), 0);
        assert_int_equal(hedgec_picture_load(path, &p, &why), HEDGE_ELIMIT);
        close(fd);
        unlink(path);
        assert_int_equal(hedgec_picture_load(path, &p, &why), -ENOENT);
        assert_int_equal(hedgec_picture_load("/", &p, &why), -EISDIR);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_png),     cmocka_unit_test(test_png_other_depths),
                cmocka_unit_test(test_jpeg),    cmocka_unit_test(test_pnm),
                cmocka_unit_test(test_refused), cmocka_unit_test(test_huge_png),
                cmocka_unit_test(test_damaged), cmocka_unit_test(test_load),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "client/media/canvas.h"
#include "client/media/preprocess.h"
#include "test/unit/picture_bed.h"

/* 72 megapixels: more than are kept, so that each side is halved. */
#define WIDE 12000
#define TALL 6001

static hedgec_picture_t decode(const file_t *f)
{
        hedgec_picture_t p = { 0 };
        hedge_why_t why = { "" };

        if (hedgec_picture_decode(f->bytes, f->size, false, &p, &why))
                fail_msg("%s", why.text);
        return p;
}

/* The mean of a square, those at the edges cut, by its definition. */
static unsigned mean_of(const uint8_t *pixels, unsigned width, unsigned height, unsigned channels, unsigned k,
                        unsigned x, unsigned y, unsigned c)
{
        unsigned sum = 0, n = 0;

        for (unsigned v = y * k; v < (y + 1) * k && v < height; v++)
                for (unsigned u = x * k; u < (x + 1) * k && u < width; u++, n++)
                        sum += pixels[(v * width + u) * channels + c];
        return (unsigned)((double)sum / n + 0.5);
}

static void check_reduced(unsigned width, unsigned height, unsigned channels, unsigned k, unsigned orientation)
{
        uint8_t pixels[40 * 40 * 3];
        hedgec_rows_t rows = { width, height, channels, k, 1, orientation };
        hedgec_canvas_t canvas = { 0 };
        hedgec_picture_t p;
        unsigned w = (width + k - 1) / k, h = (height + k - 1) / k;

        for (unsigned i = 0; i < width * height * channels; i++)
                pixels[i] = (uint8_t)(i * 91 + i / 11 * 7);
        assert_int_equal(hedgec_canvas_open(&canvas, &rows, NULL), 0);
        for (unsigned y = 0; y < height; y++)
                hedgec_canvas_row(&canvas, pixels + y * width * channels);
        p = hedgec_canvas_take(&canvas);
        hedgec_canvas_close(&canvas);
        assert_int_equal(p.width, orientation == 6 ? h : w);
        assert_int_equal(p.height, orientation == 6 ? w : h);
        assert_int_equal(p.reduction, k);
        for (unsigned y = 0; y < h; y++)
                for (unsigned x = 0; x < w; x++)
                        for (unsigned c = 0; c < channels; c++) {
                                unsigned at = orientation == 6 ? x * h + h - 1 - y : y * w + x;

                                assert_int_equal(p.pixels[at * channels + c],
                                                 mean_of(pixels, width, height, channels, k, x, y, c));
                        }
        hedgec_picture_release(&p);
}

static void test_squares_become_their_means(void **state)
{
        for (unsigned k = 1; k <= 5; k++) {
                check_reduced(40, 30, 3, k, 1);
                check_reduced(39, 31, 3, k, 6);
                check_reduced(1, 40, 1, k, 6);
                check_reduced(38, 1, 1, k, 1);
        }
}

static void test_how_much_is_reduced(void **state)
{
        static const struct {
                uint32_t width, height, by_ones, by_doubling;
        } cases[] = { { 1, 1, 1, 1 },         { 8192, 8192, 1, 1 },   { 8193, 8192, 2, 2 },
                      { 65535, 1024, 1, 1 },  { 16384, 16384, 2, 2 }, { 16385, 16384, 3, 4 },
                      { 32768, 32768, 4, 4 }, { 65535, 16384, 4, 4 }, { 1024, 65535, 1, 1 } };
        uint32_t k;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                assert_int_equal(hedgec_canvas_reduction(cases[i].width, cases[i].height, false, &k, NULL), 0);
                assert_int_equal(k, cases[i].by_ones);
                assert_int_equal(hedgec_canvas_reduction(cases[i].width, cases[i].height, true, &k, NULL), 0);
                assert_int_equal(k, cases[i].by_doubling);
        }
        assert_int_equal(hedgec_canvas_reduction(32769, 32768, false, &k, NULL), HEDGE_ELIMIT);
        assert_int_equal(hedgec_canvas_reduction(65536, 1, false, &k, NULL), HEDGE_ELIMIT);
        assert_int_equal(hedgec_canvas_reduction(0, 1, false, &k, NULL), HEDGE_EMALFORMED);
}

/* Slopes in both directions, so that a pixel says where it was. */
static void grey_row(unsigned y, unsigned width, uint8_t *row)
{
        for (unsigned x = 0; x < width; x++)
                row[x] = (uint8_t)(x * 127 / width + y * 127 / TALL);
}

/* Squares of 500 pixels, black and white; eight pixels in a byte. */
static void bits_row(unsigned y, unsigned width, uint8_t *row)
{
        for (unsigned x = 0; x < width; x += 8) {
                row[x / 8] = 0;
                for (unsigned i = 0; i < 8; i++)
                        row[x / 8] |= (uint8_t)(((x + i) / 500 + y / 500) % 2 << (7 - i));
        }
}

static void test_a_large_jpeg(void **state)
{
        const jpeg_kind_t kind = { JCS_GRAYSCALE, .channels = 1, .orientation = 6 };
        file_t f = write_jpeg_rows(WIDE, TALL, &kind, grey_row);
        hedgec_picture_t p = decode(&f);

        assert_int_equal(p.reduction, 2);
        assert_int_equal(p.width, (TALL + 1) / 2);
        assert_int_equal(p.height, WIDE / 2);
        for (unsigned y = 0; y < p.height; y += 37)
                for (unsigned x = 0; x < p.width; x += 41) {
                        double wanted = 2. * y * 127 / WIDE + 2. * (p.width - 1 - x) * 127 / TALL;

                        /* each slope was rounded down, and JPEG's own error at this quality */
                        if (p.pixels[y * p.width + x] < wanted - 4 || p.pixels[y * p.width + x] > wanted + 2)
                                fail_msg("%u, %u: %u, not %g", x, y, p.pixels[y * p.width + x], wanted);
                }
        hedgec_picture_release(&p);
        free(f.bytes);
}

static void test_a_large_png(void **state)
{
        png_kind_t kind = { PNG_COLOR_TYPE_GRAY, 1, PNG_INTERLACE_NONE, WIDE / 8 };
        hedge_model_preprocess_t how = { .given = true, .scale = 1, .std = { 1, 1, 1, 1 } };
        file_t f = write_png_rows(WIDE, TALL, kind, bits_row);
        hedgec_picture_t p = decode(&f);
        hedge_tensor_t t;
        hedge_why_t why;

        assert_int_equal(p.reduction, 2);
        assert_int_equal(p.width, WIDE / 2);
        assert_int_equal(p.height, (TALL + 1) / 2);
        for (unsigned y = 0; y < p.height; y++)
                for (unsigned x = 0; x < p.width; x++)
                        assert_int_equal(p.pixels[y * p.width + x], (x / 250 + y / 250) % 2 * 255);
        /* Nothing is made up: what is to become larger than what was kept is refused, by name. */
        assert_int_equal(hedgec_preprocess(&p, &how, &(hedge_shape_t){ 4, { 1, 1, 8, WIDE / 2 } }, &t, &why), 0);
        hedge_tensor_release(&t);
        assert_int_equal(hedgec_preprocess(&p, &how, &(hedge_shape_t){ 4, { 1, 1, 8, WIDE / 2 + 1 } }, &t, &why),
                         HEDGE_ELIMIT);
        assert_string_equal(why.text,
                            "has more than 64 megapixels, of which 6000 x 3001 were kept; it is to become 6001 x 8");
        assert_int_equal(hedgec_preprocess(&p, &how, &(hedge_shape_t){ 2, { 1, p.width * p.height } }, &t, &why),
                         HEDGE_ELIMIT);
        hedgec_picture_release(&p);
        free(f.bytes);
}

static void refuse(file_t f, int code, const char *said)
{
        hedgec_picture_t p = { 0 };
        hedge_why_t why = { "" };

        if (hedgec_picture_decode(f.bytes, f.size, false, &p, &why) != code || !strstr(why.text, said))
                fail_msg("%s, not %s", why.text, said);
        assert_null(p.pixels);
        free(f.bytes);
}

/* A JPEG's frame header says its size: after the marker, its length and its precision. */
static file_t lie(file_t f, unsigned width, unsigned height)
{
        for (size_t i = 0; i + 9 < f.size; i++)
                if (f.bytes[i] == 0xff && (f.bytes[i + 1] == 0xc0 || f.bytes[i + 1] == 0xc2)) {
                        f.bytes[i + 5] = (uint8_t)(height >> 8);
                        f.bytes[i + 6] = (uint8_t)height;
                        f.bytes[i + 7] = (uint8_t)(width >> 8);
                        f.bytes[i + 8] = (uint8_t)width;
                        return f;
                }
        fail_msg("no frame header");
        return f;
}

static file_t small_jpeg(bool progressive)
{
        static const uint8_t pixels[64 * 64 * 3];

        return write_jpeg(64, 64, &(jpeg_kind_t){ JCS_RGB, .channels = 3, .progressive = progressive }, pixels);
}

static void test_lies_and_what_takes_too_much(void **state)
{
        static const uint8_t row[8];
        png_kind_t kind = { PNG_COLOR_TYPE_GRAY, 1, PNG_INTERLACE_ADAM7, 1 };
        file_t f;

        refuse(lie(small_jpeg(false), 30000, 30000), HEDGE_EMALFORMED, "is a damaged JPEG");
        refuse(lie(small_jpeg(false), 65500, 65500), HEDGE_ELIMIT, "at most 1024 megapixels");
        refuse(lie(small_jpeg(false), 65535, 65535), HEDGE_ELIMIT, "more than 65500 pixels on a side");
        refuse(lie(small_jpeg(true), 30000, 30000), HEDGE_ELIMIT, "take more than 768 MiB of memory");
        f = write_png(8, 1, kind, row, NULL);
        png_save_uint_32(f.bytes + 16, 8200);
        png_save_uint_32(f.bytes + 20, 8200);
        put_checksum(&f);
        refuse(f, HEDGE_ELIMIT, "is an interlaced PNG of 8200 x 8200 pixels");
        kind.interlace = PNG_INTERLACE_NONE;
        f = write_png(8, 1, kind, row, NULL);
        png_save_uint_32(f.bytes + 16, 30000);
        png_save_uint_32(f.bytes + 20, 30000);
        put_checksum(&f);
        refuse(f, HEDGE_EMALFORMED, "is a damaged PNG");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_squares_become_their_means),
                cmocka_unit_test(test_how_much_is_reduced),
                cmocka_unit_test(test_a_large_jpeg),
                cmocka_unit_test(test_a_large_png),
                cmocka_unit_test(test_lies_and_what_takes_too_much),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

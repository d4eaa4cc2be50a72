/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/media/draw.h"
#include "client/media/font.h"
#include "client/media/picture_write.h"

static const hedgec_colour_t red = { { 255, 0, 0 } };

static hedgec_picture_t make(uint32_t width, uint32_t height, uint32_t channels)
{
        hedgec_picture_t p = { 0 };

        assert_int_equal(hedgec_picture_alloc(width, height, channels, &p, NULL), 0);
        for (uint32_t y = 0; y < height; y++)
                for (uint32_t i = 0; i < width * channels; i++)
                        p.pixels[y * width * channels + i] = (uint8_t)(y * 3 + i / channels * 2 + i % channels * 60);
        return p;
}

static const uint8_t *at(const hedgec_picture_t *p, uint32_t x, uint32_t y)
{
        return p->pixels + 3 * (y * p->width + x);
}

static bool is_red(const hedgec_picture_t *p, uint32_t x, uint32_t y)
{
        return memcmp(at(p, x, y), red.rgb, 3) == 0;
}

static void test_frame(void **state)
{
        const float corners[4] = { 3.5f, 4, 12.25f, 17.75f };
        hedgec_picture_t p = make(20, 20, 3);

        hedgec_draw_frame(&p, corners, 2, red);
        for (uint32_t y = 0; y < 20; y++)
                for (uint32_t x = 0; x < 20; x++) {
                        bool in = x >= 3 && x < 13 && y >= 4 && y < 18, inner = x >= 5 && x < 11 && y >= 6 && y < 16;

                        assert_int_equal(is_red(&p, x, y), in && !inner);
                }
        hedgec_picture_release(&p);
}

/* Wherever a box lies, its label is in the picture as a whole, and so is what fits of it into a small one. */
static void test_labels_stay_inside(void **state)
{
        static const float boxes[][4] = {
                { 0, 0, 10, 10 }, { 90, 0, 99, 9 }, { 80, 70, 100, 80 }, { 0, 79, 3, 80 }, { 30, 40, 50, 60 },
        };

        for (unsigned i = 0; i < sizeof(boxes) / sizeof(boxes[0]); i++) {
                hedgec_picture_t p = make(100, 80, 3);
                uint32_t ground = 0;

                memset(p.pixels, 7, 100 * 80 * 3);
                hedgec_draw_label(&p, boxes[i], "ab", 1, red);
                for (uint32_t n = 0; n < 100 * 80; n++)
                        ground += memcmp(p.pixels + 3 * n, (uint8_t[]){ 7, 7, 7 }, 3) != 0;
                assert_int_equal(ground, 13 * 9);
                hedgec_picture_release(&p);
        }
        for (uint32_t w = 1; w < 16; w++)
                for (uint32_t h = 1; h < 16; h++) {
                        hedgec_picture_t p = make(w, h, 3);

                        hedgec_draw_frame(&p, (float[]){ 0, 0, (float)w, (float)h }, 3, red);
                        hedgec_draw_label(&p, (float[]){ 0, 0, (float)w, (float)h }, "long label", 1 + w % 3, red);
                        hedgec_picture_release(&p);
                }
}

static void test_font(void **state)
{
        const char *text = "a\xc3\xa9\xe4\xba\xba\xf0\x9f\x98\x80\xffz\xc3";
        uint32_t all[128][2] = { { 0 } };

        for (uint32_t c = ' '; c <= '~'; c++) {
                for (uint32_t k = 0; k < HEDGEC_FONT_WIDTH * HEDGEC_FONT_HEIGHT; k++)
                        all[c][k / 32] |= (uint32_t)hedgec_font_ink(c, k % 5, k / 5) << k % 32;
                assert_int_equal(all[c][0] || all[c][1], c != ' ');
                for (uint32_t other = ' '; other < c; other++)
                        assert_memory_not_equal(all[c], all[other], sizeof(all[c]));
        }
        assert_true(hedgec_font_ink(0xe9, 0, 0) && !hedgec_font_ink(0xe9, 2, 3)); /* an empty box */
        assert_false(hedgec_font_ink('A', 5, 3) || hedgec_font_ink('A', 2, 7));
        assert_int_equal(hedgec_font_next(&text), 'a');
        assert_int_equal(hedgec_font_next(&text), 0xe9);
        assert_int_equal(hedgec_font_next(&text), 0x4eba);
        assert_int_equal(hedgec_font_next(&text), 0x1f600);
        assert_int_equal(hedgec_font_next(&text), 0xff);
        assert_int_equal(hedgec_font_next(&text), 'z');
        assert_int_equal(hedgec_font_next(&text), 0xc3);
        assert_int_equal(*text, 0);
}

/* Any two of the classes that a picture may well have at once are told apart. */
static void test_colours(void **state)
{
        for (uint32_t a = 0; a < 20; a++)
                for (uint32_t b = 0; b < a; b++) {
                        hedgec_colour_t x = hedgec_class_colour(a), y = hedgec_class_colour(b);
                        int distance = 0;

                        for (unsigned c = 0; c < 3; c++)
                                distance += abs(x.rgb[c] - y.rgb[c]);
                        assert_true(distance > 40);
                }
        for (uint32_t c = 0; c < 1000; c++) { /* and none is black or white, as text is */
                hedgec_colour_t x = hedgec_class_colour(c);
                int sum = x.rgb[0] + x.rgb[1] + x.rgb[2];

                assert_true(sum > 150 && sum < 700);
        }
}

/* A label is between 1/64 and 1/8 of the picture's longer side, from 80 pixels to 8000. */
static void test_scale(void **state)
{
        for (uint32_t side = 80; side <= 8000; side += 80) {
                hedgec_picture_t p = { .width = side, .height = side / 2 };
                uint32_t height = hedgec_draw_scale(&p) * 9;

                assert_true(height * 64 >= side && height * 8 <= side + 8);
        }
}

static void read_back(FILE *file, hedgec_picture_t *ret)
{
        static uint8_t bytes[1 << 20];
        hedge_why_t why = { "" };
        size_t size;

        rewind(file);
        size = fread(bytes, 1, sizeof(bytes), file);
        fclose(file);
        if (hedgec_picture_decode(bytes, size, false, ret, &why))
                fail_msg("%s", why.text);
}

static void test_written_pictures_read_back(void **state)
{
        for (uint32_t channels = 1; channels <= 3; channels += 2) {
                hedgec_picture_t p = make(33, 17, channels), back;
                FILE *file = tmpfile();

                assert_int_equal(hedgec_picture_write_png(&p, file, NULL), 0);
                read_back(file, &back);
                assert_true(back.width == 33 && back.height == 17 && back.channels == channels);
                assert_memory_equal(back.pixels, p.pixels, 33 * 17 * channels);
                hedgec_picture_release(&back);
                file = tmpfile();
                assert_int_equal(hedgec_picture_write_jpeg(&p, file, NULL), 0);
                read_back(file, &back);
                assert_true(back.width == 33 && back.height == 17 && back.channels == channels);
                for (uint32_t i = 0; i < 33 * 17 * channels; i++) /* quality 92 of a smooth picture */
                        assert_true(abs(back.pixels[i] - p.pixels[i]) < 16);
                hedgec_picture_release(&back);
                hedgec_picture_release(&p);
        }
}

static void test_written_masks_read_back(void **state)
{
        hedgec_colour_t palette[256];
        uint8_t mask[16 * 16];
        hedgec_picture_t back;
        FILE *file = tmpfile();

        for (unsigned i = 0; i < 256; i++) {
                palette[i] = (hedgec_colour_t){ { (uint8_t)i, (uint8_t)(255 - i), (uint8_t)(i / 2) } };
                mask[i] = (uint8_t)(i * 7);
        }
        assert_int_equal(hedgec_picture_write_indexed(mask, 16, 16, palette, file, NULL), 0);
        read_back(file, &back);
        assert_true(back.width == 16 && back.height == 16 && back.channels == 3);
        for (unsigned i = 0; i < 256; i++)
                assert_memory_equal(back.pixels + 3 * i, palette[mask[i]].rgb, 3);
        hedgec_picture_release(&back);
}

static void test_saving_says_what_is_wrong(void **state)
{
        hedgec_picture_t p = make(200, 200, 3);
        hedge_why_t why;

        assert_int_equal(hedgec_picture_save(&p, "/nonexistent/x.png", &why), -ENOENT);
        assert_non_null(strstr(why.text, "/nonexistent/x.png: No such file"));
        for (unsigned i = 0; i < 2; i++) {
                assert_true(hedgec_picture_save(&p, "/dev/full", &why) < 0);
                assert_string_equal(why.text, "cannot write /dev/full: No space left on device");
        }
        assert_int_equal(hedgec_picture_save(&p, "/dev/null", &why), 0);
        assert_int_equal(access("/dev/null", W_OK), 0);
        hedgec_picture_release(&p);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_frame),
                cmocka_unit_test(test_labels_stay_inside),
                cmocka_unit_test(test_font),
                cmocka_unit_test(test_colours),
                cmocka_unit_test(test_scale),
                cmocka_unit_test(test_written_pictures_read_back),
                cmocka_unit_test(test_written_masks_read_back),
                cmocka_unit_test(test_saving_says_what_is_wrong),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

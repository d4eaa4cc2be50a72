/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/media/preprocess.h"
#include "client/media/resample.h"

static const hedge_model_preprocess_t raw = { .given = true, .scale = 1, .std = { 1, 1, 1, 1 } };

static hedgec_picture_t make(uint32_t width, uint32_t height, uint32_t channels)
{
        hedgec_picture_t p = { 0 };

        assert_int_equal(hedgec_picture_alloc(width, height, channels, &p, NULL), 0);
        for (uint32_t i = 0; i < width * height * channels; i++)
                p.pixels[i] = (uint8_t)(i * 41 + i / 13 * 7);
        return p;
}

static hedge_tensor_t run(const hedgec_picture_t *p, const hedge_model_preprocess_t *how, hedge_shape_t shape)
{
        hedge_tensor_t t = { .data = NULL };
        hedge_why_t why = { "" };

        if (hedgec_preprocess(p, how, &shape, &t, &why))
                fail_msg("%s", why.text);
        assert_true(hedge_shape_equal(&t.shape, &shape));
        return t;
}

static void test_exact_size_is_untouched(void **state)
{
        hedgec_picture_t p = make(5, 4, 3);
        hedge_model_preprocess_t how = { .resize = 256,
                                         .crop = true,
                                         .scale = 1 / 255.,
                                         .mean = { .485, .456, .406 },
                                         .std = { .229, .224, .225 } };
        hedge_tensor_t t = run(&p, &how, (hedge_shape_t){ 4, { 1, 3, 4, 5 } });

        for (unsigned c = 0; c < 3; c++)
                for (unsigned i = 0; i < 20; i++)
                        assert_true(t.data[c * 20 + i] ==
                                    (float)((p.pixels[i * 3 + c] * (1 / 255.) - how.mean[c]) / how.std[c]));
        hedge_tensor_release(&t);
        how.nhwc = how.bgr = true;
        t = run(&p, &how, (hedge_shape_t){ 4, { 1, 4, 5, 3 } });
        for (unsigned c = 0; c < 3; c++)
                for (unsigned i = 0; i < 20; i++)
                        assert_true(t.data[i * 3 + c] ==
                                    (float)((p.pixels[i * 3 + 2 - c] * (1 / 255.) - how.mean[c]) / how.std[c]));
        hedge_tensor_release(&t);
        hedgec_picture_release(&p);
}

static void test_grey_and_rgb(void **state)
{
        hedgec_picture_t grey = make(6, 2, 1), rgb = make(2, 2, 3);
        hedge_tensor_t t = run(&grey, &raw, (hedge_shape_t){ 4, { 1, 3, 2, 6 } });

        for (unsigned i = 0; i < 36; i++)
                assert_true(t.data[i] == grey.pixels[i % 12]);
        hedge_tensor_release(&t);
        t = run(&rgb, &raw, (hedge_shape_t){ 3, { 1, 2, 2 } });
        for (unsigned i = 0; i < 4; i++) {
                const uint8_t *p = rgb.pixels + 3 * i;

                assert_true(fabs(t.data[i] - (.299 * p[0] + .587 * p[1] + .114 * p[2])) < .51);
        }
        hedge_tensor_release(&t);
        memset(rgb.pixels, 255, 12);
        t = run(&rgb, &raw, (hedge_shape_t){ 2, { 2, 2 } });
        assert_true(t.data[3] == 255);
        hedge_tensor_release(&t);
        t = run(&grey, &raw, (hedge_shape_t){ 2, { 1, 12 } }); /* flattened */
        for (unsigned i = 0; i < 12; i++)
                assert_true(t.data[i] == grey.pixels[i]);
        hedge_tensor_release(&t);
        hedgec_picture_release(&grey);
        hedgec_picture_release(&rgb);
}

/* One sample in floating point: `step` is the distance between neighbours. */
static double triangle(const double *from, uint32_t step, uint32_t size, uint32_t resized, uint32_t i)
{
        double scale = (double)size / resized, width = fmax(scale, 1), sum = 0, weights = 0;

        for (uint32_t x = 0; x < size; x++) {
                double w = fmax(0, 1 - fabs(x + .5 - (i + .5) * scale) / width);

                sum += w * from[x * step];
                weights += w;
        }
        return sum / weights;
}

/* Against floating point without rounding in between: half a sample for each direction. */
static void check_resample(const hedgec_picture_t *p, const hedgec_window_t *columns, const hedgec_window_t *rows)
{
        static double samples[40 * 40 * 3], narrow[40 * 40 * 3];
        uint32_t c = p->channels, n = columns->count * c;
        hedgec_picture_t out = { 0 };
        hedge_why_t why = { "" };

        if (hedgec_resample(p, columns, rows, &out, &why))
                fail_msg("%s", why.text);
        assert_int_equal(out.width, columns->count);
        assert_int_equal(out.height, rows->count);
        for (uint32_t i = 0; i < p->width * p->height * c; i++)
                samples[i] = p->pixels[i];
        for (uint32_t y = 0; y < p->height; y++)
                for (uint32_t i = 0; i < n; i++)
                        narrow[y * n + i] = triangle(samples + y * p->width * c + i % c, c, p->width, columns->resized,
                                                     columns->first + i / c);
        for (uint32_t y = 0; y < rows->count; y++)
                for (uint32_t i = 0; i < n; i++)
                        if (fabs(out.pixels[y * n + i] -
                                 triangle(narrow + i, n, p->height, rows->resized, rows->first + y)) > 1.001)
                                fail_msg("%u x %u: row %u, sample %u", p->width, p->height, y, i);
        hedgec_picture_release(&out);
}

static void test_resample(void **state)
{
        srand(5);
        for (int i = 0; i < 200; i++) {
                hedgec_picture_t p = make(1 + (uint32_t)rand() % 40, 1 + (uint32_t)rand() % 40, rand() % 2 ? 3 : 1);
                hedgec_window_t columns = { .size = p.width, .resized = 1 + (uint32_t)rand() % 40 };
                hedgec_window_t rows = { .size = p.height, .resized = 1 + (uint32_t)rand() % 40 };

                columns.first = (uint32_t)rand() % columns.resized;
                columns.count = 1 + (uint32_t)rand() % (columns.resized - columns.first);
                rows.first = (uint32_t)rand() % rows.resized;
                rows.count = 1 + (uint32_t)rand() % (rows.resized - rows.first);
                check_resample(&p, &columns, &rows);
                hedgec_picture_release(&p);
        }
}

/* A picture whose samples say where they are: the middle is cut out. */
static void test_crop(void **state)
{
        hedge_model_preprocess_t how = raw;
        hedgec_picture_t p = { 0 };
        hedge_tensor_t t;

        assert_int_equal(hedgec_picture_alloc(200, 100, 1, &p, NULL), 0);
        for (uint32_t i = 0; i < 20000; i++)
                p.pixels[i] = (uint8_t)(i % 200);
        how.crop = true;
        how.resize = 100;
        t = run(&p, &how, (hedge_shape_t){ 4, { 1, 1, 50, 50 } });
        assert_true(t.data[0] == 75 && t.data[49] == 124);
        hedge_tensor_release(&t);
        how.resize = 50; /* half as large: 100 x 50, columns 25 to 74 of it */
        t = run(&p, &how, (hedge_shape_t){ 4, { 1, 1, 50, 50 } });
        assert_true(fabsf(t.data[0] - 50.5f) <= .5f && fabsf(t.data[49] - 148.5f) <= .5f);
        hedge_tensor_release(&t);
        how.resize = 10; /* does not cover the input: as large as it must be */
        t = run(&p, &how, (hedge_shape_t){ 4, { 1, 1, 50, 50 } });
        assert_true(fabsf(t.data[0] - 50.5f) <= .5f && fabsf(t.data[49] - 148.5f) <= .5f);
        hedge_tensor_release(&t);
        how.crop = false; /* straight, the ratio lost */
        t = run(&p, &how, (hedge_shape_t){ 4, { 1, 1, 50, 50 } });
        assert_true(fabsf(t.data[0] - 2) <= 1 && fabsf(t.data[49] - 197) <= 1);
        hedge_tensor_release(&t);
        hedgec_picture_release(&p);

        assert_int_equal(hedgec_picture_alloc(50, 101, 1, &p, NULL),
                         0); /* upright; the odd row is left at the bottom */
        for (uint32_t i = 0; i < 50 * 101; i++)
                p.pixels[i] = (uint8_t)(i / 50);
        how.crop = true;
        how.resize = 50;
        t = run(&p, &how, (hedge_shape_t){ 4, { 1, 1, 50, 50 } });
        assert_true(t.data[0] == 25 && t.data[49 * 50] == 74);
        hedge_tensor_release(&t);
        hedgec_picture_release(&p);
}

static void test_refused(void **state)
{
        static const struct {
                hedge_shape_t shape;
                int code;
                const char *error;
        } cases[] = {
                { { 4, { 2, 3, 4, 4 } }, HEDGE_ESHAPE, "an input of 2x3x4x4 takes several pictures" },
                { { 4, { 1, 2, 4, 4 } }, HEDGE_ESHAPE, "an input of 1x2x4x4 has 2 channels; a picture has 1 or 3" },
                { { 4, { 1, 3, 0, 4 } }, HEDGE_ESHAPE, "an input of 1x3x0x4" },
                { { 5, { 1, 3, 4, 4, 4 } }, HEDGE_ESHAPE, "no picture makes an input of 1x3x4x4x4" },
                { { 1, { 16 } }, HEDGE_ESHAPE, "no picture makes an input of 16" },
                { { 0, { 0 } }, HEDGE_ESHAPE, "no picture makes" },
                { { 4, { 1, 3, 65536, 65536 } }, HEDGE_ELIMIT, "an input of 1x3x65536x65536 is too large" },
                { { 4, { 1, 1, 1, 70000 } }, HEDGE_ELIMIT, "an input of 70000 x 1 pixels is too large" },
        };
        hedge_model_preprocess_t how = raw;
        hedgec_picture_t p = make(4, 6, 3), needle = make(1, 60000, 3);
        hedge_tensor_t t = { .data = NULL };
        hedge_why_t why;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                int r = hedgec_preprocess(&p, &how, &cases[i].shape, &t, &why);

                if (r != cases[i].code || !strstr(why.text, cases[i].error))
                        fail_msg("case %zu gives %d, %s; not %s", i, r, why.text, cases[i].error);
                assert_null(t.data);
        }
        how.crop = true;
        how.resize = UINT32_MAX; /* as a coordinator might say */
        assert_int_equal(hedgec_preprocess(&p, &how, &(hedge_shape_t){ 4, { 1, 3, 2, 2 } }, &t, &why), HEDGE_ELIMIT);
        how.resize = 16384; /* a resized picture of 16384 x 10^9, of which little is wanted */
        t = run(&needle, &how, (hedge_shape_t){ 4, { 1, 3, 8, 8 } });
        hedge_tensor_release(&t);
        how.crop = false;
        assert_int_equal(hedgec_preprocess(&needle, &how, &(hedge_shape_t){ 4, { 1, 3, 60000, 1 } }, &t, &why), 0);
        hedge_tensor_release(&t);
        assert_int_equal(hedgec_preprocess(&needle, &how, &(hedge_shape_t){ 4, { 1, 3, 8, 60000 } }, &t, &why),
                         HEDGE_ELIMIT);
        assert_non_null(strstr(why.text, "MiB of memory"));
        hedgec_picture_release(&p);
        hedgec_picture_release(&needle);
}

/* Photographs resized to 256 and cropped to 224 by Pillow: the same samples. */
static void test_as_pillow(void **state)
{
        static const char *const names[] = { "dog.jpg",        "goldfish.jpg", "horse-cart.jpg", "kimono.jpg",
                                             "kitten_224.png", "pelican.jpeg", "wolves.jpg" };
        const char *data = getenv("HEDGE_TEST_DATA"), *root = getenv("HEDGE_SOURCE_ROOT");
        hedge_model_preprocess_t how = raw;
        char folder[256];

        if (data)
                snprintf(folder, sizeof(folder), "%s/images", data);
        else
                snprintf(folder, sizeof(folder), "%s/../shared/data/images", root ? root : ".");
        if (access(folder, R_OK) < 0) {
                print_message("no test data in %s: set HEDGE_TEST_DATA\n", folder);
                skip();
        }
        how.nhwc = how.crop = true;
        how.resize = 256;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                hedgec_picture_t photo = { 0 }, wanted = { 0 };
                hedge_why_t why = { "" };
                hedge_tensor_t t;
                char path[512];
                unsigned differ = 0;

                snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
                if (hedgec_picture_load(path, false, &photo, &why))
                        fail_msg("%s", why.text);
                snprintf(path, sizeof(path), "%s/crop224-ppm/%.*s.ppm", folder, (int)strcspn(names[i], "."), names[i]);
                if (hedgec_picture_load(path, false, &wanted, &why))
                        fail_msg("%s", why.text);
                t = run(&photo, &how, (hedge_shape_t){ 4, { 1, 224, 224, 3 } });
                for (unsigned k = 0; k < 224 * 224 * 3; k++)
                        differ += t.data[k] != wanted.pixels[k];
                if (differ)
                        fail_msg("%s: %u samples differ", names[i], differ);
                hedge_tensor_release(&t);
                hedgec_picture_release(&photo);
                hedgec_picture_release(&wanted);
        }
}

/* What lies in the input at (x, y), in a picture without preprocessing. */
static float at(const hedge_tensor_t *t, uint32_t c, uint32_t y, uint32_t x)
{
        return t->data[(c * t->shape.dims[2] + y) * t->shape.dims[3] + x];
}

/* A letterboxed picture is the picture resized to what fits, with grey around it. */
static void test_letterbox(void **state)
{
        static const struct {
                uint32_t width, height, inner_w, inner_h;
        } cases[] = { { 80, 40, 64, 32 }, { 40, 80, 24, 48 }, { 200, 150, 64, 48 }, { 31, 31, 48, 48 },
                      { 7, 5, 64, 46 },   { 1, 400, 1, 48 },  { 300, 1, 64, 1 } };

        for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
                for (unsigned box = HEDGE_LETTERBOX_CENTRE; box <= HEDGE_LETTERBOX_CORNER; box++) {
                        const uint32_t w = cases[i].inner_w, h = cases[i].inner_h;
                        const uint32_t left = box == HEDGE_LETTERBOX_CENTRE ? (64 - w) / 2 : 0;
                        const uint32_t top = box == HEDGE_LETTERBOX_CENTRE ? (48 - h) / 2 : 0;
                        hedgec_picture_t p = make(cases[i].width, cases[i].height, 3);
                        hedge_model_preprocess_t how = raw;
                        hedge_tensor_t inner = run(&p, &how, (hedge_shape_t){ 4, { 1, 3, h, w } }), t;

                        how.letterbox = box;
                        t = run(&p, &how, (hedge_shape_t){ 4, { 1, 3, 48, 64 } });
                        for (uint32_t k = 0; k < 3 * 48 * 64; k++) {
                                const uint32_t c = k / (48 * 64), y = k / 64 % 48, x = k % 64;
                                const bool in = x >= left && x < left + w && y >= top && y < top + h;

                                assert_true(at(&t, c, y, x) == (in ? at(&inner, c, y - top, x - left) : 114));
                        }
                        hedge_tensor_release(&t);
                        hedge_tensor_release(&inner);
                        hedgec_picture_release(&p);
                }
}

/* A white rectangle in a black picture is found in the input at the place that the map says, to within a pixel of the input
 * on either side: resizing blurs its edges. */
static void test_map_finds_places(void **state)
{
        static const hedge_model_preprocess_t hows[] = {
                { .scale = 1, .std = { 1, 1, 1, 1 } },
                { .scale = 1, .std = { 1, 1, 1, 1 }, .crop = true, .resize = 60 },
                { .scale = 1, .std = { 1, 1, 1, 1 }, .letterbox = HEDGE_LETTERBOX_CENTRE },
                { .scale = 1, .std = { 1, 1, 1, 1 }, .letterbox = HEDGE_LETTERBOX_CORNER },
        };
        static const uint32_t sizes[][2] = { { 64, 48 }, { 320, 200 }, { 90, 400 }, { 30, 20 } };

        for (unsigned i = 0; i < 4; i++)
                for (unsigned k = 0; k < 4; k++) {
                        const uint32_t w = sizes[k][0], h = sizes[k][1];
                        const uint32_t x0 = w * 2 / 5, x1 = w * 7 / 10, y0 = h * 9 / 20, y1 = h * 11 / 20;
                        hedgec_picture_t p = make(w, h, 1);
                        double low_x = 1e9, low_y = 1e9, high_x = -1, high_y = -1;
                        hedge_map_t map;
                        hedge_tensor_t t;

                        for (uint32_t n = 0; n < w * h; n++)
                                p.pixels[n] = n % w >= x0 && n % w < x1 && n / w >= y0 && n / w < y1 ? 255 : 0;
                        t = run(&p, &hows[i], (hedge_shape_t){ 4, { 1, 1, 48, 64 } });
                        assert_int_equal(hedgec_preprocess_map(&p, &hows[i], &t.shape, &map), 0);
                        assert_true(map.width == w && map.height == h);
                        for (uint32_t n = 0; n < 48 * 64; n++)
                                if (t.data[n] > 127) {
                                        low_x = fmin(low_x, n % 64);
                                        high_x = fmax(high_x, n % 64 + 1);
                                        low_y = fmin(low_y, n / 64);
                                        high_y = fmax(high_y, n / 64 + 1);
                                }
                        assert_true(fabs(low_x * map.scale_x + map.offset_x - x0) <= map.scale_x);
                        assert_true(fabs(high_x * map.scale_x + map.offset_x - x1) <= map.scale_x);
                        assert_true(fabs(low_y * map.scale_y + map.offset_y - y0) <= map.scale_y);
                        assert_true(fabs(high_y * map.scale_y + map.offset_y - y1) <= map.scale_y);
                        hedge_tensor_release(&t);
                        hedgec_picture_release(&p);
                }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_letterbox),
                cmocka_unit_test(test_map_finds_places),
                cmocka_unit_test(test_exact_size_is_untouched),
                cmocka_unit_test(test_grey_and_rgb),
                cmocka_unit_test(test_resample),
                cmocka_unit_test(test_crop),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_as_pillow),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

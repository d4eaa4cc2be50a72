/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/detect_bed.h"

#define PLANE_H 8
#define PLANE_W 12

static void make(bed_t *bed, uint32_t planes, bool last, double low, double high)
{
        hedge_shape_t first_shape = { .rank = 4, .dims = { 1, planes, PLANE_H, PLANE_W } };
        hedge_shape_t last_shape = { .rank = 4, .dims = { 1, PLANE_H, PLANE_W, planes } };

        bed_init(bed, 5 + planes);
        bed->what.kind = HEDGE_OUTPUT_SEGMENTATION;
        bed->what.classes = planes;
        bed->outputs.nhwc = last;
        bed_add(bed, &bed->what.scores, "mask", low, high, last ? last_shape : first_shape);
}

/* The number of a plane at a point of the picture, bilinear between the centres of the mask's pixels. */
static double sample(const bed_t *bed, const hedge_map_t *map, uint32_t planes, bool last, uint32_t c, uint32_t px,
                     uint32_t py)
{
        double x = ((px + .5 - map->offset_x) / map->scale_x) * PLANE_W / BED_WIDTH - .5;
        double y = ((py + .5 - map->offset_y) / map->scale_y) * PLANE_H / BED_HEIGHT - .5, sum = 0;

        x = fmin(fmax(x, 0), PLANE_W - 1);
        y = fmin(fmax(y, 0), PLANE_H - 1);
        for (int j = 0; j < PLANE_H; j++)
                for (int i = 0; i < PLANE_W; i++) {
                        double w = fmax(0, 1 - fabs(x - i)) * fmax(0, 1 - fabs(y - j));

                        if (w > 0)
                                sum += w * (double)bed->tensors[0].data[last ? (j * PLANE_W + i) * (int)planes + (int)c
                                                                             : ((int)c * PLANE_H + j) * PLANE_W + i];
                }
        return sum;
}

/* A picture of which the model has seen the middle. */
static const hedge_map_t map = {
        .width = 250, .height = 180, .scale_x = 2, .scale_y = 2.5, .offset_x = 29, .offset_y = 10
};

static bool is_seen(uint32_t x, uint32_t y)
{
        return x >= 29 && x < 29 + 2 * BED_WIDTH && y >= 10 && y < 10 + 2.5 * BED_HEIGHT;
}

static void test_highest_plane(void **state)
{
        for (unsigned last = 0; last < 2; last++) {
                const uint32_t planes = 5;
                uint64_t counts[256], expected[256] = { 0 };
                uint8_t *mask;
                bed_t bed;

                make(&bed, planes, last, -1, 1);
                assert_int_equal(hedge_detect_mask(&bed.what, &bed.outputs, &map, &mask, counts, NULL), 0);
                for (uint32_t y = 0; y < map.height; y++)
                        for (uint32_t x = 0; x < map.width; x++) {
                                uint8_t class = mask[y * map.width + x];

                                expected[class]++;
                                if (!is_seen(x, y)) {
                                        assert_int_equal(class, HEDGE_DETECT_OUTSIDE);
                                        continue;
                                }
                                assert_true(class < planes);
                                /* none is higher by more than float's rounding of four products of numbers below 1 */
                                for (uint32_t c = 0; c < planes; c++)
                                        assert_true(sample(&bed, &map, planes, last, c, x, y) <=
                                                    sample(&bed, &map, planes, last, class, x, y) + 1e-6);
                        }
                assert_memory_equal(counts, expected, sizeof(counts));
                free(mask);
                bed_release(&bed);
        }
}

static void test_one_plane(void **state)
{
        for (unsigned raw = 0; raw < 2; raw++) {
                uint64_t counts[256];
                uint8_t *mask;
                bed_t bed;

                make(&bed, 1, false, raw ? -3 : 0, raw ? 3 : 1);
                bed.what.classes = 2;
                bed.what.score = .7;
                bed.what.activation = raw ? HEDGE_ACTIVATION_SIGMOID : HEDGE_ACTIVATION_NONE;
                assert_int_equal(hedge_detect_mask(&bed.what, &bed.outputs, &map, &mask, counts, NULL), 0);
                for (uint32_t y = 0; y < map.height; y++)
                        for (uint32_t x = 0; x < map.width; x++) {
                                double score = sample(&bed, &map, 1, false, 0, x, y);

                                score = raw ? bed_sigmoid(score) : score;
                                if (is_seen(x, y) && fabs(score - .7) > 1e-6)
                                        assert_int_equal(mask[y * map.width + x], score > .7);
                        }
                assert_true(counts[0] > 1000 && counts[1] > 1000);
                free(mask);
                bed_release(&bed);
        }
}

static void test_labels(void **state)
{
        const hedge_map_t same = hedge_map_same(BED_WIDTH, BED_HEIGHT);
        uint64_t counts[256];
        uint8_t *mask;
        bed_t bed;
        float *data;

        make(&bed, 1, false, 0, 0);
        bed.what.labels = bed.what.scores;
        bed.what.scores.count = bed.what.classes = 0;
        data = bed.tensors[0].data;
        for (int i = 0; i < PLANE_W * PLANE_H; i++)
                data[i] = (float)(i % 7);
        data[3] = -1;
        data[4] = NAN;
        data[5] = 300;
        assert_int_equal(hedge_detect_mask(&bed.what, &bed.outputs, &same, &mask, counts, NULL), 0);
        for (uint32_t y = 0; y < BED_HEIGHT; y++)
                for (uint32_t x = 0; x < BED_WIDTH; x++) {
                        uint32_t i = y / 8 * PLANE_W + x / 8;

                        assert_int_equal(mask[y * BED_WIDTH + x], i >= 3 && i <= 5 ? HEDGE_DETECT_OUTSIDE : i % 7);
                }
        assert_int_equal(counts[HEDGE_DETECT_OUTSIDE], 3 * 64);
        free(mask);
        bed_release(&bed);
}

/* A plane that is not a number never wins; where none is one, nothing does. */
static void test_not_a_number(void **state)
{
        const hedge_map_t same = hedge_map_same(BED_WIDTH, BED_HEIGHT);
        uint64_t counts[256];
        uint8_t *mask;
        bed_t bed;

        make(&bed, 3, false, 0, 1);
        for (int i = 0; i < PLANE_W * PLANE_H; i++)
                bed.tensors[0].data[PLANE_W * PLANE_H + i] = NAN;
        for (unsigned c = 0; c < 3; c++)
                bed.tensors[0].data[c * PLANE_W * PLANE_H] = NAN;
        assert_int_equal(hedge_detect_mask(&bed.what, &bed.outputs, &same, &mask, counts, NULL), 0);
        assert_int_equal(mask[0], HEDGE_DETECT_OUTSIDE);
        assert_int_equal(mask[40 * BED_WIDTH + 40] == 1, 0);
        assert_int_equal(counts[1], 0);
        assert_true(counts[0] > 100 && counts[2] > 100);
        free(mask);
        bed_release(&bed);
}

static void expect_refused(bed_t *bed, int code, const char *words)
{
        hedge_why_t why = { "" };
        uint64_t counts[256];
        uint8_t *mask = NULL;

        assert_int_equal(hedge_detect_mask(&bed->what, &bed->outputs, &map, &mask, counts, &why), code);
        if (!strstr(why.text, words))
                fail_msg("'%s' does not say '%s'", why.text, words);
        assert_null(mask);
        assert_int_equal(hedge_detect_check(&bed->what, &bed->outputs, &why), code);
        bed_release(bed);
}

static void test_refused(void **state)
{
        bed_t bed;

        make(&bed, 3, false, 0, 1);
        bed.what.classes = 4;
        expect_refused(&bed, HEDGE_ESHAPE, "the output mask is 1x3x8x12, but model.yaml wants 4 planes there");
        make(&bed, 3, false, 0, 1);
        bed.what.classes = 2;
        expect_refused(&bed, HEDGE_ESHAPE, "wants 2 planes there, or one");
        make(&bed, 3, false, 0, 1);
        bed.what.classes = 0;
        expect_refused(&bed, HEDGE_ECONFIG, "output.classes, or labels");
        make(&bed, 3, false, 0, 1);
        bed.what.classes = 256;
        expect_refused(&bed, HEDGE_ELIMIT, "at most 255 classes");
        make(&bed, 3, false, 0, 1);
        strcpy(bed.what.scores.names[0], "x");
        expect_refused(&bed, HEDGE_ECONFIG, "'x' in its section output");
        make(&bed, 2, false, 0, 1); /* two pictures */
        bed.tensors[0].shape.dims[0] = 2;
        bed.tensors[0].shape.dims[1] = 1;
        expect_refused(&bed, HEDGE_ESHAPE, "2x1x8x12");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_highest_plane), cmocka_unit_test(test_one_plane), cmocka_unit_test(test_labels),
                cmocka_unit_test(test_not_a_number),  cmocka_unit_test(test_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

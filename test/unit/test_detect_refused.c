/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>

#include "test/unit/detect_bed.h"

/* A list of n boxes with one score each, apart from one another so that none suppresses another. */
static void make_list(bed_t *bed, uint32_t n)
{
        float *boxes;

        bed_init(bed, 1);
        bed_add(bed, &bed->what.scores, "scores", .5, 1, (hedge_shape_t){ .rank = 2, .dims = { 1, n } });
        boxes = bed_add(bed, &bed->what.boxes, "boxes", 0, 1, (hedge_shape_t){ .rank = 3, .dims = { 1, n, 4 } });
        for (uint32_t i = 0; i < n; i++) {
                boxes[4 * i] = (float)(i % 90);
                boxes[4 * i + 1] = (float)(i / 90 % 60);
                boxes[4 * i + 2] = boxes[4 * i] + .5f;
                boxes[4 * i + 3] = boxes[4 * i + 1] + .5f;
        }
}

static int find(bed_t *bed, hedge_box_t **boxes, uint32_t *n, hedge_why_t *why)
{
        const hedge_map_t map = hedge_map_same(BED_WIDTH, BED_HEIGHT);

        *boxes = NULL;
        *n = 0;
        return hedge_detect_boxes(&bed->what, &bed->outputs, &map, boxes, n, why);
}

static void expect_refused(bed_t *bed, int code, const char *words)
{
        hedge_why_t why = { "" };
        hedge_box_t *boxes;
        uint32_t n;

        assert_int_equal(find(bed, &boxes, &n, &why), code);
        if (!strstr(why.text, words))
                fail_msg("'%s' does not say '%s'", why.text, words);
        assert_null(boxes);
        if (code == HEDGE_ESHAPE || code == HEDGE_ECONFIG)
                assert_int_equal(hedge_detect_check(&bed->what, &bed->outputs, &why), code);
        bed_release(bed);
}

static void test_outputs_that_do_not_fit(void **state)
{
        bed_t bed;

        make_list(&bed, 8);
        strcpy(bed.what.boxes.names[0], "bboxes");
        expect_refused(&bed, HEDGE_ECONFIG,
                       "'bboxes' in its section output, but the model's outputs are scores, boxes");

        make_list(&bed, 8);
        bed.tensors[1].shape.dims[2] = 5;
        bed.tensors[1].shape.dims[1] = 6;
        expect_refused(&bed, HEDGE_ESHAPE, "the output boxes is 1x6x5, but model.yaml wants 4 numbers for each box");

        make_list(&bed, 8); /* two pictures at once */
        bed.tensors[1].shape.dims[0] = 2;
        bed.tensors[1].shape.dims[1] = 4;
        expect_refused(&bed, HEDGE_ESHAPE, "2x4x4");

        make_list(&bed, 8);
        bed.tensors[0].shape.dims[1] = 7;
        expect_refused(&bed, HEDGE_ESHAPE, "the output scores is 1x7, but model.yaml wants scores for each box");

        make_list(&bed, 8); /* three classes are said and one is there */
        bed.what.classes = 3;
        expect_refused(&bed, HEDGE_ESHAPE, "wants 3 numbers for each of 8 boxes");

        make_list(&bed, 8); /* a grid of 12 x 8 cells */
        bed.what.format = HEDGE_BOX_LTRB;
        bed.what.levels[bed.what.n_levels++].stride = 8;
        expect_refused(&bed, HEDGE_ESHAPE, "wants 4 numbers for each of 1 anchors of 8 x 12 cells");

        make_list(&bed, 8);
        bed.what.indices = bed.what.boxes;
        expect_refused(&bed, HEDGE_ESHAPE, "wants picture, class and box");
}

static void test_classes_must_be_known(void **state)
{
        bed_t bed;

        make_list(&bed, 8);
        bed.what.tensors = bed.what.boxes;
        expect_refused(&bed, HEDGE_ECONFIG, "model.yaml wants output.classes, or labels");
}

static void test_scores_above_one(void **state)
{
        bed_t bed;

        make_list(&bed, 8);
        bed.tensors[0].data[3] = 3;
        expect_refused(&bed, -ERANGE, "a score of 3 is above 1");
}

/* What is not a number passes nowhere: as a score, in a box, as a label, as objectness. */
static void test_not_a_number(void **state)
{
        const float odd[] = { NAN, INFINITY, -INFINITY };
        hedge_box_t *boxes;
        uint32_t n;
        bed_t bed;

        for (unsigned i = 0; i < 3; i++)
                for (unsigned k = 0; k < 4; k++) {
                        make_list(&bed, 8);
                        bed.tensors[1].data[k] = odd[i];
                        if (i != 1)
                                bed.tensors[0].data[4] = odd[i];
                        assert_int_equal(find(&bed, &boxes, &n, NULL), 0);
                        assert_int_equal(n, i == 1 ? 7 : 6);
                        free(boxes);
                        bed_release(&bed);
                }
        for (unsigned activation = 0; activation < 3; activation++) {
                make_list(&bed, 8);
                bed.what.activation = (hedge_output_activation_t)activation;
                for (unsigned k = 0; k < 8; k++)
                        bed.tensors[0].data[k] = NAN;
                assert_int_equal(find(&bed, &boxes, &n, NULL), 0);
                assert_int_equal(n, 0);
                assert_null(boxes);
                bed_release(&bed);
        }
        make_list(&bed, 8);
        bed.what.labels = bed.what.scores;
        bed.tensors[0].data[2] = NAN;
        bed.tensors[0].data[3] = 1e30f;
        bed.what.score = 0;
        assert_int_equal(find(&bed, &boxes, &n, NULL), 0); /* as a class it fills up */
        assert_int_equal(n, 6);
        free(boxes);
        bed_release(&bed);
}

/* The best of any number, in order; and no more than are asked for. */
static void test_numbers_are_bounded(void **state)
{
        const uint32_t many = 3 * HEDGE_DETECT_MAX_CANDIDATES;
        hedge_box_t *boxes;
        uint32_t n;
        bed_t bed;

        make_list(&bed, many);
        for (uint32_t i = 0; i < many; i++) /* each score once, in an order that jumps about */
                bed.tensors[0].data[i] = (float)((uint64_t)i * 70001 % many) / (float)many;
        bed.what.score = 0;
        bed.what.nms = HEDGE_NMS_NONE;
        bed.what.max = HEDGE_OUTPUT_MAX_BOXES;
        assert_int_equal(find(&bed, &boxes, &n, NULL), 0);
        assert_int_equal(n, HEDGE_OUTPUT_MAX_BOXES);
        for (uint32_t i = 0; i < n; i++)
                assert_true(boxes[i].score == (float)(many - 1 - i) / (float)many);
        free(boxes);
        bed.what.max = 3;
        assert_int_equal(find(&bed, &boxes, &n, NULL), 0);
        assert_int_equal(n, 3);
        free(boxes);
        bed_release(&bed);
}

/* Of equal scores the first box stays, whatever sorts them. */
static void test_equal_scores(void **state)
{
        hedge_box_t *boxes;
        uint32_t n;
        bed_t bed;

        make_list(&bed, 8);
        for (unsigned i = 0; i < 8; i++)
                bed.tensors[0].data[i] = .5f;
        assert_int_equal(find(&bed, &boxes, &n, NULL), 0);
        assert_int_equal(n, 8);
        for (unsigned i = 0; i < 8; i++)
                assert_true(boxes[i].corners[0] == (float)i);
        free(boxes);
        bed_release(&bed);
}

/* Boxes are clipped to the picture, and those beside it are not shown. */
static void test_map(void **state)
{
        const hedge_map_t map = {
                .width = 200, .height = 100, .scale_x = 2, .scale_y = 4, .offset_x = -10, .offset_y = 8
        };
        float box[4];

        assert_true(hedge_map_box(&map, (double[]){ 10, 3, 20, 5 }, box));
        assert_memory_equal(box, ((float[]){ 10, 20, 30, 28 }), sizeof(box));
        assert_true(hedge_map_box(&map, (double[]){ -5, -5, 500, 500 }, box));
        assert_memory_equal(box, ((float[]){ 0, 0, 200, 100 }), sizeof(box));
        assert_false(hedge_map_box(&map, (double[]){ -5, 3, 5, 5 }, box));
        assert_false(hedge_map_box(&map, (double[]){ 20, 3, 10, 5 }, box));
        assert_false(hedge_map_box(&map, (double[]){ 10, NAN, 20, 5 }, box));
        assert_false(hedge_map_box(&map, (double[]){ 10, 3, INFINITY, 5 }, box));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_outputs_that_do_not_fit),
                cmocka_unit_test(test_classes_must_be_known),
                cmocka_unit_test(test_scores_above_one),
                cmocka_unit_test(test_not_a_number),
                cmocka_unit_test(test_numbers_are_bounded),
                cmocka_unit_test(test_equal_scores),
                cmocka_unit_test(test_map),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

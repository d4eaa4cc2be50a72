/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/manifest/manifest.h"

static int parse(const char *text, hedge_manifest_t *ret, hedge_why_t *why)
{
        return hedge_manifest_parse("m.yaml", text, strlen(text), NULL, ret, why);
}

static void test_nothing_said_is_classes(void **state)
{
        hedge_manifest_t m;

        assert_int_equal(parse("output: {classes: 10}", &m, NULL), 0);
        assert_int_equal(m.output.kind, HEDGE_OUTPUT_CLASSES);
        hedge_manifest_release(&m);
}

static void test_everything_is_taken(void **state)
{
        static const char text[] = "letterbox: corner\n"
                                   "output:\n"
                                   "  kind: boxes\n"
                                   "  tensors: [p3, \"p\\\"4\"]\n"
                                   "  columns: [scores, box]\n"
                                   "  format: ltrb\n"
                                   "  activation: sigmoid\n"
                                   "  background: last\n"
                                   "  classes: 80\n"
                                   "  levels:\n"
                                   "  - {stride: 8, anchors: [10, 13.5]}\n"
                                   "  - {stride: 16}\n"
                                   "  offset: 0\n"
                                   "  bins: 8\n"
                                   "  score: 0.3\n"
                                   "  iou: 0.6\n"
                                   "  max: 7\n"
                                   "  nms: all\n"
                                   "  multi_label: true\n";
        hedge_manifest_t m;
        hedge_why_t why = { "" };
        const hedge_output_t *o = &m.output;

        if (parse(text, &m, &why))
                fail_msg("%s", why.text);
        assert_int_equal(m.preprocess.letterbox, HEDGE_LETTERBOX_CORNER);
        assert_true(o->kind == HEDGE_OUTPUT_BOXES && o->tensors.count == 2 && o->boxes.count == 0);
        assert_string_equal(o->tensors.names[0], "p3");
        assert_string_equal(o->tensors.names[1], "p\"4");
        assert_true(o->n_columns == 2 && o->columns[0] == HEDGE_COLUMN_SCORES && o->columns[1] == HEDGE_COLUMN_BOX);
        assert_true(o->format == HEDGE_BOX_LTRB && !o->relative && o->activation == HEDGE_ACTIVATION_SIGMOID);
        assert_true(o->background == HEDGE_BACKGROUND_LAST && o->classes == 80 && o->bins == 8 && o->offset == 0);
        assert_true(o->n_levels == 2 && o->levels[0].stride == 8 && o->levels[1].stride == 16);
        assert_true(o->levels[0].n_anchors == 1 && o->levels[0].anchors[0][1] == 13.5 && o->levels[1].n_anchors == 0);
        assert_true(o->score == .3 && o->iou == .6 && o->max == 7 && o->nms == HEDGE_NMS_ALL && o->multi_label);
        hedge_manifest_release(&m);
}

static void test_written_and_read_back(void **state)
{
        static const char *const texts[] = {
                "output: {kind: boxes, boxes: b, scores: s, labels: l, units: relative, nms: none, max: 3}",
                "output: {kind: boxes, boxes: b, scores: s, indices: i, format: yxyx}",
                ("output: {kind: boxes, boxes: [b, c], scores: [s, t], format: ssd, variance: [0.1, 0.3],\n"
                 "         levels: [{stride: 8, anchors: [16, 16.25]}, {stride: 16, anchors: [1, 2, 3, 4]}]}"),
                "output: {kind: segmentation, scores: 'a b', activation: sigmoid, score: 0.123456789}",
                "letterbox: centre\noutput: {kind: boxes, tensors: x, columns: [image, label, score, box]}",
        };

        for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
                hedge_manifest_t m, back;
                hedge_why_t why = { "" };
                size_t size, size_again;
                char *text, *again;

                if (parse(texts[i], &m, &why))
                        fail_msg("%s", why.text);
                assert_int_equal(hedge_manifest_write_settings(&m, &text, &size), 0);
                if (hedge_manifest_parse("w", text, size, NULL, &back, &why))
                        fail_msg("%s", why.text);
                assert_int_equal(hedge_manifest_write_settings(&back, &again, &size_again), 0);
                assert_string_equal(again, text);
                assert_int_equal(back.output.kind, m.output.kind);
                assert_int_equal(back.preprocess.letterbox, m.preprocess.letterbox);
                free(again);
                free(text);
                hedge_manifest_release(&m);
                hedge_manifest_release(&back);
        }
}

static void test_refused(void **state)
{
        static const char *const cases[][2] = {
                { "output: {kind: faces}", "output.kind: faces is not classes, boxes or segmentation" },
                { "output: {kind: boxes}", "output: wants either tensors, or boxes and scores" },
                { "output: {kind: boxes, boxes: b}", "wants either tensors, or boxes and scores" },
                { "output: {kind: boxes, tensors: t, scores: s}", "output.tensors: is there, so boxes, scores" },
                { "output: {kind: boxes, boxes: [a, b], scores: s}", "output.boxes: there must be as many outputs" },
                { "output: {kind: boxes, boxes: b, scores: s, labels: [l, m]}", "output.boxes: there must be as many" },
                { "output: {boxes: b, scores: s}", "output.kind: is classes, so no outputs can be named" },
                { "output: {kind: boxes, tensors: t, columns: [box]}",
                  "output.columns: wants box, and either scores or" },
                { "output: {kind: boxes, tensors: t, columns: [scores]}", "output.columns: wants box, and either" },
                { "output: {kind: boxes, tensors: t, columns: [box, scores, score]}",
                  "output.columns: wants box, and" },
                { "output: {kind: boxes, tensors: t, columns: [box, scores, label]}",
                  "output.columns: wants score beside" },
                { "output: {kind: boxes, tensors: t, columns: [box, scores, box]}",
                  "output.columns: names a column twice" },
                { "output: {kind: boxes, tensors: t, columns: [box, classes]}",
                  "output.columns: may be box, objectness" },
                { "output: {kind: boxes, tensors: t, format: yolov5}", "output.levels: is wanted for this" },
                { "output: {kind: boxes, tensors: t, levels: [{stride: 8}]}", "output.levels: says nothing where" },
                { "output: {kind: boxes, tensors: t, format: yolov5, levels: [{stride: 8}]}",
                  "output.levels: wants a width and a height for each anchor" },
                { "output: {kind: boxes, tensors: t, format: ssd, levels: [{stride: 8, anchors: [1, 2, 3]}]}",
                  "output.levels: wants a width and a height for each anchor" },
                { "output: {kind: boxes, tensors: t, format: yolox, levels: [{stride: 8, anchors: [1, 2]}]}",
                  "output.levels: has anchors, but output.format is yolox" },
                { "output: {kind: boxes, tensors: [a, b], format: yolox, levels: [{stride: 8}, {stride: 16}, {stride: "
                  "32}]}",
                  "output.levels: there must be one output, or one for each level" },
                { "output: {kind: boxes, tensors: t, format: yolox, levels: [{stride: 0}]}",
                  "levels[0].stride: 0 is below 1" },
                { "output: {kind: boxes, boxes: b, scores: s, labels: l, indices: i}",
                  "output.indices: goes with one" },
                { "output: {kind: boxes, boxes: b, scores: s, bins: 8}", "output.bins: is for output.format ltrb" },
                { "output: {kind: boxes, tensors: \"\"}", "output.tensors: is no name of an output" },
                { "output: {kind: boxes, tensors: \"a\\nb\"}", "output.tensors: holds a control character" },
                { "output: {kind: boxes, tensors: [1, 2, 3, 4, 5, 6, 7, 8, 9]}",
                  "output.tensors: its count of 9 is above 8" },
                { "output: {kind: boxes, tensors: t, score: 1.5}", "output.score: 1.5 is above 1" },
                { "output: {kind: boxes, tensors: t, score: nan}", "output.score: nan is not a number" },
                { "output: {kind: boxes, tensors: t, max: 10001}", "output.max: 10001 is above 10000" },
                { "output: {kind: boxes, tensors: t, variance: [1]}", "output.variance: wants two numbers" },
                { "output: {kind: segmentation}", "output: a segmentation wants one output" },
                { "output: {kind: segmentation, scores: a, labels: b}", "output: a segmentation wants one output" },
                { "output: {kind: segmentation, scores: [a, b]}", "output: a segmentation wants one output" },
                { "letterbox: yes", "letterbox: yes is not none, centre or corner" },
                { "letterbox: centre\nresize: 256", "letterbox: fits the picture into the input, so resize must be 0" },
        };
        hedge_manifest_t m;
        hedge_why_t why;

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                int r = parse(cases[i][0], &m, &why);

                if (r != HEDGE_ECONFIG || strncmp(why.text, "m.yaml", 6) || !strstr(why.text, cases[i][1]))
                        fail_msg("%s\ngives %d, %s\nnot %s", cases[i][0], r, why.text, cases[i][1]);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_nothing_said_is_classes),
                cmocka_unit_test(test_everything_is_taken),
                cmocka_unit_test(test_written_and_read_back),
                cmocka_unit_test(test_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

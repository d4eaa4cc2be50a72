/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/manifest/manifest.h"
#include "common/manifest/stated.h"

static char folder[] = "/tmp/hedge-manifest-XXXXXX";

static void put(const char *name, const char *text)
{
        char path[64];
        FILE *out;

        snprintf(path, sizeof(path), "%s/%s", folder, name);
        unlink(path);
        out = fopen(path, "w");
        assert_non_null(out);
        fputs(text, out);
        fclose(out);
}

static int parse(const char *text, hedge_manifest_t *ret, hedge_why_t *why)
{
        return hedge_manifest_parse("m.yaml", text, strlen(text), folder, ret, why);
}

static int enter_folder(void **state)
{
        return mkdtemp(folder) ? 0 : -1;
}

static int leave_folder(void **state)
{
        char command[64];

        snprintf(command, sizeof(command), "rm -r %s", folder);
        return system(command);
}

static void test_everything_given(void **state)
{
        hedge_manifest_t m = { 0 };
        hedge_why_t why = { "" };

        put("model.yaml", "resize: 256\ncrop: yes\nscale: 0.5\nmean: [1, 2, 3]\nstd: [4]\nchannel_order: bgr\n"
                          "layout: nhwc\nlabels: names.txt\n");
        put("names.txt", "cat\r\ntwo words\n\n\xc3\xa9t\xc3\xa9");
        if (hedge_manifest_load(folder, &m, &why))
                fail_msg("%s", why.text);
        assert_true(m.preprocess.given && m.preprocess.crop && m.preprocess.bgr);
        assert_int_equal(m.preprocess.resize, 256);
        assert_true(m.preprocess.scale == .5);
        assert_true(m.preprocess.mean[0] == 1 && m.preprocess.mean[2] == 3);
        assert_true(m.preprocess.std[0] == 4 && m.preprocess.std[3] == 4);
        assert_int_equal(m.layout, HEDGE_LAYOUT_NHWC);
        assert_int_equal(m.n_labels, 4);
        assert_string_equal(m.labels[0], "cat");
        assert_string_equal(m.labels[1], "two words");
        assert_string_equal(m.labels[2], "");
        assert_string_equal(m.labels[3], "\xc3\xa9t\xc3\xa9");
        hedge_manifest_release(&m);
        assert_null(m.labels);
}

static void test_defaults_and_none(void **state)
{
        hedge_manifest_t m = { 0 };
        hedge_why_t why;

        assert_int_equal(parse("", &m, &why), 0);
        assert_true(m.preprocess.given && m.preprocess.scale == 1 && m.preprocess.std[1] == 1);
        assert_true(m.preprocess.mean[1] == 0 && m.preprocess.resize == 0);
        assert_int_equal(m.n_labels, 0);
        hedge_manifest_release(&m);
        assert_int_equal(hedge_manifest_load("/nonexistent/folder", &m, &why), 0);
        assert_false(m.preprocess.given);
        hedge_manifest_release(&m);
}

static void test_errors(void **state)
{
        static const struct {
                const char *text, *error;
                int code;
        } cases[] = {
                { "resise: 3", "m.yaml:1: resise: is not a known key; did you mean resize?", HEDGE_ECONFIG },
                { "resize: 16385", "m.yaml:1: resize: 16385 is above 16384", HEDGE_ECONFIG },
                { "mean: [1, 2]", "m.yaml: mean: has 2 numbers; 1, 3 or 4 are wanted", HEDGE_ECONFIG },
                { "std: []", "m.yaml: std: has 0 numbers; 1, 3 or 4 are wanted", HEDGE_ECONFIG },
                { "std: [1, 0, 1]", "m.yaml:1: std: 0 is below 1e-06", HEDGE_ECONFIG },
                { "layout: hwc", "m.yaml:1: layout: hwc is not auto, nchw or nhwc", HEDGE_ECONFIG },
                { "labels: ../names.txt", "m.yaml: labels: must be the name of a file in", HEDGE_ECONFIG },
                { "labels: /etc/passwd", "m.yaml: labels: must be the name of a file in", HEDGE_ECONFIG },
                { "labels: ..", "m.yaml: labels: must be the name of a file in", HEDGE_ECONFIG },
                { "labels: \"\"", "m.yaml: labels: must be the name of a file in", HEDGE_ECONFIG },
                { "labels:", "m.yaml:1: labels: wants text or a list of texts", HEDGE_ECONFIG },
                { "labels: {a: b}", "m.yaml:1: labels: wants text or a list of texts", HEDGE_ECONFIG },
                { "labels: [a, [b]]", "m.yaml:1: labels: every item must be text", HEDGE_ECONFIG },
                { "labels: [a, \"\\e[2J\"]", "m.yaml: label 2 holds a control character", HEDGE_ECONFIG },
                { "labels: absent.txt", "/absent.txt: cannot be read: No such file", -ENOENT },
                { "labels: link.txt", "/link.txt: cannot be read: it is a link", -ELOOP },
                { "labels: pipe", "/pipe: cannot be read: it is not a regular file", -EINVAL },
                { "labels: bell.txt", "/bell.txt: label 2 holds a control character", HEDGE_ECONFIG },
                { "labels: long.txt", "/long.txt: label 1 is longer than 1024 bytes", HEDGE_ELIMIT },
                { "resize: 3\nlabels: latin1.txt", "/latin1.txt:2: is not UTF-8 (perhaps Latin-1", HEDGE_ECONFIG },
                { "labels: utf16.txt", "/utf16.txt: is text in UTF-16", HEDGE_ECONFIG },
                { "shapes: [x=1x3, y]", "m.yaml: shapes: 'y' is no shape: NAME=1x3x320x320 is one", HEDGE_ECONFIG },
                { "shapes: x=1x0", "m.yaml: shapes: 'x=1x0' is no shape", HEDGE_ECONFIG },
                { "shapes: [a=1, a=2, b=1, b=2, b=3]", "m.yaml: shapes: 3 shapes are stated for the input 'b'",
                  HEDGE_ECONFIG },
                { "shapes: {a: 1}", "m.yaml:1: shapes: wants text or a list of texts", HEDGE_ECONFIG },
                { "labels: many.txt", "/many.txt: has 65537 lines, more than 65536", HEDGE_ELIMIT },
        };
        static char many[65538], longer[1026];
        hedge_manifest_t m = { 0 };
        hedge_why_t why;
        char path[64];

        memset(many, '\n', 65537);
        memset(longer, 'x', 1025);
        put("many.txt", many);
        put("long.txt", longer);
        put("latin1.txt", "caf\xc3\xa9\nna\xefve\n");
        put("utf16.txt", "\xff\xfe"
                         "c");
        put("bell.txt", "cat\nd\aog\n");
        snprintf(path, sizeof(path), "%s/link.txt", folder);
        assert_int_equal(symlink("/etc/passwd", path), 0);
        snprintf(path, sizeof(path), "%s/pipe", folder);
        assert_int_equal(mkfifo(path, 0600), 0);
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                int r = parse(cases[i].text, &m, &why);

                if (r != cases[i].code || !strstr(why.text, cases[i].error))
                        fail_msg("%s\ngives %d, %s\nnot %s", cases[i].text, r, why.text, cases[i].error);
                assert_null(m.labels);
        }
        assert_int_equal(hedge_manifest_parse("m", "labels: a.txt", 13, NULL, &m, &why), HEDGE_ECONFIG);
        assert_non_null(strstr(why.text, "write the labels as a list"));
}

/* A mark that Windows' editors put in front is no part of the first label, nor are line ends. */
static void test_a_mark_is_no_label(void **state)
{
        hedge_manifest_t m = { 0 };
        hedge_why_t why;

        put("marked.txt", "\xef\xbb\xbf"
                          "cat\r\ndog\r\n");
        assert_int_equal(parse("labels: marked.txt", &m, &why), 0);
        assert_int_equal(m.n_labels, 2);
        assert_string_equal(m.labels[0], "cat");
        assert_string_equal(m.labels[1], "dog");
        hedge_manifest_release(&m);
        put("marked.txt", "\xef\xbb\xbf");
        assert_int_equal(parse("labels: marked.txt", &m, &why), 0);
        assert_int_equal(m.n_labels, 0);
        hedge_manifest_release(&m);
}

/* Shapes are model.yaml's, but for those that a program noted when the model was loaded. */
static void test_shapes(void **state)
{
        const hedge_input_shape_t noted[] = { { "a=b", { 2, { 1, 3 } } }, { "a=b", { 2, { 2, 3 } } } };
        hedge_manifest_t m = { 0 }, again = { 0 };
        char path[64], *text;
        hedge_why_t why = { "" };
        size_t size;

        put("model.yaml", "shapes: [x=1x3x320x320, 'a \"b\"=7']\n");
        if (hedge_manifest_load(folder, &m, &why))
                fail_msg("%s", why.text);
        assert_int_equal(m.n_shapes, 2);
        assert_string_equal(m.shapes[1].name, "a \"b\"");
        assert_int_equal(m.shapes[0].shape.dims[3], 320);
        assert_int_equal(hedge_manifest_write(&m, &text, &size), 0);
        assert_int_equal(hedge_manifest_parse("again", text, size, NULL, &again, &why), 0);
        assert_int_equal(again.n_shapes, 2);
        assert_memory_equal(again.shapes, m.shapes, 2 * sizeof(m.shapes[0]));
        hedge_manifest_release(&again);
        hedge_manifest_release(&m);
        free(text);

        assert_int_equal(hedge_stated_write(noted, 2, &text, &size), 0);
        assert_string_equal(text, "a=b=1x3\na=b=2x3\n");
        put(HEDGE_STATED_FILE, text);
        free(text);
        assert_int_equal(hedge_manifest_load(folder, &m, &why), 0);
        assert_true(m.preprocess.given);
        assert_int_equal(m.n_shapes, 2);
        assert_memory_equal(m.shapes, noted, sizeof(noted));
        hedge_manifest_release(&m);

        put(HEDGE_STATED_FILE, "a=1x3\nwhat\n");
        assert_int_equal(hedge_manifest_load(folder, &m, &why), HEDGE_ECONFIG);
        assert_non_null(strstr(why.text, "/shapes: 'what' is no shape"));
        assert_null(m.shapes);
        snprintf(path, sizeof(path), "%s/%s", folder, HEDGE_STATED_FILE);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(parse("shapes: 1x3x32x32", &m, &why), 0);
        assert_int_equal(m.n_shapes, 1);
        assert_string_equal(m.shapes[0].name, "");
        hedge_manifest_release(&m);
}

/* A file of the coordinator's own that is damaged. */
static void test_stated_files_that_are_none(void **state)
{
        hedge_input_shape_t *shapes = NULL;
        char many[1024] = "", zero[] = "a=1\0\n";
        hedge_why_t why = { "" };
        uint32_t n = 9;

        assert_int_equal(hedge_stated_parse("s", "", 0, &shapes, &n, &why), 0);
        assert_int_equal(n, 0);
        assert_null(shapes);
        assert_int_equal(hedge_stated_parse("s", zero, sizeof(zero) - 1, &shapes, &n, &why), HEDGE_ECONFIG);
        assert_int_equal(hedge_stated_parse("s", "\n", 1, &shapes, &n, &why), HEDGE_ECONFIG);
        for (unsigned i = 0; i <= HEDGE_INPUT_SHAPES_MAX; i++)
                strcat(many, "a=1\n");
        assert_int_equal(hedge_stated_parse("s", many, strlen(many), &shapes, &n, &why), HEDGE_ECONFIG);
        assert_non_null(strstr(why.text, "s: more than 32 lines"));
        assert_int_equal(hedge_stated_parse("s", many, strlen(many) - 5, &shapes, &n, &why), 0); /* no end of line */
        assert_int_equal(n, HEDGE_INPUT_SHAPES_MAX);
        free(shapes);
}

static void test_write_reads_back(void **state)
{
        static const char text[] = "resize: 232\nscale: 0.1\nmean: [0.485, -0.456, 0.406]\nstd: [0.229, 0.224, 0.225]\n"
                                   "layout: nchw\nlabels: [cat, \"a \\\"dog\\\" \\\\ \", '# no', '1', ~, '']\n";
        hedge_manifest_t m = { 0 }, back = { 0 };
        hedge_why_t why;
        char *written;
        size_t size;

        assert_int_equal(parse(text, &m, &why), 0);
        assert_int_equal(hedge_manifest_write(&m, &written, &size), 0);
        if (hedge_manifest_parse("w", written, size, NULL, &back, &why))
                fail_msg("%s\n%s", why.text, written);
        assert_memory_equal(&m.preprocess, &back.preprocess, sizeof(m.preprocess));
        assert_int_equal(m.layout, back.layout);
        assert_int_equal(back.n_labels, 6);
        assert_string_equal(back.labels[1], "a \"dog\" \\ ");
        for (unsigned i = 0; i < 6; i++)
                assert_string_equal(m.labels[i], back.labels[i]);
        free(written);
        hedge_manifest_release(&m);
        hedge_manifest_release(&back);
}

static void test_presets(void **state)
{
        hedge_manifest_t m = { 0 };

        assert_int_equal(hedge_manifest_preset("imagenet", &m), 0);
        assert_true(m.preprocess.given && m.preprocess.crop && m.preprocess.resize == 256);
        assert_true(m.preprocess.mean[2] == 0.406 && m.preprocess.std[0] == 0.229);
        assert_int_equal(hedge_manifest_preset("tf", &m), 0);
        assert_true(m.preprocess.scale == 1 / 127.5 && m.preprocess.mean[0] == 1 && !m.preprocess.resize);
        assert_int_equal(hedge_manifest_preset("none", &m), 0);
        assert_true(m.preprocess.scale == 1 && m.preprocess.mean[0] == 0 && m.preprocess.std[0] == 1);
        assert_int_equal(hedge_manifest_preset("caffe", &m), -EINVAL);
}

static void test_layout(void **state)
{
        static const struct {
                hedge_shape_t shape;
                hedge_layout_t layout;
                bool nhwc;
        } cases[] = {
                { { 4, { 1, 3, 224, 224 } }, HEDGE_LAYOUT_AUTO, false },
                { { 4, { 1, 224, 224, 3 } }, HEDGE_LAYOUT_AUTO, true },
                { { 4, { 1, 1, 28, 28 } }, HEDGE_LAYOUT_AUTO, false },
                { { 4, { 1, 28, 28, 1 } }, HEDGE_LAYOUT_AUTO, true },
                { { 4, { 1, 3, 4, 3 } }, HEDGE_LAYOUT_AUTO, false },
                { { 4, { 1, 3, 4, 3 } }, HEDGE_LAYOUT_NHWC, true },
                { { 4, { 1, 8, 8, 3 } }, HEDGE_LAYOUT_NCHW, false },
                { { 3, { 28, 28, 1 } }, HEDGE_LAYOUT_AUTO, true },
                { { 3, { 1, 28, 28 } }, HEDGE_LAYOUT_AUTO, false },
                { { 2, { 28, 28 } }, HEDGE_LAYOUT_NHWC, false },
        };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                hedge_manifest_t m = { .layout = cases[i].layout };

                hedge_manifest_resolve(&m, &cases[i].shape);
                if (m.preprocess.nhwc != cases[i].nhwc)
                        fail_msg("case %zu", i);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_everything_given), cmocka_unit_test(test_defaults_and_none),
                cmocka_unit_test(test_errors),           cmocka_unit_test(test_a_mark_is_no_label),
                cmocka_unit_test(test_shapes),           cmocka_unit_test(test_stated_files_that_are_none),
                cmocka_unit_test(test_write_reads_back), cmocka_unit_test(test_presets),
                cmocka_unit_test(test_layout),
        };

        return cmocka_run_group_tests(tests, enter_folder, leave_folder);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The ONNX importer: files that want to do harm, or are damaged. */
#include "test/unit/onnx_bed.h"

/* A few bytes that ask for a great deal. */
static void test_bombs(void **state)
{
        Onnx__NodeProto *node;
        make_t m;

        start(&m, DIMS(1));
        make_ints(&m, "huge", DIMS(2), (const int64_t[]){ 1 << 20, 1 << 20 });
        make_node(&m, "Expand", "x huge", "y");
        refused(&m, HEDGE_ELIMIT, "Expand 'y'");
        start(&m, DIMS(1));
        make_ints(&m, "huge", DIMS(1), (const int64_t[]){ INT64_MAX });
        make_node(&m, "ConstantOfShape", "huge", "c");
        make_node(&m, "Add", "x c", "y");
        refused(&m, HEDGE_ELIMIT, "ConstantOfShape 'c'");
        start(&m, DIMS(1, 1, 4, 4));
        make_weights(&m, "w", DIMS(1, 1, 1, 1));
        node = make_node(&m, "Conv", "x w", "y");
        make_int_list(&m, node, "pads", DIMS(1 << 20, 1 << 20, 1 << 20, 1 << 20));
        refused(&m, HEDGE_ELIMIT, "Conv 'y'");
        start(&m, DIMS(1));
        for (int i = 0; i < 40; i++) { /* each twice the one before, all alive: 2^40 in the end */
                char in[16], out[16];

                snprintf(in, sizeof(in), i ? "c%d c%d" : "x x", i - 1, i - 1);
                snprintf(out, sizeof(out), i < 39 ? "c%d" : "y", i);
                make_int(&m, make_node(&m, "Concat", in, out), "axis", 0);
        }
        refused(&m, HEDGE_ELIMIT, "Concat 'c");
        start(&m, DIMS(1));
        make_ints(&m, "half", DIMS(1), (const int64_t[]){ 1 << 24 });
        make_node(&m, "ConstantOfShape", "half", "c");
        for (int i = 0; i < 2000; i++) { /* much work, little memory */
                char in[16], out[16];

                snprintf(in, sizeof(in), i ? "d%d c" : "c c", i - 1);
                snprintf(out, sizeof(out), "d%d", i);
                make_node(&m, "Add", in, out);
        }
        make_node(&m, "Add", "x d1999", "y");
        {
                hedge_onnx_limits_t limits = hedge_onnx_default_limits;

                limits.max_constant_bytes = 1 << 28; /* 2^30 elements of work: 2^5 additions */
                refused_with(&m, &limits, HEDGE_ELIMIT, "Add 'd");
        }
}

static void import_garbage(const unsigned char *bytes, size_t size, int code, const char *words)
{
        hedge_graph_t *graph = NULL;
        hedge_why_t why = { { 0 } };
        int r = hedge_onnx_import(bytes, size, NULL, &graph, &why);

        if (r != code || !strstr(why.text, words))
                fail_msg("%d '%s' instead of %d '%s'", r, why.text, code, words);
}

/* Graphs within attributes within nodes within graphs ..., written from the inside. */
static void test_nesting_bomb(void **state)
{
        static const unsigned char tags[] = { 0x0a, 0x2a, 0x32 }; /* graph.node, node.attribute, attribute.g */
        unsigned char *bytes = malloc(1 << 20), *at = bytes + (1 << 20);
        size_t size = 0;

        assert_non_null(bytes);
        for (int i = 0; i < 30000; i++) {
                unsigned char prefix[8];
                size_t n = 0, v = size;

                prefix[n++] = tags[(30000 - 1 - i) % 3];
                for (; v > 127; v >>= 7)
                        prefix[n++] = (unsigned char)(v | 128);
                prefix[n++] = (unsigned char)v;
                at -= n;
                memcpy(at, prefix, n);
                size += n;
        }
        at -= 4; /* model.graph, its length in three bytes */
        at[0] = 0x3a;
        at[1] = (unsigned char)(size | 128);
        at[2] = (unsigned char)(size >> 7 | 128);
        at[3] = (unsigned char)(size >> 14);
        import_garbage(at, size + 4, HEDGE_EMALFORMED, "nested too deeply");
        free(bytes);
}

/* Empty nodes: two bytes each in the file, a hundred and more in memory. */
static void test_amplification_bomb(void **state)
{
        size_t nodes = 2000000, size = nodes * 2 + 5;
        unsigned char *bytes = malloc(size);

        assert_non_null(bytes);
        bytes[0] = 0x3a;
        for (int i = 0; i < 4; i++)
                bytes[1 + i] = (unsigned char)(nodes * 2 >> 7 * i | (i < 3 ? 128 : 0));
        for (size_t i = 0; i < nodes; i++)
                memcpy(bytes + 5 + 2 * i, "\x0a\x00", 2);
        import_garbage(bytes, size, HEDGE_ELIMIT, "unpacks to far more than its size");
        free(bytes);
}

static void test_files_that_are_none(void **state)
{
        hedge_graph_t *graph = NULL;
        hedge_why_t why = { { 0 } };

        import_garbage((const unsigned char *)"", 0, HEDGE_EMALFORMED, "empty");
        import_garbage((const unsigned char *)"hello, world", 12, HEDGE_EMALFORMED, "not an ONNX file");
        import_garbage((const unsigned char *)"\x08\x07", 2, HEDGE_EMALFORMED, "it has no graph");
        import_garbage((const unsigned char *)"\x3a\x00\x3a\x00", 4, HEDGE_EMALFORMED, "occurs twice");
        assert_true(hedge_onnx_load("/nonexistent/model.onnx", NULL, &graph, &why) < 0);
        assert_non_null(strstr(why.text, "/nonexistent/model.onnx: cannot open it: "));
        assert_true(hedge_onnx_load("/", NULL, &graph, &why) < 0);
        assert_non_null(strstr(why.text, "not a file"));
}

/* What people take for a model is told as what it is. */
static void test_files_that_are_something_else(void **state)
{
        static const struct {
                const char *bytes;
                size_t size;
                const char *words;
        } files[] = {
#define FILE_OF(literal, words) { literal, sizeof(literal) - 1, words }
                FILE_OF("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "Git LFS"),
                FILE_OF("\xef\xbb\xbf\n <!DOCTYPE html><html></html>", "a web page"),
                FILE_OF("<HTML><body>404</body></HTML>", "a web page"),
                FILE_OF("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\x03\x00", "a gzip archive"),
                FILE_OF("PK\x03\x04\x14\x00\x00\x00\x08\x00", "a zip archive"),
                FILE_OF("\x1c\x00\x00\x00TFL3\x14\x00\x20\x00", "a TensorFlow Lite model"),
                FILE_OF("\x89PNG\r\n\x1a\n", "a PNG picture"),
        };

        for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
                import_garbage((const unsigned char *)files[i].bytes, files[i].size, HEDGE_EMALFORMED, files[i].words);
}

/* Cut off anywhere, a model is refused with a sentence. */
static void test_truncation(void **state)
{
        unsigned char *bytes, *cut;
        size_t size;
        make_t m;

        make_net(&m);
        bytes = make_bytes(&m, &size);
        for (size_t n = 0; n < size; n++) {
                hedge_graph_t *graph = NULL;
                hedge_why_t why = { { 0 } };
                int r;

                cut = malloc(n + 1); /* so that a sanitizer sees reads behind the end */
                assert_non_null(cut);
                memcpy(cut, bytes, n);
                r = hedge_onnx_import(cut, n, NULL, &graph, &why);
                if (r >= 0 || !why.text[0])
                        fail_msg("cut at %zu of %zu: %d '%s'", n, size, r, why.text);
                free(cut);
        }
        make_free(&m);
}

/* With bits flipped a model is refused with a sentence, or runs. */
static void test_flipped_bits(void **state)
{
        hedge_onnx_limits_t limits = { 1 << 20, 1 << 14, 1 << 20, 64, 1 << 20 };
        hedge_kernels_t *kernels = NULL;
        unsigned char *bytes, *flipped;
        unsigned ran = 0;
        size_t size;
        make_t m;

        make_net(&m);
        bytes = make_bytes(&m, &size);
        flipped = malloc(size);
        assert_non_null(flipped);
        assert_int_equal(hedge_kernels_new("plain", 1, &kernels), 0);
        for (int i = 0; i < 6000; i++) {
                hedge_tensor_t in = { { 4, { 1, 2, 6, 6 } }, NULL }, out[4] = { { { 0 }, NULL } };
                hedge_engine_t *engine = NULL;
                hedge_graph_t *g = NULL;
                hedge_why_t why = { { 0 } };

                memcpy(flipped, bytes, size);
                for (int k = 0; k <= i % 3; k++) {
                        unsigned at = make_below(&m, (unsigned)size * 8);

                        flipped[at / 8] ^= (unsigned char)(1 << at % 8);
                }
                if (hedge_onnx_import(flipped, size, &(hedge_onnx_options_t){ .limits = &limits }, &g, &why) < 0) {
                        assert_true(why.text[0]);
                        continue;
                }
                assert_int_equal(hedge_engine_new(g, kernels, &engine), 0);
                in.shape = g->values[g->inputs[0]].shape;
                assert_int_equal(hedge_tensor_alloc(&in, &in.shape), 0);
                memset(in.data, 0, hedge_shape_elements(&in.shape) * sizeof(float));
                assert_true(g->n_outputs <= 4);
                if (g->n_inputs == 1 && hedge_engine_run(engine, &in, NULL, NULL, out) == 0)
                        ran++;
                for (int k = 0; k < 4; k++)
                        hedge_tensor_release(&out[k]);
                hedge_tensor_release(&in);
                hedge_engine_destroy(&engine);
                hedge_graph_destroy(&g);
        }
        assert_true(ran > 1000 && ran < 6000); /* most flips hit weights */
        hedge_kernels_destroy(&kernels);
        free(flipped);
        make_free(&m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_bombs),
                cmocka_unit_test(test_nesting_bomb),
                cmocka_unit_test(test_amplification_bomb),
                cmocka_unit_test(test_files_that_are_none),
                cmocka_unit_test(test_files_that_are_something_else),
                cmocka_unit_test(test_truncation),
                cmocka_unit_test(test_flipped_bits),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Extents that a model's file leaves open: stated, or refused by name; only the batch has a value of its own. */
#include <errno.h>

#include "test/unit/onnx_bed.h"

/* A file's symbol for an extent. */
static void make_symbol(Onnx__ValueInfoProto *input, unsigned axis, const char *symbol)
{
        Onnx__TensorShapeProto__Dimension *d = input->type->tensor_type->shape->dim[axis];

        d->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
        d->dim_param = (char *)(uintptr_t)symbol;
}

static void make_unset(Onnx__ValueInfoProto *input, unsigned axis)
{
        input->type->tensor_type->shape->dim[axis]->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE__NOT_SET;
}

/* A convolution, and what depends on the shape: as many rows as it has, times itself. */
static Onnx__ValueInfoProto *make_picture_net(make_t *m, make_dims_t dims)
{
        Onnx__ValueInfoProto *input;
        Onnx__NodeProto *node;

        make_init(m, 13);
        input = make_input(m, "x", dims);
        make_output(m, "y");
        make_weights(m, "w", DIMS(4, 2, 3, 3));
        node = make_node(m, "Conv", "x w", "conv");
        make_int_list(m, node, "pads", DIMS(1, 1, 1, 1));
        make_node(m, "Relu", "conv", "relu");
        make_node(m, "Shape", "relu", "shape");
        make_node(m, "Reshape", "relu shape", "y");
        return input;
}

static int try_import(make_t *m, const hedge_input_shape_t *shapes, uint32_t n, hedge_graph_t **ret, hedge_why_t *why)
{
        hedge_onnx_options_t options = { .shapes = shapes, .n_shapes = n };
        size_t size;
        unsigned char *bytes = make_bytes(m, &size);
        int r = hedge_onnx_import(bytes, size, &options, ret, why);

        make_free(m);
        return r;
}

static hedge_graph_t *import(make_t *m, const hedge_input_shape_t *shapes, uint32_t n)
{
        hedge_graph_t *graph = NULL;
        hedge_why_t why = { "" };

        if (try_import(m, shapes, n, &graph, &why) < 0)
                fail_msg("%s", why.text);
        return graph;
}

static void refused_for(make_t *m, const hedge_input_shape_t *shapes, uint32_t n, int code, const char *words)
{
        hedge_graph_t *graph = NULL;
        hedge_why_t why = { "" };
        int r = try_import(m, shapes, n, &graph, &why);

        if (r != code || !strstr(why.text, words))
                fail_msg("%d '%s' instead of %d '%s'", r, why.text, code, words);
        assert_null(graph);
}

static hedge_tensor_t run(hedge_graph_t *g)
{
        hedge_tensor_t in, out;
        hedge_kernels_t *kernels = NULL;
        hedge_engine_t *engine = NULL;

        assert_int_equal(hedge_kernels_new("plain", 1, &kernels), 0);
        assert_int_equal(hedge_engine_new(g, kernels, &engine), 0);
        assert_int_equal(hedge_tensor_alloc(&in, &g->values[g->inputs[0]].shape), 0);
        for (size_t i = 0; i < hedge_shape_elements(&in.shape); i++)
                in.data[i] = (float)((i * 7919) % 101) / 101 - .5f;
        assert_int_equal(hedge_engine_run(engine, &in, NULL, NULL, &out), 0);
        hedge_tensor_release(&in);
        hedge_engine_destroy(&engine);
        hedge_kernels_destroy(&kernels);
        hedge_graph_destroy(&g);
        return out;
}

/* An open model of a stated shape computes what the model of that fixed shape does, bit for bit. */
static void test_stated_is_as_fixed(void **state)
{
        static const hedge_shape_t shapes[] = { { 4, { 1, 2, 5, 9 } }, { 4, { 1, 2, 1, 1 } }, { 4, { 3, 2, 17, 4 } } };

        for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
                const uint32_t *d = shapes[i].dims;
                hedge_input_shape_t stated = { "x", shapes[i] };
                hedge_tensor_t open, fixed;
                make_t m;

                make_symbol(make_picture_net(&m, DIMS(0, 2, -2, 5)), 3, "width");
                open = run(import(&m, &stated, 1));
                make_picture_net(&m, DIMS(d[0], d[1], d[2], d[3]));
                fixed = run(import(&m, NULL, 0));
                assert_true(hedge_shape_equal(&open.shape, &fixed.shape));
                assert_int_equal(fixed.shape.dims[2], d[2]);
                assert_memory_equal(open.data, fixed.data, hedge_shape_elements(&fixed.shape) * sizeof(float));
                hedge_tensor_release(&open);
                hedge_tensor_release(&fixed);
        }
}

/* The graph says what the file left open, whatever was stated. */
static void test_open_mask(void **state)
{
        const hedge_input_shape_t nameless = { "", { 4, { 1, 2, 6, 6 } } };
        Onnx__ValueInfoProto *input;
        hedge_graph_t *g;
        make_t m;

        make_picture_net(&m, DIMS(1, 2, 6, 6));
        g = import(&m, NULL, 0);
        assert_int_equal(g->open[0], 0);
        hedge_graph_destroy(&g);

        make_symbol(make_picture_net(&m, DIMS(1, 2, 6, 6)), 0, "batch");
        g = import(&m, NULL, 0);
        assert_int_equal(g->open[0], 1);
        assert_int_equal(g->values[g->inputs[0]].shape.dims[0], 1);
        hedge_graph_destroy(&g);

        input = make_picture_net(&m, DIMS(1, 2, 6, 6));
        make_unset(input, 0);
        make_unset(input, 3);
        g = import(&m, &nameless, 1);
        assert_int_equal(g->open[0], 1 | 1 << 3);
        hedge_graph_destroy(&g);

        make_picture_net(&m, DIMS(1, 2, 6, 6))->type->tensor_type->shape = NULL;
        g = import(&m, &nameless, 1);
        assert_int_equal(g->open[0], 15);
        assert_true(hedge_shape_equal(&g->values[g->inputs[0]].shape, &nameless.shape));
        hedge_graph_destroy(&g);
}

static void test_open_is_refused(void **state)
{
        Onnx__ValueInfoProto *input;
        make_t m;

        input = make_picture_net(&m, DIMS(1, 2, 6, 6));
        make_symbol(input, 0, "batch");
        make_symbol(input, 2, "height");
        make_unset(input, 3);
        refused_for(
                &m, NULL, 0, HEDGE_ESHAPE,
                "how large its input 'x' is (axis 2 ('height'), axis 3): state its shape, as in --shape x=1x2x320x320");
        make_picture_net(&m, DIMS(1, 2, 6, 0));
        refused_for(&m, NULL, 0, HEDGE_ESHAPE, "'x' is (axis 3): state its shape, as in --shape x=1x2x6x320");
        make_picture_net(&m, DIMS(-6, 2, -6, 6));
        refused_for(&m, NULL, 0, HEDGE_ESHAPE, "'x' is (axis 2)");
        make_picture_net(&m, DIMS(1, 2, 6, 6))->type->tensor_type->shape = NULL;
        refused_for(&m, NULL, 0, HEDGE_ESHAPE, "does not say which shape its input 'x' has");
        make_picture_net(&m, DIMS(1, 2, 6, INT64_C(1) << 40));
        refused_for(&m, NULL, 0, HEDGE_ELIMIT, "the input 'x' has an extent of 1099511627776");
}

/* The first axis is a batch only where there are others. */
static void test_only_axis_is_no_batch(void **state)
{
        const hedge_input_shape_t stated = { "x", { 1, { 7 } } };
        hedge_graph_t *g;
        make_t m;

        start(&m, DIMS(0));
        make_node(&m, "Relu", "x", "y");
        refused_for(&m, NULL, 0, HEDGE_ESHAPE, "--shape x=320");
        start(&m, DIMS(0));
        make_node(&m, "Relu", "x", "y");
        g = import(&m, &stated, 1);
        assert_int_equal(g->values[g->inputs[0]].shape.dims[0], 7);
        hedge_graph_destroy(&g);
}

/* Nor where the file calls it something else. */
static void test_first_axis_by_its_symbol(void **state)
{
        static const struct {
                const char *symbol;
                bool batch;
        } cases[] = { { "N", true },
                      { "batch", true },
                      { "batch_size", true },
                      { "unk__617", true },
                      { "s0", true },
                      { "?", true },
                      { "batch_seq", true },
                      { "x_dynamic_axes_1", true },
                      { "None", true },
                      { "height", false },
                      { "H", false },
                      { "image.Height", false },
                      { "Time", false },
                      { "seq_len", false },
                      { "num-frames", false },
                      { "len1", false },
                      { "weight", true },
                      { "nchannels", true },
                      { "sequence_length", false },
                      { "", true } };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                hedge_graph_t *graph = NULL;
                hedge_why_t why = { "" };
                make_t m;
                int r;

                make_init(&m, 13);
                make_symbol(make_input(&m, "x", DIMS(0, 3)), 0, cases[i].symbol);
                make_output(&m, "y");
                make_node(&m, "Relu", "x", "y");
                r = try_import(&m, NULL, 0, &graph, &why);
                if (r != (cases[i].batch ? 0 : HEDGE_ESHAPE))
                        fail_msg("'%s': %d", cases[i].symbol, r);
                hedge_graph_destroy(&graph);
        }
}

static void test_contradictions(void **state)
{
        const hedge_input_shape_t two[] = { { "x", { 4, { 1, 2, 6, 6 } } }, { "", { 4, { 1, 2, 6, 6 } } } },
                                  channels = { "x", { 4, { 1, 3, 6, 6 } } }, other = { "z", { 4, { 1, 2, 6, 6 } } },
                                  axes = { "x", { 3, { 2, 6, 6 } } }, none = { "x", { 4, { 1, 2, 0, 6 } } },
                                  wild = { "x", { 4000, { 1 } } }, large = { "x", { 4, { 1, 2, 1 << 20, 1 << 20 } } };
        make_t m;

        make_picture_net(&m, DIMS(1, 2, 0, 0));
        refused_for(&m, two, 2, HEDGE_ESHAPE, "two shapes are stated for the input 'x'");
        make_picture_net(&m, DIMS(1, 2, 0, 0));
        refused_for(&m, &channels, 1, HEDGE_ESHAPE, "axis 1 of the input 'x' is 2 in the model's file, 3 cannot");
        make_picture_net(&m, DIMS(1, 2, 0, 0));
        refused_for(&m, &other, 1, HEDGE_ESHAPE, "stated for 'z', which is no input of the model: it has 'x'");
        make_picture_net(&m, DIMS(1, 2, 0, 0));
        refused_for(&m, &axes, 1, HEDGE_ESHAPE, "'x' has 4 axes in the model's file, the stated shape 2x6x6 has 3");
        make_picture_net(&m, DIMS(1, 2, 0, 0));
        refused_for(&m, &none, 1, HEDGE_ESHAPE, "an extent of 0 is stated for the input 'x'");
        make_picture_net(&m, DIMS(1, 2, 0, 0));
        refused_for(&m, &wild, 1, HEDGE_ESHAPE, "has 4000");
        make_picture_net(&m, DIMS(1, 2, 0, 0));
        refused_for(&m, &large, 1, HEDGE_ELIMIT, "the input 'x' is too large");
}

/* Of one file in two shapes one has the weights of both, and both compute as before. */
static void test_weights_are_lent(void **state)
{
        const hedge_input_shape_t small = { "x", { 4, { 1, 2, 6, 6 } } }, large = { "x", { 4, { 1, 2, 9, 5 } } };
        hedge_graph_t *graphs[3] = { NULL };
        hedge_tensor_t alone, lent;

        for (unsigned i = 0; i < 3; i++) {
                make_t m;

                make_init(&m, 13);
                make_input(&m, "x", DIMS(1, 2, 0, 0));
                make_output(&m, "y");
                make_weights(&m, "w", DIMS(64, 2, 3, 3));
                make_weights(&m, "v", DIMS(8, 64, 1, 1));
                make_node(&m, "Conv", "x w", "c");
                make_node(&m, "Conv", "c v", "y");
                graphs[i] = import(&m, i ? &large : &small, 1);
        }
        assert_int_equal(hedge_graph_borrow(graphs[1], graphs[0]), (64 * 2 * 9 + 8 * 64) * sizeof(float));
        assert_int_equal(hedge_graph_borrow(graphs[1], graphs[0]), 0); /* there is nothing left of its own */
        lent = run(graphs[1]);                                         /* and it goes */
        alone = run(graphs[2]);
        assert_memory_equal(lent.data, alone.data, hedge_shape_elements(&alone.shape) * sizeof(float));
        hedge_tensor_release(&lent);
        hedge_tensor_release(&alone);
        lent = run(graphs[0]); /* what was lent is still there */
        hedge_tensor_release(&lent);
}

/* Two inputs whose lengths have one symbol, the second with an axis more that is open. */
static void make_pair(make_t *m)
{
        Onnx__ValueInfoProto *a, *b;

        make_init(m, 13);
        a = make_input(m, "a", DIMS(0, 0, 2));
        b = make_input(m, "b", DIMS(0, 0, 2));
        make_symbol(a, 0, "n");
        make_symbol(a, 1, "length");
        make_symbol(b, 0, "n");
        make_symbol(b, 1, "length");
        make_output(m, "y");
        make_node(m, "Add", "a b", "y");
}

/* A symbol is one extent, wherever it stands. */
static void test_symbols(void **state)
{
        const hedge_input_shape_t stated[] = { { "b", { 3, { 4, 5, 2 } } }, { "a", { 3, { 4, 6, 2 } } } },
                                  nameless = { "", { 3, { 4, 5, 2 } } };
        hedge_graph_t *g;
        make_t m;

        make_pair(&m);
        refused_for(&m, NULL, 0, HEDGE_ESHAPE, "its input 'a' is (axis 1 ('length'))");
        make_pair(&m);
        refused_for(&m, &nameless, 1, HEDGE_ESHAPE, "a model of one input; here it is 'a', 'b'");
        make_pair(&m);
        refused_for(&m, stated, 2, HEDGE_ESHAPE, "'b' is 'length', which is 6 for the input 'a' and 5 here");
        make_pair(&m);
        g = import(&m, stated, 1);
        assert_true(hedge_shape_equal(&g->values[g->inputs[0]].shape, &stated[0].shape));
        assert_true(hedge_shape_equal(&g->values[g->inputs[1]].shape, &stated[0].shape));
        assert_int_equal(g->open[0], 3);
        hedge_graph_destroy(&g);
}

static void test_text(void **state)
{
        static const char *const wrong[] = { "",
                                             "x=",
                                             "=1x2",
                                             "x=1x",
                                             "x=1xx2",
                                             "x=0x2",
                                             "x=1,2",
                                             "x=-1",
                                             "x=1x2 ",
                                             "x=2147483648",
                                             "x=1x1x1x1x1x1x1",
                                             "x=1X2",
                                             "x",
                                             "x=99999999999999999999" };
        char text[HEDGE_INPUT_SHAPE_TEXT], long_name[HEDGE_LAYER_NAME_MAX + 8];
        hedge_input_shape_t shape;
        hedge_why_t why = { "" };

        assert_int_equal(hedge_input_shape_parse("images=1x3x320x640", &shape, &why), 0);
        assert_string_equal(shape.name, "images");
        assert_true(hedge_shape_equal(&shape.shape, &(hedge_shape_t){ 4, { 1, 3, 320, 640 } }));
        assert_string_equal(hedge_input_shape_text(&shape, text), "images=1x3x320x640");
        assert_int_equal(hedge_input_shape_parse("2147483647", &shape, &why), 0);
        assert_string_equal(shape.name, "");
        assert_string_equal(hedge_input_shape_text(&shape, text), "2147483647");
        assert_int_equal(hedge_input_shape_parse("a=b:0=scalar", &shape, &why), 0);
        assert_string_equal(shape.name, "a=b:0");
        assert_int_equal(shape.shape.rank, 0);
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                why.text[0] = '\0';
                if (hedge_input_shape_parse(wrong[i], &shape, &why) != -EINVAL || !why.text[0])
                        fail_msg("'%s' is taken", wrong[i]);
        }
        memset(long_name, 'n', sizeof(long_name));
        strcpy(long_name + HEDGE_LAYER_NAME_MAX, "=1");
        assert_int_equal(hedge_input_shape_parse(long_name, &shape, &why), -EINVAL);
        assert_int_equal(hedge_input_shape_parse(long_name + 1, &shape, &why), 0);
}

/* A list in which inputs occur several times is several sets. */
static void test_sets(void **state)
{
        const hedge_input_shape_t list[] = { { "a", { 1, { 1 } } }, { "b", { 1, { 9 } } }, { "a", { 1, { 2 } } },
                                             { "c", { 1, { 5 } } }, { "c", { 1, { 6 } } }, { "c", { 1, { 7 } } } };
        hedge_input_shape_t set[6], many[HEDGE_INPUT_SHAPES_MAX + 1] = { 0 };
        hedge_why_t why = { "" };

        assert_int_equal(hedge_input_shapes_sets(list, 0, &why), 1);
        assert_int_equal(hedge_input_shapes_set(list, 0, 0, set), 0);
        assert_int_equal(hedge_input_shapes_sets(list, 2, &why), 1);
        assert_int_equal(hedge_input_shapes_sets(list, 5, &why), 2);
        for (uint32_t k = 0; k < 2; k++) {
                assert_int_equal(hedge_input_shapes_set(list, 5, k, set), 3);
                for (unsigned i = 0; i < 3; i++)
                        assert_int_equal(set[i].shape.dims[0], set[i].name[0] == 'a'   ? k + 1
                                                               : set[i].name[0] == 'b' ? 9
                                                                                       : k + 5);
        }
        assert_int_equal(hedge_input_shapes_sets(list, 6, &why), -EINVAL);
        assert_non_null(strstr(why.text, "3 shapes are stated for the input 'c' and 2 for 'a'"));
        assert_int_equal(hedge_input_shapes_sets(many, HEDGE_INPUT_SHAPES_MAX, &why), HEDGE_INPUT_SHAPES_MAX);
        assert_int_equal(hedge_input_shapes_sets(many, HEDGE_INPUT_SHAPES_MAX + 1, &why), -EINVAL);
}

/* What a message may state. */
static void test_ok(void **state)
{
        assert_true(hedge_input_shape_ok(&(hedge_input_shape_t){ "", { 0, { 0 } } }));
        assert_true(hedge_input_shape_ok(&(hedge_input_shape_t){ "a b", { 1, { INT32_MAX } } }));
        assert_false(hedge_input_shape_ok(&(hedge_input_shape_t){ "a\n", { 1, { 1 } } }));
        assert_false(hedge_input_shape_ok(&(hedge_input_shape_t){ "a", { 2, { 1, 0 } } }));
        assert_false(hedge_input_shape_ok(&(hedge_input_shape_t){ "a", { 1, { 1u << 31 } } }));
        assert_false(hedge_input_shape_ok(&(hedge_input_shape_t){ "a", { 7, { 1, 1, 1, 1, 1, 1 } } }));
}

/* Inputs as the file has them: not those that are weights. */
static void test_declared(void **state)
{
        char path[] = "/tmp/hedge-declared-XXXXXX";
        hedge_onnx_input_t *inputs = NULL;
        hedge_why_t why = { "" };
        uint32_t n = 0;
        unsigned char *bytes;
        size_t size;
        make_t m;
        FILE *f;

        make_symbol(make_picture_net(&m, DIMS(1, 2, 7, -2)), 2, "h");
        make_input(&m, "w", DIMS(4, 2, 3, 3));
        make_input(&m, "none", DIMS(1))->type->tensor_type->shape = NULL;
        bytes = make_bytes(&m, &size);
        f = fdopen(mkstemp(path), "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(bytes, 1, size, f), size);
        fclose(f);
        if (hedge_onnx_inputs(path, &inputs, &n, &why) < 0)
                fail_msg("%s", why.text);
        assert_int_equal(n, 2);
        assert_string_equal(inputs[0].name, "x");
        assert_true(inputs[0].has_shape && !inputs[1].has_shape);
        assert_true(hedge_shape_equal(&inputs[0].shape, &(hedge_shape_t){ 4, { 1, 2, 0, 0 } }));
        free(inputs);
        unlink(path);
        assert_true(hedge_onnx_inputs(path, &inputs, &n, &why) < 0);
        assert_non_null(strstr(why.text, path));
        make_free(&m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_stated_is_as_fixed),
                cmocka_unit_test(test_open_mask),
                cmocka_unit_test(test_open_is_refused),
                cmocka_unit_test(test_only_axis_is_no_batch),
                cmocka_unit_test(test_first_axis_by_its_symbol),
                cmocka_unit_test(test_contradictions),
                cmocka_unit_test(test_symbols),
                cmocka_unit_test(test_weights_are_lent),
                cmocka_unit_test(test_text),
                cmocka_unit_test(test_sets),
                cmocka_unit_test(test_ok),
                cmocka_unit_test(test_declared),
        };

        if (sodium_init() < 0)
                return 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "batch_models.h"
#include "common/model/batch.h"
#include "common/model/batch_rules.h"
#include "common/model/batch_same.h"
#include "onnx_bed.h"

/** Which models take any number of pictures, which do not, and that the pictures of a request are those of as many runs. */

#define TOLERANCE 1e-5f

static unsigned char *file_of(make_fn *make, int64_t n, size_t *size)
{
        unsigned char *bytes;
        make_t m;

        make(&m, n);
        bytes = make_bytes(&m, size);
        bytes = memcpy(malloc(*size + 1), bytes, *size);
        make_free(&m);
        return bytes;
}

static hedge_graph_t *import(make_fn *make, int64_t n)
{
        hedge_graph_t *graph = NULL;
        hedge_why_t why = { { 0 } };
        size_t size;
        unsigned char *bytes = file_of(make, n, &size);

        if (hedge_onnx_import(bytes, size, NULL, &graph, &why) < 0)
                fail_msg("%s", why.text);
        free(bytes);
        assert_non_null(graph->batch);
        return graph;
}

static void run(const hedge_graph_t *graph, const hedge_tensor_t *inputs, hedge_tensor_t *outputs)
{
        hedge_kernels_t *kernels = NULL;
        hedge_engine_t *engine = NULL;

        assert_int_equal(hedge_kernels_open("plain", 1, &kernels, NULL), 0);
        assert_int_equal(hedge_engine_new(graph, kernels, &engine), 0);
        assert_int_equal(hedge_engine_run(engine, inputs, NULL, NULL, outputs), 0);
        hedge_engine_destroy(&engine);
        hedge_kernels_destroy(&kernels);
}

static const hedge_shape_t *edge(const hedge_graph_t *graph, uint32_t value)
{
        return &graph->values[value].shape;
}

/* N pictures through the graph of one picture, joined. */
static void run_each(const hedge_graph_t *one, const hedge_tensor_t *x, uint32_t n, hedge_tensor_t *joined)
{
        hedge_tensor_t input, outputs[2];

        for (uint32_t o = 0; o < one->n_outputs; o++) {
                const hedge_shape_t shape = hedge_batch_shape(edge(one, one->outputs[o]), one->batch->outputs[o], n);

                assert_int_equal(hedge_tensor_alloc(&joined[o], &shape), 0);
        }
        assert_int_equal(hedge_tensor_alloc(&input, edge(one, one->inputs[0])), 0);
        for (uint32_t i = 0; i < n; i++) {
                hedge_batch_get(&input.shape, one->batch->inputs[0], i, n, x->data, input.data);
                run(one, &input, outputs);
                for (uint32_t o = 0; o < one->n_outputs; o++) {
                        hedge_batch_put(&outputs[o].shape, one->batch->outputs[o], i, n, outputs[o].data,
                                        joined[o].data);
                        hedge_tensor_release(&outputs[o]);
                }
        }
        hedge_tensor_release(&input);
}

static void assert_same(const hedge_tensor_t *a, const hedge_tensor_t *b)
{
        assert_true(hedge_shape_equal(&a->shape, &b->shape));
        for (size_t i = 0; i < hedge_shape_elements(&a->shape); i++)
                if (fabsf(a->data[i] - b->data[i]) > TOLERANCE)
                        fail_msg("element %zu: %g and %g", i, (double)a->data[i], (double)b->data[i]);
}

/* The same file with its batch fixed is what N pictures have to give. */
static void compare_with_fixed(make_fn *make, const hedge_graph_t *one, uint32_t n)
{
        hedge_graph_t *fixed = import(make, n);
        hedge_tensor_t x, wanted[2], joined[2];
        make_t random = { .random = n + 1 };

        assert_int_equal(hedge_tensor_alloc(&x, edge(fixed, fixed->inputs[0])), 0);
        for (size_t i = 0; i < hedge_shape_elements(&x.shape); i++)
                x.data[i] = make_random(&random);
        run(fixed, &x, wanted);
        run_each(one, &x, n, joined);
        hedge_tensor_release(&x);
        for (uint32_t o = 0; o < one->n_outputs; o++) {
                assert_same(&joined[o], &wanted[o]);
                hedge_tensor_release(&joined[o]);
                hedge_tensor_release(&wanted[o]);
        }
        hedge_graph_destroy(&fixed);
}

static void test_models(void **state)
{
        for (size_t i = 0; batch_models[i].name; i++) {
                hedge_graph_t *one = import(batch_models[i].make, OPEN);

                print_message("%s\n", batch_models[i].name);
                if (batch_models[i].mixes && !strstr(one->batch->why, batch_models[i].mixes))
                        fail_msg("%s: '%s'", batch_models[i].name, one->batch->why);
                if (!batch_models[i].mixes && !one->batch->any)
                        fail_msg("%s is refused: %s", batch_models[i].name, one->batch->why);
                assert_true(one->batch->any == !batch_models[i].mixes);
                assert_int_equal(one->batch->size, 1);
                for (uint32_t n = 1; one->batch->any && n <= 5; n++)
                        compare_with_fixed(batch_models[i].make, one, n);
                hedge_graph_destroy(&one);
        }
}

/* Two inputs, each with a first axis that the file leaves open. */
static hedge_graph_t *import_two(const char *first, const char *second)
{
        hedge_graph_t *graph = NULL;
        unsigned char *bytes;
        size_t size;
        make_t m;

        make_init(&m, 13);
        open_first(make_input(&m, "a", DIMS(1, 3)), first);
        open_first(make_input(&m, "b", DIMS(1, 3)), second);
        make_input(&m, "c", DIMS(1, 3));
        make_output(&m, "y");
        make_node(&m, "Add", "a b", "sum");
        make_node(&m, "Mul", "sum c", "y");
        bytes = make_bytes(&m, &size);
        assert_int_equal(hedge_onnx_import(bytes, size, NULL, &graph, NULL), 0);
        make_free(&m);
        return graph;
}

static void test_several_inputs(void **state)
{
        hedge_graph_t *g = import_two("N", "N");
        const hedge_shape_t three = { 2, { 3, 3 } }, one = { 2, { 1, 3 } };
        uint32_t runs = 0;
        hedge_why_t why = { "" };

        assert_true(g->batch->any);
        assert_int_equal(g->batch->inputs[0], 0);
        assert_int_equal(g->batch->inputs[1], 0);
        assert_int_equal(g->batch->inputs[2], HEDGE_NO_AXIS);
        assert_int_equal(hedge_batch_runs(g, (const hedge_shape_t[]){ three, three, one }, 3, &runs, &why), 0);
        assert_int_equal(runs, 3);
        assert_int_equal(hedge_batch_runs(g, (const hedge_shape_t[]){ three, one, one }, 3, &runs, &why), HEDGE_ESHAPE);
        assert_string_equal(why.text, "the input 'b' holds 1 pictures, one before it 3");
        assert_int_equal(hedge_batch_runs(g, (const hedge_shape_t[]){ three, three, three }, 3, &runs, &why),
                         HEDGE_ESHAPE);
        assert_string_equal(why.text, "the input 'c' is 1x3, here it is 3x3");
        hedge_graph_destroy(&g);
        g = import_two("N", "M");
        assert_false(g->batch->any);
        hedge_graph_destroy(&g);
}

static void test_runs(void **state)
{
        hedge_graph_t *any = import(make_classifier, OPEN), *mixing = import(make_reduced, OPEN);
        hedge_shape_t x = { 4, { 7, 2, 6, 6 } };
        hedge_why_t why = { "" };
        uint32_t runs = 0;

        assert_int_equal(hedge_batch_runs(any, &x, 1, &runs, &why), 0);
        assert_int_equal(runs, 7);
        x.dims[0] = HEDGE_BATCH_MAX + 1;
        assert_int_equal(hedge_batch_runs(any, &x, 1, &runs, &why), HEDGE_ELIMIT);
        assert_string_equal(why.text, "4097 pictures in one request; at most 4096 are allowed");
        x.dims[0] = 0;
        assert_int_equal(hedge_batch_runs(any, &x, 1, &runs, &why), HEDGE_ESHAPE);
        x = (hedge_shape_t){ 4, { 2, 2, 6, 7 } };
        assert_int_equal(hedge_batch_runs(any, &x, 1, &runs, &why), HEDGE_ESHAPE);
        assert_string_equal(why.text, "the input 'x' is 1x2x6x6 for each picture, here it is 2x2x6x7");
        x = (hedge_shape_t){ 3, { 2, 6, 6 } };
        assert_int_equal(hedge_batch_runs(any, &x, 1, &runs, &why), HEDGE_ESHAPE);
        x = (hedge_shape_t){ 4, { 2, 2, 3, 3 } };
        assert_int_equal(hedge_batch_runs(mixing, &x, 1, &runs, &why), HEDGE_ESHAPE);
        assert_non_null(strstr(why.text, "node 'mean' (Reduce) mixes pictures"));
        assert_non_null(strstr(why.text, "--shape"));
        hedge_graph_destroy(&any);
        hedge_graph_destroy(&mixing);
}

/* Images with a batch that the file fixes. */
static hedge_graph_t *import_images(make_dims_t reshaped, size_t n, bool reduce, bool take_apart)
{
        const hedge_onnx_options_t options = { .take_apart = take_apart };
        hedge_graph_t *graph = NULL;
        unsigned char *bytes;
        hedge_why_t why = { "" };
        size_t size;
        make_t m;

        make_init(&m, 13);
        make_input(&m, "x", DIMS(4, 2, 3, 3));
        make_output(&m, "y");
        reshape(&m, "x", reduce ? "flat" : "y", "to", reshaped, n);
        if (reduce)
                make_int_list(&m, make_node(&m, "ReduceMean", "flat", "y"), "axes", DIMS(0));
        bytes = make_bytes(&m, &size);
        if (hedge_onnx_import(bytes, size, &options, &graph, &why) < 0)
                fail_msg("%s", why.text);
        make_free(&m);
        return graph;
}

static void test_fixed(void **state)
{
        hedge_graph_t *g = import_images((const int64_t[]){ 4, 18 }, 2, false, false); /* it is known whose is what */
        char text[64];

        assert_false(g->batch->any);
        assert_int_equal(g->batch->size, 4);
        assert_int_equal(g->batch->inputs[0], 0);
        assert_int_equal(g->batch->outputs[0], 0);
        assert_true(g->batch->apart);
        assert_int_equal(edge(g, g->inputs[0])->dims[0], 4);
        assert_string_equal(hedge_batch_text(g->batch, text, sizeof(text)), "4");
        hedge_graph_destroy(&g);
        g = import_images((const int64_t[]){ 2, 36 }, 2, false, false); /* two rows of two pictures each */
        assert_int_equal(g->batch->outputs[0], HEDGE_NO_AXIS);
        assert_false(g->batch->apart);
        hedge_graph_destroy(&g);
        g = import_images((const int64_t[]){ 4, 18 }, 2, true, false);
        assert_int_equal(g->batch->size, 4);
        assert_int_equal(g->batch->outputs[0], HEDGE_NO_AXIS);
        assert_false(g->batch->apart);
        hedge_graph_destroy(&g);
}

/* One by one where that is proven to be the same; else as without. */
static void test_taken_apart(void **state)
{
        hedge_graph_t *g = import_images((const int64_t[]){ -1, 18 }, 2, false, true);

        assert_true(g->batch->any);
        assert_int_equal(g->batch->size, 1);
        assert_int_equal(edge(g, g->inputs[0])->dims[0], 1);
        hedge_graph_destroy(&g);
        g = import_images((const int64_t[]){ 4, 18 }, 2, false, true);
        assert_false(g->batch->any);
        assert_int_equal(g->batch->size, 4);
        assert_true(g->batch->apart);
        assert_int_equal(edge(g, g->inputs[0])->dims[0], 4);
        hedge_graph_destroy(&g);
        g = import_images((const int64_t[]){ -1, 18 }, 2, true, true);
        assert_int_equal(g->batch->size, 4);
        assert_false(g->batch->apart);
        hedge_graph_destroy(&g);
}

/* What no row of the table knows mixes pictures. */
static void test_unknown_kind(void **state)
{
        hedge_graph_t *g = import(make_matmul, OPEN);
        hedge_node_t node = g->nodes[0];
        uint32_t *axes = calloc(g->n_values, sizeof(*axes)), axis;
        hedge_batch_step_t step = { .graph = g, .node = &node, .axes = axes, .pictures = 2, .grows = HEDGE_NO_AXIS };

        node.op.kind = HEDGE_OP_KINDS;
        assert_false(hedge_batch_keeps(&step, &axis));
        assert_false(hedge_batch_same_op(&node.op, &node.op, 2));
        assert_false(hedge_batch_like_op(&node.op, &node.op));
        free(axes);
        hedge_graph_destroy(&g);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_models),      cmocka_unit_test(test_several_inputs),
                cmocka_unit_test(test_runs),        cmocka_unit_test(test_fixed),
                cmocka_unit_test(test_taken_apart), cmocka_unit_test(test_unknown_kind),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

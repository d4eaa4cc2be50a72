/* SPDX-License-Identifier: Apache-2.0 */
/* What a peer may send for a graph: it is refused with a sentence, or it runs. */
#include <errno.h>
#include <stdio.h>

#include "test/unit/pack_bed.h"

/* A convolution in bytes, a function of it, both one behind the other, flattened, and a layer in floats. */
enum { X, FILTER, BIAS, MAPS, ABSOLUTE, BOTH, FLAT, WEIGHTS, Y, VALUES };
enum { CONV, FUNCTION, CONCAT, RESHAPE, FULLY, NODES };

static float filter[2 + 2 + 8], bias[2] = { 1, 2 }, weights[16];

static hedge_node_t node_of(const char *name, hedge_op_kind_t kind, uint32_t output, uint32_t n, const uint32_t *inputs)
{
        hedge_node_t node = { .op = { .kind = kind }, .n_inputs = n, .output = output };

        snprintf(node.name, sizeof(node.name), "%s", name);
        node.inputs = malloc(n * sizeof(*inputs));
        assert_non_null(node.inputs);
        memcpy(node.inputs, inputs, n * sizeof(*inputs));
        return node;
}

#define INPUTS(...)                                                          \
        sizeof((uint32_t[]){ __VA_ARGS__ }) / sizeof(uint32_t), (uint32_t[]) \
        {                                                                    \
                __VA_ARGS__                                                  \
        }

static void make_nodes(hedge_graph_t *g)
{
        g->n_nodes = NODES;
        g->nodes = calloc(NODES, sizeof(*g->nodes));
        assert_non_null(g->nodes);
        g->nodes[CONV] = node_of("conv", HEDGE_OP_CONV, MAPS, INPUTS(X, FILTER, BIAS));
        g->nodes[CONV].op.conv = (hedge_conv_t){ 2, 2, 1, 2, 2, 1, 1, 1, 1, 1, 0, 0, 0, 0, 1 };
        g->nodes[FUNCTION] = node_of("abs", HEDGE_OP_UNARY, ABSOLUTE, INPUTS(MAPS));
        g->nodes[CONCAT] = node_of("both", HEDGE_OP_CONCAT, BOTH, INPUTS(MAPS, ABSOLUTE));
        g->nodes[CONCAT].op.axis.axis = 3;
        g->nodes[RESHAPE] = node_of("flat", HEDGE_OP_RESHAPE, FLAT, INPUTS(BOTH));
        g->nodes[RESHAPE].op.shape.out = (hedge_shape_t){ 2, { 1, 8 } };
        g->nodes[FULLY] = node_of("fc", HEDGE_OP_FULLY_CONNECTED, Y, INPUTS(FLAT, WEIGHTS));
}

static hedge_graph_t *make(void)
{
        static const hedge_shape_t shapes[VALUES] = { { 4, { 1, 2, 2, 1 } }, { 4, { 2, 2, 1, 1 } },
                                                      { 1, { 2 } },          { 4, { 1, 1, 2, 2 } },
                                                      { 4, { 1, 1, 2, 2 } }, { 4, { 1, 1, 2, 4 } },
                                                      { 2, { 1, 8 } },       { 2, { 2, 8 } },
                                                      { 2, { 1, 2 } } };
        hedge_graph_t *g = calloc(1, sizeof(*g));

        assert_non_null(g);
        g->n_values = VALUES;
        g->values = calloc(VALUES, sizeof(*g->values));
        g->inputs = calloc(2, sizeof(*g->inputs));
        g->outputs = calloc(2, sizeof(*g->outputs));
        assert_true(g->values && g->inputs && g->outputs);
        for (unsigned i = 0; i < VALUES; i++)
                g->values[i] = (hedge_value_t){ .shape = shapes[i], .producer = HEDGE_NO_NODE, .uses = 1 };
        g->values[BIAS].data = bias;
        g->values[WEIGHTS].data = weights;
        g->values[BIAS].lent = g->values[WEIGHTS].lent = true;
        assert_int_equal(hedge_narrow_new_lent(4, 2, true, &g->values[FILTER].narrow), 0);
        hedge_narrow_lend(g->values[FILTER].narrow, filter);
        make_nodes(g);
        for (unsigned i = 0; i < NODES; i++)
                g->values[g->nodes[i].output].producer = i;
        g->values[MAPS].uses = 2;
        g->inputs[g->n_inputs++] = X;
        g->outputs[g->n_outputs++] = Y;
        return g;
}

static int unpack(const hedge_graph_t *g, uint64_t most, hedge_why_t *why)
{
        hedge_graph_t *got = NULL;
        size_t size;
        void *bytes = packed(g, &size);
        int r = hedge_graph_unpack(bytes, size, most, &got, why);

        assert_true((r == 0) == (got != NULL));
        hedge_graph_destroy(&got);
        assert_int_equal(hedge_graph_unpack(bytes, size, most, &got, NULL), r); /* the sentence is not needed */
        hedge_graph_destroy(&got);
        free(bytes);
        return r;
}

/* The graph is destroyed. */
static void refuses(hedge_graph_t *g, int code, const char *words)
{
        hedge_why_t why = { "" };
        int r = unpack(g, 1000, &why);

        if (r != code || !strstr(why.text, words))
                fail_msg("%d '%s' instead of %d '%s'", r, why.text, code, words);
        hedge_graph_destroy(&g);
}

static void the_graph_itself_is_taken(void **state)
{
        hedge_graph_t *g = make(), *copy = sent(g);

        same_graph(g, copy);
        same_runs(g, copy);
        hedge_graph_destroy(&copy);
        hedge_graph_destroy(&g);
}

#define REFUSES(code, words, ...)          \
        do {                               \
                hedge_graph_t *g = make(); \
                                           \
                __VA_ARGS__;               \
                refuses(g, code, words);   \
        } while (0)

static void what_is_read_is_there_and_what_is_computed_is_not(void **state)
{
        REFUSES(HEDGE_EMALFORMED, "nodes[1]: Abs: value 5 is not there", g->nodes[FUNCTION].inputs[0] = BOTH);
        REFUSES(HEDGE_EMALFORMED, "nodes[1]: Abs: value 4 is not there", g->nodes[FUNCTION].inputs[0] = ABSOLUTE);
        REFUSES(HEDGE_EMALFORMED, "nodes[2]: Concat: value 9 is not there", g->nodes[CONCAT].inputs[1] = VALUES);
        REFUSES(HEDGE_EMALFORMED, "nodes[2]: Concat: value 65535 is not", g->nodes[CONCAT].inputs[1] = 65535);
        REFUSES(HEDGE_EMALFORMED, "nodes[1]: Abs: value 3 is not one to be", g->nodes[FUNCTION].output = MAPS);
        REFUSES(HEDGE_EMALFORMED, "nodes[1]: Abs: value 0 is not one to be", g->nodes[FUNCTION].output = X);
        REFUSES(HEDGE_EMALFORMED, "nodes[1]: Abs: value 7 is not one to be", g->nodes[FUNCTION].output = WEIGHTS);
        REFUSES(HEDGE_EMALFORMED, "nodes[1]: Abs: value 9 is not one to be", g->nodes[FUNCTION].output = VALUES);
        REFUSES(HEDGE_EMALFORMED, "values[7]: nothing gives it", {
                g->values[WEIGHTS].data = NULL;
                g->values[WEIGHTS].lent = false;
                free(g->nodes[--g->n_nodes].inputs);
                g->outputs[0] = FLAT;
                g->n_values = 8;
        });
        REFUSES(HEDGE_EMALFORMED, "nodes[0]: Conv: value 0 is not there", g->n_inputs = 0);
}

static void edges_are_edges(void **state)
{
        REFUSES(HEDGE_EMALFORMED, "inputs[0]: value 9 is not there", g->inputs[0] = VALUES);
        REFUSES(HEDGE_EMALFORMED, "inputs[1]: value 0 is", g->inputs[g->n_inputs++] = X);
        REFUSES(HEDGE_EMALFORMED, "inputs[1]: value 2 is", g->inputs[g->n_inputs++] = BIAS);
        REFUSES(HEDGE_EMALFORMED, "nodes[1]: Abs: value 4 is not one to be", g->inputs[g->n_inputs++] = ABSOLUTE);
        REFUSES(HEDGE_EMALFORMED, "outputs[0]: value 0 is not computed", g->outputs[0] = X);
        REFUSES(HEDGE_EMALFORMED, "outputs[0]: value 7 is not computed", g->outputs[0] = WEIGHTS);
        REFUSES(HEDGE_EMALFORMED, "outputs[0]: value 9 is not computed", g->outputs[0] = VALUES);
        REFUSES(HEDGE_EMALFORMED, "outputs[1]: value 8 is", g->outputs[g->n_outputs++] = Y);
}

static void constants_are_what_kernels_take(void **state)
{
        REFUSES(HEDGE_EMALFORMED, "nodes[0]: Conv: input 2 must be a constant", {
                g->values[BIAS].data = NULL;
                g->values[BIAS].lent = false;
                g->inputs[g->n_inputs++] = BIAS;
        });
        REFUSES(HEDGE_EMALFORMED, "nodes[4]: FullyConnected: input 1 must be a constant", {
                g->values[WEIGHTS].data = NULL;
                g->values[WEIGHTS].lent = false;
                g->inputs[g->n_inputs++] = WEIGHTS;
        });
        REFUSES(HEDGE_EMALFORMED, "nodes[1]: Abs: input 0 cannot be in bytes", g->nodes[FUNCTION].inputs[0] = FILTER);
        REFUSES(HEDGE_EMALFORMED, "nodes[2]: Concat: input 1 cannot be in bytes", g->nodes[CONCAT].inputs[1] = FILTER);
        REFUSES(HEDGE_EMALFORMED, "values[1]: 3 rows of bytes", g->values[FILTER].narrow->rows = 3);
        REFUSES(HEDGE_EMALFORMED, "values[1]: 4294967295 rows of bytes", g->values[FILTER].narrow->rows = UINT32_MAX);
}

static void shapes_are_those_of_the_operators(void **state)
{
        REFUSES(HEDGE_ESHAPE, "nodes[0]: Conv: its result is 1x1x2x2, not 1x2x1x2", {
                g->values[MAPS].shape.dims[1] = 2;
                g->values[MAPS].shape.dims[2] = 1;
        });
        REFUSES(HEDGE_ESHAPE, "nodes[4]: FullyConnected: its result is 1x2, not 2", {
                g->values[Y].shape = (hedge_shape_t){ 1, { 2 } };
        });
        REFUSES(HEDGE_ESHAPE, "nodes[0]: Conv: ", g->values[FILTER].shape.dims[0] = 1;
                g->values[FILTER].narrow->rows = 1);
        REFUSES(HEDGE_ESHAPE, "nodes[2]: Concat: ", g->nodes[CONCAT].op.axis.axis = UINT32_MAX);
        REFUSES(-EINVAL, "nodes[1]: Abs: a parameter of Abs is not finite", g->nodes[FUNCTION].op.unary.beta = NAN);
        REFUSES(-EINVAL, "nodes[2]: Clamp: an activation", {
                g->nodes[CONCAT].op.kind = HEDGE_OP_CLAMP;
                g->nodes[CONCAT].op.activation = (hedge_activation_t){ HEDGE_ACT_CLAMP, NAN, 1 };
                g->nodes[CONCAT].n_inputs = 1;
        });
        REFUSES(HEDGE_ESHAPE, "values[0]: it is empty", g->values[X].shape.dims[3] = 0);
        REFUSES(HEDGE_ESHAPE, "values[8]: no rows", {
                g->values[Y].shape = (hedge_shape_t){ 0, { 0 } };
                g->values[Y].marked = true;
        });
}

static void sizes_have_limits(void **state)
{
        hedge_graph_t *graph = make();
        hedge_why_t why = { "" };

        /* 4 + 2 + 16 elements of constants; 4 of inputs; at most 16 of what is computed live at once */
        assert_int_equal(unpack(graph, 22, &why), 0);
        assert_int_equal(unpack(graph, 21, &why), HEDGE_ELIMIT);
        hedge_graph_destroy(&graph);
        REFUSES(HEDGE_ELIMIT, "values[0]: more than 1000 elements", g->values[X].shape.dims[1] = 501);
}

static void names_are_for_people_and_each_is_one_node_s(void **state)
{
        REFUSES(HEDGE_EMALFORMED, "nodes[2]: another one is called 'conv'", strcpy(g->nodes[CONCAT].name, "conv"));
        REFUSES(HEDGE_EMALFORMED, "nodes[2]: its name is not printable", strcpy(g->nodes[CONCAT].name, "a\nb"));
        REFUSES(HEDGE_EMALFORMED, "nodes[2]: its name is not printable", strcpy(g->nodes[CONCAT].name, "\xc3\xa4"));
}

/* What is not even packed. */
static void more_than_can_be_packed_is_not(void **state)
{
        hedge_graph_t *g = make();
        void *bytes = NULL;
        size_t size = 0;

        g->n_nodes = HEDGE_PACK_NODES + 1;
        assert_int_equal(hedge_graph_pack(g, &bytes, &size), HEDGE_ELIMIT);
        g->n_nodes = NODES;
        g->n_inputs = HEDGE_PACK_EDGES + 1;
        assert_int_equal(hedge_graph_pack(g, &bytes, &size), HEDGE_ELIMIT);
        g->n_inputs = 1;
        g->values = realloc(g->values, (VALUES + HEDGE_PACK_CONSTANTS) * sizeof(*g->values));
        assert_non_null(g->values);
        while (hedge_graph_constants(g, NULL) < HEDGE_PACK_CONSTANTS)
                g->values[g->n_values++] =
                        (hedge_value_t){ .shape = { 1, { 1 } }, .lent = true, .producer = HEDGE_NO_NODE };
        assert_int_equal(unpack(g, 10000, NULL), 0);
        g->values[g->n_values++] = (hedge_value_t){ .shape = { 1, { 1 } }, .lent = true, .producer = HEDGE_NO_NODE };
        assert_int_equal(hedge_graph_pack(g, &bytes, &size), HEDGE_ELIMIT);
        assert_null(bytes);
        hedge_graph_destroy(&g);
}

/* The bytes of a graph in which `find`, which is there once, was replaced by something as long. */
static void refuses_bytes(const char *find, const char *by, size_t length, int code, const char *words)
{
        hedge_graph_t *g = make(), *got = NULL;
        hedge_why_t why = { "" };
        size_t size;
        char *bytes = packed(g, &size), *at = memmem(bytes, size, find, length);
        int r;

        assert_non_null(at);
        assert_null(memmem(at + 1, size - (size_t)(at + 1 - bytes), find, length));
        memcpy(at, by, length);
        r = hedge_graph_unpack(bytes, size, 1000, &got, &why);
        if (r != code || !strstr(why.text, words))
                fail_msg("%d '%s' instead of %d '%s'", r, why.text, code, words);
        assert_null(got);
        free(bytes);
        hedge_graph_destroy(&g);
}

#define BYTES_REFUSED(find, by, code, words) refuses_bytes(find, by, sizeof(find) - 1, code, words)

static void bytes_are_a_graph_s(void **state)
{
        hedge_graph_t *got = NULL;
        hedge_why_t why = { "" };

        assert_int_equal(hedge_graph_unpack("", 0, 1000, &got, &why), HEDGE_EMALFORMED);
        assert_int_equal(hedge_graph_unpack("\x90", 1, 1000, &got, &why), HEDGE_EMALFORMED);
        assert_string_equal(why.text, "graph: not a map");
        assert_int_equal(hedge_graph_unpack("\x80", 1, 1000, &got, &why), HEDGE_EMALFORMED);
        assert_string_equal(why.text, "graph: version: missing");
        assert_int_equal(hedge_graph_unpack("\xdf\xff\xff\xff\xff", 5, 1000, &got, &why), HEDGE_EMALFORMED);
        BYTES_REFUSED("version\x01", "version\x02", HEDGE_EVERSION, "graph: version 2 of operators, but here it is 1");
        BYTES_REFUSED("values\x99", "valuez\x99", HEDGE_EMALFORMED, "graph: values: missing");
        BYTES_REFUSED("outputs\x91", "outputz\x91", HEDGE_EMALFORMED, "graph: outputs: missing");
        BYTES_REFUSED("nodes\x95", "nodez\x95", HEDGE_EMALFORMED, "graph: nodes: 0 of them");
        BYTES_REFUSED("\xa4"
                      "Conv\xa4"
                      "name",
                      "\xa4"
                      "Con!\xa4"
                      "name",
                      HEDGE_EMALFORMED, "nodes[0]: an unknown operator");
        BYTES_REFUSED("\xa2op\xa4"
                      "Conv",
                      "\xa2oq\xa4"
                      "Conv",
                      HEDGE_EMALFORMED, "nodes[0]: no operator");
        BYTES_REFUSED("\xa4"
                      "axis\x03",
                      "\xa4"
                      "axis\xc3",
                      HEDGE_EMALFORMED, "nodes[2]: Concat: axis: not a number from 0");
        BYTES_REFUSED("\xa6"
                      "Concat",
                      "\xa6"
                      "Resize",
                      -EINVAL, "nodes[2]: Resize: 2 inputs are given");
        BYTES_REFUSED("narrow_rows\x02", "narrow_rows\x03", HEDGE_EMALFORMED, "values[1]: 3 rows of bytes");
        BYTES_REFUSED("narrow_signed\xc3", "narrow_signed\x01", HEDGE_EMALFORMED,
                      "graph: values[1]: narrow_signed: not true or false");
}

/* Which nobody packs, so that they are written here. */
static void constants_have_a_limit(void **state)
{
        static const char head[] = "\x83\xa7version\x01\xa7outputs\x91\x00\xa6values\xdc";
        static const char constant[] = "\x82\xa5shape\x91\x01\xa8"
                                       "constant\xc3";

        for (uint32_t n = HEDGE_PACK_CONSTANTS; n <= HEDGE_PACK_CONSTANTS + 1; n++) {
                char *bytes = malloc(sizeof(head) + 2 + n * sizeof(constant)), *at = bytes + sizeof(head) - 1;
                hedge_graph_t *got = NULL;
                hedge_why_t why = { "" };

                assert_non_null(bytes);
                memcpy(bytes, head, sizeof(head) - 1);
                *at++ = (char)(n >> 8);
                *at++ = (char)n;
                for (uint32_t i = 0; i < n; i++, at += sizeof(constant) - 1)
                        memcpy(at, constant, sizeof(constant) - 1);
                assert_int_equal(hedge_graph_unpack(bytes, (size_t)(at - bytes), 10000, &got, &why),
                                 n > HEDGE_PACK_CONSTANTS ? HEDGE_ELIMIT : HEDGE_EMALFORMED);
                assert_string_equal(why.text, n > HEDGE_PACK_CONSTANTS ? "graph: more than 4095 constants"
                                                                       : "graph: nodes: 0 of them");
                free(bytes);
        }
}

/* Lend it numbers of all kinds and run it. */
static void run_on_anything(hedge_graph_t *graph)
{
        hedge_tensor_t *out = calloc(graph->n_outputs, sizeof(*out));
        uint32_t n = hedge_graph_constants(graph, NULL), *values = calloc(n + 1, sizeof(*values));
        float *numbers = malloc(8000);

        for (unsigned i = 0; i < 2000; i++)
                numbers[i] = i % 7 == 0 ? NAN : i % 5 == 0 ? -INFINITY : (float)i * 1e36f;
        hedge_graph_constants(graph, values);
        for (uint32_t i = 0; i < n; i++) {
                assert_true(hedge_graph_constant_size(graph, values[i]) <= 8000);
                assert_int_equal(hedge_graph_lend(graph, values[i], numbers), 0);
        }
        assert_true(hedge_graph_is_complete(graph));
        if (run_graph(graph, out) == 0)
                for (uint32_t i = 0; i < graph->n_outputs; i++)
                        hedge_tensor_release(&out[i]);
        free(numbers);
        free(values);
        free(out);
}

/* Bytes that are cut short or changed: they are refused, or are another graph, which runs. */
static void no_bytes_do_harm(void **state)
{
        static const uint8_t other[] = { 0, 1, 0x7f, 0x80, 0x91, 0xa1, 0xc0, 0xc3, 0xca, 0xcd, 0xff };
        hedge_graph_t *g = make(), *got = NULL;
        size_t size;
        uint8_t *bytes = packed(g, &size);
        unsigned taken = 0;

        for (size_t n = 0; n < size; n++) {
                uint8_t *cut = malloc(n ? n : 1); /* so that what is read behind it is seen */

                memcpy(cut, bytes, n);
                assert_int_equal(hedge_graph_unpack(cut, n, 1000, &got, NULL), HEDGE_EMALFORMED);
                free(cut);
        }
        for (size_t i = 0; i < size; i++)
                for (unsigned k = 0; k < sizeof(other) + 2; k++) {
                        uint8_t was = bytes[i];
                        hedge_why_t why = { "" };

                        bytes[i] = k < sizeof(other) ? other[k] : k == sizeof(other) ? was + 1 : was - 1;
                        if (hedge_graph_unpack(bytes, size, 1000, &got, &why) == 0) {
                                run_on_anything(got);
                                hedge_graph_destroy(&got);
                                taken++;
                        } else {
                                assert_true(why.text[0]);
                        }
                        bytes[i] = was;
                }
        assert_true(taken > 0);
        free(bytes);
        hedge_graph_destroy(&g);
}

static void data_is_lent_to_constants_alone(void **state)
{
        hedge_graph_t *g = make(), *copy;
        size_t size;
        void *bytes = packed(g, &size);

        copy = received(bytes, size);
        assert_int_equal(hedge_graph_constant_size(copy, FILTER), 4 * sizeof(float) + 4);
        assert_int_equal(hedge_graph_constant_size(copy, WEIGHTS), sizeof(weights));
        assert_int_equal(hedge_graph_lend(copy, X, weights), -EINVAL);
        assert_int_equal(hedge_graph_lend(copy, Y, weights), -EINVAL);
        assert_int_equal(hedge_graph_lend(copy, VALUES, weights), -EINVAL);
        assert_int_equal(hedge_graph_lend(copy, UINT32_MAX, weights), -EINVAL);
        assert_int_equal(hedge_graph_lend(copy, WEIGHTS, NULL), -EINVAL);
        assert_int_equal(hedge_graph_lend(copy, WEIGHTS, (char *)weights + 1), -EINVAL);
        assert_false(hedge_graph_is_complete(copy));
        lend_all(copy, g);
        assert_ptr_equal(copy->values[WEIGHTS].data, weights); /* not copied */
        assert_ptr_equal(copy->values[FILTER].narrow->scale, filter);
        hedge_graph_destroy(&copy);
        hedge_graph_destroy(&g);
        free(bytes);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(the_graph_itself_is_taken),
                cmocka_unit_test(what_is_read_is_there_and_what_is_computed_is_not),
                cmocka_unit_test(edges_are_edges),
                cmocka_unit_test(constants_are_what_kernels_take),
                cmocka_unit_test(shapes_are_those_of_the_operators),
                cmocka_unit_test(sizes_have_limits),
                cmocka_unit_test(names_are_for_people_and_each_is_one_node_s),
                cmocka_unit_test(more_than_can_be_packed_is_not),
                cmocka_unit_test(bytes_are_a_graph_s),
                cmocka_unit_test(constants_have_a_limit),
                cmocka_unit_test(no_bytes_do_harm),
                cmocka_unit_test(data_is_lent_to_constants_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* A small MobileNet in integers: its memory against that of the same network in floats, and coded against computed here. */
#include "common/code/conv/condition.h"
#include "common/code/conv/decode.h"
#include "common/model/narrow.h"
#include "quantized_bed.h"

#define SIDE    32
#define CLASSES 10
#define BOARDS  8

typedef enum style {
        FLOATS,  /* QuantizeLinear and DequantizeLinear between the layers, weights in floats */
        QDQ,     /* the same with dequantised weights */
        QLINEAR, /* QLinearConv */
} style_t;

static const struct layer {
        int64_t in, out, kernel, stride, groups;
} layers[] = {
        { 3, 16, 3, 2, 1 },   { 16, 16, 3, 1, 16 }, { 16, 32, 1, 1, 1 },
        { 32, 32, 3, 2, 32 }, { 32, 48, 1, 1, 1 },  { 48, 24, 3, 1, 1 },
};

#define LAYERS (sizeof(layers) / sizeof(layers[0]))

/* Names of a layer's constants, and words with them. */
static char *word(const char *format, size_t layer)
{
        static char text[16][128];
        static unsigned at;
        char *to = text[at++ % 16], digit[2] = { (char)('0' + layer), '\0' };
        size_t n = 0;

        for (; *format; format++) {
                if (*format == '#')
                        to[n++] = digit[0];
                else
                        to[n++] = *format;
        }
        to[n] = '\0';
        return to;
}

/* Weights that fill int8, in the file's order, and their scales, one per filter. */
static void make_filter(make_t *m, style_t style, size_t l, int64_t filters, int64_t depth, make_dims_t dims)
{
        const size_t n = (size_t)(filters * depth);
        int64_t *w = malloc(n * sizeof(*w)), *bias = malloc((size_t)filters * sizeof(*bias));
        float *scale = malloc((size_t)filters * sizeof(*scale)), *real = malloc(n * sizeof(*real));
        float *bias_scale = malloc((size_t)filters * sizeof(*scale));

        assert_true(w && bias && scale && real && bias_scale);
        for (int64_t o = 0; o < filters; o++) {
                scale[o] = (1 + 0.5f * make_random(m)) / (60 * sqrtf((float)depth));
                bias_scale[o] = scale[o] * (4.0f / 255);
                bias[o] = between(m, -3000, 3000);
        }
        for (size_t i = 0; i < n; i++) {
                w[i] = between(m, -127, 127);
                real[i] = (float)w[i] * scale[(int64_t)i / depth];
        }
        make_integers(m, word("w#", l), dims, INT8, w);
        make_floats(m, word("ws#", l), DIMS(filters), scale);
        make_integers(m, word("b#", l), DIMS(filters), INT32, bias);
        make_floats(m, word("bs#", l), DIMS(filters), bias_scale);
        if (style == FLOATS)
                make_floats(m, word("wr#", l), dims, real);
        free(w);
        free(bias);
        free(scale);
        free(real);
        free(bias_scale);
}

static void make_real_weights(make_t *m, style_t style, size_t l)
{
        if (style == QDQ)
                make_int(m, make_node(m, "DequantizeLinear", word("w# ws#", l), word("wr#", l)), "axis", 0);
        make_int(m, make_node(m, "DequantizeLinear", word("b# bs#", l), word("br#", l)), "axis", 0);
}

static void make_layer(make_t *m, style_t style, size_t l)
{
        const struct layer *layer = &layers[l];
        Onnx__NodeProto *conv;

        make_filter(m, style, l, layer->out, layer->in / layer->groups * layer->kernel * layer->kernel,
                    DIMS(layer->out, layer->in / layer->groups, layer->kernel, layer->kernel));
        if (style == QLINEAR) {
                conv = make_node(m, "QLinearConv", word("q# as az w# ws# wz as az b#", l), word("q#", l + 1));
        } else {
                make_node(m, "DequantizeLinear", word("q# as az", l), word("x#", l));
                make_real_weights(m, style, l);
                conv = make_node(m, "Conv", word("x# wr# br#", l), word("c#", l));
                make_node(m, "Relu", word("c#", l), word("r#", l));
                make_node(m, "QuantizeLinear", word("r# as az", l), word("q#", l + 1));
        }
        make_int(m, conv, "group", layer->groups);
        make_int_list(m, conv, "strides", DIMS(layer->stride, layer->stride));
        make_int_list(m, conv, "pads",
                      DIMS(layer->kernel / 2, layer->kernel / 2, layer->kernel / 2, layer->kernel / 2));
}

static hedge_graph_t *make_mobile(style_t style)
{
        static const int64_t zero;
        static const float scale = 4.0f / 255;
        const int64_t flat = layers[LAYERS - 1].out * SIDE * SIDE / 16;
        make_t m;

        make_init(&m, 13);
        make_input(&m, "x", DIMS(1, 3, SIDE, SIDE));
        make_output(&m, "y");
        make_floats(&m, "as", SCALAR, &scale);
        make_integers(&m, "az", SCALAR, UINT8, &zero);
        make_integers(&m, "wz", SCALAR, INT8, &zero);
        make_node(&m, "QuantizeLinear", "x as az", "q0");
        for (size_t l = 0; l < LAYERS; l++)
                make_layer(&m, style, l);
        make_filter(&m, style, LAYERS, CLASSES, flat, DIMS(CLASSES, flat));
        make_real_weights(&m, style == FLOATS ? FLOATS : QDQ, LAYERS);
        make_node(&m, "DequantizeLinear", word("q# as az", LAYERS), "last");
        make_node(&m, "Flatten", "last", "flat");
        make_int(&m, make_node(&m, "Gemm", word("flat wr# br#", LAYERS), "y"), "transB", 1);
        return imported(&m);
}

static float *make_picture(void)
{
        float *x = malloc(3 * SIDE * SIDE * sizeof(*x));
        make_t m;

        assert_non_null(x);
        make_init(&m, 13);
        for (size_t i = 0; i < 3 * SIDE * SIDE; i++)
                x[i] = 2 + 2 * make_random(&m);
        make_free(&m);
        return x;
}

/* Filters in bytes take a quarter, and what they are is the same in every bit: the answers are. */
static void test_memory(void **state)
{
        hedge_graph_t *floats = make_mobile(FLOATS), *qdq = make_mobile(QDQ), *qlinear = make_mobile(QLINEAR);
        const uint64_t twin = hedge_graph_constant_bytes(floats), small = hedge_graph_constant_bytes(qdq);
        float *x = make_picture();

        print_message("constants: %llu bytes in floats, %llu and %llu in integers\n", (unsigned long long)twin,
                      (unsigned long long)small, (unsigned long long)hedge_graph_constant_bytes(qlinear));
        assert_true(small * 100 < twin * 30);
        assert_true(hedge_graph_constant_bytes(qlinear) * 100 < twin * 30);
        for (const char *const *b = hedge_kernels_available(); *b; b++) {
                hedge_tensor_t want = run_on(floats, *b, x), got = run_on(qdq, *b, x);

                assert_memory_equal(got.data, want.data, CLASSES * sizeof(float));
                hedge_tensor_release(&want);
                hedge_tensor_release(&got);
        }
        free(x);
        hedge_graph_destroy(&floats);
        hedge_graph_destroy(&qdq);
        hedge_graph_destroy(&qlinear);
}

/* Two graphs of a file have one copy of what is equal, bytes as well. */
static void test_bytes_are_lent(void **state)
{
        hedge_graph_t *lender = make_mobile(QDQ), *g = make_mobile(QDQ);
        const uint64_t all = hedge_graph_constant_bytes(g), lent = hedge_graph_borrow(g, lender);
        float *x = make_picture();
        hedge_tensor_t want = run_on(lender, "plain", x), got = run_on(g, "plain", x);
        unsigned narrow = 0;

        for (uint32_t i = 0; i < g->n_values; i++)
                narrow += g->values[i].lent && g->values[i].narrow;
        assert_true(narrow >= 3 && lent * 10 > all * 8);
        assert_memory_equal(got.data, want.data, CLASSES * sizeof(float));
        hedge_tensor_release(&want);
        hedge_tensor_release(&got);
        free(x);
        hedge_graph_destroy(&g);
        hedge_graph_destroy(&lender);
}

/* Bytes become integers of 64 bits one layer at a time: all at once they would take more than all floats. */
static void test_bytes_wait(void **state)
{
        enum { WIDTH = 256, DEPTH = 4 };
        const uint64_t floats = sizeof(float) * WIDTH * WIDTH, integers = sizeof(int64_t) * WIDTH * WIDTH;
        const hedge_onnx_limits_t limits = { 1 << 30, 1 << 20, DEPTH * floats + integers + (1 << 16), 64, 1 << 20 };
        const float scale = 0.5f;
        hedge_graph_t *g = NULL;
        hedge_why_t why = { { 0 } };
        unsigned char *bytes;
        int64_t *w;
        size_t size;
        make_t m;

        assert_true(DEPTH * integers > limits.max_constant_bytes);
        make_init(&m, 13);
        make_input(&m, "x0", DIMS(1, WIDTH));
        make_output(&m, "x4");
        make_floats(&m, "scale", SCALAR, &scale);
        for (size_t i = 0; i < DEPTH; i++) {
                w = any_integers(&m, INT8, WIDTH * WIDTH);
                make_integers(&m, word("w#", i), DIMS(WIDTH, WIDTH), INT8, w);
                make_node(&m, "DequantizeLinear", word("w# scale", i), word("r#", i));
                make_node(&m, "MatMul", word("x# r#", i), word("x#", i + 1));
                free(w);
        }
        bytes = make_bytes(&m, &size);
        if (hedge_onnx_import(bytes, size, &(hedge_onnx_options_t){ .limits = &limits }, &g, &why) < 0)
                fail_msg("%s", why.text);
        hedge_graph_destroy(&g);
        make_free(&m);
}

/* One run with all convolutions coded, each compared with itself computed here. */
typedef struct coded {
        hedge_kernels_t *kernels;
        hedge_engine_t *engine;
        const hedge_graph_t *graph;
        hedge_scheme_t scheme;
        bool answers_local; /* the run goes on with what is computed here */
        unsigned layers;
        size_t elements, moved; /* quantised numbers, and those that are one step beside */
        double expected;        /* how many may be, by the bound of the error */
        double worst;           /* the largest error */
} coded_t;

/* A part, as a board computes it. */
static float *compute_part(const coded_t *c, const hedge_code_t *code, const hedge_partition_t *p, unsigned board,
                           unsigned part, const float *input, const float *filter)
{
        const unsigned ell_b = hedge_code_ell_b(code, board);
        const hedge_conv_t *g = &p->part;
        const hedge_op_t op = { .kind = HEDGE_OP_CONV, .conv = *g };
        const hedge_shape_t shapes[2] = { { 4, { 1, g->in_h, g->in_w, g->in_c } },
                                          { 4, { g->out_c, g->kernel_h, g->kernel_w, g->in_c / g->groups } } };
        float *coded_input = hedge_floats_new(hedge_partition_input_elements(p));
        float *coded_filter = hedge_floats_new(hedge_partition_filter_elements(p));
        float *out = hedge_floats_new(hedge_partition_part_elements(p));
        hedge_kernel_t *kernel = NULL;

        assert_true(coded_input && coded_filter && out);
        hedge_encode_input(p, hedge_code_a(code, board, part / ell_b), input, coded_input);
        hedge_encode_filter(p, hedge_code_b(code, board, part % ell_b), filter, coded_filter);
        assert_int_equal(
                hedge_kernel_new(c->kernels, &op, shapes, 2, (const float *const[]){ NULL, coded_filter }, &kernel), 0);
        assert_int_equal(hedge_kernel_run(kernel, (const float *const[]){ coded_input, NULL }, out), 0);
        hedge_kernel_destroy(&kernel);
        free(coded_input);
        free(coded_filter);
        return out;
}

/* A part's number among all of the code. */
static uint16_t number_of(const hedge_code_t *code, unsigned board, unsigned part)
{
        for (unsigned j = 0; j < board; j++)
                part += hedge_code_parts(code, j);
        return (uint16_t)part;
}

/* The layer's output from the last boards' parts, as many as it takes. @return the 2-norm condition of the set. */
static double compute_coded(const coded_t *c, const hedge_node_t *node, const hedge_code_t *code,
                            const hedge_partition_t *p, const float *input, float *out)
{
        const hedge_value_t *values = c->graph->values;
        const float *bias = node->n_inputs > 2 ? values[node->inputs[2]].data : NULL, *filter;
        float *parts[HEDGE_CODE_MAX_ALL_PARTS], *room;
        hedge_decoder_t *decoder = NULL;
        uint16_t ids[HEDGE_CODE_MAX_ALL_PARTS];
        double condition = 0;
        unsigned n = 0;

        assert_int_equal(hedge_value_floats(&values[node->inputs[1]], &filter, &room), 0);
        assert_int_equal(hedge_decoder_new(code, &decoder), 0);
        for (unsigned board = hedge_code_boards(code); board-- > 0 && !hedge_decoder_ready(decoder);)
                for (unsigned part = 0; part < hedge_code_parts(code, board); part++)
                        if (!hedge_decoder_ready(decoder) && hedge_decoder_add(decoder, board, part) >= 0) {
                                ids[n] = number_of(code, board, part);
                                parts[n++] = compute_part(c, code, p, board, part, input, filter);
                        }
        assert_int_equal(hedge_condition_of(code, ids, n, &condition), 0);
        assert_int_equal(hedge_decoder_solve(decoder, NULL), 0);
        hedge_decoder_apply(decoder, p, (const float *const *)parts, bias, &node->op.activation, out, 1);
        hedge_decoder_destroy(&decoder);
        while (n > 0)
                free(parts[--n]);
        free(room);
        return condition;
}

/* The largest sum before bias and activation: what the kernels' error is relative to. */
static double peak_of(const coded_t *c, const hedge_node_t *node, const float *input)
{
        hedge_op_t op = { .kind = HEDGE_OP_CONV, .conv = node->op.conv };
        hedge_shape_t shapes[2] = { c->graph->values[node->inputs[0]].shape, c->graph->values[node->inputs[1]].shape };
        const hedge_shape_t *out = &c->graph->values[node->output].shape;
        float *y = hedge_floats_new(hedge_shape_elements(out)), *room;
        const float *filter;
        hedge_kernel_t *kernel;
        double peak = 0;

        assert_non_null(y);
        assert_int_equal(hedge_value_floats(&c->graph->values[node->inputs[1]], &filter, &room), 0);
        assert_int_equal(hedge_kernel_new(c->kernels, &op, shapes, 2, (const float *const[]){ NULL, filter }, &kernel),
                         0);
        assert_int_equal(hedge_kernel_run(kernel, (const float *const[]){ input, NULL }, y), 0);
        for (size_t i = 0; i < hedge_shape_elements(out); i++)
                peak = fmax(peak, fabs((double)y[i]));
        hedge_kernel_destroy(&kernel);
        free(room);
        free(y);
        return peak;
}

/* The quantisation that reads a value. */
static const hedge_node_t *reader(const hedge_graph_t *g, uint32_t value)
{
        for (uint32_t i = 0; i < g->n_nodes; i++)
                if (g->nodes[i].op.kind == HEDGE_OP_QUANTIZE && g->nodes[i].inputs[0] == value)
                        return &g->nodes[i];
        return NULL;
}

static double quantized(const hedge_graph_t *g, const hedge_node_t *node, float v, size_t channel)
{
        const hedge_value_t *scale = &g->values[node->inputs[1]];
        const float s = scale->data[hedge_shape_elements(&scale->shape) > 1 ? channel : 0];
        const hedge_quantize_t *q = &node->op.quantize;
        const float x = q->whole ? rintf(v) : v;

        return fmin(fmax((double)half_even(fmin(fmax(q->multiplies ? x * s : x / s, -1e6), 1e6)), (double)q->lo),
                    (double)q->hi);
}

/* How far an error moves a number that is to be rounded, in steps. Errors below 1/2 of whole sums are gone before. */
static double steps_of(const hedge_graph_t *g, const hedge_quantize_t *q, uint32_t scale, double error)
{
        const hedge_value_t *v = &g->values[scale];
        double most = 0;

        if (q->whole)
                error = error < 0.5 ? 0 : error + 0.5;
        for (size_t i = 0; i < hedge_shape_elements(&v->shape); i++)
                most = fmax(most, (double)(q->multiplies ? v->data[i] : 1 / v->data[i]));
        return error * most;
}

/* An error moves a number by one step at most, and only where it lies that near to the border between two. */
static void compare(coded_t *c, const hedge_node_t *node, const float *local, const float *coded, double error)
{
        const hedge_node_t *next = reader(c->graph, node->output);
        const hedge_shape_t *shape = &c->graph->values[node->output].shape;
        const size_t n = hedge_shape_elements(shape), channels = shape->dims[3];
        const double steps = steps_of(c->graph, &next->op.quantize, next->inputs[1], error);

        assert_true(steps < 0.5);
        for (size_t i = 0; i < n; i++) {
                const double off = fabs((double)coded[i] - (double)local[i]);
                const double beside = fabs(quantized(c->graph, next, local[i], i % channels) -
                                           quantized(c->graph, next, coded[i], i % channels));

                if (off > error || beside > 1)
                        fail_msg("%s: an error of %g, at most %g, %g steps", hedge_scheme_name(c->scheme), off, error,
                                 beside);
                c->moved += beside > 0;
                c->worst = fmax(c->worst, off);
        }
        c->elements += n;
        c->expected += (double)n * 2 * steps;
        c->layers++;
}

static int run_coded(void *arg, uint32_t index, uint32_t last, const hedge_tensor_t *in, hedge_tensor_t *out)
{
        coded_t *c = arg;
        const hedge_node_t *node = &c->graph->nodes[index];
        const bool strips_only = c->scheme == HEDGE_SCHEME_MDS || c->scheme == HEDGE_SCHEME_LT;
        const size_t n = hedge_shape_elements(&out->shape);
        hedge_code_t *code = NULL;
        hedge_partition_t partition;
        float *coded;
        double condition;

        if (node->op.kind != HEDGE_OP_CONV)
                return 1;
        assert_int_equal(
                hedge_code_new(c->scheme, 4, strips_only || node->op.conv.groups > 1 ? 1 : 4, BOARDS, &code, NULL), 0);
        assert_int_equal(hedge_partition_init(&partition, &node->op.conv, hedge_code_k_a(code), hedge_code_k_b(code)),
                         0);
        coded = hedge_floats_new(n);
        assert_non_null(coded);
        assert_int_equal(
                hedge_engine_run_node(c->engine, index, (const float *const[]){ in->data, NULL, NULL }, out->data), 0);
        condition = compute_coded(c, node, code, &partition, in->data, coded);
        compare(c, node, out->data, coded,
                condition * hedge_kernels_conv_error(c->kernels) * peak_of(c, node, in->data));
        if (!c->answers_local)
                memcpy(out->data, coded, n * sizeof(*coded));
        free(coded);
        hedge_code_destroy(&code);
        return 0;
}

/* @return the largest error of a sum. */
static double run_scheme(const hedge_graph_t *g, const char *backend, hedge_scheme_t scheme, bool answers_local,
                         const float *x, float *y)
{
        coded_t c = { .graph = g, .scheme = scheme, .answers_local = answers_local };
        hedge_tensor_t in = { g->values[g->inputs[0]].shape, (float *)(uintptr_t)x }, out;

        assert_int_equal(hedge_kernels_new(backend, 1, &c.kernels), 0);
        assert_int_equal(hedge_engine_new(g, c.kernels, &c.engine), 0);
        assert_int_equal(hedge_engine_run(c.engine, &in, &(hedge_engine_hooks_t){ .run = run_coded }, &c, &out), 0);
        assert_int_equal(c.layers, LAYERS);
        print_message("%s, %s: %zu of %zu quantised numbers one step beside, %.0f could be; errors up to %.2g\n",
                      backend, hedge_scheme_name(scheme), c.moved, c.elements, c.expected, c.worst);
        assert_true((double)c.moved <= c.expected);
        memcpy(y, out.data, CLASSES * sizeof(*y));
        hedge_tensor_release(&out);
        hedge_engine_destroy(&c.engine);
        hedge_kernels_destroy(&c.kernels);
        return c.worst;
}

/* DequantizeLinear, Conv, QuantizeLinear: the sums are real numbers. */
static void test_coded(void **state)
{
        hedge_graph_t *g = make_mobile(QDQ);
        float *x = make_picture(), y[CLASSES];

        for (const char *const *b = hedge_kernels_available(); *b; b++)
                for (unsigned scheme = 0; scheme < HEDGE_SCHEMES; scheme++)
                        run_scheme(g, *b, (hedge_scheme_t)scheme, true, x, y);
        free(x);
        hedge_graph_destroy(&g);
}

/* QLinearConv: the sums are whole numbers, and while their errors stay below one half, coded is local in every bit. */
static void test_coded_whole(void **state)
{
        hedge_graph_t *g = make_mobile(QLINEAR);
        float *x = make_picture(), y[CLASSES];
        unsigned same = 0;

        for (const char *const *b = hedge_kernels_available(); *b; b++) {
                hedge_tensor_t want = run_on(g, *b, x);

                for (unsigned scheme = 0; scheme < HEDGE_SCHEMES; scheme++) {
                        run_scheme(g, *b, (hedge_scheme_t)scheme, true, x, y);
                        if (run_scheme(g, *b, (hedge_scheme_t)scheme, false, x, y) >= 0.5)
                                continue;
                        assert_memory_equal(y, want.data, sizeof(y));
                        same++;
                }
                hedge_tensor_release(&want);
        }
        assert_true(same >= 3);
        free(x);
        hedge_graph_destroy(&g);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_memory),         cmocka_unit_test(test_bytes_wait),
                cmocka_unit_test(test_bytes_are_lent), cmocka_unit_test(test_coded),
                cmocka_unit_test(test_coded_whole),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* ConvTranspose of one to three axes against its definition, in double: every input element times every filter element,
 * added where it belongs. */
#include "onnx_bed.h"
#include "spatial_bed.h"

#include "common/model/phases.h"

#define CASES 300

typedef struct transposed {
        uint32_t axes, groups, in_g, out_g;
        uint32_t in[3], kernel[3], stride[3], dilation[3], before[3], after[3], more[3], wanted[3];
        bool bias, norm, relu;
} transposed_t;

static void pick_axis(make_t *m, transposed_t *t, int i)
{
        int64_t reach, out;

        t->in[i] = 1 + make_below(m, t->axes == 3 ? 4 : 9);
        t->kernel[i] = 1 + make_below(m, t->axes == 3 ? 3 : 5);
        t->stride[i] = 1 + make_below(m, 4);
        t->dilation[i] = 1 + make_below(m, 3);
        t->more[i] = make_below(m, t->stride[i] > t->dilation[i] ? t->stride[i] : t->dilation[i]);
        do {
                t->before[i] = make_below(m, 5);
                t->after[i] = make_below(m, 5);
                reach = (int64_t)(t->kernel[i] - 1) * t->dilation[i] + 1;
                out = (int64_t)(t->in[i] - 1) * t->stride[i] + reach + t->more[i] - t->before[i] - t->after[i];
        } while (out < 1 || t->before[i] >= reach || t->after[i] >= reach + t->more[i]);
}

static transposed_t pick(make_t *m)
{
        transposed_t t = { .axes = 1 + make_below(m, 3),
                           .in = { 1, 1, 1 },
                           .kernel = { 1, 1, 1 },
                           .stride = { 1, 1, 1 },
                           .dilation = { 1, 1, 1 } };

        t.groups = 1 + make_below(m, 3);
        t.in_g = 1 + make_below(m, 4);
        t.out_g = 1 + make_below(m, 4);
        for (uint32_t i = 3 - t.axes; i < 3; i++)
                pick_axis(m, &t, (int)i);
        t.bias = make_below(m, 2);
        t.norm = make_below(m, 2);
        t.relu = make_below(m, 2);
        return t;
}

/* The numbers of the axes that there are. */
static const int64_t *list(const uint32_t *v, uint32_t axes, int64_t *room)
{
        for (uint32_t i = 0; i < axes; i++)
                room[i] = v[3 - axes + i];
        room[axes] = -1;
        return room;
}

static const int64_t *shape_list(uint32_t a, uint32_t b, const uint32_t *v, uint32_t axes, int64_t *room)
{
        room[0] = a;
        room[1] = b;
        list(v, axes, room + 2);
        return room;
}

static Onnx__NodeProto *make_node_of(make_t *m, const transposed_t *t, const char *auto_pad, const char *to)
{
        Onnx__NodeProto *node = make_node(m, "ConvTranspose", t->bias ? "x w b" : "x w", to);
        int64_t v[8];

        make_int_list(m, node, "strides", list(t->stride, t->axes, v));
        make_int_list(m, node, "dilations", list(t->dilation, t->axes, v));
        make_int(m, node, "group", t->groups);
        if (t->more[2] || t->more[1] || t->more[0])
                make_int_list(m, node, "output_padding", list(t->more, t->axes, v));
        if (auto_pad) {
                make_string(m, node, "auto_pad", auto_pad);
        } else {
                list(t->before, t->axes, v);
                list(t->after, t->axes, v + t->axes);
                make_int_list(m, node, "pads", v);
        }
        if (t->wanted[2])
                make_int_list(m, node, "output_shape", list(t->wanted, t->axes, v));
        return node;
}

/* What the initialisers are. */
typedef struct constants {
        const float *w, *b, *scale, *shift, *mean, *var;
} constants_t;

static const float *floats_of(const Onnx__TensorProto *t)
{
        return (const float *)(const void *)t->raw_data.data;
}

static void make_model(make_t *m, const transposed_t *t, const char *auto_pad, constants_t *c)
{
        uint32_t out_c = t->groups * t->out_g;
        const float var[12] = { 1, 2, 0.5f, 3, 1.5f, 1, 2, 0.25f, 1, 4, 1, 2 };
        int64_t v[8];

        make_input(m, "x", shape_list(2, t->groups * t->in_g, t->in, t->axes, v));
        make_output(m, "y");
        c->w = floats_of(make_weights(m, "w", shape_list(t->groups * t->in_g, t->out_g, t->kernel, t->axes, v)));
        c->b = floats_of(make_weights(m, "b", DIMS(out_c)));
        c->scale = floats_of(make_weights(m, "scale", DIMS(out_c)));
        c->shift = floats_of(make_weights(m, "shift", DIMS(out_c)));
        c->mean = floats_of(make_weights(m, "mean", DIMS(out_c)));
        c->var = floats_of(make_floats(m, "var", DIMS(out_c), var));
        make_node_of(m, t, auto_pad, t->norm ? "conv" : t->relu ? "norm" : "y");
        if (t->norm)
                make_node(m, "BatchNormalization", "conv scale shift mean var", t->relu ? "norm" : "y");
        if (t->relu)
                make_node(m, "Relu", "norm", "y");
}

/* Add one input element's products; magnitudes: their absolute values. */
static void scatter(const transposed_t *t, const cube_t *x, const float *w, cube_t *y, cube_t *magnitudes, uint32_t n,
                    uint32_t channel, const int64_t *at)
{
        uint32_t group = channel / t->in_g, kernel = t->kernel[0] * t->kernel[1] * t->kernel[2];
        double v = *cube_at(x, n, channel, at);

        for (uint32_t o = 0; o < t->out_g; o++) {
                int64_t k[3] = { 0 };
                uint32_t i = 0;

                do {
                        double product = v * (double)w[((size_t)channel * t->out_g + o) * kernel + i++];
                        int64_t to[3];

                        for (int a = 0; a < 3; a++)
                                to[a] = at[a] * t->stride[a] + k[a] * t->dilation[a] - t->before[a];
                        if (!cube_inside(y, to))
                                continue;
                        *cube_at(y, n, group * t->out_g + o, to) += product;
                        *cube_at(magnitudes, n, group * t->out_g + o, to) += fabs(product);
                } while (next_place(k, t->kernel));
        }
}

/* Bias, normalisation, activation. @return the greatest magnitude of a sum. */
static double finish(const transposed_t *t, const constants_t *c, cube_t *y, const cube_t *magnitudes)
{
        size_t plane = (size_t)y->dims[2] * y->dims[3] * y->dims[4];
        double most = 0;

        for (size_t i = 0, n = cube_elements(y); i < n; i++) {
                size_t o = i / plane % y->dims[1];
                double factor = t->norm ? (double)c->scale[o] / sqrt((double)c->var[o] + 1e-5) : 1;
                double term = t->bias ? (double)c->b[o] : 0;

                y->v[i] = (y->v[i] + term - (t->norm ? (double)c->mean[o] : 0)) * factor +
                          (t->norm ? (double)c->shift[o] : 0);
                if (t->relu && y->v[i] < 0)
                        y->v[i] = 0;
                most = fmax(most, (magnitudes->v[i] + 2) * fmax(1, fabs(factor)));
        }
        return most;
}

static double define(const transposed_t *t, const constants_t *c, const cube_t *x, cube_t *y)
{
        cube_t magnitudes = *y;
        double most;

        cube_new(y);
        cube_new(&magnitudes);
        for (uint32_t n = 0; n < x->dims[0]; n++) {
                for (uint32_t channel = 0; channel < x->dims[1]; channel++) {
                        int64_t at[3] = { 0 };

                        do
                                scatter(t, x, c->w, y, &magnitudes, n, channel, at);
                        while (next_place(at, t->in));
                }
        }
        most = finish(t, c, y, &magnitudes);
        free(magnitudes.v);
        return most;
}

static void describe(const transposed_t *t, char *text, size_t size)
{
        size_t at = (size_t)snprintf(text, size, "groups %u x (%u to %u)%s%s%s", t->groups, t->in_g, t->out_g,
                                     t->bias ? ", bias" : "", t->norm ? ", norm" : "", t->relu ? ", relu" : "");

        for (uint32_t i = 3 - t->axes; i < 3; i++)
                at += (size_t)snprintf(text + at, size - at, "; in %u kernel %u stride %u dilation %u pads %u %u + %u",
                                       t->in[i], t->kernel[i], t->stride[i], t->dilation[i], t->before[i], t->after[i],
                                       t->more[i]);
}

/* The model's answer is the definition's with t's pads, whatever the model says of them. */
static void check_case(make_t *m, const transposed_t *t, const transposed_t *meant, const char *auto_pad)
{
        cube_t x = { { 2, t->groups * t->in_g, t->in[0], t->in[1], t->in[2] }, NULL };
        cube_t y = { { 2, t->groups * t->out_g, 0, 0, 0 }, NULL };
        hedge_graph_t *graph;
        constants_t c;
        char text[400];
        double most;

        for (int i = 0; i < 3; i++)
                y.dims[2 + i] = (t->in[i] - 1) * t->stride[i] + (t->kernel[i] - 1) * t->dilation[i] + 1 + t->more[i] -
                                meant->before[i] - meant->after[i];
        make_model(m, t, auto_pad, &c);
        graph = import_made(m);
        cube_new(&x);
        for (size_t i = 0, n = cube_elements(&x); i < n; i++)
                x.v[i] = (double)make_random(m);
        most = define(meant, &c, &x, &y);
        describe(meant, text, sizeof(text));
        check_graph(graph, x.v, y.v, cube_elements(&y), SPATIAL_ERROR * most, text);
        hedge_graph_destroy(&graph);
        free(x.v);
        free(y.v);
}

static void test_definition(void **state)
{
        uint64_t random = 1;

        for (int i = 0; i < CASES; i++) {
                transposed_t t;
                make_t m;

                make_init(&m, 13);
                m.random = random;
                t = pick(&m);
                check_case(&m, &t, &t, NULL);
                random = m.random;
                make_free(&m);
        }
}

/* output_shape, and SAME: the result is in * stride. The odd one of the padding is at the end for SAME_UPPER alone. */
static void test_output_shape(void **state)
{
        static const char *const pads[] = { NULL, "SAME_UPPER", "SAME_LOWER" };

        for (int i = 0; i < 60; i++) {
                transposed_t t, meant;
                bool upper = i % 3 == 1;
                make_t m;

                make_init(&m, 13);
                m.random = (uint64_t)i + 1;
                t = pick(&m);
                for (uint32_t a = 3 - t.axes; a < 3; a++) {
                        t.dilation[a] = 1;
                        t.kernel[a] = t.stride[a] + a % 3;
                        t.more[a] = 0;
                }
                meant = t;
                for (uint32_t a = 3 - t.axes; a < 3; a++) {
                        uint32_t total = t.kernel[a] - t.stride[a];

                        meant.before[a] = upper ? total / 2 : total - total / 2;
                        meant.after[a] = total - meant.before[a];
                        t.wanted[a] = i % 3 == 0 ? t.in[a] * t.stride[a] : 0;
                }
                check_case(&m, &t, &meant, pads[i % 3]);
                make_free(&m);
        }
}

/* Normalisation and activation go into the convolution: what remains moves data. */
static void test_folded(void **state)
{
        for (int i = 0; i < 60; i++) {
                hedge_graph_t *graph;
                unsigned convolutions = 0;
                constants_t c;
                transposed_t t;
                make_t m;

                make_init(&m, 13);
                m.random = (uint64_t)i + 7;
                t = pick(&m);
                t.norm = t.relu = true;
                make_model(&m, &t, NULL, &c);
                graph = import_made(&m);
                for (uint32_t n = 0; n < graph->n_nodes; n++) {
                        const hedge_op_t *op = &graph->nodes[n].op;

                        assert_true(op->kind == HEDGE_OP_CONV || op->kind == HEDGE_OP_CONCAT ||
                                    op->kind == HEDGE_OP_PAD || op->kind == HEDGE_OP_TRANSPOSE ||
                                    op->kind == HEDGE_OP_SLICE || op->kind == HEDGE_OP_RESHAPE);
                        convolutions += op->kind == HEDGE_OP_CONV;
                        if (op->kind == HEDGE_OP_CONV)
                                assert_int_equal(op->activation.kind, HEDGE_ACT_CLAMP);
                }
                assert_true(convolutions >= 1);
                hedge_graph_destroy(&graph);
                make_free(&m);
        }
}

/* The usual ones take no product in vain: as many taps per phase as the filter has for it. */
static void test_usual_ones(void **state)
{
        static const struct {
                uint32_t kernel, stride, before, out, taps, outputs;
        } usual[] = {
                { 2, 2, 0, 20, 1, 10 }, /* U-Nets */
                { 4, 2, 1, 20, 2, 11 }, /* generators: one more, cropped */
                { 3, 2, 1, 20, 2, 10 }, /* with output_padding 1 */
                { 3, 2, 0, 21, 2, 11 }, { 4, 4, 0, 40, 1, 10 }, { 3, 1, 1, 10, 3, 10 },
        };

        for (size_t i = 0; i < sizeof(usual) / sizeof(usual[0]); i++) {
                hedge_phases_t p = { .in = 10,
                                     .kernel = usual[i].kernel,
                                     .stride = usual[i].stride,
                                     .dilation = 1,
                                     .before = usual[i].before,
                                     .out = usual[i].out };

                hedge_phases_choose(&p);
                assert_int_equal(hedge_phases_taps(&p, 0, p.stride).count, usual[i].taps);
                assert_int_equal(hedge_phases_outputs(&p), usual[i].outputs);
        }
}

/* Of a constant: computed when the model is loaded. */
static void test_constant(void **state)
{
        const double x[9] = { 0 }, want[9] = { 1, 3, 2, 4, 10, 6, 3, 7, 4 };
        hedge_graph_t *graph;
        make_t m;

        make_init(&m, 13);
        make_input(&m, "x", DIMS(1, 1, 3, 3));
        make_output(&m, "y");
        make_floats(&m, "c", DIMS(1, 1, 2, 2), (const float[]){ 1, 2, 3, 4 });
        make_floats(&m, "w", DIMS(1, 1, 2, 2), (const float[]){ 1, 1, 1, 1 });
        make_node(&m, "ConvTranspose", "c w", "up");
        make_node(&m, "Add", "up x", "y");
        graph = import_made(&m);
        assert_int_equal(graph->n_nodes, 1);
        check_graph(graph, x, want, 9, 1e-6, "of a constant");
        hedge_graph_destroy(&graph);
        make_free(&m);
}

/* One with a filter of 4 x 2 x 3 x 3 and stride 2; what makes it wrong is added by the caller. */
static Onnx__NodeProto *begin(make_t *m, const char *inputs)
{
        Onnx__NodeProto *node;

        start(m, DIMS(1, 4, 5, 5));
        make_weights(m, "w", DIMS(4, 2, 3, 3));
        make_weights(m, "b", DIMS(2));
        node = make_node(m, "ConvTranspose", inputs, "y");
        make_int_list(m, node, "strides", DIMS(2, 2));
        return node;
}

static void test_refused(void **state)
{
        static const struct {
                const char *attribute;
                int64_t v[7];
                int code;
                const char *words;
        } lists[] = {
                { "pads", { 9, 0, 9, 0, -1 }, HEDGE_EMALFORMED, "leaves nothing of the output" },
                { "pads", { 1, 1, 1, -1 }, HEDGE_EMALFORMED, "pads has 3 numbers" },
                { "kernel_shape", { 3, 2, -1 }, HEDGE_EMALFORMED, "kernel_shape is not the filter's" },
                { "output_padding", { 1, -1 }, HEDGE_EMALFORMED, "output_padding has 1 numbers" },
                { "output_padding", { 1, 1 << 30, -1 }, HEDGE_EMALFORMED, "output_padding of 1073741824" },
                { "output_shape", { 0, 3, -1 }, HEDGE_EMALFORMED, "output_shape of 0" },
                { "dilations", { 1 << 20, 1, -1 }, HEDGE_ELIMIT, "is too large" },
                { "strides", { 1 << 19, 2, -1 }, HEDGE_ELIMIT, "is too large" },
                { "output_shape", { 1 << 20, 1 << 20, -1 }, HEDGE_ELIMIT, "geometry is out of range" },
        };
        Onnx__NodeProto *node;
        make_t m;

        for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
                node = begin(&m, "x w");
                if (strcmp(lists[i].attribute, "strides") == 0)
                        node->n_attribute = 0;
                make_int_list(&m, node, lists[i].attribute, lists[i].v);
                refused(&m, lists[i].code, lists[i].words);
        }
        begin(&m, "x w");
        make_int(&m, m.graph.node[0], "group", 3);
        refused(&m, HEDGE_EMALFORMED, "3 groups of filters over 4 channels do not fit 4 input channels");
        begin(&m, "x b");
        refused(&m, HEDGE_EMALFORMED, "a filter with 1 axes for an input with 4");
        begin(&m, "x w w");
        refused(&m, HEDGE_EMALFORMED, "the bias has not one number per output channel");
        begin(&m, "x v");
        make_input(&m, "v", DIMS(4, 2, 3, 3));
        refused(&m, HEDGE_EUNSUPPORTED, "the filter ('v') is not constant");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_definition), cmocka_unit_test(test_output_shape), cmocka_unit_test(test_folded),
                cmocka_unit_test(test_usual_ones), cmocka_unit_test(test_constant),     cmocka_unit_test(test_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

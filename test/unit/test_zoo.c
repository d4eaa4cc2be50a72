/* SPDX-License-Identifier: Apache-2.0 */
/* The networks that hedge makes: their shapes and sizes as published, and that they compute something. */
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "common/engine/engine.h"
#include "common/model/onnx.h"
#include "common/model/zoo.h"
#include "onnx.pb-c.h"
#include "test/unit/layer.h"

/* What the literature says of a network, and what its file holds. */
typedef struct expected {
        const char *name;
        unsigned divisor;    /* with which it is tried here */
        uint64_t parameters; /* of the network itself */
        uint64_t conv_macs;
        uint32_t in_c, in_h, classes;
        unsigned convs, norms, relus, tanhs, max_pools, average_pools, adds, gemms, nodes;
} expected_t;

static const expected_t networks[] = {
        { "vgg16", 8, 138357544, 15346630656, 3, 224, 1000, 13, 0, 15, 0, 5, 0, 0, 3, 37 },
        { "resnet18", 1, 11689512 + 9600, 1813561344, 3, 224, 1000, 20, 20, 17, 0, 1, 0, 8, 1, 69 },
        { "alexnet", 4, 61100840, 655566528, 3, 224, 1000, 5, 0, 7, 0, 3, 0, 0, 3, 19 },
        { "lenet5", 1, 61706, 405600, 1, 28, 10, 3, 0, 0, 4, 0, 2, 0, 2, 12 },
};

#define N_NETWORKS (sizeof(networks) / sizeof(networks[0]))

typedef struct bytes {
        uint8_t *data;
        size_t size, room;
} bytes_t;

static int collect(void *arg, const void *data, size_t size)
{
        bytes_t *bytes = arg;

        assert_true(size > 0 && size <= 65536 && bytes->size + size <= bytes->room);
        memcpy(bytes->data + bytes->size, data, size);
        bytes->size += size;
        return 0;
}

static hedge_zoo_t *new_zoo(const char *name, uint64_t seed, unsigned divisor)
{
        hedge_zoo_t *zoo = NULL;

        assert_int_equal(hedge_zoo_new(name, seed, divisor, &zoo, NULL), 0);
        return zoo;
}

static bytes_t make(const char *name, uint64_t seed, unsigned divisor)
{
        hedge_zoo_t *zoo = new_zoo(name, seed, divisor);
        bytes_t bytes = { .room = hedge_zoo_bytes(zoo) };

        bytes.data = malloc(bytes.room);
        assert_non_null(bytes.data);
        assert_int_equal(hedge_zoo_write(zoo, collect, &bytes), 0);
        assert_int_equal(bytes.size, bytes.room);
        hedge_zoo_destroy(&zoo);
        assert_null(zoo);
        return bytes;
}

static unsigned count(const Onnx__GraphProto *graph, const char *op_type)
{
        unsigned n = 0;

        for (size_t i = 0; i < graph->n_node; i++)
                n += strcmp(graph->node[i]->op_type, op_type) == 0;
        return n;
}

/* The file as protobuf: operators, versions, and unique names. */
static void test_nodes(void **state)
{
        for (size_t k = 0; k < N_NETWORKS; k++) {
                const expected_t *e = &networks[k];
                bytes_t bytes = make(e->name, 1, 64);
                Onnx__ModelProto *model = onnx__model_proto__unpack(NULL, bytes.size, bytes.data);
                const Onnx__GraphProto *graph;

                assert_non_null(model);
                graph = model->graph;
                assert_string_equal(graph->name, e->name);
                assert_int_equal(model->opset_import[0]->version, 13);
                assert_int_equal(graph->n_node, e->nodes);
                assert_int_equal(count(graph, "Conv"), e->convs);
                assert_int_equal(count(graph, "BatchNormalization"), e->norms);
                assert_int_equal(count(graph, "Relu"), e->relus);
                assert_int_equal(count(graph, "Tanh"), e->tanhs);
                assert_int_equal(count(graph, "MaxPool"), e->max_pools);
                assert_int_equal(count(graph, "AveragePool"), e->average_pools);
                assert_int_equal(count(graph, "Add"), e->adds);
                assert_int_equal(count(graph, "Gemm"), e->gemms);
                for (size_t i = 0; i < graph->n_node; i++)
                        for (size_t j = 0; j < i; j++)
                                assert_string_not_equal(graph->node[i]->name, graph->node[j]->name);
                for (size_t i = 0; i < graph->n_initializer; i++)
                        for (size_t j = 0; j < i; j++)
                                assert_string_not_equal(graph->initializer[i]->name, graph->initializer[j]->name);
                onnx__model_proto__free_unpacked(model, NULL);
                free(bytes.data);
        }
}

/* The whole networks have the published numbers of parameters; little else is in their files. */
static void test_parameters(void **state)
{
        for (size_t k = 0; k < N_NETWORKS; k++) {
                hedge_zoo_t *zoo = new_zoo(networks[k].name, 1, 1);
                const uint64_t weights = networks[k].parameters * sizeof(float), size = hedge_zoo_bytes(zoo);

                assert_true(size > weights && size < weights + 160 * networks[k].nodes + 300);
                hedge_zoo_destroy(&zoo);
        }
}

/* What the layers of a graph are given while it runs. */
typedef struct watch {
        const hedge_graph_t *graph;
        double least, most;  /* root mean square of a convolution's input */
        uint64_t whole_macs; /* with all channels */
        unsigned divisor;
} watch_t;

static double deviation(const float *x, size_t n, bool about_mean)
{
        double sum = 0, squares = 0;

        for (size_t i = 0; i < n; i++) {
                assert_true(isfinite(x[i]));
                sum += (double)x[i];
                squares += (double)x[i] * (double)x[i];
        }
        return sqrt(squares / (double)n - (about_mean ? sum / (double)n * sum / (double)n : 0));
}

static int observe(void *arg, uint32_t node, uint32_t last, const hedge_tensor_t *in, hedge_tensor_t *out)
{
        watch_t *watch = arg;
        const hedge_op_t *op = &watch->graph->nodes[node].op;

        if (op->kind == HEDGE_OP_CONV) {
                const double rms = deviation(in->data, hedge_shape_elements(&in->shape), false);
                const bool first = op->conv.in_c <= 3;
                const uint64_t macs = hedge_conv_macs(&op->conv);

                watch->least = fmin(watch->least, rms);
                watch->most = fmax(watch->most, rms);
                watch->whole_macs += macs * watch->divisor * (first ? 1 : watch->divisor);
        }
        return 1;
}

typedef struct net {
        hedge_graph_t *graph;
        hedge_kernels_t *kernels;
        hedge_engine_t *engine;
} net_t;

static void open_net(net_t *net, const expected_t *e)
{
        hedge_why_t why = { "" };
        bytes_t bytes = make(e->name, 7, e->divisor);

        if (hedge_onnx_import(bytes.data, bytes.size, NULL, &net->graph, &why) < 0)
                fail_msg("%s: %s", e->name, why.text);
        free(bytes.data);
        assert_int_equal(hedge_kernels_new(NULL, 1, &net->kernels), 0);
        assert_int_equal(hedge_engine_new(net->graph, net->kernels, &net->engine), 0);
}

static void close_net(net_t *net)
{
        hedge_engine_destroy(&net->engine);
        hedge_kernels_destroy(&net->kernels);
        hedge_graph_destroy(&net->graph);
}

static void fill(hedge_tensor_t *in, layer_random_t *random)
{
        const uint32_t h = in->shape.dims[2], side = h / 7;
        float values[3][7][7];

        for (size_t i = 0; i < sizeof(values) / sizeof(float); i++)
                (&values[0][0][0])[i] = layer_value(random) * 1.7f;
        for (uint32_t c = 0; c < in->shape.dims[1]; c++)
                for (uint32_t y = 0; y < h; y++)
                        for (uint32_t x = 0; x < h; x++)
                                in->data[(c * h + y) * h + x] = values[c][y / side][x / side];
}

/* The answer to one random picture, of squares with a mean near 0 and a variance near 1. */
static hedge_tensor_t answer(net_t *net, layer_random_t *random, watch_t *watch)
{
        hedge_tensor_t in = { 0 }, out = { 0 };

        assert_int_equal(hedge_tensor_alloc(&in, &net->graph->values[net->graph->inputs[0]].shape), 0);
        fill(&in, random);
        assert_int_equal(hedge_engine_run(net->engine, &in, &(hedge_engine_hooks_t){ .run = observe }, watch, &out), 0);
        hedge_tensor_release(&in);
        return out;
}

static double correlation(const float *a, const float *b, size_t n)
{
        double mean_a = 0, mean_b = 0, ab = 0;

        for (size_t i = 0; i < n; i++) {
                mean_a += (double)a[i] / (double)n;
                mean_b += (double)b[i] / (double)n;
        }
        for (size_t i = 0; i < n; i++)
                ab += ((double)a[i] - mean_a) * ((double)b[i] - mean_b) / (double)n;
        return ab / deviation(a, n, true) / deviation(b, n, true);
}

/* Networks compute: work as published, activations of the same size from front to end, answers that differ. */
static void test_answers(void **state)
{
        for (size_t k = 0; k < N_NETWORKS; k++) {
                const expected_t *e = &networks[k];
                const hedge_shape_t in = { 4, { 1, e->in_c, e->in_h, e->in_h } }, out = { 2, { 1, e->classes } };
                layer_random_t random = { 1 };
                net_t net = { 0 };
                watch_t watch = { .least = INFINITY, .divisor = e->divisor };
                hedge_tensor_t a, b;
                uint64_t macs;

                open_net(&net, e);
                watch.graph = net.graph;
                assert_true(hedge_shape_equal(&net.graph->values[net.graph->inputs[0]].shape, &in));
                a = answer(&net, &random, &watch);
                assert_true(hedge_shape_equal(&a.shape, &out));
                macs = watch.whole_macs;
                b = answer(&net, &random, &watch);
                print_message("%s: %.4f GMACs, inputs %.2f .. %.2f, logits %.2f, correlation %.3f\n", e->name,
                              (double)macs * 1e-9, watch.least, watch.most, deviation(a.data, e->classes, true),
                              correlation(a.data, b.data, e->classes));
                assert_int_equal(macs, e->conv_macs);
                assert_true(watch.least > 0.2 && watch.most < 20);
                assert_true(deviation(a.data, e->classes, true) > 0.2 && deviation(a.data, e->classes, true) < 20);
                assert_true(correlation(a.data, b.data, e->classes) < 0.9999);
                hedge_tensor_release(&a);
                hedge_tensor_release(&b);
                close_net(&net);
        }
}

/* The same seed makes the same bytes, on every machine the ones whose digest stands here. */
static void test_seeds(void **state)
{
        static const char *const digests[N_NETWORKS] = { "0be6b0e240d36d8331510835ee41e046",
                                                         "f39d7408e87fdb7ac16c42aa906877e5",
                                                         "300f5de5a935477051c9277ece127803",
                                                         "bc26e6693fe485d79cab8f7279474a0c" };

        for (size_t k = 0; k < N_NETWORKS; k++) {
                const unsigned divisor = networks[k].in_h < 224 ? 1 : 32; /* the files stay small */
                bytes_t one = make(networks[k].name, 1, divisor), again = make(networks[k].name, 1, divisor);
                bytes_t other = make(networks[k].name, 2, divisor);
                unsigned char digest[16];
                char text[33];
                size_t same = 0;

                assert_int_equal(one.size, again.size);
                assert_memory_equal(one.data, again.data, one.size);
                assert_int_equal(one.size, other.size);
                for (size_t i = 0; i < one.size; i++)
                        same += one.data[i] == other.data[i];
                assert_true(same < one.size / 2);
                crypto_generichash(digest, sizeof(digest), one.data, one.size, NULL, 0);
                assert_string_equal(sodium_bin2hex(text, sizeof(text), digest, sizeof(digest)), digests[k]);
                free(one.data);
                free(again.data);
                free(other.data);
        }
}

/* Weights are spread as the header says: kurtosis and correlation too, which a bad generator would miss. */
static void test_distribution(void **state)
{
        bytes_t bytes = make("lenet5", 3, 1);
        Onnx__ModelProto *model = onnx__model_proto__unpack(NULL, bytes.size, bytes.data);
        const Onnx__TensorProto *weights;
        float *w;
        double square = 0, fourth = 0, next = 0, sum = 0, spread;
        size_t n;

        assert_non_null(model);
        weights = model->graph->initializer[4]; /* 120 x 16 x 5 x 5 */
        assert_string_equal(weights->name, "c5.weight");
        n = weights->raw_data.len / sizeof(*w);
        assert_int_equal(n, 48000);
        w = malloc(weights->raw_data.len);
        assert_non_null(w);
        memcpy(w, weights->raw_data.data, weights->raw_data.len);
        for (size_t i = 0; i < n; i++) {
                const double x = (double)w[i];

                sum += x / (double)n;
                square += x * x / (double)n;
                fourth += x * x * x * x / (double)n;
                next += x * (double)w[(i + 1) % n] / (double)n;
        }
        spread = sqrt(square);
        assert_true(fabs(spread * 20 - 1) < 0.015); /* 1 / sqrt(400) */
        assert_true(fabs(sum) < 0.02 * spread && fabs(next) < 0.02 * square);
        assert_true(fabs(fourth / square / square - 2.85) < 0.1); /* 3 - 6 / 5 / 8 */
        free(w);
        onnx__model_proto__free_unpacked(model, NULL);
        free(bytes.data);
}

/* A sink that takes so many calls and then fails. */
static int fail_later(void *arg, const void *data, size_t size)
{
        int *left = arg;

        assert_true(*left >= 0); /* never called again */
        return (*left)-- > 0 ? 0 : -ENOSPC;
}

static void test_failing_sink(void **state)
{
        for (int calls = 0; calls < 4; calls++) { /* of the 248 kB */
                hedge_zoo_t *zoo = new_zoo("lenet5", 1, 1);
                int left = calls;

                assert_int_equal(hedge_zoo_write(zoo, fail_later, &left), -ENOSPC);
                assert_int_equal(left, -1);
                hedge_zoo_destroy(&zoo);
        }
}

static void test_refused(void **state)
{
        hedge_zoo_t *zoo = NULL;
        hedge_why_t why = { "" };

        assert_int_equal(hedge_zoo_new("vgg", 1, 1, &zoo, &why), HEDGE_EUNSUPPORTED);
        for (size_t i = 0; hedge_zoo_names[i]; i++)
                assert_non_null(strstr(why.text, hedge_zoo_names[i]));
        assert_int_equal(hedge_zoo_new("", 1, 1, &zoo, NULL), HEDGE_EUNSUPPORTED);
        assert_int_equal(hedge_zoo_new("vgg16", 1, 0, &zoo, NULL), -EINVAL);
        assert_int_equal(hedge_zoo_new("vgg16", 1, 65, &zoo, NULL), -EINVAL);
        assert_null(zoo);
        hedge_zoo_destroy(&zoo);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_nodes),        cmocka_unit_test(test_parameters),
                cmocka_unit_test(test_answers),      cmocka_unit_test(test_seeds),
                cmocka_unit_test(test_distribution), cmocka_unit_test(test_failing_sink),
                cmocka_unit_test(test_refused),
        };

        return cmocka_run_group_tests_name("zoo", tests, NULL, NULL);
}

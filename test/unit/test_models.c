/* SPDX-License-Identifier: Apache-2.0 */
/* Real models, real inputs, and what another implementation answers for them. The data is not part of the project:
 * HEDGE_TEST_DATA says where it is, else shared/data beside the source tree; without it the tests are skipped. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "common/engine/engine.h"
#include "common/model/onnx.h"

#define THREADS 2

static char data_dir[512];

static void *read_data(size_t *size, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void *read_data(size_t *size, const char *format, ...)
{
        char name[256], path[800];
        va_list args;
        void *bytes;
        FILE *f;

        va_start(args, format);
        vsnprintf(name, sizeof(name), format, args);
        va_end(args);
        snprintf(path, sizeof(path), "%s/%s", data_dir, name);
        f = fopen(path, "rb");
        if (!f)
                fail_msg("%s is missing", path);
        fseek(f, 0, SEEK_END);
        *size = (size_t)ftell(f);
        rewind(f);
        bytes = malloc(*size + 1);
        assert_non_null(bytes);
        assert_int_equal(fread(bytes, 1, *size, f), *size);
        fclose(f);
        return bytes;
}

/* A model, ready to run. */
typedef struct net {
        hedge_graph_t *graph;
        hedge_kernels_t *kernels;
        hedge_engine_t *engine;
} net_t;

static void open_net(net_t *net, const char *backend, const char *model)
{
        hedge_why_t why = { { 0 } };
        char path[800];

        *net = (net_t){ 0 };
        snprintf(path, sizeof(path), "%s/models/%s", data_dir, model);
        if (hedge_onnx_load(path, NULL, &net->graph, &why) < 0)
                fail_msg("%s: %s", model, why.text);
        assert_int_equal(hedge_kernels_new(backend, THREADS, &net->kernels), 0);
        assert_int_equal(hedge_engine_new(net->graph, net->kernels, &net->engine), 0);
}

static void close_net(net_t *net)
{
        hedge_engine_destroy(&net->engine);
        hedge_kernels_destroy(&net->kernels);
        hedge_graph_destroy(&net->graph);
}

static void new_input(const net_t *net, hedge_tensor_t *in)
{
        assert_int_equal(net->graph->n_inputs, 1);
        assert_int_equal(hedge_tensor_alloc(in, &net->graph->values[net->graph->inputs[0]].shape), 0);
}

static void read_tensor(hedge_tensor_t *tensor, const char *name)
{
        hedge_why_t why = { { 0 } };
        size_t size;
        void *bytes = read_data(&size, "%s", name);

        if (hedge_onnx_tensor(bytes, size, tensor, &why) < 0)
                fail_msg("%s: %s", name, why.text);
        free(bytes);
}

static size_t largest(const float *v, size_t n)
{
        size_t best = 0;

        for (size_t i = 1; i < n; i++)
                if (v[i] > v[best])
                        best = i;
        return best;
}

/* Every element within `limit` times the largest magnitude of the reference, and the same class (last axis). */
static void assert_close(const char *what, const float *got, const float *want, size_t n, double limit)
{
        double peak = 0, worst = 0;

        for (size_t i = 0; i < n; i++) {
                peak = fmax(peak, fabs(want[i]));
                worst = fmax(worst, isfinite(got[i]) ? fabs((double)got[i] - want[i]) : INFINITY);
        }
        if (!(worst <= limit * peak))
                fail_msg("%s: off by %g of %g", what, worst, peak);
}

static void run_one(const net_t *net, hedge_tensor_t *in, hedge_tensor_t *out)
{
        int r = hedge_engine_run(net->engine, in, NULL, NULL, out);

        if (r < 0)
                fail_msg("%s", hedge_strerror(r));
}

static void test_squeezenet_official_vectors(void **state)
{
        for (const char *const *backend = hedge_kernels_available(); *backend; backend++) {
                net_t net;

                open_net(&net, *backend, "squeezenet1.1/squeezenet1.1-7.onnx");
                for (int i = 0; i < 3; i++) {
                        hedge_tensor_t in, out, want;
                        char name[128];

                        snprintf(name, sizeof(name), "models/squeezenet1.1/test_data_set_%d/input_0.pb", i);
                        read_tensor(&in, name);
                        snprintf(name, sizeof(name), "models/squeezenet1.1/test_data_set_%d/output_0.pb", i);
                        read_tensor(&want, name);
                        run_one(&net, &in, &out);
                        assert_true(hedge_shape_equal(&out.shape, &want.shape));
                        assert_close(name, out.data, want.data, 1000, 1e-5);
                        hedge_tensor_release(&in);
                        hedge_tensor_release(&out);
                        hedge_tensor_release(&want);
                }
                close_net(&net);
        }
}

/* A P6 picture of the input's size into N x C x H x W: (x * scale - mean) / std per channel. */
static void load_picture(hedge_tensor_t *in, const char *name, float scale, const float *mean, const float *std)
{
        uint32_t h = in->shape.dims[2], w = in->shape.dims[3];
        size_t size, pixels = (size_t)3 * h * w;
        unsigned char *bytes = read_data(&size, "%s", name), *px;

        assert_true(size > pixels && memcmp(bytes, "P6", 2) == 0);
        px = bytes + size - pixels;
        for (uint32_t c = 0; c < 3; c++)
                for (uint32_t i = 0; i < h * w; i++)
                        in->data[c * h * w + i] = ((float)px[i * 3 + c] * scale - mean[c]) / std[c];
        free(bytes);
}

static const float imagenet_mean[3] = { 0.485f, 0.456f, 0.406f }, imagenet_std[3] = { 0.229f, 0.224f, 0.225f };

static void test_squeezenet_pictures(void **state)
{
        static const char *const pictures[] = { "dog",        "goldfish", "horse-cart", "kimono",
                                                "kitten_224", "pelican",  "wolves" };
        hedge_tensor_t in, out;
        net_t net;

        open_net(&net, NULL, "squeezenet1.1/squeezenet1.1-7.onnx");
        new_input(&net, &in);
        for (size_t i = 0; i < sizeof(pictures) / sizeof(pictures[0]); i++) {
                char name[128];
                float *want;
                size_t size;

                snprintf(name, sizeof(name), "images/crop224-ppm/%s.ppm", pictures[i]);
                load_picture(&in, name, 1 / 255.0f, imagenet_mean, imagenet_std);
                want = read_data(&size, "reference/squeezenet1.1/%s.f32", pictures[i]);
                assert_int_equal(size, 4000);
                run_one(&net, &in, &out);
                assert_close(pictures[i], out.data, want, 1000, 1e-3);
                assert_int_equal(largest(out.data, 1000), largest(want, 1000));
                hedge_tensor_release(&out);
                free(want);
        }
        hedge_tensor_release(&in);
        close_net(&net);
}

static void gunzip(const char *name, void *to, size_t size)
{
        char path[800];
        gzFile f;

        snprintf(path, sizeof(path), "%s/%s", data_dir, name);
        f = gzopen(path, "rb");
        if (!f)
                fail_msg("%s is missing", path);
        assert_int_equal(gzread(f, to, (unsigned)size), (int)size);
        gzclose(f);
}

/* The first 64 images (planar, `channels` planes) one by one against the reference's 64 x 10. */
static void check_first64(const char *model, const char *reference, const unsigned char *images, size_t step,
                          uint32_t channels, float scale, const float *mean, const float *std)
{
        hedge_tensor_t in, out;
        size_t size, plane;
        float *want = read_data(&size, "%s", reference);
        net_t net;

        assert_int_equal(size, 64 * 10 * sizeof(float));
        open_net(&net, NULL, model);
        new_input(&net, &in);
        plane = hedge_shape_elements(&in.shape) / channels;
        assert_int_equal(in.shape.dims[1], channels);
        for (int n = 0; n < 64; n++) {
                for (uint32_t c = 0; c < channels; c++)
                        for (size_t i = 0; i < plane; i++)
                                in.data[c * plane + i] =
                                        ((float)images[n * step + c * plane + i] * scale - mean[c]) / std[c];
                run_one(&net, &in, &out);
                assert_int_equal(hedge_shape_elements(&out.shape), 10);
                assert_close(model, out.data, want + n * 10, 10, 1e-4);
                assert_int_equal(largest(out.data, 10), largest(want + n * 10, 10));
                hedge_tensor_release(&out);
        }
        hedge_tensor_release(&in);
        close_net(&net);
        free(want);
}

static const float zero[3] = { 0, 0, 0 }, one[3] = { 1, 1, 1 };

static void test_cifar10(void **state)
{
        static unsigned char records[64 * 3073];

        gunzip("datasets/cifar10/data_batch_1_first4000.bin.gz", records, sizeof(records));
        check_first64("resnet-cifar10/resnet20-cifar10.onnx", "reference/cifar10/resnet20-cifar10.first64.f32",
                      records + 1, 3073, 3, 1 / 255.0f, imagenet_mean, imagenet_std);
        check_first64("resnet-cifar10/resnet56-cifar10.onnx", "reference/cifar10/resnet56-cifar10.first64.f32",
                      records + 1, 3073, 3, 1 / 255.0f, imagenet_mean, imagenet_std);
        check_first64("mlperf-tiny/mlperf_tiny_resnet8_cifar10.onnx",
                      "reference/cifar10/mlperf_tiny_resnet8.first64.f32", records + 1, 3073, 3, 1, zero, one);
}

static void test_mnist(void **state)
{
        static unsigned char images[16 + 64 * 784];

        gunzip("datasets/mnist/t10k-images-idx3-ubyte.gz", images, sizeof(images));
        check_first64("lenet/lenet.onnx", "reference/mnist/lenet.first64.f32", images + 16, 784, 1, 1 / 256.0f, zero,
                      one);
        check_first64("mnist-8/model.onnx", "reference/mnist/mnist-8.first64.f32", images + 16, 784, 1, 1, zero, one);
}

static void test_face_detector(void **state)
{
        static const float mean[3] = { 127, 127, 127 }, std[3] = { 128, 128, 128 };
        static const char *const names[] = { "scores", "boxes" };
        hedge_tensor_t in, out[2];
        net_t net;

        open_net(&net, NULL, "ultraface/version-RFB-320.onnx");
        new_input(&net, &in);
        load_picture(&in, "reference/detect/faces-320x240.ppm", 1, mean, std);
        assert_int_equal(net.graph->n_outputs, 2);
        run_one(&net, &in, out);
        for (int i = 0; i < 2; i++) {
                size_t size;
                float *want = read_data(&size, "reference/detect/ultraface-RFB-320.%s.f32", names[i]);

                assert_string_equal(net.graph->values[net.graph->outputs[i]].name, names[i]);
                assert_int_equal(hedge_shape_elements(&out[i].shape) * sizeof(float), size);
                assert_close(names[i], out[i].data, want, size / sizeof(float), 1e-4);
                hedge_tensor_release(&out[i]);
                free(want);
        }
        hedge_tensor_release(&in);
        close_net(&net);
}

/* There is no reference answer for this one: two probabilities, and they depend on the picture. */
static void test_person_detector(void **state)
{
        hedge_tensor_t in, out;
        float first = 0;
        net_t net;

        open_net(&net, NULL, "mlperf-tiny/mlperf_tiny_vww_mobilenetv1_0.25_96.onnx");
        new_input(&net, &in);
        for (int k = 0; k < 2; k++) {
                for (size_t i = 0, n = hedge_shape_elements(&in.shape); i < n; i++)
                        in.data[i] = k ? (float)(i * 7919 % 256) / 255.0f : (float)i / (float)n;
                run_one(&net, &in, &out);
                assert_int_equal(hedge_shape_elements(&out.shape), 2);
                assert_true(out.data[0] >= 0 && out.data[1] >= 0 && fabsf(out.data[0] + out.data[1] - 1) < 1e-5f);
                assert_true(k == 0 || fabsf(out.data[0] - first) > 1e-4f);
                first = out.data[0];
                hedge_tensor_release(&out);
        }
        hedge_tensor_release(&in);
        close_net(&net);
}

/* Whole graphs whose constant weights the model makes itself; the input is 0, 1/n, 2/n, ... */
static void test_light(void **state)
{
        static const char *const models[] = { "light_bvlc_alexnet", "light_resnet50", "light_vgg19" };

        for (size_t m = 0; m < sizeof(models) / sizeof(models[0]); m++) {
                hedge_tensor_t in, out, want;
                char name[128];
                net_t net;

                snprintf(name, sizeof(name), "light/%s.onnx", models[m]);
                open_net(&net, NULL, name);
                new_input(&net, &in);
                for (size_t i = 0, n = hedge_shape_elements(&in.shape); i < n; i++)
                        in.data[i] = (float)((double)i / (double)n);
                snprintf(name, sizeof(name), "models/light/%s_output_0.pb", models[m]);
                read_tensor(&want, name);
                run_one(&net, &in, &out);
                assert_true(hedge_shape_equal(&out.shape, &want.shape));
                assert_close(name, out.data, want.data, hedge_shape_elements(&want.shape), 1e-5);
                hedge_tensor_release(&in);
                hedge_tensor_release(&out);
                hedge_tensor_release(&want);
                close_net(&net);
        }
}

static bool find_data(void)
{
        const char *given = getenv("HEDGE_TEST_DATA"), *root = getenv("HEDGE_SOURCE_ROOT");

        if (given)
                snprintf(data_dir, sizeof(data_dir), "%s", given);
        else
                snprintf(data_dir, sizeof(data_dir), "%s/../shared/data", root ? root : ".");
        return access(data_dir, R_OK) == 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_squeezenet_official_vectors),
                cmocka_unit_test(test_squeezenet_pictures),
                cmocka_unit_test(test_cifar10),
                cmocka_unit_test(test_mnist),
                cmocka_unit_test(test_face_detector),
                cmocka_unit_test(test_person_detector),
                cmocka_unit_test(test_light),
        };

        if (!find_data()) {
                print_message("SKIP: no test data (HEDGE_TEST_DATA)\n");
                return 77;
        }
        return cmocka_run_group_tests(tests, NULL, NULL);
}

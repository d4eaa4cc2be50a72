/* SPDX-License-Identifier: Apache-2.0 */
/* The demo's digit classifier: right on as many of MNIST's 10,000 test pictures as README.md says, and on pictures that
 * client/demo/draw_digits.py draws. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "common/engine/engine.h"
#include "common/manifest/manifest.h"
#include "common/model/onnx.h"

#define PIXELS    784u
#define N_TEST    10000u
#define N_SHORT   200u /* with HEDGE_TEST_SHORT: where every instruction is interpreted */
#define PER_MILLE 995u /* README.md states 99.5 % */

typedef struct fixture {
        hedge_kernels_t *kernels;
        hedge_graph_t *graph;
        hedge_engine_t *engine;
        hedge_manifest_t manifest;
} fixture_t;

static const char *source_root(void)
{
        const char *root = getenv("HEDGE_SOURCE_ROOT");

        return root ? root : ".";
}

static int set_up(void **state)
{
        static fixture_t fixture;
        hedge_why_t why;
        char folder[2048], path[4096];

        snprintf(folder, sizeof(folder), "%s/client/demo/digits", source_root());
        snprintf(path, sizeof(path), "%s/model.onnx", folder);
        if (hedge_onnx_load(path, NULL, &fixture.graph, &why) < 0 ||
            hedge_manifest_load(folder, &fixture.manifest, &why) < 0) {
                print_error("%s: %s\n", folder, why.text);
                return -1;
        }
        if (hedge_kernels_new(NULL, 1, &fixture.kernels) < 0 ||
            hedge_engine_new(fixture.graph, fixture.kernels, &fixture.engine) < 0)
                return -1;
        *state = &fixture;
        return 0;
}

static int tear_down(void **state)
{
        fixture_t *fixture = *state;

        hedge_engine_destroy(&fixture->engine);
        hedge_kernels_destroy(&fixture->kernels);
        hedge_graph_destroy(&fixture->graph);
        hedge_manifest_release(&fixture->manifest);
        return 0;
}

/** The class of a 28 x 28 picture. */
static unsigned classify(fixture_t *fixture, const uint8_t *pixels)
{
        const hedge_model_preprocess_t *p = &fixture->manifest.preprocess;
        hedge_tensor_t image, logits;
        unsigned best = 0;

        assert_int_equal(hedge_tensor_alloc(&image, &fixture->graph->values[fixture->graph->inputs[0]].shape), 0);
        for (unsigned i = 0; i < PIXELS; i++)
                image.data[i] = (float)((pixels[i] * p->scale - p->mean[0]) / p->std[0]);
        assert_int_equal(hedge_engine_run(fixture->engine, &image, NULL, NULL, &logits), 0);
        assert_int_equal(hedge_shape_elements(&logits.shape), 10);
        for (unsigned i = 1; i < 10; i++)
                if (logits.data[i] > logits.data[best])
                        best = i;
        hedge_tensor_release(&image);
        hedge_tensor_release(&logits);
        return best;
}

/** Read the `size` bytes that stand behind the header of an IDX file, gzipped. Skips the test where it is not there. */
static uint8_t *read_idx(const char *name, size_t header, size_t size)
{
        const char *data = getenv("HEDGE_TEST_DATA");
        uint8_t skipped[16], *bytes;
        char path[4096];
        gzFile file;

        if (data)
                snprintf(path, sizeof(path), "%s/datasets/mnist/%s", data, name);
        else
                snprintf(path, sizeof(path), "%s/../shared/data/datasets/mnist/%s", source_root(), name);
        if (access(path, R_OK)) {
                print_message("no MNIST at %s: set HEDGE_TEST_DATA\n", path);
                skip();
        }
        file = gzopen(path, "rb");
        assert_non_null(file);
        bytes = malloc(size);
        assert_non_null(bytes);
        assert_int_equal(gzread(file, skipped, (unsigned)header), header);
        assert_int_equal(gzread(file, bytes, (unsigned)size), size);
        gzclose(file);
        return bytes;
}

static void right_on_the_stated_share_of_mnist(void **state)
{
        uint8_t *images = read_idx("t10k-images-idx3-ubyte.gz", 16, (size_t)N_TEST * PIXELS);
        uint8_t *labels = read_idx("t10k-labels-idx1-ubyte.gz", 8, N_TEST);
        unsigned count = getenv("HEDGE_TEST_SHORT") ? N_SHORT : N_TEST, right = 0;

        for (unsigned i = 0; i < count; i++)
                right += classify(*state, images + (size_t)i * PIXELS) == labels[i];
        print_message("%u of %u right\n", right, count);
        assert_in_range(right, count * PER_MILLE / 1000, count);
        free(images);
        free(labels);
}

/** Every picture of the demo. */
static void right_on_every_drawn_digit(void **state)
{
        char command[4200];
        uint8_t record[1 + PIXELS];
        unsigned count = 0, wrong = 0;
        FILE *pipe;

        snprintf(command, sizeof(command), "python3 '%s/client/demo/draw_digits.py' --raw --variations 4",
                 source_root());
        pipe = popen(command, "r"); /* NOLINT(cert-env33-c): our own script */
        assert_non_null(pipe);
        while (fread(record, sizeof(record), 1, pipe) == 1) {
                unsigned class = classify(*state, record + 1);

                if (class != record[0])
                        print_error("drawn %u is taken for %u\n", record[0], class);
                wrong += class != record[0];
                count++;
        }
        assert_int_equal(pclose(pipe), 0);
        assert_int_equal(count, 40);
        assert_int_equal(wrong, 0);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(right_on_the_stated_share_of_mnist),
                cmocka_unit_test(right_on_every_drawn_digit),
        };

        return cmocka_run_group_tests(tests, set_up, tear_down);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* What an engine says that it takes, and how it takes less. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/engine/engine.h"
#include "common/model/onnx.h"
#include "make_onnx.h"

#define CHANNELS 32 /* with SIDE: worth transforming filters */
#define SIDE     26
#define CONVS    3
#define ELEMENTS ((size_t)CHANNELS * SIDE * SIDE)
#define FILTERS  ((size_t)CONVS * CHANNELS * CHANNELS * 3 * 3)

typedef struct net {
        hedge_graph_t *graph;
        hedge_kernels_t *kernels;
        hedge_engine_t *engine;
        hedge_tensor_t in, out;
} net_t;

/* Convolutions, one behind the other. */
static void make_convs(make_t *m)
{
        char in[32], out[16] = "c0", weight[16];

        make_init(m, 13);
        make_input(m, out, DIMS(1, CHANNELS, SIDE, SIDE));
        for (unsigned i = 1; i <= CONVS; i++) {
                snprintf(weight, sizeof(weight), "w%u", i);
                make_weights(m, weight, DIMS(CHANNELS, CHANNELS, 3, 3));
                snprintf(in, sizeof(in), "c%u w%u", i - 1, i);
                snprintf(out, sizeof(out), "c%u", i);
                make_int_list(m, make_node(m, "Conv", in, out), "pads", DIMS(1, 1, 1, 1));
        }
        make_output(m, out);
}

static void open_net(net_t *net, const char *backend)
{
        hedge_why_t why = { { 0 } };
        unsigned char *bytes;
        size_t size;
        make_t m;

        make_convs(&m);
        bytes = make_bytes(&m, &size);
        if (hedge_onnx_import(bytes, size, NULL, &net->graph, &why) < 0)
                fail_msg("%s", why.text);
        assert_int_equal(hedge_kernels_new(backend, 1, &net->kernels), 0);
        assert_int_equal(hedge_engine_new(net->graph, net->kernels, &net->engine), 0);
        assert_int_equal(hedge_tensor_alloc(&net->in, &net->graph->values[net->graph->inputs[0]].shape), 0);
        for (size_t i = 0; i < ELEMENTS; i++)
                net->in.data[i] = (float)(i % 13) / 6 - 1;
        net->out = (hedge_tensor_t){ 0 };
        make_free(&m);
}

static void run(net_t *net)
{
        hedge_tensor_release(&net->out);
        assert_int_equal(hedge_engine_run(net->engine, &net->in, NULL, NULL, &net->out), 0);
}

static void close_net(net_t *net)
{
        hedge_tensor_release(&net->in);
        hedge_tensor_release(&net->out);
        hedge_engine_destroy(&net->engine);
        hedge_kernels_destroy(&net->kernels);
        hedge_graph_destroy(&net->graph);
}

static void kernels_and_buffers_are_counted(void **state)
{
        uint64_t bytes;
        net_t net;

        open_net(&net, "plain");
        assert_int_equal(hedge_engine_bytes(net.engine), 0);
        /* its output, and what one of the values between and the transposed edges need: no less than a tensor, no more than all */
        bytes = hedge_engine_run_bytes(net.engine);
        assert_true(bytes >= 2 * ELEMENTS * sizeof(float));
        assert_true(bytes <= (net.graph->n_nodes + 2) * ELEMENTS * sizeof(float));
        run(&net);
        bytes = hedge_engine_bytes(net.engine);
        assert_true(bytes >= FILTERS * sizeof(float) + ELEMENTS * sizeof(float));
        assert_true(bytes <= FILTERS * sizeof(float) * 2 + hedge_engine_run_bytes(net.engine));
        run(&net); /* the same buffers, the same kernels */
        assert_int_equal(hedge_engine_bytes(net.engine), bytes);
        hedge_engine_trim(net.engine);
        assert_true(hedge_engine_bytes(net.engine) + ELEMENTS * sizeof(float) <= bytes);
        assert_true(hedge_engine_bytes(net.engine) >= FILTERS * sizeof(float));
        run(&net);
        assert_int_equal(hedge_engine_bytes(net.engine), bytes);
        close_net(&net);
}

/* To the rounding of either method: a few 1e-6 of the peak per layer. */
static void assert_same(const float *a, const float *b)
{
        float peak = 0, worst = 0;

        for (size_t i = 0; i < ELEMENTS; i++) {
                const float size = fabsf(a[i]), off = fabsf(a[i] - b[i]);

                assert_true(isfinite(b[i]));
                peak = size > peak ? size : peak;
                worst = off > worst ? off : worst;
        }
        assert_true(peak > 0);
        assert_true(worst <= 1e-4f * peak);
}

static void kernels_can_be_prepared_before(void **state)
{
        uint64_t bytes;
        net_t net;

        open_net(&net, "plain");
        for (int again = 0; again < 2; again++)
                for (uint32_t i = 0; i < net.graph->n_nodes; i++)
                        assert_int_equal(hedge_engine_prepare(net.engine, i), 0);
        bytes = hedge_engine_bytes(net.engine);
        assert_true(bytes >= FILTERS * sizeof(float));
        run(&net);
        hedge_engine_trim(net.engine);
        assert_int_equal(hedge_engine_bytes(net.engine), bytes); /* nothing was left to prepare */
        close_net(&net);
}

static void under_a_limit_filters_are_not_transformed(void **state)
{
        net_t free_net, tight;

        if (!strcmp(hedge_kernels_available()[0], "plain")) {
                print_message("this build has no back end that transforms filters\n");
                skip();
        }
        open_net(&free_net, NULL);
        open_net(&tight, NULL);
        run(&free_net);
        hedge_engine_trim(free_net.engine);
        assert_true(hedge_engine_bytes(free_net.engine) > 2 * FILTERS * sizeof(float)); /* they are */
        hedge_engine_limit(tight.engine, 0);
        run(&tight);
        hedge_engine_trim(tight.engine);
        assert_true(hedge_engine_bytes(tight.engine) < 2 * FILTERS * sizeof(float));
        assert_same(free_net.out.data, tight.out.data);
        hedge_engine_destroy(&tight.engine); /* what there is room for is transformed: some, but not all */
        assert_int_equal(hedge_engine_new(tight.graph, tight.kernels, &tight.engine), 0);
        hedge_engine_limit(tight.engine, hedge_engine_bytes(free_net.engine) * 2 / 3);
        run(&tight);
        hedge_engine_trim(tight.engine);
        assert_true(hedge_engine_bytes(tight.engine) < hedge_engine_bytes(free_net.engine));
        assert_true(hedge_engine_bytes(tight.engine) > FILTERS * sizeof(float) * 3 / 2);
        close_net(&free_net);
        close_net(&tight);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(kernels_and_buffers_are_counted),
                cmocka_unit_test(kernels_can_be_prepared_before),
                cmocka_unit_test(under_a_limit_filters_are_not_transformed),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_CHAIN_NET_H
#define HEDGE_TEST_CHAIN_NET_H

#include <stdio.h>

#include "test/unit/import_made.h"

/** A network that is a chain: `convs` convolutions of `channels` channels on an image of size x size, each with an activation, behind every
 * `stage`-th a pooling; then averages, and a full connection. */
typedef struct chain_net {
        unsigned size, channels, kernel, convs, stage;
} chain_net_t;

static inline hedge_graph_t *make_chain_net(const chain_net_t *n)
{
        hedge_graph_t *graph;
        char in[16] = "x", out[16], text[64];
        make_t m;

        make_init(&m, 13);
        make_input(&m, "x", DIMS(1, n->channels, n->size, n->size));
        for (unsigned i = 0; i < n->convs; i++) {
                Onnx__NodeProto *node;
                char weights[16];

                snprintf(weights, sizeof(weights), "w%u", i);
                snprintf(out, sizeof(out), "c%u", i);
                snprintf(text, sizeof(text), "%s %s", in, weights);
                make_weights(&m, weights, DIMS(n->channels, n->channels, n->kernel, n->kernel));
                node = make_node(&m, "Conv", text, out);
                make_int_list(&m, node, "pads", DIMS(n->kernel / 2, n->kernel / 2, n->kernel / 2, n->kernel / 2));
                snprintf(in, sizeof(in), "r%u", i);
                make_node(&m, "Relu", out, in);
                if (n->stage && i % n->stage == n->stage - 1) {
                        snprintf(out, sizeof(out), "p%u", i);
                        node = make_node(&m, "MaxPool", in, out);
                        make_int_list(&m, node, "kernel_shape", DIMS(2, 2));
                        make_int_list(&m, node, "strides", DIMS(2, 2));
                        snprintf(in, sizeof(in), "%s", out);
                }
        }
        make_node(&m, "GlobalAveragePool", in, "g");
        make_node(&m, "Flatten", "g", "f");
        make_weights(&m, "d", DIMS(n->channels, 10));
        make_node(&m, "MatMul", "f d", "y");
        make_output(&m, "y");
        graph = import_made(&m);
        make_free(&m);
        return graph;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_ONNX_BED_H
#define HEDGE_TEST_ONNX_BED_H

#include <math.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/engine/engine.h"
#include "common/model/onnx.h"
#include "common/model/operators.h"
#include "import_made.h"

/** Models of make_onnx, imported and refused. */

static inline void refused(make_t *m, int code, const char *words)
{
        refused_with(m, NULL, code, words);
}

static inline unsigned nodes_of(const hedge_graph_t *g, hedge_op_kind_t kind)
{
        unsigned n = 0;

        for (uint32_t i = 0; i < g->n_nodes; i++)
                n += g->nodes[i].op.kind == kind;
        return n;
}

static inline void start(make_t *m, make_dims_t dims)
{
        make_init(m, 13);
        make_input(m, "x", dims);
        make_output(m, "y");
}

/* Convolution, batch normalisation, relu, pool, flatten, fully connected: a net in small. */
static inline void make_net(make_t *m)
{
        Onnx__NodeProto *node;

        start(m, DIMS(1, 2, 6, 6));
        make_weights(m, "w", DIMS(4, 2, 3, 3));
        make_weights(m, "scale", DIMS(4));
        make_weights(m, "b", DIMS(4));
        make_weights(m, "mean", DIMS(4));
        make_floats(m, "var", DIMS(4), (const float[]){ 1, 2, 3, 4 });
        make_weights(m, "fc", DIMS(3, 36));
        make_weights(m, "bias", DIMS(3));
        node = make_node(m, "Conv", "x w", "conv");
        make_int_list(m, node, "pads", DIMS(1, 1, 1, 1));
        make_node(m, "BatchNormalization", "conv scale b mean var", "norm");
        make_node(m, "Relu", "norm", "relu");
        node = make_node(m, "MaxPool", "relu", "pool");
        make_int_list(m, node, "kernel_shape", DIMS(2, 2));
        make_int_list(m, node, "strides", DIMS(2, 2));
        make_node(m, "Flatten", "pool", "flat");
        node = make_node(m, "Gemm", "flat fc bias", "y");
        make_int(m, node, "transB", 1);
}

#endif

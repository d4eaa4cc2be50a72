/* SPDX-License-Identifier: Apache-2.0 */
#include "random_graph.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* A random value before `i` of this kind (flat or not); there are both among the first. */
static unsigned earlier(make_t *random, const bool *flat, unsigned i, bool kind)
{
        unsigned v = make_below(random, i);

        while (flat[v] != kind)
                v = make_below(random, i);
        return v;
}

static void make_random_node(make_t *m, make_t *random, const bool *flat, unsigned i)
{
        static const char *const binary[] = { "Add", "Mul", "Sub" };
        static const char *const unary[] = { "Relu", "Sigmoid", "Tanh", "Identity", "Transpose", "MaxPool" };
        bool kind = make_below(random, 4) == 0 ? !flat[i] : flat[i];
        unsigned a = earlier(random, flat, i, kind), b = earlier(random, flat, i, kind);
        const char *op = unary[make_below(random, flat[i] ? 4 : 6)];
        Onnx__NodeProto *node;
        char in[32], out[16];

        snprintf(out, sizeof(out), "v%u", i);
        if (kind != flat[i]) {
                snprintf(in, sizeof(in), "v%u %s", a, kind ? "image" : "line");
                make_node(m, "Reshape", in, out);
                return;
        }
        if (make_below(random, 2)) {
                snprintf(in, sizeof(in), "v%u v%u", a, b);
                make_node(m, binary[make_below(random, 3)], in, out);
                return;
        }
        snprintf(in, sizeof(in), "v%u", a);
        node = make_node(m, op, in, out);
        if (strcmp(op, "MaxPool") == 0) {
                make_int_list(m, node, "kernel_shape", DIMS(3, 3));
                make_int_list(m, node, "pads", DIMS(1, 1, 1, 1));
        }
        if (strcmp(op, "Transpose") == 0)
                make_int_list(m, node, "perm", DIMS(0, 2, 1, 3));
}

void make_random_graph(make_t *m, make_t *random)
{
        unsigned n = 5 + make_below(random, 25);
        bool flat[32] = { false, true, false, true };
        char out[16];

        make_init(m, 13);
        make_input(m, "v0", DIMS(1, 4, 4, 4));
        make_input(m, "v1", DIMS(64));
        make_weights(m, "v2", DIMS(1, 4, 4, 4));
        make_weights(m, "v3", DIMS(64));
        make_ints(m, "image", DIMS(4), (const int64_t[]){ 1, 4, 4, 4 });
        make_ints(m, "line", DIMS(1), (const int64_t[]){ 64 });
        for (unsigned i = 4; i < n; i++) {
                flat[i] = make_below(random, 2);
                make_random_node(m, random, flat, i);
                snprintf(out, sizeof(out), "v%u", i);
                if (i == n - 1 || make_below(random, 6) == 0)
                        make_output(m, out);
        }
        if (make_below(random, 4) == 0)
                make_output(m, "v0");
        if (make_below(random, 4) == 0)
                make_output(m, "v2");
        if (make_below(random, 4) == 0)
                make_output(m, m->graph.output[0]->name);
}

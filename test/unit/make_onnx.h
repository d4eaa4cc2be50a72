/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_MAKE_ONNX_H
#define HEDGE_MAKE_ONNX_H

#include <stdint.h>

#include "onnx.pb-c.h"

/** Small ONNX models for tests, written with the format's own messages. Everything lives until make_free. */
typedef struct make {
        Onnx__ModelProto model;
        Onnx__GraphProto graph;
        Onnx__OperatorSetIdProto opset;
        void **blocks;
        size_t n_blocks;
        uint64_t random;
} make_t;

void make_init(make_t *make, int64_t opset);
void make_free(make_t *make);

/** Lists end with -1 (extents) or NULL (names); an extent below -1 is written as it is + 1. */
typedef const int64_t *make_dims_t;
#define DIMS(...) ((const int64_t[]){ __VA_ARGS__, -1 })
#define SCALAR    ((const int64_t[]){ -1 })

/** A float32 graph input. */
Onnx__ValueInfoProto *make_input(make_t *make, const char *name, make_dims_t dims);
/** One of another element type of ONNX. */
void make_typed_input(make_t *make, const char *name, int type, make_dims_t dims);
void make_output(make_t *make, const char *name);

/** Initialisers: small random numbers, given floats, given integers. */
Onnx__TensorProto *make_weights(make_t *make, const char *name, make_dims_t dims);
Onnx__TensorProto *make_floats(make_t *make, const char *name, make_dims_t dims, const float *v);
Onnx__TensorProto *make_ints(make_t *make, const char *name, make_dims_t dims, const int64_t *v);

/** Integers of any type of at most 32 bits, by ONNX's number of it. */
Onnx__TensorProto *make_integers(make_t *make, const char *name, make_dims_t dims, int type, const int64_t *v);

/** A node; its name is its first output's. Inputs and outputs are words with spaces between; "-" is one left out. */
Onnx__NodeProto *make_node(make_t *make, const char *op_type, const char *inputs, const char *outputs);
void make_int(make_t *make, Onnx__NodeProto *node, const char *name, int64_t v);
void make_float(make_t *make, Onnx__NodeProto *node, const char *name, float v);
void make_string(make_t *make, Onnx__NodeProto *node, const char *name, const char *v);
void make_int_list(make_t *make, Onnx__NodeProto *node, const char *name, make_dims_t v);
void make_float_list(make_t *make, Onnx__NodeProto *node, const char *name, size_t n, const float *v);
Onnx__AttributeProto *make_attribute(make_t *make, Onnx__NodeProto *node, const char *name);

/** The file's bytes. */
unsigned char *make_bytes(make_t *make, size_t *size);

/** -1 .. 1 */
float make_random(make_t *make);

/** 0 .. n - 1 */
unsigned make_below(make_t *make, unsigned n);

#endif

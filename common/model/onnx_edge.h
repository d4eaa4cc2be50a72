/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_ONNX_EDGE_H
#define HEDGE_ONNX_EDGE_H

#include <stddef.h>

#include "onnx.pb-c.h"

/** An input or output of a model that is written: protobuf-c's messages, which point into one another. */
typedef struct hedge_onnx_edge {
        Onnx__ValueInfoProto info, *list;
        Onnx__TypeProto type;
        Onnx__TypeProto__Tensor tensor;
        Onnx__TensorShapeProto shape;
        Onnx__TensorShapeProto__Dimension dims[4], *dim_list[4];
} hedge_onnx_edge_t;

/** Fill it in: floats of n (at most 4) extents. The structure stays where it is; the name is borrowed. */
void hedge_onnx_edge_set(hedge_onnx_edge_t *edge, char *name, const int64_t *extents, size_t n);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/onnx_edge.h"

void hedge_onnx_edge_set(hedge_onnx_edge_t *edge, char *name, const int64_t *extents, size_t n)
{
        onnx__value_info_proto__init(&edge->info);
        onnx__type_proto__init(&edge->type);
        onnx__type_proto__tensor__init(&edge->tensor);
        onnx__tensor_shape_proto__init(&edge->shape);
        edge->list = &edge->info;
        edge->info.name = name;
        edge->info.type = &edge->type;
        edge->type.value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
        edge->type.tensor_type = &edge->tensor;
        edge->tensor.has_elem_type = 1;
        edge->tensor.elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
        edge->tensor.shape = &edge->shape;
        edge->shape.n_dim = n;
        edge->shape.dim = edge->dim_list;
        for (size_t i = 0; i < n; i++) {
                onnx__tensor_shape_proto__dimension__init(&edge->dims[i]);
                edge->dims[i].value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
                edge->dims[i].dim_value = extents[i];
                edge->dim_list[i] = &edge->dims[i];
        }
}

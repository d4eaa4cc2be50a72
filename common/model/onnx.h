/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_ONNX_H
#define HEDGE_ONNX_H

#include "common/model/graph.h"

/** Limits on what a model file may ask for. */
typedef struct hedge_onnx_limits {
        uint64_t max_file_bytes;      /**< default 1 GiB */
        uint64_t max_tensor_elements; /**< of any one value, default 2^28 */
        uint64_t max_constant_bytes;  /**< of all constants together, default 2 GiB */
        uint32_t max_nodes;           /**< default 65536 */
        uint64_t max_run_bytes;       /**< of computed values that live at once while it runs, default 4 GiB */
} hedge_onnx_limits_t;

extern const hedge_onnx_limits_t hedge_onnx_default_limits;

/** Make a graph of an ONNX model (opset 7 to 17; older ones where their operators mean the same; IR version from 3).
 *
 * Shapes are inferred, what is constant is computed (Shape, ConstantOfShape, ... chains), dropout and identity vanish,
 * batch normalisation, bias and activation are folded.
 * @param bytes   The file. Borrowed for the call.
 * @param limits  NULL: the defaults.
 * @param why     The sentence for a person: for an operator that is not supported its name, node and opset.
 * @return 0, HEDGE_EMALFORMED, HEDGE_EUNSUPPORTED, HEDGE_ELIMIT, HEDGE_ESHAPE, -ENOMEM. */
int hedge_onnx_import(const void *bytes, size_t size, const hedge_onnx_limits_t *limits, hedge_graph_t **ret,
                      hedge_why_t *why);

/** A value for a graph input that is to be a constant, as the bytes of an ONNX TensorProto. */
typedef struct hedge_onnx_binding {
        const char *name;
        const void *bytes;
        size_t size;
} hedge_onnx_binding_t;

/** The same with some inputs bound: shapes, bounds or weights that a model asks its caller for. They are not inputs of
 * the graph. Two models of one file with different bindings have the same digest. */
int hedge_onnx_import_bound(const void *bytes, size_t size, const hedge_onnx_limits_t *limits,
                            const hedge_onnx_binding_t *bindings, size_t n_bindings, hedge_graph_t **ret,
                            hedge_why_t *why);

/** The same for a file; external data is not followed. @return also -errno from reading it. */
int hedge_onnx_load(const char *path, const hedge_onnx_limits_t *limits, hedge_graph_t **ret, hedge_why_t *why);

/** Read an ONNX TensorProto (a .pb file's bytes) of any numeric type, as float32. @return as hedge_onnx_import. */
int hedge_onnx_tensor(const void *bytes, size_t size, hedge_tensor_t *ret, hedge_why_t *why);

#endif

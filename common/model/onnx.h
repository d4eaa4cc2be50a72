/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_ONNX_H
#define HEDGE_ONNX_H

#include "common/model/graph.h"
#include "common/types/input_shape.h"

/** Limits on what a model file may ask for. */
typedef struct hedge_onnx_limits {
        uint64_t max_file_bytes;      /**< default 1 GiB */
        uint64_t max_tensor_elements; /**< of any one value, default 2^28 */
        uint64_t max_constant_bytes;  /**< of all constants together, default 2 GiB */
        uint32_t max_nodes;           /**< default 65536 */
        uint64_t max_run_bytes;       /**< of computed values that live at once while it runs, default 4 GiB */
} hedge_onnx_limits_t;

extern const hedge_onnx_limits_t hedge_onnx_default_limits;

/** A value for a graph input that is to be a constant (a shape, a bound, weights that a model asks its caller for), as the bytes of
 * an ONNX TensorProto. Such inputs are none of the graph. Two models of one file with different bindings have the same digest. */
typedef struct hedge_onnx_binding {
        const char *name;
        const void *bytes;
        size_t size;
} hedge_onnx_binding_t;

/** How a model is read; all of it is borrowed for the call. Zeros: as the file says, within the default limits. */
typedef struct hedge_onnx_options {
        const hedge_onnx_limits_t *limits; /**< NULL: the defaults */
        const hedge_input_shape_t *shapes; /**< of inputs; needed where the file leaves open more than the batch */
        uint32_t n_shapes;
        const hedge_onnx_binding_t *bindings;
        size_t n_bindings;
        bool take_apart; /**< images of a batch of several that the file fixes are taken one by one, where that is proven to be the same */
} hedge_onnx_options_t;

/** Make a graph of an ONNX model of any opset that its operators are known for (operators.h; IR version from 3).
 *
 * Shapes are inferred, what is constant is computed (Shape, ConstantOfShape, ... chains), dropout and identity vanish,
 * batch normalisation, bias and activation are folded.
 * @param bytes   The file. Borrowed for the call.
 * An extent of an input that the file leaves open has to be stated; the batch, which is the first of several, is else 1.
 * @param options NULL: zeros.
 * @param why     The sentence for a person: for an operator that is not supported its name, node and opset; for a shape that has to
 *                be stated the input, its axes, and how to state them.
 * @return 0, HEDGE_EMALFORMED, HEDGE_EUNSUPPORTED, HEDGE_ELIMIT, -ENOMEM; HEDGE_ESHAPE: shapes that do not fit, or that have to
 *         be stated. */
int hedge_onnx_import(const void *bytes, size_t size, const hedge_onnx_options_t *options, hedge_graph_t **ret,
                      hedge_why_t *why);

/** The same for a file, and for what it keeps in files beside it: common/model/external.h. Every sentence names the file.
 * @return also -errno from reading it. */
int hedge_onnx_load(const char *path, const hedge_onnx_options_t *options, hedge_graph_t **ret, hedge_why_t *why);

/** May a model file keep something in files beside it? A look at its bytes alone, so that one that does not need not be unpacked to
 * send it. @return false: it does not. */
bool hedge_onnx_may_be_split(const void *bytes, size_t size);

/** The bytes of a model file with all in them that it keeps in files beside it, to send it elsewhere.
 * @param max_bytes  Of the file, and of the result.
 * @param ret  To be freed; NULL where the file keeps nothing elsewhere and is the model already.
 * @return 0, HEDGE_EMALFORMED, HEDGE_ELIMIT, HEDGE_EDENIED, -ENOMEM, -errno. */
int hedge_onnx_gather(const char *path, uint64_t max_bytes, char **ret, size_t *ret_size, hedge_why_t *why);

/** An input as a model's file has it. */
typedef struct hedge_onnx_input {
        char name[HEDGE_NAME_MAX];
        bool has_shape;
        hedge_shape_t shape; /**< an extent of 0 is open; where it has no shape, all is */
} hedge_onnx_input_t;

/** What a caller gives to a model, without importing it.
 * @param ret  To be freed. @return 0, -errno, HEDGE_EMALFORMED, HEDGE_EUNSUPPORTED (an input of more than HEDGE_MAX_RANK axes),
 *         HEDGE_ELIMIT, -ENOMEM. */
int hedge_onnx_inputs(const char *path, hedge_onnx_input_t **ret, uint32_t *ret_n, hedge_why_t *why);

/** Read an ONNX TensorProto (a .pb file's bytes) of any numeric type, as float32. A sequence, a map or an optional value is told as
 * what it is. @return as hedge_onnx_import. */
int hedge_onnx_tensor(const void *bytes, size_t size, hedge_tensor_t *ret, hedge_why_t *why);

#endif

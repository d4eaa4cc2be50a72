/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_LOCAL_MODEL_H
#define HEDGEC_LOCAL_MODEL_H

#include "client/shapes.h"
#include "client/show.h"
#include "common/engine/engine.h"
#include "common/manifest/manifest.h"

/** A model that is run in this process: in the shapes that are stated, or, where none are and its file leaves extents open, in those
 * of the inputs that come. */
typedef struct hedgec_local_model hedgec_local_model_t;

/** The model in one shape. */
typedef struct hedgec_local_shape {
        hedge_graph_t *graph;
        hedge_engine_t *engine;
        hedgec_form_t form;
} hedgec_local_shape_t;

/** Import it.
 * @param path      Borrowed for the model's life, as all others are.
 * @param manifest  Its shapes count where `shapes` has none.
 * @return 0, or as hedge_onnx_load; -EINVAL: the shapes are no sets. */
int hedgec_local_model_new(const char *path, const hedge_manifest_t *manifest, const hedgec_shapes_t *shapes,
                           const hedgec_show_options_t *show, hedge_kernels_t *kernels, hedgec_local_model_t **ret,
                           hedge_why_t *why);
void hedgec_local_model_destroy(hedgec_local_model_t **model);

/** Read an INPUT and take it in the shape of the model that it is for.
 * @param show         Told what it was made of.
 * @param ret          That shape; valid until the next call.
 * @param ret_tensors  As many as its graph has inputs, to be freed, each of them and the array. */
int hedgec_local_model_read(hedgec_local_model_t *model, const char *operand, hedgec_show_t *show,
                            const hedgec_local_shape_t **ret, hedge_tensor_t **ret_tensors, hedge_why_t *why);

#endif

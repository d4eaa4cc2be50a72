/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_LOCAL_MODEL_H
#define HEDGEC_LOCAL_MODEL_H

#include "client/feed.h"
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

/** The shape of the model that an input is for: hedgec_feed_choose_t, `arg` is the model. */
hedgec_feed_choose_t hedgec_local_model_choose;

/** The shape with this form, of the last two that were chosen. */
const hedgec_local_shape_t *hedgec_local_model_shape(const hedgec_local_model_t *model, const hedgec_form_t *form);

/** How many inputs the model has. */
uint32_t hedgec_local_model_inputs(const hedgec_local_model_t *model);

#endif

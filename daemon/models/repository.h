/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_REPOSITORY_H
#define HEDGED_REPOSITORY_H

#include <stdbool.h>

#include "common/manifest/manifest.h"
#include "common/model/onnx.h"

/** The folder of the models: NAME/model.onnx, optionally NAME/model.yaml, NAME/shapes where it was loaded for shapes that its client
 * stated, and NAME/unloaded where a model was taken out of service. Names are checked with hedge_name_ok before they become paths. */

/** Call `visit` for every model in the folder that is in service, in alphabetical order. @return 0, -errno. */
int hedged_repository_list(const char *folder, void (*visit)(void *arg, const char *name), void *arg);

/** What belongs to a model beside its file. @return as hedge_manifest_load. */
int hedged_repository_manifest(const char *folder, const char *name, hedge_manifest_t *ret, hedge_why_t *why);

/** Import a model. @return as hedge_onnx_load. */
int hedged_repository_graph(const char *folder, const char *name, const hedge_onnx_options_t *options,
                            hedge_graph_t **ret, hedge_why_t *why);

/** What a model is stored with; all of it is borrowed. */
typedef struct hedged_stored {
        const void *onnx;
        size_t onnx_bytes;
        const void *manifest; /**< text of model.yaml; NULL: none */
        size_t manifest_bytes;
        const hedge_input_shape_t *shapes; /**< that were stated; none: model.yaml's count */
        uint32_t n_shapes;
} hedged_stored_t;

/** Store a model, in service: a folder of its own is written beside, synced and put in the place of the old one, so that a
 * power cut or a full disk leaves the old one or the new one, never a mixture. Other files of the old folder go with it.
 * @return 0, -errno. */
int hedged_repository_store(const char *folder, const char *name, const hedged_stored_t *model, hedge_why_t *why);

/** Note the shapes that a stored model is loaded for from now on. @return 0, -errno. */
int hedged_repository_set_shapes(const char *folder, const char *name, const hedge_input_shape_t *shapes, uint32_t n,
                                 hedge_why_t *why);

/** Take a model out of service, or put it back, for this start and the next ones. @return 0, -errno. */
int hedged_repository_set_loaded(const char *folder, const char *name, bool loaded);

/** Is there such a model, in service or not? */
bool hedged_repository_has(const char *folder, const char *name);

#endif

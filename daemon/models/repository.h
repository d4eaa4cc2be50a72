/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_REPOSITORY_H
#define HEDGED_REPOSITORY_H

#include <stdbool.h>

#include "common/manifest/manifest.h"
#include "common/model/onnx.h"

/** The folder of the models: NAME/model.onnx, optionally NAME/model.yaml, and NAME/unloaded where a model was taken out of
 * service. Names are checked with hedge_name_ok before they become paths. */

/** Call `visit` for every model in the folder that is in service, in alphabetical order. @return 0, -errno. */
int hedged_repository_list(const char *folder, void (*visit)(void *arg, const char *name), void *arg);

/** Read and import a model. @return 0, or as hedge_onnx_load and hedge_manifest_load. */
int hedged_repository_read(const char *folder, const char *name, const hedge_onnx_limits_t *limits,
                           hedge_graph_t **ret_graph, hedge_manifest_t *ret_manifest, hedge_why_t *why);

/** Store a model, in service: a folder of its own is written beside, synced and put in the place of the old one, so that a
 * power cut or a full disk leaves the old one or the new one, never a mixture. Other files of the old folder go with it.
 * @param manifest  Text of model.yaml; NULL: none. @return 0, -errno. */
int hedged_repository_store(const char *folder, const char *name, const void *onnx, size_t onnx_bytes,
                            const void *manifest, size_t manifest_bytes, hedge_why_t *why);

/** Take a model out of service, or put it back, for this start and the next ones. @return 0, -errno. */
int hedged_repository_set_loaded(const char *folder, const char *name, bool loaded);

/** Is there such a model, in service or not? */
bool hedged_repository_has(const char *folder, const char *name);

#endif

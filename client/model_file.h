/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_MODEL_FILE_H
#define HEDGEC_MODEL_FILE_H

#include <stddef.h>

#include "common/manifest/manifest.h"

#define HEDGEC_DEFAULT_REPOSITORY "/var/lib/hedge/models"

/** Find the ONNX file that MODEL means: a file of that name; else NAME/model.onnx in the repository of the cluster in `dir`
 * (DIR/models; NULL: none), or in /var/lib/hedge/models.
 * @return 0, -ENOENT, -ENAMETOOLONG. */
int hedgec_model_find(const char *model, const char *dir, char *path, size_t size, hedge_why_t *why);

/** The manifest of an ONNX file: `file` (--manifest) where it is not NULL, else the model.yaml beside a file that is
 * called model.onnx, else none (preprocess.given is false, no labels).
 * @return as hedge_manifest_load. */
int hedgec_model_manifest(const char *onnx, const char *file, hedge_manifest_t *ret, hedge_why_t *why);

/** The name that a file's model gets: its stem, or for model.onnx its folder's name; characters that no name may have
 * become '-'. @return 0, -EINVAL (nothing of it is left, or it is too long: --name is wanted). */
int hedgec_model_default_name(const char *onnx, char *name, size_t size, hedge_why_t *why);

#endif

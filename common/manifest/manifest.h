/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_MANIFEST_H
#define HEDGE_MANIFEST_H

#include <stdint.h>

#include "common/conf/conf.h"
#include "common/tensor.h"
#include "common/types/input_shape.h"
#include "common/types/output.h"
#include "common/types/preprocess.h"

/** model.yaml, beside a model: how pictures become its input, and what its classes are called.
 *
 *     resize: 256                  # shorter side before the crop; 0: straight to the input's size
 *     crop: true
 *     scale: 0.00392156862745098   # pixel * scale, then (x - mean) / std
 *     mean: [0.485, 0.456, 0.406]
 *     std: [0.229, 0.224, 0.225]
 *     channel_order: rgb           # or bgr
 *     layout: auto                 # or nchw, nhwc
 *     orientation: exif            # or ignore
 *     labels: labels.txt           # one per line, in the same folder; or a list: [cat, dog]
 *     shapes: [data=1x3x320x320]   # of inputs whose extents the file leaves open; several for one input: the model for each
 *     output: { kind: boxes, ... } # what the outputs mean: common/types/output.h
 *
 * Every key may be left out. The model's folder is the limit: a label file is a plain name in it, no path, no link. */

#define HEDGE_MANIFEST_FILE        "model.yaml"
#define HEDGE_MANIFEST_MAX_LABELS  65536u
#define HEDGE_MANIFEST_LABEL_BYTES 1024u /**< of one label */

typedef enum hedge_layout {
        HEDGE_LAYOUT_AUTO, /**< channels are where the extent is small: at the end, or else in front */
        HEDGE_LAYOUT_NCHW,
        HEDGE_LAYOUT_NHWC,
} hedge_layout_t;

typedef struct hedge_manifest {
        hedge_model_preprocess_t preprocess; /**< nhwc holds only after hedge_manifest_resolve */
        hedge_layout_t layout;
        hedge_output_t output; /**< all zero where there is no model.yaml: classes */
        char **labels;         /**< n_labels texts without control characters, owned */
        uint32_t n_labels;
        hedge_input_shape_t *shapes; /**< n_shapes, owned: hedge_input_shapes_sets is not negative */
        uint32_t n_shapes;
} hedge_manifest_t;

/** The schema, for the man page and the example. */
extern const hedge_conf_row_t hedge_manifest_rows[];

/** Read the text of a model.yaml.
 * @param name    Stands in messages.
 * @param folder  Where a label file lies; NULL: there is none, labels must be a list.
 * @return 0, HEDGE_ECONFIG, HEDGE_ELIMIT, -errno from reading the label file, -ENOMEM; `why` says what is wrong. */
int hedge_manifest_parse(const char *name, const char *text, size_t size, const char *folder, hedge_manifest_t *ret,
                         hedge_why_t *why);

/** Read FOLDER/model.yaml and its labels. Without that file `ret` is empty and preprocess.given is false. Shapes that the model was
 * loaded for (common/manifest/stated.h) count in place of model.yaml's.
 * @return as hedge_manifest_parse. */
int hedge_manifest_load(const char *folder, hedge_manifest_t *ret, hedge_why_t *why);

/** What `--preprocess` names: "none" (raw 0 .. 255, straight to the input's size), "imagenet" (shorter side 256, centre
 * crop, scale 1/255, the usual mean and deviation) or "tf" (x / 127.5 - 1, straight to the input's size).
 * @return 0, -EINVAL. */
int hedge_manifest_preset(const char *name, hedge_manifest_t *ret);

/** Decide `preprocess.nhwc` from the layout and the shape of the model's input.
 * Images are rank 4 (N first), rank 3 (no N) or rank 2 (H x W); for others it is false. */
void hedge_manifest_resolve(hedge_manifest_t *manifest, const hedge_shape_t *input);

/** Write a manifest as text that needs no other file (labels become a list), to send it with a model.
 * @param ret_text  To be freed. @return 0, HEDGE_ELIMIT (it would be too long to be read), -ENOMEM. */
int hedge_manifest_write(const hedge_manifest_t *manifest, char **ret_text, size_t *ret_size);

/** The same without the labels, for whoever has those. */
int hedge_manifest_write_settings(const hedge_manifest_t *manifest, char **ret_text, size_t *ret_size);

/** Free and clear. */
void hedge_manifest_release(hedge_manifest_t *manifest);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_MANIFEST_SETTINGS_H
#define HEDGE_MANIFEST_SETTINGS_H

#include "common/conf/conf.h"

/** model.yaml as its rows (hedge_manifest_rows) read it, before it is checked as a whole. */

#define HEDGE_MANIFEST_CHANNELS 4 /**< of hedge_model_preprocess_t */

typedef struct hedge_manifest_level {
        uint64_t stride;
        hedge_conf_floats_t anchors;
} hedge_manifest_level_t;

typedef struct hedge_manifest_output {
        unsigned kind, format, units, activation, background, nms;
        hedge_conf_strings_t tensors, columns, boxes, scores, labels, indices;
        hedge_conf_list_t levels;
        hedge_conf_floats_t variance;
        uint64_t bins, classes, max;
        double offset, score, iou;
        bool multi_label;
} hedge_manifest_output_t;

typedef struct hedge_manifest_settings {
        uint64_t resize;
        bool crop;
        unsigned letterbox;
        double scale;
        hedge_conf_floats_t mean, std;
        unsigned order, layout, orientation;
        hedge_conf_strings_t labels, shapes;
        hedge_manifest_output_t output;
} hedge_manifest_settings_t;

/** The words of the choices, NULL at the end; indices are the values of the enumerations. */
extern const char *const hedge_manifest_orders[],
        *const hedge_manifest_layouts[], *const hedge_manifest_letterboxes[], *const hedge_manifest_orientations[];
extern const char *const hedge_output_kinds[],
        *const hedge_output_columns[], *const hedge_output_formats[],
                                               *const hedge_output_units[],
                                                       *const hedge_output_activations[],
                                                               *const hedge_output_backgrounds[],
                                                                       *const hedge_output_suppressions[];

#endif

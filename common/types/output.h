/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TYPES_OUTPUT_H
#define HEDGE_TYPES_OUTPUT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/types/name.h"

/** What a model's outputs mean: the section `output` of model.yaml, whose manual explains the words. */

#define HEDGE_OUTPUT_MAX_TENSORS 8 /**< of one role; levels as well */
#define HEDGE_OUTPUT_MAX_COLUMNS 8
#define HEDGE_OUTPUT_MAX_ANCHORS 8     /**< of one level */
#define HEDGE_OUTPUT_MAX_BOXES   10000 /**< that an answer may have */

typedef enum hedge_output_kind {
        HEDGE_OUTPUT_CLASSES, /**< scores of classes, shown as they are */
        HEDGE_OUTPUT_BOXES,
        HEDGE_OUTPUT_SEGMENTATION,
} hedge_output_kind_t;

/** What a column of a joined tensor is. */
typedef enum hedge_output_column {
        HEDGE_COLUMN_BOX,        /**< four numbers (times `bins`) */
        HEDGE_COLUMN_OBJECTNESS, /**< one */
        HEDGE_COLUMN_SCORES,     /**< one per class */
        HEDGE_COLUMN_SCORE,      /**< one */
        HEDGE_COLUMN_LABEL,      /**< one, the number of the class */
        HEDGE_COLUMN_IMAGE,      /**< one, the number of the picture; rows of others than 0 do not count */
} hedge_output_column_t;

typedef enum hedge_box_format {
        HEDGE_BOX_XYXY, /**< two corners */
        HEDGE_BOX_YXYX,
        HEDGE_BOX_XYWH,   /**< a corner and the extents */
        HEDGE_BOX_CXCYWH, /**< the centre and the extents: the last format that needs no levels */
        HEDGE_BOX_SSD,    /**< offsets from a prior, times `variance` */
        HEDGE_BOX_YOLOV3,
        HEDGE_BOX_YOLOV5,
        HEDGE_BOX_YOLOX,
        HEDGE_BOX_LTRB, /**< distances from a cell's point to the four sides, in strides; with `bins` as distributions */
} hedge_box_format_t;

typedef enum hedge_output_activation {
        HEDGE_ACTIVATION_NONE,
        HEDGE_ACTIVATION_SIGMOID,
        HEDGE_ACTIVATION_SOFTMAX,
} hedge_output_activation_t;

typedef enum hedge_output_background {
        HEDGE_BACKGROUND_NONE,
        HEDGE_BACKGROUND_FIRST,
        HEDGE_BACKGROUND_LAST,
} hedge_output_background_t;

typedef enum hedge_output_nms {
        HEDGE_NMS_CLASS, /**< boxes of one class suppress one another */
        HEDGE_NMS_ALL,   /**< whatever their class */
        HEDGE_NMS_NONE,
} hedge_output_nms_t;

/** Names of outputs. */
typedef struct hedge_output_names {
        uint32_t count;
        char names[HEDGE_OUTPUT_MAX_TENSORS][HEDGE_LAYER_NAME_MAX];
} hedge_output_names_t;

/** A grid over the input, a cell every `stride` pixels. */
typedef struct hedge_output_level {
        uint32_t stride;
        uint32_t n_anchors;                          /**< 0: one box a cell, without a size */
        double anchors[HEDGE_OUTPUT_MAX_ANCHORS][2]; /**< width and height in pixels */
} hedge_output_level_t;

typedef struct hedge_output {
        hedge_output_kind_t kind;
        hedge_output_names_t tensors; /**< joined ones; empty: those below */
        hedge_output_names_t boxes, scores, labels, indices;
        uint32_t n_columns;
        hedge_output_column_t columns[HEDGE_OUTPUT_MAX_COLUMNS];
        hedge_box_format_t format;
        bool relative; /**< coordinates from 0 to 1, not in pixels of the input */
        hedge_output_activation_t activation;
        hedge_output_background_t background;
        uint32_t bins;
        double offset;      /**< of a cell's point, in cells */
        double variance[2]; /**< of centre and extents */
        uint32_t n_levels;
        hedge_output_level_t levels[HEDGE_OUTPUT_MAX_TENSORS];
        uint32_t classes; /**< 0: as many as the model has labels */
        bool multi_label;
        double score, iou;
        uint32_t max;
        hedge_output_nms_t nms;
} hedge_output_t;

#endif

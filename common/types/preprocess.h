/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TYPES_PREPROCESS_H
#define HEDGE_TYPES_PREPROCESS_H

#include <stdbool.h>
#include <stdint.h>

typedef enum hedge_letterbox {
        HEDGE_LETTERBOX_NONE,
        HEDGE_LETTERBOX_CENTRE, /**< grey on both sides */
        HEDGE_LETTERBOX_CORNER, /**< grey right and below */
} hedge_letterbox_t;

/** How pictures become a model's input: model.yaml. */
typedef struct hedge_model_preprocess {
        bool given;         /**< false: there is no model.yaml */
        uint32_t resize;    /**< shorter side, before the crop; 0: straight to the input's size */
        bool crop;          /**< centre crop to the input's size */
        uint32_t letterbox; /**< hedge_letterbox_t: the picture is made to fit into the input and its ratio is kept */
        bool bgr;           /**< channel order */
        bool as_stored;     /**< pictures are not turned as EXIF's orientation says */
        bool nhwc;          /**< the model's input is N x H x W x C */
        double scale;       /**< pixel * scale, then (x - mean) / std per channel */
        double mean[4], std[4];
} hedge_model_preprocess_t;

#endif

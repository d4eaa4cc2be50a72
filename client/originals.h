/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_ORIGINALS_H
#define HEDGEC_ORIGINALS_H

#include "client/media/picture.h"
#include "common/detect/map.h"
#include "common/tensor.h"
#include "common/types/preprocess.h"

/** What inputs were made of, between their reading and the showing of their answers: where the model's input lies in a picture, and,
 * where something will be drawn, its pixels. A tensor is its own picture. */
typedef struct hedgec_original {
        char *input;              /**< as the user named it, owned */
        hedge_map_t map;          /**< from the model's input to the picture */
        uint32_t width, height;   /**< of the model's input */
        bool nhwc;                /**< which has its channels at the end */
        uint32_t reduction;       /**< how many times longer each side of the picture is in the file */
        hedgec_picture_t picture; /**< pixels: NULL for a tensor, and unless asked for */
        struct hedgec_original *next;
} hedgec_original_t;

typedef struct hedgec_originals {
        bool pixels; /**< keep them */
        hedgec_original_t *first;
} hedgec_originals_t;

/** Note what an input of that shape was made of.
 * @param picture  NULL: a tensor. Taken over where pixels are wanted; else left as it is.
 * @return 0, -ENOMEM, HEDGE_ESHAPE (the input is no picture), as hedgec_preprocess_map. */
int hedgec_originals_put(hedgec_originals_t *originals, const char *input, hedgec_picture_t *picture,
                         const hedge_model_preprocess_t *how, const hedge_shape_t *shape);

/** Take out the first of that name. @return NULL: there is none; else hedgec_original_destroy. */
hedgec_original_t *hedgec_originals_take(hedgec_originals_t *originals, const char *input);

void hedgec_original_destroy(hedgec_original_t **original);

/** Destroy all that are there. */
void hedgec_originals_release(hedgec_originals_t *originals);

#endif

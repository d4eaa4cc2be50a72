/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_RESAMPLE_H
#define HEDGEC_RESAMPLE_H

#include "client/media/picture.h"

/** Along one direction: a picture of `size` samples is thought of as resized to `resized` samples, of which the
 * `count` from `first` on are wanted. */
typedef struct hedgec_window {
        uint32_t size;
        uint32_t resized, first, count;
} hedgec_window_t;

/** Resize and crop at once, bilinear with antialiasing (triangle filter; 22-bit fixed point as in Pillow, so that the
 * samples are the same). Only the wanted part is computed, so that memory does not depend on `resized`.
 * @param ret  columns->count x rows->count pixels, allocated here.
 * @return 0, HEDGE_ELIMIT (more than 512 MiB on the way), -ENOMEM. */
int hedgec_resample(const hedgec_picture_t *picture, const hedgec_window_t *columns, const hedgec_window_t *rows,
                    hedgec_picture_t *ret, hedge_why_t *why);

#endif

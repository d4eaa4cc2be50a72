/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_PICTURE_PNG_H
#define HEDGEC_PICTURE_PNG_H

#include "client/media/picture.h"

/** Decode a PNG. As hedgec_picture_decode. */
int hedgec_picture_decode_png(const uint8_t *bytes, size_t size, bool as_stored, hedgec_picture_t *ret,
                              hedge_why_t *why);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_PICTURE_JPEG_H
#define HEDGE_PICTURE_JPEG_H

#include "client/media/picture.h"

/** Decode a JPEG, baseline or progressive. As hedge_picture_decode. */
int hedge_picture_decode_jpeg(const uint8_t *bytes, size_t size, hedge_picture_t *ret, hedge_why_t *why);

#endif

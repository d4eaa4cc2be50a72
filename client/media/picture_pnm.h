/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_PICTURE_PNM_H
#define HEDGEC_PICTURE_PNM_H

#include "client/media/picture.h"

/** Decode a PBM, PGM or PPM, P1 to P6. As hedgec_picture_decode. */
int hedgec_picture_decode_pnm(const uint8_t *bytes, size_t size, hedgec_picture_t *ret, hedge_why_t *why);

#endif

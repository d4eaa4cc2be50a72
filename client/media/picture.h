/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_PICTURE_H
#define HEDGEC_PICTURE_H

#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define HEDGEC_PICTURE_MAX_PIXELS (64u << 20)
#define HEDGEC_PICTURE_MAX_SIDE   65535u
#define HEDGEC_PICTURE_MAX_BYTES  (256u << 20) /**< of a file */

/** A picture of 8-bit samples, height x width x channels, rows without gaps. */
typedef struct hedgec_picture {
        uint32_t width, height;
        uint32_t channels; /**< 1: grey, 3: red, green, blue */
        uint8_t *pixels;
} hedgec_picture_t;

/** Read a PNG, JPEG, PPM or PGM (P5, P6, samples of one byte), known by its contents.
 *
 * Transparent pixels are laid over white. 16-bit samples are scaled to 8, palettes expanded, samples below 255 at most
 * (PPM's maxval) stretched to 0 .. 255. Gamma and colour profiles, and the orientation that a camera notes in EXIF, are
 * ignored, as training pipelines do. CMYK is refused. So is a file that ends early or is damaged.
 * Size is checked against the limits above before memory is taken for pixels.
 * @return 0, HEDGE_EMALFORMED, HEDGE_EUNSUPPORTED, HEDGE_ELIMIT, -ENOMEM; `why` is a sentence without the file's name. */
int hedgec_picture_decode(const uint8_t *bytes, size_t size, hedgec_picture_t *ret, hedge_why_t *why);

/** The same for a file. @return also -errno; `why` begins with the file's name. */
int hedgec_picture_load(const char *path, hedgec_picture_t *ret, hedge_why_t *why);

/** Take memory for pixels, sizes checked against the limits: for the decoders.
 * @return 0, HEDGE_EMALFORMED (a side is 0), HEDGE_ELIMIT, -ENOMEM. */
int hedgec_picture_alloc(uint32_t width, uint32_t height, uint32_t channels, hedgec_picture_t *ret, hedge_why_t *why);

/** Free and clear. */
void hedgec_picture_release(hedgec_picture_t *picture);

#endif

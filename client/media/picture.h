/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_PICTURE_H
#define HEDGEC_PICTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"

#define HEDGEC_PICTURE_MAX_BYTES  (256u << 20) /**< of a file */
#define HEDGEC_PICTURE_MAX_SIDE   65535u
#define HEDGEC_PICTURE_MAX_SOURCE (1u << 30)   /**< pixels in a file */
#define HEDGEC_PICTURE_MAX_PIXELS (64u << 20)  /**< pixels that are kept; what has more is reduced while it is read */
#define HEDGEC_PICTURE_MEMORY     (768u << 20) /**< bytes that reading and resizing one take at most, beside its file */

/** A picture of 8-bit samples, height x width x channels, rows without gaps. */
typedef struct hedgec_picture {
        uint32_t width, height;
        uint32_t channels; /**< 1: grey, 3: red, green, blue */
        uint32_t
                reduction; /**< how many times longer each side is in the file: 1, or more where that has too many pixels */
        uint8_t *pixels;
} hedgec_picture_t;

/** Read a PNG, JPEG, PPM, PGM or PBM, known by its contents.
 *
 * It is turned and mirrored as the camera notes in EXIF. Transparent pixels are laid over white, palettes expanded. CMYK becomes RGB
 * without colour profiles: what light passes two inks. Samples of up to 16 bits are scaled to 8, those of less (PPM's maxval) to
 * 0 .. 255. Gamma and colour profiles are ignored, as training pipelines do. A file that ends early or is damaged is refused: half
 * a picture would get a wrong answer.
 * Size is checked against the limits above before memory is taken for pixels.
 * @param as_stored  Do not turn it.
 * @return 0, HEDGE_EMALFORMED, HEDGE_EUNSUPPORTED, HEDGE_ELIMIT, -ENOMEM; `why` is a sentence without the file's name. */
int hedgec_picture_decode(const uint8_t *bytes, size_t size, bool as_stored, hedgec_picture_t *ret, hedge_why_t *why);

/** The same for a file, - being standard input. @return also -errno; `why` begins with the file's name. */
int hedgec_picture_load(const char *path, bool as_stored, hedgec_picture_t *ret, hedge_why_t *why);

/** Take memory for pixels, sizes checked against the limits.
 * @return 0, HEDGE_EMALFORMED (a side is 0), HEDGE_ELIMIT, -ENOMEM. */
int hedgec_picture_alloc(uint32_t width, uint32_t height, uint32_t channels, hedgec_picture_t *ret, hedge_why_t *why);

/** Free and clear. */
void hedgec_picture_release(hedgec_picture_t *picture);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_PICTURE_WRITE_H
#define HEDGEC_PICTURE_WRITE_H

#include <stdio.h>

#include "client/media/draw.h"
#include "client/media/picture.h"

/** Write a picture as PNG. @return 0, -errno, -ENOMEM, -EIO; `why` is a sentence without the file's name. */
int hedgec_picture_write_png(const hedgec_picture_t *picture, FILE *out, hedge_why_t *why);

/** As JPEG of quality 92, colours at full resolution. @return also HEDGE_ELIMIT (a side is above 65,500 pixels). */
int hedgec_picture_write_jpeg(const hedgec_picture_t *picture, FILE *out, hedge_why_t *why);

/** Write a byte per pixel as an indexed PNG, byte i with the colour palette[i]. */
int hedgec_picture_write_indexed(const uint8_t *bytes, uint32_t width, uint32_t height,
                                 const hedgec_colour_t palette[256], FILE *out, hedge_why_t *why);

/** By the ending of `path`: .jpg and .jpeg are JPEG, all else is PNG. "-" is standard output, else the file's name stands for
 * the whole picture or for what it stood for. `why` names the file. */
int hedgec_picture_save(const hedgec_picture_t *picture, const char *path, hedge_why_t *why);

/** The same for hedgec_picture_write_indexed, always PNG. */
int hedgec_picture_save_indexed(const uint8_t *bytes, uint32_t width, uint32_t height,
                                const hedgec_colour_t palette[256], const char *path, hedge_why_t *why);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_PICTURE_BED_H
#define HEDGE_PICTURE_BED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jpeglib.h>
#include <png.h>

/** A file in memory, written by libpng or libjpeg; free its bytes. */
typedef struct file {
        uint8_t *bytes;
        size_t size;
} file_t;

typedef struct png_kind {
        int colour, depth, interlace;
        unsigned row_bytes;
} png_kind_t;

/** EXIF of a PNG. */
typedef struct png_exif {
        unsigned orientation; /**< 0: no eXIf chunk */
        bool last;            /**< behind the pixels */
} png_exif_t;

typedef struct jpeg_kind {
        J_COLOR_SPACE colours; /**< of the pixels */
        int channels;
        J_COLOR_SPACE stored_as; /**< JCS_UNKNOWN: as libjpeg likes */
        bool progressive, arithmetic;
        bool unmarked;        /**< without Adobe's mark */
        unsigned restart;     /**< rows of blocks between restart marks */
        unsigned orientation; /**< 0: no EXIF */
        bool big_endian;      /**< EXIF's numbers */
        int quality;          /**< 0: 100 */
} jpeg_kind_t;

/** @param alphas  Of the first four entries of a palette, or NULL.
 * @param rows    row_bytes each. */
file_t write_png(unsigned width, unsigned height, png_kind_t kind, const uint8_t *rows, const uint8_t *alphas);
file_t write_png_exif(unsigned width, unsigned height, png_kind_t kind, png_exif_t exif, const uint8_t *rows);
file_t write_jpeg(unsigned width, unsigned height, const jpeg_kind_t *kind, const uint8_t *pixels);

/** Pictures too large to be in memory: row y comes from a function. */
typedef void row_of_t(unsigned y, unsigned width, uint8_t *row);
file_t write_png_rows(unsigned width, unsigned height, png_kind_t kind, row_of_t *row_of);
file_t write_jpeg_rows(unsigned width, unsigned height, const jpeg_kind_t *kind, row_of_t *row_of);

/** Put a chunk before the first one of the kind `before`. */
void put_chunk(file_t *f, const char *before, const char *kind, const uint8_t *bytes, size_t n);

/** Write the checksum of a PNG's header (IHDR) anew after it was changed. */
void put_checksum(file_t *f);

/** EXIF data (a TIFF header, one directory of three entries, the orientation the second). @return how many bytes. */
size_t write_exif(uint8_t exif[64], unsigned orientation, bool big_endian);

#endif

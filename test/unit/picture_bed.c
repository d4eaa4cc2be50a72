/* SPDX-License-Identifier: Apache-2.0 */
#include "test/unit/picture_bed.h"

#include <stdlib.h>
#include <string.h>

/* Where rows come from: memory, or a function. */
typedef struct source {
        const uint8_t *pixels;
        size_t row_bytes;
        row_of_t *row_of;
        unsigned width;
        uint8_t *row;
} source_t;

static uint8_t *row_at(const source_t *source, unsigned y)
{
        if (source->row_of)
                source->row_of(y, source->width, source->row);
        else
                memcpy(source->row, source->pixels + y * source->row_bytes, source->row_bytes);
        return source->row;
}

static void png_append(png_structp png, png_bytep from, size_t n)
{
        file_t *f = png_get_io_ptr(png);

        f->bytes = realloc(f->bytes, f->size + n);
        if (!f->bytes)
                abort();
        memcpy(f->bytes + f->size, from, n);
        f->size += n;
}

static void put_number(uint8_t *at, uint32_t value, unsigned n, bool big_endian)
{
        for (unsigned i = 0; i < n; i++)
                at[i] = (uint8_t)(value >> 8 * (big_endian ? n - 1 - i : i));
}

size_t write_exif(uint8_t exif[64], unsigned orientation, bool big_endian)
{
        /* ImageWidth LONG 77, Orientation SHORT, ResolutionUnit SHORT 2 */
        const struct {
                uint32_t tag, type, value;
        } entries[] = { { 256, 4, 77 }, { 274, 3, orientation }, { 296, 3, 2 } };
        uint8_t *at = exif;

        memset(exif, 0, 64);
        memcpy(at, big_endian ? "MM\0*" : "II*\0", 4);
        put_number(at + 4, 8, 4, big_endian);
        put_number(at + 8, 3, 2, big_endian);
        at += 10;
        for (unsigned i = 0; i < 3; i++, at += 12) {
                put_number(at, entries[i].tag, 2, big_endian);
                put_number(at + 2, entries[i].type, 2, big_endian);
                put_number(at + 4, 1, 4, big_endian);
                put_number(at + 8, entries[i].value, entries[i].type == 3 ? 2 : 4, big_endian);
        }
        return (size_t)(at + 4 - exif);
}

static void put_png_exif(png_structp png, const png_exif_t *exif)
{
        uint8_t bytes[64];
        size_t n = write_exif(bytes, exif->orientation, false);

        if (exif->orientation)
                png_write_chunk(png, (png_const_bytep) "eXIf", bytes, n);
}

static file_t write_png_of(unsigned width, unsigned height, const png_kind_t *kind, png_exif_t exif,
                           const uint8_t *alphas, const source_t *source)
{
        static const png_color palette[4] = { { 1, 2, 3 }, { 250, 120, 0 }, { 0, 0, 255 }, { 9, 99, 199 } };
        file_t f = { 0 };
        png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
        png_infop info = png_create_info_struct(png);

        png_set_write_fn(png, &f, png_append, NULL);
        png_set_IHDR(png, info, width, height, kind->depth, kind->colour, kind->interlace, 0, 0);
        if (source->row_of)
                png_set_compression_level(png, 1);
        if (kind->colour == PNG_COLOR_TYPE_PALETTE)
                png_set_PLTE(png, info, palette, 4);
        if (alphas)
                png_set_tRNS(png, info, alphas, 4, NULL);
        png_write_info(png, info);
        if (!exif.last)
                put_png_exif(png, &exif);
        for (int pass = png_set_interlace_handling(png); pass; pass--)
                for (unsigned y = 0; y < height; y++)
                        png_write_row(png, row_at(source, y));
        if (exif.last)
                put_png_exif(png, &exif);
        png_write_end(png, info);
        png_destroy_write_struct(&png, &info);
        return f;
}

file_t write_png(unsigned width, unsigned height, png_kind_t kind, const uint8_t *rows, const uint8_t *alphas)
{
        source_t source = { .pixels = rows, .row_bytes = kind.row_bytes, .row = malloc(kind.row_bytes) };
        file_t f = write_png_of(width, height, &kind, (png_exif_t){ 0 }, alphas, &source);

        free(source.row);
        return f;
}

file_t write_png_exif(unsigned width, unsigned height, png_kind_t kind, png_exif_t exif, const uint8_t *rows)
{
        source_t source = { .pixels = rows, .row_bytes = kind.row_bytes, .row = malloc(kind.row_bytes) };
        file_t f = write_png_of(width, height, &kind, exif, NULL, &source);

        free(source.row);
        return f;
}

file_t write_png_rows(unsigned width, unsigned height, png_kind_t kind, row_of_t *row_of)
{
        source_t source = { .row_of = row_of, .width = width, .row = malloc(kind.row_bytes) };
        file_t f = write_png_of(width, height, &kind, (png_exif_t){ 0 }, NULL, &source);

        free(source.row);
        return f;
}

static void put_jpeg_exif(struct jpeg_compress_struct *jpeg, const jpeg_kind_t *kind)
{
        uint8_t marker[6 + 64] = "Exif\0";
        size_t n = 6 + write_exif(marker + 6, kind->orientation, kind->big_endian);

        if (kind->orientation)
                jpeg_write_marker(jpeg, JPEG_APP0 + 1, marker, (unsigned)n);
}

static file_t write_jpeg_of(unsigned width, unsigned height, const jpeg_kind_t *kind, const source_t *source)
{
        struct jpeg_compress_struct jpeg;
        struct jpeg_error_mgr errors;
        file_t f = { 0 };
        unsigned long size = 0;

        jpeg.err = jpeg_std_error(&errors);
        jpeg_create_compress(&jpeg);
        jpeg_mem_dest(&jpeg, &f.bytes, &size);
        jpeg.image_width = width;
        jpeg.image_height = height;
        jpeg.in_color_space = kind->colours;
        jpeg.input_components = kind->channels;
        jpeg_set_defaults(&jpeg);
        if (kind->stored_as != JCS_UNKNOWN)
                jpeg_set_colorspace(&jpeg, kind->stored_as);
        jpeg_set_quality(&jpeg, kind->quality ? kind->quality : 100, TRUE);
        if (kind->progressive)
                jpeg_simple_progression(&jpeg);
        jpeg.arith_code = kind->arithmetic;
        jpeg.restart_in_rows = (int)kind->restart;
        if (kind->unmarked)
                jpeg.write_Adobe_marker = FALSE;
        jpeg_start_compress(&jpeg, TRUE);
        put_jpeg_exif(&jpeg, kind);
        while (jpeg.next_scanline < height)
                jpeg_write_scanlines(&jpeg, (JSAMPROW[]){ row_at(source, jpeg.next_scanline) }, 1);
        jpeg_finish_compress(&jpeg);
        jpeg_destroy_compress(&jpeg);
        f.size = size;
        return f;
}

file_t write_jpeg(unsigned width, unsigned height, const jpeg_kind_t *kind, const uint8_t *pixels)
{
        source_t source = { .pixels = pixels, .row_bytes = (size_t)width * (unsigned)kind->channels };
        file_t f;

        source.row = malloc(source.row_bytes);
        f = write_jpeg_of(width, height, kind, &source);
        free(source.row);
        return f;
}

file_t write_jpeg_rows(unsigned width, unsigned height, const jpeg_kind_t *kind, row_of_t *row_of)
{
        source_t source = { .row_of = row_of, .width = width, .row = malloc((size_t)width * (unsigned)kind->channels) };
        file_t f = write_jpeg_of(width, height, kind, &source);

        free(source.row);
        return f;
}

static uint32_t checksum(const uint8_t *bytes, size_t n)
{
        uint32_t crc = 0xffffffff;

        for (size_t i = 0; i < n; i++) {
                crc ^= bytes[i];
                for (unsigned bit = 0; bit < 8; bit++)
                        crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
        }
        return ~crc;
}

void put_checksum(file_t *f)
{
        png_save_uint_32(f->bytes + 29, checksum(f->bytes + 12, 17));
}

void put_chunk(file_t *f, const char *before, const char *kind, const uint8_t *bytes, size_t n)
{
        size_t at = 8;
        uint8_t *to;

        while (memcmp(f->bytes + at + 4, before, 4) != 0)
                at += 12 + png_get_uint_32(f->bytes + at);
        f->bytes = realloc(f->bytes, f->size + 12 + n);
        if (!f->bytes)
                abort();
        to = f->bytes + at;
        memmove(to + 12 + n, to, f->size - at);
        f->size += 12 + n;
        png_save_uint_32(to, (png_uint_32)n);
        memcpy(to + 4, kind, 4);
        memcpy(to + 8, bytes, n);
        png_save_uint_32(to + 8 + n, checksum(to + 4, 4 + n));
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "client/media/picture_write.h"

#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
/* after stdio.h, which it does not include */
#include <jpeglib.h>

#include "common/io/replace.h"

#define QUALITY 92

/* Bytes of a picture, and colours where they are indices. */
typedef struct image {
        const uint8_t *bytes;
        uint32_t width, height, channels;
        const hedgec_colour_t *palette; /* 256, or NULL */
} image_t;

typedef struct png_writer {
        png_structp png;
        png_infop info;
        hedge_why_t *why;
} png_writer_t;

typedef struct jpeg_writer {
        struct jpeg_compress_struct jpeg; /* first: libjpeg gives it back */
        struct jpeg_error_mgr errors;
        jmp_buf back;
        hedge_why_t *why;
} jpeg_writer_t;

/* What the libraries do not say: why writing failed. */
static int complain(hedge_why_t *why, const char *message)
{
        int code = errno ? -errno : -EIO;

        return hedge_why(why, code, "%s", errno ? hedge_strerror(code) : message);
}

static void on_png_error(png_structp png, png_const_charp message)
{
        png_writer_t *w = png_get_error_ptr(png);

        complain(w->why, message);
        png_longjmp(png, 1);
}

static void on_png_warning(png_structp png, png_const_charp message)
{
}

static void set_palette(png_writer_t *w, const image_t *image)
{
        png_color palette[256];

        for (unsigned i = 0; i < 256; i++)
                palette[i] =
                        (png_color){ image->palette[i].rgb[0], image->palette[i].rgb[1], image->palette[i].rgb[2] };
        png_set_PLTE(w->png, w->info, palette, 256);
}

static int write_png(png_writer_t *w, const image_t *image, FILE *out)
{
        if (setjmp(png_jmpbuf(w->png)))
                return -EIO;
        png_init_io(w->png, out);
        png_set_user_limits(w->png, HEDGEC_PICTURE_MAX_SIDE, HEDGEC_PICTURE_MAX_SIDE);
        png_set_IHDR(w->png, w->info, image->width, image->height, 8,
                     image->palette         ? PNG_COLOR_TYPE_PALETTE
                     : image->channels == 3 ? PNG_COLOR_TYPE_RGB
                                            : PNG_COLOR_TYPE_GRAY,
                     PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
        if (image->palette)
                set_palette(w, image);
        png_write_info(w->png, w->info);
        for (uint32_t y = 0; y < image->height; y++)
                png_write_row(w->png, image->bytes + (size_t)y * image->width * image->channels);
        png_write_end(w->png, w->info);
        return 0;
}

static int put_png(const image_t *image, FILE *out, hedge_why_t *why)
{
        png_writer_t w = { .why = why };
        int r = -ENOMEM;

        errno = 0;
        w.png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &w, on_png_error, on_png_warning);
        if (w.png)
                w.info = png_create_info_struct(w.png);
        if (w.info)
                r = write_png(&w, image, out);
        else
                hedge_why(why, r, "%s", hedge_strerror(r));
        png_destroy_write_struct(&w.png, &w.info);
        return r;
}

static void on_jpeg_error(j_common_ptr common)
{
        jpeg_writer_t *w = (jpeg_writer_t *)common;
        char message[JMSG_LENGTH_MAX];

        common->err->format_message(common, message);
        complain(w->why, message);
        longjmp(w->back, 1);
}

static void on_jpeg_message(j_common_ptr common)
{
}

static int write_jpeg(jpeg_writer_t *w, const hedgec_picture_t *image, FILE *out)
{
        if (setjmp(w->back))
                return -EIO;
        jpeg_create_compress(&w->jpeg);
        jpeg_stdio_dest(&w->jpeg, out);
        w->jpeg.image_width = image->width;
        w->jpeg.image_height = image->height;
        w->jpeg.input_components = (int)image->channels;
        w->jpeg.in_color_space = image->channels == 3 ? JCS_RGB : JCS_GRAYSCALE;
        jpeg_set_defaults(&w->jpeg);
        jpeg_set_quality(&w->jpeg, QUALITY, TRUE);
        w->jpeg.comp_info[0].h_samp_factor = w->jpeg.comp_info[0].v_samp_factor = 1;
        jpeg_start_compress(&w->jpeg, TRUE);
        while (w->jpeg.next_scanline < image->height) {
                JSAMPROW row = image->pixels + (size_t)w->jpeg.next_scanline * image->width * image->channels;

                jpeg_write_scanlines(&w->jpeg, &row, 1);
        }
        jpeg_finish_compress(&w->jpeg);
        return 0;
}

static int put_jpeg(const hedgec_picture_t *image, FILE *out, hedge_why_t *why)
{
        jpeg_writer_t w = { .why = why };
        int r;

        if (image->width > JPEG_MAX_DIMENSION || image->height > JPEG_MAX_DIMENSION)
                return hedge_why(why, HEDGE_ELIMIT, "a JPEG has at most %ld pixels a side", JPEG_MAX_DIMENSION);
        errno = 0;
        w.jpeg.err = jpeg_std_error(&w.errors);
        w.errors.error_exit = on_jpeg_error;
        w.errors.output_message = on_jpeg_message;
        r = write_jpeg(&w, image, out);
        jpeg_destroy_compress(&w.jpeg);
        return r;
}

static image_t image_of(const hedgec_picture_t *picture)
{
        return (image_t){ picture->pixels, picture->width, picture->height, picture->channels, NULL };
}

int hedgec_picture_write_png(const hedgec_picture_t *picture, FILE *out, hedge_why_t *why)
{
        image_t image = image_of(picture);

        return put_png(&image, out, why);
}

int hedgec_picture_write_jpeg(const hedgec_picture_t *picture, FILE *out, hedge_why_t *why)
{
        return put_jpeg(picture, out, why);
}

int hedgec_picture_write_indexed(const uint8_t *bytes, uint32_t width, uint32_t height,
                                 const hedgec_colour_t palette[256], FILE *out, hedge_why_t *why)
{
        return put_png(&(image_t){ bytes, width, height, 1, palette }, out, why);
}

/* As JPEG where that is not NULL. */
static int put(const image_t *image, const hedgec_picture_t *jpeg, FILE *out, hedge_why_t *why)
{
        int r = jpeg ? put_jpeg(jpeg, out, why) : put_png(image, out, why);

        if (!r && fflush(out))
                r = hedge_why(why, -errno, "%s", hedge_strerror(-errno));
        return r;
}

static bool ends_with(const char *path, const char *ending)
{
        size_t a = strlen(path), b = strlen(ending);

        return a > b && !strcasecmp(path + a - b, ending);
}

/* A device or a pipe cannot be replaced: it is written to. */
static int save_in_place(const image_t *image, const hedgec_picture_t *jpeg, const char *path, hedge_why_t *why)
{
        hedge_why_t inner = { "" };
        FILE *out = fopen(path, "wbe");
        int r;

        if (!out)
                return hedge_why(why, -errno, "cannot write %s: %s", path, hedge_strerror(-errno));
        r = put(image, jpeg, out, &inner);
        if (fclose(out) && !r)
                r = hedge_why(&inner, -errno, "%s", hedge_strerror(-errno));
        return r < 0 ? hedge_why(why, r, "cannot write %s: %s", path, inner.text) : 0;
}

static int save(const image_t *image, const hedgec_picture_t *jpeg, const char *path, hedge_why_t *why)
{
        hedge_why_t inner = { "" };
        hedge_replace_t file;
        struct stat info;
        int r;

        if (!strcmp(path, "-")) {
                r = put(image, jpeg, stdout, &inner);
                return r < 0 ? hedge_why(why, r, "cannot write standard output: %s", inner.text) : 0;
        }
        if (stat(path, &info) == 0 && !S_ISREG(info.st_mode))
                return save_in_place(image, jpeg, path, why);
        r = hedge_replace_begin(path, &file, why);
        if (r < 0)
                return r;
        r = put(image, jpeg, file.file, &inner);
        if (r < 0)
                hedge_why(why, r, "cannot write %s: %s", path, inner.text);
        return hedge_replace_end(&file, r, why);
}

int hedgec_picture_save(const hedgec_picture_t *picture, const char *path, hedge_why_t *why)
{
        image_t image = image_of(picture);

        return save(&image, (ends_with(path, ".jpg") || ends_with(path, ".jpeg")) ? picture : NULL, path, why);
}

int hedgec_picture_save_indexed(const uint8_t *bytes, uint32_t width, uint32_t height,
                                const hedgec_colour_t palette[256], const char *path, hedge_why_t *why)
{
        return save(&(image_t){ bytes, width, height, 1, palette }, NULL, path, why);
}

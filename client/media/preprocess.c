/* SPDX-License-Identifier: Apache-2.0 */
#include "client/media/preprocess.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "client/media/resample.h"

#define LETTERBOX_GREY 114 /* what the YOLO family was trained with */

/* A model's input as an image: extents, and where the next sample lies in each direction. */
typedef struct image {
        uint32_t height, width, channels;
        size_t step_y, step_x, step_c;
} image_t;

static int read_shape(const hedgec_picture_t *picture, const hedge_model_preprocess_t *how, const hedge_shape_t *shape,
                      image_t *image, hedge_why_t *why)
{
        const uint32_t *d = shape->dims + (shape->rank == 4);
        char text[96];

        hedge_shape_text(shape, text, sizeof(text));
        if (hedge_shape_check(shape, HEDGEC_PICTURE_MAX_PIXELS * 3ull) < 0)
                return hedge_why(why, HEDGE_ELIMIT, "an input of %s is too large for a picture", text);
        if (shape->rank == 2 && d[0] == 1 && d[1] == (uint64_t)picture->width * picture->height &&
            picture->reduction <= 1)
                *image = (image_t){ picture->height, picture->width, 1, picture->width, 1, 1 };
        else if (shape->rank == 2)
                *image = (image_t){ d[0], d[1], 1, d[1], 1, 1 };
        else if (shape->rank != 3 && shape->rank != 4)
                return hedge_why(why, HEDGE_ESHAPE, "no picture makes an input of %s", text);
        else if (how->nhwc)
                *image = (image_t){ d[0], d[1], d[2], (size_t)d[1] * d[2], d[2], 1 };
        else
                *image = (image_t){ d[1], d[2], d[0], d[2], 1, (size_t)d[1] * d[2] };
        if (shape->rank == 4 && shape->dims[0] != 1)
                return hedge_why(why, HEDGE_ESHAPE, "an input of %s takes several pictures at once", text);
        if ((image->channels != 1 && image->channels != 3) || !image->height || !image->width)
                return hedge_why(why, HEDGE_ESHAPE, "an input of %s has %u channels; a picture has 1 or 3", text,
                                 image->channels);
        return 0;
}

/* RGB to grey before it is resized, so that no channel is resized for nothing. @param to  With pixels where there was
 * something to do. */
static int make_grey(const hedgec_picture_t *from, hedgec_picture_t *to, hedge_why_t *why)
{
        size_t n = (size_t)from->width * from->height;
        const uint8_t *p = from->pixels;
        int r = hedgec_picture_alloc(from->width, from->height, 1, to, why);

        if (r < 0)
                return r;
        to->reduction = from->reduction;
        for (size_t i = 0; i < n; i++, p += 3) /* 0.299, 0.587 and 0.114 of 65536 */
                to->pixels[i] = (uint8_t)((p[0] * 19595u + p[1] * 38470u + p[2] * 7471u + 32768) >> 16);
        return 0;
}

/* How a picture comes into the input: resized to columns.resized x rows.resized, of which the counts are taken from the firsts
 * on; at (left, top) of the input, and grey around it. */
typedef struct fitting {
        hedgec_window_t columns, rows;
        uint32_t left, top;
} fitting_t;

/* The larger side fills the input, the other is rounded. */
static void fit_inside(uint64_t w, uint64_t h, const image_t *image, uint64_t *new_w, uint64_t *new_h)
{
        bool by_width = image->width * h <= image->height * w;

        *new_w = by_width ? image->width : (image->height * w + h / 2) / h;
        *new_h = by_width ? (image->width * h + w / 2) / w : image->height;
        *new_w += !*new_w;
        *new_h += !*new_h;
}

/* The size that a picture is resized to before the crop. */
static void resized_to(uint64_t w, uint64_t h, const hedge_model_preprocess_t *how, const image_t *image,
                       uint64_t *new_w, uint64_t *new_h)
{
        uint64_t shorter = w < h ? w : h;

        *new_w = image->width;
        *new_h = image->height;
        if (how->letterbox) {
                fit_inside(w, h, image, new_w, new_h);
        } else if (how->crop && how->resize) {
                *new_w = (how->resize * w + shorter / 2) / shorter;
                *new_h = (how->resize * h + shorter / 2) / shorter;
                if (*new_w < image->width || *new_h < image->height) {
                        bool by_width = image->width * h >= image->height * w;

                        *new_w = by_width ? image->width : (image->height * w + h - 1) / h;
                        *new_h = by_width ? (image->width * h + w - 1) / w : image->height;
                }
        }
}

static bool is_exact(const hedgec_picture_t *picture, const image_t *image)
{
        return picture->reduction <= 1 && picture->width == image->width && picture->height == image->height;
}

static int find_fitting(const hedgec_picture_t *picture, const hedge_model_preprocess_t *how, const image_t *image,
                        fitting_t *ret)
{
        fitting_t f = { .columns = { .size = picture->width }, .rows = { .size = picture->height } };
        uint64_t new_w = picture->width, new_h = picture->height;

        if (!is_exact(picture, image))
                resized_to(picture->width, picture->height, how, image, &new_w, &new_h);
        if (new_w > INT32_MAX || new_h > INT32_MAX)
                return HEDGE_ELIMIT;
        f.columns.resized = (uint32_t)new_w;
        f.rows.resized = (uint32_t)new_h;
        f.columns.count = new_w < image->width ? (uint32_t)new_w : image->width;
        f.rows.count = new_h < image->height ? (uint32_t)new_h : image->height;
        f.columns.first = (f.columns.resized - f.columns.count) / 2;
        f.rows.first = (f.rows.resized - f.rows.count) / 2;
        if (how->letterbox == HEDGE_LETTERBOX_CENTRE) {
                f.left = (image->width - f.columns.count) / 2;
                f.top = (image->height - f.rows.count) / 2;
        }
        *ret = f;
        return 0;
}

/* Lay a picture on grey of the input's extents. */
static int put_on_grey(hedgec_picture_t *picture, const fitting_t *f, const image_t *image, hedge_why_t *why)
{
        const size_t row = (size_t)picture->width * picture->channels;
        hedgec_picture_t grey;
        int r = hedgec_picture_alloc(image->width, image->height, picture->channels, &grey, why);

        if (r < 0)
                return r;
        memset(grey.pixels, LETTERBOX_GREY, (size_t)grey.width * grey.height * grey.channels);
        for (uint32_t y = 0; y < picture->height; y++)
                memcpy(grey.pixels + ((size_t)(f->top + y) * grey.width + f->left) * grey.channels,
                       picture->pixels + y * row, row);
        hedgec_picture_release(picture);
        *picture = grey;
        return 0;
}

/* @param ret  Without pixels where the picture has the input's size already. */
static int fit(const hedgec_picture_t *picture, const hedge_model_preprocess_t *how, const image_t *image,
               hedgec_picture_t *ret, hedge_why_t *why)
{
        fitting_t f;
        int r;

        if (is_exact(picture, image))
                return 0;
        if (find_fitting(picture, how, image, &f) < 0)
                return hedge_why(why, HEDGE_ELIMIT, "its shorter side cannot become %u pixels", how->resize);
        if (picture->reduction > 1 && (f.columns.resized > picture->width || f.rows.resized > picture->height))
                return hedge_why(why, HEDGE_ELIMIT,
                                 "has more than %u megapixels, of which %u x %u were kept; it is to become %u x %u",
                                 HEDGEC_PICTURE_MAX_PIXELS >> 20, picture->width, picture->height, f.columns.resized,
                                 f.rows.resized);
        r = hedgec_resample(picture, &f.columns, &f.rows, ret, why);
        return !r && how->letterbox ? put_on_grey(ret, &f, image, why) : r;
}

int hedgec_preprocess_map(const hedgec_picture_t *picture, const hedge_model_preprocess_t *how,
                          const hedge_shape_t *shape, hedge_map_t *ret)
{
        image_t image = { 0 };
        fitting_t f;
        int r = read_shape(picture, how, shape, &image, NULL);

        if (!r)
                r = find_fitting(picture, how, &image, &f);
        if (r < 0)
                return r;
        *ret = (hedge_map_t){ .width = picture->width, .height = picture->height };
        ret->scale_x = (double)picture->width / f.columns.resized;
        ret->scale_y = (double)picture->height / f.rows.resized;
        ret->offset_x = ((double)f.columns.first - f.left) * ret->scale_x;
        ret->offset_y = ((double)f.rows.first - f.top) * ret->scale_y;
        return 0;
}

/* A grey picture has its one sample for each of the input's channels. */
static void normalise(const hedgec_picture_t *picture, const hedge_model_preprocess_t *how, const image_t *image,
                      float *out)
{
        float values[256];

        for (uint32_t c = 0; c < image->channels; c++) {
                uint32_t channel = how->bgr ? image->channels - 1 - c : c;
                const uint8_t *from = picture->pixels + (picture->channels == 1 ? 0 : channel);

                for (unsigned v = 0; v < 256; v++)
                        values[v] = (float)((v * how->scale - how->mean[c]) / how->std[c]);
                for (uint32_t y = 0; y < image->height; y++)
                        for (uint32_t x = 0; x < image->width; x++, from += picture->channels)
                                out[c * image->step_c + y * image->step_y + x * image->step_x] = values[*from];
        }
}

int hedgec_preprocess(const hedgec_picture_t *picture, const hedge_model_preprocess_t *how, const hedge_shape_t *shape,
                      hedge_tensor_t *ret, hedge_why_t *why)
{
        hedgec_picture_t grey = { .pixels = NULL }, fitted = { .pixels = NULL };
        hedge_tensor_t tensor = { .data = NULL };
        image_t image = { 0 };
        int r;

        r = read_shape(picture, how, shape, &image, why);
        if (!r && image.channels < picture->channels)
                r = make_grey(picture, &grey, why);
        if (grey.pixels)
                picture = &grey;
        if (!r)
                r = fit(picture, how, &image, &fitted, why);
        if (fitted.pixels)
                picture = &fitted;
        if (!r) {
                r = hedge_tensor_alloc(&tensor, shape);
                if (r < 0)
                        hedge_why(why, r, "%s", hedge_strerror(r));
        }
        if (!r) {
                normalise(picture, how, &image, tensor.data);
                *ret = tensor;
        }
        hedgec_picture_release(&fitted);
        hedgec_picture_release(&grey);
        return r;
}

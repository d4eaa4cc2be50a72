/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/kernel/plain.h"
#include "common/resize.h"

static void free_taps(hedge_resize_taps_t *all)
{
        if (all) {
                free(all[0].at);
                free(all[0].weight);
        }
        free(all);
}

static hedge_resize_taps_t *make_taps(const hedge_resize_t *r, const hedge_resize_axis_t *a)
{
        size_t n = hedge_resize_most_taps(r, a);
        hedge_resize_taps_t *all = calloc(a->out, sizeof(*all));

        if (!all)
                return NULL;
        all[0].at = calloc(a->out, n * sizeof(*all[0].at));
        all[0].weight = calloc(a->out, n * sizeof(*all[0].weight));
        if (!all[0].at || !all[0].weight) {
                free_taps(all);
                return NULL;
        }
        for (uint32_t o = 0; o < a->out; o++) {
                all[o].at = all[0].at + o * n;
                all[o].weight = all[0].weight + o * n;
                hedge_resize_find_taps(r, a, o, n, &all[o]);
        }
        return all;
}

static void resize_pixel(const float *image, const hedge_resize_taps_t *y, const hedge_resize_taps_t *x, uint32_t w,
                         uint32_t c, float *out)
{
        if (y->n == 1 && x->n == 1) {
                memcpy(out, image + ((size_t)y->at[0] * w + x->at[0]) * c, c * sizeof(float));
                return;
        }
        for (uint32_t i = 0; i < c; i++)
                out[i] = 0;
        for (uint32_t ty = 0; ty < y->n; ty++) {
                for (uint32_t tx = 0; tx < x->n; tx++) {
                        const float *pixel = image + ((size_t)y->at[ty] * w + x->at[tx]) * c;
                        float weight = y->weight[ty] * x->weight[tx];

                        for (uint32_t i = 0; weight != 0 && i < c; i++)
                                out[i] += weight * pixel[i];
                }
        }
}

static void resize_image(const hedge_kernel_t *k, const float *image, const hedge_resize_taps_t *y,
                         const hedge_resize_taps_t *x, float *out)
{
        uint32_t w = k->in[0].dims[2], c = k->in[0].dims[3];

        for (uint32_t oy = 0; oy < k->out.dims[1]; oy++) {
                for (uint32_t ox = 0; ox < k->out.dims[2]; ox++, out += c) {
                        if (!y[oy].outside && !x[ox].outside) {
                                resize_pixel(image, &y[oy], &x[ox], w, c, out);
                                continue;
                        }
                        for (uint32_t i = 0; i < c; i++)
                                out[i] = k->op.resize.outside;
                }
        }
}

int hedge_plain_resize(const hedge_kernel_t *k, const float *const *in, float *out)
{
        const hedge_resize_t *r = &k->op.resize;
        const uint32_t *dims = k->in[0].dims;
        hedge_resize_axis_t axis_y = hedge_resize_rows(r, dims[1]), axis_x = hedge_resize_columns(r, dims[2]);
        size_t size_in = (size_t)dims[1] * dims[2] * dims[3], size_out = (size_t)r->out_h * r->out_w * dims[3];
        hedge_resize_taps_t *y = make_taps(r, &axis_y), *x = make_taps(r, &axis_x);
        int code;

        for (uint32_t n = 0; x && y && n < dims[0]; n++)
                resize_image(k, in[0] + n * size_in, y, x, out + n * size_out);
        code = x && y ? 0 : -ENOMEM;
        free_taps(x);
        free_taps(y);
        return code;
}

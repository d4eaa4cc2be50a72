/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/onednn_columns.h"

#include <string.h>

#include "common/kernel/onednn_state.h"

#define MOST_COLUMNS (4u << 20) /* elements: what a call may hold beside the image */

size_t hedge_onednn_columns(const hedge_kernel_t *k)
{
        const hedge_conv_t *c = &k->op.conv;
        uint64_t window = (uint64_t)c->kernel_h * c->kernel_w * c->in_c;
        uint64_t pixels = hedge_shape_elements(&k->out) / c->out_c;

        return c->groups == 1 && window <= MOST_COLUMNS && pixels <= MOST_COLUMNS / window ? pixels * window : 0;
}

typedef struct fill {
        const hedge_kernel_t *kernel;
        const float *in;
        float *columns;
} fill_t;

/* One row of a window that begins at column x of the image row `from`; NULL: the row is outside. */
static float *fill_row(const hedge_conv_t *c, const float *from, int64_t x, float *to)
{
        size_t pixel = c->in_c * sizeof(*to);

        if (from && c->dilation_w == 1 && x >= 0 && x + c->kernel_w <= c->in_w) {
                memcpy(to, from + x * c->in_c, c->kernel_w * pixel);
                return to + (size_t)c->kernel_w * c->in_c;
        }
        for (uint32_t i = 0; i < c->kernel_w; i++, x += c->dilation_w, to += c->in_c)
                if (from && x >= 0 && x < c->in_w)
                        memcpy(to, from + x * c->in_c, pixel);
                else
                        memset(to, 0, pixel);
        return to;
}

/* The windows of one row of outputs, of row `index` of all images'. */
static void fill_windows(void *arg, size_t index)
{
        const fill_t *f = arg;
        const hedge_conv_t *c = &f->kernel->op.conv;
        uint32_t out_h = f->kernel->out.dims[1], out_w = f->kernel->out.dims[2];
        const float *image = f->in + index / out_h * c->in_h * c->in_w * c->in_c;
        int64_t top = (int64_t)(index % out_h) * c->stride_h - c->pad_top;
        float *to = f->columns + index * out_w * c->kernel_h * c->kernel_w * c->in_c;

        for (uint32_t column = 0; column < out_w; column++)
                for (uint32_t i = 0; i < c->kernel_h; i++) {
                        int64_t y = top + (int64_t)i * c->dilation_h;
                        const float *row = y >= 0 && y < c->in_h ? image + (size_t)y * c->in_w * c->in_c : NULL;

                        to = fill_row(c, row, (int64_t)column * c->stride_w - c->pad_left, to);
                }
}

void hedge_onednn_columns_fill(hedge_kernel_t *k, const float *in, float *columns)
{
        fill_t f = { k, in, columns };

        hedge_onednn_spread(k, (size_t)k->out.dims[0] * k->out.dims[1], fill_windows, &f);
}

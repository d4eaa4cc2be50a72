/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/infer/windows.h"

#include <errno.h>
#include <string.h>

#define STAGED \
        (64u * \
         HEDGE_Q16_BLOCK) /* floats that are brought together before they are written as q16: they stay in the cache */

/* Where a window's elements are: so many pieces of `n` that lie one behind the other, `step` apart. */
typedef struct rows {
        size_t begin, n, step, count;
} rows_t;

static rows_t rows_of(const hedge_shape_t *image, const hedge_window_t *w)
{
        const size_t c = w ? image->dims[3] : 0, step = w ? image->dims[2] * c : 0;

        if (!w)
                return (rows_t){ .n = hedge_shape_elements(image), .count = 1 };
        if (w->cols == image->dims[2])
                return (rows_t){ w->top * step, w->rows * step, 0, 1 };
        return (rows_t){ w->top * step + w->left * c, w->cols * c, step, w->rows };
}

size_t hedged_window_elements(const hedge_shape_t *image, const hedge_window_t *w)
{
        return (size_t)w->rows * w->cols * image->dims[3];
}

bool hedged_window_fits(const hedge_shape_t *image, const hedge_window_t *w)
{
        return image->rank == 4 && image->dims[0] == 1 && hedge_window_is_within(w, image->dims[1], image->dims[2]);
}

static void copy_rows(const float *from, const rows_t *r, char *to)
{
        for (size_t i = 0; i < r->count; i++)
                memcpy(to + i * r->n * sizeof(float), from + r->begin + i * r->step, r->n * sizeof(float));
}

/* Rows that are no whole blocks are brought together in pieces that are. */
static int encode_rows(const float *from, const rows_t *r, char *to)
{
        float staged[STAGED];
        size_t n = 0;
        int result = 0;

        for (size_t i = 0; result == 0 && i < r->count; i++)
                for (size_t done = 0; result == 0 && done < r->n;) {
                        const size_t left = r->n - done, room = STAGED - n, take = left < room ? left : room;

                        memcpy(staged + n, from + r->begin + i * r->step + done, take * sizeof(float));
                        n += take;
                        done += take;
                        if (n < STAGED)
                                continue;
                        result = hedge_q16_encode(staged, n, to);
                        to += hedge_q16_bytes(n);
                        n = 0;
                }
        return result == 0 && n > 0 ? hedge_q16_encode(staged, n, to) : result;
}

int hedged_window_frame(const hedge_tensor_t *image, const hedge_window_t *window, hedge_precision_t wire,
                        zmq_msg_t *ret)
{
        const rows_t rows = rows_of(&image->shape, window);
        const size_t bytes = hedge_precision_bytes(wire, rows.n * rows.count);
        int r = 0;

        if (zmq_msg_init_size(ret, bytes) != 0)
                return -ENOMEM;
        if (wire == HEDGE_PRECISION_F32)
                copy_rows(image->data, &rows, zmq_msg_data(ret));
        else if (rows.count == 1)
                r = hedge_q16_encode(image->data + rows.begin, rows.n, zmq_msg_data(ret));
        else
                r = encode_rows(image->data, &rows, zmq_msg_data(ret));
        if (r < 0)
                zmq_msg_close(ret);
        return r;
}

void hedged_window_place(const void *bytes, hedge_precision_t wire, const hedge_window_t *window, hedge_tensor_t *image)
{
        const rows_t r = rows_of(&image->shape, window);

        for (size_t i = 0; i < r.count; i++) {
                float *to = image->data + r.begin + i * r.step;

                if (wire == HEDGE_PRECISION_Q16)
                        hedge_q16_decode(bytes, i * r.n, (i + 1) * r.n, to);
                else
                        memcpy(to, (const char *)bytes + i * r.n * sizeof(float), r.n * sizeof(float));
        }
}

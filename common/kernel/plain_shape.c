/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/plain.h"

#include <string.h>

#define TILE 16

int hedge_plain_reshape(const hedge_kernel_t *k, const float *const *in, float *out)
{
        memmove(out, in[0], hedge_shape_elements(&k->out) * sizeof(float));
        return 0;
}

/* Most pieces are long, but coordinates of boxes are few: then calling memcpy takes longer than what it does. */
static inline void copy(float *to, const float *from, size_t n)
{
        switch (n) {
        case 0:
                break;
        case 1:
                *to = *from;
                break;
        case 2:
                memcpy(to, from, 2 * sizeof(*to));
                break;
        case 4:
                memcpy(to, from, 4 * sizeof(*to));
                break;
        default:
                memcpy(to, from, n * sizeof(*to));
        }
}

int hedge_plain_concat(const hedge_kernel_t *k, const float *const *in, float *out)
{
        uint32_t axis = k->op.axis.axis;
        size_t outer = 1, inner = 1;

        for (uint32_t d = 0; d < axis; d++)
                outer *= k->out.dims[d];
        for (uint32_t d = axis + 1; d < k->out.rank; d++)
                inner *= k->out.dims[d];
        for (size_t o = 0; o < outer; o++) {
                for (unsigned i = 0; i < k->n_in; i++) {
                        size_t n = k->in[i].dims[axis] * inner;

                        copy(out, in[i] + o * n, n);
                        out += n;
                }
        }
        return 0;
}

/* Where the elements of a dense output lie in the input. Axes of extent 1 are left out and neighbouring axes that
 * follow each other in the input too are one, so that the last axis is as long as it can be. */
typedef struct gather {
        uint32_t axes; /* at least 1 */
        uint32_t dims[HEDGE_MAX_RANK];
        int64_t strides[HEDGE_MAX_RANK];
} gather_t;

static gather_t plan_gather(const hedge_shape_t *out, const int64_t *strides)
{
        gather_t g = { .axes = 0 };

        for (uint32_t d = 0; d < out->rank; d++) {
                if (out->dims[d] == 1)
                        continue;
                if (g.axes > 0 && g.strides[g.axes - 1] == strides[d] * out->dims[d]) {
                        g.dims[g.axes - 1] *= out->dims[d];
                } else {
                        g.dims[g.axes++] = out->dims[d];
                }
                g.strides[g.axes - 1] = strides[d];
        }
        if (g.axes == 0) {
                g.axes = 1;
                g.dims[0] = 1;
                g.strides[0] = 1;
        }
        return g;
}

static const float *gather_at(const gather_t *g, const float *in, const uint32_t *at, uint32_t axes)
{
        for (uint32_t d = 0; d < axes; d++)
                in += at[d] * g->strides[d];
        return in;
}

static void gather_rows(const gather_t *g, const float *in, float *out)
{
        uint32_t at[HEDGE_MAX_RANK] = { 0 }, last = g->axes - 1, n = g->dims[last];
        int64_t stride = g->strides[last];

        do {
                const float *from = gather_at(g, in, at, last);

                if (stride == 1)
                        copy(out, from, n);
                else
                        for (uint32_t i = 0; i < n; i++)
                                out[i] = from[i * stride];
                out += n;
        } while (hedge_plain_next(at, g->dims, last));
}

static void transpose_tile(const float *in, float *out, uint32_t rows, uint32_t columns, int64_t in_stride,
                           int64_t out_stride)
{
        for (uint32_t r = 0; r < rows; r++)
                for (uint32_t c = 0; c < columns; c++)
                        out[r * out_stride + c] = in[c * in_stride + r];
}

/* Three planes to pixels, in a form that compilers make shuffles of: every picture comes in through here. */
static void join_planes(const float *restrict in, float *restrict out, uint32_t rows, int64_t in_stride)
{
        const float *restrict a = in, *restrict b = in + in_stride, *restrict c = in + 2 * in_stride;

        for (size_t r = 0; r < rows; r++) {
                out[3 * r] = a[r];
                out[3 * r + 1] = b[r];
                out[3 * r + 2] = c[r];
        }
}

/* out[r][c] = in[c][r], tile by tile, so that whole cache lines are used on both sides. */
static void transpose_matrix(const float *in, float *out, uint32_t rows, uint32_t columns, int64_t in_stride,
                             int64_t out_stride)
{
        if (columns == 3 && out_stride == 3) {
                join_planes(in, out, rows, in_stride);
                return;
        }
        for (uint32_t r = 0; r < rows; r += TILE) {
                uint32_t height = rows - r < TILE ? rows - r : TILE;

                for (uint32_t c = 0; c < columns; c += TILE)
                        transpose_tile(in + c * in_stride + r, out + r * out_stride + c, height,
                                       columns - c < TILE ? columns - c : TILE, in_stride, out_stride);
        }
}

/* The axis whose neighbours are neighbours in the input, or the last one. */
static uint32_t dense_axis(const gather_t *g)
{
        for (uint32_t d = 0; d + 1 < g->axes; d++)
                if (g->strides[d] == 1)
                        return d;
        return g->axes - 1;
}

/* Walks all axes but the dense one and the last, which are a matrix to transpose. */
static void gather_matrices(const gather_t *g, uint32_t dense, const float *in, float *out)
{
        uint32_t at[HEDGE_MAX_RANK] = { 0 }, dims[HEDGE_MAX_RANK], last = g->axes - 1;
        int64_t out_strides[HEDGE_MAX_RANK];
        hedge_shape_t shape = { .rank = g->axes };

        memcpy(shape.dims, g->dims, sizeof(shape.dims));
        memcpy(dims, g->dims, sizeof(dims));
        hedge_plain_strides(&shape, out_strides);
        dims[dense] = 1;
        do {
                float *to = out;

                for (uint32_t d = 0; d < last; d++)
                        to += at[d] * out_strides[d];
                transpose_matrix(gather_at(g, in, at, last), to, g->dims[dense], g->dims[last], g->strides[last],
                                 out_strides[dense]);
        } while (hedge_plain_next(at, dims, last));
}

int hedge_plain_transpose(const hedge_kernel_t *k, const float *const *in, float *out)
{
        int64_t dense[HEDGE_MAX_RANK], strides[HEDGE_MAX_RANK];
        uint32_t axis;
        gather_t g;

        hedge_plain_strides(&k->in[0], dense);
        for (uint32_t d = 0; d < k->out.rank; d++)
                strides[d] = dense[k->op.transpose.perm[d]];
        g = plan_gather(&k->out, strides);
        axis = dense_axis(&g);
        if (axis + 1 == g.axes)
                gather_rows(&g, in[0], out);
        else
                gather_matrices(&g, axis, in[0], out);
        return 0;
}

int hedge_plain_slice(const hedge_kernel_t *k, const float *const *in, float *out)
{
        int64_t strides[HEDGE_MAX_RANK];
        const float *from = in[0];
        gather_t g;

        hedge_plain_strides(&k->in[0], strides);
        for (uint32_t d = 0; d < k->out.rank; d++) {
                from += k->op.slice.start[d] * strides[d];
                strides[d] = k->out.dims[d] == 1 ? 0 : k->op.slice.step[d] * strides[d];
        }
        g = plan_gather(&k->out, strides);
        gather_rows(&g, from, out);
        return 0;
}

int hedge_plain_expand(const hedge_kernel_t *k, const float *const *in, float *out)
{
        int64_t strides[HEDGE_MAX_RANK];
        gather_t g;

        hedge_plain_broadcast_strides(&k->in[0], &k->out, strides);
        g = plan_gather(&k->out, strides);
        gather_rows(&g, in[0], out);
        return 0;
}

int hedge_plain_tile(const hedge_kernel_t *k, const float *const *in, float *out)
{
        const uint32_t *dims = k->in[0].dims;
        uint32_t at[HEDGE_MAX_RANK] = { 0 }, last = k->out.rank - 1;
        int64_t strides[HEDGE_MAX_RANK];

        if (k->out.rank == 0)
                return hedge_plain_reshape(k, in, out);
        hedge_plain_strides(&k->in[0], strides);
        do {
                const float *from = in[0];

                for (uint32_t d = 0; d < last; d++)
                        from += at[d] % dims[d] * strides[d];
                for (uint32_t i = 0; i < k->out.dims[last]; i += dims[last], out += dims[last])
                        copy(out, from, dims[last]);
        } while (hedge_plain_next(at, k->out.dims, last));
        return 0;
}

/* The input element along one axis that output position `o` repeats, -1 for the constant. */
static int64_t pad_source(const hedge_op_t *op, uint32_t axis, int64_t o, int64_t extent)
{
        int64_t before = op->pad.before[axis], after = op->pad.after[axis];
        int64_t first = before < 0 ? -before : 0, kept = extent - first + (after < 0 ? after : 0);
        int64_t i = o - (before > 0 ? before : 0), period = 2 * (kept - 1);

        if (i >= 0 && i < kept)
                return first + i;
        if (op->pad.mode == HEDGE_PAD_CONSTANT)
                return -1;
        if (op->pad.mode == HEDGE_PAD_EDGE || kept == 1)
                return first + (i < 0 ? 0 : kept - 1);
        if (op->pad.mode == HEDGE_PAD_WRAP)
                return first + (i % kept + kept) % kept;
        i = ((i % period) + period) % period;
        return first + (i < kept ? i : period - i);
}

static void pad_row(const hedge_kernel_t *k, const float *in, float *out, uint32_t last)
{
        int64_t n = k->out.dims[last], extent = k->in[0].dims[last], o = 0;
        int64_t left = k->op.pad.before[last] > 0 ? k->op.pad.before[last] : 0;
        int64_t right = n - (k->op.pad.after[last] > 0 ? k->op.pad.after[last] : 0);

        for (; o < n; o++) {
                int64_t i;

                if (o == left && right > left) {
                        memcpy(out + o, in + pad_source(&k->op, last, o, extent),
                               (size_t)(right - left) * sizeof(float));
                        o = right - 1;
                        continue;
                }
                i = pad_source(&k->op, last, o, extent);
                out[o] = i < 0 ? k->op.pad.value : in[i];
        }
}

int hedge_plain_pad(const hedge_kernel_t *k, const float *const *in, float *out)
{
        uint32_t at[HEDGE_MAX_RANK] = { 0 }, last = k->out.rank - 1;
        int64_t strides[HEDGE_MAX_RANK];

        if (k->out.rank == 0)
                return hedge_plain_reshape(k, in, out);
        hedge_plain_strides(&k->in[0], strides);
        do {
                const float *from = in[0];
                bool inside = true;

                for (uint32_t d = 0; d < last && inside; d++) {
                        int64_t i = pad_source(&k->op, d, at[d], k->in[0].dims[d]);

                        inside = i >= 0;
                        from += inside ? i * strides[d] : 0;
                }
                if (inside)
                        pad_row(k, from, out, last);
                else
                        for (uint32_t i = 0; i < k->out.dims[last]; i++)
                                out[i] = k->op.pad.value;
                out += k->out.dims[last];
        } while (hedge_plain_next(at, k->out.dims, last));
        return 0;
}

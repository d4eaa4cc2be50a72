/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/plain.h"

#include <math.h>
#include <string.h>

/* Operators whose indices are computed: each is checked when it is used, as nobody can know it before. */

/* An index within an extent; a negative one counts from the end. */
static int read_index(float index, uint32_t extent, size_t *ret)
{
        double i = truncf(index);

        i += i < 0 ? extent : 0;
        if (!(i >= 0 && i < extent))
                return HEDGE_ERANGE;
        *ret = (size_t)i;
        return 0;
}

static size_t extents(const hedge_shape_t *shape, uint32_t from, uint32_t to)
{
        size_t n = 1;

        for (uint32_t d = from; d < to; d++)
                n *= shape->dims[d];
        return n;
}

int hedge_plain_gather(const hedge_kernel_t *k, const float *const *in, float *out)
{
        const hedge_shape_t *x = &k->in[0];
        uint32_t axis = k->op.axis.axis;
        size_t outer = extents(x, 0, axis), inner = extents(x, axis + 1, x->rank), at;
        size_t n = hedge_shape_elements(&k->in[1]);

        for (size_t o = 0; o < outer; o++)
                for (size_t i = 0; i < n; i++, out += inner) {
                        int r = read_index(in[1][i], x->dims[axis], &at);

                        if (r < 0)
                                return r;
                        memcpy(out, in[0] + (o * x->dims[axis] + at) * inner, inner * sizeof(*out));
                }
        return 0;
}

/* Where in x the element is that has the position `at`, but for the axis, which the index says. */
static int element_at(const hedge_shape_t *x, const int64_t *strides, const uint32_t *at, uint32_t axis, float index,
                      size_t *ret)
{
        size_t offset = 0, along;
        int r = read_index(index, x->dims[axis], &along);

        if (r < 0)
                return r;
        for (uint32_t d = 0; d < x->rank; d++)
                offset += (d == axis ? along : at[d]) * (size_t)strides[d];
        *ret = offset;
        return 0;
}

int hedge_plain_gather_elements(const hedge_kernel_t *k, const float *const *in, float *out)
{
        uint32_t at[HEDGE_MAX_RANK] = { 0 };
        int64_t strides[HEDGE_MAX_RANK];
        size_t i = 0, from;

        hedge_plain_strides(&k->in[0], strides);
        do {
                int r = element_at(&k->in[0], strides, at, k->op.axis.axis, in[1][i], &from);

                if (r < 0)
                        return r;
                out[i++] = in[0][from];
        } while (hedge_plain_next(at, k->out.dims, k->out.rank));
        return 0;
}

/* An index tuple's offset: its numbers are positions along the axes of x from `first` on. */
static int tuple_at(const hedge_shape_t *x, const int64_t *strides, uint32_t first, const float *tuple, uint32_t n,
                    size_t *ret)
{
        size_t offset = 0, along;

        for (uint32_t i = 0; i < n; i++) {
                int r = read_index(tuple[i], x->dims[first + i], &along);

                if (r < 0)
                        return r;
                offset += along * (size_t)strides[first + i];
        }
        *ret = offset;
        return 0;
}

int hedge_plain_gather_nd(const hedge_kernel_t *k, const float *const *in, float *out)
{
        const hedge_shape_t *x = &k->in[0], *indices = &k->in[1];
        uint32_t n = indices->dims[indices->rank - 1], batch = k->op.axis.axis;
        size_t batches = extents(x, 0, batch), whole = extents(x, batch, x->rank), run = extents(x, batch + n, x->rank);
        size_t tuples = extents(indices, batch, indices->rank - 1), from;
        int64_t strides[HEDGE_MAX_RANK];
        const float *tuple = in[1];

        hedge_plain_strides(x, strides);
        for (size_t b = 0; b < batches; b++)
                for (size_t t = 0; t < tuples; t++, tuple += n, out += run) {
                        int r = tuple_at(x, strides, batch, tuple, n, &from);

                        if (r < 0)
                                return r;
                        memcpy(out, in[0] + b * whole + from, run * sizeof(*out));
                }
        return 0;
}

/* What was there and what comes. */
static void put(hedge_scatter_t how, float *to, float v)
{
        switch (how) {
        case HEDGE_SCATTER_SET:
                *to = v;
                break;
        case HEDGE_SCATTER_ADD:
                *to += v;
                break;
        case HEDGE_SCATTER_MUL:
                *to *= v;
                break;
        case HEDGE_SCATTER_MAX:
                *to = v > *to || v != v ? v : *to;
                break;
        case HEDGE_SCATTER_MIN:
                *to = v < *to || v != v ? v : *to;
                break;
        }
}

int hedge_plain_scatter_elements(const hedge_kernel_t *k, const float *const *in, float *out)
{
        uint32_t at[HEDGE_MAX_RANK] = { 0 };
        int64_t strides[HEDGE_MAX_RANK];
        size_t i = 0, to;

        memcpy(out, in[0], hedge_shape_elements(&k->out) * sizeof(*out));
        hedge_plain_strides(&k->out, strides);
        do {
                int r = element_at(&k->out, strides, at, k->op.scatter.axis, in[1][i], &to);

                if (r < 0)
                        return r;
                put(k->op.scatter.how, &out[to], in[2][i++]);
        } while (hedge_plain_next(at, k->in[1].dims, k->in[1].rank));
        return 0;
}

int hedge_plain_scatter_nd(const hedge_kernel_t *k, const float *const *in, float *out)
{
        const hedge_shape_t *indices = &k->in[1];
        uint32_t n = indices->dims[indices->rank - 1];
        size_t tuples = extents(indices, 0, indices->rank - 1), run = extents(&k->out, n, k->out.rank), to;
        const float *tuple = in[1], *update = in[2];
        int64_t strides[HEDGE_MAX_RANK];

        memcpy(out, in[0], hedge_shape_elements(&k->out) * sizeof(*out));
        hedge_plain_strides(&k->out, strides);
        for (size_t t = 0; t < tuples; t++, tuple += n, update += run) {
                int r = tuple_at(&k->out, strides, 0, tuple, n, &to);

                if (r < 0)
                        return r;
                for (size_t i = 0; i < run; i++)
                        put(k->op.scatter.how, &out[to + i], update[i]);
        }
        return 0;
}

/* (indices, the values off and on); an index outside the depth is off everywhere. */
int hedge_plain_one_hot(const hedge_kernel_t *k, const float *const *in, float *out)
{
        uint32_t axis = k->op.one_hot.axis, depth = k->op.one_hot.depth;
        size_t outer = extents(&k->out, 0, axis), inner = extents(&k->out, axis + 1, k->out.rank), hot;

        for (size_t i = 0, n = hedge_shape_elements(&k->out); i < n; i++)
                out[i] = in[1][0];
        for (size_t o = 0; o < outer; o++)
                for (size_t i = 0; i < inner; i++)
                        if (read_index(in[0][o * inner + i], depth, &hot) == 0)
                                out[(o * depth + hot) * inner + i] = in[1][1];
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "common/op_infer.h"

#define MAX_ELEMENTS (HEDGE_MAX_ELEMENTS - 1)

static int shape_error(hedge_why_t *why, const char *what, const hedge_shape_t *a, const hedge_shape_t *b)
{
        char first[80], second[80];

        if (!b)
                return hedge_why(why, HEDGE_ESHAPE, "%s: %s", what, hedge_shape_text(a, first, sizeof(first)));
        return hedge_why(why, HEDGE_ESHAPE, "%s: %s and %s", what, hedge_shape_text(a, first, sizeof(first)),
                         hedge_shape_text(b, second, sizeof(second)));
}

/* Axes from .. to - 1 of a shape behind those that are there. */
static int append(hedge_shape_t *out, const hedge_shape_t *shape, uint32_t from, uint32_t to, hedge_why_t *why)
{
        for (uint32_t d = from; d < to; d++) {
                if (out->rank == HEDGE_MAX_RANK)
                        return hedge_why(why, HEDGE_ELIMIT, "a result of more than %u axes", HEDGE_MAX_RANK);
                out->dims[out->rank++] = shape->dims[d];
        }
        return 0;
}

static int check_axis(uint32_t axis, const hedge_shape_t *x, hedge_why_t *why)
{
        return axis < x->rank ? 0 : shape_error(why, "the axis is past the rank", x, NULL);
}

/* An axis whose elements are counted: not empty, and no longer than an index says exactly. */
static int check_indexed(uint32_t axis, const hedge_shape_t *x, hedge_why_t *why)
{
        int r = check_axis(axis, x, why);

        if (r < 0)
                return r;
        if (x->dims[axis] == 0)
                return shape_error(why, "nothing to choose from", x, NULL);
        if (x->dims[axis] > HEDGE_MAX_INDEXED)
                return shape_error(why, "an axis too long for exact indices", x, NULL);
        return 0;
}

int hedge_op_infer_arg(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                       hedge_why_t *why)
{
        int r = check_indexed(op->arg.axis, &in[0], why);

        if (r < 0)
                return r;
        r = append(out, &in[0], 0, in[0].rank, why);
        out->dims[op->arg.axis] = 1;
        return r;
}

int hedge_op_infer_top(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                       hedge_why_t *why)
{
        int r = check_indexed(op->top.axis, &in[0], why);

        if (r < 0)
                return r;
        if (op->top.k == 0 || op->top.k > in[0].dims[op->top.axis])
                return hedge_why(why, HEDGE_ESHAPE, "the first %u of %u elements", op->top.k, in[0].dims[op->top.axis]);
        r = append(out, &in[0], 0, in[0].rank, why);
        out->dims[op->top.axis] = op->top.k;
        return r;
}

int hedge_op_infer_gather(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                          hedge_why_t *why)
{
        uint32_t axis = op->axis.axis;
        int r = check_indexed(axis, &in[0], why);

        if (r == 0)
                r = append(out, &in[0], 0, axis, why);
        if (r == 0)
                r = append(out, &in[1], 0, in[1].rank, why);
        return r < 0 ? r : append(out, &in[0], axis + 1, in[0].rank, why);
}

/* Indices of the same rank as x, and no further than it in any axis but their own. */
static int check_elements(uint32_t axis, const hedge_shape_t *x, const hedge_shape_t *indices, hedge_why_t *why)
{
        int r = check_indexed(axis, x, why);

        if (r < 0)
                return r;
        if (indices->rank != x->rank)
                return shape_error(why, "different ranks", x, indices);
        for (uint32_t d = 0; d < x->rank; d++)
                if (indices->dims[d] == 0 || (d != axis && indices->dims[d] > x->dims[d]))
                        return shape_error(why, "indices that do not lie within the tensor", x, indices);
        return 0;
}

int hedge_op_infer_gather_elements(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                                   hedge_why_t *why)
{
        int r = check_elements(op->axis.axis, &in[0], &in[1], why);

        return r < 0 ? r : append(out, &in[1], 0, in[1].rank, why);
}

/* The last axis of the tuples is one: how many axes of x, behind `batch`, does it name? */
static int tuple_size(const hedge_shape_t *x, const hedge_shape_t *tuples, uint32_t batch, uint32_t *ret,
                      hedge_why_t *why)
{
        uint32_t n;

        if (tuples->rank <= batch || x->rank <= batch)
                return shape_error(why, "no axes behind those of the batch", x, tuples);
        n = tuples->dims[tuples->rank - 1];
        if (n == 0 || n > x->rank - batch)
                return shape_error(why, "index tuples that are not of the tensor's rank", x, tuples);
        for (uint32_t d = 0; d < n; d++)
                if (check_indexed(batch + d, x, NULL) < 0)
                        return check_indexed(batch + d, x, why);
        *ret = n;
        return 0;
}

int hedge_op_infer_gather_nd(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                             hedge_why_t *why)
{
        uint32_t batch = op->axis.axis, n;
        int r = tuple_size(&in[0], &in[1], batch, &n, why);

        if (r < 0)
                return r;
        for (uint32_t d = 0; d < batch; d++)
                if (in[0].dims[d] != in[1].dims[d])
                        return shape_error(why, "different batches", &in[0], &in[1]);
        r = append(out, &in[1], 0, in[1].rank - 1, why);
        return r < 0 ? r : append(out, &in[0], batch + n, in[0].rank, why);
}

static int check_scatter(const hedge_op_t *op, hedge_why_t *why)
{
        return (unsigned)op->scatter.how > HEDGE_SCATTER_MIN ? hedge_why(why, -EINVAL, "an unknown way to update") : 0;
}

int hedge_op_infer_scatter_elements(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                                    hedge_why_t *why)
{
        int r = check_scatter(op, why);

        if (r == 0)
                r = check_elements(op->scatter.axis, &in[0], &in[1], why);
        if (r < 0)
                return r;
        if (!hedge_shape_equal(&in[1], &in[2]))
                return shape_error(why, "not one update for each index", &in[1], &in[2]);
        return append(out, &in[0], 0, in[0].rank, why);
}

int hedge_op_infer_scatter_nd(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                              hedge_why_t *why)
{
        hedge_shape_t updates = { .rank = 0 };
        uint32_t n;
        int r = check_scatter(op, why);

        if (r == 0)
                r = tuple_size(&in[0], &in[1], 0, &n, why);
        if (r == 0)
                r = append(&updates, &in[1], 0, in[1].rank - 1, why);
        if (r == 0)
                r = append(&updates, &in[0], n, in[0].rank, why);
        if (r < 0)
                return r;
        if (!hedge_shape_equal(&updates, &in[2]))
                return shape_error(why, "updates that do not fit the indices", &updates, &in[2]);
        return append(out, &in[0], 0, in[0].rank, why);
}

int hedge_op_infer_one_hot(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                           hedge_why_t *why)
{
        const hedge_shape_t depth = { 1, { op->one_hot.depth } };
        uint32_t axis = op->one_hot.axis;
        int r;

        if (axis > in[0].rank)
                return shape_error(why, "the axis is past the rank", &in[0], NULL);
        if (in[1].rank != 1 || in[1].dims[0] != 2)
                return shape_error(why, "two values are wanted", &in[1], NULL);
        r = check_indexed(0, &depth, why);
        if (r == 0)
                r = append(out, &in[0], 0, axis, why);
        if (r == 0)
                r = append(out, &depth, 0, 1, why);
        return r < 0 ? r : append(out, &in[0], axis, in[0].rank, why);
}

int hedge_op_infer_cum_sum(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                           hedge_why_t *why)
{
        int r = check_axis(op->cum_sum.axis, &in[0], why);

        return r < 0 ? r : append(out, &in[0], 0, in[0].rank, why);
}

int hedge_op_infer_trilu(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                         hedge_why_t *why)
{
        if (in[0].rank < 2)
                return shape_error(why, "matrices are wanted", &in[0], NULL);
        return append(out, &in[0], 0, in[0].rank, why);
}

int hedge_op_infer_tile(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                        hedge_why_t *why)
{
        const hedge_shape_t *shape = &op->shape.out;

        if (hedge_shape_check(shape, MAX_ELEMENTS) < 0)
                return hedge_why(why, HEDGE_ELIMIT, "a shape of rank %u that is too large", shape->rank);
        if (shape->rank != in[0].rank)
                return shape_error(why, "different ranks", &in[0], shape);
        for (uint32_t d = 0; d < shape->rank; d++)
                if (in[0].dims[d] == 0 || shape->dims[d] % in[0].dims[d] != 0)
                        return shape_error(why, "not a multiple of the tensor", &in[0], shape);
        return append(out, shape, 0, shape->rank, why);
}

int hedge_op_infer_nms(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                       hedge_why_t *why)
{
        const hedge_shape_t *boxes = &in[0], *scores = &in[1];
        uint64_t rows;
        int r;

        if (boxes->rank != 3 || boxes->dims[2] != 4 || scores->rank != 3 || boxes->dims[0] != scores->dims[0] ||
            boxes->dims[1] != scores->dims[2])
                return shape_error(why, "boxes B x N x 4 and scores B x C x N are wanted", boxes, scores);
        for (uint32_t d = 0; d < 3; d++) {
                r = check_indexed(d, scores, why);
                if (r < 0)
                        return r;
        }
        if (isnan(op->nms.overlap) || isnan(op->nms.score))
                return hedge_why(why, -EINVAL, "a threshold is not a number");
        rows = (uint64_t)scores->dims[0] * scores->dims[1];
        rows *= op->nms.max < scores->dims[2] ? op->nms.max : scores->dims[2];
        if (rows > MAX_ELEMENTS / 3)
                return hedge_why(why, HEDGE_ELIMIT, "the result has too many rows");
        *out = (hedge_shape_t){ 2, { (uint32_t)rows, 3 } };
        return 0;
}

int hedge_op_infer_mark_rows(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                             hedge_why_t *why)
{
        if (in[0].rank == 0 || in[1].rank != 2 || in[1].dims[1] != 3 || in[0].dims[0] != in[1].dims[0])
                return shape_error(why, "different numbers of rows", &in[0], &in[1]);
        return append(out, &in[0], 0, in[0].rank, why);
}

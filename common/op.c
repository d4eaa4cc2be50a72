/* SPDX-License-Identifier: Apache-2.0 */
#include "common/op.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "common/element.h"
#include "common/op_infer.h"

#define MAX_EXTENT   (1u << 20) /* of windows, strides, pads */
#define MAX_ELEMENTS (HEDGE_MAX_ELEMENTS - 1)
#define MAX_INPUTS   4096u
#define MAX_CODE     65535.0f /* of a quantised number */

typedef int infer_fn(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                     hedge_why_t *why);

/* Sentences name shapes; two buffers serve one sentence. */
typedef struct texts {
        char a[80], b[80];
} texts_t;

static int shape_error(hedge_why_t *why, const char *what, const hedge_shape_t *a, const hedge_shape_t *b)
{
        texts_t t;

        if (!b)
                return hedge_why(why, HEDGE_ESHAPE, "%s: %s", what, hedge_shape_text(a, t.a, sizeof(t.a)));
        return hedge_why(why, HEDGE_ESHAPE, "%s: %s and %s", what, hedge_shape_text(a, t.a, sizeof(t.a)),
                         hedge_shape_text(b, t.b, sizeof(t.b)));
}

static void set_image(hedge_shape_t *out, uint32_t n, uint32_t h, uint32_t w, uint32_t c)
{
        *out = (hedge_shape_t){ .rank = 4, .dims = { n, h, w, c } };
}

/* Copies a shape without what may lie behind its rank. */
static void set_shape(hedge_shape_t *out, const hedge_shape_t *shape)
{
        *out = (hedge_shape_t){ .rank = shape->rank };
        memcpy(out->dims, shape->dims, shape->rank * sizeof(shape->dims[0]));
}

/* A non-empty N x H x W x C. */
static int check_image(const hedge_shape_t *in, hedge_why_t *why)
{
        if (in->rank != 4)
                return shape_error(why, "an image of rank 4 is wanted", in, NULL);
        for (unsigned i = 0; i < 4; i++)
                if (in->dims[i] == 0)
                        return shape_error(why, "an image with an extent of 0", in, NULL);
        return 0;
}

static int check_vector(const hedge_shape_t *in, uint32_t extent, hedge_why_t *why)
{
        if (in->rank != 1 || in->dims[0] != extent)
                return shape_error(why, "the bias does not have one element per output channel", in, NULL);
        return 0;
}

static int infer_conv(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                      hedge_why_t *why)
{
        const hedge_conv_t *c = &op->conv;
        int r = hedge_conv_check(c);

        if (r < 0)
                return hedge_why(why, r, "a convolution's geometry is out of range");
        r = check_image(&in[0], why);
        if (r < 0)
                return r;
        if (in[0].dims[1] != c->in_h || in[0].dims[2] != c->in_w || in[0].dims[3] != c->in_c)
                return shape_error(why, "the image is not the one the convolution was planned for", &in[0], NULL);
        if (in[1].rank != 4 || in[1].dims[0] != c->out_c || in[1].dims[1] != c->kernel_h ||
            in[1].dims[2] != c->kernel_w || in[1].dims[3] != c->in_c / c->groups)
                return shape_error(why, "the filter does not fit the convolution", &in[1], NULL);
        if (n_in > 2) {
                r = check_vector(&in[2], c->out_c, why);
                if (r < 0)
                        return r;
        }
        set_image(out, in[0].dims[0], hedge_conv_out_h(c), hedge_conv_out_w(c), c->out_c);
        return 0;
}

/* One axis of a pool: 0 where it is out of range. */
static uint32_t pool_extent(uint64_t in, uint64_t kernel, uint64_t stride, uint64_t dilation, uint64_t before,
                            uint64_t after)
{
        uint64_t window;

        if (kernel == 0 || stride == 0 || dilation == 0 || kernel > MAX_EXTENT || stride > MAX_EXTENT ||
            dilation > MAX_EXTENT || before > MAX_EXTENT || after > 2 * MAX_EXTENT)
                return 0;
        window = dilation * (kernel - 1) + 1;
        if (before >= window || after >= window + stride || in + before + after < window)
                return 0;
        return (uint32_t)((in + before + after - window) / stride + 1);
}

static int infer_pool(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                      hedge_why_t *why)
{
        const hedge_pool_t *p = &op->pool;
        uint32_t h, w;
        int r = check_image(&in[0], why);

        if (r < 0)
                return r;
        h = pool_extent(in[0].dims[1], p->kernel_h, p->stride_h, p->dilation_h, p->pad_top, p->pad_bottom);
        w = pool_extent(in[0].dims[2], p->kernel_w, p->stride_w, p->dilation_w, p->pad_left, p->pad_right);
        if (h == 0 || w == 0)
                return shape_error(why, "a pool's window, stride or padding does not fit its input", &in[0], NULL);
        if (p->count_pad && (p->count_bottom > p->pad_bottom || p->count_right > p->pad_right))
                return hedge_why(why, -EINVAL, "a pool counts more padding than it has");
        set_image(out, in[0].dims[0], h, w, in[0].dims[3]);
        return 0;
}

static int infer_pool_indices(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                              hedge_why_t *why)
{
        if (hedge_shape_elements(&in[0]) > HEDGE_MAX_INDEXED)
                return hedge_why(why, HEDGE_ELIMIT, "more than %u elements cannot be told by an index",
                                 HEDGE_MAX_INDEXED);
        return infer_pool(op, in, n_in, out, why);
}

static int infer_global_pool(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                             hedge_why_t *why)
{
        int r = check_image(&in[0], why);

        if (r < 0)
                return r;
        set_image(out, in[0].dims[0], 1, 1, in[0].dims[3]);
        return 0;
}

static int infer_fully_connected(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                                 hedge_why_t *why)
{
        if (in[0].rank != 2 || in[1].rank != 2 || in[0].dims[1] != in[1].dims[1])
                return shape_error(why, "M x K and N x K are wanted", &in[0], &in[1]);
        if (n_in > 2) {
                int r = check_vector(&in[2], in[1].dims[0], why);

                if (r < 0)
                        return r;
        }
        *out = (hedge_shape_t){ .rank = 2, .dims = { in[0].dims[0], in[1].dims[0] } };
        return 0;
}

/* NumPy's rule for the axes of a and b, leaving out the last `skip`. */
static int broadcast(const hedge_shape_t *a, const hedge_shape_t *b, uint32_t skip, hedge_shape_t *out,
                     hedge_why_t *why)
{
        uint32_t rank = a->rank > b->rank ? a->rank : b->rank;

        *out = (hedge_shape_t){ .rank = rank };
        for (uint32_t i = skip; i < rank; i++) {
                uint32_t x = i < a->rank ? a->dims[a->rank - 1 - i] : 1;
                uint32_t y = i < b->rank ? b->dims[b->rank - 1 - i] : 1;

                if (x != y && x != 1 && y != 1)
                        return shape_error(why, "shapes that do not broadcast", a, b);
                out->dims[rank - 1 - i] = x == 1 ? y : x;
        }
        return 0;
}

static int infer_matmul(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                        hedge_why_t *why)
{
        const hedge_shape_t *a = &in[0], *b = &in[1];
        int r;

        if (a->rank < 2 || b->rank < 2 || a->dims[a->rank - 1] != b->dims[b->rank - 2])
                return shape_error(why, "... x M x K and ... x K x N are wanted", a, b);
        r = broadcast(a, b, 2, out, why);
        if (r < 0)
                return r;
        out->dims[out->rank - 2] = a->dims[a->rank - 2];
        out->dims[out->rank - 1] = b->dims[b->rank - 1];
        return 0;
}

static int infer_binary(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                        hedge_why_t *why)
{
        return broadcast(&in[0], &in[1], 0, out, why);
}

static int infer_where(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                       hedge_why_t *why)
{
        hedge_shape_t chosen;
        int r = broadcast(&in[1], &in[2], 0, &chosen, why);

        return r < 0 ? r : broadcast(&in[0], &chosen, 0, out, why);
}

static int infer_shift(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                       hedge_why_t *why)
{
        if (op->shift.bits == 0 || op->shift.bits > 64)
                return hedge_why(why, -EINVAL, "integers of %u bits", op->shift.bits);
        return infer_binary(op, in, n_in, out, why);
}

static int infer_unary(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                       hedge_why_t *why)
{
        set_shape(out, &in[0]);
        return 0;
}

static int infer_clamp(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                       hedge_why_t *why)
{
        if (isnan(op->activation.lo) || isnan(op->activation.hi))
                return hedge_why(why, -EINVAL, "a bound is not a number");
        return infer_unary(op, in, n_in, out, why);
}

static int infer_function(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                          hedge_why_t *why)
{
        if ((unsigned)op->unary.kind >= HEDGE_UNARY_KINDS)
                return hedge_why(why, -EINVAL, "function %u is unknown", (unsigned)op->unary.kind);
        if (!isfinite(op->unary.alpha) || !isfinite(op->unary.beta))
                return hedge_why(why, -EINVAL, "a parameter of %s is not finite",
                                 hedge_unary_about(op->unary.kind)->name);
        return infer_unary(op, in, n_in, out, why);
}

static int infer_to_integer(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                            hedge_why_t *why)
{
        const hedge_to_integer_t *t = &op->to_integer;

        if ((unsigned)t->rounding > HEDGE_ROUND_REFUSE || (unsigned)t->overflow > HEDGE_OVERFLOW_REFUSE)
                return hedge_why(why, -EINVAL, "an unknown way to make integers");
        if (!(t->lo >= -HEDGE_EXACT && t->lo < t->hi && t->hi <= HEDGE_EXACT) || t->lo != truncf(t->lo) ||
            t->hi != truncf(t->hi))
                return hedge_why(why, -EINVAL, "a range of integers that cannot be");
        return infer_unary(op, in, n_in, out, why);
}

static int infer_quantize(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                          hedge_why_t *why)
{
        const hedge_quantize_t *q = &op->quantize;
        int r;

        if ((unsigned)q->result > HEDGE_QUANTIZED_REAL || (q->multiplies && q->result == HEDGE_QUANTIZED_REAL))
                return hedge_why(why, -EINVAL, "an unknown way to quantise");
        if (!(q->lo >= -MAX_CODE && q->lo < q->hi && q->hi <= MAX_CODE) || q->lo != truncf(q->lo) ||
            q->hi != truncf(q->hi))
                return hedge_why(why, -EINVAL, "a range of integers that cannot be");
        if (n_in > 2 && !hedge_shape_equal(&in[1], &in[2]))
                return shape_error(why, "scale and zero point have different shapes", &in[1], &in[2]);
        r = broadcast(&in[0], &in[1], 0, out, why);
        if (r == 0 && !hedge_shape_equal(out, &in[0]))
                r = shape_error(why, "a scale that does not broadcast to what it scales", &in[0], &in[1]);
        return r;
}

static int infer_softmax(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                         hedge_why_t *why)
{
        if (op->axis.axis >= in[0].rank)
                return shape_error(why, "the axis is past the rank", &in[0], NULL);
        return infer_unary(op, in, n_in, out, why);
}

static int infer_concat(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                        hedge_why_t *why)
{
        uint32_t axis = op->axis.axis;
        uint64_t extent = 0;

        if (axis >= in[0].rank)
                return shape_error(why, "the axis is past the rank", &in[0], NULL);
        for (unsigned i = 0; i < n_in; i++) {
                if (in[i].rank != in[0].rank)
                        return shape_error(why, "different ranks", &in[0], &in[i]);
                for (uint32_t d = 0; d < in[0].rank; d++)
                        if (d != axis && in[i].dims[d] != in[0].dims[d])
                                return shape_error(why, "extents differ in another axis than the joined one", &in[0],
                                                   &in[i]);
                extent += in[i].dims[axis];
        }
        if (extent > MAX_ELEMENTS)
                return hedge_why(why, HEDGE_ELIMIT, "the joined axis is too long");
        set_shape(out, &in[0]);
        out->dims[axis] = (uint32_t)extent;
        return 0;
}

static int infer_pad(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out, hedge_why_t *why)
{
        if ((unsigned)op->pad.mode > HEDGE_PAD_WRAP)
                return hedge_why(why, -EINVAL, "an unknown padding mode");
        set_shape(out, &in[0]);
        for (uint32_t d = 0; d < in[0].rank; d++) {
                int64_t before = op->pad.before[d], after = op->pad.after[d], kept = in[0].dims[d];

                kept += (before < 0 ? before : 0) + (after < 0 ? after : 0);
                if (kept < 0)
                        return shape_error(why, "negative padding crops more than there is", &in[0], NULL);
                kept += (before > 0 ? before : 0) + (after > 0 ? after : 0);
                if (kept > (int64_t)MAX_ELEMENTS)
                        return hedge_why(why, HEDGE_ELIMIT, "the padded axis is too long");
                if (op->pad.mode != HEDGE_PAD_CONSTANT && kept > 0 && (before > 0 || after > 0) &&
                    in[0].dims[d] + (before < 0 ? before : 0) + (after < 0 ? after : 0) == 0)
                        return shape_error(why, "nothing to repeat into the padding", &in[0], NULL);
                out->dims[d] = (uint32_t)kept;
        }
        return 0;
}

/* Does a scale lead to the extent? What an antialiased image takes to compute is bounded by that. */
static bool scale_fits(float scale, uint32_t in, uint32_t out)
{
        return fabs((double)scale * in - out) <= 1;
}

/* The extents that the scale speaks of: of a window those of the whole. */
static int check_part(const hedge_resize_part_t *part, uint32_t *in, uint32_t *out)
{
        if (part->whole_in == 0 && part->whole_out == 0)
                return part->in_first || part->out_first ? -EINVAL : 0;
        if (part->whole_in == 0 || part->whole_in > MAX_EXTENT || part->whole_out == 0 ||
            part->whole_out > MAX_EXTENT || (uint64_t)part->in_first + *in > part->whole_in ||
            (uint64_t)part->out_first + *out > part->whole_out)
                return -EINVAL;
        *in = part->whole_in;
        *out = part->whole_out;
        return 0;
}

static int check_scales(const hedge_resize_t *r, uint32_t in_h, uint32_t in_w, hedge_why_t *why)
{
        uint32_t out_h = r->out_h, out_w = r->out_w;

        if (check_part(&r->part_h, &in_h, &out_h) < 0 || check_part(&r->part_w, &in_w, &out_w) < 0)
                return hedge_why(why, -EINVAL, "a window that does not lie in what it is a window of");
        if (r->antialias && (!scale_fits(r->scale_h, in_h, out_h) || !scale_fits(r->scale_w, in_w, out_w)))
                return hedge_why(why, -EINVAL, "the scale and the extents do not fit");
        return 0;
}

static int infer_resize(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                        hedge_why_t *why)
{
        const hedge_resize_t *r = &op->resize;
        int code = check_image(&in[0], why);

        if (code < 0)
                return code;
        if ((unsigned)r->mode > HEDGE_RESIZE_CUBIC || (unsigned)r->coord > HEDGE_COORD_HALF_PIXEL_SYMMETRIC ||
            (unsigned)r->nearest > HEDGE_NEAREST_CEIL)
                return hedge_why(why, -EINVAL, "an unknown way to resize");
        if (r->out_h == 0 || r->out_w == 0 || r->out_h > MAX_EXTENT || r->out_w > MAX_EXTENT)
                return hedge_why(why, HEDGE_ELIMIT, "an image of %u x %u cannot be made", r->out_h, r->out_w);
        if (!isfinite(r->scale_h) || !isfinite(r->scale_w) || r->scale_h <= 0 || r->scale_w <= 0)
                return hedge_why(why, -EINVAL, "a scale is not a positive number");
        code = check_scales(r, in[0].dims[1], in[0].dims[2], why);
        if (code < 0)
                return code;
        if (r->mode == HEDGE_RESIZE_CUBIC && !isfinite(r->cubic_a))
                return hedge_why(why, -EINVAL, "the cubic coefficient is not finite");
        if (r->coord == HEDGE_COORD_TF_CROP_AND_RESIZE &&
            (!isfinite(r->roi_top) || !isfinite(r->roi_left) || !isfinite(r->roi_bottom) || !isfinite(r->roi_right)))
                return hedge_why(why, -EINVAL, "the region of interest is not finite");
        set_image(out, in[0].dims[0], r->out_h, r->out_w, in[0].dims[3]);
        return 0;
}

static int infer_lrn(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out, hedge_why_t *why)
{
        if (op->lrn.size == 0 || op->lrn.size > MAX_EXTENT || !isfinite(op->lrn.alpha) || !isfinite(op->lrn.beta) ||
            !isfinite(op->lrn.bias))
                return hedge_why(why, -EINVAL, "size, alpha, beta or bias is out of range");
        if (in[0].rank != 4)
                return shape_error(why, "an image of rank 4 is wanted", &in[0], NULL);
        return infer_unary(op, in, n_in, out, why);
}

static int infer_transpose(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                           hedge_why_t *why)
{
        uint32_t seen = 0;

        set_shape(out, &in[0]);
        for (uint32_t d = 0; d < in[0].rank; d++) {
                uint32_t from = op->transpose.perm[d];

                if (from >= in[0].rank || seen & 1u << from)
                        return shape_error(why, "not a permutation of the axes", &in[0], NULL);
                seen |= 1u << from;
                out->dims[d] = in[0].dims[from];
        }
        return 0;
}

/* Do all picked elements of one axis lie in 0 .. extent - 1? */
static bool slice_fits(int64_t start, int64_t step, uint32_t picked, uint32_t extent)
{
        int64_t last;

        if (step == 0)
                return false;
        if (picked == 0)
                return true;
        if (__builtin_mul_overflow((int64_t)picked - 1, step, &last) || __builtin_add_overflow(start, last, &last))
                return false;
        return start >= 0 && start < extent && last >= 0 && last < extent;
}

static int infer_slice(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                       hedge_why_t *why)
{
        const hedge_shape_t *picked = &op->slice.out;

        if (picked->rank != in[0].rank)
                return hedge_why(why, HEDGE_ESHAPE, "a slice of rank %u from a tensor of rank %u", picked->rank,
                                 in[0].rank);
        for (uint32_t d = 0; d < in[0].rank; d++)
                if (!slice_fits(op->slice.start[d], op->slice.step[d], picked->dims[d], in[0].dims[d]))
                        return hedge_why(why, HEDGE_ESHAPE, "a slice outside axis %u, whose extent is %u", d,
                                         in[0].dims[d]);
        set_shape(out, picked);
        return 0;
}

static int infer_reduce(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                        hedge_why_t *why)
{
        if ((unsigned)op->reduce.kind >= HEDGE_REDUCE_KINDS)
                return hedge_why(why, -EINVAL, "reduction %u is unknown", (unsigned)op->reduce.kind);
        if (op->reduce.axes >> in[0].rank)
                return shape_error(why, "an axis is past the rank", &in[0], NULL);
        set_shape(out, &in[0]);
        for (uint32_t d = 0; d < in[0].rank; d++) {
                if (!(op->reduce.axes & 1u << d))
                        continue;
                if (in[0].dims[d] == 0)
                        return shape_error(why, "nothing to reduce", &in[0], NULL);
                out->dims[d] = 1;
        }
        return 0;
}

static int infer_normalize(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                           hedge_why_t *why)
{
        if (op->normalize.axes >> in[0].rank)
                return shape_error(why, "an axis is past the rank", &in[0], NULL);
        if (!isfinite(op->normalize.epsilon) || op->normalize.epsilon < 0)
                return hedge_why(why, -EINVAL, "epsilon is negative or not a number");
        return infer_unary(op, in, n_in, out, why);
}

static int infer_reshape(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                         hedge_why_t *why)
{
        const hedge_shape_t *shape = &op->shape.out;

        if (hedge_shape_check(shape, MAX_ELEMENTS) < 0)
                return hedge_why(why, HEDGE_ELIMIT, "a shape of rank %u that is too large", shape->rank);
        if (hedge_shape_elements(shape) != hedge_shape_elements(&in[0]))
                return shape_error(why, "different numbers of elements", &in[0], shape);
        set_shape(out, shape);
        return 0;
}

static int infer_expand(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out,
                        hedge_why_t *why)
{
        const hedge_shape_t *shape = &op->shape.out;

        if (hedge_shape_check(shape, MAX_ELEMENTS) < 0)
                return hedge_why(why, HEDGE_ELIMIT, "a shape of rank %u that is too large", shape->rank);
        if (shape->rank < in[0].rank)
                return shape_error(why, "a tensor cannot lose axes", &in[0], shape);
        for (uint32_t i = 0; i < in[0].rank; i++) {
                uint32_t from = in[0].dims[in[0].rank - 1 - i];

                if (from != 1 && from != shape->dims[shape->rank - 1 - i])
                        return shape_error(why, "a shape that the tensor does not broadcast to", &in[0], shape);
        }
        set_shape(out, shape);
        return 0;
}

static const struct {
        const char *name;
        unsigned min_in, max_in;
        bool fuses; /* takes an activation */
        infer_fn *infer;
} kinds[HEDGE_OP_KINDS] = {
        [HEDGE_OP_CONV] = { "Conv", 2, 3, true, infer_conv },
        [HEDGE_OP_MAX_POOL] = { "MaxPool", 1, 1, false, infer_pool },
        [HEDGE_OP_AVERAGE_POOL] = { "AveragePool", 1, 1, false, infer_pool },
        [HEDGE_OP_GLOBAL_AVERAGE_POOL] = { "GlobalAveragePool", 1, 1, false, infer_global_pool },
        [HEDGE_OP_GLOBAL_MAX_POOL] = { "GlobalMaxPool", 1, 1, false, infer_global_pool },
        [HEDGE_OP_FULLY_CONNECTED] = { "FullyConnected", 2, 3, true, infer_fully_connected },
        [HEDGE_OP_MATMUL] = { "MatMul", 2, 2, false, infer_matmul },
        [HEDGE_OP_ADD] = { "Add", 2, 2, true, infer_binary },
        [HEDGE_OP_SUB] = { "Sub", 2, 2, false, infer_binary },
        [HEDGE_OP_MUL] = { "Mul", 2, 2, true, infer_binary },
        [HEDGE_OP_DIV] = { "Div", 2, 2, false, infer_binary },
        [HEDGE_OP_MAX] = { "Max", 2, 2, false, infer_binary },
        [HEDGE_OP_MIN] = { "Min", 2, 2, false, infer_binary },
        [HEDGE_OP_POW] = { "Pow", 2, 2, false, infer_binary },
        [HEDGE_OP_PRELU] = { "PRelu", 2, 2, false, infer_binary },
        [HEDGE_OP_QUANTIZE] = { "Quantize", 2, 3, false, infer_quantize },
        [HEDGE_OP_CLAMP] = { "Clamp", 1, 1, true, infer_clamp },
        [HEDGE_OP_LEAKY_RELU] = { "LeakyRelu", 1, 1, true, infer_clamp },
        [HEDGE_OP_UNARY] = { "Function", 1, 1, false, infer_function },
        [HEDGE_OP_TO_INTEGER] = { "ToInteger", 1, 1, false, infer_to_integer },
        [HEDGE_OP_SOFTMAX] = { "Softmax", 1, 1, false, infer_softmax },
        [HEDGE_OP_LOG_SOFTMAX] = { "LogSoftmax", 1, 1, false, infer_softmax },
        [HEDGE_OP_CONCAT] = { "Concat", 1, MAX_INPUTS, false, infer_concat },
        [HEDGE_OP_PAD] = { "Pad", 1, 1, false, infer_pad },
        [HEDGE_OP_RESIZE] = { "Resize", 1, 1, false, infer_resize },
        [HEDGE_OP_LRN] = { "LRN", 1, 1, false, infer_lrn },
        [HEDGE_OP_TRANSPOSE] = { "Transpose", 1, 1, false, infer_transpose },
        [HEDGE_OP_SLICE] = { "Slice", 1, 1, false, infer_slice },
        [HEDGE_OP_REDUCE] = { "Reduce", 1, 1, false, infer_reduce },
        [HEDGE_OP_NORMALIZE] = { "Normalize", 1, 1, false, infer_normalize },
        [HEDGE_OP_RESHAPE] = { "Reshape", 1, 1, false, infer_reshape },
        [HEDGE_OP_EXPAND] = { "Expand", 1, 1, false, infer_expand },
        [HEDGE_OP_EQUAL] = { "Equal", 2, 2, false, infer_binary },
        [HEDGE_OP_LESS] = { "Less", 2, 2, false, infer_binary },
        [HEDGE_OP_LESS_EQUAL] = { "LessOrEqual", 2, 2, false, infer_binary },
        [HEDGE_OP_AND] = { "And", 2, 2, false, infer_binary },
        [HEDGE_OP_OR] = { "Or", 2, 2, false, infer_binary },
        [HEDGE_OP_XOR] = { "Xor", 2, 2, false, infer_binary },
        [HEDGE_OP_MODULO] = { "Mod", 2, 2, false, infer_binary },
        [HEDGE_OP_FMOD] = { "FMod", 2, 2, false, infer_binary },
        [HEDGE_OP_SHIFT_LEFT] = { "ShiftLeft", 2, 2, false, infer_shift },
        [HEDGE_OP_SHIFT_RIGHT] = { "ShiftRight", 2, 2, false, infer_shift },
        [HEDGE_OP_WHERE] = { "Where", 3, 3, false, infer_where },
        [HEDGE_OP_NOT] = { "Not", 1, 1, false, infer_unary },
        [HEDGE_OP_TO_BOOL] = { "ToBool", 1, 1, false, infer_unary },
        [HEDGE_OP_IS_NAN] = { "IsNaN", 1, 1, false, infer_unary },
        [HEDGE_OP_IS_INF] = { "IsInf", 1, 1, false, infer_unary },
        [HEDGE_OP_ARG_MAX] = { "ArgMax", 1, 1, false, hedge_op_infer_arg },
        [HEDGE_OP_ARG_MIN] = { "ArgMin", 1, 1, false, hedge_op_infer_arg },
        [HEDGE_OP_TOP] = { "TopK", 1, 1, false, hedge_op_infer_top },
        [HEDGE_OP_GATHER] = { "Gather", 2, 2, false, hedge_op_infer_gather },
        [HEDGE_OP_GATHER_ELEMENTS] = { "GatherElements", 2, 2, false, hedge_op_infer_gather_elements },
        [HEDGE_OP_GATHER_ND] = { "GatherND", 2, 2, false, hedge_op_infer_gather_nd },
        [HEDGE_OP_SCATTER_ELEMENTS] = { "ScatterElements", 3, 3, false, hedge_op_infer_scatter_elements },
        [HEDGE_OP_SCATTER_ND] = { "ScatterND", 3, 3, false, hedge_op_infer_scatter_nd },
        [HEDGE_OP_ONE_HOT] = { "OneHot", 2, 2, false, hedge_op_infer_one_hot },
        [HEDGE_OP_CUM_SUM] = { "CumSum", 1, 1, false, hedge_op_infer_cum_sum },
        [HEDGE_OP_TRILU] = { "Trilu", 1, 1, false, hedge_op_infer_trilu },
        [HEDGE_OP_TILE] = { "Tile", 1, 1, false, hedge_op_infer_tile },
        [HEDGE_OP_MARK_ROWS] = { "Rows", 2, 2, false, hedge_op_infer_mark_rows },
        [HEDGE_OP_NMS] = { "NonMaxSuppression", 2, 2, false, hedge_op_infer_nms },
        [HEDGE_OP_MAX_POOL_INDICES] = { "MaxPoolIndices", 1, 1, false, infer_pool_indices },
        [HEDGE_OP_GRID_SAMPLE] = { "GridSample", 2, 2, false, hedge_op_infer_grid_sample },
};

const char *hedge_op_name(hedge_op_kind_t kind)
{
        return (unsigned)kind < HEDGE_OP_KINDS ? kinds[kind].name : "unknown operator";
}

const char *hedge_op_title(const hedge_op_t *op)
{
        if (op->kind == HEDGE_OP_UNARY && (unsigned)op->unary.kind < HEDGE_UNARY_KINDS)
                return hedge_unary_about(op->unary.kind)->name;
        return hedge_op_name(op->kind);
}

static int check_activation(const hedge_op_t *op, hedge_why_t *why)
{
        const hedge_activation_t *a = &op->activation;

        if (a->kind == HEDGE_ACT_NONE)
                return 0;
        if ((unsigned)a->kind > HEDGE_ACT_LEAKY_RELU || !kinds[op->kind].fuses)
                return hedge_why(why, -EINVAL, "an activation that cannot be fused here");
        if (isnan(a->lo) || (a->kind == HEDGE_ACT_CLAMP && isnan(a->hi)))
                return hedge_why(why, -EINVAL, "an activation's bound is not a number");
        return 0;
}

static int infer(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *out, hedge_why_t *why)
{
        int r;

        if (n_in < kinds[op->kind].min_in || n_in > kinds[op->kind].max_in)
                return hedge_why(why, -EINVAL, "%u inputs are given", n_in);
        for (unsigned i = 0; i < n_in; i++)
                if (hedge_shape_check(&in[i], MAX_ELEMENTS) < 0)
                        return hedge_why(why, HEDGE_ELIMIT, "input %u is too large", i);
        r = check_activation(op, why);
        if (r < 0)
                return r;
        r = kinds[op->kind].infer(op, in, n_in, out, why);
        if (r < 0)
                return r;
        if (hedge_shape_check(out, MAX_ELEMENTS) < 0)
                return hedge_why(why, HEDGE_ELIMIT, "the output is too large");
        return 0;
}

int hedge_op_infer(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *ret_out,
                   hedge_why_t *why)
{
        hedge_shape_t out = { 0 };
        hedge_why_t detail = { { 0 } };
        int r;

        if ((unsigned)op->kind >= HEDGE_OP_KINDS)
                return hedge_why(why, -EINVAL, "operator kind %u is unknown", (unsigned)op->kind);
        r = infer(op, in, n_in, &out, &detail);
        if (r < 0)
                return hedge_why(why, r, "%s: %s", hedge_op_title(op), detail.text);
        *ret_out = out;
        return 0;
}

uint64_t hedge_op_work(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in)
{
        hedge_shape_t out;
        uint64_t n;

        if (hedge_op_infer(op, in, n_in, &out, NULL) < 0)
                return 0;
        n = hedge_shape_elements(&out);
        switch (op->kind) {
        case HEDGE_OP_CONV:
                return in[0].dims[0] * hedge_conv_macs(&op->conv);
        case HEDGE_OP_FULLY_CONNECTED:
                return n * in[0].dims[1];
        case HEDGE_OP_MATMUL:
                return n * in[0].dims[in[0].rank - 1];
        default:
                return n;
        }
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_OP_H
#define HEDGE_OP_H

#include <stdbool.h>

#include "common/conv.h"
#include "common/err.h"
#include "common/tensor.h"
#include "common/unary.h"

/** An operator: its kind and its attributes, nothing about how it is computed.
 *
 * Axes, permutations and pads speak of the tensors as they lie in memory. The spatial operators (convolution,
 * pools, resize, LRN) take N x H x W x C. Every operator has one output. */
typedef enum hedge_op_kind {
        HEDGE_OP_CONV,                /**< (x, filter OHWI, bias out_c or none) -> N x out_h x out_w x out_c */
        HEDGE_OP_MAX_POOL,            /**< (x); padding never wins */
        HEDGE_OP_AVERAGE_POOL,        /**< (x) */
        HEDGE_OP_GLOBAL_AVERAGE_POOL, /**< (x) -> N x 1 x 1 x C */
        HEDGE_OP_GLOBAL_MAX_POOL,     /**< (x) -> N x 1 x 1 x C */
        HEDGE_OP_FULLY_CONNECTED,     /**< (x M x K, weight N x K, bias N or none) -> M x N */
        HEDGE_OP_MATMUL,              /**< (a ... x M x K, b ... x K x N), leading extents broadcast */
        HEDGE_OP_ADD, /**< (a, b): ADD..PRELU broadcast as NumPy does, ADD..TO_INTEGER are element-wise */
        HEDGE_OP_SUB,
        HEDGE_OP_MUL,
        HEDGE_OP_DIV,
        HEDGE_OP_MAX, /**< (a, b): what is not a number wins */
        HEDGE_OP_MIN,
        HEDGE_OP_POW,
        HEDGE_OP_PRELU,      /**< (x, slope): x < 0 ? slope * x : x */
        HEDGE_OP_QUANTIZE,   /**< (x, scale, zero or none), scale and zero of one shape that broadcasts to x's */
        HEDGE_OP_CLAMP,      /**< (x): activation.lo, activation.hi; relu is a clamp */
        HEDGE_OP_LEAKY_RELU, /**< (x): activation.lo is the slope */
        HEDGE_OP_UNARY,      /**< (x): all other functions of one element, unary.kind */
        HEDGE_OP_TO_INTEGER, /**< (x): to whole numbers within to_integer.lo .. hi */
        HEDGE_OP_SOFTMAX,    /**< (x) over one axis */
        HEDGE_OP_LOG_SOFTMAX,
        HEDGE_OP_CONCAT,    /**< (a, b, ...) along one axis */
        HEDGE_OP_PAD,       /**< (x); negative pads crop */
        HEDGE_OP_RESIZE,    /**< (x) N x H x W x C -> N x out_h x out_w x C */
        HEDGE_OP_LRN,       /**< (x), across channels */
        HEDGE_OP_TRANSPOSE, /**< (x): output axis i is input axis perm[i]; also every layout conversion */
        HEDGE_OP_SLICE,     /**< (x): start, step (may be negative) and out shape, per axis */
        HEDGE_OP_REDUCE,    /**< (x) over the axes of a bit mask; reduced extents become 1 */
        HEDGE_OP_NORMALIZE, /**< (x): x - mean over the root of variance + epsilon, over the axes of a bit mask */
        HEDGE_OP_RESHAPE,   /**< (x): the same elements under another shape */
        HEDGE_OP_EXPAND,    /**< (x): broadcast to the given shape */
        HEDGE_OP_EQUAL,     /**< (a, b): 0 or 1; EQUAL..SHIFT_RIGHT broadcast as NumPy does */
        HEDGE_OP_LESS,
        HEDGE_OP_LESS_EQUAL,
        HEDGE_OP_AND,
        HEDGE_OP_OR,
        HEDGE_OP_XOR,
        HEDGE_OP_MODULO,           /**< (a, b): the remainder with b's sign */
        HEDGE_OP_FMOD,             /**< (a, b): the remainder with a's sign */
        HEDGE_OP_SHIFT_LEFT,       /**< (a, b), of shift.bits; what does not fit is lost */
        HEDGE_OP_SHIFT_RIGHT,      /**< (a, b) */
        HEDGE_OP_WHERE,            /**< (condition, a, b): condition != 0 ? a : b; the three broadcast */
        HEDGE_OP_NOT,              /**< (x): x == 0 */
        HEDGE_OP_TO_BOOL,          /**< (x): x != 0 */
        HEDGE_OP_IS_NAN,           /**< (x) */
        HEDGE_OP_IS_INF,           /**< (x) */
        HEDGE_OP_ARG_MAX,          /**< (x): the index of the largest along an axis, whose extent becomes 1 */
        HEDGE_OP_ARG_MIN,          /**< (x) */
        HEDGE_OP_TOP,              /**< (x): the indices of the k largest or smallest along an axis, in order */
        HEDGE_OP_GATHER,           /**< (x, indices): axis.axis is replaced by the indices' axes; HEDGE_ERANGE */
        HEDGE_OP_GATHER_ELEMENTS,  /**< (x, indices) along axis.axis -> as indices; HEDGE_ERANGE */
        HEDGE_OP_GATHER_ND,        /**< (x, tuples): axis.axis axes are batches of both; HEDGE_ERANGE */
        HEDGE_OP_SCATTER_ELEMENTS, /**< (x, indices, updates): x with the updates, in order; HEDGE_ERANGE */
        HEDGE_OP_SCATTER_ND,       /**< (x, tuples, updates); HEDGE_ERANGE */
        HEDGE_OP_ONE_HOT,          /**< (indices, (off, on)): a new axis */
        HEDGE_OP_CUM_SUM,          /**< (x): sums of what is before, along an axis */
        HEDGE_OP_TRILU,            /**< (x): the triangle above or below a diagonal of the last two axes; else 0 */
        HEDGE_OP_TILE,             /**< (x): repeated along its axes up to shape.out */
        HEDGE_OP_NMS,              /**< (boxes B x N x 4, scores B x C x N) -> rows (batch, class, box), see nms */
        HEDGE_OP_GRID_SAMPLE, /**< (x N x [D x] H x W x C, grid N x [d x] h x w x (2 or 3)) -> N x [d x] h x w x C */
        HEDGE_OP_MARK_ROWS, /**< (x, rows N x 3): x; where a row of `rows` begins with -1, x's begins with HEDGE_NO_ROW */
        HEDGE_OP_MAX_POOL_INDICES, /**< (x): of each maximum, its place in N x C x H x W; see indices */
        HEDGE_OP_KINDS
} hedge_op_kind_t;

/** Window of a pool. Padding counts as output positions; rounding up (ceil mode) is already in pad_bottom/right.
 * An average divides by the elements inside the input, or, with count_pad, also by the padding counted there:
 * count_bottom/right say how much of the bottom/right padding counts (ceil mode's overhang does not). */
typedef struct hedge_pool {
        uint32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w;
        uint32_t pad_top, pad_left, pad_bottom, pad_right;
        bool count_pad;
        uint32_t count_bottom, count_right;
} hedge_pool_t;

typedef enum hedge_pad_mode { HEDGE_PAD_CONSTANT, HEDGE_PAD_REFLECT, HEDGE_PAD_EDGE, HEDGE_PAD_WRAP } hedge_pad_mode_t;

typedef enum hedge_resize_mode { HEDGE_RESIZE_NEAREST, HEDGE_RESIZE_LINEAR, HEDGE_RESIZE_CUBIC } hedge_resize_mode_t;

/** How an output coordinate maps to an input coordinate; names as in ONNX Resize. */
typedef enum hedge_resize_coord {
        HEDGE_COORD_HALF_PIXEL,
        HEDGE_COORD_PYTORCH_HALF_PIXEL,
        HEDGE_COORD_ALIGN_CORNERS,
        HEDGE_COORD_ASYMMETRIC,
        HEDGE_COORD_TF_HALF_PIXEL_FOR_NN,
        HEDGE_COORD_TF_CROP_AND_RESIZE,
        HEDGE_COORD_HALF_PIXEL_SYMMETRIC,
} hedge_resize_coord_t;

typedef enum hedge_resize_nearest {
        HEDGE_NEAREST_ROUND_PREFER_FLOOR,
        HEDGE_NEAREST_ROUND_PREFER_CEIL,
        HEDGE_NEAREST_FLOOR,
        HEDGE_NEAREST_CEIL,
} hedge_resize_nearest_t;

/** One axis of a window of a larger resize: the extents of the whole one, and where in it the window's input and output begin.
 * What the output reads has to be in the input: what is not is taken from its border. */
typedef struct hedge_resize_part {
        uint32_t whole_in, whole_out; /**< 0: the operator is the whole one */
        uint32_t in_first, out_first;
} hedge_resize_part_t;

typedef struct hedge_resize {
        hedge_resize_mode_t mode;
        hedge_resize_coord_t coord;
        hedge_resize_nearest_t nearest;
        uint32_t out_h, out_w;
        float scale_h, scale_w; /**< output / input, as the model states it */
        float cubic_a;          /**< -0.75 unless the model says otherwise */
        bool exclude_outside;
        float roi_top, roi_left, roi_bottom, roi_right; /**< for TF_CROP_AND_RESIZE, in 0..1 */
        float outside;                                  /**< value outside the input, for TF_CROP_AND_RESIZE */
        bool antialias; /**< LINEAR, CUBIC: where the image shrinks, the weights reach as far as a pixel of the output */
        hedge_resize_part_t part_h,
                part_w; /**< what it is a window of; scales and region of interest are the whole one's */
} hedge_resize_t;

/** What is not whole. */
typedef enum hedge_rounding {
        HEDGE_ROUND_TRUNCATE,  /**< towards 0 */
        HEDGE_ROUND_HALF_EVEN, /**< to the nearest, the even one of two */
        HEDGE_ROUND_REFUSE,    /**< the run fails with HEDGE_ERANGE */
} hedge_rounding_t;

/** What is whole and lies outside the range. */
typedef enum hedge_overflow {
        HEDGE_OVERFLOW_SATURATE, /**< becomes the nearest bound */
        HEDGE_OVERFLOW_WRAP,     /**< modulo hi - lo + 1, as C's unsigned integers do */
        HEDGE_OVERFLOW_REFUSE,   /**< the run fails with HEDGE_ERANGE */
} hedge_overflow_t;

/** To whole numbers lo .. hi, which are whole and within +-HEDGE_EXACT (common/element.h). What is not a number becomes 0 where the overflow
 * saturates or wraps (ONNX leaves it open), and is refused else. */
typedef struct hedge_to_integer {
        hedge_rounding_t rounding;
        hedge_overflow_t overflow;
        float lo, hi;
} hedge_to_integer_t;

/** The bits of what marks a row that is not there: a NaN that no computation gives. */
#define HEDGE_NO_ROW UINT32_C(0x7fe0dead)

/** What an update does to the element that is there. */
typedef enum hedge_scatter {
        HEDGE_SCATTER_SET,
        HEDGE_SCATTER_ADD,
        HEDGE_SCATTER_MUL,
        HEDGE_SCATTER_MAX,
        HEDGE_SCATTER_MIN,
} hedge_scatter_t;

/** What becomes of many elements. */
typedef enum hedge_reduce_kind {
        HEDGE_REDUCE_L1,
        HEDGE_REDUCE_L2,
        HEDGE_REDUCE_LOG_SUM,
        HEDGE_REDUCE_LOG_SUM_EXP,
        HEDGE_REDUCE_MAX, /**< what is not a number wins */
        HEDGE_REDUCE_MEAN,
        HEDGE_REDUCE_MIN,
        HEDGE_REDUCE_PROD,
        HEDGE_REDUCE_SUM,
        HEDGE_REDUCE_SUM_SQUARE,
        HEDGE_REDUCE_KINDS
} hedge_reduce_kind_t;

typedef struct hedge_reduce {
        hedge_reduce_kind_t kind;
        uint32_t axes; /**< a bit each */
} hedge_reduce_t;
/** What lies outside an image that a grid samples. */
typedef enum hedge_grid_outside { HEDGE_GRID_ZEROS, HEDGE_GRID_BORDER, HEDGE_GRID_REFLECTION } hedge_grid_outside_t;

/** A grid holds places as x, y (, z), from -1 to 1: from the middle of the first element to that of the last where corners are
 * aligned, else from the edge of the one to that of the other. What is not a number samples not a number. */
typedef struct hedge_grid {
        hedge_resize_mode_t mode; /**< cubic: a of -0.75 */
        hedge_grid_outside_t outside;
        bool align_corners;
} hedge_grid_t;

/** What a quantisation gives. */
typedef enum hedge_quantized {
        HEDGE_QUANTIZED_CODE,    /**< the integer q itself */
        HEDGE_QUANTIZED_CENTRED, /**< q - zero */
        HEDGE_QUANTIZED_REAL,    /**< (q - zero) * scale: x as q can say it */
} hedge_quantized_t;

/** q = the whole number nearest to x / scale (the even one of two) + zero, brought into lo .. hi, which are whole and within
 * +-65535. 0 / 0 counts as 0, and so does what is not a number. */
typedef struct hedge_quantize {
        float lo, hi;
        hedge_quantized_t result;
        bool multiplies; /**< x * scale in place of x / scale; not with HEDGE_QUANTIZED_REAL */
        bool whole;      /**< x is a whole number that may have errors below 1/2: they are taken away first */
} hedge_quantize_t;

typedef struct hedge_op {
        hedge_op_kind_t kind;
        hedge_activation_t
                activation; /**< fused behind CONV, FULLY_CONNECTED, ADD, MUL; the op itself for CLAMP, LEAKY_RELU */
        bool exact; /**< CONV, FULLY_CONNECTED: of whole numbers, whose sums below HEDGE_EXACT are exact; never by Winograd */
        union {
                hedge_conv_t conv;
                hedge_pool_t pool;
                struct {
                        hedge_pool_t pool; /**< is op.pool */
                        bool by_columns; /**< the places of a plane are counted down its columns, not along its rows */
                } indices;               /**< MAX_POOL_INDICES */
                hedge_unary_t unary;
                hedge_to_integer_t to_integer;
                hedge_quantize_t quantize;
                struct {
                        uint32_t axis;
                } axis; /**< SOFTMAX, LOG_SOFTMAX, CONCAT, GATHER, GATHER_ELEMENTS, GATHER_ND */
                struct {
                        hedge_pad_mode_t mode;
                        float value;
                        int32_t before[HEDGE_MAX_RANK], after[HEDGE_MAX_RANK];
                } pad;
                hedge_resize_t resize;
                hedge_grid_t grid;
                struct {
                        uint32_t size;
                        float alpha, beta, bias;
                } lrn;
                struct {
                        uint32_t perm[HEDGE_MAX_RANK];
                } transpose;
                struct {
                        int64_t start[HEDGE_MAX_RANK], step[HEDGE_MAX_RANK];
                        hedge_shape_t out;
                } slice;
                hedge_reduce_t reduce;
                struct {
                        uint32_t axes;
                        float epsilon;
                        bool centred; /**< false: the mean counts as 0 (RMS normalisation) */
                } normalize;
                struct {
                        hedge_shape_t out;
                } shape; /**< RESHAPE, EXPAND, TILE */
                struct {
                        uint32_t bits; /**< of the type */
                } shift;
                struct {
                        bool positive, negative; /**< which infinities are meant */
                } infinite;
                struct {
                        uint32_t axis;
                        bool last; /**< of equals, the last one */
                } arg;
                struct {
                        uint32_t axis, k;
                        bool smallest;
                } top;
                struct {
                        uint32_t axis; /**< of SCATTER_ELEMENTS */
                        hedge_scatter_t how;
                } scatter;
                struct {
                        uint32_t axis, depth;
                } one_hot;
                struct {
                        uint32_t axis;
                        bool exclusive, reverse;
                } cum_sum;
                struct {
                        int64_t diagonal; /**< 0: the main one; above it: positive */
                        bool upper;
                } trilu;
                struct {
                        uint32_t max; /**< boxes of each class of each batch */
                        float overlap, score;
                        bool any_score; /**< else only above `score` */
                        bool center;    /**< boxes are x, y, width, height, else two corners as y, x */
                } nms;                  /**< its output has room for B * C * max rows; those that stay empty are -1 */
        };
} hedge_op_t;

/** "Conv", "MaxPool", ...: the kind's name, for people. */
const char *hedge_op_name(hedge_op_kind_t kind);

/** The same of an operator; of a function of one element its own name: "Mish". */
const char *hedge_op_title(const hedge_op_t *op);

/** Check an operator against its inputs' shapes and say the output's.
 *
 * All that a kernel relies on is checked here (ranks, extents, attributes, sizes below HEDGE_MAX_ELEMENTS), so that
 * nothing from a model file reaches a kernel unchecked.
 * @param in   Shapes of the inputs; a missing bias is simply not counted in n_in.
 * @param why  May be NULL.
 * @return 0, HEDGE_ESHAPE, HEDGE_ELIMIT, -EINVAL. */
int hedge_op_infer(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in, hedge_shape_t *ret_out,
                   hedge_why_t *why);

/** Multiply-accumulates (CONV, FULLY_CONNECTED, MATMUL) or output elements (all others). */
uint64_t hedge_op_work(const hedge_op_t *op, const hedge_shape_t *in, unsigned n_in);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/pack_table.h"

#include <string.h>

#include "common/model/pack.h"
#include "common/record/table.h"

/* An attribute: `m` of op.`u`, by that name. */
#define OF(u, m)        .key = #m, .offset = offsetof(hedge_node_t, op.u.m), .size = SIZE(hedge_node_t, op.u.m)
#define ANY(u, m)       OF(u, m), .kind = HEDGE_FIELD_U32, .max = ANY32
#define WAY(u, m, last) OF(u, m), .kind = HEDGE_FIELD_U32, .max = last /* of an enumeration */
#define FLAG(u, m)      OF(u, m), .kind = HEDGE_FIELD_BOOL
#define REAL(u, m)      OF(u, m), .kind = HEDGE_FIELD_F32
#define EXTENTS(u, m)   OF(u, m), .kind = HEDGE_FIELD_SHAPE
#define PER_AXIS(u, m)                                                                              \
        .key = #m, .offset = offsetof(hedge_node_t, op.u.m), .size = SIZE(hedge_node_t, op.u.m[0]), \
        .many = HEDGE_FIELD_FIXED, .count_max = HEDGE_MAX_RANK

_Static_assert(sizeof(hedge_resize_mode_t) == sizeof(uint32_t), "enumerations are packed as numbers of 32 bits");

static const hedge_field_t value_fields[] = {
        { TEXT(hedge_pack_value_t, name) },
        { AT(hedge_pack_value_t, shape), .kind = HEDGE_FIELD_SHAPE, REQUIRED },
        { U32(hedge_pack_value_t, element, 0, HEDGE_ELEMENT_BFLOAT16) },
        { BOOL(hedge_pack_value_t, marked) },
        { BOOL(hedge_pack_value_t, constant) },
        { U32(hedge_pack_value_t, narrow_rows, 0, ANY32) },
        { BOOL(hedge_pack_value_t, narrow_signed) },
};
static const hedge_record_t value = RECORD_OF("value", value_fields);

static const hedge_field_t program_fields[] = {
        { U32(hedge_pack_program_t, version, 0, ANY32), REQUIRED },
        { LIST(hedge_pack_program_t, values, n_values, 1, HEDGE_PACK_VALUES), RECORD(value), REQUIRED },
        { LIST(hedge_pack_program_t, inputs, n_inputs, 0, HEDGE_PACK_EDGES), .kind = HEDGE_FIELD_U32,
          .max = HEDGE_PACK_VALUES - 1 },
        { LIST(hedge_pack_program_t, outputs, n_outputs, 1, HEDGE_PACK_EDGES), .kind = HEDGE_FIELD_U32,
          .max = HEDGE_PACK_VALUES - 1, REQUIRED },
};
const hedge_record_t hedge_pack_program = RECORD_OF("graph", program_fields);

/* What every node has. */
#define NODE                                                                                                \
        { TEXT(hedge_node_t, name), REQUIRED },                                                             \
                { LIST(hedge_node_t, inputs, n_inputs, 1, HEDGE_PACK_NODE_INPUTS), .kind = HEDGE_FIELD_U32, \
                  .max = HEDGE_PACK_VALUES - 1, REQUIRED },                                                 \
        {                                                                                                   \
                U32(hedge_node_t, output, 0, HEDGE_PACK_VALUES - 1), REQUIRED                               \
        }

/* What follows an operator, or is the operator itself. */
#define FUSED                                                                                                 \
        { .key = "fused",                                                                                     \
          .offset = offsetof(hedge_node_t, op.activation.kind),                                               \
          .size = sizeof(hedge_activation_kind_t),                                                            \
          .kind = HEDGE_FIELD_U32,                                                                            \
          .max = HEDGE_ACT_LEAKY_RELU },                                                                      \
                { .key = "fused_lo",                                                                          \
                  .offset = offsetof(hedge_node_t, op.activation.lo),                                         \
                  .size = sizeof(float),                                                                      \
                  .kind = HEDGE_FIELD_F32 },                                                                  \
        {                                                                                                     \
                .key = "fused_hi", .offset = offsetof(hedge_node_t, op.activation.hi), .size = sizeof(float), \
                .kind = HEDGE_FIELD_F32                                                                       \
        }

#define EXACT                                                                                     \
        {                                                                                         \
                .key = "exact", .offset = offsetof(hedge_node_t, op.exact), .size = sizeof(bool), \
                .kind = HEDGE_FIELD_BOOL                                                          \
        }

/* Whose window it is: op.pool, or a part of op.indices. */
#define WINDOW(u)                                                                                                   \
        { ANY(u, kernel_h), REQUIRED }, { ANY(u, kernel_w), REQUIRED }, { ANY(u, stride_h), REQUIRED },             \
                { ANY(u, stride_w), REQUIRED }, { ANY(u, dilation_h), REQUIRED }, { ANY(u, dilation_w), REQUIRED }, \
                { ANY(u, pad_top) }, { ANY(u, pad_left) }, { ANY(u, pad_bottom) }, { ANY(u, pad_right) },           \
                { FLAG(u, count_pad) }, { ANY(u, count_bottom) },                                                   \
        {                                                                                                           \
                ANY(u, count_right)                                                                                 \
        }

static const hedge_field_t plain[] = { NODE };
static const hedge_field_t fused[] = { NODE, FUSED };
static const hedge_field_t conv[] = {
        NODE,
        FUSED,
        EXACT,
        { .key = "conv",
          .offset = offsetof(hedge_node_t, op.conv),
          .size = sizeof(hedge_conv_t),
          .kind = HEDGE_FIELD_CONV,
          REQUIRED },
};
static const hedge_field_t fully_connected[] = { NODE, FUSED, EXACT };
static const hedge_field_t pool[] = { NODE, WINDOW(pool) };
static const hedge_field_t indices[] = { NODE, WINDOW(indices.pool), { FLAG(indices, by_columns) } };
static const hedge_field_t function[] = {
        NODE,
        { WAY(unary, kind, HEDGE_UNARY_KINDS - 1) },
        { REAL(unary, alpha) },
        { REAL(unary, beta) },
};
static const hedge_field_t to_integer[] = {
        NODE,
        { WAY(to_integer, rounding, HEDGE_ROUND_REFUSE) },
        { WAY(to_integer, overflow, HEDGE_OVERFLOW_REFUSE) },
        { REAL(to_integer, lo) },
        { REAL(to_integer, hi) },
};
static const hedge_field_t quantize[] = {
        NODE,
        { REAL(quantize, lo) },
        { REAL(quantize, hi) },
        { WAY(quantize, result, HEDGE_QUANTIZED_REAL) },
        { FLAG(quantize, multiplies) },
        { FLAG(quantize, whole) },
};
static const hedge_field_t axis[] = { NODE, { ANY(axis, axis) } };
static const hedge_field_t pad[] = {
        NODE,
        { WAY(pad, mode, HEDGE_PAD_WRAP) },
        { REAL(pad, value) },
        { PER_AXIS(pad, before), .kind = HEDGE_FIELD_I32, .low = INT32_MIN, .high = INT32_MAX },
        { PER_AXIS(pad, after), .kind = HEDGE_FIELD_I32, .low = INT32_MIN, .high = INT32_MAX },
};
#define PART(m)                                                                                 \
        { ANY(resize, m.whole_in) }, { ANY(resize, m.whole_out) }, { ANY(resize, m.in_first) }, \
        {                                                                                       \
                ANY(resize, m.out_first)                                                        \
        }

static const hedge_field_t resize[] = {
        NODE,
        { WAY(resize, mode, HEDGE_RESIZE_CUBIC) },
        { WAY(resize, coord, HEDGE_COORD_HALF_PIXEL_SYMMETRIC) },
        { WAY(resize, nearest, HEDGE_NEAREST_CEIL) },
        { ANY(resize, out_h) },
        { ANY(resize, out_w) },
        { REAL(resize, scale_h) },
        { REAL(resize, scale_w) },
        { REAL(resize, cubic_a) },
        { FLAG(resize, exclude_outside) },
        { REAL(resize, roi_top) },
        { REAL(resize, roi_left) },
        { REAL(resize, roi_bottom) },
        { REAL(resize, roi_right) },
        { REAL(resize, outside) },
        { FLAG(resize, antialias) },
        PART(part_h),
        PART(part_w),
};
static const hedge_field_t grid[] = {
        NODE,
        { WAY(grid, mode, HEDGE_RESIZE_CUBIC) },
        { WAY(grid, outside, HEDGE_GRID_REFLECTION) },
        { FLAG(grid, align_corners) },
};
static const hedge_field_t lrn[] = {
        NODE, { ANY(lrn, size) }, { REAL(lrn, alpha) }, { REAL(lrn, beta) }, { REAL(lrn, bias) }
};
static const hedge_field_t transpose[] = {
        NODE,
        { PER_AXIS(transpose, perm), .kind = HEDGE_FIELD_U32, .max = HEDGE_MAX_RANK - 1 },
};
static const hedge_field_t slice[] = {
        NODE,
        { PER_AXIS(slice, start), .kind = HEDGE_FIELD_I64 },
        { PER_AXIS(slice, step), .kind = HEDGE_FIELD_I64 },
        { EXTENTS(slice, out) },
};
static const hedge_field_t reduce[] = { NODE, { WAY(reduce, kind, HEDGE_REDUCE_KINDS - 1) }, { ANY(reduce, axes) } };
static const hedge_field_t normalize[] = {
        NODE,
        { ANY(normalize, axes) },
        { REAL(normalize, epsilon) },
        { FLAG(normalize, centred) },
};
static const hedge_field_t shape[] = { NODE, { EXTENTS(shape, out) } };
static const hedge_field_t shift[] = { NODE, { ANY(shift, bits) } };
static const hedge_field_t infinite[] = { NODE, { FLAG(infinite, positive) }, { FLAG(infinite, negative) } };
static const hedge_field_t arg[] = { NODE, { ANY(arg, axis) }, { FLAG(arg, last) } };
static const hedge_field_t top[] = { NODE, { ANY(top, axis) }, { ANY(top, k) }, { FLAG(top, smallest) } };
static const hedge_field_t scatter[] = { NODE, { ANY(scatter, axis) }, { WAY(scatter, how, HEDGE_SCATTER_MIN) } };
static const hedge_field_t one_hot[] = { NODE, { ANY(one_hot, axis) }, { ANY(one_hot, depth) } };
static const hedge_field_t cum_sum[] = {
        NODE,
        { ANY(cum_sum, axis) },
        { FLAG(cum_sum, exclusive) },
        { FLAG(cum_sum, reverse) },
};
static const hedge_field_t trilu[] = { NODE, { OF(trilu, diagonal), .kind = HEDGE_FIELD_I64 }, { FLAG(trilu, upper) } };
static const hedge_field_t nms[] = {
        NODE,
        { ANY(nms, max) },
        { REAL(nms, overlap) },
        { REAL(nms, score) },
        { FLAG(nms, any_score) },
        { FLAG(nms, center) },
};

#define KIND(op, list) [HEDGE_OP_##op] = { .fields = list, .n_fields = sizeof(list) / sizeof(list[0]) }

static const hedge_record_t kinds[HEDGE_OP_KINDS] = {
        KIND(CONV, conv),
        KIND(MAX_POOL, pool),
        KIND(AVERAGE_POOL, pool),
        KIND(GLOBAL_AVERAGE_POOL, plain),
        KIND(GLOBAL_MAX_POOL, plain),
        KIND(FULLY_CONNECTED, fully_connected),
        KIND(MATMUL, plain),
        KIND(ADD, fused),
        KIND(SUB, plain),
        KIND(MUL, fused),
        KIND(DIV, plain),
        KIND(MAX, plain),
        KIND(MIN, plain),
        KIND(POW, plain),
        KIND(PRELU, plain),
        KIND(QUANTIZE, quantize),
        KIND(CLAMP, fused),
        KIND(LEAKY_RELU, fused),
        KIND(UNARY, function),
        KIND(TO_INTEGER, to_integer),
        KIND(SOFTMAX, axis),
        KIND(LOG_SOFTMAX, axis),
        KIND(CONCAT, axis),
        KIND(PAD, pad),
        KIND(RESIZE, resize),
        KIND(LRN, lrn),
        KIND(TRANSPOSE, transpose),
        KIND(SLICE, slice),
        KIND(REDUCE, reduce),
        KIND(NORMALIZE, normalize),
        KIND(RESHAPE, shape),
        KIND(EXPAND, shape),
        KIND(EQUAL, plain),
        KIND(LESS, plain),
        KIND(LESS_EQUAL, plain),
        KIND(AND, plain),
        KIND(OR, plain),
        KIND(XOR, plain),
        KIND(MODULO, plain),
        KIND(FMOD, plain),
        KIND(SHIFT_LEFT, shift),
        KIND(SHIFT_RIGHT, shift),
        KIND(WHERE, plain),
        KIND(NOT, plain),
        KIND(TO_BOOL, plain),
        KIND(IS_NAN, plain),
        KIND(IS_INF, infinite),
        KIND(ARG_MAX, arg),
        KIND(ARG_MIN, arg),
        KIND(TOP, top),
        KIND(GATHER, axis),
        KIND(GATHER_ELEMENTS, axis),
        KIND(GATHER_ND, axis),
        KIND(SCATTER_ELEMENTS, scatter),
        KIND(SCATTER_ND, scatter),
        KIND(ONE_HOT, one_hot),
        KIND(CUM_SUM, cum_sum),
        KIND(TRILU, trilu),
        KIND(TILE, shape),
        KIND(NMS, nms),
        KIND(GRID_SAMPLE, grid),
        KIND(MARK_ROWS, plain),
        KIND(MAX_POOL_INDICES, indices),
};

hedge_record_t hedge_pack_node(hedge_op_kind_t kind)
{
        hedge_record_t record = kinds[kind];

        record.name = hedge_op_name(kind);
        return record;
}

hedge_op_kind_t hedge_pack_kind(const char *name, size_t size)
{
        unsigned kind = 0;

        for (; kind < HEDGE_OP_KINDS; kind++)
                if (strlen(hedge_op_name((hedge_op_kind_t)kind)) == size &&
                    !memcmp(hedge_op_name((hedge_op_kind_t)kind), name, size))
                        break;
        return (hedge_op_kind_t)kind;
}

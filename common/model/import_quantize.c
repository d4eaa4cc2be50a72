/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "common/model/build.h"
#include "common/model/dequantize.h"
#include "common/model/operators.h"
#include "common/model/quantize.h"

/* QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear: whole numbers that floats hold exactly. */

/* The type is the zero point's, else the attribute's, else uint8. */
static hedge_element_t quantized_element(hedge_import_t *imp)
{
        int64_t named = hedge_attr_int(imp, "output_dtype", 0);

        if (hedge_import_has(imp, 2))
                return hedge_import_element(imp, 2);
        if (named == 0)
                return HEDGE_ELEMENT_UINT8;
        return named < 0 || named > INT32_MAX ? HEDGE_ELEMENT_UNDEFINED : (hedge_element_t)named;
}

/* What the division is to be computed in, from opset 23 on. */
static int check_precision(hedge_import_t *imp)
{
        int64_t precision = hedge_attr_int(imp, "precision", 0);

        if (precision == 0 || precision == HEDGE_ELEMENT_FLOAT)
                return 0;
        return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "in another precision than float32");
}

/* Floats of any type, which are float32 here. */
static int check_result(hedge_import_t *imp)
{
        int64_t named = hedge_attr_int(imp, "output_dtype", 0);

        if (named == 0 || (named > 0 && named <= INT32_MAX && hedge_element_is_float((int)named)))
                return 0;
        return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "to numbers that are no floats");
}

int hedge_import_quantize_linear(hedge_import_t *imp)
{
        hedge_quantize_t quantize = { .result = HEDGE_QUANTIZED_CODE };
        hedge_element_t element = quantized_element(imp);
        hedge_scales_t scales;
        hedge_view_t x;
        int r = hedge_quantize_range(imp, element, &quantize);

        if (r == 0)
                r = check_precision(imp);
        if (r == 0)
                r = hedge_import_view(imp, 0, &x);
        if (r == 0)
                r = hedge_scales_open(imp, 1, 2, &x, &scales);
        if (r == 0)
                r = hedge_build_quantize(imp, &quantize, &scales, &x);
        x.element = element;
        return r < 0 ? r : hedge_import_set_view(imp, 0, &x);
}

static int check_quantized(hedge_import_t *imp)
{
        switch (hedge_import_element(imp, 0)) {
        case HEDGE_ELEMENT_INT8:
        case HEDGE_ELEMENT_UINT8:
        case HEDGE_ELEMENT_INT16:
        case HEDGE_ELEMENT_UINT16:
        case HEDGE_ELEMENT_INT32:
                return 0;
        default:
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "of numbers that are %s",
                                         hedge_element_name((int)hedge_import_element(imp, 0)));
        }
}

int hedge_import_dequantize_linear(hedge_import_t *imp)
{
        hedge_scales_t scales;
        hedge_view_t x;
        int r = check_quantized(imp);

        if (r == 0)
                r = check_result(imp);
        if (r == 0)
                r = hedge_import_view(imp, 0, &x);
        if (r == 0)
                r = hedge_scales_open(imp, 1, 2, &x, &scales);
        if (r == 0)
                r = hedge_build_dequantize(imp, &scales, &x);
        x.element = hedge_import_element(imp, 1);
        return r < 0 ? r : hedge_import_set_view(imp, 0, &x);
}

/* How constants are scaled. */
static int read_scaling(hedge_import_t *imp, hedge_scaling_t *ret)
{
        const hedge_shape_t *x = &hedge_import_sym(imp, 0)->literal->shape;
        const hedge_sym_t *zero = hedge_import_sym(imp, 2);
        hedge_scaling_t s = { .scale = hedge_import_sym(imp, 1)->literal, .zero = zero ? zero->literal : NULL };
        int64_t block = hedge_attr_int(imp, "block_size", 0), axis = hedge_attr_int(imp, "axis", 1);
        int r = 0;

        if (block < 0 || block > INT32_MAX)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "blocks of %lld", (long long)block);
        if (hedge_shape_elements(&s.scale->shape) != 1) {
                s.block = (uint32_t)block;
                r = hedge_import_axis(imp, axis, x->rank, &s.axis);
        }
        if (r == 0)
                *ret = s;
        return r;
}

int hedge_eval_quantize_linear(hedge_import_t *imp)
{
        hedge_quantize_t range;
        hedge_literal_t *y = NULL;
        hedge_scaling_t scaling;
        int r = hedge_quantize_range(imp, quantized_element(imp), &range);

        if (r == 0)
                r = check_precision(imp);
        if (r == 0)
                r = read_scaling(imp, &scaling);
        if (r == 0)
                r = hedge_quantize(imp, hedge_import_sym(imp, 0)->literal, &scaling, quantized_element(imp), &y);
        return r < 0 ? r : hedge_import_set_literal(imp, 0, y);
}

int hedge_eval_dequantize_linear(hedge_import_t *imp)
{
        hedge_literal_t *y = NULL;
        hedge_scaling_t scaling;
        int r = check_quantized(imp);

        if (r == 0)
                r = check_result(imp);
        if (r == 0)
                r = read_scaling(imp, &scaling);
        if (r == 0)
                r = hedge_dequantize(imp, hedge_import_sym(imp, 0)->literal, &scaling, &y);
        return r < 0 ? r : hedge_import_set_literal(imp, 0, y);
}

static int with_number(hedge_import_t *imp, hedge_op_kind_t kind, uint32_t x, float number, uint32_t *ret)
{
        hedge_op_t op = { .kind = kind };
        uint32_t inputs[2] = { x, 0 };
        int r = hedge_scales_constant(imp, &number, 1, &inputs[1]);

        return r < 0 ? r : hedge_build_op(imp, &op, inputs, 2, ret);
}

/* max(0, the largest element), as one number. */
static int largest(hedge_import_t *imp, uint32_t line, uint32_t *ret)
{
        hedge_op_t pool = { .kind = HEDGE_OP_GLOBAL_MAX_POOL };
        hedge_op_t clamp = { .kind = HEDGE_OP_CLAMP, .activation = { HEDGE_ACT_CLAMP, 0, INFINITY } };
        hedge_shape_t scalar = { .rank = 0 };
        uint32_t value;
        int r = hedge_build_op(imp, &pool, &line, 1, &value);

        if (r == 0)
                r = hedge_build_op(imp, &clamp, &value, 1, &value);
        return r < 0 ? r : hedge_build_reshape_value(imp, value, &scalar, false, ret);
}

/* scale = (max - min) / 255, zero = the whole number next to -min / scale, with max and min on their sides of 0. */
static int dynamic_scales(hedge_import_t *imp, uint32_t x, hedge_scales_t *ret)
{
        hedge_shape_t line = { 4, { 1, (uint32_t)hedge_shape_elements(&imp->graph->values[x].shape), 1, 1 } };
        hedge_op_t add = { .kind = HEDGE_OP_ADD }, divide = { .kind = HEDGE_OP_DIV };
        hedge_op_t whole = { .kind = HEDGE_OP_TO_INTEGER,
                             .to_integer = { HEDGE_ROUND_HALF_EVEN, HEDGE_OVERFLOW_SATURATE, 0, 255 } };
        uint32_t ends[2], flat, negative; /* the largest, and the smallest with its sign turned */
        int r = hedge_build_reshape_value(imp, x, &line, false, &flat);

        if (r == 0)
                r = largest(imp, flat, &ends[0]);
        if (r == 0)
                r = with_number(imp, HEDGE_OP_MUL, flat, -1, &negative);
        if (r == 0)
                r = largest(imp, negative, &ends[1]);
        if (r == 0)
                r = hedge_build_op(imp, &add, ends, 2, &ret->scale);
        if (r == 0)
                r = with_number(imp, HEDGE_OP_DIV, ret->scale, 255, &ret->scale);
        if (r == 0)
                r = hedge_build_op(imp, &divide, (const uint32_t[]){ ends[1], ret->scale }, 2, &ret->zero);
        return r < 0 ? r : hedge_build_op(imp, &whole, &ret->zero, 1, &ret->zero);
}

int hedge_import_dynamic_quantize_linear(hedge_import_t *imp)
{
        const hedge_quantize_t quantize = { 0, 255, HEDGE_QUANTIZED_CODE, false, false };
        hedge_scales_t scales = { HEDGE_NO_VALUE, HEDGE_NO_VALUE };
        hedge_view_t x, scale, zero;
        int r = hedge_import_view(imp, 0, &x);

        if (r == 0)
                r = dynamic_scales(imp, x.value, &scales);
        if (r == 0)
                r = hedge_build_quantize(imp, &quantize, &scales, &x);
        if (r < 0)
                return r;
        scale = hedge_view_plain(imp, scales.scale);
        zero = hedge_view_plain(imp, scales.zero);
        x.element = zero.element = HEDGE_ELEMENT_UINT8;
        scale.element = HEDGE_ELEMENT_FLOAT;
        r = hedge_import_set_view(imp, 0, &x);
        if (r == 0)
                r = hedge_import_set_view(imp, 1, &scale);
        return r < 0 ? r : hedge_import_set_view(imp, 2, &zero);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/quantize.h"

#include <string.h>

#include "common/model/build.h"
#include "common/model/dequantize.h"

/* Numbers of a constant as floats under another shape, in the layout of x where that has all axes. */
static int place_literal(hedge_import_t *imp, const hedge_literal_t *from, const hedge_scaling_t *scaling,
                         const hedge_view_t *x, const hedge_shape_t *shape, uint32_t *ret)
{
        hedge_scale_index_t index = hedge_scale_index(scaling, &x->shape);
        hedge_literal_t *placed = NULL;
        hedge_view_t view;
        int r = hedge_import_new_literal(imp, shape, false, &placed);

        if (r < 0)
                return r;
        for (size_t i = 0, n = hedge_shape_elements(shape); i < n; i++)
                placed->floats[i] = hedge_literal_float(from, index.blocked ? hedge_scale_of(&index, i) : i);
        r = hedge_build_literal(imp, placed, shape->rank, shape->rank == x->shape.rank ? x->perm : NULL, &view);
        hedge_literal_destroy(&placed);
        if (r == 0)
                *ret = view.value;
        return r;
}

static int place_view(hedge_import_t *imp, hedge_view_t view, const hedge_view_t *x, const hedge_shape_t *shape,
                      uint32_t *ret)
{
        int r = hedge_build_reshape(imp, &view, shape);

        if (r == 0 && shape->rank == x->shape.rank)
                r = hedge_build_layout(imp, &view, x->perm);
        if (r == 0)
                *ret = view.value;
        return r;
}

int hedge_scales_place(hedge_import_t *imp, uint32_t input, const hedge_view_t *x, uint32_t axis, uint32_t block,
                       uint32_t *ret)
{
        const hedge_sym_t *sym = hedge_import_sym(imp, input);
        hedge_literal_t known = { .shape = sym->literal ? sym->literal->shape : sym->view.shape };
        hedge_scaling_t scaling = { .scale = sym->literal ? sym->literal : &known, .axis = axis, .block = block };
        hedge_shape_t shape = { .rank = 0 };
        int r = hedge_scaling_check(imp, &scaling, &x->shape);

        if (r < 0)
                return r;
        if (hedge_shape_elements(&known.shape) != 1) {
                shape = x->shape;
                for (uint32_t i = 0; block == 0 && i < shape.rank; i++)
                        shape.dims[i] = i == axis ? shape.dims[i] : 1;
        }
        if (sym->literal)
                return place_literal(imp, sym->literal, &scaling, x, &shape, ret);
        if (block > 0 && shape.rank > 0)
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "a computed scale for each block");
        return place_view(imp, sym->view, x, &shape, ret);
}

int hedge_scales_constant(hedge_import_t *imp, const float *v, uint32_t n, uint32_t *ret)
{
        hedge_shape_t shape = { n > 1, { n > 1 ? n : 0 } };
        float *copy = hedge_floats_new(n);

        if (!copy)
                return hedge_why(imp->why, HEDGE_ELIMIT, "out of memory");
        memcpy(copy, v, n * sizeof(*v));
        return hedge_build_value(imp, &shape, copy, ret);
}

static bool all_zero(const hedge_literal_t *literal)
{
        for (size_t i = 0, n = hedge_shape_elements(&literal->shape); i < n; i++)
                if (hedge_literal_float(literal, i) != 0)
                        return false;
        return true;
}

/* The axis counts only where there are several numbers: one for all fits a tensor without axes too. */
static int read_axis(hedge_import_t *imp, const hedge_view_t *x, size_t numbers, uint32_t *ret_axis,
                     uint32_t *ret_block)
{
        int64_t block = hedge_attr_int(imp, "block_size", 0), axis = hedge_attr_int(imp, "axis", 1);

        *ret_axis = 0;
        *ret_block = 0;
        if (numbers == 1)
                return 0;
        if (block < 0 || block > INT32_MAX)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "blocks of %lld", (long long)block);
        *ret_block = (uint32_t)block;
        return hedge_import_axis(imp, axis, x->shape.rank, ret_axis);
}

int hedge_scales_open(hedge_import_t *imp, uint32_t scale, uint32_t zero, const hedge_view_t *x, hedge_scales_t *ret)
{
        hedge_scales_t scales = { HEDGE_NO_VALUE, HEDGE_NO_VALUE };
        bool has_scale = scale != UINT32_MAX, has_zero = hedge_import_has(imp, zero);
        uint32_t axis, block;
        int r;

        if (!has_scale && !has_zero) {
                *ret = scales;
                return 0;
        }
        if (has_zero && hedge_import_sym(imp, zero)->literal && all_zero(hedge_import_sym(imp, zero)->literal))
                has_zero = false;
        if (has_scale && has_zero &&
            hedge_shape_elements(hedge_import_shape_of(imp, scale)) !=
                    hedge_shape_elements(hedge_import_shape_of(imp, zero)))
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "scale and zero point have different shapes");
        r = read_axis(imp, x, hedge_shape_elements(hedge_import_shape_of(imp, has_scale ? scale : zero)), &axis,
                      &block);
        if (r == 0 && has_scale)
                r = hedge_scales_place(imp, scale, x, axis, block, &scales.scale);
        if (r == 0 && has_zero)
                r = hedge_scales_place(imp, zero, x, axis, block, &scales.zero);
        if (r == 0)
                *ret = scales;
        return r;
}

int hedge_quantize_range(hedge_import_t *imp, hedge_element_t element, hedge_quantize_t *ret)
{
        if (element != HEDGE_ELEMENT_UINT8 && element != HEDGE_ELEMENT_INT8 && element != HEDGE_ELEMENT_UINT16 &&
            element != HEDGE_ELEMENT_INT16)
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "to numbers that are %s",
                                         hedge_element_name((int)element));
        hedge_element_range(element, &ret->lo, &ret->hi);
        return 0;
}

int hedge_build_quantize(hedge_import_t *imp, const hedge_quantize_t *quantize, const hedge_scales_t *scales,
                         hedge_view_t *view)
{
        hedge_op_t op = { .kind = HEDGE_OP_QUANTIZE, .quantize = *quantize };
        uint32_t inputs[3] = { view->value, scales->scale, scales->zero };

        return hedge_build_op(imp, &op, inputs, scales->zero == HEDGE_NO_VALUE ? 2 : 3, &view->value);
}

/* Are two values the same, or constants with the same numbers? */
static bool same_value(const hedge_import_t *imp, uint32_t a, uint32_t b)
{
        const hedge_value_t *x, *y;

        if (a == b)
                return true;
        if (a == HEDGE_NO_VALUE || b == HEDGE_NO_VALUE)
                return false;
        x = &imp->graph->values[a];
        y = &imp->graph->values[b];
        return x->data && y->data && hedge_shape_elements(&x->shape) == hedge_shape_elements(&y->shape) &&
               memcmp(x->data, y->data, hedge_shape_elements(&x->shape) * sizeof(*x->data)) == 0;
}

/* The quantisation that a value comes from, if it has these numbers and gives the integers themselves. */
static const hedge_node_t *quantisation(const hedge_import_t *imp, uint32_t value, const hedge_scales_t *scales)
{
        const hedge_value_t *v = &imp->graph->values[value];
        const hedge_node_t *node = v->producer == HEDGE_NO_NODE ? NULL : &imp->graph->nodes[v->producer];

        if (!node || node->op.kind != HEDGE_OP_QUANTIZE || node->op.quantize.result != HEDGE_QUANTIZED_CODE ||
            !same_value(imp, node->n_inputs > 2 ? node->inputs[2] : HEDGE_NO_VALUE, scales->zero))
                return NULL;
        return node;
}

/* The same quantisation with another result. */
static int build_twin(hedge_import_t *imp, const hedge_node_t *node, hedge_quantized_t result, hedge_view_t *x)
{
        hedge_quantize_t quantize = node->op.quantize;
        hedge_scales_t scales = { node->inputs[1], node->n_inputs > 2 ? node->inputs[2] : HEDGE_NO_VALUE };
        hedge_view_t view = *x;
        int r;

        quantize.result = result;
        view.value = node->inputs[0];
        r = hedge_build_quantize(imp, &quantize, &scales, &view);
        if (r == 0)
                *x = view;
        return r;
}

static int combine(hedge_import_t *imp, hedge_op_kind_t kind, uint32_t with, hedge_view_t *x)
{
        hedge_op_t op = { .kind = kind };
        uint32_t inputs[2] = { x->value, with };

        return hedge_build_op(imp, &op, inputs, 2, &x->value);
}

int hedge_build_dequantize(hedge_import_t *imp, const hedge_scales_t *scales, hedge_view_t *x)
{
        const hedge_node_t *node = quantisation(imp, x->value, scales);
        int r = 0;

        if (node && !node->op.quantize.multiplies && same_value(imp, node->inputs[1], scales->scale))
                return build_twin(imp, node, HEDGE_QUANTIZED_REAL, x);
        if (node && scales->zero != HEDGE_NO_VALUE)
                r = build_twin(imp, node, HEDGE_QUANTIZED_CENTRED, x);
        else if (scales->zero != HEDGE_NO_VALUE)
                r = combine(imp, HEDGE_OP_SUB, scales->zero, x);
        if (r == 0 && scales->scale != HEDGE_NO_VALUE)
                r = combine(imp, HEDGE_OP_MUL, scales->scale, x);
        return r;
}

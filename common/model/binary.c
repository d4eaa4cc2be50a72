/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/binary.h"

#include <string.h>

#include "common/model/build.h"

int hedge_operand(hedge_import_t *imp, uint32_t i, hedge_operand_t *ret)
{
        hedge_sym_t *sym = hedge_import_sym(imp, i);

        if (!sym)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "input %u is missing", i);
        *ret = (hedge_operand_t){ sym->literal, sym->view };
        return 0;
}

static const hedge_shape_t *shape_of(const hedge_operand_t *o)
{
        return o->literal ? &o->literal->shape : &o->view.shape;
}

int hedge_operand_under(hedge_import_t *imp, uint32_t i, uint32_t rank, uint32_t first, hedge_operand_t *ret,
                        hedge_literal_t **ret_owned)
{
        int64_t stride[HEDGE_MAX_RANK] = { 0 };
        hedge_operand_t o;
        hedge_shape_t shape;
        int r = hedge_operand(imp, i, &o);

        if (r < 0)
                return r;
        shape = *shape_of(&o);
        if (first > rank || shape.rank > rank - first)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "%u axes do not fit under %u from axis %u on",
                                         shape.rank, rank, first);
        hedge_strides(&shape, stride);
        while (shape.rank < rank - first)
                shape.dims[shape.rank++] = 1;
        if (!o.literal) {
                r = hedge_build_reshape(imp, &o.view, &shape);
        } else {
                r = hedge_literal_strided(o.literal, &shape, 0, stride, ret_owned);
                if (r < 0)
                        return hedge_import_fail(imp, r, "the model's constants take too much memory");
                o.literal = *ret_owned;
        }
        if (r == 0)
                *ret = o;
        return r;
}

int hedge_second_operand(hedge_import_t *imp, hedge_operand_t *ret, hedge_literal_t **ret_owned)
{
        const hedge_shape_t *a;
        hedge_operand_t first;
        uint32_t axis;
        int r = hedge_operand(imp, 0, &first);

        if (r == 0)
                r = hedge_operand(imp, 1, ret);
        if (r < 0 || imp->opset >= 7)
                return r;
        a = shape_of(&first);
        if (hedge_attr_int(imp, "broadcast", 0) == 0) {
                if (!hedge_shape_equal(a, shape_of(ret)))
                        return hedge_import_fail(imp, HEDGE_ESHAPE, "of different shapes, without `broadcast`");
                return 0;
        }
        if (!hedge_attr_find(imp, "axis"))
                return 0;
        r = hedge_import_axis(imp, hedge_attr_int(imp, "axis", 0), a->rank, &axis);
        return r < 0 ? r : hedge_operand_under(imp, 1, a->rank, axis, ret, ret_owned);
}

/* The operand's value in a layout of `rank` axes. */
static int lay_out(hedge_import_t *imp, const hedge_operand_t *o, uint32_t rank, const uint32_t *perm, uint32_t *ret)
{
        hedge_view_t view = o->view;
        hedge_shape_t full = { .rank = rank };
        uint32_t lead;
        int r;

        if (o->literal) {
                r = hedge_build_literal(imp, o->literal, rank, perm, &view);
        } else {
                lead = rank - view.shape.rank;
                for (uint32_t i = 0; i < rank; i++)
                        full.dims[i] = i < lead ? 1 : view.shape.dims[i - lead];
                r = hedge_build_reshape(imp, &view, &full);
                if (r == 0)
                        r = hedge_build_layout(imp, &view, perm);
        }
        if (r == 0)
                *ret = view.value;
        return r;
}

/* How good a leader is the operand for the layout? Computed, with all axes, larger. */
static uint64_t weight_of(const hedge_operand_t *o, uint32_t rank)
{
        if (o->literal || o->view.shape.rank != rank)
                return 0;
        return (uint64_t)hedge_shape_elements(&o->view.shape) + 1;
}

/* The number of axes of the result, in the layout of the best leader. */
static hedge_view_t plan_result(const hedge_operand_t *operands, uint32_t n)
{
        hedge_view_t view = { .shape = { .rank = 0 } };
        uint64_t best = 0;

        hedge_perm_identity(view.perm);
        for (uint32_t i = 0; i < n; i++)
                if (shape_of(&operands[i])->rank > view.shape.rank)
                        view.shape.rank = shape_of(&operands[i])->rank;
        for (uint32_t i = 0; i < n; i++) {
                uint64_t weight = weight_of(&operands[i], view.shape.rank);

                if (weight > best)
                        memcpy(view.perm, operands[i].view.perm, view.shape.rank * sizeof(view.perm[0]));
                best = weight > best ? weight : best;
        }
        return view;
}

int hedge_elementwise(hedge_import_t *imp, const hedge_op_t *op, const hedge_operand_t *operands, uint32_t n,
                      hedge_view_t *ret)
{
        hedge_view_t view = plan_result(operands, n);
        uint32_t inputs[HEDGE_OPERANDS_MAX];
        hedge_shape_t memory;
        int r = 0;

        for (uint32_t i = 0; r == 0 && i < n; i++)
                r = lay_out(imp, &operands[i], view.shape.rank, view.perm, &inputs[i]);
        if (r == 0)
                r = hedge_build_op(imp, op, inputs, n, &view.value);
        if (r < 0)
                return r;
        memory = imp->graph->values[view.value].shape;
        for (uint32_t i = 0; i < memory.rank; i++)
                view.shape.dims[view.perm[i]] = memory.dims[i];
        *ret = view;
        return 0;
}

int hedge_binary_number(hedge_import_t *imp, hedge_op_kind_t kind, hedge_view_t *x, float number, bool number_first)
{
        hedge_shape_t scalar = { .rank = 0 };
        hedge_operand_t a = { .view = *x }, b = { .literal = NULL };
        hedge_literal_t *literal = NULL;
        int r = hedge_import_new_literal(imp, &scalar, false, &literal);

        if (r < 0)
                return r;
        literal->floats[0] = number;
        b.literal = literal;
        r = number_first ? hedge_binary(imp, kind, &b, &a, x) : hedge_binary(imp, kind, &a, &b, x);
        hedge_literal_destroy(&literal);
        return r;
}

int hedge_binary(hedge_import_t *imp, hedge_op_kind_t kind, const hedge_operand_t *a, const hedge_operand_t *b,
                 hedge_view_t *ret)
{
        const hedge_operand_t operands[] = { *a, *b };
        const hedge_op_t op = { .kind = kind };

        return hedge_elementwise(imp, &op, operands, 2, ret);
}

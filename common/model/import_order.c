/* SPDX-License-Identifier: Apache-2.0 */

#include "common/model/build.h"
#include "common/model/integers.h"
#include "common/model/operators.h"

/* Operators along an axis that order or add up its elements. */

/* Input 0, and an axis of it. */
static int open_axis(hedge_import_t *imp, int64_t given, hedge_view_t *x, uint32_t *axis)
{
        int r = hedge_import_view(imp, 0, x);

        return r < 0 ? r : hedge_import_axis(imp, given, x->shape.rank, axis);
}

static hedge_shape_t without_axis(const hedge_shape_t *shape, uint32_t axis)
{
        hedge_shape_t less = { .rank = 0 };

        for (uint32_t i = 0; i < shape->rank; i++)
                if (i != axis)
                        less.dims[less.rank++] = shape->dims[i];
        return less;
}

int hedge_import_arg_extreme(hedge_import_t *imp)
{
        hedge_op_t op = { .kind = hedge_import_is(imp, "ArgMax") ? HEDGE_OP_ARG_MAX : HEDGE_OP_ARG_MIN };
        bool keep = hedge_attr_int(imp, "keepdims", 1) != 0;
        hedge_shape_t squeezed;
        hedge_view_t x;
        uint32_t axis;
        int r = open_axis(imp, hedge_attr_int(imp, "axis", 0), &x, &axis);

        if (r < 0)
                return r;
        op.arg.axis = hedge_view_axis(&x, axis);
        op.arg.last = hedge_attr_int(imp, "select_last_index", 0) != 0;
        r = hedge_build_unary(imp, &op, &x);
        if (r < 0)
                return r;
        squeezed = without_axis(&x.shape, axis);
        x.shape.dims[axis] = 1;
        if (!keep)
                r = hedge_build_reshape(imp, &x, &squeezed);
        x.element = HEDGE_ELEMENT_INT64;
        return r < 0 ? r : hedge_import_set_view(imp, 0, &x);
}

/* How many: an attribute up to opset 9, then an input. */
static int read_k(hedge_import_t *imp, uint32_t extent, uint32_t *ret)
{
        hedge_literal_t *literal = NULL;
        int64_t k = hedge_attr_int(imp, "k", 0);
        int r = imp->opset < 10 ? 0 : hedge_import_literal(imp, 1, "k", &literal);

        if (r < 0)
                return r;
        if (literal && (!literal->is_int || hedge_shape_elements(&literal->shape) != 1))
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "k is not one integer");
        k = literal ? literal->ints[0] : k;
        if (k < 1 || k > extent)
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "the first %lld of %u elements", (long long)k,
                                         extent);
        *ret = (uint32_t)k;
        return 0;
}

/* Two operators: which they are, and their values. What need not be in order is in order too. */
int hedge_import_top_k(hedge_import_t *imp)
{
        hedge_op_t op = { .kind = HEDGE_OP_TOP }, pick = { .kind = HEDGE_OP_GATHER_ELEMENTS };
        hedge_view_t x, indices;
        uint32_t axis, inputs[2];
        int r = open_axis(imp, hedge_attr_int(imp, "axis", -1), &x, &axis);

        if (r == 0)
                r = read_k(imp, x.shape.dims[axis], &op.top.k);
        if (r < 0)
                return r;
        op.top.axis = pick.axis.axis = hedge_view_axis(&x, axis);
        op.top.smallest = hedge_attr_int(imp, "largest", 1) == 0;
        indices = x;
        indices.shape.dims[axis] = op.top.k;
        r = hedge_build_unary(imp, &op, &indices);
        indices.element = HEDGE_ELEMENT_INT64;
        if (r == 0 && hedge_import_wanted(imp, 0)) {
                inputs[0] = x.value;
                inputs[1] = indices.value;
                x.shape = indices.shape;
                r = hedge_build_op(imp, &pick, inputs, 2, &x.value);
                if (r == 0)
                        r = hedge_import_set_view(imp, 0, &x);
        }
        return r < 0 || imp->node->n_output < 2 ? r : hedge_import_set_view(imp, 1, &indices);
}

int hedge_import_cum_sum(hedge_import_t *imp)
{
        hedge_op_t op = { .kind = HEDGE_OP_CUM_SUM };
        hedge_literal_t *given = NULL;
        hedge_view_t x;
        uint32_t axis;
        int r = hedge_import_literal(imp, 1, "the axis", &given);

        if (r < 0)
                return r;
        if (!given->is_int || hedge_shape_elements(&given->shape) != 1)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "the axis is not one integer");
        r = open_axis(imp, given->ints[0], &x, &axis);
        if (r < 0)
                return r;
        op.cum_sum.axis = hedge_view_axis(&x, axis);
        op.cum_sum.exclusive = hedge_attr_int(imp, "exclusive", 0) != 0;
        op.cum_sum.reverse = hedge_attr_int(imp, "reverse", 0) != 0;
        r = hedge_build_unary(imp, &op, &x);
        if (r == 0)
                r = hedge_integers_finish(imp, hedge_import_element(imp, 0), HEDGE_PAST_EXACT, &x);
        return r < 0 ? r : hedge_import_set_view(imp, 0, &x);
}

int hedge_import_trilu(hedge_import_t *imp)
{
        hedge_op_t op = { .kind = HEDGE_OP_TRILU };
        hedge_literal_t *k = NULL;
        hedge_view_t x;
        int r = hedge_import_has(imp, 1) ? hedge_import_literal(imp, 1, "k", &k) : 0;

        if (r < 0)
                return r;
        if (k && (!k->is_int || hedge_shape_elements(&k->shape) != 1))
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "k is not one integer");
        op.trilu.diagonal = k ? k->ints[0] : 0;
        op.trilu.upper = hedge_attr_int(imp, "upper", 1) != 0;
        r = hedge_import_view(imp, 0, &x);
        if (r == 0)
                r = hedge_build_plain(imp, &x);
        if (r == 0)
                r = hedge_build_unary(imp, &op, &x);
        return r < 0 ? r : hedge_import_set_view(imp, 0, &x);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/binary.h"
#include "common/model/build.h"
#include "common/model/operators.h"

/* Normalisations by what the tensor itself holds. The operator of the graph takes mean and deviation; scale and bias
 * follow as products and sums. */

static int normalize(hedge_import_t *imp, uint32_t mask, float epsilon, bool centred, hedge_view_t *x)
{
        hedge_op_t op = { .kind = HEDGE_OP_NORMALIZE, .normalize = { hedge_view_mask(x, mask), epsilon, centred } };

        return hedge_build_unary(imp, &op, x);
}

/* x = x OP v. */
static int apply(hedge_import_t *imp, hedge_op_kind_t kind, const hedge_operand_t *v, hedge_view_t *x)
{
        hedge_operand_t a = { .view = *x };
        hedge_shape_t shape = x->shape;
        int r = hedge_binary(imp, kind, &a, v, x);

        if (r == 0 && !hedge_shape_equal(&x->shape, &shape))
                r = hedge_import_fail(imp, HEDGE_ESHAPE, "scale or bias does not broadcast to the input");
        return r;
}

/* x = x OP input i, which has one number per channel. */
static int apply_channels(hedge_import_t *imp, hedge_op_kind_t kind, uint32_t i, hedge_view_t *x)
{
        const hedge_shape_t *s = hedge_import_shape_of(imp, i);
        hedge_literal_t *owned = NULL;
        hedge_operand_t v;
        int r;

        if (s->rank != 1 || s->dims[0] != x->shape.dims[1])
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "input %u has not one number per channel", i);
        r = hedge_operand_under(imp, i, x->shape.rank, 1, &v, &owned);
        if (r == 0)
                r = apply(imp, kind, &v, x);
        hedge_literal_destroy(&owned);
        return r;
}

static int open_channels(hedge_import_t *imp, hedge_view_t *x)
{
        int r = hedge_import_view(imp, 0, x);

        if (r == 0 && x->shape.rank < 3)
                r = hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "of a tensor with %u axes", x->shape.rank);
        return r;
}

int hedge_import_instance_norm(hedge_import_t *imp)
{
        hedge_view_t x;
        int r = open_channels(imp, &x);

        if (r == 0)
                r = normalize(imp, ((1u << x.shape.rank) - 1) & ~3u, hedge_attr_float(imp, "epsilon", 1e-5f), true, &x);
        if (r == 0)
                r = apply_channels(imp, HEDGE_OP_MUL, 1, &x);
        if (r == 0)
                r = apply_channels(imp, HEDGE_OP_ADD, 2, &x);
        return r < 0 ? r : hedge_import_set_view(imp, 0, &x);
}

/* Each group's channels are an axis of their own for as long as they are normalised: where they lie they stay. */
static int normalize_groups(hedge_import_t *imp, uint32_t groups, float epsilon, hedge_view_t *x)
{
        hedge_shape_t memory = hedge_view_memory(x), split = { .rank = memory.rank + 1 };
        uint32_t at = hedge_view_axis(x, 1), batch = hedge_view_axis(x, 0);
        hedge_op_t op = { .kind = HEDGE_OP_NORMALIZE, .normalize = { (1u << split.rank) - 1, epsilon, true } };
        int r;

        for (uint32_t i = 0; i < memory.rank; i++)
                split.dims[i + (i > at)] = memory.dims[i];
        split.dims[at] = groups;
        split.dims[at + 1] = memory.dims[at] / groups;
        op.normalize.axes &= ~(1u << at | 1u << (batch + (batch > at)));
        r = hedge_build_reshape_value(imp, x->value, &split, false, &x->value);
        if (r == 0)
                r = hedge_build_op(imp, &op, &x->value, 1, &x->value);
        return r < 0 ? r : hedge_build_reshape_value(imp, x->value, &memory, false, &x->value);
}

/* x = x OP input i. Before opset 21 that has one number per group, which all channels of the group have. */
static int apply_groups(hedge_import_t *imp, hedge_op_kind_t kind, uint32_t i, uint32_t groups, hedge_view_t *x)
{
        uint32_t each = x->shape.dims[1] / groups;
        hedge_op_t op = { .kind = HEDGE_OP_EXPAND, .shape = { { 2, { groups, each } } } };
        hedge_shape_t column = { 2, { groups, 1 } }, channels = { x->shape.rank - 1, { groups * each } };
        hedge_operand_t v = { .literal = NULL };
        int r;

        if (imp->opset >= 21)
                return apply_channels(imp, kind, i, x);
        r = hedge_import_view(imp, i, &v.view);
        if (r == 0 && (v.view.shape.rank != 1 || v.view.shape.dims[0] != groups))
                r = hedge_import_fail(imp, HEDGE_EMALFORMED, "input %u has not one number per group", i);
        for (uint32_t d = 1; d < channels.rank; d++)
                channels.dims[d] = 1;
        if (r == 0)
                r = hedge_build_reshape(imp, &v.view, &column);
        if (r == 0)
                r = hedge_build_unary(imp, &op, &v.view);
        v.view.shape = op.shape.out;
        if (r == 0)
                r = hedge_build_reshape(imp, &v.view, &channels);
        return r < 0 ? r : apply(imp, kind, &v, x);
}

int hedge_import_group_norm(hedge_import_t *imp)
{
        int64_t groups = hedge_attr_int(imp, "num_groups", 0);
        hedge_view_t x;
        int r = open_channels(imp, &x);

        if (r < 0)
                return r;
        if (groups < 1 || groups > x.shape.dims[1] || x.shape.dims[1] % groups != 0)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "%u channels in %lld groups", x.shape.dims[1],
                                         (long long)groups);
        if (x.shape.rank == HEDGE_MAX_RANK)
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "of a tensor with %u axes", x.shape.rank);
        r = normalize_groups(imp, (uint32_t)groups, hedge_attr_float(imp, "epsilon", 1e-5f), &x);
        if (r == 0)
                r = apply_groups(imp, HEDGE_OP_MUL, 1, (uint32_t)groups, &x);
        if (r == 0)
                r = apply_groups(imp, HEDGE_OP_ADD, 2, (uint32_t)groups, &x);
        return r < 0 ? r : hedge_import_set_view(imp, 0, &x);
}

/* The outputs that only training reads: the mean, and one over the root of the variance. */
static int set_statistics(hedge_import_t *imp, uint32_t mask, float epsilon, const hedge_view_t *x)
{
        hedge_op_t root = { .kind = HEDGE_OP_UNARY, .unary = { .kind = HEDGE_UNARY_SQRT } };
        hedge_operand_t a = { .view = *x }, mean = { .view = *x };
        hedge_view_t v;
        int r;

        if (!hedge_import_wanted(imp, 1) && !hedge_import_wanted(imp, 2))
                return 0;
        r = hedge_build_reduce(imp, HEDGE_REDUCE_MEAN, mask, &mean.view);
        if (r == 0)
                r = hedge_import_set_view(imp, 1, &mean.view);
        if (r == 0)
                r = hedge_binary(imp, HEDGE_OP_SUB, &a, &mean, &a.view);
        if (r == 0)
                r = hedge_binary(imp, HEDGE_OP_MUL, &a, &a, &v);
        if (r == 0)
                r = hedge_build_reduce(imp, HEDGE_REDUCE_MEAN, mask, &v);
        if (r == 0)
                r = hedge_binary_number(imp, HEDGE_OP_ADD, &v, epsilon, false);
        if (r == 0)
                r = hedge_build_unary(imp, &root, &v);
        if (r == 0)
                r = hedge_binary_number(imp, HEDGE_OP_DIV, &v, 1.0f, true);
        return r < 0 ? r : hedge_import_set_view(imp, 2, &v);
}

/* LayerNormalization and RMSNormalization: over `axis` and all behind it. */
int hedge_import_layer_norm(hedge_import_t *imp)
{
        bool centred = imp->node->op_type[0] == 'L';
        float epsilon = hedge_attr_float(imp, "epsilon", 1e-5f);
        uint32_t axis = 0, mask = 0;
        hedge_operand_t v;
        hedge_view_t x, y;
        int r = hedge_import_view(imp, 0, &x);

        if (r == 0)
                r = hedge_import_axis(imp, hedge_attr_int(imp, "axis", -1), x.shape.rank, &axis);
        for (uint32_t i = axis; r == 0 && i < x.shape.rank; i++)
                mask |= 1u << i;
        y = x;
        if (r == 0)
                r = normalize(imp, mask, epsilon, centred, &y);
        if (r == 0)
                r = hedge_operand(imp, 1, &v);
        if (r == 0)
                r = apply(imp, HEDGE_OP_MUL, &v, &y);
        if (r == 0 && hedge_import_has(imp, 2)) {
                r = hedge_operand(imp, 2, &v);
                if (r == 0)
                        r = apply(imp, HEDGE_OP_ADD, &v, &y);
        }
        if (r == 0)
                r = set_statistics(imp, mask, epsilon, &x);
        return r < 0 ? r : hedge_import_set_view(imp, 0, &y);
}

/* What ONNX adds to the deviation, 1e-9, is to the variance what its square is: nothing, but where all is alike. */
int hedge_import_mean_variance_norm(hedge_import_t *imp)
{
        static const int64_t otherwise[] = { 0, 2, 3 };
        hedge_ints_t axes = hedge_attr_ints(imp, "axes");
        uint32_t mask = 0;
        hedge_view_t x;
        int r = hedge_import_view(imp, 0, &x);

        if (!axes.v)
                axes = (hedge_ints_t){ 3, otherwise };
        if (r == 0)
                r = hedge_import_axes(imp, &axes, x.shape.rank, &mask);
        if (r == 0)
                r = normalize(imp, mask, 1e-18f, true, &x);
        return r < 0 ? r : hedge_import_set_view(imp, 0, &x);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/model/build.h"
#include "common/model/integers.h"
#include "common/model/operators.h"

int hedge_import_reduced(hedge_import_t *imp, const hedge_shape_t *in, uint32_t *ret_mask, hedge_shape_t *ret_out)
{
        bool keep = hedge_attr_int(imp, "keepdims", 1) != 0, none = hedge_attr_int(imp, "noop_with_empty_axes", 0) != 0;
        hedge_shape_t out = { .rank = 0 };
        hedge_ints_t axes;
        uint32_t mask;
        int r = hedge_import_ints(imp, 1, "axes", &axes);

        if (r == 0)
                r = hedge_import_axes(imp, &axes, in->rank, &mask);
        if (r < 0)
                return r;
        if (axes.n == 0 && !none)
                mask = (1u << in->rank) - 1;
        for (uint32_t i = 0; i < in->rank; i++) {
                if (!(mask & 1u << i))
                        out.dims[out.rank++] = in->dims[i];
                else if (keep)
                        out.dims[out.rank++] = 1;
        }
        *ret_mask = mask;
        *ret_out = out;
        return 0;
}

static hedge_reduce_kind_t find_kind(const char *op_type)
{
        static const char *const names[HEDGE_REDUCE_KINDS] = {
                [HEDGE_REDUCE_L1] = "ReduceL1",          [HEDGE_REDUCE_L2] = "ReduceL2",
                [HEDGE_REDUCE_LOG_SUM] = "ReduceLogSum", [HEDGE_REDUCE_LOG_SUM_EXP] = "ReduceLogSumExp",
                [HEDGE_REDUCE_MAX] = "ReduceMax",        [HEDGE_REDUCE_MEAN] = "ReduceMean",
                [HEDGE_REDUCE_MIN] = "ReduceMin",        [HEDGE_REDUCE_PROD] = "ReduceProd",
                [HEDGE_REDUCE_SUM] = "ReduceSum",        [HEDGE_REDUCE_SUM_SQUARE] = "ReduceSumSquare",
        };
        hedge_reduce_kind_t kind = 0;

        while (strcmp(names[kind], op_type) != 0)
                kind++;
        return kind;
}

/* Without axes, and `noop_with_empty_axes`: some say that nothing happens at all, some that only the sum is left out. */
static int check_none(hedge_import_t *imp, hedge_reduce_kind_t kind, uint32_t mask, uint32_t rank)
{
        bool plain = kind == HEDGE_REDUCE_MAX || kind == HEDGE_REDUCE_MEAN || kind == HEDGE_REDUCE_MIN ||
                     kind == HEDGE_REDUCE_PROD || kind == HEDGE_REDUCE_SUM || kind == HEDGE_REDUCE_LOG_SUM_EXP;

        if (mask != 0 || rank == 0 || plain)
                return 0;
        return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "over no axes, which has two meanings");
}

int hedge_build_reduce(hedge_import_t *imp, hedge_reduce_kind_t kind, uint32_t mask, hedge_view_t *x)
{
        hedge_op_t op = { .kind = HEDGE_OP_REDUCE, .reduce = { kind, hedge_view_mask(x, mask) } };
        int r = hedge_build_unary(imp, &op, x);

        for (uint32_t i = 0; r == 0 && i < x->shape.rank; i++)
                if (mask & 1u << i)
                        x->shape.dims[i] = 1;
        return r;
}

int hedge_import_reduce(hedge_import_t *imp)
{
        hedge_reduce_kind_t kind = find_kind(imp->node->op_type);
        bool chosen = kind == HEDGE_REDUCE_MAX || kind == HEDGE_REDUCE_MIN;
        hedge_element_t element = hedge_import_element(imp, 0);
        hedge_shape_t out;
        hedge_view_t x;
        uint32_t mask;
        int r = hedge_import_view(imp, 0, &x);

        if (r == 0)
                r = hedge_import_reduced(imp, &x.shape, &mask, &out);
        if (r == 0)
                r = check_none(imp, kind, mask, x.shape.rank);
        if (r == 0)
                r = hedge_build_reduce(imp, kind, mask, &x);
        if (r == 0)
                r = hedge_integers_finish(imp, element, chosen ? HEDGE_PAST_NOTHING : HEDGE_PAST_EXACT, &x);
        if (r == 0 && !hedge_shape_equal(&x.shape, &out))
                r = hedge_build_reshape(imp, &x, &out);
        return r < 0 ? r : hedge_import_set_view(imp, 0, &x);
}

static int64_t combine(hedge_reduce_kind_t kind, int64_t a, int64_t v)
{
        uint64_t u = (uint64_t)v;

        switch (kind) {
        case HEDGE_REDUCE_L1:
                return (int64_t)((uint64_t)a + (v < 0 ? 0 - u : u));
        case HEDGE_REDUCE_MAX:
                return v > a ? v : a;
        case HEDGE_REDUCE_MIN:
                return v < a ? v : a;
        case HEDGE_REDUCE_PROD:
                return (int64_t)((uint64_t)a * u);
        case HEDGE_REDUCE_SUM_SQUARE:
                return (int64_t)((uint64_t)a + u * u);
        default:
                return (int64_t)((uint64_t)a + u);
        }
}

static void reduce_ints(hedge_reduce_kind_t kind, uint32_t mask, const hedge_literal_t *x, hedge_literal_t *y)
{
        int64_t first = kind == HEDGE_REDUCE_MAX   ? INT64_MIN
                        : kind == HEDGE_REDUCE_MIN ? INT64_MAX
                                                   : kind == HEDGE_REDUCE_PROD;
        size_t n = hedge_shape_elements(&x->shape), results = hedge_shape_elements(&y->shape);

        for (size_t i = 0; i < results; i++)
                y->ints[i] = first;
        for (size_t i = 0; i < n; i++) {
                size_t to = 0, stride = 1, left = i;

                for (uint32_t d = x->shape.rank; d-- > 0; left /= x->shape.dims[d])
                        if (!(mask & 1u << d)) {
                                to += left % x->shape.dims[d] * stride;
                                stride *= x->shape.dims[d];
                        }
                y->ints[to] = combine(kind, y->ints[to], x->ints[i]);
        }
        for (size_t i = 0; i < results; i++) {
                if (kind == HEDGE_REDUCE_MEAN && n > 0)
                        y->ints[i] /= (int64_t)(n / results);
                y->ints[i] = hedge_element_wrap(y->element, y->ints[i]);
        }
}

/* Of shapes and the like, exactly. */
int hedge_eval_reduce(hedge_import_t *imp)
{
        const hedge_literal_t *x = hedge_import_sym(imp, 0)->literal;
        hedge_reduce_kind_t kind = find_kind(imp->node->op_type);
        hedge_literal_t *y;
        hedge_shape_t out;
        uint32_t mask;
        int r;

        if (!x->is_int)
                return hedge_import_reduce(imp);
        if (kind == HEDGE_REDUCE_L2 || kind == HEDGE_REDUCE_LOG_SUM || kind == HEDGE_REDUCE_LOG_SUM_EXP)
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "of integers");
        r = hedge_import_reduced(imp, &x->shape, &mask, &out);
        if (r == 0)
                r = check_none(imp, kind, mask, x->shape.rank);
        if (r == 0)
                r = hedge_import_new_literal(imp, &out, true, &y);
        if (r < 0)
                return r;
        y->element = x->element;
        if (hedge_shape_elements(&x->shape) > imp->budget.work_left) {
                hedge_literal_destroy(&y);
                return hedge_import_fail(imp, HEDGE_ELIMIT, "the model's constants take too much to compute");
        }
        imp->budget.work_left -= hedge_shape_elements(&x->shape);
        reduce_ints(kind, mask, x, y);
        return hedge_import_set_literal(imp, 0, y);
}

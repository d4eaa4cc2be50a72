/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/build.h"
#include "common/model/integers.h"
#include "common/model/operators.h"

/* Operators whose indices are tensors. What they pick depends on the order of axes: all is brought into ONNX order first. */

/* Input i in ONNX order. */
static int plain_input(hedge_import_t *imp, uint32_t i, hedge_view_t *ret)
{
        int r = hedge_import_view(imp, i, ret);

        return r < 0 ? r : hedge_build_plain(imp, ret);
}

/* The operator on the first n inputs of the node, in ONNX order. */
static int build(hedge_import_t *imp, const hedge_op_t *op, uint32_t n, hedge_view_t *ret)
{
        uint32_t inputs[3], value;
        hedge_view_t view;
        int r = 0;

        for (uint32_t i = 0; r == 0 && i < n; i++) {
                r = plain_input(imp, i, &view);
                inputs[i] = r == 0 ? view.value : 0;
        }
        if (r == 0)
                r = hedge_build_op(imp, op, inputs, n, &value);
        if (r < 0)
                return r;
        *ret = hedge_view_plain(imp, value);
        return 0;
}

static int check_indices(hedge_import_t *imp)
{
        hedge_element_t element = hedge_import_element(imp, 1);

        if (hedge_element_is_integer((int)element))
                return 0;
        return hedge_import_fail(imp, HEDGE_EMALFORMED, "indices that are %s", hedge_element_name((int)element));
}

static uint32_t rank_of(const hedge_import_t *imp, uint32_t i)
{
        const hedge_sym_t *sym = hedge_import_sym(imp, i);

        return sym->literal ? sym->literal->shape.rank : sym->view.shape.rank;
}

/* Gather by indices that are computed, or many. */
int hedge_import_gather_computed(hedge_import_t *imp, uint32_t axis)
{
        const hedge_op_t op = { .kind = HEDGE_OP_GATHER, .axis = { axis } };
        hedge_view_t y;
        int r = check_indices(imp);

        if (r == 0)
                r = build(imp, &op, 2, &y);
        return r < 0 ? r : hedge_import_set_view(imp, 0, &y);
}

int hedge_import_gather_elements(hedge_import_t *imp)
{
        hedge_op_t op = { .kind = HEDGE_OP_GATHER_ELEMENTS };
        hedge_view_t y;
        int r = check_indices(imp);

        if (r == 0)
                r = hedge_import_axis(imp, hedge_attr_int(imp, "axis", 0), rank_of(imp, 0), &op.axis.axis);
        if (r == 0)
                r = build(imp, &op, 2, &y);
        return r < 0 ? r : hedge_import_set_view(imp, 0, &y);
}

int hedge_import_gather_nd(hedge_import_t *imp)
{
        hedge_op_t op = { .kind = HEDGE_OP_GATHER_ND };
        int64_t batch = hedge_attr_int(imp, "batch_dims", 0);
        hedge_view_t y;
        int r = check_indices(imp);

        if (r == 0 && (batch < 0 || batch > HEDGE_MAX_RANK))
                r = hedge_import_fail(imp, HEDGE_EMALFORMED, "%lld axes of the batch", (long long)batch);
        op.axis.axis = (uint32_t)batch;
        if (r == 0)
                r = build(imp, &op, 2, &y);
        return r < 0 ? r : hedge_import_set_view(imp, 0, &y);
}

/* Of the scatters. */
static int build_scatter(hedge_import_t *imp, hedge_op_t *op)
{
        static const char *const ways[] = { "none", "add", "mul", "max", "min", NULL };
        hedge_view_t y;
        int r = check_indices(imp);

        op->scatter.how = (hedge_scatter_t)hedge_attr_choice(imp, "reduction", ways, HEDGE_SCATTER_SET);
        if (r == 0)
                r = hedge_integers_agree(imp, 0, 2);
        if (r == 0)
                r = build(imp, op, 3, &y);
        if (r == 0)
                r = hedge_integers_finish(imp, hedge_import_element(imp, 0),
                                          op->scatter.how == HEDGE_SCATTER_ADD || op->scatter.how == HEDGE_SCATTER_MUL
                                                  ? HEDGE_PAST_EXACT
                                                  : HEDGE_PAST_NOTHING,
                                          &y);
        return r < 0 ? r : hedge_import_set_view(imp, 0, &y);
}

int hedge_import_scatter_elements(hedge_import_t *imp)
{
        hedge_op_t op = { .kind = HEDGE_OP_SCATTER_ELEMENTS };
        int r = hedge_import_axis(imp, hedge_attr_int(imp, "axis", 0), rank_of(imp, 0), &op.scatter.axis);

        return r < 0 ? r : build_scatter(imp, &op);
}

int hedge_import_scatter_nd(hedge_import_t *imp)
{
        hedge_op_t op = { .kind = HEDGE_OP_SCATTER_ND };

        return build_scatter(imp, &op);
}

/* The depth, which may be given as any number, and the new axis. */
static int read_one_hot(hedge_import_t *imp, hedge_op_t *op)
{
        float depth = 0;
        int r = hedge_import_scalar(imp, 1, "the depth", &depth);

        if (r < 0)
                return r;
        if (!(depth >= 1 && depth <= HEDGE_EXACT))
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "a depth of %g", (double)depth);
        op->one_hot.depth = (uint32_t)depth;
        return hedge_import_axis(imp, hedge_attr_int(imp, "axis", -1), rank_of(imp, 0) + 1, &op->one_hot.axis);
}

int hedge_import_one_hot(hedge_import_t *imp)
{
        hedge_op_t op = { .kind = HEDGE_OP_ONE_HOT };
        hedge_view_t indices, values;
        uint32_t inputs[2], value;
        int r = read_one_hot(imp, &op);

        if (r == 0)
                r = plain_input(imp, 0, &indices);
        if (r == 0)
                r = plain_input(imp, 2, &values);
        if (r < 0)
                return r;
        inputs[0] = indices.value;
        inputs[1] = values.value;
        r = hedge_build_op(imp, &op, inputs, 2, &value);
        if (r < 0)
                return r;
        values = hedge_view_plain(imp, value);
        values.element = hedge_import_element(imp, 2);
        return hedge_import_set_view(imp, 0, &values);
}

int hedge_import_tile(hedge_import_t *imp)
{
        hedge_op_t op = { .kind = HEDGE_OP_TILE };
        hedge_literal_t *repeats;
        hedge_view_t x;
        int r = hedge_import_extents(imp, 1, &repeats);

        if (r == 0)
                r = hedge_import_view(imp, 0, &x);
        if (r < 0)
                return r;
        if (repeats->shape.dims[0] != x.shape.rank)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "%u repeats for %u axes", repeats->shape.dims[0],
                                         x.shape.rank);
        for (uint32_t i = 0; i < x.shape.rank; i++) {
                int64_t n = repeats->ints[i];

                if (n < 0 || n > INT32_MAX || (uint64_t)n * x.shape.dims[i] > INT32_MAX)
                        return hedge_import_fail(imp, HEDGE_ELIMIT, "an axis of %u, %lld times", x.shape.dims[i],
                                                 (long long)n);
                x.shape.dims[i] *= (uint32_t)n;
        }
        op.shape.out = hedge_view_memory(&x);
        r = hedge_build_unary(imp, &op, &x);
        return r < 0 ? r : hedge_import_set_view(imp, 0, &x);
}

/* The numbers of the elements that are not 0, as a constant of the graph. */
static int true_indices(hedge_import_t *imp, const hedge_literal_t *condition, uint32_t extent, hedge_view_t *ret)
{
        hedge_shape_t shape = { .rank = 1 };
        hedge_literal_t *indices = NULL;
        size_t n = hedge_shape_elements(&condition->shape);
        int r;

        for (size_t i = 0; i < n; i++) {
                if (condition->ints[i] != 0 && i >= extent)
                        return hedge_import_fail(imp, HEDGE_ESHAPE, "element %zu of an axis of %u", i, extent);
                shape.dims[0] += condition->ints[i] != 0;
        }
        r = hedge_import_new_literal(imp, &shape, true, &indices);
        for (size_t i = 0, j = 0; r == 0 && i < n; i++)
                if (condition->ints[i] != 0)
                        indices->ints[j++] = (int64_t)i;
        if (r == 0)
                r = hedge_build_literal(imp, indices, 1, NULL, ret);
        hedge_literal_destroy(&indices);
        return r;
}

/* A gather; without an axis, of the tensor as one row. */
int hedge_import_compress(hedge_import_t *imp)
{
        hedge_op_t op = { .kind = HEDGE_OP_GATHER };
        bool flat = !hedge_attr_find(imp, "axis");
        hedge_literal_t *condition = NULL;
        hedge_view_t x, indices;
        uint32_t inputs[2], value;
        int r = hedge_import_literal(imp, 1, "the condition", &condition);

        if (r == 0)
                r = plain_input(imp, 0, &x);
        if (r < 0)
                return r;
        if (!condition->is_int || condition->shape.rank != 1)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "a condition that is not a list of booleans");
        if (flat)
                r = hedge_build_reshape(imp, &x, &(hedge_shape_t){ 1, { (uint32_t)hedge_shape_elements(&x.shape) } });
        if (r == 0)
                r = hedge_import_axis(imp, hedge_attr_int(imp, "axis", 0), x.shape.rank, &op.axis.axis);
        if (r == 0)
                r = true_indices(imp, condition, x.shape.dims[op.axis.axis], &indices);
        if (r < 0)
                return r;
        inputs[0] = x.value;
        inputs[1] = indices.value;
        r = hedge_build_op(imp, &op, inputs, 2, &value);
        if (r < 0)
                return r;
        x = hedge_view_plain(imp, value);
        return hedge_import_set_view(imp, 0, &x);
}

/* The most boxes of a class. Where none is wanted the result would be empty, which is refused later. */
static int read_most(hedge_import_t *imp, uint32_t *ret)
{
        hedge_literal_t *most = NULL;
        int r = hedge_import_has(imp, 2) ? hedge_import_literal(imp, 2, "the number of boxes", &most) : 0;

        *ret = 0;
        if (r < 0 || !most)
                return r;
        if (!most->is_int || hedge_shape_elements(&most->shape) != 1)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "the number of boxes is not one integer");
        *ret = most->ints[0] < 0 ? 0 : most->ints[0] > INT32_MAX ? INT32_MAX : (uint32_t)most->ints[0];
        return 0;
}

int hedge_import_non_max_suppression(hedge_import_t *imp)
{
        hedge_op_t op = { .kind = HEDGE_OP_NMS };
        hedge_view_t y;
        int r = read_most(imp, &op.nms.max);

        if (r == 0 && hedge_import_has(imp, 3))
                r = hedge_import_scalar(imp, 3, "the overlap", &op.nms.overlap);
        if (r == 0 && hedge_import_has(imp, 4))
                r = hedge_import_scalar(imp, 4, "the score", &op.nms.score);
        if (r < 0)
                return r;
        op.nms.any_score = !hedge_import_has(imp, 4);
        op.nms.center = hedge_attr_int(imp, "center_point_box", 0) != 0;
        r = build(imp, &op, 2, &y);
        if (r < 0)
                return r;
        y.element = HEDGE_ELEMENT_INT64;
        y.rows = y.value;
        return hedge_import_set_view(imp, 0, &y);
}

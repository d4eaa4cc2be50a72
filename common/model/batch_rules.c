/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/batch_rules.h"

#define NONE HEDGE_NO_AXIS

typedef hedge_batch_step_t step_t;

static uint32_t axis_of(const step_t *s, uint32_t input)
{
        return input < s->node->n_inputs ? s->axes[s->node->inputs[input]] : NONE;
}

static const hedge_shape_t *shape_of(const step_t *s, uint32_t input)
{
        return &s->graph->values[s->node->inputs[input]].shape;
}

static const hedge_shape_t *shape_out(const step_t *s)
{
        return &s->graph->values[s->node->output].shape;
}

static bool only_first(const step_t *s)
{
        for (uint32_t i = 1; i < s->node->n_inputs; i++)
                if (axis_of(s, i) != NONE)
                        return false;
        return true;
}

/* Element by element. */
static bool keeps_unary(const step_t *s, uint32_t *ret)
{
        *ret = axis_of(s, 0);
        return only_first(s);
}

/* N x ..., each image by itself. */
static bool keeps_image(const step_t *s, uint32_t *ret)
{
        *ret = 0;
        return axis_of(s, 0) == 0 && only_first(s);
}

/* Image by image, with a grid each. */
static bool keeps_grid(const step_t *s, uint32_t *ret)
{
        *ret = 0;
        return axis_of(s, 0) == 0 && axis_of(s, 1) == 0;
}

/* One input of an operator that broadcasts: does it agree with the output's axis? */
static bool agrees(const step_t *s, uint32_t input, uint32_t axis)
{
        const hedge_shape_t *in = shape_of(s, input);
        const uint32_t missing = shape_out(s)->rank - in->rank;

        if (axis_of(s, input) != NONE)
                return axis_of(s, input) + missing == axis;
        return !s->strict || axis < missing || in->dims[axis - missing] == 1;
}

static bool keeps_broadcast(const step_t *s, uint32_t *ret)
{
        *ret = NONE;
        for (uint32_t i = 0; i < s->node->n_inputs; i++)
                if (axis_of(s, i) != NONE)
                        *ret = axis_of(s, i) + shape_out(s)->rank - shape_of(s, i)->rank;
        for (uint32_t i = 0; i < s->node->n_inputs; i++)
                if (!agrees(s, i, *ret))
                        return false;
        return true;
}

/* ... x M x K by ... x K x N: not along K; along M or N of one of them only, as the other would meet every picture. */
static bool keeps_matmul(const step_t *s, uint32_t *ret)
{
        const uint32_t a = axis_of(s, 0), b = axis_of(s, 1), rank = shape_out(s)->rank;
        const uint32_t rank_a = shape_of(s, 0)->rank, rank_b = shape_of(s, 1)->rank;

        if (a == rank_a - 1 || b == rank_b - 2)
                return false;
        if (a == rank_a - 2 || b == rank_b - 1) {
                *ret = a == rank_a - 2 ? rank - 2 : rank - 1;
                return a == NONE || b == NONE;
        }
        return keeps_broadcast(s, ret);
}

static bool keeps_softmax(const step_t *s, uint32_t *ret)
{
        *ret = axis_of(s, 0);
        return *ret != s->node->op.axis.axis;
}

static bool keeps_concat(const step_t *s, uint32_t *ret)
{
        return keeps_broadcast(s, ret) && *ret != s->node->op.axis.axis;
}

static bool keeps_pad(const step_t *s, uint32_t *ret)
{
        *ret = axis_of(s, 0);
        return s->node->op.pad.before[*ret] == 0 && s->node->op.pad.after[*ret] == 0;
}

static bool keeps_transpose(const step_t *s, uint32_t *ret)
{
        for (uint32_t i = 0; i < shape_out(s)->rank; i++)
                if (s->node->op.transpose.perm[i] == axis_of(s, 0))
                        *ret = i;
        return true;
}

static bool keeps_slice(const step_t *s, uint32_t *ret)
{
        const uint32_t axis = *ret = axis_of(s, 0);

        return s->node->op.slice.start[axis] == 0 && s->node->op.slice.step[axis] == 1 &&
               shape_out(s)->dims[axis] == shape_of(s, 0)->dims[axis];
}

static bool keeps_reduce(const step_t *s, uint32_t *ret)
{
        *ret = axis_of(s, 0);
        return !(s->node->op.reduce.axes >> *ret & 1);
}

/* A picture's piece stays together where as many elements' indices lie before the batch as did. */
static bool keeps_reshape(const step_t *s, uint32_t *ret)
{
        const hedge_shape_t *in = shape_of(s, 0), *out = shape_out(s);
        uint64_t before = 1, at = 1;
        uint32_t i = 0;

        for (uint32_t j = 0; j < axis_of(s, 0); j++)
                before *= in->dims[j];
        while (i < out->rank && (at < before || out->dims[i] == 1))
                at *= out->dims[i++];
        *ret = i;
        return at == before && i < out->rank && out->dims[i] % s->pictures == 0;
}

/* What is expanded to the number of pictures is the same for each. */
static bool keeps_expand(const step_t *s, uint32_t *ret)
{
        if (axis_of(s, 0) != NONE)
                return keeps_broadcast(s, ret);
        *ret = s->grows;
        return s->grows == NONE ||
               agrees(&(step_t){ .graph = s->graph, .node = s->node, .axes = s->axes, .strict = true }, 0, s->grows);
}

static bool keeps_arg(const step_t *s, uint32_t *ret)
{
        *ret = axis_of(s, 0);
        return *ret != s->node->op.arg.axis;
}

static bool keeps_normalize(const step_t *s, uint32_t *ret)
{
        *ret = axis_of(s, 0);
        return !(s->node->op.normalize.axes & 1u << *ret);
}

static bool keeps_top(const step_t *s, uint32_t *ret)
{
        *ret = axis_of(s, 0);
        return *ret != s->node->op.top.axis;
}

static bool keeps_cum_sum(const step_t *s, uint32_t *ret)
{
        *ret = axis_of(s, 0);
        return *ret != s->node->op.cum_sum.axis;
}

static bool keeps_trilu(const step_t *s, uint32_t *ret)
{
        *ret = axis_of(s, 0);
        return *ret + 2 < shape_of(s, 0)->rank;
}

static bool keeps_one_hot(const step_t *s, uint32_t *ret)
{
        *ret = axis_of(s, 0) + (axis_of(s, 0) < s->node->op.one_hot.axis ? 0 : 1);
        return axis_of(s, 0) != NONE && only_first(s);
}

/* Repeated along other axes; or from one, the same for all, to as many as there are pictures. */
static bool keeps_tile(const step_t *s, uint32_t *ret)
{
        const uint32_t axis = axis_of(s, 0);

        *ret = axis == NONE ? s->grows : axis;
        if (*ret == NONE)
                return true;
        return axis == NONE ? shape_of(s, 0)->dims[*ret] == 1 : shape_out(s)->dims[axis] == shape_of(s, 0)->dims[axis];
}

/* Every picture by the same indices, or indices of every picture into what is the same for all. */
static bool keeps_gather(const step_t *s, uint32_t *ret)
{
        const uint32_t x = axis_of(s, 0), indices = axis_of(s, 1), axis = s->node->op.axis.axis;

        if (x == NONE)
                *ret = axis + indices;
        else
                *ret = x < axis ? x : x + shape_of(s, 1)->rank - 1;
        return (x == NONE || indices == NONE) && x != axis;
}

/* Is the batch the same axis of all inputs, which are equally long there? */
static bool all_alike(const step_t *s, uint32_t *ret)
{
        const uint32_t axis = *ret = axis_of(s, 0);

        for (uint32_t i = 0; axis != NONE && i < s->node->n_inputs; i++)
                if (axis_of(s, i) != axis || shape_of(s, i)->dims[axis] != shape_of(s, 0)->dims[axis])
                        return false;
        return axis != NONE;
}

static bool keeps_gather_elements(const step_t *s, uint32_t *ret)
{
        return all_alike(s, ret) && *ret != s->node->op.axis.axis;
}

static bool keeps_scatter_elements(const step_t *s, uint32_t *ret)
{
        return all_alike(s, ret) && *ret != s->node->op.scatter.axis;
}

/* Tuples of each picture for itself, in one of the axes that are batches of the operator too. */
static bool keeps_gather_nd(const step_t *s, uint32_t *ret)
{
        return all_alike(s, ret) && *ret < s->node->op.axis.axis;
}

static const struct {
        bool (*keeps)(const step_t *step, uint32_t *ret);
        bool grows; /* is asked also where no input has a batch */
} rows[HEDGE_OP_KINDS] = {
        [HEDGE_OP_CONV] = { keeps_image, false },
        [HEDGE_OP_MAX_POOL] = { keeps_image, false },
        [HEDGE_OP_AVERAGE_POOL] = { keeps_image, false },
        [HEDGE_OP_GLOBAL_AVERAGE_POOL] = { keeps_image, false },
        [HEDGE_OP_GLOBAL_MAX_POOL] = { keeps_image, false },
        [HEDGE_OP_FULLY_CONNECTED] = { keeps_image, false }, /* row by row */
        [HEDGE_OP_MATMUL] = { keeps_matmul, false },
        [HEDGE_OP_ADD] = { keeps_broadcast, false },
        [HEDGE_OP_SUB] = { keeps_broadcast, false },
        [HEDGE_OP_MUL] = { keeps_broadcast, false },
        [HEDGE_OP_DIV] = { keeps_broadcast, false },
        [HEDGE_OP_MAX] = { keeps_broadcast, false },
        [HEDGE_OP_MIN] = { keeps_broadcast, false },
        [HEDGE_OP_POW] = { keeps_broadcast, false },
        [HEDGE_OP_PRELU] = { keeps_broadcast, false },
        [HEDGE_OP_QUANTIZE] = { keeps_broadcast, false },
        [HEDGE_OP_CLAMP] = { keeps_unary, false },
        [HEDGE_OP_LEAKY_RELU] = { keeps_unary, false },
        [HEDGE_OP_UNARY] = { keeps_unary, false },
        [HEDGE_OP_TO_INTEGER] = { keeps_unary, false },
        [HEDGE_OP_SOFTMAX] = { keeps_softmax, false },
        [HEDGE_OP_LOG_SOFTMAX] = { keeps_softmax, false },
        [HEDGE_OP_CONCAT] = { keeps_concat, false },
        [HEDGE_OP_PAD] = { keeps_pad, false },
        [HEDGE_OP_RESIZE] = { keeps_image, false },
        [HEDGE_OP_LRN] = { keeps_image, false },
        [HEDGE_OP_GRID_SAMPLE] = { keeps_grid, false },
        [HEDGE_OP_TRANSPOSE] = { keeps_transpose, false },
        [HEDGE_OP_SLICE] = { keeps_slice, false },
        [HEDGE_OP_REDUCE] = { keeps_reduce, false },
        [HEDGE_OP_NORMALIZE] = { keeps_normalize, false },
        [HEDGE_OP_RESHAPE] = { keeps_reshape, false },
        [HEDGE_OP_EXPAND] = { keeps_expand, true },
        [HEDGE_OP_EQUAL] = { keeps_broadcast, false },
        [HEDGE_OP_LESS] = { keeps_broadcast, false },
        [HEDGE_OP_LESS_EQUAL] = { keeps_broadcast, false },
        [HEDGE_OP_AND] = { keeps_broadcast, false },
        [HEDGE_OP_OR] = { keeps_broadcast, false },
        [HEDGE_OP_XOR] = { keeps_broadcast, false },
        [HEDGE_OP_MODULO] = { keeps_broadcast, false },
        [HEDGE_OP_FMOD] = { keeps_broadcast, false },
        [HEDGE_OP_SHIFT_LEFT] = { keeps_broadcast, false },
        [HEDGE_OP_SHIFT_RIGHT] = { keeps_broadcast, false },
        [HEDGE_OP_WHERE] = { keeps_broadcast, false },
        [HEDGE_OP_NOT] = { keeps_unary, false },
        [HEDGE_OP_TO_BOOL] = { keeps_unary, false },
        [HEDGE_OP_IS_NAN] = { keeps_unary, false },
        [HEDGE_OP_IS_INF] = { keeps_unary, false },
        [HEDGE_OP_ARG_MAX] = { keeps_arg, false },
        [HEDGE_OP_ARG_MIN] = { keeps_arg, false },
        [HEDGE_OP_TOP] = { keeps_top, false },
        [HEDGE_OP_GATHER] = { keeps_gather, false },
        [HEDGE_OP_GATHER_ELEMENTS] = { keeps_gather_elements, false },
        [HEDGE_OP_GATHER_ND] = { keeps_gather_nd, false },
        [HEDGE_OP_SCATTER_ELEMENTS] = { keeps_scatter_elements, false },
        [HEDGE_OP_ONE_HOT] = { keeps_one_hot, false },
        [HEDGE_OP_CUM_SUM] = { keeps_cum_sum, false },
        [HEDGE_OP_TRILU] = { keeps_trilu, false },
        [HEDGE_OP_TILE] = { keeps_tile, true },
};

bool hedge_batch_keeps(const step_t *s, uint32_t *ret)
{
        bool carried = false;
        uint32_t axis = NONE;

        for (uint32_t i = 0; i < s->node->n_inputs; i++)
                carried = carried || axis_of(s, i) != NONE;
        if ((unsigned)s->node->op.kind >= HEDGE_OP_KINDS || !rows[s->node->op.kind].keeps)
                return false;
        if ((carried || rows[s->node->op.kind].grows) && !rows[s->node->op.kind].keeps(s, &axis))
                return false;
        *ret = axis;
        return true;
}

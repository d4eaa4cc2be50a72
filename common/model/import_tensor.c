/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "common/model/build.h"
#include "common/model/operators.h"

#define MAX_PICKED 256 /* indices of a gather from a computed value */

/* Operators that move elements: transpose, concat, slice, split, pad, gather, expand. */

/* Output `index` is a strided copy of a constant. */
static int set_strided(hedge_import_t *imp, uint32_t index, const hedge_literal_t *in, const hedge_shape_t *shape,
                       int64_t offset, const int64_t *stride)
{
        hedge_literal_t *out;
        int r;

        if (hedge_shape_check(shape, imp->limits->max_tensor_elements) < 0)
                return hedge_import_fail(imp, HEDGE_ELIMIT, "a shape that is too large");
        r = hedge_literal_strided(in, shape, offset, stride, &out);
        if (r < 0)
                return hedge_import_fail(imp, r, "the model's constants take too much memory");
        return hedge_import_set_literal(imp, index, out);
}

static int read_perm(hedge_import_t *imp, uint32_t rank, uint32_t *perm)
{
        hedge_ints_t given = hedge_attr_ints(imp, "perm");
        uint32_t seen = 0;

        if (given.v && given.n != rank)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "perm has %zu numbers for %u axes", given.n, rank);
        for (uint32_t i = 0; i < rank; i++) {
                int64_t p = given.v ? given.v[i] : rank - 1 - i;

                if (p < 0 || p >= rank || seen & 1u << p)
                        return hedge_import_fail(imp, HEDGE_EMALFORMED, "perm is not a permutation");
                seen |= 1u << p;
                perm[i] = (uint32_t)p;
        }
        return 0;
}

/* A computed value is only seen in another order; nothing moves. */
int hedge_import_transpose(hedge_import_t *imp)
{
        const hedge_sym_t *sym = hedge_import_sym(imp, 0);
        const hedge_shape_t *in = sym->literal ? &sym->literal->shape : &sym->view.shape;
        uint32_t perm[HEDGE_MAX_RANK], inverse[HEDGE_MAX_RANK] = { 0 };
        int64_t plain[HEDGE_MAX_RANK], stride[HEDGE_MAX_RANK] = { 0 };
        hedge_view_t view = sym->view;
        int r = read_perm(imp, in->rank, perm);

        if (r < 0)
                return r;
        hedge_strides(in, plain);
        view.shape = *in;
        for (uint32_t i = 0; i < in->rank; i++) {
                view.shape.dims[i] = in->dims[perm[i]];
                stride[i] = plain[perm[i]];
                inverse[perm[i]] = i;
        }
        if (sym->literal)
                return set_strided(imp, 0, sym->literal, &view.shape, 0, stride);
        for (uint32_t i = 0; i < in->rank; i++)
                view.perm[i] = inverse[sym->view.perm[i]];
        return hedge_import_set_view(imp, 0, &view);
}

static bool is_empty(const hedge_sym_t *sym)
{
        return sym->literal && hedge_shape_elements(&sym->literal->shape) == 0;
}

/* The inputs in the layout of the first computed one. */
static int concat_inputs(hedge_import_t *imp, const hedge_view_t *leader, uint32_t *values, uint32_t *ret_n)
{
        uint32_t n = 0;
        int r = 0;

        for (uint32_t i = 0; r == 0 && i < imp->node->n_input; i++) {
                hedge_sym_t *sym = hedge_import_sym(imp, i);
                hedge_view_t view;

                if (!sym)
                        return hedge_import_fail(imp, HEDGE_EMALFORMED, "input %u is missing", i);
                if (is_empty(sym))
                        continue;
                if ((sym->literal ? sym->literal->shape.rank : sym->view.shape.rank) != leader->shape.rank)
                        return hedge_import_fail(imp, HEDGE_ESHAPE, "of tensors with different numbers of axes");
                if (sym->literal) {
                        r = hedge_build_literal(imp, sym->literal, leader->shape.rank, leader->perm, &view);
                } else {
                        view = sym->view;
                        r = hedge_build_layout(imp, &view, leader->perm);
                }
                values[n++] = r == 0 ? view.value : 0;
        }
        *ret_n = n;
        return r;
}

int hedge_import_concat(hedge_import_t *imp)
{
        hedge_op_t op = { .kind = HEDGE_OP_CONCAT };
        hedge_view_t view = { .value = HEDGE_NO_VALUE };
        uint32_t *values, n = 0, axis;
        hedge_shape_t memory;
        int r;

        for (uint32_t i = 0; view.value == HEDGE_NO_VALUE && i < imp->node->n_input; i++) {
                hedge_sym_t *sym = hedge_import_sym(imp, i);

                if (sym && !sym->literal)
                        view = sym->view;
        }
        r = hedge_import_axis(imp, hedge_attr_int(imp, "axis", imp->opset < 4 ? 1 : 0), view.shape.rank, &axis);
        if (r < 0)
                return r;
        values = malloc(imp->node->n_input * sizeof(*values));
        if (!values)
                return hedge_why(imp->why, HEDGE_ELIMIT, "out of memory");
        r = concat_inputs(imp, &view, values, &n);
        op.axis.axis = hedge_view_axis(&view, axis);
        if (r == 0)
                r = hedge_build_op(imp, &op, values, n, &view.value);
        free(values);
        if (r < 0)
                return r;
        memory = imp->graph->values[view.value].shape;
        view.shape.dims[axis] = memory.dims[op.axis.axis];
        return hedge_import_set_view(imp, 0, &view);
}

/* Where each axis starts, how it steps, and how many elements it gives. */
typedef struct cut {
        int64_t start[HEDGE_MAX_RANK], step[HEDGE_MAX_RANK];
        hedge_shape_t out;
} cut_t;

static void cut_all(const hedge_shape_t *in, cut_t *cut)
{
        *cut = (cut_t){ .out = *in };
        for (uint32_t i = 0; i < HEDGE_MAX_RANK; i++)
                cut->step[i] = 1;
}

static int apply_cut(hedge_import_t *imp, uint32_t index, const cut_t *cut)
{
        const hedge_sym_t *sym = hedge_import_sym(imp, 0);
        hedge_op_t op = { .kind = HEDGE_OP_SLICE };
        int64_t plain[HEDGE_MAX_RANK], stride[HEDGE_MAX_RANK] = { 0 }, offset = 0;
        hedge_view_t view = sym->view;
        int r;

        if (sym->literal) {
                hedge_strides(&sym->literal->shape, plain);
                for (uint32_t i = 0; hedge_shape_elements(&cut->out) > 0 && i < cut->out.rank; i++) {
                        offset += cut->start[i] * plain[i];
                        stride[i] = cut->step[i] * plain[i];
                }
                return set_strided(imp, index, sym->literal, &cut->out, offset, stride);
        }
        if (hedge_shape_equal(&view.shape, &cut->out) &&
            memcmp(cut->start, (int64_t[HEDGE_MAX_RANK]){ 0 }, sizeof(cut->start)) == 0)
                return hedge_import_set_view(imp, index, &view);
        op.slice.out.rank = cut->out.rank;
        for (uint32_t i = 0; i < cut->out.rank; i++) {
                op.slice.start[i] = cut->start[view.perm[i]];
                op.slice.step[i] = cut->step[view.perm[i]];
                op.slice.out.dims[i] = cut->out.dims[view.perm[i]];
        }
        r = hedge_build_unary(imp, &op, &view);
        view.shape = cut->out;
        return r < 0 ? r : hedge_import_set_view(imp, index, &view);
}

static int64_t bound(int64_t v, int64_t lo, int64_t hi)
{
        return v < lo ? lo : v > hi ? hi : v;
}

/* NumPy's rules: negative indices count from the end, everything is clipped to the axis. */
static int cut_axis(hedge_import_t *imp, cut_t *cut, uint32_t axis, int64_t start, int64_t end, int64_t step)
{
        int64_t n = cut->out.dims[axis], count;

        if (step == 0 || step == INT64_MIN)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "a step of %lld", (long long)step);
        start += start < 0 ? n : 0;
        end += end < 0 ? n : 0;
        start = step > 0 ? bound(start, 0, n) : bound(start, -1, n - 1);
        end = step > 0 ? bound(end, 0, n) : bound(end, -1, n - 1);
        if (step > 0)
                count = end > start ? (end - start - 1) / step + 1 : 0;
        else
                count = start > end ? (start - end - 1) / -step + 1 : 0;
        cut->start[axis] = count > 0 ? start : 0;
        cut->step[axis] = count > 1 ? step : 1;
        cut->out.dims[axis] = (uint32_t)count;
        return 0;
}

int hedge_import_slice(hedge_import_t *imp)
{
        const hedge_shape_t *in = hedge_import_shape_of(imp, 0);
        hedge_ints_t starts, ends, axes, steps;
        uint32_t seen = 0, axis;
        cut_t cut;
        int r = hedge_import_ints(imp, 1, "starts", &starts);

        if (r == 0)
                r = hedge_import_ints(imp, 2, "ends", &ends);
        if (r == 0)
                r = hedge_import_ints(imp, 3, "axes", &axes);
        if (r == 0)
                r = hedge_import_ints(imp, 4, "steps", &steps);
        if (r < 0)
                return r;
        if (!starts.v || !ends.v || starts.n != ends.n || (axes.v && axes.n != starts.n) ||
            (steps.v && steps.n != starts.n) || starts.n > in->rank)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "starts, ends, axes and steps do not fit");
        cut_all(in, &cut);
        for (size_t i = 0; r == 0 && i < starts.n; i++) {
                r = hedge_import_axis(imp, axes.v ? axes.v[i] : (int64_t)i, in->rank, &axis);
                if (r == 0 && seen & 1u << axis)
                        r = hedge_import_fail(imp, HEDGE_EMALFORMED, "axis %u is cut twice", axis);
                if (r < 0)
                        return r;
                seen |= 1u << axis;
                r = cut_axis(imp, &cut, axis, starts.v[i], ends.v[i], steps.v ? steps.v[i] : 1);
        }
        return r < 0 ? r : apply_cut(imp, 0, &cut);
}

/* How large each part is that is not given: from opset 18 on, `num_outputs` lets the last be smaller. */
static int part_size(hedge_import_t *imp, uint32_t extent, int64_t n, int64_t *ret)
{
        bool uneven = imp->opset >= 18 && hedge_attr_find(imp, "num_outputs");

        if (uneven ? hedge_attr_int(imp, "num_outputs", 0) != n : extent % n != 0)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "an axis of %u does not split into %lld parts", extent,
                                         (long long)n);
        *ret = (extent + n - 1) / n;
        return 0;
}

int hedge_import_split(hedge_import_t *imp)
{
        const hedge_shape_t in = *hedge_import_shape_of(imp, 0);
        int64_t n = (int64_t)imp->node->n_output, from = 0, each = 0, size;
        hedge_ints_t sizes;
        uint32_t axis;
        cut_t cut;
        int r = hedge_import_axis(imp, hedge_attr_int(imp, "axis", 0), in.rank, &axis);

        if (r == 0)
                r = hedge_import_ints(imp, 1, "split", &sizes);
        if (r == 0 && sizes.v && sizes.n != (size_t)n)
                r = hedge_import_fail(imp, HEDGE_EMALFORMED, "%zu sizes of %lld parts", sizes.n, (long long)n);
        if (r == 0 && !sizes.v)
                r = part_size(imp, in.dims[axis], n, &each);
        for (int64_t i = 0; r == 0 && i < n; i++, from += size) {
                size = sizes.v ? sizes.v[i] : each < in.dims[axis] - from ? each : in.dims[axis] - from;
                if (size < 0 || size > in.dims[axis] - from)
                        return hedge_import_fail(imp, HEDGE_EMALFORMED, "the parts are more than the whole");
                if (!hedge_import_wanted(imp, (uint32_t)i))
                        continue;
                cut_all(&in, &cut);
                cut.start[axis] = size ? from : 0;
                cut.out.dims[axis] = (uint32_t)size;
                r = apply_cut(imp, (uint32_t)i, &cut);
        }
        return r;
}

static int pad_value(hedge_import_t *imp, float *ret)
{
        int r = 0;

        *ret = imp->opset < 11 ? hedge_attr_float(imp, "value", 0) : 0;
        if (hedge_import_has(imp, 2))
                r = hedge_import_scalar(imp, 2, "the value", ret);
        if (r == 0 && hedge_element_is_integer((int)hedge_import_element(imp, 0)) &&
            !(*ret >= -HEDGE_EXACT && *ret <= HEDGE_EXACT))
                r = hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "a value of %g, which is more than is computed exactly",
                                      (double)*ret);
        return r;
}

/* Before and after, for each logical axis; from opset 18 on the axes may be named. */
static int read_pads(hedge_import_t *imp, uint32_t rank, int64_t *before, int64_t *after)
{
        hedge_ints_t pads, axes;
        uint32_t axis, mask;
        int r = hedge_import_ints(imp, 1, imp->opset < 2 ? "paddings" : "pads", &pads);

        if (r == 0)
                r = hedge_import_ints(imp, 3, "axes", &axes);
        if (r == 0)
                r = hedge_import_axes(imp, &axes, rank, &mask);
        if (r < 0)
                return r;
        if (!axes.v)
                axes.n = rank;
        if (!pads.v || pads.n != axes.n * 2)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "pads has %zu numbers for %zu axes", pads.n, axes.n);
        for (size_t i = 0; i < axes.n; i++) {
                hedge_import_axis(imp, axes.v ? axes.v[i] : (int64_t)i, rank, &axis);
                before[axis] = pads.v[i];
                after[axis] = pads.v[i + axes.n];
        }
        return 0;
}

int hedge_import_pad(hedge_import_t *imp)
{
        static const char *const modes[] = { "constant", "reflect", "edge", "wrap", NULL };
        int64_t all_before[HEDGE_MAX_RANK] = { 0 }, all_after[HEDGE_MAX_RANK] = { 0 };
        hedge_op_t op = { .kind = HEDGE_OP_PAD };
        hedge_shape_t memory;
        hedge_view_t x;
        int r = hedge_import_view(imp, 0, &x);

        if (r == 0)
                r = read_pads(imp, x.shape.rank, all_before, all_after);
        if (r == 0)
                r = pad_value(imp, &op.pad.value);
        if (r < 0)
                return r;
        op.pad.mode = (hedge_pad_mode_t)hedge_attr_choice(imp, "mode", modes, 0);
        for (uint32_t i = 0; i < x.shape.rank; i++) {
                int64_t before = all_before[x.perm[i]], after = all_after[x.perm[i]];

                if (before != (int32_t)before || after != (int32_t)after)
                        return hedge_import_fail(imp, HEDGE_ELIMIT, "a padding that is too large");
                op.pad.before[i] = (int32_t)before;
                op.pad.after[i] = (int32_t)after;
        }
        r = hedge_build_unary(imp, &op, &x);
        if (r < 0)
                return r;
        memory = imp->graph->values[x.value].shape;
        for (uint32_t i = 0; i < memory.rank; i++)
                x.shape.dims[x.perm[i]] = memory.dims[i];
        return hedge_import_set_view(imp, 0, &x);
}

/* Indices within the axis; -1 counts from the end. Are they start, start + step, ...? */
static int read_indices(hedge_import_t *imp, const hedge_literal_t *indices, uint32_t extent, int64_t *at, bool *even)
{
        size_t n = hedge_shape_elements(&indices->shape);

        *even = true;
        for (size_t i = 0; i < n; i++) {
                int64_t v = indices->ints[i];

                if (v < -(int64_t)extent || v >= extent)
                        return hedge_import_fail(imp, HEDGE_EMALFORMED, "an index of %lld on an axis of %u",
                                                 (long long)v, extent);
                at[i] = v < 0 ? v + extent : v;
                if (i > 0 && (at[1] == at[0] || at[i] - at[i - 1] != at[1] - at[0]))
                        *even = false;
        }
        return 0;
}

/* `count` elements of one axis of a value. */
static int slice_axis(hedge_import_t *imp, uint32_t value, uint32_t axis, int64_t start, int64_t step, uint32_t count,
                      uint32_t *ret)
{
        hedge_op_t op = { .kind = HEDGE_OP_SLICE };

        op.slice.out = imp->graph->values[value].shape;
        for (uint32_t i = 0; i < op.slice.out.rank; i++)
                op.slice.step[i] = 1;
        op.slice.start[axis] = start;
        op.slice.step[axis] = step;
        op.slice.out.dims[axis] = count;
        return hedge_build_op(imp, &op, &value, 1, ret);
}

/* Evenly spaced indices are one slice; others a slice each, joined again. */
static int pick(hedge_import_t *imp, uint32_t value, uint32_t axis, const hedge_literal_t *indices, uint32_t *ret)
{
        int64_t at[MAX_PICKED];
        uint32_t slices[MAX_PICKED], n = (uint32_t)hedge_shape_elements(&indices->shape);
        hedge_op_t op = { .kind = HEDGE_OP_CONCAT, .axis = { axis } };
        bool even;
        int r = read_indices(imp, indices, imp->graph->values[value].shape.dims[axis], at, &even);

        if (r < 0)
                return r;
        if (even)
                return slice_axis(imp, value, axis, at[0], n > 1 ? at[1] - at[0] : 1, n, ret);
        for (uint32_t i = 0; r == 0 && i < n; i++)
                r = slice_axis(imp, value, axis, at[i], 1, 1, &slices[i]);
        return r < 0 ? r : hedge_build_op(imp, &op, slices, n, ret);
}

/* By few constant indices. Of a computed value: its axis is replaced by the indices' axes. */
static int gather_few(hedge_import_t *imp, const hedge_literal_t *indices, uint32_t axis)
{
        const hedge_shape_t in = *hedge_import_shape_of(imp, 0);
        hedge_shape_t out = { .rank = 0 };
        size_t n = hedge_shape_elements(&indices->shape);
        hedge_view_t x;
        int r = hedge_import_view(imp, 0, &x);

        if (r < 0)
                return r;
        if (!indices->is_int || in.rank - 1 + indices->shape.rank > HEDGE_MAX_RANK || n == 0)
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "with %zu indices", n);
        for (uint32_t i = 0; i < in.rank; i++) {
                for (uint32_t j = 0; i == axis && j < indices->shape.rank; j++)
                        out.dims[out.rank++] = indices->shape.dims[j];
                if (i != axis)
                        out.dims[out.rank++] = in.dims[i];
        }
        r = pick(imp, x.value, hedge_view_axis(&x, axis), indices, &x.value);
        x.shape.dims[axis] = (uint32_t)n;
        if (r == 0)
                r = hedge_build_reshape(imp, &x, &out);
        return r < 0 ? r : hedge_import_set_view(imp, 0, &x);
}

int hedge_import_gather(hedge_import_t *imp)
{
        const hedge_literal_t *indices = hedge_import_sym(imp, 1)->literal;
        uint32_t axis;
        int r = hedge_import_axis(imp, hedge_attr_int(imp, "axis", 0), hedge_import_shape_of(imp, 0)->rank, &axis);

        if (r < 0)
                return r;
        if (!indices || hedge_shape_elements(&indices->shape) > MAX_PICKED)
                return hedge_import_gather_computed(imp, axis);
        return gather_few(imp, indices, axis);
}

static int expand_target(hedge_import_t *imp, const hedge_literal_t *spec, const hedge_shape_t *in, hedge_shape_t *out)
{
        uint32_t wanted = spec->shape.dims[0], rank = wanted > in->rank ? wanted : in->rank;

        *out = (hedge_shape_t){ .rank = rank };
        for (uint32_t i = 0; i < rank; i++) {
                int64_t have = i < in->rank ? in->dims[in->rank - 1 - i] : 1;
                int64_t want = i < wanted ? spec->ints[wanted - 1 - i] : 1;

                if (want < 0 || want > INT32_MAX || (have != want && have != 1 && want != 1))
                        return hedge_import_fail(imp, HEDGE_ESHAPE, "an extent of %lld does not broadcast to %lld",
                                                 (long long)have, (long long)want);
                out->dims[rank - 1 - i] = (uint32_t)(have == 1 ? want : have);
        }
        return 0;
}

static int expand_view(hedge_import_t *imp, const hedge_shape_t *out)
{
        hedge_op_t op = { .kind = HEDGE_OP_EXPAND };
        hedge_shape_t full = { .rank = out->rank };
        hedge_view_t x;
        int r = hedge_import_view(imp, 0, &x);

        if (r < 0)
                return r;
        for (uint32_t i = 0, lead = out->rank - x.shape.rank; i < out->rank; i++)
                full.dims[i] = i < lead ? 1 : x.shape.dims[i - lead];
        r = hedge_build_reshape(imp, &x, &full);
        if (r < 0)
                return r;
        if (!hedge_shape_equal(&x.shape, out)) {
                x.shape = *out;
                op.shape.out = hedge_view_memory(&x);
                r = hedge_build_unary(imp, &op, &x);
        }
        return r < 0 ? r : hedge_import_set_view(imp, 0, &x);
}

int hedge_import_expand(hedge_import_t *imp)
{
        const hedge_sym_t *sym = hedge_import_sym(imp, 0);
        const hedge_shape_t *in = hedge_import_shape_of(imp, 0);
        int64_t plain[HEDGE_MAX_RANK], stride[HEDGE_MAX_RANK] = { 0 };
        hedge_literal_t *spec;
        hedge_shape_t out;
        int r = hedge_import_extents(imp, 1, &spec);

        if (r < 0)
                return r;
        r = expand_target(imp, spec, in, &out);
        if (r < 0 || !sym->literal)
                return r < 0 ? r : expand_view(imp, &out);
        hedge_strides(in, plain);
        for (uint32_t i = 0, lead = out.rank - in->rank; i < out.rank; i++)
                stride[i] = i < lead || in->dims[i - lead] == 1 ? 0 : plain[i - lead];
        return set_strided(imp, 0, sym->literal, &out, 0, stride);
}

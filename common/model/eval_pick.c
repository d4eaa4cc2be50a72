/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/operators.h"

/* Operators whose result is as long as the values say: of constants only, as a graph's shapes are fixed. */

static bool is_set(const hedge_literal_t *x, size_t i)
{
        return x->is_int ? x->ints[i] != 0 : x->floats[i] != 0;
}

/* The positions of what is not 0, a column each. */
int hedge_eval_non_zero(hedge_import_t *imp)
{
        const hedge_literal_t *x = hedge_import_sym(imp, 0)->literal;
        uint32_t rank = x->shape.rank ? x->shape.rank : 1;
        size_t n = hedge_shape_elements(&x->shape), found = 0;
        hedge_shape_t shape = { 2, { rank, 0 } };
        hedge_literal_t *y = NULL;
        int r;

        for (size_t i = 0; i < n; i++)
                shape.dims[1] += is_set(x, i);
        r = hedge_import_new_literal(imp, &shape, true, &y);
        if (r < 0)
                return r;
        for (size_t i = 0; i < n; i++) {
                size_t rest = i;

                if (!is_set(x, i))
                        continue;
                for (uint32_t d = rank; d-- > 0;) {
                        uint32_t extent = x->shape.rank ? x->shape.dims[d] : 1;

                        y->ints[d * shape.dims[1] + found] = (int64_t)(rest % extent);
                        rest /= extent;
                }
                found++;
        }
        return hedge_import_set_literal(imp, 0, y);
}

/* What Unique compares: slice i has `outer` pieces of `inner` elements, one every `n` pieces. */
typedef struct slices {
        const hedge_literal_t *x;
        size_t n, outer, inner;
        uint32_t axis; /* HEDGE_MAX_RANK: the tensor is one row of elements */
} slices_t;

typedef struct slice {
        const slices_t *of;
        uint32_t index;
} slice_t;

static size_t element(const slices_t *s, uint32_t slice, size_t i)
{
        return (i / s->inner * s->n + slice) * s->inner + i % s->inner;
}

/* What is not a number is larger than all that is. */
static int compare_floats(float a, float b)
{
        if (a != a || b != b)
                return (a != a) - (b != b);
        return (a > b) - (a < b);
}

static int compare_slices(const slice_t *a, const slice_t *b)
{
        const slices_t *s = a->of;

        for (size_t i = 0; i < s->outer * s->inner; i++) {
                size_t x = element(s, a->index, i), y = element(s, b->index, i);
                int order = s->x->is_int ? (s->x->ints[x] > s->x->ints[y]) - (s->x->ints[x] < s->x->ints[y])
                                         : compare_floats(s->x->floats[x], s->x->floats[y]);

                if (order)
                        return order;
        }
        return 0;
}

/* Of equals, the first one. */
static int by_content(const void *left, const void *right)
{
        const slice_t *a = left, *b = right;
        int order = compare_slices(a, b);

        return order ? order : a->index < b->index ? -1 : a->index > b->index;
}

static int by_index(const void *left, const void *right)
{
        const slice_t *a = left, *b = right;

        return a->index < b->index ? -1 : a->index > b->index;
}

static int open_slices(hedge_import_t *imp, slices_t *s)
{
        const hedge_literal_t *x = hedge_import_sym(imp, 0)->literal;
        int r;

        *s = (slices_t){ x, hedge_shape_elements(&x->shape), 1, 1, HEDGE_MAX_RANK };
        if (hedge_attr_find(imp, "axis")) {
                r = hedge_import_axis(imp, hedge_attr_int(imp, "axis", 0), x->shape.rank, &s->axis);
                if (r < 0)
                        return r;
                s->n = x->shape.dims[s->axis];
                for (uint32_t d = 0; d < x->shape.rank; d++)
                        *(d < s->axis ? &s->outer : &s->inner) *= d == s->axis ? 1 : x->shape.dims[d];
        }
        if (s->n == 0 || s->inner == 0 || s->outer == 0)
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "of an empty tensor");
        if (s->n > INT32_MAX || hedge_shape_elements(&x->shape) > imp->budget.work_left / 64)
                return hedge_import_fail(imp, HEDGE_ELIMIT, "of too large a tensor");
        imp->budget.work_left -= hedge_shape_elements(&x->shape) * 64;
        return 0;
}

/* What comes of it: `first` has a slice for each group, in order; the group of every slice; how many are in a group. */
typedef struct groups {
        slice_t *all, *first;
        uint32_t *of, *order, *count;
        uint32_t n;
} groups_t;

static int find_groups(const slices_t *s, bool sorted, groups_t *g)
{
        g->all = calloc(s->n, sizeof(*g->all));
        g->first = calloc(s->n, sizeof(*g->first));
        g->of = calloc(s->n, sizeof(*g->of));
        g->order = calloc(s->n, sizeof(*g->order));
        g->count = calloc(s->n, sizeof(*g->count));
        if (!g->all || !g->first || !g->of || !g->order || !g->count)
                return -ENOMEM;
        for (uint32_t i = 0; i < s->n; i++)
                g->all[i] = (slice_t){ s, i };
        qsort(g->all, s->n, sizeof(*g->all), by_content);
        for (uint32_t i = 0; i < s->n; i++) {
                if (i == 0 || compare_slices(&g->all[i - 1], &g->all[i]) != 0)
                        g->first[g->n++] = g->all[i];
                g->of[g->all[i].index] = g->first[g->n - 1].index;
        }
        if (!sorted)
                qsort(g->first, g->n, sizeof(*g->first), by_index);
        for (uint32_t i = 0; i < g->n; i++)
                g->order[g->first[i].index] = i;
        for (uint32_t i = 0; i < s->n; i++)
                g->count[g->of[i] = g->order[g->of[i]]]++;
        return 0;
}

static int set_values(hedge_import_t *imp, const slices_t *s, const groups_t *g)
{
        hedge_shape_t shape = { 1, { g->n } };
        hedge_literal_t *y = NULL;
        int r;

        if (s->axis < HEDGE_MAX_RANK) {
                shape = s->x->shape;
                shape.dims[s->axis] = g->n;
        }
        r = hedge_import_new_literal(imp, &shape, s->x->is_int, &y);
        if (r < 0)
                return r;
        y->element = s->x->element;
        for (uint32_t j = 0; j < g->n; j++)
                for (size_t i = 0; i < s->outer * s->inner; i++) {
                        size_t from = element(s, g->first[j].index, i);
                        size_t to = (i / s->inner * g->n + j) * s->inner + i % s->inner;

                        if (y->is_int)
                                y->ints[to] = s->x->ints[from];
                        else
                                y->floats[to] = s->x->floats[from];
                }
        return hedge_import_set_literal(imp, 0, y);
}

/* Output i is a list of integers. */
static int set_list(hedge_import_t *imp, uint32_t i, const groups_t *g, uint32_t n, const uint32_t *list)
{
        hedge_shape_t shape = { 1, { n } };
        hedge_literal_t *y = NULL;
        int r = hedge_import_wanted(imp, i) ? hedge_import_new_literal(imp, &shape, true, &y) : 1;

        if (r)
                return r < 0 ? r : 0;
        for (uint32_t j = 0; j < n; j++)
                y->ints[j] = list ? list[j] : g->first[j].index;
        return hedge_import_set_literal(imp, i, y);
}

int hedge_eval_unique(hedge_import_t *imp)
{
        bool sorted = hedge_attr_int(imp, "sorted", 1) != 0;
        groups_t g = { 0 };
        slices_t s;
        int r = open_slices(imp, &s);

        if (r < 0)
                return r;
        r = find_groups(&s, sorted, &g);
        if (r < 0)
                hedge_why(imp->why, r, "out of memory");
        if (r == 0)
                r = set_values(imp, &s, &g);
        if (r == 0)
                r = set_list(imp, 1, &g, g.n, NULL);
        if (r == 0)
                r = set_list(imp, 2, &g, (uint32_t)s.n, g.of);
        if (r == 0)
                r = set_list(imp, 3, &g, g.n, g.count);
        free(g.all);
        free(g.first);
        free(g.of);
        free(g.order);
        free(g.count);
        return r;
}

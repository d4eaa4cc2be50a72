/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/plain.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* Operators along one axis that ask which element is the largest, or what came before. */

/* A line of n elements along the axis: the first, and how far the next is. */
typedef struct line {
        const float *from;
        size_t n, step;
} line_t;

/* How many lines, how long, how far apart their elements are. */
static void lines_of(const hedge_shape_t *x, uint32_t axis, size_t *outer, size_t *inner)
{
        *outer = *inner = 1;
        for (uint32_t d = 0; d < axis; d++)
                *outer *= x->dims[d];
        for (uint32_t d = axis + 1; d < x->rank; d++)
                *inner *= x->dims[d];
}

/* Does b come before a? What is not a number comes first, as NumPy has it. */
static bool before(float a, float b, bool smallest)
{
        if (isnan(a) || isnan(b))
                return !isnan(a);
        return smallest ? b < a : b > a;
}

static size_t extreme(const line_t *line, bool smallest, bool last)
{
        size_t best = 0;

        for (size_t i = 1; i < line->n; i++) {
                float a = line->from[best * line->step], b = line->from[i * line->step];

                if (before(a, b, smallest) || (last && !before(b, a, smallest)))
                        best = i;
        }
        return best;
}

/* Lines that lie side by side are gone through together, row by row, as memory lies. */
static void extremes(const float *from, size_t n, size_t inner, bool smallest, bool last, float *best, float *out)
{
        for (size_t i = 0; i < inner; i++) {
                best[i] = from[i];
                out[i] = 0;
        }
        for (size_t j = 1; j < n; j++) {
                const float *row = from + j * inner;

                for (size_t i = 0; i < inner; i++)
                        if (before(best[i], row[i], smallest) || (last && !before(row[i], best[i], smallest))) {
                                best[i] = row[i];
                                out[i] = (float)j;
                        }
        }
}

int hedge_plain_arg_extreme(const hedge_kernel_t *k, const float *const *in, float *out)
{
        bool smallest = k->op.kind == HEDGE_OP_ARG_MIN, last = k->op.arg.last;
        size_t outer, inner, n = k->in[0].dims[k->op.arg.axis];
        float *best = NULL;

        lines_of(&k->in[0], k->op.arg.axis, &outer, &inner);
        if (inner > 1) {
                best = hedge_floats_new(inner);
                if (!best)
                        return -ENOMEM;
        }
        for (size_t o = 0; o < outer; o++) {
                const line_t line = { in[0] + o * n * inner, n, 1 };

                if (best)
                        extremes(line.from, n, inner, smallest, last, best, out + o * inner);
                else
                        out[o] = (float)extreme(&line, smallest, last);
        }
        free(best);
        return 0;
}

typedef struct rank {
        float value;
        uint32_t index;
} rank_t;

/* In the order of the result; of equals the earlier one comes first. */
static bool ranks_before(const rank_t *a, const rank_t *b, bool smallest)
{
        if (before(b->value, a->value, smallest))
                return true;
        return !before(a->value, b->value, smallest) && a->index < b->index;
}

/* A heap whose root is the last of those kept. */
static void sink(rank_t *heap, uint32_t n, uint32_t i, bool smallest)
{
        for (;;) {
                uint32_t child = 2 * i + 1;
                rank_t swap = heap[i];

                if (child >= n)
                        return;
                if (child + 1 < n && ranks_before(&heap[child], &heap[child + 1], smallest))
                        child++;
                if (!ranks_before(&heap[i], &heap[child], smallest))
                        return;
                heap[i] = heap[child];
                heap[child] = swap;
                i = child;
        }
}

/* The first k of a line, in order. */
static void top(const line_t *line, bool smallest, rank_t *heap, uint32_t k)
{
        for (uint32_t i = 0; i < k; i++)
                heap[i] = (rank_t){ line->from[i * line->step], i };
        for (uint32_t i = k; i-- > 0;)
                sink(heap, k, i, smallest);
        for (uint32_t i = k; i < line->n; i++) {
                const rank_t next = { line->from[i * line->step], i };

                if (!ranks_before(&next, &heap[0], smallest))
                        continue;
                heap[0] = next;
                sink(heap, k, 0, smallest);
        }
        for (uint32_t n = k; n-- > 1;) {
                rank_t last = heap[0];

                heap[0] = heap[n];
                heap[n] = last;
                sink(heap, n, 0, smallest);
        }
}

int hedge_plain_top(const hedge_kernel_t *k, const float *const *in, float *out)
{
        size_t outer, inner, n = k->in[0].dims[k->op.top.axis];
        uint32_t count = k->op.top.k;
        rank_t *heap = malloc(count * sizeof(*heap));

        if (!heap)
                return -ENOMEM;
        lines_of(&k->in[0], k->op.top.axis, &outer, &inner);
        for (size_t o = 0; o < outer; o++)
                for (size_t i = 0; i < inner; i++) {
                        const line_t line = { in[0] + o * n * inner + i, n, inner };

                        top(&line, k->op.top.smallest, heap, count);
                        for (uint32_t j = 0; j < count; j++)
                                out[(o * count + j) * inner + i] = (float)heap[j].index;
                }
        free(heap);
        return 0;
}

/* In double: integers stay exact and long sums of floats good. */
static void sum_up(const line_t *line, bool exclusive, bool reverse, float *out)
{
        double sum = 0;

        for (size_t i = 0; i < line->n; i++) {
                size_t at = (reverse ? line->n - 1 - i : i) * line->step;

                if (exclusive)
                        out[at] = (float)sum;
                sum += line->from[at];
                if (!exclusive)
                        out[at] = (float)sum;
        }
}

int hedge_plain_cum_sum(const hedge_kernel_t *k, const float *const *in, float *out)
{
        size_t outer, inner, n = k->in[0].dims[k->op.cum_sum.axis];

        lines_of(&k->in[0], k->op.cum_sum.axis, &outer, &inner);
        for (size_t o = 0; o < outer; o++)
                for (size_t i = 0; i < inner; i++) {
                        size_t first = o * n * inner + i;
                        const line_t line = { in[0] + first, n, inner };

                        sum_up(&line, k->op.cum_sum.exclusive, k->op.cum_sum.reverse, out + first);
                }
        return 0;
}

/* Of the last two axes: what is on the wanted side of a diagonal stays, all else becomes 0. */
int hedge_plain_trilu(const hedge_kernel_t *k, const float *const *in, float *out)
{
        int64_t columns = k->out.dims[k->out.rank - 1], rows = k->out.dims[k->out.rank - 2];
        size_t all = hedge_shape_elements(&k->out) / (size_t)columns;

        for (size_t i = 0; i < all; i++)
                for (int64_t c = 0; c < columns; c++) {
                        int64_t beside = c - (int64_t)(i % (size_t)rows);
                        bool kept = k->op.trilu.upper ? beside >= k->op.trilu.diagonal : beside <= k->op.trilu.diagonal;
                        size_t at = i * (size_t)columns + (size_t)c;

                        out[at] = kept ? in[0][at] : 0;
                }
        return 0;
}

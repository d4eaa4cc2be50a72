/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/plain.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* One row of the input into its results: all into one where the last axis is reduced, else one by one. From every
 * element its shift is taken first, where there are any. */
typedef void row_fn(const float *x, uint32_t n, double *to, const double *shift, bool reduced);

#define ROW(name, expression)                                                                       \
        static void name(const float *x, uint32_t n, double *to, const double *shift, bool reduced) \
        {                                                                                           \
                if (reduced) {                                                                      \
                        double a = *to, s = shift ? *shift : 0;                                     \
                        for (uint32_t i = 0; i < n; i++) {                                          \
                                double v = x[i] - s;                                                \
                                a = expression;                                                     \
                        }                                                                           \
                        *to = a;                                                                    \
                } else {                                                                            \
                        for (uint32_t i = 0; i < n; i++) {                                          \
                                double v = x[i] - (shift ? shift[i] : 0), a = to[i];                \
                                to[i] = expression;                                                 \
                        }                                                                           \
                }                                                                                   \
        }

ROW(row_sum, a + v)
ROW(row_magnitude, a + fabs(v))
ROW(row_square, a + v * v)
ROW(row_exp, a + exp(v))
ROW(row_max, v > a || v != v ? v : a)
ROW(row_min, v < a || v != v ? v : a)
ROW(row_prod, a *v)

static const struct {
        row_fn *row;
        double first;
} kinds[HEDGE_REDUCE_KINDS] = {
        [HEDGE_REDUCE_L1] = { row_magnitude, 0 },    [HEDGE_REDUCE_L2] = { row_square, 0 },
        [HEDGE_REDUCE_LOG_SUM] = { row_sum, 0 },     [HEDGE_REDUCE_LOG_SUM_EXP] = { row_exp, 0 },
        [HEDGE_REDUCE_MAX] = { row_max, -INFINITY }, [HEDGE_REDUCE_MEAN] = { row_sum, 0 },
        [HEDGE_REDUCE_MIN] = { row_min, INFINITY },  [HEDGE_REDUCE_PROD] = { row_prod, 1 },
        [HEDGE_REDUCE_SUM] = { row_sum, 0 },         [HEDGE_REDUCE_SUM_SQUARE] = { row_square, 0 },
};

/* A tensor as rows, and where each row's results are. */
typedef struct rows {
        const hedge_shape_t *shape;
        uint32_t last, row;
        bool reduced; /* the rows themselves */
        uint32_t at[HEDGE_MAX_RANK];
        int64_t strides[HEDGE_MAX_RANK]; /* of the results, 0 along a reduced axis */
        size_t results, each;
} rows_t;

static rows_t open_rows(const hedge_shape_t *shape, uint32_t axes)
{
        rows_t rows = { .shape = shape, .last = shape->rank ? shape->rank - 1 : 0, .results = 1 };

        rows.row = shape->rank ? shape->dims[rows.last] : 1;
        rows.reduced = axes & 1u << rows.last;
        for (uint32_t d = shape->rank; d-- > 0;) {
                rows.strides[d] = axes & 1u << d ? 0 : (int64_t)rows.results;
                rows.results *= axes & 1u << d ? 1 : shape->dims[d];
        }
        rows.each = hedge_shape_elements(shape) / rows.results;
        return rows;
}

/* The first result of the row that the position is at. */
static size_t row_results(const rows_t *rows)
{
        size_t to = 0;

        for (uint32_t d = 0; d < rows->last; d++)
                to += rows->at[d] * (size_t)rows->strides[d];
        return to;
}

static bool next_row(rows_t *rows)
{
        return hedge_plain_next(rows->at, rows->shape->dims, rows->last);
}

static void accumulate(rows_t *rows, row_fn *row, const float *x, const double *shift, double first, double *to)
{
        for (size_t i = 0; i < rows->results; i++)
                to[i] = first;
        do {
                size_t at = row_results(rows);

                row(x, rows->row, to + at, shift ? shift + at : NULL, rows->reduced);
                x += rows->row;
        } while (next_row(rows));
}

/* e^x is taken of what x lies below its largest; infinities have nothing to be taken off. */
static void find_peaks(rows_t *rows, const float *x, double *peaks)
{
        accumulate(rows, row_max, x, NULL, -INFINITY, peaks);
        for (size_t i = 0; i < rows->results; i++)
                peaks[i] = isinf(peaks[i]) ? 0 : peaks[i];
}

static double finish(hedge_reduce_kind_t kind, double a, double peak, size_t n)
{
        switch (kind) {
        case HEDGE_REDUCE_L2:
                return sqrt(a);
        case HEDGE_REDUCE_LOG_SUM:
                return log(a);
        case HEDGE_REDUCE_LOG_SUM_EXP:
                return log(a) + peak;
        case HEDGE_REDUCE_MEAN:
                return a / (double)n;
        default:
                return a;
        }
}

int hedge_plain_reduce(const hedge_kernel_t *k, const float *const *in, float *out)
{
        hedge_reduce_kind_t kind = k->op.reduce.kind;
        rows_t rows = open_rows(&k->in[0], k->op.reduce.axes);
        double *a = malloc(rows.results * sizeof(*a)), *peaks = NULL;

        if (kind == HEDGE_REDUCE_LOG_SUM_EXP)
                peaks = malloc(rows.results * sizeof(*peaks));
        if (!a || (kind == HEDGE_REDUCE_LOG_SUM_EXP && !peaks)) {
                free(a);
                free(peaks);
                return -ENOMEM;
        }
        if (peaks)
                find_peaks(&rows, in[0], peaks);
        accumulate(&rows, kinds[kind].row, in[0], peaks, kinds[kind].first, a);
        for (size_t i = 0; i < rows.results; i++)
                out[i] = (float)finish(kind, a[i], peaks ? peaks[i] : 0, rows.each);
        free(a);
        free(peaks);
        return 0;
}

static void scale_row(const float *x, uint32_t n, const double *mean, const double *factor, bool reduced, float *out)
{
        if (reduced)
                for (uint32_t i = 0; i < n; i++)
                        out[i] = (float)((x[i] - *mean) * *factor);
        else
                for (uint32_t i = 0; i < n; i++)
                        out[i] = (float)((x[i] - mean[i]) * factor[i]);
}

/* Twice over the input before it is written: squares of what lies off the mean do not cancel, whatever the mean. */
int hedge_plain_normalize(const hedge_kernel_t *k, const float *const *in, float *out)
{
        rows_t rows = open_rows(&k->in[0], k->op.normalize.axes);
        double *mean = calloc(rows.results, sizeof(*mean)), *factor = malloc(rows.results * sizeof(*factor));
        const float *x = in[0];

        if (!mean || !factor) {
                free(mean);
                free(factor);
                return -ENOMEM;
        }
        if (k->op.normalize.centred)
                accumulate(&rows, row_sum, x, NULL, 0, mean);
        for (size_t i = 0; i < rows.results; i++)
                mean[i] /= (double)rows.each;
        accumulate(&rows, row_square, x, mean, 0, factor);
        for (size_t i = 0; i < rows.results; i++)
                factor[i] = 1 / sqrt(factor[i] / (double)rows.each + k->op.normalize.epsilon);
        do {
                size_t at = row_results(&rows);

                scale_row(x, rows.row, mean + at, factor + at, rows.reduced, out);
                x += rows.row;
                out += rows.row;
        } while (next_row(&rows));
        free(mean);
        free(factor);
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "common/train/norm.h"

#include <math.h>
#include <string.h>

#define BLOCK 64u /* rows whose float sums are then added up in double */

/* What forward keeps: per channel the mean and 1 / deviation that it used. */
typedef struct kept {
        float *mean, *factor;
} kept_t;

static kept_t kept_in(const hedge_layer_t *l, void *saved)
{
        return (kept_t){ saved, (float *)saved + l->x.c };
}

static int norm_shape(hedge_layer_t *l, const hedge_layer_spec_t *spec, hedge_why_t *why)
{
        l->y = l->x;
        l->n_weights = l->n_bias = l->n_statistics = l->x.c;
        return 0;
}

static uint64_t norm_saved(const hedge_layer_t *l, uint32_t batch)
{
        return 2 * l->x.c * sizeof(float);
}

/* Two rows of doubles and three of floats. */
static uint64_t norm_scratch(const hedge_layer_t *l, uint32_t batch)
{
        return (uint64_t)l->x.c * 7;
}

static size_t rows_of(const hedge_layer_t *l, const hedge_layer_pass_t *p)
{
        return (size_t)p->batch * l->x.h * l->x.w;
}

static void add_up(const float *restrict part, double *restrict sum, size_t c)
{
        for (size_t j = 0; j < c; j++)
                sum[j] += (double)part[j];
}

/* Per channel: sum += x. */
static void sum_up(const float *x, size_t rows, size_t c, float *restrict part, double *sum)
{
        for (size_t i = 0; i < rows; i += BLOCK) {
                const size_t end = rows - i < BLOCK ? rows : i + BLOCK;

                memset(part, 0, c * sizeof(*part));
                for (size_t k = i; k < end; k++)
                        for (size_t j = 0; j < c; j++)
                                part[j] += x[k * c + j];
                add_up(part, sum, c);
        }
}

/* Per channel: sum += (x - mean)^2. */
static void sum_squares(const float *x, size_t rows, size_t c, const float *restrict mean, float *restrict part,
                        double *sum)
{
        for (size_t i = 0; i < rows; i += BLOCK) {
                const size_t end = rows - i < BLOCK ? rows : i + BLOCK;

                memset(part, 0, c * sizeof(*part));
                for (size_t k = i; k < end; k++)
                        for (size_t j = 0; j < c; j++)
                                part[j] += (x[k * c + j] - mean[j]) * (x[k * c + j] - mean[j]);
                add_up(part, sum, c);
        }
}

/* The statistics of this batch: to use now, and to tell. */
static void measure(const hedge_layer_t *l, const hedge_layer_pass_t *p, const kept_t *kept)
{
        const size_t rows = rows_of(l, p), c = l->x.c;
        double *sum = (double *)(void *)p->scratch;
        float *part = p->scratch + 4 * c;

        memset(sum, 0, 2 * c * sizeof(*sum));
        sum_up(p->x, rows, c, part, sum);
        for (size_t j = 0; j < c; j++)
                kept->mean[j] = (float)(sum[j] / (double)rows);
        sum_squares(p->x, rows, c, kept->mean, part, sum + c);
        for (size_t j = 0; j < c; j++) {
                kept->factor[j] = (float)(1 / sqrt(sum[c + j] / (double)rows + (double)HEDGE_NORM_EPSILON));
                p->statistics[l->means + j] = kept->mean[j];
                p->statistics[l->variances + j] = (float)(sum[c + j] / (double)(rows > 1 ? rows - 1 : 1));
        }
}

static void recall(const hedge_layer_t *l, const hedge_layer_pass_t *p, const kept_t *kept)
{
        const float *variance = p->state + l->variances;

        memcpy(kept->mean, p->state + l->means, l->x.c * sizeof(float));
        for (size_t j = 0; j < l->x.c; j++)
                kept->factor[j] = 1.0f / sqrtf(variance[j] + HEDGE_NORM_EPSILON);
}

static void norm_forward(const hedge_layer_t *l, const hedge_layer_pass_t *p)
{
        const kept_t kept = kept_in(l, p->saved);
        const size_t rows = rows_of(l, p), c = l->x.c;
        const float *scale = p->params + l->weights, *shift = p->params + l->bias;
        float *restrict factor = p->scratch, *restrict term = p->scratch + c;

        if (p->training)
                measure(l, p, &kept);
        else
                recall(l, p, &kept);
        for (size_t j = 0; j < c; j++) {
                factor[j] = scale[j] * kept.factor[j];
                term[j] = shift[j] - kept.mean[j] * factor[j];
        }
        for (size_t i = 0; i < rows; i++)
                for (size_t j = 0; j < c; j++)
                        p->y[i * c + j] = factor[j] * p->x[i * c + j] + term[j];
}

/* Per channel: sum += dy * (x - mean). */
static void sum_products(const hedge_layer_pass_t *p, size_t rows, size_t c, const float *restrict mean,
                         float *restrict part, double *sum)
{
        for (size_t i = 0; i < rows; i += BLOCK) {
                const size_t end = rows - i < BLOCK ? rows : i + BLOCK;

                memset(part, 0, c * sizeof(*part));
                for (size_t k = i; k < end; k++)
                        for (size_t j = 0; j < c; j++)
                                part[j] += p->dy[k * c + j] * (p->x[k * c + j] - mean[j]);
                add_up(part, sum, c);
        }
}

/* dx = scale / deviation * (dy - mean(dy) - xhat * mean(dy * xhat)) = a * dy + b * (x - mean) + d per channel. */
static void norm_unapply(const hedge_layer_t *l, const hedge_layer_pass_t *p, const kept_t *kept, const double *sum)
{
        const size_t rows = rows_of(l, p), c = l->x.c;
        const float *scale = p->params + l->weights, *restrict mean = kept->mean;
        float *restrict a = p->scratch + 4 * c, *restrict b = a + c, *restrict d = b + c, *restrict dx = p->dx;

        for (size_t j = 0; j < c; j++) {
                const double factor = kept->factor[j], all = (double)scale[j] * factor;

                a[j] = (float)all;
                b[j] = (float)(-all * factor * factor * sum[c + j] / (double)rows);
                d[j] = (float)(-all * sum[j] / (double)rows);
        }
        for (size_t i = 0; i < rows; i++)
                for (size_t j = 0; j < c; j++)
                        dx[i * c + j] = a[j] * p->dy[i * c + j] + b[j] * (p->x[i * c + j] - mean[j]) + d[j];
}

static void norm_backward(const hedge_layer_t *l, const hedge_layer_pass_t *p)
{
        const kept_t kept = kept_in(l, p->saved);
        const size_t rows = rows_of(l, p), c = l->x.c;
        double *sum = (double *)(void *)p->scratch;
        float *part = p->scratch + 4 * c;

        memset(sum, 0, 2 * c * sizeof(*sum));
        sum_up(p->dy, rows, c, part, sum);
        sum_products(p, rows, c, kept.mean, part, sum + c);
        for (size_t j = 0; j < c; j++) {
                p->gradient[l->weights + j] = (float)(sum[c + j] * (double)kept.factor[j]);
                p->gradient[l->bias + j] = (float)sum[j];
        }
        if (p->dx)
                norm_unapply(l, p, &kept, sum);
}

const hedge_layer_type_t hedge_layer_batch_norm = {
        .name = "batch_norm",
        .parameters = true,
        .shape = norm_shape,
        .saved_bytes = norm_saved,
        .scratch_floats = norm_scratch,
        .forward = norm_forward,
        .backward = norm_backward,
};

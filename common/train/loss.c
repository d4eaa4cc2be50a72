/* SPDX-License-Identifier: Apache-2.0 */
#include "common/train/loss.h"

#include <math.h>
#include <stddef.h>

static uint32_t greatest(const float *v, uint32_t n)
{
        uint32_t best = 0;

        for (uint32_t i = 1; i < n; i++)
                if (v[i] > v[best])
                        best = i;
        return best;
}

/* log(sum(exp(v))), without overflow. */
static double log_sum(const float *v, uint32_t n, float top)
{
        double sum = 0;

        for (uint32_t i = 0; i < n; i++)
                sum += exp((double)v[i] - (double)top);
        return log(sum) + (double)top;
}

double hedge_loss(const float *logits, const uint8_t *labels, uint32_t batch, uint32_t classes, float *delta,
                  uint32_t *correct)
{
        double sum = 0;

        *correct = 0;
        for (uint32_t i = 0; i < batch; i++) {
                const float *v = logits + (size_t)i * classes;
                const uint32_t best = greatest(v, classes);
                const double all = log_sum(v, classes, v[best]);

                sum += all - (double)v[labels[i]];
                *correct += best == labels[i];
                for (uint32_t j = 0; delta && j < classes; j++)
                        delta[(size_t)i * classes + j] =
                                (float)((exp((double)v[j] - all) - (j == labels[i])) / (double)batch);
        }
        return sum;
}

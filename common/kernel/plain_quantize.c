/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "common/kernel/plain.h"

#define WHOLE 0x1p23f   /* from here on every float32 is a whole number */
#define NEXT  0x1.8p23f /* added and taken away, it rounds half to even what is below 2^22 */

/* rintf without the call that it is where no instruction does it. */
static inline float nearest(float x)
{
        float away = copysignf(WHOLE, x);

        return fabsf(x) < WHOLE ? (x + away) - away : x;
}

/* Clamped before it is rounded, which comes to the same between whole bounds, and keeps a compiler from drawing product
 * and rounding into one. */
static inline float quantized(const hedge_quantize_t *q, float x, float scale, float zero, bool multiplies, bool whole,
                              hedge_quantized_t result)
{
        float lo = q->lo - zero, hi = q->hi - zero;

        if (whole)
                x = nearest(x);
        x = multiplies ? x * scale : x / scale;
        x = x < lo ? lo : x;
        x = x > hi ? hi : x;
        x = x == x ? (x + NEXT) - NEXT : 0;
        if (result == HEDGE_QUANTIZED_CENTRED)
                return x;
        return result == HEDGE_QUANTIZED_CODE ? x + zero : x * scale;
}

/* A row whose scale and zero point are the same, or go along with it. */
typedef struct row {
        const float *x, *scale, *zero; /* zero: NULL for 0 */
        float *out;
        size_t n;
        bool same;
} row_t;

static inline __attribute__((always_inline)) void run_row(const hedge_quantize_t *q, const row_t *row, bool multiplies,
                                                          bool whole, hedge_quantized_t result)
{
        const float *x = row->x;
        float *out = row->out;

        if (row->same) {
                const hedge_quantize_t local = *q;
                float scale = *row->scale, zero = row->zero ? *row->zero : 0;

                for (size_t i = 0; i < row->n; i++)
                        out[i] = quantized(&local, x[i], scale, zero, multiplies, whole, result);
                return;
        }
        for (size_t i = 0; i < row->n; i++)
                out[i] = quantized(q, x[i], row->scale[i], row->zero ? row->zero[i] : 0, multiplies, whole, result);
}

/* One loop for each of what models have, so that compilers see what stays the same. */
static void choose_row(const hedge_quantize_t *q, const row_t *row)
{
        if (!q->multiplies && !q->whole && q->result == HEDGE_QUANTIZED_REAL)
                run_row(q, row, false, false, HEDGE_QUANTIZED_REAL);
        else if (!q->multiplies && !q->whole && q->result == HEDGE_QUANTIZED_CODE)
                run_row(q, row, false, false, HEDGE_QUANTIZED_CODE);
        else if (q->multiplies && q->whole && q->result == HEDGE_QUANTIZED_CODE)
                run_row(q, row, true, true, HEDGE_QUANTIZED_CODE);
        else if (q->multiplies && q->whole && q->result == HEDGE_QUANTIZED_CENTRED)
                run_row(q, row, true, true, HEDGE_QUANTIZED_CENTRED);
        else
                run_row(q, row, q->multiplies, q->whole, q->result);
}

int hedge_plain_quantize(const hedge_kernel_t *k, const float *const *in, float *out)
{
        const hedge_shape_t *shape = &k->in[0];
        const float *zero = k->n_in > 2 ? in[2] : NULL;
        uint32_t at[HEDGE_MAX_RANK] = { 0 }, last = shape->rank ? shape->rank - 1 : 0;
        int64_t strides[HEDGE_MAX_RANK] = { 0 };
        row_t row = { in[0], in[1], zero, out, hedge_shape_elements(shape), true };

        if (hedge_shape_elements(&k->in[1]) == 1) {
                choose_row(&k->op.quantize, &row);
                return 0;
        }
        hedge_plain_broadcast_strides(&k->in[1], shape, strides);
        row.n = shape->dims[last];
        row.same = strides[last] == 0;
        do {
                int64_t offset = 0;

                for (uint32_t d = 0; d < last; d++)
                        offset += at[d] * strides[d];
                row.scale = in[1] + offset;
                row.zero = zero ? zero + offset : NULL;
                choose_row(&k->op.quantize, &row);
                row.x += row.n;
                row.out += row.n;
        } while (hedge_plain_next(at, shape->dims, last));
        return 0;
}

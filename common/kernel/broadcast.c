/* SPDX-License-Identifier: Apache-2.0 */
#include "common/kernel/broadcast.h"

/* Do all operands go from the last axis on to this one as if both were one? */
static bool goes_on(const hedge_broadcast_t *b, unsigned n, int64_t strides[][HEDGE_MAX_RANK], uint32_t axis,
                    uint32_t extent)
{
        for (unsigned i = 0; i < n; i++)
                if (b->strides[i][b->axes - 1] != strides[i][axis] * extent)
                        return false;
        return true;
}

hedge_broadcast_t hedge_broadcast_plan(const hedge_kernel_t *k)
{
        int64_t strides[HEDGE_BROADCAST_MAX][HEDGE_MAX_RANK];
        hedge_broadcast_t b = { .axes = 0 };

        for (unsigned i = 0; i < k->n_in; i++)
                hedge_plain_broadcast_strides(&k->in[i], &k->out, strides[i]);
        for (uint32_t d = 0; d < k->out.rank; d++) {
                uint32_t extent = k->out.dims[d];

                if (extent == 1)
                        continue;
                if (b.axes > 0 && goes_on(&b, k->n_in, strides, d, extent))
                        b.dims[b.axes - 1] *= extent;
                else
                        b.dims[b.axes++] = extent;
                for (unsigned i = 0; i < k->n_in; i++)
                        b.strides[i][b.axes - 1] = strides[i][d];
        }
        if (b.axes == 0) {
                b.axes = 1;
                b.dims[0] = 1;
        }
        return b;
}

void hedge_broadcast_run(const hedge_kernel_t *k, const float *const *in, float *out, hedge_broadcast_row_fn *row)
{
        hedge_broadcast_t b = hedge_broadcast_plan(k);
        uint32_t at[HEDGE_MAX_RANK] = { 0 }, last = b.axes - 1;
        int step[HEDGE_BROADCAST_MAX] = { 0 };

        for (unsigned i = 0; i < k->n_in; i++)
                step[i] = b.strides[i][last] != 0;
        do {
                const float *from[HEDGE_BROADCAST_MAX] = { NULL };

                for (unsigned i = 0; i < k->n_in; i++) {
                        from[i] = in[i];
                        for (uint32_t d = 0; d < last; d++)
                                from[i] += at[d] * b.strides[i][d];
                }
                row(&k->op, from, step, out, b.dims[last]);
                out += b.dims[last];
        } while (hedge_plain_next(at, b.dims, last));
}

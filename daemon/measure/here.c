/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/measure/here.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/thread.h"

#define RUNS 5

const hedge_conv_t hedged_here_layer = HEDGE_CONV_3X3(28, 28, 64, 64);

static int time_runs(hedge_kernel_t *kernel, const float *in, float *out, int64_t *ret_us)
{
        const float *const inputs[] = { in, NULL };
        int64_t best_us = INT64_MAX;

        for (unsigned i = 0; i < RUNS; i++) {
                int64_t began_us = hedge_now_us(), took_us;
                int r = hedge_kernel_run(kernel, inputs, out);

                if (r < 0)
                        return r;
                took_us = hedge_now_us() - began_us;
                best_us = took_us < best_us ? took_us : best_us;
        }
        *ret_us = best_us > 0 ? best_us : 1;
        return 0;
}

static int time_conv(hedge_kernels_t *kernels, double *ret_macs_per_s)
{
        const size_t n_in = hedge_conv_in_elements(&hedged_here_layer);
        const size_t n_filter = hedge_conv_filter_elements(&hedged_here_layer);
        const hedge_op_t op = { .kind = HEDGE_OP_CONV, .conv = hedged_here_layer };
        const hedge_shape_t shapes[] = {
                { 4, { 1, hedged_here_layer.in_h, hedged_here_layer.in_w, hedged_here_layer.in_c } },
                { 4,
                  { hedged_here_layer.out_c, hedged_here_layer.kernel_h, hedged_here_layer.kernel_w,
                    hedged_here_layer.in_c } }
        };
        float *in = hedge_floats_new(n_in), *out = hedge_floats_new(n_in), *filter = hedge_floats_new(n_filter);
        const float *const constants[] = { NULL, filter };
        hedge_kernel_t *kernel = NULL;
        int64_t us;
        int r = in && out && filter ? 0 : -ENOMEM;

        for (size_t i = 0; r == 0 && i < n_filter; i++)
                filter[i] = 0.01f * (float)(i % 7);
        for (size_t i = 0; r == 0 && i < n_in; i++)
                in[i] = 0.1f * (float)(i % 11);
        if (r == 0)
                r = hedge_kernel_new(kernels, &op, shapes, 2, constants, &kernel);
        if (r == 0)
                r = time_runs(kernel, in, out, &us);
        if (r == 0)
                *ret_macs_per_s = (double)hedge_conv_macs(&hedged_here_layer) / ((double)us / 1e6);
        hedge_kernel_destroy(&kernel);
        free(in);
        free(out);
        free(filter);
        return r;
}

/* The back end starts threads of its own now, which are not to take the program's signals. */
int hedged_here_time(hedge_kernels_t *kernels, double *ret_macs_per_s)
{
        sigset_t before;
        int r;

        hedge_signals_block(&before);
        r = time_conv(kernels, ret_macs_per_s);
        hedge_signals_restore(&before);
        return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_HERE_H
#define HEDGED_HERE_H

#include "common/kernel/kernel.h"

/** Whole layers of networks are of this kind; 29 million multiply-accumulates. What this machine takes for one is found out with it. */
extern const hedge_conv_t hedged_here_layer;

/** Time that convolution on this machine: best of a few, in some milliseconds.
 * @param ret_macs_per_s  Multiply-accumulates per second. @return 0, or as hedge_kernel_new and hedge_kernel_run. */
int hedged_here_time(hedge_kernels_t *kernels, double *ret_macs_per_s);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_CONVOLVE_H
#define HEDGE_CONVOLVE_H

#include "common/code/conv/passes.h"

/** Inside of common/code/conv: a plain convolution in the passes' precision, for the study of what codes add to its rounding.
 *
 * @param filter  out_c x kernel_h x kernel_w x (in_c / groups). @param output out_h x out_w x out_c; overwritten.
 * @return 0, -ENOMEM. */
int hedge_convolve(const hedge_conv_t *conv, const hedge_passes_t *passes, const void *input, const void *filter,
                   void *output);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_STUDY_H
#define HEDGE_STUDY_H

#include "common/code/conv/code.h"
#include "common/conv.h"

/** How good a code is: condition numbers and the error of decoding a real layer.
 *
 * The error of a layer: the input is standard normal, the filters are normal with variance 1 / (kernel_h * kernel_w *
 * in_c / groups), so that every output has variance 1 and the mean squared error is also the error relative to the
 * outputs. Both are drawn from `seed` and rounded to float32. Encoding, convolution (window by window) and decoding
 * run wholly in float32 or wholly in float64; the mean over all outputs of the squared difference to the direct
 * convolution in float64 is the figure. The parts are all those of `delta` boards, those whose condition number is the
 * median of 101 random choices. */

/** AlexNet's five convolutions, as FCDCC (arXiv 2411.01579) measures them: inputs of 227, 27 and 13 x 13, groups 1. */
#define HEDGE_ALEXNET_LAYERS 5u
extern const hedge_conv_t hedge_alexnet[HEDGE_ALEXNET_LAYERS];

typedef struct hedge_code_error {
        double condition; /**< of the boards that decoded */
        double mse_float32, mse_float64;
} hedge_code_error_t;

typedef struct hedge_code_study {
        unsigned delta;
        unsigned subsets;                /**< sets of delta boards whose condition was computed */
        double cond_median, cond_worst;  /**< over these; INFINITY where boards do not decode */
        double mse_float32, mse_float64; /**< AlexNet's second convolution; NAN where k_a or k_b is too large for it */
} hedge_code_study_t;

/** The error of one layer.
 * @return 0, -EINVAL (k_a or k_b does not suit the layer), HEDGE_ELIMIT, HEDGE_EUNDECODABLE, -ENOMEM. */
int hedge_code_study_layer(const hedge_code_t *code, const hedge_conv_t *layer, uint64_t seed, hedge_code_error_t *ret);

/** The conditions of the study alone; the errors are NAN. @return as hedge_code_study. */
int hedge_code_study_conditions(const hedge_code_t *code, uint64_t seed, hedge_code_study_t *ret);

/** The whole study. Condition numbers of every set of delta boards where there are at most 2,000, else of 2,000 random
 * ones and the first delta boards; of fewer where K is above 128, as the time for each grows with its cube.
 * @return 0, HEDGE_EUNDECODABLE, -ENOMEM. */
int hedge_code_study(const hedge_code_t *code, uint64_t seed, hedge_code_study_t *ret);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_PARTITION_H
#define HEDGE_PARTITION_H

#include "common/code/conv/code.h"
#include "common/conv.h"

/** How a convolution is cut: APCP (input strips) and KCCP (filter blocks), FCDCC sections on partitioning.
 *
 * Output rows are cut into k_a strips of strip_h = ceil(out_h / k_a) rows. Strip i needs part.in_h rows of the
 * (vertically) padded input from row i * strip_h * stride_h; neighbours overlap (the halo); rows outside the image
 * are zeros. Width is not padded before sending: part keeps the layer's pad_left and pad_right.
 * The output channels of each of the layer's groups are cut into k_b blocks, padded with zero filters to a multiple,
 * and block b takes the b-th piece of every group, so that a part is again a convolution with the same groups.
 * Works for every geometry that hedge_conv_check accepts; k_a <= out_h and k_b <= out_c / groups are asked for. */
typedef struct hedge_partition {
        hedge_conv_t layer; /**< the whole convolution */
        hedge_conv_t part;  /**< one part: in_h rows of a strip, no vertical padding, out_c filters of a block */
        uint32_t k_a, k_b;
        uint32_t strip_h; /**< output rows of a strip; the last may reach past out_h and is cropped */
} hedge_partition_t;

/** Cut a layer. @return 0, -EINVAL, HEDGE_ELIMIT. */
int hedge_partition_init(hedge_partition_t *partition, const hedge_conv_t *layer, unsigned k_a, unsigned k_b);

/** Elements of one coded input, of one coded filter block, of one part. */
size_t hedge_partition_input_elements(const hedge_partition_t *partition);
size_t hedge_partition_filter_elements(const hedge_partition_t *partition);
size_t hedge_partition_part_elements(const hedge_partition_t *partition);

/** Encode one input: out = sum_i a[i] * X_i.
 *
 * @param a      k_a coefficients (hedge_code_a).
 * @param input  in_h x in_w x in_c of the layer. Borrowed; not padded.
 * @param out    part.in_h x in_w x in_c floats; overwritten. */
void hedge_encode_input(const hedge_partition_t *partition, const double *a, const float *input, float *out);

/** Encode several inputs in one pass over the layer's input: what hedge_encode_input does for each of them, faster.
 *
 * @param count   How many.
 * @param a       count pointers, each to k_a coefficients.
 * @param out     count pointers, each to part.in_h x in_w x in_c floats; overwritten.
 * @param threads Threads it may use, at least 1. */
void hedge_encode_inputs(const hedge_partition_t *partition, unsigned count, const double *const *a, const float *input,
                         float *const *out, unsigned threads);

/** Encode several inputs straight as q16 blocks (common/code/q16.h): the bytes that hedge_encode_inputs and then
 * hedge_q16_encode of each would give, without the floats between them going through memory.
 *
 * @param out     count pointers, each to hedge_q16_bytes(hedge_partition_input_elements(partition)) bytes, of any
 *                alignment; overwritten.
 * @return 0; -EINVAL: an element of an output is infinite or not a number, and no output is of use: send float32. */
int hedge_encode_inputs_q16(const hedge_partition_t *partition, unsigned count, const double *const *a,
                            const float *input, void *const *out, unsigned threads);

/** Encode one filter block: out = sum_b b[b] * K_b.
 *
 * @param b      k_b coefficients (hedge_code_b).
 * @param filter out_c x kernel_h x kernel_w x (in_c / groups) of the layer. Borrowed.
 * @param out    part.out_c x kernel_h x kernel_w x (in_c / groups) floats; overwritten. */
void hedge_encode_filter(const hedge_partition_t *partition, const double *b, const float *filter, float *out);

#endif

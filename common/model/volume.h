/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_VOLUME_H
#define HEDGE_VOLUME_H

#include "common/model/image.h"

/** Operators with up to three spatial axes in terms of those that hedge has, over values N x D x H x W x C.
 *
 * All return 0, or a refusal with its sentence. */

/** The N x D x H x W x C value of a view of 3 to 5 logical axes; axes that it has not have extent 1. */
int hedge_volume_open(hedge_import_t *imp, const hedge_view_t *view, uint32_t *ret_value);

/** A view of `rank` (3 to 5) logical axes on such a value. */
int hedge_volume_view(hedge_import_t *imp, uint32_t value, uint32_t rank, hedge_view_t *ret);

/** The view of hedge_volume_view, as output 0. */
int hedge_volume_close(hedge_import_t *imp, uint32_t value, uint32_t rank);

/** Add an operator whose node is named for what it does: "conv1/pad". */
int hedge_volume_step(hedge_import_t *imp, const hedge_op_t *op, const uint32_t *inputs, uint32_t n, const char *what,
                      uint32_t *ret);

/** The same elements under another shape. */
int hedge_volume_reshape(hedge_import_t *imp, uint32_t value, hedge_shape_t shape, uint32_t *ret);

/** Elements start .. start + extent - 1 of some axes of a value of rank 5, all of the others. */
int hedge_volume_crop(hedge_import_t *imp, uint32_t value, const uint32_t *start, const uint32_t *extent,
                      uint32_t *ret);

/** A convolution over depth, height and width: one of two axes. The planes that a window covers along the depth are
 * joined along the channels, and the planes of an image lie below one another with rows of zeros between them, as tall as
 * the padding. So it is one convolution of a tall image, which is coded, planned and fused like any other; the rows
 * that lie across two planes (1 of H + 1 for a filter of 3) are computed in vain and dropped.
 *
 * @param inputs  N x D x H x W x C; the filters, out_c x kernel_h x kernel_w x (kernel_d * C / groups), per group the
 *                planes in their order; a bias, where n is 3. */
int hedge_volume_conv(hedge_import_t *imp, const hedge_window3_t *window, uint32_t out_c, uint32_t groups,
                      const uint32_t *inputs, uint32_t n, uint32_t *ret);

/** Put phases where they belong: N x D x H x W x (groups * s0 * s1 * s2 * c) becomes N x D*s0 x H*s1 x W*s2 x (groups * c).
 * Every group has its phases in order (depth, height, width), each with its c channels. */
int hedge_volume_interleave(hedge_import_t *imp, uint32_t value, uint32_t groups, const uint32_t *scale, uint32_t *ret);

#endif

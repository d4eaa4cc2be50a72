/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_WINDOWS_H
#define HEDGED_WINDOWS_H

#include <stdbool.h>
#include <zmq.h>

#include "common/code/precision.h"
#include "common/tensor.h"
#include "common/types/window.h"

/** Windows of images as raw frames, and back: each in one pass. Images are 1 x H x W x C. */

/** Elements of a window of an image. */
size_t hedged_window_elements(const hedge_shape_t *image, const hedge_window_t *window);

/** Is it a window of this image, and not empty? */
bool hedged_window_fits(const hedge_shape_t *image, const hedge_window_t *window);

/** Write a window as a frame.
 *
 * @param window  Of the image; NULL: all of the tensor, whatever its shape is.
 * @param ret     Made here; on failure there is none.
 * @return 0, -EINVAL (it holds what q16 cannot: infinite, or not a number), -ENOMEM. */
int hedged_window_frame(const hedge_tensor_t *image, const hedge_window_t *window, hedge_precision_t wire,
                        zmq_msg_t *ret);

/** Put a window that came as a frame to its place.
 *
 * @param bytes   Of the frame, of any alignment; as many as the precision takes for the window.
 * @param window  NULL: all of the tensor. */
void hedged_window_place(const void *bytes, hedge_precision_t wire, const hedge_window_t *window,
                         hedge_tensor_t *image);

#endif

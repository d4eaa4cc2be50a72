/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_FORMS_H
#define HEDGEC_FORMS_H

#include "client/input.h"

/** Which of several shapes of a model an input is for.
 *
 * Tensors are for the first shape that is theirs, extents of 1 aside. A picture is for the shape that distorts it least: whose ratio
 * of width to height is nearest to its own, by the factor between them; of shapes of one ratio, for the smallest that has all its
 * pixels, else the largest. With several pictures in an input the first decides.
 *
 * @param forms  n > 0, of as many inputs each as the input has.
 * @param ret    Index into them. A single form is for everything: what does not fit it is said by hedgec_input_take.
 * @return 0; HEDGE_ESHAPE: a tensor is for none. */
int hedgec_forms_choose(const hedgec_form_t *forms, unsigned n, const hedgec_input_t *input, unsigned *ret,
                        hedge_why_t *why);

/** Height and width of an input that takes pictures. @return whether it does. */
bool hedgec_form_extents(const hedge_shape_t *shape, bool nhwc, uint32_t *ret_height, uint32_t *ret_width);

#endif

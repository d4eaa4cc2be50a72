/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_CONDITION_H
#define HEDGE_CONDITION_H

#include <stdint.h>

#include "common/code/conv/code.h"

/** Inside of common/code/conv: how well conditioned a set of parts is, by its singular values. For people who ask; requests
 * need no more than what solving tells (see hedge_decoder_solve).
 *
 * @param ids  Numbers among all parts of the code.
 * @param ret  The 2-norm condition number of these parts' columns; INFINITY where they are dependent, or fewer than K.
 * @return 0, -ENOMEM. */
int hedge_condition_of(const hedge_code_t *code, const uint16_t *ids, unsigned count, double *ret);

#endif

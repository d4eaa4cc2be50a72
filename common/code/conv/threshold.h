/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_THRESHOLD_H
#define HEDGE_THRESHOLD_H

#include "common/code/conv/code.h"

/** Inside of common/code: the recovery threshold of codes that have no formula for it. */

/** Do all boards together decode? @return 1, 0, -ENOMEM. */
int hedge_threshold_exists(const hedge_code_t *code);

/** One more than the largest number of boards found that do not decode together; see hedge_code_delta.
 * @return it, -ENOMEM. */
int hedge_threshold_find(const hedge_code_t *code);

#endif

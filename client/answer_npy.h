/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_ANSWER_NPY_H
#define HEDGEC_ANSWER_NPY_H

#include "client/answer.h"
#include "common/err.h"

/** Write the outputs as .npy files, of the types that the model says. *count is how many have been written with this name before: the first is
 * `path`, later ones get -2, -3, ... before the ending. @return 0, -errno with a sentence. */
int hedgec_answer_write_npy(const hedgec_answer_t *answer, const char *path, unsigned *count, hedge_why_t *why);

#endif

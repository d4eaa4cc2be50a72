/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_HOW_H
#define HEDGED_HOW_H

#include "daemon/models/model.h"

/** How a model's requests run, and why so, as the end of the sentence "It runs ...": what is predicted over the boards, and by the
 * coordinator alone. Where no figures were planned with it is empty. @return text. */
char *hedged_model_how(hedged_model_t *model, char *text, size_t size);

#endif

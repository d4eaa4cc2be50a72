/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_EVAL_H
#define HEDGE_EVAL_H

#include "common/model/import.h"

/** What the evaluators of constants share. */

/** The shape that two broadcast to; `out` may be one of them. @return 0, or a refusal. */
int hedge_eval_broadcast_shape(hedge_import_t *imp, const hedge_shape_t *a, const hedge_shape_t *b, hedge_shape_t *out);

/** A copy of a literal under a shape that it broadcasts to. */
int hedge_eval_broadcast(hedge_import_t *imp, const hedge_literal_t *in, const hedge_shape_t *shape,
                         hedge_literal_t **ret);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_INTEGERS_H
#define HEDGE_INTEGERS_H

#include "common/model/import.h"

/** Making integers again of what an operator computed from integers. */

/** How far a result may be from its type's range. */
typedef enum hedge_past {
        HEDGE_PAST_NOTHING, /**< it is a whole number of the type for sure */
        HEDGE_PAST_TYPE,  /**< it may not fit the type, but float32 holds it exactly where the type has 8 or 16 bits */
        HEDGE_PAST_EXACT, /**< it may be larger than float32 holds exactly, or nothing at all (a division by 0) */
} hedge_past_t;

/** Bring a view into the range of an element type, truncating: types of 8 and 16 bits wrap, as they do in C; a run in which
 * a result is larger than is computed exactly fails with HEDGE_ERANGE. Of floats nothing is changed. Sets the view's element. */
int hedge_integers_finish(hedge_import_t *imp, hedge_element_t element, hedge_past_t past, hedge_view_t *view);

/** Are two inputs of the current node of the same kind, integers or floats? @return 0, or a refusal. */
int hedge_integers_agree(hedge_import_t *imp, uint32_t i, uint32_t j);

#endif

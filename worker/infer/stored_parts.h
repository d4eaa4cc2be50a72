/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_STORED_PARTS_H
#define HEDGEW_STORED_PARTS_H

#include "common/kernel/kernel.h"
#include "common/types/digest.h"
#include "common/types/window.h"

/** For test beds: parts that an emulated board has computed before, so that ten boards of 5 GFLOP/s fit on a machine that has
 * not 50. A part is found again by its share, its number in it, the method of its kernel and its input; what it takes is emulated
 * either way. Belongs to one thread. */
typedef struct hedgew_stored_parts hedgew_stored_parts_t;

/** What a part is made of. */
typedef struct hedgew_stored_key {
        hedge_digest_t share, input; /**< of the input's floats, or of the number by which the test bed calls it */
        uint32_t part;               /**< la * ell_b + lb; of a segment in one piece the output */
        uint32_t method;             /**< hedge_conv_method_t, or how an engine was made: others round in other ways */
        uint32_t first, last;        /**< of a segment: its nodes */
        hedge_window_t window;       /**< and window; all 0 in one piece */
} hedgew_stored_key_t;

typedef struct hedgew_stored_figures {
        uint64_t found, computed; /**< parts */
        uint64_t checked, wrong;  /**< of those found: computed again, and not the same */
        uint64_t bytes;
} hedgew_stored_figures_t;

/** @return 0, -ENOMEM. */
int hedgew_stored_parts_new(hedgew_stored_parts_t **ret);

/** NULL-safe; nullifies. */
void hedgew_stored_parts_destroy(hedgew_stored_parts_t **stored);

/** The digest of an input's floats. */
hedge_digest_t hedgew_stored_digest(const float *input, size_t elements);

/** @return the floats that were put under this key, or NULL. Borrowed until the store is destroyed. */
const float *hedgew_stored_parts_find(hedgew_stored_parts_t *stored, const hedgew_stored_key_t *key,
                                      size_t *ret_elements);

/** Keep a copy, unless all of them would then take more than bytes_max, or there is no memory: then it is computed again when
 * it is asked for again. */
void hedgew_stored_parts_put(hedgew_stored_parts_t *stored, const hedgew_stored_key_t *key, const float *part,
                             size_t elements, uint64_t bytes_max);

/** The digest that stands for an input which the test bed calls by a number. */
hedge_digest_t hedgew_stored_number(uint64_t input);

/** A part that was found was computed again: are they the same, to `tolerance` of the peak (0: to the bit)? @return whether. */
bool hedgew_stored_parts_check(hedgew_stored_parts_t *stored, const float *found, const float *computed,
                               size_t elements, double tolerance);

hedgew_stored_figures_t hedgew_stored_parts_figures(const hedgew_stored_parts_t *stored);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_ENCODING_H
#define HEDGE_ENCODING_H

#include <stdint.h>

#include "common/code/conv/passes.h"

/** Inside of common/code: coded outputs as sums of stretches of their sources. */

#define HEDGE_ENCODING_OUTPUTS      32u   /**< coded outputs made in one pass over the input */
#define HEDGE_ENCODING_COEFFICIENTS 8192u /**< of one pass */

/** Element x of a coded output takes element first + x of the source, for begin <= x < end; the rest of it is zero. */
typedef struct hedge_source {
        int64_t first;
        size_t begin, end;
} hedge_source_t;

typedef struct hedge_encoding {
        const hedge_passes_t *passes;
        unsigned k;
        const void *input;
        size_t elements; /**< of an output */
        hedge_source_t sources[HEDGE_CODE_MAX_PARTS];
} hedge_encoding_t;

/** Where element x of an output is in source i. */
const void *hedge_encoding_source(const hedge_encoding_t *encoding, unsigned i, size_t x);

/** Encode elements [begin, end) of outputs.
 * @param count  At most HEDGE_ENCODING_OUTPUTS; times k at most HEDGE_ENCODING_COEFFICIENTS.
 * @param c      Per output k coefficients. @param out  Where the first of the elements goes. */
void hedge_encoding_range(const hedge_encoding_t *encoding, unsigned count, const double *const *c, size_t begin,
                          size_t end, void *const *out);

#endif

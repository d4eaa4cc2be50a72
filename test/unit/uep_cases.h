/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_UEP_CASES_H
#define HEDGE_TEST_UEP_CASES_H

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/code/random.h"
#include "common/code/uep/decode.h"
#include "common/code/uep/expect.h"
#include "common/code/uep/product.h"

/** The setting of the UEP paper, for its tests. */

#define PACKETS 30u

/* The paper's: variances 10, 1 and 0.1, here not in that order; blocks of one size. */
static const double norms3[] = { 1, 3.1622776601683795, 0.31622776601683794 };
static const double norms9[] = { 1,
                                 1,
                                 1,
                                 0.31622776601683794,
                                 0.31622776601683794,
                                 0.31622776601683794,
                                 3.1622776601683795,
                                 3.1622776601683795,
                                 3.1622776601683795 };
static const hedge_uep_shape_t pairs __attribute__((unused)) = { HEDGE_UEP_ROW_COLUMN, 12, 10, 9, 3, 3 };
static const hedge_uep_shape_t sums __attribute__((unused)) = { HEDGE_UEP_COLUMN_ROW, 5, 18, 4, 9, 9 };

static inline hedge_uep_classes_t classes_of(const hedge_uep_shape_t *shape)
{
        const bool by_pairs = shape->split == HEDGE_UEP_ROW_COLUMN;
        hedge_uep_classes_t c;

        assert_int_equal(hedge_uep_classify(shape, by_pairs ? norms3 : norms9, by_pairs ? norms3 : norms9,
                                            by_pairs ? 3 : 0, 3, &c, NULL),
                         0);
        return c;
}

static inline hedge_uep_params_t params_of(hedge_uep_scheme_t scheme, const hedge_uep_classes_t *c, bool stacked)
{
        hedge_uep_params_t p = { .scheme = scheme, .classes = c, .packets = PACKETS, .stacked = stacked, .seed = 1 };

        p.windows[0] = 0.4;
        p.windows[1] = 0.35;
        p.windows[2] = 0.25;
        if (scheme == HEDGE_UEP_UNCODED)
                p.packets = c->products;
        if (scheme == HEDGE_UEP_REPLICATION)
                p.packets = 2 * c->products;
        return p;
}

/* Numbers 0 .. n - 1 in random order. */
static inline void shuffle(unsigned *ids, unsigned n, uint64_t *state)
{
        for (unsigned i = 0; i < n; i++)
                ids[i] = i;
        for (unsigned i = n; i-- > 1;) {
                const unsigned j = hedge_random_below(state, i + 1), one = ids[i];

                ids[i] = ids[j];
                ids[j] = one;
        }
}

static inline void multiply(const float *a, const float *b, float *c, unsigned rows, unsigned inner, unsigned columns)
{
        for (unsigned i = 0; i < rows; i++)
                for (unsigned j = 0; j < columns; j++) {
                        double sum = 0;

                        for (unsigned x = 0; x < inner; x++)
                                sum += (double)a[i * inner + x] * b[x * columns + j];
                        c[i * columns + j] = (float)sum;
                }
}

/* What a board sends back for a packet; free it. */
static inline float *task(const hedge_uep_t *code, const hedge_uep_shape_t *s, unsigned packet, const float *a,
                          const float *b)
{
        const unsigned rows = hedge_uep_result_rows(s), columns = hedge_uep_result_columns(s);
        const unsigned inner = hedge_uep_task_inner(code, s, packet);
        float *coded_a = malloc(sizeof(float) * rows * inner), *coded_b = malloc(sizeof(float) * inner * columns);
        float *result = malloc(sizeof(float) * rows * columns);

        assert_true(coded_a && coded_b && result);
        assert_int_equal(hedge_uep_encode_a(code, s, packet, a, coded_a), 0);
        assert_int_equal(hedge_uep_encode_b(code, s, packet, b, coded_b), 0);
        multiply(coded_a, coded_b, result, rows, inner, columns);
        free(coded_a);
        free(coded_b);
        return result;
}

#endif

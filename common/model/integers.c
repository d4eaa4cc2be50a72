/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/integers.h"

#include "common/model/build.h"

static int bring_in(hedge_import_t *imp, float lo, float hi, hedge_overflow_t overflow, hedge_view_t *view)
{
        const hedge_op_t op = { .kind = HEDGE_OP_TO_INTEGER, .to_integer = { HEDGE_ROUND_TRUNCATE, overflow, lo, hi } };

        return hedge_build_unary(imp, &op, view);
}

int hedge_integers_finish(hedge_import_t *imp, hedge_element_t element, hedge_past_t past, hedge_view_t *view)
{
        float lo = 0, hi = 0;
        bool wraps;
        int r = 0;

        view->element = element;
        if (!hedge_element_is_integer((int)element) || past == HEDGE_PAST_NOTHING)
                return 0;
        hedge_element_range(element, &lo, &hi);
        wraps = hi != HEDGE_EXACT;
        if (wraps && past == HEDGE_PAST_EXACT)
                r = bring_in(imp, -HEDGE_EXACT, HEDGE_EXACT, HEDGE_OVERFLOW_REFUSE, view);
        return r < 0 ? r : bring_in(imp, lo, hi, wraps ? HEDGE_OVERFLOW_WRAP : HEDGE_OVERFLOW_REFUSE, view);
}

int hedge_integers_agree(hedge_import_t *imp, uint32_t i, uint32_t j)
{
        hedge_element_t a = hedge_import_element(imp, i), b = hedge_import_element(imp, j);

        if (hedge_element_is_integer((int)a) == hedge_element_is_integer((int)b))
                return 0;
        return hedge_import_fail(imp, HEDGE_EMALFORMED, "of %s and %s", hedge_element_name((int)a),
                                 hedge_element_name((int)b));
}

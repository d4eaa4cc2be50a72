/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/conv/scheme.h"

int hedge_replication_fill(hedge_code_t *code, const hedge_code_params_t *params)
{
        int used, r;

        if (code->n == 1)
                return hedge_uncoded_fill(code, params);
        used = hedge_uncoded_fill_boards(code, 0, code->n / 2, NULL);
        if (used < 0)
                return used;
        r = hedge_uncoded_fill_boards(code, (unsigned)used, code->n / 2, NULL);
        if (r < 0)
                return r;
        *code->delta = 2 * (unsigned)used - 1; /* only both copies of a part missing can hurt */
        return 0;
}

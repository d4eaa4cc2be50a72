/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/pieces.h"

#include <stdbool.h>
#include <string.h>

#include "common/code/conv/code.h"

unsigned hedged_pieces(const uint32_t *order, unsigned n, unsigned ell_b, uint16_t *piece)
{
        bool seen[HEDGE_CODE_MAX_PARTS] = { false };
        unsigned pieces = 0;

        for (unsigned i = 0; i < n; i++) {
                const unsigned la = order[i] / ell_b;

                if (i == 0 || la != order[i - 1] / ell_b) {
                        if (seen[la]) {
                                memset(piece, 0, n * sizeof(*piece));
                                return 1;
                        }
                        seen[la] = true;
                        pieces++;
                }
                piece[i] = (uint16_t)(pieces - 1);
        }
        return pieces;
}

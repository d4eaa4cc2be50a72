/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/uep/window.h"

#include "common/code/random.h"

unsigned hedge_uep_draw_window(const hedge_uep_params_t *p, uint64_t *state)
{
        double left = 0;
        unsigned last = 0;

        for (unsigned l = 0; l < p->classes->classes; l++)
                left += p->windows[l];
        left *= hedge_random_uniform(state);
        for (unsigned l = 0; l < p->classes->classes; l++) {
                if (p->windows[l] > 0)
                        last = l; /* rounding may leave a little */
                left -= p->windows[l];
                if (left < 0)
                        break;
        }
        return last;
}

bool hedge_uep_in_window(const hedge_uep_params_t *p, unsigned window, unsigned product)
{
        const unsigned class = p->classes->of[product];

        if (p->scheme == HEDGE_UEP_MDS)
                return true;
        return p->scheme == HEDGE_UEP_NOW ? class == window : class <= window;
}

/* The largest rectangle of the window that has all its blocks of B in `row`, with blocks of A as rows.
 * @return false where the row has none, or the one of a row before is the same. */
static bool rectangle_of(const hedge_uep_params_t *p, unsigned window, unsigned row, bool *rows, bool *columns)
{
        const unsigned na = p->classes->blocks_a, nb = p->classes->blocks_b;
        bool any = false;

        for (unsigned j = 0; j < nb; j++)
                any |= columns[j] = hedge_uep_in_window(p, window, row * nb + j);
        for (unsigned i = 0; any && i < na; i++) {
                bool same = true;

                rows[i] = true;
                for (unsigned j = 0; j < nb; j++) {
                        const bool in = hedge_uep_in_window(p, window, i * nb + j);

                        rows[i] &= in || !columns[j];
                        same &= in == columns[j];
                }
                if (same && i < row)
                        return false;
        }
        return any;
}

void hedge_uep_find_rectangle(const hedge_uep_params_t *p, unsigned window, unsigned turn, bool *rows, bool *columns)
{
        for (unsigned row = 0;; row = (row + 1) % p->classes->blocks_a)
                if (rectangle_of(p, window, row, rows, columns) && turn-- == 0)
                        return;
}

unsigned hedge_uep_count_rectangles(const hedge_uep_params_t *p, unsigned window)
{
        bool rows[HEDGE_UEP_MAX_PRODUCTS], columns[HEDGE_UEP_MAX_PRODUCTS];
        unsigned count = 0;

        for (unsigned row = 0; row < p->classes->blocks_a; row++)
                count += rectangle_of(p, window, row, rows, columns);
        return count;
}

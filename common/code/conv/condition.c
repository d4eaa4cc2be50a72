/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/conv/condition.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "common/code/conv/scheme.h"
#include "common/code/dense.h"

/* Boards that hold nothing are the last ones, so the numbers of parts rise from board to board. */
static void find_part(const hedge_code_t *code, unsigned id, unsigned *board, unsigned *part)
{
        unsigned low = 0, high = code->n - 1;

        while (low < high) {
                const unsigned middle = (low + high + 1) / 2;

                if (code->boards[middle].first_part <= id)
                        low = middle;
                else
                        high = middle - 1;
        }
        *board = low;
        *part = id - code->boards[low].first_part;
}

int hedge_condition_of(const hedge_code_t *code, const uint16_t *ids, unsigned count, double *ret)
{
        const unsigned rank = hedge_code_rank(code);
        double column[HEDGE_CODE_MAX_PARTS], *rows;
        unsigned board, part;
        int r;

        if (count < rank) {
                *ret = INFINITY;
                return 0;
        }
        rows = malloc((size_t)rank * count * sizeof(*rows));
        if (!rows)
                return -ENOMEM;
        for (unsigned p = 0; p < count; p++) {
                find_part(code, ids[p], &board, &part);
                hedge_code_column(code, board, part, column);
                for (unsigned k = 0; k < rank; k++)
                        rows[(size_t)k * count + p] = column[k];
        }
        r = hedge_dense_condition(rows, rank, count, ret);
        free(rows);
        return r;
}

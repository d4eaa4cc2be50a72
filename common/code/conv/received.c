/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/conv/received.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/code/conv/scheme.h"

int hedge_received_open(hedge_received_t *r, const hedge_code_t *code)
{
        const unsigned rank = hedge_code_rank(code);

        *r = (hedge_received_t){ .code = code, .missing = rank };
        r->parts = malloc(code->all_parts * sizeof(*r->parts));
        r->plain = malloc(rank * sizeof(*r->plain));
        r->is_in = calloc(code->all_parts, 1);
        if (!r->parts || !r->plain || !r->is_in) {
                hedge_received_release(r);
                return -ENOMEM;
        }
        memset(r->plain, -1, rank * sizeof(*r->plain));
        return 0;
}

void hedge_received_release(hedge_received_t *r)
{
        free(r->parts);
        free(r->plain);
        free(r->is_in);
        *r = (hedge_received_t){ 0 };
}

static double square(const double *x, unsigned n)
{
        double sum = 0;

        for (unsigned i = 0; i < n; i++)
                sum += x[i] * x[i];
        return sum;
}

/* The column is a (x) b, and so its length is that of a times that of b. */
static hedge_received_part_t describe(const hedge_code_t *code, unsigned board, unsigned part)
{
        const unsigned ell_b = hedge_code_ell_b(code, board), la = part / ell_b, lb = part % ell_b;
        hedge_received_part_t p = { (uint16_t)board, (uint16_t)part, (uint16_t)hedge_code_rank(code), 1 };

        if (hedge_code_is_plain(code, board, part))
                p.block = (uint16_t)(hedge_code_strip(code, board, la) * code->k_b + hedge_code_block(code, board, lb));
        else
                p.power = square(hedge_code_a(code, board, la), code->k_a) *
                          square(hedge_code_b(code, board, lb), code->k_b);
        return p;
}

int hedge_received_add(hedge_received_t *r, unsigned board, unsigned part)
{
        hedge_received_part_t *p = &r->parts[r->count];
        unsigned id;

        if (board >= r->code->n || part >= hedge_code_parts(r->code, board))
                return -EINVAL;
        id = r->code->boards[board].first_part + part;
        if (r->is_in[id])
                return -EALREADY;
        r->is_in[id] = 1;
        *p = describe(r->code, board, part);
        if (p->block == hedge_code_rank(r->code)) {
                r->coded++;
        } else if (r->plain[p->block] < 0) {
                r->plain[p->block] = (int32_t)r->count;
                r->missing--;
        }
        return (int)r->count++;
}

void hedge_received_column(const hedge_received_t *r, unsigned index, double *column)
{
        hedge_code_column(r->code, r->parts[index].board, r->parts[index].part, column);
}

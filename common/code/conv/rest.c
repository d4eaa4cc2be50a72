/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/conv/rest.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/code/basis.h"
#include "common/code/conv/scheme.h"

int hedge_rest_open(hedge_rest_t *rest, const hedge_received_t *received)
{
        const size_t n = received->missing, rank = hedge_code_rank(received->code);
        unsigned found = 0;

        hedge_rest_release(rest);
        if (n == 0)
                return 0;
        rest->block = malloc(n * sizeof(*rest->block));
        rest->row = malloc(rank * sizeof(*rest->row));
        rest->chosen = malloc(n * sizeof(*rest->chosen));
        rest->basis = malloc(n * n * sizeof(double));
        rest->upper = malloc(n * n * sizeof(double));
        if (!rest->block || !rest->row || !rest->chosen || !rest->basis || !rest->upper) {
                hedge_rest_release(rest);
                return -ENOMEM;
        }
        for (unsigned k = 0; k < rank; k++) {
                rest->row[k] = received->plain[k] < 0 ? (int16_t)found : -1;
                if (rest->row[k] >= 0)
                        rest->block[found++] = (uint16_t)k;
        }
        rest->blocks = found;
        return 0;
}

void hedge_rest_release(hedge_rest_t *rest)
{
        free(rest->block);
        free(rest->row);
        free(rest->chosen);
        free(rest->basis);
        free(rest->upper);
        *rest = (hedge_rest_t){ 0 };
}

void hedge_rest_column(const hedge_rest_t *rest, const hedge_received_t *received, unsigned index, double *column)
{
        const hedge_received_part_t *p = &received->parts[index];
        const hedge_code_t *code = received->code;
        const unsigned ell_b = hedge_code_ell_b(code, p->board);
        const double *a = hedge_code_a(code, p->board, p->part / ell_b);
        const double *b = hedge_code_b(code, p->board, p->part % ell_b);

        for (unsigned i = 0; i < rest->blocks; i++)
                column[i] = a[rest->block[i] / code->k_b] * b[rest->block[i] % code->k_b];
}

static void take_one(hedge_rest_t *rest, const hedge_received_t *received, unsigned index)
{
        const unsigned n = rest->blocks, rank = rest->rank;

        hedge_rest_column(rest, received, index, rest->basis + (size_t)rank * n);
        if (!hedge_basis_take_with(rest->basis, rank, n, sqrt(received->parts[index].power),
                                   rest->upper + (size_t)rank * n))
                return;
        rest->chosen[rank] = (uint16_t)index;
        rest->rank++;
}

bool hedge_rest_takes(const hedge_rest_t *rest, const hedge_received_t *received, unsigned index)
{
        const unsigned block = received->parts[index].block;

        return block == hedge_code_rank(received->code) || rest->row[block] >= 0;
}

void hedge_rest_take(hedge_rest_t *rest, const hedge_received_t *received)
{
        for (; rest->looked < received->count && rest->rank < rest->blocks; rest->looked++)
                if (hedge_rest_takes(rest, received, rest->looked))
                        take_one(rest, received, rest->looked);
}

/* Move the column of which most is left, and its part, to `v`, and take its direction out of those behind it. */
static void choose_next(double *columns, uint16_t *parts, unsigned v, unsigned count, unsigned n)
{
        double most = -1, *first = columns + (size_t)v * n;
        unsigned best = v;
        uint16_t part;

        for (unsigned c = v; c < count; c++) {
                const double left = hedge_basis_dot(columns + (size_t)c * n, columns + (size_t)c * n, n);

                if (left > most) {
                        most = left;
                        best = c;
                }
        }
        part = parts[best];
        parts[best] = parts[v];
        parts[v] = part;
        for (unsigned i = 0; i < n; i++) {
                const double x = columns[(size_t)best * n + i];

                columns[(size_t)best * n + i] = first[i];
                first[i] = x;
        }
        for (unsigned c = v + 1; c < count && most > 0; c++) {
                double *column = columns + (size_t)c * n;
                const double along = hedge_basis_dot(first, column, n) / most;

                for (unsigned i = 0; i < n; i++)
                        column[i] -= along * first[i];
        }
}

int hedge_rest_choose(hedge_rest_t *rest, const hedge_received_t *received)
{
        const unsigned n = rest->blocks;
        double *columns = malloc((size_t)received->count * n * sizeof(double));
        uint16_t *parts = malloc(received->count * sizeof(*parts));
        unsigned count = 0;

        if (!columns || !parts) {
                free(columns);
                free(parts);
                return -ENOMEM;
        }
        for (unsigned i = 0; i < received->count; i++)
                if (hedge_rest_takes(rest, received, i)) {
                        hedge_rest_column(rest, received, i, columns + (size_t)count * n);
                        parts[count++] = (uint16_t)i;
                }
        rest->rank = 0;
        rest->looked = received->count;
        for (unsigned v = 0; v < n && v < count; v++) {
                choose_next(columns, parts, v, count, n);
                take_one(rest, received, parts[v]);
        }
        free(columns);
        free(parts);
        return 0;
}

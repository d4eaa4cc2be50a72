/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/sazd/peel.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Of every row of a parity: how many missing blocks in it are unknown, and all their numbers, xored. */
typedef struct row {
        uint8_t unknown, numbers;
} row_t;

/* Rows in which one block is unknown: those of this round, and those found in it, for the next. */
typedef struct queue {
        unsigned parity;
        row_t *rows;
        uint32_t *ready, *found;
        uint32_t n_ready, n_found;
} queue_t;

typedef struct peel {
        const hedge_sazd_t *code;
        unsigned n;
        queue_t queues[HEDGE_SAZD_MAX_BLOCKS];
        hedge_sazd_run_t *runs;
        size_t count;
        size_t known; /* rows */
} peel_t;

static void release(peel_t *peel)
{
        for (unsigned q = 0; q < peel->n; q++) {
                free(peel->queues[q].rows);
                free(peel->queues[q].ready);
                free(peel->queues[q].found);
        }
}

/* The rows of one parity as they are when nothing is known. */
static int open_queue(const hedge_sazd_t *code, uint32_t missing, unsigned parity, queue_t *queue)
{
        const uint32_t rows = hedge_sazd_rows(code, code->k + parity);

        queue->parity = parity;
        queue->rows = calloc(rows, sizeof(*queue->rows));
        queue->ready = malloc(rows * sizeof(*queue->ready));
        queue->found = malloc(rows * sizeof(*queue->found));
        if (!queue->rows || !queue->ready || !queue->found)
                return -ENOMEM;
        for (unsigned i = 0; i < code->k; i++)
                for (uint32_t s = 0; (missing >> i & 1) && s < code->rows; s++) {
                        row_t *row = &queue->rows[s + hedge_sazd_shift(code, i, parity)];

                        row->unknown++;
                        row->numbers ^= (uint8_t)i;
                }
        for (uint32_t t = 0; t < rows; t++)
                if (queue->rows[t].unknown == 1)
                        queue->ready[queue->n_ready++] = t;
        return 0;
}

static void append(peel_t *peel, unsigned block, unsigned parity, uint32_t row, uint32_t others)
{
        hedge_sazd_run_t *last = peel->count ? &peel->runs[peel->count - 1] : NULL;

        if (last && last->block == block && last->parity == parity && last->others == others &&
            last->row + last->count == row)
                last->count++;
        else
                peel->runs[peel->count++] = (hedge_sazd_run_t){ row, 1, others, (uint16_t)block, (uint16_t)parity };
        peel->known++;
}

/* A row of a block is known: one less is unknown in a row of every parity. */
static void spread(peel_t *peel, unsigned block, uint32_t s)
{
        for (unsigned q = 0; q < peel->n; q++) {
                queue_t *queue = &peel->queues[q];
                const uint32_t t = s + hedge_sazd_shift(peel->code, block, queue->parity);

                queue->rows[t].numbers ^= (uint8_t)block;
                if (--queue->rows[t].unknown == 1)
                        queue->found[queue->n_found++] = t;
        }
}

static void take_ready(peel_t *peel, queue_t *queue)
{
        for (uint32_t n = 0; n < queue->n_ready; n++) {
                const uint32_t t = queue->ready[n];
                const unsigned block = queue->rows[t].numbers;
                const uint32_t s = t - hedge_sazd_shift(peel->code, block, queue->parity);

                if (queue->rows[t].unknown != 1)
                        continue; /* another parity was first */
                append(peel, block, queue->parity, s,
                       hedge_sazd_members(peel->code, queue->parity, t, NULL) & ~(1u << block));
                spread(peel, block, s);
        }
}

/* @return whether there is anything for the next round. */
static bool turn(peel_t *peel)
{
        uint32_t n = 0;

        for (unsigned q = 0; q < peel->n; q++) {
                queue_t *queue = &peel->queues[q];
                uint32_t *found = queue->found;

                queue->found = queue->ready;
                queue->ready = found;
                queue->n_ready = queue->n_found;
                queue->n_found = 0;
                n += queue->n_ready;
        }
        return n > 0;
}

static void shrink(peel_t *peel)
{
        hedge_sazd_run_t *runs = realloc(peel->runs, peel->count * sizeof(*runs));

        if (runs)
                peel->runs = runs;
}

int hedge_sazd_peel(const hedge_sazd_t *code, uint32_t missing, uint32_t parities, hedge_sazd_run_t **ret_runs,
                    size_t *ret_count)
{
        const size_t wanted = (size_t)__builtin_popcount(missing) * code->rows;
        peel_t peel = { .code = code };
        int r = 0;

        if (wanted) {
                peel.runs = malloc(wanted * sizeof(*peel.runs));
                r = peel.runs ? 0 : -ENOMEM;
        }
        for (unsigned p = 0; p < code->r && r == 0 && wanted; p++)
                if (parities >> p & 1)
                        r = open_queue(code, missing, p, &peel.queues[peel.n++]);
        if (r == 0 && wanted) {
                do
                        for (unsigned q = 0; q < peel.n; q++)
                                take_ready(&peel, &peel.queues[q]);
                while (turn(&peel));
                assert(peel.known == wanted); /* any sets of k blocks decode: shifts grow with both i and p */
                shrink(&peel);
        }
        release(&peel);
        if (r < 0) {
                free(peel.runs);
                return r;
        }
        *ret_runs = peel.runs;
        *ret_count = peel.count;
        return 0;
}

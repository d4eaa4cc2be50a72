/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/conv/decode.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/code/conv/passes.h"
#include "common/code/conv/rank.h"
#include "common/code/conv/scheme.h"
#include "common/code/conv/solve.h"

#define MAX_TAKEN HEDGE_CODE_MAX_ALL_PARTS

typedef struct taken {
        uint16_t id;    /* number among all parts of the code */
        uint16_t index; /* in the order taken */
} taken_t;

struct hedge_decoder {
        const hedge_code_t *code;
        unsigned count, rank;
        double *basis;  /* K orthonormal vectors of K; `rank` are in use, the next is room to try a column */
        uint8_t *is_in; /* per part of the code */
        taken_t *taken; /* the code's parts at most; after a solve sorted by id */
        hedge_solution_t *solution;
};

int hedge_decoder_new(const hedge_code_t *code, hedge_decoder_t **ret)
{
        const size_t rank = hedge_code_rank(code);
        hedge_decoder_t *d = calloc(1, sizeof(*d));

        if (!d)
                return -ENOMEM;
        d->code = code;
        d->basis = malloc(rank * rank * sizeof(double));
        d->is_in = calloc(code->all_parts, 1);
        d->taken = calloc(code->all_parts, sizeof(*d->taken));
        if (!d->basis || !d->is_in || !d->taken) {
                hedge_decoder_destroy(&d);
                return -ENOMEM;
        }
        *ret = d;
        return 0;
}

void hedge_decoder_destroy(hedge_decoder_t **decoder)
{
        hedge_decoder_t *d = *decoder;

        if (!d)
                return;
        hedge_cache_release(d->code->cache, &d->solution);
        free(d->basis);
        free(d->is_in);
        free(d->taken);
        free(d);
        *decoder = NULL;
}

int hedge_decoder_add(hedge_decoder_t *d, unsigned board, unsigned part)
{
        unsigned id;

        if (board >= d->code->n || part >= hedge_code_parts(d->code, board))
                return -EINVAL;
        id = d->code->boards[board].first_part + part;
        if (d->is_in[id])
                return -EALREADY;
        d->is_in[id] = 1;
        d->rank += hedge_rank_take_part(d->basis, d->rank, d->code, board, part);
        d->taken[d->count] = (taken_t){ (uint16_t)id, (uint16_t)d->count };
        hedge_cache_release(d->code->cache, &d->solution);
        return (int)d->count++;
}

unsigned hedge_decoder_count(const hedge_decoder_t *d)
{
        return d->count;
}

unsigned hedge_decoder_rank(const hedge_decoder_t *d)
{
        return d->rank;
}

bool hedge_decoder_ready(const hedge_decoder_t *d)
{
        return d->rank == hedge_code_rank(d->code);
}

bool hedge_decoder_possible(const hedge_decoder_t *d, const bool *alive)
{
        unsigned rank = d->rank;

        for (unsigned j = 0; j < d->code->n; j++)
                for (unsigned p = 0; alive[j] && p < hedge_code_parts(d->code, j); p++)
                        if (!d->is_in[d->code->boards[j].first_part + p])
                                rank += hedge_rank_take_part(d->basis, rank, d->code, j, p);
        return rank == hedge_code_rank(d->code);
}

static int by_id(const void *x, const void *y)
{
        return (int)((const taken_t *)x)->id - (int)((const taken_t *)y)->id;
}

int hedge_decoder_solve(hedge_decoder_t *d, double *ret_condition)
{
        uint16_t ids[MAX_TAKEN];
        int r;

        if (!hedge_decoder_ready(d))
                return HEDGE_EUNDECODABLE;
        if (!d->solution) {
                qsort(d->taken, d->count, sizeof(*d->taken), by_id);
                for (unsigned p = 0; p < d->count; p++)
                        ids[p] = d->taken[p].id;
                d->solution = hedge_cache_find(d->code->cache, ids, d->count);
        }
        if (!d->solution) {
                r = hedge_solve(d->code, ids, d->count, &d->solution);
                if (r < 0)
                        return r;
                hedge_cache_put(d->code->cache, d->solution);
        }
        if (ret_condition)
                *ret_condition = d->solution->condition;
        return 0;
}

double hedge_decoder_gain(const hedge_decoder_t *d)
{
        assert(d->solution);
        return d->solution->gain;
}

void hedge_decoder_apply_with(const hedge_decoder_t *d, const hedge_passes_t *passes,
                              const hedge_partition_t *partition, const void *const *parts, const void *bias,
                              const hedge_activation_t *activation, void *output, unsigned threads)
{
        const void *sorted[MAX_TAKEN];
        const hedge_join_t join = { partition, d->solution, sorted, 0, bias, *activation, output };

        assert(d->solution && partition->k_a == d->code->k_a && partition->k_b == d->code->k_b);
        for (unsigned p = 0; p < d->count; p++)
                sorted[p] = parts[d->taken[p].index];
        hedge_join_run(passes, &join, threads);
}

void hedge_decoder_apply(const hedge_decoder_t *d, const hedge_partition_t *partition, const float *const *parts,
                         const float *bias, const hedge_activation_t *activation, float *output, unsigned threads)
{
        const void *untyped[MAX_TAKEN];

        for (unsigned p = 0; p < d->count; p++)
                untyped[p] = parts[p];
        hedge_decoder_apply_with(d, hedge_passes_f32(), partition, untyped, bias, activation, output, threads);
}

void hedge_decoder_apply_wire(const hedge_decoder_t *d, const hedge_partition_t *partition,
                              const hedge_wire_part_t *parts, const float *bias, const hedge_activation_t *activation,
                              float *output, unsigned threads)
{
        hedge_precision_t precisions[MAX_TAKEN];
        const void *sorted[MAX_TAKEN];
        const hedge_join_t join = { partition, d->solution, sorted, 0, bias, *activation, output };

        assert(d->solution && partition->k_a == d->code->k_a && partition->k_b == d->code->k_b);
        for (unsigned p = 0; p < d->count; p++) {
                sorted[p] = parts[d->taken[p].index].data;
                precisions[p] = parts[d->taken[p].index].precision;
        }
        hedge_join_run_wire(&join, precisions, threads);
}

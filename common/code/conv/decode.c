/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/conv/decode.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/code/conv/passes.h"
#include "common/code/conv/scheme.h"
#include "common/code/conv/solve.h"

#define MAX_TAKEN HEDGE_CODE_MAX_ALL_PARTS

struct hedge_decoder {
        hedge_received_t received;
        hedge_solver_t solver;
        hedge_solution_t *solution;
};

int hedge_decoder_new(const hedge_code_t *code, hedge_decoder_t **ret)
{
        hedge_decoder_t *d = calloc(1, sizeof(*d));

        if (!d)
                return -ENOMEM;
        if (hedge_received_open(&d->received, code) < 0) {
                free(d);
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
        hedge_solution_destroy(&d->solution);
        hedge_solver_release(&d->solver);
        hedge_received_release(&d->received);
        free(d);
        *decoder = NULL;
}

int hedge_decoder_add(hedge_decoder_t *d, unsigned board, unsigned part)
{
        const int index = hedge_received_add(&d->received, board, part);
        int r;

        if (index < 0)
                return index;
        hedge_solution_destroy(&d->solution);
        r = hedge_solver_take(&d->solver, &d->received);
        return r < 0 ? r : index;
}

unsigned hedge_decoder_count(const hedge_decoder_t *d)
{
        return d->received.count;
}

bool hedge_decoder_ready(const hedge_decoder_t *d)
{
        return d->solver.is_ready;
}

unsigned hedge_decoder_missing(const hedge_decoder_t *d)
{
        return hedge_solver_missing(&d->solver, &d->received);
}

/* Do so many boards live that no parts have to be looked at? With all that hold something every code decodes; with delta of them
 * those do whose delta is no estimate and is known. */
static bool are_enough_alive(const hedge_code_t *code, const bool *alive)
{
        const bool is_exact = code->alike || (code->scheme != HEDGE_SCHEME_LT && code->scheme != HEDGE_SCHEME_KRP);
        const unsigned delta = atomic_load(code->delta);
        unsigned living = 0, holders = 0;

        for (unsigned j = 0; j < code->n; j++) {
                holders += hedge_code_parts(code, j) > 0;
                living += alive[j] && hedge_code_parts(code, j) > 0;
        }
        return living == holders || (is_exact && delta > 0 && living >= delta);
}

/* As if the parts of the boards that live had come too. */
static int open_possible(const hedge_decoder_t *d, const bool *alive, hedge_received_t *all)
{
        const hedge_code_t *code = d->received.code;
        const int r = hedge_received_open(all, code);

        for (unsigned p = 0; r == 0 && p < d->received.count; p++)
                hedge_received_add(all, d->received.parts[p].board, d->received.parts[p].part);
        for (unsigned j = 0; r == 0 && j < code->n; j++)
                for (unsigned p = 0; alive[j] && p < hedge_code_parts(code, j); p++)
                        hedge_received_add(all, j, p); /* those that came are in already */
        return r;
}

bool hedge_decoder_possible(const hedge_decoder_t *d, const bool *alive)
{
        hedge_received_t all;
        hedge_rest_t rest = { 0 };
        bool possible = true;

        if (d->solver.is_ready || are_enough_alive(d->received.code, alive) || open_possible(d, alive, &all) < 0)
                return true;
        if (all.missing > all.coded) {
                possible = false;
        } else if (hedge_rest_open(&rest, &all) == 0) {
                hedge_rest_take(&rest, &all);
                possible = rest.rank == rest.blocks;
        }
        hedge_rest_release(&rest);
        hedge_received_release(&all);
        return possible;
}

int hedge_decoder_solve(hedge_decoder_t *d, double *ret_condition)
{
        int r = 0;

        if (!d->solver.is_ready)
                return HEDGE_EUNDECODABLE;
        if (!d->solution)
                r = hedge_solver_run(&d->solver, &d->received);
        if (r == 0 && !d->solution)
                r = hedge_solver_finish(&d->solver, &d->received, &d->solution);
        if (r == 0 && ret_condition)
                *ret_condition = d->solution->condition;
        return r;
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
        const hedge_join_t join = { partition, d->solution, parts, 0, bias, *activation, output };

        assert(d->solution && partition->k_a == d->received.code->k_a && partition->k_b == d->received.code->k_b);
        hedge_join_run(passes, &join, threads);
}

void hedge_decoder_apply(const hedge_decoder_t *d, const hedge_partition_t *partition, const float *const *parts,
                         const float *bias, const hedge_activation_t *activation, float *output, unsigned threads)
{
        const void *untyped[MAX_TAKEN];

        for (unsigned p = 0; p < d->received.count; p++)
                untyped[p] = parts[p];
        hedge_decoder_apply_with(d, hedge_passes_f32(), partition, untyped, bias, activation, output, threads);
}

void hedge_decoder_apply_wire(const hedge_decoder_t *d, const hedge_partition_t *partition,
                              const hedge_wire_part_t *parts, const float *bias, const hedge_activation_t *activation,
                              float *output, unsigned threads)
{
        hedge_precision_t precisions[MAX_TAKEN];
        const void *data[MAX_TAKEN];
        const hedge_join_t join = { partition, d->solution, data, 0, bias, *activation, output };

        assert(d->solution && partition->k_a == d->received.code->k_a && partition->k_b == d->received.code->k_b);
        for (unsigned p = 0; p < d->received.count; p++) {
                data[p] = parts[p].data;
                precisions[p] = parts[p].precision;
        }
        hedge_join_run_wire(&join, precisions, threads);
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_SOLVE_H
#define HEDGE_SOLVE_H

#include "common/code/conv/decode.h"
#include "common/code/conv/passes.h"
#include "common/code/conv/rest.h"
#include "common/code/conv/solution.h"

/** Inside of common/code/conv: from the parts that came to the blocks that did not.
 *
 * The first parts of full rank are solved by a triangular system. Every further one is a rank-one update of the weights, as in
 * recursive least squares: the block's estimates move by what the part says beside what they foretell of it, so much as makes
 * the errors smallest, where a part is as wrong as its column is long. That cancels as many digits as the first parts' gain has;
 * where these are ill conditioned, others are chosen among all that came first. */

typedef struct hedge_solver {
        hedge_rest_t rest;    /* opened when there are enough parts */
        bool is_ready;        /* the rank is full */
        unsigned count, room; /* parts that the weights take in; that there is memory for */
        double size;          /* of the weights of the first parts, see TRUSTED */
        double *weights;      /* per part: how much of it each block of the rest takes */
} hedge_solver_t;

void hedge_solver_release(hedge_solver_t *solver);

/** Look at a part that came. @return 0, -ENOMEM. */
int hedge_solver_take(hedge_solver_t *solver, const hedge_received_t *received);

/** So many parts are missing, at least, until the rank is full. */
unsigned hedge_solver_missing(const hedge_solver_t *solver, const hedge_received_t *received);

/** Solve for what came. The rank is full. @return 0, HEDGE_EUNDECODABLE, -ENOMEM. */
int hedge_solver_run(hedge_solver_t *solver, const hedge_received_t *received);

/** What hedge_solver_run came to. @return 0, HEDGE_EUNDECODABLE (not finite, or worse than double can tell), -ENOMEM. */
int hedge_solver_finish(const hedge_solver_t *solver, const hedge_received_t *received, hedge_solution_t **ret);

/** hedge_decoder_apply on float or double, as the passes say. */
void hedge_decoder_apply_with(const hedge_decoder_t *decoder, const hedge_passes_t *passes,
                              const hedge_partition_t *partition, const void *const *parts, const void *bias,
                              const hedge_activation_t *activation, void *output, unsigned threads);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_SEGMENT_WORK_H
#define HEDGED_SEGMENT_WORK_H

#include "common/tensor.h"
#include "daemon/infer/prospect.h"
#include "daemon/infer/work.h"
#include "daemon/models/model.h"

/** A SEGMENT step of a chain, as pieces that places are given and as work of boards: its windows, or all of it as one piece. */
typedef struct hedged_segment_work {
        hedged_model_t *model;     /**< borrowed */
        const hedged_step_t *step; /**< borrowed */
        uint32_t *in, *out;        /**< the values that go in and out, in their order */
        uint32_t n_in, n_out;
        unsigned n_pieces, n_parts; /**< of windows as many; in one piece 1, and n_out */
        hedged_piece_t *pieces;
        hedge_window_t *needs;         /**< per window: of the input */
        const hedged_block_t **blocks; /**< per board: what it can be asked by; NULL: it cannot */
        unsigned boards;
        hedged_run_work_t *work; /**< to be taken over by the layer run */
} hedged_segment_work_t;

/** @param work  Release it in any case.
 * @return 0; 1: boards cannot be asked for this (nobody holds it, or it has more inputs or outputs than a message); -ENOMEM. */
int hedged_segment_work_init(hedged_segment_work_t *work, hedged_model_t *model, const hedged_step_t *step);
void hedged_segment_work_release(hedged_segment_work_t *work);

/** How input i goes to a board that is asked in this precision. */
hedge_precision_t hedged_segment_work_wire(const hedged_segment_work_t *work, unsigned i, hedge_precision_t wire);

/** "first-node .. last-node", cut short where it is too long. @return buf. */
char *hedged_segment_work_name(const hedged_segment_work_t *work, char *buf, size_t size);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_HERE_H
#define HEDGED_HERE_H

#include "daemon/infer/layer_run.h"
#include "daemon/models/model.h"

/** The coordinator is a board, too: one thread of low priority that computes pieces of runs of nodes, one after the other, so that this
 * machine does something while requests wait for boards. What comes out goes to the run's events as a board's parts do. */
typedef struct hedged_here hedged_here_t;

typedef struct hedged_here_settings {
        hedge_kernels_t *kernels;   /**< borrowed */
        uint64_t engines_bytes_max; /**< for engines that are kept */
        double macs_per_s;          /**< 0; else pretend that this machine is so slow */
} hedged_here_settings_t;

/** @return 0, -ENOMEM, -errno. */
int hedged_here_new(const hedged_here_settings_t *settings, hedged_here_t **ret);

/** No piece is under way any more. NULL-safe; nullifies. */
void hedged_here_destroy(hedged_here_t **here);

/** A piece of work. */
typedef struct hedged_here_piece {
        hedged_model_t *model; /**< borrowed; a reference is taken */
        uint32_t first, last;
        const hedge_window_t *window; /**< of the output; NULL: all of all outputs */
        unsigned part;                /**< the number of what comes out; of several outputs, of the first */
        unsigned board;               /**< the number under which it comes */
        unsigned n_inputs, n_outputs;
        const hedge_shape_t *shapes; /**< of the inputs; borrowed */
        zmq_msg_t *frames;           /**< of the inputs, float32; moved from, closed on failure */
} hedged_here_piece_t;

/** Is there memory for the engine of such nodes: for their constants as the kernels want them, and while these are made? Who has none is
 * not to be asked. Any thread. */
bool hedged_here_has_room(const hedged_here_t *here, const hedge_graph_t *graph, uint32_t first, uint32_t last);

/** Ask for it, from a request's thread. Its parts come as events of the run; where it fails or is cancelled, a LOST does.
 * @return 0, -ENOMEM. */
int hedged_here_ask(hedged_here_t *here, hedged_layer_run_t *run, const hedged_here_piece_t *piece);

/** Multiply-accumulates a second of the last pieces, as the thread gets on beside all else that this machine does; 0: there were none. */
double hedged_here_rate(hedged_here_t *here);

/** Free what is kept for models that are gone. Any thread. */
void hedged_here_tidy(hedged_here_t *here);

#endif

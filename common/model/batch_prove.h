/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_BATCH_PROVE_H
#define HEDGE_BATCH_PROVE_H

#include "common/model/batch_print.h"
#include "common/model/batch_rules.h"

/** Does a file treat its batch as a batch: is the answer to N pictures that of one, N times?
 *
 * A graph for one picture does not tell: a reshape to 1 x 256 may have been to N x 256, or never to anything else. So the file is
 * read for two and for three pictures as well. Where the shapes of a value differ there is its batch; operator by operator
 * (batch_rules.h) it must stay where it is looked for; everything else, constants too, must be the same; and the graph for one
 * picture must compute the same things with the same constants. */

/** A graph without its weights: its nodes and shapes, and what is remembered of its constants. */
typedef struct hedge_skeleton {
        hedge_graph_t *graph;
        hedge_print_t *prints;
        uint32_t pictures;
} hedge_skeleton_t;

/** @param graph  Taken over, on failure too. @return 0, -ENOMEM. */
int hedge_skeleton_new(hedge_graph_t *graph, uint32_t pictures, hedge_skeleton_t **ret);
void hedge_skeleton_destroy(hedge_skeleton_t **skeleton);

/** Prove that a file keeps pictures apart.
 * @param two, three  Its graphs for two and three pictures, as imported: not folded.
 * @param one         That for one picture, not folded either.
 * @param why         The sentence when it does not: which node mixes them.
 * @return 0 and the axes of inputs and outputs; HEDGE_EUNSUPPORTED: not proven; -ENOMEM. */
int hedge_batch_prove(const hedge_skeleton_t *two, const hedge_skeleton_t *three, const hedge_graph_t *one,
                      hedge_batch_t *batch, hedge_why_t *why);

/** For a graph of a fixed number of pictures (at least 2): which part of an output is whose? Sets batch->size and the axes of the
 * inputs, and of the outputs of which it is known. @return 0, -ENOMEM. */
int hedge_batch_trace(const hedge_graph_t *graph, uint32_t pictures, hedge_batch_t *batch);

#endif

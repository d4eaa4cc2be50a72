/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_BATCH_RULES_H
#define HEDGE_BATCH_RULES_H

#include "common/model/batch.h"

/** What each kind of operator does to the batch: a table by kind. A kind without a row is taken to mix pictures.
 *
 * The batch of a value is an axis whose extent is a multiple of the number of pictures, where each picture has a piece that lies
 * together: with axis k, the pieces lie side by side behind every index of the axes before k. */

typedef struct hedge_batch_step {
        const hedge_graph_t *graph; /**< for at least 2 pictures */
        const hedge_node_t *node;
        const uint32_t
                *axes; /**< per value of the graph, of the node's inputs at least: their axis, or HEDGE_NO_AXIS */
        uint32_t pictures;
        uint32_t
                grows; /**< the output's axis that is longer when there are more pictures; HEDGE_NO_AXIS: none, or unknown */
        bool strict; /**< inputs without a batch have to be the same for every picture, not only whose is whose be known */
} hedge_batch_step_t;

/** Does the operator keep pictures apart? @param ret  The output's axis, or HEDGE_NO_AXIS: the same for all. */
bool hedge_batch_keeps(const hedge_batch_step_t *step, uint32_t *ret);

#endif

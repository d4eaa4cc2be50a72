/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_FOLD_PATH_H
#define HEDGE_FOLD_PATH_H

#include "common/model/graph.h"

/** From a value back to the operator that computed its elements, through those that only move them (reshape, transpose,
 * slice), as long as nobody else reads what lies between. */
typedef struct hedge_fold_path {
        hedge_node_t *node; /**< NULL: there is none */
        uint32_t period;    /**< element i of the node's output ... */
        uint32_t *channel;  /**< ... is of channel[i % period] of the value; NULL where it was not asked for */
} hedge_fold_path_t;

/** @param alias     What stands for each value now.
 * @param channels  Follow the value's last axis too: no path where it does not come from within the node's last axis.
 * @return 0 (also where there is none), -ENOMEM. To be released. */
int hedge_fold_path(const hedge_graph_t *graph, const uint32_t *alias, uint32_t value, bool channels,
                    hedge_fold_path_t *ret);

void hedge_fold_path_release(hedge_fold_path_t *path);

#endif

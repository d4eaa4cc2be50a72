/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_SCHEDULE_H
#define HEDGE_SCHEDULE_H

#include <stdbool.h>

#include "common/model/graph.h"

/** Where each value of a graph lives while the graph runs: buffers are shared by values that are never alive at the
 * same time, a reshape is its input under another name, element-wise operators work in place. */
typedef enum hedge_home_kind {
        HEDGE_HOME_CONSTANT, /**< the data of value `index` in the graph */
        HEDGE_HOME_INPUT,    /**< the caller's tensor `index` */
        HEDGE_HOME_OUTPUT,   /**< the answer's tensor `index` */
        HEDGE_HOME_BUFFER,   /**< buffer `index` of a run */
} hedge_home_kind_t;

typedef struct hedge_home {
        hedge_home_kind_t kind;
        uint32_t index;
} hedge_home_t;

typedef struct hedge_schedule {
        hedge_home_t *homes; /**< one per value */
        bool *skip;          /**< one per node: nothing to do (a reshape whose result lies where its input does) */
        size_t *buffers;     /**< elements of each buffer */
        uint32_t n_buffers;
} hedge_schedule_t;

/** @return 0, -ENOMEM. */
int hedge_schedule_make(const hedge_graph_t *graph, hedge_schedule_t *ret);
void hedge_schedule_release(hedge_schedule_t *schedule);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_TASK_H
#define HEDGED_TASK_H

#include "common/code/conv/code.h"

#define HEDGED_TASK_INPUTS 64u /**< raw frames of a TASK at most */

/** What a board is asked for in one TASK. */
typedef struct hedged_task {
        unsigned board;
        uint32_t n_inputs; /**< coded inputs, at least 1 */
        uint32_t n_order;  /**< parts, at least 1 */
        uint32_t inputs[HEDGED_TASK_INPUTS];
        uint32_t order[HEDGE_CODE_MAX_PARTS]; /**< of those inputs, none of them asked for before */
} hedged_task_t;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_SCHEMA_GROUP_H
#define HEDGE_SCHEMA_GROUP_H

#include "common/record/table.h"
#include "common/wire/schema.h"

/** Inside of common/wire/schema*.c: messages in groups, a file each. Of a group the types of the others have no name. */
typedef const hedge_schema_t hedge_schema_group_t[HEDGE_MSG_TYPES];

extern hedge_schema_group_t hedge_schema_boards;   /**< coordinator and board: who is there, shares, tasks and parts */
extern hedge_schema_group_t hedge_schema_training; /**< coordinator and board: training */
extern hedge_schema_group_t hedge_schema_models;   /**< client and coordinator: requests, models, plans */
extern hedge_schema_group_t hedge_schema_jobs;     /**< client and coordinator: trainings and products */

extern const hedge_record_t hedge_schema_cost; /**< what a process has taken */

#define MAX_TENSORS 64
#define MAX_MS      3600000
#define MAX_HOLD_US 60000000
#define MAX_EXTENT  (1u << 24) /* of a matrix or an image */
#define FOREVER     1e15

#define TYPE(type, table) [HEDGE_MSG_##type] = { .record = RECORD_OF(#type, table) }
#define FRAMES(type, table, lo, hi) \
        [HEDGE_MSG_##type] = { .record = RECORD_OF(#type, table), .frames_min = lo, .frames_max = hi }
#define FRAMES_BY(type, table, s, m)                                           \
        [HEDGE_MSG_##type] = { .record = RECORD_OF(#type, table),              \
                               .frames_max = MAX_TENSORS,                      \
                               .frames_offset = offsetof(hedge_message_t, s) + \
                                                offsetof(__typeof__(((hedge_message_t *)0)->s), m) }

#endif

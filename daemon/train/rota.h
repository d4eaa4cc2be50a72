/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_ROTA_H
#define HEDGED_ROTA_H

#include <stdbool.h>
#include <stdint.h>

#include "common/code/code.h"

/** Inside of the crew (crew.h, which says the rules): which boards draw from which shards. Boards are below
 * HEDGE_CODE_MAX_BOARDS and have entered, where not said otherwise. */
typedef struct hedged_rota hedged_rota_t;

#define HEDGED_NO_SHARD UINT32_MAX
#define HEDGED_NO_BOARD UINT32_MAX

/** @return 0, -ENOMEM. */
int hedged_rota_new(uint32_t shards, hedged_rota_t **ret);

/** NULL-safe; nullifies. */
void hedged_rota_destroy(hedged_rota_t **rota);

/** A board that may be new: nothing is known of what it holds. Its list stays. @return 0, -ENOMEM. */
int hedged_rota_enter(hedged_rota_t *rota, unsigned board);

/** It takes part: it may be given shards. */
void hedged_rota_join(hedged_rota_t *rota, unsigned board);

/** It does not any more; its shards go to others. */
void hedged_rota_leave(hedged_rota_t *rota, unsigned board);

/** It holds this shard, or says that it does not. */
void hedged_rota_holds(hedged_rota_t *rota, unsigned board, uint32_t shard);
void hedged_rota_lacks(hedged_rota_t *rota, unsigned board, uint32_t shard);

/** Hand out the shards for the first time, to all that have joined. */
void hedged_rota_start(hedged_rota_t *rota);

/** Give some to a board that joined later and has none. */
void hedged_rota_seat(hedged_rota_t *rota, unsigned board);

/** It has no room for this shard (HEDGED_NO_SHARD: for what is on its way to it), nor for others. */
void hedged_rota_refuse(hedged_rota_t *rota, unsigned board, uint32_t shard);

/** Shards on its list; of these, those that it holds. */
uint32_t hedged_rota_listed(const hedged_rota_t *rota, unsigned board);
uint32_t hedged_rota_held(const hedged_rota_t *rota, unsigned board);

/** Is this shard on its way to it? */
bool hedged_rota_loading(const hedged_rota_t *rota, unsigned board, uint32_t shard);

/** A shard that is to be sent to it, which from then on is taken as on its way; HEDGED_NO_SHARD: none. */
uint32_t hedged_rota_send(hedged_rota_t *rota, unsigned board);

/** Whose turn it is in a step, among those that it holds: at least one. */
uint32_t hedged_rota_turn(const hedged_rota_t *rota, unsigned board, uint64_t step);

/** The first on its list, which is not empty, and the board that had a shard first. */
uint32_t hedged_rota_first(const hedged_rota_t *rota, unsigned board);
unsigned hedged_rota_home(const hedged_rota_t *rota, uint32_t shard);

#endif

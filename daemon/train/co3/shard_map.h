/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_SHARD_MAP_H
#define HEDGED_SHARD_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "common/code/conv/code.h"

/** Inside of the crew (crew.h, which says the rules): which boards draw from which shards. Boards are below
 * HEDGE_CODE_MAX_BOARDS and have entered, where not said otherwise. */
typedef struct hedged_shard_map hedged_shard_map_t;

#define HEDGED_NO_SHARD UINT32_MAX
#define HEDGED_NO_BOARD UINT32_MAX

/** @return 0, -ENOMEM. */
int hedged_shard_map_new(uint32_t shards, hedged_shard_map_t **ret);

/** NULL-safe; nullifies. */
void hedged_shard_map_destroy(hedged_shard_map_t **map);

/** A board that may be new: nothing is known of what it holds. Its list stays. @return 0, -ENOMEM. */
int hedged_shard_map_enter(hedged_shard_map_t *map, unsigned board);

/** It takes part: it may be given shards. */
void hedged_shard_map_join(hedged_shard_map_t *map, unsigned board);

/** It does not any more; its shards go to others. */
void hedged_shard_map_leave(hedged_shard_map_t *map, unsigned board);

/** It holds this shard, or says that it does not. */
void hedged_shard_map_holds(hedged_shard_map_t *map, unsigned board, uint32_t shard);
void hedged_shard_map_lacks(hedged_shard_map_t *map, unsigned board, uint32_t shard);

/** Hand out the shards for the first time, to all that have joined. */
void hedged_shard_map_start(hedged_shard_map_t *map);

/** Give some to a board that joined later and has none. */
void hedged_shard_map_seat(hedged_shard_map_t *map, unsigned board);

/** It has no room for this shard (HEDGED_NO_SHARD: for what is on its way to it), nor for others. */
void hedged_shard_map_refuse(hedged_shard_map_t *map, unsigned board, uint32_t shard);

/** Shards on its list; of these, those that it holds. */
uint32_t hedged_shard_map_listed(const hedged_shard_map_t *map, unsigned board);
uint32_t hedged_shard_map_held(const hedged_shard_map_t *map, unsigned board);

/** Is this shard on its way to it? */
bool hedged_shard_map_loading(const hedged_shard_map_t *map, unsigned board, uint32_t shard);

/** A shard that is to be sent to it, which from then on is taken as on its way; HEDGED_NO_SHARD: none. */
uint32_t hedged_shard_map_send(hedged_shard_map_t *map, unsigned board);

/** Whose turn it is in a step, among those that it holds: at least one. */
uint32_t hedged_shard_map_turn(const hedged_shard_map_t *map, unsigned board, uint64_t step);

/** The first on its list, which is not empty, and the board that had a shard first. */
uint32_t hedged_shard_map_first(const hedged_shard_map_t *map, unsigned board);
unsigned hedged_shard_map_home(const hedged_shard_map_t *map, uint32_t shard);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_ROOM_H
#define HEDGED_ROOM_H

#include "daemon/models/registry.h"

/** Boards' memory, divided among the coded shares that they must hold and the blocks of the models that are served. The loop's. */

/** Choose which blocks the board of this number is to hold (hedged_block_t.chosen).
 *
 * What it holds, or has on its way, stays. The rest of its memory goes to the models in the order of the registry, each within
 * plan.share_bytes, as hedged_allot has it.
 * @param bytes_max  The board's memory for shares. */
void hedged_room_choose(const hedged_registry_t *registry, unsigned board, uint64_t bytes_max);

/** What a board could give to the blocks of a model, beside what it must hold for others: what is planned with. Where it has refused one
 * of them it is less than that one takes.
 * @param name  Of the model: a new one, in place of those that have the name. */
uint64_t hedged_room_of(const hedged_registry_t *registry, unsigned board, uint64_t bytes_max, const char *name);

#endif

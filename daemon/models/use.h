/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_USE_H
#define HEDGED_USE_H

#include "daemon/models/model.h"
#include "daemon/models/share_index.h"

/** A share's use, whatever its kind: a variant of a layer, or a block. */

/** The variant that a share of coded filter blocks is of. */
hedged_variant_t *hedged_use_variant(const hedged_share_use_t *use);

/** The block. */
hedged_block_t *hedged_use_block(const hedged_share_use_t *use);

/** Memory that the board counts for it. */
uint64_t hedged_use_bytes(const hedged_share_use_t *use, unsigned board);

/** Tell who runs requests whether the board holds it and may be given work. */
void hedged_use_set_holder(const hedged_share_use_t *use, unsigned board, bool holds);

#endif

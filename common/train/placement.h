/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_PLACEMENT_H
#define HEDGE_PLACEMENT_H

#include "common/train/net.h"

/** Where everything lies in the memory of a workspace: planned once, all in one block.
 *
 * Values stay from forward to backward, and relu works in its input's place where nobody else reads that. Gradients live
 * only from the last reader of a value to its maker, so they take turns in a few slots. Positions are counted in floats. */
typedef struct hedge_place {
        uint32_t home; /**< the value whose memory it shares; itself if it has its own */
        bool wanted;   /**< its gradient is asked for: there are parameters before it */
        bool given;    /**< for the pass: some reader has put its gradient there */
        uint32_t slot; /**< of its gradient, for a home that has one */
        uint64_t at;   /**< of a home but the image */
} hedge_place_t;

typedef struct hedge_placement {
        const hedge_net_t *net;
        uint32_t max_batch;
        hedge_place_t *places; /**< one per value */
        uint64_t *saved;       /**< what each layer keeps for backward */
        uint64_t *slots, *slot_floats;
        uint32_t n_slots;
        uint64_t scratch, extra; /**< a layer's own; a second gradient, on its way to be added */
        uint64_t floats;         /**< in all */
} hedge_placement_t;

/** @param net  Borrowed. @return 0, -ENOMEM. */
int hedge_placement_make(const hedge_net_t *net, uint32_t max_batch, hedge_placement_t *ret);

/** Free and clear; also one that was never made. */
void hedge_placement_release(hedge_placement_t *placement);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_KEPT_CHAINS_H
#define HEDGED_KEPT_CHAINS_H

#include <stdatomic.h>

#include "daemon/plan/chains.h"

/** Chains that live as long as a request runs by them, whatever the model has been given since: counted by references, any thread.
 *
 *      hedged_kept_chains_t *kept = hedged_model_chains(model);
 *      const hedged_chain_t *chain = kept ? hedged_chains_pick(kept->chains, usable, in_flight) : NULL;
 *      ...
 *      hedged_kept_chains_unref(&kept); */
typedef struct hedged_kept_chains {
        atomic_uint references;
        hedged_chains_t *chains; /**< as they were planned; nobody changes them */
} hedged_kept_chains_t;

/** @param chains  Taken over, on failure too. @return 0 and one reference, -ENOMEM. */
int hedged_kept_chains_new(hedged_chains_t *chains, hedged_kept_chains_t **ret);

hedged_kept_chains_t *hedged_kept_chains_ref(hedged_kept_chains_t *kept);

/** Give a reference back; the last one frees. NULL-safe; nullifies. */
void hedged_kept_chains_unref(hedged_kept_chains_t **kept);

#endif

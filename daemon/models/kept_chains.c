/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/models/kept_chains.h"

#include <errno.h>
#include <stdlib.h>

int hedged_kept_chains_new(hedged_chains_t *chains, hedged_kept_chains_t **ret)
{
        hedged_kept_chains_t *k = calloc(1, sizeof(*k));

        if (!k) {
                hedged_chains_destroy(&chains);
                return -ENOMEM;
        }
        atomic_init(&k->references, 1);
        k->chains = chains;
        *ret = k;
        return 0;
}

hedged_kept_chains_t *hedged_kept_chains_ref(hedged_kept_chains_t *k)
{
        atomic_fetch_add(&k->references, 1);
        return k;
}

void hedged_kept_chains_unref(hedged_kept_chains_t **kept)
{
        hedged_kept_chains_t *k = *kept;

        *kept = NULL;
        if (!k || atomic_fetch_sub(&k->references, 1) != 1)
                return;
        hedged_chains_destroy(&k->chains);
        free(k);
}

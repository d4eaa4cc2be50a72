/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/models/how.h"

#include <stdio.h>
#include <string.h>

/* Does anything of a request run on boards? */
static bool uses_boards(const hedged_model_t *m, const hedged_chain_t *chain)
{
        for (unsigned i = 0; i < chain->n_steps; i++)
                if (chain->steps[i].kind == HEDGED_STEP_SEGMENT)
                        return true;
        for (unsigned l = 0; l < m->n_layers; l++)
                if (atomic_load(&m->layers[l].preferred) >= 0)
                        return true;
        return false;
}

/* The chain that gives most requests per second; they are as many at a time as it leaves boards for. */
static const hedged_chain_t *fastest(const hedged_chains_t *chains)
{
        const hedged_chain_t *best = &chains->chains[0];

        for (unsigned i = 1; i < chains->n; i++)
                if (chains->chains[i].rate > best->rate)
                        best = &chains->chains[i];
        return best;
}

static void describe(const hedged_model_t *m, const hedged_chains_t *c, char *text, size_t size)
{
        const hedged_chain_t *alone = &c->chains[0], *many = fastest(c);
        size_t n;

        if (uses_boards(m, alone))
                snprintf(text, size,
                         "over %u boards, predicted to take %.3g ms; by the coordinator alone it would take %.3g ms",
                         alone->boards, 1e3 * alone->predicted_s, 1e3 * alone->local_s);
        else if (c->best_shared_s > 0)
                snprintf(text, size,
                         "by the coordinator alone, predicted to take %.3g ms; the best way over the boards would take "
                         "%.3g ms",
                         1e3 * alone->local_s, 1e3 * c->best_shared_s);
        else
                snprintf(text, size,
                         "by the coordinator alone, predicted to take %.3g ms; no way over the boards was found, or "
                         "none has "
                         "room for it",
                         1e3 * alone->local_s);
        n = strlen(text);
        if (many != alone)
                snprintf(text + n, size - n, "; when many are waiting each has %u of the boards, %.3g a second",
                         many->boards, many->rate);
}

char *hedged_model_how(hedged_model_t *m, char *text, size_t size)
{
        hedged_kept_chains_t *kept = hedged_model_chains(m);

        *text = '\0';
        if (kept && kept->chains->n > 0)
                describe(m, kept->chains, text, size);
        hedged_kept_chains_unref(&kept);
        return text;
}

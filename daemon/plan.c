/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan.h"

#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#define LT_PARTS 4u  /* strips per board at most */
#define MAX_SIDE 32u /* strips or blocks that are considered; more makes the recovery matrix ill-conditioned */

typedef struct wish {
        unsigned scheme;   /* as in the configuration: hedge_scheme_t + 1, 0 is local */
        unsigned k_a, k_b; /* 0: free */
        bool forced;
} wish_t;

static wish_t wish_for(const hedged_config_t *config, const char *model, const char *layer)
{
        const hedged_plan_rule_t *rules = config->plan.rules.items;
        wish_t wish = { config->plan.scheme, (unsigned)config->plan.k_a, (unsigned)config->plan.k_b, false };

        for (size_t i = 0; i < config->plan.rules.count; i++)
                if (!fnmatch(rules[i].model, model, 0) && !fnmatch(rules[i].layer, layer, 0))
                        return (wish_t){ rules[i].scheme, (unsigned)rules[i].k_a, (unsigned)rules[i].k_b, true };
        return wish;
}

/* Recovery threshold of a cut, or 0 where there is no such code. */
static unsigned threshold(hedge_scheme_t scheme, unsigned k_a, unsigned k_b, unsigned slots)
{
        hedge_code_t *code = NULL;
        unsigned delta = 0;

        if (hedge_code_new(scheme, k_a, k_b, slots, &code, NULL) == 0)
                delta = hedge_code_delta(code);
        hedge_code_destroy(&code);
        return delta;
}

/* What the busiest board spends on a cut, in multiply-accumulates; infinite where there is no such cut. */
static double cost(const hedged_config_t *config, const hedge_conv_t *conv, hedge_scheme_t scheme, unsigned k_a,
                   unsigned k_b)
{
        hedge_partition_t p;
        hedge_code_t *code = NULL;
        double worst = 0;

        if (hedge_partition_init(&p, conv, k_a, k_b) < 0 ||
            hedge_code_new(scheme, k_a, k_b, (unsigned)config->cluster.slots, &code, NULL) < 0)
                return INFINITY;
        for (unsigned board = 0; board < hedge_code_boards(code); board++) {
                double parts = hedge_code_parts(code, board);
                double entries = hedge_code_ell_a(code, board) * (double)hedge_partition_input_elements(&p) +
                                 parts * (double)hedge_partition_part_elements(&p);
                double c = parts * (double)hedge_conv_macs(&p.part) + (double)config->plan.macs_per_entry * entries;

                worst = c > worst ? c : worst;
        }
        hedge_code_destroy(&code);
        return worst;
}

static unsigned divide_up(unsigned a, unsigned b)
{
        return (a + b - 1) / b;
}

/* Any boards will do, so that a cut for fewer of them can stand by. */
static bool any_boards(hedge_scheme_t scheme)
{
        return scheme == HEDGE_SCHEME_NSCTC || scheme == HEDGE_SCHEME_MDS || scheme == HEDGE_SCHEME_KRP;
}

/* Does a scheme take these sides, by its own arithmetic (cheaper than making the code)? */
static bool admissible(hedge_scheme_t scheme, unsigned k_a, unsigned k_b, unsigned most, unsigned slots)
{
        unsigned parts = k_a * k_b;

        switch (scheme) {
        case HEDGE_SCHEME_NSCTC:
                return (k_a == 1 || k_a % 2 == 0) && (k_b == 1 || k_b % 2 == 0) && parts > 1 &&
                       parts / ((k_a > 1 ? 2 : 1) * (k_b > 1 ? 2 : 1)) <= most;
        case HEDGE_SCHEME_MDS:
                return k_b == 1 && parts > 1 && parts <= most;
        case HEDGE_SCHEME_LT: /* any number of strips; several of them make up for a board */
                return k_b == 1 && parts > 1 && parts <= slots * LT_PARTS && slots > 1;
        case HEDGE_SCHEME_KRP:
                return parts > 1 && divide_up(parts, (k_a > 1 ? 2 : 1) * (k_b > 1 ? 2 : 1)) <= most;
        case HEDGE_SCHEME_REPLICATION:
                return parts <= (slots / 2 ? slots / 2 : 1) && parts <= most;
        default:
                return parts <= slots && parts <= most;
        }
}

static int cheapest(const hedged_config_t *config, const hedge_conv_t *conv, const wish_t *wish, hedge_scheme_t scheme,
                    unsigned most, hedged_cut_t *ret)
{
        unsigned slots = (unsigned)config->cluster.slots;
        double best = INFINITY;

        for (unsigned k_a = wish->k_a ? wish->k_a : 1; k_a <= (wish->k_a ? wish->k_a : MAX_SIDE); k_a++)
                for (unsigned k_b = wish->k_b ? wish->k_b : 1; k_b <= (wish->k_b ? wish->k_b : MAX_SIDE); k_b++) {
                        double c;

                        if (!admissible(scheme, k_a, k_b, most, slots))
                                continue;
                        c = cost(config, conv, scheme, k_a, k_b);
                        if (c < best) {
                                best = c;
                                *ret = (hedged_cut_t){ .scheme = scheme,
                                                       .k_a = k_a,
                                                       .k_b = k_b,
                                                       .delta = threshold(scheme, k_a, k_b, slots) };
                        }
                }
        return isfinite(best) ? 0 : -ENOENT;
}

/* Boards that the first cut may need. */
static unsigned most_needed(const hedged_config_t *config, hedge_scheme_t scheme)
{
        unsigned slots = (unsigned)config->cluster.slots, spare = (unsigned)config->plan.spare;

        if (!any_boards(scheme))
                return slots;
        return slots > spare + 1 ? slots - spare : slots > 2 ? slots - 1 : 1;
}

int hedged_plan_layer(const hedged_config_t *config, const char *model, const char *layer, const hedge_conv_t *conv,
                      hedged_cut_t cuts[HEDGED_MAX_VARIANTS], hedge_why_t *why)
{
        wish_t wish = wish_for(config, model, layer);
        hedge_scheme_t scheme;
        unsigned most;
        int n = 0;

        if (wish.scheme == 0 || (!wish.forced && hedge_conv_macs(conv) < config->plan.min_macs))
                return 0;
        scheme = (hedge_scheme_t)(wish.scheme - 1);
        most = wish.k_a && wish.k_b ? (unsigned)config->cluster.slots : most_needed(config, scheme);
        for (; n < HEDGED_MAX_VARIANTS && most > 0; n++) {
                if (cheapest(config, conv, &wish, scheme, most, &cuts[n]) < 0)
                        break;
                if (!any_boards(scheme))
                        return n + 1; /* the others need their boards as they are */
                most = cuts[n].delta / 2;
                wish.k_a = wish.k_b = 0;
        }
        if (n == 0 && wish.forced)
                return hedge_why(
                        why, HEDGE_ECONFIG,
                        "plan: layer '%s' of model '%s' cannot be cut as its rule asks (k_a %u, k_b %u, %u boards)",
                        layer, model, wish.k_a, wish.k_b, (unsigned)config->cluster.slots);
        return n;
}

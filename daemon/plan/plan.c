/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/plan.h"

#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#define LT_PARTS 4u  /* strips per board at most */
#define MAX_SIDE 32u /* strips or blocks that are considered; more makes the recovery matrix ill-conditioned */

hedged_wish_t hedged_plan_wish(const hedged_config_t *config, const char *model, const char *layer,
                               const hedge_conv_t *conv)
{
        const hedged_plan_rule_t *r = config->plan.rules.items;
        hedged_wish_t wish = { .scheme = config->plan.scheme,
                               .k_a = (unsigned)config->plan.k_a,
                               .k_b = (unsigned)config->plan.k_b,
                               .wire = config->plan.wire };

        for (const hedged_plan_rule_t *end = r + config->plan.rules.count; r < end; r++)
                if (!fnmatch(r->model, model, 0) && !fnmatch(r->layer, layer, 0))
                        return (hedged_wish_t){ .scheme = r->scheme,
                                                .k_a = (unsigned)r->k_a,
                                                .k_b = (unsigned)r->k_b,
                                                .ell_a = (unsigned)r->ell_a,
                                                .ell_b = (unsigned)r->ell_b,
                                                .systematic = r->systematic,
                                                .even = r->even,
                                                .whole_boards = r->whole_boards,
                                                .wire = r->wire ? r->wire : config->plan.wire,
                                                .ruled = true };
        if (hedge_conv_macs(conv) < config->plan.min_macs)
                wish.scheme = HEDGED_PLAN_LOCAL;
        return wish;
}

/* The code's parameters for a cut. */
static hedge_code_params_t params_of(const hedged_wish_t *wish, hedge_scheme_t scheme, unsigned k_a, unsigned k_b,
                                     unsigned slots)
{
        return (hedge_code_params_t){ .scheme = scheme,
                                      .k_a = k_a,
                                      .k_b = k_b,
                                      .n = slots,
                                      .ell_a = wish->ell_a,
                                      .ell_b = wish->ell_b,
                                      .systematic = wish->systematic == HEDGED_SYSTEMATIC_YES };
}

/* Recovery threshold of a cut, or 0 where there is no such code. */
static unsigned threshold(const hedge_code_params_t *params)
{
        hedge_code_t *code = NULL;
        unsigned delta = 0;

        if (hedge_code_new_with(params, &code, NULL) == 0)
                delta = hedge_code_delta(code);
        hedge_code_destroy(&code);
        return delta;
}

/* What the busiest board spends on a cut, in multiply-accumulates; infinite where there is no such cut. */
static double cost(const hedged_config_t *config, const hedge_conv_t *conv, const hedge_code_params_t *params)
{
        hedge_code_params_t asked = *params;
        hedge_partition_t p;
        hedge_code_t *code = NULL;
        double worst = 0;

        if (asked.scheme == HEDGE_SCHEME_STEAL) /* what a board could do for others is not what it does */
                asked.scheme = HEDGE_SCHEME_UNCODED;
        if (hedge_partition_init(&p, conv, params->k_a, params->k_b) < 0 ||
            hedge_code_new_with(&asked, &code, NULL) < 0)
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

static int cheapest(const hedged_config_t *config, const hedge_conv_t *conv, const hedged_wish_t *wish,
                    hedge_scheme_t scheme, unsigned most, hedged_cut_t *ret)
{
        unsigned slots = (unsigned)config->cluster.slots;
        hedge_code_params_t best_params;
        double best = INFINITY;

        for (unsigned k_a = wish->k_a ? wish->k_a : 1; k_a <= (wish->k_a ? wish->k_a : MAX_SIDE); k_a++)
                for (unsigned k_b = wish->k_b ? wish->k_b : 1; k_b <= (wish->k_b ? wish->k_b : MAX_SIDE); k_b++) {
                        const hedge_code_params_t params = params_of(wish, scheme, k_a, k_b, slots);
                        double c;

                        if (!admissible(scheme, k_a, k_b, most, slots))
                                continue;
                        c = cost(config, conv, &params);
                        if (c < best) {
                                best = c;
                                *ret = (hedged_cut_t){ .scheme = scheme,
                                                       .k_a = k_a,
                                                       .k_b = k_b,
                                                       .ell_a = params.ell_a,
                                                       .ell_b = params.ell_b,
                                                       .systematic = params.systematic,
                                                       .whole_boards = wish->whole_boards };
                        }
                }
        if (!isfinite(best))
                return -ENOENT;
        best_params = params_of(wish, scheme, ret->k_a, ret->k_b, slots);
        ret->delta = threshold(&best_params);
        ret->wire = wish->wire == HEDGED_WIRE_Q16 ? HEDGE_PRECISION_Q16 : HEDGE_PRECISION_F32;
        return 0;
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
        hedged_wish_t wish = hedged_plan_wish(config, model, layer, conv);
        hedge_scheme_t scheme;
        unsigned most;
        int n = 0;

        if (wish.scheme == HEDGED_PLAN_LOCAL)
                return 0;
        scheme = wish.scheme == HEDGED_PLAN_AUTO ? HEDGE_SCHEME_NSCTC : (hedge_scheme_t)(wish.scheme - 1);
        most = wish.k_a && wish.k_b ? (unsigned)config->cluster.slots : most_needed(config, scheme);
        for (; n < HEDGED_MAX_VARIANTS && most > 0; n++) {
                if (cheapest(config, conv, &wish, scheme, most, &cuts[n]) < 0)
                        break;
                if (!any_boards(scheme))
                        return n + 1; /* the others need their boards as they are */
                cuts[n].enough = n > 0 ? cuts[n - 1].delta : 0;
                most = cuts[n].delta / 2;
                wish.k_a = wish.k_b = wish.ell_a = wish.ell_b = 0;
        }
        if (n == 0 && wish.ruled)
                return hedge_why(
                        why, HEDGE_ECONFIG,
                        "plan: layer '%s' of model '%s' cannot be cut as its rule asks (k_a %u, k_b %u, %u boards)",
                        layer, model, wish.k_a, wish.k_b, (unsigned)config->cluster.slots);
        return n;
}

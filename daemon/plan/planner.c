/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/planner.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/plan/candidates.h"

#define WORTH   0.95 /* of the coordinator's own time: what a cut must be below */
#define AS_GOOD 1.02 /* of the best: no difference worth work in vain or memory */
#define ALIKE   0.99 /* of the work that is asked for: what less has to be below */
#define CLOSE   1.05 /* of it: what a cut that is chosen for its cost must be below */

enum { NOW, CALM, STORMY, WEATHERS };

/* What was found for a layer: networks repeat theirs. */
typedef struct memory {
        struct memory *next;
        hedge_conv_t conv;
        hedged_wish_t wish;
        uint64_t share_bytes;
        bool local;
        int n;
        hedged_cut_t cuts[HEDGED_MAX_VARIANTS];
} memory_t;

struct hedged_planner {
        const hedged_config_t *config;
        unsigned objective;
        hedged_speeds_t speeds[WEATHERS];
        hedged_search_t *search;
        memory_t *found;
};

static void make_weather(hedged_planner_t *p)
{
        p->speeds[CALM] = p->speeds[STORMY] = p->speeds[NOW];
        for (unsigned b = 0; b < p->speeds[NOW].boards; b++) {
                p->speeds[CALM].board[b].spread = p->speeds[CALM].board[b].delay_s = 0;
                p->speeds[STORMY].board[b].spread += 1;
        }
}

int hedged_planner_new(const hedged_config_t *config, const hedged_speeds_t *speeds, unsigned objective,
                       double conv_error, hedged_planner_t **ret)
{
        hedged_planner_t *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        p->config = config;
        p->objective = objective;
        p->speeds[NOW] = *speeds;
        for (unsigned b = 0; b < speeds->boards; b++)
                p->speeds[NOW].usable[b] = true;
        make_weather(p);
        r = hedged_search_new(config, speeds, objective, conv_error, &p->search);
        if (r < 0) {
                hedged_planner_destroy(&p);
                return r;
        }
        *ret = p;
        return 0;
}

void hedged_planner_destroy(hedged_planner_t **planner)
{
        if (!*planner)
                return;
        while ((*planner)->found) {
                memory_t *m = (*planner)->found;

                (*planner)->found = m->next;
                free(m);
        }
        hedged_search_destroy(&(*planner)->search);
        free(*planner);
        *planner = NULL;
}

const double *hedged_planner_weights(const hedged_planner_t *p)
{
        return hedged_search_weights(p->search);
}

/* Boards that the first cut may need. */
static unsigned most_needed(const hedged_planner_t *p)
{
        const unsigned n = p->speeds[NOW].boards, spare = (unsigned)p->config->plan.spare;

        return n > spare + 1 ? n - spare : n > 2 ? n - 1 : 1;
}

static hedged_query_t query_for(const hedged_planner_t *p, unsigned weather, const hedged_wish_t *wish,
                                const hedge_conv_t *conv, uint64_t share_bytes)
{
        return (hedged_query_t){ .search = p->search,
                                 .speeds = &p->speeds[weather],
                                 .wish = wish,
                                 .conv = conv,
                                 .share_bytes = share_bytes,
                                 .most = most_needed(p),
                                 .given = wish->k_a && wish->k_b };
}

/* What is looked at: every scheme, krp in both forms. */
static const struct {
        hedge_scheme_t scheme;
        bool systematic;
} forms[] = {
        { HEDGE_SCHEME_UNCODED, false }, { HEDGE_SCHEME_REPLICATION, false }, { HEDGE_SCHEME_MDS, false },
        { HEDGE_SCHEME_LT, false },      { HEDGE_SCHEME_NSCTC, false },       { HEDGE_SCHEME_STEAL, false },
        { HEDGE_SCHEME_KRP, false },     { HEDGE_SCHEME_KRP, true },
};

#define FORMS (sizeof(forms) / sizeof(forms[0]))

static bool allows(const hedged_wish_t *wish, hedge_scheme_t scheme, bool systematic)
{
        if (wish->scheme != HEDGED_PLAN_AUTO && wish->scheme != (unsigned)scheme + 1)
                return false;
        if (scheme != HEDGE_SCHEME_KRP)
                return true;
        return wish->systematic == HEDGED_SYSTEMATIC_AUTO || systematic == (wish->systematic == HEDGED_SYSTEMATIC_YES);
}

/* Is the cut so much better than the coordinator alone that it is worth it? */
static bool is_worth(const hedged_planner_t *p, const hedged_candidate_t *local, const hedged_candidate_t *c)
{
        switch (p->objective) {
        case HEDGED_OBJECTIVE_COST:
                return c->cost < local->cost && c->forecast.mean_s <= CLOSE * local->forecast.mean_s;
        case HEDGED_OBJECTIVE_P99:
                return c->forecast.p99_s <= WORTH * local->forecast.p99_s &&
                       c->forecast.mean_s <= CLOSE * local->forecast.mean_s;
        default:
                return c->forecast.mean_s <= WORTH * local->forecast.mean_s;
        }
}

static bool may_take(const hedged_planner_t *p, const hedged_query_t *q, const hedged_choice_t *choice, unsigned i)
{
        const hedged_candidate_t *c = &choice->candidates[i];

        return c->eligible && (q->given || is_worth(p, &choice->candidates[0], c));
}

/* Does a cut ask for clearly less, or for as much and keep less? */
static bool is_leaner(const hedged_candidate_t *a, const hedged_candidate_t *b)
{
        if (a->asked_macs < ALIKE * b->asked_macs || b->asked_macs < ALIKE * a->asked_macs)
                return a->asked_macs < b->asked_macs;
        return a->share_bytes < b->share_bytes;
}

/* The best; of those that are as good as that, the one that asks boards for least, and then takes least memory. */
static void take_best(const hedged_planner_t *p, const hedged_query_t *q, hedged_choice_t *choice)
{
        const hedged_candidate_t *all = choice->candidates;
        double best = INFINITY;

        for (unsigned i = 1; i < choice->n; i++)
                if (may_take(p, q, choice, i))
                        best = fmin(best, hedged_search_score(p->search, &all[i]));
        for (unsigned i = 1; i < choice->n; i++)
                if (may_take(p, q, choice, i) && hedged_search_score(p->search, &all[i]) <= AS_GOOD * best &&
                    (choice->chosen == 0 || is_leaner(&all[i], &all[choice->chosen])))
                        choice->chosen = i;
}

/* The best of every scheme that the wish allows; with `all` of the others too, not to be chosen. */
static int compare(const hedged_planner_t *p, const hedged_query_t *q, bool all, hedged_choice_t *ret)
{
        *ret = (hedged_choice_t){ .n = 1 };
        hedged_search_local(q, &ret->candidates[0]);
        for (size_t i = 0; q->wish->scheme != HEDGED_PLAN_LOCAL && i < FORMS; i++) {
                const bool allowed = allows(q->wish, forms[i].scheme, forms[i].systematic);
                const hedged_wish_t free_wish = { .scheme = (unsigned)forms[i].scheme + 1, .wire = q->wish->wire };
                hedged_query_t asked = *q;
                int r;

                if (!allowed && !all)
                        continue;
                if (!allowed) {
                        asked.wish = &free_wish;
                        asked.given = false;
                }
                r = hedged_search_best(&asked, forms[i].scheme, forms[i].systematic, &ret->candidates[ret->n]);
                if (r == -ENOENT && all && !asked.given) { /* to be shown, though too many boards are needed for it */
                        asked.given = true;
                        r = hedged_search_best(&asked, forms[i].scheme, forms[i].systematic, &ret->candidates[ret->n]);
                        ret->candidates[ret->n].eligible = false;
                } else {
                        ret->candidates[ret->n].eligible = allowed;
                }
                if (r < 0 && r != -ENOENT)
                        return r;
                ret->n += r == 0;
        }
        take_best(p, q, ret);
        return 0;
}

/* A cut that a formula names. @return 0, also where there is no such cut; -ENOMEM, HEDGE_EKERNEL. */
static int add_noted(const hedged_query_t *q, const hedge_code_params_t *params, const char *note,
                     hedged_choice_t *choice)
{
        const hedged_wish_t free_wish = { .scheme = HEDGED_PLAN_AUTO, .wire = q->wish->wire };
        hedged_candidate_t *c = &choice->candidates[choice->n];
        hedged_query_t asked = *q;
        int r;

        asked.wish = &free_wish;
        asked.given = true;
        r = hedged_search_one(&asked, params, c);
        if (r == 0) {
                c->note = note;
                choice->n++;
        }
        return r == -ENOENT ? 0 : r;
}

/* The papers' own choices, to compare with. */
static int add_formulas(const hedged_planner_t *p, const hedged_query_t *q, hedged_choice_t *choice)
{
        const unsigned n = p->speeds[NOW].boards;
        hedge_code_params_t mds = { .scheme = HEDGE_SCHEME_MDS, .k_b = 1, .n = n };
        hedge_code_params_t nsctc = { .scheme = HEDGE_SCHEME_NSCTC, .n = n };
        int r = 0;

        mds.k_a = hedged_cocoi_k(q->speeds, q->conv, n);
        if (mds.k_a > 1)
                r = add_noted(q, &mds, "CoCoI's k", choice);
        if (r == 0 && hedged_fcdcc_sides(p->config, q->conv, q->most, &nsctc.k_a, &nsctc.k_b) == 0)
                r = add_noted(q, &nsctc, "FCDCC's optimum", choice);
        return r;
}

int hedged_planner_choose(hedged_planner_t *p, const hedged_wish_t *wish, const hedge_conv_t *conv,
                          uint64_t share_bytes, bool all, hedged_choice_t *ret)
{
        const hedged_query_t q = query_for(p, NOW, wish, conv, share_bytes);
        int r = compare(p, &q, all, ret);

        return r == 0 && all && wish->scheme != HEDGED_PLAN_LOCAL ? add_formulas(p, &q, ret) : r;
}

/* ---- the cuts of a layer ---- */

/* What a cut that is there would take in other weather. @return its score; infinite where it cannot be said. */
static double score_in(const hedged_query_t *q, const hedged_cut_t *cut, unsigned n)
{
        const hedge_code_params_t params = hedged_cut_params(cut, n);
        hedged_candidate_t c;

        return hedged_search_one(q, &params, &c) == 0 ? hedged_search_score(q->search, &c) : INFINITY;
}

/* The best cut for calm or stormy boards, if that is another one and clearly better then.
 * @return how many cuts there are now, -ENOMEM, HEDGE_EKERNEL. */
static int add_for_weather(hedged_planner_t *p, unsigned weather, const hedged_wish_t *wish, const hedge_conv_t *conv,
                           uint64_t share_bytes, hedged_cut_t *cuts, int n)
{
        const hedged_query_t q = query_for(p, weather, wish, conv, share_bytes);
        const hedged_candidate_t *best;
        hedged_choice_t choice;
        int r = compare(p, &q, false, &choice);

        if (r < 0)
                return r;
        best = &choice.candidates[choice.chosen];
        if (best->local)
                return n;
        for (int i = 0; i < n; i++)
                if ((hedged_cut_is_same_code(&cuts[i], &best->cut) && cuts[i].wire == best->cut.wire) ||
                    hedged_search_score(p->search, best) > WORTH * score_in(&q, &cuts[i], p->speeds[NOW].boards))
                        return n;
        cuts[n] = best->cut;
        return n + 1;
}

/* Cuts for what is left when boards are gone. @return as above. */
static int add_for_fewer(hedged_planner_t *p, const hedged_wish_t *wish, const hedge_conv_t *conv, hedged_cut_t *cuts,
                         int n)
{
        const hedged_wish_t free_wish = { .scheme = wish->scheme,
                                          .systematic = wish->systematic,
                                          .wire = wish->wire,
                                          .even = wish->even,
                                          .whole_boards = wish->whole_boards };
        unsigned delta = cuts[0].delta;

        while (n < HEDGED_MAX_VARIANTS && delta > 1) {
                hedged_speeds_t left = p->speeds[NOW];
                hedged_query_t q = query_for(p, NOW, &free_wish, conv, UINT64_MAX);
                const hedged_candidate_t *best;
                hedged_choice_t choice;
                int r;

                for (unsigned b = delta - 1; b < left.boards; b++)
                        left.usable[b] = false;
                q.speeds = &left;
                q.most = delta / 2;
                r = compare(p, &q, false, &choice);
                if (r < 0)
                        return r;
                best = &choice.candidates[choice.chosen];
                if (best->local)
                        break;
                cuts[n] = best->cut;
                cuts[n].enough = delta;
                delta = cuts[n++].delta;
        }
        return n;
}

static bool any_boards(unsigned scheme)
{
        return scheme == HEDGED_PLAN_AUTO || scheme == HEDGE_SCHEME_NSCTC + 1 || scheme == HEDGE_SCHEME_MDS + 1 ||
               scheme == HEDGE_SCHEME_KRP + 1;
}

/* The first cut and those for other weather and fewer boards. */
static int add_cuts(hedged_planner_t *p, const hedged_wish_t *wish, const hedge_conv_t *conv, uint64_t share_bytes,
                    const hedged_candidate_t *best, hedged_cut_t *cuts)
{
        const bool given = wish->k_a && wish->k_b;
        int n = 0;

        if (!best->local) {
                cuts[n++] = best->cut;
                share_bytes -= best->share_bytes;
                share_bytes = share_bytes < best->share_bytes ? share_bytes : best->share_bytes;
        }
        for (unsigned weather = CALM; n >= 0 && !given && weather < WEATHERS; weather++)
                n = add_for_weather(p, weather, wish, conv, share_bytes, cuts, n);
        if (n > 0 && any_boards(wish->scheme))
                n = add_for_fewer(p, wish, conv, cuts, n);
        return n;
}

static bool is_same_wish(const hedged_wish_t *a, const hedged_wish_t *b)
{
        return a->scheme == b->scheme && a->k_a == b->k_a && a->k_b == b->k_b && a->ell_a == b->ell_a &&
               a->ell_b == b->ell_b && a->systematic == b->systematic && a->wire == b->wire && a->ruled == b->ruled &&
               a->even == b->even && a->whole_boards == b->whole_boards;
}

static const memory_t *remember(const hedged_planner_t *p, const hedged_wish_t *wish, const hedge_conv_t *conv,
                                uint64_t share_bytes)
{
        const memory_t *m = p->found;

        while (m && (m->share_bytes != share_bytes || memcmp(&m->conv, conv, sizeof(*conv)) != 0 ||
                     !is_same_wish(&m->wish, wish)))
                m = m->next;
        return m;
}

/* Plan a layer of a kind that has not been there yet. @return as hedged_planner_cuts, without a sentence. */
static int plan(hedged_planner_t *p, const hedged_wish_t *wish, const hedge_conv_t *conv, uint64_t share_bytes,
                memory_t *m)
{
        const hedged_candidate_t *best;
        hedged_choice_t choice;
        int r = hedged_planner_choose(p, wish, conv, share_bytes, false, &choice);

        if (r < 0)
                return r;
        best = &choice.candidates[choice.chosen];
        if (best->local && wish->ruled && wish->k_a && wish->k_b)
                return HEDGE_ECONFIG;
        r = add_cuts(p, wish, conv, share_bytes, best, m->cuts);
        if (r < 0)
                return r;
        m->next = p->found;
        m->conv = *conv;
        m->wish = *wish;
        m->share_bytes = share_bytes;
        m->local = best->local;
        m->n = r;
        return 0;
}

static int explain(int r, const char *model, const char *layer, const hedged_wish_t *wish, unsigned n, hedge_why_t *why)
{
        if (r == HEDGE_ECONFIG)
                return hedge_why(
                        why, r,
                        "plan: layer '%s' of model '%s' cannot be cut as its rule asks (k_a %u, k_b %u, %u boards)",
                        layer, model, wish->k_a, wish->k_b, n);
        return hedge_why(why, r, "plan: layer '%s' of model '%s': %s", layer, model, hedge_strerror(r));
}

int hedged_planner_cuts(hedged_planner_t *p, const char *model, const char *layer, const hedge_conv_t *conv,
                        uint64_t share_bytes, hedged_cut_t cuts[HEDGED_MAX_VARIANTS], bool *ret_local, hedge_why_t *why)
{
        const hedged_wish_t wish = hedged_plan_wish(p->config, model, layer, conv);
        const memory_t *known = remember(p, &wish, conv, share_bytes);
        memory_t *fresh;
        int r;

        *ret_local = true;
        if (wish.scheme == HEDGED_PLAN_LOCAL)
                return 0;
        if (!known) {
                fresh = calloc(1, sizeof(*fresh));
                r = fresh ? plan(p, &wish, conv, share_bytes, fresh) : -ENOMEM;
                if (r < 0) {
                        free(fresh);
                        return explain(r, model, layer, &wish, p->speeds[NOW].boards, why);
                }
                known = p->found = fresh;
        }
        *ret_local = known->local;
        memcpy(cuts, known->cuts, sizeof(known->cuts));
        return known->n;
}

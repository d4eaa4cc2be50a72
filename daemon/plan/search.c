/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/search.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/plan/calibrate.h"
#include "daemon/plan/candidates.h"

#define COARSE_TRIALS 10u
#define FINE_TRIALS   64u
#define FINALISTS     4u
#define SEED          UINT64_C(0x706c616e)
#define HOLD_MOST_S   1.0
#define UNEVEN        1.25 /* the fastest board against the slowest: from here on shares follow the speeds */

/* A code that was looked at, kept for the layers to come. */
typedef struct known {
        struct known *next;
        hedge_code_params_t params;
        bool even;          /* whatever the boards' speeds */
        hedge_code_t *code; /* NULL: there is no such code */
        hedged_duties_t *duties;
        struct {
                bool tried;
                int result;
                hedged_quality_t quality;
        } wire[HEDGE_PRECISIONS]; /* what calibrating found */
} known_t;

#define BUCKETS 1024

struct hedged_search {
        const hedged_config_t *config;
        unsigned objective, boards;
        double conv_error;
        hedged_luck_t *coarse, *fine;
        bool weighted;
        double weights[HEDGE_CODE_MAX_BOARDS];
        known_t *known[BUCKETS];
};

/* ---- life ---- */

static double mean_rate(const hedged_speed_t *s)
{
        return s->macs_per_s / (1 + s->spread);
}

static void weigh(hedged_search_t *p, const hedged_speeds_t *speeds)
{
        double most = 0, least = INFINITY;

        for (unsigned b = 0; b < speeds->boards; b++) {
                most = fmax(most, mean_rate(&speeds->board[b]));
                least = fmin(least, mean_rate(&speeds->board[b]));
        }
        p->weighted = most > UNEVEN * least;
        for (unsigned b = 0; b < speeds->boards; b++)
                p->weights[b] = exp2(round(fmax(log2(mean_rate(&speeds->board[b]) / most), -20) * 8) / 8);
}

int hedged_search_new(const hedged_config_t *config, const hedged_speeds_t *speeds, unsigned objective,
                      double conv_error, hedged_search_t **ret)
{
        hedged_search_t *p = calloc(1, sizeof(*p));
        int r;

        if (!p)
                return -ENOMEM;
        p->config = config;
        p->boards = speeds->boards;
        p->objective = objective;
        p->conv_error = conv_error;
        weigh(p, speeds);
        r = hedged_luck_new(COARSE_TRIALS, speeds->boards, SEED, &p->coarse);
        if (r == 0)
                r = hedged_luck_new(FINE_TRIALS, speeds->boards, SEED + 1, &p->fine);
        if (r < 0) {
                hedged_search_destroy(&p);
                return r;
        }
        *ret = p;
        return 0;
}

void hedged_search_destroy(hedged_search_t **search)
{
        hedged_search_t *p = *search;

        if (!p)
                return;
        for (unsigned i = 0; i < BUCKETS; i++)
                while (p->known[i]) {
                        known_t *k = p->known[i];

                        p->known[i] = k->next;
                        hedge_code_destroy(&k->code);
                        hedged_duties_destroy(&k->duties);
                        free(k);
                }
        hedged_luck_destroy(&p->coarse);
        hedged_luck_destroy(&p->fine);
        free(p);
        *search = NULL;
}

const double *hedged_search_weights(const hedged_search_t *p)
{
        return p->weighted ? p->weights : NULL;
}

/* ---- codes ---- */

static bool knows_weights(hedge_scheme_t scheme)
{
        return scheme == HEDGE_SCHEME_UNCODED || scheme == HEDGE_SCHEME_KRP || scheme == HEDGE_SCHEME_LT ||
               scheme == HEDGE_SCHEME_STEAL;
}

static bool is_same(const hedge_code_params_t *a, const hedge_code_params_t *b)
{
        return a->scheme == b->scheme && a->k_a == b->k_a && a->k_b == b->k_b && a->ell_a == b->ell_a &&
               a->ell_b == b->ell_b && a->systematic == b->systematic;
}

/* A code and what its boards do; made once. @return 0 (code may be NULL: there is none), -ENOMEM. */
static int look_up(hedged_search_t *p, const hedge_code_params_t *asked, bool even, known_t **ret)
{
        hedge_code_params_t params = *asked;
        const unsigned hash =
                ((((params.scheme * 2u + params.systematic) * 131u + params.k_a) * 131u + params.k_b) * 131u +
                 params.ell_a) *
                        131u +
                params.ell_b;
        known_t **bucket = &p->known[hash % BUCKETS], *k;
        int r;

        for (k = *bucket; k; k = k->next)
                if (k->even == even && is_same(&k->params, &params)) {
                        *ret = k;
                        return 0;
                }
        k = calloc(1, sizeof(*k));
        if (!k)
                return -ENOMEM;
        params.weights = p->weighted && !even && knows_weights(params.scheme) ? p->weights : NULL;
        k->params = params;
        k->even = even;
        r = hedge_code_new_with(&params, &k->code, NULL);
        if (r == 0)
                r = hedged_duties_new(k->code, params.systematic,
                                      params.scheme == HEDGE_SCHEME_NSCTC ? hedge_code_delta(k->code) : 0, &k->duties);
        if (r == -ENOMEM) {
                hedge_code_destroy(&k->code);
                free(k);
                return r;
        }
        k->next = *bucket;
        *bucket = k;
        *ret = k;
        return 0;
}

/* What the decoder makes of a code, looked at when it gets into the last round for the first time.
 * @return as hedged_calibrate. */
static int calibrate(hedged_search_t *p, known_t *k, hedge_precision_t wire)
{
        const hedged_tolerance_t tolerance = { p->conv_error, p->config->plan.accuracy, wire };
        hedged_quality_t *q = &k->wire[wire].quality;
        double calm[HEDGE_CODE_MAX_BOARDS];

        if (k->wire[wire].tried)
                return k->wire[wire].result;
        k->wire[wire].tried = true;
        for (unsigned b = 0; b < p->boards; b++)
                calm[b] = 1 / p->weights[b] - 1;
        if (k->duties->done == HEDGED_DONE_PLAIN)
                *q = (hedged_quality_t){ .need = k->duties->need, .condition = 1, .gain = 1 };
        else
                k->wire[wire].result = hedged_calibrate(k->code, k->duties, calm, p->fine, &tolerance, q);
        return k->wire[wire].result;
}

/* ---- one candidate ---- */

static uint64_t share_bytes_of(const hedged_duties_t *d, const hedge_partition_t *p)
{
        unsigned most = 0;

        for (unsigned b = 0; b < d->boards; b++)
                most = d->duty[b].ell_b > most ? d->duty[b].ell_b : most;
        return (uint64_t)most * hedge_partition_filter_elements(p) * sizeof(float);
}

/* FCDCC's cost of the board that has most of it. */
static double cost_of(const hedged_config_t *config, const hedged_duties_t *d, const hedge_partition_t *p)
{
        const double up = (double)hedge_partition_input_elements(p), down = (double)hedge_partition_part_elements(p);
        const double macs = (double)hedge_conv_macs(&p->part), kept = (double)hedge_partition_filter_elements(p);
        double worst = 0;

        for (unsigned b = 0; b < d->boards; b++) {
                const hedged_duty_t *duty = &d->duty[b];

                worst = fmax(worst, config->plan.price_comm * (duty->first_inputs * up + duty->first_parts * down) +
                                            config->plan.price_comp * duty->first_parts * macs +
                                            config->plan.price_store * duty->ell_b * kept);
        }
        return worst;
}

double hedged_search_score(const hedged_search_t *p, const hedged_candidate_t *c)
{
        if (p->objective == HEDGED_OBJECTIVE_COST)
                return c->cost;
        return hedged_forecast_score(&c->forecast, p->objective == HEDGED_OBJECTIVE_P99, p->config->plan.price_busy,
                                     p->boards);
}

void hedged_search_local(const hedged_query_t *q, hedged_candidate_t *ret)
{
        const double best_s = (double)hedge_conv_macs(q->conv) / q->speeds->here.macs_per_s;
        const hedged_config_t *config = q->search->config;

        *ret = (hedged_candidate_t){
                .local = true,
                .note = "",
                .eligible = true,
                .forecast = { .mean_s = hedged_local_s(q->speeds, q->conv),
                              .p99_s = best_s * (1 + q->speeds->here.spread * log(100)),
                              .here_s = hedged_local_s(q->speeds, q->conv) },
                .cost = config->plan.price_comp * (double)hedge_conv_macs(q->conv) +
                        config->plan.price_store * (double)hedge_conv_filter_elements(q->conv),
                .error = q->search->conv_error,
        };
}

/* What can be chosen of a cut that its code and its shares are not made for. */
typedef struct way {
        hedge_precision_t wire;
        uint32_t hold_us;
} way_t;

/* Simulate a cut as it is, without asking whether it may be. @return 0, -ENOENT (there is no such cut), -ENOMEM. */
static int forecast(const hedged_query_t *q, known_t *k, const way_t *way, const hedged_luck_t *luck,
                    hedged_candidate_t *ret)
{
        hedge_partition_t p;
        int r;

        if (!k->code || hedge_partition_init(&p, q->conv, k->params.k_a, k->params.k_b) < 0)
                return -ENOENT;
        *ret = (hedged_candidate_t){ .note = "",
                                     .cut = { .scheme = k->params.scheme,
                                              .k_a = k->params.k_a,
                                              .k_b = k->params.k_b,
                                              .ell_a = k->params.ell_a,
                                              .ell_b = k->params.ell_b,
                                              .systematic = k->params.systematic,
                                              .weighted = k->params.weights != NULL,
                                              .whole_boards = q->wish->whole_boards,
                                              .wire = way->wire,
                                              .hold_us = way->hold_us },
                                     .cost = cost_of(q->search->config, k->duties, &p),
                                     .share_bytes = share_bytes_of(k->duties, &p) };
        k->duties->whole = q->wish->whole_boards;
        k->duties->hold_s = way->hold_us / 1e6;
        r = hedged_simulate(q->speeds, &p, k->duties, way->wire, luck, &ret->forecast);
        ret->asked_macs = ret->forecast.asked * (double)hedge_conv_macs(&p.part);
        return r;
}

/* ---- the best of a scheme ---- */

typedef struct finalist {
        known_t *known;
        double score;
} finalist_t;

static void keep_best(finalist_t *best, unsigned *n, known_t *k, double score)
{
        unsigned at = *n < FINALISTS ? (*n)++ : FINALISTS;

        while (at > 0 && best[at - 1].score > score) {
                if (at < FINALISTS)
                        best[at] = best[at - 1];
                at--;
        }
        if (at < FINALISTS)
                best[at] = (finalist_t){ k, score };
}

/* The few that look best, by few trials. @return how many, -ENOMEM. */
static int coarse_round(const hedged_query_t *q, hedge_scheme_t scheme, bool systematic, finalist_t best[FINALISTS])
{
        const way_t way = { q->wish->wire == HEDGED_WIRE_F32 ? HEDGE_PRECISION_F32 : HEDGE_PRECISION_Q16, 0 };
        hedge_code_params_t params[HEDGED_MAX_CUTS];
        const unsigned count = hedged_candidates(q->wish, scheme, systematic, q->conv, q->search->boards, params);
        unsigned n = 0;

        for (unsigned i = 0; i < count; i++) {
                hedged_candidate_t c;
                known_t *k;
                int r = look_up(q->search, &params[i], q->wish->even, &k);

                if (r == 0)
                        r = forecast(q, k, &way, q->search->coarse, &c);
                if (r == -ENOMEM)
                        return r;
                if (r == 0 && c.share_bytes <= q->share_bytes && isfinite(hedged_search_score(q->search, &c)))
                        keep_best(best, &n, k, hedged_search_score(q->search, &c));
        }
        return (int)n;
}

static bool held_to_spare(hedge_scheme_t scheme)
{
        return scheme == HEDGE_SCHEME_NSCTC || scheme == HEDGE_SCHEME_MDS || scheme == HEDGE_SCHEME_KRP;
}

/* Simulate as the decoder finds it. @return 0, -ENOENT (it is not accurate enough), -ENOMEM, HEDGE_EKERNEL. */
static int simulate(const hedged_query_t *q, known_t *k, const way_t *way, const hedged_luck_t *luck,
                    hedged_candidate_t *ret)
{
        hedged_search_t *p = q->search;
        const hedged_quality_t *quality = &k->wire[way->wire].quality;
        int r = calibrate(p, k, way->wire);
        unsigned usual;
        double error;

        if (r < 0)
                return r == HEDGE_EUNDECODABLE ? -ENOENT : r;
        error = hedge_decode_error(quality->gain, p->conv_error, way->wire);
        if (error > p->config->plan.accuracy)
                return -ENOENT;
        usual = k->duties->need;
        k->duties->need = quality->need;
        r = forecast(q, k, way, luck, ret);
        k->duties->need = usual; /* the first round must not depend on what was looked at before */
        if (r < 0)
                return r;
        ret->error = error;
        ret->cut.delta = hedge_code_delta(k->code);
        ret->cut.need = quality->need;
        ret->cut.predicted_ms = ret->forecast.mean_s * 1e3;
        ret->cut.load = (hedged_cut_load_t){ .p99_s = ret->forecast.p99_s,
                                             .here_s = ret->forecast.here_s,
                                             .boards_s = ret->forecast.boards_s,
                                             .up_bytes = ret->forecast.up_bytes,
                                             .down_bytes = ret->forecast.down_bytes,
                                             .cost = ret->cost };
        return isfinite(ret->forecast.mean_s) ? 0 : -ENOENT;
}

static bool is_spared(const hedged_query_t *q, const known_t *k)
{
        unsigned holders = 0;

        for (unsigned b = 0; b < k->duties->boards; b++)
                holders += k->duties->duty[b].ell_b > 0;
        return hedge_code_delta(k->code) + (q->search->boards - q->most) <= holders;
}

/* How long does a part wait for others, so that `group` of a board's leave together? Between what it takes until the last of
 * them but one is there, and until all are; by the boards' mean speed. */
static uint32_t hold_for(const hedged_query_t *q, const known_t *k, unsigned group)
{
        hedge_partition_t p;
        double part_s = 0;

        if (group < 2 || hedge_partition_init(&p, q->conv, k->params.k_a, k->params.k_b) < 0)
                return 0;
        for (unsigned b = 0; b < q->speeds->boards; b++)
                part_s += (double)hedge_conv_macs(&p.part) / mean_rate(&q->speeds->board[b]) / q->speeds->boards;
        part_s *= group - 0.5;
        return part_s < HOLD_MOST_S ? (uint32_t)(part_s * 1e6) : (uint32_t)(HOLD_MOST_S * 1e6);
}

/* Most parts that a board is asked for in a task. */
static unsigned task_parts(const known_t *k)
{
        unsigned most = 0;

        for (unsigned b = 0; b < k->duties->boards; b++) {
                const hedged_duty_t *d = &k->duties->duty[b];
                const unsigned parts = d->pieces ? (d->first_parts + d->pieces - 1) / d->pieces : 0;

                most = parts > most ? parts : most;
        }
        return most;
}

/* Let parts travel together as far as that is better: by few trials, in one precision. @return as simulate(). */
static int choose_hold(const hedged_query_t *q, known_t *k, way_t *way)
{
        const unsigned most = task_parts(k), groups[] = { 1, 2, 4, 2 * most };
        double best = INFINITY;
        uint32_t hold_us = 0;

        for (unsigned i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
                hedged_candidate_t c;
                int r;

                if (groups[i] > most && i + 1 < sizeof(groups) / sizeof(groups[0]))
                        continue;
                way->hold_us = most > 1 ? hold_for(q, k, groups[i]) : 0;
                r = simulate(q, k, way, q->search->coarse, &c);
                if (r < 0)
                        return r;
                if (hedged_search_score(q->search, &c) < best) {
                        best = hedged_search_score(q->search, &c);
                        hold_us = way->hold_us;
                }
                if (most < 2)
                        break;
        }
        way->hold_us = hold_us;
        return isfinite(best) ? 0 : -ENOENT;
}

/* The best of the precisions that the wish allows, with parts that wait for one another as far as that is good: many trials.
 * @return as above; -ENOENT too where it needs too many boards. */
static int fine_rounds(const hedged_query_t *q, known_t *k, hedged_candidate_t *ret)
{
        bool found = false;

        if (!q->given && (q->wish->scheme == HEDGED_PLAN_AUTO || held_to_spare(k->params.scheme)) && !is_spared(q, k))
                return -ENOENT;
        for (hedge_precision_t wire = HEDGE_PRECISION_F32; wire < HEDGE_PRECISIONS; wire++) {
                way_t way = { wire, 0 };
                hedged_candidate_t c;
                int r;

                if ((q->wish->wire == HEDGED_WIRE_F32 && wire == HEDGE_PRECISION_Q16) ||
                    (q->wish->wire == HEDGED_WIRE_Q16 && wire == HEDGE_PRECISION_F32))
                        continue;
                r = choose_hold(q, k, &way);
                if (r == 0)
                        r = simulate(q, k, &way, q->search->fine, &c);
                if (r < 0 && r != -ENOENT)
                        return r;
                if (r < 0 || (found && hedged_search_score(q->search, ret) <= hedged_search_score(q->search, &c)))
                        continue;
                *ret = c;
                found = true;
        }
        return found ? 0 : -ENOENT;
}

int hedged_search_best(const hedged_query_t *q, hedge_scheme_t scheme, bool systematic, hedged_candidate_t *ret)
{
        finalist_t best[FINALISTS];
        bool found = false;
        int n = coarse_round(q, scheme, systematic, best);

        for (int i = 0; i < n; i++) {
                hedged_candidate_t c;
                int r = fine_rounds(q, best[i].known, &c);

                if (r < 0 && r != -ENOENT)
                        return r;
                if (r < 0 || (found && hedged_search_score(q->search, ret) <= hedged_search_score(q->search, &c)))
                        continue;
                *ret = c;
                found = true;
        }
        return n < 0 ? n : found ? 0 : -ENOENT;
}

int hedged_search_one(const hedged_query_t *q, const hedge_code_params_t *params, hedged_candidate_t *ret)
{
        known_t *k;
        int r = look_up(q->search, params, q->wish->even, &k);

        if (r == 0 && !k->code)
                r = -ENOENT;
        return r == 0 ? fine_rounds(q, k, ret) : r;
}

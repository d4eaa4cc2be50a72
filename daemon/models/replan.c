/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>

#include "daemon/models/model.h"

#define TRIALS 32u
#define SEED   UINT64_C(0x7265706c616e)
#define GAIN   0.95 /* of what is preferred now: what another way must be below to take its place */

/* What a variant would take, and how good that is; infinite where these boards cannot decode it. */
typedef struct outlook {
        double s, score;
} outlook_t;

/* @return 0, -ENOMEM. */
static int forecast(const hedged_variant_t *v, const hedged_speeds_t *speeds, const hedged_luck_t *luck,
                    const hedged_config_t *config, outlook_t *ret)
{
        const bool p99 = config->plan.objective == HEDGED_OBJECTIVE_P99;
        hedged_duties_t *duties = NULL;
        hedged_forecast_t f;
        int r = hedged_duties_new(v->code, v->cut.systematic, v->cut.delta, &duties);

        if (r < 0)
                return r;
        duties->whole = v->cut.whole_boards;
        duties->need = v->cut.need ? v->cut.need : duties->need;
        duties->hold_s = v->cut.hold_us / 1e6;
        r = hedged_simulate(speeds, &v->partition, duties, v->cut.wire, luck, &f);
        hedged_duties_destroy(&duties);
        if (r == 0)
                *ret = (outlook_t){ p99 ? f.p99_s : f.mean_s,
                                    hedged_forecast_score(&f, p99, config->plan.price_busy, speeds->boards) };
        return r;
}

static unsigned count_usable(const hedged_speeds_t *speeds)
{
        unsigned n = 0;

        for (unsigned b = 0; b < speeds->boards; b++)
                n += speeds->usable[b];
        return n;
}

/* Does the configuration leave the layer to the prediction? */
static bool is_free(const hedged_model_t *m, const hedged_layer_t *layer)
{
        const hedged_wish_t wish =
                hedged_plan_wish(m->config, m->name, layer->name, &m->graph->nodes[layer->node].op.conv);

        return !(wish.k_a && wish.k_b);
}

static int replan_layer(hedged_layer_t *layer, const hedged_speeds_t *speeds, const hedged_luck_t *luck,
                        const hedged_config_t *config)
{
        const int now = atomic_load(&layer->preferred);
        const unsigned usable = count_usable(speeds);
        const double local_s = hedged_local_s(speeds, &layer->variants[0].partition.layer);
        outlook_t best_one = { INFINITY, INFINITY }, now_one = { INFINITY, INFINITY };
        int best = HEDGED_PREFER_NONE;

        for (unsigned i = 0; i < layer->n_variants; i++) {
                outlook_t one = { INFINITY, INFINITY };
                int r = usable < layer->variants[i].cut.delta
                                ? 0
                                : forecast(&layer->variants[i], speeds, luck, config, &one);

                if (r < 0)
                        return r;
                if (one.score < best_one.score) {
                        best_one = one;
                        best = (int)i;
                }
                if (now == (int)i)
                        now_one = one;
        }
        if (now >= 0 && best >= 0 && now_one.score * GAIN <= best_one.score) {
                best = now;
                best_one = now_one;
        }
        /* the coordinator's turn: where it is clearly better, or where it has been so and still is not clearly worse */
        if (now == HEDGED_PREFER_LOCAL ? best_one.s > GAIN * local_s : best_one.s * GAIN > local_s)
                best = HEDGED_PREFER_LOCAL;
        atomic_store(&layer->preferred, best);
        return 0;
}

int hedged_model_replan(hedged_model_t *m, const hedged_speeds_t *speeds)
{
        hedged_luck_t *luck = NULL;
        int r;

        if (m->config->plan.cut == HEDGED_CUT_SIMPLE)
                return 0;
        r = hedged_luck_new(TRIALS, speeds->boards, SEED, &luck);
        for (unsigned l = 0; r == 0 && l < m->n_layers; l++)
                if (is_free(m, &m->layers[l]))
                        r = replan_layer(&m->layers[l], speeds, luck, m->config);
        hedged_luck_destroy(&luck);
        return r;
}

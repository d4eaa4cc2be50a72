/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "daemon/models/segments.h"

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

/* What a node takes that runs with this variant. */
static void tell_node(const hedged_variant_t *v, double mean_s, hedged_node_cost_t *node)
{
        hedged_cut_t cut = v->cut;

        if (isfinite(mean_s))
                cut.predicted_ms = mean_s * 1e3;
        hedged_node_coded(&cut, node);
}

static int replan_layer(hedged_layer_t *layer, const hedged_speeds_t *speeds, const hedged_luck_t *luck,
                        const hedged_config_t *config, hedged_node_cost_t *node)
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
        if (best >= 0)
                tell_node(&layer->variants[best], best_one.s, node);
        return 0;
}

/* @param nodes  In: all by the coordinator. */
static int replan_layers(hedged_model_t *m, const hedged_speeds_t *speeds, const hedged_luck_t *luck,
                         hedged_node_cost_t *nodes)
{
        int r = 0;

        for (unsigned l = 0; r == 0 && l < m->n_layers; l++) {
                hedged_layer_t *layer = &m->layers[l];

                if (is_free(m, layer))
                        r = replan_layer(layer, speeds, luck, m->config, &nodes[layer->node]);
                else
                        tell_node(&layer->variants[0], INFINITY, &nodes[layer->node]);
        }
        return r;
}

int hedged_model_replan(hedged_model_t *m, const hedged_speeds_t *speeds, bool segments)
{
        hedged_node_cost_t *nodes;
        hedged_luck_t *luck = NULL;
        int r;

        if (m->config->plan.cut == HEDGED_CUT_SIMPLE)
                return 0;
        nodes = calloc(m->graph->n_nodes + 1, sizeof(*nodes));
        if (!nodes)
                return -ENOMEM;
        hedged_nodes_local(m->config, m->name, speeds, m->graph, nodes);
        r = hedged_luck_new(TRIALS, speeds->boards, SEED, &luck);
        if (r == 0)
                r = replan_layers(m, speeds, luck, nodes);
        if (r == 0 && segments)
                r = hedged_segments_plan(m, speeds, nodes);
        hedged_luck_destroy(&luck);
        free(nodes);
        return r;
}

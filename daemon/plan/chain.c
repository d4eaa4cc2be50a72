/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/chain.h"

#include <math.h>

#include "common/model/held.h"
#include "common/model/pack.h"

#define ELEMENT_MACS 8.0 /* moving an element takes as long: a stream of floats from and to memory */

static double elements_of(const hedge_graph_t *graph, const hedge_node_t *node)
{
        double n = (double)hedge_shape_elements(&graph->values[node->output].shape);

        for (uint32_t i = 0; i < node->n_inputs; i++)
                n += (double)hedge_shape_elements(&graph->values[node->inputs[i]].shape);
        return n;
}

double hedged_node_work(const hedge_graph_t *graph, const hedge_node_t *node)
{
        const double macs = (double)hedge_node_macs(graph, node);

        if (node->op.kind == HEDGE_OP_RESHAPE)
                return 0; /* nothing moves */
        return macs > 0 ? macs : ELEMENT_MACS * elements_of(graph, node);
}

/* The configuration says how it is to run: all of it, or this convolution. */
static bool is_fixed(const hedged_config_t *config, const char *model, const hedge_node_t *node)
{
        if (config->plan.cut == HEDGED_CUT_SIMPLE || config->plan.scheme != HEDGED_PLAN_AUTO)
                return true;
        return node->op.kind == HEDGE_OP_CONV && hedged_plan_wish(config, model, node->name, &node->op.conv).ruled;
}

static double constants_of(const hedge_graph_t *graph, uint32_t node)
{
        uint64_t bytes = 0, elements = 0;

        hedged_node_constants(graph, &graph->nodes[node], &bytes, &elements);
        return (double)elements;
}

void hedged_nodes_local(const hedged_config_t *config, const char *model, const hedged_speeds_t *speeds,
                        const hedge_graph_t *graph, hedged_node_cost_t *nodes)
{
        for (uint32_t i = 0; i < graph->n_nodes; i++) {
                const double work = hedged_node_work(graph, &graph->nodes[i]);
                const double best_s = work / speeds->here.macs_per_s;

                nodes[i] = (hedged_node_cost_t){ .local_s = best_s * (1 + speeds->here.spread),
                                                 .local_p99_s = best_s * (1 + speeds->here.spread * log(100)),
                                                 .local_cost = config->plan.price_comp * work +
                                                               config->plan.price_store * constants_of(graph, i),
                                                 .fixed = is_fixed(config, model, &graph->nodes[i]) };
                hedged_node_uncoded(&nodes[i]);
        }
}

void hedged_node_coded(const hedged_cut_t *cut, hedged_node_cost_t *node)
{
        if (cut->predicted_ms <= 0)
                return;
        node->s = cut->predicted_ms / 1e3;
        node->p99_s = cut->load.p99_s;
        node->here_s = cut->load.here_s;
        node->boards_s = cut->load.boards_s;
        node->up_bytes = cut->load.up_bytes;
        node->down_bytes = cut->load.down_bytes;
        node->cost = cut->load.cost;
}

void hedged_node_uncoded(hedged_node_cost_t *node)
{
        *node = (hedged_node_cost_t){ .s = node->local_s,
                                      .p99_s = node->local_p99_s,
                                      .here_s = node->local_s,
                                      .cost = node->local_cost,
                                      .local_s = node->local_s,
                                      .local_p99_s = node->local_p99_s,
                                      .local_cost = node->local_cost,
                                      .fixed = node->fixed };
}

bool hedged_plan_names_segments(const hedged_config_t *config)
{
        return config->plan.work == HEDGED_WORK_SEGMENTS || config->plan.work == HEDGED_WORK_WHOLE;
}

void hedged_nodes_as_named(const hedged_config_t *config, const hedge_graph_t *graph, hedged_node_cost_t *nodes)
{
        for (uint32_t i = 0; hedged_plan_names_segments(config) && i < graph->n_nodes; i++)
                if (!nodes[i].fixed)
                        hedged_node_uncoded(&nodes[i]);
}

void hedged_capacity_find(const hedged_config_t *config, const uint64_t *share_bytes, unsigned boards,
                          hedged_capacity_t *ret)
{
        const uint64_t limit = config->plan.share_bytes ? config->plan.share_bytes : UINT64_MAX;
        uint64_t least = limit;

        *ret = (hedged_capacity_t){ { 0 } };
        for (unsigned b = 0; b < boards; b++)
                if (share_bytes[b] && share_bytes[b] < least)
                        least = share_bytes[b];
        for (unsigned b = 0; b < boards; b++)
                ret->bytes[b] = !share_bytes[b] ? least : share_bytes[b] < limit ? share_bytes[b] : limit;
}

uint64_t hedged_block_bytes(const hedge_graph_t *graph, uint32_t first, uint32_t last)
{
        uint64_t frame_bytes = 0, elements = 0;

        for (uint32_t i = first; i < last; i++)
                hedged_node_constants(graph, &graph->nodes[i], &frame_bytes, &elements);
        return hedge_held_bytes(frame_bytes, elements, last - first);
}

void hedged_node_constants(const hedge_graph_t *graph, const hedge_node_t *node, uint64_t *frame_bytes,
                           uint64_t *elements)
{
        for (uint32_t j = 0; j < node->n_inputs; j++) {
                const uint32_t v = node->inputs[j];

                if (!hedge_value_is_constant(&graph->values[v]))
                        continue;
                *elements += hedge_shape_elements(&graph->values[v].shape);
                *frame_bytes += hedge_graph_constant_size(graph, v);
        }
}

const hedged_chain_t *hedged_chains_pick(const hedged_chains_t *chains, unsigned usable, unsigned in_flight)
{
        const unsigned all = chains->chains[0].boards;
        unsigned i = 0;

        while (i + 1 < chains->n && (in_flight >= usable || (uint64_t)chains->chains[i].boards * in_flight > all))
                i++;
        return &chains->chains[i];
}

unsigned hedged_chains_in_flight(const hedged_chains_t *chains, unsigned i)
{
        return i == 0 ? 1 : chains->chains[0].boards / chains->chains[i - 1].boards + 1;
}

const char *hedged_segment_way(const hedged_step_t *s, const hedge_graph_t *g)
{
        if (!s->windows)
                return "whole";
        return s->windows[0].cols < g->values[g->nodes[s->last - 1].output].shape.dims[2] ? "tiles" : "strips";
}

hedged_placement_t *hedged_chains_placement(const hedged_chains_t *chains, uint32_t first, uint32_t last)
{
        for (unsigned i = 0; i < chains->n_blocks; i++)
                if (chains->blocks[i].first == first && chains->blocks[i].last == last)
                        return &chains->blocks[i];
        return NULL;
}

bool hedged_chains_leave(const hedged_chains_t *chains, uint32_t node)
{
        for (unsigned c = 0; c < chains->n; c++)
                for (unsigned s = 0; s < chains->chains[c].n_steps; s++) {
                        const hedged_step_t *step = &chains->chains[c].steps[s];

                        if (step->kind == HEDGED_STEP_NODES && step->first <= node && node < step->last)
                                return true;
                }
        return false;
}

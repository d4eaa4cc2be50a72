/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/limit.h"

#include "common/code/precision.h"
#include "daemon/plan/extremes.h"

static double bytes_of(const hedge_graph_t *graph, const uint32_t *values, uint32_t n, hedge_precision_t wire)
{
        double bytes = 0;

        for (uint32_t i = 0; i < n; i++)
                bytes += (double)hedge_precision_bytes(wire, hedge_shape_elements(&graph->values[values[i]].shape));
        return bytes;
}

double hedged_limit_s(const hedged_config_t *config, const hedged_speeds_t *speeds, const hedge_graph_t *graph)
{
        const hedge_precision_t wire = config->plan.wire == HEDGED_WIRE_F32 ? HEDGE_PRECISION_F32 : HEDGE_PRECISION_Q16;
        const double macs = (double)hedge_graph_macs(graph), here = speeds->here.macs_per_s;
        double rate = config->plan.here ? here : 0, up = 0, down = 0;

        for (unsigned b = 0; b < speeds->boards; b++) {
                rate += speeds->board[b].macs_per_s;
                up += speeds->board[b].up_bytes_per_s;
                down += speeds->board[b].down_bytes_per_s;
        }
        up = bytes_of(graph, graph->inputs, graph->n_inputs, wire) / hedged_lesser(up, speeds->here.up_bytes_per_s);
        down = bytes_of(graph, graph->outputs, graph->n_outputs, HEDGE_PRECISION_F32) /
               hedged_lesser(down, speeds->here.down_bytes_per_s);
        return hedged_lesser(macs / here, up + macs / rate + down);
}

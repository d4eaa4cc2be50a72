/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/infer/coded.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/cost.h"
#include "daemon/infer/gather.h"

/* Frames as received may begin at any byte: floats that are not aligned as floats are copied. */
static int open_part(hedged_event_t *e, hedge_wire_part_t *ret)
{
        void *data = zmq_msg_data(&e->frame);

        *ret = (hedge_wire_part_t){ data, e->wire };
        if (e->wire == HEDGE_PRECISION_Q16 || (uintptr_t)data % sizeof(float) == 0)
                return 0;
        ret->data = malloc(zmq_msg_size(&e->frame));
        if (!ret->data)
                return -ENOMEM;
        memcpy((void *)(uintptr_t)ret->data, data, zmq_msg_size(&e->frame));
        return 0;
}

static int decode(hedged_gather_t *g, const hedge_node_t *node, const hedged_layer_t *layer, float *output)
{
        hedge_wire_part_t *parts = calloc(g->n_taken, sizeof(*parts));
        unsigned n = 0;
        const hedge_cost_kind_t before = hedge_cost_enter(HEDGE_COST_CODING);
        int r = parts ? 0 : -ENOMEM;

        for (; r == 0 && n < g->n_taken; n += r == 0)
                r = open_part(g->taken[n], &parts[n]);
        if (r == 0)
                hedge_decoder_apply_wire(g->decoder, &g->variant->partition, parts, layer->bias, &node->op.activation,
                                         output, g->settings->threads);
        while (n-- > 0)
                if (parts[n].data != zmq_msg_data(&g->taken[n]->frame))
                        free((void *)(uintptr_t)parts[n].data);
        free(parts);
        hedge_cost_enter(before);
        return r;
}

static void report_boards(const hedged_gather_t *g, hedge_layer_report_t *report)
{
        report->boards = calloc(g->boards, sizeof(*report->boards));
        for (unsigned b = 0; report->boards && b < g->boards; b++)
                if (g->received[b])
                        report->boards[report->n_boards++] = b;
        report->parts_asked = hedged_assign_asked(g->assign);
        report->parts_used = report->parts_received = g->n_taken;
        report->lost = g->lost;
        report->condition = g->condition;
}

static double ms_since(int64_t us)
{
        return (double)(hedge_now_us() - us) / 1000.0;
}

static void report_plan(const hedged_layer_t *layer, const hedged_variant_t *v, hedge_layer_report_t *report)
{
        const hedged_cut_t *cut = &(v ? v : &layer->variants[0])->cut;

        snprintf(report->name, sizeof(report->name), "%s", layer->name);
        snprintf(report->scheme, sizeof(report->scheme), "%s", v ? hedge_scheme_name(cut->scheme) : "local");
        report->k_a = cut->k_a;
        report->k_b = cut->k_b;
        report->delta = cut->delta;
        report->parts_needed = cut->k_a * cut->k_b;
        report->predicted_ms = cut->predicted_ms;
        snprintf(report->wire, sizeof(report->wire), "%s", hedge_precision_name(cut->wire));
}

/* The stages of a layer that a variant was found for. */
static int run_stages(hedged_gather_t *g, const hedge_node_t *node, const hedged_layer_t *layer, float *output,
                      hedge_layer_report_t *report)
{
        int64_t at = hedge_now_us();
        int r = hedged_gather_start(g);

        if (r == 0)
                r = hedged_gather_wait(g);
        hedged_layer_run_close(g->run,
                               hedged_assign_outstanding(g->assign) == 0); /* what runs is cancelled while we decode */
        report->encode_ms = g->encode_ms;
        report->wait_ms = ms_since(at) - g->encode_ms;
        at = hedge_now_us();
        if (r == 0)
                r = decode(g, node, layer, output);
        report->decode_ms = ms_since(at);
        report_boards(g, report);
        hedge_cost_parts(g->asked, r == 0 ? g->asked - g->n_taken : g->asked, 0);
        return r;
}

int hedged_coded_run(const hedged_coded_settings_t *settings, const hedge_graph_t *graph, hedged_layer_t *layer,
                     const float *input, float *output, int64_t began_us, bool trace, hedge_layer_report_t *report)
{
        hedged_variant_t *v = hedged_layer_variant(layer);
        const hedge_cost_kind_t before = hedge_cost_enter(HEDGE_COST_MESSAGES);
        hedged_gather_t g = { 0 };
        int r = 1;

        memset(report, 0, sizeof(*report));
        report_plan(layer, v, report);
        report->start_ms = ms_since(began_us);
        if (v) {
                r = hedged_gather_init(&g, settings, v, input);
                if (r == 0)
                        r = run_stages(&g, &graph->nodes[layer->node], layer, output, report);
                if (r >= 0 && trace && hedged_gather_trace(&g, began_us, report) < 0)
                        r = -ENOMEM;
                hedged_gather_release(&g);
        }
        if (r == 1)
                snprintf(report->scheme, sizeof(report->scheme), "local");
        report->end_ms = ms_since(began_us);
        hedge_cost_enter(before);
        return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/coded.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/code/decode.h"
#include "common/wire/link.h"
#include "daemon/dispatch.h"

/* What has come in for one layer. */
typedef struct gather {
        const hedged_coded_settings_t *settings;
        const hedged_variant_t *variant;
        hedged_job_t *job;
        hedge_decoder_t *decoder;
        hedged_event_t **taken; /* the parts, in the decoder's order */
        unsigned n_taken;
        bool *alive;        /* boards from which parts may still come */
        unsigned *received; /* parts per board */
        unsigned boards, lost;
        double condition;
        bool solved;
} gather_t;

static void gather_release(gather_t *g)
{
        hedged_job_destroy(&g->job);
        for (unsigned i = 0; i < g->n_taken; i++)
                hedged_event_release(&g->taken[i]);
        hedge_decoder_destroy(&g->decoder);
        free(g->taken);
        free(g->alive);
        free(g->received);
}

static int gather_init(gather_t *g, const hedged_coded_settings_t *settings, const hedged_variant_t *variant)
{
        unsigned total = 0;
        int r;

        *g = (gather_t){ .settings = settings, .variant = variant, .boards = hedge_code_boards(variant->code) };
        for (unsigned b = 0; b < g->boards; b++)
                total += hedge_code_parts(variant->code, b);
        g->taken = calloc(total, sizeof(*g->taken));
        g->alive = calloc(g->boards, sizeof(*g->alive));
        g->received = calloc(g->boards, sizeof(*g->received));
        if (!g->taken || !g->alive || !g->received)
                return -ENOMEM;
        r = hedge_decoder_new(variant->code, &g->decoder);
        if (r < 0)
                return r;
        return hedged_job_new(variant, settings->loop, &g->job);
}

static unsigned outstanding(const gather_t *g)
{
        unsigned n = 0;

        for (unsigned b = 0; b < g->boards; b++)
                if (g->alive[b])
                        n += hedge_code_parts(g->variant->code, b) - g->received[b];
        return n;
}

/* Solve as soon as the rank is full, and again with every further part while the answer would not be accurate enough. */
static int try_solve(gather_t *g)
{
        int r;

        if (!hedge_decoder_ready(g->decoder))
                return 0;
        r = hedge_decoder_solve(g->decoder, &g->condition);
        if (r == HEDGE_EUNDECODABLE)
                return 0;
        if (r < 0)
                return r;
        g->solved = g->condition * g->settings->conv_error <= g->settings->accuracy;
        return 0;
}

static int take_part(gather_t *g, hedged_event_t *e)
{
        int r = hedge_decoder_add(g->decoder, e->board, e->part);

        if (r < 0) {
                hedged_event_release(&e);
                return r == -EALREADY ? 0 : r;
        }
        g->taken[g->n_taken++] = e;
        g->received[e->board]++;
        return try_solve(g);
}

/* @return 0, 1 (give up: this can no longer be decoded), < 0. */
static int take_event(gather_t *g, hedged_event_t *e)
{
        switch ((hedged_event_kind_t)e->mail.kind) {
        case HEDGED_EVENT_PART:
                return take_part(g, e);
        case HEDGED_EVENT_LOST:
                g->alive[e->board] = false;
                g->lost++;
                return hedge_decoder_possible(g->decoder, g->alive) ? 0 : 1;
        case HEDGED_EVENT_SHUTDOWN:
                return HEDGE_ESHUTDOWN;
        case HEDGED_EVENT_CLOSED:
                break;
        }
        return -EINVAL; /* CLOSED comes after closing only */
}

/* The coded inputs of all boards that hold the share: buffers and coefficients, in the boards' order. */
typedef struct coded_inputs {
        const double **a;
        float **out;
        unsigned count;
} coded_inputs_t;

static void inputs_release(coded_inputs_t *in)
{
        for (unsigned i = 0; i < in->count; i++)
                free(in->out[i]);
        free(in->a);
        free(in->out);
}

static int inputs_init(const gather_t *g, coded_inputs_t *in)
{
        unsigned total = 0;

        for (unsigned b = 0; b < g->boards; b++)
                total += hedge_code_ell_a(g->variant->code, b);
        in->a = calloc(total, sizeof(*in->a));
        in->out = calloc(total, sizeof(*in->out));
        if (!in->a || !in->out)
                return -ENOMEM;
        for (unsigned b = 0; b < g->boards; b++)
                for (unsigned la = 0; g->alive[b] && la < hedge_code_ell_a(g->variant->code, b); la++) {
                        in->a[in->count] = hedge_code_a(g->variant->code, b, la);
                        in->out[in->count] = hedge_floats_new(hedge_partition_input_elements(&g->variant->partition));
                        if (!in->out[in->count++])
                                return -ENOMEM;
                }
        return 0;
}

/* Hand a board its coded inputs, the first ell_a of `out`, which move into its task. */
static int give_task(gather_t *g, unsigned board, float **out)
{
        unsigned ell_a = hedge_code_ell_a(g->variant->code, board), n = 0;
        zmq_msg_t frames[HEDGE_CODE_MAX_PARTS];

        for (; n < ell_a; n++) {
                if (hedge_frame_floats(&frames[n], out[n], hedge_partition_input_elements(&g->variant->partition)) <
                    0) {
                        while (n > 0)
                                zmq_msg_close(&frames[--n]);
                        return -ENOMEM;
                }
                out[n] = NULL;
        }
        return hedged_job_give(g->job, board, frames, n);
}

/* Give every board that can work its task. @return as take_event. */
static int send_out(gather_t *g, const float *input)
{
        coded_inputs_t in = { 0 };
        unsigned next = 0;
        int r;

        for (unsigned b = 0; b < g->boards; b++)
                g->alive[b] = hedged_variant_holds(g->variant, b) && hedge_code_parts(g->variant->code, b) > 0;
        r = inputs_init(g, &in);
        if (r == 0)
                hedge_encode_inputs(&g->variant->partition, in.count, in.a, input, in.out, g->settings->threads);
        for (unsigned b = 0; r == 0 && b < g->boards; b++) {
                if (!g->alive[b])
                        continue;
                r = give_task(g, b, in.out + next);
                next += hedge_code_ell_a(g->variant->code, b);
        }
        inputs_release(&in);
        if (r == 0 && !hedge_decoder_possible(g->decoder, g->alive))
                r = 1;
        return r;
}

static int wait_for_parts(gather_t *g)
{
        int64_t deadline = hedge_now_ms() + g->settings->timeout_ms;

        while (!g->solved) {
                int64_t left = deadline - hedge_now_ms();
                hedged_event_t *e;
                int r;

                if (left <= 0 || outstanding(g) == 0)
                        return 1;
                e = hedged_job_next(g->job, (int)left);
                if (!e)
                        return 1;
                r = take_event(g, e);
                if (r != 0)
                        return r;
        }
        return 0;
}

/* Frames as received may begin at any byte: those that do not begin at a float's are copied. */
static float *copy_unless_aligned(zmq_msg_t *frame)
{
        float *copy = NULL;

        if ((uintptr_t)zmq_msg_data(frame) % sizeof(float) == 0)
                return zmq_msg_data(frame);
        copy = malloc(zmq_msg_size(frame));
        if (copy)
                memcpy(copy, zmq_msg_data(frame), zmq_msg_size(frame));
        return copy;
}

static int decode(gather_t *g, const hedge_node_t *node, const hedged_layer_t *layer, float *output)
{
        float **parts = calloc(g->n_taken, sizeof(*parts));
        int r = parts ? 0 : -ENOMEM;

        for (unsigned i = 0; r == 0 && i < g->n_taken; i++)
                if (!(parts[i] = copy_unless_aligned(&g->taken[i]->frame)))
                        r = -ENOMEM;
        if (r == 0)
                hedge_decoder_apply(g->decoder, &g->variant->partition, (const float *const *)parts, layer->bias,
                                    &node->op.activation, output, g->settings->threads);
        for (unsigned i = 0; parts && i < g->n_taken; i++)
                if (parts[i] && (void *)parts[i] != zmq_msg_data(&g->taken[i]->frame))
                        free(parts[i]);
        free(parts);
        return r;
}

static void report_boards(const gather_t *g, hedge_layer_report_t *report)
{
        report->boards = calloc(g->boards, sizeof(*report->boards));
        for (unsigned b = 0; report->boards && b < g->boards; b++)
                if (g->received[b])
                        report->boards[report->n_boards++] = b;
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
}

/* The stages of a layer that a variant was found for. */
static int run_stages(gather_t *g, const hedge_node_t *node, const hedged_layer_t *layer, const float *input,
                      float *output, hedge_layer_report_t *report)
{
        int64_t at = hedge_now_us();
        int r = send_out(g, input);

        report->encode_ms = ms_since(at);
        at = hedge_now_us();
        if (r == 0)
                r = wait_for_parts(g);
        hedged_job_close(g->job); /* what still runs is cancelled while we decode */
        report->wait_ms = ms_since(at);
        at = hedge_now_us();
        if (r == 0)
                r = decode(g, node, layer, output);
        report->decode_ms = ms_since(at);
        report_boards(g, report);
        return r;
}

int hedged_coded_run(const hedged_coded_settings_t *settings, const hedge_graph_t *graph, hedged_layer_t *layer,
                     const float *input, float *output, int64_t began_us, hedge_layer_report_t *report)
{
        hedged_variant_t *v = hedged_layer_variant(layer);
        gather_t g = { 0 };
        int r = 1;

        memset(report, 0, sizeof(*report));
        report_plan(layer, v, report);
        report->start_ms = ms_since(began_us);
        if (v) {
                r = gather_init(&g, settings, v);
                if (r == 0)
                        r = run_stages(&g, &graph->nodes[layer->node], layer, input, output, report);
                gather_release(&g);
        }
        if (r == 1)
                snprintf(report->scheme, sizeof(report->scheme), "local");
        report->end_ms = ms_since(began_us);
        return r;
}

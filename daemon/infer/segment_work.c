/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/infer/segment_work.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/segment/crossing.h"
#include "common/segment/reach.h"
#include "common/segment/segment.h"
#include "daemon/infer/task.h"
#include "daemon/infer/windows.h"

static const hedge_graph_t *graph_of(const hedged_segment_work_t *w)
{
        return w->model->graph;
}

static size_t elements_of(const hedged_segment_work_t *w, uint32_t value)
{
        return hedge_shape_elements(&graph_of(w)->values[value].shape);
}

hedge_precision_t hedged_segment_work_wire(const hedged_segment_work_t *w, unsigned i, hedge_precision_t wire)
{
        return hedge_crossing_wire(graph_of(w), w->in[i], wire);
}

static bool is_float(const hedged_segment_work_t *w, uint32_t value)
{
        return hedge_crossing_wire(graph_of(w), value, HEDGE_PRECISION_Q16) == HEDGE_PRECISION_F32;
}

/* @return 0, 1 (no windows of this can be asked for). */
static int init_window(hedged_segment_work_t *w, hedge_reach_t *reach, unsigned i)
{
        const hedge_shape_t *in = &graph_of(w)->values[w->in[0]].shape, *out = &graph_of(w)->values[w->out[0]].shape;
        const hedge_window_t *window = &w->step->windows[i];
        const hedge_precision_t wire = w->step->wire;
        hedged_work_part_t *part = &w->work->part[i];
        hedged_piece_t *piece = &w->pieces[i];

        if (!hedged_window_fits(out, window) ||
            hedge_reach_trace(reach, w->step->first, w->step->last, window, &w->needs[i], &part->macs) < 0 ||
            !hedged_window_fits(in, &w->needs[i]))
                return 1;
        part->elements = hedged_window_elements(out, window);
        part->floats = is_float(w, w->out[0]);
        part->window = *window;
        piece->macs = (double)part->macs;
        piece->up_bytes = (double)hedge_precision_bytes(hedged_segment_work_wire(w, 0, wire),
                                                        hedged_window_elements(in, &w->needs[i]));
        piece->down_bytes = (double)hedged_work_bytes(w->work, i, wire);
        part->macs += part->macs == 0; /* it is work all the same */
        return 0;
}

static int init_windows(hedged_segment_work_t *w)
{
        hedge_reach_t *reach;
        int r = w->n_in == 1 && w->n_out == 1 ? hedge_reach_new(graph_of(w), &reach) : 1;

        if (r != 0)
                return r;
        w->work->windowed = true;
        for (unsigned i = 0; r == 0 && i < w->n_pieces; i++)
                r = init_window(w, reach, i);
        hedge_reach_destroy(&reach);
        return r;
}

static int init_one_piece(hedged_segment_work_t *w)
{
        uint64_t macs;

        if (hedge_segment_macs(graph_of(w), w->step->first, w->step->last, NULL, &macs) < 0)
                return 1;
        w->pieces[0].macs = (double)macs;
        for (unsigned i = 0; i < w->n_in; i++)
                w->pieces[0].up_bytes += (double)hedge_precision_bytes(hedged_segment_work_wire(w, i, w->step->wire),
                                                                       elements_of(w, w->in[i]));
        for (unsigned i = 0; i < w->n_out; i++) {
                const hedge_value_t *v = &graph_of(w)->values[w->out[i]];
                hedged_work_part_t *part = &w->work->part[i];

                part->elements = elements_of(w, w->out[i]);
                part->row = v->marked && v->shape.dims[0] > 0 ? part->elements / v->shape.dims[0] : 0;
                part->floats = is_float(w, w->out[i]);
                part->macs = i ? 0 : macs + (macs == 0);
                w->pieces[0].down_bytes += (double)hedged_work_bytes(w->work, i, w->step->wire);
        }
        return 0;
}

/* @return so many boards can be asked. */
static unsigned find_blocks(hedged_segment_work_t *w)
{
        unsigned n = 0;

        for (unsigned b = 0; b < w->boards; b++) {
                const hedged_block_t *block = hedged_model_block(w->model, w->step->first, w->step->last, b);

                w->blocks[b] = block;
                if (!block)
                        continue;
                w->work->board[b] = (hedged_work_board_t){ .digest = &block->digests[b],
                                                           .first = w->step->first - block->first,
                                                           .last = w->step->last - block->first,
                                                           .parts = w->n_parts };
                n++;
        }
        return n;
}

int hedged_segment_work_init(hedged_segment_work_t *w, hedged_model_t *model, const hedged_step_t *step)
{
        int r;

        *w = (hedged_segment_work_t){ .model = model, .step = step, .boards = model->slots };
        r = hedge_segment_values(model->graph, step->first, step->last, &w->in, &w->n_in, &w->out, &w->n_out);
        if (r < 0)
                return r == -ENOMEM ? r : 1;
        w->n_pieces = step->windows ? step->n_windows : 1;
        w->n_parts = step->windows ? step->n_windows : w->n_out;
        if (w->n_in == 0 || w->n_in > HEDGED_TASK_INPUTS || w->n_parts == 0 || w->n_parts > HEDGE_CODE_MAX_PARTS)
                return 1;
        w->pieces = calloc(w->n_pieces, sizeof(*w->pieces));
        w->needs = calloc(w->n_pieces, sizeof(*w->needs));
        w->blocks = calloc(w->boards + 1, sizeof(*w->blocks));
        if (!w->pieces || !w->needs || !w->blocks)
                return -ENOMEM;
        r = hedged_work_new(w->boards, w->n_parts, w->n_parts, &w->work);
        if (r < 0)
                return r;
        w->work->wire = step->wire;
        r = step->windows ? init_windows(w) : init_one_piece(w);
        return r != 0 ? r : find_blocks(w) > 0 ? 0 : 1;
}

void hedged_segment_work_release(hedged_segment_work_t *w)
{
        hedged_work_destroy(&w->work);
        free(w->in);
        free(w->out);
        free(w->pieces);
        free(w->needs);
        free(w->blocks);
        *w = (hedged_segment_work_t){ 0 };
}

char *hedged_segment_work_name(const hedged_segment_work_t *w, char *buf, size_t size)
{
        const hedge_node_t *nodes = graph_of(w)->nodes;
        const int half = (int)(size - sizeof(" .. ")) / 2;

        if (w->step->last == w->step->first + 1)
                snprintf(buf, size, "%s", nodes[w->step->first].name);
        else
                snprintf(buf, size, "%.*s .. %.*s", half, nodes[w->step->first].name, half,
                         nodes[w->step->last - 1].name);
        return buf;
}

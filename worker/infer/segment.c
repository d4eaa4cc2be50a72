/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/infer/segment.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/segment/crossing.h"
#include "common/segment/reach.h"
#include "common/segment/segment.h"

static int check_nodes(const hedge_graph_t *block, const hedge_msg_task_t *m, hedge_why_t *why)
{
        if (m->first >= m->last || m->last > block->n_nodes)
                return hedge_why(why, HEDGE_EMALFORMED, "nodes %u to %u are not a run of the block's %u", m->first,
                                 m->last, block->n_nodes);
        return 0;
}

static int check_window(const hedge_window_t *w, const hedge_shape_t *image, uint32_t which, hedge_why_t *why)
{
        if (!hedge_window_is_within(w, image->dims[1], image->dims[2]))
                return hedge_why(why, HEDGE_EMALFORMED,
                                 "window %u, %u rows from %u and %u columns from %u, is not within %u x %u", which,
                                 w->rows, w->top, w->cols, w->left, image->dims[1], image->dims[2]);
        return 0;
}

/* @param reach  Of the block. */
static int trace(hedgew_segment_t *s, const hedge_graph_t *block, hedge_reach_t *reach, hedge_why_t *why)
{
        uint64_t macs;
        int r = 0;

        if (!hedge_reach_is_local(reach, s->first, s->last))
                return hedge_why(why, HEDGE_EMALFORMED, "nodes %u to %u have no windows", s->first, s->last);
        for (uint32_t i = 0; i < s->n_windows && r == 0; i++) {
                r = check_window(&s->windows[i], &block->values[s->out[0]].shape, i, why);
                if (r < 0)
                        return r;
                r = hedge_reach_trace(reach, s->first, s->last, &s->windows[i], &s->halos[i], &macs);
                if (r < 0)
                        return hedge_why(why, r, "window %u: %s", i, hedge_strerror(r));
        }
        return 0;
}

static int place_windows(hedgew_segment_t *s, const hedge_graph_t *block, const hedge_msg_task_t *m, uint32_t n_frames,
                         hedge_why_t *why)
{
        hedge_reach_t *reach = NULL;
        int r;

        if (m->n_windows != n_frames)
                return hedge_why(why, HEDGE_EMALFORMED, "%u windows are asked for, but %u inputs came", m->n_windows,
                                 n_frames);
        s->windows = malloc(m->n_windows * sizeof(*s->windows));
        s->halos = malloc(m->n_windows * sizeof(*s->halos));
        if (!s->windows || !s->halos || hedge_reach_new(block, &reach) < 0)
                return hedge_why(why, -ENOMEM, "no memory for a task");
        memcpy(s->windows, m->windows, m->n_windows * sizeof(*s->windows));
        s->n_windows = m->n_windows;
        r = trace(s, block, reach, why);
        hedge_reach_destroy(&reach);
        return r;
}

static int prepare_whole(hedgew_segment_t *s, uint32_t n_frames, hedge_why_t *why)
{
        if (n_frames != s->n_in)
                return hedge_why(why, HEDGE_EMALFORMED, "nodes %u to %u have %u inputs, but %u came", s->first, s->last,
                                 s->n_in, n_frames);
        s->outputs = calloc(s->n_out + (size_t)1, sizeof(*s->outputs));
        return s->outputs ? 0 : hedge_why(why, -ENOMEM, "no memory for a task");
}

int hedgew_segment_new(const hedge_graph_t *block, const hedge_msg_task_t *m, uint32_t n_frames, hedgew_segment_t **ret,
                       hedge_why_t *why)
{
        hedgew_segment_t *s;
        int r = check_nodes(block, m, why);

        if (r < 0)
                return r;
        s = calloc(1, sizeof(*s));
        if (!s)
                return hedge_why(why, -ENOMEM, "no memory for a task");
        s->first = m->first;
        s->last = m->last;
        r = hedge_segment_values(block, s->first, s->last, &s->in, &s->n_in, &s->out, &s->n_out);
        if (r < 0)
                r = hedge_why(why, r, "nodes %u to %u: %s", s->first, s->last, hedge_strerror(r));
        else if (m->n_windows)
                r = place_windows(s, block, m, n_frames, why);
        else
                r = prepare_whole(s, n_frames, why);
        if (r < 0)
                hedgew_segment_destroy(&s);
        else
                *ret = s;
        return r;
}

void hedgew_segment_destroy(hedgew_segment_t **segment)
{
        hedgew_segment_t *s = *segment;

        if (!s)
                return;
        for (uint32_t i = 0; s->outputs && i < s->n_out; i++)
                hedge_tensor_release(&s->outputs[i]);
        free(s->outputs);
        free(s->windows);
        free(s->halos);
        free(s->in);
        free(s->out);
        free(s);
        *segment = NULL;
}

uint32_t hedgew_segment_parts(const hedgew_segment_t *s)
{
        return s->n_windows ? HEDGE_CODE_MAX_PARTS : s->n_out;
}

hedge_shape_t hedgew_segment_input(const hedgew_segment_t *s, const hedge_graph_t *block, uint32_t frame)
{
        hedge_shape_t shape = block->values[s->in[s->n_windows ? 0 : frame]].shape;

        if (s->n_windows) {
                shape.dims[1] = s->halos[frame].rows;
                shape.dims[2] = s->halos[frame].cols;
        }
        return shape;
}

hedge_precision_t hedgew_segment_input_wire(const hedgew_segment_t *s, const hedge_graph_t *block, uint32_t frame,
                                            hedge_precision_t wire)
{
        return hedge_crossing_wire(block, s->in[s->n_windows ? 0 : frame], wire);
}

hedge_precision_t hedgew_segment_output_wire(const hedgew_segment_t *s, const hedge_graph_t *block, uint32_t output,
                                             hedge_precision_t wire)
{
        return hedge_crossing_wire(block, s->out[s->n_windows ? 0 : output], wire);
}

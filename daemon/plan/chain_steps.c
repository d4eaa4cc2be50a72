/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/chain_steps.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/plan/hulls.h"

/* All windows, and what they come to. */
static int make_windows(const hedged_section_t *section, const hedged_split_t *split, hedged_step_t *step)
{
        double up = 0, down = 0;

        step->windows = calloc(split->n, sizeof(*step->windows));
        if (!step->windows)
                return -ENOMEM;
        step->macs = 0;
        for (unsigned i = 0; i < split->n; i++) {
                hedged_strip_t strip = { .work = 0 };
                uint64_t macs = 0;
                int r;

                step->windows[i] = hedged_split_window(section, split, i);
                r = hedged_section_window(section, &step->windows[i], &strip, &macs);
                if (r < 0)
                        return r;
                step->macs += macs;
                up += strip.up_bytes;
                down += strip.down_bytes;
        }
        step->n_windows = split->n;
        step->up_bytes = (uint64_t)up;
        step->down_bytes = (uint64_t)down;
        return 0;
}

static int make_segment(const hedged_level_world_t *w, const hedged_way_t *way, hedged_step_t *step)
{
        hedged_split_t split = { .n = 0 };
        hedged_section_t section;
        int r;

        hedged_section_init(w->survey, way->from, way->to, w->q16, &section);
        step->kind = HEDGED_STEP_SEGMENT;
        step->n_windows = 1;
        step->copies = way->copies;
        step->wire = section.wire;
        step->up_bytes = (uint64_t)section.whole.up_bytes;
        step->down_bytes = (uint64_t)section.whole.down_bytes;
        if (way->pieces == 1)
                return 0;
        r = hedged_split_make(&section, way->pieces, &split);
        if (r == 0)
                r = make_windows(&section, &split, step);
        hedged_split_release(&split);
        return r;
}

int hedged_chain_make(const hedged_level_world_t *w, const hedged_level_t *l, hedged_chain_t *ret)
{
        const hedged_survey_t *s = w->survey;
        int r = 0;

        *ret = (hedged_chain_t){ .boards = l->boards,
                                 .predicted_s = l->load.mean_s,
                                 .local_s = s->before[s->n - 1].local_s,
                                 .rate = l->rate };
        ret->steps = calloc(l->n ? l->n : 1, sizeof(*ret->steps));
        if (!ret->steps)
                return -ENOMEM;
        for (unsigned i = 0; r == 0 && i < l->n; i++) {
                const hedged_way_t *way = &l->ways[i];
                hedged_step_t *step = &ret->steps[ret->n_steps++];

                *step = (hedged_step_t){ .kind = HEDGED_STEP_NODES,
                                         .first = s->points[way->from].at,
                                         .last = s->points[way->to].at,
                                         .predicted_s = way->load.mean_s,
                                         .macs = s->before[way->to].macs - s->before[way->from].macs,
                                         .up_bytes = (uint64_t)way->load.up_bytes,
                                         .down_bytes = (uint64_t)way->load.down_bytes };
                if (way->segment)
                        r = make_segment(w, way, step);
        }
        return r;
}

/* ---- who holds what ---- */

static int place(hedged_chains_t *c, const hedge_graph_t *graph, unsigned board, const hedged_hull_t *hull)
{
        hedged_placement_t *placed = hedged_chains_placement(c, hull->first, hull->last);

        if (!placed) {
                hedged_placement_t *blocks = realloc(c->blocks, (c->n_blocks + (size_t)1) * sizeof(*blocks));

                if (!blocks)
                        return -ENOMEM;
                c->blocks = blocks;
                placed = &blocks[c->n_blocks++];
                *placed = (hedged_placement_t){ .first = hull->first,
                                                .last = hull->last,
                                                .bytes = hedged_block_bytes(graph, hull->first, hull->last) };
        }
        placed->boards[board / 64] |= UINT64_C(1) << board % 64;
        return 0;
}

/* What the board has room for, of what the chains ask. */
static int place_on(const hedged_level_world_t *w, hedged_chains_t *c, unsigned board)
{
        const hedge_cut_point_t *points = w->survey->points;
        hedged_hull_t *hulls = NULL;
        int r = 0, n = hedged_hulls_find(w->survey->graph, c, points[w->rooms->from[board]].at,
                                         points[w->rooms->to[board]].at, &hulls);

        for (int i = 0; r == 0 && i < n; i++)
                r = place(c, w->survey->graph, board, &hulls[i]);
        free(hulls);
        return n < 0 ? n : r;
}

int hedged_chains_place(const hedged_level_world_t *w, hedged_chains_t *c)
{
        int r = 0;

        for (unsigned b = 0; r == 0 && b < w->speeds->boards; b++)
                r = place_on(w, c, b);
        return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/plan/split.h"

#include <errno.h>
#include <stdlib.h>

#include "common/segment/crossing.h"

#define IN_VAIN     1.1 /* of the work without halos: from here on tiles are looked at */
#define MOST_ACROSS 4u
#define TOO_FEW     0.7 /* of the windows that were asked for */

static const hedge_cut_point_t *point(const hedged_section_t *p, unsigned i)
{
        return &p->survey->points[i];
}

/* ---- what goes over the links ---- */

/* Does a tensor go by 16 bits, where they are allowed? */
static bool is_narrow(const hedge_graph_t *graph, const hedge_cut_point_t *cut)
{
        return cut->value != HEDGE_NO_VALUE &&
               hedge_crossing_wire(graph, cut->value, HEDGE_PRECISION_Q16) == HEDGE_PRECISION_Q16;
}

/* Both ends go in one precision: whole numbers keep the other end from 16 bits too. */
static bool must_stay(const hedge_graph_t *graph, const hedge_cut_point_t *cut)
{
        return cut->whole && is_narrow(graph, cut);
}

static double bytes_of(const hedged_section_t *p, unsigned i, double elements)
{
        const bool narrow = p->wire == HEDGE_PRECISION_Q16 && is_narrow(p->survey->graph, point(p, i));

        return (double)hedge_precision_bytes(narrow ? HEDGE_PRECISION_Q16 : HEDGE_PRECISION_F32, (size_t)elements);
}

/* Elements across a point. */
static double elements_across(const hedged_section_t *p, unsigned i)
{
        const hedge_graph_t *g = p->survey->graph;
        const bool end = point(p, i)->at == g->n_nodes;
        const uint32_t *values = end ? g->outputs : g->inputs, n = end ? g->n_outputs : g->n_inputs;
        double sum = 0;

        if (point(p, i)->value != HEDGE_NO_VALUE)
                return (double)hedge_shape_elements(&g->values[point(p, i)->value].shape);
        for (uint32_t v = 0; v < n; v++)
                sum += (double)hedge_shape_elements(&g->values[values[v]].shape);
        return sum;
}

void hedged_section_init(const hedged_survey_t *s, unsigned from, unsigned to, bool q16, hedged_section_t *ret)
{
        const hedge_cut_point_t *a = &s->points[from], *b = &s->points[to];
        hedged_strip_t *w = &ret->whole;

        *ret = (hedged_section_t){ .survey = s, .from = from, .to = to };
        if (q16 && (is_narrow(s->graph, a) || is_narrow(s->graph, b)) && !must_stay(s->graph, a) &&
            !must_stay(s->graph, b))
                ret->wire = HEDGE_PRECISION_Q16;
        ret->local = a->image && b->image && hedge_reach_is_local(s->reach, a->at, b->at);
        w->work = s->before[to].work - s->before[from].work;
        w->up_elements = elements_across(ret, from);
        w->down_elements = elements_across(ret, to);
        w->up_bytes = bytes_of(ret, from, w->up_elements);
        w->down_bytes = bytes_of(ret, to, w->down_elements);
}

/* ---- windows ---- */

static const hedge_shape_t *shape_at(const hedged_section_t *p, unsigned i)
{
        return &p->survey->graph->values[point(p, i)->value].shape;
}

static double area(const hedge_window_t *w)
{
        return (double)w->rows * w->cols;
}

int hedged_section_window(const hedged_section_t *p, const hedge_window_t *out, hedged_strip_t *ret, uint64_t *ret_macs)
{
        const hedge_shape_t *in_shape = shape_at(p, p->from), *out_shape = shape_at(p, p->to);
        const double all_macs = (double)(p->survey->before[p->to].macs - p->survey->before[p->from].macs);
        hedge_window_t in;
        uint64_t macs;
        double part;
        int r = hedge_reach_trace(p->survey->reach, point(p, p->from)->at, point(p, p->to)->at, out, &in, &macs);

        if (r < 0)
                return r;
        part = all_macs > 0 ? (double)macs / all_macs : area(out) / ((double)out_shape->dims[1] * out_shape->dims[2]);
        ret->work = (double)macs + part * (p->whole.work - all_macs);
        ret->up_elements = area(&in) * in_shape->dims[3];
        ret->down_elements = area(out) * out_shape->dims[3];
        ret->up_bytes = bytes_of(p, p->from, ret->up_elements);
        ret->down_bytes = bytes_of(p, p->to, ret->down_elements);
        *ret_macs = macs;
        return 0;
}

hedge_window_t hedged_split_window(const hedged_section_t *p, const hedged_split_t *s, unsigned i)
{
        const uint32_t h = shape_at(p, p->to)->dims[1], w = shape_at(p, p->to)->dims[2];
        const uint32_t top = i / s->across * s->rows, left = i % s->across * s->cols;

        return (hedge_window_t){ .top = top,
                                 .rows = h - top < s->rows ? h - top : s->rows,
                                 .left = left,
                                 .cols = w - left < s->cols ? w - left : s->cols };
}

static uint32_t parts(uint32_t of, uint32_t each)
{
        return (of + each - 1) / each;
}

/* Windows of so many columns beside each other. @return whether there are about n. */
static bool arrange(const hedged_section_t *p, unsigned n, unsigned across, hedged_split_t *ret)
{
        const uint32_t h = shape_at(p, p->to)->dims[1], w = shape_at(p, p->to)->dims[2];

        if (across > w || across > n)
                return false;
        *ret = (hedged_split_t){ .rows = parts(h, parts(n, across)), .cols = parts(w, across) };
        ret->down = parts(h, ret->rows);
        ret->across = parts(w, ret->cols);
        ret->n = ret->down * ret->across;
        return ret->n >= 2 && ret->across == across && ret->n >= TOO_FEW * n;
}

/* Of the windows in a row or column: those at the ends stand for themselves, one in the middle for all others. */
static unsigned stands_for(unsigned i, unsigned n)
{
        return i == 0 || i + 1 == n ? i : n / 2;
}

static int look_at(const hedged_section_t *p, hedged_split_t *s)
{
        uint64_t macs;

        s->strips = calloc(s->n, sizeof(*s->strips));
        if (!s->strips)
                return -ENOMEM;
        for (unsigned pass = 0; pass < 2; pass++)
                for (unsigned i = 0; i < s->n; i++) {
                        const unsigned model =
                                stands_for(i / s->across, s->down) * s->across + stands_for(i % s->across, s->across);
                        const hedge_window_t window = hedged_split_window(p, s, i);

                        if (pass == 0 && model == i && hedged_section_window(p, &window, &s->strips[i], &macs) < 0)
                                return -ENOENT;
                        if (pass == 1) {
                                s->strips[i] = s->strips[model];
                                s->work += s->strips[i].work;
                        }
                }
        return 0;
}

void hedged_split_release(hedged_split_t *s)
{
        free(s->strips);
        s->strips = NULL;
}

int hedged_split_make(const hedged_section_t *p, unsigned n, hedged_split_t *ret)
{
        bool found = false;
        int r = 0;

        for (unsigned across = 1; p->local && r == 0 && across <= MOST_ACROSS; across++) {
                hedged_split_t s;

                if (found && ret->work <= IN_VAIN * p->whole.work)
                        break;
                if (!arrange(p, n, across, &s))
                        continue;
                r = look_at(p, &s);
                if (r == 0 && (!found || s.work < ret->work)) {
                        if (found)
                                hedged_split_release(ret);
                        *ret = s;
                        found = true;
                } else {
                        hedged_split_release(&s);
                }
        }
        if (r < 0 && found)
                hedged_split_release(ret);
        return r < 0 ? r : found ? 0 : -ENOENT;
}

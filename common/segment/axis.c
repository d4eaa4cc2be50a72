/* SPDX-License-Identifier: Apache-2.0 */
#include "common/segment/axis.h"

/* Positions from (inclusive) to (exclusive) of the input, which may lie outside of it. */
typedef struct reach {
        int64_t from, to;
} reach_t;

static reach_t reach_of_slide(const hedge_slide_t *s, hedge_span_t out)
{
        const int64_t from = (int64_t)out.first * s->stride - s->before;

        return (reach_t){ from, from + (int64_t)(out.n - 1) * s->stride + (int64_t)s->dilation * (s->kernel - 1) + 1 };
}

static hedge_span_t clip(reach_t reach, uint32_t in)
{
        const int64_t from = reach.from > 0 ? reach.from : 0, to = reach.to < in ? reach.to : in;

        return (hedge_span_t){ (uint32_t)from, (uint32_t)(to - from) };
}

bool hedge_slide_is_local(const hedge_slide_t *s)
{
        const uint64_t extent = (uint64_t)s->dilation * (s->kernel - 1) + 1;
        const uint64_t last = ((uint64_t)s->in + s->before + s->after - extent) / s->stride * s->stride;

        return s->before < extent && last < (uint64_t)s->in + s->before;
}

hedge_span_t hedge_slide_need(const hedge_slide_t *s, hedge_span_t out)
{
        return clip(reach_of_slide(s, out), s->in);
}

hedge_slide_t hedge_slide_part(const hedge_slide_t *s, hedge_span_t out)
{
        const reach_t reach = reach_of_slide(s, out);
        hedge_slide_t part = *s;

        part.in = clip(reach, s->in).n;
        part.before = reach.from < 0 ? (uint32_t)-reach.from : 0;
        part.after = reach.to > s->in ? (uint32_t)(reach.to - s->in) : 0;
        return part;
}

/* Output position i is input position i - before, if there is one that is not cropped. */
static reach_t reach_of_margin(const hedge_margin_t *m, hedge_span_t out)
{
        const int64_t least = m->before < 0 ? -(int64_t)m->before : 0;
        const int64_t most = (int64_t)m->in + (m->after < 0 ? m->after : 0);
        const int64_t from = (int64_t)out.first - m->before, to = from + out.n;

        return (reach_t){ from > least ? from : least, to < most ? to : most };
}

hedge_span_t hedge_margin_need(const hedge_margin_t *m, hedge_span_t out)
{
        const reach_t reach = reach_of_margin(m, out);

        return reach.to > reach.from ? clip(reach, m->in) : (hedge_span_t){ 0, 1 };
}

hedge_margin_t hedge_margin_part(const hedge_margin_t *m, hedge_span_t out)
{
        const reach_t reach = reach_of_margin(m, out);
        const int64_t before = reach.from + m->before - out.first;

        if (reach.to <= reach.from)
                return (hedge_margin_t){ 1, -1, (int32_t)out.n };
        return (hedge_margin_t){ (uint32_t)(reach.to - reach.from), (int32_t)before,
                                 (int32_t)((int64_t)out.n - (reach.to - reach.from) - before) };
}

hedge_span_t hedge_scale_round(const hedge_scale_t *s, hedge_span_t out)
{
        const uint32_t each = s->out > s->in ? s->out / s->in : 1, first = out.first / each * each;

        return (hedge_span_t){ first, (out.first - first + out.n + each - 1) / each * each };
}

hedge_span_t hedge_scale_need(const hedge_scale_t *s, hedge_span_t rounded)
{
        const uint32_t finer = s->out > s->in ? s->out / s->in : 1, coarser = s->in > s->out ? s->in / s->out : 1;

        return (hedge_span_t){ rounded.first / finer * coarser, rounded.n / finer * coarser };
}

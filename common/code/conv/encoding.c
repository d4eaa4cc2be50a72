/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/conv/encoding.h"

#include <string.h>

static int holds(const hedge_source_t *source, size_t x)
{
        return x >= source->begin && x < source->end;
}

/* The end of the stretch from x on in which the same sources count. */
static size_t stretch_end(const hedge_encoding_t *e, size_t x, size_t end)
{
        for (unsigned i = 0; i < e->k; i++) {
                const hedge_source_t *s = &e->sources[i];

                if (s->begin > x && s->begin < end)
                        end = s->begin;
                if (s->end > x && s->end < end)
                        end = s->end;
        }
        return end;
}

const void *hedge_encoding_source(const hedge_encoding_t *e, unsigned i, size_t x)
{
        return (const char *)e->input + (size_t)(e->sources[i].first + (int64_t)x) * e->passes->size;
}

/* @return 0: nothing counts at x; 1: source *ret alone, as it is; else more than a copy. */
static unsigned find_plain(const hedge_encoding_t *e, const double *c, size_t x, unsigned *ret)
{
        unsigned found = 0;

        for (unsigned i = 0; i < e->k; i++)
                if (c[i] != 0 && holds(&e->sources[i], x)) {
                        found += c[i] == 1 ? 1 : 2;
                        *ret = i;
                }
        return found;
}

/* Outputs that are nothing or a copy need no arithmetic. @return whether that was so. */
static int copy_plain(const hedge_encoding_t *e, const double *c, size_t x, void *out, size_t bytes)
{
        unsigned only = 0;

        switch (find_plain(e, c, x, &only)) {
        case 0:
                memset(out, 0, bytes);
                return 1;
        case 1:
                memcpy(out, hedge_encoding_source(e, only, x), bytes);
                return 1;
        default:
                return 0;
        }
}

/* Sources that count at x and have a coefficient in any of the outputs, to `which`. */
static unsigned find_inputs(const hedge_encoding_t *e, size_t x, unsigned outs, const double *const *c, unsigned *which)
{
        unsigned ins = 0;

        for (unsigned i = 0; i < e->k; i++) {
                unsigned used = 0;

                for (unsigned o = 0; o < outs; o++)
                        used += c[o][i] != 0;
                if (used && holds(&e->sources[i], x))
                        which[ins++] = i;
        }
        return ins;
}

/* `n` elements from x on, in all of which the same sources count. */
static void encode_stretch(const hedge_encoding_t *e, unsigned count, const double *const *coefficients, size_t x,
                           size_t n, void *const *to)
{
        const size_t size = e->passes->size;
        union {
                float f32[HEDGE_ENCODING_COEFFICIENTS];
                double f64[HEDGE_ENCODING_COEFFICIENTS];
        } c;
        const double *dense[HEDGE_ENCODING_OUTPUTS];
        const void *in[HEDGE_CODE_MAX_PARTS];
        unsigned which[HEDGE_CODE_MAX_PARTS], outs = 0, ins;
        void *out[HEDGE_ENCODING_OUTPUTS];

        for (unsigned o = 0; o < count; o++) {
                if (copy_plain(e, coefficients[o], x, to[o], n * size))
                        continue;
                dense[outs] = coefficients[o];
                out[outs++] = to[o];
        }
        ins = find_inputs(e, x, outs, dense, which);
        for (unsigned i = 0; i < ins; i++)
                in[i] = hedge_encoding_source(e, which[i], x);
        for (unsigned o = 0; o < outs; o++)
                for (unsigned i = 0; i < ins; i++) {
                        if (size == sizeof(float))
                                c.f32[o * ins + i] = (float)dense[o][which[i]];
                        else
                                c.f64[o * ins + i] = dense[o][which[i]];
                }
        if (outs)
                e->passes->blend(outs, ins, &c, in, out, n);
}

void hedge_encoding_range(const hedge_encoding_t *e, unsigned count, const double *const *c, size_t begin, size_t end,
                          void *const *out)
{
        void *to[HEDGE_ENCODING_OUTPUTS];
        size_t next;

        for (size_t x = begin; count > 0 && x < end; x = next) {
                next = stretch_end(e, x, end);
                for (unsigned o = 0; o < count; o++)
                        to[o] = (char *)out[o] + (x - begin) * e->passes->size;
                encode_stretch(e, count, c, x, next - x, to);
        }
}

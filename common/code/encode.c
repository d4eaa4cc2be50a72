/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "common/code/parallel.h"
#include "common/code/passes.h"

#define PASS_OUTPUTS      32u   /* coded outputs made in one pass over the input */
#define PASS_COEFFICIENTS 8192u /* of one pass */

/* A source counts in rows (of an input) or filters: unit r of the coded output takes unit first + r of the source,
 * for begin <= r < end; the rest of it is zero. */
typedef struct source {
        int64_t first;
        size_t begin, end;
} source_t;

typedef struct encoding {
        const hedge_passes_t *passes;
        unsigned k, count;
        const double *const *c;
        const void *input;
        void *const *out;
        size_t unit;       /* elements of a row or filter */
        size_t out_offset; /* units to skip in the outputs */
        source_t sources[HEDGE_CODE_MAX_PARTS];
} encoding_t;

static int holds(const source_t *source, size_t r)
{
        return r >= source->begin && r < source->end;
}

/* The end of the stretch from r on in which the same sources count. */
static size_t stretch_end(const encoding_t *e, size_t r, size_t end)
{
        for (unsigned i = 0; i < e->k; i++) {
                const source_t *s = &e->sources[i];

                if (s->begin > r && s->begin < end)
                        end = s->begin;
                if (s->end > r && s->end < end)
                        end = s->end;
        }
        return end;
}

static const void *source_at(const encoding_t *e, unsigned i, size_t r)
{
        return (const char *)e->input + (size_t)(e->sources[i].first + (int64_t)r) * e->unit * e->passes->size;
}

/* Outputs that are nothing or a copy need no arithmetic. @return whether that was so. */
static int copy_plain(const encoding_t *e, const double *c, size_t r, void *out, size_t bytes)
{
        unsigned found = 0, only = 0;

        for (unsigned i = 0; i < e->k; i++)
                if (c[i] != 0 && holds(&e->sources[i], r)) {
                        found++;
                        only = i;
                }
        if (found == 0)
                memset(out, 0, bytes);
        else if (found == 1 && c[only] == 1)
                memcpy(out, source_at(e, only, r), bytes);
        else
                return 0;
        return 1;
}

/* Sources that count at r and have a coefficient in any of the outputs, to `which`. */
static unsigned find_inputs(const encoding_t *e, size_t r, unsigned outs, const double *const *c, unsigned *which)
{
        unsigned ins = 0;

        for (unsigned i = 0; i < e->k; i++) {
                unsigned used = 0;

                for (unsigned o = 0; o < outs; o++)
                        used += c[o][i] != 0;
                if (used && holds(&e->sources[i], r))
                        which[ins++] = i;
        }
        return ins;
}

/* Units [r, r + units), in all of which the same sources count. */
static void encode_stretch(const encoding_t *e, size_t r, size_t units)
{
        const size_t size = e->passes->size, bytes = units * e->unit * size;
        union {
                float f32[PASS_COEFFICIENTS];
                double f64[PASS_COEFFICIENTS];
        } c;
        const double *dense[PASS_OUTPUTS];
        const void *in[HEDGE_CODE_MAX_PARTS];
        unsigned which[HEDGE_CODE_MAX_PARTS], outs = 0, ins;
        void *out[PASS_OUTPUTS];

        for (unsigned o = 0; o < e->count; o++) {
                void *to = (char *)e->out[o] + (e->out_offset + r) * e->unit * size;

                if (copy_plain(e, e->c[o], r, to, bytes))
                        continue;
                dense[outs] = e->c[o];
                out[outs++] = to;
        }
        ins = find_inputs(e, r, outs, dense, which);
        for (unsigned i = 0; i < ins; i++)
                in[i] = source_at(e, which[i], r);
        for (unsigned o = 0; o < outs; o++)
                for (unsigned i = 0; i < ins; i++) {
                        if (size == sizeof(float))
                                c.f32[o * ins + i] = (float)dense[o][which[i]];
                        else
                                c.f64[o * ins + i] = dense[o][which[i]];
                }
        if (outs)
                e->passes->blend(outs, ins, &c, in, out, units * e->unit);
}

static void encode_units(void *context, size_t begin, size_t end)
{
        const encoding_t *e = context;
        size_t r = begin;

        while (r < end) {
                const size_t next = stretch_end(e, r, end);

                encode_stretch(e, r, next - r);
                r = next;
        }
}

/* All outputs, in passes of as many as the coefficients' room allows. */
static void encode_all(encoding_t *e, size_t units, unsigned count, const double *const *c, void *const *out,
                       unsigned threads)
{
        const unsigned fit = PASS_COEFFICIENTS / e->k, step = fit < PASS_OUTPUTS ? fit : PASS_OUTPUTS;

        for (unsigned o = 0; o < count; o += step) {
                e->count = count - o < step ? count - o : step;
                e->c = c + o;
                e->out = out + o;
                hedge_parallel(hedge_parallel_threads(threads, units * e->unit * e->k * e->count), units, encode_units,
                               e);
        }
}

void hedge_encode_inputs_with(const hedge_passes_t *passes, const hedge_partition_t *partition, unsigned count,
                              const double *const *a, const void *input, void *const *out, unsigned threads)
{
        const hedge_conv_t *layer = &partition->layer;
        const int64_t step = (int64_t)partition->strip_h * layer->stride_h, in_h = layer->in_h;
        encoding_t e = { passes, .k = partition->k_a, .input = input, .unit = (size_t)layer->in_w * layer->in_c };

        for (unsigned i = 0; i < e.k; i++) {
                const int64_t first = (int64_t)i * step - layer->pad_top;

                e.sources[i].first = first;
                e.sources[i].begin = first < 0 ? (size_t)-first : 0;
                e.sources[i].end = first < in_h ? (size_t)(in_h - first) : 0;
        }
        encode_all(&e, partition->part.in_h, count, a, out, threads);
}

/* A block's piece of each group lies apart from the others, so each group is one encoding. */
void hedge_encode_filters_with(const hedge_passes_t *passes, const hedge_partition_t *partition, unsigned count,
                               const double *const *b, const void *filter, void *const *out)
{
        const hedge_conv_t *layer = &partition->layer;
        const size_t unit = (size_t)layer->kernel_h * layer->kernel_w * (layer->in_c / layer->groups);
        const size_t group_c = layer->out_c / layer->groups, piece = partition->part.out_c / layer->groups;
        encoding_t e = { passes, .k = partition->k_b, .input = filter, .unit = unit };

        for (unsigned i = 0; i < e.k; i++) {
                const size_t first = i * piece, kept = first < group_c ? group_c - first : 0;

                e.sources[i] = (source_t){ (int64_t)first, 0, kept < piece ? kept : piece };
        }
        for (unsigned g = 0; g < layer->groups; g++) {
                e.input = (const char *)filter + g * group_c * unit * passes->size;
                e.out_offset = g * piece;
                encode_all(&e, piece, count, b, out, 1);
        }
}

void hedge_encode_inputs(const hedge_partition_t *partition, unsigned count, const double *const *a, const float *input,
                         float *const *out, unsigned threads)
{
        void *to[PASS_OUTPUTS];

        for (unsigned o = 0; o < count; o += PASS_OUTPUTS) {
                const unsigned n = count - o < PASS_OUTPUTS ? count - o : PASS_OUTPUTS;

                for (unsigned i = 0; i < n; i++)
                        to[i] = out[o + i];
                hedge_encode_inputs_with(hedge_passes_f32(), partition, n, a + o, input, to, threads);
        }
}

void hedge_encode_input(const hedge_partition_t *partition, const double *a, const float *input, float *out)
{
        hedge_encode_inputs(partition, 1, &a, input, &out, 1);
}

void hedge_encode_filter(const hedge_partition_t *partition, const double *b, const float *filter, float *out)
{
        void *to = out;

        hedge_encode_filters_with(hedge_passes_f32(), partition, 1, &b, filter, &to);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "common/code/conv/passes.h"
#include "common/code/parallel.h"
#include "common/code/q16.h"

#define PASS_OUTPUTS      32u   /* coded outputs made in one pass over the input */
#define PASS_COEFFICIENTS 8192u /* of one pass */
#define Q16_TILE          512u  /* elements of each output that are blended before they are written as q16 */

/* Element x of the coded output takes element first + x of the source, for begin <= x < end; the rest of it is zero. */
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
        size_t out_offset; /* elements to skip in the outputs */
        size_t elements;   /* of an output */
        atomic_bool failed;
        source_t sources[HEDGE_CODE_MAX_PARTS];
} encoding_t;

static int holds(const source_t *source, size_t x)
{
        return x >= source->begin && x < source->end;
}

/* The end of the stretch from x on in which the same sources count. */
static size_t stretch_end(const encoding_t *e, size_t x, size_t end)
{
        for (unsigned i = 0; i < e->k; i++) {
                const source_t *s = &e->sources[i];

                if (s->begin > x && s->begin < end)
                        end = s->begin;
                if (s->end > x && s->end < end)
                        end = s->end;
        }
        return end;
}

static const void *source_at(const encoding_t *e, unsigned i, size_t x)
{
        return (const char *)e->input + (size_t)(e->sources[i].first + (int64_t)x) * e->passes->size;
}

/* @return 0: nothing counts at x; 1: source *ret alone, as it is; else more than a copy. */
static unsigned find_plain(const encoding_t *e, const double *c, size_t x, unsigned *ret)
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
static int copy_plain(const encoding_t *e, const double *c, size_t x, void *out, size_t bytes)
{
        unsigned only = 0;

        switch (find_plain(e, c, x, &only)) {
        case 0:
                memset(out, 0, bytes);
                return 1;
        case 1:
                memcpy(out, source_at(e, only, x), bytes);
                return 1;
        default:
                return 0;
        }
}

/* Sources that count at x and have a coefficient in any of the outputs, to `which`. */
static unsigned find_inputs(const encoding_t *e, size_t x, unsigned outs, const double *const *c, unsigned *which)
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
static void encode_stretch(const encoding_t *e, unsigned count, const double *const *coefficients, size_t x, size_t n,
                           void *const *to)
{
        const size_t size = e->passes->size;
        union {
                float f32[PASS_COEFFICIENTS];
                double f64[PASS_COEFFICIENTS];
        } c;
        const double *dense[PASS_OUTPUTS];
        const void *in[HEDGE_CODE_MAX_PARTS];
        unsigned which[HEDGE_CODE_MAX_PARTS], outs = 0, ins;
        void *out[PASS_OUTPUTS];

        for (unsigned o = 0; o < count; o++) {
                if (copy_plain(e, coefficients[o], x, to[o], n * size))
                        continue;
                dense[outs] = coefficients[o];
                out[outs++] = to[o];
        }
        ins = find_inputs(e, x, outs, dense, which);
        for (unsigned i = 0; i < ins; i++)
                in[i] = source_at(e, which[i], x);
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

/* Elements [begin, end); out[o] is where the first of them goes. */
static void encode_range(const encoding_t *e, unsigned count, const double *const *c, size_t begin, size_t end,
                         void *const *out)
{
        void *to[PASS_OUTPUTS];
        size_t next;

        for (size_t x = begin; count > 0 && x < end; x = next) {
                next = stretch_end(e, x, end);
                for (unsigned o = 0; o < count; o++)
                        to[o] = (char *)out[o] + (x - begin) * e->passes->size;
                encode_stretch(e, count, c, x, next - x, to);
        }
}

static void encode_units(void *context, size_t begin, size_t end)
{
        const encoding_t *e = context;
        void *out[PASS_OUTPUTS];

        for (unsigned o = 0; o < e->count; o++)
                out[o] = (char *)e->out[o] + (e->out_offset + begin * e->unit) * e->passes->size;
        encode_range(e, e->count, e->c, begin * e->unit, end * e->unit, out);
}

/* The source that is all of [x, x + n) of an output, or NULL. */
static const float *plain_source(const encoding_t *e, const double *c, size_t x, size_t n)
{
        unsigned only = 0;

        return stretch_end(e, x, x + n) == x + n && find_plain(e, c, x, &only) == 1 ? source_at(e, only, x) : NULL;
}

/* Blend what is no copy into the cache, and write all outputs from there or from the input itself. */
static int encode_tile_q16(const encoding_t *e, size_t x, size_t n)
{
        float scratch[PASS_OUTPUTS * Q16_TILE] __attribute__((aligned(64)));
        const double *c[PASS_OUTPUTS];
        const float *from[PASS_OUTPUTS];
        void *blended[PASS_OUTPUTS];
        unsigned count = 0;
        int r = 0;

        for (unsigned o = 0; o < e->count; o++) {
                from[o] = plain_source(e, e->c[o], x, n);
                if (from[o])
                        continue;
                c[count] = e->c[o];
                from[o] = scratch + (size_t)count * Q16_TILE;
                blended[count] = scratch + (size_t)count * Q16_TILE;
                count++;
        }
        encode_range(e, count, c, x, x + n, blended);
        for (unsigned o = 0; o < e->count && r == 0; o++)
                r = hedge_q16_encode(from[o], n, (char *)e->out[o] + x / HEDGE_Q16_BLOCK * HEDGE_Q16_BLOCK_BYTES);
        return r;
}

static void encode_tiles_q16(void *context, size_t begin, size_t end)
{
        encoding_t *e = context;

        for (size_t t = begin; t < end && !atomic_load_explicit(&e->failed, memory_order_relaxed); t++) {
                const size_t x = t * Q16_TILE, left = e->elements - x;

                if (encode_tile_q16(e, x, left < Q16_TILE ? left : Q16_TILE) < 0)
                        atomic_store(&e->failed, true);
        }
}

/* All outputs, in passes of as many as the coefficients' room allows. `work` does `units` of each pass. */
static void encode_all(encoding_t *e, size_t units, void (*work)(void *, size_t, size_t), unsigned count,
                       const double *const *c, void *const *out, unsigned threads)
{
        const unsigned fit = PASS_COEFFICIENTS / e->k, step = fit < PASS_OUTPUTS ? fit : PASS_OUTPUTS;

        for (unsigned o = 0; o < count; o += step) {
                e->count = count - o < step ? count - o : step;
                e->c = c + o;
                e->out = out + o;
                hedge_parallel(hedge_parallel_threads(threads, e->elements * e->k * e->count), units, work, e);
        }
}

static void open_inputs(encoding_t *e, const hedge_passes_t *passes, const hedge_partition_t *partition,
                        const void *input)
{
        const hedge_conv_t *layer = &partition->layer;
        const int64_t step = (int64_t)partition->strip_h * layer->stride_h, in_h = layer->in_h;
        const size_t unit = (size_t)layer->in_w * layer->in_c;

        e->passes = passes;
        e->k = partition->k_a;
        e->input = input;
        e->unit = unit;
        e->out_offset = 0;
        e->elements = hedge_partition_input_elements(partition);
        atomic_init(&e->failed, false);
        for (unsigned i = 0; i < e->k; i++) {
                const int64_t first = (int64_t)i * step - layer->pad_top;

                e->sources[i].first = first * (int64_t)unit;
                e->sources[i].begin = first < 0 ? (size_t)-first * unit : 0;
                e->sources[i].end = first < in_h ? (size_t)(in_h - first) * unit : 0;
        }
}

void hedge_encode_inputs_with(const hedge_passes_t *passes, const hedge_partition_t *partition, unsigned count,
                              const double *const *a, const void *input, void *const *out, unsigned threads)
{
        encoding_t e;

        open_inputs(&e, passes, partition, input);
        encode_all(&e, partition->part.in_h, encode_units, count, a, out, threads);
}

int hedge_encode_inputs_q16(const hedge_partition_t *partition, unsigned count, const double *const *a,
                            const float *input, void *const *out, unsigned threads)
{
        encoding_t e;

        open_inputs(&e, hedge_passes_f32(), partition, input);
        encode_all(&e, (e.elements + Q16_TILE - 1) / Q16_TILE, encode_tiles_q16, count, a, out, threads);
        return atomic_load(&e.failed) ? -EINVAL : 0;
}

/* A block's piece of each group lies apart from the others, so each group is one encoding. */
void hedge_encode_filters_with(const hedge_passes_t *passes, const hedge_partition_t *partition, unsigned count,
                               const double *const *b, const void *filter, void *const *out)
{
        const hedge_conv_t *layer = &partition->layer;
        const size_t unit = (size_t)layer->kernel_h * layer->kernel_w * (layer->in_c / layer->groups);
        const size_t group_c = layer->out_c / layer->groups, piece = partition->part.out_c / layer->groups;
        encoding_t e = { passes, .k = partition->k_b, .input = filter, .unit = unit, .elements = piece * unit };

        for (unsigned i = 0; i < e.k; i++) {
                const size_t first = i * piece, kept = first < group_c ? group_c - first : 0;

                e.sources[i] = (source_t){ (int64_t)(first * unit), 0, (kept < piece ? kept : piece) * unit };
        }
        for (unsigned g = 0; g < layer->groups; g++) {
                e.input = (const char *)filter + g * group_c * unit * passes->size;
                e.out_offset = g * piece * unit;
                encode_all(&e, piece, encode_units, count, b, out, 1);
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

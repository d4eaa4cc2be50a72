/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdatomic.h>

#include "common/code/conv/encoding.h"
#include "common/code/parallel.h"

#define Q16_TILE 512u /* elements of each output that are blended before they are written as q16 */

/* One pass over the input: some of the outputs. */
typedef struct pass {
        const hedge_encoding_t *encoding;
        unsigned count;
        const double *const *c;
        void *const *out;
        size_t unit;                        /* elements of a row or filter */
        size_t out_offset;                  /* elements to skip in the outputs */
        int source[HEDGE_ENCODING_OUTPUTS]; /* the source that an output is, or -1: it is more than a copy */
        size_t work;                        /* multiply-adds, as hedge_parallel_threads counts them */
        atomic_bool failed;
} pass_t;

static void encode_units(void *context, size_t begin, size_t end)
{
        const pass_t *pass = context;
        const hedge_encoding_t *e = pass->encoding;
        void *out[HEDGE_ENCODING_OUTPUTS];

        for (unsigned o = 0; o < pass->count; o++)
                out[o] = (char *)pass->out[o] + (pass->out_offset + begin * pass->unit) * e->passes->size;
        hedge_encoding_range(e, pass->count, pass->c, begin * pass->unit, end * pass->unit, out);
}

/* [begin, end) of outputs, by way of floats in the cache. It begins with a block, and ends where one does or the outputs do. */
static int encode_tiles(const hedge_encoding_t *e, unsigned count, const double *const *c, void *const *out,
                        size_t begin, size_t end)
{
        float scratch[HEDGE_ENCODING_OUTPUTS * Q16_TILE] __attribute__((aligned(64)));
        void *floats[HEDGE_ENCODING_OUTPUTS];
        int r = 0;

        for (unsigned o = 0; o < count; o++)
                floats[o] = scratch + (size_t)o * Q16_TILE;
        for (size_t x = begin; x < end && r == 0; x += Q16_TILE) {
                const size_t n = end - x < Q16_TILE ? end - x : Q16_TILE;

                hedge_encoding_range(e, count, c, x, x + n, floats);
                for (unsigned o = 0; o < count && r == 0; o++)
                        r = hedge_q16_encode(floats[o], n, (char *)out[o] + hedge_q16_bytes(x));
        }
        return r;
}

static size_t blocks_below(size_t x)
{
        return x / HEDGE_Q16_BLOCK * HEDGE_Q16_BLOCK;
}

/* An output that is source i: what lies in the image straight from there, and blocks at its edges as those of others are. */
static int encode_plain(const hedge_encoding_t *e, unsigned i, const double *c, void *out)
{
        const hedge_source_t *s = &e->sources[i];
        const size_t begin = blocks_below(s->begin + HEDGE_Q16_BLOCK - 1);
        const size_t end = s->end < e->elements ? blocks_below(s->end) : e->elements;
        int r;

        if (begin >= end)
                return encode_tiles(e, 1, &c, &out, 0, e->elements);
        r = encode_tiles(e, 1, &c, &out, 0, begin);
        if (r == 0)
                r = hedge_q16_encode(hedge_encoding_source(e, i, begin), end - begin,
                                     (char *)out + hedge_q16_bytes(begin));
        return r < 0 ? r : encode_tiles(e, 1, &c, &out, end, e->elements);
}

static void encode_plains(void *context, size_t begin, size_t end)
{
        pass_t *pass = context;

        for (size_t o = begin; o < end && !atomic_load_explicit(&pass->failed, memory_order_relaxed); o++)
                if (pass->source[o] >= 0 &&
                    encode_plain(pass->encoding, (unsigned)pass->source[o], pass->c[o], pass->out[o]) < 0)
                        atomic_store(&pass->failed, true);
}

static void encode_others(void *context, size_t begin, size_t end)
{
        pass_t *pass = context;
        const size_t elements = pass->encoding->elements;
        const double *c[HEDGE_ENCODING_OUTPUTS];
        void *out[HEDGE_ENCODING_OUTPUTS];
        unsigned count = 0;

        for (unsigned o = 0; o < pass->count; o++)
                if (pass->source[o] < 0) {
                        c[count] = pass->c[o];
                        out[count++] = pass->out[o];
                }
        if (count > 0 && encode_tiles(pass->encoding, count, c, out, begin * Q16_TILE,
                                      end * Q16_TILE < elements ? end * Q16_TILE : elements) < 0)
                atomic_store(&pass->failed, true);
}

/* What an output is made of. @return how many sources. */
static unsigned find_source(const hedge_encoding_t *e, const double *c, int *ret)
{
        unsigned n = 0;

        *ret = -1;
        for (unsigned i = 0; i < e->k; i++)
                if (c[i] != 0) {
                        *ret = n == 0 && c[i] == 1 ? (int)i : -1;
                        n++;
                }
        return n;
}

/* All outputs, in passes of as many as the coefficients' room allows. */
static void encode_all(pass_t *pass, unsigned count, const double *const *c, void *const *out,
                       void (*run)(pass_t *pass, unsigned threads), unsigned threads)
{
        const hedge_encoding_t *e = pass->encoding;
        const unsigned fit = HEDGE_ENCODING_COEFFICIENTS / e->k;
        const unsigned step = fit < HEDGE_ENCODING_OUTPUTS ? fit : HEDGE_ENCODING_OUTPUTS;

        for (unsigned o = 0; o < count; o += step) {
                pass->count = count - o < step ? count - o : step;
                pass->c = c + o;
                pass->out = out + o;
                pass->work = 0;
                for (unsigned i = 0; i < pass->count; i++)
                        pass->work +=
                                e->elements * (HEDGE_PARALLEL_MOVE + find_source(e, pass->c[i], &pass->source[i]));
                run(pass, hedge_parallel_threads(threads, pass->work));
        }
}

static void run_floats(pass_t *pass, unsigned threads)
{
        hedge_parallel(threads, pass->encoding->elements / pass->unit, encode_units, pass);
}

static void run_q16(pass_t *pass, unsigned threads)
{
        unsigned plain = 0;

        for (unsigned o = 0; o < pass->count; o++)
                plain += pass->source[o] >= 0;
        if (plain > 0)
                hedge_parallel(threads, pass->count, encode_plains, pass);
        if (plain < pass->count)
                hedge_parallel(threads, (pass->encoding->elements + Q16_TILE - 1) / Q16_TILE, encode_others, pass);
}

static size_t open_inputs(hedge_encoding_t *e, const hedge_passes_t *passes, const hedge_partition_t *partition,
                          const void *input)
{
        const hedge_conv_t *layer = &partition->layer;
        const int64_t step = (int64_t)partition->strip_h * layer->stride_h, in_h = layer->in_h;
        const size_t unit = (size_t)layer->in_w * layer->in_c;

        e->passes = passes;
        e->k = partition->k_a;
        e->input = input;
        e->elements = hedge_partition_input_elements(partition);
        for (unsigned i = 0; i < e->k; i++) {
                const int64_t first = (int64_t)i * step - layer->pad_top;

                e->sources[i].first = first * (int64_t)unit;
                e->sources[i].begin = first < 0 ? (size_t)-first * unit : 0;
                e->sources[i].end = first < in_h ? (size_t)(in_h - first) * unit : 0;
        }
        return unit;
}

void hedge_encode_inputs_with(const hedge_passes_t *passes, const hedge_partition_t *partition, unsigned count,
                              const double *const *a, const void *input, void *const *out, unsigned threads)
{
        hedge_encoding_t e;
        pass_t pass = { .encoding = &e };

        pass.unit = open_inputs(&e, passes, partition, input);
        encode_all(&pass, count, a, out, run_floats, threads);
}

int hedge_encode_inputs_q16(const hedge_partition_t *partition, unsigned count, const double *const *a,
                            const float *input, void *const *out, unsigned threads)
{
        hedge_encoding_t e;
        pass_t pass = { .encoding = &e };

        pass.unit = open_inputs(&e, hedge_passes_f32(), partition, input);
        encode_all(&pass, count, a, out, run_q16, threads);
        return atomic_load(&pass.failed) ? -EINVAL : 0;
}

/* A block's piece of each group lies apart from the others, so each group is one encoding. */
void hedge_encode_filters_with(const hedge_passes_t *passes, const hedge_partition_t *partition, unsigned count,
                               const double *const *b, const void *filter, void *const *out)
{
        const hedge_conv_t *layer = &partition->layer;
        const size_t unit = (size_t)layer->kernel_h * layer->kernel_w * (layer->in_c / layer->groups);
        const size_t group_c = layer->out_c / layer->groups, piece = partition->part.out_c / layer->groups;
        hedge_encoding_t e = { passes, .k = partition->k_b, .elements = piece * unit };
        pass_t pass = { .encoding = &e, .unit = unit };

        for (unsigned i = 0; i < e.k; i++) {
                const size_t first = i * piece, kept = first < group_c ? group_c - first : 0;

                e.sources[i] = (hedge_source_t){ (int64_t)(first * unit), 0, (kept < piece ? kept : piece) * unit };
        }
        for (unsigned g = 0; g < layer->groups; g++) {
                e.input = (const char *)filter + g * group_c * unit * passes->size;
                pass.out_offset = g * piece * unit;
                encode_all(&pass, count, b, out, run_floats, 1);
        }
}

void hedge_encode_inputs(const hedge_partition_t *partition, unsigned count, const double *const *a, const float *input,
                         float *const *out, unsigned threads)
{
        void *to[HEDGE_ENCODING_OUTPUTS];

        for (unsigned o = 0; o < count; o += HEDGE_ENCODING_OUTPUTS) {
                const unsigned n = count - o < HEDGE_ENCODING_OUTPUTS ? count - o : HEDGE_ENCODING_OUTPUTS;

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

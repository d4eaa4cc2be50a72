/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/conv/passes.h"

#include "common/code/conv/passes_isa.h"
#include "common/code/parallel.h"

/* Of q16 parts as many elements are read at once as fit into this many floats, at least a block of each. */
#define CACHED      16384u
#define TILE_FLOATS (HEDGE_CODE_MAX_ALL_PARTS * HEDGE_Q16_BLOCK)
#define TILE_MAX    1024u

const hedge_passes_t *hedge_passes_f32(void)
{
        return HEDGE_ISA_BEST(passes_f32);
}

const hedge_passes_t *hedge_passes_f64(void)
{
        return HEDGE_ISA_BEST(passes_f64);
}

typedef struct join_work {
        const hedge_passes_t *passes;
        const hedge_join_t *join;
        const hedge_precision_t *precisions;
        const bool *used; /* parts that the answer is made of */
        size_t tile;      /* elements of every part that are read at once */
} join_work_t;

static size_t row_elements(const hedge_partition_t *p)
{
        return (size_t)hedge_conv_out_w(&p->part) * p->part.out_c;
}

static void join_rows(void *context, size_t begin, size_t end)
{
        const join_work_t *work = context;
        const size_t row = row_elements(work->join->partition);

        work->passes->join(work->join, begin * row, end * row);
}

static unsigned threads_for(const hedge_join_t *join, unsigned threads)
{
        const hedge_solution_t *s = join->solution;

        return hedge_parallel_threads(threads, hedge_partition_part_elements(join->partition) *
                                                       (s->rank * HEDGE_PARALLEL_MOVE + (size_t)s->dense * s->count));
}

void hedge_join_run(const hedge_passes_t *passes, const hedge_join_t *join, unsigned threads)
{
        hedge_parallel(threads_for(join, threads), join->partition->strip_h, join_rows,
                       &(join_work_t){ passes, join, NULL, NULL, 0 });
}

/* Elements [begin, end), at most a tile: q16 parts into the cache, from where they are joined as the others are. */
static void join_tile(const join_work_t *work, size_t begin, size_t end, float *floats)
{
        const void *parts[HEDGE_CODE_MAX_ALL_PARTS];
        hedge_join_t join = *work->join;

        for (unsigned p = 0; p < join.solution->count; p++) {
                parts[p] = (const char *)join.parts[p] + begin * sizeof(float);
                if (work->precisions[p] != HEDGE_PRECISION_Q16)
                        continue;
                parts[p] = floats;
                if (!work->used[p])
                        continue;
                hedge_q16_decode(join.parts[p], begin, end, floats);
                floats += work->tile;
        }
        join.parts = parts;
        join.base = begin;
        work->passes->join(&join, begin, end);
}

static void join_rows_wire(void *context, size_t begin, size_t end)
{
        const join_work_t *work = context;
        const size_t row = row_elements(work->join->partition), last = end * row;
        float floats[TILE_FLOATS] __attribute__((aligned(64)));
        size_t next;

        for (size_t e = begin * row; e < last; e = next) {
                next = (e / work->tile + 1) * work->tile; /* whole blocks, wherever the rows begin */
                if (next > last)
                        next = last;
                join_tile(work, e, next, floats);
        }
}

/* One block of a strip that is a part as it is. */
static void place_plain(const join_work_t *work, unsigned k, size_t begin, size_t end)
{
        const int32_t part = work->join->solution->rows[k].part;
        const void *source = work->join->parts[part];
        float floats[TILE_MAX] __attribute__((aligned(64)));

        if (work->precisions[part] == HEDGE_PRECISION_Q16)
                hedge_q16_decode(source, begin, end, floats);
        work->passes->place(work->join, k, begin, end - begin,
                            work->precisions[part] == HEDGE_PRECISION_Q16 ? floats : (const float *)source + begin);
}

/* Strips of which no block is dense. All of a strip's blocks in step, as they share the output's cache lines. */
static void join_strips(void *context, size_t begin, size_t end)
{
        const join_work_t *work = context;
        const hedge_partition_t *p = work->join->partition;
        const size_t out_h = hedge_conv_out_h(&p->layer);

        for (size_t strip = begin; strip < end && strip * p->strip_h < out_h; strip++) {
                const size_t rows = out_h - strip * p->strip_h;
                const size_t last = row_elements(p) * (rows < p->strip_h ? rows : p->strip_h);

                for (size_t e = 0; e < last; e += work->tile)
                        for (unsigned b = 0; b < p->k_b; b++)
                                place_plain(work, (unsigned)strip * p->k_b + b, e,
                                            last - e < work->tile ? last : e + work->tile);
        }
}

static size_t tile_of(unsigned parts)
{
        const size_t fit = CACHED / parts / HEDGE_Q16_BLOCK * HEDGE_Q16_BLOCK;

        return fit < HEDGE_Q16_BLOCK ? HEDGE_Q16_BLOCK : fit < TILE_MAX ? fit : TILE_MAX;
}

/* @return how many of the parts that are used are q16. */
static unsigned find_used(const hedge_solution_t *s, const hedge_precision_t *precisions, bool *used)
{
        unsigned n = 0;

        for (unsigned p = 0; p < s->count; p++)
                used[p] = s->dense > 0;
        for (unsigned k = 0; k < s->rank; k++)
                if (s->rows[k].part >= 0)
                        used[s->rows[k].part] = true;
        for (unsigned p = 0; p < s->count; p++)
                n += used[p] && precisions[p] == HEDGE_PRECISION_Q16;
        return n;
}

void hedge_join_run_wire(const hedge_join_t *join, const hedge_precision_t *precisions, unsigned threads)
{
        bool used[HEDGE_CODE_MAX_ALL_PARTS];
        const unsigned converted = find_used(join->solution, precisions, used);
        join_work_t work = { hedge_passes_f32(), join, precisions, used, 0 };

        if (join->solution->dense == 0) {
                work.tile = tile_of(join->partition->k_b);
                hedge_parallel(threads_for(join, threads), join->partition->k_a, join_strips, &work);
        } else if (converted == 0) {
                hedge_join_run(work.passes, join, threads);
        } else {
                work.tile = tile_of(converted);
                hedge_parallel(threads_for(join, threads), join->partition->strip_h, join_rows_wire, &work);
        }
}

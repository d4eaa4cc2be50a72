/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled once per instruction set, with ISA(x) naming what it defines. */
#include "common/code/conv/passes_isa.h"

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#define MAX_ROWS     8
#elif defined(__AVX__)
#define VECTOR_BYTES 32
#define MAX_ROWS     4
#else
#define VECTOR_BYTES 16
#define MAX_ROWS     4
#endif
#define MAX_COLS       2
#define MAX_INPUTS     HEDGE_CODE_MAX_ALL_PARTS
#define BLEND_TILE     8192 /* elements of all inputs together that a tile reads: first-level cache */
#define BLEND_TILE_MIN 64
#define PREFETCH_BYTES 4096
#define SCRATCH        32768 /* elements: 32 of each row of the largest code */
#define TILE_MAX       1024

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

/* Where a block of the output goes. A part's channels are `piece` from each group. */
typedef struct place {
        size_t first_pixel, pixels; /* of the strip, of the whole output */
        size_t part_c, piece, pieces;
        size_t kept;    /* channels of a piece that are not padding */
        size_t group_c; /* output channels between two pieces */
        size_t first_c, out_c;
} place_t;

static place_t find_place(const hedge_partition_t *p, unsigned strip, unsigned block)
{
        const size_t out_w = hedge_conv_out_w(&p->layer), groups = p->k_b == 1 ? 1 : p->layer.groups;
        place_t place = {
                .first_pixel = (size_t)strip * p->strip_h * out_w,
                .pixels = hedge_conv_out_h(&p->layer) * out_w,
                .part_c = p->part.out_c,
                .piece = p->part.out_c / groups,
                .pieces = groups,
                .group_c = p->layer.out_c / groups,
                .out_c = p->layer.out_c,
        };

        place.first_c = block * place.piece;
        if (place.first_c < place.group_c)
                place.kept = place.group_c - place.first_c;
        return place;
}

/* Strips that are not cropped at element e of the parts; they are the first ones. */
static unsigned strips_in(const hedge_partition_t *p, size_t e)
{
        const size_t row = e / ((size_t)hedge_conv_out_w(&p->part) * p->part.out_c),
                     out_h = hedge_conv_out_h(&p->layer);
        const size_t strips = row < out_h ? (out_h - row + p->strip_h - 1) / p->strip_h : 0;

        return strips < p->k_a ? (unsigned)strips : p->k_a;
}

static size_t tile_length(unsigned dense)
{
        const size_t fit = SCRATCH / (dense ? dense : 1) / 32 * 32;

        return fit < TILE_MAX ? fit : TILE_MAX;
}

#define REAL        float
#define MASK        int32_t
#define NAME(x)     x##_f32
#define SOLUTION(s) ((s)->f32)
#include "common/code/conv/passes.inc"
#undef REAL
#undef MASK
#undef NAME
#undef SOLUTION

#define REAL        double
#define MASK        int64_t
#define NAME(x)     x##_f64
#define SOLUTION(s) ((s)->f64)
#include "common/code/conv/passes.inc"

const hedge_passes_t ISA(passes_f32) = { sizeof(float), blend_f32, join_f32, place_f32 };
const hedge_passes_t ISA(passes_f64) = { sizeof(double), blend_f64, join_f64, place_f64 };

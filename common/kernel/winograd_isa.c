/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled once per instruction set, with ISA(x) naming what it defines. */
#include "common/kernel/winograd_isa.h"

#include <string.h>

#include "common/kernel/winograd_points.h"

#if defined(__AVX512F__)
#define WIDE_BYTES 64
#elif defined(__AVX__)
#define WIDE_BYTES 32
#else
#define WIDE_BYTES 16
#endif

#ifdef __clang__
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

#define INLINE static inline __attribute__((always_inline))

/* Where a tile is: the top left corner of its output. */
typedef struct place {
        size_t image;
        int64_t y, x;
} place_t;

INLINE place_t find_place(unsigned m, size_t tile, uint32_t tiles_h, uint32_t tiles_w)
{
        const size_t per_image = (size_t)tiles_h * tiles_w, in_image = tile % per_image;

        return (place_t){ tile / per_image, (int64_t)(in_image / tiles_w) * m, (int64_t)(in_image % tiles_w) * m };
}

/* The code for vectors of each width: whole vectors first, then what is left of the channels. */
#define VECTOR_BYTES WIDE_BYTES
#define NAME(x)      wide_##x
#include "common/kernel/winograd.inc"
#undef NAME
#undef VECTOR_BYTES
#if WIDE_BYTES > 16
#define VECTOR_BYTES 16
#define NAME(x)      narrow_##x
#include "common/kernel/winograd.inc"
#undef NAME
#undef VECTOR_BYTES
#endif
#define VECTOR_BYTES 4
#define NAME(x)      single_##x
#include "common/kernel/winograd.inc"
#undef NAME
#undef VECTOR_BYTES

/* A tile that reaches over the image's edge: a copy with zeros round it. */
static const float *copy_patch(unsigned n, const hedge_winograd_input_t *in, const float *image, int64_t y, int64_t x)
{
        const size_t pixel = in->in_c;

        memset(in->patch, 0, n * n * pixel * sizeof(float));
        for (int64_t i = 0; i < n; i++) {
                const int64_t from = x < 0 ? -x : 0, to = x + n > in->in_w ? in->in_w - x : n;

                if (y + i < 0 || y + i >= in->in_h || from >= to)
                        continue;
                memcpy(in->patch + (i * n + from) * pixel, image + ((y + i) * in->in_w + x + from) * pixel,
                       (to - from) * pixel * sizeof(float));
        }
        return in->patch;
}

INLINE void input_tiles(unsigned k, const hedge_winograd_input_t *in, size_t begin, size_t end)
{
        const unsigned m = 2 * k, n = m + 2;

        for (size_t t = begin; t < end; t++) {
                const place_t place = find_place(m, t, in->tiles_h, in->tiles_w);
                const float *image = in->image + place.image * in->in_h * in->in_w * in->in_c;
                const int64_t y = place.y - in->pad_top, x = place.x - in->pad_left;
                const bool inside = y >= 0 && x >= 0 && y + n <= in->in_h && x + n <= in->in_w;
                const size_t row = inside ? (size_t)in->in_w * in->in_c : (size_t)n * in->in_c;
                const float *from = inside ? image + (y * in->in_w + x) * in->in_c : copy_patch(n, in, image, y, x);
                float *to = in->panels + (t - in->first) * in->in_c;
                size_t c = 0;

                c = wide_input(k, from, row, in->in_c, to, in->panel, c);
#if WIDE_BYTES > 16
                c = narrow_input(k, from, row, in->in_c, to, in->panel, c);
#endif
                single_input(k, from, row, in->in_c, to, in->panel, c);
        }
}

INLINE void output_tiles(unsigned k, hedge_activation_kind_t kind, const hedge_winograd_output_t *out, size_t begin,
                         size_t end)
{
        const unsigned m = 2 * k;

        for (size_t t = begin; t < end; t++) {
                const place_t place = find_place(m, t, out->tiles_h, out->tiles_w);
                const int64_t down = out->out_h - place.y, across = out->out_w - place.x;
                const unsigned rows = down < m ? down : m, columns = across < m ? across : m;
                const float *from = out->panels + (t - out->first) * out->out_c;
                float *to =
                        out->image + ((place.image * out->out_h + place.y) * out->out_w + place.x) * (size_t)out->out_c;
                size_t c = 0;

                c = wide_output(k, kind, out, from, rows, columns, to, c);
#if WIDE_BYTES > 16
                c = narrow_output(k, kind, out, from, rows, columns, to, c);
#endif
                single_output(k, kind, out, from, rows, columns, to, c);
        }
}

static void input(unsigned m, const hedge_winograd_input_t *in, size_t begin, size_t end)
{
        if (m == 2)
                input_tiles(1, in, begin, end);
        else
                input_tiles(2, in, begin, end);
}

INLINE void output_as(unsigned m, hedge_activation_kind_t kind, const hedge_winograd_output_t *out, size_t begin,
                      size_t end)
{
        if (m == 2)
                output_tiles(1, kind, out, begin, end);
        else
                output_tiles(2, kind, out, begin, end);
}

static void output(unsigned m, const hedge_winograd_output_t *out, size_t begin, size_t end)
{
        switch (out->activation.kind) {
        case HEDGE_ACT_CLAMP:
                output_as(m, HEDGE_ACT_CLAMP, out, begin, end);
                break;
        case HEDGE_ACT_LEAKY_RELU:
                output_as(m, HEDGE_ACT_LEAKY_RELU, out, begin, end);
                break;
        default:
                output_as(m, HEDGE_ACT_NONE, out, begin, end);
        }
}

#define TEXT_OF(x) #x
#define TEXT(x)    TEXT_OF(x)

const hedge_winograd_isa_t ISA(winograd) = {
        .name = TEXT(HEDGE_ISA),
        .lanes = WIDE_BYTES / sizeof(float),
        .input = input,
        .output = output,
};

/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled once per instruction set, with ISA(x) naming what it defines, and without contracting a * b + c, so that all
 * of them round alike. The loops choose by integers, because compilers turn only those into vectors everywhere. */
#include "common/co3/co3_isa.h"

#include <stdbool.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers lie in memory as on the wire");

#define ALWAYS  static inline __attribute__((always_inline))
#define CHUNK   1024 /* entries, even: what passes through the first-level cache at a time */
#define SIGN    0x80000000u
#define BIAS    127u    /* of a float's exponent */
#define ROUNDER 0x1p23f /* a sum with it has units of 1 */

typedef uint16_t pair_t __attribute__((aligned(1), may_alias));

ALWAYS uint32_t bits_of(float x)
{
        uint32_t bits;

        memcpy(&bits, &x, sizeof(bits));
        return bits;
}

ALWAYS float float_of(uint32_t bits)
{
        float x;

        memcpy(&x, &bits, sizeof(x));
        return x;
}

/* Magnitudes fit int32_t, which every instruction set compares. */
ALWAYS uint32_t smaller(uint32_t a, uint32_t b)
{
        return (int32_t)a < (int32_t)b ? a : b;
}

ALWAYS uint32_t choose(uint32_t a, uint32_t b, uint32_t below, uint32_t above)
{
        const uint32_t mask = -(uint32_t)((int32_t)a < (int32_t)b);

        return (below & mask) | (above & ~mask);
}

/* A number from 2^m on is a float with fewer bits: its code is the upper end of the float's, less `base`. */
ALWAYS uint32_t base_of(unsigned m)
{
        return (BIAS + m - 1) << m;
}

/* e + m + 1 bits per code: its lower eight go to `low` where there are more than eight, else all to `codes`. */
ALWAYS void convert_chunk(const float *restrict gradient, float *restrict error, size_t n, float gamma, float scale,
                          uint8_t *restrict codes, uint8_t *restrict low, const unsigned e, const unsigned m)
{
        const unsigned drop = 23 - m;
        const uint32_t least = (BIAS + m) << 23, most = (((1u << (e + m)) - 1) + base_of(m)) << drop;
        const float inverse = 1 / scale;

        for (size_t i = 0; i < n; i++) {
                const float x = gradient[i] + gamma * error[i];
                const uint32_t bits = bits_of(x * inverse), sign = bits & SIGN, size = smaller(bits & ~SIGN, most);
                const uint32_t rounded = (size + (1u << (drop - 1)) - 1 + (size >> drop & 1)) >> drop;
                const float small = float_of(size) + ROUNDER;
                const uint32_t number = choose(size, least, bits_of(small - ROUNDER), rounded << drop);
                const uint32_t code = choose(size, least, bits_of(small) - bits_of(ROUNDER), rounded - base_of(m));
                const uint32_t all = code | choose(0, code, sign >> (31 - e - m), 0);

                error[i] = x - float_of(number | sign) * scale;
                if (e + m > 7)
                        low[i] = (uint8_t)all;
                codes[i] = (uint8_t)(e + m > 7 ? all >> 8 : all);
        }
}

ALWAYS void restore_chunk(const uint8_t *restrict codes, const uint8_t *restrict low, size_t n, float factor,
                          float *restrict sum, const unsigned e, const unsigned m)
{
        const uint32_t magnitude = (1u << (e + m)) - 1;

        for (size_t i = 0; i < n; i++) {
                const uint32_t all = e + m > 7 ? (uint32_t)codes[i] << 8 | low[i] : codes[i], code = all & magnitude;
                const uint32_t small = bits_of((float)(int32_t)code);
                const uint32_t number = choose(code, 1u << m, small, (code + base_of(m)) << (23 - m));

                sum[i] += factor * float_of(number | (all << (31 - e - m) & SIGN));
        }
}

/* Two codes of a byte each become one byte, and back; n codes, and room for one more. */
ALWAYS void pack(const uint8_t *codes, size_t n, uint8_t *restrict out)
{
        const pair_t *restrict pairs = (const pair_t *)codes;

        for (size_t i = 0; i < (n + 1) / 2; i++)
                out[i] = (uint8_t)(pairs[i] | pairs[i] >> 4);
}

ALWAYS void unpack(const uint8_t *restrict in, size_t n, uint8_t *codes)
{
        pair_t *restrict pairs = (pair_t *)codes;

        for (size_t i = 0; i < (n + 1) / 2; i++)
                pairs[i] = (uint16_t)((in[i] | (uint32_t)in[i] << 4) & 0x0f0f);
}

ALWAYS void convert_any(const float *gradient, float *error, size_t n, float gamma, float scale, uint8_t *out,
                        const unsigned e, const unsigned m)
{
        const bool narrow = e + m == 3;
        float none[CHUNK];
        uint8_t codes[CHUNK];

        for (size_t at = 0; at < n; at += CHUNK) {
                const size_t count = n - at < CHUNK ? n - at : CHUNK;

                if (!error)
                        memset(none, 0, sizeof(none));
                convert_chunk(gradient + at, error ? error + at : none, count, gamma, scale, narrow ? codes : out + at,
                              e + m > 7 ? out + n + at : NULL, e, m);
                if (narrow && count % 2)
                        codes[count] = 0;
                if (narrow)
                        pack(codes, count, out + at / 2);
        }
}

ALWAYS void restore_any(const uint8_t *in, const uint8_t *low, size_t n, float factor, float *sum, const unsigned e,
                        const unsigned m)
{
        const bool narrow = e + m == 3;
        uint8_t codes[CHUNK];

        for (size_t at = 0; at < n; at += CHUNK) {
                const size_t count = n - at < CHUNK ? n - at : CHUNK;

                if (narrow)
                        unpack(in + at / 2, count, codes);
                restore_chunk(narrow ? codes : in + at, e + m > 7 ? low + at : NULL, count, factor, sum + at, e, m);
        }
}

ALWAYS uint32_t peak_chunk(const float *gradient, const float *error, size_t n, float gamma)
{
        int32_t highest = 0; /* magnitudes are ordered as their bits are */

        for (size_t i = 0; i < n; i++) {
                const int32_t size = (int32_t)(bits_of(gradient[i] + gamma * error[i]) & ~SIGN);

                highest = size > highest ? size : highest;
        }
        return (uint32_t)highest;
}

static uint32_t peak(const float *gradient, const float *error, size_t n, float gamma)
{
        static const float none[CHUNK];
        uint32_t highest = 0;

        if (error)
                return peak_chunk(gradient, error, n, gamma);
        for (size_t at = 0; at < n; at += CHUNK) {
                const uint32_t one = peak_chunk(gradient + at, none, n - at < CHUNK ? n - at : CHUNK, 0);

                highest = one > highest ? one : highest;
        }
        return highest;
}

#define MINIFLOAT(name, e, m)                                                                                    \
        static void convert_##name(const float *gradient, float *error, size_t n, float gamma, float scale,      \
                                   uint8_t *codes)                                                               \
        {                                                                                                        \
                convert_any(gradient, error, n, gamma, scale, codes, e, m);                                      \
        }                                                                                                        \
                                                                                                                 \
        static void restore_##name(const uint8_t *codes, const uint8_t *low, size_t n, float factor, float *sum) \
        {                                                                                                        \
                restore_any(codes, low, n, factor, sum, e, m);                                                   \
        }

MINIFLOAT(fp16, 5, 10)
MINIFLOAT(fp8, 5, 2)
MINIFLOAT(fp4, 2, 1)

const hedge_co3_isa_t ISA(co3) = {
        .peak = peak,
        .fp16 = { 5, 10, 0x7ffp30f, convert_fp16, restore_fp16 },
        .fp8 = { 5, 2, 0x7p30f, convert_fp8, restore_fp8 },
        .fp4 = { 2, 1, 12, convert_fp4, restore_fp4 },
};

/* SPDX-License-Identifier: Apache-2.0 */
/* Compiled once per instruction set, with ISA(x) naming what it defines. The loops over a block are for the compiler to
 * turn into vectors. */
#include "common/code/q16_isa.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "common/code/q16.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers lie in memory as on the wire");

#define LEVELS   32767.0f
#define SMALLEST 0x1p-100f       /* peak; far enough from where its quotient or scale would leave the normal numbers */
#define LARGEST  0x1.fffffcp127f /* of which the scale times LEVELS does not overflow */
#define INFINITE 0x7f800000      /* as bits, without the sign: this and above */
#define ROUNDER  0x1.8p23f       /* a sum with it has units of 1: its low bits are the rounded integer */

typedef int16_t level_t __attribute__((aligned(1), may_alias));

static inline int32_t bits_of(float x)
{
        int32_t bits;

        memcpy(&bits, &x, sizeof(bits));
        return bits;
}

static inline __attribute__((always_inline)) int encode_block(const float *restrict x, size_t n, uint8_t *restrict out)
{
        level_t *restrict levels = (level_t *)(out + sizeof(float));
        int32_t highest = 0;
        float peak, scale = 0, inverse = 0;

        for (size_t i = 0; i < n; i++) {
                const int32_t magnitude = bits_of(x[i]) & INT32_MAX; /* ordered as the numbers are */

                highest = magnitude > highest ? magnitude : highest;
        }
        if (highest >= INFINITE)
                return -EINVAL;
        memcpy(&peak, &highest, sizeof(peak));
        if (peak >= SMALLEST) {
                scale = (peak < LARGEST ? peak : LARGEST) / LEVELS;
                inverse = LEVELS / peak;
        }
        memcpy(out, &scale, sizeof(scale));
        for (size_t i = 0; i < n; i++)
                levels[i] = (int16_t)bits_of(x[i] * inverse + ROUNDER);
        return 0;
}

static int encode(const float *x, size_t n, void *out)
{
        uint8_t *block = out;
        int r = 0;

        for (; n >= HEDGE_Q16_BLOCK && r == 0; n -= HEDGE_Q16_BLOCK) {
                r = encode_block(x, HEDGE_Q16_BLOCK, block);
                x += HEDGE_Q16_BLOCK;
                block += HEDGE_Q16_BLOCK_BYTES;
        }
        return n && r == 0 ? encode_block(x, n, block) : r;
}

static inline __attribute__((always_inline)) void decode_block(const uint8_t *restrict block, size_t first, size_t n,
                                                               float *restrict out)
{
        const level_t *restrict levels = (const level_t *)(block + sizeof(float)) + first;
        float scale;

        memcpy(&scale, block, sizeof(scale));
        for (size_t i = 0; i < n; i++)
                out[i] = levels[i] * scale;
}

static void decode(const void *in, size_t begin, size_t end, float *out)
{
        const uint8_t *block = (const uint8_t *)in + begin / HEDGE_Q16_BLOCK * HEDGE_Q16_BLOCK_BYTES;
        const size_t first = begin % HEDGE_Q16_BLOCK;
        size_t left = end - begin;

        if (first > 0) {
                const size_t rest = HEDGE_Q16_BLOCK - first, n = rest < left ? rest : left;

                decode_block(block, first, n, out);
                out += n;
                left -= n;
                block += HEDGE_Q16_BLOCK_BYTES;
        }
        for (; left >= HEDGE_Q16_BLOCK; left -= HEDGE_Q16_BLOCK) {
                decode_block(block, 0, HEDGE_Q16_BLOCK, out);
                out += HEDGE_Q16_BLOCK;
                block += HEDGE_Q16_BLOCK_BYTES;
        }
        if (left > 0)
                decode_block(block, 0, left, out);
}

const hedge_q16_t ISA(q16) = { encode, decode };

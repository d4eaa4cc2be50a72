/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_HELD_H
#define HEDGE_HELD_H

#include <stdint.h>

/** Memory that a graph of which a board computes segments takes there, as the board counts it when the graph comes and as the
 * coordinator reckons with it before: one function, so that what is planned is taken. */

/** Counted for the graph and for each of its nodes besides its constants. */
#define HEDGE_HELD_OVERHEAD_BYTES 4096u

/** Constants as they came, and once more as floats, packed for the kernels.
 * @param frame_bytes  Of the constants' frames. @param elements  Of the constants. @return UINT64_MAX where it does not fit. */
static inline uint64_t hedge_held_bytes(uint64_t frame_bytes, uint64_t elements, uint32_t n_nodes)
{
        uint64_t floats, bytes;

        if (__builtin_mul_overflow(elements, (uint64_t)sizeof(float), &floats) ||
            __builtin_add_overflow(frame_bytes, floats, &bytes) ||
            __builtin_add_overflow(bytes, HEDGE_HELD_OVERHEAD_BYTES * (1 + (uint64_t)n_nodes), &bytes))
                return UINT64_MAX;
        return bytes;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_SAZD_ISA_H
#define HEDGE_SAZD_ISA_H

#include <stdbool.h>
#include <stddef.h>

#include "common/isa.h"

/** Inside of common/code: what each instruction set's copy of sazd_isa.c defines. */
typedef struct hedge_sazd_isa {
        /** out[x] = first[x] plus (or minus) every others[o][x], added up in double and rounded once. `out` overlaps
         * nothing. */
        void (*sum)(const float *first, const float *const *others, unsigned count, bool subtract, float *out,
                    size_t n);
} hedge_sazd_isa_t;

extern const hedge_sazd_isa_t base_sazd, avx2_sazd, avx512_sazd;

#endif

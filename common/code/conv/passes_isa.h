/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_PASSES_ISA_H
#define HEDGE_PASSES_ISA_H

#include "common/code/conv/passes.h"
#include "common/isa.h"

/** Inside of common/code: what each instruction set's copy of passes_isa.c defines. */

extern const hedge_passes_t base_passes_f32, base_passes_f64;
extern const hedge_passes_t avx2_passes_f32, avx2_passes_f64;
extern const hedge_passes_t avx512_passes_f32, avx512_passes_f64;

#endif

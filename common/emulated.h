/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_EMULATED_H
#define HEDGE_EMULATED_H

#include "common/err.h"

/** The test bed's brake: how slow a program should pretend to be, from the environment variable HEDGE_EMULATE_MACS_PER_S.
 * Only to be asked for where the configuration has test.allow_emulation.
 * @param ret_macs_per_s  Multiply-accumulates per second; untouched where the variable is not set.
 * @return 0, HEDGE_ECONFIG. */
int hedge_emulated_rate(double *ret_macs_per_s, hedge_why_t *why);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_EMULATED_H
#define HEDGE_EMULATED_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

/** The test bed's brake: how slow a program should pretend to be, from the environment variable HEDGE_EMULATE_MACS_PER_S.
 * Only to be asked for where the configuration has test.allow_emulation.
 * @param ret_macs_per_s  Multiply-accumulates per second; untouched where the variable is not set.
 * @return 0, HEDGE_ECONFIG. */
int hedge_emulated_rate(double *ret_macs_per_s, hedge_why_t *why);

/** When work that began at began_us (monotonic) is done at that rate; macs_per_s is above 0. */
int64_t hedge_emulated_until(int64_t began_us, double macs, double macs_per_s);

/** The same for one of several threads, which share what computes at that rate: none begins before the last one's work is done. */
int64_t hedge_emulated_share(int64_t began_us, double macs, double macs_per_s);

/** Sleep until then, but for at most 50 ms, so that a caller can look at whether it is to stop.
 * @return whether it is not yet time. */
bool hedge_emulated_wait(int64_t until_us);

/* The test bed may also run a program so that all its processor time is stretched (test/bed/slow.h). Elsewhere these do nothing. */

/** Is this program run so? What it counts of its processor time is then in part the stretching's own. */
bool hedge_emulated_is_stretched(void);

/** The calling thread's processor time is, from now on, or is no longer, that of work which takes its time by a rate: it is not
 * stretched too. */
void hedge_emulated_rated(bool rated);

/** @return what the rest of the calling thread's processor time since the last call comes to, stretched; 0 where nothing is. */
int64_t hedge_emulated_rest_us(void);

#endif

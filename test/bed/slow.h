/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_BED_SLOW_H
#define HEDGE_TEST_BED_SLOW_H

#include <stdint.h>

/** A library for LD_PRELOAD: let a program's threads be as slow as those of a slower processor.
 *
 * Whatever processor time a thread uses is stretched by HEDGE_SLOW (an environment variable, at least 1): before the thread blocks,
 * wakes another, sends, receives or looks at a clock, it sleeps HEDGE_SLOW - 1 times what it used since it did so last. So others, and
 * itself, see what it made no sooner than a slower processor would have made it, and a thread that has used nothing is not delayed. At most HEDGE_SLOW_CORES
 * (4) threads of a program sleep for their processor time at once: the others wait for a core. Sleeps end late; what a thread
 * overslept is taken off the next, so that the mean is right. Its clocks of processor time show what the slower processor would have
 * taken.
 *
 * Where HEDGE_SLOW_WHILE names a file (that stays where it is, and has a byte at least), all this is so while its first byte is '1'.
 *
 * Where the program itself stretches some of its work (common/emulated.h), it says so, and that is not stretched twice. */

/** The calling thread's processor time from now on is (1) or is not (0) stretched by the program; and that of threads that it makes
 * meanwhile, for as long as they live. */
void hedge_slow_rated(int rated);

/** What the calling thread's other processor time since the last call comes to on the slower processor. */
int64_t hedge_slow_taken_us(void);

/** Of the calling thread, in all, for tests: what it owed and what counts of its sleep for it. */
int64_t hedge_slow_owed_ns(void);
int64_t hedge_slow_slept_ns(void);

#endif

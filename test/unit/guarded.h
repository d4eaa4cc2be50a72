/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_GUARDED_H
#define HEDGE_TEST_GUARDED_H

#include <stdbool.h>

/* Memory that libraries take with an alignment (their scratch and packed weights), with a page that may not be touched
 * right behind it: guarded.c puts itself before the C library's posix_memalign, aligned_alloc and free.
 * Not under sanitizers, which have theirs there. */

/* From now on, or no more. */
extern bool hedge_guarded;

/* Was anything written between such memory and its page? */
bool hedge_guarded_broken(void);

#endif

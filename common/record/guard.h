/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_RECORD_GUARD_H
#define HEDGE_RECORD_GUARD_H

#include <stddef.h>

#include "common/err.h"

#define HEDGE_GUARD_DEPTH   8u      /**< arrays and maps within each other */
#define HEDGE_GUARD_OBJECTS 524288u /**< values, keys included: msgpack-c takes 24 bytes for each */

/** Walk over raw msgpack bytes before msgpack-c does, which takes memory for whatever count an array announces.
 *
 * Says yes to exactly one object that fills the bytes exactly, in which every count and length is covered by bytes that
 * are there, at most HEDGE_GUARD_DEPTH deep and of at most HEDGE_GUARD_OBJECTS values. Takes no memory and does not
 * recurse.
 * Format: msgpack's specification (github.com/msgpack/msgpack, spec.md).
 * @return 0, HEDGE_EMALFORMED, HEDGE_ELIMIT. */
int hedge_guard(const void *bytes, size_t size, hedge_why_t *why);

#endif

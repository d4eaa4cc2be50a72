/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_PARALLEL_H
#define HEDGE_PARALLEL_H

#include <stddef.h>

/** Inside of common/code: split a loop over threads. */

#define HEDGE_PARALLEL_MAX 16u

/** Multiply-adds of a coded row that take as long as to fetch or write one element beside them, as floats or q16. */
#define HEDGE_PARALLEL_MOVE 8u

/** As many of `threads` as `work` multiply-adds are worth. A thread takes about 50 us to begin and to end, 20 of a processor: it has
 * to have more than ten times as much to do. */
unsigned hedge_parallel_threads(unsigned threads, size_t work);

/** Call work(context, begin, end) for disjoint ranges that cover 0 .. count, one in each of at most `threads`
 * threads, the caller's among them. A thread that can't be made costs time only: the caller does its range. */
void hedge_parallel(unsigned threads, size_t count, void (*work)(void *context, size_t begin, size_t end),
                    void *context);

#endif

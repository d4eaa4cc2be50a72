/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_COST_H
#define HEDGE_COST_H

#include <stdbool.h>
#include <stdint.h>

/** What this process has taken so far: processor time by what it was for, messages, bytes. Totals that only grow.
 *
 * A thread says what it does next and what it did before is counted, so that a second is never counted twice, however such phases
 * lie inside one another:
 *
 *      const hedge_cost_kind_t before = hedge_cost_enter(HEDGE_COST_CODING);
 *      ...
 *      hedge_cost_enter(before);
 *
 * That takes a system call: at the borders of a phase of a millisecond or so. What is short and happens often within one is timed by
 * the clock on the wall:
 *
 *      const int64_t since_ns = hedge_cost_clock();
 *      ...
 *      hedge_cost_aside(HEDGE_COST_SOLVING, since_ns);
 */

typedef enum hedge_cost_kind {
        HEDGE_COST_OTHER,    /**< what none of these is: how a thread begins */
        HEDGE_COST_KERNEL,   /**< convolutions and the other operators */
        HEDGE_COST_CODING,   /**< encoding, decoding, conversions of the numbers on the wire */
        HEDGE_COST_SOLVING,  /**< rank, condition and the decoding matrix */
        HEDGE_COST_MESSAGES, /**< packing, unpacking, who gets what; the loop */
        HEDGE_COST_KINDS,
} hedge_cost_kind_t;

#define HEDGE_COST_MAX \
        ((uint64_t)1 << 53) /**< of each figure: what JSON's readers keep of a number; of microseconds 285 years */

typedef struct hedge_cost {
        uint64_t process_us; /**< all threads', ended ones too; 0: not known */
        uint64_t kernel_us;  /**< with the threads that the libraries of operators start themselves */
        uint64_t coding_us, solving_us, messages_us;
        uint64_t io_us; /**< libzmq's threads: encryption and the system calls of connections */
        uint64_t sent, received, sent_bytes, received_bytes; /**< messages, and their headers and frames */
        uint64_t switches, faults;                           /**< of threads' contexts; of pages */
        uint64_t parts;                                      /**< computed here, or asked for */
        uint64_t vain_parts,
                vain_us; /**< those of them that were not sent, since nobody wanted them any more, or not used */
} hedge_cost_t;

/** This thread is one of ours, and not of a library's that computes; what enters a phase says so by that. */
void hedge_cost_thread(void);

/** From now on this thread works for `kind`. @return what for until now. */
hedge_cost_kind_t hedge_cost_enter(hedge_cost_kind_t kind);

/** For what is short: the monotonic clock, and: from then until now this thread worked for `kind`. Where it had to wait for a
 * processor meanwhile that is too much, but never more than the phase took that this is within. */
int64_t hedge_cost_clock(void);
void hedge_cost_aside(hedge_cost_kind_t kind, int64_t since_ns);

/** What this thread works for. */
hedge_cost_kind_t hedge_cost_now(void);

/** Processor time of this thread. */
uint64_t hedge_cost_thread_us(void);

void hedge_cost_sent(uint64_t bytes);
void hedge_cost_received(uint64_t bytes);

/** Parts that were computed, or asked for. @param vain, vain_us  So many of them for nothing, and the processor time of these. */
void hedge_cost_parts(uint64_t all, uint64_t vain, uint64_t vain_us);

/** All so far. What this thread does is counted until now; other threads, until they last entered a phase. Reads /proc where that is
 * there: without it I/O and the libraries' own threads are 0, and in none of the parts. */
void hedge_cost_read(hedge_cost_t *ret);

/** Can a process whose totals were `before` have these now? What is named is no more than the whole, nothing becomes less, and no figure
 * is above HEDGE_COST_MAX. */
bool hedge_cost_credible(const hedge_cost_t *cost, const hedge_cost_t *before);

#endif

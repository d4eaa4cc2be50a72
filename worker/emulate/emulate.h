/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_EMULATE_H
#define HEDGEW_EMULATE_H

#include <stdbool.h>
#include <stdint.h>

/** For test beds: let this board be another, slower or worse one than it is.
 *
 * What it is to be stands in a file (worker/emulate/emulation.h says how), which is read again whenever it was replaced: looked at
 * when a task comes. To replace it, write another and rename it, so that nobody reads half of it. */
typedef struct hedgew_emulate hedgew_emulate_t;

#define HEDGEW_NEVER_US INT64_MAX

/** What is to become of a task. All zeros: what becomes of it anyway. */
typedef struct hedgew_fate {
        double macs_per_s; /**< each part takes its multiply-accumulates divided by this; 0: as long as it takes */
        int64_t arrival_us; /**< it is not here before (monotonic time); 0: it is here, HEDGEW_NEVER_US: it never will be */
        int64_t hold_us;      /**< its answers leave so much later than they are ready */
        bool fails;           /**< it is answered with an error at once */
        uint64_t store_bytes; /**< worker/infer/stored_parts.h: may take so much; 0: there is none */
        uint64_t input;       /**< which input of the network it is of; 0: not told */
        bool verify;          /**< what the store has is computed too, and compared */
} hedgew_fate_t;

/** @param path        The file, copied; NULL: none. One that is not there, or has a wrong line, is told of in the log, and what
 *                     was read before (at first: no line at all) stays true.
 * @param macs_per_s  The rate where the file says none; 0: not slowed down.
 * @return 0, -ENOMEM. */
int hedgew_emulate_new(const char *path, double macs_per_s, hedgew_emulate_t **ret);

/** NULL-safe; nullifies. */
void hedgew_emulate_destroy(hedgew_emulate_t **emulate);

/** Draw the fate of a task that comes now: that of its run. Layer runs are counted anew whenever the file is written. */
void hedgew_emulate_task(hedgew_emulate_t *emulate, uint64_t run, hedgew_fate_t *ret);

#endif

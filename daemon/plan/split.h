/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_SPLIT_H
#define HEDGED_SPLIT_H

#include "daemon/plan/strips.h"
#include "daemon/plan/survey.h"

/** A segment between two points, and how it may be cut into windows. */

typedef struct hedged_section {
        const hedged_survey_t *survey;
        unsigned from, to; /**< points */
        hedge_precision_t wire;
        bool local;           /**< it can be cut into windows */
        hedged_strip_t whole; /**< in one piece */
} hedged_section_t;

/** Windows of one size, but for the last of each row and column. */
typedef struct hedged_split {
        uint32_t rows, cols;   /**< of a window */
        unsigned down, across; /**< so many windows */
        unsigned n;            /**< all together */
        hedged_strip_t *strips;
        double work; /**< of all */
} hedged_split_t;

/** @param q16  Whether numbers may go by 16 bits, where common/segment/crossing.h lets them. */
void hedged_section_init(const hedged_survey_t *survey, unsigned from, unsigned to, bool q16, hedged_section_t *ret);

/** Cut into about n windows: strips of rows, or tiles where strips would compute a tenth in vain and tiles less.
 *
 * Windows at the borders are looked at, and one in the middle, which stands for all others.
 * @return 0, -ENOENT (it cannot be cut so), -ENOMEM. */
int hedged_split_make(const hedged_section_t *section, unsigned n, hedged_split_t *ret);
void hedged_split_release(hedged_split_t *split);

/** Where a window lies in the segment's output. */
hedge_window_t hedged_split_window(const hedged_section_t *section, const hedged_split_t *split, unsigned i);

/** What one takes, exactly. @return 0, or as hedge_reach_trace. */
int hedged_section_window(const hedged_section_t *section, const hedge_window_t *window, hedged_strip_t *ret,
                          uint64_t *ret_macs);

#endif

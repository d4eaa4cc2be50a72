/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_REPORTS_H
#define HEDGED_REPORTS_H

#include "common/types/report.h"

/** A list of reports that grows. All zeros: empty. */
typedef struct hedged_reports {
        hedge_layer_report_t *list;
        unsigned n, room;
} hedged_reports_t;

/** One more, all zero, to be filled in before the next is asked for. @return NULL: no memory. */
hedge_layer_report_t *hedged_reports_add(hedged_reports_t *reports);

/** Put all of another list behind these; it is empty afterwards. @return 0, -ENOMEM (nothing has changed). */
int hedged_reports_join(hedged_reports_t *reports, hedged_reports_t *others);

/** Free them with all that is in them. Empty afterwards. */
void hedged_reports_release(hedged_reports_t *reports);

#endif

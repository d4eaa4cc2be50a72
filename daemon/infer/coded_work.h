/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_CODED_WORK_H
#define HEDGED_CODED_WORK_H

#include "daemon/infer/work.h"
#include "daemon/models/model.h"

/** A coded layer as work for boards. @param variant  Borrowed for the work's life. @return 0, -ENOMEM. */
int hedged_coded_work(const hedged_variant_t *variant, hedged_run_work_t **ret);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_RUN_H
#define HEDGED_RUN_H

#include "daemon/train/settings.h"

/** Running a job: a thread of its own, from reading its folder to the model that it writes there. */
typedef struct hedged_run hedged_run_t;

/** Start. The thread goes on from the folder's checkpoint if there is one. @return 0, -ENOMEM, -errno. */
int hedged_run_start(const hedged_run_settings_t *settings, hedged_run_t **ret);

/** Join the thread and free; it has `ended`, or will end soon (hedged_line_stop). NULL-safe; nullifies. */
void hedged_run_destroy(hedged_run_t **run);

#endif

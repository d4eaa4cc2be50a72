/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_PLANNED_H
#define HEDGED_PLANNED_H

#include "daemon/measure/speed.h"

/** What a model was planned for, kept beside it: NAME/planned in the repository. Planning is a function of the configuration,
 * the model, these speeds, the boards' memory and the costs of messages and coding, so that after a restart, when no board has come yet, the same plan is made again and the
 * boards' shares and blocks still fit it. */

/** Write the file (beside, then renamed). @return 0, -errno. */
int hedged_planned_save(const char *repository, const char *model, const hedged_speeds_t *speeds);

/** Read it. All boards are taken to be usable.
 * @param boards  How many it must be about: the codes are made for so many.
 * @return 0, -ENOENT (there is none), -EINVAL (damaged, or about another number of boards), -errno. */
int hedged_planned_load(const char *repository, const char *model, unsigned boards, hedged_speeds_t *ret);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_CO3_H
#define HEDGED_CO3_H

#include "daemon/train/method.h"

/** hedged_method_co3: data-parallel training on the boards.
 *
 * Every board computes gradients on its shard of the data and sends them in few bits (common/co3); the coordinator averages those
 * that a step takes, makes an update of them and sends that to all, in few bits as well. Who draws from which shard and who
 * is late is daemon/train/co3/crew.h's to know; the sum of gradients uplink.h's, and the way of the parameters downlink.h's.
 *
 * Into how many shards the data is cut stays as it was at the start: where the job does not say it, it is kept in the job's folder,
 * in the file HEDGED_CO3_SHARDS, which goes when the checkpoint goes. */
#define HEDGED_CO3_SHARDS HEDGED_FOLDER_CHECKPOINT "-shards"

#endif

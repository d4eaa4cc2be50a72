/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_LOCAL_H
#define HEDGED_LOCAL_H

#include "daemon/train/method.h"

/** hedged_method_local: training in the coordinator alone, the yardstick. */

#endif

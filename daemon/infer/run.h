/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_RUN_H
#define HEDGED_RUN_H

#include "daemon/infer/runner.h"

/** One run of a request's model, by one thread. */

/** Get memory for the answer of a request: outputs that runs share, and reports. @return 0, -ENOMEM. */
int hedged_run_open(hedged_request_t *request);

/** All runs are over: their reports become the request's. @return 0, -ENOMEM. */
int hedged_run_close(hedged_request_t *request);

/** Do run `index` of an opened request and put what comes out to where it belongs. Several threads may do so, each with an
 * index of its own.
 * @param stopping  Once it is true, the run ends at its next layer.
 * @return 0, HEDGE_ESHUTDOWN, -ENOMEM, request->failure as soon as that is set, or what the engine failed with. */
int hedged_run(const hedged_runner_settings_t *settings, const atomic_bool *stopping, hedged_request_t *request,
               uint32_t index);

#endif

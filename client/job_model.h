/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_JOB_MODEL_H
#define HEDGEC_JOB_MODEL_H

#include "client/connection.h"

/** The files of what a job has learnt: the ONNX file that the user names, and its manifest beside it. */
typedef struct hedgec_job_model {
        char *onnx, *manifest;
        char *load; /**< "hedge load digits.onnx --manifest digits.model.yaml" */
} hedgec_job_model_t;

/** Name the files. The manifest of model.onnx is model.yaml, where `hedge load` finds it; that of digits.onnx is
 * digits.model.yaml, since digits.yaml may well be the job. Checks that both can be written, and writes nothing.
 * @return 0, -ENOMEM, -errno. */
int hedgec_job_model_name(const char *onnx, hedgec_job_model_t *ret, hedge_why_t *why);
void hedgec_job_model_release(hedgec_job_model_t *model);

/** Fetch it and write both files, each whole or not at all. @return 0, what the request says, -errno. */
int hedgec_job_model_fetch(hedgec_connection_t *connection, uint64_t job, const hedgec_job_model_t *model,
                           hedge_why_t *why);

#endif

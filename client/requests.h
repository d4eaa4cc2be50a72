/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_REQUESTS_H
#define HEDGEC_REQUESTS_H

#include "client/answer.h"
#include "client/connection.h"
#include "common/types/output.h"

/** The short questions to a coordinator. Each returns 0 and the answer (release it with hedge_envelope_release), or what
 * hedgec_connection_request returns. */
int hedgec_request_status(hedgec_connection_t *connection, hedge_envelope_t *ret, hedge_why_t *why);

/** All models, or (name not NULL) one, once for each shape that it is loaded for; HEDGE_ENOMODEL where there is none of that name. */
int hedgec_request_models(hedgec_connection_t *connection, const char *name, hedge_envelope_t *ret, hedge_why_t *why);

/** Like hedgec_request_models for one model, with its labels. */
int hedgec_request_model(hedgec_connection_t *connection, const char *name, hedge_envelope_t *ret,
                         hedgec_labels_t *ret_labels, hedge_why_t *why);

/** What the answer to hedgec_request_model says of the model's outputs; of classes where it says nothing.
 * @return 0, HEDGE_ECONFIG, -ENOMEM. */
int hedgec_answer_output(const hedge_envelope_t *answer, hedge_output_t *ret, hedge_why_t *why);

/** What is asked of PLAN. */
typedef struct hedgec_plan_question {
        const char *model;
        uint32_t boards;       /**< 0: as many as the codes are made for */
        const char *objective; /**< NULL: the configured one */
        uint32_t n_inputs;
        hedge_shape_t *inputs; /**< in which of its shapes; none: the first */
} hedgec_plan_question_t;

int hedgec_request_plan(hedgec_connection_t *connection, const hedgec_plan_question_t *question, hedge_envelope_t *ret,
                        hedge_why_t *why);

/** All jobs without their lists (job 0), or one with its epochs and events from `from_epoch` and `from_event` on. The answer
 * about one has one; -ENOENT where there is none of that number. */
int hedgec_request_jobs(hedgec_connection_t *connection, uint64_t job, uint32_t from_epoch, uint32_t from_event,
                        hedge_envelope_t *ret, hedge_why_t *why);

/** What JOB_STOP and TRAIN answer: one job. @return 0, HEDGE_EMALFORMED. */
int hedgec_answer_one_job(const hedge_message_t *answer, hedge_why_t *why);

/** End a job. */
int hedgec_request_job_stop(hedgec_connection_t *connection, uint64_t job, hedge_envelope_t *ret, hedge_why_t *why);

/** What a job has learnt: two frames, an ONNX model and its model.yaml. */
int hedgec_request_job_model(hedgec_connection_t *connection, uint64_t job, hedge_envelope_t *ret, hedge_why_t *why);

/** The product of two matrices, by the deadline in `asked` (its id is filled in).
 * @param frames  A and B; gone after the call. @return the answer has one frame, of rows x columns floats. */
int hedgec_request_matmul(hedgec_connection_t *connection, const hedge_msg_matmul_t *asked, zmq_msg_t frames[2],
                          int wait_ms, hedge_envelope_t *ret, hedge_why_t *why);

/** Boards in a state ("alive") of an answer to STATUS. */
unsigned hedgec_status_count(const hedge_msg_status_ok_t *status, const char *state);

/** Resolve the target, connect, and say what is wrong. @return 0, or the exit status with which to end. */
int hedgec_connect(const char *command, const hedgec_target_t *target, hedgec_connection_t **ret);

/** The other end of a command: close the connection, and where `result` is negative say why. @return the exit status. */
int hedgec_disconnect(hedgec_connection_t **connection, int result, const hedge_why_t *why);

/** Copy a name into a message's field. @return 0, -EINVAL (too long or empty). */
int hedgec_set_name(char *field, size_t size, const char *name, hedge_why_t *why);

#endif

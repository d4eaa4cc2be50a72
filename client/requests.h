/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_CLIENT_REQUESTS_H
#define HEDGE_CLIENT_REQUESTS_H

#include "client/answer.h"
#include "client/connection.h"

/** The short questions to a coordinator. Each returns 0 and the answer (release it with hedge_envelope_release), or what
 * hedge_connection_request returns. */
int hedge_request_status(hedge_connection_t *connection, hedge_envelope_t *ret, hedge_why_t *why);

/** All models, or (name not NULL) one; HEDGE_ENOMODEL where there is none of that name. */
int hedge_request_models(hedge_connection_t *connection, const char *name, hedge_envelope_t *ret, hedge_why_t *why);

/** Like hedge_request_models for one model, with its labels. */
int hedge_request_model(hedge_connection_t *connection, const char *name, hedge_envelope_t *ret,
                        hedge_labels_t *ret_labels, hedge_why_t *why);

/** What is asked of PLAN. */
typedef struct hedge_plan_question {
        const char *model;
        uint32_t boards;       /**< 0: as many as the codes are made for */
        const char *objective; /**< NULL: the configured one */
} hedge_plan_question_t;

int hedge_request_plan(hedge_connection_t *connection, const hedge_plan_question_t *question, hedge_envelope_t *ret,
                       hedge_why_t *why);

/** All jobs without their lists (job 0), or one with its epochs and events from `from_epoch` and `from_event` on. The answer
 * about one has one; -ENOENT where there is none of that number. */
int hedge_request_jobs(hedge_connection_t *connection, uint64_t job, uint32_t from_epoch, uint32_t from_event,
                       hedge_envelope_t *ret, hedge_why_t *why);

/** What JOB_STOP and TRAIN answer: one job. @return 0, HEDGE_EMALFORMED. */
int hedge_answer_one_job(const hedge_message_t *answer, hedge_why_t *why);

/** End a job. */
int hedge_request_job_stop(hedge_connection_t *connection, uint64_t job, hedge_envelope_t *ret, hedge_why_t *why);

/** What a job has learnt: two frames, an ONNX model and its model.yaml. */
int hedge_request_job_model(hedge_connection_t *connection, uint64_t job, hedge_envelope_t *ret, hedge_why_t *why);

/** The product of two matrices, by the deadline in `asked` (its id is filled in).
 * @param frames  A and B; gone after the call. @return the answer has one frame, of rows x columns floats. */
int hedge_request_matmul(hedge_connection_t *connection, const hedge_msg_matmul_t *asked, zmq_msg_t frames[2],
                         int wait_ms, hedge_envelope_t *ret, hedge_why_t *why);

/** Boards in a state ("alive") of an answer to STATUS. */
unsigned hedge_status_count(const hedge_msg_status_ok_t *status, const char *state);

/** Resolve the target, connect, and say what is wrong. @return 0, or the exit status with which to end. */
int hedge_connect(const char *command, const hedge_target_t *target, hedge_connection_t **ret);

/** Copy a name into a message's field. @return 0, -EINVAL (too long or empty). */
int hedge_set_name(char *field, size_t size, const char *name, hedge_why_t *why);

#endif

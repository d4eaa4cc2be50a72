/* SPDX-License-Identifier: Apache-2.0 */
#include "client/requests.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/say.h"
#include "common/manifest/manifest.h"

#define PLAN_WAIT_MS 120000 /* a coordinator on a small board takes its time */

int hedgec_request_status(hedgec_connection_t *connection, hedge_envelope_t *ret, hedge_why_t *why)
{
        hedge_message_t message = { .type = HEDGE_MSG_STATUS };

        message.status.id = hedgec_connection_id(connection);
        return hedgec_connection_request(connection, &message, NULL, 0, HEDGE_MSG_STATUS_OK, 0, ret, why);
}

int hedgec_set_name(char *field, size_t size, const char *name, hedge_why_t *why)
{
        if (!*name || strlen(name) >= size)
                return hedge_why(why, -EINVAL, "'%.80s' is no name: it may have 1 to %zu bytes", name, size - 1);
        strcpy(field, name);
        return 0;
}

int hedgec_request_models(hedgec_connection_t *connection, const char *name, hedge_envelope_t *ret, hedge_why_t *why)
{
        hedge_message_t message = { .type = HEDGE_MSG_MODELS };
        int r = 0;

        message.models.id = hedgec_connection_id(connection);
        if (name)
                r = hedgec_set_name(message.models.name, sizeof(message.models.name), name, why);
        if (!r)
                r = hedgec_connection_request(connection, &message, NULL, 0, HEDGE_MSG_MODELS_OK, 0, ret, why);
        if (!r && name && ret->message.models_ok.n_models == 0) {
                hedge_envelope_release(ret);
                return hedge_why(why, HEDGE_ENOMODEL, "there is no model '%s'", name);
        }
        return r;
}

int hedgec_request_model(hedgec_connection_t *connection, const char *name, hedge_envelope_t *ret,
                         hedgec_labels_t *ret_labels, hedge_why_t *why)
{
        int r = hedgec_request_models(connection, name, ret, why);

        if (r < 0 || !ret->n_frames)
                return r;
        r = hedgec_labels_parse(zmq_msg_data(&ret->frames[0]), zmq_msg_size(&ret->frames[0]), ret_labels);
        if (r < 0)
                hedge_envelope_release(ret);
        return r < 0 ? hedge_why(why, r, "%s", hedge_strerror(r)) : 0;
}

int hedgec_answer_output(const hedge_envelope_t *answer, hedge_output_t *ret, hedge_why_t *why)
{
        hedge_manifest_t manifest = { .n_labels = 0 };
        int r = 0;

        if (answer->n_frames > 1)
                r = hedge_manifest_parse(HEDGE_MANIFEST_FILE, zmq_msg_data(&answer->frames[1]),
                                         zmq_msg_size(&answer->frames[1]), NULL, &manifest, why);
        if (r < 0)
                return r;
        *ret = manifest.output;
        hedge_manifest_release(&manifest);
        return 0;
}

int hedgec_request_plan(hedgec_connection_t *connection, const hedgec_plan_question_t *question, hedge_envelope_t *ret,
                        hedge_why_t *why)
{
        hedge_message_t message = { .type = HEDGE_MSG_PLAN };
        hedge_msg_plan_t *plan = &message.plan;
        int r = hedgec_set_name(plan->model, sizeof(plan->model), question->model, why);

        plan->id = hedgec_connection_id(connection);
        plan->boards = question->boards;
        plan->n_inputs = question->n_inputs;
        plan->inputs = question->inputs;
        if (!r && question->objective)
                r = hedgec_set_name(plan->objective, sizeof(plan->objective), question->objective, why);
        return r ? r
                 : hedgec_connection_request(connection, &message, NULL, 0, HEDGE_MSG_PLAN_OK, PLAN_WAIT_MS, ret, why);
}

unsigned hedgec_status_count(const hedge_msg_status_ok_t *status, const char *state)
{
        unsigned n = 0;

        for (uint32_t i = 0; i < status->n_boards; i++)
                n += !strcmp(status->boards[i].state, state);
        return n;
}

int hedgec_answer_one_job(const hedge_message_t *answer, hedge_why_t *why)
{
        return answer->jobs_ok.n_jobs == 1 ? 0
                                           : hedge_why(why, HEDGE_EMALFORMED,
                                                       "the coordinator answered about %u jobs where one was asked for",
                                                       answer->jobs_ok.n_jobs);
}

/* An answer that has to be about one job. */
static int one_job(int r, hedge_envelope_t *answer, hedge_why_t *why)
{
        if (!r) {
                r = hedgec_answer_one_job(&answer->message, why);
                if (r < 0)
                        hedge_envelope_release(answer);
        }
        return r;
}

int hedgec_request_jobs(hedgec_connection_t *connection, uint64_t job, uint32_t from_epoch, uint32_t from_event,
                        hedge_envelope_t *ret, hedge_why_t *why)
{
        hedge_message_t message = { .type = HEDGE_MSG_JOBS };
        int r;

        message.jobs = (hedge_msg_jobs_t){ hedgec_connection_id(connection), job, from_epoch, from_event };
        r = hedgec_connection_request(connection, &message, NULL, 0, HEDGE_MSG_JOBS_OK, 0, ret, why);
        return job ? one_job(r, ret, why) : r;
}

int hedgec_request_job_stop(hedgec_connection_t *connection, uint64_t job, hedge_envelope_t *ret, hedge_why_t *why)
{
        hedge_message_t message = { .type = HEDGE_MSG_JOB_STOP };

        message.job_ask = (hedge_msg_job_ask_t){ hedgec_connection_id(connection), job };
        return one_job(hedgec_connection_request(connection, &message, NULL, 0, HEDGE_MSG_JOB_STOP_OK, 0, ret, why),
                       ret, why);
}

int hedgec_request_job_model(hedgec_connection_t *connection, uint64_t job, hedge_envelope_t *ret, hedge_why_t *why)
{
        hedge_message_t message = { .type = HEDGE_MSG_JOB_MODEL };

        message.job_ask = (hedge_msg_job_ask_t){ hedgec_connection_id(connection), job };
        return hedgec_connection_request(connection, &message, NULL, 0, HEDGE_MSG_JOB_MODEL_OK, 0, ret, why);
}

int hedgec_request_matmul(hedgec_connection_t *connection, const hedge_msg_matmul_t *asked, zmq_msg_t frames[2],
                          int wait_ms, hedge_envelope_t *ret, hedge_why_t *why)
{
        hedge_message_t message = { .type = HEDGE_MSG_MATMUL, .matmul = *asked };
        int r;

        message.matmul.id = hedgec_connection_id(connection);
        r = hedgec_connection_request(connection, &message, frames, 2, HEDGE_MSG_MATMUL_OK, wait_ms, ret, why);
        if (r == 0 && zmq_msg_size(&ret->frames[0]) / sizeof(float) != (uint64_t)asked->rows * asked->columns) {
                hedge_envelope_release(ret);
                return hedge_why(why, HEDGE_EMALFORMED, "the coordinator's product is of another size than %u x %u",
                                 asked->rows, asked->columns);
        }
        return r;
}

int hedgec_connect(const char *command, const hedgec_target_t *target, hedgec_connection_t **ret)
{
        hedgec_endpoint_t endpoint;
        hedge_why_t why = { "" };
        int r = hedgec_endpoint_resolve(target, &endpoint, &why);

        if (r == -EINVAL)
                return hedgec_complain_usage(command, "%s: %s", command, why.text);
        if (!r) {
                r = hedgec_connection_open(&endpoint, ret, &why);
                hedge_keys_wipe(&endpoint.keys);
        }
        return r < 0 ? hedgec_complain("%s", why.text) : 0;
}

int hedgec_disconnect(hedgec_connection_t **connection, int result, const hedge_why_t *why)
{
        hedgec_connection_close(connection);
        return result < 0 ? hedgec_complain("%s", why->text) : EXIT_SUCCESS;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/server/clients.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "daemon/server/keys.h"
#include "daemon/server/models.h"
#include "daemon/server/plans.h"
#include "daemon/server/products.h"
#include "daemon/server/requests.h"
#include "daemon/server/trainings.h"

#define PER_TURN 16 /* messages read before the loop looks at everything else */

static void describe_speed(const hedged_speed_t *speed, hedge_board_status_t *s)
{
        s->measured = speed->tasks;
        s->macs_per_s = speed->macs_per_s;
        s->spread = speed->spread;
        s->up_bytes_per_s = speed->up_bytes_per_s;
        s->down_bytes_per_s = speed->down_bytes_per_s;
        s->delay_ms = speed->delay_s * 1000;
}

static void describe_board(const hedged_board_t *b, hedge_board_status_t *s)
{
        memcpy(s->name, b->name, sizeof(s->name));
        memcpy(s->backend, b->backend, sizeof(s->backend));
        memcpy(s->version, b->version, sizeof(s->version));
        snprintf(s->state, sizeof(s->state), "%s", hedged_board_state_name(b));
        s->index = b->index;
        s->cores = b->cores;
        s->shares = b->shares;
        s->held_bytes = b->held_bytes;
        s->share_bytes_max = b->share_bytes_max;
        s->parts_done = b->parts_done;
        s->incarnation = b->incarnation;
        s->queued = b->queued;
        s->seen_ms = (uint64_t)(hedge_now_ms() - b->seen_ms);
        s->round_trip_ms = b->round_trip_ms;
        s->comebacks = b->comebacks;
        s->cost = b->cost;
        s->cost_age_ms = b->cost.process_us ? (uint64_t)(hedge_now_ms() - b->cost_ms) : 0;
}

static void answer_status(hedged_server_t *c, const hedge_asker_t *asker, hedge_envelope_t *e)
{
        static const char *const securities[] = { "curve", "network", "insecure-loopback" };
        hedge_message_t message = { .type = HEDGE_MSG_STATUS_OK };
        hedge_msg_status_ok_t *s = &message.status_ok;
        const hedged_request_counts_t *requests = hedged_requests_counts(c->requests);
        hedged_board_t *const *boards = hedged_cluster_boards(c->cluster, &s->n_boards);

        s->boards = calloc(s->n_boards + 1, sizeof(*s->boards));
        if (!s->boards || hedged_keys_describe(c, s) < 0) {
                free(s->boards);
                hedged_refuse(asker, -ENOMEM, "out of memory");
                return;
        }
        for (uint32_t i = 0; i < s->n_boards; i++) {
                hedged_speed_t speed;

                hedged_measure_speed(c->measure, boards[i]->name, &speed);
                describe_board(boards[i], &s->boards[i]);
                describe_speed(&speed, &s->boards[i]);
        }
        s->id = asker->id;
        snprintf(s->version, sizeof(s->version), "%s", HEDGE_VERSION);
        snprintf(s->security, sizeof(s->security), "%s", securities[c->config->security]);
        snprintf(s->backend, sizeof(s->backend), "%s", hedge_kernels_name(c->kernels));
        s->uptime_ms = (uint64_t)(hedge_now_ms() - c->started_ms);
        s->requests = requests->all;
        s->requests_failed = requests->failed;
        s->in_flight = requests->in_flight;
        s->malformed = c->malformed;
        s->late_parts = c->late_parts;
        hedge_cost_read(&s->cost);
        s->slots = hedged_cluster_slots(c->cluster);
        hedged_reply(asker, &message, NULL, 0);
        free(s->boards);
        free(s->keys);
}

/* What clients may ask, and who answers. */
static const struct question {
        hedge_message_type_t type;
        size_t id; /* where its number is in the message */
        void (*answer)(hedged_server_t *server, const hedge_asker_t *asker, hedge_envelope_t *e);
} questions[] = {
        { HEDGE_MSG_INFER, offsetof(hedge_message_t, infer.id), hedged_requests_infer },
        { HEDGE_MSG_STATUS, offsetof(hedge_message_t, status.id), answer_status },
        { HEDGE_MSG_MODELS, offsetof(hedge_message_t, models.id), hedged_models_list },
        { HEDGE_MSG_LOAD, offsetof(hedge_message_t, load.id), hedged_models_load },
        { HEDGE_MSG_UNLOAD, offsetof(hedge_message_t, unload.id), hedged_models_unload },
        { HEDGE_MSG_PLAN, offsetof(hedge_message_t, plan.id), hedged_plans_ask },
        { HEDGE_MSG_TRAIN, offsetof(hedge_message_t, train.id), hedged_trainings_train },
        { HEDGE_MSG_JOBS, offsetof(hedge_message_t, jobs.id), hedged_trainings_list },
        { HEDGE_MSG_JOB_STOP, offsetof(hedge_message_t, job_ask.id), hedged_trainings_stop_job },
        { HEDGE_MSG_JOB_MODEL, offsetof(hedge_message_t, job_ask.id), hedged_trainings_model },
        { HEDGE_MSG_MATMUL, offsetof(hedge_message_t, matmul.id), hedged_products_matmul },
};

static void handle(hedged_server_t *c, zsock_t *socket, hedge_envelope_t *e)
{
        hedge_asker_t asker = { .socket = socket, .route = e->route };
        char text[HEDGE_TEXT_MAX];

        for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
                if (questions[i].type == e->message.type) {
                        memcpy(&asker.id, (const char *)&e->message + questions[i].id, sizeof(asker.id));
                        questions[i].answer(c, &asker, e);
                        return;
                }
        if (e->message.type == HEDGE_MSG_BYE || e->message.type == HEDGE_MSG_ERROR)
                return;
        c->malformed++;
        snprintf(text, sizeof(text), "clients do not send %s", hedge_message_name(e->message.type));
        hedged_refuse(&asker, HEDGE_EUNSUPPORTED, text);
}

void hedged_clients_receive(hedged_server_t *c, zsock_t *socket)
{
        for (unsigned i = 0; i < PER_TURN; i++) {
                hedge_envelope_t e;
                hedge_why_t why = { "" };
                int r = hedge_link_receive(socket, true, &c->limits, &e, &why);

                if (r == 0 || r == -EAGAIN)
                        return;
                if (!hedged_keys_admit(c, socket, &e)) {
                        hedge_envelope_release(&e);
                        continue;
                }
                if (r > 0) {
                        handle(c, socket, &e);
                        hedge_envelope_release(&e);
                        continue;
                }
                c->malformed++;
                log_warning("dropping a client's message: %s", why.text[0] ? why.text : hedge_strerror(r));
                if (e.route.size)
                        hedged_refuse(&(hedge_asker_t){ socket, e.route, e.about }, r, why.text);
        }
}

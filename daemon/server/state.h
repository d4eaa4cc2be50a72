/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_STATE_H
#define HEDGED_STATE_H

#include "common/mailbox.h"
#include "common/wire/auth.h"
#include "daemon/cluster/cluster.h"
#include "daemon/infer/dispatch.h"
#include "daemon/infer/runner.h"
#include "daemon/models/distribute.h"
#include "daemon/models/prepare.h"
#include "daemon/models/registry.h"
#include "daemon/server/coordinator.h"
#include "daemon/server/sockets.h"
#include "daemon/train/jobs/jobs.h"
#include "daemon/train/jobs/run.h"
#include "daemon/train/jobs/storage.h"
#include "daemon/train/uep/multiply.h"

/** What the loop owns. Shared by coordinator.c (its life and the loop), boards.c (what boards say), clients.c, models.c,
 * planning.c, products.c and training.c (what clients ask), training_queue.c and reply.c; nobody else includes this. */

/** Mail to the loop beside jobs' own. */
enum {
        HEDGED_MAIL_ANSWER = HEDGED_MAIL_OTHERS,
        HEDGED_MAIL_LOADED,
        HEDGED_MAIL_ENCODED,
        HEDGED_MAIL_PLANNED,
        HEDGED_MAIL_LINE,
        HEDGED_MAIL_NEWS,
        HEDGED_MAIL_STORAGE,
        HEDGED_MAIL_PRODUCT,
};

#define HEDGED_MAX_PENDING_LOADS 16
#define HEDGED_MAX_STOPS         16

/* A client that waits for the end of a job, or for a product. */
typedef struct hedged_stop_ask {
        zsock_t *socket;
        hedge_route_t route;
        uint64_t id, job;
} hedged_stop_ask_t;

struct hedged_coordinator {
        const hedged_config_t *config;
        hedge_wire_limits_t limits;
        uint64_t incarnation;
        int64_t started_ms;

        hedge_auth_t *auth; /* NULL without CURVE */
        hedged_sockets_t sockets;
        int stop_fd, reload_fd;

        hedge_mailbox_t *mail;
        hedge_kernels_t *kernels;
        hedged_cluster_t *cluster;
        hedged_measure_t *measure;
        hedged_registry_t registry;
        hedged_dispatch_t *dispatch;
        hedged_preparer_t *preparer;
        hedged_distributor_t *distributor;
        hedged_runners_t *runners;

        hedged_load_t *loads[HEDGED_MAX_PENDING_LOADS];    /* loaded, waiting for the boards before they are answered */
        unsigned n_loads;                                  /* of those */
        hedged_load_t *prepared[HEDGED_MAX_PENDING_LOADS]; /* at the preparer: only who asked may be looked at */
        unsigned preparing;                                /* of those */
        hedged_ask_t *asks[HEDGED_MAX_PENDING_LOADS];      /* PLANs at the preparer: only who asked may be looked at */
        unsigned n_asks;                                   /* of those */
        hedged_speeds_t planned;                           /* what layers were planned with last */
        hedged_request_t *out;                             /* requests at the runners */
        unsigned in_flight;                                /* so many */
        uint64_t requests, requests_failed, malformed, late_parts;
        double macs_per_s; /* the test bed's brake; 0: none */

        hedged_jobs_t jobs;
        bool takes_jobs;     /* there is a folder for them; else */
        hedge_why_t no_jobs; /* why not */
        hedged_storage_t *storage;
        hedged_storage_op_t *ops; /* at the storage */
        unsigned n_ops;           /* so many */
        hedged_line_t *line;      /* of the one that runs, to the boards */
        hedged_run_t *run;
        hedged_job_t *running;
        hedged_stop_ask_t stops[HEDGED_MAX_STOPS];
        unsigned n_stops;
        hedged_multiply_t *product;     /* a client's, in place of a job */
        hedged_stop_ask_t product_ask;  /* who waits for it */
        uint64_t products;              /* so many so far */
        hedged_chance_t product_chance; /* that a packet comes in time */

        int64_t ticked_ms; /* last; 0: never */
        bool stopping;
        int64_t stop_by_ms;
};

/* boards.c */

/** Read everything that boards have sent. */
void hedged_boards_receive(hedged_coordinator_t *c);
/** A heartbeat interval is over: count strikes, send PINGs. */
void hedged_boards_tick(hedged_coordinator_t *c);
/** Say BYE to every board. */
void hedged_boards_bye(hedged_coordinator_t *c);
/** hedged_board_changed_t. */
void hedged_boards_changed(void *arg, hedged_board_t *board, bool restarted);

/* clients.c */

/** Read everything that clients have sent to this socket. */
void hedged_clients_receive(hedged_coordinator_t *c, zsock_t *socket);
/** A request has come back from the runners: answer it. Takes it over. */
void hedged_clients_answer(hedged_coordinator_t *c, hedged_request_t *request);
/** Tell the clients of all requests that are out that there will be no answer. */
void hedged_clients_abandon(hedged_coordinator_t *c);
/* models.c */

/** MODELS, LOAD and UNLOAD. */
void hedged_models_list(hedged_coordinator_t *c, zsock_t *socket, hedge_envelope_t *e);
void hedged_models_load(hedged_coordinator_t *c, zsock_t *socket, hedge_envelope_t *e);
void hedged_models_unload(hedged_coordinator_t *c, zsock_t *socket, hedge_envelope_t *e);
/** A load has come back from the preparer. Takes it over. */
void hedged_models_loaded(hedged_coordinator_t *c, hedged_load_t *load);
/** Answer the loads whose boards have what they need, or whose time is over. */
void hedged_models_settle(hedged_coordinator_t *c);
/** Tell the clients of all loads that are pending how they ended: not, or without waiting for the boards. */
void hedged_models_abandon(hedged_coordinator_t *c);
/** Put a model into service: registry and distribution. Takes the reference over. @return 0, HEDGE_ELIMIT, -ENOMEM. */
int hedged_models_serve(hedged_coordinator_t *c, hedged_model_t *model);

/* planning.c */

/** If boards have come, gone or changed their speed, have it looked at again how layers run. */
void hedged_planning_tick(hedged_coordinator_t *c);
/** PLAN. */
void hedged_planning_ask(hedged_coordinator_t *c, zsock_t *socket, hedge_envelope_t *e);
/** A plan has come back from the preparer. Takes it over. */
void hedged_planning_answer(hedged_coordinator_t *c, hedged_ask_t *ask);
/** Tell the clients of all plans that are pending that there will be none. */
void hedged_planning_abandon(hedged_coordinator_t *c);

/* training.c */

/** TRAIN, JOBS, JOB_STOP and JOB_MODEL. */
void hedged_training_train(hedged_coordinator_t *c, zsock_t *socket, hedge_envelope_t *e);
void hedged_training_jobs(hedged_coordinator_t *c, zsock_t *socket, hedge_envelope_t *e);
void hedged_training_job_stop(hedged_coordinator_t *c, zsock_t *socket, hedge_envelope_t *e);
void hedged_training_job_model(hedged_coordinator_t *c, zsock_t *socket, hedge_envelope_t *e);
/** Answer with this one job, without its epochs and events. */
void hedged_training_answer(zsock_t *socket, const hedge_route_t *route, uint64_t id, hedge_message_type_t type,
                            const hedged_job_t *job);

/* training_queue.c */

/** Read the folder of jobs. One that cannot be read is left alone; without a folder no jobs are taken.
 * @return 0, or why the threads cannot be started. */
int hedged_training_open(hedged_coordinator_t *c, hedge_why_t *why);
/** If none runs, let the next one run. */
void hedged_training_next(hedged_coordinator_t *c);
/** News of the one that runs. Takes it over. */
void hedged_training_news(hedged_coordinator_t *c, hedged_news_t *news);
/** Give an op to the storage. Takes it over. */
void hedged_training_send(hedged_coordinator_t *c, hedged_storage_op_t *op);
/** It has come back. Takes it over. */
void hedged_training_done(hedged_coordinator_t *c, hedged_storage_op_t *op);
/** The job does not run (any more): note how it ended, then answer those who wait for that. */
void hedged_training_end(hedged_coordinator_t *c, hedged_job_t *job, const char *state, const char *text);
/** The program stops: have the one that runs stop, to go on after the next start. */
void hedged_training_stop(hedged_coordinator_t *c);
/** Nothing runs on the boards, nothing is at the storage. */
bool hedged_training_idle(const hedged_coordinator_t *c);
/** Tell all clients that wait that there will be no answer. */
void hedged_training_abandon(hedged_coordinator_t *c);
/** When it is idle. */
void hedged_training_close(hedged_coordinator_t *c);

/* products.c */

/** MATMUL. */
void hedged_products_matmul(hedged_coordinator_t *c, zsock_t *socket, hedge_envelope_t *e);
/** The product has come back. */
void hedged_products_done(hedged_coordinator_t *c);
/** The program stops. */
void hedged_products_stop(hedged_coordinator_t *c);
/** Tell the client that waits that there will be no answer. */
void hedged_products_abandon(hedged_coordinator_t *c);

/* keys.c */

/** Start authentication, where the configuration wants it. */
int hedged_keys_open(hedged_coordinator_t *c, hedge_why_t *why);
/** Read the keys again. */
void hedged_keys_reload(hedged_coordinator_t *c);
/** May the sender of this message use this socket? If not, it has been told so. To be asked of what does not unpack, too. */
bool hedged_keys_admit(hedged_coordinator_t *c, zsock_t *socket, hedge_envelope_t *e);
/** Read the connections' events: who has hung up, who was refused. */
void hedged_keys_monitor(hedged_coordinator_t *c);
/** Fill in refused and keys. The list is to be freed. @return 0, -ENOMEM. */
int hedged_keys_describe(const hedged_coordinator_t *c, hedge_msg_status_ok_t *status);

/* reply.c */

/** Send a message; where it cannot be sent, an error in its place. Frames as in hedge_link_send. */
void hedged_reply(zsock_t *socket, const hedge_route_t *route, uint64_t id, const hedge_message_t *message,
                  zmq_msg_t *frames, uint32_t n_frames);
/** Send an ERROR. @param id  Of the request or job it is about; 0: none. */
void hedged_reply_error(zsock_t *socket, const hedge_route_t *route, uint64_t id, int code, const char *text);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_SERVER_H
#define HEDGED_SERVER_H

#include "common/mailbox.h"
#include "common/wire/auth.h"
#include "daemon/cluster/cluster.h"
#include "daemon/infer/dispatch.h"
#include "daemon/infer/runner.h"
#include "daemon/models/distribute.h"
#include "daemon/models/prepare.h"
#include "daemon/models/registry.h"
#include "daemon/server/reply.h"
#include "daemon/server/sockets.h"

/** Inside of daemon/server: what its parts share, all of it the loop's. Each part keeps its own state to itself. */

/** Mail to the loop, beside that of layer runs. */
enum {
        HEDGED_MAIL_ANSWER = HEDGED_MAIL_OTHERS, /**< requests.h */
        HEDGED_MAIL_LOADED,                      /**< models.h */
        HEDGED_MAIL_ENCODED,                     /**< the distributor's */
        HEDGED_MAIL_PLANNED,                     /**< plans.h */
        HEDGED_MAIL_LINE,                        /**< these three: trainings.h */
        HEDGED_MAIL_NEWS,
        HEDGED_MAIL_STORAGE,
        HEDGED_MAIL_PRODUCT,   /**< products.h */
        HEDGED_MAIL_REPLANNED, /**< plans.h */
};

typedef struct hedged_requests hedged_requests_t;
typedef struct hedged_models hedged_models_t;
typedef struct hedged_plans hedged_plans_t;
typedef struct hedged_trainings hedged_trainings_t;
typedef struct hedged_products hedged_products_t;
typedef struct hedged_probes hedged_probes_t;

typedef struct hedged_server {
        const hedged_config_t *config;
        hedge_wire_limits_t limits;
        uint64_t incarnation;
        int64_t started_ms;
        bool stopping;

        hedge_auth_t *auth; /**< NULL without CURVE */
        hedged_sockets_t sockets;
        hedge_mailbox_t *mail;
        hedge_kernels_t *kernels;
        hedged_cluster_t *cluster;
        hedged_measure_t *measure;
        hedged_registry_t registry;
        hedged_dispatch_t *dispatch;
        hedged_preparer_t *preparer;
        hedged_distributor_t *distributor;

        hedged_standing_t *standing;
        hedged_requests_t *requests;
        hedged_models_t *models;
        hedged_plans_t *plans;
        hedged_trainings_t *trainings;
        hedged_products_t *products;
        hedged_probes_t *probes;

        uint64_t malformed, late_parts; /**< messages and parts so far */
} hedged_server_t;

#define HEDGED_STOPPING "the coordinator is stopping"

#endif

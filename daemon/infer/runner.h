/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_RUNNER_H
#define HEDGED_RUNNER_H

#include "common/wire/link.h"
#include "daemon/infer/coded.h"
#include "daemon/infer/demand.h"
#include "daemon/infer/fair_queue.h"
#include "daemon/infer/gate.h"
#include "daemon/infer/in_flight.h"
#include "daemon/infer/reports.h"
#include "daemon/infer/standing.h"
#include "daemon/measure/measure.h"
#include "daemon/models/model.h"

/** Requests and the threads that run them.
 *
 * A request of several pictures is as many runs of its model. So many runs are worked on at a time as hedged_runners_limit says; the
 * others wait in a queue that is fair between clients and models (daemon/infer/fair_queue.h). Threads are made when there is work
 * for one more. Only the requests that threads have begun with take memory for their outputs. */

/** Reports of coded layers and of segments in an answer: of as many whole runs as they are enough for, but of one at least. */
#define HEDGED_REPORTS_MAX 512

typedef struct hedged_request {
        hedge_mail_t mail;           /**< answered: comes back to the loop with kind HEDGED_MAIL_ANSWER */
        struct hedged_request *next; /**< the loop's list of requests that are out */
        hedge_asker_t asker;
        hedged_model_t *model; /**< a reference */
        zmq_msg_t *frames;     /**< one per graph input, owned; sizes are checked */
        uint32_t runs;         /**< hedge_batch_runs */
        int64_t received_us;
        bool trace;           /**< the answer lists every part */
        int fd;               /**< of the connection that it came by; -1: not known, or it is no more */
        hedged_turns_t turns; /**< the runners' */
        bool opened;          /**< likewise */
        atomic_uint done;     /**< likewise: runs that are over */
        atomic_int
                failure; /**< why there will be no answer: its other runs end at their next layer; 0: nothing is wrong */
        int result;      /**< 0, or why there is no answer */
        hedge_why_t why;
        hedge_tensor_t *outputs; /**< graph->n_outputs, each of all runs */
        hedged_reports_t
                reports; /**< of coded layers and segments, run by run; of the first ones where there are many */
        hedged_reports_t *of_runs; /**< the runners': of each of the first so many runs, while they are at work */
        unsigned n_of_runs;
} hedged_request_t;

/** Free a request with all that it owns. NULL-safe; nullifies. */
void hedged_request_destroy(hedged_request_t **request);

typedef struct hedged_runners hedged_runners_t;

/** Who asks, as far as fairness goes. */
typedef struct hedged_client {
        unsigned char name[HEDGED_FAIR_NAME_MAX];
        size_t size;
} hedged_client_t;

typedef struct hedged_runner_settings {
        hedged_coded_settings_t coded;
        unsigned queue;              /**< requests that may wait */
        int answer_kind;             /**< of the mail with which finished requests are put into coded.loop */
        hedged_measure_t *measure;   /**< learns from the layers that run here; borrowed */
        hedged_standing_t *standing; /**< what segments run by; borrowed */
        double macs_per_s;           /**< 0; else pretend that this machine is so slow */
        /* The runners' own, whatever is given: */
        hedged_gate_t *gate;           /**< what runs here goes through it */
        const hedged_demand_t *demand; /**< what is in flight */
} hedged_runner_settings_t;

/** One run is worked on at a time until hedged_runners_limit says otherwise. @return 0, -ENOMEM, -errno. */
int hedged_runners_new(const hedged_runner_settings_t *settings, hedged_runners_t **ret);

/** How many runs may be worked on at a time, at least 1 and at most HEDGED_IN_FLIGHT_MAX. Those that are at work beyond it go on. Only
 * the loop may say so. */
void hedged_runners_limit(hedged_runners_t *runners, unsigned limit);

/** Queue a request. Takes it over until it comes back.
 * @return 0; not taken over: -EAGAIN (too many wait already, of this client or of all), -ENOMEM. */
int hedged_runners_submit(hedged_runners_t *runners, hedged_request_t *request, const hedged_client_t *client,
                          hedge_why_t *why);

/** Nobody wants the answer any more to a request that has not come back: runs of it that wait are never begun, those at work end at
 * their next layer. It still comes back, with this code, unless it was finished already. */
void hedged_runners_cancel(hedged_runners_t *runners, hedged_request_t *request, int code);

/** From now on requests fail with HEDGE_ESHUTDOWN, those running at their next layer. They still come back. */
void hedged_runners_stop(hedged_runners_t *runners);

/** Join the threads and free. Call after hedged_runners_stop, when no request is out any more. NULL-safe; nullifies. */
void hedged_runners_destroy(hedged_runners_t **runners);

#endif

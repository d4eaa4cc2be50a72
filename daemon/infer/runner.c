/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/infer/runner.h"

#include <errno.h>
#include <stdlib.h>

#include "common/wire/actors.h"
#include "daemon/infer/run.h"

struct hedged_runners {
        hedged_runner_settings_t settings;
        hedge_actors_t *threads;
        atomic_bool stopping;
        hedged_demand_t demand;
};

enum { REQUEST, HELP }; /* kinds of mail to the threads */

/* A request that threads have begun with. */
typedef struct batch batch_t;

/* The offer to help with one. */
typedef struct offer {
        hedge_mail_t mail;
        batch_t *batch;
} offer_t;

struct batch {
        hedged_runners_t *runners;
        hedged_request_t *request; /* until all runs are done: then it is the loop's */
        uint32_t runs;
        atomic_uint next, done; /* runs that are begun, and over */
        atomic_uint users;      /* threads and offers that have it; the last frees it */
        atomic_int result;      /* 0, or what the first run failed with that did */
        offer_t offers[];
};

void hedged_request_destroy(hedged_request_t **request)
{
        hedged_request_t *q = *request;

        if (!q)
                return;
        for (uint32_t i = 0; q->frames && i < q->model->graph->n_inputs; i++)
                zmq_msg_close(&q->frames[i]);
        for (uint32_t i = 0; q->outputs && i < q->model->graph->n_outputs; i++)
                hedge_tensor_release(&q->outputs[i]);
        hedged_run_reports_release(q->reports, q->n_reports);
        free(q->frames);
        free(q->outputs);
        hedged_model_unref(&q->model);
        free(q);
        *request = NULL;
}

static void answer(hedged_runners_t *runners, hedged_request_t *q, int result)
{
        q->result = result;
        if (result < 0)
                hedge_why(&q->why, result, "model '%s': %s", q->model->name, hedge_strerror(result));
        q->mail.kind = runners->settings.answer_kind;
        hedge_mailbox_put(runners->settings.coded.loop, &q->mail);
}

/* Do one run, or, where one has failed, none. Who ends the last run gives the request back. @return false: none is left. */
static bool step(batch_t *b)
{
        const uint32_t index = atomic_fetch_add(&b->next, 1);
        int none = 0, r;

        if (index >= b->runs)
                return false;
        atomic_fetch_sub(&b->runners->demand.waiting, 1);
        atomic_fetch_add(&b->runners->demand.at_work, 1);
        r = atomic_load(&b->result);
        if (r == 0)
                r = atomic_load(&b->runners->stopping)
                            ? HEDGE_ESHUTDOWN
                            : hedged_run(&b->runners->settings, &b->runners->stopping, b->request, index);
        if (r < 0)
                atomic_compare_exchange_strong(&b->result, &none, r);
        atomic_fetch_sub(&b->runners->demand.at_work, 1);
        if (atomic_fetch_add(&b->done, 1) + 1 == b->runs)
                answer(b->runners, b->request, atomic_load(&b->result));
        return true;
}

static void leave(batch_t *b)
{
        if (atomic_fetch_sub(&b->users, 1) == 1)
                free(b);
}

static int open_batch(hedged_runners_t *runners, hedged_request_t *q, unsigned offers, batch_t **ret)
{
        batch_t *b = calloc(1, sizeof(*b) + offers * sizeof(b->offers[0]));
        int r = b ? hedged_run_open(q) : -ENOMEM;

        if (r < 0) {
                free(b);
                return r;
        }
        b->runners = runners;
        b->request = q;
        b->runs = q->runs;
        atomic_store(&b->users, offers + 1);
        *ret = b;
        return 0;
}

/* Offers wait behind the requests that are there already. */
static void run_request(hedged_runners_t *runners, hedged_request_t *q)
{
        const unsigned threads = runners->settings.count;
        const unsigned offers = (q->runs < threads ? q->runs : threads) - 1;
        batch_t *b = NULL;
        int r = atomic_load(&runners->stopping) ? HEDGE_ESHUTDOWN : open_batch(runners, q, offers, &b);

        if (r < 0) {
                atomic_fetch_sub(&runners->demand.waiting, q->runs);
                answer(runners, q, r);
                return;
        }
        for (unsigned i = 0; i < offers; i++) {
                b->offers[i] = (offer_t){ .mail.kind = HELP, .batch = b };
                hedge_actors_put(runners->threads, &b->offers[i].mail);
        }
        while (step(b))
                ;
        leave(b);
}

static void work(void *arg, hedge_mail_t *mail)
{
        hedged_runners_t *runners = arg;

        if (mail->kind == REQUEST)
                run_request(runners, (hedged_request_t *)mail);
        else if (step(((offer_t *)mail)->batch))
                hedge_actors_put(runners->threads, mail); /* after what others have asked for meanwhile */
        else
                leave(((offer_t *)mail)->batch);
}

int hedged_runners_new(const hedged_runner_settings_t *settings, hedged_runners_t **ret)
{
        hedged_runners_t *runners = calloc(1, sizeof(*runners));
        int r;

        if (!runners)
                return -ENOMEM;
        runners->settings = *settings;
        runners->settings.demand = &runners->demand;
        r = hedge_actors_new(settings->count, work, runners, &runners->threads);
        if (r < 0)
                free(runners);
        else
                *ret = runners;
        return r;
}

const hedged_demand_t *hedged_runners_demand(const hedged_runners_t *runners)
{
        return &runners->demand;
}

void hedged_runners_submit(hedged_runners_t *runners, hedged_request_t *request)
{
        request->mail.kind = REQUEST;
        atomic_fetch_add(&runners->demand.waiting, request->runs);
        hedge_actors_put(runners->threads, &request->mail);
}

void hedged_runners_stop(hedged_runners_t *runners)
{
        atomic_store(&runners->stopping, true);
}

void hedged_runners_destroy(hedged_runners_t **runners)
{
        if (!*runners)
                return;
        hedge_actors_destroy(&(*runners)->threads);
        free(*runners);
        *runners = NULL;
}

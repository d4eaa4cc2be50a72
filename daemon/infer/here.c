/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/infer/here.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "common/clock.h"
#include "common/cost.h"
#include "common/emulated.h"
#include "common/log.h"
#include "common/wire/actors.h"
#include "daemon/infer/engines.h"
#include "daemon/infer/windows.h"

#define NICE   10  /* requests' threads and the loop go before, by about nine to one */
#define NEWEST 0.3 /* weight of the last piece in the mean of rates */

struct hedged_here {
        hedged_here_settings_t settings;
        hedged_engines_t *engines;
        hedge_actors_t *thread;
        bool has_begun;
        _Atomic double s_per_mac; /* 0: not known */
};

/* A piece on its way. It belongs to its run, which it has a reference to until its events are there. */
typedef struct job {
        hedged_run_kept_t kept;
        hedge_mail_t mail;
        hedged_here_t *here;
        hedged_layer_run_t *run;
        hedged_here_piece_t piece;
        hedge_window_t window;
        const hedge_graph_t *graph; /* of the engine */
        hedge_tensor_t *inputs, *outputs;
        uint64_t macs, node_macs; /* done; of the node that runs now */
        int64_t since_us;         /* when that began */
        hedged_event_t lost, events[];
} job_t;

static job_t *job_of(hedge_mail_t *mail)
{
        return (job_t *)(void *)((char *)mail - offsetof(job_t, mail));
}

static void tensors_free(hedge_tensor_t **tensors, unsigned n)
{
        for (unsigned i = 0; *tensors && i < n; i++)
                hedge_tensor_release(&(*tensors)[i]);
        free(*tensors);
        *tensors = NULL;
}

static void job_destroy(hedged_run_kept_t *kept)
{
        job_t *j = (job_t *)kept;

        for (unsigned i = 0; i < j->piece.n_outputs; i++)
                zmq_msg_close(&j->events[i].frame);
        tensors_free(&j->inputs, j->piece.n_inputs);
        tensors_free(&j->outputs, j->piece.n_outputs);
        free(j);
}

/* ---- the thread ---- */

/* Threads that kernels make for this one are as modest. Where it is not allowed, so be it. */
static void be_modest(hedged_here_t *here)
{
        if (!here->has_begun)
                setpriority(PRIO_PROCESS, 0, NICE);
        here->has_begun = true;
}

/* The node that ran is done. */
static void end_node(job_t *j)
{
        const double macs_per_s = j->here->settings.macs_per_s;

        if (j->node_macs > 0 && macs_per_s > 0) {
                const int64_t until_us = hedge_emulated_share(j->since_us, (double)j->node_macs, macs_per_s);

                hedge_emulated_rated(false);
                while (!atomic_load(&j->run->over) && hedge_emulated_wait(until_us))
                        ;
        }
        j->macs += j->node_macs;
        j->node_macs = 0;
}

/* hedge_engine_hooks_t: nothing is taken over. But between two nodes it is seen whether anybody still wants the piece. */
static int look_up(void *arg, uint32_t first, uint32_t last, const hedge_tensor_t *in, hedge_tensor_t *out)
{
        job_t *j = arg;

        (void)last;
        (void)in;
        (void)out;
        end_node(j);
        if (atomic_load(&j->run->over))
                return -ECANCELED;
        j->node_macs = hedge_node_macs(j->graph, &j->graph->nodes[first]);
        j->since_us = hedge_now_us();
        if (j->here->settings.macs_per_s > 0)
                hedge_emulated_rated(j->node_macs > 0);
        return 1;
}

static int run_engine(job_t *j, bool *ret_new)
{
        static const hedge_engine_hooks_t hooks = { .run = look_up };
        const hedged_here_piece_t *p = &j->piece;
        hedge_engine_t *engine;
        int r = hedged_engines_get(j->here->engines, p->model, p->first, p->last, p->window, &engine, ret_new);

        if (r < 0)
                return r;
        j->graph = hedge_engine_graph(engine);
        if (j->graph->n_inputs != p->n_inputs || j->graph->n_outputs != p->n_outputs)
                r = HEDGE_ESHAPE;
        if (r == 0)
                r = hedge_engine_run(engine, j->inputs, &hooks, j, j->outputs);
        if (r == 0)
                end_node(j);
        hedge_emulated_rated(false);
        hedged_engines_done(j->here->engines);
        return r;
}

/* What has come out, as parts of a board; the time it took is the first one's. */
static int fill_events(job_t *j, uint64_t us)
{
        const int64_t now_us = hedge_now_us();
        int r = 0;

        for (unsigned i = 0; r == 0 && i < j->piece.n_outputs; i++) {
                const hedge_tensor_t *out = &j->outputs[i];
                hedged_event_t *e = &j->events[i];

                e->mail.kind = HEDGED_EVENT_PART;
                e->mail.next = i + 1 < j->piece.n_outputs ? &j->events[i + 1].mail : NULL;
                e->board = j->piece.board;
                e->part = j->piece.part + i;
                e->compute_us = i ? 0 : us;
                e->wire = HEDGE_PRECISION_F32;
                e->received_us = now_us;
                r = hedged_window_frame(out, NULL, HEDGE_PRECISION_F32, &e->frame);
                if (r < 0)
                        zmq_msg_init(&e->frame);
        }
        return r;
}

static void learn(hedged_here_t *here, uint64_t macs, uint64_t us)
{
        const double x = (double)us / 1e6 / (double)macs, old = atomic_load(&here->s_per_mac);

        atomic_store(&here->s_per_mac, old > 0 ? old + NEWEST * (x - old) : x);
}

static void work(void *arg, hedge_mail_t *mail)
{
        job_t *j = job_of(mail);
        hedged_layer_run_t *run = j->run;
        const int64_t since_us = hedge_now_us();
        hedge_cost_kind_t before;
        bool is_new = true;
        uint64_t us;
        int r = -ECANCELED;

        be_modest(arg);
        before = hedge_cost_enter(HEDGE_COST_KERNEL);
        if (!atomic_load(&run->over))
                r = run_engine(j, &is_new);
        us = (uint64_t)(hedge_now_us() - since_us);
        if (r == 0 && j->macs > 0 && us > 0 && !is_new)
                learn(j->here, j->macs, us);
        if (r == 0)
                r = fill_events(j, us);
        hedge_cost_enter(before);
        tensors_free(&j->inputs, j->piece.n_inputs);
        tensors_free(&j->outputs, j->piece.n_outputs);
        if (r < 0 && r != -ECANCELED)
                log_warning("model=%s: cannot compute nodes %u to %u here: %s, leaving them to the boards",
                            j->piece.model->name, j->piece.first, j->piece.last, hedge_strerror(r));
        hedged_model_unref(&j->piece.model);
        if (r == 0)
                hedged_inbox_put(&run->inbox, &j->events[0].mail, &j->events[j->piece.n_outputs - 1].mail,
                                 j->piece.n_outputs, true);
        else
                hedged_inbox_put(&run->inbox, &j->lost.mail, &j->lost.mail, 0, true);
        hedged_layer_run_unref(run); /* and with it, perhaps, the job */
}

/* ---- the requests' threads ---- */

/* Frames are neither aligned nor followed by slack. */
static int take_inputs(job_t *j, const hedged_here_piece_t *p)
{
        int r = 0;

        for (unsigned i = 0; r == 0 && i < p->n_inputs; i++) {
                r = hedge_tensor_alloc(&j->inputs[i], &p->shapes[i]);
                if (r == 0)
                        memcpy(j->inputs[i].data, zmq_msg_data(&p->frames[i]), zmq_msg_size(&p->frames[i]));
        }
        return r;
}

static int new_job(hedged_here_t *here, hedged_layer_run_t *run, const hedged_here_piece_t *p, job_t **ret)
{
        job_t *j = calloc(1, sizeof(*j) + p->n_outputs * sizeof(j->events[0]));

        if (!j)
                return -ENOMEM;
        j->kept.destroy = job_destroy;
        j->here = here;
        j->run = run;
        j->piece = *p;
        if (p->window) {
                j->window = *p->window;
                j->piece.window = &j->window;
        }
        j->lost = (hedged_event_t){ .mail.kind = HEDGED_EVENT_LOST, .board = p->board };
        for (unsigned i = 0; i < p->n_outputs; i++)
                zmq_msg_init(&j->events[i].frame);
        j->inputs = calloc(p->n_inputs + 1, sizeof(*j->inputs));
        j->outputs = calloc(p->n_outputs + 1, sizeof(*j->outputs));
        if (!j->inputs || !j->outputs || take_inputs(j, p) < 0) {
                job_destroy(&j->kept);
                return -ENOMEM;
        }
        *ret = j;
        return 0;
}

bool hedged_here_has_room(const hedged_here_t *here, const hedge_graph_t *g, uint32_t first, uint32_t last)
{
        uint64_t bytes = 0, elements = 0;

        for (uint32_t i = first; i < last; i++)
                hedged_node_constants(g, &g->nodes[i], &bytes, &elements);
        return elements <= here->settings.engines_bytes_max / (2 * sizeof(float));
}

int hedged_here_ask(hedged_here_t *here, hedged_layer_run_t *run, const hedged_here_piece_t *p)
{
        job_t *j = NULL;
        int r = new_job(here, run, p, &j);

        for (unsigned i = 0; i < p->n_inputs; i++)
                zmq_msg_close(&p->frames[i]);
        if (r < 0)
                return r;
        hedged_model_ref(j->piece.model);
        hedged_layer_run_keep(run, &j->kept);
        atomic_fetch_add(&run->references, 1);
        hedge_actors_put(here->thread, &j->mail);
        return 0;
}

double hedged_here_rate(hedged_here_t *here)
{
        const double x = atomic_load(&here->s_per_mac);

        return x > 0 ? 1 / x : 0;
}

void hedged_here_tidy(hedged_here_t *here)
{
        hedged_engines_tidy(here->engines);
}

int hedged_here_new(const hedged_here_settings_t *settings, hedged_here_t **ret)
{
        hedged_here_t *here = calloc(1, sizeof(*here));
        int r = here ? 0 : -ENOMEM;

        if (r == 0) {
                here->settings = *settings;
                r = hedged_engines_new(settings->kernels, settings->engines_bytes_max, &here->engines);
        }
        if (r == 0)
                r = hedge_actors_new(1, work, here, &here->thread);
        if (r < 0)
                hedged_here_destroy(&here);
        else
                *ret = here;
        return r;
}

void hedged_here_destroy(hedged_here_t **here)
{
        if (!*here)
                return;
        hedge_actors_destroy(&(*here)->thread);
        hedged_engines_destroy(&(*here)->engines);
        free(*here);
        *here = NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/infer/layer_run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/clock.h"

static _Atomic uint64_t last_run;

void hedged_layer_run_number(void)
{
        uint64_t start = 0;

        if (getrandom(&start, sizeof(start), GRND_NONBLOCK) < 0)
                start = (uint64_t)hedge_now_us();
        atomic_store(&last_run, start >> 1);
}

uint64_t hedged_layer_run_take_number(void)
{
        return atomic_fetch_add(&last_run, 1) + 1;
}

int hedged_layer_run_new(hedged_run_work_t *work, hedge_mailbox_t *loop, hedged_layer_run_t **ret)
{
        hedged_layer_run_t *run = calloc(1, sizeof(*run));

        if (!run) {
                hedged_work_destroy(&work);
                return -ENOMEM;
        }
        atomic_store(&run->references, 1);
        run->id = hedged_layer_run_take_number();
        run->work = work;
        run->loop = loop;
        run->last_asked = &run->first_asked;
        hedged_inbox_init(&run->inbox);
        run->holders = calloc(work->boards, sizeof(*run->holders));
        run->parts = calloc((size_t)work->boards * work->most_parts + 1, sizeof(*run->parts));
        if (!run->holders || !run->parts) {
                hedged_layer_run_unref(run);
                return -ENOMEM;
        }
        *ret = run;
        return 0;
}

static void asked_destroy(hedged_asked_t *asked)
{
        for (unsigned t = 0; t < asked->n_tasks; t++)
                for (uint32_t i = 0; i < asked->tasks[t].n_inputs; i++)
                        zmq_msg_close(&asked->tasks[t].frames[i]);
        for (unsigned e = 0; e < asked->used; e++)
                zmq_msg_close(&asked->events[e].frame);
        free(asked);
}

void hedged_layer_run_unref(hedged_layer_run_t *run)
{
        if (atomic_fetch_sub(&run->references, 1) > 1)
                return;
        while (run->first_asked) {
                hedged_asked_t *asked = run->first_asked;

                run->first_asked = asked->next;
                asked_destroy(asked);
        }
        while (run->kept) {
                hedged_run_kept_t *kept = run->kept;

                run->kept = kept->next;
                kept->destroy(kept);
        }
        hedged_inbox_release(&run->inbox);
        free(run->holders);
        free(run->parts);
        hedged_work_destroy(&run->work);
        free(run);
}

/* ---- the request's thread ---- */

/* Room for tasks that have so many inputs and parts, all in one piece of memory: what is aligned most comes first. */
static hedged_asked_t *asked_new(unsigned n_tasks, size_t inputs, size_t parts)
{
        const size_t n_numbers = inputs + parts;
        hedged_asked_t *asked = malloc(sizeof(*asked) + parts * sizeof(*asked->events) + inputs * sizeof(zmq_msg_t) +
                                       n_tasks * sizeof(*asked->tasks) + n_numbers * sizeof(uint32_t));

        if (!asked)
                return NULL;
        *asked = (hedged_asked_t){ .n_events = (unsigned)parts, .n_tasks = n_tasks };
        asked->tasks = (struct hedged_asked_task *)((zmq_msg_t *)(asked->events + parts) + inputs);
        return asked;
}

static void fill(hedged_asked_t *asked, const hedged_task_t *const *tasks, zmq_msg_t *const *frames)
{
        zmq_msg_t *frame = (zmq_msg_t *)(asked->events + asked->n_events);
        uint32_t *number = (uint32_t *)(asked->tasks + asked->n_tasks);

        for (unsigned t = 0; t < asked->n_tasks; t++) {
                struct hedged_asked_task *to = &asked->tasks[t];

                *to = (struct hedged_asked_task){ tasks[t]->board, tasks[t]->n_inputs,          tasks[t]->n_order,
                                                  number,          number + tasks[t]->n_inputs, frame };
                memcpy(to->inputs, tasks[t]->inputs, to->n_inputs * sizeof(*to->inputs));
                memcpy(to->order, tasks[t]->order, to->n_order * sizeof(*to->order));
                for (uint32_t i = 0; i < to->n_inputs; i++) {
                        zmq_msg_init(&to->frames[i]);
                        zmq_msg_move(&to->frames[i], &frames[t][i]);
                }
                number += to->n_inputs + to->n_order;
                frame += to->n_inputs;
        }
}

int hedged_layer_run_give(hedged_layer_run_t *run, unsigned n, const hedged_task_t *const *tasks,
                          hedge_precision_t wire, zmq_msg_t *const *frames)
{
        size_t inputs = 0, parts = 0;
        hedged_asked_t *asked;

        for (unsigned t = 0; t < n; t++) {
                inputs += tasks[t]->n_inputs;
                parts += tasks[t]->n_order;
        }
        asked = asked_new(n, inputs, parts);
        if (!asked) {
                for (unsigned t = 0; t < n; t++)
                        for (uint32_t i = 0; i < tasks[t]->n_inputs; i++)
                                zmq_msg_close(&frames[t][i]);
                return -ENOMEM;
        }
        fill(asked, tasks, frames);
        asked->mail.kind = HEDGED_MAIL_TASKS;
        asked->run = run;
        asked->wire = wire;
        if (!run->has_loop)
                atomic_fetch_add(&run->references, 1);
        run->has_loop = true;
        hedge_mailbox_put(run->loop, &asked->mail);
        return 0;
}

hedged_event_t *hedged_layer_run_next(hedged_layer_run_t *run)
{
        hedge_mail_t *mail;

        if (!run->unread)
                run->unread = hedged_inbox_take(&run->inbox);
        mail = run->unread;
        if (mail)
                run->unread = mail->next;
        return (hedged_event_t *)mail;
}

void hedged_layer_run_wait(hedged_layer_run_t *run, unsigned least, int64_t until_us)
{
        if (!run->unread)
                hedged_inbox_wait(&run->inbox, least, until_us);
}

void hedged_layer_run_keep(hedged_layer_run_t *run, hedged_run_kept_t *kept)
{
        kept->next = run->kept;
        run->kept = kept;
}

void hedged_layer_run_close(hedged_layer_run_t *run, bool all_came)
{
        if (run->closed)
                return;
        run->closed = true;
        atomic_store(&run->over, true);
        if (!run->has_loop)
                return;
        run->close.kind = HEDGED_MAIL_CLOSE;
        if (all_came)
                hedge_mailbox_put_quietly(run->loop, &run->close);
        else
                hedge_mailbox_put(run->loop, &run->close);
}

void hedged_layer_run_destroy(hedged_layer_run_t **run)
{
        if (!*run)
                return;
        hedged_layer_run_close(*run, false);
        hedged_layer_run_unref(*run);
        *run = NULL;
}

/* ---- the loop ---- */

void hedged_layer_run_asked(hedged_layer_run_t *run, hedged_asked_t *asked)
{
        *run->last_asked = asked;
        run->last_asked = &asked->next;
        if (!run->room)
                run->room = asked;
}

hedged_event_t *hedged_layer_run_event(hedged_layer_run_t *run)
{
        hedged_event_t *e;

        while (run->room->used == run->room->n_events)
                run->room = run->room->next;
        e = &run->room->events[run->room->used++];
        zmq_msg_init(&e->frame);
        return e;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_DISPATCH_H
#define HEDGED_DISPATCH_H

#include <zmq.h>

#include "common/mailbox.h"
#include "common/wire/link.h"
#include "daemon/cluster/cluster.h"
#include "daemon/infer/task.h"
#include "daemon/measure/measure.h"
#include "daemon/models/model.h"

/** Layer runs: one coded layer of one request, between the thread that runs the request and the loop that owns the sockets.
 *
 * The request's thread makes a run, gives the loop tasks for the boards (hedged_layer_run_give), reads events until it can decode
 * (hedged_layer_run_next), and closes it. A board that has run out of work may be given another task. The loop forwards tasks, turns what boards send into events, says which boards' tasks
 * are lost, and cancels what still runs when the run is closed. After the CLOSED event the loop knows the run no more, so
 * that nothing late can touch a later layer. */

/** Kinds of mail to the loop that are about runs; others follow from HEDGED_MAIL_OTHERS. */
enum { HEDGED_MAIL_TASK, HEDGED_MAIL_CLOSE, HEDGED_MAIL_OTHERS };

typedef enum hedged_event_kind {
        HEDGED_EVENT_PART,     /**< a part: board, part, frame */
        HEDGED_EVENT_LOST,     /**< do not wait for what this board was asked for; what comes all the same counts */
        HEDGED_EVENT_CLOSED,   /**< the loop has forgotten the run */
        HEDGED_EVENT_SHUTDOWN, /**< the program stops */
} hedged_event_kind_t;

typedef struct hedged_event {
        hedge_mail_t mail; /**< kind: hedged_event_kind_t */
        unsigned board, part;
        int64_t received_us;    /**< of a PART: monotonic */
        uint64_t compute_us;    /**< of a PART: on the board */
        hedge_precision_t wire; /**< of a PART: how its frame is written */
        zmq_msg_t frame;        /**< of a PART; owned */
} hedged_event_t;

typedef struct hedged_layer_run hedged_layer_run_t;

/* ---- the request's thread ---- */

/** @param variant  Borrowed until the run is destroyed. @param loop  The loop's mailbox.
 * @return 0, -ENOMEM, -errno. */
int hedged_layer_run_new(const hedged_variant_t *variant, hedge_mailbox_t *loop, hedged_layer_run_t **ret);

/** Hand a board a task.
 * @param wire    Of the frames, and of the parts that are asked for: the variant's, or f32.
 * @param frames  task->n_inputs coded inputs; moved from, closed on failure.
 * @return 0, -ENOMEM. */
int hedged_layer_run_give(hedged_layer_run_t *run, const hedged_task_t *task, hedge_precision_t wire,
                          zmq_msg_t *frames);

/** The next event, waiting up to timeout_ms (0: only look). Release it with hedged_event_release. @return NULL: none. */
hedged_event_t *hedged_layer_run_next(hedged_layer_run_t *run, int timeout_ms);
void hedged_event_release(hedged_event_t **event);

/** No more events are wanted: what still runs is cancelled. */
void hedged_layer_run_close(hedged_layer_run_t *run);

/** Close if that was not done, wait for the loop to let go, free. */
void hedged_layer_run_destroy(hedged_layer_run_t **run);

/* ---- the loop ---- */

typedef struct hedged_dispatch hedged_dispatch_t;

/** @param send  hedge_link_send, with the boards' ROUTER socket. Borrowed, as are the cluster and the measurements, which learn
 *               from every task.
 * @return 0, -ENOMEM. */
int hedged_dispatch_new(hedge_send_t *send, zsock_t *boards, hedged_cluster_t *cluster, hedged_measure_t *measure,
                        hedged_dispatch_t **ret);

/** All runs must be closed. */
void hedged_dispatch_destroy(hedged_dispatch_t **dispatch);

/** Mail of kind HEDGED_MAIL_TASK or HEDGED_MAIL_CLOSE. Takes it over. */
void hedged_dispatch_mail(hedged_dispatch_t *dispatch, hedge_mail_t *mail);

/** A board's PART; takes the frames out of the envelope, all of them or none. Where it is the task's last, the task has ended
 * in any case.
 * @return 0, -ENOENT (late: the run is closed), HEDGE_EMALFORMED (a part of no size or number that was asked for, or the same
 * again), -ENOMEM (the board is lost to the run). */
int hedged_dispatch_part(hedged_dispatch_t *dispatch, const hedged_board_t *board, hedge_envelope_t *envelope,
                         hedge_why_t *why);

/** A board says that nothing more comes of a run's oldest task (TASK_END, or ERROR naming the run). */
void hedged_dispatch_ended(hedged_dispatch_t *dispatch, const hedged_board_t *board, uint64_t run);

/** A board cannot be given work any more: all its tasks are lost. */
void hedged_dispatch_board_lost(hedged_dispatch_t *dispatch, const hedged_board_t *board);

/** The program stops: tell every run, now and those to come. */
void hedged_dispatch_shutdown(hedged_dispatch_t *dispatch);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_DISPATCH_H
#define HEDGED_DISPATCH_H

#include "common/wire/link.h"
#include "daemon/cluster/cluster.h"
#include "daemon/infer/layer_run.h"
#include "daemon/measure/measure.h"

/** The loop's half of layer runs (daemon/infer/layer_run.h): tasks go out, what boards send becomes the runs' events. */
typedef struct hedged_dispatch hedged_dispatch_t;

/** @param send  hedge_link_send, with the boards' ROUTER socket. Borrowed, as are the cluster and the measurements, which learn
 *               from every task.
 * @return 0, -ENOMEM. */
int hedged_dispatch_new(hedge_send_t *send, zsock_t *boards, hedged_cluster_t *cluster, hedged_measure_t *measure,
                        hedged_dispatch_t **ret);

/** All runs must be closed. */
void hedged_dispatch_destroy(hedged_dispatch_t **dispatch);

/** Mail of kind HEDGED_MAIL_TASKS or HEDGED_MAIL_CLOSE. Takes it over. */
void hedged_dispatch_mail(hedged_dispatch_t *dispatch, hedge_mail_t *mail);

/** A board's PART; takes the frames out of the envelope, all of them or none. Where it is the task's last, the task has ended
 * in any case.
 * @return 0, -ENOENT (late: the run is closed), HEDGE_EMALFORMED (a part of no size or number that was asked for, or the same
 * again). */
int hedged_dispatch_part(hedged_dispatch_t *dispatch, const hedged_board_t *board, hedge_envelope_t *envelope,
                         hedge_why_t *why);

/** A board says that nothing more comes of a run's oldest task (TASK_END, or ERROR naming the run). */
void hedged_dispatch_ended(hedged_dispatch_t *dispatch, const hedged_board_t *board, uint64_t run);

/** A board cannot be given work any more: all its tasks are lost. */
void hedged_dispatch_board_lost(hedged_dispatch_t *dispatch, const hedged_board_t *board);

/** The program stops: tell every run, now and those to come. */
void hedged_dispatch_shutdown(hedged_dispatch_t *dispatch);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_LINE_H
#define HEDGED_LINE_H

#include <zmq.h>

#include "common/mailbox.h"
#include "common/wire/link.h"
#include "daemon/cluster/cluster.h"

/** The line between the thread that runs a training and the boards: the loop owns the sockets, so it passes on what the
 * thread says to a board, and what boards say about trainings, without looking inside. It also tells who is there.
 *
 * A line serves one training at a time. Boards are named by their number in the codes (hedged_board_t.index). */
typedef struct hedged_line hedged_line_t;

typedef enum hedged_line_event_kind {
        HEDGED_LINE_MESSAGE, /**< a board said something: one of hedged_line_received's */
        HEDGED_LINE_HERE,    /**< a board may be given work; again, without a LOST, whenever it is another process or
                               connection than before: nothing that it was asked for until then will come */
        HEDGED_LINE_LOST,    /**< it may not any more: nothing that it was asked for will come */
        HEDGED_LINE_STOP,    /**< look at hedged_line_stopping() */
} hedged_line_event_kind_t;

/** What the loop tells the thread. */
typedef struct hedged_line_event {
        hedge_mail_t mail; /**< kind: hedged_line_event_kind_t */
        unsigned board;
        char name[HEDGE_BOARD_NAME_MAX]; /**< HERE, LOST: for messages to people */
        hedge_envelope_t envelope;       /**< MESSAGE; owned */
        int64_t received_us;
        uint64_t session; /**< the line's own */
} hedged_line_event_t;

enum hedged_stop { HEDGED_STOP_NO, HEDGED_STOP_USER, HEDGED_STOP_SHUTDOWN };

/* ---- the training's thread ---- */

/** Say something to a board. A board that cannot be reached is LOST some time after. What is said belongs to the last HERE
 * that the thread has read: where the board was lost since, it is not sent, also if it is back already.
 * @param message  Its lists are borrowed until hedged_line_close (JOIN's layers, UPDATE's targets).
 * @param frames   n_frames frames; gone after the call. To send the same bytes to several boards use zmq_msg_copy, which shares.
 * @return 0, -ENOMEM. */
int hedged_line_send(hedged_line_t *line, unsigned board, const hedge_message_t *message, zmq_msg_t *frames,
                     uint32_t n_frames);

/** The oldest event, waiting up to timeout_ms (0: only look; -1: for ever). Release it. @return NULL: none. */
hedged_line_event_t *hedged_line_next(hedged_line_t *line, int timeout_ms);
void hedged_line_event_release(hedged_line_event_t **event);

/** Is the training to stop, and why? */
enum hedged_stop hedged_line_stopping(const hedged_line_t *line);

/* ---- the loop ---- */

/** @param boards  The ROUTER socket. @param loop  The loop's mailbox; what the thread says comes in it as mail of kind `kind`.
 * All borrowed. @return 0, -ENOMEM, -errno. */
int hedged_line_new(zsock_t *boards, hedged_cluster_t *cluster, hedge_mailbox_t *loop, int kind, hedged_line_t **ret);

/** NULL-safe; nullifies. The thread has ended. */
void hedged_line_destroy(hedged_line_t **line);

/** A training begins: events for the one before are gone; HERE comes for every board that may be given work. */
void hedged_line_open(hedged_line_t *line, uint64_t job);

/** It has ended (its thread was joined): boards are told to LEAVE, unless `keep` (the program stops, it goes on later). */
void hedged_line_close(hedged_line_t *line, bool keep);

/** Mail of the line's kind. Takes it over. */
void hedged_line_mail(hedged_line_t *line, hedge_mail_t *mail);

/** A board's message about a training: JOINED, SHARD_OK, GRADIENT, PRODUCT, or an ERROR with `job`. Takes message and frames out of
 * the envelope if the thread is to have it; not if it is from before the board was lost.
 * @return 0, -ENOENT: about none that is open (the board is told to LEAVE), HEDGE_EMALFORMED: nobody asked for it. */
int hedged_line_received(hedged_line_t *line, hedged_board_t *board, hedge_envelope_t *envelope);

/** A board's state changed (hedged_board_changed_t), or it said HELLO (again): its connection is another one, what was on
 * its way to it or from it may be lost. */
void hedged_line_changed(hedged_line_t *line, const hedged_board_t *board);

/** A heartbeat interval is over: boards that something could not be sent to are tried again. */
void hedged_line_tick(hedged_line_t *line);

/** Have the thread stop; the first reason that is given holds. */
void hedged_line_stop(hedged_line_t *line, enum hedged_stop why);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_LAYER_RUN_H
#define HEDGED_LAYER_RUN_H

#include <stdatomic.h>
#include <zmq.h>

#include "daemon/infer/inbox.h"
#include "daemon/infer/task.h"
#include "daemon/infer/work.h"
#include "daemon/measure/measure.h"

/** Layer runs: one coded layer or one run of nodes of one request, between the thread that runs the request and the loop that owns the sockets.
 *
 * The request's thread makes a run, gives the loop tasks for the boards (hedged_layer_run_give), sleeps until something is to be
 * decided (hedged_layer_run_wait), reads events until it can decode (hedged_layer_run_next), and closes the run. A board that has
 * run out of work may be given another task. The loop (daemon/infer/dispatch.h) forwards tasks, turns what boards send into
 * events, says which boards' tasks are lost, and cancels what still runs when the run is closed; from then on it knows the run
 * no more, so that nothing late can touch a later layer. Nobody waits for the other to be done with a run: the last one that
 * lets go of it frees it. */

/** Kinds of mail to the loop that are about runs; others follow from HEDGED_MAIL_OTHERS. */
enum { HEDGED_MAIL_TASKS, HEDGED_MAIL_CLOSE, HEDGED_MAIL_OTHERS };

typedef enum hedged_event_kind {
        HEDGED_EVENT_PART,     /**< a part: board, part, frame */
        HEDGED_EVENT_LOST,     /**< do not wait for what this board was asked for; what comes all the same counts */
        HEDGED_EVENT_SHUTDOWN, /**< the program stops */
} hedged_event_kind_t;

/** The run's, and there as long as the run. */
typedef struct hedged_event {
        hedge_mail_t mail; /**< kind: hedged_event_kind_t */
        unsigned board, part;
        int64_t received_us;    /**< of a PART: monotonic */
        uint64_t compute_us;    /**< of a PART: on the board */
        hedge_precision_t wire; /**< of a PART: how its frame is written */
        zmq_msg_t frame;        /**< of a PART */
} hedged_event_t;

/** What boards are asked for at one time, with room for all that can come of it: no part that comes needs memory. */
typedef struct hedged_asked {
        hedge_mail_t mail;
        struct hedged_layer_run *run;
        struct hedged_asked *next;
        hedge_precision_t wire;
        unsigned n_tasks;
        struct hedged_asked_task {
                unsigned board;
                uint32_t n_inputs, n_order;
                uint32_t *inputs, *order;
                zmq_msg_t *frames; /**< n_inputs; empty once they are sent */
        } * tasks;
        unsigned n_events, used; /**< parts that were asked for; those that came are used */
        hedged_event_t events[];
} hedged_asked_t;

/** What one board was asked for: the loop's. */
typedef struct hedged_holder {
        unsigned tasks; /**< sent and not ended */
        unsigned parts_asked;
        unsigned parts_left; /**< asked for and not come */
        unsigned uncounted;  /**< whole_boards: came, and count when it has sent all */
        bool asked, lost;
        size_t bytes_asked;  /**< of all parts that were asked for */
        size_t first_bytes;  /**< of the parts that came in the first message */
        hedged_event_t gone; /**< LOST, sent at most once: losing a board never needs memory */
        int64_t sent_us;     /**< the first task */
        hedged_task_sample_t sample;
} hedged_holder_t;

/** Something that goes with the run: at the beginning of the caller's structure. */
typedef struct hedged_run_kept {
        struct hedged_run_kept *next;
        void (*destroy)(struct hedged_run_kept *kept);
} hedged_run_kept_t;

typedef struct hedged_layer_run {
        atomic_uint
                references; /**< the request's thread's, from the first task until it has closed it the loop's, and one for
                                     each piece that is computed here (daemon/infer/here.h) */
        atomic_bool over; /**< no more events are wanted */
        uint64_t id;
        hedged_run_work_t *work;
        hedge_mailbox_t *loop;
        hedged_inbox_t inbox;
        hedge_mail_t close; /**< sent once */
        /* The request's thread's. */
        hedge_mail_t *unread; /**< taken out of the inbox */
        hedged_run_kept_t *kept;
        bool closed;
        bool has_loop; /**< a task was given, so the loop knows it */
        /* The loop's. */
        struct hedged_layer_run *next;
        bool open;
        hedged_event_t shutdown; /**< sent at most once */
        hedged_asked_t *first_asked, **last_asked;
        hedged_asked_t *room;     /**< the first with events that are not used */
        hedged_holder_t *holders; /**< per board */
        unsigned char *parts;     /**< per board and part: none counts twice, nor before it was asked for */
        uint64_t first_bytes;     /**< of all boards' first tasks */
        int64_t began_us;         /**< the first of them */
} hedged_layer_run_t;

/** Runs are numbered from anywhere: what is still on its way from a coordinator before this one is none of ours. */
void hedged_layer_run_number(void);

/** A number that no run has, for tasks of none. */
uint64_t hedged_layer_run_take_number(void);

/** @param work  Taken over, on failure too. @param loop  The loop's mailbox.
 * @return 0, -ENOMEM. */
int hedged_layer_run_new(hedged_run_work_t *work, hedge_mailbox_t *loop, hedged_layer_run_t **ret);

/* ---- the request's thread ---- */

/** Ask boards for something: n tasks, which go out in this order.
 * @param wire    Of the frames, and of the parts that are asked for: the work's, or f32.
 * @param frames  Of each task its n_inputs coded inputs; moved from, closed on failure.
 * @return 0, -ENOMEM. */
int hedged_layer_run_give(hedged_layer_run_t *run, unsigned n, const hedged_task_t *const *tasks,
                          hedge_precision_t wire, zmq_msg_t *const *frames);

/** The next event. Owned by the run. @return NULL: none is there. */
hedged_event_t *hedged_layer_run_next(hedged_layer_run_t *run);

/** Sleep until something is to be decided: parts have come that may make the rank `least` more (with whole_boards those of a
 * board count when it has sent all that it was asked for), a board that could be asked for more has sent everything, a board is
 * lost, the program stops, or it is until_us (monotonic). What has not been read counts. */
void hedged_layer_run_wait(hedged_layer_run_t *run, unsigned least, int64_t until_us);

/** Free this with the run. */
void hedged_layer_run_keep(hedged_layer_run_t *run, hedged_run_kept_t *kept);

/** No more events are wanted: what still runs is cancelled.
 * @param all_came  Nothing runs, so that the loop need not be woken: its next mail, which the next layer or the request's answer
 *                  is, is soon enough. */
void hedged_layer_run_close(hedged_layer_run_t *run, bool all_came);

/** Close if that was not done, and let go of it. NULL-safe; nullifies. */
void hedged_layer_run_destroy(hedged_layer_run_t **run);

/* ---- the loop ---- */

/** Keep what was asked for with the run. */
void hedged_layer_run_asked(hedged_layer_run_t *run, hedged_asked_t *asked);

/** An event that was not used yet. There is one for every part that was asked for. */
hedged_event_t *hedged_layer_run_event(hedged_layer_run_t *run);

/** Let go of a run; any thread that has a reference. */
void hedged_layer_run_unref(hedged_layer_run_t *run);

#endif

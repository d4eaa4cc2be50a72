/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_SESSION_H
#define HEDGEW_SESSION_H

#include <stdbool.h>

#include "worker/infer/executor.h"
#include "worker/session/uplink.h"
#include "worker/train/training.h"

/** The board's side of HEDGE/1: who the coordinator is, and what it wants.
 *
 *   seeking -- WELCOME --> serving -- silence, or an ERROR about no job and no share --> seeking (HELLO at once)
 *                                  -- the connection closed --> seeking, and all tasks are forgotten (HELLO when it stands again)
 *
 * HELLO is repeated with back-off and jitter while seeking; after three times the silence the socket is made anew. Shares
 * are kept through all of it. Parts are sent while serving only. Everything is called on the I/O loop's thread and nothing
 * waits. */
typedef struct hedgew_session hedgew_session_t;

typedef struct hedgew_session_settings {
        const char *board;    /**< its name; borrowed, as all pointers here */
        const char *backend;  /**< its kernels' name */
        const char *endpoint; /**< for messages to people */
        unsigned cores;
        uint64_t share_bytes_max;
        unsigned reconnect_min_ms, reconnect_max_ms, silence_ms;
        hedgew_shares_t *shares;
        hedgew_executor_t *executor;
        hedgew_training_t *training;
        hedgew_uplink_t *uplink;
        int64_t (*now_ms)(void);          /**< hedge_now_ms */
        void (*status)(const char *text); /**< told what people want to know: "connected to ..." */
} hedgew_session_settings_t;

/** @return 0, -ENOMEM, -errno (no random number for the incarnation). */
int hedgew_session_new(const hedgew_session_settings_t *settings, hedgew_session_t **ret);
void hedgew_session_destroy(hedgew_session_t **session);

/** Take in what has happened to the connection. */
void hedgew_session_events(hedgew_session_t *session);

/** Take in messages (not for ever: call it again while there are more), after the events of their connection. */
void hedgew_session_receive(hedgew_session_t *session);

/** Send what there is and fits. */
void hedgew_session_send(hedgew_session_t *session);

/** Do what is due. @param ret_wait_ms  Until something is due again. @return 0, or what opening a new socket failed with. */
int hedgew_session_tick(hedgew_session_t *session, int64_t *ret_wait_ms);

/** What to wait for beside messages: room in the socket (it is full, or not connected); reports of the executor and the training. Never
 * both. */
bool hedgew_session_wants_room(const hedgew_session_t *session);
bool hedgew_session_wants_reports(const hedgew_session_t *session);

/** May messages be received? Not while many answers to earlier ones wait for room. */
bool hedgew_session_wants_messages(const hedgew_session_t *session);

/** Close the connection and connect anew, with the uplink's keys as they are now. */
void hedgew_session_reconnect(hedgew_session_t *session);

/** Say BYE. */
void hedgew_session_bye(hedgew_session_t *session, const char *reason);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_WORKER_SESSION_H
#define HEDGE_WORKER_SESSION_H

#include <stdbool.h>

#include "worker/executor.h"
#include "worker/training.h"
#include "worker/uplink.h"

/** The board's side of HEDGE/1: who the coordinator is, and what it wants.
 *
 *   seeking -- WELCOME --> serving -- silence, or an ERROR about no job and no share --> seeking (HELLO at once)
 *                                  -- the connection closed --> seeking, and all tasks are forgotten (HELLO when it stands again)
 *
 * HELLO is repeated with back-off and jitter while seeking; after three times the silence the socket is made anew. Shares
 * are kept through all of it. Parts are sent while serving only. Everything is called on the I/O loop's thread and nothing
 * waits. */
typedef struct hedge_session hedge_session_t;

typedef struct hedge_session_settings {
        const char *board;    /**< its name; borrowed, as all pointers here */
        const char *backend;  /**< its kernels' name */
        const char *endpoint; /**< for messages to people */
        unsigned cores;
        uint64_t share_bytes_max;
        unsigned reconnect_min_ms, reconnect_max_ms, silence_ms;
        hedge_shares_t *shares;
        hedge_executor_t *executor;
        hedge_training_t *training;
        hedge_uplink_t *uplink;
        void (*status)(const char *text); /**< told what people want to know: "connected to ..." */
} hedge_session_settings_t;

/** @return 0, -ENOMEM, -errno (no random number for the incarnation). */
int hedge_session_new(const hedge_session_settings_t *settings, hedge_session_t **ret);
void hedge_session_destroy(hedge_session_t **session);

/** Take in what there is: events of the connection, then messages (not for ever: call it again while there are more). */
void hedge_session_receive(hedge_session_t *session);

/** Send what there is and fits. */
void hedge_session_send(hedge_session_t *session);

/** Do what is due. @param ret_wait_ms  Until something is due again. @return 0, or what opening a new socket failed with. */
int hedge_session_tick(hedge_session_t *session, int64_t *ret_wait_ms);

/** What to wait for beside messages: room in the socket (it is full, or not connected); reports of the executor and the training. Never
 * both. */
bool hedge_session_wants_room(const hedge_session_t *session);
bool hedge_session_wants_reports(const hedge_session_t *session);

/** May messages be received? Not while many answers to earlier ones wait for room. */
bool hedge_session_wants_messages(const hedge_session_t *session);

/** Say BYE. */
void hedge_session_bye(hedge_session_t *session, const char *reason);

#endif

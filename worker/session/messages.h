/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_SESSION_MESSAGES_H
#define HEDGEW_SESSION_MESSAGES_H

#include "worker/session/session.h"

/** What the coordinator's messages do to a session: one function per type. Inside the session only. */
typedef struct hedgew_answer {
        struct hedgew_answer *next;
        hedge_message_t message; /**< without arrays */
} hedgew_answer_t;

struct hedgew_session {
        hedgew_session_settings_t settings;
        uint64_t incarnation;
        uint64_t coordinator; /**< its incarnation; 0: none has been met */
        bool serving;
        bool connected;
        bool greeted; /**< HELLO was said on this connection */
        bool refused; /**< the last handshake failed: the log was told, and the socket knocks rarely */
        int failure;  /**< there is no socket any more */
        bool hello_due, pong_due, wants_room;
        bool turn; /**< the next report is the training's */
        uint32_t heartbeat_ms;
        int64_t heard_ms, opened_ms;                 /**< last message; last time the socket was made anew */
        int64_t hello_ms, hello_said_ms, backoff_ms; /**< next HELLO, last one sent, wait after the next */
        uint64_t ping_sequence;                      /**< to be answered */
        hedgew_answer_t *answers, **answers_tail;    /**< that wait for room in the socket */
        unsigned n_answers;
};

/** Act on a message; its frames may be taken. */
void hedgew_session_message(hedgew_session_t *session, hedge_envelope_t *envelope);

/** Log what is wrong with a message, and answer it with an ERROR. @param digest  The share it is about, or NULL. */
void hedgew_session_complain(hedgew_session_t *session, int code, const hedge_why_t *why, uint64_t job,
                             const hedge_digest_t *digest);

/** Send a message without frames, as soon as there is room. */
void hedgew_session_say(hedgew_session_t *session, const hedge_message_t *message);

/** Changes of state: the coordinator is lost; it took us in; HELLO not before then (nor too often); all tasks are void. */
void hedgew_session_seek(hedgew_session_t *session, const char *reason);
void hedgew_session_serve(hedgew_session_t *session, const hedge_msg_welcome_t *welcome);
void hedgew_session_hello_at(hedgew_session_t *session, int64_t when_ms);
void hedgew_session_forget_tasks(hedgew_session_t *session);

#endif

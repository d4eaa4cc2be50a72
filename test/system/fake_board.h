/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_FAKE_BOARD_H
#define HEDGE_TEST_FAKE_BOARD_H

#include "test/system/fake_peer.h"
#include "worker/train/training.h"

/** What a board does with a task (or a share), or with what it is asked for in a training. */
typedef enum fake_mood {
        FAKE_GOOD,          /**< computes, by the plain kernel; trains as a worker does */
        FAKE_SILENT,        /**< never answers a task, nor a CANCEL, nor a STEP */
        FAKE_WRONG_SIZE,    /**< sends its parts a float short, which ends the task; its gradients a byte */
        FAKE_WRONG_INDEX,   /**< numbers its parts beyond what was asked for, which ends the task */
        FAKE_TWICE,         /**< sends its first part in place of all others, one by one; its gradients twice */
        FAKE_TWICE_AT_ONCE, /**< the same, once more than there are, in one message */
        FAKE_LATE,          /**< computes once the task is cancelled */
        FAKE_UNKNOWN_JOB,   /**< sends its parts for a job that does not exist, then ends the real one */
        FAKE_EMPTY,         /**< TASK_END at once */
        FAKE_FORGETFUL,     /**< "I do not hold that share", once for every share; then good */
        FAKE_FULL,          /**< takes no share at all: no memory; nor part in a training */
        FAKE_HANGS_UP,      /**< closes its connection in answer to a task or a STEP */
        FAKE_HELD_BACK,     /**< keeps every task until its mood changes */
} fake_mood_t;

#define FAKE_MAX_SHARES 128
#define FAKE_MAX_TASKS  64
#define FAKE_SHARDS     8

typedef struct fake_share {
        hedge_digest_t digest;
        hedge_conv_t conv;
        uint32_t ell_b;
        float *filters;
        bool forgotten; /**< once, by a FORGETFUL board */
} fake_share_t;

typedef struct fake_board {
        fake_peer_t peer;
        char name[HEDGE_BOARD_NAME_MAX];
        fake_mood_t mood;
        uint64_t incarnation, coordinator;
        uint32_t index;
        fake_share_t shares[FAKE_MAX_SHARES];
        unsigned n_shares;
        hedge_envelope_t kept[FAKE_MAX_TASKS]; /**< LATE and HELD_BACK: those that wait */
        unsigned n_kept;
        unsigned welcomes, shares_sent, tasks, cancels, drops, errors, byes;
        hedgew_training_t *training; /**< from the first JOIN on */
        unsigned joins, shards, steps, leaves;
        hedge_digest_t held[FAKE_SHARDS]; /* the first shards that came */
        unsigned again;                   /* those that had come before */
        uint64_t left;                    /**< the last LEAVE's */
        uint64_t first_job;
        hedge_msg_error_t error; /**< the last one */
} fake_board_t;

/** A new connection and HELLO, listing what it holds. The first time with zeroed structure but for name and mood. */
void fake_board_join(fake_board_t *board, const char *endpoint);

/** Hang up; what it holds stays, as after a lost connection. */
void fake_board_leave(fake_board_t *board);

/** Forget all, as a process that ended. */
void fake_board_forget(fake_board_t *board);

/** Act on what has come, without waiting. @return whether anything has. */
bool fake_board_step(fake_board_t *board);

#endif

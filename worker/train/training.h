/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEW_TRAINING_H
#define HEDGEW_TRAINING_H

#include <stdbool.h>

#include "common/mailbox.h"
#include "common/wire/link.h"
#include "worker/emulate/emulate.h"

/** A board's part in a training: its shards of the data, its copy of the parameters, its error memory; or the coded matrices that it
 * holds, and the products that are asked of it (worker/train/products.h).
 *
 * All is computed on a thread of its own, which exists only while the board takes part in a training; it answers in
 * order. All functions are called on the I/O loop's thread, and none waits. One training at a time: JOIN with another
 * identity ends the one before, and so does HOLD. Memory is counted before it is taken. */
typedef struct hedgew_training hedgew_training_t;

typedef struct hedgew_training_settings {
        /** Memory for shards, parameters and workspace together, or for matrices. Messages that wait may take as much
         * again, and so may products that are not sent yet. */
        uint64_t bytes_max;
        hedgew_emulate_t *emulate; /**< NULL, or the test bed's brake; borrowed */
} hedgew_training_settings_t;

/** @return 0, -ENOMEM, -errno. */
int hedgew_training_new(const hedgew_training_settings_t *settings, hedgew_training_t **ret);

/** Ends what runs, waiting for it for at most timeout_ms. Nothing else is done with it from then on but this again.
 * @return 0, -ETIMEDOUT: it still computes; nothing was freed. */
int hedgew_training_end(hedgew_training_t *training, int timeout_ms);

/** After hedgew_training_end. NULL-safe; nullifies. */
void hedgew_training_destroy(hedgew_training_t **training);

/** A JOIN, SHARD, STEP or LEAVE, HOLD, APPLY, UPDATE, FETCH or MULTIPLY; takes the envelope's contents. What is wrong with it is
 * answered as any report. JOIN, a HOLD or MULTIPLY of another training than the last, and LEAVE of that which was begun last
 * also do what hedgew_training_forget does.
 *
 * After an ERROR to a STEP, or one that is not carried out, the next must be whole. */
void hedgew_training_message(hedgew_training_t *training, hedge_envelope_t *envelope);

/** The coordinator is another process, or the connection is another one: what was to be answered is not wanted any more. Shards,
 * parameters and error memory stay for the JOIN that may come; a STEP without it must be whole. Matrices are not held any more. */
void hedgew_training_forget(hedgew_training_t *training);

/** Something to send: JOINED, SHARD_OK, GRADIENT, PRODUCT or ERROR. */
typedef struct hedgew_training_report {
        hedge_mail_t mail;
        hedge_message_t message;
        zmq_msg_t frames[2];
        uint32_t n_frames;
        hedge_digest_t *held; /**< JOINED's list; owned */
} hedgew_training_report_t;

/** Readable while there may be reports. */
int hedgew_training_fd(const hedgew_training_t *training);

/** The oldest report, or NULL. The same again until hedgew_training_reported, with its frames made anew: borrowed until the
 * next call of any function here. */
hedgew_training_report_t *hedgew_training_report(hedgew_training_t *training);

/** It was sent (its frames are gone). */
void hedgew_training_reported(hedgew_training_t *training);

typedef struct hedgew_training_status {
        uint64_t job;          /**< 0: none */
        uint64_t bytes;        /**< counted */
        uint64_t unsent_bytes; /**< of products that are not sent yet */
        uint64_t steps;        /**< answered since the JOIN */
        int64_t busy_us;       /**< how long it has been computing without a break; 0: it is not */
        uint32_t queued;       /**< STEPs not answered yet: 0 or 1 */
        bool full;             /**< so many reports wait to be sent that no more messages should be received */
} hedgew_training_status_t;

void hedgew_training_status(hedgew_training_t *training, hedgew_training_status_t *ret);

#endif

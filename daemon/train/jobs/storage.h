/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_STORAGE_H
#define HEDGED_STORAGE_H

#include "common/mailbox.h"
#include "common/wire/link.h"
#include "daemon/train/folder.h"

/** A thread that does with jobs' folders what may take too long for the loop, one op after the other: to check and
 * store a job that comes, to bring its log to the disk, to read a model, to tidy up. */
typedef struct hedged_storage hedged_storage_t;

typedef enum hedged_storage_op_kind {
        HEDGED_STORAGE_CREATE, /**< take in what is in the frames */
        HEDGED_STORAGE_LOG,    /**< add an epoch or an event to its log */
        HEDGED_STORAGE_END,    /**< note how the job ended */
        HEDGED_STORAGE_MODEL,  /**< read its model */
        HEDGED_STORAGE_REMOVE, /**< remove its folder */
} hedged_storage_op_kind_t;

typedef struct hedged_storage_op {
        hedge_mail_t mail;
        struct hedged_storage_op *next; /**< the loop's: those that are out */
        hedged_storage_op_kind_t kind;
        uint64_t job;        /**< CREATE: the number that it was given */
        hedge_asker_t asker; /**< CREATE, MODEL */
        zmq_msg_t *frames;   /**< CREATE: the job's text and data files, owned; MODEL: the two files that were read */
        uint32_t n_frames;
        hedged_folder_t *folder; /**< CREATE: what was made, owned; LOG, END: borrowed */
        char *files[2];          /**< MODEL: their paths, owned */
        bool is_epoch;           /**< LOG: else an event */
        union {
                hedge_epoch_report_t epoch;
                hedge_job_event_t event;
        };
        char state[16], text[HEDGE_TEXT_MAX]; /**< END */
        int result;
        hedge_why_t why;
} hedged_storage_op_t;

typedef struct hedged_storage_settings {
        const char *jobs;      /**< the folder of all jobs; borrowed */
        uint64_t number;       /**< of the next job */
        uint64_t file_bytes;   /**< of a model's file at most */
        hedge_mailbox_t *loop; /**< ops that are done come back by it, as mail of kind done_kind; borrowed */
        int done_kind;
} hedged_storage_settings_t;

/** @return 0, -ENOMEM, -errno. */
int hedged_storage_new(const hedged_storage_settings_t *settings, hedged_storage_t **ret);

/** No op is out. NULL-safe; nullifies. */
void hedged_storage_destroy(hedged_storage_t **storage);

/** Hand it over; it comes back. */
void hedged_storage_send(hedged_storage_t *storage, hedged_storage_op_t *op);

/** NULL-safe; nullifies. */
void hedged_storage_op_destroy(hedged_storage_op_t **op);

#endif

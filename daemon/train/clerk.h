/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGED_CLERK_H
#define HEDGED_CLERK_H

#include "common/mailbox.h"
#include "common/wire/link.h"
#include "daemon/train/folder.h"

/** A thread that does with jobs' folders what may take too long for the loop, one errand after the other: to check and
 * store a job that comes, to bring its log to the disk, to read a model, to tidy up. */
typedef struct hedged_clerk hedged_clerk_t;

typedef enum hedged_errand_kind {
        HEDGED_ERRAND_CREATE, /**< take in what is in the frames */
        HEDGED_ERRAND_LOG,    /**< add an epoch or an event to its log */
        HEDGED_ERRAND_END,    /**< note how the job ended */
        HEDGED_ERRAND_MODEL,  /**< read its model */
        HEDGED_ERRAND_REMOVE, /**< remove its folder */
} hedged_errand_kind_t;

typedef struct hedged_errand {
        hedge_mail_t mail;
        struct hedged_errand *next; /**< the loop's: those that are out */
        hedged_errand_kind_t kind;
        uint64_t job; /**< CREATE: the number that it was given */
        void *socket; /**< CREATE, MODEL: who asks */
        hedge_route_t route;
        uint64_t id;
        zmq_msg_t *frames; /**< CREATE: the job's text and data files, owned; MODEL: the two files that were read */
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
} hedged_errand_t;

typedef struct hedged_clerk_settings {
        const char *jobs;      /**< the folder of all jobs; borrowed */
        uint64_t number;       /**< of the next job */
        uint64_t file_bytes;   /**< of a model's file at most */
        hedge_mailbox_t *loop; /**< errands that are done come back by it, as mail of kind done_kind; borrowed */
        int done_kind;
} hedged_clerk_settings_t;

/** @return 0, -ENOMEM, -errno. */
int hedged_clerk_new(const hedged_clerk_settings_t *settings, hedged_clerk_t **ret);

/** No errand is out. NULL-safe; nullifies. */
void hedged_clerk_destroy(hedged_clerk_t **clerk);

/** Hand it over; it comes back. */
void hedged_clerk_send(hedged_clerk_t *clerk, hedged_errand_t *errand);

/** NULL-safe; nullifies. */
void hedged_errand_destroy(hedged_errand_t **errand);

#endif

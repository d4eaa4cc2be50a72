/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_RUN_BED_H
#define HEDGE_TEST_RUN_BED_H

#include "common/co3/co3.h"
#include "common/train/train.h"
#include "daemon/train/jobs/run.h"
#include "test/unit/job_bed.h"
#include "test/unit/line_bed.h"

/** A job's folder, its thread, and boards that are played in it: what
 * is said to a board is answered before hedged_line_send returns, by nothing but common/train and common/co3. So what happens does
 * not depend on time. */
#define BED_BOARDS  8u
#define BED_CLASSES 4u
#define BED_SIDE    JOB_BED_SIDE
#define BED_IMAGES  400u /**< to learn from */
#define BED_TEST    80u

typedef struct bed bed_t;

/** A gradient message as it was sent. */
typedef struct bed_gradient {
        struct bed_gradient *next;
        uint64_t step;
        unsigned board;
        bool counted; /**< as far as its board was told, or it is of the last step */
        size_t size;
        uint8_t bytes[];
} bed_gradient_t;

typedef struct bed_board {
        bool joined;
        bool slow;                   /**< holds its answers back until bed_deliver */
        bool dumb;                   /**< never answers a STEP, nor gives a product */
        bool nan;                    /**< its losses are no numbers */
        bool edom;                   /**< says that its loss is no number */
        bool mad;                    /**< sends gradients that are none */
        bool no_room;                /**< refuses shards, and products */
        bool no_join;                /**< refuses to take part */
        bool forgets;                /**< the next STEP is answered with "I do not hold that shard" */
        hedged_line_event_t *answer; /**< held back */
        hedge_net_t *net;
        hedge_co3_t *co3;
        hedge_co3_options_t options;
        hedge_workspace_t *workspace;
        hedge_msg_join_t join;
        float *params, *error, *gradient, *statistics, *images;
        double *computed; /**< sum of all gradients that it ever computed */
        uint8_t *labels, *room;
        uint64_t version;
        bool fresh;
        bed_gradient_t *last; /**< that may yet have come too late; the bed's */
        unsigned n_shards;
        hedge_dataset_t *shards[16];
        hedge_batches_t *batches[16];
        hedge_digest_t digests[16];
        unsigned joins, shards_sent, steps, wholes, memories;
        unsigned multiplied; /**< products that it was asked for */
} bed_board_t;

struct bed {
        line_bed_t line; /**< the first member: line_bed.h */
        job_bed_t job;
        hedge_mailbox_t *loop;
        double macs_per_s;
        unsigned patience_ms;
        bed_board_t boards[BED_BOARDS];
        bed_gradient_t *gradients, **gradients_end;
        uint64_t last_step; /**< that was asked for */
        bool backwards;     /**< gradients come in the reverse order of boards */
        hedged_line_event_t *pile[BED_BOARDS];
        unsigned piled;
        void (*script)(bed_t *bed, unsigned board, const hedge_message_t *message); /**< before a board hears it */
        char broken[256]; /**< what a board saw that must not be */

        hedge_job_status_t status; /**< the last one */
        hedge_epoch_report_t epochs[64];
        hedge_job_event_t events[64];
        unsigned n_epochs, n_events;
        bool waited;                    /**< the state was "waiting" at some time */
        void (*on_waiting)(bed_t *bed); /**< then, the first time, while the run waits; or NULL */
};

/** A folder with the job `yaml` (data and its classes are added) and synthetic pictures; no board is there. */
bed_t *bed_new(const char *yaml);
void bed_destroy(bed_t **bed);

/** Boards come and go. */
void bed_here(bed_t *bed, unsigned board);
void bed_all_here(bed_t *bed, unsigned boards);
void bed_lost(bed_t *bed, unsigned board);

/** It starts as another process: nothing is left. */
void bed_restart(bed_t *bed, unsigned board);

/** Let the answer go that a slow board holds back. */
void bed_deliver(bed_t *bed, unsigned board);

void bed_stop(bed_t *bed, enum hedged_stop why);

/** Run the job's thread until it has ended; fails if that takes very long, or a board saw what must not be. */
void bed_run(bed_t *bed);

/** Was there an event with this text in it? */
bool bed_event(const bed_t *bed, const char *text);

/** Read the job's checkpoint. @return allocated: parameters, momentum, state; `ret_step` may be NULL. */
float *bed_checkpoint(const bed_t *bed, uint64_t *ret_step);

/** Its network: one that lives as long as the bed. */
const hedge_net_t *bed_net(const bed_t *bed);

/** Is this file in its folder? */
bool bed_file(const bed_t *bed, const char *name);

#endif

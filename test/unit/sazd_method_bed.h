/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_SAZD_METHOD_BED_H
#define HEDGE_TEST_SAZD_METHOD_BED_H

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "daemon/train/jobs/run.h"
#include "daemon/train/sazd/coded_weights.h"
#include "test/unit/job_bed.h"
#include "test/unit/line_bed.h"
#include "worker/train/matrices.h"

/** Training with coded matrices over a line of the test's own, behind which the worker's matrices compute. */

#define BOARDS 12u
#define LAYERS 2u /* that are distributed: 64 x 50, 50 x 42 */
#define QUEUE  512u

typedef struct said {
        hedge_message_t message;
        zmq_msg_t frames[2];
        uint32_t n_frames;
} said_t;

typedef struct board {
        bool frozen, dumb, no_room;
        hedgew_matrices_t *matrices;
        said_t queue[QUEUE]; /* while it is frozen */
        int64_t oldest_us;   /* when the first of them came */
        unsigned queued, longest, holds;
} board_t;

typedef struct bed {
        line_bed_t line; /* the first member: line_bed.h */
        job_bed_t job;
        hedge_mailbox_t *loop;
        board_t boards[BOARDS];
        uint64_t step; /* the round's number of the last step; and how many there were */
        unsigned steps;
        void (*script)(struct bed *bed); /* when a step begins */
        void (*on_event)(struct bed *bed, const char *text);
        hedge_job_status_t status;
        hedge_epoch_report_t epochs[16];
        hedge_job_event_t events[64];
        unsigned n_epochs, n_events;
        bool waited;
} bed_t;

/** What was kept for it is heard now. */
void bed_serve_one(bed_t *bed, unsigned board, said_t *said);

/** There, with what it holds; or, if it holds nothing, as another process. */
void bed_come(bed_t *bed, unsigned board);

/** Gone without a word, and nothing is left of what it held. */
void bed_forget(bed_t *bed, unsigned board);

/** A folder with the job `yaml` (layers and data are added), and so many boards. */
bed_t *bed_new(const char *yaml, unsigned boards);

void bed_destroy(bed_t **bed);

/** Run the job until it ends; fails if that takes very long. */
void bed_run(bed_t *bed);

void bed_expect_state(const bed_t *bed, const char *state);

/** How many events have this text in them? */
unsigned bed_events(const bed_t *bed, const char *text);

void bed_expect_event(const bed_t *bed, const char *text);

/* ---- what was learnt ---- */

/** One machine alone learns the same, but for rounding. */
void bed_expect_as_local(const bed_t *bed, double bound);

/** The theorem: what a board holds is the code of the true weights. */
void bed_expect_code_word(bed_t *bed, unsigned board, unsigned seat, hedged_code_kind_t kind, unsigned k, unsigned r,
                          double bound);

/** What rounding may do to what is learnt, ten times what was measured with OpenBLAS's code for Zen, Haswell and Nehalem, rounded up:
 * with 20 steps of any method 2.5e-5 at most, with 110 steps 3.6e-5 (also between a board's share and the code of the weights),
 * with Lagrange's code without two of ten boards 1.6e-4: what its decoding multiplies roundings by grows with those that are
 * missing. One step left out is 1.4e-2 of 110, 1.9e-2 of 20; an epoch 3.7e-2 and 1.0e-1. */
#define ROUNDED 3e-4

#define SAZD(method, k, r) "method: " method "\nsazd: {k: " #k ", r: " #r ", min_units: 32, error_budget: 0.01}\n"

#endif

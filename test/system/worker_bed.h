/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_WORKER_BED_H
#define HEDGE_TEST_WORKER_BED_H

#include "test/system/fake_coordinator.h"
#include "test/system/process.h"

/** The real hedge-worker, over real sockets, against a coordinator that the test plays. Its shares are small: coded inputs of
 * IN floats, parts of OUT floats, BLOCKS filter blocks of BLOCK floats. */
#define BLOCKS    2
#define INPUTS    2
#define IN        (7 * 6 * 3)
#define OUT       (5 * 6 * 4)
#define BLOCK     (4 * 3 * 3 * 3)
#define HEARTBEAT 60000 /**< as if never: what must happen by itself must not hang on it */

extern const hedge_conv_t worker_bed_conv;

/** All parts of a share with INPUTS coded inputs, in no order. */
extern uint32_t worker_bed_parts[4];

typedef struct worker_bed {
        char dir[256];
        fake_coordinator_t fake;
        test_process_t worker;
        char macs_per_s[64]; /**< environment of the worker; empty: none */
        char extra[2][320];
        bool no_emulation;     /**< its configuration does not allow it */
        hedge_key_pair_t keys; /**< the coordinator's, with CURVE */
} worker_bed_t;

/** For cmocka. */
int worker_bed_set_up(void **state);
int worker_bed_tear_down(void **state);

/** YAML for worker_bed_start: the reference kernels, whose results are the same everywhere. */
#define PLAIN "compute: {backend: plain, threads: 1}\n"

/** Start the worker with a configuration that ends with `more` (YAML). */
void worker_bed_launch(worker_bed_t *bed, const char *security, const char *more);

/** The same without keys, with its coordinator. */
void worker_bed_start(worker_bed_t *bed, const char *more);

/** Before it starts: each part takes so many seconds. */
void worker_bed_slow_down(worker_bed_t *bed, double seconds);

/** Write the emulation file, which is the worker's if this was called before it starts. */
void worker_bed_emulate(worker_bed_t *bed, const char *text);

/** A frame of such floats. */
void worker_bed_frame(zmq_msg_t *frame, size_t floats, unsigned seed);

hedge_message_t worker_bed_share_message(uint8_t name, const hedge_conv_t *geometry);
void worker_bed_send_share(worker_bed_t *bed, uint8_t name);

/** Send a share and await SHARE_OK. */
void worker_bed_give_share(worker_bed_t *bed, uint8_t name);

/** Send a task with INPUTS coded inputs of so many floats. */
void worker_bed_send_task(worker_bed_t *bed, uint64_t job, uint8_t name, uint32_t *order, uint32_t n_order,
                          size_t floats);

/** Send a task for share 1, with the coded inputs that it lists, in its precision. */
void worker_bed_send(worker_bed_t *bed, hedge_msg_task_t task);

/** All parts of share 1. */
void worker_bed_give_task(worker_bed_t *bed, uint64_t job);

void worker_bed_cancel(worker_bed_t *bed, uint64_t job);
void worker_bed_drop(worker_bed_t *bed, uint8_t name);

/** What the part should be, by the plain kernel here. */
void worker_bed_compute(uint8_t share, uint32_t part, float *out);

/** In whichever precision it says. */
void worker_bed_expect_part(worker_bed_t *bed, uint64_t job, uint8_t share, uint32_t part);

/** The message that came last, or the next that does so, ends a task of the job. */
void worker_bed_expect_last(worker_bed_t *bed, uint64_t job);

/** TASK_END, after so many parts. */
void worker_bed_expect_cancelled(worker_bed_t *bed, uint64_t job, uint32_t parts);

/** One message with these parts. */
void worker_bed_expect_together(worker_bed_t *bed, uint64_t job, uint8_t share, const uint32_t *parts, uint32_t n);
void worker_bed_expect_error(worker_bed_t *bed, int code, uint64_t job, uint8_t share);

/** So many tasks are there, now or soon. */
void worker_bed_expect_queue(worker_bed_t *bed, uint32_t tasks);

void worker_bed_expect_exit(worker_bed_t *bed, int status, int within_ms);

#endif

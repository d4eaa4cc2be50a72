/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_DISPATCH_RUNS_H
#define HEDGE_TEST_DISPATCH_RUNS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "daemon/infer/coded_work.h"
#include "test/unit/dispatch_bed.h"

/** Layer runs on a bed: every board has four parts, which are asked for and come by their number alone. */

#define PARTS 4u /* of a board: 2 coded inputs, 2 filter blocks */
#define ELL_B 2u

static const hedge_code_params_t params = { .scheme = HEDGE_SCHEME_KRP, .k_a = 2, .k_b = 2, .n = DISPATCH_BOARDS };
static dispatch_bed_t bed;

static inline int set_up(void **state)
{
        (void)state;
        dispatch_bed_begin(&bed, &params);
        return hedge_code_parts(bed.code, 0) == PARTS ? 0 : -1;
}

static inline int tear_down(void **state)
{
        (void)state;
        dispatch_bed_end(&bed);
        return 0;
}

static inline hedged_layer_run_t *new_run(void)
{
        hedged_layer_run_t *run = NULL;
        hedged_run_work_t *work = NULL;

        MUST(hedged_coded_work(&bed.variant, &work) == 0);
        MUST(hedged_layer_run_new(work, bed.loop, &run) == 0);
        return run;
}

/* A task of the parts that are 1 in `parts`, bit by bit, with the inputs that they need, of 100 bytes for input 0 and 101 for
 * input 1. */
static inline void give(hedged_layer_run_t *run, unsigned board, unsigned parts)
{
        hedged_task_t task = { .board = board };
        const hedged_task_t *tasks = &task;
        zmq_msg_t frames[PARTS], *of_task = frames;

        for (unsigned la = 0; la < PARTS / ELL_B; la++)
                if (parts >> (la * ELL_B) & ((1u << ELL_B) - 1)) {
                        MUST(zmq_msg_init_size(&frames[task.n_inputs], 100 + la) == 0);
                        memset(zmq_msg_data(&frames[task.n_inputs]), (int)(board * 10 + la), 100 + la);
                        task.inputs[task.n_inputs++] = la;
                }
        for (unsigned part = 0; part < PARTS; part++)
                if (parts >> part & 1)
                        task.order[task.n_order++] = part;
        MUST(hedged_layer_run_give(run, 1, &tasks, HEDGE_PRECISION_F32, &of_task) == 0);
        for (unsigned i = 0; i < task.n_inputs; i++)
                MUST(zmq_msg_size(&frames[i]) == 0); /* moved, not copied */
}

/* A run, with all parts of so many boards asked for. @param ret_id  Its number on the wire. */
static inline hedged_layer_run_t *begin_run(unsigned boards, uint64_t *ret_id)
{
        hedged_layer_run_t *run = new_run();

        for (unsigned b = 0; b < boards; b++)
                give(run, b, (1u << PARTS) - 1);
        dispatch_bed_turn(&bed);
        MUST(bed.boards[0].n_sent > 0);
        *ret_id = bed.boards[0].sent[bed.boards[0].n_sent - 1].run;
        return run;
}

static inline size_t f32_bytes(void)
{
        return dispatch_bed_part_bytes(&bed, HEDGE_PRECISION_F32);
}

static inline int part(unsigned board, uint64_t run, unsigned number)
{
        return dispatch_bed_part(&bed, board, run, number, f32_bytes(), HEDGE_PRECISION_F32);
}

/* Several in one message, float32. @param last  They are a task's last. */
static inline int parts(unsigned board, uint64_t run, const unsigned *numbers, unsigned n, bool last)
{
        hedge_part_t said[HEDGE_PART_FRAMES];
        size_t bytes[HEDGE_PART_FRAMES];

        for (unsigned i = 0; i < n; i++) {
                said[i] = (hedge_part_t){ .part = numbers[i], .compute_us = numbers[i] + 1 };
                bytes[i] = f32_bytes();
        }
        return dispatch_bed_send_parts(
                &bed, board, &(hedge_msg_part_t){ .run = run, .n_parts = n, .parts = said, .last = last }, bytes);
}

/* The next event is of this kind, of this board. */
static inline void expect(hedged_layer_run_t *run, hedged_event_kind_t kind, unsigned board)
{
        hedged_event_t *e = hedged_layer_run_next(run);

        assert_non_null(e);
        assert_int_equal(e->mail.kind, kind);
        if (kind == HEDGED_EVENT_PART || kind == HEDGED_EVENT_LOST)
                assert_int_equal(e->board, board);
}

static inline void expect_part(hedged_layer_run_t *run, unsigned board, unsigned number, hedge_precision_t wire)
{
        hedged_event_t *e = hedged_layer_run_next(run);

        assert_non_null(e);
        assert_int_equal(e->mail.kind, HEDGED_EVENT_PART);
        assert_int_equal(e->board, board);
        assert_int_equal(e->part, number);
        assert_int_equal(e->compute_us, number + 1);
        assert_int_equal(e->wire, wire);
        assert_true(e->received_us > 0);
        assert_int_equal(zmq_msg_size(&e->frame), dispatch_bed_part_bytes(&bed, wire));
        assert_int_equal(((unsigned char *)zmq_msg_data(&e->frame))[0], number);
}

static inline void expect_nothing(hedged_layer_run_t *run)
{
        assert_null(hedged_layer_run_next(run));
}

/* The oldest message to a board; @return whether it is a TASK of this run, else a CANCEL. */
static inline bool was_task(unsigned board, uint64_t run)
{
        const dispatch_sent_t *s = &bed.boards[board].sent[0];
        const bool is_task = s->type == HEDGE_MSG_TASK;

        assert_true(bed.boards[board].n_sent > 0);
        assert_int_equal(s->run, run);
        dispatch_bed_shift(&bed.boards[board]);
        return is_task;
}

/* Closed, and let go of by the loop, which says nothing more of it. */
static inline void end_run(hedged_layer_run_t **run)
{
        const uint64_t id = (*run)->id;

        hedged_layer_run_close(*run, false);
        hedged_layer_run_close(*run, false); /* once is enough */
        dispatch_bed_turn(&bed);
        expect_nothing(*run);
        assert_int_equal(part(0, id, 0), -ENOENT);
        hedged_layer_run_destroy(run);
        assert_null(*run);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_EXECUTOR_BED_H
#define HEDGE_TEST_EXECUTOR_BED_H

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/kernel/kernel.h"
#include "common/wire/link.h"
#include "worker/infer/executor.h"

/** An executor with one small share, for the tests of it: three coded inputs with two filter blocks each. */
#define BLOCKS     2
#define INPUTS     3
#define IN         (6 * 5 * 3)
#define OUT        (4 * 3 * 4)
#define FILTERS    (BLOCKS * 4 * 3 * 3 * 3)
#define PATIENCE_S 60

static const hedge_conv_t conv = { 6, 5, 3, 4, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0, 1 };

/** At this rate a part takes so long. */
#define RATE(seconds) ((double)hedge_conv_macs(&conv) / (seconds))

/** At this rate a part takes ten minutes: nobody waits for it, everybody cancels it. */
#define VERY_SLOW RATE(600)

typedef struct fixture {
        hedgew_shares_t *shares;
        hedgew_emulate_t *emulate;
        hedgew_executor_t *executor;
        float filters[FILTERS];
        uint64_t ended;    /* the run whose task the last part ended; 0: none did */
        uint32_t ended_by; /* that part */
} fixture_t;

/** @param path, macs_per_s  As hedgew_emulate_new; NULL and 0: the board is not emulated. */
static inline void start_emulated(fixture_t *f, const hedgew_executor_settings_t *given, const char *path,
                                  double macs_per_s)
{
        hedgew_executor_settings_t settings = *given;

        memset(f, 0, sizeof(*f));
        assert_int_equal(hedgew_shares_new(1 << 20, 1 << 20, &f->shares), 0);
        if (path || macs_per_s > 0)
                assert_int_equal(hedgew_emulate_new(path, macs_per_s, &f->emulate), 0);
        settings.backend = "plain";
        settings.threads = 1;
        settings.shares = f->shares;
        settings.emulate = f->emulate;
        settings.tasks_max = settings.tasks_max ? settings.tasks_max : 16;
        settings.task_bytes_max = settings.task_bytes_max ? settings.task_bytes_max : 1 << 20;
        settings.unsent_bytes_max = settings.unsent_bytes_max ? settings.unsent_bytes_max : 1 << 20;
        assert_int_equal(hedgew_executor_new(&settings, &f->executor), 0);
        for (int i = 0; i < FILTERS; i++)
                f->filters[i] = (float)(i * 7 % 13) - 6;
}

static inline void start(fixture_t *f, const hedgew_executor_settings_t *given)
{
        start_emulated(f, given, NULL, 0);
}

static inline void finish(fixture_t *f)
{
        hedgew_executor_stop(f->executor);
        assert_int_equal(hedgew_executor_join(f->executor, PATIENCE_S * 1000), 0);
        hedgew_executor_destroy(&f->executor);
        assert_int_equal(hedgew_shares_figures(f->shares).alive, 0);
        assert_int_equal(hedgew_shares_figures(f->shares).bytes, 0);
        hedgew_shares_destroy(&f->shares);
        hedgew_emulate_destroy(&f->emulate);
}

static inline hedgew_report_t *next_report(fixture_t *f)
{
        struct pollfd p = { .fd = hedgew_executor_fd(f->executor), .events = POLLIN };
        int64_t end_ms = hedge_now_ms() + PATIENCE_S * 1000;
        hedgew_report_t *report;

        while (!(report = hedgew_executor_report(f->executor)) && hedge_now_ms() < end_ms)
                poll(&p, 1, PATIENCE_S * 1000); /* a descriptor that is not readable in time fails the test */
        assert_non_null(report);
        return report;
}

static inline hedge_msg_share_t share_message(void)
{
        return (hedge_msg_share_t){ .digest = { { 9 } }, .conv = conv, .ell_b = BLOCKS };
}

static inline void frame_of(zmq_msg_t *frame, const void *bytes, size_t size)
{
        assert_int_equal(zmq_msg_init_size(frame, size), 0);
        memcpy(zmq_msg_data(frame), bytes, size);
}

static inline void give_share(fixture_t *f)
{
        hedge_msg_share_t m = share_message();
        hedge_why_t why;
        zmq_msg_t frame;

        frame_of(&frame, f->filters, sizeof(f->filters));
        assert_int_equal(hedgew_executor_share(f->executor, &m, &frame, &why), 0);
        assert_int_equal(next_report(f)->message.type, HEDGE_MSG_SHARE_OK);
        assert_memory_equal(&hedgew_executor_report(f->executor)->message.share_ok.digest, &m.digest, 16);
        hedgew_executor_reported(f->executor);
        zmq_msg_close(&frame);
}

static inline void fill_input(float *in, unsigned which)
{
        for (unsigned i = 0; i < IN; i++)
                in[i] = (float)((i * 5 + which * 3) % 11) - 5;
}

/** A frame with coded input `which` in a precision. */
static inline void input_frame(zmq_msg_t *frame, unsigned which, hedge_precision_t wire)
{
        char packed[IN * sizeof(float)];
        float in[IN];

        fill_input(in, which);
        if (wire == HEDGE_PRECISION_Q16)
                assert_int_equal(hedge_q16_encode(in, IN, packed), 0);
        frame_of(frame, wire == HEDGE_PRECISION_Q16 ? packed : (const char *)in, hedge_precision_bytes(wire, IN));
}

/** Send a task with these inputs (none: the first n_frames). */
static inline int give(fixture_t *f, hedge_msg_task_t m, uint32_t n_frames)
{
        zmq_msg_t frames[INPUTS];
        hedge_why_t why;
        int r;

        m.digest.bytes[0] = 9;
        for (uint32_t i = 0; i < n_frames; i++)
                input_frame(&frames[i], m.n_inputs ? m.inputs[i] : i, m.wire);
        r = hedgew_executor_task(f->executor, &m, frames, n_frames, &why);
        for (uint32_t i = 0; i < n_frames; i++)
                zmq_msg_close(&frames[i]);
        return r;
}

/** Ask for parts of coded inputs 0 .. n_frames - 1. */
static inline int give_task(fixture_t *f, uint64_t run, uint32_t *order, uint32_t n_order, uint32_t n_frames)
{
        return give(f, (hedge_msg_task_t){ .run = run, .n_order = n_order, .order = order }, n_frames);
}

/** All parts, which may wait for one another so long. */
static inline void give_holding(fixture_t *f, uint64_t run, uint32_t hold_us)
{
        uint32_t order[BLOCKS * INPUTS];

        for (uint32_t i = 0; i < BLOCKS * INPUTS; i++)
                order[i] = i;
        assert_int_equal(
                give(f,
                     (hedge_msg_task_t){ .run = run, .n_order = BLOCKS * INPUTS, .order = order, .hold_us = hold_us },
                     INPUTS),
                0);
}

/** What the part should be, by the kernel itself. */
static inline void compute_part(const fixture_t *f, uint32_t part, float *out)
{
        const hedge_op_t op = { .kind = HEDGE_OP_CONV, .conv = conv };
        const hedge_shape_t shapes[] = { { 4, { 1, 6, 5, 3 } }, { 4, { 4, 3, 3, 3 } } };
        const float *const constants[] = { NULL, f->filters + part % BLOCKS * (FILTERS / BLOCKS) };
        const float *inputs[] = { NULL, NULL };
        float in[IN];
        hedge_kernels_t *kernels;
        hedge_kernel_t *kernel;

        fill_input(in, part / BLOCKS);
        inputs[0] = in;
        assert_int_equal(hedge_kernels_new("plain", 1, &kernels), 0);
        assert_int_equal(hedge_kernel_new(kernels, &op, shapes, 2, constants, &kernel), 0);
        assert_int_equal(hedge_kernel_run(kernel, inputs, out), 0);
        hedge_kernel_destroy(&kernel);
        hedge_kernels_destroy(&kernels);
}

/** The report is of these parts. What ends a task is kept for expect_end; nothing may come behind it. */
static inline void expect_parts(fixture_t *f, hedgew_report_t *report, uint64_t run, const uint32_t *parts, uint32_t n)
{
        const hedge_msg_part_t *m = &report->message.part;
        float out[OUT];

        assert_int_equal(report->message.type, HEDGE_MSG_PART);
        assert_int_equal(m->run, run);
        assert_int_equal(m->n_parts, n);
        assert_int_equal(report->n_frames, n);
        for (uint32_t i = 0; i < n; i++) {
                assert_int_equal(m->parts[i].part, parts[i]);
                assert_int_equal(m->parts[i].wire, HEDGE_PRECISION_F32);
                compute_part(f, parts[i], out);
                assert_int_equal(zmq_msg_size(&report->frames[i]), sizeof(out));
                assert_memory_equal(zmq_msg_data(&report->frames[i]), out, sizeof(out));
        }
        assert_true(f->ended != run || (m->last && f->ended_by == parts[n - 1]));
        f->ended = m->last ? run : f->ended;
        f->ended_by = m->last ? parts[n - 1] : f->ended_by;
}

/** The next report is parts `first` to `first + n - 1`; it is taken. */
static inline void take_parts(fixture_t *f, uint64_t run, uint32_t first, uint32_t n)
{
        uint32_t parts[HEDGE_PART_FRAMES];

        for (uint32_t i = 0; i < n; i++)
                parts[i] = first + i;
        expect_parts(f, next_report(f), run, parts, n);
        hedgew_executor_reported(f->executor);
}

static inline void expect_part(fixture_t *f, hedgew_report_t *report, uint64_t run, uint32_t part)
{
        expect_parts(f, report, run, &part, 1);
}

/** The next report is this part; it is taken. */
static inline void take_part(fixture_t *f, uint64_t run, uint32_t part)
{
        expect_part(f, next_report(f), run, part);
        hedgew_executor_reported(f->executor);
}

/** The last part said that it was that. */
static inline void expect_ended(fixture_t *f, uint64_t run)
{
        assert_int_equal(f->ended, run);
        f->ended = 0;
}

static inline void expect_cancelled(fixture_t *f, uint64_t run, uint32_t parts)
{
        const hedgew_report_t *report = next_report(f);

        assert_int_equal(report->message.type, HEDGE_MSG_TASK_END);
        assert_int_equal(report->message.task_end.run, run);
        assert_int_equal(report->message.task_end.parts_sent, parts);
        assert_true(report->message.task_end.cancelled);
        hedgew_executor_reported(f->executor);
}

#endif

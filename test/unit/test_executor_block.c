/* SPDX-License-Identifier: Apache-2.0 */
/* An executor that holds a block of a model's graph. */
#include "executor_bed.h"

#include <stdlib.h>
#include <unistd.h>

#include "block_bed.h"
#include "common/segment/crossing.h"
#include "common/segment/cuts.h"
#include "common/segment/segment.h"

#define NAME 9

typedef struct block_fixture {
        fixture_t f;
        segment_bed_t bed;
} block_fixture_t;

static void give_block(block_fixture_t *b)
{
        const hedge_msg_graph_t m = { .digest = { { NAME } }, .layer = "model/layer" };
        zmq_msg_t frames[BLOCK_FRAMES_MAX];
        const uint32_t n = block_bed_frames(b->bed.graph, frames);
        hedge_msg_constants_t constants = { .digest = m.digest };
        hedge_why_t why = { .text = "" };

        if (hedgew_executor_graph(b->f.executor, &m, frames, &why) != 0)
                fail_msg("%s", why.text);
        for (uint32_t i = 1; i < n; i++)
                if (hedgew_executor_constants(b->f.executor, &constants, &frames[i], &constants.offset, &why) != 0)
                        fail_msg("%s", why.text);
        block_bed_close_frames(frames, n);
        assert_int_equal(next_report(&b->f)->message.type, HEDGE_MSG_SHARE_OK);
        assert_memory_equal(&hedgew_executor_report(b->f.executor)->message.share_ok.digest, &m.digest, 16);
        hedgew_executor_reported(b->f.executor);
}

static void begin(block_fixture_t *b, double macs_per_s)
{
        start_emulated(&b->f, &(hedgew_executor_settings_t){ 0 }, NULL, macs_per_s);
        block_bed_open(&b->bed, 1);
        give_block(b);
}

static void end(block_fixture_t *b)
{
        finish(&b->f);
        segment_bed_close(&b->bed);
}

/* Ask for a segment in one piece. */
static int give_segment(block_fixture_t *b, hedge_msg_task_t m)
{
        zmq_msg_t frames[BLOCK_FRAMES_MAX];
        uint32_t *in, *out, n_in, n_out;
        hedge_why_t why = { .text = "" };
        int r;

        m.digest.bytes[0] = NAME;
        assert_int_equal(hedge_segment_values(b->bed.graph, m.first, m.last, &in, &n_in, &out, &n_out), 0);
        for (uint32_t i = 0; i < n_in; i++)
                block_bed_frame(&b->bed, in[i], m.wire, &frames[i]);
        r = hedgew_executor_task(b->f.executor, &m, frames, n_in, &why);
        block_bed_close_frames(frames, n_in);
        free(in);
        free(out);
        return r;
}

/* The next report is one part: this output of a segment. @return what it took. */
static uint64_t take_output(block_fixture_t *b, const hedge_msg_task_t *m, uint32_t output)
{
        const uint32_t first = m->first, last = m->last;
        hedgew_report_t *report = next_report(&b->f);
        uint32_t *in, *out, n_in, n_out;
        uint64_t us;

        assert_int_equal(hedge_segment_values(b->bed.graph, first, last, &in, &n_in, &out, &n_out), 0);
        if (report->message.type == HEDGE_MSG_ERROR)
                fail_msg("%s", report->message.error.text);
        assert_int_equal(report->message.type, HEDGE_MSG_PART);
        assert_int_equal(report->message.part.run, m->run);
        assert_int_equal(report->n_frames, 1);
        assert_int_equal(report->message.part.parts[0].part, output);
        assert_int_equal(report->message.part.parts[0].wire, hedge_crossing_wire(b->bed.graph, out[output], m->wire));
        block_bed_expect(&b->bed, out[output], NULL, &report->frames[0], report->message.part.parts[0].wire,
                         BLOCK_TOLERANCE(m->wire));
        us = report->message.part.parts[0].compute_us;
        hedgew_executor_reported(b->f.executor);
        free(in);
        free(out);
        return us;
}

static void every_run_of_nodes_can_be_asked_for(void **state)
{
        hedgew_executor_status_t status;
        block_fixture_t b;
        uint64_t parts = 0;

        begin(&b, 0);
        assert_true(b.bed.graph->n_nodes >= 8);
        for (uint32_t first = 0; first < b.bed.graph->n_nodes; first++)
                for (uint32_t last = first + 1; last <= b.bed.graph->n_nodes; last++) {
                        uint32_t *in, *out, n_in, n_out, order[BLOCK_FRAMES_MAX];
                        hedge_msg_task_t m = { .run = ++parts, .first = first, .last = last, .order = order };

                        assert_int_equal(hedge_segment_values(b.bed.graph, first, last, &in, &n_in, &out, &n_out), 0);
                        m.n_order = n_out;
                        for (uint32_t i = 0; i < n_out; i++)
                                order[i] = n_out - 1 - i; /* in any order */
                        m.wire = (first + last) % 2 ? HEDGE_PRECISION_Q16 : HEDGE_PRECISION_F32;
                        assert_int_equal(give_segment(&b, m), 0);
                        for (uint32_t i = 0; i < n_out; i++)
                                take_output(&b, &m, order[i]);
                        parts += n_out - 1;
                        free(in);
                        free(out);
                }
        hedgew_executor_status(b.f.executor, &status);
        assert_int_equal(status.parts_done, parts);
        assert_int_equal(status.tasks, 0);
        end(&b);
}

/* Of the bed: convolutions and a branch, from 16 x 12 x 3 to 16 x 12 x 8. */
#define FIRST 1
#define LAST  6

/* Ask for windows of a segment. */
static int give_windows(block_fixture_t *b, hedge_msg_task_t m)
{
        zmq_msg_t frames[BLOCK_FRAMES_MAX];
        uint32_t *in, *out, n_in, n_out;
        hedge_why_t why = { .text = "" };
        hedge_window_t halo;
        int r;

        m.digest.bytes[0] = NAME;
        assert_int_equal(hedge_segment_values(b->bed.graph, m.first, m.last, &in, &n_in, &out, &n_out), 0);
        for (uint32_t i = 0; i < m.n_windows; i++) {
                assert_int_equal(hedge_segment_halo(b->bed.graph, m.first, m.last, &m.windows[i], &halo), 0);
                block_bed_window_frame(&b->bed, in[0], &halo, m.wire, &frames[i]);
        }
        r = hedgew_executor_task(b->f.executor, &m, frames, m.n_windows, &why);
        block_bed_close_frames(frames, m.n_windows);
        free(in);
        free(out);
        return r;
}

/* The next report is this window, which is part `number`. @return what it took. */
static uint64_t take_window(block_fixture_t *b, const hedge_msg_task_t *m, uint32_t number, uint32_t window)
{
        hedgew_report_t *report = next_report(&b->f);
        const hedge_part_t *said = &report->message.part.parts[0];
        uint32_t *in, *out, n_in, n_out;
        uint64_t us;

        assert_int_equal(hedge_segment_values(b->bed.graph, m->first, m->last, &in, &n_in, &out, &n_out), 0);
        if (report->message.type == HEDGE_MSG_ERROR)
                fail_msg("%s", report->message.error.text);
        assert_int_equal(report->message.type, HEDGE_MSG_PART);
        assert_int_equal(report->message.part.run, m->run);
        assert_int_equal(said->part, number);
        block_bed_expect(&b->bed, out[0], &m->windows[window], &report->frames[0], said->wire,
                         BLOCK_TOLERANCE(m->wire));
        us = said->compute_us;
        hedgew_executor_reported(b->f.executor);
        free(in);
        free(out);
        return us;
}

static const hedge_shape_t *output_of(const block_fixture_t *b, uint32_t last)
{
        return &b->bed.graph->values[b->bed.graph->nodes[last - 1].output].shape;
}

/* Every local run of nodes, in strips, in rows and in tiles, in both precisions. */
static void windows_are_computed_by_themselves(void **state)
{
        static const uint32_t rows[] = { 1, 2, 3, 5 };
        hedge_window_t windows[64];
        uint32_t order[64];
        block_fixture_t b;
        unsigned runs = 0;

        begin(&b, 0);
        for (uint32_t first = 0; first < b.bed.graph->n_nodes; first++)
                for (uint32_t last = first + 1; last <= b.bed.graph->n_nodes; last++) {
                        const uint32_t h = rows[(first + last) % 4], w = runs % 2 ? 3 : UINT32_MAX;
                        hedge_msg_task_t m = { .run = first * 100 + last + 1,
                                               .first = first,
                                               .last = last,
                                               .windows = windows,
                                               .order = order };
                        const hedge_shape_t *image = output_of(&b, last);

                        if (!hedge_segment_is_local(b.bed.graph, first, last))
                                continue;
                        for (uint32_t top = 0; top < image->dims[1]; top += h)
                                for (uint32_t left = 0; left < image->dims[2] && m.n_windows < 64; left += w) {
                                        order[m.n_windows] = m.n_windows;
                                        windows[m.n_windows++] = (hedge_window_t){
                                                top, h < image->dims[1] - top ? h : image->dims[1] - top, left,
                                                w < image->dims[2] - left ? w : image->dims[2] - left
                                        };
                                        if (w > image->dims[2])
                                                break;
                                }
                        m.n_order = m.n_windows;
                        m.wire = runs++ % 3 ? HEDGE_PRECISION_F32 : HEDGE_PRECISION_Q16;
                        assert_int_equal(give_windows(&b, m), 0);
                        for (uint32_t i = 0; i < m.n_windows; i++)
                                take_window(&b, &m, i, i);
                }
        assert_true(runs > 10);
        end(&b);
}

/* Parts go by the number that the task gives to a window, in the order that it asks for, and some need not be asked for. */
static void windows_have_numbers(void **state)
{
        hedge_window_t windows[] = { { 0, 2, 0, 4 }, { 5, 3, 2, 6 }, { 2, 3, 0, 12 } };
        hedge_msg_task_t m = { .run = 5,
                               .n_inputs = 3,
                               .inputs = (uint32_t[]){ 7, 1023, 0 },
                               .n_order = 2,
                               .order = (uint32_t[]){ 0, 7 },
                               .first = FIRST,
                               .last = LAST,
                               .n_windows = 3,
                               .windows = windows };
        block_fixture_t b;

        begin(&b, 0);
        assert_int_equal(give_windows(&b, m), 0);
        take_window(&b, &m, 0, 2);
        take_window(&b, &m, 7, 0);
        end(&b);
}

/* Each window takes what is computed for it, halos too. */
static void a_window_takes_the_time_of_its_own_graph(void **state)
{
        hedge_window_t windows[] = { { 0, 1, 0, 12 }, { 0, 8, 0, 12 } };
        hedge_msg_task_t m = { .run = 5,
                               .n_order = 2,
                               .order = (uint32_t[]){ 1, 0 },
                               .first = FIRST,
                               .last = LAST,
                               .n_windows = 2,
                               .windows = windows };
        block_fixture_t b;
        uint64_t macs[2], us;

        block_bed_open(&b.bed, 1);
        for (int i = 0; i < 2; i++)
                assert_int_equal(hedge_segment_macs(b.bed.graph, m.first, m.last, &windows[i], &macs[i]), 0);
        assert_true(macs[0] * 9 <
                    macs[1] * 4); /* a strip of one row has more than its eighth to compute, but not half */
        assert_true(macs[0] * 8 > macs[1]);
        start_emulated(&b.f, &(hedgew_executor_settings_t){ 0 }, NULL, (double)macs[1] * 10);
        give_block(&b);
        assert_int_equal(give_windows(&b, m), 0);
        us = take_window(&b, &m, 1, 1);
        assert_in_range(us, 99999, 100001);
        us = take_window(&b, &m, 0, 0);
        assert_in_range(us, 100000 * macs[0] / macs[1] - 1, 100000 * macs[0] / macs[1] + 1);
        end(&b);
}

/* A network is computed once, whatever is asked of it, and the first part takes the time; also where a test bed has stored it. */
static void a_run_takes_the_time_of_its_nodes(void **state)
{
        hedge_msg_task_t m = { .run = 5, .n_order = 2, .order = (uint32_t[]){ 1, 0 } };
        const uint64_t us = 100000; /* the whole network */
        char path[] = "/tmp/hedge-block-XXXXXX";
        const int fd = mkstemp(path);
        block_fixture_t b;

        assert_true(fd >= 0);
        block_bed_open(&b.bed, 1);
        m.last = b.bed.graph->n_nodes;
        assert_true(dprintf(fd, "macs_per_s %.0f\nstore 1\n",
                            (double)hedge_graph_macs(b.bed.graph) * 1e6 / (double)us) > 0);
        close(fd);
        start_emulated(&b.f, &(hedgew_executor_settings_t){ 0 }, path, 0);
        give_block(&b);
        for (; m.run < 7; m.run++) {
                assert_int_equal(give_segment(&b, m), 0);
                assert_in_range(take_output(&b, &m, 1), us - us / 1000, us + us / 1000);
                assert_in_range(take_output(&b, &m, 0), 0, 1);
        }
        end(&b);
        unlink(path);
}

static void a_dropped_block_is_computed_with_to_the_end(void **state)
{
        hedge_msg_task_t m = { .run = 5, .n_order = 1, .order = (uint32_t[]){ 0 }, .last = 3 };
        const hedge_digest_t digest = { { NAME } };
        block_fixture_t b;

        block_bed_open(&b.bed, 1);
        start_emulated(&b.f, &(hedgew_executor_settings_t){ 0 }, NULL, (double)hedge_graph_macs(b.bed.graph) * 10);
        give_block(&b);
        for (m.run = 5; m.run < 8; m.run++)
                assert_int_equal(give_segment(&b, m), 0);
        assert_int_equal(hedgew_executor_drop(b.f.executor, &digest), 0);
        assert_int_equal(hedgew_shares_figures(b.f.shares).held, 0);
        assert_int_equal(give_segment(&b, m), HEDGE_ENOSHARE);
        for (m.run = 5; m.run < 8; m.run++)
                take_output(&b, &m, 0);
        give_block(&b);
        assert_int_equal(give_segment(&b, m), 0);
        take_output(&b, &m, 0);
        end(&b);
}

static void what_is_cancelled_is_not_computed(void **state)
{
        hedge_msg_task_t m = { .run = 5, .n_order = 1, .order = (uint32_t[]){ 0 }, .last = 3 };
        block_fixture_t b;

        block_bed_open(&b.bed, 1);
        start_emulated(&b.f, &(hedgew_executor_settings_t){ 0 }, NULL, (double)hedge_graph_macs(b.bed.graph) / 600);
        give_block(&b);
        assert_int_equal(give_segment(&b, m), 0);
        m.run = 6;
        assert_int_equal(give_segment(&b, m), 0);
        assert_int_equal(hedgew_executor_cancel(b.f.executor, 6), 0);
        assert_int_equal(hedgew_executor_cancel(b.f.executor, 5), 0);
        expect_cancelled(&b.f, 5, 0);
        expect_cancelled(&b.f, 6, 0);
        end(&b);
}

/* What the test bed stores is found again for the same segment and output only, though all inputs have one number. */
static void stored_outputs_are_found(void **state)
{
        hedge_msg_task_t m = { .run = 1, .n_order = 1, .order = (uint32_t[]){ 0 } };
        hedge_window_t window = { 0, 4, 0, 6 };
        char path[] = "/tmp/hedge-block-XXXXXX";
        const int fd = mkstemp(path);
        block_fixture_t b;

        assert_true(fd >= 0);
        assert_true(dprintf(fd, "macs_per_s 1e12\nstore 1\ninput 7\n") > 0);
        close(fd);
        start_emulated(&b.f, &(hedgew_executor_settings_t){ 0 }, path, 0);
        block_bed_open(&b.bed, 1);
        give_block(&b);
        for (; m.run < 3; m.run++)
                for (m.last = 1; m.last <= b.bed.graph->n_nodes; m.last++)
                        for (m.first = 0; m.first < m.last; m.first++) {
                                assert_int_equal(give_segment(&b, m), 0);
                                take_output(&b, &m, 0);
                        }
        m.first = FIRST;
        m.last = LAST;
        m.n_windows = 1;
        m.windows = &window;
        for (; m.run < 5; m.run++)
                for (window.top = 0; window.top < 12; window.top++)
                        for (window.left = 0; window.left < 6; window.left++) {
                                assert_int_equal(give_windows(&b, m), 0);
                                take_window(&b, &m, 0, 0);
                        }
        end(&b);
        unlink(path);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_run_of_nodes_can_be_asked_for),
                cmocka_unit_test(windows_are_computed_by_themselves),
                cmocka_unit_test(windows_have_numbers),
                cmocka_unit_test(a_window_takes_the_time_of_its_own_graph),
                cmocka_unit_test(a_run_takes_the_time_of_its_nodes),
                cmocka_unit_test(a_dropped_block_is_computed_with_to_the_end),
                cmocka_unit_test(what_is_cancelled_is_not_computed),
                cmocka_unit_test(stored_outputs_are_found),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

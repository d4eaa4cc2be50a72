/* SPDX-License-Identifier: Apache-2.0 */
/* An executor that holds a block of a model's graph. */
#include "executor_bed.h"

#include <stdlib.h>
#include <unistd.h>

#include "block_bed.h"
#include "common/segment/crossing.h"
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
        hedge_why_t why = { .text = "" };

        if (hedgew_executor_graph(b->f.executor, &m, frames, n, &why) != 0)
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

/* A network is computed once, whatever is asked of it, and the first part takes the time. */
static void a_run_takes_the_time_of_its_nodes(void **state)
{
        hedge_msg_task_t m = { .run = 5, .n_order = 2, .order = (uint32_t[]){ 1, 0 } };
        block_fixture_t b;
        uint64_t us;

        block_bed_open(&b.bed, 1);
        us = 100000; /* the whole network at this rate */
        m.last = b.bed.graph->n_nodes;
        start_emulated(&b.f, &(hedgew_executor_settings_t){ 0 }, NULL,
                       (double)hedge_graph_macs(b.bed.graph) * 1e6 / (double)us);
        give_block(&b);
        assert_int_equal(give_segment(&b, m), 0);
        assert_in_range(take_output(&b, &m, 1), us - 1, us + 1);
        assert_in_range(take_output(&b, &m, 0), 0, 1);
        end(&b);
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
        end(&b);
        unlink(path);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(every_run_of_nodes_can_be_asked_for),
                cmocka_unit_test(a_run_takes_the_time_of_its_nodes),
                cmocka_unit_test(a_dropped_block_is_computed_with_to_the_end),
                cmocka_unit_test(what_is_cancelled_is_not_computed),
                cmocka_unit_test(stored_outputs_are_found),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

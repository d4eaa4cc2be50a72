/* SPDX-License-Identifier: Apache-2.0 */
/* What a TASK may ask for of a block, and how it is computed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "block_bed.h"
#include "common/clock.h"
#include "common/segment/segment.h"
#include "worker/infer/part.h"

#define CAP (UINT64_C(64) << 20)

typedef struct fixture {
        segment_bed_t bed;
        hedgew_shares_t *shares;
        uint32_t nodes;
} fixture_t;

static int set_up(void **state)
{
        const hedge_msg_graph_t m = { .digest = { { 9 } } };
        const hedge_conv_t conv = { 6, 5, 3, 4, 3, 3, 1, 1, 1, 1, 0, 0, 0, 0, 1 };
        const hedge_msg_share_t filters = { .digest = { { 8 } }, .conv = conv, .ell_b = 1 };
        fixture_t *f = calloc(1, sizeof(*f));
        zmq_msg_t frames[BLOCK_FRAMES_MAX];
        hedgew_share_t *share;
        uint64_t come = 0;
        hedge_why_t why;
        uint32_t n;

        block_bed_open(&f->bed, 1);
        f->nodes = f->bed.graph->n_nodes;
        assert_int_equal(hedgew_shares_new(CAP, CAP, &f->shares), 0);
        n = block_bed_frames(f->bed.graph, frames);
        assert_int_equal(hedgew_graph_claim(f->shares, &m, frames, &share, &why), 0);
        for (uint32_t i = 1; i < n; i++)
                assert_int_equal(hedgew_graph_fill(share, come, &frames[i], &come, &why), i == n - 1);
        block_bed_close_frames(frames, n);
        assert_int_equal(hedgew_graph_prepare(share, f->bed.kernels), 0);
        hedgew_share_unref(&share);
        assert_int_equal(hedgew_filters_claim(f->shares, &filters, hedge_conv_filter_elements(&conv) * sizeof(float),
                                              &share, &why),
                         0);
        hedgew_share_unref(&share);
        *state = f;
        return 0;
}

static int tear_down(void **state)
{
        fixture_t *f = *state;

        hedgew_shares_clear(f->shares);
        assert_int_equal(hedgew_shares_figures(f->shares).alive, 0);
        hedgew_shares_destroy(&f->shares);
        segment_bed_close(&f->bed);
        free(f);
        return 0;
}

/* Of the first n_frames inputs of a segment; of more than it has, the first again. */
static uint32_t make_frames(const fixture_t *f, const hedge_msg_task_t *m, uint32_t n_frames, zmq_msg_t *frames)
{
        uint32_t *in, *out, n_in, n_out;
        const bool is_run = m->first < m->last && m->last <= f->nodes;

        assert_int_equal(hedge_segment_values(f->bed.graph, is_run ? m->first : 0, is_run ? m->last : f->nodes, &in,
                                              &n_in, &out, &n_out),
                         0);
        n_frames = n_frames == UINT32_MAX ? n_in : n_frames;
        for (uint32_t i = 0; i < n_frames; i++)
                block_bed_frame(&f->bed, in[i < n_in ? i : 0], m->wire, &frames[i]);
        free(in);
        free(out);
        return n_frames;
}

/* @param n_frames  UINT32_MAX: all that the segment wants. */
static int make(fixture_t *f, hedge_msg_task_t m, uint32_t n_frames, hedgew_task_t **ret)
{
        zmq_msg_t frames[BLOCK_FRAMES_MAX];
        size_t sizes[BLOCK_FRAMES_MAX];
        hedge_why_t why = { .text = "" };
        int r;

        if (!m.digest.bytes[0])
                m.digest.bytes[0] = 9;
        n_frames = make_frames(f, &m, n_frames, frames);
        for (uint32_t i = 0; i < n_frames; i++)
                sizes[i] = zmq_msg_size(&frames[i]);
        r = hedgew_task_new(f->shares, &m, frames, n_frames, ret, &why);
        for (uint32_t i = 0; i < n_frames; i++) {
                assert_int_equal(zmq_msg_size(&frames[i]), r < 0 ? sizes[i] : 0);
                zmq_msg_close(&frames[i]);
        }
        if (r < 0)
                assert_true(strlen(why.text) > 10);
        return r;
}

static void refuse(fixture_t *f, hedge_msg_task_t m, uint32_t n_frames)
{
        hedgew_task_t *task = NULL;

        assert_int_equal(make(f, m, n_frames, &task), HEDGE_EMALFORMED);
        assert_null(task);
}

#define ALL UINT32_MAX
#define ORDER(...)          \
        (uint32_t[])        \
        {                   \
                __VA_ARGS__ \
        }
#define ASK(n, ...) .n_order = n, .order = ORDER(__VA_ARGS__)

static void nodes_must_be_there(void **state)
{
        fixture_t *f = *state;

        refuse(f, (hedge_msg_task_t){ ASK(1, 0) }, ALL); /* as of a share of filters */
        refuse(f, (hedge_msg_task_t){ ASK(1, 0), .first = 1, .last = 1 }, ALL);
        refuse(f, (hedge_msg_task_t){ ASK(1, 0), .first = 2, .last = 1 }, ALL);
        refuse(f, (hedge_msg_task_t){ ASK(1, 0), .last = f->nodes + 1 }, ALL);
        refuse(f, (hedge_msg_task_t){ ASK(1, 0), .first = f->nodes, .last = f->nodes + 1 }, ALL);
        refuse(f, (hedge_msg_task_t){ ASK(1, 0), .first = UINT32_MAX - 1, .last = UINT32_MAX }, ALL);
        refuse(f, (hedge_msg_task_t){ ASK(1, 0), .last = UINT32_MAX }, ALL);
        refuse(f, (hedge_msg_task_t){ ASK(1, 0), .digest = { { 8 } }, .last = 1 }, 1); /* filters have none */
        refuse(f, (hedge_msg_task_t){ ASK(1, 0), .digest = { { 8 } }, .first = 1 }, 1);
        refuse(f,
               (hedge_msg_task_t){ ASK(1, 0), .digest = { { 8 } }, .n_windows = 1,
                                   .windows = &(hedge_window_t){ 0, 1, 0, 1 } },
               1);
}

static void outputs_must_be_there(void **state)
{
        fixture_t *f = *state;

        refuse(f, (hedge_msg_task_t){ ASK(1, 2), .last = f->nodes }, ALL); /* it has two */
        refuse(f, (hedge_msg_task_t){ ASK(2, 0, 0), .last = f->nodes }, ALL);
        refuse(f, (hedge_msg_task_t){ ASK(1, 1023), .last = f->nodes }, ALL);
        refuse(f, (hedge_msg_task_t){ ASK(1, 1024), .last = f->nodes }, ALL);
        refuse(f, (hedge_msg_task_t){ ASK(1, UINT32_MAX), .last = f->nodes }, ALL);
        refuse(f, (hedge_msg_task_t){ .last = f->nodes }, ALL); /* nothing */
}

static void frames_must_be_its_inputs(void **state)
{
        hedge_msg_task_t m = { ASK(1, 0) };
        fixture_t *f = *state;
        hedgew_task_t *task = NULL;

        m.last = f->nodes;
        refuse(f, m, 0);
        refuse(f, m, 2);
        m.n_inputs = 1;
        m.inputs = ORDER(1);
        refuse(f, m, ALL);
        m.inputs = ORDER(UINT32_MAX);
        refuse(f, m, ALL);
        m.n_inputs = 2;
        m.inputs = ORDER(0, 1);
        refuse(f, m, ALL);
        m.n_inputs = 1;
        m.inputs = ORDER(0);
        assert_int_equal(make(f, m, ALL, &task), 0);
        hedgew_task_destroy(&task);
        m.wire = HEDGE_PRECISIONS;
        refuse(f, m, ALL);
}

static void each_frame_has_the_size_of_its_value(void **state)
{
        fixture_t *f = *state;

        for (uint32_t first = 0; first < f->nodes; first++)
                for (uint32_t wire = 0; wire < HEDGE_PRECISIONS; wire++) {
                        const hedge_msg_task_t m = {
                                .digest = { { 9 } }, ASK(1, 0), .first = first, .last = f->nodes, .wire = wire
                        };
                        zmq_msg_t frames[BLOCK_FRAMES_MAX];
                        const uint32_t n = make_frames(f, &m, ALL, frames);
                        hedgew_task_t *task = NULL;
                        hedge_why_t why;

                        for (uint32_t i = 0; i < n; i++) {
                                zmq_msg_t right = frames[i];

                                assert_int_equal(zmq_msg_init_size(&frames[i], zmq_msg_size(&right) - 2), 0);
                                assert_int_equal(hedgew_task_new(f->shares, &m, frames, n, &task, &why),
                                                 HEDGE_EMALFORMED);
                                zmq_msg_close(&frames[i]);
                                frames[i] = right;
                        }
                        assert_int_equal(hedgew_task_new(f->shares, &m, frames, n, &task, &why), 0);
                        hedgew_task_destroy(&task);
                        block_bed_close_frames(frames, n);
                }
}

/* Of the bed: convolutions and a branch, from 16 x 12 x 3 to 16 x 12 x 8. */
#define FIRST 1
#define LAST  6

/* Ask for windows, with the frames that the first `right` of them want; behind these frames of nothing. */
static int make_windows(fixture_t *f, hedge_msg_task_t m, uint32_t n_frames, const hedge_window_t *right,
                        hedgew_task_t **ret)
{
        hedge_why_t why = { .text = "" };
        uint32_t *in, *out, n_in, n_out;
        zmq_msg_t frames[4];
        hedge_window_t halo;
        int r;

        m.digest.bytes[0] = 9;
        assert_int_equal(hedge_segment_values(f->bed.graph, FIRST, LAST, &in, &n_in, &out, &n_out), 0);
        for (uint32_t i = 0; i < n_frames; i++) {
                assert_int_equal(hedge_segment_halo(f->bed.graph, FIRST, LAST, &right[i], &halo), 0);
                block_bed_window_frame(&f->bed, in[0], &halo, m.wire, &frames[i]);
        }
        free(in);
        free(out);
        r = hedgew_task_new(f->shares, &m, frames, n_frames, ret, &why);
        for (uint32_t i = 0; i < n_frames; i++) {
                assert_true(r == 0 || zmq_msg_size(&frames[i]) > 0);
                zmq_msg_close(&frames[i]);
        }
        if (r < 0)
                assert_true(strlen(why.text) > 10);
        return r;
}

static void windows_must_be_within_the_image(void **state)
{
        const hedge_window_t right[] = { { 0, 16, 0, 12 }, { 4, 3, 2, 5 } };
        const hedge_window_t wrong[] = {
                { 0, 17, 0, 12 },        { 0, 16, 0, 13 },        { 16, 1, 0, 12 },        { 0, 1, 12, 1 },
                { 15, 2, 0, 12 },        { 0, 16, 11, 2 },        { 0, 0, 0, 12 },         { 0, 16, 0, 0 },
                { UINT32_MAX, 2, 0, 5 }, { 2, UINT32_MAX, 0, 5 }, { 0, 2, UINT32_MAX, 2 }, { 0, 2, 2, UINT32_MAX },
                { 5, 3, 2, 6 } /* of another size than the frame has */
        };
        hedge_window_t windows[] = { right[0], right[1] };
        hedge_msg_task_t m = { ASK(2, 1, 0), .first = FIRST, .last = LAST, .n_windows = 2, .windows = windows };
        fixture_t *f = *state;
        hedgew_task_t *task = NULL;

        assert_int_equal(make_windows(f, m, 2, right, &task), 0);
        hedgew_task_destroy(&task);
        for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
                windows[1] = wrong[i];
                assert_int_equal(make_windows(f, m, 2, right, &task), HEDGE_EMALFORMED);
                assert_null(task);
        }
}

static void windows_and_frames_go_together(void **state)
{
        hedge_window_t windows[] = { { 0, 4, 0, 12 }, { 4, 3, 2, 5 }, { 8, 3, 0, 12 } };
        const hedge_msg_task_t right = { ASK(1, 1), .first = FIRST, .last = LAST, .n_windows = 2, .windows = windows };
        hedge_msg_task_t m = right;
        fixture_t *f = *state;
        hedgew_task_t *task = NULL;

        m.n_windows = 3;
        assert_int_equal(make_windows(f, m, 2, windows, &task), HEDGE_EMALFORMED);
        m.n_windows = 1;
        assert_int_equal(make_windows(f, m, 2, windows, &task), HEDGE_EMALFORMED);
        m = right;
        m.order = ORDER(2); /* there is no such window */
        assert_int_equal(make_windows(f, m, 2, windows, &task), HEDGE_EMALFORMED);
        m.order = ORDER(UINT32_MAX);
        assert_int_equal(make_windows(f, m, 2, windows, &task), HEDGE_EMALFORMED);
        m = right;
        m.n_inputs = 2;
        m.inputs = ORDER(0, 0);
        assert_int_equal(make_windows(f, m, 2, windows, &task), HEDGE_EMALFORMED);
        m = right;
        m.last = f->nodes; /* a matrix product has no rows */
        assert_int_equal(make_windows(f, m, 2, windows, &task), HEDGE_EMALFORMED);
        m.first = LAST;
        m.last = FIRST;
        assert_int_equal(make_windows(f, m, 2, windows, &task), HEDGE_EMALFORMED);
        assert_null(task);
        assert_int_equal(make_windows(f, right, 2, windows, &task), 0);
        hedgew_task_destroy(&task);
}

typedef struct patience {
        uint32_t asked, wanted_for;
} patience_t;

static bool is_wanted(void *arg, const hedgew_task_t *task)
{
        patience_t *patience = arg;

        (void)task;
        return patience->asked++ < patience->wanted_for;
}

/* What an engine takes to get ready is told apart from what the part takes. */
static void packing_is_told_apart(void **state)
{
        fixture_t *f = *state;
        const hedge_msg_task_t m = { ASK(2, 0, 1), .last = f->nodes };
        patience_t patience = { 0, UINT32_MAX };
        hedgew_part_means_t means = { .kernels = f->bed.kernels, .wanted = is_wanted, .arg = &patience };
        hedgew_task_t *task = NULL;
        hedgew_part_t part;
        int64_t since_us;

        assert_int_equal(make(f, m, ALL, &task), 0);
        for (uint32_t i = 0; i < 2; i++) {
                since_us = hedge_now_us();
                assert_int_equal(hedgew_part_compute(task, &task->order[i], &means, &part), 0);
                assert_in_range(part.packing_us, 0, hedge_now_us() - since_us);
                assert_int_equal(part.macs, i == 0 ? hedge_graph_macs(f->bed.graph) : 0);
                zmq_msg_close(&part.frame);
        }
        assert_int_equal(part.packing_us, 0); /* the second comes of the same run */
        hedgew_task_destroy(&task);
}

/* A run of a whole network ends between two nodes, and nothing of it stays behind. */
static void a_run_that_nobody_wants_ends(void **state)
{
        fixture_t *f = *state;
        const hedge_msg_task_t m = { ASK(2, 0, 1), .last = f->nodes };
        patience_t patience = { 0, UINT32_MAX };
        hedgew_part_means_t means = { .kernels = f->bed.kernels, .wanted = is_wanted, .arg = &patience };
        uint32_t nodes;
        hedgew_task_t *task = NULL;
        hedgew_part_t part;

        assert_int_equal(make(f, m, ALL, &task), 0);
        assert_int_equal(hedgew_part_compute(task, &task->order[0], &means, &part), 0);
        zmq_msg_close(&part.frame);
        nodes = patience.asked;
        assert_true(nodes >= f->nodes + 5); /* while kernels are prepared, and while they run */
        patience.wanted_for = 0;            /* what is there is there */
        assert_int_equal(hedgew_part_compute(task, &task->order[1], &means, &part), 0);
        zmq_msg_close(&part.frame);
        hedgew_task_destroy(&task);
        for (uint32_t i = 0; i <= nodes; i++) {
                patience = (patience_t){ 0, i };
                assert_int_equal(make(f, m, ALL, &task), 0);
                assert_int_equal(hedgew_part_compute(task, &task->order[0], &means, &part), i < nodes ? 1 : 0);
                assert_int_equal(patience.asked, i < nodes ? i + 1 : nodes);
                if (i == nodes)
                        zmq_msg_close(&part.frame);
                hedgew_task_destroy(&task);
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(nodes_must_be_there),
                TEST(outputs_must_be_there),
                TEST(frames_must_be_its_inputs),
                TEST(each_frame_has_the_size_of_its_value),
                TEST(windows_must_be_within_the_image),
                TEST(windows_and_frames_go_together),
                TEST(packing_is_told_apart),
                TEST(a_run_that_nobody_wants_ends),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

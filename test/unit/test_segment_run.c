/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "block_bed.h"
#include "common/clock.h"
#include "common/segment/crossing.h"
#include "common/segment/cuts.h"
#include "common/segment/segment.h"
#include "daemon/infer/segment_run.h"
#include "daemon/infer/windows.h"
#include "test/unit/dispatch_bed.h"

/* A model that boards hold as one block, and boards that compute what they are asked for, or do not, on the loop's thread. */

enum behaviour {
        ANSWERS,
        IS_SILENT,
        DIES,             /* at its first task */
        GIVES_UP,         /* every task */
        ANSWERS_AND_DIES, /* the first one, and dies of the second */
};

static const hedge_code_params_t params = { .scheme = HEDGE_SCHEME_KRP, .k_a = 2, .k_b = 2, .n = DISPATCH_BOARDS };
static dispatch_bed_t bed;

static struct {
        segment_bed_t values; /* what all of them are */
        hedged_constants_t constants;
        hedged_model_t model;
        hedged_block_t block;
        uint32_t first, last; /* the longest local segment */
        hedged_standing_t *standing;
        hedged_gate_t gate;
        hedged_coded_settings_t settings;
        atomic_int behaviour[DISPATCH_BOARDS]; /* enum behaviour */
        atomic_uint tasks[DISPATCH_BOARDS];    /* that came */
        pthread_t loop;
        bool runs;
        hedge_mail_t stop;
} s;

static hedge_window_t windows[64];
static hedged_step_t step;
static hedge_layer_report_t report;

/* ---- boards ---- */

/* Input i of a task as floats. */
static void open_input(dispatch_sent_t *t, unsigned i, uint32_t value, hedge_tensor_t *ret)
{
        const hedge_graph_t *g = s.block.graph;
        hedge_shape_t shape = g->values[value].shape;
        hedge_window_t in;

        if (t->n_windows) {
                MUST(hedge_segment_halo(g, t->first, t->last, &t->windows[i], &in) == 0);
                shape.dims[1] = in.rows;
                shape.dims[2] = in.cols;
        }
        MUST(hedge_tensor_alloc(ret, &shape) == 0);
        MUST(zmq_msg_size(&t->frames[i]) ==
             hedge_precision_bytes(hedge_crossing_wire(g, value, t->wire), hedge_shape_elements(&shape)));
        hedged_window_place(zmq_msg_data(&t->frames[i]), hedge_crossing_wire(g, value, t->wire), NULL, ret);
}

static void send_part(unsigned board, const dispatch_sent_t *t, unsigned number, uint32_t value,
                      const hedge_tensor_t *out)
{
        hedge_part_t said = { .part = number,
                              .compute_us = 1,
                              .wire = hedge_crossing_wire(s.block.graph, value, t->wire) };
        const hedge_msg_part_t message = { .run = t->run, .n_parts = 1, .parts = &said };
        zmq_msg_t frame;

        MUST(hedged_window_frame(out, NULL, (hedge_precision_t)said.wire, &frame) == 0);
        dispatch_bed_send_frames(&bed, board, &message, &frame); /* may be late */
}

/* Part i of a task (all its outputs, in one piece), as a board computes it: by a graph of its own. */
static void compute(unsigned board, dispatch_sent_t *t, unsigned i)
{
        hedge_tensor_t in[8], out[8];
        hedge_graph_t *graph;
        hedge_engine_t *engine;
        uint32_t *ins, *outs, n_in, n_out;

        MUST(hedge_segment_values(s.block.graph, t->first, t->last, &ins, &n_in, &outs, &n_out) == 0);
        MUST(hedge_segment_graph(s.block.graph, t->first, t->last, t->n_windows ? &t->windows[i] : NULL, &graph) == 0);
        MUST(hedge_engine_new(graph, s.values.kernels, &engine) == 0);
        MUST(n_in <= 8 && n_out <= 8 && (t->n_windows || t->n_inputs == n_in));
        for (unsigned k = 0; k < n_in; k++)
                open_input(t, t->n_windows ? i : k, ins[k], &in[k]);
        MUST(hedge_engine_run(engine, in, NULL, NULL, out) == 0);
        for (unsigned k = 0; k < n_out; k++)
                send_part(board, t, t->n_windows ? t->order[i] : k, outs[k], &out[k]);
        for (unsigned k = 0; k < n_in; k++)
                hedge_tensor_release(&in[k]);
        for (unsigned k = 0; k < n_out; k++)
                hedge_tensor_release(&out[k]);
        hedge_engine_destroy(&engine);
        hedge_graph_destroy(&graph);
        free(ins);
        free(outs);
}

static void answer(unsigned board)
{
        dispatch_sent_t *t = &bed.boards[board].sent[0];
        const int b = atomic_load(&s.behaviour[board]);

        if (t->type == HEDGE_MSG_TASK) {
                const unsigned tasks = atomic_fetch_add(&s.tasks[board], 1) + 1;

                MUST(!memcmp(&t->digest, &s.block.digests[board], sizeof(t->digest)));
                if (b == ANSWERS || (b == ANSWERS_AND_DIES && tasks == 1))
                        for (unsigned i = 0; i < (t->n_windows ? t->n_order : 1); i++)
                                compute(board, t, i);
                else if (b == DIES || b == ANSWERS_AND_DIES)
                        hedged_cluster_lost(bed.cluster, dispatch_bed_board(&bed, board));
                else if (b == GIVES_UP)
                        hedged_dispatch_ended(bed.dispatch, dispatch_bed_board(&bed, board), t->run);
        }
        dispatch_bed_shift(&bed.boards[board]);
}

static void *loop_main(void *arg)
{
        (void)arg;
        for (;;) {
                hedge_mail_t *mail = hedge_mailbox_wait(bed.loop, -1);

                if (mail == &s.stop)
                        return NULL;
                hedged_dispatch_mail(bed.dispatch, mail);
                for (unsigned b = 0; b < DISPATCH_BOARDS; b++)
                        while (bed.boards[b].n_sent)
                                answer(b);
        }
}

/* ---- a model ---- */

static void find_local(void)
{
        hedge_cut_point_t *cuts;
        uint32_t n;

        assert_int_equal(hedge_cuts_find(s.model.graph, &cuts, &n), 0);
        s.first = s.last = 0;
        for (uint32_t a = 0; a < n; a++)
                for (uint32_t b = a + 1; b < n; b++)
                        if (hedge_segment_is_local(s.model.graph, cuts[a].at, cuts[b].at) &&
                            cuts[b].at - cuts[a].at > s.last - s.first) {
                                s.first = cuts[a].at;
                                s.last = cuts[b].at;
                        }
        free(cuts);
        assert_true(s.last >= s.first + 4); /* a branch is in it */
}

static void open_model(void)
{
        block_bed_open(&s.values, 1);
        s.constants.graph = s.values.graph;
        atomic_store(&s.constants.references, 1);
        s.model.constants = &s.constants;
        s.model.graph = s.values.graph;
        s.model.slots = DISPATCH_BOARDS;
        atomic_store(&s.model.references, 1);
        assert_int_equal(hedged_block_init(&s.block, s.model.graph, 0, s.model.graph->n_nodes, DISPATCH_BOARDS,
                                           UINT64_C(1) << 30),
                         0);
        atomic_store(&s.block.holders[0], (1u << DISPATCH_BOARDS) - 1);
        s.model.blocks = &s.block;
        atomic_store(&s.model.n_blocks, 1);
        find_local();
}

static void open_segments(bool hedge, bool here)
{
        hedged_config_t config = { .plan.hedge = hedge, .plan.here = here };
        hedged_speeds_t speeds = { .boards = DISPATCH_BOARDS };

        hedged_standing_destroy(&s.standing);
        assert_int_equal(hedged_standing_new(&config, s.values.kernels, 0, &s.standing), 0);
        for (unsigned b = 0; b < DISPATCH_BOARDS; b++) {
                speeds.board[b] = (hedged_speed_t){ .macs_per_s = 1e8, .up_bytes_per_s = 1e8, .down_bytes_per_s = 1e8 };
                speeds.usable[b] = true;
        }
        speeds.here = (hedged_speed_t){ .macs_per_s = 1e8, .up_bytes_per_s = 1e9, .down_bytes_per_s = 1e9 };
        assert_int_equal(hedged_standing_publish(s.standing, &speeds), 0);
        assert_int_equal(hedged_standing_usable(s.standing), DISPATCH_BOARDS);
}

static int set_up(void **state)
{
        (void)state;
        memset(&s, 0, sizeof(s));
        dispatch_bed_begin(&bed, &params);
        open_model();
        open_segments(true, false);
        hedged_gate_init(&s.gate, 1);
        s.settings = (hedged_coded_settings_t){ .loop = bed.loop, .timeout_ms = 100000, .threads = 1 };
        s.stop.kind = -1;
        assert_int_equal(pthread_create(&s.loop, NULL, loop_main, NULL), 0);
        s.runs = true;
        step = (hedged_step_t){ .kind = HEDGED_STEP_SEGMENT,
                                .first = s.first,
                                .last = s.last,
                                .n_windows = 1,
                                .copies = 1,
                                .predicted_s = 0.1 };
        return 0;
}

static void end_loop(void)
{
        if (!s.runs)
                return;
        hedge_mailbox_put(bed.loop, &s.stop);
        pthread_join(s.loop, NULL);
        s.runs = false;
}

static void release_report(void)
{
        free(report.boards);
        free(report.parts);
        memset(&report, 0, sizeof(report));
}

static int tear_down(void **state)
{
        (void)state;
        release_report();
        end_loop();
        hedged_standing_destroy(&s.standing);
        hedged_gate_release(&s.gate);
        hedged_block_release(&s.block);
        dispatch_bed_end(&bed);
        assert_int_equal(atomic_load(&s.model.references), 1);
        assert_int_equal(atomic_load(&s.constants.references), 1);
        segment_bed_close(&s.values);
        return 0;
}

/* So many rows at a time; below 0: in tiles of half the width as well. */
static void cut_windows(int rows)
{
        const hedge_shape_t *out = &s.model.graph->values[s.model.graph->nodes[s.last - 1].output].shape;
        const uint32_t each = (uint32_t)abs(rows), parts = rows < 0 ? 2 : 1, half = out->dims[2] / 2;

        step.n_windows = 0;
        step.windows = windows;
        for (uint32_t top = 0; top < out->dims[1]; top += each)
                for (uint32_t part = 0; part < parts; part++)
                        windows[step.n_windows++] =
                                (hedge_window_t){ .top = top,
                                                  .rows = each < out->dims[1] - top ? each : out->dims[1] - top,
                                                  .left = part ? half : 0,
                                                  .cols = parts == 1 ? out->dims[2]
                                                          : part     ? out->dims[2] - half
                                                                     : half };
}

/* ---- a run ---- */

static void check_values(const uint32_t *values, uint32_t n, const hedge_tensor_t *out)
{
        for (uint32_t i = 0; i < n; i++) {
                const size_t elements = hedge_shape_elements(&s.model.graph->values[values[i]].shape);
                const double tolerance = (double)BLOCK_TOLERANCE(step.wire);
                double peak = 0;

                for (size_t k = 0; k < elements; k++)
                        peak = fmax(peak, fabs((double)s.values.data[values[i]][k]));
                for (size_t k = 0; k < elements; k++)
                        assert_true(fabs((double)out[i].data[k] - (double)s.values.data[values[i]][k]) <=
                                    tolerance * (peak + 1));
        }
}

/* Run the step. @param shared  Outputs lie where the inputs do. @return what hedged_segment_run says. */
static int run_step(bool shared)
{
        hedge_tensor_t in[8], out[8];
        uint32_t *ins, *outs, n_in, n_out;
        hedged_segment_ask_t ask = { .model = &s.model,
                                     .step = &step,
                                     .in = in,
                                     .out = out,
                                     .gate = &s.gate,
                                     .began_us = hedge_now_us(),
                                     .trace = true };
        int r;

        release_report();
        for (unsigned b = 0; b < DISPATCH_BOARDS; b++)
                atomic_store(&s.tasks[b], 0);
        assert_int_equal(hedge_segment_values(s.model.graph, step.first, step.last, &ins, &n_in, &outs, &n_out), 0);
        for (uint32_t i = 0; i < n_in; i++) {
                const hedge_shape_t *shape = &s.model.graph->values[ins[i]].shape;
                hedge_shape_t room = *shape;

                room.dims[1] *= 8; /* for the output */
                assert_int_equal(hedge_tensor_alloc(&in[i], &room), 0);
                in[i].shape = *shape;
                memcpy(in[i].data, s.values.data[ins[i]], hedge_shape_elements(shape) * sizeof(float));
        }
        for (uint32_t i = 0; i < n_out; i++) {
                assert_int_equal(hedge_tensor_alloc(&out[i], &s.model.graph->values[outs[i]].shape), 0);
                if (shared) {
                        hedge_tensor_release(&out[i]);
                        out[i] = (hedge_tensor_t){ s.model.graph->values[outs[i]].shape, in[0].data };
                }
        }
        r = hedged_segment_run(&s.settings, s.standing, &ask, &report);
        if (r == 0)
                check_values(outs, n_out, out);
        for (uint32_t i = 0; i < n_in; i++)
                hedge_tensor_release(&in[i]);
        for (uint32_t i = 0; i < n_out && !shared; i++)
                hedge_tensor_release(&out[i]);
        free(ins);
        free(outs);
        for (unsigned v = 0; v < HEDGED_PLACES; v++) /* all that was counted is put down again */
                assert_int_equal(atomic_load(&s.standing->occupancy.us[v]), 0);
        assert_int_equal(atomic_load(&s.standing->occupancy.waiting), 0);
        assert_int_equal(atomic_load(&s.standing->occupancy.again), 0);
        return r;
}

static unsigned used_parts(void)
{
        unsigned n = 0;

        for (uint32_t i = 0; i < report.n_parts; i++) {
                n += report.parts[i].used;
                assert_true(!report.parts[i].used || report.parts[i].received_ms >= report.parts[i].sent_ms);
        }
        return n;
}

/* ---- tests ---- */

static void windows_are_put_together(void **state)
{
        (void)state;
        static const int rows[] = { 1, 2, 3, 5, 100, -1, -2, -4 };

        for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
                for (unsigned wire = 0; wire < HEDGE_PRECISIONS; wire++)
                        for (unsigned shared = 0; shared < 2; shared++) {
                                cut_windows(rows[i]);
                                step.wire = (hedge_precision_t)wire;
                                assert_int_equal(run_step(shared), 0);
                                assert_string_equal(report.scheme, rows[i] > 0 ? "strips" : "tiles");
                                assert_int_equal(report.k_a, step.n_windows);
                                assert_int_equal(report.parts_used, step.n_windows);
                                assert_int_equal(used_parts(), step.n_windows);
                        }
}

static void a_segment_in_one_piece_goes_to_one_board(void **state)
{
        (void)state;
        open_segments(false, false);
        for (unsigned i = 0; i < 2; i++) {
                step.first = i ? 0 : s.first;
                step.last = i ? s.model.graph->n_nodes : s.last; /* the whole network: two outputs */
                for (unsigned turn = 0; turn < 8; turn++) {
                        assert_int_equal(run_step(false), 0);
                        assert_string_equal(report.scheme, "whole");
                        assert_int_equal(report.n_boards, 1);
                        assert_int_equal(report.boards[0], turn % DISPATCH_BOARDS); /* by turns, as nothing is hedged */
                        assert_int_equal(report.parts_used, i + 1);
                        assert_int_equal(used_parts(), i + 1);
                }
        }
}

static void who_is_silent_is_helped_out(void **state)
{
        (void)state;
        for (unsigned whole = 0; whole < 2; whole++) {
                if (whole)
                        step.windows = NULL;
                else
                        cut_windows(1);
                for (unsigned silent = 0; silent + 1 < DISPATCH_BOARDS; silent++) {
                        atomic_store(&s.behaviour[silent], IS_SILENT);
                        for (unsigned i = 0; i < 3; i++) {
                                assert_int_equal(run_step(i == 1), 0);
                                assert_int_equal(report.lost, 0);
                                for (uint32_t b = 0; b < report.n_boards; b++)
                                        assert_true(report.boards[b] > silent);
                        }
                }
                for (unsigned b = 0; b < DISPATCH_BOARDS; b++)
                        atomic_store(&s.behaviour[b], ANSWERS);
        }
}

static void what_is_lost_is_done_by_others(void **state)
{
        (void)state;
        static const enum behaviour ways[] = { DIES, GIVES_UP, ANSWERS_AND_DIES };

        for (unsigned way = 0; way < 3; way++)
                for (unsigned whole = 0; whole < 2; whole++)
                        for (unsigned hedge = 0; hedge < 2; hedge++) {
                                open_segments(hedge, false);
                                for (unsigned b = 0; b < 2; b++)
                                        atomic_store(&s.behaviour[b], ways[way]);
                                if (whole)
                                        step.windows = NULL;
                                else
                                        cut_windows(1);
                                assert_int_equal(run_step(false), 0);
                                assert_true(way == 2 || whole || hedge || report.lost == 2);
                                end_loop(); /* what was told is read */
                                for (unsigned b = 0; b < 2; b++)
                                        if (ways[way] != GIVES_UP)
                                                dispatch_bed_hello(&bed, b, 2 + hedge + way);
                                assert_int_equal(pthread_create(&s.loop, NULL, loop_main, NULL), 0);
                                s.runs = true;
                        }
}

static void where_nobody_is_left_it_is_given_up(void **state)
{
        (void)state;
        for (unsigned b = 0; b < DISPATCH_BOARDS; b++)
                atomic_store(&s.behaviour[b], GIVES_UP);
        cut_windows(1);
        assert_int_equal(run_step(false), 1);
        assert_string_equal(report.scheme, "local");
        assert_int_equal(report.lost, DISPATCH_BOARDS);
        atomic_store(&s.block.holders[0], 0);
        assert_int_equal(run_step(false), 1);
        assert_int_equal(report.parts_asked, 0);
        step.windows = NULL;
        assert_int_equal(run_step(false), 1);
}

static void this_machine_does_its_share(void **state)
{
        (void)state;
        open_segments(true, true);
        for (unsigned whole = 0; whole < 2; whole++) {
                for (unsigned b = 0; b < DISPATCH_BOARDS; b++)
                        atomic_store(&s.behaviour[b], IS_SILENT);
                if (whole) {
                        step.windows = NULL;
                        step.first = 0;
                        step.last = s.model.graph->n_nodes;
                } else {
                        cut_windows(2);
                }
                for (unsigned i = 0; i < 3; i++) {
                        assert_int_equal(run_step(i == 1 && !whole), 0);
                        assert_int_equal(report.n_boards, 0);
                        assert_int_equal(used_parts(), 0);
                        assert_int_equal(report.parts_used, whole ? 2 : step.n_windows);
                }
        }
}

static void copies_go_out_from_the_start(void **state)
{
        (void)state;
        open_segments(false, false);
        cut_windows(3);
        step.copies = 2;
        atomic_store(&s.behaviour[0], IS_SILENT); /* without hedging nobody would ask again */
        assert_int_equal(run_step(false), 0);
        assert_true(report.parts_asked > step.n_windows);
}

static void nothing_runs_before_speeds_are_known(void **state)
{
        (void)state;
        hedged_config_t config = { .plan.hedge = true };

        hedged_standing_destroy(&s.standing);
        assert_int_equal(hedged_standing_new(&config, s.values.kernels, 0, &s.standing), 0);
        assert_int_equal(hedged_standing_usable(s.standing), 0);
        assert_int_equal(run_step(false), 1);
}

static void a_share_is_chosen_by_what_is_in_flight(void **state)
{
        (void)state;
        assert_int_equal(hedged_standing_share(HEDGED_OBJECTIVE_AUTO, 7), 7);
        assert_int_equal(hedged_standing_share(HEDGED_OBJECTIVE_AUTO, 0), 1);
        assert_int_equal(hedged_standing_share(HEDGED_OBJECTIVE_LATENCY, 7), 1);
        assert_int_equal(hedged_standing_share(HEDGED_OBJECTIVE_P99, 7), 1);
}

static void the_program_stops(void **state)
{
        (void)state;
        for (unsigned b = 0; b < DISPATCH_BOARDS; b++)
                atomic_store(&s.behaviour[b], IS_SILENT);
        hedged_dispatch_shutdown(bed.dispatch); /* the loop has nothing to do yet */
        cut_windows(1);
        assert_int_equal(run_step(false), HEDGE_ESHUTDOWN);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                TEST(windows_are_put_together),
                TEST(a_segment_in_one_piece_goes_to_one_board),
                TEST(who_is_silent_is_helped_out),
                TEST(what_is_lost_is_done_by_others),
                TEST(where_nobody_is_left_it_is_given_up),
                TEST(this_machine_does_its_share),
                TEST(copies_go_out_from_the_start),
                TEST(nothing_runs_before_speeds_are_known),
                TEST(a_share_is_chosen_by_what_is_in_flight),
                TEST(the_program_stops),
#undef TEST
        };

        return cmocka_run_group_tests_name("segment_run", tests, NULL, NULL);
}

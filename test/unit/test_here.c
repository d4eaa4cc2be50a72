/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
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
#include "daemon/infer/engines.h"
#include "daemon/infer/here.h"
#include "daemon/infer/windows.h"

/* The coordinator's own thread for pieces of runs of nodes, and the engines that are kept for it. */

#define BOARD   7u /* the number under which it sends */
#define SOON_US 200000000

static struct {
        segment_bed_t values;
        hedged_constants_t constants;
        hedged_model_t model;
        hedge_mailbox_t *loop; /* nobody reads it */
        hedged_here_t *here;
        hedged_layer_run_t *run;
} s;

static void begin(double macs_per_s)
{
        const hedged_here_settings_t settings = { s.values.kernels, UINT64_C(1) << 30, macs_per_s };
        hedged_run_work_t *work;

        assert_int_equal(hedged_here_new(&settings, &s.here), 0);
        assert_int_equal(hedged_work_new(1, 4, 4, &work), 0);
        assert_int_equal(hedged_layer_run_new(work, s.loop, &s.run), 0);
}

static int set_up(void **state)
{
        (void)state;
        memset(&s, 0, sizeof(s));
        block_bed_open(&s.values, 3);
        s.constants.graph = s.model.graph = s.values.graph;
        s.model.constants = &s.constants;
        atomic_store(&s.constants.references, 1);
        atomic_store(&s.model.references, 1);
        return hedge_mailbox_new(&s.loop);
}

static int tear_down(void **state)
{
        (void)state;
        hedged_layer_run_destroy(&s.run);
        hedged_here_destroy(&s.here);
        hedge_mailbox_destroy(&s.loop);
        assert_int_equal(atomic_load(&s.model.references), 1);
        assert_int_equal(atomic_load(&s.constants.references), 1);
        segment_bed_close(&s.values);
        return 0;
}

/* Ask for the whole network; its two outputs are parts 1 and 2. */
static void ask_all(void)
{
        hedge_shape_t shapes[4];
        zmq_msg_t frames[4];
        uint32_t *in, *out;
        hedged_here_piece_t p = { .model = &s.model,
                                  .last = s.model.graph->n_nodes,
                                  .part = 1,
                                  .board = BOARD,
                                  .shapes = shapes,
                                  .frames = frames };

        assert_int_equal(hedge_segment_values(s.model.graph, 0, p.last, &in, &p.n_inputs, &out, &p.n_outputs), 0);
        assert_true(p.n_inputs <= 4 && p.n_outputs == 2);
        for (unsigned i = 0; i < p.n_inputs; i++) {
                const hedge_tensor_t t = { s.model.graph->values[in[i]].shape, s.values.data[in[i]] };

                shapes[i] = t.shape;
                assert_int_equal(hedged_window_frame(&t, NULL, HEDGE_PRECISION_F32, &frames[i]), 0);
        }
        assert_int_equal(hedged_here_ask(s.here, s.run, &p), 0);
        free(in);
        free(out);
}

static hedged_event_t *next_event(void)
{
        hedged_event_t *e;

        while (!(e = hedged_layer_run_next(s.run)))
                hedged_layer_run_wait(s.run, 1, hedge_now_us() + SOON_US);
        return e;
}

static void expect_outputs(void)
{
        uint32_t *in, *out, n_in, n_out;

        assert_int_equal(hedge_segment_values(s.model.graph, 0, s.model.graph->n_nodes, &in, &n_in, &out, &n_out), 0);
        for (unsigned i = 0; i < n_out; i++) {
                const size_t n = hedge_shape_elements(&s.model.graph->values[out[i]].shape);
                hedged_event_t *e = next_event();
                float x;

                assert_int_equal(e->mail.kind, HEDGED_EVENT_PART);
                assert_int_equal(e->board, BOARD);
                assert_int_equal(e->part, 1 + i);
                assert_int_equal(e->wire, HEDGE_PRECISION_F32);
                assert_true(i == 0 || e->compute_us == 0); /* the first has all of it */
                assert_int_equal(zmq_msg_size(&e->frame), n * sizeof(float));
                for (size_t k = 0; k < n; k++) {
                        memcpy(&x, (char *)zmq_msg_data(&e->frame) + k * sizeof(x), sizeof(x));
                        assert_true(fabs((double)x - (double)s.values.data[out[i]][k]) <= 1e-6);
                }
        }
        free(in);
        free(out);
}

static void pieces_come_as_parts_of_a_board(void **state)
{
        (void)state;
        begin(0);
        assert_true(hedged_here_rate(s.here) <= 0);
        for (unsigned i = 0; i < 3; i++) {
                ask_all();
                expect_outputs();
        }
        assert_null(hedged_layer_run_next(s.run));
        assert_true(hedged_here_rate(s.here) > 0); /* the first made the engine, and is not counted */
        hedged_layer_run_destroy(&s.run);
}

/* At this speed one takes an hour. */
static void what_nobody_wants_any_more_is_not_computed(void **state)
{
        (void)state;
        begin((double)hedge_graph_macs(s.model.graph) / 3600);
        ask_all();
        ask_all();
        hedged_layer_run_destroy(&s.run); /* before the thread has let go of it */
        hedged_here_destroy(&s.here);     /* waits for the thread */
}

static void emulated_pieces_take_their_time(void **state)
{
        (void)state;
        const double macs = (double)hedge_graph_macs(s.model.graph);
        int64_t since_us;

        begin(macs / 0.05);
        since_us = hedge_now_us();
        ask_all();
        expect_outputs();
        assert_true(hedge_now_us() - since_us >= 49000);
}

/* ---- engines ---- */

static hedge_engine_t *engine_of(hedged_engines_t *engines, uint32_t first, uint32_t last, bool is_new)
{
        hedge_engine_t *engine;
        bool made;

        assert_int_equal(hedged_engines_get(engines, &s.model, first, last, NULL, &engine, &made), 0);
        assert_int_equal(made, is_new);
        return engine;
}

static void run_all(hedge_engine_t *engine)
{
        const hedge_graph_t *g = hedge_engine_graph(engine);
        hedge_tensor_t in[4], out[4];

        for (uint32_t i = 0; i < g->n_inputs; i++) {
                assert_int_equal(hedge_tensor_alloc(&in[i], &g->values[g->inputs[i]].shape), 0);
                memset(in[i].data, 0, hedge_shape_elements(&in[i].shape) * sizeof(float));
        }
        assert_int_equal(hedge_engine_run(engine, in, NULL, NULL, out), 0);
        for (uint32_t i = 0; i < g->n_inputs; i++)
                hedge_tensor_release(&in[i]);
        for (uint32_t i = 0; i < g->n_outputs; i++)
                hedge_tensor_release(&out[i]);
}

static void engines_are_kept_within_their_bound(void **state)
{
        (void)state;
        const uint32_t n = s.model.graph->n_nodes;
        hedged_engines_t *engines;
        uint64_t each[2];
        unsigned count;

        assert_int_equal(hedged_engines_new(s.values.kernels, UINT64_C(1) << 30, &engines), 0);
        for (uint32_t i = 0; i < 2; i++) {
                run_all(engine_of(engines, i, n, true));
                hedged_engines_done(engines);
                each[i] = hedged_engines_bytes(engines, &count) - (i ? each[0] : 0);
                assert_int_equal(count, i + 1);
                assert_true(each[i] > 0);
        }
        engine_of(engines, 0, n, false);
        hedged_engines_done(engines);
        hedged_engines_destroy(&engines);

        assert_int_equal(hedged_engines_new(s.values.kernels, each[0] + each[1] - 1, &engines), 0);
        for (uint32_t turn = 0; turn < 2; turn++)
                for (uint32_t i = 0; i < 2; i++) { /* there is room for one */
                        run_all(engine_of(engines, i, n, true));
                        hedged_engines_done(engines);
                        assert_true(hedged_engines_bytes(engines, &count) <= each[0] + each[1] - 1);
                        assert_int_equal(count, 1);
                }
        engine_of(engines, 1, n, false);
        hedged_engines_done(engines);
        hedged_engines_destroy(&engines);
        assert_int_equal(hedged_engines_new(s.values.kernels, 1, &engines), 0); /* for none */
        run_all(engine_of(engines, 0, n, true));
        hedged_engines_done(engines);
        assert_int_equal(hedged_engines_bytes(engines, &count), 0);
        hedged_engines_destroy(&engines);
        assert_null(engines);
}

static void nodes_that_do_not_fit_are_known(void **state)
{
        (void)state;
        const hedge_graph_t *g = s.values.graph;
        hedged_here_settings_t settings = { .kernels = s.values.kernels };
        uint64_t bytes = 0;

        for (uint32_t v = 0; v < g->n_values; v++) /* each is read by one node */
                bytes += g->values[v].data ? hedge_shape_elements(&g->values[v].shape) * sizeof(float) : 0;
        for (unsigned more = 0; more < 2; more++) {
                settings.engines_bytes_max = 2 * bytes - 8 + 8 * more;
                assert_int_equal(hedged_here_new(&settings, &s.here), 0);
                assert_int_equal(hedged_here_has_room(s.here, g, 0, g->n_nodes), more);
                assert_true(hedged_here_has_room(s.here, g, 0, 2));
                hedged_here_destroy(&s.here);
        }
}

static void engines_of_models_that_are_gone_go(void **state)
{
        (void)state;
        hedged_constants_t *constants;
        hedged_engines_t *engines;
        unsigned count;

        assert_int_equal(hedge_segment_graph(s.values.graph, 0, s.values.graph->n_nodes, NULL, &s.model.graph), 0);
        assert_int_equal(hedged_constants_new(s.model.graph, &constants), 0);
        s.model.constants = constants;
        assert_int_equal(hedged_engines_new(s.values.kernels, UINT64_C(1) << 30, &engines), 0);
        for (uint32_t i = 0; i < 2; i++) {
                engine_of(engines, i, s.model.graph->n_nodes, true);
                hedged_engines_done(engines);
        }
        hedged_engines_tidy(engines);
        hedged_engines_bytes(engines, &count);
        assert_int_equal(count, 2);
        hedged_constants_unref(&constants); /* only the engines have it now */
        hedged_engines_tidy(engines);
        hedged_engines_bytes(engines, &count);
        assert_int_equal(count, 0);
        hedged_engines_destroy(&engines);
        s.model.constants = &s.constants;
        s.model.graph = s.values.graph;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
                TEST(nodes_that_do_not_fit_are_known),
                TEST(pieces_come_as_parts_of_a_board),
                TEST(emulated_pieces_take_their_time),
                TEST(engines_are_kept_within_their_bound),
                TEST(engines_of_models_that_are_gone_go),
                /* The last: the emulated machine is busy for an hour then. */
                TEST(what_nobody_wants_any_more_is_not_computed),
#undef TEST
        };

        return cmocka_run_group_tests_name("here", tests, NULL, NULL);
}

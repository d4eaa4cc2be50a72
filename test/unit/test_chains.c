/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/model/held.h"
#include "common/segment/segment.h"
#include "daemon/plan/chains.h"
#include "daemon/plan/limit.h"
#include "daemon/plan/split.h"
#include "daemon/plan/weights.h"
#include "test/unit/chain_net.h"

#define RATE 1e9

static hedged_config_t config;
static hedged_speeds_t speeds;
static hedged_capacity_t capacity;
static hedge_graph_t *graph;
static hedged_node_cost_t *nodes;
static hedged_chains_t *chains;

static void configure(const char *yaml)
{
        hedge_why_t why = { "" };

        hedged_config_release(&config);
        if (hedge_conf_parse(hedged_conf_rows, "test.yaml", yaml, strlen(yaml), &config, &why) < 0)
                fail_msg("%s", why.text);
}

/* Boards as fast as the coordinator; links of so many bytes per second; nothing else costs anything. */
static void boards(unsigned n, double link)
{
        const hedged_speed_t one = { .macs_per_s = RATE, .up_bytes_per_s = link, .down_bytes_per_s = link };

        speeds = (hedged_speeds_t){ .boards = n, .here = one, .here_cores = 1 };
        for (unsigned b = 0; b < n; b++) {
                speeds.board[b] = one;
                speeds.cores[b] = 2;
                speeds.slower[b] = 1;
                speeds.usable[b] = true;
                capacity.bytes[b] = UINT64_MAX;
        }
}

static void network(unsigned size, unsigned channels, unsigned kernel, unsigned convs, unsigned stage)
{
        const chain_net_t net = { size, channels, kernel, convs, stage };

        hedge_graph_destroy(&graph);
        graph = make_chain_net(&net);
        free(nodes);
        nodes = calloc(graph->n_nodes, sizeof(*nodes));
        assert_non_null(nodes);
}

static bool tiles(const hedged_step_t *s)
{
        const hedge_shape_t *shape = &graph->values[graph->nodes[s->last - 1].output].shape;
        uint8_t *seen = calloc(shape->dims[1], shape->dims[2]);
        bool once = true;

        for (unsigned i = 0; i < s->n_windows; i++)
                for (uint32_t y = 0; y < s->windows[i].rows; y++)
                        for (uint32_t x = 0; x < s->windows[i].cols; x++)
                                once = !seen[(s->windows[i].top + y) * shape->dims[2] + s->windows[i].left + x]++ &&
                                       once;
        for (uint32_t i = 0; i < shape->dims[1] * shape->dims[2]; i++)
                once = once && seen[i];
        free(seen);
        return once;
}

static bool is_held(const hedged_step_t *s)
{
        for (unsigned i = 0; i < chains->n_blocks; i++)
                if (chains->blocks[i].first <= s->first && s->last <= chains->blocks[i].last)
                        return true;
        return false;
}

/* What holds of any plan. */
static void check_chain(const hedged_chain_t *c)
{
        double sum = 0;
        uint32_t at = 0;

        for (unsigned i = 0; i < c->n_steps; i++) {
                const hedged_step_t *s = &c->steps[i];
                uint64_t macs;

                assert_int_equal(s->first, at);
                assert_true(s->last > at);
                at = s->last;
                sum += s->predicted_s;
                assert_int_equal(hedge_segment_macs(graph, s->first, s->last, NULL, &macs), 0);
                assert_true(s->macs >= macs);
                if (s->kind == HEDGED_STEP_NODES) {
                        assert_null(s->windows);
                        continue;
                }
                assert_true(s->n_windows >= 1 && s->copies >= 1 && (s->n_windows == 1) == !s->windows);
                assert_true(s->n_windows == 1 || tiles(s));
                assert_true(is_held(s));
                for (uint32_t j = s->first; j < s->last; j++)
                        assert_false(nodes[j].fixed);
        }
        assert_int_equal(at, graph->n_nodes);
        assert_true(fabs(sum - c->predicted_s) <= 1e-9 * sum);
}

static void check_blocks(void)
{
        for (unsigned b = 0; b < speeds.boards; b++) {
                uint64_t bytes = 0;

                for (unsigned i = 0; i < chains->n_blocks; i++)
                        if (chains->blocks[i].boards[b / 64] >> b % 64 & 1)
                                bytes += chains->blocks[i].bytes;
                assert_true(bytes <= capacity.bytes[b]);
        }
}

static void plan_with_nodes(void)
{
        hedged_chains_destroy(&chains);
        assert_int_equal(hedged_chains_plan(&config, &speeds, graph, nodes, &capacity, &chains), 0);
        assert_true(chains->n >= 1 && chains->chains[0].boards == speeds.boards);
        for (unsigned i = 0; i < chains->n; i++)
                check_chain(&chains->chains[i]);
        for (unsigned i = 1; i < chains->n; i++) {
                assert_true(chains->chains[i].boards < chains->chains[i - 1].boards);
                assert_true(chains->chains[i].rate > chains->chains[i - 1].rate);
        }
        check_blocks();
}

static const hedged_chain_t *plan(void)
{
        hedged_nodes_local(&config, "net", &speeds, graph, nodes);
        plan_with_nodes();
        return &chains->chains[0];
}

static bool is_all_local(const hedged_chain_t *c)
{
        return c->n_steps == 1 && c->steps[0].kind == HEDGED_STEP_NODES;
}

static unsigned windows_of(const hedged_chain_t *c)
{
        unsigned most = 0;

        for (unsigned i = 0; i < c->n_steps; i++)
                if (c->steps[i].kind == HEDGED_STEP_SEGMENT && c->steps[i].n_windows > most)
                        most = c->steps[i].n_windows;
        return most;
}

/* ---- how long it takes ---- */

static double here_of(const hedged_chain_t *c)
{
        double sum = 0;

        for (unsigned i = 0; i < c->n_steps; i++)
                sum += c->steps[i].kind == HEDGED_STEP_NODES ? c->steps[i].predicted_s : 0;
        return sum;
}

/* Without a halo, and with links without end, what is shared is shared evenly: 48 rows over 4 boards, or nearly over 5. */
static void work_over_all_rates(void **state)
{
        const hedged_chain_t *c;
        double here_s;

        (void)state;
        configure("plan: {here: false, min_macs: 1}");
        network(48, 16, 1, 6, 0);
        boards(4, 1e30);
        c = plan();
        here_s = here_of(c);
        assert_true(here_s < 0.3 * c->local_s); /* what is no image */
        assert_true(fabs(c->predicted_s - (here_s + (c->local_s - here_s) / 4)) < 1e-6 * c->local_s);
        configure("plan: {min_macs: 1}");
        c = plan();
        assert_true(here_of(c) == here_s);
        assert_true(c->predicted_s >= here_s + (c->local_s - here_s) / 5);
        assert_true(c->predicted_s <= here_s + (c->local_s - here_s) / 4.8); /* ten rows of 48 at most for each */
}

static void delays_join_segments(void **state)
{
        unsigned steps;

        (void)state;
        configure("plan: {here: false}");
        network(48, 16, 3, 12, 0);
        boards(4, 2e8);
        steps = plan()->n_steps;
        for (unsigned b = 0; b < 4; b++)
                speeds.board[b].delay_s = 0.02;
        assert_true(plan()->n_steps <= steps);
        assert_true(plan()->predicted_s > 0.02);
        assert_true(plan()->predicted_s < 0.02 * 4 * plan()->n_steps + chains->chains[0].local_s / 2);
}

static void slow_links_leave_it_here(void **state)
{
        (void)state;
        configure("");
        network(32, 8, 3, 4, 2);
        boards(4, 1e3);
        assert_true(is_all_local(plan()));
        assert_true(chains->best_shared_s > chains->chains[0].local_s);
        assert_int_equal(chains->n_blocks, 0);
        assert_true(chains->chains[0].predicted_s == chains->chains[0].local_s);
}

/* With as many requests as boards each has one, and all boards and the coordinator are used. */
static void one_board_each(void **state)
{
        const hedged_chain_t *last;

        (void)state;
        configure("");
        network(32, 16, 3, 8, 4);
        boards(6, 1e8);
        plan();
        last = &chains->chains[chains->n - 1];
        assert_int_equal(last->boards, 1);
        assert_int_equal(windows_of(last), 1);
        assert_true(last->rate > 0.9 * 7 / last->local_s);
        assert_true(last->rate <= 7 / last->local_s);
        configure("plan: {objective: latency}");
        plan();
        assert_int_equal(chains->n, 1);
}

/* The coordinator's link bounds how many requests are answered. */
static void link_bounds_rate(void **state)
{
        const hedged_chain_t *last;
        double up = 0, free_rate;

        (void)state;
        configure("plan: {work: whole, here: false}");
        network(32, 16, 3, 8, 4);
        boards(6, 1e8);
        plan();
        last = &chains->chains[chains->n - 1];
        free_rate = last->rate;
        for (unsigned i = 0; i < last->n_steps; i++)
                up += (double)last->steps[i].up_bytes;
        speeds.here.up_bytes_per_s = free_rate / 2 * up;
        plan();
        last = &chains->chains[chains->n - 1];
        assert_true(last->rate <= 1.001 * free_rate / 2);
        assert_true(last->rate >= 0.999 * free_rate / 2 || last->boards > 1);
}

/* ---- what is asked for ---- */

static void named_ways(void **state)
{
        (void)state;
        network(32, 16, 3, 8, 4);
        boards(3, 1e3); /* not worth it at all */
        configure("plan: {work: whole}");
        assert_true(plan()->n_steps <= 2);
        assert_int_equal(windows_of(&chains->chains[0]), 1);
        configure("plan: {work: segments}");
        assert_true(windows_of(plan()) > 1);
        for (unsigned i = 0; i < chains->chains[0].n_steps; i++)
                assert_int_not_equal(chains->chains[0].steps[i].n_windows, 1);
        boards(3, 1e9);
        configure("plan: {work: layers}");
        assert_true(is_all_local(plan()));
        assert_int_equal(chains->trials, 0);
        configure("plan: {scheme: krp}");
        assert_true(is_all_local(plan()));
        configure("plan: {cut: simple}");
        assert_true(is_all_local(plan()));
        configure("");
        assert_false(is_all_local(plan()));
}

static void ruled_layers_are_left(void **state)
{
        const hedge_node_t *node = NULL;

        (void)state;
        network(48, 16, 3, 9, 0);
        boards(4, 1e9);
        configure("plan: {rules: [{layer: c4, scheme: krp}]}");
        assert_false(is_all_local(plan())); /* check_chain looks whether c4 is in a segment */
        for (uint32_t i = 0; i < graph->n_nodes; i++)
                if (nodes[i].fixed) {
                        assert_null(node);
                        node = &graph->nodes[i];
                }
        assert_non_null(node);
        assert_string_equal(node->name, "c4");
}

/* A layer that is very good by itself stays by itself. */
static void coded_layers_stay(void **state)
{
        hedged_cut_t cut = { .predicted_ms = 1e-6, .load = { .boards_s = 1e-9, .up_bytes = 10 } };
        unsigned covered = 0;

        (void)state;
        network(48, 16, 3, 5, 0);
        boards(4, 1e8);
        configure("");
        hedged_nodes_local(&config, "net", &speeds, graph, nodes);
        for (uint32_t i = 0; i < graph->n_nodes; i++)
                if (graph->nodes[i].op.kind == HEDGE_OP_CONV)
                        hedged_node_coded(&cut, &nodes[i]);
        plan_with_nodes();
        for (unsigned i = 0; i < chains->chains[0].n_steps; i++)
                if (chains->chains[0].steps[i].kind == HEDGED_STEP_SEGMENT)
                        covered += chains->chains[0].steps[i].macs > 16 * 16;
        assert_int_equal(covered, 0);
        configure("plan: {work: segments}"); /* where they are named coded layers do not count */
        plan_with_nodes();
        assert_true(windows_of(&chains->chains[0]) > 1);
}

static void precision_is_allowed(void **state)
{
        (void)state;
        network(48, 16, 3, 9, 0);
        boards(4, 1e8);
        configure("plan: {work: segments}");
        for (unsigned i = 0; i < plan()->n_steps; i++)
                assert_true(chains->chains[0].steps[i].kind == HEDGED_STEP_NODES ||
                            chains->chains[0].steps[i].wire == HEDGE_PRECISION_Q16);
        configure("plan: {work: segments, accuracy: 0.00001}");
        for (unsigned i = 0; i < plan()->n_steps; i++)
                assert_int_equal(chains->chains[0].steps[i].wire, HEDGE_PRECISION_F32);
        configure("plan: {work: segments, wire: f32}");
        for (unsigned i = 0; i < plan()->n_steps; i++)
                assert_int_equal(chains->chains[0].steps[i].wire, HEDGE_PRECISION_F32);
}

/* ---- what sending takes ---- */

#define WIDE 4400 /* (64 + 4096) x WIDE floats are more than a light model has, and few multiply-accumulates for that */

static const char *convolutions(make_t *m, const char *in, const char *layer, unsigned n)
{
        static char out[16];
        char text[64];

        snprintf(out, sizeof(out), "%s", in);
        for (unsigned i = 0; i < n; i++) {
                Onnx__NodeProto *node;

                snprintf(text, sizeof(text), "%s w", out);
                snprintf(out, sizeof(out), "%s%u", layer, i);
                node = make_node(m, "Conv", text, out);
                make_int_list(m, node, "pads", DIMS(1, 1, 1, 1));
        }
        return out;
}

/* Convolutions, full connections that are nearly all of the weights, and convolutions of what comes of them again, or nothing. */
static void heavy_network(bool more)
{
        static const int64_t image[] = { 1, 64, 8, 8 };
        char text[64];
        make_t m;

        make_init(&m, 13);
        make_input(&m, "x", DIMS(1, 64, 32, 32));
        make_weights(&m, "w", DIMS(64, 64, 3, 3));
        make_weights(&m, "d", DIMS(64, WIDE));
        make_weights(&m, "e", DIMS(WIDE, 4096));
        make_node(&m, "GlobalAveragePool", convolutions(&m, "x", "a", 8), "g");
        make_node(&m, "Flatten", "g", "f");
        make_node(&m, "MatMul", "f d", "h");
        make_node(&m, "MatMul", "h e", more ? "i" : "y");
        if (more) {
                make_ints(&m, "to", DIMS(4), image);
                make_node(&m, "Reshape", "i to", "j");
                snprintf(text, sizeof(text), "%s", convolutions(&m, "j", "b", 60));
                make_node(&m, "Relu", text, "y");
        }
        make_output(&m, "y");
        hedge_graph_destroy(&graph);
        free(nodes);
        graph = import_made(&m);
        make_free(&m);
        nodes = calloc(graph->n_nodes, sizeof(*nodes));
        assert_non_null(nodes);
}

static uint32_t find_node(const char *name)
{
        uint32_t i = 0;

        while (strcmp(graph->nodes[i].name, name) != 0)
                i++;
        return i;
}

/* Is it in a segment of any chain? */
static bool is_asked_for(uint32_t node)
{
        for (unsigned c = 0; c < chains->n; c++)
                for (unsigned s = 0; s < chains->chains[c].n_steps; s++) {
                        const hedged_step_t *step = &chains->chains[c].steps[s];

                        if (step->kind == HEDGED_STEP_SEGMENT && step->first <= node && node < step->last)
                                return true;
                }
        return false;
}

/* Does any board hold it? */
static bool is_placed(uint32_t node)
{
        for (unsigned i = 0; i < chains->n_blocks; i++)
                if (chains->blocks[i].first <= node && node < chains->blocks[i].last)
                        return true;
        return false;
}

/* Ten boards would be sent 73 MB each over a link of 20 MB/s: for a thousand requests 36 ms each, and that while the other nine wait,
 * too, for layers that take 18 ms here. Over one without end they are sent. */
static void weights_with_no_work_stay_here(void **state)
{
        double price_s, bytes, with_s;
        hedged_team_t team = { .boards = 2, .may = { true, true } };
        hedged_survey_t survey;

        (void)state;
        heavy_network(false);
        configure("");
        boards(10, 2e7);
        plan();
        assert_int_equal(chains->chains[chains->n - 1].boards, 1);
        assert_true(is_asked_for(find_node("a0")));
        assert_false(is_asked_for(find_node("y")) || is_placed(find_node("y")));
        with_s = chains->chains[chains->n - 1].predicted_s;
        assert_true(with_s < 1.2 * chains->chains[0].local_s); /* no price is in it */
        boards(10, 1e12);
        plan();
        assert_true(is_asked_for(find_node("y")) && is_placed(find_node("y")));

        /* by hand: two of the boards, over their own links and over the coordinator's */
        boards(3, 2e7);
        assert_int_equal(hedged_survey_make(graph, nodes, &survey), 0);
        bytes = (double)survey.before[survey.n - 1].frame_bytes;
        assert_true(bytes > (double)HEDGED_WEIGHTS_LIGHT_BYTES);
        price_s = hedged_weights_s(&survey, &speeds, &team, 0, survey.n - 1);
        assert_true(fabs(price_s * HEDGED_WEIGHTS_REQUESTS - 2 * bytes / 2e7) < 1e-9 * bytes);
        speeds.board[1].up_bytes_per_s = 1e6;
        price_s = hedged_weights_s(&survey, &speeds, &team, 0, survey.n - 1);
        assert_true(fabs(price_s * HEDGED_WEIGHTS_REQUESTS - bytes / 1e6) < 1e-9 * bytes);
        hedged_survey_release(&survey);
}

/* Between two runs that boards are given, too. */
static void weights_in_the_middle_stay_here(void **state)
{
        (void)state;
        heavy_network(true);
        configure("");
        boards(10, 2e7);
        plan();
        assert_true(is_asked_for(find_node("a0")) && is_asked_for(find_node("b20")));
        assert_false(is_asked_for(find_node("i")) || is_placed(find_node("i")));
        assert_true(is_placed(find_node("a0")) && is_placed(find_node("b20")));
        assert_true(chains->n_blocks >= 2);
}

/* Of a model that is no more than light altogether it makes no difference. */
static void light_models_go_as_they_are(void **state)
{
        const hedged_team_t team = { .boards = 1, .may = { true } };
        hedged_survey_t survey;

        (void)state;
        network(32, 16, 3, 8, 4);
        boards(1, 1);
        assert_int_equal(hedged_survey_make(graph, nodes, &survey), 0);
        assert_true(hedged_weights_s(&survey, &speeds, &team, 0, survey.n - 1) == 0);
        hedged_survey_release(&survey);
}

/* Indices go as they are, whatever is allowed. */
static void whole_numbers_are_not_rounded(void **state)
{
        hedged_section_t section;
        hedged_survey_t survey;
        unsigned kept = 0, narrow = 0;
        make_t m;

        (void)state;
        make_init(&m, 13);
        make_input(&m, "x", DIMS(1, 4, 6, 6));
        make_weights(&m, "w", DIMS(4, 1, 3, 3));
        make_weights(&m, "v", DIMS(4, 4, 3, 3));
        make_node(&m, "Relu", "x", "relu");
        make_int(&m, make_node(&m, "ArgMax", "relu", "arg"), "axis", 1);
        make_int(&m, make_node(&m, "Cast", "arg", "float"), "to", ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT);
        make_node(&m, "Conv", "float w", "c");
        make_node(&m, "Conv", "c v", "d");
        make_node(&m, "Relu", "d", "y");
        make_output(&m, "y");
        hedge_graph_destroy(&graph);
        free(nodes);
        graph = import_made(&m);
        make_free(&m);
        nodes = calloc(graph->n_nodes, sizeof(*nodes));
        assert_non_null(nodes);
        assert_int_equal(hedged_survey_make(graph, nodes, &survey), 0);
        for (unsigned from = 0; from < survey.n; from++)
                for (unsigned to = from + 1; to < survey.n; to++) {
                        const bool whole = survey.points[from].whole || survey.points[to].whole;

                        hedged_section_init(&survey, from, to, true, &section);
                        if (whole)
                                assert_int_equal(section.wire, HEDGE_PRECISION_F32);
                        else if (from > 0 && to + 1 < survey.n)
                                assert_int_equal(section.wire, HEDGE_PRECISION_Q16);
                        kept += whole;
                        narrow += section.wire == HEDGE_PRECISION_Q16;
                }
        assert_true(kept > 0 && narrow > 0);
        hedged_survey_release(&survey);
}

/* ---- memory ---- */

static void memory_is_kept_to(void **state)
{
        uint64_t all;

        (void)state;
        network(32, 32, 3, 8, 4);
        configure("plan: {work: whole}");
        boards(4, 1e9);
        plan();
        all = hedged_block_bytes(graph, 0, graph->n_nodes);
        assert_int_equal(chains->n_blocks, 1);
        assert_true(chains->blocks[0].bytes == all && chains->blocks[0].boards[0] == 15);
        for (unsigned b = 0; b < 4; b++)
                capacity.bytes[b] = all - 1;
        plan(); /* most of it still fits */
        assert_true(chains->n_blocks == 1 && chains->blocks[0].bytes < all && windows_of(&chains->chains[0]) == 1);
        capacity.bytes[1] = capacity.bytes[2] = capacity.bytes[3] = 0;
        plan();
        assert_true(chains->n_blocks == 1 && chains->blocks[0].boards[0] == 1);
        capacity.bytes[0] = HEDGE_HELD_OVERHEAD_BYTES;
        assert_true(is_all_local(plan()));
        assert_int_equal(chains->n_blocks, 0);
        assert_true(chains->best_shared_s == 0);
}

/* A small board holds what it can, a large one all. */
static void small_boards_help(void **state)
{
        (void)state;
        network(64, 32, 3, 8, 2);
        configure("plan: {here: false}");
        boards(4, 1e9);
        capacity.bytes[2] = hedged_block_bytes(graph, 0, graph->n_nodes) / 2;
        assert_false(is_all_local(plan()));
        assert_true(chains->n_blocks == 2);
        for (unsigned i = 0; i < 2; i++)
                assert_true(chains->blocks[i].boards[0] == (chains->blocks[i].bytes > capacity.bytes[2] ? 11 : 4));
}

/* ---- how it is found ---- */

static void plans_are_the_same_again(void **state)
{
        hedged_chains_t *first;

        (void)state;
        network(48, 16, 3, 9, 3);
        configure("");
        boards(5, 1e8);
        for (unsigned b = 0; b < 5; b++) {
                speeds.board[b].spread = 0.3;
                speeds.board[b].delay_s = 0.01;
        }
        plan();
        first = chains;
        chains = NULL;
        for (unsigned b = 0; b < 5; b++)
                speeds.usable[b] = false; /* there was nobody yet */
        plan();
        assert_int_equal(chains->n, first->n);
        assert_true(chains->trials == first->trials);
        for (unsigned i = 0; i < first->n; i++) {
                assert_int_equal(chains->chains[i].n_steps, first->chains[i].n_steps);
                assert_true(chains->chains[i].predicted_s == first->chains[i].predicted_s);
                assert_true(chains->chains[i].rate == first->chains[i].rate);
        }
        hedged_chains_destroy(&first);
}

/* Boards that were never there do not count, those that have gone do. */
static void boards_that_are_known(void **state)
{
        (void)state;
        network(48, 16, 3, 9, 3);
        configure("");
        boards(6, 1e8);
        speeds.usable[1] = speeds.usable[4] = speeds.usable[5] = false;
        speeds.board[1].tasks = 7;
        hedged_nodes_local(&config, "net", &speeds, graph, nodes);
        hedged_chains_destroy(&chains);
        assert_int_equal(hedged_chains_plan(&config, &speeds, graph, nodes, &capacity, &chains), 0);
        assert_int_equal(chains->chains[0].boards, 4);
}

/* A long chain is thinned out: the work of planning has a bound, whatever the model. */
static void planning_is_bounded(void **state)
{
        (void)state;
        network(64, 4, 3, 150, 40); /* 300 nodes */
        configure("");
        boards(10, 1e8);
        plan();
        /* 26 points: 325 pairs at most, 6 numbers of windows, 8 draws, for 10, 5, 2 and 1 boards; and what was chosen again */
        assert_true(chains->trials <= 4 * (325 * 6 * 8 + 25 * 32));
        assert_true(chains->trials > 0);
}

static void chains_are_picked(void **state)
{
        hedged_chain_t three[] = { { .boards = 10 }, { .boards = 5 }, { .boards = 1 } };
        const hedged_chains_t all = { .n = 3, .chains = three }, one = { .n = 1, .chains = three };

        (void)state;
        assert_int_equal(hedged_chains_pick(&all, 10, 1)->boards, 10);
        assert_int_equal(hedged_chains_pick(&all, 7, 1)->boards, 10); /* what was planned runs on fewer, too */
        assert_int_equal(hedged_chains_pick(&all, 10, 2)->boards, 5);
        assert_int_equal(hedged_chains_pick(&all, 10, 3)->boards, 1);
        assert_int_equal(hedged_chains_pick(&all, 10, 100)->boards, 1);
        assert_int_equal(hedged_chains_pick(&all, 2, 2)->boards, 1);
        assert_int_equal(hedged_chains_pick(&all, 0, 1)->boards, 1);
        assert_int_equal(hedged_chains_pick(&one, 3, 7)->boards, 10);
}

/* The least that a request takes: by hand, and below all that is planned. */
static void limit_is_below(void **state)
{
        double macs, input, output = 10 * sizeof(float);

        (void)state;
        network(32, 16, 3, 8, 4);
        macs = (double)hedge_graph_macs(graph);
        input = 16 * 32 * 32 * sizeof(float);
        configure("plan: {wire: f32}");
        for (unsigned n = 1; n < 9; n++) {
                boards(n, 1e8);
                speeds.here.up_bytes_per_s = speeds.here.down_bytes_per_s = 4e8; /* of four boards */
                assert_true(fabs(hedged_limit_s(&config, &speeds, graph) -
                                 (macs / (RATE * (n + 1)) + (input + output) / (1e8 * (n < 4 ? n : 4)))) < 1e-12);
                assert_true(plan()->predicted_s >= hedged_limit_s(&config, &speeds, graph));
        }
        configure("plan: {here: false}");
        speeds.here.macs_per_s = 1e15; /* nobody else is needed */
        assert_true(fabs(hedged_limit_s(&config, &speeds, graph) - macs / 1e15) < 1e-12);
}

static void cost_is_counted(void **state)
{
        (void)state;
        network(48, 16, 3, 6, 0);
        configure("plan: {objective: cost, price_comm: 0, price_store: 0}");
        boards(4, 1e9);
        assert_true(windows_of(plan()) > 1); /* each computes less */
        configure("plan: {objective: cost, price_comm: 1e6}");
        assert_true(is_all_local(plan()));
}

static int finish(void **state)
{
        (void)state;
        hedged_chains_destroy(&chains);
        hedge_graph_destroy(&graph);
        hedged_config_release(&config);
        free(nodes);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(work_over_all_rates),
                cmocka_unit_test(delays_join_segments),
                cmocka_unit_test(slow_links_leave_it_here),
                cmocka_unit_test(one_board_each),
                cmocka_unit_test(link_bounds_rate),
                cmocka_unit_test(named_ways),
                cmocka_unit_test(ruled_layers_are_left),
                cmocka_unit_test(coded_layers_stay),
                cmocka_unit_test(weights_with_no_work_stay_here),
                cmocka_unit_test(weights_in_the_middle_stay_here),
                cmocka_unit_test(light_models_go_as_they_are),
                cmocka_unit_test(whole_numbers_are_not_rounded),
                cmocka_unit_test(precision_is_allowed),
                cmocka_unit_test(memory_is_kept_to),
                cmocka_unit_test(small_boards_help),
                cmocka_unit_test(plans_are_the_same_again),
                cmocka_unit_test(boards_that_are_known),
                cmocka_unit_test(planning_is_bounded),
                cmocka_unit_test(chains_are_picked),
                cmocka_unit_test(limit_is_below),
                cmocka_unit_test(cost_is_counted),
        };

        return cmocka_run_group_tests(tests, NULL, finish);
}

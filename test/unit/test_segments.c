/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/models/segments.h"
#include "zoo_graph.h"

/* A small AlexNet on slow machines, so that its layers are coded, and in place of the planner of chains one that says what a test
 * wants it to. */

#define SLOTS 4u
#define RATE  2e6 /* MAC/s */
#define LINK  12.5e6

static hedged_config_t config;
static hedge_kernels_t *kernels;
static hedged_speeds_t speeds;

/* ---- in place of the planner of chains ---- */

static struct {
        uint32_t segment; /* nodes of it, from the first on; 0: none. The rest one by one */
        uint32_t tail;    /* and another one of so many nodes at the end */
        bool alone;       /* and in one piece for one board: then no node is left to itself there */
        int result;
        unsigned calls;
        hedged_capacity_t capacity; /* as it was asked with last */
        unsigned coded;             /* nodes that boards would compute by themselves */
} plan;

static hedged_step_t step(hedged_step_kind_t kind, uint32_t first, uint32_t last)
{
        return (hedged_step_t){ .kind = kind, .first = first, .last = last, .n_windows = 1, .copies = 1 };
}

static void make_chain(hedged_chain_t *chain, unsigned boards, uint32_t segment, uint32_t n_nodes)
{
        chain->boards = boards;
        chain->steps = calloc(3, sizeof(*chain->steps));
        if (segment)
                chain->steps[chain->n_steps++] = step(HEDGED_STEP_SEGMENT, 0, segment);
        if (segment + plan.tail < n_nodes)
                chain->steps[chain->n_steps++] = step(HEDGED_STEP_NODES, segment, n_nodes - plan.tail);
        if (plan.tail)
                chain->steps[chain->n_steps++] = step(HEDGED_STEP_SEGMENT, n_nodes - plan.tail, n_nodes);
}

int hedged_chains_plan(const hedged_config_t *c, const hedged_speeds_t *s, const hedge_graph_t *graph,
                       const hedged_node_cost_t *nodes, const hedged_capacity_t *capacity, hedged_chains_t **ret)
{
        hedged_chains_t *chains;

        assert_ptr_equal(c, &config);
        plan.calls++;
        plan.capacity = *capacity;
        plan.coded = 0;
        for (uint32_t i = 0; i < graph->n_nodes; i++)
                plan.coded += nodes[i].boards_s > 0;
        if (plan.result < 0)
                return plan.result;
        chains = calloc(1, sizeof(*chains));
        chains->n = plan.alone ? 2 : 1;
        chains->chains = calloc(2, sizeof(*chains->chains));
        make_chain(&chains->chains[0], s->boards, plan.segment, graph->n_nodes);
        if (plan.alone)
                make_chain(&chains->chains[1], 1, graph->n_nodes, graph->n_nodes);
        if (plan.segment) {
                chains->n_blocks = 1;
                chains->blocks = calloc(1, sizeof(*chains->blocks));
                chains->blocks[0] = (hedged_placement_t){ .last = plan.segment, .boards = { 5 } };
        }
        *ret = chains;
        return 0;
}

void hedged_chains_destroy(hedged_chains_t **chains)
{
        if (!*chains)
                return;
        for (unsigned i = 0; i < (*chains)->n; i++)
                free((*chains)->chains[i].steps);
        free((*chains)->chains);
        free((*chains)->blocks);
        free(*chains);
        *chains = NULL;
}

/* ---- models ---- */

static void configure(const char *more)
{
        hedge_why_t why = { "" };
        char yaml[300];

        snprintf(yaml, sizeof(yaml), "cluster: {slots: %u}\nplan: {min_macs: 0%s}\n", SLOTS, more);
        hedged_config_release(&config);
        if (hedge_conf_parse(hedged_conf_rows, "test.yaml", yaml, strlen(yaml), &config, &why) < 0)
                fail_msg("%s", why.text);
        memset(&plan, 0, sizeof(plan));
        speeds = (hedged_speeds_t){ .boards = SLOTS,
                                    .here = { .macs_per_s = RATE, .up_bytes_per_s = LINK, .down_bytes_per_s = LINK } };
        for (unsigned b = 0; b < SLOTS; b++) {
                speeds.board[b] = (hedged_speed_t){
                        .macs_per_s = RATE, .spread = 0.5, .up_bytes_per_s = LINK, .down_bytes_per_s = LINK
                };
                speeds.usable[b] = true;
        }
}

static int try_model(hedged_model_t **ret)
{
        hedge_manifest_t manifest = { 0 };
        hedge_why_t why = { "" };

        return hedged_model_new(&config, &speeds, "alexnet", zoo_graph("alexnet", 1, 16), &manifest, kernels, ret,
                                &why);
}

static hedged_model_t *make_model(void)
{
        hedged_model_t *model = NULL;

        assert_int_equal(try_model(&model), 0);
        return model;
}

/* The node behind so many convolutions. */
static uint32_t behind(unsigned convolutions)
{
        hedged_model_t *m = make_model();
        uint32_t node = 0;

        for (; convolutions > 0; node++)
                convolutions -= hedged_model_conv(m->graph, node) != NULL;
        hedged_model_unref(&m);
        return node;
}

static unsigned count_layers(void)
{
        hedged_model_t *m = make_model();
        const unsigned n = m->n_layers;

        hedged_model_unref(&m);
        return n;
}

static void check_layers(const hedged_model_t *m)
{
        unsigned n = 0;

        for (uint32_t i = 0; i < m->graph->n_nodes; i++)
                if (m->layer_of_node[i] != HEDGE_NO_NODE) {
                        assert_int_equal(m->layer_of_node[i], n);
                        assert_int_equal(m->layers[n++].node, i);
                }
        assert_int_equal(n, m->n_layers);
}

static void without_segments_all_is_as_before(void **state)
{
        (void)state;
        hedged_kept_chains_t *chains;
        hedged_model_t *m;

        configure("");
        m = make_model();
        assert_int_equal(plan.calls, 1);
        assert_int_equal(plan.coded, m->n_layers);
        assert_int_equal(m->n_blocks, 0);
        assert_true(m->n_layers >= 3);
        chains = hedged_model_chains(m);
        assert_int_equal(chains->chains->n, 1);
        hedged_kept_chains_unref(&chains);
        hedged_model_unref(&m);
}

static void who_wants_layers_gets_no_chains(void **state)
{
        (void)state;
        static const char *const wishes[] = { ", work: layers", ", cut: simple" };

        for (unsigned i = 0; i < 2; i++) {
                hedged_model_t *m;

                configure(wishes[i]);
                plan.segment = 1;
                m = make_model();
                assert_int_equal(hedged_model_replan(m, &speeds, true), 0);
                assert_int_equal(plan.calls, 0);
                assert_null(hedged_model_chains(m));
                assert_null(m->blocks);
                assert_true(m->n_layers >= 3);
                hedged_model_unref(&m);
        }
}

/* Nobody needs shares of layers that only run inside segments, and what is left is planned beside the shares of the others. */
static void layers_in_segments_are_not_coded(void **state)
{
        (void)state;
        uint64_t coded[SLOTS] = { 0 };
        hedged_model_t *m;
        unsigned all;

        configure("");
        all = count_layers();
        plan.segment = behind(2);
        plan.calls = 0;
        for (unsigned b = 0; b < SLOTS; b++)
                speeds.share_bytes[b] = 100000000 + b;
        m = make_model();
        assert_int_equal(m->n_layers, all - 2);
        check_layers(m);
        assert_int_equal(plan.calls, 2);
        assert_int_equal(plan.coded, all - 2);
        for (unsigned b = 0; b < SLOTS; b++) {
                for (unsigned l = 0; l < m->n_layers; l++)
                        for (unsigned v = 0; v < m->layers[l].n_variants; v++)
                                if (m->layers[l].variants[v].cut.enough == 0)
                                        coded[b] += hedged_variant_held_bytes(&m->layers[l].variants[v], b);
                assert_true(coded[b] > 0);
                assert_int_equal(plan.capacity.bytes[b], 100000000 + b - coded[b]);
        }
        hedged_model_unref(&m);
}

static void where_all_is_a_segment_nothing_is_coded(void **state)
{
        (void)state;
        hedged_model_t *m;

        configure("");
        m = make_model();
        plan.segment = m->graph->n_nodes;
        hedged_model_unref(&m);
        plan.calls = 0;
        m = make_model();
        assert_int_equal(m->n_layers, 0);
        check_layers(m);
        assert_int_equal(plan.calls, 1);
        assert_int_equal(m->n_blocks, 1); /* the whole, once */
        hedged_model_unref(&m);
}

static void a_layer_that_any_chain_runs_by_itself_is_coded(void **state)
{
        (void)state;
        hedged_model_t *m;
        unsigned all;

        configure("");
        all = count_layers();
        plan.alone = true; /* one board gets it whole; for all boards it is layer by layer */
        m = make_model();
        assert_int_equal(m->n_layers, all);
        assert_int_equal(m->n_blocks, 1);
        hedged_model_unref(&m);
}

static void blocks_are_all_that_is_asked_and_what_is_placed(void **state)
{
        (void)state;
        hedged_model_t *m;

        configure("");
        plan.segment = behind(2);
        plan.alone = true;
        m = make_model();
        assert_int_equal(m->n_blocks, 2);
        assert_true(m->blocks[0].all);
        assert_false(m->blocks[1].all);
        assert_int_equal(m->blocks[0].first, 0);
        assert_int_equal(m->blocks[0].last, m->graph->n_nodes);
        assert_int_equal(m->blocks[1].first, 0);
        assert_int_equal(m->blocks[1].last, plan.segment);
        for (unsigned b = 0; b < SLOTS; b++) {
                assert_false(hedged_block_is_planned(&m->blocks[0], b));
                assert_int_equal(hedged_block_is_planned(&m->blocks[1], b), b == 0 || b == 2);
        }
        assert_true(m->blocks[1].saves_us > 0);
        assert_true(m->blocks[0].saves_us >= m->blocks[1].saves_us); /* one holds what the other does, and more */
        /* what planning says of bytes is what a block takes */
        for (unsigned i = 0; i < 2; i++)
                assert_int_equal(m->blocks[i].bytes,
                                 hedged_block_bytes(m->graph, m->blocks[i].first, m->blocks[i].last));
        hedged_model_unref(&m);
}

/* Behind the segments there is much that boards need not hold: AlexNet's full connections. */
static void nobody_holds_what_no_chain_asks_for(void **state)
{
        (void)state;
        hedged_model_t *m;
        uint64_t whole;

        configure("");
        plan.segment = behind(3);
        m = make_model();
        whole = hedged_block_bytes(m->graph, 0, m->graph->n_nodes);
        assert_int_equal(m->n_blocks, 1);
        assert_int_equal(m->blocks[0].last, plan.segment);
        assert_true(m->blocks[0].all && m->blocks[0].bytes < whole / 2);
        hedged_model_unref(&m);
}

/* Between the segments, too: then boards hold each for itself. */
static void what_is_heavy_between_segments_is_left_out(void **state)
{
        (void)state;
        hedged_model_t *m;

        configure("");
        plan.segment = behind(3);
        plan.tail = 1;
        m = make_model();
        assert_int_equal(m->n_blocks, 2);
        assert_int_equal(m->blocks[0].last, plan.segment);
        assert_int_equal(m->blocks[1].first, m->graph->n_nodes - 1);
        assert_int_equal(m->blocks[1].last, m->graph->n_nodes);
        assert_false(m->blocks[0].all || m->blocks[1].all);
        assert_true(m->blocks[0].saves_us > 0 && m->blocks[1].saves_us > 0);
        hedged_model_unref(&m);
}

static void the_same_file_makes_the_same_blocks(void **state)
{
        (void)state;
        hedged_model_t *a, *b;

        configure("");
        plan.segment = behind(2);
        plan.alone = true;
        a = make_model();
        b = make_model();
        for (unsigned i = 0; i < 2; i++)
                assert_memory_equal(a->blocks[i].digests, b->blocks[i].digests, SLOTS * sizeof(hedge_digest_t));
        assert_memory_not_equal(&a->blocks[0].digests[0], &a->blocks[1].digests[0], sizeof(hedge_digest_t));
        assert_memory_not_equal(&a->blocks[0].digests[0], &a->blocks[0].digests[1], sizeof(hedge_digest_t));
        hedged_model_unref(&a);
        hedged_model_unref(&b);
}

static void chains_change_and_requests_keep_theirs(void **state)
{
        (void)state;
        hedged_kept_chains_t *before, *after;
        hedged_model_t *m;
        uint32_t two;

        configure("");
        two = behind(2);
        plan.segment = behind(3);
        m = make_model();
        before = hedged_model_chains(m);
        plan.segment = two;
        assert_int_equal(hedged_model_replan(m, &speeds, false), 0);
        after = hedged_model_chains(m);
        assert_ptr_equal(before, after); /* only where it is wanted */
        hedged_kept_chains_unref(&after);
        assert_int_equal(hedged_model_replan(m, &speeds, true), 0);
        after = hedged_model_chains(m);
        assert_int_equal(after->chains->chains[0].steps[0].last, two);
        assert_int_equal(m->n_blocks, 2); /* one more: those that boards hold stay */
        assert_false(hedged_block_is_planned(&m->blocks[0], 0));
        assert_true(hedged_block_is_planned(&m->blocks[1], 0));
        assert_int_equal(m->blocks[0].saves_us, 0); /* no other board is to get it */
        assert_true(m->blocks[1].saves_us > 0);
        assert_true(!m->blocks[0].all && m->blocks[1].all);
        hedged_kept_chains_unref(&after);
        plan.result = -ENOMEM;
        assert_int_equal(hedged_model_replan(m, &speeds, true), -ENOMEM);
        after = hedged_model_chains(m);
        assert_int_equal(after->chains->chains[0].steps[0].last, two);
        hedged_kept_chains_unref(&after);
        hedged_model_unref(&m);
        assert_int_equal(before->chains->chains[0].n_steps, 2); /* a request may be longer than its model */
        hedged_kept_chains_unref(&before);
}

#define TURNS 2000u

static void *take_chains(void *arg)
{
        hedged_model_t *m = arg;

        for (unsigned i = 0; i < TURNS; i++) {
                hedged_kept_chains_t *kept = hedged_model_chains(m);

                assert_int_equal(kept->chains->chains[0].steps[0].last, m->graph->n_nodes);
                hedged_kept_chains_unref(&kept);
        }
        return NULL;
}

static void any_thread_takes_chains_while_they_change(void **state)
{
        (void)state;
        pthread_t threads[3];
        hedged_model_t *m;

        configure("");
        m = make_model();
        for (unsigned t = 0; t < 3; t++)
                assert_int_equal(pthread_create(&threads[t], NULL, take_chains, m), 0);
        for (unsigned i = 0; i < TURNS; i++) {
                hedged_kept_chains_t *kept = NULL;
                hedged_chains_t *chains = calloc(1, sizeof(*chains));

                chains->n = 1;
                chains->chains = calloc(1, sizeof(*chains->chains));
                make_chain(&chains->chains[0], SLOTS, 0, m->graph->n_nodes);
                assert_int_equal(hedged_kept_chains_new(chains, &kept), 0);
                hedged_model_set_chains(m, kept);
        }
        for (unsigned t = 0; t < 3; t++)
                pthread_join(threads[t], NULL);
        hedged_model_unref(&m);
}

static void of_boards_that_are_not_there_the_last_is_known(void **state)
{
        (void)state;
        hedged_model_t *m;

        configure(", share_bytes: 4G");
        m = make_model();
        for (unsigned b = 0; b < SLOTS; b++)
                assert_true(plan.capacity.bytes[b] == UINT64_C(4) << 30); /* of nobody anything is known */
        hedged_model_unref(&m);
        plan.alone = true;
        speeds.share_bytes[1] = UINT64_C(3) << 30;
        speeds.share_bytes[2] = UINT64_C(5) << 30;
        m = make_model();
        for (unsigned l = 0; l < m->n_layers; l++)
                for (unsigned v = 0; v < m->layers[l].n_variants; v++)
                        m->layers[l].variants[v].cut.enough = 1; /* so that nothing is taken off */
        memset(speeds.share_bytes, 0, sizeof(speeds.share_bytes));
        speeds.share_bytes[3] = UINT64_C(2) << 30;
        assert_int_equal(hedged_model_replan(m, &speeds, true), 0);
        assert_true(plan.capacity.bytes[0] == UINT64_C(2) << 30);
        assert_true(plan.capacity.bytes[1] == UINT64_C(3) << 30);
        assert_true(plan.capacity.bytes[2] == UINT64_C(4) << 30); /* plan.share_bytes */
        assert_true(plan.capacity.bytes[3] == UINT64_C(2) << 30);
        hedged_model_unref(&m);
}

static void what_cannot_be_sent_is_no_block(void **state)
{
        (void)state;
        hedged_model_t *m;

        configure("");
        plan.segment = behind(1);
        config.limits.frame_bytes = 65536; /* the layers behind have more weights */
        m = make_model();
        assert_int_equal(m->n_blocks, 1);
        assert_int_equal(m->blocks[0].last, plan.segment);
        hedged_model_unref(&m);
}

static void a_plan_that_fails_fails_the_model(void **state)
{
        (void)state;
        hedged_model_t *m = NULL;

        configure("");
        plan.result = -ENOMEM;
        assert_int_equal(try_model(&m), -ENOMEM);
        assert_null(m);
}

static int open_kernels(void **state)
{
        hedge_why_t why;

        (void)state;
        return hedge_kernels_open("plain", 1, &kernels, &why);
}

static int close_kernels(void **state)
{
        (void)state;
        hedge_kernels_destroy(&kernels);
        hedged_config_release(&config);
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(without_segments_all_is_as_before),
                cmocka_unit_test(who_wants_layers_gets_no_chains),
                cmocka_unit_test(layers_in_segments_are_not_coded),
                cmocka_unit_test(where_all_is_a_segment_nothing_is_coded),
                cmocka_unit_test(a_layer_that_any_chain_runs_by_itself_is_coded),
                cmocka_unit_test(blocks_are_all_that_is_asked_and_what_is_placed),
                cmocka_unit_test(nobody_holds_what_no_chain_asks_for),
                cmocka_unit_test(what_is_heavy_between_segments_is_left_out),
                cmocka_unit_test(the_same_file_makes_the_same_blocks),
                cmocka_unit_test(chains_change_and_requests_keep_theirs),
                cmocka_unit_test(any_thread_takes_chains_while_they_change),
                cmocka_unit_test(of_boards_that_are_not_there_the_last_is_known),
                cmocka_unit_test(what_cannot_be_sent_is_no_block),
                cmocka_unit_test(a_plan_that_fails_fails_the_model),
        };

        return cmocka_run_group_tests_name("segments", tests, open_kernels, close_kernels);
}

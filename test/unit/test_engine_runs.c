/* SPDX-License-Identifier: Apache-2.0 */
/* Runs of nodes that the caller of an engine takes over, of random graphs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/segment/segment.h"
#include "random_graph.h"
#include "segment_bed.h"

/* What a caller does: it cuts the nodes at random into runs, and takes some of them. */
typedef struct caller {
        const segment_bed_t *bed;
        make_t *random;
        uint32_t next;        /* the node that has to be asked for next */
        uint32_t alone_until; /* up to here each node is asked for on its own, because the run was declined */
        unsigned taken, declined;
        int code; /* what to fail the first run of several nodes with */
} caller_t;

static uint32_t until(void *arg, uint32_t node)
{
        caller_t *caller = arg;
        const uint32_t left = caller->bed->graph->n_nodes - node;

        /* Nobody asks where a run ends inside of one; nodes on their own may be left out before. */
        assert_true(node >= caller->next);
        caller->next = node + 1 + (make_below(caller->random, 3) ? make_below(caller->random, left) : 0);
        return caller->next;
}

/* What goes in is what the whole graph has there. Then it must survive what the caller writes. */
static void check_inputs(const caller_t *caller, const uint32_t *in, uint32_t n, const hedge_tensor_t *given)
{
        const hedge_graph_t *g = caller->bed->graph;

        for (uint32_t i = 0; i < n; i++) {
                assert_true(hedge_shape_equal(&given[i].shape, &g->values[in[i]].shape));
                assert_memory_equal(given[i].data, caller->bed->data[in[i]],
                                    hedge_shape_elements(&given[i].shape) * sizeof(float));
        }
}

static void write_outputs(const caller_t *caller, const uint32_t *out, uint32_t n, bool right, hedge_tensor_t *to)
{
        const hedge_graph_t *g = caller->bed->graph;

        for (uint32_t i = 0; i < n; i++) {
                const size_t size = hedge_shape_elements(&to[i].shape) * sizeof(float);

                assert_true(hedge_shape_equal(&to[i].shape, &g->values[out[i]].shape));
                if (right)
                        memcpy(to[i].data, caller->bed->data[out[i]], size);
                else
                        memset(to[i].data, 0xff, size);
        }
}

static int run(void *arg, uint32_t first, uint32_t last, const hedge_tensor_t *in, hedge_tensor_t *out)
{
        caller_t *caller = arg;
        const bool several = last > first + 1, take = make_below(caller->random, 2);
        uint32_t *values_in, *values_out, n_in, n_out;

        if (several) {
                assert_int_equal(last, caller->next);
                assert_true(first >= caller->alone_until);
        }
        assert_int_equal(hedge_segment_values(caller->bed->graph, first, last, &values_in, &n_in, &values_out, &n_out),
                         0);
        check_inputs(caller, values_in, n_in, in);
        if (several || take)
                write_outputs(caller, values_out, n_out, take, out);
        if (several)
                check_inputs(caller, values_in, n_in, in);
        free(values_in);
        free(values_out);
        if (several && caller->code < 0)
                return caller->code;
        *(take ? &caller->taken : &caller->declined) += several;
        if (several && !take)
                caller->alone_until = last;
        return take ? 0 : 1;
}

static const hedge_engine_hooks_t hooks = { .until = until, .run = run };

static hedge_tensor_t *inputs_of(const segment_bed_t *bed)
{
        const hedge_graph_t *g = bed->graph;
        hedge_tensor_t *in = calloc(g->n_inputs + 1, sizeof(*in));

        assert_non_null(in);
        for (uint32_t i = 0; i < g->n_inputs; i++)
                in[i] = (hedge_tensor_t){ g->values[g->inputs[i]].shape, bed->data[g->inputs[i]] };
        return in;
}

static void check_run(const segment_bed_t *bed, caller_t *caller)
{
        const hedge_graph_t *g = bed->graph;
        hedge_tensor_t *in = inputs_of(bed), *out = calloc(g->n_outputs + 1, sizeof(*out));

        assert_non_null(out);
        caller->next = caller->alone_until = 0;
        assert_int_equal(hedge_engine_run(bed->engine, in, &hooks, caller, out), 0);
        for (uint32_t i = 0; i < g->n_outputs; i++) {
                assert_memory_equal(out[i].data, bed->data[g->outputs[i]],
                                    hedge_shape_elements(&out[i].shape) * sizeof(float));
                hedge_tensor_release(&out[i]);
        }
        free(in);
        free(out);
}

/* Several times with other inputs, on the buffers that are left from before. */
static void test_random_graphs(void **state)
{
        make_t random, m;
        unsigned taken = 0, declined = 0;

        make_init(&random, 13);
        for (int i = 0; i < 300; i++) {
                segment_bed_t bed;

                make_random_graph(&m, &random);
                segment_bed_open(&bed, &m, "plain");
                for (int k = 0; k < 6; k++) {
                        caller_t caller = { .bed = &bed, .random = &random };

                        segment_bed_compute(&bed, &random);
                        check_run(&bed, &caller);
                        taken += caller.taken;
                        declined += caller.declined;
                }
                segment_bed_close(&bed);
        }
        assert_true(taken > 100 && declined > 100);
        make_free(&random);
}

static void open_chain(segment_bed_t *bed, make_t *random)
{
        make_t m;

        make_init(&m, 13);
        make_input(&m, "x", DIMS(1, 4, 4, 4));
        make_node(&m, "Relu", "x", "a");
        make_node(&m, "Sigmoid", "a", "b");
        make_node(&m, "Tanh", "b", "y");
        make_output(&m, "y");
        segment_bed_open(bed, &m, "plain");
        segment_bed_compute(bed, random);
}

static void test_failure(void **state)
{
        segment_bed_t bed;
        hedge_tensor_t out = { { 0 }, NULL }, *in;
        make_t random;
        unsigned failed = 0;

        make_init(&random, 13);
        open_chain(&bed, &random);
        in = inputs_of(&bed);
        for (int i = 0; i < 20; i++) {
                caller_t caller = { .bed = &bed, .random = &random, .code = HEDGE_ENOBOARDS };
                const int r = hedge_engine_run(bed.engine, in, &hooks, &caller, &out);

                assert_true(r == HEDGE_ENOBOARDS || r == 0);
                failed += r < 0;
                hedge_tensor_release(&out);
        }
        assert_true(failed > 0);
        free(in);
        segment_bed_close(&bed);
        make_free(&random);
}

static uint32_t to_the_end(void *arg, uint32_t node)
{
        return UINT32_MAX;
}

/* Gives the graph's output with fewer rows than there could be. */
static int give_rows(void *arg, uint32_t first, uint32_t last, const hedge_tensor_t *in, hedge_tensor_t *out)
{
        const uint32_t *rows = arg;

        assert_int_equal(first, 0);
        assert_true(last > 1);
        out->shape.dims[0] = *rows;
        for (size_t i = 0; i < hedge_shape_elements(&out->shape); i++)
                out->data[i] = (float)i;
        return 0;
}

/* Of a marked output fewer rows may be given, and none. */
static void test_marked_rows(void **state)
{
        const hedge_engine_hooks_t rows = { .until = to_the_end, .run = give_rows };
        segment_bed_t bed;
        hedge_tensor_t *in;
        make_t m, random;

        make_init(&random, 13);
        make_init(&m, 13);
        make_input(&m, "scores", DIMS(1, 1, 4));
        make_weights(&m, "boxes", DIMS(1, 4, 4));
        make_ints(&m, "most", SCALAR, (const int64_t[]){ 3 });
        make_node(&m, "NonMaxSuppression", "boxes scores most", "kept");
        make_node(&m, "Identity", "kept", "y");
        make_output(&m, "y");
        segment_bed_open(&bed, &m, "plain");
        segment_bed_compute(&bed, &random);
        in = inputs_of(&bed);
        if (!bed.graph->values[bed.graph->outputs[0]].marked)
                fail_msg("the output is not marked");
        for (uint32_t n = 0; n <= bed.graph->values[bed.graph->outputs[0]].shape.dims[0]; n++) {
                hedge_tensor_t out;

                assert_int_equal(hedge_engine_run(bed.engine, in, &rows, &n, &out), 0);
                assert_int_equal(out.shape.dims[0], n);
                for (size_t i = 0; i < hedge_shape_elements(&out.shape); i++)
                        assert_true(out.data[i] == (float)i);
                hedge_tensor_release(&out);
        }
        free(in);
        segment_bed_close(&bed);
        make_free(&random);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_random_graphs),
                cmocka_unit_test(test_failure),
                cmocka_unit_test(test_marked_rows),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

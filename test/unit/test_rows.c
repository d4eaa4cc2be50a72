/* SPDX-License-Identifier: Apache-2.0 */
/* NonMaxSuppression: as many rows as there are leave the model, and with them what is looked up by them. */
#include "test/unit/typed_bed.h"

#define INT64 HEDGE_ELEMENT_INT64
#define FLOAT HEDGE_ELEMENT_FLOAT

/* Four boxes, of which the second overlaps the first; scores of one class are the input. */
static void start_boxes(make_t *m)
{
        make_init(m, 13);
        make_typed_input(m, "scores", FLOAT, DIMS(1, 1, 4));
        make_output(m, "y");
        make_floats(m, "boxes", DIMS(1, 4, 4), FLOATS(0, 0, 2, 2, 0, 0.5f, 2, 2.5f, 5, 5, 6, 6, 8, 8, 9, 9));
        make_ints(m, "most", SCALAR, (const int64_t[]){ 3 });
        make_floats(m, "overlap", SCALAR, FLOATS(0.5f));
        make_floats(m, "score", SCALAR, FLOATS(0.4f));
        make_node(m, "NonMaxSuppression", "boxes scores most overlap score", "kept");
}

#define SCORES FLOATS(0.5f, 0.9f, 0.1f, 0.6f)
#define LOW    FLOATS(0.1f, 0.2f, 0.3f, 0.4f)

static void test_rows_are_cut(void **state)
{
        make_t m;

        start_boxes(&m);
        make_node(&m, "Identity", "kept", "y");
        GIVES(&m, SCORES, INT64, DIMS(2, 3), 0, 0, 1, 0, 0, 3);
        start_boxes(&m);
        make_node(&m, "Identity", "kept", "y");
        GIVES(&m, FLOATS(0.5f, 0.4f, 0.9f, 0.6f), INT64, DIMS(3, 3), 0, 0, 2, 0, 0, 3, 0, 0, 0);
}

static void test_there_may_be_none(void **state)
{
        make_t m;
        hedge_graph_t *g;
        hedge_tensor_t out = { { 0 }, NULL };

        start_boxes(&m);
        make_node(&m, "Identity", "kept", "y");
        g = import_made(&m);
        assert_int_equal(typed_run(g, "plain", (const float *const[]){ LOW }, &out), 0);
        assert_int_equal(out.shape.rank, 2);
        assert_int_equal(out.shape.dims[0], 0);
        assert_int_equal(out.shape.dims[1], 3);
        hedge_tensor_release(&out);
        hedge_graph_destroy(&g);
        make_free(&m);
}

/* As exporters write it: the column of box numbers, then the boxes themselves. */
static void test_boxes_are_looked_up(void **state)
{
        make_t m;
        Onnx__NodeProto *node;

        start_boxes(&m);
        make_ints(&m, "column", SCALAR, (const int64_t[]){ 2 });
        node = make_node(&m, "Gather", "kept column", "number");
        make_int(&m, node, "axis", 1);
        make_floats(&m, "table", DIMS(4, 2), FLOATS(0, 1, 10, 11, 20, 21, NAN, 31));
        make_node(&m, "Gather", "table number", "y");
        GIVES(&m, SCORES, FLOAT, DIMS(2, 2), 10, 11, NAN, 31);
}

static void test_scores_are_looked_up(void **state)
{
        make_t m;
        Onnx__NodeProto *node;

        start_boxes(&m);
        make_ints(&m, "from", DIMS(1), (const int64_t[]){ 1 });
        make_ints(&m, "to", DIMS(1), (const int64_t[]){ INT64_MAX });
        make_ints(&m, "axis", DIMS(1), (const int64_t[]){ -1 });
        make_node(&m, "Slice", "kept from to axis", "pair"); /* class, box */
        make_ints(&m, "first", DIMS(1), (const int64_t[]){ 0 });
        make_node(&m, "Squeeze", "scores first", "flat");
        make_node(&m, "GatherND", "flat pair", "y");
        GIVES(&m, SCORES, FLOAT, DIMS(2), 0.9f, 0.6f);
        start_boxes(&m); /* as floats, in one table with others */
        node = make_node(&m, "Cast", "kept", "f");
        make_int(&m, node, "to", FLOAT);
        node = make_node(&m, "Concat", "f f", "y");
        make_int(&m, node, "axis", 1);
        GIVES(&m, SCORES, FLOAT, DIMS(2, 6), 0, 0, 1, 0, 0, 1, 0, 0, 3, 0, 0, 3);
        start_boxes(&m);
        node = make_node(&m, "Cast", "kept", "y");
        make_int(&m, node, "to", HEDGE_ELEMENT_INT32);
        GIVES(&m, SCORES, HEDGE_ELEMENT_INT32, DIMS(2, 3), 0, 0, 1, 0, 0, 3);
}

static void cannot_follow(make_t *m)
{
        refused_with(m, NULL, HEDGE_EUNSUPPORTED, "as many rows as it turns out");
}

static void test_what_cannot_follow(void **state)
{
        make_t m;
        Onnx__NodeProto *node;

        start_boxes(&m); /* all rows at once */
        make_node(&m, "ArgMax", "kept", "y");
        cannot_follow(&m);
        start_boxes(&m); /* how many there are */
        make_node(&m, "Shape", "kept", "y");
        cannot_follow(&m);
        start_boxes(&m); /* the last row */
        make_ints(&m, "from", DIMS(1), (const int64_t[]){ -1 });
        make_ints(&m, "to", DIMS(1), (const int64_t[]){ INT64_MAX });
        make_node(&m, "Slice", "kept from to", "y");
        cannot_follow(&m);
        start_boxes(&m); /* backwards */
        make_ints(&m, "from", DIMS(1), (const int64_t[]){ -1 });
        make_ints(&m, "to", DIMS(1), (const int64_t[]){ INT64_MIN });
        make_ints(&m, "axis", DIMS(1), (const int64_t[]){ 0 });
        make_ints(&m, "step", DIMS(1), (const int64_t[]){ -1 });
        make_node(&m, "Slice", "kept from to axis step", "y");
        cannot_follow(&m);
        start_boxes(&m); /* one of the rows */
        make_ints(&m, "zero", SCALAR, (const int64_t[]){ 0 });
        make_node(&m, "Gather", "kept zero", "y");
        cannot_follow(&m);
        start_boxes(&m); /* rows one below the other */
        node = make_node(&m, "Concat", "kept kept", "y");
        make_int(&m, node, "axis", 0);
        cannot_follow(&m);
        start_boxes(&m); /* the rows as one list */
        make_ints(&m, "shape", DIMS(1), (const int64_t[]){ -1 });
        make_node(&m, "Reshape", "kept shape", "y");
        cannot_follow(&m);
        start_boxes(&m); /* a type that has no -1 */
        node = make_node(&m, "Cast", "kept", "y");
        make_int(&m, node, "to", HEDGE_ELEMENT_UINT64);
        cannot_follow(&m);
        start_boxes(&m); /* numbers that may have no place in it */
        make_ints(&m, "column", SCALAR, (const int64_t[]){ 2 });
        node = make_node(&m, "Gather", "kept column", "number");
        make_int(&m, node, "axis", 1);
        make_floats(&m, "table", DIMS(4), FLOATS(0, 1, 2, 3e9f));
        make_node(&m, "Gather", "table number", "value");
        node = make_node(&m, "Cast", "value", "y");
        make_int(&m, node, "to", HEDGE_ELEMENT_INT32);
        cannot_follow(&m);
        start_boxes(&m); /* rows that come to lie elsewhere */
        make_ints(&m, "column", SCALAR, (const int64_t[]){ 2 });
        node = make_node(&m, "Gather", "kept column", "number");
        make_int(&m, node, "axis", 1);
        make_floats(&m, "table", DIMS(2, 4), FLOATS(0, 1, 2, 3, 4, 5, 6, 7));
        node = make_node(&m, "Gather", "table number", "y");
        make_int(&m, node, "axis", 1);
        cannot_follow(&m);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_rows_are_cut),        cmocka_unit_test(test_there_may_be_none),
                cmocka_unit_test(test_boxes_are_looked_up), cmocka_unit_test(test_scores_are_looked_up),
                cmocka_unit_test(test_what_cannot_follow),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

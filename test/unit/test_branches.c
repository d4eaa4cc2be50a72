/* SPDX-License-Identifier: Apache-2.0 */
/* If: the branch that is taken, what it sees of the graph around it, and what it does not trouble about the other. */
#include "test/unit/opset_bed.h"

#include "common/err.h"

static void give_branch(make_t *m, Onnx__NodeProto *node, const char *name, make_t *branch)
{
        Onnx__AttributeProto *a = make_attribute(m, node, name);

        a->has_type = 1;
        a->type = ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__GRAPH;
        a->g = &branch->graph;
}

/* x -> If with two branches that the caller fills; each gives its "out". */
static void start_if(make_t *m, int64_t condition, make_t *taken, make_t *other)
{
        Onnx__NodeProto *node;

        start(m, 13, DIMS(3));
        make_init(taken, 13);
        make_init(other, 13);
        make_output(taken, "out");
        make_output(other, "out");
        make_ints(m, "c", SCALAR, &condition);
        node = make_node(m, "If", "c", "y");
        give_branch(m, node, condition ? "then_branch" : "else_branch", taken);
        give_branch(m, node, condition ? "else_branch" : "then_branch", other);
}

static void test_the_branch_that_is_taken_counts(void **state)
{
        for (int64_t condition = 0; condition < 2; condition++) {
                make_t m, taken, other;

                start_if(&m, condition, &taken, &other);
                make_floats(&taken, "w", DIMS(1), FLOATS(2));
                make_node(&taken, "Mul", "x w", "out");
                make_node(&other, "Loop", "x", "out"); /* refused, were it taken */
                check(&m, DIMS(3), FLOATS(0, 2, 4));
                make_free(&taken);
                make_free(&other);
        }
}

/* A computed value and a constant of the graph around it; the constant is read behind the If too, and given out as it is. */
static void test_a_branch_sees_what_is_around_it(void **state)
{
        make_t m, taken, other;
        Onnx__NodeProto *node;
        int64_t yes = 1;

        start(&m, 13, DIMS(3));
        make_init(&taken, 13);
        make_init(&other, 13);
        make_output(&taken, "sum");
        make_output(&taken, "w");
        make_output(&other, "x");
        make_output(&other, "x");
        make_floats(&m, "w", DIMS(3), FLOATS(5, 6, 7));
        make_ints(&m, "c", SCALAR, &yes);
        make_node(&m, "Relu", "x", "r");
        make_node(&taken, "Add", "r w", "sum");
        node = make_node(&m, "If", "c", "a b");
        give_branch(&m, node, "then_branch", &taken);
        give_branch(&m, node, "else_branch", &other);
        make_node(&m, "Mul", "a b", "p");
        make_node(&m, "Sub", "p w", "y");
        check(&m, DIMS(3), FLOATS(20, 36, 56));
        make_free(&taken);
        make_free(&other);
}

/* Both levels call their values alike. */
static void test_branches_nest(void **state)
{
        make_t m, taken, other, deep, unused;
        Onnx__NodeProto *node;

        start_if(&m, 1, &taken, &other);
        make_node(&other, "Identity", "x", "out");
        make_init(&deep, 13);
        make_init(&unused, 13);
        make_output(&deep, "out");
        make_output(&unused, "out");
        make_floats(&taken, "w", DIMS(1), FLOATS(10));
        make_node(&taken, "Add", "x w", "t");
        make_node(&taken, "Shape", "x", "shape"); /* a condition that is computed when the model is loaded */
        make_ints(&taken, "three", DIMS(1), (const int64_t[]){ 3 });
        make_node(&taken, "Equal", "shape three", "same");
        node = make_node(&taken, "If", "same", "out");
        give_branch(&taken, node, "then_branch", &deep);
        give_branch(&taken, node, "else_branch", &unused);
        make_floats(&deep, "w", DIMS(1), FLOATS(100));
        make_node(&deep, "Mul", "t w", "out");
        make_node(&unused, "Identity", "t", "out");
        check(&m, DIMS(3), FLOATS(1000, 1100, 1200));
        make_free(&taken);
        make_free(&other);
        make_free(&deep);
        make_free(&unused);
}

/* Nodes that no output of the branch needs are as good as not there; constants pass through to where shapes are read. */
static void test_a_branch_gives_constants(void **state)
{
        make_t m, taken, other;
        Onnx__NodeProto *node;
        int64_t no = 0;

        start(&m, 13, DIMS(2, 3));
        make_init(&taken, 13);
        make_init(&other, 13);
        make_output(&taken, "shape");
        make_output(&other, "shape");
        make_ints(&m, "c", SCALAR, &no);
        make_ints(&taken, "shape", DIMS(2), (const int64_t[]){ 3, 2 });
        make_node(&taken, "NoSuchOperator", "x", "dead");
        make_ints(&other, "shape", DIMS(1), (const int64_t[]){ 6 });
        node = make_node(&m, "If", "c", "s");
        give_branch(&m, node, "else_branch", &taken);
        give_branch(&m, node, "then_branch", &other);
        make_node(&m, "Reshape", "x s", "y");
        check(&m, DIMS(3, 2), FLOATS(0, 1, 2, 3, 4, 5));
        make_free(&taken);
        make_free(&other);
}

static void test_what_is_refused(void **state)
{
        make_t m, taken, other;
        Onnx__NodeProto *node;

        start(&m, 13, DIMS(1)); /* computed */
        make_init(&taken, 13);
        make_output(&taken, "x");
        make_node(&m, "IsNaN", "x", "c");
        node = make_node(&m, "If", "c", "y");
        give_branch(&m, node, "then_branch", &taken);
        give_branch(&m, node, "else_branch", &taken);
        refused_with(&m, NULL, HEDGE_EUNSUPPORTED, "the condition ('c') is not constant");
        make_free(&taken);

        start_if(&m, 1, &taken, &other); /* unknown operators in the branch that is taken */
        make_node(&taken, "NoSuchOperator", "x", "out");
        refused_with(&m, NULL, HEDGE_EUNSUPPORTED, "NoSuchOperator");
        make_free(&taken);
        make_free(&other);

        start_if(&m, 1, &taken, &other); /* a name that is nowhere */
        make_node(&taken, "Relu", "nowhere", "out");
        refused_with(&m, NULL, HEDGE_EMALFORMED, "'nowhere'");
        make_free(&taken);
        make_free(&other);

        start_if(&m, 1, &taken, &other); /* the node's own output */
        make_node(&taken, "Relu", "y", "out");
        refused_with(&m, NULL, HEDGE_EMALFORMED, "before it is computed");
        make_free(&taken);
        make_free(&other);

        start_if(&m, 1, &taken, &other); /* another number of outputs */
        make_node(&taken, "Relu", "x", "out");
        make_output(&taken, "out");
        refused_with(&m, NULL, HEDGE_EMALFORMED, "does not fit the outputs");
        make_free(&taken);
        make_free(&other);

        start_if(&m, 1, &taken, &other); /* a branch that gives what was never computed */
        make_input(&m, "later", DIMS(1));
        make_node(&m, "Relu", "later", "after");
        taken.graph.output[0]->name = (char *)(uintptr_t) "after";
        refused_with(&m, NULL, HEDGE_EMALFORMED, "does not compute 'after'");
        make_free(&taken);
        make_free(&other);

        start(&m, 13, DIMS(1)); /* no branches */
        make_ints(&m, "c", SCALAR, (const int64_t[]){ 1 });
        make_node(&m, "If", "c", "y");
        refused_with(&m, NULL, HEDGE_EMALFORMED, "a branch is missing");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_the_branch_that_is_taken_counts),
                cmocka_unit_test(test_a_branch_sees_what_is_around_it),
                cmocka_unit_test(test_branches_nest),
                cmocka_unit_test(test_a_branch_gives_constants),
                cmocka_unit_test(test_what_is_refused),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

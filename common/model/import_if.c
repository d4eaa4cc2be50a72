/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/inputs.h"
#include "common/model/operators.h"
#include "common/model/scope.h"
#include "common/model/walk.h"

/* If: which branch is taken is known when the model is loaded. Its nodes stand in the place of the node. */

static int choose(hedge_import_t *imp, const Onnx__GraphProto **ret)
{
        const Onnx__AttributeProto *branch;
        hedge_literal_t *condition = NULL;
        int r = hedge_import_literal(imp, 0, "the condition", &condition);

        if (r < 0)
                return r;
        if (!condition->is_int || hedge_shape_elements(&condition->shape) != 1)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "the condition is not one boolean");
        branch = hedge_attr_find(imp, condition->ints[0] ? "then_branch" : "else_branch");
        if (!branch || !branch->g || branch->g->n_output != imp->node->n_output || branch->g->n_input > 0)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "a branch is missing, or does not fit the outputs");
        *ret = branch->g;
        return 0;
}

/* Output i of the node is what the branch calls `sym`. A constant that someone else reads too is copied. */
static int pass_on(hedge_import_t *imp, uint32_t i, hedge_sym_t *sym)
{
        int64_t stride[HEDGE_MAX_RANK];
        hedge_literal_t *literal = sym->literal;
        int r = 0;

        if (!literal && sym->view.value == UINT32_MAX)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "the branch does not compute '%.100s'", sym->name);
        if (!literal)
                return hedge_import_set_view(imp, i, &sym->view);
        if (sym->refs == 1) {
                sym->literal = NULL;
                literal->readers = NULL;
        } else {
                hedge_strides(&literal->shape, stride);
                r = hedge_literal_strided(literal, &literal->shape, 0, stride, &literal);
        }
        if (r < 0)
                return hedge_import_fail(imp, r, "the model's constants take too much memory");
        return hedge_import_set_literal(imp, i, literal);
}

/* The branch's outputs, which were read by no one but this node. */
static int pass_all_on(hedge_import_t *imp, const Onnx__GraphProto *branch, const hedge_scope_t *inner)
{
        int r = 0;

        for (uint32_t i = 0; r == 0 && i < branch->n_output; i++) {
                hedge_sym_t *sym = hedge_scope_find(inner, hedge_scope_text(branch->output[i]->name));

                if (hedge_import_wanted(imp, i))
                        r = hedge_inputs_decode(imp, sym);
                if (r == 0 && hedge_import_wanted(imp, i))
                        r = pass_on(imp, i, sym);
                if (--sym->refs == 0)
                        hedge_literal_destroy(&sym->literal);
        }
        return r;
}

int hedge_import_if(hedge_import_t *imp)
{
        const Onnx__NodeProto *node = imp->node;
        const Onnx__GraphProto *branch = NULL;
        hedge_scope_t outer = imp->scope, inner;
        int r = choose(imp, &branch);

        if (r < 0)
                return r;
        imp->scope = (hedge_scope_t){ .outer = &outer };
        imp->node = NULL;
        r = hedge_walk_branch(imp, branch);
        inner = imp->scope;
        imp->scope = outer;
        imp->node = node;
        if (r == 0)
                r = pass_all_on(imp, branch, &inner);
        hedge_scope_close(&inner);
        return r;
}

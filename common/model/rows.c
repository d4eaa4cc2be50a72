/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/rows.h"

#include "common/model/build.h"
#include "common/model/scope.h"

static bool is_one_of(const hedge_import_t *imp, const char *const *names)
{
        for (; *names; names++)
                if (hedge_import_is(imp, *names))
                        return true;
        return false;
}

static uint32_t rows_of(const hedge_import_t *imp, uint32_t i)
{
        const hedge_sym_t *sym = hedge_import_sym(imp, i);

        return sym && !sym->literal ? sym->view.rows : 0;
}

/* Of columns of a table of rows, or of a whole by a list of rows. */
static bool gathers_rows(hedge_import_t *imp)
{
        int64_t axis = hedge_attr_int(imp, "axis", 0);

        if (rows_of(imp, 0))
                return !rows_of(imp, 1) && axis != 0 && axis != -(int64_t)hedge_import_shape_of(imp, 0)->rank;
        return axis == 0 || axis == -(int64_t)hedge_import_shape_of(imp, 0)->rank;
}

/* A slice backwards would bring the rows that are not there to the front. */
static bool slices_forwards(hedge_import_t *imp)
{
        hedge_ints_t steps;

        if (hedge_import_ints(imp, 4, "steps", &steps) < 0)
                return false;
        for (size_t i = 0; steps.v && i < steps.n; i++)
                if (steps.v[i] < 0)
                        return false;
        return true;
}

/* Rows below one another would be more of them, which is looked at later. */
static bool joins_columns(hedge_import_t *imp)
{
        for (uint32_t i = 0; i < imp->node->n_input; i++)
                if (rows_of(imp, i) != rows_of(imp, 0))
                        return false;
        return true;
}

/* A row that is not there must not fail the run: what it holds, -1 or another row's numbers, has a place in the new type. */
static bool casts_anything(hedge_import_t *imp)
{
        const int64_t to = hedge_attr_int(imp, "to", 0);

        if (to == HEDGE_ELEMENT_INT32 || to == HEDGE_ELEMENT_INT64)
                return hedge_element_is_integer((int)hedge_import_element(imp, 0));
        return to > 0 && to < 100 && hedge_element_is_float((int)to);
}

/* Does the node treat every row by itself? Its result's extents are looked at later. */
static bool goes_by_rows(hedge_import_t *imp)
{
        static const char *const alone[] = { "Identity", "Reshape", "Squeeze", "Unsqueeze", NULL };

        if (is_one_of(imp, alone))
                return rows_of(imp, 0) != 0;
        if (hedge_import_is(imp, "Cast"))
                return casts_anything(imp);
        if (hedge_import_is(imp, "Gather"))
                return gathers_rows(imp);
        if (hedge_import_is(imp, "GatherND"))
                return !rows_of(imp, 0) && hedge_attr_int(imp, "batch_dims", 0) == 0;
        if (hedge_import_is(imp, "Slice"))
                return rows_of(imp, 0) && slices_forwards(imp);
        return hedge_import_is(imp, "Concat") && joins_columns(imp);
}

static int refuse(hedge_import_t *imp, const char *name)
{
        return hedge_import_fail(imp, HEDGE_EUNSUPPORTED,
                                 "'%.100s' has as many rows as it turns out when it runs, which this cannot follow",
                                 name);
}

int hedge_rows_check(hedge_import_t *imp, uint32_t *ret_rows)
{
        uint32_t rows = 0, of = 0;

        for (uint32_t i = 0; i < imp->node->n_input; i++)
                if (rows_of(imp, i)) {
                        rows = rows_of(imp, i);
                        of = i;
                }
        /* Where there is room for one row alone, no shape tells which axis is theirs. */
        if (rows && (imp->graph->values[rows].shape.dims[0] == 1 || !goes_by_rows(imp)))
                return refuse(imp, hedge_import_sym(imp, of)->name);
        *ret_rows = rows;
        return 0;
}

int hedge_rows_pass_on(hedge_import_t *imp, uint32_t rows)
{
        for (size_t i = 0; rows && i < imp->node->n_output; i++) {
                hedge_sym_t *sym = imp->node->output[i][0] ? hedge_scope_sym(imp, imp->node->output[i]) : NULL;

                if (!sym || sym->view.value == HEDGE_NO_VALUE)
                        continue;
                if (sym->view.shape.rank == 0 || sym->view.shape.dims[0] != imp->graph->values[rows].shape.dims[0])
                        return refuse(imp, sym->name);
                sym->view.rows = rows;
        }
        return 0;
}

int hedge_rows_mark(hedge_import_t *imp, hedge_view_t *view)
{
        const hedge_op_t op = { .kind = HEDGE_OP_MARK_ROWS };
        const uint32_t inputs[] = { view->value, view->rows };
        int r = hedge_build_op(imp, &op, inputs, 2, &view->value);

        if (r == 0)
                imp->graph->values[view->value].marked = true;
        return r;
}

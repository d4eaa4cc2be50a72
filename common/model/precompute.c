/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/precompute.h"

#include <errno.h>
#include <stdlib.h>

#include "common/kernel/kernel.h"
#include "common/model/build.h"

/* What it takes, in elements: its work, and its inputs once. */
static uint64_t cost(const hedge_op_t *op, const hedge_shape_t *in, uint32_t n)
{
        uint64_t cost = hedge_op_work(op, in, n);

        for (uint32_t i = 0; i < n; i++)
                cost += hedge_shape_elements(&in[i]);
        return cost;
}

/* Is it to be computed now? Which boxes overlap takes as long as there are pairs of them: not by the way. */
static bool is_constant(const hedge_import_t *imp, const hedge_op_t *op, const uint32_t *inputs, uint32_t n)
{
        if (!imp->node || op->kind == HEDGE_OP_NMS)
                return false;
        for (uint32_t i = 0; i < n; i++)
                if (!imp->graph->values[inputs[i]].data)
                        return false;
        return true;
}

static int run(hedge_import_t *imp, const hedge_op_t *op, const hedge_shape_t *in, const float *const *data, uint32_t n,
               float *out)
{
        hedge_kernel_t *kernel = NULL;
        int r = imp->kernels ? 0 : hedge_kernels_new("plain", 1, &imp->kernels);

        if (r == 0)
                hedge_kernels_allow(imp->kernels, 1u << HEDGE_CONV_DIRECT);
        if (r == 0)
                r = hedge_kernel_new(imp->kernels, op, in, n, data, &kernel);
        if (r == 0)
                r = hedge_kernel_run(kernel, data, out);
        hedge_kernel_destroy(&kernel);
        return r;
}

static int compute(hedge_import_t *imp, const hedge_op_t *op, const hedge_shape_t *in, const float *const *data,
                   uint32_t n, const hedge_shape_t *shape, uint32_t *ret)
{
        uint64_t work = cost(op, in, n);
        hedge_literal_t *out = NULL;
        float *floats;
        int r;

        if (work > imp->budget.work_left || hedge_literal_new(shape, false, &imp->budget, &out) < 0)
                return 1;
        imp->budget.work_left -= work < imp->budget.work_left ? work : imp->budget.work_left;
        r = run(imp, op, in, data, n, out->floats);
        if (r == -ENOMEM)
                r = hedge_why(imp->why, r, "out of memory");
        else if (r < 0)
                r = hedge_import_fail(imp, HEDGE_EMALFORMED, "%s", hedge_strerror(r));
        if (r < 0) {
                hedge_literal_destroy(&out);
                return r;
        }
        floats = out->floats;
        out->floats = NULL;
        hedge_literal_destroy(&out);
        return hedge_build_value(imp, shape, floats, ret);
}

int hedge_precompute(hedge_import_t *imp, const hedge_op_t *op, const uint32_t *inputs, uint32_t n,
                     const hedge_shape_t *shape, uint32_t *ret)
{
        const float **data;
        hedge_shape_t *in;
        int r;

        if (!is_constant(imp, op, inputs, n))
                return 1;
        data = calloc(n + 1, sizeof(*data));
        in = calloc(n + 1, sizeof(*in));
        for (uint32_t i = 0; data && in && i < n; i++) {
                data[i] = imp->graph->values[inputs[i]].data;
                in[i] = imp->graph->values[inputs[i]].shape;
        }
        r = data && in ? compute(imp, op, in, data, n, shape, ret) : hedge_why(imp->why, -ENOMEM, "out of memory");
        free(data);
        free(in);
        return r;
}

static int set_elements(hedge_import_t *imp, hedge_literal_t *to, const hedge_view_t *view, const float *from)
{
        int64_t plain[HEDGE_MAX_RANK], stride[HEDGE_MAX_RANK] = { 0 };
        hedge_shape_t memory = hedge_view_memory(view);
        uint32_t at[HEDGE_MAX_RANK] = { 0 }, d;

        hedge_strides(&memory, plain);
        for (uint32_t i = 0; i < memory.rank; i++)
                stride[view->perm[i]] = plain[i];
        for (size_t i = 0, n = hedge_shape_elements(&memory); i < n; i++) {
                int64_t source = 0;

                for (d = 0; d < memory.rank; d++)
                        source += at[d] * stride[d];
                if (!to->is_int)
                        to->floats[i] = from[source];
                else if (from[source] >= -HEDGE_EXACT && from[source] <= HEDGE_EXACT)
                        to->ints[i] = (int64_t)from[source];
                else
                        return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "%s", hedge_strerror(HEDGE_ERANGE));
                for (d = memory.rank; d-- > 0 && ++at[d] == view->shape.dims[d];)
                        at[d] = 0;
        }
        return 0;
}

int hedge_precompute_literal(hedge_import_t *imp, const hedge_view_t *view, hedge_literal_t **ret)
{
        hedge_literal_t *literal;
        int r = hedge_import_new_literal(imp, &view->shape, hedge_element_is_integer((int)view->element), &literal);

        if (r < 0)
                return r;
        literal->element = view->element;
        r = set_elements(imp, literal, view, imp->graph->values[view->value].data);
        if (r < 0)
                hedge_literal_destroy(&literal);
        else
                *ret = literal;
        return r;
}

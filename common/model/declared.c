/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/declared.h"

#include <errno.h>
#include <stdlib.h>

#include "common/model/names.h"
#include "common/model/scope.h"

static int declare(const Onnx__ValueInfoProto *info, hedge_onnx_input_t *ret, hedge_why_t *why)
{
        const bool is_tensor = info->type && info->type->value_case == ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
        const Onnx__TensorShapeProto *shape = is_tensor ? info->type->tensor_type->shape : NULL;

        hedge_scope_printable(ret->name, hedge_scope_text(info->name));
        if (!shape)
                return 0;
        if (shape->n_dim > HEDGE_MAX_RANK)
                return hedge_why(why, HEDGE_EUNSUPPORTED, "the input '%.100s' has more than %u axes", ret->name,
                                 HEDGE_MAX_RANK);
        ret->has_shape = true;
        ret->shape.rank = (uint32_t)shape->n_dim;
        for (uint32_t i = 0; i < ret->shape.rank; i++) {
                const Onnx__TensorShapeProto__Dimension *d = shape->dim[i];

                if (d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE && d->dim_value > 0 &&
                    d->dim_value <= INT32_MAX)
                        ret->shape.dims[i] = (uint32_t)d->dim_value;
        }
        return 0;
}

static int declare_all(const Onnx__GraphProto *g, hedge_names_t *names, hedge_onnx_input_t *ret, uint32_t *ret_n,
                       hedge_why_t *why)
{
        int r = 0;

        for (size_t i = 0; i < g->n_initializer; i++)
                if (hedge_names_find(names, hedge_scope_text(g->initializer[i]->name)) == HEDGE_NO_NAME)
                        hedge_names_add(names, hedge_scope_text(g->initializer[i]->name), 0);
        for (size_t i = 0; r == 0 && i < g->n_input; i++)
                if (hedge_names_find(names, hedge_scope_text(g->input[i]->name)) == HEDGE_NO_NAME)
                        r = declare(g->input[i], &ret[(*ret_n)++], why);
        return r;
}

int hedge_declared(const Onnx__GraphProto *g, hedge_onnx_input_t **ret, uint32_t *ret_n, hedge_why_t *why)
{
        hedge_onnx_input_t *inputs = NULL;
        hedge_names_t *names = NULL;
        uint32_t n = 0;
        int r = 0;

        if (g->n_initializer > INT32_MAX || g->n_input > INT32_MAX)
                return hedge_why(why, HEDGE_ELIMIT, "the model has too many values");
        inputs = calloc(g->n_input + 1, sizeof(*inputs));
        if (!inputs || hedge_names_new((uint32_t)g->n_initializer + 1, &names) < 0)
                r = hedge_why(why, -ENOMEM, "out of memory");
        if (r == 0)
                r = declare_all(g, names, inputs, &n, why);
        hedge_names_destroy(&names);
        if (r < 0) {
                free(inputs);
                return r;
        }
        *ret = inputs;
        *ret_n = n;
        return 0;
}

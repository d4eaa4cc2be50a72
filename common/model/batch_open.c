/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/batch_open.h"

#include <string.h>

#include "common/model/scope.h"

#define IMAGE_RANK 4 /* a first extent of fewer axes may be channels */

static const Onnx__TensorShapeProto__Dimension *first_axis(const Onnx__ValueInfoProto *info)
{
        const Onnx__TensorShapeProto *shape;

        if (!info->type || info->type->value_case != ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE)
                return NULL;
        shape = info->type->tensor_type->shape;
        return shape && shape->n_dim > 0 ? shape->dim[0] : NULL;
}

static bool has_value(const Onnx__TensorShapeProto__Dimension *d)
{
        return d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE && d->dim_value > 0;
}

bool hedge_batch_may_be(const Onnx__GraphProto *g, bool fixed)
{
        for (size_t i = 0; i < g->n_input; i++) {
                const Onnx__TensorShapeProto__Dimension *d = first_axis(g->input[i]);

                if (!d || !has_value(d) || (fixed && d->dim_value > 1))
                        return true;
        }
        return false;
}

static const char *name_of(const Onnx__ValueInfoProto *info)
{
        const Onnx__TensorShapeProto__Dimension *d = first_axis(info);

        return d && d->value_case == ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM
                       ? hedge_scope_text(d->dim_param)
                       : "";
}

/* The batch of an input that is left open: not by the file alone, but also by who states shapes. */
static bool is_open(const hedge_import_t *imp, uint32_t input, const hedge_shape_t *shapes)
{
        return imp->graph->open[input] & 1 && shapes[input].rank > 0 && shapes[input].dims[0] == 1;
}

/* Two names are two numbers, and which of them counts pictures is not known. */
static bool one_name(const hedge_import_t *imp, const Onnx__ValueInfoProto *const *infos, uint32_t n,
                     const hedge_shape_t *shapes)
{
        const char *name = NULL;

        for (uint32_t i = 0; i < n; i++) {
                if (!is_open(imp, i, shapes))
                        continue;
                if (name && strcmp(name, name_of(infos[i])) != 0)
                        return false;
                name = name_of(infos[i]);
        }
        return name;
}

static uint32_t fixed_batch(uint32_t n, const hedge_shape_t *shapes)
{
        for (uint32_t i = 0; i < n; i++)
                if (shapes[i].rank < IMAGE_RANK || shapes[i].dims[0] != shapes[0].dims[0])
                        return 0;
        return n > 0 && shapes[0].dims[0] > 1 ? shapes[0].dims[0] : 0;
}

/* A batch of several that nobody but the file has fixed. */
static bool is_the_files(const hedge_import_t *imp, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                if (imp->graph->open[i] & 1)
                        return false;
        return imp->batch > 1;
}

int hedge_batch_settle(hedge_import_t *imp, const Onnx__ValueInfoProto *const *infos, uint32_t n, hedge_shape_t *shapes)
{
        imp->batch = one_name(imp, infos, n, shapes) ? 1 : fixed_batch(n, shapes);
        if (imp->pictures == 0)
                return 0;
        if (imp->batch != 1 && !(imp->take_apart && is_the_files(imp, n)))
                return 1;
        for (uint32_t i = 0; i < n; i++) {
                if (imp->batch == 1 && !is_open(imp, i, shapes))
                        continue;
                shapes[i].dims[0] = imp->pictures;
                if (hedge_shape_check(&shapes[i], imp->limits->max_tensor_elements) < 0)
                        return hedge_why(imp->why, HEDGE_ELIMIT, "the input '%.100s' of %u pictures is too large",
                                         hedge_scope_text(infos[i]->name), imp->pictures);
        }
        return 0;
}

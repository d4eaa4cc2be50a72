/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/import.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/model/build.h"
#include "common/model/precompute.h"
#include "common/model/scope.h"

#define ATTR(x) ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__##x

/* A node is named by its name, or by its first output. */
static const char *node_name(const Onnx__NodeProto *node)
{
        if (node->name && node->name[0])
                return node->name;
        return node->n_output > 0 ? node->output[0] : "";
}

int hedge_import_fail(hedge_import_t *imp, int code, const char *format, ...)
{
        char text[256];
        va_list args;

        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        if (!imp->node)
                return hedge_why(imp->why, code, "%s", text);
        return hedge_why(imp->why, code, "%.60s '%.100s' (opset %u): %s", imp->node->op_type, node_name(imp->node),
                         imp->opset, text);
}

bool hedge_import_is(const hedge_import_t *imp, const char *op_type)
{
        return strcmp(imp->node->op_type, op_type) == 0;
}

bool hedge_import_has(const hedge_import_t *imp, uint32_t i)
{
        return i < imp->node->n_input && imp->node->input[i][0];
}

hedge_sym_t *hedge_import_sym(const hedge_import_t *imp, uint32_t i)
{
        return hedge_import_has(imp, i) ? hedge_scope_find(&imp->scope, imp->node->input[i]) : NULL;
}

const hedge_shape_t *hedge_import_shape_of(const hedge_import_t *imp, uint32_t i)
{
        const hedge_sym_t *sym = hedge_import_sym(imp, i);

        return sym->literal ? &sym->literal->shape : &sym->view.shape;
}

int hedge_import_literal(hedge_import_t *imp, uint32_t i, const char *what, hedge_literal_t **ret)
{
        hedge_sym_t *sym = hedge_import_sym(imp, i);

        if (!sym)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "%s is missing", what);
        if (!sym->literal)
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "%s ('%.80s') is not constant", what, sym->name);
        *ret = sym->literal;
        return 0;
}

int hedge_import_new_literal(hedge_import_t *imp, const hedge_shape_t *shape, bool is_int, hedge_literal_t **ret)
{
        int r = hedge_literal_new(shape, is_int, &imp->budget, ret);

        return r < 0 ? hedge_import_fail(imp, r, "the model's constants take too much memory") : 0;
}

int hedge_import_extents(hedge_import_t *imp, uint32_t i, hedge_literal_t **ret)
{
        hedge_literal_t *shape = NULL;
        int r = hedge_import_literal(imp, i, "the shape", &shape);

        if (r < 0)
                return r;
        if (!shape->is_int || shape->shape.rank != 1 || shape->shape.dims[0] > HEDGE_MAX_RANK)
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "a shape that is not a list of at most %u integers",
                                         HEDGE_MAX_RANK);
        *ret = shape;
        return 0;
}

int hedge_import_take(hedge_import_t *imp, uint32_t i, hedge_literal_t **ret)
{
        hedge_sym_t *sym = hedge_import_sym(imp, i);
        int64_t stride[HEDGE_MAX_RANK];
        int r;

        if (sym->refs == 1) {
                *ret = sym->literal;
                (*ret)->readers = NULL;
                sym->literal = NULL;
                return 0;
        }
        hedge_strides(&sym->literal->shape, stride);
        r = hedge_literal_strided(sym->literal, &sym->literal->shape, 0, stride, ret);
        return r < 0 ? hedge_import_fail(imp, r, "the model's constants take too much memory") : 0;
}

int hedge_import_scalar(hedge_import_t *imp, uint32_t i, const char *what, float *ret)
{
        hedge_literal_t *literal = NULL;
        int r = hedge_import_literal(imp, i, what, &literal);

        if (r < 0)
                return r;
        if (hedge_shape_elements(&literal->shape) != 1)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "%s is not one number", what);
        *ret = hedge_literal_float(literal, 0);
        return 0;
}

int hedge_import_ints(hedge_import_t *imp, uint32_t i, const char *attribute, hedge_ints_t *ret)
{
        hedge_literal_t *literal = NULL;
        int r;

        if (!hedge_import_has(imp, i)) {
                *ret = hedge_attr_ints(imp, attribute);
                return imp->attr_error;
        }
        r = hedge_import_literal(imp, i, attribute, &literal);
        if (r < 0)
                return r;
        if (!literal->is_int || literal->shape.rank > 1)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "%s is not a list of integers", attribute);
        *ret = (hedge_ints_t){ hedge_shape_elements(&literal->shape), literal->ints };
        return 0;
}

int hedge_import_axis(hedge_import_t *imp, int64_t axis, uint32_t rank, uint32_t *ret)
{
        if (axis < -(int64_t)rank || axis >= (int64_t)rank)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "axis %lld of a tensor with %u axes", (long long)axis,
                                         rank);
        *ret = (uint32_t)(axis < 0 ? axis + (int64_t)rank : axis);
        return 0;
}

int hedge_import_axes(hedge_import_t *imp, const hedge_ints_t *axes, uint32_t rank, uint32_t *ret)
{
        uint32_t mask = 0, axis = 0;
        int r;

        for (size_t i = 0; i < axes->n; i++) {
                r = hedge_import_axis(imp, axes->v[i], rank, &axis);
                if (r < 0)
                        return r;
                if (mask & 1u << axis)
                        return hedge_import_fail(imp, HEDGE_EMALFORMED, "axis %u is named twice", axis);
                mask |= 1u << axis;
        }
        *ret = mask;
        return 0;
}

int hedge_import_view(hedge_import_t *imp, uint32_t i, hedge_view_t *ret)
{
        hedge_sym_t *sym = hedge_import_sym(imp, i);

        if (!sym)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "input %u is missing", i);
        if (sym->literal)
                return hedge_build_literal(imp, sym->literal, sym->literal->shape.rank, NULL, ret);
        *ret = sym->view;
        return 0;
}

hedge_element_t hedge_import_element(const hedge_import_t *imp, uint32_t i)
{
        const hedge_sym_t *sym = hedge_import_sym(imp, i);

        if (!sym)
                return HEDGE_ELEMENT_UNDEFINED;
        return sym->literal ? sym->literal->element : sym->view.element;
}

int hedge_import_pass_on(hedge_import_t *imp, int r, const hedge_view_t *view)
{
        return r < 0 ? r : hedge_import_set_view(imp, 0, view);
}

bool hedge_import_wanted(const hedge_import_t *imp, uint32_t i)
{
        if (i >= imp->node->n_output || !imp->node->output[i][0])
                return false;
        return hedge_scope_sym(imp, imp->node->output[i])->refs > 0;
}

static int define(hedge_import_t *imp, uint32_t i, hedge_sym_t **ret)
{
        hedge_sym_t *sym = hedge_scope_sym(imp, imp->node->output[i]);

        if (sym->literal || sym->view.value != HEDGE_NO_VALUE)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "the value '%.100s' is defined twice", sym->name);
        *ret = sym;
        return 0;
}

/* What was computed already is a constant again. */
int hedge_import_set_view(hedge_import_t *imp, uint32_t i, const hedge_view_t *view)
{
        hedge_literal_t *literal = NULL;
        hedge_sym_t *sym = NULL;
        hedge_view_t typed = *view;
        int r;

        if (!hedge_import_wanted(imp, i))
                return 0;
        if (typed.element == HEDGE_ELEMENT_UNDEFINED)
                typed.element = hedge_import_element(imp, 0);
        if (imp->graph->values[typed.value].data) {
                r = hedge_precompute_literal(imp, &typed, &literal);
                return r < 0 ? r : hedge_import_set_literal(imp, i, literal);
        }
        r = define(imp, i, &sym);
        if (r == 0)
                sym->view = typed;
        return r;
}

int hedge_import_set_literal(hedge_import_t *imp, uint32_t i, hedge_literal_t *literal)
{
        hedge_sym_t *sym = NULL;
        int r = 0;

        if (hedge_import_wanted(imp, i))
                r = define(imp, i, &sym);
        if (r < 0 || !sym) {
                hedge_literal_destroy(&literal);
                return r;
        }
        literal->readers = &sym->refs;
        sym->literal = literal;
        return 0;
}

const Onnx__AttributeProto *hedge_attr_find(hedge_import_t *imp, const char *name)
{
        for (size_t i = 0; i < imp->node->n_attribute; i++)
                if (imp->node->attribute[i]->name && strcmp(imp->node->attribute[i]->name, name) == 0) {
                        imp->attr_read |= i < 64 ? UINT64_C(1) << i : 0;
                        return imp->node->attribute[i];
                }
        return NULL;
}

/* Files of the first IR versions do not say the type; then any will do that is there. */
static const Onnx__AttributeProto *find_typed(hedge_import_t *imp, const char *name, int type)
{
        const Onnx__AttributeProto *a = hedge_attr_find(imp, name);

        if (!a || !a->has_type || (int)a->type == ATTR(UNDEFINED) || (int)a->type == type)
                return a;
        if (imp->attr_error == 0)
                imp->attr_error =
                        hedge_import_fail(imp, HEDGE_EMALFORMED, "the attribute '%s' has the wrong type", name);
        return NULL;
}

int64_t hedge_attr_int(hedge_import_t *imp, const char *name, int64_t otherwise)
{
        const Onnx__AttributeProto *a = find_typed(imp, name, ATTR(INT));

        return a && a->has_i ? a->i : otherwise;
}

float hedge_attr_float(hedge_import_t *imp, const char *name, float otherwise)
{
        const Onnx__AttributeProto *a = find_typed(imp, name, ATTR(FLOAT));

        return a && a->has_f ? a->f : otherwise;
}

hedge_ints_t hedge_attr_ints(hedge_import_t *imp, const char *name)
{
        static const int64_t none = 0;
        const Onnx__AttributeProto *a = find_typed(imp, name, ATTR(INTS));

        if (!a)
                return (hedge_ints_t){ 0, NULL };
        return (hedge_ints_t){ a->n_ints, a->n_ints ? a->ints : &none };
}

int hedge_attr_choice(hedge_import_t *imp, const char *name, const char *const *choices, int otherwise)
{
        const Onnx__AttributeProto *a = find_typed(imp, name, ATTR(STRING));

        if (!a || !a->has_s)
                return otherwise;
        for (int i = 0; choices[i]; i++)
                if (strlen(choices[i]) == a->s.len && memcmp(choices[i], a->s.data, a->s.len) == 0)
                        return i;
        if (imp->attr_error == 0)
                imp->attr_error = hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "%s '%.*s' is not supported", name,
                                                    (int)(a->s.len > 40 ? 40 : a->s.len), (const char *)a->s.data);
        return otherwise;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/microsoft.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/build.h"
#include "common/model/quantize.h"
#include "common/model/scope.h"

#define NEWEST HEDGE_NEWEST_OPSET
#define MANY   4096

/* What ONNX has for floats, on inputs that are dequantised before it; the result is quantised. Behind each of these inputs
 * come its scale and its zero point. */
typedef struct wrapped {
        const char *name, *of;
        hedge_operator_fn_t *import;
        uint32_t first, n; /* the inputs are the first and every third one after it; n of 0: as many as there are */
        uint32_t scale, zero;
} wrapped_t;

static const wrapped_t wrapped[] = {
        { "QLinearAdd", "Add", hedge_import_binary, 0, 2, 6, 7 },
        { "QLinearAveragePool", "AveragePool", hedge_import_average_pool, 0, 1, 3, 4 },
        { "QLinearConcat", "Concat", hedge_import_concat, 2, 0, 0, 1 },
        { "QLinearGlobalAveragePool", "GlobalAveragePool", hedge_import_global_pool, 0, 1, 3, 4 },
        { "QLinearLeakyRelu", "LeakyRelu", hedge_import_leaky_relu, 0, 1, 3, 4 },
        { "QLinearMul", "Mul", hedge_import_binary, 0, 2, 6, 7 },
        { "QLinearSigmoid", "Sigmoid", hedge_import_unary, 0, 1, 3, 4 },
};

#define NAME_MAX_BYTES 16

/* The inputs as floats, under names of their own. */
typedef struct floats {
        hedge_sym_t *syms;
        char (*texts)[NAME_MAX_BYTES];
        char **names;
        uint32_t n;
} floats_t;

static int floats_new(hedge_import_t *imp, uint32_t n, floats_t *ret)
{
        *ret = (floats_t){ calloc(n, sizeof(*ret->syms)), calloc(n, sizeof(*ret->texts)),
                           calloc(n, sizeof(*ret->names)), n };
        return ret->syms && ret->texts && ret->names ? 0 : hedge_why(imp->why, -ENOMEM, "out of memory");
}

static void floats_free(floats_t *floats)
{
        free(floats->syms);
        free(floats->texts);
        free(floats->names);
}

static int dequantise(hedge_import_t *imp, uint32_t input, hedge_view_t *ret)
{
        hedge_scales_t scales;
        hedge_view_t x;
        int r = hedge_import_has(imp, input) && hedge_import_has(imp, input + 1)
                        ? hedge_import_view(imp, input, &x)
                        : hedge_import_fail(imp, HEDGE_EMALFORMED, "input %u or its scale is missing", input);

        if (r == 0)
                r = hedge_scales_open(imp, input + 1, input + 2, &x, &scales);
        if (r == 0)
                r = hedge_build_dequantize(imp, &scales, &x);
        if (r < 0)
                return r;
        x.element = HEDGE_ELEMENT_FLOAT;
        *ret = x;
        return 0;
}

/* Call ONNX's operator in a scope inside, where the floats have names. */
static int call_float(hedge_import_t *imp, const wrapped_t *w, floats_t *floats)
{
        const Onnx__NodeProto *node = imp->node;
        const hedge_scope_t outer = imp->scope;
        Onnx__NodeProto inner = *node;
        char of[32];
        int r;

        imp->scope = (hedge_scope_t){ .syms = floats->syms, .n_syms = floats->n, .outer = &outer };
        if (hedge_names_new(floats->n, &imp->scope.names) < 0) {
                imp->scope = outer;
                return hedge_why(imp->why, -ENOMEM, "out of memory");
        }
        for (uint32_t i = 0; i < floats->n; i++) {
                snprintf(floats->texts[i], sizeof(floats->texts[i]), "\001%u", i);
                floats->names[i] = floats->texts[i];
                floats->syms[i].name = floats->names[i];
                hedge_names_add(imp->scope.names, floats->names[i], i);
        }
        strcpy(of, w->of);
        inner.op_type = of;
        inner.input = floats->names;
        inner.n_input = floats->n;
        imp->node = &inner;
        r = w->import(imp);
        imp->node = node;
        hedge_names_destroy(&imp->scope.names);
        imp->scope = outer;
        return r < 0 ? r : imp->attr_error;
}

static int quantise(hedge_import_t *imp, const wrapped_t *w, hedge_element_t element)
{
        hedge_sym_t *sym = hedge_scope_sym(imp, imp->node->output[0]);
        hedge_quantize_t quantize = { .result = HEDGE_QUANTIZED_CODE };
        hedge_view_t view = sym->view;
        hedge_scales_t scales;
        int r = hedge_quantize_range(imp, element, &quantize);

        if (r == 0 && sym->literal)
                r = hedge_build_literal(imp, sym->literal, sym->literal->shape.rank, NULL, &view);
        if (r == 0 && !hedge_import_has(imp, w->scale))
                r = hedge_import_fail(imp, HEDGE_EMALFORMED, "the scale of the result is missing");
        if (r == 0)
                r = hedge_scales_open(imp, w->scale, w->zero, &view, &scales);
        if (r == 0)
                r = hedge_build_quantize(imp, &quantize, &scales, &view);
        if (r < 0)
                return r;
        hedge_literal_destroy(&sym->literal);
        view.element = element;
        sym->view = view;
        return 0;
}

static int import_wrapped(hedge_import_t *imp)
{
        const wrapped_t *w = wrapped;
        hedge_element_t element;
        floats_t floats;
        uint32_t n;
        int r;

        while (strcmp(w->name, imp->node->op_type) != 0)
                w++;
        n = imp->node->n_input < w->first + 3 ? 1 : ((uint32_t)imp->node->n_input - w->first) / 3;
        element = hedge_import_element(imp, w->first);
        if (hedge_attr_int(imp, "channels_last", 0) != 0)
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "with channels last");
        r = floats_new(imp, w->n ? w->n : n, &floats);
        for (uint32_t i = 0; r == 0 && i < floats.n; i++)
                r = dequantise(imp, w->first + 3 * i, &floats.syms[i].view);
        if (r == 0)
                r = call_float(imp, w, &floats);
        if (r == 0 && hedge_import_wanted(imp, 0))
                r = quantise(imp, w, element);
        floats_free(&floats);
        return r;
}

static const hedge_operator_t operators[] = {
        { "DequantizeLinear", 1, NEWEST, 2, 3, hedge_import_dequantize_linear, hedge_eval_dequantize_linear, true,
          "of 8, 16 and 32 bits" },
        { "QGemm", 1, NEWEST, 2, 9, hedge_import_qgemm, NULL, true,
          "A as it is, B, C and all scales constant, an alpha of 1" },
        { "QLinearAdd", 1, NEWEST, 2, 8, import_wrapped, NULL, true, NULL },
        { "QLinearAveragePool", 1, NEWEST, 2, 5, import_wrapped, NULL, true, "channels first" },
        { "QLinearConcat", 1, NEWEST, 1, MANY, import_wrapped, NULL, true, NULL },
        { "QLinearGlobalAveragePool", 1, NEWEST, 2, 5, import_wrapped, NULL, true, "channels first" },
        { "QLinearLeakyRelu", 1, NEWEST, 2, 5, import_wrapped, NULL, true, NULL },
        { "QLinearMul", 1, NEWEST, 2, 8, import_wrapped, NULL, true, NULL },
        { "QLinearSigmoid", 1, NEWEST, 2, 5, import_wrapped, NULL, true, NULL },
        { "QuantizeLinear", 1, NEWEST, 2, 3, hedge_import_quantize_linear, hedge_eval_quantize_linear, true,
          "to 8 and 16 bits" },
};

const hedge_operator_t *hedge_microsoft_operators(size_t *ret_n)
{
        *ret_n = sizeof(operators) / sizeof(operators[0]);
        return operators;
}

static int compare(const void *name, const void *row)
{
        return strcmp(name, ((const hedge_operator_t *)row)->name);
}

const hedge_operator_t *hedge_microsoft_find(const char *name)
{
        return bsearch(name, operators, sizeof(operators) / sizeof(operators[0]), sizeof(operators[0]), compare);
}

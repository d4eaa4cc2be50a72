/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/integer_products.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/build.h"
#include "common/model/dequantize.h"

double hedge_integer_magnitude(const hedge_import_t *imp, uint32_t input, uint32_t zero)
{
        const hedge_sym_t *sym = hedge_import_sym(imp, zero);
        float lo, hi, most = 0;

        hedge_element_range(hedge_import_element(imp, input), &lo, &hi);
        if (!sym)
                return fmaxf(-lo, hi);
        if (!sym->literal)
                return hi - lo;
        for (size_t i = 0, n = hedge_shape_elements(&sym->literal->shape); i < n; i++) {
                float z = hedge_literal_float(sym->literal, i), each = fmaxf(hi - z, z - lo);

                most = each > most ? each : most;
        }
        return most;
}

static int check_factor(hedge_import_t *imp, uint32_t input)
{
        hedge_element_t element = hedge_import_element(imp, input);

        if (element == HEDGE_ELEMENT_INT8 || element == HEDGE_ELEMENT_UINT8)
                return 0;
        return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "of numbers that are %s", hedge_element_name((int)element));
}

int hedge_integer_centred(hedge_import_t *imp, uint32_t input, uint32_t zero, uint32_t axis, hedge_view_t *ret)
{
        hedge_scales_t scales = { HEDGE_NO_VALUE, HEDGE_NO_VALUE };
        hedge_view_t x;
        int r = check_factor(imp, input);

        if (r == 0)
                r = hedge_import_view(imp, input, &x);
        if (r == 0 && hedge_import_has(imp, zero))
                r = hedge_scales_place(imp, zero, &x, axis, 0, &scales.zero);
        if (r == 0)
                r = hedge_build_dequantize(imp, &scales, &x);
        if (r == 0)
                *ret = x;
        return r;
}

int hedge_integer_weights(hedge_import_t *imp, uint32_t input, uint32_t zero, uint32_t axis, hedge_literal_t **ret)
{
        static const uint32_t once = 1;
        hedge_scaling_t scaling = { .axis = axis };
        hedge_literal_t *weights = NULL, *from = NULL, *known = NULL;
        int r = check_factor(imp, input);

        if (r == 0)
                r = hedge_import_literal(imp, input, "the filter", &from);
        if (r == 0 && hedge_import_has(imp, zero))
                r = hedge_import_literal(imp, zero, "the filter's zero point", &known);
        scaling.zero = known;
        if (r == 0)
                r = hedge_dequantize(imp, from, &scaling, &weights);
        if (r < 0)
                return r;
        weights->readers = &once;
        *ret = weights;
        return 0;
}

/* Does a node take a whole number, or the float that is nearest to it? */
static bool takes_nearest(const Onnx__NodeProto *node, size_t input)
{
        if (strcmp(node->op_type, "DequantizeLinear") == 0)
                return input == 0;
        if (strcmp(node->op_type, "Cast") != 0)
                return false;
        for (size_t i = 0; i < node->n_attribute; i++)
                if (node->attribute[i]->name && strcmp(node->attribute[i]->name, "to") == 0)
                        return node->attribute[i]->i > 0 && node->attribute[i]->i <= INT32_MAX &&
                               hedge_element_is_float((int)node->attribute[i]->i);
        return false;
}

/* Is output 0 only ever made a float? What is read elsewhere than in the outermost graph counts as an integer. */
static bool becomes_float(const hedge_import_t *imp)
{
        const char *name = imp->node->output[0];
        const Onnx__ModelProto *model = hedge_proto_model(imp->proto);
        const Onnx__GraphProto *g = model->graph;
        bool read = false;

        for (size_t i = 0; i < g->n_output; i++)
                if (g->output[i]->name && strcmp(g->output[i]->name, name) == 0)
                        return false;
        for (size_t i = 0; i < g->n_node; i++)
                for (size_t j = 0; j < g->node[i]->n_input; j++) {
                        if (strcmp(g->node[i]->input[j], name) != 0)
                                continue;
                        if (!takes_nearest(g->node[i], j))
                                return false;
                        read = true;
                }
        return read;
}

int hedge_integer_check_sums(hedge_import_t *imp, double most)
{
        if (most <= (double)HEDGE_EXACT || becomes_float(imp))
                return 0;
        return hedge_import_fail(imp, HEDGE_EUNSUPPORTED,
                                 "its sums may reach %.0f, float32 is exact up to %.0f, and they are used as integers",
                                 most, (double)HEDGE_EXACT);
}

static int read_scale(hedge_import_t *imp, uint32_t input, const char *what, hedge_literal_t **ret)
{
        hedge_literal_t *scale = NULL;
        int r = hedge_import_literal(imp, input, what, &scale);

        if (r < 0)
                return r;
        if (scale->is_int || scale->shape.rank > 1 || hedge_shape_elements(&scale->shape) == 0)
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "%s is not a list of numbers", what);
        *ret = scale;
        return 0;
}

/* One number where both factors have one, else one per column, and per row where the first factor has as many. */
static int place_scales(hedge_import_t *imp, hedge_rescale_t *s, const float *scale, float zero)
{
        hedge_shape_t shape = { .rank = s->rows > 1 ? 2 : s->columns > 1 ? 1 : 0 };
        size_t n = (size_t)s->rows * s->columns;
        float *v = hedge_floats_new(n), *z = hedge_floats_new(n);
        int r;

        if (shape.rank == 2)
                shape.dims[0] = s->rows;
        if (shape.rank > 0)
                shape.dims[shape.rank - 1] = s->columns;
        for (size_t i = 0; v && z && i < n; i++) {
                v[i] = scale[i];
                z[i] = zero;
        }
        if (!v || !z) {
                free(v);
                free(z);
                return hedge_why(imp->why, HEDGE_ELIMIT, "out of memory");
        }
        r = hedge_build_value(imp, &shape, v, &s->scales.scale);
        if (r < 0)
                free(z);
        return r < 0 ? r : hedge_build_value(imp, &shape, z, &s->scales.zero);
}

/* The result's scale and zero point; 1 and 0 where it stays real. */
static int read_result(hedge_import_t *imp, hedge_rescale_t *s, float *ret_scale, float *ret_zero)
{
        int r;

        *ret_scale = 1;
        *ret_zero = 0;
        if (!hedge_import_has(imp, s->y))
                return 0;
        r = hedge_quantize_range(imp, hedge_import_element(imp, s->y_zero), &s->quantize);
        if (r == 0)
                r = hedge_import_scalar(imp, s->y, "the scale of the result", ret_scale);
        return r < 0 ? r : hedge_import_scalar(imp, s->y_zero, "the zero point of the result", ret_zero);
}

int hedge_rescale_read(hedge_import_t *imp, hedge_rescale_t *s)
{
        hedge_literal_t *a = NULL, *b = NULL, *factors = NULL;
        hedge_shape_t shape = { .rank = 2 };
        float y, zero;
        int r = read_result(imp, s, &y, &zero);

        if (r == 0)
                r = read_scale(imp, s->a, "the first scale", &a);
        if (r == 0)
                r = read_scale(imp, s->b, "the second scale", &b);
        if (r < 0)
                return r;
        s->rows = shape.dims[0] = (uint32_t)hedge_shape_elements(&a->shape);
        s->columns = shape.dims[1] = (uint32_t)hedge_shape_elements(&b->shape);
        r = hedge_import_new_literal(imp, &shape, false, &factors);
        if (r < 0)
                return r;
        for (size_t i = 0, n = hedge_shape_elements(&shape); i < n; i++)
                factors->floats[i] = a->floats[i / s->columns] * b->floats[i % s->columns] / y;
        r = place_scales(imp, s, factors->floats, zero);
        hedge_literal_destroy(&factors);
        return r;
}

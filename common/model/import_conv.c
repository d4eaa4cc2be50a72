/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/build.h"
#include "common/model/image.h"
#include "common/model/operators.h"

/* Filter O x I x H x W (or O x I x L) as the graph's O x H x W x I. */
static int build_filter(hedge_import_t *imp, hedge_literal_t *filter, uint32_t *ret)
{
        uint32_t perm[HEDGE_MAX_RANK], rank = filter->shape.rank;
        hedge_view_t view;
        hedge_shape_t *s;
        int r;

        hedge_perm_channels_last(rank, perm);
        r = hedge_build_literal(imp, filter, rank, perm, &view);
        if (r < 0)
                return r;
        s = &imp->graph->values[view.value].shape;
        if (rank == 3)
                *s = (hedge_shape_t){ 4, { s->dims[0], 1, s->dims[1], s->dims[2] } };
        *ret = view.value;
        return 0;
}

static int build_bias(hedge_import_t *imp, uint32_t out_c, uint32_t *ret)
{
        hedge_literal_t *bias;
        hedge_view_t view;
        int r = hedge_import_literal(imp, 2, "the bias", &bias);

        if (r < 0)
                return r;
        if (bias->shape.rank != 1 || bias->shape.dims[0] != out_c)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "the bias has not one number per output channel");
        r = hedge_build_literal(imp, bias, 1, NULL, &view);
        if (r == 0)
                *ret = view.value;
        return r;
}

static int conv_geometry(hedge_import_t *imp, const hedge_shape_t *x, const hedge_literal_t *filter, uint32_t rank,
                         hedge_conv_t *ret)
{
        const uint32_t *f = filter->shape.dims;
        uint32_t in[2] = { x->dims[1], x->dims[2] }, height = rank == 4 ? f[2] : 1, width = f[rank - 1];
        int64_t groups = hedge_attr_int(imp, "group", 1);
        hedge_window_t w = { .kernel = { height, width } };
        int r = hedge_image_window(imp, rank, in, &w);

        if (r < 0)
                return r;
        if (w.kernel[0] != height || w.kernel[1] != width)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "kernel_shape is not the filter's");
        if (groups < 1 || groups > x->dims[3] || (int64_t)f[1] * groups != x->dims[3] || f[0] % groups)
                return hedge_import_fail(imp, HEDGE_EMALFORMED,
                                         "%lld groups of filters over %u channels do not fit %u input channels",
                                         (long long)groups, f[1], x->dims[3]);
        *ret = (hedge_conv_t){
                .in_h = in[0],
                .in_w = in[1],
                .in_c = x->dims[3],
                .out_c = f[0],
                HEDGE_WINDOW_FIELDS(w),
                .groups = (uint32_t)groups,
        };
        return 0;
}

int hedge_import_conv(hedge_import_t *imp)
{
        hedge_op_t op = { .kind = HEDGE_OP_CONV };
        uint32_t inputs[3], n = hedge_import_has(imp, 2) ? 3 : 2, rank;
        hedge_literal_t *filter;
        hedge_view_t x;
        int r = hedge_import_view(imp, 0, &x);

        if (r == 0)
                r = hedge_import_literal(imp, 1, "the filter", &filter);
        if (r == 0)
                r = hedge_image_open(imp, &x, &inputs[0]);
        if (r < 0)
                return r;
        rank = x.shape.rank;
        if (filter->shape.rank != rank)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "a filter with %u axes for an input with %u",
                                         filter->shape.rank, rank);
        r = conv_geometry(imp, &imp->graph->values[inputs[0]].shape, filter, rank, &op.conv);
        if (r == 0)
                r = build_filter(imp, filter, &inputs[1]);
        if (r == 0 && n == 3)
                r = build_bias(imp, op.conv.out_c, &inputs[2]);
        return r < 0 ? r : hedge_image_build(imp, &op, inputs, n, &x);
}

int hedge_import_lrn(hedge_import_t *imp)
{
        hedge_op_t op = { .kind = HEDGE_OP_LRN };
        int64_t size = hedge_attr_int(imp, "size", 0);
        hedge_view_t x;
        uint32_t value;
        int r = hedge_import_view(imp, 0, &x);

        if (r < 0)
                return r;
        if (size < 1 || size > INT32_MAX)
                return hedge_import_fail(imp, HEDGE_EMALFORMED, "a size of %lld", (long long)size);
        op.lrn.size = (uint32_t)size;
        op.lrn.alpha = hedge_attr_float(imp, "alpha", 1e-4f);
        op.lrn.beta = hedge_attr_float(imp, "beta", 0.75f);
        op.lrn.bias = hedge_attr_float(imp, "bias", 1.0f);
        r = hedge_image_open(imp, &x, &value);
        return r < 0 ? r : hedge_image_build(imp, &op, &value, 1, &x);
}

/* x = x OP v[channel]; takes v over. */
static int per_channel(hedge_import_t *imp, hedge_op_kind_t kind, hedge_view_t *x, float *v)
{
        hedge_op_t op = { .kind = kind };
        hedge_shape_t shape = { .rank = x->shape.rank };
        uint32_t inputs[2] = { x->value, 0 };
        int r;

        for (uint32_t i = 0; i < shape.rank; i++)
                shape.dims[i] = x->perm[i] == 1 ? x->shape.dims[1] : 1;
        r = hedge_build_value(imp, &shape, v, &inputs[1]);
        if (r == 0)
                r = hedge_build_op(imp, &op, inputs, 2, &x->value);
        return r;
}

/* The factor and the term that batch normalisation comes to, per channel. */
static int batch_norm_factors(hedge_import_t *imp, uint32_t channels, float *factor, float *term)
{
        static const char *const names[] = { "the input", "scale", "B", "mean", "var" };
        double epsilon = hedge_attr_float(imp, "epsilon", 1e-5f);
        hedge_literal_t *l[5];

        for (uint32_t i = 1; i < 5; i++) {
                int r = hedge_import_literal(imp, i, names[i], &l[i]);

                if (r < 0)
                        return r;
                if (l[i]->is_int || l[i]->shape.rank != 1 || l[i]->shape.dims[0] != channels)
                        return hedge_import_fail(imp, HEDGE_EMALFORMED, "%s has not one number per channel", names[i]);
        }
        for (uint32_t c = 0; c < channels; c++) {
                double f = l[1]->floats[c] / sqrt(l[4]->floats[c] + epsilon);

                factor[c] = (float)f;
                term[c] = (float)(l[2]->floats[c] - l[3]->floats[c] * f);
        }
        return 0;
}

static int check_batch_norm(hedge_import_t *imp, const hedge_view_t *x)
{
        if (x->shape.rank < 2)
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "a tensor without channels");
        if (hedge_attr_int(imp, "training_mode", 0) != 0 || hedge_attr_int(imp, "spatial", 1) == 0)
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "training mode and spatial = 0 are not supported");
        for (uint32_t i = 1; i < imp->node->n_output; i++)
                if (hedge_import_wanted(imp, i))
                        return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "only the first output is supported");
        return 0;
}

int hedge_import_batch_norm(hedge_import_t *imp)
{
        float *factor = NULL, *term = NULL;
        hedge_view_t x;
        int r = hedge_import_view(imp, 0, &x);

        if (r == 0)
                r = check_batch_norm(imp, &x);
        if (r < 0)
                return r;
        factor = hedge_floats_new(x.shape.dims[1]);
        term = hedge_floats_new(x.shape.dims[1]);
        if (!factor || !term)
                r = hedge_why(imp->why, -ENOMEM, "out of memory");
        else
                r = batch_norm_factors(imp, x.shape.dims[1], factor, term);
        if (r == 0) {
                r = per_channel(imp, HEDGE_OP_MUL, &x, factor);
                factor = NULL;
        }
        if (r == 0) {
                r = per_channel(imp, HEDGE_OP_ADD, &x, term);
                term = NULL;
        }
        free(factor);
        free(term);
        return r < 0 ? r : hedge_import_set_view(imp, 0, &x);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "common/model/binary.h"
#include "common/model/build.h"
#include "common/model/operators.h"

/* Scale, B, mean and variance of batch normalisation, each with as many axes as the input has from the channels on. */
typedef struct batch {
        hedge_operand_t of[5]; /* 1 to 4 */
        hedge_literal_t *owned[5];
        bool constant;
} batch_t;

static void release_batch(batch_t *b)
{
        for (uint32_t i = 1; i < 5; i++)
                hedge_literal_destroy(&b->owned[i]);
}

/* One number per channel; with `spatial` = 0 (before opset 9) one per element of an image. */
static int read_batch(hedge_import_t *imp, const hedge_shape_t *x, batch_t *b)
{
        static const char *const names[] = { "the input", "scale", "B", "mean", "var" };
        uint32_t axes = hedge_attr_int(imp, "spatial", 1) != 0 ? 1 : x->rank - 1;
        int r = 0;

        b->constant = true;
        for (uint32_t i = 1; r == 0 && i < 5; i++) {
                const hedge_shape_t *s = hedge_import_shape_of(imp, i);

                for (uint32_t d = 0; d < axes; d++)
                        if (s->rank != axes || s->dims[d] != x->dims[d + 1])
                                return hedge_import_fail(imp, HEDGE_EMALFORMED, "%s has not one number per %s",
                                                         names[i], axes == 1 ? "channel" : "element");
                r = hedge_operand_under(imp, i, x->rank, 1, &b->of[i], &b->owned[i]);
                b->constant = b->constant && b->of[i].literal;
                if (r == 0 && b->of[i].literal && b->of[i].literal->is_int)
                        r = hedge_import_fail(imp, HEDGE_EMALFORMED, "%s is not of floating point", names[i]);
        }
        return r;
}

/* The factor and the term that it comes to, in place of scale and B. */
static void constant_factors(const batch_t *b, double epsilon)
{
        float *scale = b->owned[1]->floats, *bias = b->owned[2]->floats;

        for (size_t i = 0, n = hedge_shape_elements(&b->owned[1]->shape); i < n; i++) {
                double f = scale[i] / sqrt(b->owned[4]->floats[i] + epsilon);

                bias[i] = (float)(bias[i] - b->owned[3]->floats[i] * f);
                scale[i] = (float)f;
        }
}

static int view_of(hedge_import_t *imp, const hedge_operand_t *o, hedge_view_t *ret)
{
        if (o->literal)
                return hedge_build_literal(imp, o->literal, o->literal->shape.rank, NULL, ret);
        *ret = o->view;
        return 0;
}

/* The same where some are computed when the graph runs. */
static int computed_factors(hedge_import_t *imp, batch_t *b, float epsilon)
{
        hedge_op_t root = { .kind = HEDGE_OP_UNARY, .unary = { .kind = HEDGE_UNARY_SQRT } };
        hedge_operand_t divisor = { .literal = NULL }, shift = { .literal = NULL }, *f = &b->of[1], *t = &b->of[2];
        int r = view_of(imp, &b->of[4], &divisor.view);

        if (r == 0)
                r = hedge_binary_number(imp, HEDGE_OP_ADD, &divisor.view, epsilon, false);
        if (r == 0)
                r = hedge_build_unary(imp, &root, &divisor.view);
        if (r == 0)
                r = hedge_binary(imp, HEDGE_OP_DIV, f, &divisor, &f->view);
        f->literal = NULL;
        if (r == 0)
                r = hedge_binary(imp, HEDGE_OP_MUL, &b->of[3], f, &shift.view);
        if (r == 0)
                r = hedge_binary(imp, HEDGE_OP_SUB, t, &shift, &t->view);
        t->literal = NULL;
        return r;
}

/* From 14 on it is said by a word; before, by asking for more than the result. */
static bool says_training(hedge_import_t *imp)
{
        bool more = false;

        for (size_t i = 1; i < imp->node->n_output; i++)
                more = more || imp->node->output[i][0];
        if (imp->opset >= 14)
                return hedge_attr_int(imp, "training_mode", 0) != 0;
        return more && (imp->opset >= 7 || hedge_attr_int(imp, "is_test", 0) == 0);
}

static int check_batch_norm(hedge_import_t *imp, const hedge_view_t *x)
{
        if (x->shape.rank < 2)
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "a tensor without channels");
        if (says_training(imp))
                return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "training mode is not supported");
        for (uint32_t i = 1; i < imp->node->n_output; i++)
                if (hedge_import_wanted(imp, i))
                        return hedge_import_fail(imp, HEDGE_EUNSUPPORTED, "only the first output is supported");
        return 0;
}

int hedge_import_batch_norm(hedge_import_t *imp)
{
        float epsilon = hedge_attr_float(imp, "epsilon", 1e-5f);
        batch_t b = { .constant = false };
        hedge_operand_t x = { .literal = NULL };
        int r = hedge_import_view(imp, 0, &x.view);

        if (r == 0)
                r = check_batch_norm(imp, &x.view);
        if (r == 0)
                r = read_batch(imp, &x.view.shape, &b);
        if (r == 0 && b.constant)
                constant_factors(&b, epsilon);
        else if (r == 0)
                r = computed_factors(imp, &b, epsilon);
        if (r == 0)
                r = hedge_binary(imp, HEDGE_OP_MUL, &x, &b.of[1], &x.view);
        if (r == 0)
                r = hedge_binary(imp, HEDGE_OP_ADD, &x, &b.of[2], &x.view);
        release_batch(&b);
        return r < 0 ? r : hedge_import_set_view(imp, 0, &x.view);
}

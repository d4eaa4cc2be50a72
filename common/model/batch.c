/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/batch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int hedge_batch_new(uint32_t n_inputs, uint32_t n_outputs, hedge_batch_t **ret)
{
        hedge_batch_t *b = calloc(1, sizeof(*b));

        if (!b)
                return -ENOMEM;
        *b = (hedge_batch_t){ .size = 1,
                              .n_inputs = n_inputs,
                              .n_outputs = n_outputs,
                              .inputs = calloc(n_inputs + 1, sizeof(*b->inputs)),
                              .outputs = calloc(n_outputs + 1, sizeof(*b->outputs)) };
        if (!b->inputs || !b->outputs) {
                hedge_batch_destroy(&b);
                return -ENOMEM;
        }
        for (uint32_t i = 0; i < n_inputs; i++)
                b->inputs[i] = HEDGE_NO_AXIS;
        for (uint32_t i = 0; i < n_outputs; i++)
                b->outputs[i] = HEDGE_NO_AXIS;
        *ret = b;
        return 0;
}

int hedge_batch_copy(const hedge_batch_t *batch, hedge_batch_t **ret)
{
        hedge_batch_t *b;
        int r = hedge_batch_new(batch->n_inputs, batch->n_outputs, &b);

        if (r < 0)
                return r;
        b->any = batch->any;
        b->size = batch->size;
        b->apart = batch->apart;
        memcpy(b->inputs, batch->inputs, b->n_inputs * sizeof(*b->inputs));
        memcpy(b->outputs, batch->outputs, b->n_outputs * sizeof(*b->outputs));
        memcpy(b->why, batch->why, sizeof(b->why));
        *ret = b;
        return 0;
}

void hedge_batch_destroy(hedge_batch_t **batch)
{
        hedge_batch_t *b = *batch;

        if (!b)
                return;
        free(b->inputs);
        free(b->outputs);
        free(b);
        *batch = NULL;
}

hedge_shape_t hedge_batch_shape(const hedge_shape_t *one, uint32_t axis, uint32_t runs)
{
        hedge_shape_t shape = *one;

        if (axis != HEDGE_NO_AXIS)
                shape.dims[axis] *= runs;
        return shape;
}

/* How many times as long is this input? 0: it is not the graph's. */
static uint32_t times(const hedge_shape_t *given, const hedge_shape_t *one, uint32_t axis)
{
        uint32_t n;

        if (axis == HEDGE_NO_AXIS || given->rank != one->rank)
                return hedge_shape_equal(given, one) ? 1 : 0;
        for (uint32_t i = 0; i < one->rank; i++)
                if (i != axis && given->dims[i] != one->dims[i])
                        return 0;
        n = given->dims[axis] / one->dims[axis];
        return given->dims[axis] % one->dims[axis] ? 0 : n;
}

static int wrong_shape(const hedge_graph_t *g, uint32_t input, const hedge_shape_t *given, hedge_why_t *why)
{
        const hedge_value_t *v = &g->values[g->inputs[input]];
        const bool several = given->rank == v->shape.rank && given->rank > 0 && given->dims[0] != v->shape.dims[0];
        char is[80], wanted[80];

        hedge_shape_text(given, is, sizeof(is));
        hedge_shape_text(&v->shape, wanted, sizeof(wanted));
        if (several && g->batch && g->batch->why[0])
                return hedge_why(why, HEDGE_ESHAPE,
                                 "the input '%.64s' is %s, here it is %s; more than one picture at a time is not "
                                 "possible: %s. A fixed number of pictures can be stated with --shape",
                                 v->name, wanted, is, g->batch->why);
        return hedge_why(
                why, HEDGE_ESHAPE, "the input '%.64s' is %s%s, here it is %s", v->name, wanted,
                g->batch && g->batch->any && g->batch->inputs[input] != HEDGE_NO_AXIS ? " for each picture" : "", is);
}

static int check_outputs(const hedge_graph_t *g, uint32_t runs, hedge_why_t *why)
{
        for (uint32_t i = 0; i < g->n_outputs; i++) {
                const hedge_shape_t *one = &g->values[g->outputs[i]].shape;

                if (g->batch->outputs[i] != HEDGE_NO_AXIS &&
                    hedge_shape_check(one, (HEDGE_MAX_ELEMENTS - 1) / runs) < 0)
                        return hedge_why(why, HEDGE_ELIMIT, "the output '%.64s' of %u pictures is too large",
                                         g->values[g->outputs[i]].name, runs);
        }
        return 0;
}

int hedge_batch_runs(const hedge_graph_t *g, const hedge_shape_t *inputs, uint32_t n, uint32_t *ret, hedge_why_t *why)
{
        uint32_t runs = 0;

        for (uint32_t i = 0; i < n; i++) {
                const uint32_t axis = g->batch && g->batch->any ? g->batch->inputs[i] : HEDGE_NO_AXIS;
                const uint32_t here = times(&inputs[i], &g->values[g->inputs[i]].shape, axis);

                if (here == 0)
                        return wrong_shape(g, i, &inputs[i], why);
                if (here > HEDGE_BATCH_MAX)
                        return hedge_why(why, HEDGE_ELIMIT, "%u pictures in one request; at most %u are allowed", here,
                                         HEDGE_BATCH_MAX);
                if (axis != HEDGE_NO_AXIS && runs && here != runs)
                        return hedge_why(why, HEDGE_ESHAPE, "the input '%.64s' holds %u pictures, one before it %u",
                                         g->values[g->inputs[i]].name, here, runs);
                if (axis != HEDGE_NO_AXIS)
                        runs = here;
        }
        if (runs > 1) {
                const int r = check_outputs(g, runs, why);

                if (r < 0)
                        return r;
        }
        *ret = runs ? runs : 1;
        return 0;
}

/* A tensor is `outer` times a block of `inner` elements, and a picture has its part of each. */
static void split(const hedge_shape_t *one, uint32_t axis, size_t *outer, size_t *inner)
{
        *outer = 1;
        for (uint32_t i = 0; i < axis; i++)
                *outer *= one->dims[i];
        *inner = hedge_shape_elements(one) / (*outer ? *outer : 1);
}

void hedge_batch_put(const hedge_shape_t *one, uint32_t axis, uint32_t run, uint32_t runs, const float *from,
                     float *joined)
{
        size_t outer, inner;

        if (axis == HEDGE_NO_AXIS) {
                if (run == 0)
                        memcpy(joined, from, hedge_shape_elements(one) * sizeof(*from));
                return;
        }
        split(one, axis, &outer, &inner);
        for (size_t i = 0; i < outer; i++)
                memcpy(joined + (i * runs + run) * inner, from + i * inner, inner * sizeof(*from));
}

void hedge_batch_get(const hedge_shape_t *one, uint32_t axis, uint32_t run, uint32_t runs, const void *joined,
                     float *to)
{
        const char *from = joined;
        size_t outer, inner;

        if (axis == HEDGE_NO_AXIS) {
                memcpy(to, joined, hedge_shape_elements(one) * sizeof(*to));
                return;
        }
        split(one, axis, &outer, &inner);
        for (size_t i = 0; i < outer; i++)
                memcpy(to + i * inner, from + (i * runs + run) * inner * sizeof(*to), inner * sizeof(*to));
}

char *hedge_batch_text(const hedge_batch_t *batch, char *buf, size_t size)
{
        if (batch && batch->any)
                snprintf(buf, size, "any");
        else if (batch && batch->why[0])
                snprintf(buf, size, "%u (%s)", batch->size, batch->why);
        else
                snprintf(buf, size, "%u", batch ? batch->size : 1);
        return buf;
}

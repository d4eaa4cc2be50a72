/* SPDX-License-Identifier: Apache-2.0 */
#include "client/batch.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t axis_of(const hedgec_form_t *form, uint32_t input)
{
        return form->batch ? form->batch->inputs[input] : HEDGE_NO_AXIS;
}

uint32_t hedgec_batch_times(const hedgec_form_t *form, uint32_t input, const hedge_shape_t *given)
{
        const hedge_shape_t *shape = &form->shapes[input];
        const uint32_t axis = axis_of(form, input);

        if (hedgec_shape_fits(given, shape))
                return 1;
        if (axis == HEDGE_NO_AXIS || given->rank != shape->rank || given->dims[axis] % shape->dims[axis])
                return 0;
        for (uint32_t i = 0; i < shape->rank; i++)
                if (i != axis && given->dims[i] != shape->dims[i])
                        return 0;
        return given->dims[axis] / shape->dims[axis];
}

hedge_shape_t hedgec_batch_one(const hedgec_form_t *form, uint32_t input)
{
        hedge_shape_t shape = form->shapes[input];

        if (axis_of(form, input) != HEDGE_NO_AXIS)
                shape.dims[axis_of(form, input)] /= form->batch->size;
        return shape;
}

bool hedgec_batch_is_single(const hedgec_form_t *form, const hedgec_input_t *input)
{
        if (!form->batch || form->batch->size < 2)
                return false;
        for (uint32_t i = 0; i < input->n; i++) {
                const hedge_shape_t one = hedgec_batch_one(form, i);

                if (!input->files[i].is_picture && !hedgec_shape_fits(&input->files[i].tensor.shape, &one))
                        return false;
        }
        return true;
}

bool hedgec_batch_takes(const hedgec_form_t *form, uint32_t input, const hedge_shape_t *given)
{
        const hedge_shape_t one = hedgec_batch_one(form, input);

        return hedgec_batch_times(form, input, given) > 0 || hedgec_shape_fits(given, &one);
}

const char *hedgec_batch_why(const hedgec_form_t *form)
{
        return form->batch ? form->batch->why : "";
}

/* One picture's part of an output. */
static int cut(const hedge_tensor_t *joined, uint32_t axis, uint32_t picture, uint32_t pictures, hedge_tensor_t *ret)
{
        hedge_shape_t one = joined->shape;

        if (axis != HEDGE_NO_AXIS) {
                if (axis >= one.rank || one.dims[axis] % pictures)
                        return HEDGE_EMALFORMED;
                one.dims[axis] /= pictures;
        }
        if (hedge_tensor_alloc(ret, &one) < 0)
                return -ENOMEM;
        hedge_batch_get(&one, axis, picture, pictures, joined->data, ret->data);
        return 0;
}

static int cut_all(const hedge_batch_t *batch, const hedgec_answer_t *answer, uint32_t picture, uint32_t pictures,
                   hedge_tensor_t *outputs)
{
        int r = answer->n_outputs == batch->n_outputs ? 0 : HEDGE_EMALFORMED;

        for (uint32_t i = 0; r == 0 && i < answer->n_outputs; i++)
                r = cut(&answer->outputs[i], batch->outputs[i], picture, pictures, &outputs[i]);
        return r;
}

char *hedgec_batch_name(const char *operand, uint32_t i, uint32_t of)
{
        char *name = NULL;

        if (of == 1)
                return strdup(operand);
        return asprintf(&name, "%s[%u]", operand, i) < 0 ? NULL : name;
}

static char *name_of(const hedgec_batch_answers_t *a, uint32_t picture)
{
        if (a->of > 1)
                return hedgec_batch_name(a->operands[0], a->from + picture, a->of);
        return hedgec_batch_name(a->operands[picture], 0, 1);
}

/* What is drawn is one file. */
static bool draws(const hedgec_show_t *show)
{
        return show->options->sight.draw || show->options->sight.mask;
}

static void show_picture(hedgec_show_t *show, const hedgec_batch_answers_t *a, const hedgec_answer_t *answer,
                         uint32_t picture)
{
        const uint32_t pictures = a->runs * a->batch->size, run = picture / a->batch->size;
        hedge_tensor_t *outputs = calloc(answer->n_outputs + 1, sizeof(*outputs));
        char *name = name_of(a, picture);
        hedgec_answer_t one = *answer;
        int r = outputs && name ? cut_all(a->batch, answer, picture, pictures, outputs) : -ENOMEM;

        one.input = name;
        one.outputs = outputs;
        if (a->runs > 1) {
                const bool told = (uint64_t)(run + 1) * a->run_layers <= answer->n_layers;

                one.n_layers = told ? a->run_layers : 0;
                one.layers = told ? answer->layers + (size_t)run * a->run_layers : NULL;
        }
        if (r == 0)
                hedgec_show_answer(show, &one);
        else
                hedgec_show_failure(show, name ? name : a->operands[0], hedge_strerror(r));
        for (uint32_t i = 0; outputs && i < answer->n_outputs; i++)
                hedge_tensor_release(&outputs[i]);
        free(outputs);
        free(name);
}

/* "a.jpg,b.jpg" */
static char *all_names(const hedgec_batch_answers_t *a)
{
        char *text = NULL;
        size_t size;
        FILE *out = open_memstream(&text, &size);

        if (!out)
                return NULL;
        for (uint32_t i = 0; i < a->n_operands; i++)
                fprintf(out, "%s%s", i ? "," : "", a->operands[i]);
        if (fclose(out) == 0)
                return text;
        free(text);
        return NULL;
}

void hedgec_batch_show(hedgec_show_t *show, const hedgec_batch_answers_t *a, const hedgec_answer_t *answer)
{
        const bool one = !a->batch || (a->n_pictures == 1 && a->runs * a->batch->size == 1);
        hedgec_answer_t all = *answer;
        char *names;

        if (a->of > 1 && draws(show)) {
                hedgec_show_failure(show, a->operands[0], "it holds several pictures: there is one file to draw to");
                return;
        }
        for (uint32_t i = 0; !one && a->batch->apart && i < a->n_pictures; i++)
                show_picture(show, a, answer, i);
        if (!one && a->batch->apart)
                return;
        names = all_names(a);
        all.input = names ? names : a->operands[0];
        hedgec_show_answer(show, &all);
        free(names);
}

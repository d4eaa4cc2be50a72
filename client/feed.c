/* SPDX-License-Identifier: Apache-2.0 */
#include "client/feed.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Read the next INPUT, if that has not been done yet. */
static void fetch(hedgec_feed_t *f)
{
        if (f->held)
                return;
        f->held = true;
        f->held_why = (hedge_why_t){ "" };
        f->input = (hedgec_input_t){ .text = NULL };
        f->held_result = hedgec_input_open(f->operands[f->next], f->n_inputs, f->as_stored, &f->input, &f->held_why);
        if (f->held_result == 0)
                f->held_result = f->choose(f->arg, &f->input, &f->form, &f->held_why);
}

/* The INPUT is in a request now. */
static void pass(hedgec_feed_t *f)
{
        hedgec_input_close(&f->input);
        f->held = false;
        f->next++;
}

static void release_tensors(hedge_tensor_t **tensors, uint32_t n)
{
        for (uint32_t i = 0; *tensors && i < n; i++)
                hedge_tensor_release(&(*tensors)[i]);
        free(*tensors);
        *tensors = NULL;
}

/* How many times the model's input do these tensors hold? */
static int count_runs(const hedgec_feed_t *f, const hedgec_form_t *form, const hedge_tensor_t *tensors, uint32_t *ret,
                      hedge_why_t *why)
{
        uint32_t runs = 0;

        for (uint32_t i = 0; i < form->n_inputs; i++) {
                const uint32_t axis = form->batch ? form->batch->inputs[i] : HEDGE_NO_AXIS;
                const uint32_t here =
                        axis == HEDGE_NO_AXIS ? 0 : tensors[i].shape.dims[axis] / form->shapes[i].dims[axis];

                if (here && runs && here != runs)
                        return hedge_why(why, HEDGE_ESHAPE, "%s: different numbers of pictures, %u and %u",
                                         f->operands[f->next], runs, here);
                runs = here ? here : runs;
        }
        if (runs > HEDGE_BATCH_MAX && form->batch->any)
                return hedge_why(why, HEDGE_ELIMIT, "%s: %u pictures in one request; at most %u are allowed",
                                 f->operands[f->next], runs, HEDGE_BATCH_MAX);
        *ret = runs ? runs : 1;
        return 0;
}

static int alloc_tensors(const hedgec_form_t *form, hedge_tensor_t **ret)
{
        hedge_tensor_t *tensors = calloc(form->n_inputs + 1, sizeof(*tensors));
        int r = tensors ? 0 : -ENOMEM;

        for (uint32_t i = 0; r == 0 && i < form->n_inputs; i++)
                r = hedge_tensor_alloc(&tensors[i], &form->shapes[i]);
        if (r < 0)
                release_tensors(&tensors, form->n_inputs);
        else
                *ret = tensors;
        return r;
}

/* The model's form for one of its pictures. */
static int form_of_one(const hedgec_form_t *form, hedgec_form_t *ret)
{
        int r = hedgec_form_init(ret, form->shapes, form->n_inputs);

        for (uint32_t i = 0; r == 0 && i < form->n_inputs; i++)
                ret->shapes[i] = hedgec_batch_one(form, i);
        ret->preprocess = form->preprocess;
        return r;
}

/* Tell what pictures `from` .. of the INPUT's `of` are made of. */
static int note(hedgec_feed_t *f, uint32_t from, uint32_t n, uint32_t of, hedge_why_t *why)
{
        const char *operand = f->operands[f->next];
        hedgec_form_t one = { .n_inputs = 0 };
        int r = f->show && hedgec_sight_is_open(&f->show->sight) ? form_of_one(f->form, &one) : 1;

        for (uint32_t i = 0; r == 0 && i < n; i++) {
                char *name = hedgec_batch_name(operand, from + i, of);

                r = name ? hedgec_sight_note(&f->show->sight, name, &f->input, &one, why) : -ENOMEM;
                free(name);
        }
        hedgec_form_release(&one);
        return r == -ENOMEM ? hedge_why(why, r, "%s: out of memory", operand) : r < 0 ? r : 0;
}

/* The next of the requests that an INPUT is. */
static int take_part(hedgec_feed_t *f, hedgec_request_t *q)
{
        const hedge_batch_t *batch = f->form->batch;
        int r = alloc_tensors(f->form, &q->tensors);

        if (r < 0)
                return hedge_why(&q->why, r, "%s: out of memory", f->operands[f->next]);
        for (uint32_t i = 0; i < f->form->n_inputs; i++)
                hedge_batch_get(&f->form->shapes[i], batch->inputs[i], f->part, f->n_parts, f->parts[i].data,
                                q->tensors[i].data);
        q->runs = 1;
        q->n_pictures = batch->size;
        q->from = f->part++ * batch->size;
        q->of = f->n_parts * batch->size;
        return note(f, q->from, q->n_pictures, q->of, &q->why);
}

/* One INPUT as it is: a request, or, of a model with a fixed batch, several. */
static int take_whole(hedgec_feed_t *f, hedgec_request_t *q)
{
        hedge_tensor_t *tensors = calloc(f->form->n_inputs + 1, sizeof(*tensors));
        uint32_t runs = 1;
        int r = tensors ? hedgec_input_take(&f->input, f->form, tensors, &q->why)
                        : hedge_why(&q->why, -ENOMEM, "%s: out of memory", f->operands[f->next]);

        if (r == 0)
                r = count_runs(f, f->form, tensors, &runs, &q->why);
        if (r < 0) {
                release_tensors(&tensors, f->form->n_inputs);
                return r;
        }
        if (runs > 1 && !f->form->batch->any) {
                f->parts = tensors;
                f->part = 0;
                f->n_parts = runs;
                return take_part(f, q);
        }
        q->tensors = tensors;
        q->runs = runs;
        q->n_pictures = q->of = runs * (f->form->batch ? f->form->batch->size : 1);
        return note(f, 0, q->of, q->of, &q->why);
}

static int put_one(hedgec_feed_t *f, const hedgec_form_t *one, uint32_t place, hedgec_request_t *q)
{
        const hedge_batch_t *batch = q->form->batch;
        hedge_tensor_t *tensors = calloc(one->n_inputs + 1, sizeof(*tensors));
        int r = tensors ? hedgec_input_take(&f->input, one, tensors, &q->why)
                        : hedge_why(&q->why, -ENOMEM, "%s: out of memory", f->operands[f->next]);

        for (uint32_t i = 0; r == 0 && i < one->n_inputs; i++)
                hedge_batch_put(&one->shapes[i], batch->inputs[i], place, batch->size, tensors[i].data,
                                q->tensors[i].data);
        release_tensors(&tensors, one->n_inputs);
        return r < 0 ? r : note(f, 0, 1, 1, &q->why);
}

/* The places that no picture is left for get copies of the last one. */
static void fill(const hedgec_form_t *one, uint32_t from, hedgec_request_t *q)
{
        const hedge_batch_t *batch = q->form->batch;

        for (uint32_t i = 0; i < one->n_inputs; i++) {
                const size_t n = hedge_shape_elements(&one->shapes[i]);
                float *data = q->tensors[i].data;

                for (uint32_t p = from; batch->inputs[i] == 0 && p < batch->size; p++)
                        memcpy(data + p * n, data + (from - 1) * n, n * sizeof(*data));
        }
}

/* Pictures that follow one another, as many as the model takes at once. What does not become a picture ends the group. */
static int take_group(hedgec_feed_t *f, hedgec_request_t *q)
{
        const uint32_t size = f->form->batch->size;
        hedgec_form_t one = { .n_inputs = 0 };
        int r = form_of_one(f->form, &one);

        if (r == 0)
                r = alloc_tensors(f->form, &q->tensors);
        if (r < 0)
                hedge_why(&q->why, r, "%s: out of memory", f->operands[f->next]);
        for (q->count = 0; r == 0 && q->count < size && f->next < f->n; q->count += r == 0) {
                fetch(f);
                if (f->held_result < 0 || f->form != q->form || !hedgec_batch_is_single(f->form, &f->input))
                        break;
                r = put_one(f, &one, q->count, q);
                if (r == 0)
                        pass(f);
        }
        if (q->count > 0)
                fill(&one, q->count, q);
        q->runs = q->of = 1;
        q->n_pictures = q->count;
        hedgec_form_release(&one);
        return r;
}

/* An INPUT of a group that fails is said after those before it. */
static int take_pictures(hedgec_feed_t *f, hedgec_request_t *q)
{
        const hedge_batch_t *batch = f->form->batch;
        int r = take_group(f, q);

        if (r < 0 && q->count > 0) {
                f->held_result = r;
                f->held_why = q->why;
                q->why = (hedge_why_t){ "" };
                r = 0;
        }
        if (r == 0 && q->count < batch->size && !batch->apart)
                r = hedge_why(&q->why, HEDGE_ESHAPE, "%s: the model takes %u pictures together, here are %u",
                              f->operands[q->first], batch->size, q->count);
        return r;
}

static int take(hedgec_feed_t *f, hedgec_request_t *q)
{
        int r;

        if (f->held_result < 0)
                return hedge_why(&q->why, f->held_result, "%s", f->held_why.text);
        q->form = f->form;
        if (f->parts)
                return take_part(f, q);
        if (!hedgec_batch_is_single(f->form, &f->input))
                return take_whole(f, q);
        r = take_pictures(f, q);
        q->passed = q->count > 0;
        q->count += q->count == 0;
        return r;
}

bool hedgec_feed_next(hedgec_feed_t *f, hedgec_request_t *q)
{
        if (f->parts && f->part == f->n_parts) {
                release_tensors(&f->parts, f->form->n_inputs);
                pass(f);
        }
        if (f->next == f->n)
                return false;
        *q = (hedgec_request_t){ .first = f->next, .count = 1 };
        fetch(f);
        q->result = take(f, q);
        if (q->result < 0)
                hedgec_request_release(q);
        if (!f->parts && !q->passed)
                pass(f);
        return true;
}

hedgec_batch_answers_t hedgec_request_answers(const hedgec_request_t *q, char **operands)
{
        return (hedgec_batch_answers_t){ .batch = q->form->batch,
                                         .runs = q->runs,
                                         .operands = operands + q->first,
                                         .n_operands = q->count,
                                         .n_pictures = q->n_pictures,
                                         .from = q->from,
                                         .of = q->of };
}

void hedgec_request_release(hedgec_request_t *request)
{
        if (request->form)
                release_tensors(&request->tensors, request->form->n_inputs);
}

void hedgec_feed_release(hedgec_feed_t *f)
{
        if (f->form)
                release_tensors(&f->parts, f->form->n_inputs);
        if (f->held)
                hedgec_input_close(&f->input);
        f->held = false;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "client/input.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "client/batch.h"
#include "client/media/file.h"
#include "client/media/preprocess.h"
#include "common/element.h"
#include "common/manifest/manifest.h"

int hedgec_form_init(hedgec_form_t *form, const hedge_shape_t *shapes, uint32_t n)
{
        *form = (hedgec_form_t){ .n_inputs = n, .shapes = calloc(n ? n : 1, sizeof(*shapes)) };
        if (!form->shapes)
                return -ENOMEM;
        memcpy(form->shapes, shapes, n * sizeof(*shapes));
        return 0;
}

void hedgec_form_release(hedgec_form_t *form)
{
        free(form->shapes);
        hedge_batch_destroy(&form->batch);
        *form = (hedgec_form_t){ 0 };
}

void hedgec_form_set_element(hedgec_form_t *form, uint32_t i, int element)
{
        if (i < 64 && hedge_element_is_integer(element))
                form->whole |= UINT64_C(1) << i;
}

int hedgec_form_use_preset(hedgec_form_t *form, const char *preset)
{
        hedge_manifest_t manifest = { 0 };
        int r = hedge_manifest_preset(preset, &manifest);

        if (r < 0)
                return r;
        if (form->n_inputs)
                hedge_manifest_resolve(&manifest, &form->shapes[0]);
        form->preprocess = manifest.preprocess;
        hedge_manifest_release(&manifest);
        return 0;
}

int hedgec_shape_fits(const hedge_shape_t *given, const hedge_shape_t *wanted)
{
        uint32_t g = 0, w = 0;

        for (;;) {
                while (g < given->rank && given->dims[g] == 1)
                        g++;
                while (w < wanted->rank && wanted->dims[w] == 1)
                        w++;
                if (g == given->rank || w == wanted->rank)
                        return g == given->rank && w == wanted->rank;
                if (given->dims[g++] != wanted->dims[w++])
                        return 0;
        }
}

/* A tensor as it is, only under the model's shape. */
static int take_tensor(const char *path, hedge_tensor_t *tensor, const hedgec_form_t *form, uint32_t input,
                       hedge_why_t *why)
{
        const uint32_t times = hedgec_batch_times(form, input, &tensor->shape);
        const char *more = hedgec_batch_why(form);
        char given[96], wanted[96];

        if (times == 1)
                tensor->shape = form->shapes[input];
        if (times > 0)
                return 0;
        hedge_shape_text(&tensor->shape, given, sizeof(given));
        hedge_shape_text(&form->shapes[input], wanted, sizeof(wanted));
        return hedge_why(why, HEDGE_ESHAPE, "%s: its shape is %s, the model wants %s%s%s", path, given, wanted,
                         *more ? "; no more than one picture at a time: " : "", more);
}

/* What scaling a picture left between two whole numbers. */
static void make_whole(hedge_tensor_t *tensor)
{
        for (size_t i = 0, n = hedge_shape_elements(&tensor->shape); i < n; i++)
                tensor->data[i] = rintf(tensor->data[i]);
}

static int take_picture(const char *path, const hedgec_picture_t *picture, const hedgec_form_t *form,
                        const hedge_shape_t *shape, hedge_tensor_t *ret, hedge_why_t *why)
{
        hedge_why_t inner = { "" };
        int r;

        if (!form->preprocess.given)
                return hedge_why(why, -EINVAL,
                                 "%s: the model has no model.yaml that says how pictures become its input: say "
                                 "--preprocess none, imagenet or tf",
                                 path);
        r = hedgec_preprocess(picture, &form->preprocess, shape, ret, &inner);
        return r < 0 ? hedge_why(why, r, "%s: %s", path, inner.text[0] ? inner.text : hedge_strerror(r)) : 0;
}

static int take_file(hedgec_input_file_t *file, const char *path, const hedgec_form_t *form, uint32_t input,
                     hedge_tensor_t *ret, hedge_why_t *why)
{
        const char *name = hedgec_file_name(path);
        int r;

        if (file->is_picture) {
                r = take_picture(name, &file->picture, form, &form->shapes[input], ret, why);
                if (r == 0 && input < 64 && form->whole >> input & 1)
                        make_whole(ret);
                return r;
        }
        r = take_tensor(name, &file->tensor, form, input, why);
        if (!r) {
                *ret = file->tensor;
                file->tensor.data = NULL;
        }
        return r;
}

/* The names in an operand: one of a model of one input is whole, whatever it holds. */
static int split(hedgec_input_t *input, uint32_t n, hedge_why_t *why)
{
        char *rest = input->text;

        for (char *name; (name = n == 1 ? rest : strsep(&rest, ",")); input->n++) {
                if (input->n == n)
                        return hedge_why(why, -EINVAL, "more files than the model's %u inputs", n);
                input->names[input->n] = name;
                if (n == 1)
                        rest = NULL;
        }
        return input->n == n
                       ? 0
                       : hedge_why(why, -EINVAL,
                                   "the model has %u inputs, here are %u: give that many files, with commas between", n,
                                   input->n);
}

static int open_files(hedgec_input_t *input, uint32_t n, bool as_stored, hedge_why_t *why)
{
        int r = split(input, n, why);

        for (uint32_t i = 0; r == 0 && i < n; i++)
                r = hedgec_input_file_read(input->names[i], as_stored, &input->files[i], why);
        return r;
}

int hedgec_input_open(const char *operand, uint32_t n, bool as_stored, hedgec_input_t *ret, hedge_why_t *why)
{
        hedgec_input_t input = { .text = strdup(operand) };
        hedge_why_t inner = { "" };
        int r;

        input.names = calloc(n + 1, sizeof(char *));
        input.files = calloc(n + 1, sizeof(*input.files));
        if (!input.text || !input.names || !input.files) {
                hedgec_input_close(&input);
                return hedge_why(why, -ENOMEM, "%s: out of memory", operand);
        }
        r = open_files(&input, n, as_stored, &inner);
        if (r == 0) {
                *ret = input;
                return 0;
        }
        hedgec_input_close(&input);
        /* The sentence of a file names the file; those about the group name nothing. */
        if (n != 1 && r == -EINVAL && strncmp(inner.text, operand, strcspn(operand, ",")) != 0)
                return hedge_why(why, r, "%.200s: %.300s", operand, inner.text);
        return hedge_why(why, r, "%s", inner.text);
}

void hedgec_input_close(hedgec_input_t *input)
{
        for (uint32_t i = 0; input->files && i < input->n; i++)
                hedgec_input_file_release(&input->files[i]);
        free(input->files);
        free(input->names);
        free(input->text);
        *input = (hedgec_input_t){ 0 };
}

int hedgec_input_take(hedgec_input_t *input, const hedgec_form_t *form, hedge_tensor_t *tensors, hedge_why_t *why)
{
        uint32_t n = 0;
        int r = 0;

        while (r == 0 && n < form->n_inputs) {
                r = take_file(&input->files[n], input->names[n], form, n, &tensors[n], why);
                n += r == 0;
        }
        while (r < 0 && n--)
                hedge_tensor_release(&tensors[n]);
        return r;
}

int hedgec_input_read(const hedgec_form_t *form, const char *operand, hedge_tensor_t *tensors, hedge_why_t *why)
{
        hedgec_input_t input;
        int r = hedgec_input_open(operand, form->n_inputs, form->preprocess.as_stored, &input, why);

        if (r < 0)
                return r;
        r = hedgec_input_take(&input, form, tensors, why);
        hedgec_input_close(&input);
        return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "client/input.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/input_file.h"
#include "client/media/file.h"
#include "client/media/preprocess.h"
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
        *form = (hedgec_form_t){ 0 };
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
static int take_tensor(const char *path, hedge_tensor_t *tensor, const hedge_shape_t *shape, hedge_why_t *why)
{
        char given[96], wanted[96];

        if (hedgec_shape_fits(&tensor->shape, shape)) {
                tensor->shape = *shape;
                return 0;
        }
        hedge_shape_text(&tensor->shape, given, sizeof(given));
        hedge_shape_text(shape, wanted, sizeof(wanted));
        return hedge_why(why, HEDGE_ESHAPE, "%s: its shape is %s, the model wants %s", path, given, wanted);
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

static int read_one(const char *path, const hedgec_form_t *form, const hedge_shape_t *shape, hedge_tensor_t *ret,
                    hedge_why_t *why)
{
        const char *name = hedgec_file_name(path);
        hedgec_input_file_t file;
        int r = hedgec_input_file_read(path, form->preprocess.as_stored, &file, why);

        if (r < 0)
                return r;
        if (file.is_picture) {
                r = take_picture(name, &file.picture, form, shape, ret, why);
        } else {
                r = take_tensor(name, &file.tensor, shape, why);
                if (!r) {
                        *ret = file.tensor;
                        file.tensor.data = NULL;
                }
        }
        hedgec_input_file_release(&file);
        return r;
}

static int read_group(const hedgec_form_t *form, char *names, hedge_tensor_t *tensors, hedge_why_t *why)
{
        uint32_t n = 0;
        int r = 0;

        for (char *name; (name = strsep(&names, ",")); n++) {
                if (n == form->n_inputs)
                        r = hedge_why(why, -EINVAL, "more files than the model's %u inputs", form->n_inputs);
                else
                        r = read_one(name, form, &form->shapes[n], &tensors[n], why);
                if (r < 0)
                        break;
        }
        if (!r && n < form->n_inputs)
                r = hedge_why(why, -EINVAL,
                              "the model has %u inputs, here are %u: give that many files, with commas between",
                              form->n_inputs, n);
        while (r < 0 && n--)
                hedge_tensor_release(&tensors[n]);
        return r;
}

int hedgec_input_read(const hedgec_form_t *form, const char *operand, hedge_tensor_t *tensors, hedge_why_t *why)
{
        hedge_why_t inner = { "" };
        char *names;
        int r;

        if (form->n_inputs == 1)
                return read_one(operand, form, &form->shapes[0], &tensors[0], why);
        names = strdup(operand);
        if (!names)
                return hedge_why(why, -ENOMEM, "%s: out of memory", operand);
        r = read_group(form, names, tensors, &inner);
        free(names);
        /* The sentence of a file names the file; those about the group name nothing. */
        if (r == -EINVAL && strncmp(inner.text, operand, strcspn(operand, ",")))
                return hedge_why(why, r, "%.200s: %.300s", operand, inner.text);
        return r < 0 ? hedge_why(why, r, "%s", inner.text) : 0;
}

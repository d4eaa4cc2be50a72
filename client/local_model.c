/* SPDX-License-Identifier: Apache-2.0 */
#include "client/local_model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/forms.h"
#include "client/shape_of_input.h"
#include "common/detect/check.h"

#define KEPT 4 /* shapes of inputs that came, each with its weights: pictures of one camera have few */

struct hedgec_local_model {
        const char *path;
        const hedge_manifest_t *manifest;
        const hedgec_show_options_t *show;
        hedge_kernels_t *kernels;
        hedgec_local_shape_t shapes[HEDGE_INPUT_SHAPES_MAX];
        unsigned n_shapes;
        hedge_onnx_input_t *inputs; /* where the shapes are those of the inputs that come; else NULL */
        uint32_t n_inputs;
        unsigned next; /* of KEPT, to be replaced */
        unsigned last; /* the one that was chosen last: it is still in use */
};

static void release(hedgec_local_shape_t *shape)
{
        hedge_engine_destroy(&shape->engine);
        hedge_graph_destroy(&shape->graph);
        hedgec_form_release(&shape->form);
}

static int make_form(const hedgec_local_model_t *m, hedgec_local_shape_t *shape, hedge_why_t *why)
{
        const hedge_graph_t *graph = shape->graph;
        hedge_shape_t *shapes = calloc(graph->n_inputs + 1, sizeof(*shapes));
        hedge_manifest_t pictures = { .preprocess = m->manifest->preprocess, .layout = m->manifest->layout };
        int r;

        for (uint32_t i = 0; shapes && i < graph->n_inputs; i++)
                shapes[i] = graph->values[graph->inputs[i]].shape;
        r = shapes ? hedgec_form_init(&shape->form, shapes, graph->n_inputs) : -ENOMEM;
        if (r == 0)
                r = hedge_batch_copy(graph->batch, &shape->form.batch);
        for (uint32_t i = 0; r == 0 && i < graph->n_inputs; i++)
                hedgec_form_set_element(&shape->form, i, (int)graph->values[graph->inputs[i]].element);
        if (r == 0 && graph->n_inputs)
                hedge_manifest_resolve(&pictures, &shapes[0]);
        free(shapes);
        if (r < 0)
                return hedge_why(why, r, "out of memory");
        shape->form.preprocess = pictures.preprocess;
        return hedgec_show_prepare(m->show, &shape->form, why);
}

static int make_shape(const hedgec_local_model_t *m, const hedge_input_shape_t *stated, uint32_t n,
                      hedgec_local_shape_t *ret, hedge_why_t *why)
{
        const hedge_onnx_options_t options = { .shapes = stated, .n_shapes = n, .take_apart = true };
        hedgec_local_shape_t shape = { .graph = NULL };
        int r = hedge_onnx_load(m->path, &options, &shape.graph, why);

        if (r == 0)
                r = make_form(m, &shape, why);
        /* Labels of a file of their own are not counted yet: then the first answer is checked. */
        if (r == 0 && !m->show->labels)
                r = hedge_detect_check_graph(&m->manifest->output, shape.graph, shape.form.preprocess.nhwc,
                                             m->manifest->n_labels, why);
        if (r == 0) {
                r = hedge_engine_new(shape.graph, m->kernels, &shape.engine);
                if (r < 0)
                        hedge_why(why, r, "%s: %s", m->path, hedge_strerror(r));
        }
        if (r < 0)
                release(&shape);
        else
                *ret = shape;
        return r;
}

/* All that are stated; none: as the file says. */
static int make_stated(hedgec_local_model_t *m, const hedge_input_shape_t *shapes, uint32_t n, hedge_why_t *why)
{
        hedge_input_shape_t set[HEDGE_INPUT_SHAPES_MAX];
        const int sets = hedge_input_shapes_sets(shapes, n, why);
        int r = sets < 0 ? sets : 0;

        for (int k = 0; r == 0 && k < sets; k++) {
                const uint32_t stated = hedge_input_shapes_set(shapes, n, (uint32_t)k, set);

                r = make_shape(m, set, stated, &m->shapes[m->n_shapes], why);
                m->n_shapes += r == 0;
        }
        return r;
}

/* What is missing may be said by the inputs that come. @return 0, or `r`, which says what is missing. */
static int wait_for_inputs(hedgec_local_model_t *m, int r)
{
        if (hedge_onnx_inputs(m->path, &m->inputs, &m->n_inputs, NULL) < 0)
                return r;
        if (hedgec_inputs_are_open(m->inputs, m->n_inputs) && m->n_inputs <= HEDGE_INPUT_SHAPES_MAX)
                return 0;
        free(m->inputs);
        m->inputs = NULL;
        return r;
}

int hedgec_local_model_new(const char *path, const hedge_manifest_t *manifest, const hedgec_shapes_t *shapes,
                           const hedgec_show_options_t *show, hedge_kernels_t *kernels, hedgec_local_model_t **ret,
                           hedge_why_t *why)
{
        hedgec_local_model_t *m = calloc(1, sizeof(*m));
        const hedge_input_shape_t *stated = shapes->n ? shapes->items : manifest->shapes;
        const uint32_t n = shapes->n ? shapes->n : manifest->n_shapes;
        int r;

        if (!m)
                return hedge_why(why, -ENOMEM, "out of memory");
        m->path = path;
        m->manifest = manifest;
        m->show = show;
        m->kernels = kernels;
        r = make_stated(m, stated, n, why);
        if (r == HEDGE_ESHAPE && n == 0)
                r = wait_for_inputs(m, r);
        if (r < 0)
                hedgec_local_model_destroy(&m);
        else
                *ret = m;
        return r;
}

void hedgec_local_model_destroy(hedgec_local_model_t **model)
{
        hedgec_local_model_t *m = *model;

        if (!m)
                return;
        for (unsigned i = 0; i < m->n_shapes; i++)
                release(&m->shapes[i]);
        free(m->inputs);
        free(m);
        *model = NULL;
}

/* Is this the shape that was stated? */
static bool is_stated(const hedgec_local_shape_t *shape, const hedge_input_shape_t *stated, uint32_t n)
{
        for (uint32_t s = 0; s < n; s++)
                for (uint32_t i = 0; i < shape->graph->n_inputs; i++) {
                        const hedge_value_t *input = &shape->graph->values[shape->graph->inputs[i]];

                        if (!strcmp(input->name, stated[s].name) && !hedge_shape_equal(&input->shape, &stated[s].shape))
                                return false;
                }
        return true;
}

/* The model in the shape of an input: one that is there, or a new one. */
static int shape_of(hedgec_local_model_t *m, const hedgec_input_t *input, unsigned *ret, hedge_why_t *why)
{
        hedgec_form_t base = { .preprocess = m->manifest->preprocess };
        hedge_input_shape_t stated[HEDGE_INPUT_SHAPES_MAX];
        hedgec_local_shape_t shape;
        uint32_t n;
        int r = hedgec_show_prepare(m->show, &base, why);

        if (r < 0)
                return r;
        n = hedgec_shape_of_input(m->inputs, input, m->manifest->layout, &base.preprocess, stated);
        for (unsigned i = 0; n == m->n_inputs && i < m->n_shapes; i++)
                if (is_stated(&m->shapes[i], stated, n)) {
                        *ret = i;
                        return 0;
                }
        r = make_shape(m, stated, n, &shape, why);
        if (r < 0)
                return r;
        if (m->n_shapes == KEPT && m->next == m->last)
                m->next = (m->next + 1) % KEPT;
        if (m->n_shapes == KEPT)
                release(&m->shapes[m->next]);
        else
                m->n_shapes++;
        m->shapes[m->next] = shape;
        *ret = m->next;
        m->next = (m->next + 1) % KEPT;
        return 0;
}

static int choose(hedgec_local_model_t *m, const hedgec_input_t *input, unsigned *ret, hedge_why_t *why)
{
        hedgec_form_t forms[HEDGE_INPUT_SHAPES_MAX];

        if (m->inputs)
                return shape_of(m, input, ret, why);
        for (unsigned i = 0; i < m->n_shapes; i++)
                forms[i] = m->shapes[i].form;
        return hedgec_forms_choose(forms, m->n_shapes, input, ret, why);
}

int hedgec_local_model_choose(void *arg, const hedgec_input_t *input, const hedgec_form_t **ret, hedge_why_t *why)
{
        hedgec_local_model_t *m = arg;
        unsigned which = 0;
        int r = choose(m, input, &which, why);

        if (r < 0)
                return r;
        m->last = which;
        *ret = &m->shapes[which].form;
        return 0;
}

const hedgec_local_shape_t *hedgec_local_model_shape(const hedgec_local_model_t *m, const hedgec_form_t *form)
{
        for (unsigned i = 0; i < m->n_shapes; i++)
                if (&m->shapes[i].form == form)
                        return &m->shapes[i];
        return NULL;
}

uint32_t hedgec_local_model_inputs(const hedgec_local_model_t *m)
{
        return m->inputs ? m->n_inputs : m->shapes[0].form.n_inputs;
}

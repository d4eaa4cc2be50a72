/* SPDX-License-Identifier: Apache-2.0 */
#include "common/detect/check.h"

#include <errno.h>
#include <stdlib.h>

#include "common/model/batch.h"

/* What one picture has of an output. */
static hedge_shape_t shape_of_one(const hedge_graph_t *graph, uint32_t output)
{
        const uint32_t axis = graph->batch ? graph->batch->outputs[output] : HEDGE_NO_AXIS;
        hedge_shape_t shape = graph->values[graph->outputs[output]].shape;

        if (axis < shape.rank)
                shape.dims[axis] /= graph->batch->size;
        return shape;
}

int hedge_detect_check_graph(const hedge_output_t *what, const hedge_graph_t *graph, bool nhwc, uint32_t n_labels,
                             hedge_why_t *why)
{
        const hedge_shape_t none = { .rank = 0 };
        const hedge_shape_t *input = graph->n_inputs ? &graph->values[graph->inputs[0]].shape : &none;
        hedge_detect_outputs_t outputs = { .nhwc = nhwc, .n_labels = n_labels, .n = graph->n_outputs };
        const char **names;
        hedge_tensor_t *shapes;
        char text[96];
        int r = 0;

        if (what->kind == HEDGE_OUTPUT_CLASSES)
                return 0;
        if (hedge_detect_extents(input, nhwc, &outputs.width, &outputs.height) < 0)
                return hedge_why(why, HEDGE_ESHAPE,
                                 "model.yaml speaks of boxes or masks, but the model's input of %s is no picture",
                                 hedge_shape_text(input, text, sizeof(text)));
        outputs.names = names = calloc(graph->n_outputs + 1u, sizeof(*names));
        outputs.tensors = shapes = calloc(graph->n_outputs + 1u, sizeof(*shapes));
        if (!names || !shapes)
                r = hedge_why(why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));
        for (uint32_t i = 0; r == 0 && i < graph->n_outputs; i++) {
                names[i] = graph->values[graph->outputs[i]].name;
                shapes[i].shape = shape_of_one(graph, i);
        }
        if (r == 0)
                r = hedge_detect_check(what, &outputs, why);
        free(names);
        free(shapes);
        return r;
}

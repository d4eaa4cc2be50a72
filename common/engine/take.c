/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/engine/state.h"
#include "common/segment/segment.h"

/* Several nodes that the caller may take over: their edges, and the memory of what goes out. */
typedef struct taken {
        const hedge_engine_pass_t *pass;
        uint32_t first, last;
        uint32_t *in, *out, n_in, n_out; /* values */
        hedge_tensor_t *from, *to;
        float **own; /* per output: memory that is only for the caller to write to; NULL: it writes where the value lies */
        bool *spared; /* per output: it wrote to the spare of the value's buffer */
} taken_t;

static bool is_inside(const taken_t *taken, uint32_t value)
{
        const uint32_t producer = taken->pass->engine->graph->values[value].producer;

        return producer != HEDGE_NO_NODE && producer >= taken->first && producer < taken->last;
}

/* Does a value lie where another does that is there without it: one that goes in, a constant, or another one that goes out? It is
 * a reshape of it then. */
static bool is_there_already(const taken_t *taken, uint32_t value)
{
        const hedge_engine_t *e = taken->pass->engine;
        uint32_t at = value;

        while (is_inside(taken, at) && e->schedule.skip[e->graph->values[at].producer]) {
                at = e->graph->nodes[e->graph->values[at].producer].inputs[0];
                for (uint32_t i = 0; i < taken->n_out; i++)
                        if (taken->out[i] == at)
                                return true;
        }
        return !is_inside(taken, at);
}

/* Would what is written to this value's buffer overwrite what goes in, which nobody reads after these nodes? */
static bool overwrites_input(const taken_t *taken, uint32_t value)
{
        const hedge_home_t *homes = taken->pass->engine->schedule.homes;

        for (uint32_t i = 0; i < taken->n_in; i++)
                if (homes[value].kind == HEDGE_HOME_BUFFER && homes[taken->in[i]].kind == HEDGE_HOME_BUFFER &&
                    homes[taken->in[i]].index == homes[value].index)
                        return true;
        return false;
}

static int open_output(const taken_t *taken, uint32_t i)
{
        const hedge_engine_pass_t *pass = taken->pass;
        const uint32_t value = taken->out[i], index = pass->engine->schedule.homes[value].index;
        const hedge_shape_t *shape = &pass->engine->graph->values[value].shape;

        taken->to[i].shape = *shape;
        if (is_there_already(taken, value)) {
                taken->own[i] = taken->to[i].data = hedge_floats_new(hedge_shape_elements(shape));
                return taken->own[i] ? 0 : -ENOMEM;
        }
        if (overwrites_input(taken, value)) {
                float **spare = &pass->context->spares[index];

                if (!*spare)
                        *spare = hedge_floats_new(pass->engine->schedule.buffers[index]);
                taken->spared[i] = true;
                taken->to[i].data = *spare;
                return *spare ? 0 : -ENOMEM;
        }
        if (hedge_engine_want(pass, value) < 0)
                return -ENOMEM;
        taken->to[i].data = hedge_engine_data(pass, value);
        return 0;
}

static int open_edges(taken_t *taken)
{
        const hedge_engine_pass_t *pass = taken->pass;
        int r = hedge_segment_values(pass->engine->graph, taken->first, taken->last, &taken->in, &taken->n_in,
                                     &taken->out, &taken->n_out);

        if (r < 0)
                return r;
        taken->from = calloc(taken->n_in + (size_t)1, sizeof(*taken->from));
        taken->to = calloc(taken->n_out + (size_t)1, sizeof(*taken->to));
        taken->own = calloc(taken->n_out + (size_t)1, sizeof(*taken->own));
        taken->spared = calloc(taken->n_out + (size_t)1, sizeof(*taken->spared));
        if (!taken->from || !taken->to || !taken->own || !taken->spared)
                return -ENOMEM;
        for (uint32_t i = 0; i < taken->n_in; i++)
                taken->from[i] = (hedge_tensor_t){ pass->engine->graph->values[taken->in[i]].shape,
                                                   hedge_engine_data(pass, taken->in[i]) };
        for (uint32_t i = 0; r == 0 && i < taken->n_out; i++)
                r = open_output(taken, i);
        return r;
}

/* What went in is not needed any more: spares become what they are the spares of. */
static void keep_outputs(const taken_t *taken)
{
        const hedge_engine_pass_t *pass = taken->pass;

        for (uint32_t i = 0; i < taken->n_out; i++) {
                const uint32_t index = pass->engine->schedule.homes[taken->out[i]].index;

                hedge_engine_mark_missing(&pass->engine->graph->values[taken->out[i]], &taken->to[i]);
                if (!taken->spared[i])
                        continue;
                pass->context->spares[index] = pass->context->buffers[index];
                pass->context->buffers[index] = taken->to[i].data;
        }
}

int hedge_engine_take(const hedge_engine_pass_t *pass, uint32_t first, uint32_t last)
{
        taken_t taken = { .pass = pass, .first = first, .last = last };
        int r = open_edges(&taken);

        if (r == 0)
                r = pass->hooks->run(pass->arg, first, last, taken.from, taken.to);
        if (r == 0)
                keep_outputs(&taken);
        for (uint32_t i = 0; taken.own && i < taken.n_out; i++)
                free(taken.own[i]);
        free(taken.in);
        free(taken.out);
        free(taken.from);
        free(taken.to);
        free(taken.own);
        free(taken.spared);
        return r;
}

void hedge_engine_mark_missing(const hedge_value_t *value, const hedge_tensor_t *tensor)
{
        const uint32_t no_row = HEDGE_NO_ROW, rows = value->shape.rank ? value->shape.dims[0] : 0;
        const size_t each = rows ? hedge_shape_elements(&value->shape) / rows : 0;

        for (uint32_t i = tensor->shape.dims[0]; value->marked && each > 0 && i < rows; i++)
                memcpy(tensor->data + i * each, &no_row, sizeof(no_row));
}

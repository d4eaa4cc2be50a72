/* SPDX-License-Identifier: Apache-2.0 */
#include "client/shapes.h"

#include <stdio.h>
#include <string.h>

int hedgec_shapes_parse(const hedgec_option_list_t *option, hedgec_shapes_t *ret, hedge_why_t *why)
{
        hedge_why_t inner = { "" };
        int r = 0;

        _Static_assert(HEDGEC_OPTION_LIST_MAX <= HEDGE_INPUT_SHAPES_MAX, "what the option holds has room");
        ret->n = 0;
        for (unsigned i = 0; r == 0 && i < option->count; i++)
                r = hedge_input_shape_parse(option->items[i], &ret->items[ret->n++], &inner);
        if (r == 0)
                r = hedge_input_shapes_sets(ret->items, ret->n, &inner);
        return r < 0 ? hedge_why(why, r, "--shape: %s", inner.text) : 0;
}

bool hedgec_shapes_match(const hedge_input_shape_t *stated, uint32_t n, const hedge_model_status_t *model)
{
        for (uint32_t s = 0; s < n; s++) {
                uint32_t i = 0;

                while (i < model->n_inputs && stated[s].name[0] && strcmp(stated[s].name, model->inputs[i].name) != 0)
                        i++;
                if (i == model->n_inputs || (!stated[s].name[0] && model->n_inputs != 1) ||
                    !hedge_shape_equal(&stated[s].shape, &model->inputs[i].shape))
                        return false;
        }
        return true;
}

bool hedgec_shapes_open(const hedge_model_status_t *model)
{
        for (uint32_t i = 0; i < model->n_inputs; i++)
                if (model->inputs[i].open)
                        return true;
        return false;
}

char *hedgec_shapes_text(const hedge_model_status_t *model, char *buf, size_t size)
{
        size_t used = 0;
        char shape[96];

        buf[0] = '\0';
        for (uint32_t i = 0; i < model->n_inputs && used < size; i++)
                used += (size_t)snprintf(buf + used, size - used, "%s%.60s=%s", i ? " " : "", model->inputs[i].name,
                                         hedge_shape_text(&model->inputs[i].shape, shape, sizeof(shape)));
        return buf;
}

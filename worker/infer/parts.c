/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/infer/parts.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

int hedgew_parts_new(hedgew_task_t *task, uint32_t room, hedgew_parts_t **ret)
{
        hedgew_parts_t *parts = calloc(1, sizeof(*parts));

        assert(room > 0 && room <= HEDGE_PART_FRAMES);
        if (!parts)
                return -ENOMEM;
        parts->task = task;
        parts->room = room;
        parts->said = malloc(room * sizeof(*parts->said));
        parts->frames = malloc(room * sizeof(*parts->frames));
        if (!parts->said || !parts->frames)
                hedgew_parts_destroy(&parts);
        if (!parts)
                return -ENOMEM;
        *ret = parts;
        return 0;
}

void hedgew_parts_add(hedgew_parts_t *parts, hedgew_part_t *part, int64_t clock_us)
{
        assert(parts->n < parts->room);
        if (parts->n == 0)
                parts->first_us = clock_us;
        parts->ready_us = clock_us;
        parts->bytes += zmq_msg_size(&part->frame);
        parts->said[parts->n] = part->said;
        zmq_msg_init(&parts->frames[parts->n]);
        zmq_msg_move(&parts->frames[parts->n], &part->frame);
        parts->n++;
}

void hedgew_parts_destroy(hedgew_parts_t **parts)
{
        if (!*parts)
                return;
        for (uint32_t i = 0; i < (*parts)->n; i++)
                zmq_msg_close(&(*parts)->frames[i]);
        free((*parts)->said);
        free((*parts)->frames);
        free(*parts);
        *parts = NULL;
}

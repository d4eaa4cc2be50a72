/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/floats.h"

#include <assert.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/tensor.h"

void hedgew_floats_take(hedgew_floats_t *floats, zmq_msg_t *frame, hedge_precision_t wire, size_t elements)
{
        assert(zmq_msg_size(frame) == hedge_precision_bytes(wire, elements));
        memset(floats, 0, sizeof(*floats));
        zmq_msg_init(&floats->frame);
        zmq_msg_move(&floats->frame, frame);
        floats->wire = wire;
        floats->elements = elements;
}

int hedgew_floats_open(hedgew_floats_t *floats, size_t slack)
{
        const void *bytes = zmq_msg_data(&floats->frame);

        if (floats->data)
                return 0;
        if (floats->wire == HEDGE_PRECISION_F32 && !slack && (uintptr_t)bytes % sizeof(float) == 0) {
                floats->data = bytes;
                return 0;
        }
        floats->copy = hedge_floats_new(floats->elements);
        if (!floats->copy)
                return -ENOMEM;
        if (floats->wire == HEDGE_PRECISION_Q16)
                hedge_q16_decode(bytes, 0, floats->elements, floats->copy);
        else
                memcpy(floats->copy, bytes, floats->elements * sizeof(float));
        floats->data = floats->copy;
        zmq_msg_close(&floats->frame);
        zmq_msg_init(&floats->frame);
        return 0;
}

void hedgew_floats_release(hedgew_floats_t *floats)
{
        zmq_msg_close(&floats->frame);
        free(floats->copy);
        memset(floats, 0, sizeof(*floats));
        zmq_msg_init(&floats->frame);
}

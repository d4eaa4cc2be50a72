/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/floats.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/tensor.h"

void hedge_floats_take(hedge_floats_t *floats, zmq_msg_t *frame)
{
        memset(floats, 0, sizeof(*floats));
        zmq_msg_init(&floats->frame);
        zmq_msg_move(&floats->frame, frame);
}

int hedge_floats_open(hedge_floats_t *floats, size_t slack)
{
        const void *bytes = zmq_msg_data(&floats->frame);
        size_t size = zmq_msg_size(&floats->frame);

        if (floats->data)
                return 0;
        if (!slack && (uintptr_t)bytes % sizeof(float) == 0) {
                floats->data = bytes;
                return 0;
        }
        floats->copy = hedge_floats_new(size / sizeof(float));
        if (!floats->copy)
                return -ENOMEM;
        memcpy(floats->copy, bytes, size / sizeof(float) * sizeof(float));
        floats->data = floats->copy;
        zmq_msg_close(&floats->frame);
        zmq_msg_init(&floats->frame);
        return 0;
}

void hedge_floats_release(hedge_floats_t *floats)
{
        zmq_msg_close(&floats->frame);
        free(floats->copy);
        memset(floats, 0, sizeof(*floats));
        zmq_msg_init(&floats->frame);
}

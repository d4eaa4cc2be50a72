/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/wire/message.h"
#include "test/fuzz/fuzz.h"

#define PACKABLE 65536 /* a longer header might be above the limit once it is packed with our widths */

/* Bytes that unpack must pack again, and then unpack to what packs to the same bytes. */
static void come_back(const hedge_message_t *message)
{
        zmq_msg_t first, second;
        hedge_message_t again;

        if (hedge_message_pack(message, &first) < 0)
                abort();
        if (hedge_message_unpack(zmq_msg_data(&first), zmq_msg_size(&first), &hedge_wire_default_limits, &again, NULL) <
            0)
                abort();
        if (hedge_message_pack(&again, &second) < 0 || zmq_msg_size(&first) != zmq_msg_size(&second) ||
            memcmp(zmq_msg_data(&first), zmq_msg_data(&second), zmq_msg_size(&first)) != 0)
                abort();
        hedge_message_release(&again);
        zmq_msg_close(&first);
        zmq_msg_close(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        hedge_message_t message;
        hedge_why_t why = { "" };

        if (hedge_message_unpack(data, size, &hedge_wire_default_limits, &message, &why) < 0) {
                if (!why.text[0])
                        abort();
                return 0;
        }
        if (size <= PACKABLE)
                come_back(&message);
        hedge_message_release(&message);
        return 0;
}

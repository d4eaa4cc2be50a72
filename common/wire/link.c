/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/link.h"

#include <czmq.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cost.h"
#include "common/tensor.h"

/* libzmq's own codes lie far above errno's; the one that happens in a running program gets a code of ours. */
static int last_error(void)
{
        return errno == ETERM ? HEDGE_ESHUTDOWN : -errno;
}

static int receive_part(zsock_t *socket, zmq_msg_t *part)
{
        int r;

        do
                r = zmq_msg_recv(part, zsock_resolve(socket), ZMQ_DONTWAIT);
        while (r < 0 && errno == EINTR);
        return r < 0 ? last_error() : 0;
}

static int send_part(zsock_t *socket, zmq_msg_t *part, bool more)
{
        int r;

        do
                r = zmq_msg_send(part, zsock_resolve(socket), ZMQ_DONTWAIT | (more ? ZMQ_SNDMORE : 0));
        while (r < 0 && errno == EINTR);
        return r < 0 ? last_error() : 0;
}

/* Throw away what is left of a message, so that the next receive begins at the next one. */
static void drain(zsock_t *socket)
{
        zmq_msg_t part;

        zmq_msg_init(&part);
        while (zsock_rcvmore(socket) && receive_part(socket, &part) == 0)
                ;
        zmq_msg_close(&part);
}

/* Read the route; `part` holds the header when we return. */
static int receive_route(zsock_t *socket, zmq_msg_t *part, hedge_route_t *route, hedge_why_t *why)
{
        size_t size = zmq_msg_size(part);

        if (size == 0 || size > sizeof(route->bytes))
                return hedge_why(why, HEDGE_EMALFORMED, "a routing id of %zu bytes", size);
        memcpy(route->bytes, zmq_msg_data(part), size);
        route->size = (uint32_t)size;
        if (!zsock_rcvmore(socket))
                return hedge_why(why, HEDGE_EMALFORMED, "an empty message");
        return receive_part(socket, part);
}

static void note_sender(zmq_msg_t *header, hedge_envelope_t *envelope)
{
        const char *key = zmq_msg_gets(header, "User-Id"); /* as zauth has it: the key itself */

        if (key && strlen(key) < sizeof(envelope->key))
                strcpy(envelope->key, key);
        envelope->fd = zmq_msg_get(header, ZMQ_SRCFD);
}

static int receive_frames(zsock_t *socket, const hedge_wire_limits_t *limits, hedge_envelope_t *envelope,
                          hedge_why_t *why)
{
        const char *name = hedge_message_name(envelope->message.type);
        uint32_t most = hedge_message_max_frames(&envelope->message);
        int r;

        if (most > limits->max_frames)
                most = limits->max_frames;
        if (most && zsock_rcvmore(socket)) {
                envelope->frames = malloc(most * sizeof(*envelope->frames));
                if (!envelope->frames)
                        return hedge_why(why, -ENOMEM, "%s: no memory", name);
        }
        while (zsock_rcvmore(socket)) {
                zmq_msg_t *frame;

                if (envelope->n_frames == most)
                        return hedge_why(why, HEDGE_EMALFORMED, "%s: more raw frames than the %u there may be", name,
                                         most);
                frame = &envelope->frames[envelope->n_frames++];
                zmq_msg_init(frame);
                r = receive_part(socket, frame);
                if (r < 0)
                        return r;
                if (zmq_msg_size(frame) > limits->max_frame_bytes)
                        return hedge_why(why, HEDGE_ELIMIT, "%s: a raw frame of %zu bytes", name, zmq_msg_size(frame));
        }
        return hedge_message_check_frames(&envelope->message, envelope->n_frames, why);
}

/* What a message is without its route. */
static uint64_t bytes_of(zmq_msg_t *header, zmq_msg_t *frames, uint32_t n_frames)
{
        uint64_t bytes = zmq_msg_size(header);

        for (uint32_t i = 0; i < n_frames; i++)
                bytes += zmq_msg_size(&frames[i]);
        return bytes;
}

int hedge_link_receive(zsock_t *socket, bool router, const hedge_wire_limits_t *limits, hedge_envelope_t *ret,
                       hedge_why_t *why)
{
        hedge_envelope_t envelope = { .fd = -1 };
        zmq_msg_t part;
        int r;

        zmq_msg_init(&part);
        r = receive_part(socket, &part);
        if (r < 0) {
                zmq_msg_close(&part);
                return r == -EAGAIN ? 0 : hedge_why(why, r, "receive: %s", hedge_strerror(r));
        }
        if (router)
                r = receive_route(socket, &part, &envelope.route, why);
        if (r == 0) {
                note_sender(&part, &envelope);
                r = hedge_message_unpack(zmq_msg_data(&part), zmq_msg_size(&part), limits, &envelope.message, why);
        }
        if (r == 0)
                r = receive_frames(socket, limits, &envelope, why);
        if (r < 0) {
                envelope.about = hedge_message_about(zmq_msg_data(&part), zmq_msg_size(&part), limits);
                drain(socket);
                hedge_envelope_release(&envelope);
        } else {
                hedge_cost_received(bytes_of(&part, envelope.frames, envelope.n_frames));
        }
        zmq_msg_close(&part);
        *ret = envelope;
        return r < 0 ? r : 1;
}

void hedge_envelope_release(hedge_envelope_t *envelope)
{
        hedge_message_release(&envelope->message);
        memset(&envelope->message, 0, sizeof(envelope->message));
        for (uint32_t i = 0; i < envelope->n_frames; i++)
                zmq_msg_close(&envelope->frames[i]);
        free(envelope->frames);
        envelope->frames = NULL;
        envelope->n_frames = 0;
}

/* In libzmq 4.3 (router.cpp, lb.cpp, pipe.cpp) only the first part can be refused: the high-water mark counts whole
 * messages. Should the connection end in the middle, later parts are dropped with the earlier ones, but they must be
 * offered all the same, or the socket would take the next message for this one's rest. */
static int send_parts(zsock_t *socket, zmq_msg_t *route, zmq_msg_t *header, zmq_msg_t *frames, uint32_t n_frames)
{
        bool begun = false;
        int r = 0;

        if (route) {
                r = send_part(socket, route, true);
                begun = r == 0;
        }
        if (r == 0 || begun) {
                r = send_part(socket, header, n_frames > 0);
                begun |= r == 0;
        }
        for (uint32_t i = 0; i < n_frames && begun; i++) {
                int q = send_part(socket, &frames[i], i + 1 < n_frames);

                r = r < 0 ? r : q;
        }
        return r;
}

int hedge_link_send(zsock_t *socket, const hedge_route_t *route, const hedge_message_t *message, zmq_msg_t *frames,
                    uint32_t n_frames)
{
        zmq_msg_t header, address;
        uint64_t bytes;
        int r;

        zmq_msg_init(&header);
        zmq_msg_init(&address);
        r = hedge_message_check_frames(message, n_frames, NULL) < 0 ? -EINVAL : 0;
        if (r == 0)
                r = hedge_message_pack(message, &header);
        if (r == 0 && route) {
                r = zmq_msg_init_size(&address, route->size) < 0 ? -ENOMEM : 0;
                if (r == 0)
                        memcpy(zmq_msg_data(&address), route->bytes, route->size);
        }
        bytes = bytes_of(&header, frames, n_frames);
        if (r == 0)
                r = send_parts(socket, route ? &address : NULL, &header, frames, n_frames);
        if (r == 0)
                hedge_cost_sent(bytes);
        zmq_msg_close(&address);
        zmq_msg_close(&header);
        for (uint32_t i = 0; i < n_frames; i++)
                zmq_msg_close(&frames[i]);
        return r;
}

int hedge_frame_borrow(zmq_msg_t *frame, void *data, size_t size, void (*release)(void *data, void *hint), void *hint)
{
        return zmq_msg_init_data(frame, data, size, release, hint) < 0 ? -ENOMEM : 0;
}

static void free_floats(void *data, void *hint)
{
        free(data);
}

int hedge_frame_floats(zmq_msg_t *frame, float *data, size_t elements)
{
        return hedge_frame_borrow(frame, data, elements * sizeof(*data), free_floats, NULL);
}

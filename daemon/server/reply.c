/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/log.h"
#include "daemon/server/state.h"

void hedged_reply_error(zsock_t *socket, const hedge_route_t *route, uint64_t id, int code, const char *text)
{
        hedge_message_t message = { .type = HEDGE_MSG_ERROR, .error = { .code = code, .about = id } };

        snprintf(message.error.text, sizeof(message.error.text), "%s", text);
        hedge_link_send(socket, route, &message, NULL, 0); /* a peer that has gone gets no answer */
}

void hedged_reply(zsock_t *socket, const hedge_route_t *route, uint64_t id, const hedge_message_t *message,
                  zmq_msg_t *frames, uint32_t n_frames)
{
        int r = hedge_link_send(socket, route, message, frames, n_frames);

        if (r < 0 && r != -EHOSTUNREACH) {
                log_warning("request=%" PRIu64 ": cannot send the %s: %s", id, hedge_message_name(message->type),
                            hedge_strerror(r));
                hedged_reply_error(socket, route, id, r, "the answer could not be sent");
        }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/server/reply.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/log.h"

void hedged_refuse(const hedge_asker_t *to, int code, const char *text)
{
        hedge_message_t message = { .type = HEDGE_MSG_ERROR, .error = { .code = code, .about = to->id } };

        snprintf(message.error.text, sizeof(message.error.text), "%s", text);
        hedge_link_send(to->socket, &to->route, &message, NULL, 0);
}

void hedged_reply(const hedge_asker_t *to, const hedge_message_t *message, zmq_msg_t *frames, uint32_t n_frames)
{
        int r = hedge_link_send(to->socket, &to->route, message, frames, n_frames);

        if (r < 0 && r != -EHOSTUNREACH) {
                log_warning("request=%" PRIu64 ": cannot send the %s: %s", to->id, hedge_message_name(message->type),
                            hedge_strerror(r));
                hedged_refuse(to, r, "the answer could not be sent");
        }
}

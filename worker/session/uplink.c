/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/session/uplink.h"

#include <czmq.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/monitor.h"

/* Messages that may wait in the socket: parts are megabytes, and a cancelled one can't be called back from there. */
#define SEND_QUEUE 4

#define EVENTS                                                                                                        \
        (ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | \
         ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_DISCONNECTED)

struct hedgew_uplink {
        hedgew_uplink_settings_t settings;
        zsock_t *socket;
        hedge_monitor_t *monitor;
};

static int open_socket(hedgew_uplink_t *uplink)
{
        const hedgew_uplink_settings_t *settings = &uplink->settings;
        const hedge_socket_options_t options = {
                .limits = &settings->limits,
                .send_queue = SEND_QUEUE,
                .reconnect_ms = (int)settings->reconnect_min_ms,
                .reconnect_max_ms = (int)settings->reconnect_max_ms,
                .immediate = true, /* what was meant for a coordinator that is gone is gone too */
                .secret_key = settings->keys ? settings->keys->secret_key : NULL,
                .public_key = settings->keys ? settings->keys->public_key : NULL,
                .server_key = settings->coordinator_key,
        };
        int r = hedge_socket_new(ZMQ_DEALER, &options, &uplink->socket);

        if (r == 0)
                r = hedge_monitor_new(uplink->socket, EVENTS, &uplink->monitor);
        return r < 0 ? r : hedge_socket_connect(uplink->socket, settings->endpoint, NULL);
}

int hedgew_uplink_new(const hedgew_uplink_settings_t *settings, hedgew_uplink_t **ret)
{
        hedgew_uplink_t *uplink = calloc(1, sizeof(*uplink));
        int r;

        if (!uplink)
                return -ENOMEM;
        uplink->settings = *settings;
        r = open_socket(uplink);
        if (r < 0)
                hedgew_uplink_destroy(&uplink);
        else
                *ret = uplink;
        return r;
}

void hedgew_uplink_close(hedgew_uplink_t *uplink, int linger_ms)
{
        hedge_monitor_destroy(&uplink->monitor);
        if (uplink->socket)
                zsock_set_linger(uplink->socket, linger_ms);
        zsock_destroy(&uplink->socket);
}

int hedgew_uplink_reopen(hedgew_uplink_t *uplink, unsigned reconnect_ms)
{
        uplink->settings.reconnect_min_ms = reconnect_ms;
        hedgew_uplink_close(uplink, 0);
        return open_socket(uplink);
}

void hedgew_uplink_destroy(hedgew_uplink_t **uplink)
{
        if (!*uplink)
                return;
        hedgew_uplink_close(*uplink, 0);
        free(*uplink);
        *uplink = NULL;
}

zsock_t *hedgew_uplink_socket(hedgew_uplink_t *uplink)
{
        return uplink->socket;
}

zsock_t *hedgew_uplink_monitor(hedgew_uplink_t *uplink)
{
        return hedge_monitor_socket(uplink->monitor);
}

const hedge_wire_limits_t *hedgew_uplink_limits(const hedgew_uplink_t *uplink)
{
        return &uplink->settings.limits;
}

hedgew_uplink_event_t hedgew_uplink_next(hedgew_uplink_t *uplink)
{
        switch (hedge_monitor_next(uplink->monitor, NULL)) {
        case ZMQ_EVENT_HANDSHAKE_SUCCEEDED:
                return HEDGEW_UPLINK_CONNECTED;
        case ZMQ_EVENT_DISCONNECTED:
                return HEDGEW_UPLINK_CLOSED;
        case 0:
                return HEDGEW_UPLINK_NOTHING;
        default:
                return HEDGEW_UPLINK_REFUSED;
        }
}

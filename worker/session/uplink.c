/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/session/uplink.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Messages that may wait in the socket: parts are megabytes, and a cancelled one can't be called back from there. */
#define SEND_QUEUE  4
#define MAX_SOCKETS 16

#define EVENTS                                                                                                        \
        (ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | \
         ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_DISCONNECTED)

struct hedgew_uplink {
        hedgew_uplink_settings_t settings;
        void *context, *socket, *monitor;
        unsigned opened; /* times; names the monitor's endpoint */
};

static int set_options(hedgew_uplink_t *uplink)
{
        const hedgew_uplink_settings_t *settings = &uplink->settings;
        const int options[][2] = {
                { ZMQ_IMMEDIATE, 1 },
                { ZMQ_SNDHWM, SEND_QUEUE },
                { ZMQ_RECONNECT_IVL, (int)settings->reconnect_min_ms },
                { ZMQ_RECONNECT_IVL_MAX, (int)settings->reconnect_max_ms },
                { ZMQ_IPV6, strchr(settings->endpoint, '[') != NULL },
        };
        int r = hedge_link_configure(uplink->socket, &settings->limits, 0);

        if (r == 0 && settings->keys)
                r = hedge_link_curve_client(uplink->socket, settings->keys->public_key, settings->keys->secret_key,
                                            settings->coordinator_key);
        for (size_t i = 0; i < sizeof(options) / sizeof(options[0]) && r == 0; i++)
                if (zmq_setsockopt(uplink->socket, options[i][0], &options[i][1], sizeof(int)) < 0)
                        r = -errno;
        return r;
}

static int watch(hedgew_uplink_t *uplink)
{
        const int linger = 0;
        char name[64];

        snprintf(name, sizeof(name), "inproc://uplink-%u", uplink->opened++);
        if (zmq_socket_monitor(uplink->socket, name, EVENTS) < 0)
                return -errno;
        uplink->monitor = zmq_socket(uplink->context, ZMQ_PAIR);
        if (!uplink->monitor || zmq_setsockopt(uplink->monitor, ZMQ_LINGER, &linger, sizeof(linger)) < 0 ||
            zmq_connect(uplink->monitor, name) < 0)
                return -errno;
        return 0;
}

static int open_socket(hedgew_uplink_t *uplink)
{
        int r;

        uplink->socket = zmq_socket(uplink->context, ZMQ_DEALER);
        if (!uplink->socket)
                return -errno;
        r = set_options(uplink);
        if (r == 0)
                r = watch(uplink);
        if (r == 0 && zmq_connect(uplink->socket, uplink->settings.endpoint) < 0)
                r = -errno;
        return r;
}

int hedgew_uplink_new(const hedgew_uplink_settings_t *settings, hedgew_uplink_t **ret)
{
        hedgew_uplink_t *uplink = calloc(1, sizeof(*uplink));
        int r;

        if (!uplink)
                return -ENOMEM;
        uplink->settings = *settings;
        uplink->context = zmq_ctx_new();
        r = uplink->context ? 0 : -errno;
        if (r == 0 && zmq_ctx_set(uplink->context, ZMQ_MAX_SOCKETS, MAX_SOCKETS) < 0)
                r = -errno;
        if (r == 0)
                r = open_socket(uplink);
        if (r < 0)
                hedgew_uplink_destroy(&uplink);
        else
                *ret = uplink;
        return r;
}

void hedgew_uplink_close(hedgew_uplink_t *uplink, int linger_ms)
{
        if (uplink->socket) {
                zmq_setsockopt(uplink->socket, ZMQ_LINGER, &linger_ms, sizeof(linger_ms));
                zmq_socket_monitor(uplink->socket, NULL, 0);
                zmq_close(uplink->socket);
        }
        if (uplink->monitor)
                zmq_close(uplink->monitor);
        uplink->socket = NULL;
        uplink->monitor = NULL;
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
        while ((*uplink)->context && zmq_ctx_term((*uplink)->context) < 0 && errno == EINTR)
                ;
        free(*uplink);
        *uplink = NULL;
}

void *hedgew_uplink_socket(hedgew_uplink_t *uplink)
{
        return uplink->socket;
}

void *hedgew_uplink_monitor(hedgew_uplink_t *uplink)
{
        return uplink->monitor;
}

const hedge_wire_limits_t *hedgew_uplink_limits(const hedgew_uplink_t *uplink)
{
        return &uplink->settings.limits;
}

/* One monitor message: a frame with the event's number (16 bits) and value (32 bits), and one with the address.
 * @return the number, or 0: nothing there. */
static unsigned read_event(void *monitor)
{
        uint8_t frame[8], address[256];
        uint16_t number = 0;

        if (zmq_recv(monitor, frame, sizeof(frame), ZMQ_DONTWAIT) < (int)sizeof(number))
                return 0;
        memcpy(&number, frame, sizeof(number));
        if (zmq_recv(monitor, address, sizeof(address), ZMQ_DONTWAIT) < 0)
                return 0;
        return number;
}

hedgew_uplink_event_t hedgew_uplink_next(hedgew_uplink_t *uplink)
{
        switch (read_event(uplink->monitor)) {
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

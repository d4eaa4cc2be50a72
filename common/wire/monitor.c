/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/monitor.h"

#include <czmq.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct hedge_monitor {
        zsock_t *watched, *events;
};

int hedge_monitor_new(zsock_t *socket, int events, hedge_monitor_t **ret)
{
        static atomic_uint opened; /* names in the process's one context */
        hedge_monitor_t *m = calloc(1, sizeof(*m));
        char endpoint[64];

        if (!m)
                return -ENOMEM;
        snprintf(endpoint, sizeof(endpoint), "inproc://monitor-%u", atomic_fetch_add(&opened, 1));
        m->watched = socket;
        m->events = zsock_new(ZMQ_PAIR);
        /* No limit to what waits: libzmq's thread, all sockets', would wait for room in here until the loop reads. */
        if (m->events)
                zsock_set_rcvhwm(m->events, 0);
        if (!m->events || zmq_socket_monitor(zsock_resolve(socket), endpoint, events) < 0 ||
            zsock_connect(m->events, "%s", endpoint) < 0) {
                int r = -errno;

                hedge_monitor_destroy(&m);
                return r;
        }
        zsock_set_linger(m->events, 0);
        *ret = m;
        return 0;
}

void hedge_monitor_destroy(hedge_monitor_t **monitor)
{
        if (!*monitor)
                return;
        zmq_socket_monitor(zsock_resolve((*monitor)->watched), NULL, 0);
        zsock_destroy(&(*monitor)->events);
        free(*monitor);
        *monitor = NULL;
}

zsock_t *hedge_monitor_socket(hedge_monitor_t *monitor)
{
        return monitor->events;
}

static int receive(void *events, void *frame, size_t size)
{
        int n;

        do
                n = zmq_recv(events, frame, size, ZMQ_DONTWAIT);
        while (n < 0 && errno == EINTR);
        return n;
}

/* A frame with the event (16 bits) and its number (32 bits), and one with the endpoint. */
int hedge_monitor_next(hedge_monitor_t *monitor, uint32_t *ret_value)
{
        void *events = zsock_resolve(monitor->events);
        uint8_t frame[8];
        uint16_t event = 0;
        const int n = receive(events, frame, sizeof(frame));

        if (n < 0)
                return 0;
        if (zsock_rcvmore(monitor->events))
                receive(events, NULL, 0);
        if (n < 6)
                return 0;
        memcpy(&event, frame, sizeof(event));
        if (ret_value)
                memcpy(ret_value, frame + sizeof(event), sizeof(*ret_value));
        return event;
}

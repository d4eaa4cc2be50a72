/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/socket.h"

#include <czmq.h>
#include <errno.h>
#include <string.h>

#define QUEUE_MESSAGES    256
#define HANDSHAKE_MS      10000
#define RECONNECT_MS      100
#define RECONNECT_MAX_MS  5000
#define KEEPALIVE_IDLE_S  10
#define KEEPALIVE_EVERY_S 5
#define KEEPALIVE_PROBES  3
#define UNACKNOWLEDGED_MS 30000 /* what we sent and the peer's kernel did not take: the connection is dead */

/* In libzmq since 4.3.2, but in its header only with drafts, so that CZMQ's own setter does nothing at all. Where libzmq does not
 * know it, no socket is made: fail closed. */
#ifndef ZMQ_ZAP_ENFORCE_DOMAIN
#define ZMQ_ZAP_ENFORCE_DOMAIN 93
#endif

void hedge_sockets_begin(size_t sockets_max)
{
        zsys_handler_set(NULL); /* before anything else of CZMQ's, which would set its own */
        zsys_init();
        zsys_set_logstream(stderr);
        zsys_set_max_sockets(sockets_max);
        zsys_set_pipehwm(0);
        zsys_set_sndhwm(QUEUE_MESSAGES);
        zsys_set_rcvhwm(QUEUE_MESSAGES);
}

void *hedge_sockets_context(void)
{
        return zsys_init();
}

void hedge_sockets_end(void)
{
        zsys_shutdown();
}

static int or_default(int value, int otherwise)
{
        return value ? value : otherwise;
}

static void set_connection(void *socket, const hedge_socket_options_t *options)
{
        zsock_set_linger(socket, options->linger_ms);
        zsock_set_sndhwm(socket, or_default(options->send_queue, QUEUE_MESSAGES));
        zsock_set_rcvhwm(socket, QUEUE_MESSAGES);
        zsock_set_handshake_ivl(socket, or_default(options->handshake_ms, HANDSHAKE_MS));
        zsock_set_reconnect_ivl(socket, or_default(options->reconnect_ms, RECONNECT_MS));
        zsock_set_reconnect_ivl_max(socket, or_default(options->reconnect_max_ms, RECONNECT_MAX_MS));
        zsock_set_tcp_keepalive(socket, 1);
        zsock_set_tcp_keepalive_idle(socket, KEEPALIVE_IDLE_S);
        zsock_set_tcp_keepalive_intvl(socket, KEEPALIVE_EVERY_S);
        zsock_set_tcp_keepalive_cnt(socket, KEEPALIVE_PROBES);
        zsock_set_tcp_maxrt(socket, UNACKNOWLEDGED_MS);
        zsock_set_immediate(socket, options->immediate);
        if (zsock_type(socket) == ZMQ_ROUTER)
                zsock_set_router_mandatory(socket, 1);
}

/* CZMQ's own setter takes an int. */
static int set_message_size(void *socket, const hedge_wire_limits_t *limits)
{
        int64_t bytes = (int64_t)limits->max_frame_bytes;

        if (bytes < limits->max_header_bytes)
                bytes = limits->max_header_bytes;
        return zmq_setsockopt(zsock_resolve(socket), ZMQ_MAXMSGSIZE, &bytes, sizeof(bytes)) < 0 ? -errno : 0;
}

static int set_server(void *socket, const char *domain)
{
        const int enforce = 1; /* else a context without a ZAP handler would let everyone in */

        zsock_set_curve_server(socket, 1);
        zsock_set_zap_domain(socket, domain);
        return zmq_setsockopt(zsock_resolve(socket), ZMQ_ZAP_ENFORCE_DOMAIN, &enforce, sizeof(enforce)) < 0 ? -errno
                                                                                                            : 0;
}

static int set_curve(void *socket, const hedge_socket_options_t *options)
{
        if (!options->secret_key)
                return 0;
        if (!zsys_has_curve())
                return -ENOTSUP;
        zsock_set_curve_secretkey(socket, options->secret_key);
        if (options->domain)
                return set_server(socket, options->domain);
        zsock_set_curve_publickey(socket, options->public_key);
        zsock_set_curve_serverkey(socket, options->server_key);
        return 0;
}

int hedge_socket_set(void *socket, const hedge_socket_options_t *options)
{
        int r;

        set_connection(socket, options);
        r = set_message_size(socket, options->limits);
        return r < 0 ? r : set_curve(socket, options);
}

int hedge_socket_new(int type, const hedge_socket_options_t *options, zsock_t **ret)
{
        zsock_t *socket = zsock_new(type);
        int r = socket ? hedge_socket_set(socket, options) : -ENOMEM;

        if (r < 0)
                zsock_destroy(&socket);
        else
                *ret = socket;
        return r;
}

static void set_family(zsock_t *socket, const char *endpoint)
{
        zsock_set_ipv6(socket, strchr(endpoint, '[') != NULL);
}

int hedge_socket_bind(zsock_t *socket, const char *endpoint, hedge_why_t *why)
{
        set_family(socket, endpoint);
        if (zmq_bind(zsock_resolve(socket), endpoint) == 0) /* zsock_bind() would look for a free port from 49152 up */
                return 0;
        return hedge_why(why, -errno, "cannot listen at %s: %s", endpoint,
                         errno == ENODEV ? "this machine has no such address or interface" : zmq_strerror(errno));
}

int hedge_socket_connect(zsock_t *socket, const char *endpoint, hedge_why_t *why)
{
        set_family(socket, endpoint);
        if (zsock_connect(socket, "%s", endpoint) < 0)
                return hedge_why(why, -errno, "cannot connect to %s: %s", endpoint, zmq_strerror(errno));
        return 0;
}

zmq_pollitem_t hedge_socket_poll(zsock_t *socket, short events)
{
        return (zmq_pollitem_t){ .socket = socket ? zsock_resolve(socket) : NULL, .fd = -1, .events = events };
}

int hedge_socket_fd(zsock_t *socket)
{
        int fd = -1;
        size_t size = sizeof(fd);

        return zmq_getsockopt(zsock_resolve(socket), ZMQ_FD, &fd, &size) < 0 ? -1 : fd;
}

int hedge_socket_events(zsock_t *socket)
{
        int events = 0;
        size_t size = sizeof(events);

        if (zmq_getsockopt(zsock_resolve(socket), ZMQ_EVENTS, &events, &size) < 0)
                return errno == ETERM ? HEDGE_ESHUTDOWN : -errno;
        return events;
}

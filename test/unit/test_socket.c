/* SPDX-License-Identifier: Apache-2.0 */
#include <czmq.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/wire/link.h"
#include "common/wire/monitor.h"

#define PATIENCE_MS 20000

static const hedge_wire_limits_t limits = { .max_header_bytes = 65536, .max_frames = 64, .max_frame_bytes = 1 << 20 };

/* A ROUTER, where it listens, and what happens there. */
typedef struct server {
        zsock_t *router;
        hedge_monitor_t *monitor;
        char *endpoint;
} server_t;

static zsock_t *new_socket(int type, hedge_socket_options_t options)
{
        zsock_t *socket;

        if (!options.limits)
                options.limits = &limits;
        assert_int_equal(hedge_socket_new(type, &options, &socket), 0);
        return socket;
}

static server_t open_server(hedge_socket_options_t options)
{
        server_t server = { .router = new_socket(ZMQ_ROUTER, options) };

        assert_int_equal(hedge_monitor_new(server.router, ZMQ_EVENT_DISCONNECTED, &server.monitor), 0);
        assert_int_equal(hedge_socket_bind(server.router, "tcp://127.0.0.1:*", NULL), 0);
        server.endpoint = zsock_last_endpoint(server.router);
        return server;
}

static void close_server(server_t *server)
{
        hedge_monitor_destroy(&server->monitor);
        zsock_destroy(&server->router);
        freen(server->endpoint);
}

static void await(zsock_t *socket)
{
        zmq_pollitem_t item = hedge_socket_poll(socket, ZMQ_POLLIN);

        assert_int_equal(zmq_poll(&item, 1, PATIENCE_MS), 1);
}

static int next_event(hedge_monitor_t *monitor, uint32_t *ret_value)
{
        await(hedge_monitor_socket(monitor));
        return hedge_monitor_next(monitor, ret_value);
}

static void say_bye(zsock_t *dealer, const char *reason)
{
        hedge_message_t message = { .type = HEDGE_MSG_BYE };

        strcpy(message.bye.reason, reason);
        assert_int_equal(hedge_link_send(dealer, NULL, &message, NULL, 0), 0);
}

/* What was said; whatever else arrives fails. @return the connection's descriptor. */
static int hear_bye(zsock_t *router, const char *reason)
{
        hedge_envelope_t got;
        int fd;

        await(router);
        assert_int_equal(hedge_link_receive(router, true, &limits, &got, NULL), 1);
        assert_int_equal(got.message.type, HEDGE_MSG_BYE);
        assert_string_equal(got.message.bye.reason, reason);
        fd = got.fd;
        hedge_envelope_release(&got);
        return fd;
}

/* ---- what the program keeps ---- */

static void signals_stay_the_programs(void **state)
{
        static const int signals[] = { SIGINT, SIGTERM };
        zsock_t *socket = new_socket(ZMQ_DEALER, (hedge_socket_options_t){ 0 });

        for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
                struct sigaction now;

                assert_int_equal(sigaction(signals[i], NULL, &now), 0);
                assert_true(now.sa_handler == SIG_DFL);
        }
        assert_int_equal(zsys_pipehwm(), 0);
        zsock_destroy(&socket);
}

/* ---- what every connection has ---- */

static int tcp_option(int fd, int level, int name)
{
        int value = -1;
        socklen_t size = sizeof(value);

        assert_int_equal(getsockopt(fd, level, name, &value, &size), 0);
        return value;
}

/* As the kernel has it, which is what ends the connection to a board without power. */
static void check_keepalive(int fd)
{
        assert_int_equal(tcp_option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
        assert_int_equal(tcp_option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 10);
        assert_int_equal(tcp_option(fd, IPPROTO_TCP, TCP_KEEPINTVL), 5);
        assert_int_equal(tcp_option(fd, IPPROTO_TCP, TCP_KEEPCNT), 3);
        assert_int_equal(tcp_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT), 30000);
}

static void connections_are_kept_alive_at_both_ends(void **state)
{
        server_t server = open_server((hedge_socket_options_t){ 0 });
        zsock_t *dealer = new_socket(ZMQ_DEALER, (hedge_socket_options_t){ 0 });
        hedge_monitor_t *monitor;
        uint32_t fd = 0;

        assert_int_equal(hedge_monitor_new(dealer, ZMQ_EVENT_CONNECTED, &monitor), 0);
        assert_int_equal(hedge_socket_connect(dealer, server.endpoint, NULL), 0);
        say_bye(dealer, "alive");
        check_keepalive(hear_bye(server.router, "alive"));
        assert_int_equal(next_event(monitor, &fd), ZMQ_EVENT_CONNECTED);
        check_keepalive((int)fd);
        hedge_monitor_destroy(&monitor);
        zsock_destroy(&dealer);
        close_server(&server);
}

/* A plain TCP connection that has said `bytes`. */
static int knock(const server_t *server, const void *bytes, size_t size)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        address.sin_port = htons((uint16_t)atoi(strrchr(server->endpoint, ':') + 1));
        assert_true(fd >= 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
        assert_int_equal(send(fd, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
        return fd;
}

/* Has the other end closed it? Waits for as long as `wait_ms`; whatever it says is read. */
static bool hung_up(int fd, int wait_ms)
{
        struct pollfd item = { .fd = fd, .events = POLLIN };
        char bytes[256];

        while (poll(&item, 1, wait_ms) == 1)
                if (read(fd, bytes, sizeof(bytes)) <= 0)
                        return true;
        return false;
}

/* Whoever knocks and goes, over and over, while the loop is busy: libzmq waits in its own thread for room in a monitor's queue. */
static void events_that_nobody_reads_hold_nothing_up(void **state)
{
        const unsigned n = 2000; /* libzmq's end of the queue takes 1,000, ours 256 more */
        server_t server = open_server((hedge_socket_options_t){ 0 });
        zsock_t *dealer = new_socket(ZMQ_DEALER, (hedge_socket_options_t){ 0 });

        for (unsigned i = 0; i < n; i++) {
                int fd = knock(&server, "", 0);

                assert_int_equal(shutdown(fd, SHUT_WR), 0);
                assert_true(hung_up(fd, PATIENCE_MS));
                close(fd);
        }
        assert_int_equal(hedge_socket_connect(dealer, server.endpoint, NULL), 0);
        say_bye(dealer, "through");
        hear_bye(server.router, "through");
        for (unsigned i = 0; i < n; i++)
                assert_int_equal(next_event(server.monitor, NULL), ZMQ_EVENT_DISCONNECTED);
        zsock_destroy(&dealer);
        close_server(&server);
}

static void who_never_shakes_hands_is_cut_off(void **state)
{
        /* RFC 23's greeting: signature, version 3.0, mechanism NULL, not a server. */
        static const uint8_t greeting[64] = { 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 0x7f, 3, 0, 'N', 'U', 'L', 'L' };
        static const size_t said[] = { 0, 5, 10, 12, 40, 64 };
        server_t patient = open_server((hedge_socket_options_t){ .handshake_ms = 3600000 });
        server_t hasty = open_server((hedge_socket_options_t){ .handshake_ms = 100 });

        for (size_t i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
                int other = knock(&patient, greeting, said[i]), fd = knock(&hasty, greeting, said[i]);

                assert_true(hung_up(fd, PATIENCE_MS));
                assert_false(hung_up(other, 0)); /* it is the time that ends it, not what was said */
                close(fd);
                close(other);
        }
        close_server(&hasty);
        close_server(&patient);
}

/* libzmq closes the connection on a frame above ZMQ_MAXMSGSIZE, before it takes memory; the peer comes back. */
static void a_frame_above_the_limit_ends_the_connection(void **state)
{
        const hedge_wire_limits_t twice = { .max_header_bytes = 65536, .max_frame_bytes = 2 << 20 };
        const size_t size = limits.max_frame_bytes + 1;
        server_t server = open_server((hedge_socket_options_t){ 0 });
        zsock_t *dealer = new_socket(ZMQ_DEALER, (hedge_socket_options_t){ .limits = &twice });
        char *bytes = calloc(1, size);
        uint32_t closed = 0;
        int fd;

        assert_int_equal(hedge_socket_connect(dealer, server.endpoint, NULL), 0);
        say_bye(dealer, "before");
        fd = hear_bye(server.router, "before");
        assert_true(fd >= 0);
        assert_int_equal(zmq_send(zsock_resolve(dealer), bytes, size, 0), (int)size);
        assert_int_equal(next_event(server.monitor, &closed), ZMQ_EVENT_DISCONNECTED);
        assert_int_equal(closed, fd);
        zsock_destroy(&dealer); /* with whatever of it the dealer would try to send again */
        dealer = new_socket(ZMQ_DEALER, (hedge_socket_options_t){ 0 });
        assert_int_equal(hedge_socket_connect(dealer, server.endpoint, NULL), 0);
        say_bye(dealer, "after");
        hear_bye(server.router, "after"); /* and nothing before it */
        zsock_destroy(&dealer);
        close_server(&server);
        free(bytes);
}

static void the_limit_is_what_was_asked_for(void **state)
{
        static const struct {
                hedge_wire_limits_t limits;
                int64_t bytes;
        } rows[] = {
                { { .max_header_bytes = 65536, .max_frame_bytes = 1 << 20 }, 1 << 20 },
                { { .max_header_bytes = 65536, .max_frame_bytes = 1000 }, 65536 },
                { { .max_header_bytes = 65536, .max_frame_bytes = (3u << 30) }, (int64_t)3 << 30 },
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                zsock_t *socket = new_socket(ZMQ_DEALER, (hedge_socket_options_t){ .limits = &rows[i].limits });
                int64_t bytes = 0;
                size_t size = sizeof(bytes);

                assert_int_equal(zmq_getsockopt(zsock_resolve(socket), ZMQ_MAXMSGSIZE, &bytes, &size), 0);
                assert_int_equal(bytes, rows[i].bytes);
                zsock_destroy(&socket);
        }
}

static void a_handshake_has_ten_seconds_at_most(void **state)
{
        zsock_t *socket = new_socket(ZMQ_ROUTER, (hedge_socket_options_t){ 0 });

        assert_int_equal(zsock_handshake_ivl(socket), 10000);
        zsock_destroy(&socket);
}

/* ---- queues ---- */

static void so_many_messages_wait_for_a_peer(void **state)
{
        static const struct {
                hedge_socket_options_t options;
                int queued;
        } rows[] = {
                { { .send_queue = 0 }, 256 },
                { { .send_queue = 4 }, 4 },
                { { .send_queue = 4, .immediate = true }, 0 },
        };
        const hedge_message_t message = { .type = HEDGE_MSG_BYE };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                zsock_t *dealer = new_socket(ZMQ_DEALER, rows[i].options);
                int queued = 0, r;

                assert_int_equal(hedge_socket_connect(dealer, "tcp://127.0.0.1:1", NULL), 0);
                while ((r = hedge_link_send(dealer, NULL, &message, NULL, 0)) == 0)
                        assert_true(++queued < 10000);
                assert_int_equal(r, -EAGAIN);
                assert_int_equal(queued, rows[i].queued);
                zsock_destroy(&dealer);
        }
}

static void what_is_left_is_sent_for_so_long(void **state)
{
        zsock_t *socket = new_socket(ZMQ_DEALER, (hedge_socket_options_t){ .linger_ms = 123 });

        assert_int_equal(zsock_linger(socket), 123);
        assert_int_equal(zsock_rcvhwm(socket), 256);
        zsock_destroy(&socket);
}

static void an_address_in_brackets_is_of_ipv6(void **state)
{
        zsock_t *dealer = new_socket(ZMQ_DEALER, (hedge_socket_options_t){ 0 });

        assert_int_equal(hedge_socket_connect(dealer, "tcp://127.0.0.1:1", NULL), 0);
        assert_int_equal(zsock_ipv6(dealer), 0);
        assert_int_equal(hedge_socket_connect(dealer, "tcp://[::1]:1", NULL), 0);
        assert_int_equal(zsock_ipv6(dealer), 1);
        zsock_destroy(&dealer);
}

static int begin(void **state)
{
        hedge_sockets_begin(64);
        return 0;
}

static int end(void **state)
{
        hedge_sockets_end();
        return 0;
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(signals_stay_the_programs),
                cmocka_unit_test(connections_are_kept_alive_at_both_ends),
                cmocka_unit_test(events_that_nobody_reads_hold_nothing_up),
                cmocka_unit_test(a_handshake_has_ten_seconds_at_most),
                cmocka_unit_test(who_never_shakes_hands_is_cut_off),
                cmocka_unit_test(a_frame_above_the_limit_ends_the_connection),
                cmocka_unit_test(the_limit_is_what_was_asked_for),
                cmocka_unit_test(so_many_messages_wait_for_a_peer),
                cmocka_unit_test(what_is_left_is_sent_for_so_long),
                cmocka_unit_test(an_address_in_brackets_is_of_ipv6),
        };

        return cmocka_run_group_tests(tests, begin, end);
}

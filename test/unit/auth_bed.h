/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_AUTH_BED_H
#define HEDGE_TEST_AUTH_BED_H

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/wire/auth.h"
#include "common/wire/keys.h"
#include "common/wire/link.h"
#include "common/wire/socket.h"
#include <cmocka.h>

/** What the tests of authentication share: keys, a coordinator's socket, peers, and what is expected of them. */
#define PATIENCE_MS 20000
#define SOCKETS     32
#define NOT_BY_AUTH \
        (ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL | ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_DISCONNECTED)

static char dir[] = "/tmp/hedge-auth-XXXXXX";

/* A coordinator's ROUTER for boards with the folders boards (pi-1, pi-2) and clients (ann). What a test opens is kept here, so
 * that one that fails leaves nothing behind that the next, or the end of the program, would wait for. */
typedef struct house {
        void *context, *router, *events;
        struct {
                void *socket;
                bool watched;
        } sockets[SOCKETS];
        unsigned n_sockets;
        hedge_auth_t *auth;
        hedge_key_pair_t server;
        char endpoint[256], told[8][600];
        unsigned n_told;
        hedge_envelope_t got;
} house_t;

static inline const char *path_of(const char *file)
{
        static __thread char paths[8][256];
        static __thread unsigned next;
        char *buf = paths[next++ % 8];

        snprintf(buf, sizeof(paths[0]), "%s/%s", dir, file);
        return buf;
}

static inline hedge_key_pair_t key_of(const char *name)
{
        hedge_key_pair_t pair;
        char file[80];

        snprintf(file, sizeof(file), "keys/%s.secret", name);
        assert_int_equal(hedge_keys_load_secret(path_of(file), &pair, NULL), 0);
        return pair;
}

/* FOLDER/AS.pub with the public key of `name`; always of one size. */
static inline void put_key(const char *name, const char *folder, const char *as)
{
        hedge_key_pair_t pair = key_of(name);
        char file[80];
        FILE *f;

        snprintf(file, sizeof(file), "%s/%s.pub", folder, as);
        f = fopen(path_of(file), "w");
        assert_non_null(f);
        assert_true(fprintf(f, "curve\n    public-key = \"%s\"\n", pair.public_key) > 0);
        assert_int_equal(fclose(f), 0);
}

static inline int make_keys(void **state)
{
        static const char *names[] = { "hedged", "pi-1", "pi-2", "late", "stranger", "ann" };

        hedge_sockets_begin(256);
        if (!mkdtemp(dir) || mkdir(path_of("keys"), 0700) < 0 || mkdir(path_of("tmp"), 0700) < 0)
                return -1;
        setenv("TMPDIR", path_of("tmp"), 1);
        unsetenv("RUNTIME_DIRECTORY");
        for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (hedge_keys_generate(path_of("keys"), names[i], NULL) < 0)
                        return -1;
        return 0;
}

static inline int remove_keys(void **state)
{
        char command[300];

        snprintf(command, sizeof(command), "rm -r '%s'", dir);
        return system(command);
}

static inline void hear(void *arg, const char *sentence)
{
        house_t *house = arg;

        snprintf(house->told[house->n_told++ % 8], sizeof(house->told[0]), "%s", sentence);
}

static inline bool was_told(const house_t *house, const char *part)
{
        for (unsigned i = 0; i < 8; i++)
                if (strstr(house->told[i], part))
                        return true;
        return false;
}

static inline void *open_socket(house_t *house, int type)
{
        void *socket = zmq_socket(house->context, type);

        assert_non_null(socket);
        assert_true(house->n_sockets < SOCKETS);
        house->sockets[house->n_sockets].watched = false;
        house->sockets[house->n_sockets++].socket = socket;
        return socket;
}

/* All but the first so many. Whoever is watched no more goes first: an event that nobody reads stops libzmq's I/O thread. */
static inline void close_sockets(house_t *house, unsigned first)
{
        for (unsigned i = first; i < house->n_sockets; i++)
                if (house->sockets[i].watched)
                        zmq_socket_monitor(house->sockets[i].socket, NULL, 0);
        while (house->n_sockets > first)
                zmq_close(house->sockets[--house->n_sockets].socket);
}

static inline void *watch_socket(house_t *house, void *socket)
{
        void *events = open_socket(house, ZMQ_PAIR);
        static unsigned n;
        char endpoint[40];

        for (unsigned i = 0; i < house->n_sockets; i++)
                house->sockets[i].watched |= house->sockets[i].socket == socket;

        snprintf(endpoint, sizeof(endpoint), "inproc://monitor-%u", n++);
        assert_int_equal(zmq_socket_monitor(socket, endpoint,
                                            ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                                                    ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_DISCONNECTED),
                         0);
        assert_int_equal(zmq_connect(events, endpoint), 0);
        return events;
}

static inline void open_router(house_t *house, bool curve, int handshake_ms)
{
        const hedge_socket_options_t options = { .limits = &hedge_wire_default_limits,
                                                 .handshake_ms = handshake_ms,
                                                 .domain = curve ? "boards" : NULL,
                                                 .secret_key = curve ? house->server.secret_key : NULL };
        size_t size = sizeof(house->endpoint);

        house->router = open_socket(house, ZMQ_ROUTER);
        assert_int_equal(hedge_socket_set(house->router, &options), 0);
        house->events = watch_socket(house, house->router);
        assert_int_equal(zmq_bind(house->router, "tcp://127.0.0.1:*"), 0);
        assert_int_equal(zmq_getsockopt(house->router, ZMQ_LAST_ENDPOINT, house->endpoint, &size), 0);
}

static inline int start_auth(house_t *house, hedge_why_t *why)
{
        char boards[256], clients[256];
        const char *folders[HEDGE_ROLES] = { boards, clients };

        snprintf(boards, sizeof(boards), "%s/boards", dir);
        snprintf(clients, sizeof(clients), "%s/clients/", dir);
        return hedge_auth_new(folders, hear, house, &house->auth, why);
}

static inline int open_house(void **state)
{
        house_t *house = calloc(1, sizeof(*house));
        hedge_why_t why = { "" };

        *state = house;
        mkdir(path_of("boards"), 0700);
        mkdir(path_of("clients"), 0700);
        put_key("pi-1", "boards", "pi-1");
        put_key("pi-2", "boards", "pi-2");
        put_key("ann", "clients", "ann");
        house->context = hedge_sockets_context();
        house->server = key_of("hedged");
        if (start_auth(house, &why) < 0)
                fail_msg("%s", why.text);
        open_router(house, true, 0);
        return 0;
}

static inline int close_house(void **state)
{
        house_t *house = *state;
        char command[300];

        if (!house)
                return -1;
        hedge_envelope_release(&house->got);
        close_sockets(house, 0);
        hedge_auth_destroy(&house->auth);
        free(house);
        snprintf(command, sizeof(command), "rm -rf '%s/boards' '%s/clients' '%s/other'", dir, dir, dir);
        return system(command);
}

/* ---- peers ---- */

static inline void say(void *socket, const char *word)
{
        hedge_message_t message = { .type = HEDGE_MSG_BYE };

        strcpy(message.bye.reason, word);
        assert_int_equal(hedge_link_send(socket, NULL, &message, NULL, 0), 0);
}

/* A peer with a key (NULL: without CURVE) that wants a server of a key; it has said `word` already, which leaves as soon as
 * it is let in. `ret_events` hears of handshakes that fail and connections that end. */
static inline void *open_peer(house_t *house, const char *name, const char *server_key, const char *word,
                              void **ret_events)
{
        hedge_socket_options_t options = { .limits = &hedge_wire_default_limits };
        void *socket = open_socket(house, ZMQ_DEALER);
        hedge_key_pair_t pair;

        if (name) {
                pair = key_of(name);
                options.public_key = pair.public_key;
                options.secret_key = pair.secret_key;
                options.server_key = server_key;
        }
        assert_int_equal(hedge_socket_set(socket, &options), 0);
        if (ret_events)
                *ret_events = watch_socket(house, socket);
        assert_int_equal(zmq_connect(socket, house->endpoint), 0);
        say(socket, word);
        return socket;
}

static inline void *peer(house_t *house, const char *name, const char *word)
{
        return open_peer(house, name, house->server.public_key, word, NULL);
}

static inline bool take_event(void *events, int timeout_ms, uint16_t *ret_event, uint32_t *ret_value)
{
        zmq_pollitem_t item = { events, 0, ZMQ_POLLIN, 0 };
        uint8_t event[6], address[256];

        if (zmq_poll(&item, 1, timeout_ms) != 1)
                return false;
        assert_int_equal(zmq_recv(events, event, sizeof(event), 0), sizeof(event));
        assert_true(zmq_recv(events, address, sizeof(address), 0) >= 0);
        memcpy(ret_event, event, sizeof(*ret_event));
        memcpy(ret_value, event + 2, sizeof(*ret_value));
        return true;
}

/* The first thing that happens to it is that its connection fails, or ends. */
static inline void expect_event(void *events, uint16_t wanted)
{
        uint16_t event = 0;
        uint32_t value;

        if (!take_event(events, PATIENCE_MS, &event, &value))
                fail_msg("nothing happened");
        if (!(event & wanted))
                fail_msg("event %x and not %x", event, wanted);
}

/* Wait until this has happened at the router; let auth know of everything. */
static inline void expect_at_router(house_t *house, uint16_t wanted)
{
        uint16_t event = 0;
        uint32_t value;

        while (event != wanted) {
                if (!take_event(house->events, PATIENCE_MS, &event, &value))
                        fail_msg("nothing happened at the router");
                if (event == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH)
                        hedge_auth_failed(house->auth);
        }
}

static inline void expect_word(house_t *house, const char *word)
{
        zmq_pollitem_t item = { house->router, 0, ZMQ_POLLIN, 0 };

        hedge_envelope_release(&house->got);
        if (zmq_poll(&item, 1, PATIENCE_MS) != 1)
                fail_msg("'%s' did not come", word);
        assert_int_equal(hedge_link_receive(house->router, true, &hedge_wire_default_limits, &house->got, NULL), 1);
        assert_string_equal(house->got.message.bye.reason, word);
}

static inline void expect_board(house_t *house, const char *user, const char *word)
{
        hedge_why_t why = { "" };

        expect_word(house, word);
        if (hedge_auth_admit(house->auth, HEDGE_ROLE_BOARD, &house->got, &why) != 0)
                fail_msg("%s is not admitted: %s", user, why.text);
        assert_string_equal(house->got.user, user);
}

static inline void expect_silence(house_t *house)
{
        assert_int_equal(hedge_link_receive(house->router, true, &hedge_wire_default_limits, &house->got, NULL), 0);
}

/* See that a peer is refused, and that a listed key's message is the first to arrive. */
static inline void expect_refused(house_t *house, const char *name, const char *server_key, uint16_t how)
{
        void *events;

        open_peer(house, name, server_key, "from nobody", &events);
        expect_event(events, how);
        peer(house, "pi-1", "from one");
        expect_board(house, "pi-1", "from one");
        expect_silence(house);
}

static inline void expect_unlisted(house_t *house, const char *name)
{
        unsigned long before = hedge_auth_refused(house->auth);

        expect_refused(house, name, house->server.public_key, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
        expect_at_router(house, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
        assert_int_equal(hedge_auth_refused(house->auth), before + 1);
}

/* A folder has been changed: auth hears of it. */
static inline void expect_change(house_t *house)
{
        struct pollfd item = { hedge_auth_fd(house->auth), POLLIN, 0 };

        assert_int_equal(poll(&item, 1, PATIENCE_MS), 1);
        hedge_auth_changed(house->auth);
}

/** A test with a house of its own. */
#define HOUSE(test) cmocka_unit_test_setup_teardown(test, open_house, close_house)

#endif

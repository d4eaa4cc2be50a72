/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/wire/allow.h"
#include "common/wire/auth.h"
#include "common/wire/keys.h"
#include "common/wire/link.h"

#define PATIENCE_MS 20000

static char dir[] = "/tmp/hedge-auth-XXXXXX";

/* A coordinator's ROUTER with an allow-list "boards" of pi-1 and pi-2, and "clients" of ann. */
typedef struct house {
        void *context, *router;
        hedge_auth_t *auth;
        hedge_key_pair_t server;
        char endpoint[256];
} house_t;

static const char *path_of(const char *file)
{
        static char paths[8][256];
        static unsigned next;
        char *buf = paths[next++ % 8];

        snprintf(buf, sizeof(paths[0]), "%s/%s", dir, file);
        return buf;
}

static hedge_key_pair_t key_of(const char *name)
{
        hedge_key_pair_t pair;
        char file[80];

        snprintf(file, sizeof(file), "keys/%s.secret", name);
        assert_int_equal(hedge_keys_load_secret(path_of(file), &pair, NULL), 0);
        return pair;
}

static void copy_public(const char *name, const char *folder)
{
        char from[80], to[80], text[2048];
        size_t n;
        FILE *f;

        snprintf(from, sizeof(from), "keys/%s.pub", name);
        snprintf(to, sizeof(to), "%s/%s.pub", folder, name);
        f = fopen(path_of(from), "r");
        assert_non_null(f);
        n = fread(text, 1, sizeof(text), f);
        fclose(f);
        f = fopen(path_of(to), "w");
        assert_non_null(f);
        assert_int_equal(fwrite(text, 1, n, f), n);
        fclose(f);
}

static int make_keys(void **state)
{
        static const char *names[] = { "hedged", "pi-1", "pi-2", "late", "stranger", "ann" };

        if (!mkdtemp(dir) || mkdir(path_of("keys"), 0700) < 0)
                return -1;
        for (unsigned i = 0; i < 6; i++)
                if (hedge_keys_generate(path_of("keys"), names[i], NULL) < 0)
                        return -1;
        return 0;
}

static int remove_keys(void **state)
{
        char command[300];

        snprintf(command, sizeof(command), "rm -r '%s'", dir);
        return system(command);
}

static void open_router(house_t *house, const char *domain)
{
        const hedge_socket_options_t options = { .limits = &hedge_wire_default_limits,
                                                 .domain = domain,
                                                 .secret_key = domain ? house->server.secret_key : NULL };
        size_t size = sizeof(house->endpoint);

        house->router = zmq_socket(house->context, ZMQ_ROUTER);
        assert_int_equal(hedge_socket_set(house->router, &options), 0);
        assert_int_equal(zmq_bind(house->router, "tcp://127.0.0.1:*"), 0);
        assert_int_equal(zmq_getsockopt(house->router, ZMQ_LAST_ENDPOINT, house->endpoint, &size), 0);
}

static int open_house(void **state)
{
        house_t *house = calloc(1, sizeof(*house));

        mkdir(path_of("boards"), 0700);
        mkdir(path_of("clients"), 0700);
        copy_public("pi-1", "boards");
        copy_public("pi-2", "boards");
        copy_public("ann", "clients");
        house->context = zmq_ctx_new();
        house->server = key_of("hedged");
        assert_int_equal(hedge_auth_new(house->context, &house->auth), 0);
        assert_int_equal(hedge_auth_allow(house->auth, "boards", path_of("boards"), NULL), 0);
        assert_int_equal(hedge_auth_allow(house->auth, "clients", path_of("clients"), NULL), 0);
        open_router(house, "boards");
        *state = house;
        return 0;
}

static int close_house(void **state)
{
        house_t *house = *state;

        zmq_close(house->router);
        hedge_auth_destroy(&house->auth);
        assert_null(house->auth);
        zmq_ctx_term(house->context);
        free(house);
        return 0;
}

/* A peer with a key (NULL: without CURVE) that wants a server of a key; it has said BYE with `word` already, which
 * leaves as soon as it is let in. With `ret_monitor`, that socket hears of handshakes that fail and connections that end. */
static void *watched_peer(house_t *house, const char *name, const char *server_key, const char *word,
                          void **ret_monitor)
{
        hedge_message_t message = { .type = HEDGE_MSG_BYE };
        void *socket = zmq_socket(house->context, ZMQ_DEALER);
        static unsigned n;
        hedge_socket_options_t options = { .limits = &hedge_wire_default_limits };
        hedge_key_pair_t pair;

        if (name) {
                pair = key_of(name);
                options.public_key = pair.public_key;
                options.secret_key = pair.secret_key;
                options.server_key = server_key;
        }
        assert_int_equal(hedge_socket_set(socket, &options), 0);
        if (ret_monitor) {
                char endpoint[40];

                snprintf(endpoint, sizeof(endpoint), "inproc://monitor-%u", n++);
                assert_int_equal(
                        zmq_socket_monitor(socket, endpoint,
                                           ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                                                   ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_DISCONNECTED),
                        0);
                *ret_monitor = zmq_socket(house->context, ZMQ_PAIR);
                assert_int_equal(zmq_connect(*ret_monitor, endpoint), 0);
        }
        strcpy(message.bye.reason, word);
        assert_int_equal(zmq_connect(socket, house->endpoint), 0);
        assert_int_equal(hedge_link_send(socket, NULL, &message, NULL, 0), 0);
        return socket;
}

static void *peer(house_t *house, const char *name, const char *server_key, const char *word)
{
        return watched_peer(house, name, server_key, word, NULL);
}

/* Wait for the first event: the connection has failed, and why. Then stop watching: an event that nobody reads would stop
 * libzmq's I/O thread. */
static void expect_failure(void *socket, void *monitor, bool by_auth)
{
        zmq_pollitem_t item = { monitor, 0, ZMQ_POLLIN, 0 };
        uint8_t event[6], address[256];
        uint16_t kind;

        assert_int_equal(zmq_poll(&item, 1, PATIENCE_MS), 1);
        assert_int_equal(zmq_recv(monitor, event, sizeof(event), 0), sizeof(event));
        assert_true(zmq_recv(monitor, address, sizeof(address), 0) >= 0);
        memcpy(&kind, event, sizeof(kind));
        assert_int_equal(kind == ZMQ_EVENT_HANDSHAKE_FAILED_AUTH, by_auth);
        assert_int_equal(zmq_socket_monitor(socket, NULL, 0), 0);
        zmq_close(monitor);
}

static void expect_word(house_t *house, const char *user, const char *word)
{
        zmq_pollitem_t item = { house->router, 0, ZMQ_POLLIN, 0 };
        hedge_envelope_t got;

        assert_int_equal(zmq_poll(&item, 1, PATIENCE_MS), 1);
        assert_int_equal(hedge_link_receive(house->router, true, &hedge_wire_default_limits, &got, NULL), 1);
        assert_string_equal(got.message.bye.reason, word);
        assert_string_equal(got.user, user);
        hedge_envelope_release(&got);
}

static void expect_silence(house_t *house)
{
        hedge_envelope_t got;

        assert_int_equal(hedge_link_receive(house->router, true, &hedge_wire_default_limits, &got, NULL), 0);
}

static void a_listed_key_gets_in_under_its_name(void **state)
{
        house_t *house = *state;
        void *one = peer(house, "pi-1", house->server.public_key, "from one");
        void *two;

        expect_word(house, "pi-1", "from one");
        two = peer(house, "pi-2", house->server.public_key, "from two");
        expect_word(house, "pi-2", "from two");
        assert_int_equal(hedge_auth_refused(house->auth), 0);
        zmq_close(one);
        zmq_close(two);
}

/* See that a peer is refused, and that a listed key's message is the first to arrive. */
static void expect_refused(house_t *house, const char *name, const char *server_key, bool by_auth)
{
        void *monitor, *socket, *one;

        socket = watched_peer(house, name, server_key, "from nobody", &monitor);
        expect_failure(socket, monitor, by_auth);
        one = peer(house, "pi-1", house->server.public_key, "from one");
        expect_word(house, "pi-1", "from one");
        expect_silence(house);
        zmq_close(one);
        zmq_close(socket);
}

static void an_unknown_key_is_refused(void **state)
{
        house_t *house = *state;

        expect_refused(house, "stranger", house->server.public_key, true);
        assert_true(hedge_auth_refused(house->auth) >= 1);
}

static void a_key_of_another_domain_is_refused(void **state)
{
        house_t *house = *state;
        void *ann;

        expect_refused(house, "ann", house->server.public_key, true);
        assert_true(hedge_auth_refused(house->auth) >= 1);
        zmq_close(house->router);
        open_router(house, "clients");
        zmq_close(peer(house, "pi-1", house->server.public_key, ""));
        ann = peer(house, "ann", house->server.public_key, "from ann");
        expect_word(house, "ann", "from ann");
        zmq_close(ann);
}

static void a_peer_without_curve_is_refused(void **state)
{
        house_t *house = *state;

        expect_refused(house, NULL, NULL, false);
}

static void a_server_with_another_key_is_not_believed(void **state)
{
        house_t *house = *state;
        hedge_key_pair_t other = key_of("stranger");

        expect_refused(house, "pi-1", other.public_key, false);
}

static void a_domain_without_a_list_lets_nobody_in(void **state)
{
        house_t *house = *state;
        void *socket, *monitor;

        zmq_close(house->router);
        open_router(house, "nobody");
        socket = watched_peer(house, "pi-1", house->server.public_key, "from one", &monitor);
        expect_failure(socket, monitor, true);
        expect_silence(house);
        zmq_close(socket);
}

static void without_a_handler_nobody_gets_in(void **state)
{
        house_t *house = *state;
        void *socket, *monitor;

        hedge_auth_destroy(&house->auth);
        socket = watched_peer(house, "pi-1", house->server.public_key, "from one", &monitor);
        expect_failure(socket, monitor, false);
        expect_silence(house);
        zmq_close(socket);
}

static void an_open_socket_beside_it_stays_open(void **state)
{
        house_t *house = *state;
        void *socket;

        zmq_close(house->router);
        open_router(house, NULL);
        socket = peer(house, NULL, NULL, "in clear");
        expect_word(house, "", "in clear");
        assert_int_equal(hedge_auth_refused(house->auth), 0);
        zmq_close(socket);
}

static void a_key_that_is_added_or_taken_away_counts_at_once(void **state)
{
        house_t *house = *state;
        void *monitor, *late = watched_peer(house, "late", house->server.public_key, "from late", &monitor);

        expect_failure(late, monitor, true);
        expect_silence(house);
        copy_public("late", "boards");
        zmq_close(late); /* libzmq does not try again after a refusal */
        late = peer(house, "late", house->server.public_key, "from late");
        expect_word(house, "late", "from late");
        zmq_close(late);
        assert_int_equal(unlink(path_of("boards/late.pub")), 0);
        expect_refused(house, "late", house->server.public_key, true);
}

static void write_key(const char *file, const char *public_key)
{
        FILE *f = fopen(path_of(file), "w");

        assert_non_null(f);
        fprintf(f, "curve\n    public-key = \"%s\"\n", public_key);
        fclose(f);
}

static void a_key_that_is_replaced_in_place_is_another(void **state)
{
        house_t *house = *state;
        hedge_key_pair_t stranger = key_of("stranger");
        struct stat before, after;
        void *one;

        write_key("boards/pi-2.pub", key_of("pi-2").public_key);
        assert_int_equal(stat(path_of("boards/pi-2.pub"), &before), 0);
        one = peer(house, "pi-1", house->server.public_key, "from one");
        expect_word(house, "pi-1", "from one");
        zmq_close(one);
        /* The same name, file and size, perhaps within the same tick of the clock. */
        write_key("boards/pi-2.pub", stranger.public_key);
        assert_int_equal(stat(path_of("boards/pi-2.pub"), &after), 0);
        assert_true(before.st_ino == after.st_ino && before.st_size == after.st_size);
        one = peer(house, "stranger", house->server.public_key, "from the new two");
        expect_word(house, "pi-2", "from the new two");
        zmq_close(one);
}

/* Faster than a file's time stamp: many changes within a few ticks (where the kernel has no finer stamps). */
static void a_change_within_one_tick_is_seen(void **state)
{
        hedge_key_pair_t pairs[2] = { key_of("pi-1"), key_of("pi-2") };
        char name[HEDGE_BOARD_NAME_MAX];
        hedge_allow_t *allow;
        uint8_t keys[2][32];

        for (unsigned i = 0; i < 2; i++)
                assert_non_null(zmq_z85_decode(keys[i], pairs[i].public_key));
        mkdir(path_of("ticks"), 0700);
        write_key("ticks/one.pub", pairs[0].public_key);
        assert_int_equal(hedge_allow_new(path_of("ticks"), &allow, NULL), 0);
        for (unsigned round = 0; round < 100; round++) {
                write_key("ticks/one.pub", pairs[round % 2].public_key);
                assert_true(hedge_allow_find(allow, keys[round % 2], name));
                assert_string_equal(name, "one");
                assert_false(hedge_allow_find(allow, keys[(round + 1) % 2], name));
        }
        assert_int_equal(unlink(path_of("ticks/one.pub")), 0);
        assert_false(hedge_allow_find(allow, keys[0], name));
        assert_int_equal(rmdir(path_of("ticks")), 0);
        assert_false(hedge_allow_find(allow, keys[0], name));
        hedge_allow_destroy(&allow);
}

static void bad_files_are_errors_at_start_and_skipped_later(void **state)
{
        house_t *house = *state;
        hedge_why_t why = { "" };
        void *one;
        FILE *f;

        assert_int_equal(hedge_auth_allow(house->auth, "x", path_of("nowhere"), &why), -ENOENT);
        assert_non_null(strstr(why.text, "nowhere"));
        assert_int_equal(hedge_auth_allow(house->auth, "", path_of("boards"), &why), -EINVAL);
        f = fopen(path_of("boards/aaa.pub"), "w");
        fputs("junk", f);
        fclose(f);
        assert_int_equal(hedge_auth_allow(house->auth, "x", path_of("boards"), &why), HEDGE_EMALFORMED);
        assert_non_null(strstr(why.text, "aaa.pub"));
        one = peer(house, "pi-1", house->server.public_key, "from one");
        expect_word(house, "pi-1", "from one");
        zmq_close(one);
        assert_int_equal(rename(path_of("boards/pi-1.pub"), path_of("boards/aaa.pub")), 0);
        copy_public("pi-1", "boards");
        assert_int_equal(hedge_auth_allow(house->auth, "x", path_of("boards"), &why), HEDGE_EMALFORMED);
        assert_non_null(strstr(why.text, "same key"));
        assert_int_equal(unlink(path_of("boards/aaa.pub")), 0);
}

static void malformed_requests_are_answered_with_500(void **state)
{
        static const struct {
                const char *frames[12];
                unsigned n;
                const char *status;
        } rows[] = {
                { { "" }, 1, "500" },
                { { "1.0" }, 1, "500" },
                { { "2.0", "1", "boards", "", "", "CURVE", "0123456789abcdef0123456789abcdef" }, 7, "500" },
                { { "1.0", "1", "boards", "", "", "CURVE" }, 6, "400" },
                { { "1.0", "1", "boards", "", "", "NULL" }, 6, "400" },
                { { "1.0", "1", "boards", "", "", "PLAIN", "user", "password" }, 8, "400" },
                { { "1.0", "1", "boards", "", "", "CURVE", "short" }, 7, "400" },
                { { "1.0", "1", "boards", "", "", "CURVE", "0123456789abcdef0123456789abcdef", "more" }, 8, "400" },
                { { "1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12" }, 12, "500" },
        };
        house_t *house = *state;
        void *request = zmq_socket(house->context, ZMQ_REQ);
        int linger = 0, patience = PATIENCE_MS;

        zmq_setsockopt(request, ZMQ_LINGER, &linger, sizeof(linger));
        zmq_setsockopt(request, ZMQ_RCVTIMEO, &patience, sizeof(patience));
        assert_int_equal(zmq_connect(request, "inproc://zeromq.zap.01"), 0);
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                char reply[7][64];
                int more = 1;
                size_t size = sizeof(more);
                unsigned n = 0;

                for (unsigned j = 0; j < rows[i].n; j++)
                        assert_true(zmq_send(request, rows[i].frames[j], strlen(rows[i].frames[j]),
                                             j + 1 < rows[i].n ? ZMQ_SNDMORE : 0) >= 0);
                for (; more; n++) {
                        int r = zmq_recv(request, reply[n], sizeof(reply[n]), 0);

                        assert_in_range(r, 0, sizeof(reply[n]) - 1);
                        reply[n][r] = 0;
                        zmq_getsockopt(request, ZMQ_RCVMORE, &more, &size);
                        assert_true(n < 6);
                }
                assert_int_equal(n, 6);
                assert_string_equal(reply[0], "1.0");
                assert_string_equal(reply[1], rows[i].n > 1 ? rows[i].frames[1] : "");
                assert_string_equal(reply[2], rows[i].status);
                assert_string_equal(reply[4], "");
        }
        assert_int_equal(hedge_auth_refused(house->auth), sizeof(rows) / sizeof(rows[0]));
        zmq_close(request);
}

static void there_is_one_handler_per_context(void **state)
{
        house_t *house = *state;
        hedge_auth_t *second = NULL;
        void *one;

        assert_int_equal(hedge_auth_new(house->context, &second), -EADDRINUSE);
        assert_null(second);
        one = peer(house, "pi-1", house->server.public_key, "from one");
        expect_word(house, "pi-1", "from one"); /* the first is still there */
        zmq_close(one);
        /* After the first has gone, its place is free. */
        hedge_auth_destroy(&house->auth);
        assert_int_equal(hedge_auth_new(house->context, &house->auth), 0);
}

int main(void)
{
#define HOUSE(test) cmocka_unit_test_setup_teardown(test, open_house, close_house)
        const struct CMUnitTest tests[] = {
                HOUSE(a_listed_key_gets_in_under_its_name),
                HOUSE(an_unknown_key_is_refused),
                HOUSE(a_key_of_another_domain_is_refused),
                HOUSE(a_peer_without_curve_is_refused),
                HOUSE(a_server_with_another_key_is_not_believed),
                HOUSE(a_domain_without_a_list_lets_nobody_in),
                HOUSE(without_a_handler_nobody_gets_in),
                HOUSE(an_open_socket_beside_it_stays_open),
                HOUSE(a_key_that_is_added_or_taken_away_counts_at_once),
                HOUSE(a_key_that_is_replaced_in_place_is_another),
                cmocka_unit_test(a_change_within_one_tick_is_seen),
                HOUSE(bad_files_are_errors_at_start_and_skipped_later),
                HOUSE(malformed_requests_are_answered_with_500),
                HOUSE(there_is_one_handler_per_context),
        };

        return cmocka_run_group_tests(tests, make_keys, remove_keys);
}

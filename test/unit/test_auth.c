/* SPDX-License-Identifier: Apache-2.0 */
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

static const char *path_of(const char *file)
{
        static __thread char paths[8][256];
        static __thread unsigned next;
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

/* FOLDER/AS.pub with the public key of `name`; always of one size. */
static void put_key(const char *name, const char *folder, const char *as)
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

static int make_keys(void **state)
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

static int remove_keys(void **state)
{
        char command[300];

        snprintf(command, sizeof(command), "rm -r '%s'", dir);
        return system(command);
}

static void hear(void *arg, const char *sentence)
{
        house_t *house = arg;

        snprintf(house->told[house->n_told++ % 8], sizeof(house->told[0]), "%s", sentence);
}

static bool was_told(const house_t *house, const char *part)
{
        for (unsigned i = 0; i < 8; i++)
                if (strstr(house->told[i], part))
                        return true;
        return false;
}

static void *open_socket(house_t *house, int type)
{
        void *socket = zmq_socket(house->context, type);

        assert_non_null(socket);
        assert_true(house->n_sockets < SOCKETS);
        house->sockets[house->n_sockets].watched = false;
        house->sockets[house->n_sockets++].socket = socket;
        return socket;
}

/* All but the first so many. Whoever is watched no more goes first: an event that nobody reads stops libzmq's I/O thread. */
static void close_sockets(house_t *house, unsigned first)
{
        for (unsigned i = first; i < house->n_sockets; i++)
                if (house->sockets[i].watched)
                        zmq_socket_monitor(house->sockets[i].socket, NULL, 0);
        while (house->n_sockets > first)
                zmq_close(house->sockets[--house->n_sockets].socket);
}

static void *watch_socket(house_t *house, void *socket)
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

static void open_router(house_t *house, bool curve, int handshake_ms)
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

static int start_auth(house_t *house, hedge_why_t *why)
{
        char boards[256], clients[256];
        const char *folders[HEDGE_ROLES] = { boards, clients };

        snprintf(boards, sizeof(boards), "%s/boards", dir);
        snprintf(clients, sizeof(clients), "%s/clients/", dir);
        return hedge_auth_new(folders, hear, house, &house->auth, why);
}

static int open_house(void **state)
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

static int close_house(void **state)
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

static void say(void *socket, const char *word)
{
        hedge_message_t message = { .type = HEDGE_MSG_BYE };

        strcpy(message.bye.reason, word);
        assert_int_equal(hedge_link_send(socket, NULL, &message, NULL, 0), 0);
}

/* A peer with a key (NULL: without CURVE) that wants a server of a key; it has said `word` already, which leaves as soon as
 * it is let in. `ret_events` hears of handshakes that fail and connections that end. */
static void *open_peer(house_t *house, const char *name, const char *server_key, const char *word, void **ret_events)
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

static void *peer(house_t *house, const char *name, const char *word)
{
        return open_peer(house, name, house->server.public_key, word, NULL);
}

static bool take_event(void *events, int timeout_ms, uint16_t *ret_event, uint32_t *ret_value)
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
static void expect_event(void *events, uint16_t wanted)
{
        uint16_t event = 0;
        uint32_t value;

        if (!take_event(events, PATIENCE_MS, &event, &value))
                fail_msg("nothing happened");
        if (!(event & wanted))
                fail_msg("event %x and not %x", event, wanted);
}

/* Wait until this has happened at the router; let auth know of everything. */
static void expect_at_router(house_t *house, uint16_t wanted)
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

static void expect_word(house_t *house, const char *word)
{
        zmq_pollitem_t item = { house->router, 0, ZMQ_POLLIN, 0 };

        hedge_envelope_release(&house->got);
        if (zmq_poll(&item, 1, PATIENCE_MS) != 1)
                fail_msg("'%s' did not come", word);
        assert_int_equal(hedge_link_receive(house->router, true, &hedge_wire_default_limits, &house->got, NULL), 1);
        assert_string_equal(house->got.message.bye.reason, word);
}

static void expect_board(house_t *house, const char *user, const char *word)
{
        hedge_why_t why = { "" };

        expect_word(house, word);
        if (hedge_auth_admit(house->auth, HEDGE_ROLE_BOARD, &house->got, &why) != 0)
                fail_msg("%s is not admitted: %s", user, why.text);
        assert_string_equal(house->got.user, user);
}

static void expect_silence(house_t *house)
{
        assert_int_equal(hedge_link_receive(house->router, true, &hedge_wire_default_limits, &house->got, NULL), 0);
}

/* See that a peer is refused, and that a listed key's message is the first to arrive. */
static void expect_refused(house_t *house, const char *name, const char *server_key, uint16_t how)
{
        void *events;

        open_peer(house, name, server_key, "from nobody", &events);
        expect_event(events, how);
        peer(house, "pi-1", "from one");
        expect_board(house, "pi-1", "from one");
        expect_silence(house);
}

static void expect_unlisted(house_t *house, const char *name)
{
        unsigned long before = hedge_auth_refused(house->auth);

        expect_refused(house, name, house->server.public_key, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
        expect_at_router(house, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
        assert_int_equal(hedge_auth_refused(house->auth), before + 1);
}

/* A folder has been changed: auth hears of it. */
static void expect_change(house_t *house)
{
        struct pollfd item = { hedge_auth_fd(house->auth), POLLIN, 0 };

        assert_int_equal(poll(&item, 1, PATIENCE_MS), 1);
        hedge_auth_changed(house->auth);
}

/* ---- who gets in ---- */

static void a_listed_key_gets_in_under_its_name(void **state)
{
        house_t *house = *state;

        peer(house, "pi-1", "from one");
        expect_board(house, "pi-1", "from one");
        peer(house, "pi-2", "from two");
        expect_board(house, "pi-2", "from two");
        assert_string_equal(house->got.key, key_of("pi-2").public_key);
        assert_int_equal(hedge_auth_refused(house->auth), 0);
}

static void an_unknown_key_is_refused(void **state)
{
        expect_unlisted(*state, "stranger");
}

static void a_peer_without_curve_is_refused(void **state)
{
        expect_refused(*state, NULL, NULL, NOT_BY_AUTH);
}

static void a_server_with_another_key_is_not_believed(void **state)
{
        hedge_key_pair_t other = key_of("stranger");

        expect_refused(*state, "pi-1", other.public_key, NOT_BY_AUTH);
}

static void without_a_handler_nobody_gets_in(void **state)
{
        house_t *house = *state;
        void *events;

        hedge_auth_destroy(&house->auth);
        assert_null(house->auth);
        open_router(house, true, 300); /* so long libzmq waits for an answer of nobody */
        open_peer(house, "pi-1", house->server.public_key, "from one", &events);
        expect_event(events, NOT_BY_AUTH);
        expect_silence(house);
}

static void an_open_socket_beside_it_stays_open(void **state)
{
        house_t *house = *state;

        open_router(house, false, 0);
        open_peer(house, NULL, NULL, "in clear", NULL);
        expect_word(house, "in clear");
        assert_string_equal(house->got.key, "");
        assert_int_equal(hedge_auth_refused(house->auth), 0);
}

static void a_key_of_another_role_is_told_so_and_cut(void **state)
{
        house_t *house = *state;
        hedge_why_t why = { "" };
        void *events, *ann = open_peer(house, "ann", house->server.public_key, "from ann", &events);

        expect_word(house, "from ann");
        assert_int_equal(hedge_auth_admit(house->auth, HEDGE_ROLE_BOARD, &house->got, &why), HEDGE_EDENIED);
        assert_non_null(strstr(why.text, "the client 'ann'"));
        say(ann, "again");
        expect_word(house, "again");
        assert_int_equal(hedge_auth_admit(house->auth, HEDGE_ROLE_BOARD, &house->got, &why), -EALREADY);
        assert_int_equal(hedge_auth_refused(house->auth), 1);
        for (unsigned i = 0; i < 3; i++)
                hedge_auth_tick(house->auth);
        expect_event(events, ZMQ_EVENT_DISCONNECTED);
        expect_at_router(house, ZMQ_EVENT_DISCONNECTED);
        /* the right socket lets it in */
        zmq_disconnect(ann, house->endpoint);
        peer(house, "ann", "as a client");
        expect_word(house, "as a client");
        assert_int_equal(hedge_auth_admit(house->auth, HEDGE_ROLE_CLIENT, &house->got, &why), 0);
        assert_string_equal(house->got.user, "ann");
        peer(house, "pi-1", "a board as a client");
        expect_word(house, "a board as a client");
        assert_int_equal(hedge_auth_admit(house->auth, HEDGE_ROLE_CLIENT, &house->got, &why), HEDGE_EDENIED);
        assert_non_null(strstr(why.text, "the board 'pi-1'"));
}

static void a_key_may_have_both_roles(void **state)
{
        house_t *house = *state;
        hedge_why_t why;

        put_key("pi-1", "clients", "desk");
        expect_change(house);
        peer(house, "pi-1", "both");
        expect_board(house, "pi-1", "both");
        assert_int_equal(hedge_auth_admit(house->auth, HEDGE_ROLE_CLIENT, &house->got, &why), 0);
        assert_string_equal(house->got.user, "desk");
}

/* ---- changes ---- */

static void a_key_that_is_added_or_taken_away_counts_at_once(void **state)
{
        house_t *house = *state;
        void *late, *events;

        expect_unlisted(house, "late");
        put_key("late", "boards", "late");
        expect_change(house);
        late = open_peer(house, "late", house->server.public_key, "from late", &events);
        expect_board(house, "late", "from late");
        assert_int_equal(unlink(path_of("boards/late.pub")), 0);
        say(late, "too late"); /* perhaps on its way already when the key goes */
        expect_word(house, "too late");
        expect_change(house);
        assert_true(was_told(house, "board=late"));
        assert_int_equal(hedge_auth_admit(house->auth, HEDGE_ROLE_BOARD, &house->got, NULL), -EALREADY);
        expect_event(events, ZMQ_EVENT_DISCONNECTED);
        expect_unlisted(house, "late");
}

static void what_comes_after_a_key_has_gone_is_refused(void **state)
{
        house_t *house = *state;
        hedge_why_t why = { "" };

        peer(house, "pi-2", "from two"); /* nothing is known of this connection when the key goes */
        expect_word(house, "from two");
        assert_int_equal(unlink(path_of("boards/pi-2.pub")), 0);
        expect_change(house);
        assert_int_equal(hedge_auth_admit(house->auth, HEDGE_ROLE_BOARD, &house->got, &why), HEDGE_EDENIED);
        assert_non_null(strstr(why.text, "any more"));
}

static void a_key_that_is_replaced_in_place_is_another(void **state)
{
        house_t *house = *state;
        struct stat before, after;
        void *events;

        for (unsigned round = 0; round < 20; round++) { /* the same name, file and size; most within the same second */
                const char *now = round % 2 ? "pi-2" : "stranger", *old = round % 2 ? "stranger" : "pi-2";

                open_peer(house, old, house->server.public_key, "from the old", &events);
                expect_board(house, "pi-2", "from the old");
                assert_int_equal(stat(path_of("boards/pi-2.pub"), &before), 0);
                put_key(now, "boards", "pi-2");
                assert_int_equal(stat(path_of("boards/pi-2.pub"), &after), 0);
                assert_true(before.st_ino == after.st_ino && before.st_size == after.st_size);
                expect_change(house);
                expect_event(events, ZMQ_EVENT_DISCONNECTED);
                open_peer(house, old, house->server.public_key, "the old again", &events);
                expect_event(events, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
                expect_silence(house);
                close_sockets(house, 2);
        }
}

static void a_key_under_another_name_is_another_board(void **state)
{
        house_t *house = *state;
        void *events, *two = open_peer(house, "pi-2", house->server.public_key, "from two", &events);

        expect_board(house, "pi-2", "from two");
        assert_int_equal(rename(path_of("boards/pi-2.pub"), path_of("boards/pi-3.pub")), 0);
        expect_change(house);
        expect_event(events, ZMQ_EVENT_DISCONNECTED);
        say(two, "from three"); /* libzmq connects again by itself */
        expect_board(house, "pi-3", "from three");
}

static void a_folder_may_be_replaced(void **state)
{
        house_t *house = *state;
        void *events;

        open_peer(house, "pi-1", house->server.public_key, "from one", &events);
        expect_board(house, "pi-1", "from one");
        assert_int_equal(mkdir(path_of("other"), 0700), 0);
        put_key("late", "other", "late");
        assert_int_equal(rename(path_of("boards"), path_of("keys/old")), 0);
        expect_change(house);
        expect_event(events, ZMQ_EVENT_DISCONNECTED);
        assert_true(was_told(house, "boards: No such file"));
        assert_int_equal(hedge_auth_folder(house->auth, HEDGE_ROLE_BOARD)->n_complaints, 1);
        assert_int_equal(rename(path_of("other"), path_of("boards")), 0);
        expect_change(house);
        peer(house, "late", "from late");
        expect_board(house, "late", "from late");
        assert_int_equal(hedge_auth_folder(house->auth, HEDGE_ROLE_BOARD)->n_complaints, 0);
        put_key("pi-2", "boards", "pi-2"); /* the new one is watched, too */
        expect_change(house);
        peer(house, "pi-2", "from two");
        expect_board(house, "pi-2", "from two");
        assert_int_equal(rename(path_of("keys/old"), path_of("other")), 0);
}

static void bad_files_are_told_once_and_cost_nobody_else(void **state)
{
        house_t *house = *state;
        FILE *f = fopen(path_of("boards/aaa.pub"), "w");

        fputs("junk", f);
        fclose(f);
        expect_change(house);
        assert_int_equal(house->n_told, 1);
        assert_true(was_told(house, "boards/aaa.pub"));
        hedge_auth_read(house->auth);
        assert_int_equal(house->n_told, 1);
        peer(house, "pi-1", "from one");
        expect_board(house, "pi-1", "from one");
        hedge_auth_destroy(&house->auth);
        assert_int_equal(start_auth(house, NULL), 0); /* at a start it is the same */
        assert_int_equal(hedge_auth_folder(house->auth, HEDGE_ROLE_BOARD)->n_complaints, 1);
        assert_int_equal(house->n_told, 2);
}

/* Want of descriptors says nothing about keys: all stays as it is, and is made good at the next tick. */
static void a_read_that_fails_for_want_of_descriptors_changes_nothing(void **state)
{
        house_t *house = *state;
        struct rlimit limit, low;
        void *one = peer(house, "pi-1", "from one");

        expect_board(house, "pi-1", "from one");
        assert_int_equal(unlink(path_of("boards/pi-2.pub")), 0);
        assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
        low = limit;
        low.rlim_cur = 3;
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
        hedge_auth_read(house->auth);
        hedge_auth_tick(house->auth);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_int_equal(house->n_told, 1);
        assert_int_equal(hedge_auth_folder(house->auth, HEDGE_ROLE_BOARD)->n_keys, 2);
        say(one, "still here");
        expect_board(house, "pi-1", "still here");
        hedge_auth_tick(house->auth);
        assert_int_equal(hedge_auth_folder(house->auth, HEDGE_ROLE_BOARD)->n_keys, 1);
        expect_unlisted(house, "pi-2");
}

/* ---- its life ---- */

static void on_signal(int number)
{
}

/* CZMQ's actors take an interrupted wait for the program's end. */
static void signals_do_not_end_it(void **state)
{
        const struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
        house_t *house = *state;
        struct sigaction before;
        struct dirent *task;
        DIR *tasks;

        assert_int_equal(sigaction(SIGHUP, &action, &before), 0);
        for (unsigned i = 0; i < 20; i++) {
                tasks = opendir("/proc/self/task");
                while ((task = readdir(tasks)))
                        if (*task->d_name != '.')
                                syscall(SYS_tgkill, getpid(), atoi(task->d_name), SIGHUP);
                closedir(tasks);
        }
        peer(house, "pi-1", "from one");
        expect_board(house, "pi-1", "from one");
        hedge_auth_read(house->auth);
        assert_int_equal(house->n_told, 0);
        sigaction(SIGHUP, &before, NULL);
}

static void *change_keys(void *arg)
{
        house_t *house = arg;

        for (unsigned i = 0; i < 200; i++) {
                if (i % 2)
                        unlink(path_of("boards/late.pub"));
                else
                        put_key("late", "boards", "late");
                hedge_auth_read(house->auth);
        }
        return NULL;
}

typedef struct pester {
        pthread_t whom;
        atomic_bool enough;
} pester_t;

static void *send_signals(void *arg)
{
        pester_t *p = arg;

        while (!atomic_load(&p->enough)) {
                pthread_kill(p->whom, SIGHUP);
                sched_yield();
        }
        return NULL;
}

/* Nor do they come between it and us. */
static void signals_do_not_interrupt_a_change(void **state)
{
        const struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
        pester_t pester = { .whom = pthread_self() };
        pthread_t thread;
        house_t *house = *state;
        struct sigaction before;

        assert_int_equal(sigaction(SIGHUP, &action, &before), 0);
        assert_int_equal(pthread_create(&thread, NULL, send_signals, &pester), 0);
        change_keys(house);
        atomic_store(&pester.enough, true);
        pthread_join(thread, NULL);
        sigaction(SIGHUP, &before, NULL);
        if (house->n_told)
                fail_msg("%s", house->told[0]);
}

static void there_is_one_in_a_process(void **state)
{
        house_t *house = *state;
        hedge_auth_t *first = house->auth;
        hedge_why_t why;

        assert_int_equal(start_auth(house, &why), -EADDRINUSE);
        assert_ptr_equal(house->auth, first);
        peer(house, "pi-1", "from one");
        expect_board(house, "pi-1", "from one"); /* the first is still there */
        /* After the first has gone, its place is free. */
        hedge_auth_destroy(&house->auth);
        assert_int_equal(start_auth(house, &why), 0);
        peer(house, "pi-2", "from two");
        expect_board(house, "pi-2", "from two");
}

static void a_folder_that_is_not_there_is_an_error_at_start(void **state)
{
        house_t *house = *state;
        hedge_why_t why;

        hedge_auth_destroy(&house->auth);
        assert_int_equal(rename(path_of("boards"), path_of("other")), 0);
        assert_int_equal(start_auth(house, &why), -ENOENT);
        assert_non_null(strstr(why.text, "/boards: "));
        assert_int_equal(rename(path_of("other"), path_of("boards")), 0);
        assert_int_equal(start_auth(house, &why), 0);
}

static unsigned folders_in_tmp(void)
{
        DIR *tmp = opendir(path_of("tmp"));
        struct dirent *file;
        unsigned n = 0;

        while ((file = readdir(tmp)))
                n += *file->d_name != '.';
        closedir(tmp);
        return n;
}

static void nothing_is_left_on_the_disk(void **state)
{
        house_t *house = *state;

        put_key("late", "boards", "late");
        expect_change(house);
        assert_int_equal(folders_in_tmp(), 1);
        hedge_auth_destroy(&house->auth);
        assert_int_equal(folders_in_tmp(), 0);
}

/* Reading what is as it was is no work for zauth. */
static void what_has_not_changed_is_not_given_again(void **state)
{
        house_t *house = *state;

        assert_int_equal(rename(path_of("tmp"), path_of("other")), 0); /* where a folder for zauth would be made */
        for (unsigned i = 0; i < 20; i++) {
                put_key("pi-1", "boards", "pi-1");
                expect_change(house);
                hedge_auth_read(house->auth);
        }
        assert_int_equal(house->n_told, 0);
        put_key("late", "boards", "late"); /* now it has to be, and cannot; but is, as soon as it can */
        expect_change(house);
        assert_int_equal(house->n_told, 1);
        assert_int_equal(rename(path_of("other"), path_of("tmp")), 0);
        hedge_auth_tick(house->auth);
        peer(house, "late", "from late");
        expect_board(house, "late", "from late");
}

/* Handshakes at every moment of a change: who is in the folder before and after gets in. */
static void changes_shut_nobody_else_out(void **state)
{
        house_t *house = *state;
        pthread_t thread;

        assert_int_equal(pthread_create(&thread, NULL, change_keys, house), 0);
        for (unsigned i = 0; i < 100; i++) {
                peer(house, "pi-1", "from one");
                expect_word(house, "from one");
                close_sockets(house, 2);
        }
        pthread_join(thread, NULL);
        assert_int_equal(house->n_told, 0);
}

int main(void)
{
#define HOUSE(test) cmocka_unit_test_setup_teardown(test, open_house, close_house)
        const struct CMUnitTest tests[] = {
                HOUSE(a_listed_key_gets_in_under_its_name),
                HOUSE(an_unknown_key_is_refused),
                HOUSE(a_peer_without_curve_is_refused),
                HOUSE(a_server_with_another_key_is_not_believed),
                HOUSE(without_a_handler_nobody_gets_in),
                HOUSE(an_open_socket_beside_it_stays_open),
                HOUSE(a_key_of_another_role_is_told_so_and_cut),
                HOUSE(a_key_may_have_both_roles),
                HOUSE(a_key_that_is_added_or_taken_away_counts_at_once),
                HOUSE(what_comes_after_a_key_has_gone_is_refused),
                HOUSE(a_key_that_is_replaced_in_place_is_another),
                HOUSE(a_key_under_another_name_is_another_board),
                HOUSE(a_folder_may_be_replaced),
                HOUSE(bad_files_are_told_once_and_cost_nobody_else),
                HOUSE(a_read_that_fails_for_want_of_descriptors_changes_nothing),
                HOUSE(signals_do_not_end_it),
                HOUSE(signals_do_not_interrupt_a_change),
                HOUSE(there_is_one_in_a_process),
                HOUSE(a_folder_that_is_not_there_is_an_error_at_start),
                HOUSE(nothing_is_left_on_the_disk),
                HOUSE(what_has_not_changed_is_not_given_again),
                HOUSE(changes_shut_nobody_else_out),
        };

        return cmocka_run_group_tests(tests, make_keys, remove_keys);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "common/wire/monitor.h"
#include "test/system/hedged_bed.h"

/* The real hedged and its folders of keys: who gets in, who is thrown out, and when. */

/* Heartbeats so rare that nothing here can wait for one: what happens happens because a file has changed. */
#define CALM  "cluster: {heartbeat_ms: 60000, strikes: 100, measurements: ''}\n"
#define QUICK "cluster: {heartbeat_ms: 50, strikes: 100, measurements: ''}\n"

typedef struct yard {
        hedged_bed_t *bed;
        char tcp[64], listen[100];
        hedge_key_pair_t coordinator;
} yard_t;

static int unused_port(void)
{
        struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
        socklen_t size = sizeof(address);
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

        assert_true(fd >= 0);
        assert_int_equal(bind(fd, (struct sockaddr *)&address, size), 0);
        assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
        close(fd);
        return ntohs(address.sin_port);
}

static const char *path_in(const yard_t *yard, const char *file)
{
        static char paths[4][600];
        static unsigned next;
        char *buf = paths[next++ % 4];

        snprintf(buf, sizeof(paths[0]), "%s/%s", yard->bed->dir, file);
        return buf;
}

/* A pair in the bed's folder; its public key is in none of hedged's. */
static hedge_key_pair_t make_key(const yard_t *yard, const char *name)
{
        hedge_key_pair_t pair;
        char file[80];

        assert_int_equal(hedge_keys_generate(yard->bed->dir, name, NULL), 0);
        snprintf(file, sizeof(file), "%s.secret", name);
        assert_int_equal(hedge_keys_load_secret(path_in(yard, file), &pair, NULL), 0);
        return pair;
}

/* Write FOLDER/NAME.pub in place; always of one size. */
static void write_key(const yard_t *yard, const char *file, const hedge_key_pair_t *pair)
{
        FILE *f = fopen(path_in(yard, file), "w");

        assert_non_null(f);
        assert_true(fprintf(f, "curve\n    public-key = \"%s\"\n", pair->public_key) > 0);
        assert_int_equal(fclose(f), 0);
}

static void open_yard(yard_t *yard, hedged_bed_t *bed)
{
        yard->bed = bed;
        assert_int_equal(mkdir(path_in(yard, "boards"), 0700), 0);
        assert_int_equal(mkdir(path_in(yard, "clients"), 0700), 0);
        yard->coordinator = make_key(yard, "coordinator");
        snprintf(yard->tcp, sizeof(yard->tcp), "tcp://127.0.0.1:%d", unused_port());
        snprintf(yard->listen, sizeof(yard->listen), "  clients_tcp: '%s'\n", yard->tcp);
        bed->listen = yard->listen;
}

/* By the simple rule, so that boards are not measured before they get work: these compute nothing. */
static void start(yard_t *yard, const char *more)
{
        char text[2048];

        snprintf(text, sizeof(text), "plan: {cut: simple}\n%s", more);
        hedged_bed_launch(yard->bed, "curve", text);
        hedged_bed_await(yard->bed);
}

/* With a board's key, "pi-7", and a client's, "ann". */
static void start_for_two(yard_t *yard, hedged_bed_t *bed, hedge_key_pair_t *board, hedge_key_pair_t *ann)
{
        open_yard(yard, bed);
        *board = make_key(yard, "pi-7");
        *ann = make_key(yard, "ann");
        write_key(yard, "boards/pi-7.pub", board);
        write_key(yard, "clients/ann.pub", ann);
        start(yard, QUICK);
}

/* ---- peers ---- */

typedef struct guest {
        fake_peer_t peer;
        hedge_monitor_t *events;
} guest_t;

/* Watched from before it connects. */
static void arrive(const yard_t *yard, guest_t *guest, const char *endpoint, const hedge_key_pair_t *pair)
{
        const hedge_socket_options_t options = { .limits = &hedge_wire_default_limits,
                                                 .secret_key = pair->secret_key,
                                                 .public_key = pair->public_key,
                                                 .server_key = yard->coordinator.public_key };

        memset(guest, 0, sizeof(*guest));
        assert_int_equal(hedge_socket_new(ZMQ_DEALER, &options, &guest->peer.socket), 0);
        assert_int_equal(hedge_monitor_new(guest->peer.socket, ZMQ_EVENT_DISCONNECTED | ZMQ_EVENT_HANDSHAKE_FAILED_AUTH,
                                           &guest->events),
                         0);
        assert_int_equal(hedge_socket_connect(guest->peer.socket, endpoint, NULL), 0);
}

static void leave(guest_t *guest)
{
        hedge_monitor_destroy(&guest->events);
        fake_peer_close(&guest->peer);
}

static void expect_event(guest_t *guest, int wanted)
{
        zmq_pollitem_t item = hedge_socket_poll(hedge_monitor_socket(guest->events), ZMQ_POLLIN);

        assert_int_equal(zmq_poll(&item, 1, TEST_PATIENCE_MS), 1);
        assert_int_equal(hedge_monitor_next(guest->events, NULL), wanted);
}

static void expect_nothing(guest_t *guest)
{
        assert_int_equal(hedge_monitor_next(guest->events, NULL), 0);
}

static void say_hello(guest_t *guest, const char *name)
{
        hedge_message_t hello = { .type = HEDGE_MSG_HELLO, .hello = { .incarnation = 1, .cores = 1 } };

        snprintf(hello.hello.board, sizeof(hello.hello.board), "%s", name);
        fake_peer_send(&guest->peer, &hello, NULL, 0);
}

static void board_joins(const yard_t *yard, guest_t *guest, const char *name, const hedge_key_pair_t *pair)
{
        arrive(yard, guest, yard->bed->endpoint, pair);
        say_hello(guest, name);
        fake_peer_expect(&guest->peer, HEDGE_MSG_WELCOME);
}

static void ask_status(guest_t *guest, uint64_t id)
{
        const hedge_message_t ask = { .type = HEDGE_MSG_STATUS, .status = { .id = id } };

        fake_peer_send(&guest->peer, &ask, NULL, 0);
}

static void client_is_served(guest_t *guest)
{
        ask_status(guest, 7);
        assert_int_equal(fake_peer_expect(&guest->peer, HEDGE_MSG_STATUS_OK)->status_ok.id, 7);
}

static void is_turned_away(const yard_t *yard, const char *endpoint, const hedge_key_pair_t *pair)
{
        guest_t guest;

        arrive(yard, &guest, endpoint, pair);
        expect_event(&guest, ZMQ_EVENT_HANDSHAKE_FAILED_AUTH);
        leave(&guest);
}

static bool first_is_lost(hedged_bed_t *bed)
{
        return strcmp(hedged_bed_status(bed)->boards[0].state, "alive") != 0;
}

static bool no_key_is_bad(hedged_bed_t *bed)
{
        return hedged_bed_status(bed)->n_keys == 0;
}

static bool one_is_refused(hedged_bed_t *bed)
{
        return hedged_bed_status(bed)->refused == 1;
}

/* ---- */

static void a_key_is_good_for_its_own_endpoint_alone(void **state)
{
        const hedge_msg_error_t *error;
        hedge_key_pair_t board, ann;
        guest_t guest;
        yard_t yard;

        start_for_two(&yard, *state, &board, &ann);

        arrive(&yard, &guest, yard.bed->endpoint, &ann); /* a client as a board */
        say_hello(&guest, "ann");
        error = fake_peer_expect_error(&guest.peer, HEDGE_EDENIED, 0);
        assert_non_null(strstr(error->text, "the client 'ann'"));
        expect_event(&guest, ZMQ_EVENT_DISCONNECTED);
        leave(&guest);
        assert_int_equal(hedged_bed_status(yard.bed)->refused, 1);
        assert_int_equal(hedged_bed_status(yard.bed)->n_boards, 0);

        arrive(&yard, &guest, yard.tcp, &board); /* a board as a client */
        ask_status(&guest, 3);
        error = fake_peer_expect_error(&guest.peer, HEDGE_EDENIED, 0);
        assert_non_null(strstr(error->text, "the board 'pi-7'"));
        expect_event(&guest, ZMQ_EVENT_DISCONNECTED);
        leave(&guest);
        assert_int_equal(hedged_bed_status(yard.bed)->refused, 2);
        assert_int_equal(hedged_bed_status(yard.bed)->malformed, 0);

        arrive(&yard, &guest, yard.bed->endpoint, &ann); /* what is no message is no way in either */
        fake_peer_send_bytes(&guest.peer, "\xc1", 1, 0, 0);
        fake_peer_expect_error(&guest.peer, HEDGE_EDENIED, 0);
        leave(&guest);
        assert_int_equal(hedged_bed_status(yard.bed)->malformed, 0);

        board_joins(&yard, &guest, "pi-7", &board);
        leave(&guest);
        arrive(&yard, &guest, yard.tcp, &ann);
        client_is_served(&guest);
        leave(&guest);
}

static void a_key_that_is_taken_away_cuts_its_holder(void **state)
{
        hedge_key_pair_t keys[2], ann, bob;
        guest_t boards[2], clients[2];
        yard_t yard;

        open_yard(&yard, *state);
        keys[0] = make_key(&yard, "pi-7");
        keys[1] = make_key(&yard, "pi-8");
        ann = make_key(&yard, "ann");
        bob = make_key(&yard, "bob");
        write_key(&yard, "boards/pi-7.pub", &keys[0]);
        write_key(&yard, "boards/pi-8.pub", &keys[1]);
        write_key(&yard, "clients/ann.pub", &ann);
        write_key(&yard, "clients/bob.pub", &bob);
        start(&yard, CALM);
        for (unsigned i = 0; i < 3;
             i++) { /* as a board that connects again and again, by the same descriptor of hedged's */
                board_joins(&yard, &boards[0], "pi-7", &keys[0]);
                if (i < 2)
                        leave(&boards[0]);
        }
        board_joins(&yard, &boards[1], "pi-8", &keys[1]);
        arrive(&yard, &clients[0], yard.tcp, &ann);
        client_is_served(&clients[0]);
        arrive(&yard, &clients[1], yard.tcp, &bob);
        client_is_served(&clients[1]);

        assert_int_equal(unlink(path_in(&yard, "boards/pi-7.pub")), 0);
        expect_event(&boards[0], ZMQ_EVENT_DISCONNECTED);
        hedged_bed_until(yard.bed, first_is_lost, "the board to be lost");
        assert_true(test_process_said(&yard.bed->hedged, "board=pi-7: its key was taken away"));
        assert_int_equal(unlink(path_in(&yard, "clients/ann.pub")), 0);
        expect_event(&clients[0], ZMQ_EVENT_DISCONNECTED);
        is_turned_away(&yard, yard.bed->endpoint, &keys[0]);
        is_turned_away(&yard, yard.tcp, &ann);

        client_is_served(&clients[1]); /* nobody else has noticed */
        expect_nothing(&boards[1]);
        expect_nothing(&clients[1]);
        assert_string_equal(hedged_bed_status(yard.bed)->boards[1].state, "alive");
        for (unsigned i = 0; i < 2; i++) {
                leave(&boards[i]);
                leave(&clients[i]);
        }
}

static void a_key_that_is_replaced_is_the_new_one_at_once(void **state)
{
        hedge_key_pair_t keys[2];
        guest_t guest, next;
        yard_t yard;

        open_yard(&yard, *state);
        keys[0] = make_key(&yard, "old");
        keys[1] = make_key(&yard, "new");
        write_key(&yard, "boards/pi-7.pub", &keys[0]);
        start(&yard, CALM);
        board_joins(&yard, &guest, "pi-7", &keys[0]);
        for (unsigned i = 1; i <= 10; i++) { /* of one size, and most within a second of the one before */
                if (i % 3) {
                        write_key(&yard, "boards/pi-7.pub", &keys[i % 2]);
                } else {
                        write_key(&yard, "boards/beside", &keys[i % 2]);
                        assert_int_equal(rename(path_in(&yard, "boards/beside"), path_in(&yard, "boards/pi-7.pub")), 0);
                }
                expect_event(&guest, ZMQ_EVENT_DISCONNECTED);
                is_turned_away(&yard, yard.bed->endpoint, &keys[(i + 1) % 2]);
                board_joins(&yard, &next, "pi-7", &keys[i % 2]);
                leave(&guest);
                guest = next;
        }
        leave(&guest);
}

/* SIGHUP once more for every answer, and every time another key that nobody uses: everybody is served as if nothing were. */
static void sighup_under_load_fails_nothing(void **state)
{
        hedge_key_pair_t board, ann;
        guest_t old, client, guest;
        yard_t yard;

        start_for_two(&yard, *state, &board, &ann);
        board_joins(&yard, &old, "pi-7", &board);
        arrive(&yard, &client, yard.tcp, &ann);
        hedged_bed_send_load(yard.bed, "digits", yard.bed->onnx, yard.bed->onnx_bytes, NULL, 0);
        assert_int_equal(hedged_bed_answer(yard.bed)->type, HEDGE_MSG_LOAD_OK);
        for (unsigned i = 0; i < 50; i++) {
                assert_int_equal(kill(yard.bed->hedged.pid, SIGHUP), 0);
                hedged_bed_infer(yard.bed, "digits");
                client_is_served(&client);
                arrive(&yard, &guest, yard.tcp, &ann);
                if (i % 2)
                        unlink(path_in(&yard, "clients/bob.pub"));
                else
                        write_key(&yard, "clients/bob.pub", &board);
                assert_int_equal(kill(yard.bed->hedged.pid, SIGHUP), 0);
                client_is_served(&guest);
                leave(&guest);
        }
        expect_nothing(&old);
        expect_nothing(&client);
        assert_int_equal(hedged_bed_status(yard.bed)->refused, 0);
        assert_int_equal(hedged_bed_status(yard.bed)->requests_failed, 0);
        assert_true(test_process_said(&yard.bed->hedged, "reading the keys again"));
        leave(&old);
        leave(&client);
        assert_int_equal(hedged_bed_end(yard.bed, SIGTERM), 0);
}

/* What inotify does not tell (here: what a link points to), SIGHUP does. */
static void sighup_reads_what_no_event_tells(void **state)
{
        hedge_key_pair_t keys[2];
        guest_t guest;
        yard_t yard;

        open_yard(&yard, *state);
        keys[0] = make_key(&yard, "old");
        keys[1] = make_key(&yard, "new");
        write_key(&yard, "elsewhere", &keys[0]);
        assert_int_equal(symlink("../elsewhere", path_in(&yard, "boards/pi-7.pub")), 0);
        start(&yard, CALM);
        board_joins(&yard, &guest, "pi-7", &keys[0]);
        write_key(&yard, "elsewhere", &keys[1]);
        hedged_bed_status(yard.bed);
        expect_nothing(&guest);
        assert_int_equal(kill(yard.bed->hedged.pid, SIGHUP), 0);
        expect_event(&guest, ZMQ_EVENT_DISCONNECTED);
        leave(&guest);
        board_joins(&yard, &guest, "pi-7", &keys[1]);
        leave(&guest);
}

/* Without CURVE there is nothing to read, and it is no reason to end either. */
static void sighup_without_keys_ends_nothing(void **state)
{
        hedged_bed_t *bed = hedged_bed_ready(state, "");

        for (unsigned i = 0; i < 20; i++) {
                assert_int_equal(kill(bed->hedged.pid, SIGHUP), 0);
                hedged_bed_infer(bed, "digits");
        }
        assert_int_equal(hedged_bed_status(bed)->requests_failed, 0);
}

static void check_config(yard_t *yard, const char *config, int status)
{
        const char *const arguments[] = { getenv("HEDGED"), "--check-config", "--config", config, NULL };
        test_process_t check = { 0 };

        test_process_start(&check, yard->bed->dir, "check", arguments, NULL);
        assert_int_equal(test_process_wait(&check, TEST_PATIENCE_MS), status);
        if (status == 0) {
                assert_true(test_process_said(&check, "/boards/pi-8.pub: "));
                assert_true(test_process_said(&check, "/boards/pi-9.pub: a copy of the key of 'pi-7'"));
                assert_true(test_process_said(&check, ": fine"));
        }
}

static void a_bad_file_costs_its_owner_alone(void **state)
{
        const hedge_msg_status_ok_t *status;
        hedge_key_pair_t board, late;
        char config[300];
        guest_t guest, next;
        yard_t yard;

        open_yard(&yard, *state);
        board = make_key(&yard, "pi-7");
        late = make_key(&yard, "pi-8");
        write_key(&yard, "boards/pi-7.pub", &board);
        write_key(&yard, "boards/pi-9.pub", &board);
        test_write_file(yard.bed->dir, "boards/pi-8.pub", "");
        start(&yard, CALM); /* it does start */
        board_joins(&yard, &guest, "pi-7", &board);
        is_turned_away(&yard, yard.bed->endpoint, &late);
        status = hedged_bed_status(yard.bed);
        assert_int_equal(status->n_keys, 2);
        assert_non_null(strstr(status->keys[0], "/boards/pi-8.pub: "));
        assert_non_null(strstr(status->keys[1], "/boards/pi-9.pub: a copy of the key of 'pi-7'"));
        assert_true(test_process_said(&yard.bed->hedged, "/boards/pi-8.pub: "));
        hedged_bed_until(yard.bed, one_is_refused, "the refused connection to be counted");

        snprintf(config, sizeof(config), "%s/hedged.yaml", yard.bed->dir);
        check_config(&yard, config, 0);

        write_key(&yard, "boards/pi-8.pub", &late);
        assert_int_equal(unlink(path_in(&yard, "boards/pi-9.pub")), 0);
        hedged_bed_until(yard.bed, no_key_is_bad, "the keys to be read again");
        board_joins(&yard, &next, "pi-8", &late);
        expect_nothing(&guest);
        leave(&next);

        assert_int_equal(rename(path_in(&yard, "boards"), path_in(&yard, "away")), 0); /* all of them */
        expect_event(&guest, ZMQ_EVENT_DISCONNECTED);
        leave(&guest);
        check_config(&yard, config, 78); /* that is the configuration's fault */
        assert_int_equal(rename(path_in(&yard, "away"), path_in(&yard, "boards")), 0);
        hedged_bed_until(yard.bed, no_key_is_bad, "the keys to be read again");
        board_joins(&yard, &guest, "pi-7", &board);
        leave(&guest);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, hedged_bed_set_up, hedged_bed_tear_down)
        const struct CMUnitTest tests[] = {
                TEST(a_key_is_good_for_its_own_endpoint_alone),
                TEST(a_key_that_is_taken_away_cuts_its_holder),
                TEST(a_key_that_is_replaced_is_the_new_one_at_once),
                TEST(sighup_under_load_fails_nothing),
                TEST(sighup_reads_what_no_event_tells),
                TEST(sighup_without_keys_ends_nothing),
                TEST(a_bad_file_costs_its_owner_alone),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

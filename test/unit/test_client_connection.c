/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "client/requests.h"
#include "common/clock.h"
#include "common/wire/auth.h"

/* A coordinator of a few lines, in a thread: answers every request as it is told. */
typedef enum behaviour {
        ANSWER,       /* as a coordinator does */
        LATE_FIRST,   /* first an answer to another request */
        REFUSE,       /* an ERROR with a code and a sentence */
        REFUSE_BLIND, /* an ERROR about a message it could not read: no id */
        WRONG_TYPE,   /* MODELS_OK, whatever was asked */
        GARBAGE,      /* bytes that are no header */
        SILENT,
        HANG_UP, /* closes without an answer */
} behaviour_t;

typedef struct fake {
        behaviour_t behaviour;
        void *context, *socket, *control;
        pthread_t thread;
        char address[256];
} fake_t;

static char folder[] = "/tmp/hedge-connection-XXXXXX";

static void send_garbage(void *socket, const hedge_route_t *route)
{
        zmq_send(socket, route->bytes, route->size, ZMQ_SNDMORE);
        zmq_send(socket, "\x93\xff nonsense", 11, 0);
}

static void respond(fake_t *fake, const hedge_envelope_t *request)
{
        uint64_t id = request->message.status.id;
        hedge_message_t ok = { .type = HEDGE_MSG_STATUS_OK, .status_ok = { .id = id, .version = "1", .slots = 7 } };
        hedge_message_t error = { .type = HEDGE_MSG_ERROR,
                                  .error = { .code = HEDGE_ENOBOARDS, .text = "too few boards" } };
        hedge_message_t models = { .type = HEDGE_MSG_MODELS_OK, .models_ok = { .id = id } };

        switch (fake->behaviour) {
        case LATE_FIRST:
                ok.status_ok.id = id + 1000;
                ok.status_ok.slots = 99;
                hedge_link_send(fake->socket, &request->route, &ok, NULL, 0);
                ok.status_ok.id = id;
                ok.status_ok.slots = 7;
                /* fall through */
        case ANSWER:
                hedge_link_send(fake->socket, &request->route, &ok, NULL, 0);
                break;
        case REFUSE:
                error.error.about = id;
                /* fall through */
        case REFUSE_BLIND:
                hedge_link_send(fake->socket, &request->route, &error, NULL, 0);
                break;
        case WRONG_TYPE:
                hedge_link_send(fake->socket, &request->route, &models, NULL, 0);
                break;
        case GARBAGE:
                send_garbage(fake->socket, &request->route);
                break;
        case SILENT:
        case HANG_UP:
                break;
        }
}

static void *serve(void *arg)
{
        fake_t *fake = arg;
        zmq_pollitem_t items[] = { { fake->socket, 0, ZMQ_POLLIN, 0 }, { fake->control, 0, ZMQ_POLLIN, 0 } };
        hedge_envelope_t request;

        while (zmq_poll(items, 2, -1) > 0 && !items[1].revents) {
                if (hedge_link_receive(fake->socket, true, &hedge_wire_default_limits, &request, NULL) != 1)
                        continue;
                respond(fake, &request);
                hedge_envelope_release(&request);
                if (fake->behaviour == HANG_UP)
                        break;
        }
        zmq_close(fake->socket);
        zmq_close(fake->control);
        return NULL;
}

static void start(fake_t *fake, behaviour_t behaviour, const char *endpoint, const char *secret)
{
        const hedge_socket_options_t options = {
                .limits = &hedge_wire_default_limits, .linger_ms = 1000, .domain = "clients", .secret_key = secret
        };
        size_t size = sizeof(fake->address);

        fake->behaviour = behaviour;
        if (!fake->context)
                fake->context = zmq_ctx_new();
        fake->socket = zmq_socket(fake->context, ZMQ_ROUTER);
        fake->control = zmq_socket(fake->context, ZMQ_PAIR);
        assert_int_equal(hedge_socket_set(fake->socket, &options), 0);
        assert_int_equal(zmq_bind(fake->socket, endpoint), 0);
        assert_int_equal(zmq_bind(fake->control, "inproc://control"), 0);
        assert_int_equal(zmq_getsockopt(fake->socket, ZMQ_LAST_ENDPOINT, fake->address, &size), 0);
        assert_int_equal(pthread_create(&fake->thread, NULL, serve, fake), 0);
}

static void stop(fake_t *fake)
{
        void *control = zmq_socket(fake->context, ZMQ_PAIR);

        zmq_connect(control, "inproc://control");
        zmq_send(control, "", 0, ZMQ_DONTWAIT);
        pthread_join(fake->thread, NULL);
        int none = 0;
        zmq_setsockopt(control, ZMQ_LINGER, &none, sizeof(none));
        zmq_close(control);
        if (fake->context != hedge_sockets_context())
                zmq_ctx_term(fake->context);
        fake->context = NULL;
}

/* Start, ask for the status, stop. */
static int ask(behaviour_t behaviour, int timeout_ms, uint32_t *slots, hedge_why_t *why)
{
        hedgec_endpoint_t endpoint = { .timeout_ms = timeout_ms };
        hedgec_connection_t *connection;
        hedge_envelope_t answer;
        fake_t fake = { 0 };
        char at[300];
        int r;

        snprintf(at, sizeof(at), "ipc://%s/sock", folder);
        start(&fake, behaviour, at, NULL);
        strcpy(endpoint.address, at);
        assert_int_equal(hedgec_connection_open(&endpoint, &connection, why), 0);
        r = hedgec_request_status(connection, &answer, why);
        if (r == -ECONNRESET) /* and so for ever: nothing waits for a connection that has broken */
                assert_int_equal(hedgec_request_status(connection, &answer, why), -ECONNRESET);
        if (!r) {
                *slots = answer.message.status_ok.slots;
                hedge_envelope_release(&answer);
        }
        hedgec_connection_close(&connection);
        assert_null(connection);
        stop(&fake);
        return r;
}

static void test_an_answer_arrives(void **state)
{
        uint32_t slots = 0;
        hedge_why_t why;

        assert_int_equal(ask(ANSWER, 10000, &slots, &why), 0);
        assert_int_equal(slots, 7);
}

static void test_answers_to_others_are_dropped(void **state)
{
        uint32_t slots = 0;
        hedge_why_t why;

        assert_int_equal(ask(LATE_FIRST, 10000, &slots, &why), 0);
        assert_int_equal(slots, 7);
}

static void test_errors_keep_code_and_sentence(void **state)
{
        hedge_why_t why = { "" };

        assert_int_equal(ask(REFUSE, 10000, NULL, &why), HEDGE_ENOBOARDS);
        assert_string_equal(why.text, "too few boards");
        why.text[0] = '\0';
        assert_int_equal(ask(REFUSE_BLIND, 10000, NULL, &why), HEDGE_ENOBOARDS);
        assert_string_equal(why.text, "too few boards");
}

static void test_answers_without_sense_are_errors(void **state)
{
        hedge_why_t why = { "" };

        assert_int_equal(ask(WRONG_TYPE, 10000, NULL, &why), HEDGE_EMALFORMED);
        assert_non_null(strstr(why.text, "MODELS_OK where STATUS_OK was due"));
        assert_int_equal(ask(GARBAGE, 10000, NULL, &why), HEDGE_EMALFORMED);
        assert_non_null(strstr(why.text, "makes no sense"));
}

static void test_silence_ends_with_the_time(void **state)
{
        int64_t start_ms = hedge_now_ms();
        hedge_why_t why = { "" };

        assert_int_equal(ask(SILENT, 200, NULL, &why), -ETIMEDOUT);
        assert_true(hedge_now_ms() - start_ms >= 200);
        assert_non_null(strstr(why.text, "did not answer in time"));
}

static void test_a_hang_up_is_noticed_before_the_time(void **state)
{
        int64_t start_ms = hedge_now_ms();
        hedge_why_t why = { "" };

        assert_int_equal(ask(HANG_UP, 60000, NULL, &why), -ECONNRESET);
        assert_true(hedge_now_ms() - start_ms < 30000);
        assert_non_null(strstr(why.text, "went away"));
}

static void test_nobody_there_is_said_at_once(void **state)
{
        hedgec_endpoint_t endpoint = { .timeout_ms = 60000 };
        hedgec_connection_t *connection = NULL;
        hedge_why_t why = { "" };
        char wanted[400];

        snprintf(endpoint.address, sizeof(endpoint.address), "ipc://%s/nobody", folder);
        assert_int_equal(hedgec_connection_open(&endpoint, &connection, &why), -ECONNREFUSED);
        snprintf(wanted, sizeof(wanted), "cannot reach the coordinator at %s: is hedged running?", endpoint.address);
        assert_string_equal(why.text, wanted);
        strcpy(endpoint.address, "tcp://127.0.0.1:1");
        assert_int_equal(hedgec_connection_open(&endpoint, &connection, &why), -ECONNREFUSED);
        assert_null(connection);
}

/* A key pair in the folder. */
static hedge_key_pair_t make_keys(const char *name)
{
        hedge_key_pair_t pair;
        char path[300];
        hedge_why_t why;

        assert_int_equal(hedge_keys_generate(folder, name, &why), 0);
        snprintf(path, sizeof(path), "%s/%s.secret", folder, name);
        assert_int_equal(hedge_keys_load_secret(path, &pair, &why), 0);
        unlink(path);
        return pair;
}

static void test_keys_decide_who_gets_in(void **state)
{
        hedgec_endpoint_t endpoint = { .timeout_ms = 10000, .curve = true };
        hedgec_connection_t *connection = NULL;
        hedge_key_pair_t hub, friend, stranger;
        fake_t fake = { 0 };
        hedge_envelope_t answer;
        hedge_auth_t *auth;
        hedge_why_t why;
        char path[300], inside[300];
        const char *folders[HEDGE_ROLES] = { [HEDGE_ROLE_CLIENT] = inside };

        hub = make_keys("hub");
        friend = make_keys("friend");
        stranger = make_keys("stranger");
        snprintf(path, sizeof(path), "%s/friend.pub", folder);
        snprintf(inside, sizeof(inside), "%s/clients/friend.pub", folder);
        assert_int_equal(rename(path, inside), 0);
        snprintf(inside, sizeof(inside), "%s/clients", folder);
        fake.context = hedge_sockets_context();
        assert_int_equal(hedge_auth_new(folders, NULL, NULL, &auth, &why), 0);
        start(&fake, ANSWER, "tcp://127.0.0.1:*", hub.secret_key);
        strcpy(endpoint.address, fake.address);

        endpoint.keys = friend;
        strcpy(endpoint.server_key, hub.public_key);
        assert_int_equal(hedgec_connection_open(&endpoint, &connection, &why), 0);
        assert_int_equal(hedgec_request_status(connection, &answer, &why), 0);
        hedge_envelope_release(&answer);
        hedgec_connection_close(&connection);

        endpoint.keys = stranger;
        assert_int_equal(hedgec_connection_open(&endpoint, &connection, &why), HEDGE_EDENIED);
        assert_non_null(strstr(why.text, "refuses this key"));
        assert_null(connection);

        endpoint.keys = friend;
        strcpy(endpoint.server_key, stranger.public_key);
        assert_int_equal(hedgec_connection_open(&endpoint, &connection, &why), HEDGE_EDENIED);

        /* No key at all, where one is wanted. */
        endpoint.curve = false;
        assert_true(hedgec_connection_open(&endpoint, &connection, &why) < 0);
        assert_null(connection);
        stop(&fake);
        hedge_auth_destroy(&auth);
}

static int make_folder(void **state)
{
        char clients[64];

        if (!mkdtemp(folder))
                return -1;
        snprintf(clients, sizeof(clients), "%s/clients", folder);
        return mkdir(clients, 0755);
}

static int remove_folder(void **state)
{
        static const char *const names[] = { "sock", "hub.pub", "stranger.pub", "clients/friend.pub" };
        char path[128];

        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                snprintf(path, sizeof(path), "%s/%s", folder, names[i]);
                unlink(path);
        }
        snprintf(path, sizeof(path), "%s/clients", folder);
        rmdir(path);
        return rmdir(folder);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_an_answer_arrives),
                cmocka_unit_test(test_answers_to_others_are_dropped),
                cmocka_unit_test(test_errors_keep_code_and_sentence),
                cmocka_unit_test(test_answers_without_sense_are_errors),
                cmocka_unit_test(test_silence_ends_with_the_time),
                cmocka_unit_test(test_a_hang_up_is_noticed_before_the_time),
                cmocka_unit_test(test_nobody_there_is_said_at_once),
                cmocka_unit_test(test_keys_decide_who_gets_in),
        };

        return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

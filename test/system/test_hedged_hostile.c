/* SPDX-License-Identifier: Apache-2.0 */
#include <czmq.h>
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"
#include "test/system/hedged_bed.h"

/* The real hedged against boards and clients that send what nobody should. */

/* ---- hostile boards ---- */

/* A header with one byte of a text in it replaced: "v" 1 becomes 2, a type another of the same length. */
static size_t bend(uint8_t *header, size_t size, const char *from, const char *to)
{
        size_t n = strlen(from);

        for (size_t i = 0; i + n <= size; i++)
                if (!memcmp(header + i, from, n)) {
                        memcpy(header + i, to, n);
                        return size;
                }
        fail_msg("no '%s' in this header", from);
        return 0;
}

static void malformed_messages_are_answered_and_survived(void **state)
{
        hedge_part_t first = { .part = 1 };
        const hedge_message_t part = { .type = HEDGE_MSG_PART, .part = { .run = 77, .n_parts = 1, .parts = &first } };
        hedged_bed_t *bed = hedged_bed_ready(state, "");
        fake_board_t *board = &bed->boards[0];
        uint64_t before = hedged_bed_status(bed)->malformed;
        uint8_t header[256], bent[256];
        size_t size = fake_peer_header(&part, header, sizeof(header));
        fake_peer_t *peer = &board->peer;

        fake_peer_send_bytes(peer, "\xc1\xc1", 2, 0, 0);
        fake_peer_expect_error(peer, HEDGE_EMALFORMED, 0);
        fake_peer_send_bytes(peer, "", 0, 0, 0);
        fake_peer_expect_error(peer, HEDGE_EMALFORMED, 0);
        fake_peer_send_bytes(peer, header, size - 1, 1, 16); /* cut off */
        fake_peer_expect_error(peer, HEDGE_EMALFORMED, 0);
        memcpy(bent, header, size);
        fake_peer_send_bytes(peer, bent, bend(bent, size, "\xa1v\x01", "\xa1v\x02"), 1, 16);
        fake_peer_expect_error(peer, HEDGE_EVERSION, 0);
        memcpy(bent, header, size);
        fake_peer_send_bytes(peer, bent, bend(bent, size, "PART", "PORT"), 1, 16);
        fake_peer_expect_error(peer, HEDGE_EUNSUPPORTED, 77);
        fake_peer_send_bytes(peer, header, size, 0, 0);
        fake_peer_expect_error(peer, HEDGE_EMALFORMED, 77);
        fake_peer_send_bytes(peer, header, size, 3, 16);
        fake_peer_expect_error(peer, HEDGE_EMALFORMED, 77);
        assert_int_equal(hedged_bed_status(bed)->malformed, before + 7);
        assert_true(hedged_bed_says_coded(hedged_bed_infer(bed, "digits")));
}

static void types_that_boards_do_not_send_are_refused(void **state)
{
        const hedge_message_t messages[] = {
                { .type = HEDGE_MSG_STATUS, .status = { .id = 5 } },
                { .type = HEDGE_MSG_UNLOAD, .unload = { .id = 5, .name = "digits" } },
                { .type = HEDGE_MSG_LOAD, .load = { .id = 5, .name = "digits" } },
                { .type = HEDGE_MSG_CANCEL, .cancel = { .run = 1 } },
                { .type = HEDGE_MSG_PING, .ping = { .coordinator = 1, .sequence = 1 } },
        };
        const unsigned n = sizeof(messages) / sizeof(messages[0]);
        hedged_bed_t *bed = hedged_bed_ready(state, "");

        for (unsigned i = 0; i < n; i++) {
                fake_peer_send(&bed->boards[1].peer, &messages[i], NULL, 0);
                assert_int_equal(fake_peer_expect(&bed->boards[1].peer, HEDGE_MSG_ERROR)->error.code,
                                 HEDGE_EUNSUPPORTED);
        }
        assert_int_equal(hedged_bed_status(bed)->malformed, n);
        assert_non_null(hedged_bed_model(bed, "digits"));
        assert_true(hedged_bed_says_coded(hedged_bed_infer(bed, "digits")));
}

static const hedge_board_status_t *first_board(hedged_bed_t *bed)
{
        const hedge_msg_status_ok_t *status = hedged_bed_status(bed);

        for (uint32_t i = 0; i < status->n_boards; i++)
                if (!strcmp(status->boards[i].name, bed->boards[0].name))
                        return &status->boards[i];
        fail_msg("%s is not there", bed->boards[0].name);
        return NULL;
}

static bool one_has_lied(hedged_bed_t *bed)
{
        return hedged_bed_status(bed)->malformed == 1;
}

static bool it_has_told(hedged_bed_t *bed)
{
        return first_board(bed)->cost.process_us > 0;
}

static void a_cost_that_cannot_be_is_not_shown(void **state)
{
        const hedge_cost_t good = { .process_us = 5000000, .kernel_us = 2000000, .sent = 7, .parts = 3 };
        hedge_message_t message = { .type = HEDGE_MSG_PONG, .pong = { .incarnation = 1, .cost = good } };
        hedged_bed_t *bed = hedged_bed_ready(state, "");
        hedge_cost_t shown;

        assert_false(it_has_told(bed)); /* a board that does not say has none */
        assert_true(hedged_bed_status(bed)->cost.process_us > 0);
        fake_peer_send(&bed->boards[0].peer, &message, NULL, 0);
        hedged_bed_until(bed, it_has_told, "the board's cost");
        message.pong.cost.kernel_us = 5000001; /* more than all of it */
        fake_peer_send(&bed->boards[0].peer, &message, NULL, 0);
        hedged_bed_until(bed, one_has_lied, "the lie to be counted");
        shown = first_board(bed)->cost;
        assert_memory_equal(&shown, &good, sizeof(good));
        assert_true(hedged_bed_says_coded(hedged_bed_infer(bed, "digits")));
}

static void who_has_not_said_hello_is_told_to(void **state)
{
        const hedge_message_t messages[] = {
                { .type = HEDGE_MSG_PONG, .pong = { .incarnation = 1, .sequence = 1 } },
                { .type = HEDGE_MSG_TASK_END, .task_end = { .run = 1 } },
                { .type = HEDGE_MSG_SHARE_OK },
                { .type = HEDGE_MSG_CONSTANTS_OK, .constants_ok = { .bytes = 1 } },
                { .type = HEDGE_MSG_STATUS, .status = { .id = 1 } },
        };
        const unsigned n = sizeof(messages) / sizeof(messages[0]);
        const hedge_message_t error = { .type = HEDGE_MSG_ERROR, .error = { .code = -EINVAL, .text = "no reason" } };
        hedged_bed_t *bed = *state;
        fake_peer_t stranger;

        hedged_bed_start(bed, "");
        fake_peer_open(&stranger, bed->endpoint, NULL, NULL);
        fake_peer_send(&stranger, &error, NULL, 0); /* is never answered */
        for (unsigned i = 0; i < n; i++) {
                fake_peer_send(&stranger, &messages[i], NULL, 0);
                assert_string_equal(fake_peer_expect_error(&stranger, HEDGE_EDENIED, 0)->text, "say HELLO first");
        }
        assert_int_equal(hedged_bed_status(bed)->malformed, n);
        assert_int_equal(hedged_bed_status(bed)->n_boards, 0);
        fake_peer_close(&stranger);
}

/* What is loaded stays as it is. */
static void shapes_that_cannot_be_are_refused(void **state)
{
        hedged_bed_t *bed = hedged_bed_ready(state, "");
        hedge_input_shape_t good = { "", bed->input.shape };
        const struct {
                hedge_input_shape_t shapes[2];
                int code;
                const char *words;
        } cases[] = {
                { { good, { "x\ny", { 1, { 1 } } } }, -EINVAL, "not printable" },
                { { good, { "x", { 2, { 1, 0 } } } }, -EINVAL, "an extent of 0" },
                { { good, { "x", { 1, { 1 } } } }, HEDGE_ESHAPE, "no input of the model" },
                { { good, { "", { 1, { 7 } } } }, HEDGE_ESHAPE, "axes in the model's file" },
                { { good, good }, HEDGE_ESHAPE, "are stated twice" },
        };
        hedge_message_t plan = { .type = HEDGE_MSG_PLAN,
                                 .plan = { .id = ++bed->id, .model = "digits", .n_inputs = 1 } };
        hedge_shape_t other = { 1, { 3 } };

        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
                hedge_message_t m = { .type = HEDGE_MSG_LOAD,
                                      .load = { .id = ++bed->id, .name = "digits", .n_shapes = 2 } };

                m.load.shapes = (hedge_input_shape_t *)(uintptr_t)cases[i].shapes;
                fake_peer_send(&bed->client, &m, NULL, 0);
                assert_non_null(strstr(hedged_bed_expect_error(bed, cases[i].code)->text, cases[i].words));
        }
        plan.plan.id = ++bed->id;
        plan.plan.inputs = &other;
        fake_peer_send(&bed->client, &plan, NULL, 0);
        assert_non_null(strstr(hedged_bed_expect_error(bed, HEDGE_ESHAPE)->text, "not loaded for inputs"));
        assert_true(hedged_bed_says_coded(hedged_bed_infer(bed, "digits")));
}

static bool first_is_suspect(hedged_bed_t *bed)
{
        return !strcmp(hedged_bed_status(bed)->boards[0].state, "suspect");
}

static void an_oversize_frame_costs_the_connection_only(void **state)
{
        hedge_part_t first = { .part = 1 };
        const hedge_message_t part = { .type = HEDGE_MSG_PART, .part = { .run = 77, .n_parts = 1, .parts = &first } };
        hedged_bed_t *bed = hedged_bed_ready(state, "limits: {frame_bytes: 1M, header_bytes: 4K}");
        uint8_t header[256];
        size_t size = fake_peer_header(&part, header, sizeof(header));

        fake_peer_send_bytes(&bed->boards[0].peer, header, size, 1, (1 << 20) + 1);
        hedged_bed_until(bed, first_is_suspect, "the connection to be closed");
        assert_true(hedged_bed_says_coded(hedged_bed_infer(bed, "digits")));
}

static void keys_decide_who_is_who(void **state)
{
        hedge_message_t hello = { .type = HEDGE_MSG_HELLO, .hello = { .incarnation = 1, .cores = 1 } };
        hedge_key_pair_t coordinator, board, unknown;
        hedged_bed_t *bed = *state;
        char path[300], to[600];
        const hedge_message_t *m;
        fake_peer_t peer;
        hedge_why_t why;

        snprintf(to, sizeof(to), "%s/boards", bed->dir);
        assert_int_equal(mkdir(to, 0700), 0);
        assert_int_equal(hedge_keys_generate(bed->dir, "coordinator", &why), 0);
        assert_int_equal(hedge_keys_generate(bed->dir, "pi-7", &why), 0);
        snprintf(path, sizeof(path), "%s/pi-7.pub", bed->dir);
        snprintf(to, sizeof(to), "%s/boards/pi-7.pub", bed->dir);
        assert_int_equal(link(path, to), 0);
        snprintf(path, sizeof(path), "%s/pi-7.secret", bed->dir);
        assert_int_equal(hedge_keys_load_secret(path, &board, &why), 0);
        snprintf(path, sizeof(path), "%s/coordinator.secret", bed->dir);
        assert_int_equal(hedge_keys_load_secret(path, &coordinator, &why), 0);
        assert_int_equal(zmq_curve_keypair(unknown.public_key, unknown.secret_key), 0);
        hedged_bed_launch(bed, "curve", "");
        hedged_bed_await(bed);
        /* another's name */
        fake_peer_open(&peer, bed->endpoint, &board, coordinator.public_key);
        snprintf(hello.hello.board, sizeof(hello.hello.board), "pi-8");
        fake_peer_send(&peer, &hello, NULL, 0);
        m = fake_peer_expect(&peer, HEDGE_MSG_ERROR);
        assert_int_equal(m->error.code, HEDGE_EDENIED);
        assert_non_null(strstr(m->error.text, "pi-7"));
        assert_int_equal(hedged_bed_status(bed)->n_boards, 0);
        assert_int_equal(hedged_bed_status(bed)->malformed, 1);
        /* its own */
        snprintf(hello.hello.board, sizeof(hello.hello.board), "pi-7");
        fake_peer_send(&peer, &hello, NULL, 0);
        fake_peer_expect(&peer, HEDGE_MSG_WELCOME);
        fake_peer_close(&peer);
        /* an unknown key, and none */
        fake_peer_open(&peer, bed->endpoint, &unknown, coordinator.public_key);
        zsock_set_linger(peer.socket, 0);
        while (hedged_bed_status(bed)->refused == 0)
                assert_null(fake_peer_next(&peer, 5));
        fake_peer_close(&peer);
        assert_int_equal(hedged_bed_status(bed)->n_boards, 1);
}

/* ---- hostile clients ---- */

static void send_infer(hedged_bed_t *bed, const char *model, const hedge_shape_t *shapes, uint32_t n, size_t floats)
{
        hedge_message_t m = { .type = HEDGE_MSG_INFER, .infer = { .id = ++bed->id, .n_inputs = n } };
        hedge_shape_t list[4];
        uint8_t header[512];

        memcpy(list, shapes, n * sizeof(*shapes));
        m.infer.inputs = list;
        snprintf(m.infer.model, sizeof(m.infer.model), "%s", model);
        fake_peer_send_bytes(&bed->client, header, fake_peer_header(&m, header, sizeof(header)), n,
                             floats * sizeof(float));
}

static void wrong_inputs_are_refused_with_a_sentence(void **state)
{
        hedged_bed_t *bed = hedged_bed_ready(state, "");
        hedge_shape_t shape = bed->input.shape, two[2] = { shape, shape };
        size_t floats = hedge_shape_elements(&shape);

        send_infer(bed, "nothing", &shape, 1, floats);
        assert_non_null(strstr(hedged_bed_expect_error(bed, HEDGE_ENOMODEL)->text, "'nothing'"));
        send_infer(bed, "digits", two, 2, floats);
        assert_non_null(strstr(hedged_bed_expect_error(bed, HEDGE_ESHAPE)->text, "1 input"));
        shape.dims[shape.rank - 1]++;
        send_infer(bed, "digits", &shape, 1, hedge_shape_elements(&shape));
        hedged_bed_expect_error(bed, HEDGE_ESHAPE);
        shape.dims[shape.rank - 1]--;
        send_infer(bed, "digits", &shape, 1, floats - 1);
        hedged_bed_expect_error(bed, HEDGE_EMALFORMED);
        send_infer(bed, "digits", &shape, 1, 0);
        hedged_bed_expect_error(bed, HEDGE_EMALFORMED);
        assert_int_equal(hedged_bed_status(bed)->requests_failed, 5);
        assert_true(hedged_bed_says_coded(hedged_bed_infer(bed, "digits")));
}

static void clients_messages_that_cannot_be_taken_are_answered(void **state)
{
        hedge_message_t infer = { .type = HEDGE_MSG_INFER, .infer = { .id = 4711, .model = "digits", .n_inputs = 1 } };
        const hedge_message_t others[] = {
                { .type = HEDGE_MSG_HELLO, .hello = { .board = "pi", .incarnation = 1 } },
                { .type = HEDGE_MSG_PONG, .pong = { .incarnation = 1 } },
                { .type = HEDGE_MSG_DROP },
                { .type = HEDGE_MSG_STATUS_OK, .status_ok = { .id = 9 } },
        };
        hedged_bed_t *bed = hedged_bed_ready(state, "");
        uint8_t header[512], bent[512];
        size_t size;

        infer.infer.inputs = &bed->input.shape;
        size = fake_peer_header(&infer, header, sizeof(header));
        fake_peer_send_bytes(&bed->client, header, size, 0, 0);
        fake_peer_expect_error(&bed->client, HEDGE_EMALFORMED, 4711);
        fake_peer_send_bytes(&bed->client, header, size, 2, 4);
        fake_peer_expect_error(&bed->client, HEDGE_EMALFORMED, 4711);
        fake_peer_send_bytes(&bed->client, header, size - 1, 1, 4);
        fake_peer_expect_error(&bed->client, HEDGE_EMALFORMED, 0);
        memcpy(bent, header, size);
        fake_peer_send_bytes(&bed->client, bent, bend(bent, size, "digits", "../../"), 1, 4);
        fake_peer_expect_error(&bed->client, HEDGE_EMALFORMED, 4711);
        memcpy(bent, header, size);
        fake_peer_send_bytes(&bed->client, bent, bend(bent, size, "\xa1v\x01", "\xa1v\x07"), 1, 4);
        fake_peer_expect_error(&bed->client, HEDGE_EVERSION, 0);
        for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
                fake_peer_send(&bed->client, &others[i], NULL, 0);
                assert_int_equal(fake_peer_expect(&bed->client, HEDGE_MSG_ERROR)->error.code, HEDGE_EUNSUPPORTED);
        }
        assert_int_equal(hedged_bed_status(bed)->malformed, 9);
        assert_true(hedged_bed_says_coded(hedged_bed_infer(bed, "digits")));
}

/* LOAD under a name that no message can be packed with. */
static void load_as(hedged_bed_t *bed, const char *name)
{
        size_t n = strlen(name), at = 0;
        uint8_t header[256] = "\x84\xa1v\x01\xa1t\xa4LOAD\xa2id";

        at = strlen((char *)header);
        header[at++] = (uint8_t)++bed->id;
        memcpy(header + at, "\xa4name\xd9", 6);
        at += 6;
        header[at++] = (uint8_t)n;
        memcpy(header + at, name, n);
        fake_peer_send_bytes(&bed->client, header, at + n, 1, 100);
}

static void bad_names_are_refused(void **state)
{
        static const char *const names[] = {
                "../x", ".x",  "",   "a/b",
                "-x",   "a b", "..", "0123456789012345678901234567890123456789012345678901234567890123",
        };
        hedged_bed_t *bed = *state;
        char path[300];

        hedged_bed_start(bed, "");
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
                load_as(bed, names[i]);
                hedged_bed_answer(bed);
                assert_int_equal(bed->client.last.message.type, HEDGE_MSG_ERROR);
                assert_int_equal(bed->client.last.message.error.about, bed->id);
                assert_true(strlen(bed->client.last.message.error.text) > 8);
        }
        hedged_bed_send_unload(bed, "nothing");
        hedged_bed_expect_error(bed, HEDGE_ENOMODEL);
        hedged_bed_send_load(bed, "nothing", NULL, 0, NULL, 0);
        hedged_bed_expect_error(bed, HEDGE_ENOMODEL);
        snprintf(path, sizeof(path), "%s/models", bed->dir);
        assert_int_equal(rmdir(path), 0); /* it is empty */
}

/* What is stored under this name is the digit classifier. */
static void expect_stored(hedged_bed_t *bed, const char *name)
{
        char path[600];
        struct stat info;

        snprintf(path, sizeof(path), "%s/models/%s/model.onnx", bed->dir, name);
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_size, bed->onnx_bytes);
}

static void a_load_that_fails_loses_nothing(void **state)
{
        hedged_bed_t *bed = hedged_bed_ready(state, "");
        uint8_t *broken = malloc(bed->onnx_bytes);

        memcpy(broken, bed->onnx, bed->onnx_bytes);
        for (size_t part = 0; part < 8; part++) {
                hedged_bed_send_load(bed, "digits", bed->onnx, bed->onnx_bytes * part / 8, NULL, 0);
                hedged_bed_answer(bed);
                assert_int_equal(bed->client.last.message.type, HEDGE_MSG_ERROR);
                assert_int_equal(bed->client.last.message.error.about, bed->id);
        }
        for (size_t i = 0; i < 64 && i < bed->onnx_bytes; i++)
                broken[i] ^= 0x5a;
        hedged_bed_send_load(bed, "digits", broken, bed->onnx_bytes, NULL, 0);
        hedged_bed_answer(bed);
        assert_int_equal(bed->client.last.message.type, HEDGE_MSG_ERROR);
        hedged_bed_send_load(bed, "digits", bed->onnx, bed->onnx_bytes, "labels: [\n", 0);
        hedged_bed_answer(bed);
        assert_int_equal(bed->client.last.message.type, HEDGE_MSG_ERROR);
        hedged_bed_send_load(bed, "digits", bed->onnx, bed->onnx_bytes, "nonsense: 1\n", 0);
        hedged_bed_answer(bed);
        assert_int_equal(bed->client.last.message.type, HEDGE_MSG_ERROR);
        free(broken);
        assert_true(hedged_bed_says_coded(hedged_bed_infer(bed, "digits")));
        expect_stored(bed, "digits");
        for (unsigned i = 0; i < 4; i++)
                fake_board_leave(&bed->boards[i]);
        assert_int_equal(hedged_bed_end(bed, SIGKILL), 128 + SIGKILL);
        hedged_bed_start(bed, "");
        assert_true(hedged_bed_says_local(hedged_bed_infer(bed, "digits")));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, hedged_bed_set_up, hedged_bed_tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(malformed_messages_are_answered_and_survived),
                TEST(types_that_boards_do_not_send_are_refused),
                TEST(a_cost_that_cannot_be_is_not_shown),
                TEST(who_has_not_said_hello_is_told_to),
                TEST(shapes_that_cannot_be_are_refused),
                TEST(an_oversize_frame_costs_the_connection_only),
                TEST(keys_decide_who_is_who),
                TEST(wrong_inputs_are_refused_with_a_sentence),
                TEST(clients_messages_that_cannot_be_taken_are_answered),
                TEST(bad_names_are_refused),
                TEST(a_load_that_fails_loses_nothing),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

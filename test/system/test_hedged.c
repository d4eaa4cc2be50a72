/* SPDX-License-Identifier: Apache-2.0 */
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

/* The real hedged, over real sockets, against boards and clients that the test plays. */

static unsigned sum_tasks(const hedged_bed_t *bed)
{
        unsigned n = 0;

        for (unsigned i = 0; i < BED_BOARDS; i++)
                n += bed->boards[i].tasks;
        return n;
}

static unsigned sum_shares(const hedged_bed_t *bed)
{
        unsigned n = 0;

        for (unsigned i = 0; i < BED_BOARDS; i++)
                n += bed->boards[i].shares_sent;
        return n;
}

static bool says_local(const hedge_msg_result_t *result)
{
        for (uint32_t i = 0; i < result->n_layers; i++)
                if (strcmp(result->layers[i].scheme, "local") != 0)
                        return false;
        return result->n_layers > 0;
}

static bool says_coded(const hedge_msg_result_t *result)
{
        for (uint32_t i = 0; i < result->n_layers; i++)
                if (strcmp(result->layers[i].scheme, "nsctc") != 0)
                        return false;
        return result->n_layers > 0;
}

static bool uses_board(const hedge_msg_result_t *result, uint32_t board)
{
        for (uint32_t i = 0; i < result->n_layers; i++)
                for (uint32_t b = 0; b < result->layers[i].n_boards; b++)
                        if (result->layers[i].boards[b] == board)
                                return true;
        return false;
}

/* hedged with four boards that hold the model. */
static hedged_bed_t *ready(void **state, const char *more)
{
        hedged_bed_t *bed = *state;

        hedged_bed_start(bed, more);
        hedged_bed_join(bed, 4);
        hedged_bed_load(bed, "digits");
        return bed;
}

static void boards_answer_right(void **state)
{
        hedged_bed_t *bed = ready(state, "");
        const hedge_msg_result_t *result = hedged_bed_infer(bed, "digits");

        assert_true(says_coded(result));
        assert_true(sum_tasks(bed) >= result->n_layers * 2);
}

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
        const hedge_message_t part = { .type = HEDGE_MSG_PART, .part = { .job = 77, .part = 1 } };
        hedged_bed_t *bed = ready(state, "");
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
        assert_true(says_coded(hedged_bed_infer(bed, "digits")));
}

static void types_that_boards_do_not_send_are_refused(void **state)
{
        const hedge_message_t messages[] = {
                { .type = HEDGE_MSG_STATUS, .status = { .id = 5 } },
                { .type = HEDGE_MSG_UNLOAD, .unload = { .id = 5, .name = "digits" } },
                { .type = HEDGE_MSG_LOAD, .load = { .id = 5, .name = "digits" } },
                { .type = HEDGE_MSG_CANCEL, .cancel = { .job = 1 } },
                { .type = HEDGE_MSG_PING, .ping = { .coordinator = 1, .sequence = 1 } },
        };
        const unsigned n = sizeof(messages) / sizeof(messages[0]);
        hedged_bed_t *bed = ready(state, "");

        for (unsigned i = 0; i < n; i++) {
                fake_peer_send(&bed->boards[1].peer, &messages[i], NULL, 0);
                assert_int_equal(fake_peer_expect(&bed->boards[1].peer, HEDGE_MSG_ERROR)->error.code,
                                 HEDGE_EUNSUPPORTED);
        }
        assert_int_equal(hedged_bed_status(bed)->malformed, n);
        assert_non_null(hedged_bed_model(bed, "digits"));
        assert_true(says_coded(hedged_bed_infer(bed, "digits")));
}

static void who_has_not_said_hello_is_told_to(void **state)
{
        const hedge_message_t messages[] = {
                { .type = HEDGE_MSG_PONG, .pong = { .incarnation = 1, .sequence = 1 } },
                { .type = HEDGE_MSG_TASK_END, .task_end = { .job = 1 } },
                { .type = HEDGE_MSG_SHARE_OK },
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

static bool first_is_suspect(hedged_bed_t *bed)
{
        return !strcmp(hedged_bed_status(bed)->boards[0].state, "suspect");
}

static void an_oversize_frame_costs_the_connection_only(void **state)
{
        const hedge_message_t part = { .type = HEDGE_MSG_PART, .part = { .job = 77, .part = 1 } };
        hedged_bed_t *bed = ready(state, "limits: {frame_bytes: 1M, header_bytes: 4K}");
        uint8_t header[256];
        size_t size = fake_peer_header(&part, header, sizeof(header));

        fake_peer_send_bytes(&bed->boards[0].peer, header, size, 1, (1 << 20) + 1);
        hedged_bed_until(bed, first_is_suspect, "the connection to be closed");
        assert_true(says_coded(hedged_bed_infer(bed, "digits")));
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
        assert_int_equal(zmq_setsockopt(peer.socket, ZMQ_LINGER, &(int){ 0 }, sizeof(int)), 0);
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
        hedged_bed_t *bed = ready(state, "");
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
        assert_true(says_coded(hedged_bed_infer(bed, "digits")));
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
        hedged_bed_t *bed = ready(state, "");
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
        assert_true(says_coded(hedged_bed_infer(bed, "digits")));
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
                assert_int_equal(bed->client.last.message.error.job, bed->id);
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
        hedged_bed_t *bed = ready(state, "");
        uint8_t *broken = malloc(bed->onnx_bytes);

        memcpy(broken, bed->onnx, bed->onnx_bytes);
        for (size_t part = 0; part < 8; part++) {
                hedged_bed_send_load(bed, "digits", bed->onnx, bed->onnx_bytes * part / 8, NULL, 0);
                hedged_bed_answer(bed);
                assert_int_equal(bed->client.last.message.type, HEDGE_MSG_ERROR);
                assert_int_equal(bed->client.last.message.error.job, bed->id);
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
        assert_true(says_coded(hedged_bed_infer(bed, "digits")));
        expect_stored(bed, "digits");
        for (unsigned i = 0; i < 4; i++)
                fake_board_leave(&bed->boards[i]);
        assert_int_equal(hedged_bed_end(bed, SIGKILL), 128 + SIGKILL);
        hedged_bed_start(bed, "");
        assert_true(says_local(hedged_bed_infer(bed, "digits")));
}

/* ---- stragglers ---- */

/* Two of four boards are in this mood; a layer needs two, or one where it is replanned. */
static const hedge_msg_result_t *two_are(hedged_bed_t *bed, fake_mood_t mood)
{
        bed->boards[0].mood = bed->boards[1].mood = mood;
        return hedged_bed_infer(bed, "digits");
}

static void silent_boards_are_not_waited_for(void **state)
{
        hedged_bed_t *bed = ready(state, "");
        const hedge_msg_result_t *result = two_are(bed, FAKE_SILENT);

        assert_true(says_coded(result));
        assert_false(uses_board(result, 0) || uses_board(result, 1));
        assert_true(bed->boards[0].cancels > 0);
        assert_true(result->latency_ms < 30000);
}

static bool both_were_told(hedged_bed_t *bed)
{
        return bed->boards[0].errors > 0 && bed->boards[1].errors > 0;
}

/* The good ones wait until the others were told off. */
static void expect_refused(hedged_bed_t *bed, fake_mood_t mood)
{
        const hedge_msg_result_t *result;

        bed->boards[0].errors = bed->boards[1].errors = 0;
        bed->boards[0].mood = bed->boards[1].mood = mood;
        bed->boards[2].mood = bed->boards[3].mood = FAKE_HELD_BACK;
        hedged_bed_ask(bed, "digits");
        hedged_bed_until(bed, both_were_told, "ERRORs");
        assert_int_equal(bed->boards[0].error.code, HEDGE_EMALFORMED);
        assert_true(bed->boards[0].error.job > 0);
        bed->boards[2].mood = bed->boards[3].mood = FAKE_GOOD;
        result = &hedged_bed_answer(bed)->result;
        hedged_bed_check(bed);
        assert_true(says_coded(result));
        assert_false(uses_board(result, 0) || uses_board(result, 1));
}

static void wrong_parts_are_refused(void **state)
{
        hedged_bed_t *bed = ready(state, "");
        const hedge_msg_result_t *result;

        expect_refused(bed, FAKE_WRONG_SIZE);
        expect_refused(bed, FAKE_WRONG_INDEX);
        assert_true(hedged_bed_status(bed)->malformed > 3);
        /* all of them: nothing is left but the coordinator itself, at once and not after a time-out */
        bed->boards[2].mood = bed->boards[3].mood = FAKE_WRONG_SIZE;
        result = two_are(bed, FAKE_WRONG_SIZE);
        assert_true(says_local(result));
        assert_true(result->latency_ms < 20000);
}

static void the_same_part_again_counts_once(void **state)
{
        hedged_bed_t *bed = ready(state, "");
        const hedge_msg_result_t *result = two_are(bed, FAKE_TWICE);

        assert_true(says_coded(result));
        bed->boards[2].mood = bed->boards[3].mood = FAKE_TWICE;
        result = two_are(bed, FAKE_TWICE);
        assert_true(result->latency_ms < 20000); /* not the time-out's 30 s */
}

static bool late_came(hedged_bed_t *bed)
{
        return hedged_bed_status(bed)->late_parts >= 8;
}

static void late_and_unasked_parts_do_no_harm(void **state)
{
        hedged_bed_t *bed = ready(state, "");

        assert_true(says_coded(two_are(bed, FAKE_LATE)));
        assert_true(says_coded(two_are(bed, FAKE_LATE)));
        hedged_bed_until(bed, late_came, "late parts");
        assert_true(says_coded(two_are(bed, FAKE_UNKNOWN_JOB)));
        assert_int_equal(hedged_bed_status(bed)->malformed, 0);
}

static void tasks_that_end_empty_are_lost(void **state)
{
        hedged_bed_t *bed = ready(state, "");
        const hedge_msg_result_t *result = two_are(bed, FAKE_EMPTY);

        assert_true(says_coded(result));
        assert_false(uses_board(result, 0) || uses_board(result, 1));
        bed->boards[2].mood = bed->boards[3].mood = FAKE_EMPTY;
        result = two_are(bed, FAKE_EMPTY);
        assert_true(says_local(result));
        for (uint32_t i = 0; i < result->n_layers; i++)
                assert_true(result->layers[i].lost >= 3);
}

static bool hold_all_again(hedged_bed_t *bed)
{
        return hedged_bed_model(bed, "digits")->ready_boards == 4;
}

static void a_share_that_is_not_held_is_sent_again(void **state)
{
        hedged_bed_t *bed = ready(state, "");
        unsigned shares = bed->boards[0].n_shares, before = bed->boards[0].shares_sent;
        const hedge_msg_result_t *result = two_are(bed, FAKE_FORGETFUL);

        assert_true(says_coded(result));
        assert_true(shares > 0);
        hedged_bed_until(bed, hold_all_again, "the shares to be sent again");
        assert_true(bed->boards[0].shares_sent >= before + result->n_layers);
        bed->boards[2].mood = bed->boards[3].mood = FAKE_SILENT; /* so that the first two are needed */
        result = two_are(bed, FAKE_FORGETFUL);
        assert_true(says_coded(result));
        assert_true(uses_board(result, 0) && uses_board(result, 1));
}

static void a_board_without_room_gets_no_tasks(void **state)
{
        hedged_bed_t *bed = *state;
        unsigned sent;

        hedged_bed_start(bed, "");
        bed->boards[0].mood = FAKE_FULL;
        hedged_bed_join(bed, 4);
        hedged_bed_load(bed, "digits");
        sent = bed->boards[0].shares_sent;
        assert_true(sent > 0);
        assert_int_equal(hedged_bed_model(bed, "digits")->ready_boards, 3);
        assert_true(says_coded(hedged_bed_infer(bed, "digits")));
        assert_true(says_coded(hedged_bed_infer(bed, "digits")));
        assert_int_equal(bed->boards[0].tasks, 0);
        assert_int_equal(bed->boards[0].shares_sent, sent); /* not again and again */
        /* room comes with a model that goes */
        bed->boards[0].mood = FAKE_GOOD;
        hedged_bed_load(bed, "other");
        hedged_bed_send_unload(bed, "other");
        assert_int_equal(hedged_bed_answer(bed)->type, HEDGE_MSG_UNLOAD_OK);
        hedged_bed_until(bed, hold_all_again, "the shares to be sent again");
}

static void a_board_that_hangs_up_is_lost_at_once(void **state)
{
        hedged_bed_t *bed = ready(state, "");
        const hedge_msg_result_t *result = two_are(bed, FAKE_HANGS_UP);

        assert_true(says_coded(result));
        assert_true(result->latency_ms < 30000);
        bed->boards[2].mood = bed->boards[3].mood = FAKE_HANGS_UP;
        result = hedged_bed_infer(bed, "digits"); /* the first layer's boards all die */
        assert_true(says_local(result));
        assert_true(result->latency_ms < 20000);
        assert_true(says_local(hedged_bed_infer(bed, "digits")));
        for (unsigned i = 0; i < 4; i++)
                bed->boards[i].mood = FAKE_GOOD;
        hedged_bed_join(bed, 4);
        hedged_bed_until(bed, hold_all_again, "the boards to be back");
        assert_true(says_coded(hedged_bed_infer(bed, "digits")));
}

static void without_boards_it_computes_itself(void **state)
{
        hedged_bed_t *bed = *state;

        hedged_bed_start(bed, "");
        hedged_bed_load(bed, "digits");
        assert_string_equal(hedged_bed_model(bed, "digits")->state, "waiting");
        assert_true(says_local(hedged_bed_infer(bed, "digits")));
}

/* ---- restarts ---- */

static bool settled(hedged_bed_t *bed)
{
        return hedged_bed_model(bed, "digits")->ready_boards == 4;
}

static void a_new_coordinator_finds_everything_as_it_was(void **state)
{
        hedged_bed_t *bed = ready(state, "");
        uint64_t coordinator = bed->boards[0].coordinator, job;
        unsigned sent;

        hedged_bed_load(bed, "gone");
        hedged_bed_send_unload(bed, "gone");
        assert_int_equal(hedged_bed_answer(bed)->type, HEDGE_MSG_UNLOAD_OK);
        assert_true(says_coded(hedged_bed_infer(bed, "digits")));
        job = bed->boards[0].first_job;
        sent = sum_shares(bed);
        assert_int_equal(hedged_bed_end(bed, SIGKILL), 128 + SIGKILL);
        hedged_bed_start(bed, "");
        for (unsigned i = 0; i < 4; i++)
                bed->boards[i].first_job = 0;
        for (unsigned i = 4; i-- > 0;) { /* the other way round: each is who it was all the same */
                fake_board_leave(&bed->boards[i]);
                bed->boards[i].welcomes = 0;
                fake_board_join(&bed->boards[i], bed->endpoint);
                while (!bed->boards[i].welcomes)
                        hedged_bed_status(bed);
        }
        hedged_bed_until(bed, settled, "the boards to be known again");
        for (unsigned i = 0; i < 4; i++)
                assert_int_equal(bed->boards[i].index, i);
        assert_true(bed->boards[0].coordinator != coordinator);
        assert_true(says_coded(hedged_bed_infer(bed, "digits")));
        assert_int_equal(sum_shares(bed), sent);
        assert_true(bed->boards[0].first_job != job); /* what is late from before can be told apart */
        assert_null(hedged_bed_model(bed, "gone"));
        hedged_bed_ask(bed, "gone");
        hedged_bed_expect_error(bed, HEDGE_ENOMODEL);
        hedged_bed_send_load(bed, "gone", NULL, 0, NULL, 0); /* from the repository */
        assert_int_equal(hedged_bed_answer(bed)->type, HEDGE_MSG_LOAD_OK);
        hedged_bed_infer(bed, "gone");
}

static void a_board_started_anew_gets_its_shares_again(void **state)
{
        hedged_bed_t *bed = ready(state, "");
        unsigned held = bed->boards[2].n_shares;

        fake_board_leave(&bed->boards[2]);
        fake_board_forget(&bed->boards[2]);
        bed->boards[2].shares_sent = bed->boards[2].welcomes = 0;
        fake_board_join(&bed->boards[2], bed->endpoint);
        hedged_bed_until(bed, settled, "the shares to be sent again");
        assert_int_equal(bed->boards[2].index, 2);
        assert_int_equal(bed->boards[2].shares_sent, held);
        /* and one that only lost its connection none */
        fake_board_leave(&bed->boards[2]);
        fake_board_join(&bed->boards[2], bed->endpoint);
        hedged_bed_until(bed, settled, "the board to be back");
        assert_int_equal(bed->boards[2].shares_sent, held);
}

static bool spare_is_in(hedged_bed_t *bed)
{
        return hedged_bed_status(bed)->n_boards == 5 && settled(bed) && bed->boards[4].index == 1;
}

static void a_spare_takes_the_number_of_one_that_is_gone(void **state)
{
        hedged_bed_t *bed = ready(state, "cluster: {slots: 4, heartbeat_ms: 50, gone_ms: 1000}");
        const hedge_msg_result_t *result;

        hedged_bed_join(bed, 5);
        assert_int_equal(bed->boards[4].index, UINT32_MAX);
        assert_int_equal(bed->boards[4].n_shares, 0);
        fake_board_leave(&bed->boards[1]);
        hedged_bed_until(bed, spare_is_in, "the spare to take the number");
        bed->boards[0].mood = bed->boards[2].mood = FAKE_SILENT; /* so that it is needed */
        result = hedged_bed_infer(bed, "digits");
        assert_true(says_coded(result));
        assert_true(uses_board(result, 1) && bed->boards[4].tasks > 0);
        /* the one that was gone comes back with its old shares, as a spare */
        bed->boards[1].welcomes = 0;
        fake_board_join(&bed->boards[1], bed->endpoint);
        while (!bed->boards[1].welcomes)
                hedged_bed_status(bed);
        assert_int_equal(bed->boards[1].index, UINT32_MAX);
        assert_true(says_coded(hedged_bed_infer(bed, "digits")));
}

/* ---- limits ---- */

static bool three_wait(hedged_bed_t *bed)
{
        return bed->boards[0].tasks > 0 && hedged_bed_status(bed)->in_flight == 3;
}

static void a_full_queue_says_so(void **state)
{
        hedged_bed_t *bed = ready(state, "inference: {in_flight: 1, queue: 2}");
        uint64_t first = bed->id + 1;
        unsigned results = 0;

        for (unsigned i = 0; i < 4; i++)
                bed->boards[i].mood = FAKE_HELD_BACK;
        for (unsigned i = 0; i < 3; i++)
                hedged_bed_ask(bed, "digits");
        hedged_bed_until(bed, three_wait, "three requests to be taken");
        hedged_bed_ask(bed, "digits");
        hedged_bed_expect_error(bed, -EAGAIN);
        for (unsigned i = 0; i < 4; i++)
                bed->boards[i].mood = FAKE_GOOD;
        for (; results < 3; results++) {
                hedged_bed_answer(bed);
                hedged_bed_check(bed);
                assert_in_range(bed->client.last.message.result.id, first, bed->id);
        }
}

static void no_more_models_than_allowed(void **state)
{
        hedged_bed_t *bed = *state;

        bed->max_loaded = 2;
        hedged_bed_start(bed, "");
        hedged_bed_load(bed, "m");
        hedged_bed_load(bed, "n");
        hedged_bed_send_load(bed, "a", bed->onnx, bed->onnx_bytes, NULL, 0);
        assert_non_null(strstr(hedged_bed_expect_error(bed, HEDGE_ELIMIT)->text, "max_loaded"));
        hedged_bed_load(bed, "n"); /* in place of itself */
        hedged_bed_infer(bed, "m");
        assert_int_equal(hedged_bed_end(bed, SIGTERM), 0);
        hedged_bed_start(bed, "");
        assert_null(hedged_bed_model(bed, "a")); /* "no" holds for the next start, too */
        hedged_bed_infer(bed, "m");
        hedged_bed_infer(bed, "n");
        hedged_bed_send_unload(bed, "n");
        assert_int_equal(hedged_bed_answer(bed)->type, HEDGE_MSG_UNLOAD_OK);
        hedged_bed_load(bed, "a");
}

static void requests_that_run_outlive_their_model(void **state)
{
        hedged_bed_t *bed = ready(state, "inference: {in_flight: 2}");
        unsigned results = 0;

        for (unsigned i = 0; i < 8; i++)
                hedged_bed_ask(bed, "digits");
        hedged_bed_send_unload(bed, "digits");
        for (unsigned answers = 0; answers < 9; answers++) {
                const hedge_message_t *m = hedged_bed_answer(bed);

                if (m->type == HEDGE_MSG_UNLOAD_OK)
                        continue;
                hedged_bed_check(bed); /* those taken before are finished */
                results++;
        }
        assert_int_equal(results, 8);
        hedged_bed_ask(bed, "digits");
        hedged_bed_expect_error(bed, HEDGE_ENOMODEL);
        for (unsigned i = 0; i < 4; i++) /* what nobody uses does not stay at the boards */
                assert_int_equal(bed->boards[i].n_shares, 0);
}

/* ---- the end ---- */

static bool first_works(hedged_bed_t *bed)
{
        return bed->boards[0].tasks > 0;
}

static bool all_heard_bye(hedged_bed_t *bed)
{
        return bed->boards[0].byes > 0 && bed->boards[3].byes > 0;
}

static void stops_within_a_second(hedged_bed_t *bed)
{
        const int second_ms = getenv("HEDGE_TEST_SANITIZED") ? 10000 : 1000;
        int64_t start_ms = hedge_now_ms();

        assert_int_equal(hedged_bed_end(bed, SIGTERM), 0);
        assert_in_range(hedge_now_ms() - start_ms, 0, second_ms);
}

static void stops_in_the_middle_of_a_layer(void **state)
{
        hedged_bed_t *bed = ready(state, "");

        for (unsigned i = 0; i < 4; i++)
                bed->boards[i].mood = FAKE_SILENT;
        hedged_bed_ask(bed, "digits");
        hedged_bed_until(bed, first_works, "a task");
        stops_within_a_second(bed);
        hedged_bed_expect_error(bed, HEDGE_ESHUTDOWN);
        hedged_bed_until(bed, all_heard_bye, "BYE");
}

static void stops_while_models_are_loaded(void **state)
{
        hedged_bed_t *bed = *state;
        uint64_t first;
        unsigned n = 0;

        hedged_bed_start(bed, "");
        for (unsigned i = 0; i < 4; i++)
                bed->boards[i].mood = FAKE_SILENT; /* a board that stays mute about its shares as well */
        fake_board_join(&bed->boards[0], bed->endpoint);
        fake_peer_expect(&bed->boards[0].peer, HEDGE_MSG_WELCOME);
        first = bed->id + 1;
        for (unsigned i = 0; i < 3; i++) {
                char name[8];

                snprintf(name, sizeof(name), "m%u", i);
                hedged_bed_send_load(bed, name, bed->onnx, bed->onnx_bytes, NULL, TEST_PATIENCE_MS);
        }
        fake_peer_expect(&bed->boards[0].peer, HEDGE_MSG_SHARE); /* one is loaded, and waits for the boards */
        stops_within_a_second(bed);
        for (; n < 3; n++) { /* none is left without an answer */
                const hedge_message_t *m = fake_peer_next(&bed->client, 5000);

                assert_non_null(m);
                if (m->type == HEDGE_MSG_ERROR)
                        assert_int_equal(m->error.code, HEDGE_ESHUTDOWN);
                else
                        assert_int_equal(m->type, HEDGE_MSG_LOAD_OK);
                assert_in_range(m->type == HEDGE_MSG_ERROR ? m->error.job : m->done.id, first, bed->id);
        }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, hedged_bed_set_up, hedged_bed_tear_down)

int main(void)
{
        const struct CMUnitTest tests[] = {
                TEST(boards_answer_right),
                TEST(malformed_messages_are_answered_and_survived),
                TEST(types_that_boards_do_not_send_are_refused),
                TEST(who_has_not_said_hello_is_told_to),
                TEST(an_oversize_frame_costs_the_connection_only),
                TEST(keys_decide_who_is_who),
                TEST(wrong_inputs_are_refused_with_a_sentence),
                TEST(clients_messages_that_cannot_be_taken_are_answered),
                TEST(bad_names_are_refused),
                TEST(a_load_that_fails_loses_nothing),
                TEST(silent_boards_are_not_waited_for),
                TEST(wrong_parts_are_refused),
                TEST(the_same_part_again_counts_once),
                TEST(late_and_unasked_parts_do_no_harm),
                TEST(tasks_that_end_empty_are_lost),
                TEST(a_share_that_is_not_held_is_sent_again),
                TEST(a_board_without_room_gets_no_tasks),
                TEST(a_board_that_hangs_up_is_lost_at_once),
                TEST(without_boards_it_computes_itself),
                TEST(a_new_coordinator_finds_everything_as_it_was),
                TEST(a_board_started_anew_gets_its_shares_again),
                TEST(a_spare_takes_the_number_of_one_that_is_gone),
                TEST(a_full_queue_says_so),
                TEST(no_more_models_than_allowed),
                TEST(requests_that_run_outlive_their_model),
                TEST(stops_in_the_middle_of_a_layer),
                TEST(stops_while_models_are_loaded),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

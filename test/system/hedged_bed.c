/* SPDX-License-Identifier: Apache-2.0 */
#include "test/system/hedged_bed.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/clock.h"

static void read_model(hedged_bed_t *bed)
{
        char path[512];
        FILE *file;

        snprintf(path, sizeof(path), "%s/client/demo/digits/model.onnx", getenv("HEDGE_SOURCE_ROOT"));
        file = fopen(path, "rb");
        assert_non_null(file);
        assert_int_equal(fseek(file, 0, SEEK_END), 0);
        bed->onnx_bytes = (size_t)ftell(file);
        rewind(file);
        bed->onnx = malloc(bed->onnx_bytes);
        assert_int_equal(fread(bed->onnx, 1, bed->onnx_bytes, file), bed->onnx_bytes);
        fclose(file);
}

static void make_reference(hedged_bed_t *bed)
{
        const hedge_value_t *input;
        hedge_why_t why;

        read_model(bed);
        assert_int_equal(hedge_onnx_import(bed->onnx, bed->onnx_bytes, NULL, &bed->graph, &why), 0);
        assert_int_equal(hedge_kernels_new("plain", 1, &bed->kernels), 0);
        assert_int_equal(hedge_engine_new(bed->graph, bed->kernels, &bed->engine), 0);
        assert_int_equal(bed->graph->n_inputs, 1);
        assert_int_equal(bed->graph->n_outputs, 1);
        input = &bed->graph->values[bed->graph->inputs[0]];
        assert_int_equal(hedge_tensor_alloc(&bed->input, &input->shape), 0);
        for (uint64_t i = 0; i < hedge_shape_elements(&input->shape); i++)
                bed->input.data[i] = (float)(i * 2654435761u >> 7 & 255) / 256;
        assert_int_equal(hedge_engine_run(bed->engine, &bed->input, NULL, NULL, &bed->expected), 0);
}

int hedged_bed_set_up(void **state)
{
        hedged_bed_t *bed = calloc(1, sizeof(*bed));

        test_dir_make(bed->dir, sizeof(bed->dir));
        for (unsigned i = 0; i < BED_BOARDS; i++)
                snprintf(bed->boards[i].name, sizeof(bed->boards[i].name), "board-%u", i);
        make_reference(bed);
        *state = bed;
        return 0;
}

int hedged_bed_tear_down(void **state)
{
        hedged_bed_t *bed = *state;

        test_process_kill(&bed->hedged);
        for (unsigned i = 0; i < BED_BOARDS; i++) {
                fake_board_leave(&bed->boards[i]);
                fake_board_forget(&bed->boards[i]);
        }
        fake_peer_close(&bed->client);
        hedge_tensor_release(&bed->input);
        hedge_tensor_release(&bed->expected);
        hedge_engine_destroy(&bed->engine);
        hedge_graph_destroy(&bed->graph);
        hedge_kernels_destroy(&bed->kernels);
        free(bed->onnx);
        test_dir_remove(bed->dir);
        free(bed);
        return 0;
}

void hedged_bed_launch(hedged_bed_t *bed, const char *security, const char *more)
{
        const char *program = getenv("HEDGED");
        char config[300], text[4096];
        const char *const arguments[] = { program, "--config", config, NULL };
        char tmp[300];
        /* what it leaves behind when it is killed goes with the bed */
        const char *const environment[] = { tmp, *bed->notify ? bed->notify : NULL, "WATCHDOG_USEC=200000", NULL };

        snprintf(tmp, sizeof(tmp), "TMPDIR=%s", bed->dir);
        snprintf(bed->clients, sizeof(bed->clients), "ipc://%s/hedged.sock", bed->dir);
        snprintf(config, sizeof(config), "%s/hedged.yaml", bed->dir);
        snprintf(text, sizeof(text),
                 "listen:\n"
                 "  boards: '%s'\n"
                 "  clients: %s\n"
                 "  endpoint_file: %s/endpoint\n"
                 "%s"
                 "security: %s\n"
                 "keys: {secret: %s/coordinator.secret, boards: %s/boards, clients: %s/clients}\n"
                 "compute: {backend: plain, threads: 1}\n"
                 "models: {repository: %s/models, max_loaded: %u}\n"
                 "jobs: {folder: %s/jobs%s}\n"
                 "%s\n",
                 *bed->endpoint ? bed->endpoint : "tcp://127.0.0.1:*", bed->clients, bed->dir,
                 bed->listen ? bed->listen : "", security, bed->dir, bed->dir, bed->dir, bed->dir,
                 bed->max_loaded ? bed->max_loaded : 64, bed->dir, bed->jobs ? bed->jobs : "", more);
        test_write_file(bed->dir, "hedged.yaml", text);
        snprintf(config, sizeof(config), "%s/endpoint", bed->dir);
        unlink(config);
        snprintf(config, sizeof(config), "%s/hedged.yaml", bed->dir);
        test_process_start(&bed->hedged, bed->dir, "hedged", arguments, environment);
}

void hedged_bed_await(hedged_bed_t *bed)
{
        const struct timespec pause = { 0, 2000000 };
        int64_t end_ms = hedge_now_ms() + TEST_PATIENCE_MS;
        char path[300];
        FILE *file;

        snprintf(path, sizeof(path), "%s/endpoint", bed->dir);
        while (!(file = fopen(path, "r"))) {
                if (!test_process_runs(&bed->hedged) || hedge_now_ms() > end_ms) {
                        test_process_show(&bed->hedged);
                        fail_msg("hedged does not listen");
                }
                nanosleep(&pause, NULL);
        }
        assert_non_null(fgets(bed->endpoint, sizeof(bed->endpoint), file));
        bed->endpoint[strcspn(bed->endpoint, "\n")] = '\0';
        fclose(file);
        fake_peer_close(&bed->client);
        fake_peer_open(&bed->client, bed->clients, NULL, NULL);
}

void hedged_bed_start(hedged_bed_t *bed, const char *more)
{
        char text[2048];

        snprintf(text, sizeof(text),
                 "plan: {work: layers, min_macs: 0, spare: 2, cut: simple}\n"
                 "%s%s",
                 strstr(more, "cluster:") ? "" : "cluster: {slots: 4, strikes: 40, measurements: ''}\n", more);
        hedged_bed_launch(bed, "insecure-loopback", text);
        hedged_bed_await(bed);
}

/* @return whether any board had something to do. */
static bool step(hedged_bed_t *bed)
{
        bool any = false;

        for (unsigned i = 0; i < BED_BOARDS; i++)
                any |= fake_board_step(&bed->boards[i]);
        return any;
}

/* Sleep until something comes for anyone, but not for long. */
static void doze(hedged_bed_t *bed)
{
        zmq_pollitem_t items[2 * BED_BOARDS + 1] = { { .socket = bed->client.socket, .events = ZMQ_POLLIN } };
        int n = 1;

        for (unsigned i = 0; i < BED_BOARDS; i++) {
                const fake_board_t *board = &bed->boards[i];

                if (!board->peer.socket)
                        continue;
                items[n++] = (zmq_pollitem_t){ .socket = board->peer.socket, .events = ZMQ_POLLIN };
                if (board->training)
                        items[n++] =
                                (zmq_pollitem_t){ .fd = hedgew_training_fd(board->training), .events = ZMQ_POLLIN };
        }
        zmq_poll(items, n, 20);
}

void hedged_bed_until(hedged_bed_t *bed, bool (*happened)(hedged_bed_t *bed), const char *what)
{
        int64_t end_ms = hedge_now_ms() + TEST_PATIENCE_MS;

        while (!happened(bed)) {
                if (hedge_now_ms() > end_ms) {
                        test_process_show(&bed->hedged);
                        fail_msg("waited in vain for: %s", what);
                }
                if (!step(bed))
                        doze(bed);
        }
}

static bool client_got(hedged_bed_t *bed)
{
        return fake_peer_next(&bed->client, 0) != NULL;
}

const hedge_message_t *hedged_bed_answer(hedged_bed_t *bed)
{
        hedged_bed_until(bed, client_got, "an answer");
        return &bed->client.last.message;
}

static bool all_welcome(hedged_bed_t *bed)
{
        for (unsigned i = 0; i < BED_BOARDS; i++)
                if (bed->boards[i].peer.socket && !bed->boards[i].welcomes)
                        return false;
        return true;
}

void hedged_bed_join(hedged_bed_t *bed, unsigned n)
{
        for (unsigned i = 0; i < n; i++) {
                fake_board_leave(&bed->boards[i]);
                bed->boards[i].welcomes = 0;
                fake_board_join(&bed->boards[i], bed->endpoint);
                /* one after the other, so that board-0 is number 0 */
                hedged_bed_until(bed, all_welcome, "WELCOME");
        }
}

void hedged_bed_ask(hedged_bed_t *bed, const char *model)
{
        hedge_message_t m = { .type = HEDGE_MSG_INFER,
                              .infer = { .id = ++bed->id, .n_inputs = 1, .inputs = &bed->input.shape } };
        size_t size = hedge_shape_elements(&bed->input.shape) * sizeof(float);
        zmq_msg_t frame;

        snprintf(m.infer.model, sizeof(m.infer.model), "%s", model);
        assert_int_equal(zmq_msg_init_size(&frame, size), 0);
        memcpy(zmq_msg_data(&frame), bed->input.data, size);
        fake_peer_send(&bed->client, &m, &frame, 1);
}

void hedged_bed_check(hedged_bed_t *bed)
{
        const hedge_message_t *m = &bed->client.last.message;
        size_t n = hedge_shape_elements(&bed->expected.shape);
        float peak = 0;

        if (m->type == HEDGE_MSG_ERROR)
                fail_msg("in place of a RESULT: %s", m->error.text);
        assert_int_equal(m->type, HEDGE_MSG_RESULT);
        assert_int_equal(m->result.n_outputs, 1);
        assert_true(hedge_shape_equal(&m->result.outputs[0], &bed->expected.shape));
        assert_int_equal(zmq_msg_size(&bed->client.last.frames[0]), n * sizeof(float));
        for (size_t i = 0; i < n; i++)
                peak = fmaxf(peak, fabsf(bed->expected.data[i]));
        for (size_t i = 0; i < n; i++) {
                float got;

                memcpy(&got, (const char *)zmq_msg_data(&bed->client.last.frames[0]) + i * sizeof(got), sizeof(got));
                assert_float_equal(got, bed->expected.data[i], 1e-3 * (double)peak);
        }
}

const hedge_msg_result_t *hedged_bed_infer(hedged_bed_t *bed, const char *model)
{
        hedged_bed_ask(bed, model);
        hedged_bed_answer(bed);
        hedged_bed_check(bed);
        assert_int_equal(bed->client.last.message.result.id, bed->id);
        return &bed->client.last.message.result;
}

static void make_frame(zmq_msg_t *frame, const void *bytes, size_t size)
{
        assert_int_equal(zmq_msg_init_size(frame, size), 0);
        if (size)
                memcpy(zmq_msg_data(frame), bytes, size);
}

void hedged_bed_send_load(hedged_bed_t *bed, const char *name, const void *onnx, size_t size, const char *yaml,
                          uint32_t wait_ms)
{
        hedge_message_t m = { .type = HEDGE_MSG_LOAD, .load = { .id = ++bed->id, .wait_ms = wait_ms } };
        zmq_msg_t frames[2];
        uint32_t n = 0;

        snprintf(m.load.name, sizeof(m.load.name), "%s", name);
        if (onnx)
                make_frame(&frames[n++], onnx, size);
        if (yaml)
                make_frame(&frames[n++], yaml, strlen(yaml));
        fake_peer_send(&bed->client, &m, frames, n);
}

void hedged_bed_load(hedged_bed_t *bed, const char *name)
{
        const hedge_message_t *m;

        hedged_bed_send_load(bed, name, bed->onnx, bed->onnx_bytes, NULL, TEST_PATIENCE_MS);
        m = hedged_bed_answer(bed);
        if (m->type == HEDGE_MSG_ERROR)
                fail_msg("LOAD: %s", m->error.text);
        assert_int_equal(m->type, HEDGE_MSG_LOAD_OK);
        assert_int_equal(m->done.id, bed->id);
        assert_true(m->done.model.coded_layers > 0);
}

void hedged_bed_send_unload(hedged_bed_t *bed, const char *name)
{
        hedge_message_t m = { .type = HEDGE_MSG_UNLOAD, .unload = { .id = ++bed->id } };

        snprintf(m.unload.name, sizeof(m.unload.name), "%s", name);
        fake_peer_send(&bed->client, &m, NULL, 0);
}

const hedge_msg_error_t *hedged_bed_expect_error(hedged_bed_t *bed, int code)
{
        const hedge_message_t *m = hedged_bed_answer(bed);

        if (m->type != HEDGE_MSG_ERROR)
                fail_msg("%s in place of an ERROR", hedge_message_name(m->type));
        if (m->error.code != code || m->error.about != bed->id || strlen(m->error.text) < 8)
                fail_msg("ERROR %d about %llu and not %d about %llu: '%s'", m->error.code,
                         (unsigned long long)m->error.about, code, (unsigned long long)bed->id, m->error.text);
        return &m->error;
}

const hedge_msg_status_ok_t *hedged_bed_status(hedged_bed_t *bed)
{
        const hedge_message_t ask = { .type = HEDGE_MSG_STATUS, .status = { .id = ++bed->id } };
        const hedge_message_t *m;

        fake_peer_send(&bed->client, &ask, NULL, 0);
        m = hedged_bed_answer(bed);
        assert_int_equal(m->type, HEDGE_MSG_STATUS_OK);
        assert_int_equal(m->status_ok.id, bed->id);
        return &m->status_ok;
}

const hedge_model_status_t *hedged_bed_model(hedged_bed_t *bed, const char *name)
{
        const hedge_message_t ask = { .type = HEDGE_MSG_MODELS, .models = { .id = ++bed->id } };
        const hedge_message_t *m;

        fake_peer_send(&bed->client, &ask, NULL, 0);
        m = hedged_bed_answer(bed);
        assert_int_equal(m->type, HEDGE_MSG_MODELS_OK);
        for (uint32_t i = 0; i < m->models_ok.n_models; i++)
                if (!strcmp(m->models_ok.models[i].name, name))
                        return &m->models_ok.models[i];
        return NULL;
}

int hedged_bed_end(hedged_bed_t *bed, int signal)
{
        kill(bed->hedged.pid, signal);
        return test_process_wait(&bed->hedged, TEST_PATIENCE_MS);
}

bool hedged_bed_says_local(const hedge_msg_result_t *result)
{
        for (uint32_t i = 0; i < result->n_layers; i++)
                if (strcmp(result->layers[i].scheme, "local") != 0)
                        return false;
        return result->n_layers > 0;
}

bool hedged_bed_says_coded(const hedge_msg_result_t *result)
{
        for (uint32_t i = 0; i < result->n_layers; i++)
                if (strcmp(result->layers[i].scheme, "nsctc") != 0)
                        return false;
        return result->n_layers > 0;
}

bool hedged_bed_uses_board(const hedge_msg_result_t *result, uint32_t board)
{
        for (uint32_t i = 0; i < result->n_layers; i++)
                for (uint32_t b = 0; b < result->layers[i].n_boards; b++)
                        if (result->layers[i].boards[b] == board)
                                return true;
        return false;
}

hedged_bed_t *hedged_bed_ready(void **state, const char *more)
{
        hedged_bed_t *bed = *state;

        hedged_bed_start(bed, more);
        hedged_bed_join(bed, 4);
        hedged_bed_load(bed, "digits");
        return bed;
}

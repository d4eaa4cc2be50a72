/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "client/command.h"
#include "client/file_frame.h"
#include "client/model_file.h"
#include "client/progress.h"
#include "client/requests.h"
#include "client/shapes.h"
#include "client/table.h"
#include "common/clock.h"
#include "common/model/onnx.h"

#define ASK_MS    200
#define IMPORT_MS 60000 /* to send, read and store it; waiting for the boards comes on top */

typedef struct load_values {
        hedgec_target_t target;
        const char *name, *manifest;
        hedgec_option_list_t shapes;
        bool no_wait;
} load_values_t;

static const hedgec_option_t options[] = {
        HEDGEC_ROW(STRING, "name", 'n', load_values_t, name, "NAME", "call it NAME"),
        HEDGEC_ROW(STRING, "manifest", 'm', load_values_t, manifest, "FILE", "its model.yaml (that beside model.onnx)"),
        HEDGEC_SHAPE_ROW(load_values_t, shapes, "NAME=1x3x320x320 for an input; may be repeated"),
        HEDGEC_ROW(FLAG, "no-wait", 0, load_values_t, no_wait, NULL, "do not wait until the boards hold it"),
        HEDGEC_ROW_TABLE(load_values_t, target, hedgec_target_options),
        HEDGEC_ROW_END,
};

/* What is sent: nothing (a model of the repository), the ONNX file, or that and its manifest. */
typedef struct parcel {
        zmq_msg_t frames[2];
        uint32_t n_frames;
} parcel_t;

static int add_manifest(parcel_t *parcel, const char *onnx, const char *file, hedge_why_t *why)
{
        hedge_manifest_t manifest;
        size_t size;
        char *text;
        int r = hedgec_model_manifest(onnx, file, &manifest, why);

        if (r < 0)
                return r;
        if (manifest.preprocess.given) {
                r = hedge_manifest_write(&manifest, &text, &size);
                if (!r) {
                        r = hedgec_frame_text(text, size, &parcel->frames[1], why);
                        if (r < 0)
                                free(text);
                        else
                                parcel->n_frames = 2;
                }
                if (r < 0)
                        hedge_why(why, r, "cannot send the manifest of %s: %s", onnx, hedge_strerror(r));
        }
        hedge_manifest_release(&manifest);
        return r;
}

/* The file's own pages where it is the whole model, else it and what lies beside it in one piece. */
static int frame_model(const char *file, zmq_msg_t *frame, hedge_why_t *why)
{
        char *bytes = NULL;
        size_t size;
        int r = hedgec_frame_file(file, frame, why);

        if (r < 0 || !hedge_onnx_may_be_split(zmq_msg_data(frame), zmq_msg_size(frame)))
                return r;
        r = hedge_onnx_gather(file, hedge_wire_default_limits.max_frame_bytes, &bytes, &size, why);
        if (r == 0 && !bytes)
                return 0;
        zmq_msg_close(frame);
        if (r == 0)
                r = hedgec_frame_text(bytes, size, frame, why);
        if (r < 0)
                free(bytes);
        return r;
}

/* FILE or NAME: what is there as a file is sent; a plain name is one of the repository. */
static int pack(const load_values_t *v, const char *operand, parcel_t *parcel, char *name, size_t size,
                hedge_why_t *why)
{
        struct stat info;
        bool found = stat(operand, &info) == 0 && !S_ISDIR(info.st_mode);
        size_t length = strlen(operand);
        int r;

        if (!found && hedge_name_ok(operand) && (length < 5 || strcmp(operand + length - 5, ".onnx"))) {
                if (v->name || v->manifest)
                        return hedge_why(why, -ENOENT,
                                         "there is no file '%s' (a model of the repository takes no --name "
                                         "and no --manifest)",
                                         operand);
                return hedgec_set_name(name, size, operand, why);
        }
        r = v->name ? hedgec_set_name(name, size, v->name, why) : hedgec_model_default_name(operand, name, size, why);
        if (!r && !hedge_name_ok(name))
                r = hedge_why(why, -EINVAL,
                              "'%s' is no name: letters, digits, '.', '_' and '-', the first a letter or digit", name);
        if (!r)
                r = frame_model(operand, &parcel->frames[0], why);
        if (r < 0)
                return r;
        parcel->n_frames = 1;
        return add_manifest(parcel, operand, v->manifest, why);
}

static int ask_progress(hedgec_connection_t *connection, const char *name)
{
        hedge_message_t message = { .type = HEDGE_MSG_MODELS };

        message.models.id = hedgec_connection_id(connection);
        strcpy(message.models.name, name);
        return hedgec_connection_send(connection, &message, NULL, 0, NULL);
}

/* Boards that hold the model in all its shapes. */
static unsigned ready_boards(const hedge_msg_models_ok_t *answer)
{
        unsigned least = answer->models[0].ready_boards;

        for (uint32_t i = 1; i < answer->n_models; i++)
                least = answer->models[i].ready_boards < least ? answer->models[i].ready_boards : least;
        return least;
}

/* Wait for LOAD_OK, and show meanwhile how many boards hold the model. */
static int wait_loaded(hedgec_connection_t *connection, const char *name, uint64_t id, int64_t wait_ms, unsigned boards,
                       hedge_envelope_t *ret, hedge_why_t *why)
{
        int64_t deadline = hedge_now_ms() + wait_ms, left;
        hedgec_progress_t progress;
        hedge_envelope_t answer;
        int r;

        hedgec_progress_start(&progress, "loading", "boards", boards);
        for (;;) {
                left = deadline - hedge_now_ms();
                if (!progress.terminal || left < ASK_MS)
                        r = hedgec_connection_receive(connection, left > 1 ? (int)left : 1, &answer, why);
                else
                        r = hedgec_connection_receive(connection, ASK_MS, &answer, why);
                if (r == -ETIMEDOUT && progress.terminal && left > ASK_MS) {
                        r = ask_progress(connection, name);
                        if (!r)
                                continue;
                }
                if (r < 0)
                        break;
                if (answer.message.type == HEDGE_MSG_MODELS_OK && answer.message.models_ok.n_models)
                        hedgec_progress_update(&progress, ready_boards(&answer.message.models_ok));
                if (hedgec_answer_id(&answer.message) == id)
                        break;
                hedge_envelope_release(&answer);
        }
        hedgec_progress_clear(&progress);
        if (r < 0)
                return r;
        r = hedgec_answer_check(&answer.message, HEDGE_MSG_LOAD_OK, why);
        if (r < 0)
                hedge_envelope_release(&answer);
        else
                *ret = answer;
        return r;
}

static void report(const hedge_model_status_t *model, unsigned boards, bool waited)
{
        char shapes[300];

        printf("Loaded %s", model->name);
        if (hedgec_shapes_open(model)) {
                printf(" for ");
                hedgec_print_safe(hedgec_shapes_text(model, shapes, sizeof(shapes)), stdout);
        }
        printf(": %s multiply-accumulates, %u of %u layers coded", hedgec_text_count(model->macs), model->coded_layers,
               model->layers);
        if (model->coded_layers)
                printf(", %u of %u boards hold it (%s each)", model->ready_boards, boards,
                       hedgec_text_bytes(model->share_bytes));
        puts(".");
        if (model->how[0]) {
                printf("It runs ");
                hedgec_print_safe(model->how, stdout);
                puts(".");
        }
        if (waited && strcmp(model->state, "ready"))
                fprintf(stderr,
                        "hedge: too few boards hold it yet, so its layers run on the coordinator until they do\n");
}

/* A model may have been loaded for several shapes. */
static int report_all(hedgec_connection_t *connection, const hedge_model_status_t *loaded, unsigned boards, bool waited,
                      hedge_why_t *why)
{
        hedge_envelope_t answer;
        int r;

        if (!hedgec_shapes_open(loaded)) {
                report(loaded, boards, waited);
                return 0;
        }
        r = hedgec_request_models(connection, loaded->name, &answer, why);
        if (r < 0)
                return r;
        for (uint32_t i = 0; i < answer.message.models_ok.n_models; i++)
                report(&answer.message.models_ok.models[i], boards, waited);
        hedge_envelope_release(&answer);
        return 0;
}

static int load(const load_values_t *v, hedgec_connection_t *connection, parcel_t *parcel, const char *name,
                hedgec_shapes_t *shapes, hedge_why_t *why)
{
        int64_t wait_ms = (int64_t)(v->target.timeout_s ? v->target.timeout_s : HEDGEC_DEFAULT_TIMEOUT_S) * 1000;
        hedge_message_t message = { .type = HEDGE_MSG_LOAD };
        hedge_envelope_t answer;
        unsigned boards;
        int r = hedgec_request_status(connection, &answer, why);

        if (r < 0) {
                for (uint32_t i = 0; i < parcel->n_frames; i++)
                        zmq_msg_close(&parcel->frames[i]);
                return r;
        }
        boards = hedgec_status_count(&answer.message.status_ok, "alive");
        hedge_envelope_release(&answer);
        message.load.id = hedgec_connection_id(connection);
        strcpy(message.load.name, name);
        message.load.wait_ms = v->no_wait ? 0 : (uint32_t)wait_ms;
        message.load.n_shapes = shapes->n;
        message.load.shapes = shapes->items;
        r = hedgec_connection_send(connection, &message, parcel->frames, parcel->n_frames, why);
        if (!r)
                r = wait_loaded(connection, name, message.load.id, IMPORT_MS + wait_ms, boards, &answer, why);
        if (r < 0)
                return r;
        r = report_all(connection, &answer.message.done.model, boards, !v->no_wait, why);
        hedge_envelope_release(&answer);
        return r;
}

static int run_load(const void *values, char **operands, unsigned n_operands)
{
        const load_values_t *v = values;
        hedgec_connection_t *connection = NULL;
        char name[HEDGE_MODEL_NAME_MAX];
        parcel_t parcel = { .n_frames = 0 };
        hedgec_shapes_t shapes;
        hedge_why_t why = { "" };
        int r = hedgec_shapes_parse(&v->shapes, &shapes, &why), status;

        if (r < 0)
                return hedgec_complain_usage("load", "load: %s", why.text);
        r = pack(v, operands[0], &parcel, name, sizeof(name), &why);

        status = r < 0 ? hedgec_complain("%s", why.text) : hedgec_connect("load", &v->target, &connection);
        if (status) {
                for (uint32_t i = 0; i < parcel.n_frames; i++)
                        zmq_msg_close(&parcel.frames[i]);
                return status;
        }
        r = load(v, connection, &parcel, name, &shapes, &why);
        hedgec_connection_close(&connection);
        return r < 0 ? hedgec_complain("%s: %s", operands[0], why.text) : EXIT_SUCCESS;
}

static int run_unload(const void *values, char **operands, unsigned n_operands)
{
        const hedgec_target_t *target = values;
        hedgec_connection_t *connection = NULL;
        hedge_message_t message = { .type = HEDGE_MSG_UNLOAD };
        hedge_envelope_t answer;
        hedge_why_t why = { "" };
        int r = hedgec_connect("unload", target, &connection);

        if (r)
                return r;
        message.unload.id = hedgec_connection_id(connection);
        r = hedgec_set_name(message.unload.name, sizeof(message.unload.name), operands[0], &why);
        if (!r)
                r = hedgec_connection_request(connection, &message, NULL, 0, HEDGE_MSG_UNLOAD_OK, 0, &answer, &why);
        if (!r) {
                printf("Unloaded %s; 'hedge load %s' brings it back.\n", operands[0], operands[0]);
                hedge_envelope_release(&answer);
        }
        return hedgec_disconnect(&connection, r, &why);
}

const hedgec_command_t hedgec_command_load = {
        .name = "load",
        .operands = "FILE|NAME",
        .summary = "load an ONNX model onto the cluster, or bring one back",
        .details = "Send an ONNX file to the coordinator, which keeps it and gives every board its\n"
                   "coded filters. Called model.onnx, it is named after its folder and its\n"
                   "model.yaml (how pictures are prepared, labels) goes with it. With the NAME of a\n"
                   "model that was unloaded, bring it back. What the file keeps in files beside it\n"
                   "(ONNX's external data) is sent with it. Where the file leaves open how large an\n"
                   "input is, --shape states it, or its model.yaml; with several shapes for one\n"
                   "input the model is loaded for each.",
        .example = "hedge load squeezenet1.1.onnx --name squeezenet",
        .options = options,
        .values_size = sizeof(load_values_t),
        .min_operands = 1,
        .max_operands = 1,
        .run = run_load,
};

const hedgec_command_t hedgec_command_unload = {
        .name = "unload",
        .operands = "NAME",
        .summary = "take a model off the cluster",
        .details = "Take a model out of service, now and after restarts. Its file stays in the\n"
                   "repository; 'hedge load NAME' brings it back.",
        .example = "hedge unload squeezenet",
        .options = hedgec_target_options,
        .values_size = sizeof(hedgec_target_t),
        .min_operands = 1,
        .max_operands = 1,
        .run = run_unload,
};

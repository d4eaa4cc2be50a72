/* SPDX-License-Identifier: Apache-2.0 */
#include <inttypes.h>
#include <stdlib.h>

#include "client/command.h"
#include "client/json.h"
#include "client/requests.h"
#include "client/shapes.h"
#include "client/table.h"
#include "common/element.h"

typedef struct models_values {
        hedgec_target_t target;
        bool json;
} models_values_t;

static const hedgec_option_t options[] = {
        HEDGEC_ROW(FLAG, "json", 'j', models_values_t, json, NULL, "print one JSON object per model and line"),
        HEDGEC_ROW_TABLE(models_values_t, target, hedgec_target_options),
        HEDGEC_ROW_END,
};

static struct json_object *axes_json(hedgec_json_t *json, uint32_t axes)
{
        struct json_object *array = hedgec_json_array(json);

        for (uint32_t i = 0; i < HEDGE_MAX_RANK; i++)
                if (axes >> i & 1)
                        hedgec_json_add_uint(json, array, NULL, i);
        return array;
}

/* As NumPy calls it. */
static const char *type_name(const hedge_model_tensor_t *tensor)
{
        return hedge_element_short_name(tensor->element ? (int)tensor->element : HEDGE_ELEMENT_FLOAT);
}

static struct json_object *tensors_json(hedgec_json_t *json, const hedge_model_tensor_t *tensors, uint32_t n)
{
        struct json_object *array = hedgec_json_array(json), *object;

        for (uint32_t i = 0; i < n; i++) {
                object = hedgec_json_object(json);
                hedgec_json_add_string(json, object, "name", tensors[i].name);
                hedgec_json_add_shape(json, object, "shape", &tensors[i].shape);
                hedgec_json_add_string(json, object, "type", type_name(&tensors[i]));
                if (tensors[i].open)
                        hedgec_json_add(json, object, "open", axes_json(json, tensors[i].open));
                hedgec_json_add(json, array, NULL, object);
        }
        return array;
}

static struct json_object *numbers_json(hedgec_json_t *json, const double *values, int n)
{
        struct json_object *array = hedgec_json_array(json);

        for (int i = 0; i < n; i++)
                hedgec_json_add_double(json, array, NULL, values[i], 9);
        return array;
}

static struct json_object *preprocess_json(hedgec_json_t *json, const hedge_model_preprocess_t *p)
{
        struct json_object *object = hedgec_json_object(json);

        hedgec_json_add_uint(json, object, "resize", p->resize);
        hedgec_json_add_bool(json, object, "crop", p->crop);
        hedgec_json_add_double(json, object, "scale", p->scale, 9);
        hedgec_json_add(json, object, "mean", numbers_json(json, p->mean, 3));
        hedgec_json_add(json, object, "std", numbers_json(json, p->std, 3));
        hedgec_json_add_string(json, object, "channel_order", p->bgr ? "bgr" : "rgb");
        hedgec_json_add_string(json, object, "layout", p->nhwc ? "nhwc" : "nchw");
        hedgec_json_add_string(json, object, "orientation", p->as_stored ? "ignore" : "exif");
        return object;
}

/* How many pictures in a request: null for any number. */
static void add_batch(hedgec_json_t *json, const hedge_model_status_t *model)
{
        if (model->any_batch)
                hedgec_json_add_null(json, json->root, "batch");
        else
                hedgec_json_add_uint(json, json->root, "batch", model->batch > 1 ? model->batch : 1);
        if (model->batch_why[0])
                hedgec_json_add_string(json, json->root, "batch_why", model->batch_why);
        if (model->how[0])
                hedgec_json_add_string(json, json->root, "how", model->how);
}

static int print_json(const hedge_model_status_t *model)
{
        hedgec_json_t json = { 0 };

        json.root = hedgec_json_object(&json);
        hedgec_json_add_string(&json, json.root, "name", model->name);
        hedgec_json_add_string(&json, json.root, "state", model->state);
        hedgec_json_add_uint(&json, json.root, "macs", model->macs);
        hedgec_json_add_uint(&json, json.root, "parameters", model->parameters);
        hedgec_json_add_uint(&json, json.root, "layers", model->layers);
        hedgec_json_add_uint(&json, json.root, "coded_layers", model->coded_layers);
        hedgec_json_add_uint(&json, json.root, "segment_layers", model->segment_layers);
        hedgec_json_add_uint(&json, json.root, "ready_boards", model->ready_boards);
        hedgec_json_add_uint(&json, json.root, "share_bytes", model->share_bytes);
        hedgec_json_add(&json, json.root, "inputs", tensors_json(&json, model->inputs, model->n_inputs));
        hedgec_json_add(&json, json.root, "outputs", tensors_json(&json, model->outputs, model->n_outputs));
        add_batch(&json, model);
        if (model->preprocess.given)
                hedgec_json_add(&json, json.root, "preprocess", preprocess_json(&json, &model->preprocess));
        else
                hedgec_json_add_null(&json, json.root, "preprocess");
        return hedgec_json_print(&json, 0, stdout);
}

static int print_list(const hedge_msg_models_ok_t *answer)
{
        static const hedgec_column_t columns[] = {
                { "MODEL", HEDGEC_LEFT, 12 },  { "STATE", HEDGEC_LEFT, 0 },  { "MACS", HEDGEC_RIGHT, 0 },
                { "PARAMS", HEDGEC_RIGHT, 0 }, { "CODED", HEDGEC_RIGHT, 0 }, { "BOARDS", HEDGEC_RIGHT, 0 },
                { "SHARES", HEDGEC_RIGHT, 0 }, { "INPUT", HEDGEC_LEFT, 0 },  { .title = NULL }
        };
        hedgec_table_t *table = hedgec_table_new(columns);
        char shape[96];
        int r;

        if (!table)
                return -1;
        for (uint32_t i = 0; i < answer->n_models; i++) {
                const hedge_model_status_t *model = &answer->models[i];

                hedgec_table_cell(table, "%s", model->name);
                hedgec_table_cell(table, "%s", model->state);
                hedgec_table_cell(table, "%s", hedgec_text_count(model->macs));
                hedgec_table_cell(table, "%s", hedgec_text_count(model->parameters));
                hedgec_table_cell(table, "%u/%u", model->coded_layers, model->layers);
                hedgec_table_cell(table, "%u", model->ready_boards);
                hedgec_table_cell(table, "%s", hedgec_text_bytes(model->share_bytes));
                hedgec_table_cell(table, "%s",
                                  model->n_inputs ? hedge_shape_text(&model->inputs[0].shape, shape, sizeof(shape))
                                                  : "-");
        }
        if (!answer->n_models)
                puts("No model is loaded: 'hedge load FILE' does that.");
        r = answer->n_models ? hedgec_table_print(table, 0, stdout) : 0;
        hedgec_table_destroy(&table);
        return r;
}

/* Which extents are of this load and not the file's. */
static void print_open(uint32_t axes)
{
        const char *before = "  (open in its file: axis";

        for (uint32_t i = 0; i < HEDGE_MAX_RANK; i++)
                if (axes >> i & 1) {
                        printf("%s %u", before, i);
                        before = ",";
                }
        if (axes)
                putchar(')');
}

static void print_tensors(const char *what, const hedge_model_tensor_t *tensors, uint32_t n)
{
        char shape[96];

        for (uint32_t i = 0; i < n; i++) {
                printf("%-12s  %-20s  %-8s  ", i ? "" : what, hedge_shape_text(&tensors[i].shape, shape, sizeof(shape)),
                       type_name(&tensors[i]));
                hedgec_print_safe(tensors[i].name, stdout);
                print_open(tensors[i].open);
                putchar('\n');
        }
}

static void print_preprocess(const hedge_model_preprocess_t *p)
{
        if (!p->given) {
                puts("pictures      no model.yaml: infer wants --preprocess for them");
                return;
        }
        printf("pictures      ");
        if (p->resize)
                printf("shorter side to %u, ", p->resize);
        printf("%s, %s, %s%s\n", p->crop ? "centre crop" : "to the input's size", p->bgr ? "BGR" : "RGB",
               p->nhwc ? "channels last" : "channels first", p->as_stored ? ", as stored" : "");
        printf("values        (pixel * %.6g - [%.4g %.4g %.4g]) / [%.4g %.4g %.4g]\n", p->scale, p->mean[0], p->mean[1],
               p->mean[2], p->std[0], p->std[1], p->std[2]);
}

static void print_batch(const hedge_model_status_t *model)
{
        if (model->any_batch) {
                puts("batch         any: a request may hold several pictures");
                return;
        }
        printf("%-12s  %u", "batch", model->batch > 1 ? model->batch : 1);
        if (model->batch_why[0]) {
                printf(" (");
                hedgec_print_safe(model->batch_why, stdout);
                putchar(')');
        } else if (model->batch > 1) {
                printf(": pictures are taken in groups of so many");
        }
        putchar('\n');
}

static int print_one(const hedge_model_status_t *model, uint32_t n_labels)
{
        printf("%-12s  ", "name");
        hedgec_print_safe(model->name, stdout);
        printf("\n%-12s  ", "state");
        hedgec_print_safe(model->state, stdout);
        printf("\n%-12s  %s multiply-accumulates, %s parameters\n", "size", hedgec_text_count(model->macs),
               hedgec_text_count(model->parameters));
        printf("%-12s  %u, %u of them coded, %u in segments\n", "layers", model->layers, model->coded_layers,
               model->segment_layers);
        printf("%-12s  %u hold it, %s at most\n", "boards", model->ready_boards, hedgec_text_bytes(model->share_bytes));
        if (model->how[0]) {
                printf("%-12s  ", "runs");
                hedgec_print_safe(model->how, stdout);
                putchar('\n');
        }
        print_tensors("inputs", model->inputs, model->n_inputs);
        print_tensors("outputs", model->outputs, model->n_outputs);
        print_batch(model);
        printf("%-12s  %u\n", "labels", n_labels);
        print_preprocess(&model->preprocess);
        return 0;
}

static int ask_one(hedgec_connection_t *connection, const char *name, bool as_json, hedge_why_t *why)
{
        hedgec_labels_t labels = { 0 };
        hedge_envelope_t answer;
        int r = hedgec_request_model(connection, name, &answer, &labels, why);

        if (r < 0)
                return r;
        for (uint32_t i = 0; r >= 0 && i < answer.message.models_ok.n_models; i++) {
                const hedge_model_status_t *model = &answer.message.models_ok.models[i];

                if (i && !as_json)
                        putchar('\n');
                r = as_json ? print_json(model) : print_one(model, labels.count);
        }
        hedgec_labels_release(&labels);
        hedge_envelope_release(&answer);
        return r < 0 ? hedge_why(why, r, "out of memory") : 0;
}

static int ask_all(hedgec_connection_t *connection, bool as_json, hedge_why_t *why)
{
        hedge_envelope_t answer;
        int r = hedgec_request_models(connection, NULL, &answer, why);

        if (r < 0)
                return r;
        if (!as_json)
                r = print_list(&answer.message.models_ok);
        for (uint32_t i = 0; as_json && r >= 0 && i < answer.message.models_ok.n_models; i++)
                r = print_json(&answer.message.models_ok.models[i]);
        hedge_envelope_release(&answer);
        return r < 0 ? hedge_why(why, r, "out of memory") : 0;
}

static int run(const void *values, char **operands, unsigned n_operands)
{
        const models_values_t *v = values;
        hedgec_connection_t *connection = NULL;
        hedge_why_t why = { "" };
        int r = hedgec_connect("models", &v->target, &connection);

        if (r)
                return r;
        r = n_operands ? ask_one(connection, operands[0], v->json, &why) : ask_all(connection, v->json, &why);
        return hedgec_disconnect(&connection, r, &why);
}

const hedgec_command_t hedgec_command_models = {
        .name = "models",
        .operands = "[NAME]",
        .summary = "list the models, or show one",
        .details = "List the models: their state (ready; waiting: too few boards hold it, so it runs\n"
                   "on the coordinator; unloaded), size, coded layers, and how many boards hold them\n"
                   "with how much memory each. With NAME, show that model's inputs, outputs and how\n"
                   "pictures are prepared for it. A model that is loaded for several shapes of its\n"
                   "input is shown for each of them.",
        .example = "hedge models squeezenet",
        .options = options,
        .values_size = sizeof(models_values_t),
        .max_operands = 1,
        .run = run,
};

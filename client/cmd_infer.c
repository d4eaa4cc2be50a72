/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/command.h"
#include "client/feed.h"
#include "client/forms.h"
#include "client/requests.h"
#include "client/shapes.h"
#include "client/show.h"
#include "common/clock.h"

#define IN_FLIGHT 4
#define GONE      "the coordinator went away"

typedef struct infer_values {
        hedgec_target_t target;
        hedgec_show_options_t show;
        hedgec_option_list_t shapes;
        bool trace;
} infer_values_t;

static const infer_values_t presets = { .show = HEDGEC_SHOW_PRESETS };

static const hedgec_option_t options[] = {
        HEDGEC_ROW_TABLE(infer_values_t, show, hedgec_show_options),
        HEDGEC_SHAPE_ROW(infer_values_t, shapes, "of a model in several shapes, only this one"),
        HEDGEC_ROW(FLAG, "trace", 0, infer_values_t, trace, NULL, "with --json: every part's board, times and use"),
        HEDGEC_ROW_TABLE(infer_values_t, target, hedgec_target_options),
        HEDGEC_ROW_END,
};

/* One request on its way. */
typedef struct slot {
        hedgec_request_t request; /* its tensors are gone */
        uint64_t id;              /* of its request */
        int64_t deadline_ms;
        int result; /* 1: waiting; 0: answered; < 0: failed, `why` says how */
        hedge_envelope_t answer;
        hedge_why_t why;
} slot_t;

typedef struct infer {
        hedgec_connection_t *connection;
        hedgec_form_t forms[HEDGE_INPUT_SHAPES_MAX]; /* n_forms: the shapes that the model is loaded for */
        uint32_t run_layers[HEDGE_INPUT_SHAPES_MAX]; /* n_forms: coded layers of a run */
        unsigned n_forms;
        hedgec_show_t show;
        const char *model;
        hedge_element_t *elements; /* of the model's outputs */
        char **names;              /* of them */
        uint32_t n_elements;
        hedge_output_t output; /* what they mean */
        int64_t timeout_ms;
        bool trace;
        slot_t slots[IN_FLIGHT]; /* request i is in slot i % IN_FLIGHT */
} infer_t;

/* Frames of the tensors, which are theirs from now on. */
static int make_frames(hedge_tensor_t *tensors, uint32_t n, zmq_msg_t *frames, hedge_why_t *why)
{
        uint32_t made = 0;
        int r = 0;

        for (; made < n && !r; made += !r)
                r = hedge_frame_floats(&frames[made], tensors[made].data, hedge_shape_elements(&tensors[made].shape));
        if (!r)
                return 0;
        for (uint32_t i = 0; i < n; i++)
                if (i < made)
                        zmq_msg_close(&frames[i]);
                else
                        hedge_tensor_release(&tensors[i]);
        return hedge_why(why, r, "%s", hedge_strerror(r));
}

static int send_tensors(infer_t *infer, slot_t *slot)
{
        uint32_t n = slot->request.form->n_inputs;
        hedge_tensor_t *tensors = slot->request.tensors;
        hedge_message_t message = { .type = HEDGE_MSG_INFER };
        hedge_shape_t *shapes = calloc(n + 1, sizeof(*shapes));
        zmq_msg_t *frames = calloc(n + 1, sizeof(*frames));
        int r = frames && shapes ? 0 : hedge_why(&slot->why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));

        message.infer.id = slot->id = hedgec_connection_id(infer->connection);
        strcpy(message.infer.model, infer->model);
        message.infer.n_inputs = n;
        message.infer.inputs = shapes;
        message.infer.trace = infer->trace;
        for (uint32_t i = 0; r == 0 && i < n; i++)
                shapes[i] = tensors[i].shape;
        if (r == 0) {
                r = make_frames(tensors, n, frames, &slot->why);
                memset(tensors, 0, n * sizeof(*tensors)); /* the frames' now, or gone */
        }
        if (r == 0)
                r = hedgec_connection_send(infer->connection, &message, frames, n, &slot->why);
        hedgec_request_release(&slot->request);
        free(frames);
        free(shapes);
        return r;
}

/* hedgec_feed_choose_t: in which of its shapes the model takes an input. */
static int choose(void *arg, const hedgec_input_t *input, const hedgec_form_t **ret, hedge_why_t *why)
{
        const infer_t *infer = arg;
        unsigned which;
        int r = hedgec_forms_choose(infer->forms, infer->n_forms, input, &which, why);

        if (r == 0)
                *ret = &infer->forms[which];
        return r;
}

/* Send the next request; what goes wrong is kept for its turn. @return false: there is none. */
static bool send_next(infer_t *infer, hedgec_feed_t *feed, slot_t *slot)
{
        *slot = (slot_t){ .result = 1 };
        if (!hedgec_feed_next(feed, &slot->request))
                return false;
        slot->why = slot->request.why;
        if (slot->request.result < 0 || send_tensors(infer, slot) < 0)
                slot->result = slot->request.result < 0 ? slot->request.result : -EIO;
        slot->deadline_ms = hedge_now_ms() + infer->timeout_ms;
        return true;
}

static slot_t *find_slot(infer_t *infer, uint64_t id)
{
        for (unsigned i = 0; i < IN_FLIGHT; i++)
                if (infer->slots[i].id == id && infer->slots[i].result == 1)
                        return &infer->slots[i];
        return NULL;
}

/* Wait for the answer of `oldest`, and keep those of others that come before it. An answer that cannot be read counts
 * as that of the oldest: its sender is not to be known. @return -ECONNRESET when no more will come. */
static int receive(infer_t *infer, slot_t *oldest)
{
        int64_t left = oldest->deadline_ms - hedge_now_ms();
        hedge_envelope_t answer;
        hedge_why_t why = { "" };
        slot_t *slot;
        int r = hedgec_connection_receive(infer->connection, left > 1 ? (int)left : 1, &answer, &why);

        if (r < 0) {
                oldest->result = r;
                oldest->why = why;
                return r == -ECONNRESET ? r : 0;
        }
        slot = find_slot(infer, hedgec_answer_id(&answer.message));
        if (!slot && answer.message.type == HEDGE_MSG_ERROR && !answer.message.error.about)
                slot = oldest;
        if (!slot) {
                hedge_envelope_release(&answer); /* too late: it has been given up */
                return 0;
        }
        slot->result = hedgec_answer_check(&answer.message, HEDGE_MSG_RESULT, &slot->why);
        if (slot->result)
                hedge_envelope_release(&answer);
        else
                slot->answer = answer;
        return 0;
}

/* The outputs of a RESULT, copied: a frame's bytes need not be aligned. */
static int take_outputs(hedge_envelope_t *envelope, hedge_tensor_t *outputs, hedge_why_t *why)
{
        const hedge_msg_result_t *result = &envelope->message.result;
        uint32_t i;
        int r = result->n_outputs == envelope->n_frames ? 0 : hedge_why(why, HEDGE_EMALFORMED, "outputs are missing");

        for (i = 0; i < result->n_outputs && !r; i++) {
                r = hedge_wire_check_tensor(&result->outputs[i], &envelope->frames[i], why);
                if (!r)
                        r = hedge_tensor_alloc(&outputs[i], &result->outputs[i]);
                if (!r)
                        memcpy(outputs[i].data, zmq_msg_data(&envelope->frames[i]), zmq_msg_size(&envelope->frames[i]));
        }
        return r;
}

static void show_result(infer_t *infer, const slot_t *slot, char **operands, const hedge_tensor_t *outputs)
{
        const hedge_msg_result_t *result = &slot->answer.message.result;
        const hedgec_request_t *q = &slot->request;
        hedgec_batch_answers_t answers = hedgec_request_answers(q, operands);

        answers.run_layers = infer->run_layers[q->form - infer->forms];
        hedgec_batch_show(
                &infer->show, &answers,
                &(hedgec_answer_t){ .input = operands[q->first],
                                    .model = infer->model,
                                    .n_outputs = result->n_outputs,
                                    .outputs = outputs,
                                    .names = infer->n_elements == result->n_outputs ? (const char *const *)infer->names
                                                                                    : NULL,
                                    .elements = infer->n_elements == result->n_outputs ? infer->elements : NULL,
                                    .latency_ms = result->latency_ms,
                                    .n_layers = result->n_layers,
                                    .layers = result->layers,
                                    .trace = infer->trace });
}

/* Where a request of several inputs fails, each of them has failed. */
static void show_failure(infer_t *infer, const hedgec_request_t *q, char **operands, const char *sentence)
{
        for (unsigned i = 0; i < q->count; i++)
                hedgec_show_failure(&infer->show, operands[q->first + i], sentence);
}

static void show_slot(infer_t *infer, slot_t *slot, char **operands)
{
        const hedge_msg_result_t *result = &slot->answer.message.result;
        hedge_tensor_t *outputs;
        int r;

        if (slot->result < 0) {
                show_failure(infer, &slot->request, operands, slot->why.text);
                return;
        }
        outputs = calloc(result->n_outputs ? result->n_outputs : 1, sizeof(*outputs));
        r = outputs ? take_outputs(&slot->answer, outputs, &slot->why) : -ENOMEM;
        if (r < 0)
                show_failure(infer, &slot->request, operands, slot->why.text[0] ? slot->why.text : hedge_strerror(r));
        else
                show_result(infer, slot, operands, outputs);
        for (uint32_t i = 0; outputs && i < result->n_outputs; i++)
                hedge_tensor_release(&outputs[i]);
        free(outputs);
        hedge_envelope_release(&slot->answer);
}

/* Up to IN_FLIGHT requests are on their way; answers are shown in the order of the inputs. */
static void run_inputs(infer_t *infer, char **operands, unsigned n)
{
        hedgec_feed_t feed = { .operands = operands,
                               .n = n,
                               .n_inputs = infer->forms[0].n_inputs,
                               .as_stored = infer->forms[0].preprocess.as_stored,
                               .choose = choose,
                               .arg = infer,
                               .show = &infer->show };
        uint64_t sent = 0, shown = 0;
        bool more = true;
        int lost = 0;

        while (more || shown < sent) {
                slot_t *oldest = &infer->slots[shown % IN_FLIGHT];

                while (more && !lost && sent - shown < IN_FLIGHT) {
                        more = send_next(infer, &feed, &infer->slots[sent % IN_FLIGHT]);
                        sent += more;
                }
                if (shown == sent)
                        break;
                while (!lost && oldest->result == 1)
                        lost = receive(infer, oldest);
                if (oldest->result < 1)
                        show_slot(infer, oldest, operands);
                else
                        show_failure(infer, &oldest->request, operands, GONE);
                shown++;
        }
        for (unsigned i = feed.next; i < n; i++)
                hedgec_show_failure(&infer->show, operands[i], GONE);
        hedgec_feed_release(&feed);
}

/* What the coordinator says of the batch, as the graph would. */
static int learn_batch(const hedge_model_status_t *model, hedge_batch_t **ret)
{
        hedge_batch_t *b;
        int r = hedge_batch_new(model->n_inputs, model->n_outputs, &b);

        if (r < 0)
                return r;
        b->any = model->any_batch;
        b->size = model->any_batch || model->batch < 1 ? 1 : model->batch;
        b->apart = model->batch_apart;
        snprintf(b->why, sizeof(b->why), "%s", model->batch_why);
        for (uint32_t i = 0; i < model->n_inputs; i++)
                if (model->inputs[i].batch_axis > 0 && model->inputs[i].batch_axis <= model->inputs[i].shape.rank &&
                    model->inputs[i].shape.dims[model->inputs[i].batch_axis - 1] == b->size)
                        b->inputs[i] = model->inputs[i].batch_axis - 1;
        for (uint32_t i = 0; i < model->n_outputs; i++)
                if (model->outputs[i].batch_axis > 0)
                        b->outputs[i] = model->outputs[i].batch_axis - 1;
        *ret = b;
        return 0;
}

static int learn_shape(const hedge_model_status_t *model, const hedgec_show_options_t *show, hedgec_form_t *ret,
                       hedge_why_t *why)
{
        hedge_shape_t *shapes = calloc(model->n_inputs + 1, sizeof(*shapes));
        int r;

        for (uint32_t i = 0; shapes && i < model->n_inputs; i++)
                shapes[i] = model->inputs[i].shape;
        r = shapes ? hedgec_form_init(ret, shapes, model->n_inputs) : -ENOMEM;
        free(shapes);
        if (r == 0)
                r = learn_batch(model, &ret->batch);
        if (r < 0)
                return hedge_why(why, r, "%s", hedge_strerror(r));
        for (uint32_t i = 0; i < model->n_inputs; i++)
                hedgec_form_set_element(ret, i, (int)model->inputs[i].element);
        ret->preprocess = model->preprocess;
        return hedgec_show_prepare(show, ret, why);
}

/* What the outputs are, and are called, is the same in every shape. */
static int learn_elements(infer_t *infer, const hedge_model_status_t *model, hedge_why_t *why)
{
        infer->elements = calloc(model->n_outputs + 1, sizeof(*infer->elements));
        infer->names = calloc(model->n_outputs + 1, sizeof(*infer->names));
        if (!infer->elements || !infer->names)
                return hedge_why(why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));
        for (uint32_t i = 0; i < model->n_outputs; i++, infer->n_elements++) {
                infer->elements[i] = (hedge_element_t)model->outputs[i].element;
                infer->names[i] = strdup(model->outputs[i].name);
                if (!infer->names[i])
                        return hedge_why(why, -ENOMEM, "%s", hedge_strerror(-ENOMEM));
        }
        return 0;
}

static int learn_model(infer_t *infer, const hedgec_show_options_t *show, const hedgec_shapes_t *stated,
                       hedgec_labels_t *labels, hedge_why_t *why)
{
        const hedge_msg_models_ok_t *models;
        hedge_envelope_t answer;
        int r = hedgec_request_model(infer->connection, infer->model, &answer, labels, why);

        if (r < 0)
                return r;
        models = &answer.message.models_ok;
        for (uint32_t i = 0; r == 0 && i < models->n_models && infer->n_forms < HEDGE_INPUT_SHAPES_MAX; i++)
                if (hedgec_shapes_match(stated->items, stated->n, &models->models[i])) {
                        /* counted before it is filled: half of one is released too */
                        infer->run_layers[infer->n_forms] = models->models[i].coded_layers;
                        r = learn_shape(&models->models[i], show, &infer->forms[infer->n_forms++], why);
                }
        if (r == 0 && models->n_models > 0)
                r = learn_elements(infer, &models->models[0], why);
        if (r == 0)
                r = hedgec_answer_output(&answer, &infer->output, why);
        for (unsigned i = 1; r == 0 && i < infer->n_forms; i++)
                if (infer->forms[i].n_inputs != infer->forms[0].n_inputs)
                        r = hedge_why(why, HEDGE_EMALFORMED, "the coordinator says different things of model '%s'",
                                      infer->model);
        if (r == 0 && infer->n_forms == 0)
                r = hedge_why(why, HEDGE_ESHAPE,
                              "model '%s' is not loaded for this shape; 'hedge models %s' shows which", infer->model,
                              infer->model);
        hedge_envelope_release(&answer);
        return r;
}

static int run(const void *values, char **operands, unsigned n_operands)
{
        const infer_values_t *v = values;
        infer_t infer = { .model = operands[0], .trace = v->trace };
        hedgec_labels_t labels = { 0 };
        hedgec_shapes_t shapes;
        hedge_why_t why = { "" };
        int r = hedgec_shapes_parse(&v->shapes, &shapes, &why), status;

        if (r < 0)
                return hedgec_complain_usage("infer", "infer: %s", why.text);
        status = hedgec_connect("infer", &v->target, &infer.connection);
        if (status)
                return status;
        infer.timeout_ms = (int64_t)(v->target.timeout_s ? v->target.timeout_s : HEDGEC_DEFAULT_TIMEOUT_S) * 1000;
        r = learn_model(&infer, &v->show, &shapes, &labels, &why);
        if (!r)
                r = hedgec_show_open(&infer.show, &v->show, infer.model, &labels, n_operands - 1, &why);
        if (!r)
                r = hedgec_show_find(&infer.show, &infer.output, n_operands - 1, &why);
        if (!r)
                run_inputs(&infer, operands + 1, n_operands - 1);
        status = hedgec_show_close(&infer.show);
        if (r < 0)
                status = hedgec_complain("%s", why.text);
        hedgec_labels_release(&labels);
        for (unsigned i = 0; i < infer.n_forms; i++)
                hedgec_form_release(&infer.forms[i]);
        for (uint32_t i = 0; infer.names && i < infer.n_elements; i++)
                free(infer.names[i]);
        free(infer.names);
        free(infer.elements);
        hedgec_connection_close(&infer.connection);
        return status;
}

const hedgec_command_t hedgec_command_infer = {
        .name = "infer",
        .operands = "MODEL INPUT...",
        .summary = "run inputs through a model on the cluster",
        .details = "Run inputs through a loaded model. An INPUT is a picture (PNG, JPEG, PPM, PGM)\n"
                   "or a tensor (.npy, ONNX .pb), or - for standard input; for a model of several\n"
                   "inputs it is that many files with commas between. Scores are the first output\n"
                   "as it is; boxes and segmentations are shown where the model's model.yaml says\n"
                   "that its outputs are such. Answers come in the order of the inputs; an input\n"
                   "that fails is said, and the others go on. Of a model that is loaded for several\n"
                   "shapes a picture takes the one of the nearest ratio of width to height, and\n"
                   "then of the nearest size.",
        .example = "hedge infer squeezenet dog.jpg cat.png --top 3 --layers",
        .options = options,
        .presets = &presets,
        .values_size = sizeof(infer_values_t),
        .min_operands = 2,
        .max_operands = 100000,
        .run = run,
};

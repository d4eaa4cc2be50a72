/* SPDX-License-Identifier: Apache-2.0 */
#include "client/show.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/answer_npy.h"
#include "client/json.h"
#include "client/media/file.h"
#include "client/say.h"
#include "common/io/text.h"

#define LABELS_MAX_BYTES ((size_t)64 << 20)

static const char *const preprocessings[] = { "model", "none", "imagenet", "tf", NULL };

const hedgec_option_t hedgec_show_options[] = {
        HEDGEC_ROW_CHOICE("preprocess", 'p', hedgec_show_options_t, preprocess, "HOW",
                          "pictures: model (its model.yaml), none, imagenet, tf", preprocessings),
        HEDGEC_ROW_UINT("top", 't', hedgec_show_options_t, top, "N", "show the N best classes (5)", 1, 1000000),
        HEDGEC_ROW(FLAG, "json", 'j', hedgec_show_options_t, json, NULL, "print one JSON object per input and line"),
        HEDGEC_ROW(FLAG, "layers", 'v', hedgec_show_options_t, layers, NULL,
                   "show per coded layer who answered and when"),
        HEDGEC_ROW(STRING, "raw", 'r', hedgec_show_options_t, raw, "FILE", "write all outputs to FILE as raw float32"),
        HEDGEC_ROW(STRING, "out", 'o', hedgec_show_options_t, npy, "FILE.npy",
                   "write the outputs to FILE.npy, FILE-2.npy, ..."),
        HEDGEC_ROW(STRING, "labels", 'l', hedgec_show_options_t, labels, "FILE", "names of the classes, one a line"),
        HEDGEC_ROW_TABLE(hedgec_show_options_t, sight, hedgec_sight_options),
        HEDGEC_ROW_END,
};

static int read_labels(const char *path, hedgec_labels_t *ret, hedge_why_t *why)
{
        uint8_t *text;
        size_t size, mark;
        int r = hedgec_file_read(path, LABELS_MAX_BYTES, &text, &size, why);

        if (r < 0)
                return r;
        r = hedge_text_check(path, (const char *)text, size, why);
        mark = hedge_text_mark((const char *)text, size);
        if (!r) {
                r = hedgec_labels_parse((const char *)text + mark, size - mark, ret);
                if (r < 0)
                        hedge_why(why, r, "%s: %s", path, hedge_strerror(r));
        }
        free(text);
        return r;
}

int hedgec_show_open(hedgec_show_t *show, const hedgec_show_options_t *options, const char *model,
                     hedgec_labels_t *own_labels, uint64_t inputs, hedge_why_t *why)
{
        int r;

        *show = (hedgec_show_t){ .options = options, .model = model, .labels = *own_labels };
        *own_labels = (hedgec_labels_t){ 0 };
        if (options->labels) {
                hedgec_labels_release(&show->labels);
                r = read_labels(options->labels, &show->labels, why);
                if (r < 0)
                        return r;
        }
        if (options->raw) {
                show->raw = fopen(options->raw, "we");
                if (!show->raw) {
                        r = hedge_why(why, -errno, "cannot write %s: %s", options->raw, hedge_strerror(-errno));
                        hedgec_labels_release(&show->labels);
                        return r;
                }
        }
        hedgec_progress_start(&show->progress, "infer", "inputs", inputs);
        return 0;
}

int hedgec_show_prepare(const hedgec_show_options_t *options, hedgec_form_t *form, hedge_why_t *why)
{
        int r = options->preprocess ? hedgec_form_use_preset(form, preprocessings[options->preprocess]) : 0;

        return r < 0 ? hedge_why(why, r, "--preprocess %s: %s", preprocessings[options->preprocess], hedge_strerror(r))
                     : 0;
}

int hedgec_show_find(hedgec_show_t *show, const hedge_output_t *output, uint64_t inputs, hedge_why_t *why)
{
        return hedgec_sight_open(&show->sight, &show->options->sight, output, inputs, why);
}

int hedgec_show_take(hedgec_show_t *show, const char *operand, hedgec_input_t *input, const hedgec_form_t *form,
                     hedge_tensor_t *tensors, hedge_why_t *why)
{
        int r = hedgec_input_take(input, form, tensors, why);

        if (r < 0)
                return r;
        r = hedgec_sight_note(&show->sight, operand, input, form, why);
        for (uint32_t i = 0; r < 0 && i < form->n_inputs; i++)
                hedge_tensor_release(&tensors[i]);
        return r;
}

/* On a terminal the bar stands below what has been printed. */
static void step(hedgec_show_t *show)
{
        show->done++;
        hedgec_flush();
        hedgec_progress_update(&show->progress, show->done);
}

/* Print what was answered. `why` stays empty where there is no more to say than the code. */
static int print_answer(hedgec_show_t *show, const hedgec_answer_t *answer, FILE *out, hedge_why_t *why)
{
        const hedgec_show_options_t *o = show->options;
        int r;

        if (hedgec_sight_is_open(&show->sight))
                r = hedgec_sight_show(&show->sight, answer, &show->labels, o->json, out, why);
        else
                r = o->json ? hedgec_answer_print_json(answer, &show->labels, (uint32_t)o->top, out)
                            : hedgec_answer_print_text(answer, &show->labels, (uint32_t)o->top, out);
        return !r && o->layers && !o->json ? hedgec_answer_print_layers(answer, out) : r;
}

/* Write the outputs themselves where that is asked for; what goes wrong is said. */
static int write_outputs(hedgec_show_t *show, const hedgec_answer_t *answer)
{
        const hedgec_show_options_t *o = show->options;
        hedge_why_t why = { "" };
        int r = 0;

        if (show->raw && !show->raw_failed) {
                r = hedgec_answer_write_raw(answer, show->raw);
                if (r < 0)
                        hedgec_complain("cannot write %s: %s", o->raw, hedge_strerror(r));
                show->raw_failed = r < 0;
        }
        if (!r && o->npy) {
                r = hedgec_answer_write_npy(answer, o->npy, &show->written, &why);
                if (r < 0)
                        hedgec_complain("%s", why.text);
        }
        return r;
}

void hedgec_show_answer(hedgec_show_t *show, const hedgec_answer_t *answer)
{
        hedge_why_t why = { "" };
        int r;

        hedgec_progress_clear(&show->progress);
        r = print_answer(show, answer, hedgec_sight_stream(&show->sight), &why);
        if (r < 0 && why.text[0]) {
                write_outputs(show, answer); /* which are there, whatever they mean */
                hedgec_show_failure(show, answer->input, why.text);
                return;
        }
        if (r < 0)
                hedgec_complain("%s: cannot show the answer: %s", answer->input, hedge_strerror(r));
        else
                r = write_outputs(show, answer);
        show->failed += r < 0;
        step(show);
}

static void print_failure(const hedgec_show_t *show, const char *input, const char *sentence)
{
        hedgec_json_t json = { 0 };

        json.root = hedgec_json_object(&json);
        hedgec_json_add_string(&json, json.root, "input", input);
        hedgec_json_add_string(&json, json.root, "model", show->model);
        hedgec_json_add_string(&json, json.root, "error", sentence);
        hedgec_json_print(&json, 0, hedgec_sight_stream(&show->sight));
}

void hedgec_show_failure(hedgec_show_t *show, const char *input, const char *sentence)
{
        const char *name = hedgec_file_name(input);

        hedgec_progress_clear(&show->progress);
        hedgec_sight_skip(&show->sight, input);
        if (show->options->json)
                print_failure(show, input, sentence);
        /* Sentences about a file begin with its name already. */
        if (!strncmp(sentence, name, strcspn(name, ",")))
                hedgec_complain("%s", sentence);
        else
                hedgec_complain("%s: %s", input, sentence);
        show->failed++;
        step(show);
}

int hedgec_show_close(hedgec_show_t *show)
{
        int status = show->failed ? EXIT_FAILURE : EXIT_SUCCESS;

        hedgec_progress_clear(&show->progress);
        if (show->raw && fclose(show->raw) && !show->raw_failed)
                status = hedgec_complain("cannot write %s: %s", show->options->raw, hedge_strerror(-errno));
        hedgec_sight_release(&show->sight);
        hedgec_labels_release(&show->labels);
        return status;
}

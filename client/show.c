/* SPDX-License-Identifier: Apache-2.0 */
#include "client/show.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/json.h"
#include "client/media/file.h"
#include "client/say.h"

#define LABELS_MAX_BYTES ((size_t)64 << 20)

static const char *const preprocessings[] = { "model", "none", "imagenet", "tf", NULL };

const hedge_option_t hedge_show_options[] = {
        HEDGE_ROW_CHOICE("preprocess", 'p', hedge_show_options_t, preprocess, "HOW",
                         "pictures: model (its model.yaml), none, imagenet, tf", preprocessings),
        HEDGE_ROW_UINT("top", 't', hedge_show_options_t, top, "N", "show the N best classes (5)", 1, 1000000),
        HEDGE_ROW(FLAG, "json", 'j', hedge_show_options_t, json, NULL, "print one JSON object per input and line"),
        HEDGE_ROW(FLAG, "layers", 'v', hedge_show_options_t, layers, NULL,
                  "show per coded layer who answered and when"),
        HEDGE_ROW(STRING, "raw", 'r', hedge_show_options_t, raw, "FILE", "write all outputs to FILE as raw float32"),
        HEDGE_ROW(STRING, "labels", 'l', hedge_show_options_t, labels, "FILE", "names of the classes, one a line"),
        HEDGE_ROW_END,
};

static int read_labels(const char *path, hedge_labels_t *ret, hedge_why_t *why)
{
        uint8_t *text;
        size_t size;
        int r = hedge_file_read(path, LABELS_MAX_BYTES, &text, &size, why);

        if (r < 0)
                return r;
        r = hedge_labels_parse((const char *)text, size, ret);
        free(text);
        return r < 0 ? hedge_why(why, r, "%s: %s", path, hedge_strerror(r)) : 0;
}

int hedge_show_open(hedge_show_t *show, const hedge_show_options_t *options, const char *model,
                    hedge_labels_t *own_labels, uint64_t inputs, hedge_why_t *why)
{
        int r;

        *show = (hedge_show_t){ .options = options, .model = model, .labels = *own_labels };
        *own_labels = (hedge_labels_t){ 0 };
        if (options->labels) {
                hedge_labels_release(&show->labels);
                r = read_labels(options->labels, &show->labels, why);
                if (r < 0)
                        return r;
        }
        if (options->raw) {
                show->raw = fopen(options->raw, "we");
                if (!show->raw) {
                        r = hedge_why(why, -errno, "cannot write %s: %s", options->raw, hedge_strerror(-errno));
                        hedge_labels_release(&show->labels);
                        return r;
                }
        }
        hedge_progress_start(&show->progress, "infer", "inputs", inputs);
        return 0;
}

int hedge_show_prepare(const hedge_show_options_t *options, hedge_form_t *form, hedge_why_t *why)
{
        int r = options->preprocess ? hedge_form_use_preset(form, preprocessings[options->preprocess]) : 0;

        return r < 0 ? hedge_why(why, r, "--preprocess %s: %s", preprocessings[options->preprocess], hedge_strerror(r))
                     : 0;
}

/* On a terminal the bar stands below what has been printed. */
static void step(hedge_show_t *show)
{
        show->done++;
        fflush(stdout);
        hedge_progress_update(&show->progress, show->done);
}

void hedge_show_answer(hedge_show_t *show, const hedge_answer_t *answer)
{
        const hedge_show_options_t *o = show->options;
        int r;

        hedge_progress_clear(&show->progress);
        r = o->json ? hedge_answer_print_json(answer, &show->labels, (uint32_t)o->top, stdout)
                    : hedge_answer_print_text(answer, &show->labels, (uint32_t)o->top, stdout);
        if (!r && o->layers && !o->json)
                r = hedge_answer_print_layers(answer, stdout);
        if (!r && show->raw)
                r = hedge_answer_write_raw(answer, show->raw);
        if (r < 0) {
                hedge_complain("%s: cannot show the answer: %s", answer->input, hedge_strerror(r));
                show->failed++;
        }
        step(show);
}

static void print_failure(const hedge_show_t *show, const char *input, const char *sentence)
{
        hedge_json_t json = { 0 };

        json.root = hedge_json_object(&json);
        hedge_json_add_string(&json, json.root, "input", input);
        hedge_json_add_string(&json, json.root, "model", show->model);
        hedge_json_add_string(&json, json.root, "error", sentence);
        hedge_json_print(&json, 0, stdout);
}

void hedge_show_failure(hedge_show_t *show, const char *input, const char *sentence)
{
        hedge_progress_clear(&show->progress);
        if (show->options->json)
                print_failure(show, input, sentence);
        /* Sentences about a file begin with its name already. */
        if (!strncmp(sentence, input, strcspn(input, ",")))
                hedge_complain("%s", sentence);
        else
                hedge_complain("%s: %s", input, sentence);
        show->failed++;
        step(show);
}

int hedge_show_close(hedge_show_t *show)
{
        int status = show->failed ? EXIT_FAILURE : EXIT_SUCCESS;

        hedge_progress_clear(&show->progress);
        if (show->raw && fclose(show->raw))
                status = hedge_complain("cannot write %s: %s", show->options->raw, hedge_strerror(-errno));
        hedge_labels_release(&show->labels);
        return status;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "client/sight.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const hedgec_option_t hedgec_sight_options[] = {
        HEDGEC_ROW(STRING, "draw", 0, hedgec_sight_options_t, draw, "FILE",
                   "draw boxes or classes on the picture (.png, .jpg)"),
        HEDGEC_ROW(STRING, "mask", 0, hedgec_sight_options_t, mask, "FILE",
                   "write each pixel's class as an indexed PNG"),
        HEDGEC_ROW_UINT("opacity", 0, hedgec_sight_options_t, opacity, "PERCENT", "of the classes' colours (50)", 0,
                        100),
        HEDGEC_ROW_END,
};

static bool is_stream(const char *path)
{
        return path && !strcmp(path, "-");
}

static int check_options(const hedgec_sight_options_t *o, const hedge_output_t *output, uint64_t inputs,
                         hedge_why_t *why)
{
        const char *option = o->draw ? "--draw" : "--mask";

        if (!o->draw && !o->mask)
                return 0;
        if (output->kind == HEDGE_OUTPUT_CLASSES)
                return hedge_why(
                        why, -EINVAL,
                        "%s: the model has no model.yaml that says that its outputs are boxes or a segmentation "
                        "(output.kind)",
                        option);
        if (o->mask && output->kind != HEDGE_OUTPUT_SEGMENTATION)
                return hedge_why(why, -EINVAL, "--mask: the model finds boxes; only a segmentation has a mask");
        if (inputs > 1)
                return hedge_why(why, -EINVAL, "%s: takes one input at a time, here are %llu", option,
                                 (unsigned long long)inputs);
        if (is_stream(o->draw) && is_stream(o->mask))
                return hedge_why(why, -EINVAL, "--draw and --mask cannot both go to standard output");
        return 0;
}

int hedgec_sight_open(hedgec_sight_t *sight, const hedgec_sight_options_t *options, const hedge_output_t *output,
                      uint64_t inputs, hedge_why_t *why)
{
        *sight = (hedgec_sight_t){ .options = options, .output = *output };
        sight->originals.pixels = options->draw;
        return check_options(options, output, inputs, why);
}

int hedgec_sight_note(hedgec_sight_t *sight, const char *operand, hedgec_input_t *input, const hedgec_form_t *form,
                      hedge_why_t *why)
{
        int r;

        if (!hedgec_sight_is_open(sight))
                return 0;
        r = !form->n_inputs ? HEDGE_ESHAPE
                            : hedgec_originals_put(&sight->originals, operand,
                                                   input->files[0].is_picture ? &input->files[0].picture : NULL,
                                                   &form->preprocess, &form->shapes[0]);
        return r < 0 ? hedge_why(why, r, "%s: %s", operand, hedge_strerror(r)) : 0;
}

bool hedgec_sight_is_open(const hedgec_sight_t *sight)
{
        return sight->output.kind != HEDGE_OUTPUT_CLASSES;
}

FILE *hedgec_sight_stream(const hedgec_sight_t *sight)
{
        return sight->options && (is_stream(sight->options->draw) || is_stream(sight->options->mask)) ? stderr : stdout;
}

static int find(const hedgec_sight_t *sight, const hedgec_original_t *original, hedgec_finding_t *finding,
                hedge_why_t *why)
{
        const hedgec_answer_t *answer = finding->answer;
        hedge_detect_outputs_t outputs = { .width = original->width,
                                           .height = original->height,
                                           .nhwc = original->nhwc,
                                           .n_labels = finding->labels->count,
                                           .n = answer->n_outputs,
                                           .names = answer->names,
                                           .tensors = answer->outputs };

        if (!answer->names)
                return hedge_why(why, HEDGE_EMALFORMED, "the answer has %u outputs, and the model another number",
                                 answer->n_outputs);
        if (sight->output.kind == HEDGE_OUTPUT_BOXES)
                return hedge_detect_boxes(&sight->output, &outputs, &finding->map, &finding->boxes, &finding->n_boxes,
                                          why);
        return hedge_detect_mask(&sight->output, &outputs, &finding->map, &finding->mask, finding->counts, why);
}

static int draw(hedgec_sight_t *sight, const hedgec_finding_t *finding, hedgec_original_t *original, hedge_why_t *why)
{
        const hedgec_sight_options_t *o = sight->options;
        int r = 0;

        if (o->draw && !original->picture.pixels)
                return hedge_why(why, -EINVAL, "is a tensor: there is no picture to draw on");
        if (o->draw)
                r = hedgec_sight_draw(finding, &sight->output, &original->picture, (unsigned)o->opacity, o->draw, why);
        if (!r && o->mask)
                r = hedgec_sight_save_mask(finding, &sight->output, o->mask, why);
        return r;
}

int hedgec_sight_show(hedgec_sight_t *sight, const hedgec_answer_t *answer, const hedgec_labels_t *labels, bool as_json,
                      FILE *out, hedge_why_t *why)
{
        hedgec_finding_t finding = { .answer = answer, .labels = labels, .kind = sight->output.kind };
        hedgec_original_t *original = hedgec_originals_take(&sight->originals, answer->input);
        int r;

        if (!original)
                return hedge_why(why, -EINVAL, "what it was made of is not known: nothing can be found in it");
        finding.map = original->map;
        finding.reduction = original->reduction;
        r = find(sight, original, &finding, why);
        if (!r)
                r = draw(sight, &finding, original, why);
        if (!r) {
                r = as_json ? hedgec_sight_print_json(&finding, out) : hedgec_sight_print_text(&finding, out);
                if (r < 0)
                        hedge_why(why, r, "%s", hedge_strerror(r));
        }
        free(finding.boxes);
        free(finding.mask);
        hedgec_original_destroy(&original);
        return r;
}

void hedgec_sight_skip(hedgec_sight_t *sight, const char *input)
{
        hedgec_original_t *original = hedgec_originals_take(&sight->originals, input);

        hedgec_original_destroy(&original);
}

void hedgec_sight_release(hedgec_sight_t *sight)
{
        hedgec_originals_release(&sight->originals);
        *sight = (hedgec_sight_t){ .options = NULL };
}

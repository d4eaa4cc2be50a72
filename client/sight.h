/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_SIGHT_H
#define HEDGEC_SIGHT_H

#include "client/answer.h"
#include "client/input.h"
#include "client/options.h"
#include "client/originals.h"
#include "common/detect/detect.h"

/** Answers about pictures whose model.yaml says what the outputs mean: boxes and masks, printed and drawn. */
typedef struct hedgec_sight_options {
        const char *draw, *mask; /**< files, "-" is standard output; NULL: not wanted */
        uint64_t opacity;        /**< of a drawn mask, percent */
} hedgec_sight_options_t;

extern const hedgec_option_t hedgec_sight_options[];

#define HEDGEC_SIGHT_PRESETS  \
        {                     \
                .opacity = 50 \
        }

typedef struct hedgec_sight {
        const hedgec_sight_options_t *options;
        hedge_output_t output;
        hedgec_originals_t originals;
} hedgec_sight_t;

/** What was found in one input. */
typedef struct hedgec_finding {
        const hedgec_answer_t *answer;
        const hedgec_labels_t *labels;
        hedge_output_kind_t kind;
        hedge_map_t map; /**< from the model's input to the picture */
        uint32_t
                reduction; /**< how many times longer each side of the picture is in the file; what is printed is of that */
        hedge_box_t *boxes;
        uint32_t n_boxes;
        uint8_t *mask;        /**< or NULL */
        uint64_t counts[256]; /**< of its pixels */
} hedgec_finding_t;

/** Begin. A model of classes is one of which nothing is to be drawn.
 * @param inputs  How many will come.
 * @return 0, -EINVAL (options that do not suit the model); release it in any case. */
int hedgec_sight_open(hedgec_sight_t *sight, const hedgec_sight_options_t *options, const hedge_output_t *output,
                      uint64_t inputs, hedge_why_t *why);

/** Note what an input was made of: its first file, and the form in which it was taken. Takes the picture over where it will be drawn
 * on. @return 0, as hedgec_originals_put. */
int hedgec_sight_note(hedgec_sight_t *sight, const char *operand, hedgec_input_t *input, const hedgec_form_t *form,
                      hedge_why_t *why);

/** Is there more to say than scores? */
bool hedgec_sight_is_open(const hedgec_sight_t *sight);

/** Print (as one line of JSON or a table) what is found in an answer, and draw what the options ask for.
 * @return 0, or what was wrong with a sentence. */
int hedgec_sight_show(hedgec_sight_t *sight, const hedgec_answer_t *answer, const hedgec_labels_t *labels, bool as_json,
                      FILE *out, hedge_why_t *why);

/** An input will have no answer. */
void hedgec_sight_skip(hedgec_sight_t *sight, const char *input);

/** Where answers are to be printed: standard output, unless a picture goes there. */
FILE *hedgec_sight_stream(const hedgec_sight_t *sight);

void hedgec_sight_release(hedgec_sight_t *sight);

/** The parts of the above. */
int hedgec_sight_print_json(const hedgec_finding_t *finding, FILE *out);
int hedgec_sight_print_text(const hedgec_finding_t *finding, FILE *out);

/** Draw on a picture, and save it. @param opacity  Of a mask's colours, percent. */
int hedgec_sight_draw(const hedgec_finding_t *finding, const hedge_output_t *output, hedgec_picture_t *picture,
                      unsigned opacity, const char *path, hedge_why_t *why);

/** Save the mask as an indexed PNG. */
int hedgec_sight_save_mask(const hedgec_finding_t *finding, const hedge_output_t *output, const char *path,
                           hedge_why_t *why);

#endif

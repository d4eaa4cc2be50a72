/* SPDX-License-Identifier: Apache-2.0 */
#include "client/forms.h"

#include <math.h>
#include <stdio.h>

#include "client/batch.h"
#include "client/media/file.h"

#define SAME_RATIO 1e-9 /* of logarithms: far below what whole numbers of pixels can differ by */

/* How well a picture fits. */
typedef struct fit {
        double distortion; /* the logarithm of the factor between the ratios */
        bool covers;       /* no pixel is lost */
        double pixels;
} fit_t;

bool hedgec_form_extents(const hedge_shape_t *shape, bool nhwc, uint32_t *ret_height, uint32_t *ret_width)
{
        const uint32_t *image = shape->dims + (shape->rank == 4), at = nhwc || shape->rank == 2 ? 0 : 1;

        if (shape->rank < 2 || shape->rank > 4)
                return false;
        *ret_height = image[at];
        *ret_width = image[at + 1];
        return true;
}

static fit_t fit_of(const hedgec_picture_t *picture, const hedgec_form_t *form, uint32_t input)
{
        uint32_t height, width;

        if (!hedgec_form_extents(&form->shapes[input], form->preprocess.nhwc, &height, &width))
                return (fit_t){ INFINITY, false, 0 };
        return (fit_t){ fabs(log((double)picture->width * height) - log((double)picture->height * width)),
                        width >= picture->width && height >= picture->height, (double)height * width };
}

static bool is_better(const fit_t *a, const fit_t *b)
{
        if (fabs(a->distortion - b->distortion) > SAME_RATIO)
                return a->distortion < b->distortion;
        if (a->covers != b->covers)
                return a->covers;
        return a->covers ? a->pixels < b->pixels : a->pixels > b->pixels;
}

/* Do the tensors of the input fit? */
static bool takes_tensors(const hedgec_form_t *form, const hedgec_input_t *input)
{
        for (uint32_t i = 0; i < input->n; i++)
                if (!input->files[i].is_picture && !hedgec_batch_takes(form, i, &input->files[i].tensor.shape))
                        return false;
        return true;
}

static int fits_none(const hedgec_form_t *forms, unsigned n, const hedgec_input_t *input, hedge_why_t *why)
{
        char shapes[300], given[96];
        size_t used = 0;
        uint32_t i = 0;

        while (input->files[i].is_picture)
                i++;
        for (unsigned f = 0; f < n && used < sizeof(shapes); f++) {
                char shape[96];

                used += (size_t)snprintf(shapes + used, sizeof(shapes) - used, "%s%s", f ? " or " : "",
                                         hedge_shape_text(&forms[f].shapes[i], shape, sizeof(shape)));
        }
        return hedge_why(why, HEDGE_ESHAPE, "%s: its shape is %s, the model wants %s",
                         hedgec_file_name(input->names[i]),
                         hedge_shape_text(&input->files[i].tensor.shape, given, sizeof(given)), shapes);
}

int hedgec_forms_choose(const hedgec_form_t *forms, unsigned n, const hedgec_input_t *input, unsigned *ret,
                        hedge_why_t *why)
{
        unsigned best = n;
        fit_t best_fit = { 0 };
        uint32_t picture = 0;

        if (n == 1) {
                *ret = 0;
                return 0;
        }
        while (picture < input->n && !input->files[picture].is_picture)
                picture++;
        for (unsigned f = 0; f < n; f++) {
                fit_t fit = { 0 };

                if (!takes_tensors(&forms[f], input))
                        continue;
                if (picture < input->n)
                        fit = fit_of(&input->files[picture].picture, &forms[f], picture);
                if (best == n || is_better(&fit, &best_fit)) {
                        best = f;
                        best_fit = fit;
                }
        }
        if (best == n)
                return fits_none(forms, n, input, why);
        *ret = best;
        return 0;
}

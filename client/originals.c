/* SPDX-License-Identifier: Apache-2.0 */
#include "client/originals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/media/preprocess.h"
#include "common/detect/detect.h"

int hedgec_originals_put(hedgec_originals_t *originals, const char *input, hedgec_picture_t *picture,
                         const hedge_model_preprocess_t *how, const hedge_shape_t *shape)
{
        hedgec_original_t *original = calloc(1, sizeof(*original)), **last = &originals->first;
        int r = original ? 0 : -ENOMEM;

        if (!r)
                r = (original->input = strdup(input)) ? 0 : -ENOMEM;
        if (!r)
                r = hedge_detect_extents(shape, how->nhwc, &original->width, &original->height);
        if (!r && picture)
                r = hedgec_preprocess_map(picture, how, shape, &original->map);
        else if (!r)
                original->map = hedge_map_same(original->width, original->height);
        if (r < 0) {
                hedgec_original_destroy(&original);
                return r;
        }
        original->nhwc = how->nhwc;
        original->reduction = picture && picture->reduction > 1 ? picture->reduction : 1;
        if (picture && originals->pixels) {
                original->picture = *picture;
                *picture = (hedgec_picture_t){ .pixels = NULL };
        }
        while (*last)
                last = &(*last)->next;
        *last = original;
        return 0;
}

hedgec_original_t *hedgec_originals_take(hedgec_originals_t *originals, const char *input)
{
        hedgec_original_t **at = &originals->first, *original;

        while (*at && strcmp((*at)->input, input))
                at = &(*at)->next;
        original = *at;
        if (original) {
                *at = original->next;
                original->next = NULL;
        }
        return original;
}

void hedgec_original_destroy(hedgec_original_t **original)
{
        if (!*original)
                return;
        hedgec_picture_release(&(*original)->picture);
        free((*original)->input);
        free(*original);
        *original = NULL;
}

void hedgec_originals_release(hedgec_originals_t *originals)
{
        while (originals->first) {
                hedgec_original_t *original = originals->first;

                originals->first = original->next;
                hedgec_original_destroy(&original);
        }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "client/media/kind.h"
#include "client/media/preprocess.h"
#include "test/fuzz/fuzz.h"

/* A picture that is read has all its pixels, and makes a model's input. */
static void use(const hedgec_picture_t *picture)
{
        static const hedge_model_preprocess_t how = {
                .given = true, .crop = true, .resize = 9, .scale = 1, .std = { 1, 1, 1, 1 }
        };
        static const hedge_shape_t shape = { 4, { 1, 3, 7, 5 } };
        size_t n = (size_t)picture->width * picture->height * picture->channels;
        hedge_tensor_t tensor;
        volatile uint8_t last;

        if ((picture->channels != 1 && picture->channels != 3) || !n || !picture->reduction)
                abort();
        last = picture->pixels[n - 1];
        (void)last;
        if (hedgec_preprocess(picture, &how, &shape, &tensor, NULL) == 0)
                hedge_tensor_release(&tensor);
}

/* Turned or as it is stored, a picture has as many pixels. */
static void check_stored(const uint8_t *data, size_t size, const hedgec_picture_t *seen)
{
        hedgec_picture_t stored = { .pixels = NULL };

        if (hedgec_picture_decode(data, size, true, &stored, NULL) < 0)
                abort();
        if ((stored.width != seen->width || stored.height != seen->height) &&
            (stored.width != seen->height || stored.height != seen->width))
                abort();
        hedgec_picture_release(&stored);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        hedgec_picture_t picture = { .pixels = NULL };
        hedge_why_t why = { "" };

        if (!hedgec_kind_text(data, size))
                abort();
        if (hedgec_picture_decode(data, size, false, &picture, &why) == 0) {
                use(&picture);
                if (size < 4096)
                        check_stored(data, size, &picture);
        } else if (!why.text[0] || picture.pixels) {
                abort();
        }
        hedgec_picture_release(&picture);
        return 0;
}

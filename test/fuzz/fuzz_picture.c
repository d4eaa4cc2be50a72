/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "client/media/preprocess.h"
#include "common/io/kind.h"
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

static uint32_t big_endian(const uint8_t *p, unsigned n)
{
        uint32_t value = 0;

        while (n--)
                value = value << 8 | *p++;
        return value;
}

/* May it be of so many pixels that looking at it takes a second? A few bytes can be (all of one colour, or coded arithmetically), and
 * a fuzzer finds them; they would keep it from all else. Large pictures have tests of their own. */
static int is_slow(const uint8_t *data, size_t size)
{
        uint64_t pixels = 0;

        if (hedge_kind(data, size) == HEDGE_KIND_PNG && size >= 24)
                pixels = (uint64_t)big_endian(data + 16, 4) * big_endian(data + 20, 4);
        for (size_t i = 0; hedge_kind(data, size) == HEDGE_KIND_JPEG && i + 9 <= size; i++) {
                uint64_t here = (uint64_t)big_endian(data + i + 5, 2) * big_endian(data + i + 7, 2);

                if (data[i] == 0xff && data[i + 1] >> 4 == 0xc && here > pixels)
                        pixels = here;
        }
        return pixels > 1 << 18 && pixels <= HEDGEC_PICTURE_MAX_SOURCE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        hedgec_picture_t picture = { .pixels = NULL };
        hedge_why_t why = { "" };

        if (!hedge_kind_text(data, size))
                abort();
        if (is_slow(data, size))
                return 0;
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

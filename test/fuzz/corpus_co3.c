/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/co3/co3.h"
#include "test/fuzz/seed.h"
#include "test/unit/layer.h"

/* Writes the seeds of fuzz_co3 into a folder: a message of every format, compressed and not, and damaged ones. */

#define ENTRIES 703

static const uint32_t segments[] = { 3, 600, 100 };

static const struct {
        const char *name;
        hedge_co3_format_t format; /* of the message that is damaged */
        size_t at;
        const char *bytes;
        size_t size;
} hostile[] = {
#define SEED(name, format, at, literal)                        \
        {                                                      \
                name, format, at, literal, sizeof(literal) - 1 \
        }
        SEED("scale-nan", HEDGE_CO3_FP8, 12, "\0\0\xc0\x7f"),
        SEED("scale-huge", HEDGE_CO3_FP8, 12, "\xff\xff\x7f\x7f"),
        SEED("segments-4g", HEDGE_CO3_FP4, 4, "\xff\xff\xff\xff"),
        SEED("entries-4g", HEDGE_CO3_FP4, 8, "\xff\xff\xff\xff"),
        SEED("raw-4g", HEDGE_CO3_FP8, 16, "\xff\xff\xff\xff"),
        SEED("stored-4g", HEDGE_CO3_FP8, 20, "\xff\xff\xff\xff"),
        SEED("content-of-1g", HEDGE_CO3_FP8, 43, "\x28\xb5\x2f\xfd\xa0\0\0\0\x40"),
        SEED("content-unsaid", HEDGE_CO3_FP8, 43, "\x28\xb5\x2f\xfd\0\0"),
        SEED("skippable", HEDGE_CO3_FP8, 43, "\x50\x2a\x4d\x18\x02\0\0\0"),
        SEED("old-zstd", HEDGE_CO3_FP8, 43, "\x27\xb5\x2f\xfd"),
        SEED("float-infinite", HEDGE_CO3_FP32, 24, "\0\0\x80\x7f"),
        SEED("kept-none", HEDGE_CO3_TOPK, 16, "\0\0\0\0\0\0\0\0"),
};

static size_t encode(hedge_co3_t *co3, hedge_co3_format_t format, int compress, uint8_t *message)
{
        const hedge_co3_options_t options = { format, 0, format == HEDGE_CO3_TOPK ? 4.5f : 0, compress };
        layer_random_t r = { 5 };
        float x[ENTRIES];
        size_t size;

        for (size_t i = 0; i < ENTRIES; i++)
                x[i] = layer_value(&r) * layer_value(&r) * layer_value(&r);
        if (hedge_co3_encode(co3, &options, x, NULL, message, &size, NULL, NULL) < 0)
                abort();
        return size;
}

int main(int argc, char **argv)
{
        hedge_co3_t *co3 = NULL;
        uint8_t message[8192];
        int r = argc == 2 && hedge_co3_new(segments, 3, &co3) == 0 && hedge_co3_bound(co3) <= sizeof(message) ? 0 : -1;

        for (hedge_co3_format_t format = 0; format < HEDGE_CO3_FORMATS && r == 0; format++)
                for (int compress = 0; compress < 2 && r == 0; compress++) {
                        char name[32];

                        snprintf(name, sizeof(name), "%s%s", hedge_co3_format_name(format), compress ? "-zstd" : "");
                        r = write_seed(argv[1], name, message, encode(co3, format, compress, message));
                }
        for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]) && r == 0; i++) {
                const size_t size = encode(co3, hostile[i].format, 1, message);

                memcpy(message + hostile[i].at, hostile[i].bytes, hostile[i].size);
                r = write_seed(argv[1], hostile[i].name, message, size);
        }
        if (r < 0)
                fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        hedge_co3_destroy(&co3);
        return r < 0;
}

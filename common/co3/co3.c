/* SPDX-License-Identifier: Apache-2.0 */
#include "common/co3/co3.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/co3/layout.h"

static const char *const names[HEDGE_CO3_FORMATS] = {
        [HEDGE_CO3_FP32] = "fp32", [HEDGE_CO3_FP16] = "fp16", [HEDGE_CO3_FP8] = "fp8",
        [HEDGE_CO3_FP4] = "fp4",   [HEDGE_CO3_TOPK] = "topk",
};

const char *hedge_co3_format_name(hedge_co3_format_t format)
{
        return (unsigned)format < HEDGE_CO3_FORMATS ? names[format] : NULL;
}

int hedge_co3_format_parse(const char *name, hedge_co3_format_t *ret)
{
        for (unsigned i = 0; i < HEDGE_CO3_FORMATS; i++)
                if (strcmp(name, names[i]) == 0) {
                        *ret = i;
                        return 0;
                }
        return -EINVAL;
}

static int check_entries(const uint32_t *entries, unsigned segments, size_t *ret_total, size_t *ret_longest)
{
        size_t total = 0, longest = 0;

        if (segments == 0)
                return -EINVAL;
        if (segments > HEDGE_CO3_MAX_SEGMENTS)
                return HEDGE_ELIMIT;
        for (unsigned i = 0; i < segments; i++) {
                if (entries[i] == 0)
                        return -EINVAL;
                if (entries[i] > HEDGE_CO3_MAX_ENTRIES - total)
                        return HEDGE_ELIMIT;
                total += entries[i];
                longest = entries[i] > longest ? entries[i] : longest;
        }
        *ret_total = total;
        *ret_longest = longest;
        return 0;
}

int hedge_co3_new(const uint32_t *entries, unsigned segments, hedge_co3_t **ret)
{
        hedge_co3_t *co3;
        size_t total, longest;
        int r = check_entries(entries, segments, &total, &longest);

        if (r < 0)
                return r;
        co3 = calloc(1, sizeof(*co3));
        if (!co3)
                return -ENOMEM;
        *co3 = (hedge_co3_t){ .isa = hedge_co3_isa(), .segments = segments, .total = total, .longest = longest };
        co3->entries = malloc(segments * sizeof(*co3->entries));
        co3->parts = calloc(segments, sizeof(*co3->parts));
        if (!co3->entries || !co3->parts) {
                hedge_co3_destroy(&co3);
                return -ENOMEM;
        }
        memcpy(co3->entries, entries, segments * sizeof(*entries));
        *ret = co3;
        return 0;
}

void hedge_co3_destroy(hedge_co3_t **co3)
{
        if (!*co3)
                return;
        hedge_zstd_release(&(*co3)->zstd);
        free((*co3)->places);
        free((*co3)->floats);
        free((*co3)->codes);
        free((*co3)->bins);
        free((*co3)->parts);
        free((*co3)->entries);
        free(*co3);
        *co3 = NULL;
}

size_t hedge_co3_entries(const hedge_co3_t *co3)
{
        return co3->total;
}

size_t hedge_co3_bound(const hedge_co3_t *co3)
{
        const size_t headers = HEDGE_CO3_SEGMENT_HEADER + HEDGE_CO3_STREAMS * HEDGE_STREAM_HEADER;

        return HEDGE_CO3_HEADER + co3->segments * headers + 4 * co3->total;
}

const hedge_minifloat_t *hedge_co3_minifloat(const hedge_co3_isa_t *isa, hedge_co3_format_t format)
{
        switch (format) {
        case HEDGE_CO3_FP16:
        case HEDGE_CO3_TOPK:
                return &isa->fp16;
        case HEDGE_CO3_FP8:
                return &isa->fp8;
        case HEDGE_CO3_FP4:
                return &isa->fp4;
        default:
                return NULL;
        }
}

unsigned hedge_co3_streams(hedge_co3_format_t format)
{
        return format == HEDGE_CO3_TOPK ? 3 : format == HEDGE_CO3_FP16 ? 2 : 1;
}

size_t hedge_co3_raw(hedge_co3_format_t format, size_t n)
{
        return format == HEDGE_CO3_FP32 ? n * sizeof(float) : format == HEDGE_CO3_FP4 ? (n + 1) / 2 : n;
}

int hedge_co3_room(hedge_co3_t *co3, size_t size)
{
        uint8_t *codes;

        if (size <= co3->codes_size)
                return 0;
        codes = malloc(size);
        if (!codes)
                return -ENOMEM;
        free(co3->codes);
        co3->codes = codes;
        co3->codes_size = size;
        return 0;
}

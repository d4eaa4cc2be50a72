/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/co3/co3.h"
#include "test/fuzz/fuzz.h"

#define ENTRIES 703

/* The segments that the corpus was written for. */
static const uint32_t segments[] = { 3, 600, 100 };

/* What is read is finite, and says the same when it is sent again exactly. */
static void come_back(hedge_co3_t *co3, const float *first)
{
        const hedge_co3_options_t exact = { .format = HEDGE_CO3_FP32 };
        float again[ENTRIES] = { 0 };
        uint8_t *message = malloc(hedge_co3_bound(co3));
        size_t size;

        for (size_t i = 0; i < ENTRIES; i++)
                if (!isfinite(first[i]))
                        abort();
        if (!message || hedge_co3_encode(co3, &exact, first, NULL, message, &size, NULL, NULL) < 0 ||
            hedge_co3_decode(co3, message, size, 1, again, NULL) < 0)
                abort();
        for (size_t i = 0; i < ENTRIES; i++)
                if (first[i] != again[i])
                        abort();
        free(message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        hedge_co3_t *co3;
        float sum[ENTRIES] = { 0 };
        hedge_why_t why = { "" };

        if (hedge_co3_new(segments, 3, &co3) < 0)
                abort();
        if (hedge_co3_decode(co3, data, size, 1, sum, &why) == 0)
                come_back(co3, sum);
        else if (!why.text[0])
                abort();
        else
                for (size_t i = 0; i < ENTRIES; i++)
                        if (sum[i] != 0)
                                abort();
        hedge_co3_destroy(&co3);
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_CO3_BED_H
#define HEDGE_TEST_CO3_BED_H

#include <errno.h>
#include <float.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#include <cmocka.h>

#include "common/co3/co3.h"
#include "common/co3/co3_isa.h"
#include "common/co3/scale.h"
#include "common/co3/stream.h"
#include "common/co3/topk.h"
#include "test/unit/layer.h"

/** Random gradients, and a sender and a receiver of them. */

static inline void *room(size_t size)
{
        void *p = malloc(size ? size : 1); /* exactly: the sanitizer watches its end */

        assert_non_null(p);
        return p;
}

static inline double normal(layer_random_t *r)
{
        const double u = (layer_next(r) + 0.5) / 0x1p32, v = (layer_next(r) + 0.5) / 0x1p32;

        return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

static inline double laplacian(layer_random_t *r)
{
        return (layer_next(r) % 2 ? 1 : -1) * log((layer_next(r) + 0.5) / 0x1p32);
}

typedef struct rig {
        hedge_co3_t *co3;
        size_t n, size;
        float *gradient, *error, *sum;
        uint8_t *message;
        layer_random_t random;
} rig_t;

static inline rig_t set_up(const uint32_t *entries, unsigned segments)
{
        rig_t rig = { .random = { 11 } };

        assert_int_equal(hedge_co3_new(entries, segments, &rig.co3), 0);
        rig.n = hedge_co3_entries(rig.co3);
        rig.gradient = room(rig.n * sizeof(float));
        rig.error = calloc(rig.n, sizeof(float));
        rig.sum = calloc(rig.n, sizeof(float));
        rig.message = room(hedge_co3_bound(rig.co3));
        assert_true(rig.error && rig.sum);
        return rig;
}

static inline void tear_down(rig_t *rig)
{
        free(rig->message);
        free(rig->sum);
        free(rig->error);
        free(rig->gradient);
        hedge_co3_destroy(&rig->co3);
        assert_null(rig->co3);
}

static inline void draw(rig_t *rig, double (*one)(layer_random_t *r))
{
        for (size_t i = 0; i < rig->n; i++)
                rig->gradient[i] = (float)(1e-3 * one(&rig->random));
}

static inline hedge_co3_options_t options_for(hedge_co3_format_t format, float gamma, int compress)
{
        return (hedge_co3_options_t){ format, gamma, format == HEDGE_CO3_TOPK ? 4.5f : 0, compress };
}

static inline void send(rig_t *rig, const hedge_co3_options_t *options, hedge_co3_stats_t *stats)
{
        hedge_why_t why = { "" };
        const int r =
                hedge_co3_encode(rig->co3, options, rig->gradient, rig->error, rig->message, &rig->size, stats, &why);

        if (r < 0)
                fail_msg("%s", why.text);
        assert_true(rig->size <= hedge_co3_bound(rig->co3));
        if (hedge_co3_decode(rig->co3, rig->message, rig->size, 1, rig->sum, &why) < 0)
                fail_msg("%s", why.text);
}

#endif

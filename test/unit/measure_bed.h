/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_MEASURE_BED_H
#define HEDGE_TEST_MEASURE_BED_H

#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/measure/measure.h"
#include "test/unit/layer.h"

/** Boards as the model has them, and the measurements that they give. */

#define MBIT 125000.0 /* bytes per second */

static hedged_config_t config;

static char dir[64], path[96];

static inline int setup(void **state)
{
        (void)state;
        config = (hedged_config_t){ .prior = { .board_macs_per_s = 2500000000,
                                               .here_macs_per_s = 20000000000,
                                               .spread = 0.2,
                                               .link_mbit = 100,
                                               .here_link_mbit = 1000 } };
        snprintf(dir, sizeof(dir), "/tmp/hedge-measure-XXXXXX");
        if (!mkdtemp(dir))
                return -1;
        snprintf(path, sizeof(path), "%s/boards.yaml", dir);
        return 0;
}

static inline int teardown(void **state)
{
        (void)state;
        unlink(path);
        return rmdir(dir); /* and nothing else is in it */
}

static inline hedged_measure_t *start(const char *file)
{
        hedged_measure_t *m = NULL;
        hedge_why_t why;

        assert_int_equal(hedged_measure_new(&config, file, NULL, &m, &why), 0);
        assert_string_equal(why.text, "");
        return m;
}

static inline hedged_speed_t speed(hedged_measure_t *m, const char *board)
{
        hedged_speed_t s;

        hedged_measure_speed(m, board, &s);
        return s;
}

#define assert_near(value, wanted, part)                                                                  \
        do {                                                                                              \
                double v = (value), w = (wanted);                                                         \
                                                                                                          \
                if (!(fabs(v - w) <= (part)*fabs(w)))                                                     \
                        fail_msg("%s is %g, not within %g %% of %g", #value, v, 100 * (double)(part), w); \
        } while (0)

/* ---- a board as the model has it ---- */

typedef struct board {
        double macs_per_s, spread, noise;
        double bytes_per_s, delay_s, constant_s; /* the delay is exponential, the constant comes on top */
} board_t;

static unsigned parts = 4; /* of a task */

static double uniform(layer_random_t *r)
{
        return ((double)layer_next(r) + 0.5) / 4294967296.0;
}

static inline double exponential(layer_random_t *r)
{
        return -log(uniform(r));
}

static inline double normal(layer_random_t *r)
{
        const double length = sqrt(-2 * log(uniform(r))); /* in this order everywhere, so that the data are the same */

        return length * cos(2 * M_PI * uniform(r));
}

/* What a task of some size would be if nobody cancelled it. */
static inline hedged_task_sample_t task(layer_random_t *r, const board_t *b, uint64_t macs, uint64_t up, uint64_t part)
{
        double late = 1 + b->spread * exponential(r);
        double slowness = late * (1 + b->noise * normal(r));
        double compute_us = 1e6 * (double)macs / b->macs_per_s * slowness;
        double way_us = 1e6 * ((double)(up + part) / b->bytes_per_s + b->constant_s + b->delay_s * exponential(r));
        hedged_task_sample_t s = {
                .macs_asked = macs, .macs_done = macs, .parts_asked = parts, .parts_done = parts, .first_parts = 1
        };

        s.compute_us = (uint64_t)compute_us;
        s.first_compute_us = (uint64_t)(compute_us / parts);
        s.first_us = (uint64_t)(compute_us / parts + way_us);
        s.elapsed_us = (uint64_t)(compute_us + way_us);
        s.up_bytes = up;
        s.part_bytes = part;
        return s;
}

/* Layers as networks have them. */
static inline hedged_task_sample_t any_task(layer_random_t *r, const board_t *b)
{
        return task(r, b, 10000000 * layer_between(r, 2, 20), 20000 * layer_between(r, 1, 20),
                    5000 * layer_between(r, 1, 20));
}

static inline void feed(hedged_measure_t *m, const char *name, layer_random_t *r, const board_t *b, unsigned tasks)
{
        for (unsigned i = 0; i < tasks; i++) {
                hedged_task_sample_t s = any_task(r, b);

                hedged_measure_task(m, name, &s);
        }
}

static inline void name_of(char name[16], unsigned i)
{
        snprintf(name, 16, "b%u", i);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif

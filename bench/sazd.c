/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/code/sazd/poly.h"
#include "common/code/sazd/sazd.h"
#include "common/tensor.h"

/* hedge-bench-sazd: how fast one thread encodes all parities and decodes the worst pattern (r neighbours missing), by
 * the shift-and-add code and by the polynomial code of the same k and n, in gigabytes of data (k blocks) per second of
 * processor time, beside memcpy of as much. For poly that is all n blocks and all k of the data, as it has no plain
 * blocks; for both a code that is made already. Every speed is the median over rounds, in each of which every stage
 * runs once, so that a slow moment of the machine meets all. */

#define ROUNDS       15
#define MAX_BLOCKS   10
#define SAMPLE_BYTES (8u << 20) /* that each stage works through in a round, at least */

typedef enum stage { COPY, ENCODE, DECODE, POLY_ENCODE, POLY_DECODE, STAGES } stage_t;

typedef struct work {
        unsigned k, r;
        uint32_t rows;
        size_t cols;
        hedge_sazd_t *sazd;
        hedge_sazd_plan_t *plan;
        hedge_poly_t *poly;
        hedge_poly_plan_t *poly_plan;
        hedge_sazd_in_t blocks[MAX_BLOCKS], coded[MAX_BLOCKS]; /* of sazd, of poly */
        hedge_sazd_out_t out[MAX_BLOCKS], parities[MAX_BLOCKS], coded_out[MAX_BLOCKS];
        float *room;
} work_t;

static int64_t spent_ns(void)
{
        struct timespec t;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static float *take(work_t *w, float **next, uint32_t rows)
{
        float *x = *next;

        for (size_t i = 0; i < rows * w->cols; i++)
                x[i] = (float)rand() / (float)RAND_MAX - 0.5f;
        *next += rows * w->cols;
        return x;
}

/* Data, parities, the blocks of poly, and where decoded data goes. */
static int lay_out(work_t *w)
{
        const unsigned n = w->k + w->r;
        size_t rows = (size_t)(w->k + n) * w->rows;
        float *next;

        for (unsigned b = 0; b < n; b++)
                rows += hedge_sazd_rows(w->sazd, b);
        w->room = hedge_floats_new(rows * w->cols);
        if (!w->room)
                return -1;
        next = w->room;
        for (unsigned b = 0; b < n; b++) {
                w->parities[b] = (hedge_sazd_out_t){ take(w, &next, hedge_sazd_rows(w->sazd, b)), w->cols };
                w->blocks[b] = (hedge_sazd_in_t){ w->parities[b].data, w->cols };
        }
        for (unsigned b = 0; b < n; b++) {
                w->coded_out[b] = (hedge_sazd_out_t){ take(w, &next, w->rows), w->cols };
                w->coded[b] = (hedge_sazd_in_t){ w->coded_out[b].data, w->cols };
        }
        for (unsigned i = 0; i < w->k; i++)
                w->out[i] = (hedge_sazd_out_t){ take(w, &next, w->rows), w->cols };
        return 0;
}

static int open_work(work_t *w, unsigned k, unsigned r, uint32_t rows, size_t cols, uint32_t step)
{
        const uint32_t have = ((1u << (k + r)) - 1) & ~((1u << r) - 1);

        *w = (work_t){ .k = k, .r = r, .rows = rows, .cols = cols };
        if (hedge_sazd_new(&(hedge_sazd_params_t){ k, r, rows, step }, &w->sazd, NULL) < 0 ||
            hedge_sazd_plan_new(w->sazd, have, &w->plan) < 0 ||
            hedge_poly_new(HEDGE_POLY_CHEBYSHEV, k, k + r, &w->poly, NULL) < 0 ||
            hedge_poly_plan_new(w->poly, have, &w->poly_plan, NULL) < 0)
                return -1;
        return lay_out(w);
}

static void close_work(work_t *w)
{
        hedge_poly_plan_destroy(&w->poly_plan);
        hedge_poly_destroy(&w->poly);
        hedge_sazd_plan_destroy(&w->plan);
        hedge_sazd_destroy(&w->sazd);
        free(w->room);
}

static void run_stage(work_t *w, stage_t stage)
{
        int r = 0;

        switch (stage) {
        case COPY:
                for (unsigned i = 0; i < w->k; i++)
                        memcpy(w->out[i].data, w->blocks[i].data, w->rows * w->cols * sizeof(float));
                break;
        case ENCODE:
                for (unsigned b = w->k; b < w->k + w->r; b++)
                        r |= hedge_sazd_encode(w->sazd, b, w->cols, w->blocks, w->parities[b]);
                break;
        case DECODE:
                r = hedge_sazd_decode(w->plan, w->cols, w->blocks, w->out);
                break;
        case POLY_ENCODE:
                for (unsigned b = 0; b < w->k + w->r; b++)
                        r |= hedge_poly_encode(w->poly, b, w->rows, w->cols, w->blocks, w->coded_out[b]);
                break;
        case POLY_DECODE:
                r = hedge_poly_decode(w->poly_plan, w->rows, w->cols, w->coded, w->out);
                break;
        default:
                break;
        }
        if (r < 0)
                abort();
}

static int by_value(const void *a, const void *b)
{
        const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

        return (x > y) - (x < y);
}

static int measure(unsigned k, unsigned r, uint32_t rows, size_t cols, uint32_t step)
{
        const size_t bytes = k * rows * cols * sizeof(float), repeats = 1 + SAMPLE_BYTES / bytes;
        int64_t ns[STAGES][ROUNDS];
        work_t w;
        int result = open_work(&w, k, r, rows, cols, step);

        for (unsigned round = 0; round < ROUNDS && result == 0; round++)
                for (stage_t stage = 0; stage < STAGES; stage++) {
                        const int64_t start = spent_ns();

                        for (size_t i = 0; i < repeats; i++)
                                run_stage(&w, stage);
                        ns[stage][round] = spent_ns() - start;
                }
        if (result == 0) {
                printf("%2u %2u %5u %5zu %4u", k, r, rows, cols, step);
                for (stage_t stage = 0; stage < STAGES; stage++) {
                        qsort(ns[stage], ROUNDS, sizeof(ns[stage][0]), by_value);
                        printf(" %9.2f", (double)(repeats * bytes) / (double)ns[stage][ROUNDS / 2]);
                }
                printf("\n");
        }
        close_work(&w);
        return result;
}

int main(void)
{
        static const struct {
                uint32_t rows, step;
                size_t cols;
        } shapes[] = { { 512, 1, 64 }, { 512, 16, 64 }, { 512, 1, 1 }, { 512, 16, 1 }, { 256, 1, 1024 } };
        int result = 0;

        printf("GB/s of data        step    memcpy    encode    decode  poly enc  poly dec\n");
        for (size_t s = 0; s < sizeof(shapes) / sizeof(shapes[0]) && result == 0; s++)
                for (unsigned k = 4; k <= 8 && result == 0; k += 2)
                        for (unsigned r = 1; r <= 2 && result == 0; r++)
                                result = measure(k, r, shapes[s].rows, shapes[s].cols, shapes[s].step);
        if (result < 0)
                fprintf(stderr, "hedge-bench-sazd: out of memory\n");
        return result < 0;
}

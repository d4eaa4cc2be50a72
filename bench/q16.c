/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/code/q16.h"
#include "common/code/q16_isa.h"
#include "common/tensor.h"

/* hedge-bench-q16: gigabytes of float32 per second of processor time that the wire precision q16 writes and reads on one
 * thread, per instruction set that this processor runs, beside copying the floats. The best of several runs. */

#define RUN_NS          INT64_C(100000000) /* to spend on one figure */
#define SAMPLE_ELEMENTS (1u << 21)         /* in a sample, so that the clock's steps do not matter */

typedef struct work {
        const hedge_q16_t *q16;
        size_t n;
        float *floats, *copy;
        uint8_t *bytes;
} work_t;

typedef void pass_t(const work_t *w);

static void copy(const work_t *w)
{
        memcpy(w->copy, w->floats, w->n * sizeof(float));
}

static void encode(const work_t *w)
{
        if (w->q16->encode(w->floats, w->n, w->bytes) < 0)
                abort();
}

static void decode(const work_t *w)
{
        w->q16->decode(w->bytes, 0, w->n, w->copy);
}

static int64_t spent_ns(void)
{
        struct timespec t;

        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static double gigabytes_per_s(pass_t *pass, const work_t *w)
{
        const size_t repeats = 1 + SAMPLE_ELEMENTS / w->n;
        const int64_t begin = spent_ns();
        int64_t best = INT64_MAX, now = begin;

        while (now - begin < RUN_NS) {
                const int64_t start = now;

                for (size_t i = 0; i < repeats; i++)
                        pass(w);
                now = spent_ns();
                if (now - start < best)
                        best = now - start;
        }
        return (double)(repeats * w->n * sizeof(float)) / (double)(best > 0 ? best : 1);
}

static int measure(const char *isa, const hedge_q16_t *q16, size_t n)
{
        work_t w = { q16, n, hedge_floats_new(n), hedge_floats_new(n), malloc(hedge_q16_bytes(n)) };
        int r = w.floats && w.copy && w.bytes ? 0 : -1;

        for (size_t i = 0; r == 0 && i < n; i++)
                w.floats[i] = (float)rand() / (float)RAND_MAX - 0.5f;
        if (r == 0)
                printf("%-8s %10zu %9.1f %9.1f %9.1f\n", isa, n * sizeof(float) / 1024, gigabytes_per_s(copy, &w),
                       gigabytes_per_s(encode, &w), gigabytes_per_s(decode, &w));
        free(w.bytes);
        free(w.copy);
        free(w.floats);
        return r;
}

int main(void)
{
        static const size_t sizes[] = { 1u << 13, 1u << 17, 1u << 20, 1u << 23 };
        int r = 0;

        printf("GB/s of float32  KiB      copy    encode    decode\n");
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && r == 0; i++) {
                r = measure("base", &base_q16, sizes[i]);
#ifdef __x86_64__
                if (r == 0 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
                        r = measure("avx2", &avx2_q16, sizes[i]);
                if (r == 0 && __builtin_cpu_supports("avx512f"))
                        r = measure("avx512", &avx512_q16, sizes[i]);
#endif
        }
        if (r < 0)
                fprintf(stderr, "hedge-bench-q16: out of memory\n");
        return r < 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/passes.h"

#include "common/code/parallel.h"
#include "common/code/passes_isa.h"

const hedge_passes_t *hedge_passes_f32(void)
{
#ifdef __x86_64__
        if (__builtin_cpu_supports("avx512f"))
                return &avx512_passes_f32;
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
                return &avx2_passes_f32;
#endif
        return &base_passes_f32;
}

const hedge_passes_t *hedge_passes_f64(void)
{
#ifdef __x86_64__
        if (__builtin_cpu_supports("avx512f"))
                return &avx512_passes_f64;
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
                return &avx2_passes_f64;
#endif
        return &base_passes_f64;
}

typedef struct join_work {
        const hedge_passes_t *passes;
        const hedge_join_t *join;
} join_work_t;

static void join_rows(void *context, size_t begin, size_t end)
{
        const join_work_t *work = context;
        const hedge_partition_t *p = work->join->partition;
        const size_t row = (size_t)hedge_conv_out_w(&p->part) * p->part.out_c;

        work->passes->join(work->join, begin * row, end * row);
}

void hedge_join_run(const hedge_passes_t *passes, const hedge_join_t *join, unsigned threads)
{
        const size_t work = hedge_partition_part_elements(join->partition) *
                            (join->solution->rank + (size_t)join->solution->dense * join->solution->count);

        hedge_parallel(hedge_parallel_threads(threads, work), join->partition->strip_h, join_rows,
                       &(join_work_t){ passes, join });
}

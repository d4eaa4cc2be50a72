/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/infer/work.h"

#include <errno.h>
#include <stdlib.h>

int hedged_work_new(unsigned boards, unsigned most_parts, unsigned kinds, hedged_run_work_t **ret)
{
        hedged_run_work_t *work =
                calloc(1, sizeof(*work) + boards * sizeof(*work->board) + (size_t)kinds * sizeof(*work->part));

        if (!work)
                return -ENOMEM;
        work->boards = boards;
        work->most_parts = most_parts;
        work->kinds = kinds;
        work->part = (hedged_work_part_t *)(work + 1); /* what is aligned most comes first */
        work->board = (hedged_work_board_t *)(work->part + kinds);
        *ret = work;
        return 0;
}

void hedged_work_destroy(hedged_run_work_t **work)
{
        free(*work);
        *work = NULL;
}

const hedged_work_part_t *hedged_work_part(const hedged_run_work_t *work, unsigned part)
{
        return &work->part[work->kinds == 1 ? 0 : part];
}

size_t hedged_work_bytes(const hedged_run_work_t *work, unsigned part, hedge_precision_t wire)
{
        const hedged_work_part_t *p = hedged_work_part(work, part);

        return hedge_precision_bytes(p->floats ? HEDGE_PRECISION_F32 : wire, p->elements);
}

bool hedged_work_takes(const hedged_run_work_t *work, unsigned part, uint32_t wire, size_t bytes)
{
        const hedged_work_part_t *p = hedged_work_part(work, part);

        if (wire != HEDGE_PRECISION_F32 && (p->floats || wire != work->wire))
                return false;
        if (p->row == 0)
                return bytes == hedge_precision_bytes((hedge_precision_t)wire, p->elements);
        return bytes <= p->elements * sizeof(float) && bytes % (p->row * sizeof(float)) == 0;
}

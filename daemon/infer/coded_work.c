/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/infer/coded_work.h"

static unsigned most_parts(const hedge_code_t *code)
{
        unsigned most = 0;

        for (unsigned b = 0; b < hedge_code_boards(code); b++)
                if (hedge_code_parts(code, b) > most)
                        most = hedge_code_parts(code, b);
        return most;
}

int hedged_coded_work(const hedged_variant_t *v, hedged_run_work_t **ret)
{
        hedged_run_work_t *work;
        int r = hedged_work_new(hedge_code_boards(v->code), most_parts(v->code), 1, &work);

        if (r < 0)
                return r;
        work->wire = v->cut.wire;
        work->hold_us = v->cut.hold_us;
        work->whole_boards = v->cut.whole_boards;
        work->part[0] = (hedged_work_part_t){ .elements = hedge_partition_part_elements(&v->partition),
                                              .macs = hedge_conv_macs(&v->partition.part) };
        for (unsigned b = 0; b < work->boards; b++)
                work->board[b] =
                        (hedged_work_board_t){ .digest = &v->digests[b], .parts = hedge_code_parts(v->code, b) };
        *ret = work;
        return 0;
}

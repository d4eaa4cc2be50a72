/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/sazd/rows.h"

#include "common/code/sazd/isa.h"

/* The fastest that this processor runs. */
static const hedge_sazd_isa_t *find(void)
{
        return HEDGE_ISA_BEST(sazd);
}

/* Do rows follow one another without gaps, in all of them? */
static bool is_dense(const hedge_sazd_terms_t *terms, size_t cols, const hedge_sazd_out_t *out)
{
        bool dense = terms->first.stride == cols && out->stride == cols;

        for (unsigned o = 0; o < terms->count; o++)
                dense &= terms->others[o].stride == cols;
        return dense;
}

void hedge_sazd_sum(const hedge_sazd_terms_t *terms, bool subtract, uint32_t rows, size_t cols, hedge_sazd_out_t out)
{
        const hedge_sazd_isa_t *isa = find();
        const bool dense = is_dense(terms, cols, &out);
        const float *others[HEDGE_SAZD_MAX_BLOCKS];

        for (uint32_t row = 0; row < (dense ? 1 : rows); row++) {
                for (unsigned o = 0; o < terms->count; o++)
                        others[o] = hedge_sazd_at(&terms->others[o], row).data;
                isa->sum(hedge_sazd_at(&terms->first, row).data, others, terms->count, subtract,
                         out.data + row * out.stride, dense ? rows * cols : cols);
        }
}

uint32_t hedge_sazd_members(const hedge_sazd_t *code, unsigned parity, uint32_t row, uint32_t *ret_until)
{
        uint32_t members = 0, until = hedge_sazd_rows(code, code->k + parity);

        for (unsigned i = 0; i < code->k; i++) {
                const uint32_t begin = hedge_sazd_shift(code, i, parity), end = begin + code->rows;

                if (begin <= row && row < end)
                        members |= 1u << i;
                if (begin > row && begin < until)
                        until = begin;
                if (end > row && end < until)
                        until = end;
        }
        if (ret_until)
                *ret_until = until;
        return members;
}

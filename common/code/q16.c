/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/q16.h"

#include "common/code/q16_isa.h"

/* The fastest that this processor runs. */
static const hedge_q16_t *find(void)
{
        return HEDGE_ISA_BEST(q16);
}

int hedge_q16_encode(const float *x, size_t n, void *out)
{
        return find()->encode(x, n, out);
}

void hedge_q16_decode(const void *in, size_t begin, size_t end, float *out)
{
        find()->decode(in, begin, end, out);
}

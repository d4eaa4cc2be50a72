/* SPDX-License-Identifier: Apache-2.0 */
#include "common/code/conv/partition.h"

#include <errno.h>

static uint32_t divide_up(uint32_t a, uint32_t b)
{
        return a / b + (a % b != 0);
}

int hedge_partition_init(hedge_partition_t *partition, const hedge_conv_t *layer, unsigned k_a, unsigned k_b)
{
        hedge_partition_t p = { .layer = *layer, .part = *layer, .k_a = k_a, .k_b = k_b };
        uint64_t in_h;
        int r = hedge_conv_check(layer);

        if (r < 0)
                return r;
        if (k_a == 0 || k_b == 0 || k_a > hedge_conv_out_h(layer) || k_b > layer->out_c / layer->groups)
                return -EINVAL;
        if ((uint64_t)k_a * k_b > HEDGE_CODE_MAX_PARTS)
                return HEDGE_ELIMIT;
        p.strip_h = divide_up(hedge_conv_out_h(layer), k_a);
        in_h = (uint64_t)(p.strip_h - 1) * layer->stride_h + (uint64_t)layer->dilation_h * (layer->kernel_h - 1) + 1;
        if (in_h > UINT32_MAX)
                return HEDGE_ELIMIT;
        p.part.in_h = (uint32_t)in_h;
        p.part.pad_top = p.part.pad_bottom = 0;
        p.part.out_c = divide_up(layer->out_c / layer->groups, k_b) * layer->groups;
        r = hedge_conv_check(&p.part);
        if (r < 0)
                return r;
        *partition = p;
        return 0;
}

size_t hedge_partition_input_elements(const hedge_partition_t *partition)
{
        return hedge_conv_in_elements(&partition->part);
}

size_t hedge_partition_filter_elements(const hedge_partition_t *partition)
{
        return hedge_conv_filter_elements(&partition->part);
}

size_t hedge_partition_part_elements(const hedge_partition_t *partition)
{
        return hedge_conv_out_elements(&partition->part);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "common/tensor.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/err.h"

size_t hedge_shape_elements(const hedge_shape_t *shape)
{
        size_t n = 1;

        for (uint32_t i = 0; i < shape->rank; i++)
                n *= shape->dims[i];
        return n;
}

int hedge_shape_check(const hedge_shape_t *shape, uint64_t max_elements)
{
        uint64_t n = 1;

        if (shape->rank > HEDGE_MAX_RANK)
                return HEDGE_ELIMIT;
        for (uint32_t i = 0; i < shape->rank; i++)
                if (__builtin_mul_overflow(n, (uint64_t)shape->dims[i], &n) || n > max_elements)
                        return HEDGE_ELIMIT;
        return 0;
}

int hedge_shape_equal(const hedge_shape_t *a, const hedge_shape_t *b)
{
        return a->rank == b->rank && !memcmp(a->dims, b->dims, a->rank * sizeof(a->dims[0]));
}

char *hedge_shape_text(const hedge_shape_t *shape, char *buf, size_t size)
{
        size_t used = 0;

        snprintf(buf, size, "scalar");
        for (uint32_t i = 0; i < shape->rank && used < size; i++)
                used += (size_t)snprintf(buf + used, size - used, i ? "x%u" : "%u", shape->dims[i]);
        return buf;
}

float *hedge_floats_new(size_t elements)
{
        size_t bytes;
        char *data;

        if (__builtin_mul_overflow(elements, sizeof(float), &bytes) ||
            bytes > SIZE_MAX - HEDGE_TENSOR_SLACK - HEDGE_ALIGNMENT)
                return NULL;
        data = aligned_alloc(HEDGE_ALIGNMENT,
                             (bytes + HEDGE_TENSOR_SLACK + HEDGE_ALIGNMENT - 1) / HEDGE_ALIGNMENT * HEDGE_ALIGNMENT);
        if (data)
                memset(data + bytes, 0, HEDGE_TENSOR_SLACK);
        return (float *)(void *)data;
}

int hedge_tensor_alloc(hedge_tensor_t *tensor, const hedge_shape_t *shape)
{
        float *data = hedge_floats_new(hedge_shape_elements(shape));

        if (!data)
                return -ENOMEM;
        tensor->shape = *shape;
        tensor->data = data;
        return 0;
}

void hedge_tensor_release(hedge_tensor_t *tensor)
{
        free(tensor->data);
        memset(tensor, 0, sizeof(*tensor));
}

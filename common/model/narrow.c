/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/narrow.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

size_t hedge_narrow_size(const hedge_narrow_t *n)
{
        return 2 * (size_t)n->rows * sizeof(float) + n->elements;
}

static void set_numbers(hedge_narrow_t *n, void *numbers)
{
        n->scale = numbers;
        n->zero = n->scale + n->rows;
        n->bytes = (uint8_t *)(n->zero + n->rows);
}

int hedge_narrow_new_lent(size_t elements, uint32_t rows, bool is_signed, hedge_narrow_t **ret)
{
        hedge_narrow_t *n = calloc(1, sizeof(*n));

        if (!n)
                return -ENOMEM;
        *n = (hedge_narrow_t){ .elements = elements, .rows = rows, .is_signed = is_signed, .lent = true };
        *ret = n;
        return 0;
}

void hedge_narrow_lend(hedge_narrow_t *n, const void *numbers)
{
        set_numbers(n, (void *)(uintptr_t)numbers);
}

int hedge_narrow_new(size_t elements, uint32_t rows, bool is_signed, hedge_narrow_t **ret)
{
        hedge_narrow_t *n;
        void *numbers;
        int r = hedge_narrow_new_lent(elements, rows, is_signed, &n);

        if (r < 0)
                return r;
        numbers = malloc(hedge_narrow_size(n) + 1);
        if (!numbers) {
                free(n);
                return -ENOMEM;
        }
        set_numbers(n, numbers);
        n->lent = false;
        *ret = n;
        return 0;
}

void hedge_narrow_destroy(hedge_narrow_t **narrow)
{
        hedge_narrow_t *n = *narrow;

        if (!n)
                return;
        if (!n->lent)
                free(n->scale);
        free(n);
        *narrow = NULL;
}

void hedge_narrow_expand(const hedge_narrow_t *n, float *out)
{
        size_t each = n->elements / n->rows;

        for (uint32_t row = 0; row < n->rows; row++) {
                float scale = n->scale[row], zero = n->zero[row];

                for (size_t i = row * each; i < (row + 1) * each; i++)
                        out[i] = (hedge_narrow_integer(n, i) - zero) * scale;
        }
}

void hedge_narrow_order(hedge_narrow_t *to, const hedge_narrow_t *from, const hedge_shape_t *shape,
                        const int64_t *strides)
{
        uint32_t index[HEDGE_MAX_RANK] = { 0 };
        int64_t at = 0;

        for (size_t i = 0; i < to->elements; i++) {
                to->bytes[i] = from->bytes[at];
                for (uint32_t d = shape->rank; d-- > 0;) {
                        at += strides[d];
                        if (++index[d] < shape->dims[d])
                                break;
                        at -= strides[d] * shape->dims[d];
                        index[d] = 0;
                }
        }
}

bool hedge_narrow_equal(const hedge_narrow_t *a, const hedge_narrow_t *b)
{
        return a->elements == b->elements && a->rows == b->rows && a->is_signed == b->is_signed &&
               memcmp(a->bytes, b->bytes, a->elements) == 0 &&
               memcmp(a->scale, b->scale, a->rows * sizeof(*a->scale)) == 0 &&
               memcmp(a->zero, b->zero, a->rows * sizeof(*a->zero)) == 0;
}

size_t hedge_narrow_bytes(const hedge_narrow_t *n)
{
        return sizeof(*n) + hedge_narrow_size(n);
}

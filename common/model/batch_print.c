/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/batch_print.h"

#include <stdlib.h>
#include <string.h>

/* The finaliser of splitmix64: every bit of the result depends on every bit of x. */
static uint64_t mix(uint64_t x)
{
        x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
        x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
        return x ^ x >> 31;
}

static uint64_t bits_of(float v)
{
        uint32_t bits;

        memcpy(&bits, &v, sizeof(bits));
        return (uint64_t)bits + 1;
}

/* Of the elements that lie at index `at` of an axis: `outer` blocks, each of `inner` elements in `extent` pieces. */
static uint64_t print_index(const float *data, size_t outer, size_t extent, size_t inner, size_t at)
{
        uint64_t sum = 0, n = 0;

        for (size_t i = 0; i < outer; i++)
                for (size_t j = 0; j < inner; j++)
                        sum += mix(bits_of(data[(i * extent + at) * inner + j]) + mix(n++));
        return sum;
}

/* Byte by byte: a not-a-number is like itself. */
static bool index_alike(const float *data, size_t outer, size_t extent, size_t inner, size_t at)
{
        for (size_t i = 0; i < outer; i++)
                if (memcmp(data + i * extent * inner, data + (i * extent + at) * inner, inner * sizeof(*data)) != 0)
                        return false;
        return true;
}

static void print_axis(const hedge_value_t *v, uint32_t axis, hedge_print_t *print)
{
        const size_t extent = v->shape.dims[axis];
        size_t outer = 1, inner = 1;

        for (uint32_t i = 0; i < v->shape.rank; i++)
                if (i < axis)
                        outer *= v->shape.dims[i];
                else if (i > axis)
                        inner *= v->shape.dims[i];
        for (size_t at = 1; at < extent; at++)
                if (!index_alike(v->data, outer, extent, inner, at))
                        return;
        print->alike |= 1u << axis;
        print->first[axis] = print_index(v->data, outer, extent, inner, 0);
}

static void print_value(const hedge_value_t *v, uint32_t pictures, hedge_print_t *print)
{
        print->constant = true;
        print->elements = hedge_shape_elements(&v->shape);
        print->ordered = print_index(v->data, 1, 1, print->elements, 0);
        for (size_t i = 0; i < print->elements; i++)
                print->loose += mix(bits_of(v->data[i]));
        for (uint32_t axis = 0; axis < v->shape.rank; axis++)
                if (v->shape.dims[axis] == pictures)
                        print_axis(v, axis, print);
}

/* @return 0, -ENOMEM. */
static int print_constant(const hedge_value_t *value, uint32_t pictures, hedge_print_t *print)
{
        hedge_value_t v = *value;
        float *room = NULL;
        int r = hedge_value_floats(value, &v.data, &room);

        if (r == 0)
                print_value(&v, pictures, print);
        free(room);
        return r;
}

hedge_print_t *hedge_batch_prints(const hedge_graph_t *graph, uint32_t pictures)
{
        hedge_print_t *prints = calloc((size_t)graph->n_values + 1, sizeof(*prints));
        int r = 0;

        for (uint32_t i = 0; prints && r == 0 && i < graph->n_values; i++)
                if (hedge_value_is_constant(&graph->values[i]))
                        r = print_constant(&graph->values[i], pictures, &prints[i]);
        if (r == 0)
                return prints;
        free(prints);
        return NULL;
}

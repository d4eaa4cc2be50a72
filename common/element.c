/* SPDX-License-Identifier: Apache-2.0 */
#include "common/element.h"

#include <stddef.h>

static const struct {
        const char *name, *short_name;
        unsigned bytes; /* 0: cannot be read */
        bool is_float;
        float lo, hi; /* of integers */
} elements[] = {
        [HEDGE_ELEMENT_UNDEFINED] = { "UNDEFINED", "unknown", 0, false, 0, 0 },
        [HEDGE_ELEMENT_FLOAT] = { "FLOAT", "float32", 4, true, 0, 0 },
        [HEDGE_ELEMENT_UINT8] = { "UINT8", "uint8", 1, false, 0, 255 },
        [HEDGE_ELEMENT_INT8] = { "INT8", "int8", 1, false, -128, 127 },
        [HEDGE_ELEMENT_UINT16] = { "UINT16", "uint16", 2, false, 0, 65535 },
        [HEDGE_ELEMENT_INT16] = { "INT16", "int16", 2, false, -32768, 32767 },
        [HEDGE_ELEMENT_INT32] = { "INT32", "int32", 4, false, -HEDGE_EXACT, HEDGE_EXACT },
        [HEDGE_ELEMENT_INT64] = { "INT64", "int64", 8, false, -HEDGE_EXACT, HEDGE_EXACT },
        [HEDGE_ELEMENT_STRING] = { "STRING", "str", 0, false, 0, 0 },
        [HEDGE_ELEMENT_BOOL] = { "BOOL", "bool", 1, false, 0, 1 },
        [HEDGE_ELEMENT_FLOAT16] = { "FLOAT16", "float16", 2, true, 0, 0 },
        [HEDGE_ELEMENT_DOUBLE] = { "DOUBLE", "float64", 8, true, 0, 0 },
        [HEDGE_ELEMENT_UINT32] = { "UINT32", "uint32", 4, false, 0, HEDGE_EXACT },
        [HEDGE_ELEMENT_UINT64] = { "UINT64", "uint64", 8, false, 0, HEDGE_EXACT },
        [HEDGE_ELEMENT_COMPLEX64] = { "COMPLEX64", "complex64", 0, false, 0, 0 },
        [HEDGE_ELEMENT_COMPLEX128] = { "COMPLEX128", "complex128", 0, false, 0, 0 },
        [HEDGE_ELEMENT_BFLOAT16] = { "BFLOAT16", "bfloat16", 2, true, 0, 0 },
};

static bool known(int element)
{
        return element >= 0 && (size_t)element < sizeof(elements) / sizeof(elements[0]);
}

const char *hedge_element_name(int element)
{
        return known(element) ? elements[element].name : "of an unknown type";
}

const char *hedge_element_short_name(int element)
{
        return known(element) ? elements[element].short_name : "unknown";
}

unsigned hedge_element_bytes(int element)
{
        return known(element) ? elements[element].bytes : 0;
}

bool hedge_element_is_float(int element)
{
        return known(element) && elements[element].is_float;
}

bool hedge_element_is_integer(int element)
{
        return known(element) && elements[element].bytes > 0 && !elements[element].is_float;
}

void hedge_element_range(hedge_element_t element, float *ret_lo, float *ret_hi)
{
        *ret_lo = known((int)element) ? elements[element].lo : 0;
        *ret_hi = known((int)element) ? elements[element].hi : 0;
}

int64_t hedge_element_wrap(hedge_element_t element, int64_t value)
{
        switch (element) {
        case HEDGE_ELEMENT_BOOL:
                return value != 0;
        case HEDGE_ELEMENT_INT8:
                return (int8_t)value;
        case HEDGE_ELEMENT_UINT8:
                return (uint8_t)value;
        case HEDGE_ELEMENT_INT16:
                return (int16_t)value;
        case HEDGE_ELEMENT_UINT16:
                return (uint16_t)value;
        case HEDGE_ELEMENT_INT32:
                return (int32_t)value;
        case HEDGE_ELEMENT_UINT32:
                return (uint32_t)value;
        default:
                return value;
        }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "common/record/field.h"

#include <inttypes.h>
#include <string.h>

static int check_integer(const hedge_field_t *field, uint64_t value, hedge_why_t *why)
{
        if (value < field->min)
                return hedge_why(why, HEDGE_EMALFORMED, "%" PRIu64 " is below %" PRIu64, value, field->min);
        if (value > field->max)
                return hedge_why(why, HEDGE_ELIMIT, "%" PRIu64 " is above %" PRIu64, value, field->max);
        return 0;
}

static int check_real(const hedge_field_t *field, double value, hedge_why_t *why)
{
        if (value != value)
                return hedge_why(why, HEDGE_EMALFORMED, "not a number");
        if (value < field->low)
                return hedge_why(why, HEDGE_EMALFORMED, "%g is below %g", value, field->low);
        if (value > field->high)
                return hedge_why(why, HEDGE_ELIMIT, "%g is above %g", value, field->high);
        return 0;
}

static int check_text(const hedge_field_t *field, const char *text, hedge_why_t *why)
{
        size_t length = strnlen(text, field->size);

        if (length == field->size)
                return hedge_why(why, HEDGE_ELIMIT, "a text of more than %zu bytes", field->size - 1);
        if (length < field->min)
                return hedge_why(why, HEDGE_EMALFORMED, "an empty text");
        if (field->kind == HEDGE_FIELD_NAME && length && !hedge_name_ok(text))
                return hedge_why(why, HEDGE_EMALFORMED,
                                 "a name has letters, digits, '.', '_' and '-' and begins with a letter or digit");
        return 0;
}

static int check_conv(const hedge_conv_t *conv, hedge_why_t *why)
{
        int r = hedge_conv_check(conv);

        if (r == HEDGE_ELIMIT)
                return hedge_why(why, r, "a geometry above what is allowed");
        if (r < 0)
                return hedge_why(why, HEDGE_EMALFORMED, "not a geometry of a convolution");
        return 0;
}

int hedge_field_check(const hedge_field_t *field, const void *value, hedge_why_t *why)
{
        switch (field->kind) {
        case HEDGE_FIELD_U32:
                return check_integer(field, *(const uint32_t *)value, why);
        case HEDGE_FIELD_U64:
                return check_integer(field, *(const uint64_t *)value, why);
        case HEDGE_FIELD_I32:
                return check_real(field, *(const int32_t *)value, why);
        case HEDGE_FIELD_F64:
                return check_real(field, *(const double *)value, why);
        case HEDGE_FIELD_TEXT:
        case HEDGE_FIELD_NAME:
                return check_text(field, value, why);
        case HEDGE_FIELD_CONV:
                return check_conv(value, why);
        case HEDGE_FIELD_SHAPE:
                if (hedge_shape_check(value, HEDGE_SHAPE_MAX_ELEMENTS) < 0)
                        return hedge_why(why, HEDGE_ELIMIT, "a shape of more than %" PRIu64 " elements or %d extents",
                                         HEDGE_SHAPE_MAX_ELEMENTS, HEDGE_MAX_RANK);
                return 0;
        case HEDGE_FIELD_I64:
        case HEDGE_FIELD_F32:
        case HEDGE_FIELD_BOOL:
        case HEDGE_FIELD_DIGEST:
        case HEDGE_FIELD_RECORD:
                break;
        }
        return 0;
}

int hedge_field_check_count(const hedge_field_t *field, uint64_t count, hedge_why_t *why)
{
        if (field->many == HEDGE_FIELD_FIXED && count != field->count_max)
                return hedge_why(why, HEDGE_EMALFORMED, "%" PRIu64 " values where there must be %u", count,
                                 field->count_max);
        if (count < field->count_min)
                return hedge_why(why, HEDGE_EMALFORMED, "%" PRIu64 " values where there must be %u or more", count,
                                 field->count_min);
        if (count > field->count_max)
                return hedge_why(why, HEDGE_ELIMIT, "%" PRIu64 " values, which is above %u", count, field->count_max);
        return 0;
}

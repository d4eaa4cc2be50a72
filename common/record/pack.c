/* SPDX-License-Identifier: Apache-2.0 */
#define MSGPACK_SBUFFER_INIT_SIZE 256 /* most headers are smaller */
#include "common/record/pack.h"

#include <errno.h>
#include <string.h>

_Static_assert(sizeof(hedge_conv_t) == HEDGE_CONV_NUMBERS * sizeof(uint32_t), "a geometry is 15 numbers in a row");

static int write_bytes(void *data, const char *bytes, size_t size)
{
        hedge_writer_t *writer = data;

        if (!writer->failed && msgpack_sbuffer_write(&writer->buffer, bytes, size) < 0)
                writer->failed = true;
        return 0;
}

void hedge_writer_begin(hedge_writer_t *writer, msgpack_packer *ret_packer)
{
        writer->failed = false;
        msgpack_sbuffer_init(&writer->buffer);
        msgpack_packer_init(ret_packer, writer, write_bytes);
}

static const uint8_t *value_at(const hedge_field_t *field, const void *values)
{
        return (const uint8_t *)values + field->offset;
}

static uint32_t list_count(const hedge_field_t *field, const void *values)
{
        uint32_t count;

        if (field->many != HEDGE_FIELD_LIST)
                return field->count_max;
        memcpy(&count, (const uint8_t *)values + field->count_offset, sizeof(count));
        return count;
}

static bool all_zero(const uint8_t *bytes, size_t size)
{
        for (size_t i = 0; i < size; i++)
                if (bytes[i])
                        return false;
        return true;
}

static bool is_absent(const hedge_field_t *field, const void *values)
{
        const uint8_t *value = value_at(field, values);

        if (field->required)
                return false;
        if (field->many == HEDGE_FIELD_LIST)
                return list_count(field, values) == 0;
        if (field->many == HEDGE_FIELD_FIXED)
                return all_zero(value, field->size * field->count_max);
        if (field->kind == HEDGE_FIELD_TEXT || field->kind == HEDGE_FIELD_NAME)
                return !value[0];
        return all_zero(value, field->size);
}

static void pack_text(msgpack_packer *packer, const char *text, size_t length)
{
        msgpack_pack_str(packer, length);
        msgpack_pack_str_body(packer, text, length);
}

static void pack_numbers(msgpack_packer *packer, const uint32_t *numbers, uint32_t n)
{
        msgpack_pack_array(packer, n);
        for (uint32_t i = 0; i < n; i++)
                msgpack_pack_uint32(packer, numbers[i]);
}

static int pack_record(msgpack_packer *packer, const hedge_record_t *record, const void *values)
{
        msgpack_pack_map(packer, hedge_pack_count(record, values));
        return hedge_pack_fields(packer, record, values);
}

static int pack_value(msgpack_packer *packer, const hedge_field_t *field, const void *value)
{
        const hedge_shape_t *shape = value;

        if (hedge_field_check(field, value, NULL) < 0)
                return -EINVAL;
        switch (field->kind) {
        case HEDGE_FIELD_U32:
                msgpack_pack_uint32(packer, *(const uint32_t *)value);
                break;
        case HEDGE_FIELD_U64:
                msgpack_pack_uint64(packer, *(const uint64_t *)value);
                break;
        case HEDGE_FIELD_I32:
                msgpack_pack_int32(packer, *(const int32_t *)value);
                break;
        case HEDGE_FIELD_I64:
                msgpack_pack_int64(packer, *(const int64_t *)value);
                break;
        case HEDGE_FIELD_F32:
                msgpack_pack_float(packer, *(const float *)value);
                break;
        case HEDGE_FIELD_F64:
                msgpack_pack_double(packer, *(const double *)value);
                break;
        case HEDGE_FIELD_BOOL:
                *(const bool *)value ? msgpack_pack_true(packer) : msgpack_pack_false(packer);
                break;
        case HEDGE_FIELD_TEXT:
        case HEDGE_FIELD_NAME:
                pack_text(packer, value, strlen(value));
                break;
        case HEDGE_FIELD_DIGEST:
                msgpack_pack_bin(packer, HEDGE_DIGEST_BYTES);
                msgpack_pack_bin_body(packer, value, HEDGE_DIGEST_BYTES);
                break;
        case HEDGE_FIELD_SHAPE:
                pack_numbers(packer, shape->dims, shape->rank);
                break;
        case HEDGE_FIELD_CONV:
                pack_numbers(packer, value, HEDGE_CONV_NUMBERS);
                break;
        case HEDGE_FIELD_RECORD:
                return pack_record(packer, field->record, value);
        }
        return 0;
}

static int pack_many(msgpack_packer *packer, const hedge_field_t *field, const void *values)
{
        const uint8_t *value = value_at(field, values);
        uint32_t count = list_count(field, values);
        int r = 0;

        if (field->many == HEDGE_FIELD_LIST)
                memcpy(&value, value_at(field, values), sizeof(value));
        if (hedge_field_check_count(field, count, NULL) < 0 || (count && !value))
                return -EINVAL;
        msgpack_pack_array(packer, count);
        for (uint32_t i = 0; i < count && r == 0; i++)
                r = pack_value(packer, field, value + i * field->size);
        return r;
}

uint32_t hedge_pack_count(const hedge_record_t *record, const void *values)
{
        uint32_t count = 0;

        for (uint32_t i = 0; i < record->n_fields; i++)
                count += !is_absent(&record->fields[i], values);
        return count;
}

int hedge_pack_fields(msgpack_packer *packer, const hedge_record_t *record, const void *values)
{
        int r = 0;

        for (uint32_t i = 0; i < record->n_fields && r == 0; i++) {
                const hedge_field_t *field = &record->fields[i];

                if (is_absent(field, values))
                        continue;
                pack_text(packer, field->key, strlen(field->key));
                if (field->many == HEDGE_FIELD_ONE)
                        r = pack_value(packer, field, value_at(field, values));
                else
                        r = pack_many(packer, field, values);
        }
        return r;
}

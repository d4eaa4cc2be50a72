/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_RANDOM_MESSAGE_H
#define HEDGE_TEST_RANDOM_MESSAGE_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/wire/schema.h"

/* Messages with random contents that their schema allows, and a comparison that goes by the schema too. */

static inline uint64_t random_bits(uint64_t *state)
{
        uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15)); /* splitmix64 */

        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

/* low .. high, with both ends and small numbers more often than chance has it. */
static inline uint64_t random_between(uint64_t *state, uint64_t low, uint64_t high)
{
        uint64_t span = high - low, r = random_bits(state);

        switch (random_bits(state) % 6) {
        case 0:
                return low;
        case 1:
                return high;
        case 2:
                return low + (span < 300 ? r % (span + 1) : r % 300);
        default:
                return span == UINT64_MAX ? r : low + r % (span + 1);
        }
}

static inline void random_text(uint64_t *state, const hedge_field_t *field, char *text)
{
        static const char first[] = "aZ09", rest[] = "abzAZ09._-";
        size_t length = random_between(state, field->min, field->max);

        for (size_t i = 0; i < length; i++)
                if (field->kind == HEDGE_FIELD_TEXT)
                        text[i] = (char)(1 + random_bits(state) % 255);
                else
                        text[i] = i ? rest[random_bits(state) % 10] : first[random_bits(state) % 4];
}

static inline double random_real(uint64_t *state, const hedge_field_t *field)
{
        double low = field->low, high = isinf(field->high) ? 1e300 : field->high;
        double at = (double)(random_bits(state) >> 11) * 0x1p-53;

        switch (random_bits(state) % 4) {
        case 0:
                return low;
        case 1:
                return field->high;
        default:
                return low + at * (high - low);
        }
}

static inline void random_conv(uint64_t *state, hedge_conv_t *conv)
{
        uint32_t groups = (uint32_t)random_between(state, 1, 4);

        *conv = (hedge_conv_t){ .in_h = (uint32_t)random_between(state, 11, 200),
                                .in_w = (uint32_t)random_between(state, 11, 200),
                                .in_c = groups * (uint32_t)random_between(state, 1, 64),
                                .out_c = groups * (uint32_t)random_between(state, 1, 64),
                                .kernel_h = (uint32_t)random_between(state, 1, 4),
                                .kernel_w = (uint32_t)random_between(state, 1, 4),
                                .stride_h = (uint32_t)random_between(state, 1, 3),
                                .stride_w = (uint32_t)random_between(state, 1, 3),
                                .dilation_h = (uint32_t)random_between(state, 1, 3),
                                .dilation_w = (uint32_t)random_between(state, 1, 3),
                                .pad_top = (uint32_t)random_between(state, 0, 3),
                                .pad_left = (uint32_t)random_between(state, 0, 3),
                                .pad_bottom = (uint32_t)random_between(state, 0, 3),
                                .pad_right = (uint32_t)random_between(state, 0, 3),
                                .groups = groups };
}

static inline void random_shape(uint64_t *state, hedge_shape_t *shape)
{
        shape->rank = (uint32_t)random_between(state, 0, HEDGE_MAX_RANK);
        for (uint32_t i = 0; i < shape->rank; i++)
                shape->dims[i] = (uint32_t)random_between(state, 0, 28); /* 28^6 < 2^29 */
}

/* The blocks that a random message's lists live in. */
typedef struct random_blocks {
        void *blocks[4096];
        unsigned n;
        bool full; /* no field zero or empty, so that every one is packed */
} random_blocks_t;

static inline bool is_zero(const uint8_t *bytes, size_t size)
{
        for (size_t i = 0; i < size; i++)
                if (bytes[i])
                        return false;
        return true;
}

static inline void random_record(uint64_t *state, const hedge_record_t *record, uint32_t most, uint8_t *values,
                                 random_blocks_t *blocks);

static inline void random_value(uint64_t *state, const hedge_field_t *field, uint32_t most, void *value,
                                random_blocks_t *blocks)
{
        switch (field->kind) {
        case HEDGE_FIELD_U32:
                *(uint32_t *)value = (uint32_t)random_between(state, field->min, field->max);
                break;
        case HEDGE_FIELD_U64:
                *(uint64_t *)value = random_between(state, field->min, field->max);
                break;
        case HEDGE_FIELD_I32:
                *(int32_t *)value = (int32_t)random_real(state, field);
                break;
        case HEDGE_FIELD_I64:
                *(int64_t *)value = (int64_t)random_bits(state);
                break;
        case HEDGE_FIELD_F32: {
                uint32_t bits = (uint32_t)random_bits(state) | 1u << 22; /* not a signalling one */

                memcpy(value, &bits, sizeof(bits));
                break;
        }
        case HEDGE_FIELD_F64:
                *(double *)value = random_real(state, field);
                break;
        case HEDGE_FIELD_BOOL:
                *(bool *)value = random_bits(state) & 1;
                break;
        case HEDGE_FIELD_TEXT:
        case HEDGE_FIELD_NAME:
                random_text(state, field, value);
                break;
        case HEDGE_FIELD_DIGEST:
                for (unsigned i = 0; i < HEDGE_DIGEST_BYTES; i++)
                        ((uint8_t *)value)[i] = (uint8_t)random_bits(state);
                break;
        case HEDGE_FIELD_SHAPE:
                random_shape(state, value);
                break;
        case HEDGE_FIELD_CONV:
                random_conv(state, value);
                break;
        case HEDGE_FIELD_RECORD:
                random_record(state, field->record, most, value, blocks);
                break;
        }
}

/* Fill a zeroed record; lists get up to `most` elements (but at least what they must have), inner ones fewer. */
static inline void random_record(uint64_t *state, const hedge_record_t *record, uint32_t most, uint8_t *values,
                                 random_blocks_t *blocks)
{
        for (uint32_t i = 0; i < record->n_fields; i++) {
                const hedge_field_t *field = &record->fields[i];
                uint8_t *value = values + field->offset;
                uint32_t count = 1, high = field->count_max < most ? field->count_max : most;

                if (field->many == HEDGE_FIELD_FIXED)
                        count = field->count_max;
                if (field->many == HEDGE_FIELD_LIST) {
                        void *list;

                        count = (uint32_t)random_between(state, field->count_min,
                                                         high > field->count_min ? high : field->count_min);
                        if (blocks->full && count == 0)
                                count = 1;
                        list = calloc(count ? count : 1, field->size);
                        if (!list || blocks->n == sizeof(blocks->blocks) / sizeof(blocks->blocks[0]))
                                abort();
                        blocks->blocks[blocks->n++] = list;
                        memcpy(values + field->count_offset, &count, sizeof(count));
                        memcpy(value, &list, sizeof(list));
                        value = list;
                }
                for (uint32_t j = 0; j < count; j++)
                        do
                                random_value(state, field, most / 4, value + j * field->size, blocks);
                        while (blocks->full && is_zero(value + j * field->size, field->size));
        }
}

static inline void random_message(uint64_t *state, hedge_message_type_t type, uint32_t most, hedge_message_t *message,
                                  random_blocks_t *blocks)
{
        memset(message, 0, sizeof(*message));
        blocks->n = 0;
        message->type = type;
        random_record(state, &hedge_schema(type)->record, most, (uint8_t *)&message->hello, blocks);
}

static inline void random_release(random_blocks_t *blocks)
{
        while (blocks->n)
                free(blocks->blocks[--blocks->n]);
}

static inline bool same_record(const hedge_record_t *record, const uint8_t *a, const uint8_t *b)
{
        for (uint32_t i = 0; i < record->n_fields; i++) {
                const hedge_field_t *field = &record->fields[i];
                const uint8_t *x = a + field->offset, *y = b + field->offset;
                uint32_t count = field->many == HEDGE_FIELD_FIXED ? field->count_max : 1;

                if (field->many == HEDGE_FIELD_LIST) {
                        memcpy(&count, a + field->count_offset, sizeof(count));
                        if (memcmp(&count, b + field->count_offset, sizeof(count)))
                                return false;
                        memcpy(&x, (const void *)x, sizeof(x));
                        memcpy(&y, (const void *)y, sizeof(y));
                }
                for (uint32_t j = 0; j < count; j++, x += field->size, y += field->size)
                        if (field->kind == HEDGE_FIELD_RECORD ? !same_record(field->record, x, y)
                                                              : memcmp(x, y, field->size) != 0)
                                return false;
        }
        return true;
}

static inline bool same_message(const hedge_message_t *a, const hedge_message_t *b)
{
        return a->type == b->type &&
               same_record(&hedge_schema(a->type)->record, (const uint8_t *)&a->hello, (const uint8_t *)&b->hello);
}

#endif

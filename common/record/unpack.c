/* SPDX-License-Identifier: Apache-2.0 */
#include "common/record/unpack.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/record/guard.h"

/* Where in the message we are, for sentences. */
typedef struct path {
        const struct path *up;
        const char *key;
        int64_t index; /* in a list, else -1 */
} path_t;

static void print_path(const path_t *path, char *buf, size_t size)
{
        char up[160] = "";

        if (path->up)
                print_path(path->up, up, sizeof(up));
        if (path->index >= 0)
                snprintf(buf, size, "%s%s[%lld]: ", up, path->key, (long long)path->index);
        else
                snprintf(buf, size, "%s%s: ", up, path->key);
}

static int fail(const hedge_unpacker_t *unpacker, const path_t *path, int code, const char *problem)
{
        char where[200];

        print_path(path, where, sizeof(where));
        return hedge_why(unpacker->why, code, "%s%s", where, problem);
}

static int wrong_type(const hedge_unpacker_t *unpacker, const path_t *path, const char *wanted)
{
        char text[64];

        snprintf(text, sizeof(text), "not %s", wanted);
        return fail(unpacker, path, HEDGE_EMALFORMED, text);
}

/* Copy a str into a field of its size; a zero inside would hide what follows it. */
static int take_text(const hedge_unpacker_t *unpacker, const path_t *path, const hedge_field_t *field,
                     const msgpack_object *object, char *value)
{
        if (object->type != MSGPACK_OBJECT_STR)
                return wrong_type(unpacker, path, "a text");
        if (object->via.str.size > field->max)
                return fail(unpacker, path, HEDGE_ELIMIT, "a text that is too long");
        if (memchr(object->via.str.ptr, 0, object->via.str.size))
                return fail(unpacker, path, HEDGE_EMALFORMED, "a text with a zero byte");
        memcpy(value, object->via.str.ptr, object->via.str.size);
        return 0;
}

static int take_u32(const hedge_unpacker_t *unpacker, const path_t *path, const msgpack_object *object, uint32_t *value)
{
        if (object->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
                return wrong_type(unpacker, path, "a number from 0");
        if (object->via.u64 > UINT32_MAX)
                return fail(unpacker, path, HEDGE_ELIMIT, "a number of more than 32 bits");
        *value = (uint32_t)object->via.u64;
        return 0;
}

static int take_i32(const hedge_unpacker_t *unpacker, const path_t *path, const msgpack_object *object, int32_t *value)
{
        if (object->type == MSGPACK_OBJECT_POSITIVE_INTEGER && object->via.u64 <= INT32_MAX)
                *value = (int32_t)object->via.u64;
        else if (object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER && object->via.i64 >= INT32_MIN)
                *value = (int32_t)object->via.i64;
        else
                return wrong_type(unpacker, path, "a number of 32 bits");
        return 0;
}

static int take_i64(const hedge_unpacker_t *unpacker, const path_t *path, const msgpack_object *object, int64_t *value)
{
        if (object->type == MSGPACK_OBJECT_POSITIVE_INTEGER && object->via.u64 <= INT64_MAX)
                *value = (int64_t)object->via.u64;
        else if (object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
                *value = object->via.i64;
        else
                return wrong_type(unpacker, path, "a number of 64 bits with a sign");
        return 0;
}

static int take_f32(const hedge_unpacker_t *unpacker, const path_t *path, const msgpack_object *object, float *value)
{
        if (object->type != MSGPACK_OBJECT_FLOAT32)
                return wrong_type(unpacker, path, "a number of single precision");
        *value = (float)object->via.f64;
        return 0;
}

static int take_f64(const hedge_unpacker_t *unpacker, const path_t *path, const msgpack_object *object, double *value)
{
        if (object->type == MSGPACK_OBJECT_FLOAT64 || object->type == MSGPACK_OBJECT_FLOAT32)
                *value = object->via.f64;
        else if (object->type == MSGPACK_OBJECT_POSITIVE_INTEGER)
                *value = (double)object->via.u64;
        else if (object->type == MSGPACK_OBJECT_NEGATIVE_INTEGER)
                *value = (double)object->via.i64;
        else
                return wrong_type(unpacker, path, "a number");
        return 0;
}

static int take_numbers(const hedge_unpacker_t *unpacker, const path_t *path, const msgpack_object *object,
                        uint32_t *numbers)
{
        for (uint32_t i = 0; i < object->via.array.size; i++) {
                path_t here = { path->up, path->key, i };
                int r = take_u32(unpacker, &here, &object->via.array.ptr[i], &numbers[i]);

                if (r < 0)
                        return r;
        }
        return 0;
}

static int take_shape(const hedge_unpacker_t *unpacker, const path_t *path, const msgpack_object *object,
                      hedge_shape_t *shape)
{
        if (object->type != MSGPACK_OBJECT_ARRAY)
                return wrong_type(unpacker, path, "a list of extents");
        if (object->via.array.size > HEDGE_MAX_RANK)
                return fail(unpacker, path, HEDGE_ELIMIT, "a shape of too many extents");
        shape->rank = object->via.array.size;
        return take_numbers(unpacker, path, object, shape->dims);
}

static int take_conv(const hedge_unpacker_t *unpacker, const path_t *path, const msgpack_object *object,
                     hedge_conv_t *conv)
{
        uint32_t numbers[HEDGE_CONV_NUMBERS];
        int r;

        if (object->type != MSGPACK_OBJECT_ARRAY || object->via.array.size != HEDGE_CONV_NUMBERS)
                return wrong_type(unpacker, path, "the 15 numbers of a convolution");
        r = take_numbers(unpacker, path, object, numbers);
        if (r == 0)
                memcpy(conv, numbers, sizeof(numbers));
        return r;
}

static int unpack_map(hedge_unpacker_t *unpacker, const path_t *path, const hedge_record_t *record,
                      const msgpack_object *map, uint8_t *values);

static int take_value(hedge_unpacker_t *unpacker, const path_t *path, const hedge_field_t *field,
                      const msgpack_object *object, void *value)
{
        switch (field->kind) {
        case HEDGE_FIELD_U32:
                return take_u32(unpacker, path, object, value);
        case HEDGE_FIELD_U64:
                if (object->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
                        return wrong_type(unpacker, path, "a number from 0");
                *(uint64_t *)value = object->via.u64;
                return 0;
        case HEDGE_FIELD_I32:
                return take_i32(unpacker, path, object, value);
        case HEDGE_FIELD_I64:
                return take_i64(unpacker, path, object, value);
        case HEDGE_FIELD_F32:
                return take_f32(unpacker, path, object, value);
        case HEDGE_FIELD_F64:
                return take_f64(unpacker, path, object, value);
        case HEDGE_FIELD_BOOL:
                if (object->type != MSGPACK_OBJECT_BOOLEAN)
                        return wrong_type(unpacker, path, "true or false");
                *(bool *)value = object->via.boolean;
                return 0;
        case HEDGE_FIELD_TEXT:
        case HEDGE_FIELD_NAME:
                return take_text(unpacker, path, field, object, value);
        case HEDGE_FIELD_DIGEST:
                if (object->type != MSGPACK_OBJECT_BIN || object->via.bin.size != HEDGE_DIGEST_BYTES)
                        return wrong_type(unpacker, path, "a digest of 16 bytes");
                memcpy(value, object->via.bin.ptr, HEDGE_DIGEST_BYTES);
                return 0;
        case HEDGE_FIELD_SHAPE:
                return take_shape(unpacker, path, object, value);
        case HEDGE_FIELD_CONV:
                return take_conv(unpacker, path, object, value);
        case HEDGE_FIELD_RECORD:
                return unpack_map(unpacker, path, field->record, object, value);
        }
        return -EINVAL;
}

static int unpack_value(hedge_unpacker_t *unpacker, const path_t *path, const hedge_field_t *field,
                        const msgpack_object *object, void *value)
{
        hedge_why_t problem;
        int r;

        r = take_value(unpacker, path, field, object, value);
        if (r < 0)
                return r;
        r = hedge_field_check(field, value, &problem);
        return r < 0 ? fail(unpacker, path, r, problem.text) : 0;
}

/* Zeroed room for a list in the message's storage. */
static int take_room(hedge_unpacker_t *unpacker, const path_t *path, size_t bytes, void **ret)
{
        void *room = NULL;

        unpacker->used += bytes;
        if (unpacker->used > HEDGE_UNPACK_STORAGE)
                return fail(unpacker, path, HEDGE_ELIMIT, "lists that are too long together");
        if (!unpacker->storage)
                unpacker->storage = msgpack_zone_new(1024);
        room = unpacker->storage ? msgpack_zone_malloc(unpacker->storage, bytes) : NULL;
        if (!room)
                return fail(unpacker, path, -ENOMEM, "no memory");
        memset(room, 0, bytes);
        *ret = room;
        return 0;
}

static int unpack_many(hedge_unpacker_t *unpacker, const path_t *path, const hedge_field_t *field,
                       const msgpack_object *object, uint8_t *values)
{
        uint8_t *list = values + field->offset;
        hedge_why_t problem;
        uint32_t count;
        void *room = NULL;
        int r;

        if (object->type != MSGPACK_OBJECT_ARRAY)
                return wrong_type(unpacker, path, "a list");
        count = object->via.array.size;
        r = hedge_field_check_count(field, count, &problem);
        if (r < 0)
                return fail(unpacker, path, r, problem.text);
        if (count == 0)
                return 0;
        if (field->many == HEDGE_FIELD_LIST) {
                r = take_room(unpacker, path, count * field->size, &room);
                if (r < 0)
                        return r;
                memcpy(list, &room, sizeof(room));
                memcpy(values + field->count_offset, &count, sizeof(count));
                list = room;
        }
        for (uint32_t i = 0; i < count && r == 0; i++) {
                path_t here = { path->up, path->key, i };

                r = unpack_value(unpacker, &here, field, &object->via.array.ptr[i], list + i * field->size);
        }
        return r;
}

/* Fields mostly come in the table's order, so the search starts behind the last one found. */
static uint32_t find_field(const hedge_record_t *record, uint32_t start, const msgpack_object *key)
{
        for (uint32_t i = 0; i < record->n_fields; i++) {
                uint32_t at = (start + i) % record->n_fields;
                const char *name = record->fields[at].key;

                if (strlen(name) == key->via.str.size && !memcmp(name, key->via.str.ptr, key->via.str.size))
                        return at;
        }
        return record->n_fields;
}

static int check_required(hedge_unpacker_t *unpacker, const path_t *path, const hedge_record_t *record, uint64_t seen)
{
        for (uint32_t i = 0; i < record->n_fields; i++) {
                path_t here = { path, record->fields[i].key, -1 };

                if (record->fields[i].required && !(seen >> i & 1))
                        return fail(unpacker, &here, HEDGE_EMALFORMED, "missing");
        }
        return 0;
}

static int unpack_map(hedge_unpacker_t *unpacker, const path_t *path, const hedge_record_t *record,
                      const msgpack_object *map, uint8_t *values)
{
        uint64_t seen = 0;
        uint32_t at = 0;
        int r = 0;

        if (map->type != MSGPACK_OBJECT_MAP)
                return wrong_type(unpacker, path, "a map");
        for (uint32_t i = 0; i < map->via.map.size; i++) {
                const msgpack_object_kv *pair = &map->via.map.ptr[i];
                const hedge_field_t *field;
                path_t here = { path, NULL, -1 };
                uint32_t found;

                if (pair->key.type != MSGPACK_OBJECT_STR)
                        return fail(unpacker, path, HEDGE_EMALFORMED, "a key that is no text");
                found = find_field(record, at, &pair->key);
                if (found == record->n_fields)
                        continue;
                field = &record->fields[found];
                here.key = field->key;
                if (seen >> found & 1)
                        return fail(unpacker, &here, HEDGE_EMALFORMED, "comes twice");
                seen |= UINT64_C(1) << found;
                at = found + 1;
                if (field->many == HEDGE_FIELD_ONE)
                        r = unpack_value(unpacker, &here, field, &pair->val, values + field->offset);
                else
                        r = unpack_many(unpacker, &here, field, &pair->val, values);
                if (r < 0)
                        return r;
        }
        return check_required(unpacker, path, record, seen);
}

const msgpack_object *hedge_unpack_find(const msgpack_object *map, const char *key)
{
        for (uint32_t i = 0; i < map->via.map.size; i++) {
                const msgpack_object_kv *pair = &map->via.map.ptr[i];

                if (pair->key.type == MSGPACK_OBJECT_STR && pair->key.via.str.size == strlen(key) &&
                    !memcmp(pair->key.via.str.ptr, key, strlen(key)))
                        return &pair->val;
        }
        return NULL;
}

int hedge_unpack_bytes(const void *bytes, size_t size, msgpack_unpacked *ret, hedge_why_t *why)
{
        msgpack_unpack_return got;
        size_t offset = 0;
        int r = hedge_guard(bytes, size, why);

        if (r < 0)
                return r;
        msgpack_unpacked_init(ret);
        got = msgpack_unpack_next(ret, bytes, size, &offset);
        if (got == MSGPACK_UNPACK_NOMEM_ERROR)
                r = hedge_why(why, -ENOMEM, "no memory");
        else if (got != MSGPACK_UNPACK_SUCCESS || offset != size)
                r = hedge_why(why, HEDGE_EMALFORMED, "not msgpack");
        if (r < 0)
                msgpack_unpacked_destroy(ret);
        return r;
}

int hedge_unpack_record(hedge_unpacker_t *unpacker, const hedge_record_t *record, const msgpack_object *map,
                        void *values)
{
        path_t path = { NULL, record->name, -1 };

        return unpack_map(unpacker, &path, record, map, values);
}

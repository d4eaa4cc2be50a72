/* SPDX-License-Identifier: Apache-2.0 */
#include "common/wire/message.h"

#include <errno.h>
#include <inttypes.h>
#include <msgpack.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "common/record/guard.h"
#include "common/record/pack.h"
#include "common/record/unpack.h"
#include "common/wire/schema.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors travel as little-endian float32");

const hedge_wire_limits_t hedge_wire_default_limits = {
        .max_header_bytes = 4u << 20,
        .max_frames = 64,
        .max_frame_bytes = UINT64_C(1) << 30,
};

static void free_bytes(void *data, void *hint)
{
        free(data);
}

/* Every member of the union begins where the union does. */
static const void *body_of(const hedge_message_t *message)
{
        return &message->hello;
}

const char *hedge_message_name(hedge_message_type_t type)
{
        const hedge_schema_t *schema = hedge_schema(type);

        return schema ? schema->record.name : "?";
}

int hedge_message_pack(const hedge_message_t *message, zmq_msg_t *ret_header)
{
        const hedge_schema_t *schema = hedge_schema(message->type);
        hedge_writer_t writer;
        msgpack_packer packer;
        int r;

        if (!schema)
                return -EINVAL;
        hedge_writer_begin(&writer, &packer);
        msgpack_pack_map(&packer, 2 + hedge_pack_count(&schema->record, body_of(message)));
        msgpack_pack_str(&packer, 1);
        msgpack_pack_str_body(&packer, "v", 1);
        msgpack_pack_uint32(&packer, HEDGE_WIRE_VERSION);
        msgpack_pack_str(&packer, 1);
        msgpack_pack_str_body(&packer, "t", 1);
        msgpack_pack_str(&packer, strlen(schema->record.name));
        msgpack_pack_str_body(&packer, schema->record.name, strlen(schema->record.name));
        r = hedge_pack_fields(&packer, &schema->record, body_of(message));
        if (r < 0)
                goto out;
        r = writer.failed ? -ENOMEM : 0;
        if (r < 0)
                goto out;
        /* What we send gets past every peer's guard. */
        if (writer.buffer.size > hedge_wire_default_limits.max_header_bytes ||
            hedge_guard(writer.buffer.data, writer.buffer.size, NULL) < 0) {
                r = -EINVAL;
                goto out;
        }
        if (zmq_msg_init_data(ret_header, writer.buffer.data, writer.buffer.size, free_bytes, NULL) < 0) {
                r = -ENOMEM;
                goto out;
        }
        msgpack_sbuffer_init(&writer.buffer);
out:
        msgpack_sbuffer_destroy(&writer.buffer);
        return r;
}

/* The version comes first: in another one everything else may be different. */
static int read_type(const msgpack_object *map, hedge_message_type_t *ret, hedge_why_t *why)
{
        const msgpack_object *version, *name;
        hedge_message_type_t type;

        if (map->type != MSGPACK_OBJECT_MAP)
                return hedge_why(why, HEDGE_EMALFORMED, "header: not a map");
        version = hedge_unpack_find(map, "v");
        if (!version || version->type != MSGPACK_OBJECT_POSITIVE_INTEGER)
                return hedge_why(why, HEDGE_EMALFORMED, "header: no version");
        if (version->via.u64 != HEDGE_WIRE_VERSION)
                return hedge_why(why, HEDGE_EVERSION, "header: protocol version %" PRIu64 ", but here it is %d",
                                 version->via.u64, HEDGE_WIRE_VERSION);
        name = hedge_unpack_find(map, "t");
        if (!name || name->type != MSGPACK_OBJECT_STR)
                return hedge_why(why, HEDGE_EMALFORMED, "header: no message type");
        type = hedge_schema_type(name->via.str.ptr, name->via.str.size);
        if (!type)
                return hedge_why(why, HEDGE_EUNSUPPORTED, "header: unknown message type '%.*s'",
                                 (int)(name->via.str.size < 32 ? name->via.str.size : 32), name->via.str.ptr);
        *ret = type;
        return 0;
}

static int unpack_object(const msgpack_object *map, hedge_message_t *ret, hedge_why_t *why)
{
        hedge_unpacker_t unpacker = { .why = why };
        hedge_message_t message = { 0 };
        const hedge_schema_t *schema;
        int r;

        r = read_type(map, &message.type, why);
        if (r < 0)
                return r;
        schema = hedge_schema(message.type);
        r = hedge_unpack_record(&unpacker, &schema->record, map, &message.hello);
        if (r < 0) {
                if (unpacker.storage)
                        msgpack_zone_free(unpacker.storage);
                return r;
        }
        message.storage = unpacker.storage;
        *ret = message;
        return 0;
}

int hedge_message_unpack(const void *bytes, size_t size, const hedge_wire_limits_t *limits, hedge_message_t *ret,
                         hedge_why_t *why)
{
        msgpack_unpacked unpacked;
        hedge_why_t problem;
        int r;

        if (size > limits->max_header_bytes)
                return hedge_why(why, HEDGE_ELIMIT, "header: %zu bytes, which is above %u", size,
                                 limits->max_header_bytes);
        r = hedge_unpack_bytes(bytes, size, &unpacked, &problem);
        if (r < 0)
                return hedge_why(why, r, "header: %s", problem.text);
        r = unpack_object(&unpacked.data, ret, why);
        msgpack_unpacked_destroy(&unpacked);
        return r;
}

static uint64_t read_number(const msgpack_object *map, const char *key)
{
        const msgpack_object *number = hedge_unpack_find(map, key);

        return number && number->type == MSGPACK_OBJECT_POSITIVE_INTEGER ? number->via.u64 : 0;
}

uint64_t hedge_message_about(const void *bytes, size_t size, const hedge_wire_limits_t *limits)
{
        msgpack_unpacked unpacked;
        uint64_t about = 0;

        if (size > limits->max_header_bytes || hedge_unpack_bytes(bytes, size, &unpacked, NULL) < 0)
                return 0;
        if (unpacked.data.type == MSGPACK_OBJECT_MAP && read_number(&unpacked.data, "v") == HEDGE_WIRE_VERSION) {
                about = read_number(&unpacked.data, "id");
                if (!about)
                        about = read_number(&unpacked.data, "run");
        }
        msgpack_unpacked_destroy(&unpacked);
        return about;
}

void hedge_message_release(hedge_message_t *message)
{
        if (message->storage) {
                msgpack_zone_free(message->storage);
                memset(message, 0, sizeof(*message));
        }
}

/* How many raw frames: the schema's range, or what one of the message's own fields says. */
static void frame_range(const hedge_message_t *message, uint32_t *ret_least, uint32_t *ret_most)
{
        const hedge_schema_t *schema = hedge_schema(message->type);

        *ret_least = schema ? schema->frames_min : 0;
        *ret_most = schema ? schema->frames_max : 0;
        if (schema && schema->frames_offset) {
                memcpy(ret_least, (const uint8_t *)message + schema->frames_offset, sizeof(*ret_least));
                *ret_most = *ret_least;
        }
}

uint32_t hedge_message_max_frames(const hedge_message_t *message)
{
        uint32_t least, most;

        frame_range(message, &least, &most);
        return most;
}

int hedge_message_check_frames(const hedge_message_t *message, uint32_t n_frames, hedge_why_t *why)
{
        const char *name = hedge_message_name(message->type);
        uint32_t least, most;

        frame_range(message, &least, &most);
        if (n_frames < least)
                return hedge_why(why, HEDGE_EMALFORMED, "%s: %u raw frames where there must be %u%s", name, n_frames,
                                 least, most > least ? " or more" : "");
        if (n_frames > most)
                return hedge_why(why, HEDGE_EMALFORMED, "%s: more raw frames than the %u there may be", name, most);
        return 0;
}

int hedge_wire_check_tensor(const hedge_shape_t *shape, zmq_msg_t *frame, hedge_why_t *why)
{
        char text[80];

        if (hedge_shape_check(shape, HEDGE_SHAPE_MAX_ELEMENTS) < 0)
                return hedge_why(why, HEDGE_ELIMIT, "a shape of more than %" PRIu64 " elements or %d extents",
                                 HEDGE_SHAPE_MAX_ELEMENTS, HEDGE_MAX_RANK);
        if (hedge_shape_elements(shape) * sizeof(float) != zmq_msg_size(frame))
                return hedge_why(why, HEDGE_EMALFORMED, "a frame of %zu bytes for a tensor of shape %s",
                                 zmq_msg_size(frame), hedge_shape_text(shape, text, sizeof(text)));
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/proto.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#define MAX_DEPTH    32
#define MAX_FIELDS   64 /* of one message type */
#define FREE_BYTES   (UINT64_C(64) << 20)
#define AMPLIFY      4
#define HEADER_BYTES 16 /* before each allocation: its size; keeps malloc's alignment */
#define COST_BYTES   32 /* what an allocation costs beside its bytes */

struct hedge_proto {
        ProtobufCAllocator allocator;
        ProtobufCMessage *message;
        uint64_t left;
        bool exhausted, out_of_memory;
};

static void *take(void *arg, size_t size)
{
        hedge_proto_t *proto = arg;
        char *block;

        if (size > proto->left || proto->left - size < COST_BYTES) {
                proto->exhausted = true;
                return NULL;
        }
        block = malloc(size + HEADER_BYTES);
        if (!block) {
                proto->out_of_memory = true;
                return NULL;
        }
        proto->left -= size + COST_BYTES;
        *(size_t *)(void *)block = size;
        return block + HEADER_BYTES;
}

static void give_back(void *arg, void *data)
{
        hedge_proto_t *proto = arg;
        char *block = data;

        if (!block)
                return;
        block -= HEADER_BYTES;
        proto->left += *(size_t *)(void *)block + COST_BYTES;
        free(block);
}

typedef struct walk {
        const uint8_t *start;
        hedge_why_t *why;
} walk_t;

static int truncated(const walk_t *walk, const uint8_t *at)
{
        return hedge_why(walk->why, HEDGE_EMALFORMED,
                         "not an ONNX file, or a damaged one: a field at byte %zu is cut off",
                         (size_t)(at - walk->start));
}

static int malformed(const walk_t *walk, const uint8_t *at, const char *what)
{
        return hedge_why(walk->why, HEDGE_EMALFORMED, "not an ONNX file, or a damaged one: %s at byte %zu", what,
                         (size_t)(at - walk->start));
}

static bool read_varint(const uint8_t **at, const uint8_t *end, uint64_t *ret)
{
        uint64_t value = 0;

        for (unsigned shift = 0; shift < 70; shift += 7) {
                if (*at == end)
                        return false;
                value |= shift < 64 ? (uint64_t)(**at & 0x7f) << shift : 0;
                if (!(*(*at)++ & 0x80)) {
                        *ret = value;
                        return true;
                }
        }
        return false;
}

/* Bytes that the field's payload takes, its length prefix already read. */
static bool read_payload_size(const uint8_t **at, const uint8_t *end, unsigned wire, uint64_t *ret)
{
        const uint8_t *p = *at;
        uint64_t size;

        switch (wire) {
        case PROTOBUF_C_WIRE_TYPE_VARINT:
                if (!read_varint(&p, end, &size))
                        return false;
                size = (uint64_t)(p - *at);
                break;
        case PROTOBUF_C_WIRE_TYPE_64BIT:
                size = 8;
                break;
        case PROTOBUF_C_WIRE_TYPE_32BIT:
                size = 4;
                break;
        default:
                if (!read_varint(at, end, &size))
                        return false;
        }
        *ret = size;
        return size <= (uint64_t)(end - *at);
}

bool hedge_proto_next(const uint8_t **at, const uint8_t *end, hedge_proto_field_t *ret)
{
        uint64_t tag, size;
        unsigned wire;

        if (*at == end || !read_varint(at, end, &tag))
                return false;
        wire = tag & 7;
        if (tag >> 3 == 0 || tag >> 32 != 0 || wire == 3 || wire == 4 || wire > 5)
                return false;
        if (!read_payload_size(at, end, wire, &size))
                return false;
        *ret = (hedge_proto_field_t){ (uint32_t)(tag >> 3), wire, *at, (size_t)size };
        *at += size;
        return true;
}

static int walk_message(const walk_t *walk, const uint8_t *at, const uint8_t *end,
                        const ProtobufCMessageDescriptor *type, unsigned depth)
{
        uint64_t seen = 0;

        if (depth > MAX_DEPTH)
                return malformed(walk, at, "messages nested too deeply");
        while (at < end) {
                const ProtobufCFieldDescriptor *field;
                const uint8_t *start = at;
                uint64_t tag, size;
                unsigned wire, index;
                int r;

                if (!read_varint(&at, end, &tag))
                        return truncated(walk, start);
                wire = tag & 7;
                if (tag >> 3 == 0 || tag >> 32 != 0 || wire == 3 || wire == 4 || wire > 5)
                        return malformed(walk, start, "an impossible field");
                if (!read_payload_size(&at, end, wire, &size))
                        return truncated(walk, start);
                field = protobuf_c_message_descriptor_get_field(type, (unsigned)(tag >> 3));
                if (field && field->type == PROTOBUF_C_TYPE_MESSAGE) {
                        index = (unsigned)(field - type->fields);
                        if (wire != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED || index >= MAX_FIELDS)
                                return malformed(walk, start, "a field of the wrong kind");
                        if (field->label != PROTOBUF_C_LABEL_REPEATED && seen & UINT64_C(1) << index)
                                return malformed(walk, start, "a field that occurs twice");
                        seen |= UINT64_C(1) << index;
                        r = walk_message(walk, at, at + size, field->descriptor, depth + 1);
                        if (r < 0)
                                return r;
                }
                at += size;
        }
        return 0;
}

int hedge_proto_unpack(const void *bytes, size_t size, const ProtobufCMessageDescriptor *type, hedge_proto_t **ret,
                       hedge_why_t *why)
{
        walk_t walk = { bytes, why };
        hedge_proto_t *proto;
        int r;

        if (size == 0)
                return hedge_why(why, HEDGE_EMALFORMED, "the file is empty");
        r = walk_message(&walk, bytes, (const uint8_t *)bytes + size, type, 0);
        if (r < 0)
                return r;
        proto = calloc(1, sizeof(*proto));
        if (!proto)
                return -ENOMEM;
        proto->allocator = (ProtobufCAllocator){ take, give_back, proto };
        proto->left = (uint64_t)size * AMPLIFY + FREE_BYTES;
        proto->message = protobuf_c_message_unpack(type, &proto->allocator, size, bytes);
        if (proto->message) {
                *ret = proto;
                return 0;
        }
        if (proto->out_of_memory)
                r = hedge_why(why, -ENOMEM, "out of memory");
        else if (proto->exhausted)
                r = hedge_why(why, HEDGE_ELIMIT, "the file unpacks to far more than its size");
        else
                r = hedge_why(why, HEDGE_EMALFORMED, "not an ONNX file, or a damaged one");
        free(proto);
        return r;
}

const ProtobufCMessage *hedge_proto_message(const hedge_proto_t *proto)
{
        return proto->message;
}

const Onnx__ModelProto *hedge_proto_model(const hedge_proto_t *proto)
{
        return (const Onnx__ModelProto *)(const void *)proto->message;
}

void hedge_proto_release(hedge_proto_t *proto, ProtobufCBinaryData *data)
{
        give_back(proto, data->data);
        *data = (ProtobufCBinaryData){ 0, NULL };
}

int hedge_proto_take(hedge_proto_t *proto, size_t size, ProtobufCBinaryData *ret)
{
        void *data;

        proto->left += size + COST_BYTES;
        data = take(proto, size);
        if (!data)
                return -ENOMEM;
        *ret = (ProtobufCBinaryData){ size, data };
        return 0;
}

void hedge_proto_drop(hedge_proto_t *proto, ProtobufCMessage ***messages, size_t *n)
{
        for (size_t i = 0; i < *n; i++)
                protobuf_c_message_free_unpacked((*messages)[i], &proto->allocator);
        give_back(proto, *messages);
        *messages = NULL;
        *n = 0;
}

void hedge_proto_destroy(hedge_proto_t **proto)
{
        if (!*proto)
                return;
        protobuf_c_message_free_unpacked((*proto)->message, &(*proto)->allocator);
        free(*proto);
        *proto = NULL;
}

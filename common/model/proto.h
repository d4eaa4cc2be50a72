/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_PROTO_H
#define HEDGE_PROTO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "onnx.pb-c.h"

/** Protocol buffer messages of ONNX, unpacked within bounds.
 *
 * protobuf-c recurses as deep as a message nests and takes as much memory as it needs. Here the bytes are walked first:
 * nesting above 32, groups, truncated fields and a single sub-message that occurs twice (which protobuf-c would merge,
 * at a cost that grows with the square) are refused; then unpacking gets at most 4 times the bytes' size + 64 MiB. */
typedef struct hedge_proto hedge_proto_t;

/** One field of a message that is looked at and not unpacked. */
typedef struct hedge_proto_field {
        uint32_t number;
        unsigned wire; /**< protobuf-c's wire types */
        const uint8_t *bytes;
        size_t size; /**< of its payload */
} hedge_proto_field_t;

/** Take the next field of *at .. end. @return false: what is there is no field, or is cut off. */
bool hedge_proto_next(const uint8_t **at, const uint8_t *end, hedge_proto_field_t *ret);

/** @return 0, HEDGE_EMALFORMED, HEDGE_ELIMIT, -ENOMEM. */
int hedge_proto_unpack(const void *bytes, size_t size, const ProtobufCMessageDescriptor *type, hedge_proto_t **ret,
                       hedge_why_t *why);

/** The message; it lives as long as its hedge_proto_t. */
const ProtobufCMessage *hedge_proto_message(const hedge_proto_t *proto);

/** The message of one that was unpacked as a model. */
const Onnx__ModelProto *hedge_proto_model(const hedge_proto_t *proto);

/** Free the bytes of a field early; the field is then empty. `data` is of this message. */
void hedge_proto_release(hedge_proto_t *proto, ProtobufCBinaryData *data);

/** Bytes for a field of this message, which it owns from then on; the caller answers for their number. @return 0, -ENOMEM. */
int hedge_proto_take(hedge_proto_t *proto, size_t size, ProtobufCBinaryData *ret);

/** Free a repeated field of messages early; it is then empty. */
void hedge_proto_drop(hedge_proto_t *proto, ProtobufCMessage ***messages, size_t *n);

/** NULL-safe; nullifies. */
void hedge_proto_destroy(hedge_proto_t **proto);

#endif

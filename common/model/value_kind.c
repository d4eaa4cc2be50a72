/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/value_kind.h"

#include "common/model/proto.h"

#define MAX_DEPTH 4 /* of sequences in sequences that are looked into */

/* Field numbers of SequenceProto, MapProto and OptionalProto. A tensor's 3 is a pair of numbers (its place in a tensor that was cut
 * up), its 5 and 7 are numbers in a row. */
enum { TENSOR = 3, SEQUENCE_OR_VALUES = 5, MAP = 6, OPTIONAL = 7 };

/* Does it read as a message to its end, with a field in which a tensor keeps its name or its data? */
static bool is_tensor(const uint8_t *at, const uint8_t *end)
{
        hedge_proto_field_t field;
        bool data = false;

        while (at < end) {
                if (!hedge_proto_next(&at, end, &field) || field.number > 14)
                        return false;
                data |= field.number > 3;
        }
        return data;
}

static unsigned count_tensors(const uint8_t *at, const uint8_t *end, unsigned depth, bool *ret_nested)
{
        hedge_proto_field_t field;
        unsigned n = 0;

        while (at < end && hedge_proto_next(&at, end, &field)) {
                if (field.wire != PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED)
                        continue;
                if (field.number == TENSOR && is_tensor(field.bytes, field.bytes + field.size)) {
                        n++;
                } else if (field.number >= SEQUENCE_OR_VALUES && field.number <= OPTIONAL && depth < MAX_DEPTH &&
                           count_tensors(field.bytes, field.bytes + field.size, depth + 1, ret_nested)) {
                        n++;
                        *ret_nested = true;
                }
        }
        return n;
}

const char *hedge_value_other_kind(const void *bytes, size_t size)
{
        bool nested = false;
        unsigned n = count_tensors(bytes, (const uint8_t *)bytes + size, 0, &nested);

        if (!n)
                return NULL;
        if (nested)
                return "a map, or a sequence of sequences";
        return n > 1 ? "a sequence of tensors" : "a sequence of one tensor, or an optional one";
}

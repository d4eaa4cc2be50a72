/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/literal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define TYPE(x) HEDGE_ELEMENT_##x

static uint64_t literal_bytes(const hedge_shape_t *shape, bool is_int)
{
        return (uint64_t)hedge_shape_elements(shape) * (is_int ? sizeof(int64_t) : sizeof(float)) +
               sizeof(hedge_literal_t) + HEDGE_TENSOR_SLACK;
}

int hedge_literal_new(const hedge_shape_t *shape, bool is_int, hedge_budget_t *budget, hedge_literal_t **ret)
{
        hedge_literal_t *literal;
        uint64_t elements, bytes;

        if (hedge_shape_check(shape, budget->max_elements) < 0)
                return HEDGE_ELIMIT;
        elements = hedge_shape_elements(shape);
        bytes = literal_bytes(shape, is_int);
        if (bytes > budget->bytes_left || elements > budget->work_left)
                return HEDGE_ELIMIT;
        literal = calloc(1, sizeof(*literal));
        if (!literal)
                return -ENOMEM;
        if (is_int)
                literal->ints = malloc((size_t)elements * sizeof(int64_t) + 1);
        else
                literal->floats = hedge_floats_new((size_t)elements);
        if (!literal->floats) {
                free(literal);
                return -ENOMEM;
        }
        literal->shape = *shape;
        literal->is_int = is_int;
        literal->element = is_int ? HEDGE_ELEMENT_INT64 : HEDGE_ELEMENT_FLOAT;
        literal->budget = budget;
        budget->bytes_left -= bytes;
        budget->work_left -= elements;
        *ret = literal;
        return 0;
}

void hedge_literal_destroy(hedge_literal_t **literal)
{
        hedge_literal_t *l = *literal;

        if (!l)
                return;
        if (l->floats)
                l->budget->bytes_left += literal_bytes(&l->shape, l->is_int);
        free(l->floats);
        hedge_narrow_destroy(&l->narrow);
        free(l);
        *literal = NULL;
}

static float from_bits(uint32_t bits)
{
        float f;

        memcpy(&f, &bits, sizeof(f));
        return f;
}

static float from_half(uint16_t h)
{
        uint32_t sign = (uint32_t)(h & 0x8000) << 16, exponent = h >> 10 & 31, mantissa = h & 1023;

        if (exponent == 31)
                return from_bits(sign | 0x7f800000 | mantissa << 13);
        if (exponent != 0)
                return from_bits(sign | (exponent + 112) << 23 | mantissa << 13);
        return (sign ? -1.0f : 1.0f) * (float)mantissa * 0x1p-24f;
}

/* One little-endian element of raw_data (or of a typed field, cut to its type). */
static uint64_t read_bits(const uint8_t *at, unsigned bytes)
{
        uint64_t bits = 0;

        for (unsigned i = 0; i < bytes; i++)
                bits |= (uint64_t)at[i] << 8 * i;
        return bits;
}

static void set_element(hedge_literal_t *out, size_t i, int type, uint64_t bits)
{
        double d;

        switch (type) {
        case TYPE(FLOAT):
                out->floats[i] = from_bits((uint32_t)bits);
                break;
        case TYPE(DOUBLE):
                memcpy(&d, &bits, sizeof(d));
                out->floats[i] = (float)d;
                break;
        case TYPE(FLOAT16):
                out->floats[i] = from_half((uint16_t)bits);
                break;
        case TYPE(BFLOAT16):
                out->floats[i] = from_bits((uint32_t)bits << 16);
                break;
        case TYPE(BOOL):
                out->ints[i] = bits != 0;
                break;
        case TYPE(INT8):
                out->ints[i] = (int8_t)bits;
                break;
        case TYPE(INT16):
                out->ints[i] = (int16_t)bits;
                break;
        case TYPE(INT32):
                out->ints[i] = (int32_t)bits;
                break;
        case TYPE(UINT64):
                out->ints[i] = bits > INT64_MAX ? INT64_MAX : (int64_t)bits;
                break;
        default:
                out->ints[i] = (int64_t)bits;
        }
}

static void read_raw(hedge_literal_t *out, const Onnx__TensorProto *proto)
{
        size_t n = hedge_shape_elements(&out->shape);
        unsigned bytes = hedge_element_bytes(proto->data_type);

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        if (proto->data_type == TYPE(FLOAT) || proto->data_type == TYPE(INT64)) {
                if (n > 0)
                        memcpy(out->floats, proto->raw_data.data, n * bytes);
                return;
        }
#endif
        for (size_t i = 0; i < n; i++)
                set_element(out, i, proto->data_type, read_bits(proto->raw_data.data + i * bytes, bytes));
}

/* Elements in the field that holds this type; the field's elements themselves through get_typed. */
static size_t typed_count(const Onnx__TensorProto *proto)
{
        switch (proto->data_type) {
        case TYPE(FLOAT):
                return proto->n_float_data;
        case TYPE(DOUBLE):
                return proto->n_double_data;
        case TYPE(INT64):
                return proto->n_int64_data;
        case TYPE(UINT32):
        case TYPE(UINT64):
                return proto->n_uint64_data;
        default:
                return proto->n_int32_data;
        }
}

static void read_typed(hedge_literal_t *out, const Onnx__TensorProto *proto)
{
        size_t n = hedge_shape_elements(&out->shape);
        uint64_t bits;

        for (size_t i = 0; i < n; i++) {
                switch (proto->data_type) {
                case TYPE(FLOAT):
                        out->floats[i] = proto->float_data[i];
                        continue;
                case TYPE(DOUBLE):
                        out->floats[i] = (float)proto->double_data[i];
                        continue;
                case TYPE(INT64):
                        bits = (uint64_t)proto->int64_data[i];
                        break;
                case TYPE(UINT32):
                case TYPE(UINT64):
                        bits = proto->uint64_data[i];
                        break;
                default:
                        bits = (uint64_t)(int64_t)proto->int32_data[i];
                }
                set_element(out, i, proto->data_type, bits);
        }
}

static int read_shape(const Onnx__TensorProto *proto, const char *name, hedge_shape_t *shape, hedge_why_t *why)
{
        if (proto->n_dims > HEDGE_MAX_RANK)
                return hedge_why(why, HEDGE_EUNSUPPORTED, "tensor '%s' has %zu axes; at most %u are supported", name,
                                 proto->n_dims, HEDGE_MAX_RANK);
        *shape = (hedge_shape_t){ .rank = (uint32_t)proto->n_dims };
        for (size_t i = 0; i < proto->n_dims; i++) {
                if (proto->dims[i] < 0)
                        return hedge_why(why, HEDGE_EMALFORMED, "tensor '%s' has an extent of %lld", name,
                                         (long long)proto->dims[i]);
                if (proto->dims[i] > INT32_MAX)
                        return hedge_why(why, HEDGE_ELIMIT, "tensor '%s' has an extent of %lld", name,
                                         (long long)proto->dims[i]);
                shape->dims[i] = (uint32_t)proto->dims[i];
        }
        return 0;
}

static int check_proto(const Onnx__TensorProto *proto, const char *name, hedge_why_t *why)
{
        if (proto->n_external_data > 0 ||
            (proto->has_data_location && proto->data_location == ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL))
                return hedge_why(why, HEDGE_EUNSUPPORTED,
                                 "tensor '%s' keeps its data in another file, which did not come with it", name);
        if (proto->segment)
                return hedge_why(why, HEDGE_EUNSUPPORTED, "tensor '%s' is stored in segments", name);
        if (hedge_element_bytes(proto->data_type) == 0)
                return hedge_why(why, HEDGE_EUNSUPPORTED, "tensor '%s' is %s, which is not supported", name,
                                 hedge_element_name(proto->data_type));
        return 0;
}

int hedge_literal_from_proto(const Onnx__TensorProto *proto, hedge_budget_t *budget, hedge_literal_t **ret,
                             hedge_why_t *why)
{
        const char *name = proto->name ? proto->name : "";
        hedge_literal_t *literal = NULL;
        hedge_shape_t shape;
        uint64_t n, have;
        int r = check_proto(proto, name, why);

        if (r < 0)
                return r;
        r = read_shape(proto, name, &shape, why);
        if (r < 0)
                return r;
        if (hedge_shape_check(&shape, budget->max_elements) < 0)
                return hedge_why(why, HEDGE_ELIMIT, "tensor '%s' is too large", name);
        n = hedge_shape_elements(&shape);
        have = proto->has_raw_data ? proto->raw_data.len / hedge_element_bytes(proto->data_type) : typed_count(proto);
        if (have != n || (proto->has_raw_data && proto->raw_data.len % hedge_element_bytes(proto->data_type)))
                return hedge_why(why, HEDGE_EMALFORMED, "tensor '%s' should have %llu elements and has %llu", name,
                                 (unsigned long long)n, (unsigned long long)have);
        r = hedge_literal_new(&shape, hedge_element_is_integer(proto->data_type), budget, &literal);
        if (r < 0)
                return hedge_why(why, r, "tensor '%s': the model's constants take too much memory", name);
        literal->element = (hedge_element_t)proto->data_type;
        if (proto->has_raw_data)
                read_raw(literal, proto);
        else
                read_typed(literal, proto);
        *ret = literal;
        return 0;
}

void hedge_strides(const hedge_shape_t *shape, int64_t *stride)
{
        bool empty = hedge_shape_elements(shape) == 0; /* its other extents may be anything */
        int64_t s = empty ? 0 : 1;

        for (uint32_t i = shape->rank; i-- > 0;) {
                stride[i] = s;
                s *= empty ? 0 : shape->dims[i];
        }
}

/* `n` elements, each `stride` behind the one before. */
static void copy_run(hedge_literal_t *out, size_t to, const hedge_literal_t *src, int64_t from, int64_t stride,
                     size_t n)
{
        if (src->is_int)
                for (size_t i = 0; i < n; i++, from += stride)
                        out->ints[to + i] = src->ints[from];
        else
                for (size_t i = 0; i < n; i++, from += stride)
                        out->floats[to + i] = src->floats[from];
}

int hedge_literal_strided(const hedge_literal_t *src, const hedge_shape_t *shape, int64_t offset, const int64_t *stride,
                          hedge_literal_t **ret)
{
        uint32_t index[HEDGE_MAX_RANK] = { 0 }, rank = shape->rank;
        size_t run = rank ? shape->dims[rank - 1] : 1, n;
        hedge_literal_t *out = NULL;
        int64_t at = offset;
        int r = hedge_literal_new(shape, src->is_int, src->budget, &out);

        if (r < 0)
                return r;
        out->element = src->element;
        n = hedge_shape_elements(shape);
        for (size_t i = 0; i < n; i += run) {
                copy_run(out, i, src, at, rank ? stride[rank - 1] : 0, run);
                for (uint32_t d = rank ? rank - 1 : 0; d-- > 0;) {
                        at += stride[d];
                        if (++index[d] < shape->dims[d])
                                break;
                        at -= stride[d] * shape->dims[d];
                        index[d] = 0;
                }
        }
        *ret = out;
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "client/media/npy.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "client/media/file.h"
#include "common/io/kind.h"

#define MAX_HEADER 65536

typedef struct header {
        char kind;     /* 'f', 'i', 'u', 'b' */
        unsigned size; /* bytes of an element */
        bool big_endian, fortran_order;
        hedge_shape_t shape;
        bool have_descr, have_order, have_shape;
} header_t;

/* The header's text, a Python dictionary of three keys. */
typedef struct text {
        const char *at, *end;
} text_t;

static void skip_space(text_t *t)
{
        while (t->at < t->end && (*t->at == ' ' || *t->at == '\n' || *t->at == '\t'))
                t->at++;
}

static bool take(text_t *t, const char *word)
{
        size_t n = strlen(word);

        skip_space(t);
        if ((size_t)(t->end - t->at) < n || memcmp(t->at, word, n))
                return false;
        t->at += n;
        return true;
}

/* 'text' or "text" of at most 15 bytes without escapes. */
static bool take_string(text_t *t, char out[16])
{
        char quote;
        size_t n = 0;

        skip_space(t);
        if (t->at == t->end || (*t->at != '\'' && *t->at != '"'))
                return false;
        for (quote = *t->at++; t->at < t->end && *t->at != quote && n < 15; n++)
                out[n] = *t->at++;
        out[n] = 0;
        return t->at < t->end && *t->at++ == quote;
}

static int read_type(text_t *t, header_t *h, hedge_why_t *why)
{
        static const char *const known[] = { "f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1" };
        char text[16];

        if (!take_string(t, text))
                return hedge_why(why, HEDGE_EUNSUPPORTED, "is a .npy of a structured or nameless type");
        for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
                if (!strchr("<>|=", text[0]) || strcmp(text + 1, known[i]))
                        continue;
                h->kind = text[1];
                h->size = (unsigned)(text[2] - '0');
                h->big_endian = text[0] == '>';
                h->have_descr = true;
                return 0;
        }
        for (char *c = text; *c; c++)
                *c = *c < 0x20 || *c > 0x7e ? '?' : *c;
        return hedge_why(why, HEDGE_EUNSUPPORTED,
                         "is a .npy of type %s; float16, float32, float64, integers and bool are read", text);
}

static int read_extents(text_t *t, header_t *h, hedge_why_t *why)
{
        if (!take(t, "("))
                return HEDGE_EMALFORMED;
        while (!take(t, ")")) {
                uint64_t extent = 0;
                const char *digits;

                skip_space(t);
                for (digits = t->at; t->at < t->end && *t->at >= '0' && *t->at <= '9' && extent <= UINT32_MAX; t->at++)
                        extent = extent * 10 + (uint64_t)(*t->at - '0');
                if (t->at == digits)
                        return HEDGE_EMALFORMED;
                if (h->shape.rank == HEDGE_MAX_RANK)
                        return hedge_why(why, HEDGE_ELIMIT, "is a .npy of more than %d dimensions", HEDGE_MAX_RANK);
                if (extent > UINT32_MAX)
                        return hedge_why(why, HEDGE_ELIMIT, "is a .npy of more than %u elements",
                                         HEDGEC_NPY_MAX_ELEMENTS);
                h->shape.dims[h->shape.rank++] = (uint32_t)extent;
                if (take(t, ")"))
                        break;
                if (!take(t, ","))
                        return HEDGE_EMALFORMED;
        }
        h->have_shape = true;
        return 0;
}

static int read_entry(text_t *t, header_t *h, hedge_why_t *why)
{
        char key[16];

        if (!take_string(t, key) || !take(t, ":"))
                return HEDGE_EMALFORMED;
        if (!strcmp(key, "descr") && !h->have_descr)
                return read_type(t, h, why);
        if (!strcmp(key, "shape") && !h->have_shape)
                return read_extents(t, h, why);
        if (strcmp(key, "fortran_order") || h->have_order)
                return HEDGE_EMALFORMED;
        h->have_order = true;
        h->fortran_order = take(t, "True");
        return h->fortran_order || take(t, "False") ? 0 : HEDGE_EMALFORMED;
}

static int read_dictionary(text_t t, header_t *h, hedge_why_t *why)
{
        int r;

        if (!take(&t, "{"))
                return HEDGE_EMALFORMED;
        while (!take(&t, "}")) {
                r = read_entry(&t, h, why);
                if (r < 0)
                        return r;
                if (!take(&t, ",") && !(t.at < t.end && *t.at == '}'))
                        return HEDGE_EMALFORMED;
        }
        skip_space(&t);
        return t.at == t.end && h->have_descr && h->have_order && h->have_shape ? 0 : HEDGE_EMALFORMED;
}

static int read_header(const uint8_t *bytes, size_t size, header_t *h, size_t *ret_offset, hedge_why_t *why)
{
        size_t offset = 10, length;
        int r;

        if (hedge_kind(bytes, size) != HEDGE_KIND_NPY)
                return hedge_kind(bytes, size) == HEDGE_KIND_UNKNOWN && size
                               ? hedge_why(why, HEDGE_EMALFORMED, "is no .npy file")
                               : hedge_why(why, HEDGE_EMALFORMED, "is no .npy file: it is %s",
                                           hedge_kind_text(bytes, size));
        if (size < 12)
                return hedge_why(why, HEDGE_EMALFORMED, "is a damaged .npy: it ends early");
        if (bytes[6] < 1 || bytes[6] > 3)
                return hedge_why(why, HEDGE_EUNSUPPORTED, "is a .npy of version %u; 1 to 3 are read", bytes[6]);
        length = bytes[8] | (size_t)bytes[9] << 8;
        if (bytes[6] > 1) {
                offset = 12;
                length |= (size_t)bytes[10] << 16 | (size_t)bytes[11] << 24;
        }
        if (length > MAX_HEADER || length > size - offset)
                return hedge_why(why, HEDGE_EMALFORMED, "is a damaged .npy: its header is longer than it can be");
        if (why)
                why->text[0] = 0;
        r = read_dictionary((text_t){ (const char *)bytes + offset, (const char *)bytes + offset + length }, h, why);
        if (r < 0 && why && !why->text[0])
                hedge_why(why, r, "is a damaged .npy: its header cannot be read");
        *ret_offset = offset + length;
        return r;
}

/* An element's bytes as a number, most significant byte first. */
static uint64_t raw(const uint8_t *p, const header_t *h)
{
        uint64_t value = 0;

        for (unsigned i = 0; i < h->size; i++)
                value = value << 8 | p[h->big_endian ? i : h->size - 1 - i];
        return value;
}

/* IEEE 754's binary16. */
static float from_half(uint32_t half)
{
        uint32_t exponent = half >> 10 & 31, fraction = half & 1023, bits;
        float sign = half & 0x8000 ? -1.0f : 1.0f, value;

        if (!exponent)
                return sign * (float)fraction * 0x1p-24f;
        bits = (exponent == 31 ? 255 : exponent + 112) << 23 | fraction << 13;
        memcpy(&value, &bits, sizeof(value));
        return sign * value;
}

static float element(const uint8_t *p, const header_t *h)
{
        uint64_t bits = raw(p, h);
        unsigned unused = 64 - 8 * h->size;
        uint32_t bits32 = (uint32_t)bits;
        double d;
        float f;

        if (h->kind == 'b')
                return bits != 0;
        if (h->kind == 'u')
                return (float)bits;
        if (h->kind == 'i')
                return (float)((int64_t)(bits << unused) >> unused);
        if (h->size == 2)
                return from_half(bits32);
        memcpy(&d, &bits, sizeof(d));
        memcpy(&f, &bits32, sizeof(f));
        return h->size == 8 ? (float)d : f;
}

/* Row-major order of the tensor; in Fortran order the file's first index runs fastest. */
static void read_elements(const uint8_t *from, const header_t *h, float *to)
{
        size_t n = hedge_shape_elements(&h->shape), stride[HEDGE_MAX_RANK], at = 0, step = 1;
        uint32_t index[HEDGE_MAX_RANK] = { 0 };

        for (uint32_t a = 0; a < h->shape.rank; a++) {
                uint32_t axis = h->fortran_order ? a : h->shape.rank - 1 - a;

                stride[axis] = step;
                step *= h->shape.dims[axis];
        }
        for (size_t i = 0; i < n; i++) {
                to[i] = element(from + at * h->size, h);
                for (uint32_t axis = h->shape.rank; axis-- > 0;) {
                        at += stride[axis];
                        if (++index[axis] < h->shape.dims[axis])
                                break;
                        at -= stride[axis] * h->shape.dims[axis];
                        index[axis] = 0;
                }
        }
}

static int decode(const uint8_t *bytes, size_t size, bool only_float32, hedge_tensor_t *ret, hedge_why_t *why)
{
        header_t h = { .kind = 0 };
        hedge_tensor_t tensor = { .data = NULL };
        char text[96];
        size_t offset = 0, wanted;
        int r;

        r = read_header(bytes, size, &h, &offset, why);
        if (r < 0)
                return r;
        if (only_float32 && (h.kind != 'f' || h.size != sizeof(float)))
                return hedge_why(why, HEDGE_EUNSUPPORTED, "is a .npy of another type than float32");
        if (hedge_shape_check(&h.shape, HEDGEC_NPY_MAX_ELEMENTS) < 0)
                return hedge_why(why, HEDGE_ELIMIT, "is a .npy of more than %u elements", HEDGEC_NPY_MAX_ELEMENTS);
        wanted = hedge_shape_elements(&h.shape) * h.size;
        if (!wanted)
                return hedge_why(why, HEDGE_EMALFORMED, "is a .npy without elements");
        if (size - offset != wanted)
                return hedge_why(why, HEDGE_EMALFORMED, "is a damaged .npy: %s takes %zu bytes, there are %zu",
                                 hedge_shape_text(&h.shape, text, sizeof(text)), wanted, size - offset);
        r = hedge_tensor_alloc(&tensor, &h.shape);
        if (r < 0)
                return hedge_why(why, r, "%s", hedge_strerror(r));
        read_elements(bytes + offset, &h, tensor.data);
        *ret = tensor;
        return 0;
}

int hedgec_npy_decode(const uint8_t *bytes, size_t size, hedge_tensor_t *ret, hedge_why_t *why)
{
        return decode(bytes, size, false, ret, why);
}

static int load(const char *path, bool only_float32, hedge_tensor_t *ret, hedge_why_t *why)
{
        hedge_why_t what = { .text = "" };
        uint8_t *bytes = NULL;
        size_t size = 0;
        int r;

        r = hedgec_file_read(path, HEDGEC_NPY_MAX_BYTES, &bytes, &size, why);
        if (r < 0)
                return r;
        r = decode(bytes, size, only_float32, ret, &what);
        free(bytes);
        return r < 0 ? hedge_why(why, r, "%s: %.300s", hedgec_file_name(path), what.text) : 0;
}

int hedgec_npy_load(const char *path, hedge_tensor_t *ret, hedge_why_t *why)
{
        return load(path, false, ret, why);
}

int hedgec_npy_load_float32(const char *path, hedge_tensor_t *ret, hedge_why_t *why)
{
        return load(path, true, ret, why);
}

static bool write_floats(const hedge_tensor_t *tensor, FILE *out)
{
        size_t n = hedge_shape_elements(&tensor->shape);

#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
        return fwrite(tensor->data, sizeof(float), n, out) == n;
#else
        for (size_t i = 0; i < n; i++) {
                uint32_t bits;

                memcpy(&bits, &tensor->data[i], sizeof(bits));
                bits = __builtin_bswap32(bits);
                if (fwrite(&bits, sizeof(bits), 1, out) != 1)
                        return false;
        }
        return true;
#endif
}

static int64_t whole(float x, hedge_element_t element)
{
        float lo, hi;

        hedge_element_range(element, &lo, &hi);
        return x >= hi ? (int64_t)hi : x > lo ? (int64_t)x : x <= lo ? (int64_t)lo : 0;
}

static bool write_integers(const hedge_tensor_t *tensor, hedge_element_t element, FILE *out)
{
        size_t bytes = hedge_element_bytes((int)element);

        for (size_t i = 0, n = hedge_shape_elements(&tensor->shape); i < n; i++) {
                uint64_t bits = (uint64_t)whole(tensor->data[i], element);
                uint8_t little[8];

                for (size_t b = 0; b < sizeof(little); b++)
                        little[b] = (uint8_t)(bits >> 8 * b);
                if (fwrite(little, bytes, 1, out) != 1)
                        return false;
        }
        return true;
}

/* "<i8", ...: NumPy's code of what is written. */
static const char *descriptor(hedge_element_t element)
{
        switch (element) {
        case HEDGE_ELEMENT_BOOL:
                return "|b1";
        case HEDGE_ELEMENT_INT8:
                return "|i1";
        case HEDGE_ELEMENT_UINT8:
                return "|u1";
        case HEDGE_ELEMENT_INT16:
                return "<i2";
        case HEDGE_ELEMENT_UINT16:
                return "<u2";
        case HEDGE_ELEMENT_INT32:
                return "<i4";
        case HEDGE_ELEMENT_UINT32:
                return "<u4";
        case HEDGE_ELEMENT_INT64:
                return "<i8";
        case HEDGE_ELEMENT_UINT64:
                return "<u8";
        default:
                return "<f4";
        }
}

int hedgec_npy_write(const hedge_tensor_t *tensor, hedge_element_t element, FILE *out)
{
        bool integers = hedge_element_is_integer((int)element);
        char header[192] = "\x93NUMPY\x01"; /* and a zero byte: version 1.0 */
        int n = 10, length;

        n += snprintf(header + n, sizeof(header) - n, "{'descr': '%s', 'fortran_order': False, 'shape': (",
                      descriptor(element));
        for (uint32_t i = 0; i < tensor->shape.rank; i++)
                n += snprintf(header + n, sizeof(header) - n, "%u,%s", tensor->shape.dims[i],
                              i + 1 < tensor->shape.rank ? " " : "");
        n += snprintf(header + n, sizeof(header) - n, "), }");
        length = (n + 1 + 63) / 64 * 64; /* data begins at a multiple of 64, the header ends in a new line */
        memset(header + n, ' ', (size_t)(length - 1 - n));
        header[length - 1] = '\n';
        header[8] = (char)((length - 10) & 0xff);
        header[9] = (char)((length - 10) >> 8);
        errno = 0;
        if (fwrite(header, (size_t)length, 1, out) != 1 ||
            !(integers ? write_integers(tensor, element, out) : write_floats(tensor, out)) || fflush(out))
                return errno ? -errno : -EIO;
        return 0;
}

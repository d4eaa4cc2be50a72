/* SPDX-License-Identifier: Apache-2.0 */
#include "client/media/exif.h"

#include <stdbool.h>
#include <string.h>

#define TAG_ORIENTATION 274
#define TYPE_SHORT      3
#define TYPE_LONG       4
#define ENTRY_BYTES     12

/* A file's bytes in its own byte order; nothing is read outside of them. */
typedef struct bytes {
        const uint8_t *at;
        size_t size;
        bool big_endian;
} bytes_t;

/* @return 0 where the number is not wholly inside, which no tag, type or offset that we look for is. */
static uint32_t number(const bytes_t *b, size_t offset, unsigned n)
{
        uint32_t value = 0;

        if (offset > b->size || n > b->size - offset)
                return 0;
        for (unsigned i = 0; i < n; i++)
                value = value << 8 | b->at[offset + (b->big_endian ? i : n - 1 - i)];
        return value;
}

/* The value of an entry of the directory; the counts and offsets of other types would be elsewhere. */
static uint32_t entry_value(const bytes_t *b, size_t entry)
{
        uint32_t type = number(b, entry + 2, 2);

        if (number(b, entry + 4, 4) != 1 || (type != TYPE_SHORT && type != TYPE_LONG))
                return 0;
        return number(b, entry + 8, type == TYPE_SHORT ? 2 : 4);
}

static unsigned of_tiff(const uint8_t *bytes, size_t size)
{
        bytes_t b = { bytes, size, size > 0 && bytes[0] == 'M' };
        size_t directory, n;

        if (size < 8 || (memcmp(bytes, "II*\0", 4) && memcmp(bytes, "MM\0*", 4)))
                return 1;
        directory = number(&b, 4, 4);
        if (directory > size)
                return 1;
        n = number(&b, directory, 2);
        for (size_t i = 0; i < n; i++) {
                size_t entry = directory + 2 + i * ENTRY_BYTES;
                uint32_t value;

                if (number(&b, entry, 2) != TAG_ORIENTATION)
                        continue;
                value = entry_value(&b, entry);
                return value >= 1 && value <= 8 ? value : 1;
        }
        return 1;
}

/* JPEG's segments up to the first scan: 0xff (any number of), a code, and but for a few codes a length that counts itself. */
unsigned hedgec_exif_of_jpeg(const uint8_t *bytes, size_t size)
{
        const bytes_t b = { bytes, size, true };
        size_t at = 2;

        while (at < size && bytes[at] == 0xff) {
                uint8_t code;
                size_t length;

                while (at < size && bytes[at] == 0xff)
                        at++;
                code = at < size ? bytes[at++] : 0;
                if (code == 0x01 || (code >= 0xd0 && code <= 0xd7))
                        continue;
                length = number(&b, at, 2);
                if (!code || code == 0xd9 || code == 0xda || length < 2 || length > size - at)
                        break;
                if (code == 0xe1 && length >= 8 && !memcmp(bytes + at + 2, "Exif\0\0", 6))
                        return of_tiff(bytes + at + 8, length - 8);
                at += length;
        }
        return 1;
}

/* PNG's chunks: a length, a name, as many bytes, a checksum (which libpng looks at). eXIf may also come behind the pixels. */
unsigned hedgec_exif_of_png(const uint8_t *bytes, size_t size)
{
        const bytes_t b = { bytes, size, true };
        size_t at = 8;

        while (at < size && size - at >= 12) {
                size_t length = number(&b, at, 4);

                if (length > size - at - 12)
                        break;
                if (!memcmp(bytes + at + 4, "eXIf", 4))
                        return of_tiff(bytes + at + 8, length);
                at += 12 + length;
        }
        return 1;
}

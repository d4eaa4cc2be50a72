/* SPDX-License-Identifier: Apache-2.0 */
#include "common/train/dataset_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#define FIRST_BYTES  (1u << 16)
#define IDX_IMAGES   0x00000803u /* unsigned bytes, three extents */
#define IDX_LABELS   0x00000801u
#define CIFAR_SIDE   32u
#define CIFAR_PLANE  (CIFAR_SIDE * CIFAR_SIDE)
#define CIFAR_RECORD (1 + 3 * CIFAR_PLANE)

typedef struct bytes {
        uint8_t *data;
        size_t size, room;
} bytes_t;

static int grow(bytes_t *b, const char *path, hedge_why_t *why)
{
        const size_t room = b->room ? 2 * b->room : FIRST_BYTES;
        uint8_t *data = realloc(b->data, room);

        if (!data)
                return hedge_why(why, -ENOMEM, "%s: out of memory", path);
        b->data = data;
        b->room = room;
        return 0;
}

/* How a read ended: zlib keeps a code of its own, and errno for the file's. At the end of a file that is cut short
 * there is a code, though the last read gave its bytes. */
static int how_it_went(gzFile file, const char *path, hedge_why_t *why)
{
        const int error = errno;
        int code;
        const char *text = gzerror(file, &code);

        if (code == Z_OK || code == Z_STREAM_END)
                return 0;
        if (code == Z_ERRNO && error)
                return hedge_why(why, -error, "%s: %s", path, hedge_strerror(-error));
        if (code == Z_BUF_ERROR)
                return hedge_why(why, HEDGE_EMALFORMED, "%s: the compressed data is cut short", path);
        return hedge_why(why, HEDGE_EMALFORMED, "%s: %s", path, text && *text ? text : "cannot be unpacked");
}

static int read_all(gzFile file, const char *path, bytes_t *b, hedge_why_t *why)
{
        for (;;) {
                size_t room;
                int r = b->size == b->room ? grow(b, path, why) : 0, n;

                if (r < 0)
                        return r;
                room = b->room - b->size;
                errno = 0;
                n = gzread(file, b->data + b->size, room < 1u << 30 ? (unsigned)room : 1u << 30);
                if (n <= 0)
                        return how_it_went(file, path, why);
                b->size += (size_t)n;
                if (b->size > HEDGE_DATASET_MAX_BYTES)
                        return hedge_why(why, HEDGE_ELIMIT, "%s: holds more than %llu MiB", path,
                                         (unsigned long long)HEDGE_DATASET_MAX_BYTES >> 20);
        }
}

/* The whole file, unpacked where it is gzipped. `ret->data` is to be freed. */
static int read_file(const char *path, bytes_t *ret, hedge_why_t *why)
{
        bytes_t b = { NULL, 0, 0 };
        gzFile file;
        int r;

        errno = 0;
        file = gzopen(path, "rbe");
        if (!file) {
                r = errno ? -errno : -ENOMEM;
                return hedge_why(why, r, "%s: %s", path, hedge_strerror(r));
        }
        r = read_all(file, path, &b, why);
        gzclose(file);
        if (r < 0)
                free(b.data);
        else
                *ret = b;
        return r;
}

static uint32_t big_endian(const uint8_t *p)
{
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* An IDX file with `n` extents whose product is the number of bytes behind them. */
static int read_idx(const char *path, uint32_t magic, unsigned n, bytes_t *b, uint32_t *extents, hedge_why_t *why)
{
        uint64_t bytes = 1;
        int r = read_file(path, b, why);

        if (r < 0)
                return r;
        if (b->size < 4 || big_endian(b->data) != magic)
                return hedge_why(why, HEDGE_EMALFORMED, "%s: not an IDX file of %s: it does not begin with 0x%08x",
                                 path, n == 3 ? "images" : "labels", magic);
        if (b->size < 4 + 4 * (size_t)n)
                return hedge_why(why, HEDGE_EMALFORMED, "%s: cut short in its header", path);
        for (unsigned i = 0; i < n; i++) {
                extents[i] = big_endian(b->data + 4 + (size_t)4 * i);
                if (extents[i] < 1 || bytes > HEDGE_DATASET_MAX_BYTES / extents[i])
                        return hedge_why(why, HEDGE_ELIMIT,
                                         "%s: an extent of %u: 1 or more, and at most %llu MiB in all", path,
                                         extents[i], (unsigned long long)HEDGE_DATASET_MAX_BYTES >> 20);
                bytes *= extents[i];
        }
        if (b->size - 4 - 4 * (size_t)n != bytes)
                return hedge_why(why, HEDGE_EMALFORMED, "%s: %s: %llu bytes behind its header instead of %llu", path,
                                 b->size - 4 - 4 * (size_t)n < bytes ? "cut short" : "too long",
                                 (unsigned long long)(b->size - 4 - 4 * (size_t)n), (unsigned long long)bytes);
        return 0;
}

int hedge_dataset_read_idx(const char *images_path, const char *labels_path, uint32_t classes, hedge_dataset_t **ret,
                           hedge_why_t *why)
{
        bytes_t images = { NULL, 0, 0 }, labels = { NULL, 0, 0 };
        hedge_why_t inner = { "" };
        uint32_t extents[3] = { 0 }, count = 0;
        hedge_extent_t image;
        int r = read_idx(images_path, IDX_IMAGES, 3, &images, extents, why);

        if (r == 0)
                r = read_idx(labels_path, IDX_LABELS, 1, &labels, &count, why);
        if (r == 0 && count != extents[0])
                r = hedge_why(why, HEDGE_EMALFORMED, "%s has %u labels for the %u images of %s", labels_path, count,
                              extents[0], images_path);
        if (r == 0) {
                image = (hedge_extent_t){ extents[1], extents[2], 1, false };
                r = hedge_dataset_new(&image, classes, count, images.data + 16, labels.data + 8, ret, &inner);
                if (r < 0)
                        hedge_why(why, r, "%s: %s", labels_path, inner.text);
        }
        free(images.data);
        free(labels.data);
        return r;
}

/* A record: the label, then 32 x 32 of red, of green and of blue. */
static void take_record(const uint8_t *record, uint8_t *pixels, uint8_t *label)
{
        *label = record[0];
        for (unsigned i = 0; i < CIFAR_PLANE; i++)
                for (unsigned c = 0; c < 3; c++)
                        pixels[3 * i + c] = record[1 + c * CIFAR_PLANE + i];
}

/* One more file's records behind those that are there; counted in size of `pixels` and `labels`. */
static int add_records(const char *path, bytes_t *pixels, bytes_t *labels, hedge_why_t *why)
{
        bytes_t b;
        size_t n;
        uint8_t *more;
        int r = read_file(path, &b, why);

        if (r < 0)
                return r;
        n = b.size / CIFAR_RECORD;
        if (n < 1 || b.size % CIFAR_RECORD)
                r = hedge_why(why, HEDGE_EMALFORMED, "%s: cut short: %zu bytes are not whole records of %u", path,
                              b.size, CIFAR_RECORD);
        else if (pixels->size + b.size > HEDGE_DATASET_MAX_BYTES)
                r = hedge_why(why, HEDGE_ELIMIT, "%s: with it the data set is above %llu MiB", path,
                              (unsigned long long)HEDGE_DATASET_MAX_BYTES >> 20);
        if (r == 0 && (more = realloc(pixels->data, pixels->size + n * 3 * CIFAR_PLANE)))
                pixels->data = more;
        else if (r == 0)
                r = hedge_why(why, -ENOMEM, "%s: out of memory", path);
        if (r == 0 && (more = realloc(labels->data, labels->size + n)))
                labels->data = more;
        else if (r == 0)
                r = hedge_why(why, -ENOMEM, "%s: out of memory", path);
        for (size_t i = 0; r == 0 && i < n; i++, pixels->size += 3 * CIFAR_PLANE)
                take_record(b.data + i * CIFAR_RECORD, pixels->data + pixels->size, labels->data + labels->size++);
        free(b.data);
        return r;
}

int hedge_dataset_read_cifar10(const char *const *paths, uint32_t n_paths, hedge_dataset_t **ret, hedge_why_t *why)
{
        const hedge_extent_t image = { CIFAR_SIDE, CIFAR_SIDE, 3, false };
        bytes_t pixels = { NULL, 0, 0 }, labels = { NULL, 0, 0 };
        int r = n_paths ? 0 : hedge_why(why, -EINVAL, "no files");

        for (uint32_t i = 0; r == 0 && i < n_paths; i++) {
                const size_t first = labels.size;

                r = add_records(paths[i], &pixels, &labels, why);
                for (size_t k = first; r == 0 && k < labels.size; k++)
                        if (labels.data[k] > 9)
                                r = hedge_why(why, HEDGE_EMALFORMED,
                                              "%s: record %zu has label %u, but the classes are 0 to 9", paths[i],
                                              k - first, labels.data[k]);
        }
        if (r == 0)
                r = hedge_dataset_new(&image, 10, (uint32_t)labels.size, pixels.data, labels.data, ret, why);
        free(pixels.data);
        free(labels.data);
        return r;
}

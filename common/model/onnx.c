/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/onnx.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sodium.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/file.h"
#include "common/io/kind.h"
#include "common/model/declared.h"
#include "common/model/external.h"
#include "common/model/literal.h"
#include "common/model/passes.h"
#include "common/model/value_kind.h"

#define DIGEST_BYTES 32

const hedge_onnx_limits_t hedge_onnx_default_limits = {
        .max_file_bytes = UINT64_C(1) << 30,
        .max_tensor_elements = UINT64_C(1) << 28,
        .max_constant_bytes = UINT64_C(2) << 30,
        .max_nodes = 65536,
        .max_run_bytes = UINT64_C(4) << 30,
};

/* What does not unpack, or to nothing, may be something else. */
static int unpack(const void *bytes, size_t size, uint64_t max_bytes, hedge_proto_t **ret, hedge_why_t *why)
{
        const char *kind = hedge_kind_text(bytes, size);
        hedge_proto_t *proto = NULL;
        int r;

        if (size > max_bytes)
                return hedge_why(why, HEDGE_ELIMIT, "a file of %zu bytes; at most %llu are allowed", size,
                                 (unsigned long long)max_bytes);
        r = hedge_proto_unpack(bytes, size, &onnx__model_proto__descriptor, &proto, why);
        if (r == 0 && kind && !hedge_proto_model(proto)->graph)
                r = HEDGE_EMALFORMED;
        if (r == HEDGE_EMALFORMED && kind)
                hedge_why(why, r, "not an ONNX model but %s", kind);
        if (r < 0)
                hedge_proto_destroy(&proto);
        else
                *ret = proto;
        return r;
}

/* The options with their limits. */
static hedge_onnx_options_t complete(const hedge_onnx_options_t *options)
{
        hedge_onnx_options_t complete = options ? *options : (hedge_onnx_options_t){ 0 };

        if (!complete.limits)
                complete.limits = &hedge_onnx_default_limits;
        return complete;
}

/* A file in memory. */
typedef struct memory {
        const void *bytes;
        size_t size;
        uint64_t max_bytes;
} memory_t;

static int open_memory(void *arg, hedge_proto_t **ret, hedge_why_t *why)
{
        const memory_t *m = arg;

        return unpack(m->bytes, m->size, m->max_bytes, ret, why);
}

int hedge_onnx_import(const void *bytes, size_t size, const hedge_onnx_options_t *options, hedge_graph_t **ret,
                      hedge_why_t *why)
{
        const hedge_onnx_options_t o = complete(options);
        memory_t memory = { bytes, size, o.limits->max_file_bytes };
        int r = hedge_passes_import(open_memory, &memory, &o, ret, why);

        if (r == 0)
                crypto_generichash((*ret)->digest, DIGEST_BYTES, bytes, size, NULL, 0);
        return r;
}

static int read_file(const char *path, uint64_t max_bytes, char **ret, size_t *ret_size, hedge_why_t *why)
{
        const int fd = hedge_io_open_regular(path, 0);
        struct stat st;
        int r;

        if (fd == -EINVAL || fd == -EISDIR)
                return hedge_why(why, -EINVAL, "not a file");
        if (fd < 0)
                return hedge_why(why, fd, "cannot open it: %s", hedge_strerror(fd));
        r = hedge_io_read(fd, max_bytes < SIZE_MAX / 2 ? (size_t)max_bytes : SIZE_MAX / 2, ret, ret_size);
        if (r == HEDGE_ELIMIT && fstat(fd, &st) == 0)
                hedge_why(why, r, "a file of %lld bytes; at most %llu are allowed", (long long)st.st_size,
                          (unsigned long long)max_bytes);
        else if (r < 0)
                hedge_why(why, r, "cannot read it: %s", hedge_strerror(r));
        close(fd);
        return r;
}

/* A file, with what it keeps in files beside it. The digest is of all the bytes that were read. */
static int read_model(const char *path, uint64_t max_bytes, unsigned char *digest, hedge_proto_t **ret, bool *outside,
                      hedge_why_t *why)
{
        crypto_generichash_state hash;
        hedge_proto_t *proto = NULL;
        char folder[PATH_MAX], *bytes = NULL;
        size_t size = 0;
        int r = read_file(path, max_bytes, &bytes, &size, why);

        crypto_generichash_init(&hash, NULL, 0, DIGEST_BYTES);
        if (r == 0) {
                crypto_generichash_update(&hash, (const unsigned char *)bytes, size);
                r = unpack(bytes, size, max_bytes, &proto, why);
        }
        free(bytes); /* before the constants take as much again */
        if (r == 0 && snprintf(folder, sizeof(folder), "%s", path) >= (int)sizeof(folder))
                r = hedge_why(why, -ENAMETOOLONG, "%s", hedge_strerror(-ENAMETOOLONG));
        if (r == 0)
                r = hedge_external_read(proto, dirname(folder), max_bytes - size, &hash, outside, why);
        crypto_generichash_final(&hash, digest, DIGEST_BYTES);
        if (r < 0)
                hedge_proto_destroy(&proto);
        else
                *ret = proto;
        return r;
}

/* A file on the disk; each reading says the digest of what it read. */
typedef struct disk {
        const char *path;
        uint64_t max_bytes;
        unsigned char digest[DIGEST_BYTES];
} disk_t;

static int open_disk(void *arg, hedge_proto_t **ret, hedge_why_t *why)
{
        disk_t *d = arg;
        bool outside;

        return read_model(d->path, d->max_bytes, d->digest, ret, &outside, why);
}

int hedge_onnx_load(const char *path, const hedge_onnx_options_t *options, hedge_graph_t **ret, hedge_why_t *why)
{
        const hedge_onnx_options_t o = complete(options);
        disk_t disk = { .path = path, .max_bytes = o.limits->max_file_bytes };
        hedge_why_t detail = { { 0 } };
        int r = hedge_passes_import(open_disk, &disk, &o, ret, &detail);

        if (r < 0)
                return hedge_why(why, r, "%.200s: %.300s", path, detail.text);
        memcpy((*ret)->digest, disk.digest, sizeof(disk.digest));
        return 0;
}

int hedge_onnx_inputs(const char *path, hedge_onnx_input_t **ret, uint32_t *ret_n, hedge_why_t *why)
{
        const uint64_t max_bytes = hedge_onnx_default_limits.max_file_bytes;
        hedge_why_t detail = { { 0 } };
        hedge_proto_t *proto = NULL;
        char *bytes = NULL;
        size_t size = 0;
        int r = read_file(path, max_bytes, &bytes, &size, &detail);

        if (r == 0)
                r = unpack(bytes, size, max_bytes, &proto, &detail);
        free(bytes);
        if (r == 0 && !hedge_proto_model(proto)->graph)
                r = hedge_why(&detail, HEDGE_EMALFORMED, "not an ONNX model: it has no graph");
        if (r == 0)
                r = hedge_declared(hedge_proto_model(proto)->graph, ret, ret_n, &detail);
        hedge_proto_destroy(&proto);
        return r < 0 ? hedge_why(why, r, "%.200s: %.300s", path, detail.text) : 0;
}

bool hedge_onnx_may_be_split(const void *bytes, size_t size)
{
        static const char entry[] = "\x0a\x08location"; /* the key of a StringStringEntryProto */

        return memmem(bytes, size, entry, sizeof(entry) - 1) != NULL;
}

int hedge_onnx_gather(const char *path, uint64_t max_bytes, char **ret, size_t *ret_size, hedge_why_t *why)
{
        unsigned char digest[DIGEST_BYTES];
        hedge_why_t detail = { { 0 } };
        hedge_proto_t *proto = NULL;
        uint8_t *bytes = NULL;
        bool outside = false;
        size_t size = 0;
        int r = read_model(path, max_bytes, digest, &proto, &outside, &detail);

        if (r == 0 && outside) {
                size = onnx__model_proto__get_packed_size(hedge_proto_model(proto));
                if (size > max_bytes)
                        r = hedge_why(&detail, HEDGE_ELIMIT, "more than %llu bytes with the files beside it",
                                      (unsigned long long)max_bytes);
                else if (!(bytes = malloc(size)))
                        r = hedge_why(&detail, -ENOMEM, "out of memory");
                else
                        onnx__model_proto__pack(hedge_proto_model(proto), bytes);
        }
        hedge_proto_destroy(&proto);
        if (r < 0)
                return hedge_why(why, r, "%.200s: %.300s", path, detail.text);
        *ret = (char *)bytes;
        *ret_size = size;
        return 0;
}

/* The budget must live as long as the literal. */
static int read_tensor(const void *bytes, size_t size, hedge_budget_t *budget, hedge_literal_t **ret, hedge_why_t *why)
{
        hedge_proto_t *proto = NULL;
        int r = hedge_proto_unpack(bytes, size, &onnx__tensor_proto__descriptor, &proto, why);

        if (r < 0)
                return r;
        r = hedge_literal_from_proto((const Onnx__TensorProto *)(const void *)hedge_proto_message(proto), budget, ret,
                                     why);
        hedge_proto_destroy(&proto);
        return r;
}

/* A literal's integers are signed, and unsigned ones that are too large for that are kept as the largest that is not. */
static int check_unsigned(const hedge_literal_t *literal, hedge_why_t *why)
{
        if (literal->element != HEDGE_ELEMENT_UINT64)
                return 0;
        for (size_t i = 0, n = hedge_shape_elements(&literal->shape); i < n; i++)
                if (literal->ints[i] == INT64_MAX)
                        return hedge_why(why, HEDGE_ELIMIT, "holds a number of 2^63 - 1 or more, which is not read");
        return 0;
}

int hedge_onnx_tensor(const void *bytes, size_t size, hedge_tensor_t *ret, hedge_why_t *why)
{
        hedge_budget_t budget = { hedge_onnx_default_limits.max_tensor_elements,
                                  hedge_onnx_default_limits.max_constant_bytes, UINT64_MAX };
        hedge_literal_t *literal = NULL;
        hedge_tensor_t tensor;
        int r = read_tensor(bytes, size, &budget, &literal, why);
        const char *other = r < 0 && r != -ENOMEM ? hedge_value_other_kind(bytes, size) : NULL;

        if (other)
                return hedge_why(why, HEDGE_EUNSUPPORTED, "is %s; one tensor is wanted in each file", other);
        if (r < 0)
                return r;
        r = check_unsigned(literal, why);
        if (r < 0) {
                hedge_literal_destroy(&literal);
                return r;
        }
        r = hedge_tensor_alloc(&tensor, &literal->shape);
        if (r == 0) {
                for (size_t i = 0, n = hedge_shape_elements(&literal->shape); i < n; i++)
                        tensor.data[i] = hedge_literal_float(literal, i);
                *ret = tensor;
        } else {
                hedge_why(why, r, "out of memory");
        }
        hedge_literal_destroy(&literal);
        return r;
}

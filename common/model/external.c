/* SPDX-License-Identifier: Apache-2.0 */
#include "common/model/external.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/io/file.h"

#define MAX_DEPTH 32 /* of graphs in graphs, as protocol buffers may nest */

typedef struct reader {
        hedge_proto_t *proto;
        const char *folder;
        uint64_t bytes_left, max_bytes;
        crypto_generichash_state *hash;
        bool found;
        hedge_why_t *why;
        char location[256]; /* of the open file */
        int fd;             /* -1: none */
        uint64_t size;      /* the file's */
} reader_t;

/* Where a tensor's bytes are. */
typedef struct place {
        const char *location;
        uint64_t offset, length;
        bool has_length;
} place_t;

static const char *name_of(const Onnx__TensorProto *tensor)
{
        return tensor->name ? tensor->name : "";
}

static bool read_number(const char *text, uint64_t *ret)
{
        char *end;

        errno = 0;
        *ret = strtoull(text, &end, 10);
        return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0;
}

static int read_place(const reader_t *reader, const Onnx__TensorProto *tensor, place_t *ret)
{
        place_t place = { NULL, 0, 0, false };

        for (size_t i = 0; i < tensor->n_external_data; i++) {
                const char *key = tensor->external_data[i]->key, *value = tensor->external_data[i]->value;
                bool ok = true;

                if (!key || !value)
                        continue;
                if (strcmp(key, "location") == 0)
                        place.location = value;
                else if (strcmp(key, "offset") == 0)
                        ok = read_number(value, &place.offset);
                else if (strcmp(key, "length") == 0)
                        ok = place.has_length = read_number(value, &place.length);
                if (!ok)
                        return hedge_why(reader->why, HEDGE_EMALFORMED,
                                         "tensor '%.100s' has '%.40s' for the %s of its data", name_of(tensor), value,
                                         key);
        }
        if (!place.location || !place.location[0])
                return hedge_why(reader->why, HEDGE_EMALFORMED,
                                 "tensor '%.100s' keeps its data in another file and does not say in which",
                                 name_of(tensor));
        *ret = place;
        return 0;
}

/* Tensors follow one another in a file, so one that is open is kept. */
static int open_file(reader_t *reader, const Onnx__TensorProto *tensor, const char *location)
{
        struct stat info;
        int fd;

        if (reader->fd >= 0 && strcmp(reader->location, location) == 0)
                return 0;
        if (strlen(location) >= sizeof(reader->location))
                return hedge_why(reader->why, HEDGE_ELIMIT, "the file of tensor '%.100s' has a name of %zu bytes",
                                 name_of(tensor), strlen(location));
        fd = hedge_io_open_beneath(reader->folder, location);
        if (fd < 0)
                return hedge_why(reader->why, fd, "the data of tensor '%.100s' cannot be read from '%.200s': %s",
                                 name_of(tensor), location,
                                 fd == HEDGE_EDENIED ? "only files in the model's folder are, by no link"
                                                     : hedge_strerror(fd));
        if (reader->fd >= 0)
                close(reader->fd);
        reader->fd = fd;
        strcpy(reader->location, location);
        reader->size = fstat(fd, &info) == 0 ? (uint64_t)info.st_size : 0;
        return 0;
}

static int read_bytes(reader_t *reader, Onnx__TensorProto *tensor, place_t place)
{
        ProtobufCBinaryData data = { 0, NULL };
        int r;

        if (place.offset > reader->size || (place.has_length && place.length > reader->size - place.offset))
                return hedge_why(reader->why, HEDGE_EMALFORMED,
                                 "the data of tensor '%.100s' goes beyond the end of '%.200s'", name_of(tensor),
                                 place.location);
        if (!place.has_length)
                place.length = reader->size - place.offset;
        if (place.length > reader->bytes_left || place.length > SIZE_MAX / 2)
                return hedge_why(reader->why, HEDGE_ELIMIT,
                                 "the files beside the model hold more than %llu bytes of tensors",
                                 (unsigned long long)reader->max_bytes);
        reader->bytes_left -= place.length;
        r = hedge_proto_take(reader->proto, (size_t)place.length, &data);
        if (r < 0)
                return hedge_why(reader->why, r, "out of memory");
        tensor->raw_data = data;
        tensor->has_raw_data = 1;
        if (lseek(reader->fd, (off_t)place.offset, SEEK_SET) < 0)
                r = -errno;
        if (r == 0)
                r = hedge_io_read_exactly(reader->fd, data.data, data.len);
        if (r == 0)
                crypto_generichash_update(reader->hash, data.data, data.len);
        return r < 0 ? hedge_why(reader->why, r, "cannot read '%.200s': %s", place.location, hedge_strerror(r)) : 0;
}

static int read_tensor(reader_t *reader, Onnx__TensorProto *tensor)
{
        place_t place = { 0 };
        int r;

        if (!tensor->has_data_location || tensor->data_location != ONNX__TENSOR_PROTO__DATA_LOCATION__EXTERNAL)
                return 0;
        reader->found = true;
        if (tensor->has_raw_data)
                return hedge_why(reader->why, HEDGE_EMALFORMED, "tensor '%.100s' has its data both here and elsewhere",
                                 name_of(tensor));
        r = read_place(reader, tensor, &place);
        if (r == 0)
                r = open_file(reader, tensor, place.location);
        if (r == 0)
                r = read_bytes(reader, tensor, place);
        if (r < 0)
                return r;
        tensor->has_data_location = 0;
        hedge_proto_drop(reader->proto, (ProtobufCMessage ***)(void *)&tensor->external_data, &tensor->n_external_data);
        return 0;
}

static int read_graph(reader_t *reader, const Onnx__GraphProto *graph, unsigned depth);

static int read_attribute(reader_t *reader, const Onnx__AttributeProto *attribute, unsigned depth)
{
        int r = attribute->t ? read_tensor(reader, attribute->t) : 0;

        for (size_t i = 0; r == 0 && i < attribute->n_tensors; i++)
                r = read_tensor(reader, attribute->tensors[i]);
        if (r == 0 && attribute->g)
                r = read_graph(reader, attribute->g, depth + 1);
        for (size_t i = 0; r == 0 && i < attribute->n_graphs; i++)
                r = read_graph(reader, attribute->graphs[i], depth + 1);
        return r;
}

static int read_graph(reader_t *reader, const Onnx__GraphProto *graph, unsigned depth)
{
        int r = depth > MAX_DEPTH ? hedge_why(reader->why, HEDGE_EMALFORMED, "graphs nested too deeply") : 0;

        for (size_t i = 0; r == 0 && i < graph->n_initializer; i++)
                r = read_tensor(reader, graph->initializer[i]);
        for (size_t i = 0; r == 0 && i < graph->n_node; i++)
                for (size_t j = 0; r == 0 && j < graph->node[i]->n_attribute; j++)
                        r = read_attribute(reader, graph->node[i]->attribute[j], depth);
        return r;
}

int hedge_external_read(hedge_proto_t *proto, const char *folder, uint64_t max_bytes, crypto_generichash_state *hash,
                        bool *ret_found, hedge_why_t *why)
{
        const Onnx__ModelProto *model = hedge_proto_model(proto);
        reader_t reader = { proto, folder, max_bytes, max_bytes, hash, false, why, "", -1, 0 };
        int r = model->graph ? read_graph(&reader, model->graph, 0) : 0;

        if (reader.fd >= 0)
                close(reader.fd);
        if (r == 0)
                *ret_found = reader.found;
        return r;
}

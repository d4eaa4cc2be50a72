/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/zoo_build.h"

/* Models for models.py to measure with.
 *
 *   hedge-make-model layer SIZE IN OUT FILE   one convolution of 3 x 3, padded by 1, over SIZE x SIZE x IN, with bias
 *                                             and relu
 *   hedge-make-model fixed FROM FILE          the same model, but weights are no inputs that a caller may replace: ONNX
 *                                             Runtime would fold nothing into them, hedge takes them for constants anyway */

static int write_bytes(void *arg, const void *bytes, size_t size)
{
        return fwrite(bytes, 1, size, arg) == size ? 0 : -EIO;
}

static int make_layer(char **words, FILE *to)
{
        int64_t size = strtol(words[0], NULL, 10), in_c = strtol(words[1], NULL, 10),
                out_c = strtol(words[2], NULL, 10);
        hedge_zoo_t *zoo = size > 0 && in_c > 0 && out_c > 0 ? calloc(1, sizeof(*zoo)) : NULL;
        int r;

        if (!zoo)
                return -EINVAL;
        zoo->seed = 1;
        zoo->divisor = 1;
        hedge_zoo_begin(zoo, "layer", in_c, size, size);
        hedge_zoo_conv(zoo, "conv", out_c, 3, 1, 1, 2, true);
        hedge_zoo_unary(zoo, "Relu", "relu");
        hedge_zoo_end(zoo);
        r = hedge_zoo_write(zoo, write_bytes, to);
        hedge_zoo_destroy(&zoo);
        return r;
}

static void *read_all(const char *path, size_t *ret_size)
{
        FILE *f = fopen(path, "rb");
        long size = f && fseek(f, 0, SEEK_END) == 0 ? ftell(f) : -1;
        void *bytes = size > 0 ? malloc((size_t)size) : NULL;

        if (bytes && (fseek(f, 0, SEEK_SET) != 0 || fread(bytes, 1, (size_t)size, f) != (size_t)size)) {
                free(bytes);
                bytes = NULL;
        }
        if (f)
                fclose(f);
        *ret_size = (size_t)size;
        return bytes;
}

static bool is_weight(const Onnx__GraphProto *g, const char *name)
{
        for (size_t i = 0; i < g->n_initializer; i++)
                if (g->initializer[i]->name && !strcmp(g->initializer[i]->name, name))
                        return true;
        return false;
}

/* Inputs that are weights go behind the others, where the model no longer looks; its own memory stays whole. */
static size_t drop_weights(Onnx__GraphProto *g)
{
        size_t kept = 0;

        for (size_t i = 0; i < g->n_input; i++) {
                Onnx__ValueInfoProto *input = g->input[i];

                if (is_weight(g, input->name ? input->name : ""))
                        continue;
                g->input[i] = g->input[kept];
                g->input[kept++] = input;
        }
        return kept;
}

static int make_fixed(const char *from, FILE *to)
{
        size_t size, inputs, n;
        void *bytes = read_all(from, &size), *packed = NULL;
        Onnx__ModelProto *model = bytes ? onnx__model_proto__unpack(NULL, size, bytes) : NULL;
        int r = -EIO;

        if (model && model->graph) {
                inputs = model->graph->n_input;
                model->graph->n_input = drop_weights(model->graph);
                packed = malloc(onnx__model_proto__get_packed_size(model));
                n = packed ? onnx__model_proto__pack(model, packed) : 0;
                r = n ? write_bytes(to, packed, n) : -ENOMEM;
                model->graph->n_input = inputs;
        }
        if (model)
                onnx__model_proto__free_unpacked(model, NULL);
        free(packed);
        free(bytes);
        return r;
}

int main(int argc, char **argv)
{
        const char *path = argv[argc - 1];
        bool layer = argc == 6 && !strcmp(argv[1], "layer");
        FILE *f;
        int r;

        if (!layer && !(argc == 4 && !strcmp(argv[1], "fixed"))) {
                fprintf(stderr, "usage: hedge-make-model layer SIZE IN OUT FILE | fixed FROM FILE\n");
                return 2;
        }
        f = fopen(path, "wb");
        r = !f ? -errno : layer ? make_layer(argv + 2, f) : make_fixed(argv[2], f);
        if (f && fclose(f) && r == 0)
                r = -EIO;
        if (r < 0)
                fprintf(stderr, "hedge-make-model: %s: %s\n", path, hedge_strerror(r));
        return r < 0;
}

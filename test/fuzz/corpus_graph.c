/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/onnx.h"
#include "common/model/pack.h"
#include "test/fuzz/seed.h"

/* Writes the seeds of fuzz_graph into a folder: models, packed. One that does not import as it is has none. */

static int write_graph(const char *folder, const char *path)
{
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
        hedge_graph_t *graph = NULL;
        hedge_why_t why = { "" };
        char stem[200];
        void *bytes = NULL;
        size_t size;
        int r = hedge_onnx_load(path, NULL, &graph, &why);

        if (r < 0) {
                fprintf(stderr, "%s\n", why.text);
                return 0;
        }
        snprintf(stem, sizeof(stem), "%.*s", (int)strcspn(name, "."), name);
        r = hedge_graph_pack(graph, &bytes, &size);
        if (r == 0)
                r = write_seed(folder, stem, bytes, size);
        free(bytes);
        hedge_graph_destroy(&graph);
        return r;
}

int main(int argc, char **argv)
{
        int r = argc > 2 ? 0 : -1;

        for (int i = 2; i < argc && r == 0; i++)
                r = write_graph(argv[1], argv[i]);
        if (r < 0)
                fprintf(stderr, "usage: %s FOLDER MODEL.onnx...\n", argv[0]);
        return r < 0;
}

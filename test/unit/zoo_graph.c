/* SPDX-License-Identifier: Apache-2.0 */
#include "zoo_graph.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/model/onnx.h"
#include "common/model/zoo.h"

typedef struct bytes {
        uint8_t *data;
        size_t size;
} bytes_t;

static int collect(void *arg, const void *data, size_t size)
{
        bytes_t *bytes = arg;

        memcpy(bytes->data + bytes->size, data, size);
        bytes->size += size;
        return 0;
}

hedge_graph_t *zoo_graph(const char *name, uint64_t seed, unsigned divisor)
{
        hedge_why_t why = { "" };
        hedge_graph_t *graph = NULL;
        hedge_zoo_t *zoo = NULL;
        bytes_t bytes = { 0 };

        assert_int_equal(hedge_zoo_new(name, seed, divisor, &zoo, NULL), 0);
        bytes.data = malloc(hedge_zoo_bytes(zoo));
        assert_non_null(bytes.data);
        assert_int_equal(hedge_zoo_write(zoo, collect, &bytes), 0);
        if (hedge_onnx_import(bytes.data, bytes.size, NULL, &graph, &why) < 0)
                fail_msg("%s: %s", name, why.text);
        hedge_zoo_destroy(&zoo);
        free(bytes.data);
        return graph;
}

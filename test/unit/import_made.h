/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TEST_IMPORT_MADE_H
#define HEDGE_TEST_IMPORT_MADE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/model/onnx.h"
#include "make_onnx.h"

/** Models of make_onnx, imported or refused. */

/** The graph of a model, which stays. */
static inline hedge_graph_t *import_made(make_t *m)
{
        hedge_graph_t *graph = NULL;
        hedge_why_t why = { { 0 } };
        size_t size;
        unsigned char *bytes = make_bytes(m, &size);

        if (hedge_onnx_import(bytes, size, NULL, &graph, &why) < 0)
                fail_msg("%s", why.text);
        return graph;
}

/** The model must be refused with this code and a sentence that has these words. It is freed. */
static inline void refused_with(make_t *m, const hedge_onnx_limits_t *limits, int code, const char *words)
{
        hedge_graph_t *graph = NULL;
        hedge_why_t why = { { 0 } };
        size_t size;
        unsigned char *bytes = make_bytes(m, &size);
        int r = hedge_onnx_import(bytes, size, &(hedge_onnx_options_t){ .limits = limits }, &graph, &why);

        if (r != code || !strstr(why.text, words))
                fail_msg("%d '%s' instead of %d '%s'", r, why.text, code, words);
        assert_null(graph);
        make_free(m);
}

#endif

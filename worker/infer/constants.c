/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/infer/constants.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/pack.h"
#include "common/tensor.h"
#include "common/wire/message.h"

int hedgew_constants_init(hedgew_constants_t *c, hedge_graph_t *graph)
{
        memset(c, 0, sizeof(*c));
        c->graph = graph;
        c->n = hedge_graph_constants(graph, NULL);
        c->values = calloc(c->n + (size_t)1, sizeof(*c->values));
        c->data = calloc(c->n + (size_t)1, sizeof(*c->data));
        if (!c->values || !c->data)
                return -ENOMEM;
        hedge_graph_constants(graph, c->values);
        for (uint32_t i = 0; i < c->n; i++)
                c->bytes += hedge_graph_constant_size(graph, c->values[i]);
        return 0;
}

void hedgew_constants_release(hedgew_constants_t *c)
{
        for (uint32_t i = 0; c->data && i < c->n; i++)
                free(c->data[i]);
        free(c->data);
        free(c->values);
        memset(c, 0, sizeof(*c));
}

static int check(const hedgew_constants_t *c, uint64_t offset, size_t size, hedge_why_t *why)
{
        if (size > HEDGE_CONSTANTS_BYTES)
                return hedge_why(why, HEDGE_ELIMIT, "%zu bytes of constants in one message are above %u", size,
                                 HEDGE_CONSTANTS_BYTES);
        if (offset != c->come)
                return hedge_why(why, HEDGE_EMALFORMED, "constants from byte %llu on came, where %llu is the next",
                                 (unsigned long long)offset, (unsigned long long)c->come);
        if (size == 0 || size > c->bytes - c->come)
                return hedge_why(why, HEDGE_EMALFORMED, "%zu bytes of constants came, where %llu are to come", size,
                                 (unsigned long long)(c->bytes - c->come));
        return 0;
}

/* As much as there is of the constant at hand. @return how many bytes that was; 0: there is no memory for it. */
static size_t fill(hedgew_constants_t *c, const unsigned char *bytes, size_t size)
{
        const size_t whole = hedge_graph_constant_size(c->graph, c->values[c->at]);
        const size_t n = size < whole - c->filled ? size : whole - c->filled;

        if (!c->data[c->at])
                c->data[c->at] = hedge_floats_new(whole / sizeof(float) + 1);
        if (!c->data[c->at])
                return 0;
        memcpy((unsigned char *)c->data[c->at] + c->filled, bytes, n);
        c->come += n;
        c->filled += n;
        if (c->filled == whole) {
                hedge_graph_lend(c->graph, c->values[c->at], c->data[c->at]); /* it is a constant, and aligned */
                c->at++;
                c->filled = 0;
        }
        return n;
}

int hedgew_constants_take(hedgew_constants_t *c, uint64_t offset, const void *bytes, size_t size, hedge_why_t *why)
{
        const unsigned char *from = bytes;
        int r = check(c, offset, size, why);

        while (r == 0 && size > 0) {
                const size_t n = fill(c, from, size);

                if (n == 0)
                        r = hedge_why(why, -ENOMEM, "no memory for a block's constants");
                from += n;
                size -= n;
        }
        return r;
}

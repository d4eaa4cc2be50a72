/* SPDX-License-Identifier: Apache-2.0 */
#include "common/manifest/stated.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int hedge_stated_write(const hedge_input_shape_t *shapes, uint32_t n, char **ret_text, size_t *ret_size)
{
        char line[HEDGE_INPUT_SHAPE_TEXT], *text = NULL;
        size_t size = 0;
        FILE *out = open_memstream(&text, &size);

        if (!out)
                return -ENOMEM;
        for (uint32_t i = 0; i < n; i++)
                fprintf(out, "%s\n", hedge_input_shape_text(&shapes[i], line));
        if (fclose(out)) {
                free(text);
                return -ENOMEM;
        }
        *ret_text = text;
        *ret_size = size;
        return 0;
}

/* One line, without its end. */
static int parse_line(const char *text, size_t size, hedge_input_shape_t *ret, hedge_why_t *why)
{
        char line[HEDGE_INPUT_SHAPE_TEXT];

        if (size >= sizeof(line) || memchr(text, '\0', size))
                return hedge_why(why, -EINVAL, "a line is no shape");
        memcpy(line, text, size);
        line[size] = '\0';
        return hedge_input_shape_parse(line, ret, why);
}

int hedge_stated_parse(const char *name, const char *text, size_t size, hedge_input_shape_t **ret, uint32_t *ret_n,
                       hedge_why_t *why)
{
        hedge_input_shape_t *shapes = calloc(HEDGE_INPUT_SHAPES_MAX, sizeof(*shapes));
        hedge_why_t inner = { "" };
        uint32_t n = 0;
        int r = shapes ? 0 : -ENOMEM;

        for (const char *end = text + size; r == 0 && text < end;) {
                const char *newline = memchr(text, '\n', (size_t)(end - text));
                const char *stop = newline ? newline : end;

                if (n == HEDGE_INPUT_SHAPES_MAX)
                        r = hedge_why(&inner, -EINVAL, "more than %u lines", HEDGE_INPUT_SHAPES_MAX);
                else
                        r = parse_line(text, (size_t)(stop - text), &shapes[n++], &inner);
                text = newline ? newline + 1 : end;
        }
        if (r == 0)
                r = hedge_input_shapes_sets(shapes, n, &inner);
        if (r < 0 || n == 0) {
                free(shapes);
                shapes = NULL;
        }
        if (r < 0)
                return hedge_why(why, r == -ENOMEM ? r : HEDGE_ECONFIG, "%s: %s", name,
                                 r == -ENOMEM ? "out of memory" : inner.text);
        *ret = shapes;
        *ret_n = n;
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "common/types/input_shape.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* "1x3x320x320". @return 0, or -EINVAL. */
static int parse_extents(const char *text, hedge_shape_t *ret)
{
        hedge_shape_t shape = { 0 };
        uint64_t extent;

        if (!strcmp(text, "scalar")) {
                *ret = shape;
                return 0;
        }
        for (;; text++) {
                if (shape.rank == HEDGE_MAX_RANK || *text < '0' || *text > '9')
                        return -EINVAL;
                for (extent = 0; *text >= '0' && *text <= '9' && extent <= INT32_MAX; text++)
                        extent = extent * 10 + (uint64_t)(*text - '0');
                if (extent == 0 || extent > INT32_MAX)
                        return -EINVAL;
                shape.dims[shape.rank++] = (uint32_t)extent;
                if (!*text)
                        break;
                if (*text != 'x')
                        return -EINVAL;
        }
        *ret = shape;
        return 0;
}

static bool is_printable(const char *text, size_t length)
{
        for (size_t i = 0; i < length; i++)
                if (text[i] < 32 || text[i] > 126)
                        return false;
        return true;
}

bool hedge_input_shape_ok(const hedge_input_shape_t *shape)
{
        if (shape->shape.rank > HEDGE_MAX_RANK || !is_printable(shape->name, strlen(shape->name)))
                return false;
        for (uint32_t i = 0; i < shape->shape.rank; i++)
                if (shape->shape.dims[i] < 1 || shape->shape.dims[i] > INT32_MAX)
                        return false;
        return true;
}

int hedge_input_shape_parse(const char *text, hedge_input_shape_t *ret, hedge_why_t *why)
{
        const char *equals = strrchr(text, '=');
        hedge_input_shape_t shape = { "", { 0 } };
        size_t length = equals ? (size_t)(equals - text) : 0;

        if (length >= sizeof(shape.name) || (equals && length == 0) || !is_printable(text, length) ||
            parse_extents(equals ? equals + 1 : text, &shape.shape) < 0)
                return hedge_why(why, -EINVAL,
                                 "'%.300s' is no shape: NAME=1x3x320x320 is one, up to %u extents of at least 1", text,
                                 HEDGE_MAX_RANK);
        memcpy(shape.name, text, length);
        *ret = shape;
        return 0;
}

char *hedge_input_shape_text(const hedge_input_shape_t *shape, char *buf)
{
        char extents[80];

        snprintf(buf, HEDGE_INPUT_SHAPE_TEXT, "%s%s%s", shape->name, shape->name[0] ? "=" : "",
                 hedge_shape_text(&shape->shape, extents, sizeof(extents)));
        return buf;
}

/* The shapes of an input in a list. */
static uint32_t count(const hedge_input_shape_t *shapes, uint32_t n, const char *name)
{
        uint32_t found = 0;

        for (uint32_t i = 0; i < n; i++)
                found += !strcmp(shapes[i].name, name);
        return found;
}

int hedge_input_shapes_sets(const hedge_input_shape_t *shapes, uint32_t n, hedge_why_t *why)
{
        const hedge_input_shape_t *most = NULL;
        uint32_t sets = 1;

        if (n > HEDGE_INPUT_SHAPES_MAX)
                return hedge_why(why, -EINVAL, "%u shapes are stated, more than %u", n, HEDGE_INPUT_SHAPES_MAX);
        for (uint32_t i = 0; i < n; i++) {
                const uint32_t of_this = count(shapes, n, shapes[i].name);

                if (of_this > 1 && sets > 1 && of_this != sets)
                        return hedge_why(why, -EINVAL,
                                         "%u shapes are stated for the input '%.100s' and %u for '%.100s': as many are "
                                         "wanted, or one",
                                         of_this, shapes[i].name, sets, most->name);
                if (of_this > 1) {
                        sets = of_this;
                        most = &shapes[i];
                }
        }
        return (int)sets;
}

uint32_t hedge_input_shapes_set(const hedge_input_shape_t *shapes, uint32_t n, uint32_t k, hedge_input_shape_t *ret)
{
        uint32_t taken = 0;

        for (uint32_t i = 0; i < n; i++) {
                const uint32_t before = count(shapes, i, shapes[i].name);

                if (before == k || count(shapes, n, shapes[i].name) == 1)
                        ret[taken++] = shapes[i];
        }
        return taken;
}

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

int hedge_input_shape_parse(const char *text, hedge_input_shape_t *ret, hedge_why_t *why)
{
        const char *equals = strrchr(text, '=');
        hedge_input_shape_t shape = { "", { 0 } };
        size_t length = equals ? (size_t)(equals - text) : 0;

        if (length >= sizeof(shape.name) || (equals && length == 0) ||
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

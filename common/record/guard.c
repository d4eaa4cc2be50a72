/* SPDX-License-Identifier: Apache-2.0 */
#include "common/record/guard.h"

#include <stdint.h>

/* What an object's first byte says: bytes of payload, or bytes of a count that follows and what it counts. */
typedef struct head {
        enum { PLAIN, BYTES, ARRAY, MAP, NEVER } kind;
        uint8_t length_bytes; /* of the count behind the first byte; 0: the count is `fixed` */
        uint8_t fixed;        /* payload bytes (PLAIN), the count, or bytes besides the counted ones (BYTES) */
} head_t;

static const head_t heads_c0[0x20] = {
        { PLAIN, 0, 0 },                                                                      /* nil */
        { NEVER, 0, 0 },                                                                      /* never used */
        { PLAIN, 0, 0 }, { PLAIN, 0, 0 },                                                     /* false, true */
        { BYTES, 1, 0 }, { BYTES, 2, 0 }, { BYTES, 4, 0 },                                    /* bin */
        { BYTES, 1, 1 }, { BYTES, 2, 1 }, { BYTES, 4, 1 },                                    /* ext */
        { PLAIN, 0, 4 }, { PLAIN, 0, 8 },                                                     /* float */
        { PLAIN, 0, 1 }, { PLAIN, 0, 2 }, { PLAIN, 0, 4 }, { PLAIN, 0, 8 },                   /* unsigned */
        { PLAIN, 0, 1 }, { PLAIN, 0, 2 }, { PLAIN, 0, 4 }, { PLAIN, 0, 8 },                   /* signed */
        { PLAIN, 0, 2 }, { PLAIN, 0, 3 }, { PLAIN, 0, 5 }, { PLAIN, 0, 9 }, { PLAIN, 0, 17 }, /* fixext */
        { BYTES, 1, 0 }, { BYTES, 2, 0 }, { BYTES, 4, 0 },                                    /* str */
        { ARRAY, 2, 0 }, { ARRAY, 4, 0 },                                                     /* array */
        { MAP, 2, 0 },   { MAP, 4, 0 },                                                       /* map */
};

static head_t head_of(uint8_t byte)
{
        if (byte < 0x80 || byte >= 0xe0)
                return (head_t){ PLAIN, 0, 0 };
        if (byte < 0x90)
                return (head_t){ MAP, 0, byte & 0x0f };
        if (byte < 0xa0)
                return (head_t){ ARRAY, 0, byte & 0x0f };
        if (byte < 0xc0)
                return (head_t){ PLAIN, 0, byte & 0x1f };
        return heads_c0[byte - 0xc0];
}

/* Read an object's first byte and the count behind it. @return children to follow, or a negative code. */
static int64_t step(const uint8_t **at, const uint8_t *end, hedge_why_t *why)
{
        head_t head = head_of(*(*at)++);
        uint64_t count = 0;

        if (head.kind == NEVER)
                return hedge_why(why, HEDGE_EMALFORMED, "not msgpack: byte c1");
        if ((size_t)(end - *at) < head.length_bytes)
                return hedge_why(why, HEDGE_EMALFORMED, "cut short");
        for (unsigned i = 0; i < head.length_bytes; i++)
                count = count << 8 | *(*at)++;
        if (head.kind == ARRAY || head.kind == MAP) {
                count = (count + head.fixed) * (head.kind == MAP ? 2 : 1);
                if (count > (size_t)(end - *at))
                        return hedge_why(why, HEDGE_EMALFORMED, "a count beyond the end");
                return (int64_t)count;
        }
        count += head.fixed;
        if (count > (size_t)(end - *at))
                return hedge_why(why, HEDGE_EMALFORMED, "cut short");
        *at += count;
        return 0;
}

int hedge_guard(const void *bytes, size_t size, hedge_why_t *why)
{
        const uint8_t *at = bytes, *end = at + size;
        uint64_t left[HEDGE_GUARD_DEPTH + 1] = { 1 }, objects = 1;
        unsigned depth = 0;
        int64_t children;

        while (1) {
                while (depth && !left[depth])
                        depth--;
                if (!left[depth])
                        break;
                if (at == end)
                        return hedge_why(why, HEDGE_EMALFORMED, "cut short");
                left[depth]--;
                children = step(&at, end, why);
                if (children < 0)
                        return (int)children;
                objects += (uint64_t)children;
                if (objects > HEDGE_GUARD_OBJECTS)
                        return hedge_why(why, HEDGE_ELIMIT, "more than %u values", HEDGE_GUARD_OBJECTS);
                if (!children)
                        continue;
                if (depth == HEDGE_GUARD_DEPTH)
                        return hedge_why(why, HEDGE_ELIMIT, "nested more than %u deep", HEDGE_GUARD_DEPTH);
                left[++depth] = (uint64_t)children;
        }
        if (at != end)
                return hedge_why(why, HEDGE_EMALFORMED, "%zu bytes behind the end", (size_t)(end - at));
        return 0;
}

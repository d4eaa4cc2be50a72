/* SPDX-License-Identifier: Apache-2.0 */
#include "common/io/text.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

size_t hedge_text_mark(const char *text, size_t size)
{
        return size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
}

unsigned hedge_text_line(const char *text, size_t size, size_t offset)
{
        unsigned line = 1;

        for (size_t i = 0; i < offset && i < size; i++)
                line += text[i] == '\n';
        return line;
}

/* Bytes of the character at p, of at most `left`; 0: it is none. */
static size_t character(const uint8_t *p, size_t left)
{
        static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
        size_t n = p[0] < 0x80 ? 1 : p[0] >> 5 == 6 ? 2 : p[0] >> 4 == 14 ? 3 : p[0] >> 3 == 30 ? 4 : 0;
        uint32_t value = n == 1 ? p[0] : p[0] & (0x7fu >> n);

        if (!n || n > left)
                return 0;
        for (size_t i = 1; i < n; i++) {
                if (p[i] >> 6 != 2)
                        return 0;
                value = value << 6 | (p[i] & 0x3f);
        }
        return value < least[n] || value > 0x10ffff || (value >= 0xd800 && value < 0xe000) ? 0 : n;
}

static bool is_utf16(const char *text, size_t size)
{
        return size >= 2 && (!memcmp(text, "\xff\xfe", 2) || !memcmp(text, "\xfe\xff", 2));
}

int hedge_text_check(const char *name, const char *text, size_t size, hedge_why_t *why)
{
        if (is_utf16(text, size))
                return hedge_why(why, HEDGE_ECONFIG, "%s: is text in UTF-16; it must be in UTF-8", name);
        for (size_t at = 0, n; at < size; at += n) {
                n = character((const uint8_t *)text + at, size - at);
                if (!n)
                        return hedge_why(
                                why, HEDGE_ECONFIG,
                                "%s:%u: is not UTF-8 (perhaps Latin-1, which iconv -f latin1 -t utf-8 converts)", name,
                                hedge_text_line(text, size, at));
        }
        return 0;
}

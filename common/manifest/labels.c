/* SPDX-License-Identifier: Apache-2.0 */
#include "common/manifest/labels.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/text.h"

int hedge_label_check(const char *name, size_t number, const char *text, size_t n, hedge_why_t *why)
{
        if (n > HEDGE_MANIFEST_LABEL_BYTES)
                return hedge_why(why, HEDGE_ELIMIT, "%s: label %zu is longer than %u bytes", name, number,
                                 HEDGE_MANIFEST_LABEL_BYTES);
        for (size_t i = 0; i < n; i++)
                if ((unsigned char)text[i] < 0x20 || text[i] == 0x7f)
                        return hedge_why(why, HEDGE_ECONFIG, "%s: label %zu holds a control character", name, number);
        return 0;
}

static int count_lines(const char *name, const char *text, size_t size, size_t *ret, hedge_why_t *why)
{
        size_t lines = 0;

        for (size_t i = 0; i < size; i++)
                lines += text[i] == '\n' || i + 1 == size;
        if (lines > HEDGE_MANIFEST_MAX_LABELS)
                return hedge_why(why, HEDGE_ELIMIT, "%s: has %zu lines, more than %u", name, lines,
                                 HEDGE_MANIFEST_MAX_LABELS);
        *ret = lines;
        return 0;
}

int hedge_labels_split(const char *name, const char *text, size_t size, hedge_manifest_t *manifest, hedge_why_t *why)
{
        size_t mark = hedge_text_mark(text, size), lines = 0;
        int r = hedge_text_check(name, text, size, why);

        text += mark;
        size -= mark;
        if (!r)
                r = count_lines(name, text, size, &lines, why);
        if (r < 0)
                return r;
        manifest->labels = calloc(lines + 1, sizeof(char *));
        if (!manifest->labels)
                return hedge_why(why, -ENOMEM, "%s: %s", name, hedge_strerror(-ENOMEM));
        for (const char *end = text + size; text < end;) {
                const char *newline = memchr(text, '\n', (size_t)(end - text));
                const char *next = newline ? newline + 1 : end;
                size_t n = (size_t)((newline ? newline : end) - text);

                n -= n && text[n - 1] == '\r';
                r = hedge_label_check(name, manifest->n_labels + 1u, text, n, why);
                if (r < 0)
                        return r;
                manifest->labels[manifest->n_labels] = strndup(text, n);
                if (!manifest->labels[manifest->n_labels])
                        return hedge_why(why, -ENOMEM, "%s: %s", name, hedge_strerror(-ENOMEM));
                manifest->n_labels++;
                text = next;
        }
        return 0;
}

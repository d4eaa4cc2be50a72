/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_IO_TEXT_H
#define HEDGE_IO_TEXT_H

#include <stddef.h>

#include "common/err.h"

/** Texts as people's editors leave them. */

/** How many bytes at the front are a byte order mark of UTF-8 (U+FEFF), and no text: 0 or 3. */
size_t hedge_text_mark(const char *text, size_t size);

/** The line, from 1 on, that the byte at `offset` is in. */
unsigned hedge_text_line(const char *text, size_t size, size_t offset);

/** Is it UTF-8, with no character written longer than need be, no surrogates and nothing above U+10FFFF?
 * @param name  The file's; stands before the line in the sentence.
 * @return 0, HEDGE_ECONFIG. */
int hedge_text_check(const char *name, const char *text, size_t size, hedge_why_t *why);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_FONT_H
#define HEDGEC_FONT_H

#include <stdbool.h>
#include <stdint.h>

/** A small bitmap font for labels in pictures: ASCII, in cells of 5 x 7. */

#define HEDGEC_FONT_WIDTH  5u
#define HEDGEC_FONT_HEIGHT 7u

/** Is there ink at (x, y) of a character? One that the font has not is an empty box. */
bool hedgec_font_ink(uint32_t character, uint32_t x, uint32_t y);

/** The next character of a UTF-8 text; bytes that are none count as one each. @param text  Moved behind it. */
uint32_t hedgec_font_next(const char **text);

#endif

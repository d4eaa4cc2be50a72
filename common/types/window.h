/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TYPES_WINDOW_H
#define HEDGE_TYPES_WINDOW_H

#include <stdint.h>

/** A rectangle of an image: rows top .. top + rows - 1, columns left .. left + cols - 1. */
typedef struct hedge_window {
        uint32_t top, rows, left, cols;
} hedge_window_t;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_TYPES_WINDOW_H
#define HEDGE_TYPES_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

/** A rectangle of an image: rows top .. top + rows - 1, columns left .. left + cols - 1. */
typedef struct hedge_window {
        uint32_t top, rows, left, cols;
} hedge_window_t;

/** Is it one, and within so many rows and columns? Any numbers may be asked about. */
static inline bool hedge_window_is_within(const hedge_window_t *w, uint32_t rows, uint32_t cols)
{
        return w->rows > 0 && w->cols > 0 && w->rows <= rows && w->top <= rows - w->rows && w->cols <= cols &&
               w->left <= cols - w->cols;
}

static inline bool hedge_window_equal(const hedge_window_t *a, const hedge_window_t *b)
{
        return a->top == b->top && a->rows == b->rows && a->left == b->left && a->cols == b->cols;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGEC_PROGRESS_H
#define HEDGEC_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/** A progress bar on stderr, for what takes over a second; silent where stderr is no terminal. */
typedef struct hedgec_progress {
        const char *title;
        const char *unit; /**< "boards", "inputs" */
        uint64_t total;
        int64_t started_ms;
        int64_t drawn_ms; /**< 0: nothing is on the screen */
        bool terminal;
} hedgec_progress_t;

/** Begin. The texts are borrowed. */
void hedgec_progress_start(hedgec_progress_t *progress, const char *title, const char *unit, uint64_t total);

/** How far it is. Draws at most every 100 ms, and not in the first second. */
void hedgec_progress_update(hedgec_progress_t *progress, uint64_t done);

/** The same with a text of the caller's own, of at most 79 characters: for what one number does not say. */
void hedgec_progress_show(hedgec_progress_t *progress, const char *text);

/** Would a bar be drawn now? Saves making a text for nothing. */
bool hedgec_progress_due(const hedgec_progress_t *progress);

/** Take the bar off the screen: before anything else is printed, and at the end. */
void hedgec_progress_clear(hedgec_progress_t *progress);

/** The bar's text, at most `size` - 1 characters. @return buf. */
char *hedgec_progress_text(const hedgec_progress_t *progress, uint64_t done, char *buf, int size);

#endif

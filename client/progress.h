/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HEDGE_CLIENT_PROGRESS_H
#define HEDGE_CLIENT_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/** A progress bar on stderr, for what takes over a second; silent where stderr is no terminal. */
typedef struct hedge_progress {
        const char *title;
        const char *unit; /**< "boards", "inputs" */
        uint64_t total;
        int64_t started_ms;
        int64_t drawn_ms; /**< 0: nothing is on the screen */
        bool terminal;
} hedge_progress_t;

/** Begin. The texts are borrowed. */
void hedge_progress_start(hedge_progress_t *progress, const char *title, const char *unit, uint64_t total);

/** How far it is. Draws at most every 100 ms, and not in the first second. */
void hedge_progress_update(hedge_progress_t *progress, uint64_t done);

/** The same with a text of the caller's own, of at most 79 characters: for what one number does not say. */
void hedge_progress_show(hedge_progress_t *progress, const char *text);

/** Would a bar be drawn now? Saves making a text for nothing. */
bool hedge_progress_due(const hedge_progress_t *progress);

/** Take the bar off the screen: before anything else is printed, and at the end. */
void hedge_progress_clear(hedge_progress_t *progress);

/** The bar's text, at most `size` - 1 characters. @return buf. */
char *hedge_progress_text(const hedge_progress_t *progress, uint64_t done, char *buf, int size);

#endif

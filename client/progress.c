/* SPDX-License-Identifier: Apache-2.0 */
#include "client/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"

#define PATIENCE_MS 1000
#define REDRAW_MS   100
#define BAR         30

void hedgec_progress_start(hedgec_progress_t *progress, const char *title, const char *unit, uint64_t total)
{
        *progress = (hedgec_progress_t){
                .title = title,
                .unit = unit,
                .total = total,
                .started_ms = hedge_now_ms(),
                .terminal = isatty(STDERR_FILENO),
        };
}

char *hedgec_progress_text(const hedgec_progress_t *progress, uint64_t done, char *buf, int size)
{
        char bar[BAR + 1];
        uint64_t total = progress->total ? progress->total : 1;
        int filled;

        if (done > progress->total)
                done = progress->total;
        filled = (int)((double)done / (double)total * BAR);
        memset(bar, '.', BAR);
        memset(bar, '#', (size_t)filled);
        bar[BAR] = '\0';
        snprintf(buf, (size_t)size, "%s [%s] %" PRIu64 "/%" PRIu64 " %s", progress->title, bar, done, progress->total,
                 progress->unit);
        return buf;
}

bool hedgec_progress_due(const hedgec_progress_t *progress)
{
        int64_t now = hedge_now_ms();

        return progress->terminal && now - progress->started_ms >= PATIENCE_MS && now - progress->drawn_ms >= REDRAW_MS;
}

void hedgec_progress_show(hedgec_progress_t *progress, const char *text)
{
        if (!hedgec_progress_due(progress))
                return;
        progress->drawn_ms = hedge_now_ms();
        fprintf(stderr, "\r%s\033[K", text);
        fflush(stderr);
}

void hedgec_progress_update(hedgec_progress_t *progress, uint64_t done)
{
        char text[80];

        if (hedgec_progress_due(progress))
                hedgec_progress_show(progress, hedgec_progress_text(progress, done, text, sizeof(text)));
}

void hedgec_progress_clear(hedgec_progress_t *progress)
{
        if (!progress->drawn_ms)
                return;
        fputs("\r\033[K", stderr);
        fflush(stderr);
        progress->drawn_ms = 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/muster.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"

#define QUIET_MS    2000
#define COMEBACK_MS 6000 /* a board tries to connect every 5 s at least */

static void take(hedged_muster_t *m, const hedged_word_t *word)
{
        const bool comes = word->mail.kind == HEDGED_WORD_HERE, goes = word->mail.kind == HEDGED_WORD_LOST;

        if (word->board >= HEDGE_CODE_MAX_BOARDS || (!comes && !goes))
                return;
        m->count += comes && !m->here[word->board];
        m->count -= goes && m->here[word->board];
        m->here[word->board] = comes;
        if (comes)
                snprintf(m->names[word->board], sizeof(m->names[0]), "%s", word->name);
}

/* @return whether a word came. */
static bool listen(hedged_line_t *line, int timeout_ms, hedged_muster_t *m)
{
        hedged_word_t *word = hedged_line_next(line, timeout_ms);

        if (!word)
                return false;
        take(m, word);
        hedged_word_release(&word);
        return true;
}

/* @return ms until it may begin; 0: now, -1: somebody has to come first. */
static int to_wait(const hedged_muster_t *m, unsigned expected, bool at_once, int64_t newest_ms)
{
        const int64_t until_ms = newest_ms + (expected ? COMEBACK_MS : QUIET_MS), now_ms = hedge_now_ms();

        if (m->count == 0)
                return -1;
        if (expected ? m->count >= expected : at_once)
                return 0;
        return until_ms > now_ms ? (int)(until_ms - now_ms) : 0;
}

int hedged_muster(hedged_line_t *line, hedged_progress_t *progress, unsigned expected, hedged_muster_t *ret)
{
        int64_t newest_ms = hedge_now_ms();
        bool at_once;
        int wait_ms;

        memset(ret, 0, sizeof(*ret));
        while (listen(line, 0, ret))
                ;
        at_once = ret->count > 0;
        if (!at_once) {
                hedged_progress_waiting(progress, true);
                hedged_progress_event(progress, "waiting for boards");
        }
        while ((wait_ms = to_wait(ret, expected, at_once, newest_ms)) != 0) {
                const unsigned before = ret->count;

                if (hedged_line_stopping(line) != HEDGED_STOP_NO)
                        return HEDGE_ESHUTDOWN;
                listen(line, wait_ms, ret);
                if (ret->count > before)
                        newest_ms = hedge_now_ms();
        }
        if (!at_once)
                hedged_progress_waiting(progress, false);
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/co3/rendezvous.h"

#include <stdio.h>
#include <string.h>

#include "common/clock.h"

#define QUIET_MS    2000
#define COMEBACK_MS 6000 /* a board tries to connect every 5 s at least */

static void take(hedged_rendezvous_t *m, const hedged_line_event_t *event)
{
        const bool comes = event->mail.kind == HEDGED_LINE_HERE, goes = event->mail.kind == HEDGED_LINE_LOST;

        if (event->board >= HEDGE_CODE_MAX_BOARDS || (!comes && !goes))
                return;
        m->count += comes && !m->here[event->board];
        m->count -= goes && m->here[event->board];
        m->here[event->board] = comes;
        if (comes)
                snprintf(m->names[event->board], sizeof(m->names[0]), "%s", event->name);
}

/* @return whether a event came. */
static bool listen(hedged_line_t *line, int timeout_ms, hedged_rendezvous_t *m)
{
        hedged_line_event_t *event = hedged_line_next(line, timeout_ms);

        if (!event)
                return false;
        take(m, event);
        hedged_line_event_release(&event);
        return true;
}

/* @return ms until it may begin; 0: now, -1: somebody has to come first. */
static int to_wait(const hedged_rendezvous_t *m, unsigned expected, bool at_once, int64_t newest_ms)
{
        const int64_t until_ms = newest_ms + (expected ? COMEBACK_MS : QUIET_MS), now_ms = hedge_now_ms();

        if (m->count == 0)
                return -1;
        if (expected ? m->count >= expected : at_once)
                return 0;
        return until_ms > now_ms ? (int)(until_ms - now_ms) : 0;
}

int hedged_rendezvous(hedged_line_t *line, hedged_progress_t *progress, unsigned expected, hedged_rendezvous_t *ret)
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

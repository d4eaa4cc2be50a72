/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/models/allot.h"

static bool covers(const hedged_allot_t *a, uint32_t first, uint32_t last)
{
        return a->first <= first && last <= a->last;
}

static bool is_covered(const hedged_allot_t *blocks, unsigned n, const hedged_allot_t *one)
{
        for (unsigned i = 0; i < n; i++)
                if (blocks[i].chosen && covers(&blocks[i], one->first, one->last))
                        return true;
        return false;
}

/* What is left of the room; 0 where what stays takes more than it. */
static uint64_t left_of(uint64_t room, const hedged_allot_t *blocks, unsigned n)
{
        for (unsigned i = 0; i < n; i++)
                if (blocks[i].chosen)
                        room -= blocks[i].bytes < room ? blocks[i].bytes : room;
        return room;
}

static bool may_take(const hedged_allot_t *a, uint64_t left)
{
        return !a->chosen && !a->refused && a->bytes <= left;
}

static void take_all(hedged_allot_t *blocks, unsigned n, uint64_t left)
{
        for (unsigned i = 0; i < n; i++)
                if (blocks[i].all && may_take(&blocks[i], left) && !is_covered(blocks, n, &blocks[i])) {
                        blocks[i].chosen = true;
                        return;
                }
}

/* Does `a` come before `b`? Of those that are as good, the one of the earlier nodes. */
static bool is_better(const hedged_allot_t *a, const hedged_allot_t *b)
{
        const double gain_a = a->saves_s * (double)b->bytes, gain_b = b->saves_s * (double)a->bytes;

        if (a->planned != b->planned)
                return a->planned;
        return gain_a != gain_b ? gain_a > gain_b : a->first < b->first;
}

/* @return n: there is none. */
static unsigned find_best(const hedged_allot_t *blocks, unsigned n, uint64_t left)
{
        unsigned best = n;

        for (unsigned i = 0; i < n; i++)
                if (may_take(&blocks[i], left) && (blocks[i].planned || blocks[i].saves_s > 0) &&
                    !is_covered(blocks, n, &blocks[i]) && (best == n || is_better(&blocks[i], &blocks[best])))
                        best = i;
        return best;
}

void hedged_allot(hedged_allot_t *blocks, unsigned n, uint64_t room)
{
        unsigned best;

        take_all(blocks, n, left_of(room, blocks, n));
        while ((best = find_best(blocks, n, left_of(room, blocks, n))) < n)
                blocks[best].chosen = true;
}

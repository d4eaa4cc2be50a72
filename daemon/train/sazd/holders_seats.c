/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/sazd/holders_seats.h"

#define BOARDS   HEDGE_CODE_MAX_BOARDS
#define REFUSALS 3 /* after which it is left out */

unsigned hedged_holders_count(const hedged_holders_t *h, unsigned states)
{
        unsigned n = 0;

        for (unsigned b = 0; b < h->n; b++)
                n += states >> h->seats[b].state & 1;
        return n;
}

unsigned hedged_holders_current(const hedged_holders_t *h)
{
        return hedged_holders_count(h, 1u << HEDGED_SEAT_CURRENT | 1u << HEDGED_SEAT_STAND_IN);
}

bool hedged_holders_able(const hedged_holders_t *h)
{
        return hedged_holders_current(h) >= h->k;
}

bool hedged_holders_lacking(const hedged_holders_t *h)
{
        for (unsigned b = 0; b < h->n; b++)
                if (h->seats[b].state == HEDGED_SEAT_STALE || h->seats[b].arrived)
                        return true;
        return false;
}

unsigned hedged_holders_late(const hedged_holders_t *h)
{
        unsigned n = 0;

        for (unsigned b = 0; b < h->n; b++)
                n += h->seats[b].state == HEDGED_SEAT_CURRENT && hedged_round_owed(h->round, h->seats[b].board) > 0;
        return n;
}

unsigned hedged_holders_usable(const hedged_holders_t *h)
{
        unsigned n =
                hedged_holders_count(h, 1u << HEDGED_SEAT_STALE | 1u << HEDGED_SEAT_CURRENT | 1u << HEDGED_SEAT_BEHIND);

        for (unsigned b = 0; b < h->n; b++)
                n += h->seats[b].arrived;
        return n;
}

hedged_seat_t *hedged_holders_seat(hedged_holders_t *h, unsigned board)
{
        for (unsigned b = 0; b < h->n; b++)
                if (h->seats[b].board == board)
                        return &h->seats[b];
        return NULL;
}

const char *hedged_holders_name(const hedged_holders_t *h, unsigned board)
{
        return hedged_round_name(h->round, board);
}

void hedged_holders_tell(hedged_holders_t *h)
{
        hedged_progress_boards(h->s.progress, hedged_holders_usable(h));
}

void hedged_holders_take_seat(hedged_seat_t *seat, unsigned board)
{
        seat->board = board;
        seat->refusals = seat->drops = 0;
        seat->not_before = 0;
        if (seat->state == HEDGED_SEAT_STAND_IN)
                seat->arrived = true;
        else
                seat->state = HEDGED_SEAT_STALE;
}

/* One that nobody has, or nobody who is of use. */
static hedged_seat_t *free_seat(hedged_holders_t *h)
{
        for (unsigned b = 0; b < h->n; b++) {
                hedged_seat_t *seat = &h->seats[b];

                if (seat->state == HEDGED_SEAT_EMPTY || seat->state == HEDGED_SEAT_LEFT_OUT ||
                    (seat->state == HEDGED_SEAT_STAND_IN && !seat->arrived))
                        return seat;
        }
        return NULL;
}

static void sit_down(hedged_holders_t *h, unsigned board)
{
        hedged_seat_t *seat = free_seat(h);

        if (!seat)
                return; /* one to spare */
        hedged_progress_event(h->s.progress, "%s takes the place of %s", hedged_holders_name(h, board),
                              seat->board == HEDGED_NOBODY ? "nobody" : hedged_holders_name(h, seat->board));
        hedged_holders_take_seat(seat, board);
}

/* A seat is free: for one that is there and has none. */
static void seat_a_spare(hedged_holders_t *h)
{
        for (unsigned board = 0; board < BOARDS; board++)
                if (hedged_round_here(h->round, board) && !h->useless[board] && !hedged_holders_seat(h, board)) {
                        sit_down(h, board);
                        break;
                }
        hedged_holders_tell(h);
}

static void on_here(hedged_holders_t *h, unsigned board)
{
        hedged_seat_t *seat = hedged_holders_seat(h, board);

        h->useless[board] = false;
        if (!h->seated)
                return;
        if (seat) {
                hedged_progress_event(h->s.progress, "%s is back", hedged_holders_name(h, board));
                hedged_holders_take_seat(seat, board);
        } else {
                sit_down(h, board);
        }
        hedged_holders_tell(h);
}

static void on_lost(hedged_holders_t *h, unsigned board)
{
        hedged_seat_t *seat = hedged_holders_seat(h, board);

        if (!seat || !h->seated)
                return;
        seat->arrived = false;
        if (seat->state != HEDGED_SEAT_STAND_IN)
                seat->state = HEDGED_SEAT_EMPTY;
        hedged_progress_event(h->s.progress, "%s is lost: going on with %u boards", hedged_holders_name(h, board),
                              hedged_holders_usable(h));
        seat_a_spare(h);
}

void hedged_holders_leave_out(hedged_holders_t *h, hedged_seat_t *seat, const char *why)
{
        seat->state = HEDGED_SEAT_LEFT_OUT;
        h->useless[seat->board] = true;
        hedged_progress_event(h->s.progress, "%s is left out: %s", hedged_holders_name(h, seat->board), why);
        seat_a_spare(h);
}

static void on_refused(hedged_holders_t *h, const hedged_round_news_t *news)
{
        hedged_seat_t *seat = hedged_holders_seat(h, news->board);

        if (!seat || seat->state == HEDGED_SEAT_EMPTY || seat->state == HEDGED_SEAT_LEFT_OUT ||
            seat->state == HEDGED_SEAT_STAND_IN)
                return;
        if (news->code != HEDGE_ELIMIT && ++seat->refusals < REFUSALS)
                seat->state = HEDGED_SEAT_BEHIND;
        else
                hedged_holders_leave_out(h, seat, news->why.text);
}

void hedged_holders_news(hedged_holders_t *h, hedged_round_news_t *news)
{
        switch (news->event) {
        case HEDGED_ROUND_PRODUCT: /* nobody waits for it */
                zmq_msg_close(&news->frame);
                break;
        case HEDGED_ROUND_HERE:
                on_here(h, news->board);
                break;
        case HEDGED_ROUND_LOST:
                on_lost(h, news->board);
                break;
        case HEDGED_ROUND_REFUSED:
                on_refused(h, news);
                break;
        case HEDGED_ROUND_LATE:
        case HEDGED_ROUND_STOP:
                break;
        }
}

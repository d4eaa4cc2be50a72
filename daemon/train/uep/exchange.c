/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/uep/exchange.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "common/clock.h"

#define BOARDS HEDGE_CODE_MAX_BOARDS

typedef struct exchange {
        hedged_round_t *round;
        hedged_product_t *const *products;
        unsigned count;
        bool bad[BOARDS];        /* has refused something */
        bool asked[BOARDS];      /* for anything */
        unsigned given[BOARDS];  /* packets of this exchange */
        unsigned behind[BOARDS]; /* products that it owed before */
        unsigned out;            /* packets that somebody has been asked for and that have not come */
        hedged_exchanged_t exchanged;
} exchange_t;

static unsigned packets_of(const hedged_product_t *product)
{
        return hedge_uep_packets(hedged_product_code(product));
}

/* ---- who ---- */

/* Is board a to be asked before board b? */
static bool before(const exchange_t *d, unsigned a, unsigned b)
{
        const bool late_a = d->behind[a] >= HEDGED_EXCHANGE_OWED, late_b = d->behind[b] >= HEDGED_EXCHANGE_OWED;

        if (late_a != late_b)
                return late_b;
        if (d->given[a] != d->given[b])
                return d->given[a] < d->given[b];
        return d->behind[a] < d->behind[b];
}

/* Who is to get the next packet; `but`: not this one, if there is another. */
static unsigned choose(const exchange_t *d, unsigned but)
{
        unsigned best = HEDGED_NOBODY;

        for (unsigned i = 0; i < BOARDS; i++)
                if (hedged_round_here(d->round, i) && !d->bad[i] && i != but &&
                    (best == HEDGED_NOBODY || before(d, i, best)))
                        best = i;
        if (best == HEDGED_NOBODY && but != HEDGED_NOBODY)
                return choose(d, HEDGED_NOBODY);
        return best;
}

/* The second copy of a sub-product must not be where the first one is. */
static unsigned twin_of(hedged_product_t *product, unsigned packet)
{
        const unsigned products = hedged_product_count(product);
        const double *column = hedge_uep_column(hedged_product_code(product), packet);

        for (unsigned p = 0; p < packet && p < products; p++)
                if (!memcmp(hedge_uep_column(hedged_product_code(product), p), column, products * sizeof(*column)))
                        return hedged_product_packets(product)[p].board;
        return HEDGED_NOBODY;
}

/* ---- asking ---- */

static int ask(exchange_t *d, unsigned product, unsigned packet, unsigned board)
{
        hedged_product_t *p = d->products[product];
        hedged_packet_t *state = &hedged_product_packets(p)[packet];
        const uint32_t number = product * HEDGE_UEP_MAX_PACKETS + packet;
        hedge_message_t message;
        zmq_msg_t frames[2];
        int r = hedged_product_encode(p, packet, number, &message, frames);

        if (r < 0)
                return r;
        r = hedged_round_say(d->round, board, &message, frames, 2, message.multiply.rows, message.multiply.cols);
        if (r < 0)
                return r;
        state->board = board;
        state->asked_us = hedge_now_us();
        d->exchanged.boards += !d->asked[board];
        d->asked[board] = true;
        d->given[board]++;
        d->out++;
        return 0;
}

/* Ask for all packets that nobody has been asked for, as long as there is anybody. */
static int ask_open(exchange_t *d)
{
        int r = 0;

        for (unsigned i = 0; r == 0 && i < d->count; i++) {
                hedged_packet_t *packets = hedged_product_packets(d->products[i]);

                for (unsigned k = 0; r == 0 && k < packets_of(d->products[i]); k++) {
                        const unsigned board = packets[k].board != HEDGED_NOBODY || packets[k].received_us
                                                       ? HEDGED_NOBODY
                                                       : choose(d, twin_of(d->products[i], k));

                        if (board != HEDGED_NOBODY)
                                r = ask(d, i, k, board);
                }
        }
        return r;
}

/* ---- hearing ---- */

/* Nothing that it was asked for is to be waited for. */
static int take_away(exchange_t *d, unsigned board)
{
        for (unsigned i = 0; i < d->count; i++) {
                hedged_packet_t *packets = hedged_product_packets(d->products[i]);

                for (unsigned k = 0; k < packets_of(d->products[i]); k++)
                        if (packets[k].board == board && !packets[k].received_us) {
                                packets[k].board = HEDGED_NOBODY;
                                d->out--;
                        }
        }
        d->given[board] = d->behind[board] = 0;
        return ask_open(d);
}

static int refuse(exchange_t *d, const hedged_round_news_t *news)
{
        if (d->bad[news->board])
                return 0;
        if (d->exchanged.refused < HEDGED_EXCHANGE_REFUSALS)
                d->exchanged.refusals[d->exchanged.refused] = (hedged_refusal_t){ news->board, news->why };
        d->exchanged.refused++;
        d->bad[news->board] = true;
        return take_away(d, news->board);
}

static int take(exchange_t *d, hedged_round_news_t *news)
{
        const unsigned product = news->packet / HEDGE_UEP_MAX_PACKETS, packet = news->packet % HEDGE_UEP_MAX_PACKETS;
        hedged_packet_t *state = &hedged_product_packets(d->products[product])[packet];

        assert(product < d->count && packet < packets_of(d->products[product]));
        d->exchanged.received++;
        if (!state->received_us && state->board != HEDGED_NOBODY)
                d->out--;
        return hedged_product_take(d->products[product], packet, news->board, &news->frame, news->received_us);
}

/* @return 1: the deadline has passed. */
static int hear(exchange_t *d, hedged_round_news_t *news)
{
        int r = 0;

        switch (news->event) {
        case HEDGED_ROUND_PRODUCT:
                r = take(d, news);
                zmq_msg_close(&news->frame);
                return r;
        case HEDGED_ROUND_HERE: /* perhaps without a LOST */
                d->bad[news->board] = false;
                return take_away(d, news->board);
        case HEDGED_ROUND_LOST:
                return take_away(d, news->board);
        case HEDGED_ROUND_REFUSED:
                return refuse(d, news);
        case HEDGED_ROUND_LATE:
                return 1;
        case HEDGED_ROUND_STOP:
                break;
        }
        return HEDGE_ESHUTDOWN;
}

static bool is_complete(const exchange_t *d)
{
        for (unsigned i = 0; i < d->count; i++)
                if (!hedged_product_complete(d->products[i]))
                        return false;
        return true;
}

int hedged_exchange(hedged_round_t *round, hedged_product_t *const *products, unsigned count, int64_t deadline_us,
                    hedged_exchanged_t *ret)
{
        exchange_t d = { .round = round, .products = products, .count = count };
        hedged_round_news_t news;
        int r;

        assert(count >= 1 && count <= HEDGED_EXCHANGE_MOST);
        hedged_round_begin(round);
        for (unsigned i = 0; i < BOARDS; i++)
                d.behind[i] = hedged_round_owed(round, i);
        r = ask_open(&d);
        while (r == 0 && !is_complete(&d)) {
                hedged_round_next(round, d.out > 0 ? deadline_us : 0, &news); /* a board may be back already */
                r = hear(&d, &news);
        }
        if (r < 0)
                return r;
        d.exchanged.ended_us = hedge_now_us();
        *ret = d.exchanged;
        return 0;
}

/* ---- who is here ---- */

int hedged_exchange_look(hedged_round_t *round)
{
        hedged_round_news_t news;

        do {
                hedged_round_next(round, 0, &news);
                if (news.event == HEDGED_ROUND_PRODUCT)
                        zmq_msg_close(&news.frame);
        } while (news.event != HEDGED_ROUND_LATE && news.event != HEDGED_ROUND_STOP);
        return news.event == HEDGED_ROUND_STOP ? HEDGE_ESHUTDOWN : 0;
}

int hedged_exchange_wait(hedged_round_t *round, unsigned boards, void (*tell)(void *arg, unsigned here), void *arg)
{
        unsigned told = UINT_MAX;
        int r = hedged_exchange_look(round);

        while (r == 0 && hedged_round_count(round) < boards) {
                hedged_round_news_t news;

                if (hedged_round_count(round) != told)
                        tell(arg, told = hedged_round_count(round));
                hedged_round_next(round, INT64_MAX, &news);
                if (news.event == HEDGED_ROUND_PRODUCT)
                        zmq_msg_close(&news.frame);
                if (news.event == HEDGED_ROUND_STOP)
                        r = HEDGE_ESHUTDOWN;
        }
        return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/tensor.h"
#include "daemon/train/sazd/holders_seats.h"

#define KEPT     64      /* factors that boards keep, at most: their numbers */
#define HELP_US  1000000 /* so long k boards alone are asked for the weights */
#define PATIENCE 10      /* times as long as others took may a board be silent */

/* What boards answered, by seat. */
typedef struct answers {
        float *blocks[HEDGED_SEATS];
        uint32_t have;
} answers_t;

static void release(answers_t *a)
{
        for (unsigned b = 0; b < HEDGED_SEATS; b++)
                free(a->blocks[b]);
        memset(a, 0, sizeof(*a));
}

/* Number of what a board keeps of a layer; 0: it does not. */
static uint32_t kept(const hedged_holders_t *h, unsigned layer, bool delta)
{
        const uint32_t number = 2 * layer + (delta ? 2 : 1);

        if (h->s.resent || number > KEPT || (delta && !h->s.layers[layer].columns))
                return 0;
        return number;
}

static int make_floats(size_t n, const float *floats, zmq_msg_t *ret)
{
        if (zmq_msg_init_size(ret, n * sizeof(float)) < 0)
                return -ENOMEM;
        memcpy(zmq_msg_data(ret), floats, n * sizeof(float));
        return 0;
}

static int keep_block(answers_t *a, unsigned b, const void *floats, size_t bytes)
{
        if (!a->blocks[b])
                a->blocks[b] = hedge_floats_new(bytes / sizeof(float));
        if (!a->blocks[b])
                return -ENOMEM;
        memcpy(a->blocks[b], floats, bytes);
        a->have |= UINT32_C(1) << b;
        return 0;
}

static int apply_here(hedged_holders_t *h, uint32_t matrix, unsigned b, uint32_t batch, const float *x, answers_t *a)
{
        a->blocks[b] = hedge_floats_new((size_t)batch * hedged_code_rows(hedged_holders_code(h, matrix), b));
        if (!a->blocks[b])
                return -ENOMEM;
        hedged_replica_apply(h->seats[b].replica, matrix, batch, x, a->blocks[b]);
        a->have |= UINT32_C(1) << b;
        return 0;
}

/* All boards first: they compute while a stand-in does. @param frame  x, borrowed. */
static int ask(hedged_holders_t *h, uint32_t matrix, uint32_t batch, const float *x, zmq_msg_t *frame, answers_t *a)
{
        int r = 0;

        for (unsigned b = 0; r == 0 && b < h->n; b++) {
                hedge_message_t apply = {
                        .type = HEDGE_MSG_APPLY,
                        .apply = { .matrix = matrix, .batch = batch, .keep = kept(h, matrix / 2, matrix % 2) }
                };
                zmq_msg_t copy;

                if (h->seats[b].state != HEDGED_SEAT_CURRENT)
                        continue;
                zmq_msg_init(&copy);
                zmq_msg_copy(&copy, frame);
                r = hedged_round_say(h->round, h->seats[b].board, &apply, &copy, 1, batch,
                                     hedged_code_rows(hedged_holders_code(h, matrix), b));
                r = r == -EHOSTUNREACH ? 0 : r;
        }
        for (unsigned b = 0; r == 0 && b < h->n; b++)
                if (h->seats[b].state == HEDGED_SEAT_STAND_IN)
                        r = apply_here(h, matrix, b, batch, x, a);
        return r;
}

/* Take what comes next. @return 1: the time is over. */
static int take(hedged_holders_t *h, uint32_t matrix, int64_t deadline_us, answers_t *a)
{
        hedged_round_news_t news;
        hedged_seat_t *seat;
        int r = 0;

        hedged_round_next(h->round, deadline_us, &news);
        seat = news.event == HEDGED_ROUND_PRODUCT ? hedged_holders_seat(h, news.board) : NULL;
        if (seat && seat->state == HEDGED_SEAT_CURRENT && news.packet == matrix) {
                seat->refusals = 0;
                r = keep_block(a, (unsigned)(seat - h->seats), zmq_msg_data(&news.frame), zmq_msg_size(&news.frame));
        }
        hedged_holders_news(h, &news);
        if (news.event == HEDGED_ROUND_STOP)
                return HEDGE_ESHUTDOWN;
        return r < 0 ? r : news.event == HEDGED_ROUND_LATE;
}

static unsigned bits(uint32_t set)
{
        return (unsigned)__builtin_popcount(set);
}

/* Answers that are here or may come. */
static unsigned possible(const hedged_holders_t *h, const answers_t *a)
{
        unsigned n = bits(a->have);

        for (unsigned b = 0; b < h->n; b++)
                n += h->seats[b].state == HEDGED_SEAT_CURRENT && !(a->have >> b & 1);
        return n;
}

static void leave_out_silent(hedged_holders_t *h, const answers_t *a)
{
        for (unsigned b = 0; b < h->n; b++)
                if (h->seats[b].state == HEDGED_SEAT_CURRENT && !(a->have >> b & 1))
                        hedged_holders_leave_out(h, &h->seats[b], "it does not answer");
}

/* As long as it takes, but where others have answered. */
static int64_t patience(const hedged_holders_t *h, int64_t began_us, int64_t answered_us)
{
        const int64_t more_us = PATIENCE * (answered_us - began_us);

        if (answered_us == began_us)
                return INT64_MAX;
        return answered_us + (more_us > h->s.patience_us ? more_us : h->s.patience_us);
}

/* Until there are enough; and what is there by then, for plain blocks are better than parities. */
static int gather(hedged_holders_t *h, uint32_t matrix, answers_t *a)
{
        const uint32_t plain = (uint32_t)((UINT64_C(1) << h->k) - 1);
        const int64_t began_us = hedge_now_us();
        int64_t answered_us = began_us;
        int r = 0;

        while (r >= 0 && bits(a->have) < h->k) {
                const uint32_t before = a->have;

                if (possible(h, a) < h->k)
                        return -EAGAIN;
                r = take(h, matrix, patience(h, began_us, answered_us), a);
                if (r == 1)
                        leave_out_silent(h, a);
                if (a->have != before)
                        answered_us = hedge_now_us() + 1;
        }
        while (r == 0 && (a->have & plain) != plain)
                r = take(h, matrix, 0, a);
        return r < 0 ? r : 0;
}

int hedged_holders_apply(hedged_holders_t *h, unsigned layer, bool transposed, uint32_t batch, const float *x, float *y)
{
        const uint32_t matrix = 2 * layer + transposed;
        answers_t answers = { .have = 0 };
        zmq_msg_t frame;
        int r = make_floats((size_t)batch * hedged_holders_width(h, matrix), x, &frame);

        if (r < 0)
                return r;
        r = ask(h, matrix, batch, x, &frame, &answers);
        zmq_msg_close(&frame);
        if (r == 0)
                r = gather(h, matrix, &answers);
        if (r == 0)
                r = hedged_code_decode_products(hedged_holders_code(h, matrix), answers.have, batch,
                                                (const float *const *)answers.blocks, y);
        release(&answers);
        return r;
}

/* ---- updates ---- */

/* What an update says to everybody but for its targets, and the factors that nobody keeps. */
typedef struct update {
        hedge_message_t message;
        zmq_msg_t frames[2];
        uint32_t n_frames;
} update_t;

static int add_factor(update_t *u, uint32_t number, size_t n, const float *floats)
{
        return number ? 0 : make_floats(n, floats, &u->frames[u->n_frames++]);
}

static void close_update(update_t *u)
{
        while (u->n_frames > 0)
                zmq_msg_close(&u->frames[--u->n_frames]);
}

static int open_update(const hedged_holders_t *h, unsigned l, uint32_t batch, const float *delta, const float *x,
                       update_t *u)
{
        const hedged_spread_t *layer = &h->s.layers[l];
        hedge_msg_update_t *m = &u->message.update;
        int r;

        m->batch = batch;
        m->left_cols = layer->outputs;
        m->right_cols = layer->inputs;
        m->left_kept = kept(h, l, true);
        m->right_kept = kept(h, l, false);
        m->n_targets = layer->columns ? 2 : 1;
        r = add_factor(u, m->left_kept, (size_t)batch * m->left_cols, delta);
        if (r < 0) {
                u->n_frames = 0;
                return r;
        }
        r = add_factor(u, m->right_kept, (size_t)batch * m->right_cols, x);
        if (r < 0) {
                u->n_frames--;
                close_update(u);
        }
        return r;
}

static int say_update(hedged_holders_t *h, hedged_seat_t *seat, unsigned layer, update_t *u)
{
        hedge_message_t message = u->message;
        zmq_msg_t copies[2];

        for (uint32_t i = 0; i < u->n_frames; i++) {
                zmq_msg_init(&copies[i]);
                zmq_msg_copy(&copies[i], &u->frames[i]);
        }
        message.update.targets = seat->targets + (size_t)2 * layer;
        return hedged_round_say(h->round, seat->board, &message, copies, u->n_frames, 0, 0);
}

void hedged_holders_update(hedged_holders_t *h, unsigned layer, uint32_t batch, const float *delta, const float *x,
                           double rate, double decay)
{
        update_t u = { .message = { .type = HEDGE_MSG_UPDATE, .update = { .rate = rate, .decay = decay } } };
        int r = open_update(h, layer, batch, delta, x, &u);

        for (unsigned b = 0; b < h->n; b++) {
                hedged_seat_t *seat = &h->seats[b];
                bool missed = false;

                if (seat->state == HEDGED_SEAT_CURRENT)
                        missed = r < 0 || say_update(h, seat, layer, &u) < 0;
                else if (seat->state == HEDGED_SEAT_STAND_IN)
                        missed = hedged_replica_update(seat->replica, &u.message.update,
                                                       seat->targets + (size_t)2 * layer, delta, x) < 0;
                if (missed && seat->state == HEDGED_SEAT_STAND_IN) {
                        hedged_replica_destroy(&seat->replica);
                        seat->state = seat->arrived ? HEDGED_SEAT_STALE : HEDGED_SEAT_EMPTY;
                        seat->arrived = false;
                } else if (missed) {
                        seat->state = HEDGED_SEAT_BEHIND;
                }
        }
        close_update(&u);
}

/* ---- fetching weights ---- */

static int ask_for(hedged_holders_t *h, unsigned b)
{
        int r = 0;

        for (unsigned l = 0; r == 0 && l < h->s.n_layers; l++) {
                hedge_message_t fetch = { .type = HEDGE_MSG_FETCH, .hold = { .matrix = 2 * l } };

                r = hedged_round_say(h->round, h->seats[b].board, &fetch, NULL, 0,
                                     hedged_code_rows(h->s.layers[l].rows, b), h->s.layers[l].inputs);
        }
        return r == -EHOSTUNREACH ? 0 : r;
}

/* The one up to date that owes least and was not asked; of several the first, which is plain. */
static unsigned next_to_ask(const hedged_holders_t *h, uint32_t asked)
{
        unsigned best = HEDGED_NOBODY, least = 0;

        for (unsigned b = 0; b < h->n; b++) {
                const unsigned owed = hedged_round_owed(h->round, h->seats[b].board);

                if (h->seats[b].state != HEDGED_SEAT_CURRENT || asked >> b & 1 ||
                    (best != HEDGED_NOBODY && owed >= least))
                        continue;
                best = b;
                least = owed;
        }
        return best;
}

/* So many may still come, or are here. */
static unsigned expected(const hedged_holders_t *h, uint32_t asked, const answers_t *layers)
{
        unsigned n = 0;

        for (unsigned b = 0; b < h->n; b++) {
                bool whole = true;

                for (unsigned l = 0; l < h->s.n_layers; l++)
                        whole &= layers[l].have >> b & 1;
                n += whole || (asked >> b & 1 && h->seats[b].state == HEDGED_SEAT_CURRENT);
        }
        return n;
}

static bool complete(const hedged_holders_t *h, const answers_t *layers)
{
        for (unsigned l = 0; l < h->s.n_layers; l++)
                if (bits(layers[l].have) < h->k)
                        return false;
        return true;
}

static int take_weights(hedged_holders_t *h, int64_t deadline_us, answers_t *layers)
{
        hedged_round_news_t news;
        hedged_seat_t *seat;
        int r = 0;

        hedged_round_next(h->round, deadline_us, &news);
        seat = news.event == HEDGED_ROUND_PRODUCT ? hedged_holders_seat(h, news.board) : NULL;
        if (seat && seat->state == HEDGED_SEAT_CURRENT && news.packet % 2 == 0 && news.packet / 2 < h->s.n_layers)
                r = keep_block(&layers[news.packet / 2], (unsigned)(seat - h->seats), zmq_msg_data(&news.frame),
                               zmq_msg_size(&news.frame));
        hedged_holders_news(h, &news);
        if (news.event == HEDGED_ROUND_STOP)
                return HEDGE_ESHUTDOWN;
        return r < 0 ? r : news.event == HEDGED_ROUND_LATE;
}

static int copy_own(hedged_holders_t *h, answers_t *layers)
{
        int r = 0;

        for (unsigned b = 0; b < h->n; b++)
                for (unsigned l = 0; r == 0 && h->seats[b].state == HEDGED_SEAT_STAND_IN && l < h->s.n_layers; l++)
                        r = keep_block(&layers[l], b, hedged_replica_matrix(h->seats[b].replica, 2 * l),
                                       hedged_code_rows(h->s.layers[l].rows, b) * (size_t)h->s.layers[l].inputs *
                                               sizeof(float));
        return r;
}

/* k are asked first, as that is the least to send; the others where these take long. */
static int collect(hedged_holders_t *h, int64_t deadline_us, answers_t *layers)
{
        int64_t help_us = hedge_now_us() + HELP_US;
        uint32_t asked = 0;
        int r = copy_own(h, layers);

        while (r >= 0 && !complete(h, layers)) {
                while (r >= 0 && expected(h, asked, layers) < (r == 1 ? h->n : h->k)) {
                        const unsigned b = next_to_ask(h, asked);

                        if (b == HEDGED_NOBODY && expected(h, asked, layers) < h->k)
                                return -EAGAIN;
                        if (b == HEDGED_NOBODY)
                                break;
                        asked |= UINT32_C(1) << b;
                        if (ask_for(h, b) < 0)
                                return -ENOMEM;
                }
                r = take_weights(h, help_us < deadline_us ? help_us : deadline_us, layers);
                if (r == 1 && hedge_now_us() >= deadline_us)
                        return HEDGE_ESHUTDOWN;
                if (r == 1)
                        help_us = INT64_MAX;
        }
        return r < 0 ? r : 0;
}

int hedged_holders_fetch(hedged_holders_t *h, int64_t deadline_us, float *const weights[])
{
        answers_t *layers = calloc(h->s.n_layers, sizeof(*layers));
        int r = layers ? 0 : -ENOMEM;

        h->step =
                hedged_round_begin(h->round); /* what is still to come of the last step is not what is asked for now */
        if (r == 0)
                r = collect(h, deadline_us, layers);
        for (unsigned l = 0; layers && l < h->s.n_layers; l++) {
                if (r == 0)
                        r = hedged_code_decode(h->s.layers[l].rows, layers[l].have, h->s.layers[l].inputs,
                                               (const float *const *)layers[l].blocks, weights[l]);
                release(&layers[l]);
        }
        free(layers);
        return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/sazd/holders.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/tensor.h"
#include "daemon/train/sazd/holders_seats.h"

#define BOARDS      HEDGE_CODE_MAX_BOARDS
#define COMEBACK_US 6000000
#define AHEAD       4                    /* steps that a board may be behind; */
#define PATIENCE_US 250000               /* or as many as are done in so long, where these are more, */
#define MOST_SAID   160u                 /* but no more than so many messages, which libzmq queues, */
#define MOST_BYTES  (UINT64_C(16) << 20) /* or bytes */

/* ---- making ---- */

const hedged_code_t *hedged_holders_code(const hedged_holders_t *h, uint32_t matrix)
{
        const hedged_spread_t *layer = &h->s.layers[matrix / 2];

        return matrix % 2 ? layer->columns : layer->rows;
}

/* Columns of a matrix's blocks. */
uint32_t hedged_holders_width(const hedged_holders_t *h, uint32_t matrix)
{
        const hedged_spread_t *layer = &h->s.layers[matrix / 2];

        return matrix % 2 ? layer->outputs : layer->inputs;
}

static int make_targets(hedged_holders_t *h, unsigned b)
{
        const unsigned matrices = 2 * h->s.n_layers;
        hedged_seat_t *seat = &h->seats[b];
        hedge_code_term_t *terms;

        seat->targets = calloc(matrices, sizeof(*seat->targets));
        seat->terms = calloc((size_t)matrices * HEDGED_SEATS, sizeof(*seat->terms));
        if (!seat->targets || !seat->terms)
                return -ENOMEM;
        terms = seat->terms;
        for (uint32_t m = 0; m < matrices; m++) {
                const hedged_code_t *code = hedged_holders_code(h, m);

                if (!code)
                        continue;
                seat->targets[m] = (hedge_update_target_t){ .matrix = m,
                                                            .swap = m % 2,
                                                            .blocks = h->k,
                                                            .block_cols = hedged_code_data_rows(code),
                                                            .n_terms = hedged_code_terms(code, b, terms),
                                                            .terms = terms };
                terms += seat->targets[m].n_terms;
        }
        return 0;
}

/* As many as may be on their way to a board that answers quickly at other times. */
static unsigned steps_ahead(const hedged_holders_settings_t *s)
{
        uint64_t floats = 0, by_bytes, by_messages = MOST_SAID / (4 * s->n_layers);

        for (unsigned l = 0; l < s->n_layers; l++) {
                const hedged_spread_t *layer = &s->layers[l];

                floats += (uint64_t)s->batch * (layer->inputs + layer->outputs);
                if (s->resent)
                        floats += (uint64_t)layer->inputs * hedged_code_data_rows(layer->rows) * 2;
        }
        by_bytes = MOST_BYTES / (floats * sizeof(float));
        if (by_bytes < by_messages)
                by_messages = by_bytes;
        return by_messages > AHEAD ? (unsigned)by_messages : AHEAD;
}

int hedged_holders_new(const hedged_holders_settings_t *settings, hedged_holders_t **ret, hedge_why_t *why)
{
        hedged_holders_t *h;
        int r;

        if (settings->n_layers < 1 || settings->n_layers > HEDGED_SPREAD_LAYERS)
                return hedge_why(why, HEDGE_ELIMIT, "%u layers cannot be distributed, but 1 to %u", settings->n_layers,
                                 HEDGED_SPREAD_LAYERS);
        h = calloc(1, sizeof(*h));
        if (!h)
                return hedge_why(why, -ENOMEM, "out of memory");
        h->s = *settings;
        h->k = hedged_code_needed(settings->layers[0].rows);
        h->n = hedged_code_blocks(settings->layers[0].rows);
        for (unsigned l = 0; l < settings->n_layers; l++)
                h->per_step += settings->layers[l].columns ? 2 : 1;
        h->most = steps_ahead(settings);
        r = hedged_round_new(settings->line, settings->job, &h->round);
        for (unsigned b = 0; b < h->n; b++)
                h->seats[b].board = HEDGED_NOBODY;
        for (unsigned b = 0; r == 0 && b < h->n; b++)
                r = make_targets(h, b);
        if (r < 0) {
                hedged_holders_destroy(&h);
                return hedge_why(why, r, "out of memory");
        }
        *ret = h;
        return 0;
}

void hedged_holders_destroy(hedged_holders_t **holders)
{
        hedged_holders_t *h = *holders;

        if (!h)
                return;
        for (unsigned b = 0; b < HEDGED_SEATS; b++) {
                hedged_replica_destroy(&h->seats[b].replica);
                free(h->seats[b].targets);
                free(h->seats[b].terms);
        }
        hedged_round_destroy(&h->round);
        free(h);
        *holders = NULL;
}

void hedged_holders_finish(hedged_holders_t *h)
{
        hedged_round_finish(h->round);
}

void hedged_holders_bytes(const hedged_holders_t *h, uint64_t *ret_up, uint64_t *ret_down)
{
        hedged_round_bytes(h->round, ret_up, ret_down);
}

/* ---- waiting for boards ---- */

static void seat_all(hedged_holders_t *h)
{
        unsigned b = 0;

        for (unsigned board = 0; board < BOARDS && b < h->n; board++)
                if (hedged_round_here(h->round, board))
                        hedged_holders_take_seat(&h->seats[b++], board);
        h->seated = true;
        hedged_holders_tell(h);
}

static unsigned there(const hedged_holders_t *h)
{
        return h->seated ? hedged_holders_usable(h) : hedged_round_count(h->round);
}

/* @return whether the time is over. */
static int listen(hedged_holders_t *h, int64_t deadline_us)
{
        hedged_round_news_t news;

        hedged_round_next(h->round, deadline_us, &news);
        hedged_holders_news(h, &news);
        if (news.event == HEDGED_ROUND_STOP)
                return HEDGE_ESHUTDOWN;
        return news.event == HEDGED_ROUND_LATE;
}

/* @param few  These do after a while in which no more came; 0: they never do. */
static int await(hedged_holders_t *h, unsigned enough, unsigned few)
{
        int64_t newest_us = hedge_now_us();
        bool waiting = false;
        int r;

        while ((r = listen(h, 0)) == 0)
                ;
        while (r >= 0 && there(h) < enough) {
                const unsigned before = there(h);

                if (!waiting) {
                        hedged_progress_waiting(h->s.progress, waiting = true);
                        hedged_progress_event(h->s.progress, "waiting for %u boards: %u %s here", enough, before,
                                              before == 1 ? "is" : "are");
                }
                r = listen(h, few && before >= few ? newest_us + COMEBACK_US : INT64_MAX);
                if (r > 0 && few && there(h) >= few)
                        break;
                if (there(h) > before)
                        newest_us = hedge_now_us();
        }
        if (waiting)
                hedged_progress_waiting(h->s.progress, false);
        return r < 0 ? r : 0;
}

int hedged_holders_rendezvous(hedged_holders_t *h, bool again)
{
        int r = await(h, h->n, again ? (h->s.replica ? 1 : h->k) : 0);

        if (r == 0)
                seat_all(h);
        return r;
}

int hedged_holders_wait(hedged_holders_t *h)
{
        return await(h, h->s.replica ? 1 : h->k, 0);
}

/* ---- giving weights ---- */

static int make_frame(const hedged_holders_t *h, uint32_t matrix, unsigned b, const float *weights, zmq_msg_t *ret)
{
        const hedged_code_t *code = hedged_holders_code(h, matrix);
        const size_t cols = hedged_holders_width(h, matrix);
        int r;

        if (zmq_msg_init_size(ret, hedged_code_rows(code, b) * cols * sizeof(float)) < 0)
                return -ENOMEM;
        r = hedged_code_encode(code, b, cols, weights, zmq_msg_data(ret));
        if (r < 0)
                zmq_msg_close(ret);
        return r;
}

/* To the board of a seat; or, without one, to the stand-in. */
static int give_matrix(hedged_holders_t *h, uint32_t matrix, unsigned b, const float *weights)
{
        const uint32_t rows = hedged_code_rows(hedged_holders_code(h, matrix), b);
        hedged_seat_t *seat = &h->seats[b];
        hedge_message_t hold = { .type = HEDGE_MSG_HOLD,
                                 .hold = { .matrix = matrix, .rows = rows, .cols = hedged_holders_width(h, matrix) } };
        zmq_msg_t frame;
        int r = make_frame(h, matrix, b, weights, &frame);

        if (r < 0)
                return r;
        if (seat->state != HEDGED_SEAT_STAND_IN || seat->arrived) {
                r = hedged_round_say(h->round, seat->board, &hold, &frame, 1, 0, 0);
                return r == -EHOSTUNREACH ? 0 : r; /* LOST says so */
        }
        r = hedged_replica_hold(seat->replica, matrix, rows, hedged_holders_width(h, matrix), zmq_msg_data(&frame));
        zmq_msg_close(&frame);
        return r;
}

static int give_layer(hedged_holders_t *h, unsigned l, const float *weights, uint32_t seats)
{
        const hedged_spread_t *layer = &h->s.layers[l];
        float *turned = NULL;
        int r = 0;

        if (layer->columns) {
                turned = hedge_floats_new((size_t)layer->outputs * layer->inputs);
                if (!turned)
                        return -ENOMEM;
                hedged_transpose(layer->outputs, layer->inputs, weights, turned);
        }
        for (unsigned b = 0; r == 0 && b < h->n; b++) {
                if (!(seats >> b & 1))
                        continue;
                r = give_matrix(h, 2 * l, b, weights);
                if (r == 0 && turned)
                        r = give_matrix(h, 2 * l + 1, b, turned);
        }
        free(turned);
        return r;
}

/* A seat that nobody has is the coordinator's. */
static int replica(hedged_holders_t *h, hedged_seat_t *seat)
{
        int r = 0;

        if (!seat->replica)
                r = hedged_replica_new(2 * h->s.n_layers, &seat->replica);
        if (r == 0 && seat->state != HEDGED_SEAT_STAND_IN)
                hedged_progress_event(h->s.progress, "the coordinator computes in place of %s",
                                      seat->board == HEDGED_NOBODY ? "a board" : hedged_holders_name(h, seat->board));
        if (r == 0)
                seat->state = HEDGED_SEAT_STAND_IN;
        return r;
}

int hedged_holders_give(hedged_holders_t *h, const float *const weights[], bool all)
{
        /* who lacks what was not sent; where weights come in every step, only if it cannot be done without */
        const bool behind_too =
                !h->s.resent || hedged_holders_count(h, 1u << HEDGED_SEAT_CURRENT | 1u << HEDGED_SEAT_STALE) < h->k;
        uint32_t seats = 0;
        int r = 0;

        for (unsigned b = 0; r == 0 && b < h->n; b++) {
                hedged_seat_t *seat = &h->seats[b];
                const bool there =
                        seat->state == HEDGED_SEAT_CURRENT || (seat->state == HEDGED_SEAT_BEHIND && behind_too);
                const bool lacks = seat->state == HEDGED_SEAT_STALE || seat->arrived;

                if (all && h->s.replica && (seat->state == HEDGED_SEAT_EMPTY || seat->state == HEDGED_SEAT_LEFT_OUT))
                        r = replica(h, seat);
                if (lacks || (all && (there || seat->state == HEDGED_SEAT_STAND_IN)))
                        seats |= UINT32_C(1) << b;
        }
        for (unsigned l = 0; r == 0 && l < h->s.n_layers; l++)
                r = give_layer(h, l, weights[l], seats);
        for (unsigned b = 0; r == 0 && b < h->n; b++) {
                hedged_seat_t *seat = &h->seats[b];

                if (!(seats >> b & 1) || (seat->state == HEDGED_SEAT_STAND_IN && !seat->arrived))
                        continue;
                hedged_replica_destroy(&seat->replica);
                seat->arrived = false;
                seat->state = HEDGED_SEAT_CURRENT;
        }
        return r;
}

/* ---- a step ---- */

/* The more often that happens to a board, the longer it is left alone: weights anew cost more than it brings. */
static void drop(hedged_holders_t *h, hedged_seat_t *seat)
{
        seat->state = HEDGED_SEAT_BEHIND;
        seat->not_before = h->step + (seat->drops ? UINT64_C(16) << (seat->drops < 8 ? seat->drops : 8) : 0);
        seat->drops++;
        hedged_progress_event(h->s.progress, "%s does not keep up: going on without it for now",
                              hedged_holders_name(h, seat->board));
}

static bool keeps_up(const hedged_holders_t *h, const hedged_seat_t *seat)
{
        const unsigned steps = hedged_round_owed(h->round, seat->board) / h->per_step;
        const bool long_ago = hedge_now_us() - hedged_round_since(h->round, seat->board) > PATIENCE_US;

        return steps <= AHEAD || (!long_ago && steps <= h->most);
}

static void look_who_keeps_up(hedged_holders_t *h)
{
        for (unsigned b = 0; b < h->n; b++) {
                hedged_seat_t *seat = &h->seats[b];
                const unsigned owed = hedged_round_owed(h->round, seat->board);
                const bool may_go = hedged_holders_current(h) > h->k;

                if (seat->state == HEDGED_SEAT_CURRENT && !keeps_up(h, seat) && may_go) {
                        drop(h, seat);
                } else if (seat->state == HEDGED_SEAT_BEHIND && owed == 0 && h->step >= seat->not_before) {
                        seat->state = HEDGED_SEAT_STALE;
                        if (seat->drops)
                                hedged_progress_event(h->s.progress, "%s is there again, and gets all weights anew",
                                                      hedged_holders_name(h, seat->board));
                }
        }
}

int hedged_holders_begin(hedged_holders_t *h)
{
        int r;

        h->step = hedged_round_begin(h->round);
        while ((r = listen(h, 0)) == 0)
                ;
        look_who_keeps_up(h);
        return r < 0 ? r : 0;
}

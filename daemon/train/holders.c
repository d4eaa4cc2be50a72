/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/holders.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/tensor.h"
#include "daemon/train/stand_in.h"

#define BOARDS      HEDGE_CODE_MAX_BOARDS
#define SEATS       HEDGE_SAZD_MAX_BLOCKS
#define NOBODY      UINT_MAX
#define KEPT        64 /* factors that boards keep, at most: their numbers */
#define AHEAD       4  /* steps that a board may be behind */
#define REFUSALS    3  /* after which it is left out */
#define COMEBACK_US 6000000
#define HELP_US     1000000 /* so long k boards alone are asked for the weights */

typedef enum state {
        EMPTY,    /* no board, or one that is lost */
        STALE,    /* it is there and lacks the weights */
        CURRENT,  /* it holds what it should, or will when it has caught up */
        BEHIND,   /* it owes too much, or something is wrong: nothing is sent until it owes nothing more */
        LEFT_OUT, /* it refuses: until it comes anew */
        STAND_IN, /* the coordinator computes in its place */
} state_t;

typedef struct seat {
        state_t state;
        unsigned board;
        bool arrived; /* STAND_IN: the board is there, and lacks the weights */
        unsigned refusals, drops;
        uint64_t not_before; /* step */
        hedged_stand_in_t *stand_in;
        hedge_update_target_t *targets; /* two of each layer, row block and column block */
        hedge_code_term_t *terms;
} seat_t;

struct hedged_holders {
        hedged_holders_settings_t s;
        hedged_round_t *round;
        unsigned k, n;
        uint64_t step;
        unsigned per_step; /* products that a board is asked for in a step */
        bool seated;
        seat_t seats[SEATS];
};

/* What boards answered, by seat. */
typedef struct answers {
        float *blocks[SEATS];
        uint32_t have;
} answers_t;

static void release(answers_t *a)
{
        for (unsigned b = 0; b < SEATS; b++)
                free(a->blocks[b]);
        memset(a, 0, sizeof(*a));
}

/* ---- making ---- */

static const hedged_code_t *code_of(const hedged_holders_t *h, uint32_t matrix)
{
        const hedged_spread_t *layer = &h->s.layers[matrix / 2];

        return matrix % 2 ? layer->columns : layer->rows;
}

/* Columns of a matrix's blocks. */
static uint32_t width(const hedged_holders_t *h, uint32_t matrix)
{
        const hedged_spread_t *layer = &h->s.layers[matrix / 2];

        return matrix % 2 ? layer->outputs : layer->inputs;
}

static int make_targets(hedged_holders_t *h, unsigned b)
{
        const unsigned matrices = 2 * h->s.n_layers;
        seat_t *seat = &h->seats[b];
        hedge_code_term_t *terms;

        seat->targets = calloc(matrices, sizeof(*seat->targets));
        seat->terms = calloc((size_t)matrices * SEATS, sizeof(*seat->terms));
        if (!seat->targets || !seat->terms)
                return -ENOMEM;
        terms = seat->terms;
        for (uint32_t m = 0; m < matrices; m++) {
                const hedged_code_t *code = code_of(h, m);

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
        r = hedged_round_new(settings->line, settings->train, &h->round);
        for (unsigned b = 0; b < h->n; b++)
                h->seats[b].board = NOBODY;
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
        for (unsigned b = 0; b < SEATS; b++) {
                hedged_stand_in_destroy(&h->seats[b].stand_in);
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

/* ---- who holds what ---- */

static unsigned count(const hedged_holders_t *h, unsigned states)
{
        unsigned n = 0;

        for (unsigned b = 0; b < h->n; b++)
                n += states >> h->seats[b].state & 1;
        return n;
}

unsigned hedged_holders_current(const hedged_holders_t *h)
{
        return count(h, 1u << CURRENT | 1u << STAND_IN);
}

bool hedged_holders_able(const hedged_holders_t *h)
{
        return hedged_holders_current(h) >= h->k;
}

bool hedged_holders_lacking(const hedged_holders_t *h)
{
        for (unsigned b = 0; b < h->n; b++)
                if (h->seats[b].state == STALE || h->seats[b].arrived)
                        return true;
        return false;
}

unsigned hedged_holders_late(const hedged_holders_t *h)
{
        unsigned n = 0;

        for (unsigned b = 0; b < h->n; b++)
                n += h->seats[b].state == CURRENT && hedged_round_owed(h->round, h->seats[b].board) > 0;
        return n;
}

/* Boards that may be given weights. */
static unsigned usable(const hedged_holders_t *h)
{
        unsigned n = count(h, 1u << STALE | 1u << CURRENT | 1u << BEHIND);

        for (unsigned b = 0; b < h->n; b++)
                n += h->seats[b].arrived;
        return n;
}

static seat_t *seat_of(hedged_holders_t *h, unsigned board)
{
        for (unsigned b = 0; b < h->n; b++)
                if (h->seats[b].board == board)
                        return &h->seats[b];
        return NULL;
}

static const char *name_of(const hedged_holders_t *h, unsigned board)
{
        return hedged_round_name(h->round, board);
}

static void tell_boards(hedged_holders_t *h)
{
        hedged_progress_boards(h->s.progress, usable(h));
}

static void take_seat(seat_t *seat, unsigned board)
{
        seat->board = board;
        seat->refusals = seat->drops = 0;
        seat->not_before = 0;
        if (seat->state == STAND_IN)
                seat->arrived = true;
        else
                seat->state = STALE;
}

static void on_here(hedged_holders_t *h, unsigned board)
{
        seat_t *seat = seat_of(h, board);

        if (!h->seated)
                return;
        if (seat) {
                hedged_progress_event(h->s.progress, "%s is back", name_of(h, board));
        } else {
                for (unsigned b = 0; b < h->n && !seat; b++)
                        if (h->seats[b].state == EMPTY || (h->seats[b].state == STAND_IN && !h->seats[b].arrived))
                                seat = &h->seats[b];
                if (!seat)
                        return; /* one to spare */
                hedged_progress_event(h->s.progress, "%s takes the place of %s", name_of(h, board),
                                      seat->board == NOBODY ? "nobody" : name_of(h, seat->board));
        }
        take_seat(seat, board);
        tell_boards(h);
}

/* One that is there and has no seat, if there is one. */
static unsigned find_spare(hedged_holders_t *h)
{
        for (unsigned board = 0; board < BOARDS; board++)
                if (hedged_round_here(h->round, board) && !seat_of(h, board))
                        return board;
        return NOBODY;
}

static void on_lost(hedged_holders_t *h, unsigned board)
{
        seat_t *seat = seat_of(h, board);
        unsigned spare;

        if (!seat || !h->seated)
                return;
        seat->arrived = false;
        if (seat->state != STAND_IN)
                seat->state = EMPTY;
        hedged_progress_event(h->s.progress, "%s is lost: going on with %u boards", name_of(h, board), usable(h));
        spare = find_spare(h);
        if (spare != NOBODY)
                on_here(h, spare);
        tell_boards(h);
}

static void on_refused(hedged_holders_t *h, const hedged_round_news_t *news)
{
        seat_t *seat = seat_of(h, news->board);

        if (!seat || seat->state == EMPTY || seat->state == LEFT_OUT || seat->state == STAND_IN)
                return;
        if (news->code != HEDGE_ELIMIT && ++seat->refusals < REFUSALS) {
                seat->state = BEHIND;
                return;
        }
        seat->state = LEFT_OUT;
        hedged_progress_event(h->s.progress, "%s is left out: %s", name_of(h, news->board), news->why.text);
        tell_boards(h);
}

static void on_news(hedged_holders_t *h, hedged_round_news_t *news)
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

/* ---- waiting for boards ---- */

static void seat_all(hedged_holders_t *h)
{
        unsigned b = 0;

        for (unsigned board = 0; board < BOARDS && b < h->n; board++)
                if (hedged_round_here(h->round, board))
                        take_seat(&h->seats[b++], board);
        h->seated = true;
        tell_boards(h);
}

static unsigned there(const hedged_holders_t *h)
{
        return h->seated ? usable(h) : hedged_round_count(h->round);
}

/* @return whether the time is over. */
static int listen(hedged_holders_t *h, int64_t deadline_us)
{
        hedged_round_news_t news;

        hedged_round_next(h->round, deadline_us, &news);
        on_news(h, &news);
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

int hedged_holders_muster(hedged_holders_t *h, bool again)
{
        int r = await(h, h->n, again ? (h->s.stand_in ? 1 : h->k) : 0);

        if (r == 0)
                seat_all(h);
        return r;
}

int hedged_holders_wait(hedged_holders_t *h)
{
        return await(h, h->s.stand_in ? 1 : h->k, 0);
}

/* ---- giving weights ---- */

static int make_frame(const hedged_holders_t *h, uint32_t matrix, unsigned b, const float *weights, zmq_msg_t *ret)
{
        const hedged_code_t *code = code_of(h, matrix);
        const size_t cols = width(h, matrix);
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
        const uint32_t rows = hedged_code_rows(code_of(h, matrix), b);
        seat_t *seat = &h->seats[b];
        hedge_message_t hold = { .type = HEDGE_MSG_HOLD,
                                 .hold = { .matrix = matrix, .rows = rows, .cols = width(h, matrix) } };
        zmq_msg_t frame;
        int r = make_frame(h, matrix, b, weights, &frame);

        if (r < 0)
                return r;
        if (seat->state != STAND_IN || seat->arrived) {
                r = hedged_round_say(h->round, seat->board, &hold, &frame, 1, 0, 0);
                return r == -EHOSTUNREACH ? 0 : r; /* LOST says so */
        }
        r = hedged_stand_in_hold(seat->stand_in, matrix, rows, width(h, matrix), zmq_msg_data(&frame));
        zmq_msg_close(&frame);
        return r;
}

static void transpose(uint32_t rows, uint32_t cols, const float *a, float *restrict ret)
{
        const uint32_t tile = 32;

        for (uint32_t i = 0; i < rows; i += tile)
                for (uint32_t j = 0; j < cols; j += tile)
                        for (uint32_t x = j; x < j + tile && x < cols; x++)
                                for (uint32_t y = i; y < i + tile && y < rows; y++)
                                        ret[(size_t)x * rows + y] = a[(size_t)y * cols + x];
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
                transpose(layer->outputs, layer->inputs, weights, turned);
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
static int stand_in(hedged_holders_t *h, seat_t *seat)
{
        int r = 0;

        if (!seat->stand_in)
                r = hedged_stand_in_new(2 * h->s.n_layers, &seat->stand_in);
        if (r == 0 && seat->state != STAND_IN)
                hedged_progress_event(h->s.progress, "the coordinator computes in place of %s",
                                      seat->board == NOBODY ? "a board" : name_of(h, seat->board));
        if (r == 0)
                seat->state = STAND_IN;
        return r;
}

int hedged_holders_give(hedged_holders_t *h, const float *const weights[], bool all)
{
        uint32_t seats = 0;
        int r = 0;

        for (unsigned b = 0; r == 0 && b < h->n; b++) {
                seat_t *seat = &h->seats[b];
                const bool there = seat->state == CURRENT || (seat->state == BEHIND && !h->s.resent);
                const bool lacks = seat->state == STALE || seat->arrived;

                if (all && h->s.stand_in && (seat->state == EMPTY || seat->state == LEFT_OUT))
                        r = stand_in(h, seat);
                if (lacks || (all && (there || seat->state == STAND_IN)))
                        seats |= UINT32_C(1) << b;
        }
        for (unsigned l = 0; r == 0 && l < h->s.n_layers; l++)
                r = give_layer(h, l, weights[l], seats);
        for (unsigned b = 0; r == 0 && b < h->n; b++) {
                seat_t *seat = &h->seats[b];

                if (!(seats >> b & 1) || (seat->state == STAND_IN && !seat->arrived))
                        continue;
                hedged_stand_in_destroy(&seat->stand_in);
                seat->arrived = false;
                seat->state = CURRENT;
        }
        return r;
}

/* ---- a step ---- */

/* The more often that happens to a board, the longer it is left alone: weights anew cost more than it brings. */
static void drop(hedged_holders_t *h, seat_t *seat)
{
        seat->state = BEHIND;
        seat->not_before = h->step + (seat->drops ? UINT64_C(16) << (seat->drops < 8 ? seat->drops : 8) : 0);
        seat->drops++;
        hedged_progress_event(h->s.progress, "%s does not keep up: going on without it for now",
                              name_of(h, seat->board));
}

static void look_who_keeps_up(hedged_holders_t *h)
{
        for (unsigned b = 0; b < h->n; b++) {
                seat_t *seat = &h->seats[b];
                const unsigned owed = hedged_round_owed(h->round, seat->board);
                const bool may_go = hedged_holders_current(h) > h->k;

                if (seat->state == CURRENT && owed > AHEAD * h->per_step && may_go) {
                        drop(h, seat);
                } else if (seat->state == BEHIND && owed == 0 && h->step >= seat->not_before) {
                        seat->state = STALE;
                        if (seat->drops)
                                hedged_progress_event(h->s.progress, "%s is there again, and gets all weights anew",
                                                      name_of(h, seat->board));
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
        a->blocks[b] = hedge_floats_new((size_t)batch * hedged_code_rows(code_of(h, matrix), b));
        if (!a->blocks[b])
                return -ENOMEM;
        hedged_stand_in_apply(h->seats[b].stand_in, matrix, batch, x, a->blocks[b]);
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

                if (h->seats[b].state != CURRENT)
                        continue;
                zmq_msg_init(&copy);
                zmq_msg_copy(&copy, frame);
                r = hedged_round_say(h->round, h->seats[b].board, &apply, &copy, 1, batch,
                                     hedged_code_rows(code_of(h, matrix), b));
                r = r == -EHOSTUNREACH ? 0 : r;
        }
        for (unsigned b = 0; r == 0 && b < h->n; b++)
                if (h->seats[b].state == STAND_IN)
                        r = apply_here(h, matrix, b, batch, x, a);
        return r;
}

/* Take what comes next. @return 1: the time is over. */
static int take(hedged_holders_t *h, uint32_t matrix, int64_t deadline_us, answers_t *a)
{
        hedged_round_news_t news;
        seat_t *seat;
        int r = 0;

        hedged_round_next(h->round, deadline_us, &news);
        seat = news.event == HEDGED_ROUND_PRODUCT ? seat_of(h, news.board) : NULL;
        if (seat && seat->state == CURRENT && news.packet == matrix) {
                seat->refusals = 0;
                r = keep_block(a, (unsigned)(seat - h->seats), zmq_msg_data(&news.frame), zmq_msg_size(&news.frame));
        }
        on_news(h, &news);
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
                n += h->seats[b].state == CURRENT && !(a->have >> b & 1);
        return n;
}

/* Until there are enough; and what is there by then, for plain blocks are better than parities. */
static int gather(hedged_holders_t *h, uint32_t matrix, answers_t *a)
{
        const uint32_t plain = (uint32_t)((UINT64_C(1) << h->k) - 1);
        int r = 0;

        while (r == 0 && bits(a->have) < h->k) {
                if (possible(h, a) < h->k)
                        return -EAGAIN;
                r = take(h, matrix, INT64_MAX, a);
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
        int r = make_floats((size_t)batch * width(h, matrix), x, &frame);

        if (r < 0)
                return r;
        r = ask(h, matrix, batch, x, &frame, &answers);
        zmq_msg_close(&frame);
        if (r == 0)
                r = gather(h, matrix, &answers);
        if (r == 0)
                r = hedged_code_decode_products(code_of(h, matrix), answers.have, batch,
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

static int say_update(hedged_holders_t *h, seat_t *seat, unsigned layer, update_t *u)
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
                seat_t *seat = &h->seats[b];
                bool missed = false;

                if (seat->state == CURRENT)
                        missed = r < 0 || say_update(h, seat, layer, &u) < 0;
                else if (seat->state == STAND_IN)
                        missed = hedged_stand_in_update(seat->stand_in, &u.message.update,
                                                        seat->targets + (size_t)2 * layer, delta, x) < 0;
                if (missed && seat->state == STAND_IN) {
                        hedged_stand_in_destroy(&seat->stand_in);
                        seat->state = seat->arrived ? STALE : EMPTY;
                        seat->arrived = false;
                } else if (missed) {
                        seat->state = BEHIND;
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
        unsigned best = NOBODY, least = 0;

        for (unsigned b = 0; b < h->n; b++) {
                const unsigned owed = hedged_round_owed(h->round, h->seats[b].board);

                if (h->seats[b].state != CURRENT || asked >> b & 1 || (best != NOBODY && owed >= least))
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
                n += whole || (asked >> b & 1 && h->seats[b].state == CURRENT);
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
        seat_t *seat;
        int r = 0;

        hedged_round_next(h->round, deadline_us, &news);
        seat = news.event == HEDGED_ROUND_PRODUCT ? seat_of(h, news.board) : NULL;
        if (seat && seat->state == CURRENT && news.packet % 2 == 0 && news.packet / 2 < h->s.n_layers)
                r = keep_block(&layers[news.packet / 2], (unsigned)(seat - h->seats), zmq_msg_data(&news.frame),
                               zmq_msg_size(&news.frame));
        on_news(h, &news);
        if (news.event == HEDGED_ROUND_STOP)
                return HEDGE_ESHUTDOWN;
        return r < 0 ? r : news.event == HEDGED_ROUND_LATE;
}

static int copy_own(hedged_holders_t *h, answers_t *layers)
{
        int r = 0;

        for (unsigned b = 0; b < h->n; b++)
                for (unsigned l = 0; r == 0 && h->seats[b].state == STAND_IN && l < h->s.n_layers; l++)
                        r = keep_block(&layers[l], b, hedged_stand_in_matrix(h->seats[b].stand_in, 2 * l),
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

                        if (b == NOBODY && expected(h, asked, layers) < h->k)
                                return -EAGAIN;
                        if (b == NOBODY)
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

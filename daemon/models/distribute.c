/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/models/distribute.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"

#define WINDOW       2    /* shares on their way to one board */
#define NUMBER_TRIES 16   /* shares that are looked at to tell a board's number */
#define PATIENT_MS   6000 /* a board knocks at least every 5 s */

struct hedged_distributor {
        zsock_t *socket;
        hedged_cluster_t *cluster;
        hedged_registry_t *registry;
        hedged_preparer_t *preparer;
        unsigned most_usable;     /* boards at a time, so far */
        int64_t patient_until_ms; /* boards may still be on their way to a coordinator that has just been started */
};

int hedged_distributor_new(zsock_t *boards, hedged_cluster_t *cluster, hedged_registry_t *registry,
                           hedged_preparer_t *preparer, hedged_distributor_t **ret)
{
        hedged_distributor_t *d = calloc(1, sizeof(*d));

        if (!d)
                return -ENOMEM;
        d->socket = boards;
        d->cluster = cluster;
        d->registry = registry;
        d->preparer = preparer;
        d->patient_until_ms = hedge_now_ms() + PATIENT_MS;
        *ret = d;
        return 0;
}

void hedged_distributor_destroy(hedged_distributor_t **distributor)
{
        free(*distributor);
        *distributor = NULL;
}

/* Where something about a share is found: the first of its digest (two models of one file share their shares). */
typedef struct place {
        hedged_model_t *model;
        unsigned layer, variant;
} place_t;

typedef void visit_t(hedged_distributor_t *d, hedged_board_t *board, const place_t *at, hedged_variant_t *v, void *arg);

static void each_variant(hedged_distributor_t *d, hedged_board_t *board, visit_t *visit, void *arg)
{
        for (unsigned m = 0; m < d->registry->count; m++) {
                hedged_model_t *model = d->registry->models[m];

                for (unsigned l = 0; l < model->n_layers; l++)
                        for (unsigned v = 0; v < model->layers[l].n_variants; v++)
                                visit(d, board, &(place_t){ model, l, v }, &model->layers[l].variants[v], arg);
        }
}

static void set_holder(hedged_variant_t *v, unsigned board, bool holds)
{
        uint64_t bit = UINT64_C(1) << (board % 64);

        if (holds)
                atomic_fetch_or(&v->holders[board / 64], bit);
        else
                atomic_fetch_and(&v->holders[board / 64], ~bit);
}

static void refresh(const hedged_board_t *board, hedged_variant_t *v)
{
        set_holder(v, board->index, board->usable && v->held[board->index] == HEDGED_SHARE_HELD);
}

/* Is this variant to be held at all, with so many boards at hand? After a start boards come one by one, which does not
 * mean that they are few. */
static bool is_wanted(const hedged_distributor_t *d, const hedged_layer_t *layer, unsigned variant, unsigned usable)
{
        const unsigned enough = layer->variants[variant].cut.enough;

        return enough == 0 || (usable <= enough && (d->most_usable > enough || hedge_now_ms() >= d->patient_until_ms));
}

static void count_sending(hedged_distributor_t *d, hedged_board_t *board, const place_t *at, hedged_variant_t *v,
                          void *arg)
{
        unsigned *n = arg;

        (void)d;
        (void)at;
        *n += v->held[board->index] == HEDGED_SHARE_SENDING;
}

static bool find_missing(hedged_distributor_t *d, const hedged_board_t *board, place_t *ret)
{
        unsigned usable = hedged_cluster_usable(d->cluster);

        for (unsigned m = 0; m < d->registry->count; m++) {
                hedged_model_t *model = d->registry->models[m];

                for (unsigned l = 0; l < model->n_layers; l++)
                        for (unsigned v = 0; v < model->layers[l].n_variants; v++) {
                                hedged_variant_t *variant = &model->layers[l].variants[v];

                                if (variant->held[board->index] != HEDGED_SHARE_MISSING ||
                                    hedge_code_parts(variant->code, board->index) == 0 ||
                                    !is_wanted(d, &model->layers[l], v, usable))
                                        continue;
                                *ret = (place_t){ model, l, v };
                                return true;
                        }
        }
        return false;
}

/* Keep the board's window full. */
static void feed(hedged_distributor_t *d, hedged_board_t *board)
{
        unsigned sending = 0;
        place_t at;

        if (!board->usable)
                return;
        each_variant(d, board, count_sending, &sending);
        if (sending == 0)
                hedged_cluster_sending(d->cluster, board, 0, hedge_now_ms());
        for (; sending < WINDOW && find_missing(d, board, &at); sending++) {
                hedged_encode_t *e = calloc(1, sizeof(*e));

                if (!e)
                        return; /* tried again when anything changes */
                e->model = hedged_model_ref(at.model);
                e->layer = at.layer;
                e->variant = at.variant;
                e->board = board->index;
                e->incarnation = board->incarnation;
                at.model->layers[at.layer].variants[at.variant].held[board->index] = HEDGED_SHARE_SENDING;
                hedged_preparer_encode(d->preparer, e);
        }
}

void hedged_distribute_feed(hedged_distributor_t *d)
{
        unsigned count;
        hedged_board_t *const *boards = hedged_cluster_boards(d->cluster, &count);

        for (unsigned i = 0; i < count; i++)
                feed(d, boards[i]);
}

static bool is_held(const hedge_msg_hello_t *hello, const hedge_digest_t *digest)
{
        for (uint32_t i = 0; i < hello->n_held; i++)
                if (!memcmp(&hello->held[i], digest, sizeof(*digest)))
                        return true;
        return false;
}

static void believe_hello(hedged_distributor_t *d, hedged_board_t *board, const place_t *at, hedged_variant_t *v,
                          void *arg)
{
        (void)d;
        (void)at;
        v->held[board->index] = is_held(arg, &v->digests[board->index]) ? HEDGED_SHARE_HELD : HEDGED_SHARE_MISSING;
        refresh(board, v);
}

/* Does any loaded model know this share of this board? */
static hedged_variant_t *find_share(hedged_distributor_t *d, const hedged_board_t *board, const hedge_digest_t *digest)
{
        for (unsigned m = 0; m < d->registry->count; m++) {
                hedged_model_t *model = d->registry->models[m];

                for (unsigned l = 0; l < model->n_layers; l++)
                        for (unsigned v = 0; v < model->layers[l].n_variants; v++)
                                if (!memcmp(&model->layers[l].variants[v].digests[board->index], digest,
                                            sizeof(*digest)))
                                        return &model->layers[l].variants[v];
        }
        return NULL;
}

static uint32_t number_of(const hedged_model_t *model, const hedge_digest_t *digest)
{
        for (unsigned l = 0; l < model->n_layers; l++)
                for (unsigned v = 0; v < model->layers[l].n_variants; v++)
                        for (uint32_t b = 0; b < model->slots; b++)
                                if (!memcmp(&model->layers[l].variants[v].digests[b], digest, sizeof(*digest)))
                                        return b;
        return HEDGED_NO_INDEX;
}

uint32_t hedged_distribute_number(const hedged_distributor_t *d, const hedge_msg_hello_t *hello)
{
        uint32_t number = HEDGED_NO_INDEX;

        for (uint32_t i = 0; i < hello->n_held && i < NUMBER_TRIES; i++)
                for (unsigned m = 0; m < d->registry->count && number == HEDGED_NO_INDEX; m++)
                        number = number_of(d->registry->models[m], &hello->held[i]);
        return number;
}

static void send_drop(hedged_distributor_t *d, const hedged_board_t *board, const hedge_digest_t *digest)
{
        hedge_message_t message = { .type = HEDGE_MSG_DROP, .drop = { .digest = *digest } };

        hedge_link_send(d->socket, &board->route, &message, NULL,
                        0); /* if it is lost, the next HELLO brings it up again */
}

void hedged_distribute_hello(hedged_distributor_t *d, hedged_board_t *board, const hedge_msg_hello_t *hello)
{
        if (board->index == HEDGED_NO_INDEX)
                return;
        each_variant(d, board, believe_hello, (void *)(uintptr_t)hello);
        for (uint32_t i = 0; i < hello->n_held; i++)
                if (!find_share(d, board, &hello->held[i]))
                        send_drop(d, board, &hello->held[i]);
        hedged_distribute_feed(d);
}

/* What was on its way to a board that is lost, or is another one now, has to be sent again. */
static void update_share(hedged_distributor_t *d, hedged_board_t *board, const place_t *at, hedged_variant_t *v,
                         void *arg)
{
        const bool *restarted = arg;
        hedged_held_t *held = &v->held[board->index];

        (void)d;
        (void)at;
        if (*restarted || (!board->usable && *held == HEDGED_SHARE_SENDING))
                *held = HEDGED_SHARE_MISSING;
        refresh(board, v);
}

void hedged_distribute_changed(hedged_distributor_t *d, hedged_board_t *board, bool restarted)
{
        if (hedged_cluster_usable(d->cluster) > d->most_usable)
                d->most_usable = hedged_cluster_usable(d->cluster);
        if (board->index == HEDGED_NO_INDEX)
                return;
        each_variant(d, board, update_share, &restarted);
        if (!restarted)
                hedged_distribute_feed(d); /* else its HELLO, or the next tick, says what it holds already */
}

static int send_share(hedged_distributor_t *d, const hedged_board_t *board, hedged_encode_t *e)
{
        const hedged_layer_t *layer = &e->model->layers[e->layer];
        const hedged_variant_t *v = &layer->variants[e->variant];
        hedge_message_t message = { .type = HEDGE_MSG_SHARE };
        zmq_msg_t frame;
        int r;

        message.share.digest = v->digests[e->board];
        message.share.conv = v->partition.part;
        message.share.ell_b = hedge_code_ell_b(v->code, e->board);
        snprintf(message.share.layer, sizeof(message.share.layer), "%.63s/%.190s", e->model->name, layer->name);
        r = hedge_frame_floats(&frame, e->filters, hedged_variant_share_bytes(v, e->board) / sizeof(float));
        if (r < 0)
                return r;
        e->filters = NULL;
        return hedge_link_send(d->socket, &board->route, &message, &frame, 1);
}

void hedged_distribute_encoded(hedged_distributor_t *d, hedged_encode_t *e)
{
        hedged_variant_t *v = &e->model->layers[e->layer].variants[e->variant];
        hedged_board_t *board = hedged_cluster_at(d->cluster, e->board);
        bool loaded = hedged_registry_find(d->registry, e->model->name) == e->model;
        int r = -EHOSTUNREACH;

        if (board && board->usable && board->incarnation == e->incarnation && loaded &&
            v->held[e->board] == HEDGED_SHARE_SENDING) {
                r = e->filters ? send_share(d, board, e) : -ENOMEM;
                if (r < 0) {
                        log_warning("board=%s: cannot send the share of %s/%s: %s, trying again later", board->name,
                                    e->model->name, e->model->layers[e->layer].name, hedge_strerror(r));
                        v->held[e->board] = HEDGED_SHARE_MISSING;
                        if (r == -EHOSTUNREACH)
                                hedged_cluster_lost(d->cluster, board);
                } else {
                        hedged_cluster_sending(d->cluster, board, hedged_variant_share_bytes(v, e->board),
                                               hedge_now_ms());
                }
        } else if (board && !loaded && board->incarnation == e->incarnation) {
                feed(d, board);
        }
        hedged_encode_destroy(&e);
}

/* Two models of one file share their shares: what is heard of a digest holds for each of them. */
typedef struct news {
        const hedge_digest_t *digest;
        hedged_held_t held;
        bool known;
} news_t;

static void take_news(hedged_distributor_t *d, hedged_board_t *board, const place_t *at, hedged_variant_t *v, void *arg)
{
        news_t *news = arg;

        (void)d;
        (void)at;
        if (memcmp(&v->digests[board->index], news->digest, sizeof(*news->digest)))
                return;
        news->known = true;
        v->held[board->index] = news->held;
        refresh(board, v);
}

static bool spread_news(hedged_distributor_t *d, hedged_board_t *board, const hedge_digest_t *digest,
                        hedged_held_t held)
{
        news_t news = { digest, held, false };

        if (board->index == HEDGED_NO_INDEX)
                return false;
        each_variant(d, board, take_news, &news);
        feed(d, board);
        return news.known;
}

bool hedged_distribute_confirmed(hedged_distributor_t *d, hedged_board_t *board, const hedge_digest_t *digest)
{
        return spread_news(d, board, digest, HEDGED_SHARE_HELD);
}

void hedged_distribute_refused(hedged_distributor_t *d, hedged_board_t *board, const hedge_digest_t *digest, int code)
{
        spread_news(d, board, digest, code == HEDGE_ENOSHARE ? HEDGED_SHARE_MISSING : HEDGED_SHARE_REFUSED);
}

/* Shares that boards hold already, for another model of the same file. */
static void adopt(hedged_model_t *model, const hedged_model_t *other, const hedged_board_t *board)
{
        if (!other || other == model ||
            memcmp(other->graph->digest, model->graph->digest, sizeof(model->graph->digest)))
                return;
        for (unsigned l = 0; l < model->n_layers && l < other->n_layers; l++)
                for (unsigned v = 0; v < model->layers[l].n_variants && v < other->layers[l].n_variants; v++) {
                        hedged_variant_t *to = &model->layers[l].variants[v];
                        const hedged_variant_t *from = &other->layers[l].variants[v];

                        if (from->held[board->index] == HEDGED_SHARE_HELD &&
                            !memcmp(&to->digests[board->index], &from->digests[board->index], sizeof(*to->digests)))
                                to->held[board->index] = HEDGED_SHARE_HELD;
                        refresh(board, to);
                }
}

void hedged_distribute_loaded(hedged_distributor_t *d, hedged_model_t *model, const hedged_model_t *replaced)
{
        unsigned count;
        hedged_board_t *const *boards = hedged_cluster_boards(d->cluster, &count);

        for (unsigned i = 0; i < count; i++) {
                if (boards[i]->index == HEDGED_NO_INDEX)
                        continue;
                adopt(model, replaced, boards[i]);
                for (unsigned m = 0; m < d->registry->count; m++)
                        adopt(model, d->registry->models[m], boards[i]);
                feed(d, boards[i]);
        }
}

static void forget_refusal(hedged_distributor_t *d, hedged_board_t *board, const place_t *at, hedged_variant_t *v,
                           void *arg)
{
        (void)d;
        (void)at;
        (void)arg;
        if (v->held[board->index] == HEDGED_SHARE_REFUSED)
                v->held[board->index] = HEDGED_SHARE_MISSING;
}

static void drop_model(hedged_distributor_t *d, const hedged_board_t *board, const hedged_model_t *model)
{
        for (unsigned l = 0; l < model->n_layers; l++)
                for (unsigned v = 0; v < model->layers[l].n_variants; v++) {
                        const hedged_variant_t *variant = &model->layers[l].variants[v];

                        if (variant->held[board->index] != HEDGED_SHARE_MISSING &&
                            !find_share(d, board, &variant->digests[board->index]))
                                send_drop(d, board, &variant->digests[board->index]);
                }
}

void hedged_distribute_unloaded(hedged_distributor_t *d, hedged_model_t *model)
{
        unsigned count;
        hedged_board_t *const *boards = hedged_cluster_boards(d->cluster, &count);

        for (unsigned i = 0; i < count; i++) {
                if (boards[i]->index == HEDGED_NO_INDEX || boards[i]->state != HEDGED_BOARD_ALIVE)
                        continue;
                drop_model(d, boards[i], model);
                each_variant(d, boards[i], forget_refusal, NULL); /* there is room again */
                feed(d, boards[i]);
        }
}

bool hedged_distribute_settled(const hedged_distributor_t *d, const hedged_model_t *model)
{
        unsigned usable = hedged_cluster_usable(d->cluster), count;
        hedged_board_t *const *boards = hedged_cluster_boards(d->cluster, &count);

        for (unsigned l = 0; l < model->n_layers; l++)
                for (unsigned v = 0; v < model->layers[l].n_variants; v++)
                        for (unsigned i = 0; i < count; i++) {
                                const hedged_variant_t *variant = &model->layers[l].variants[v];

                                if (boards[i]->usable && is_wanted(d, &model->layers[l], v, usable) &&
                                    hedge_code_parts(variant->code, boards[i]->index) > 0 &&
                                    variant->held[boards[i]->index] < HEDGED_SHARE_HELD)
                                        return false;
                        }
        return true;
}

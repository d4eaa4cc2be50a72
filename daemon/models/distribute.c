/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/models/distribute.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "daemon/models/room.h"
#include "daemon/models/send.h"
#include "daemon/models/use.h"

#define WINDOW       2  /* shares on their way to one board, beside a block */
#define NUMBER_TRIES 16 /* shares that are looked at to tell a board's number */

struct hedged_distributor {
        hedge_send_t *send;
        zsock_t *socket;
        hedged_cluster_t *cluster;
        hedged_registry_t *registry;
        hedged_preparer_t *preparer;
        unsigned most_usable;     /* boards at a time, so far */
        int64_t patient_until_ms; /* boards may still be on their way */
};

int hedged_distributor_new(hedge_send_t *send, zsock_t *boards, hedged_cluster_t *cluster, hedged_registry_t *registry,
                           hedged_preparer_t *preparer, int64_t patient_until_ms, hedged_distributor_t **ret)
{
        hedged_distributor_t *d = calloc(1, sizeof(*d));

        if (!d)
                return -ENOMEM;
        d->send = send;
        d->socket = boards;
        d->cluster = cluster;
        d->registry = registry;
        d->preparer = preparer;
        d->patient_until_ms = patient_until_ms;
        *ret = d;
        return 0;
}

void hedged_distributor_destroy(hedged_distributor_t **distributor)
{
        free(*distributor);
        *distributor = NULL;
}

/* Who runs a request looks at its model alone: tell all that use the share. */
static void refresh(const hedged_board_t *board, const hedged_share_t *share)
{
        for (unsigned i = 0; i < share->n_uses; i++)
                hedged_use_set_holder(&share->uses[i], share->board, board->usable && share->held == HEDGED_SHARE_HELD);
}

static void set_held(hedged_distributor_t *d, const hedged_board_t *board, hedged_share_t *share, hedged_held_t held)
{
        hedged_share_index_set(&d->registry->shares, share, held);
        refresh(board, share);
}

/* A board's shares; of a spare none. */
static hedged_share_t *const *shares_of(const hedged_distributor_t *d, const hedged_board_t *board, unsigned *ret_count)
{
        *ret_count = 0;
        return board->index == HEDGED_NO_INDEX ? NULL
                                               : hedged_share_index_of(&d->registry->shares, board->index, ret_count);
}

/* The share of this digest, if it is this board's. */
static hedged_share_t *find_share(const hedged_distributor_t *d, const hedged_board_t *board,
                                  const hedge_digest_t *digest)
{
        hedged_share_t *share = hedged_share_index_find(&d->registry->shares, digest);

        return share && share->board == board->index ? share : NULL;
}

/* Is this variant to be held at all, with the boards at hand? After a start boards come one by one, which does not mean
 * that they are few. */
static bool is_variant_wanted(const hedged_distributor_t *d, const hedged_variant_t *v)
{
        const unsigned enough = v->cut.enough;

        return enough == 0 || (hedged_cluster_usable(d->cluster) <= enough &&
                               (d->most_usable > enough || hedge_now_ms() >= d->patient_until_ms));
}

static bool is_use_wanted(const hedged_distributor_t *d, const hedged_share_use_t *use, unsigned board)
{
        return use->kind == HEDGED_SHARE_BLOCK ? hedged_block_is_chosen(hedged_use_block(use), board)
                                               : is_variant_wanted(d, hedged_use_variant(use));
}

/* One block at a time: a second would only be there later for it. */
static bool is_wanted(void *arg, const hedged_share_t *share)
{
        const hedged_distributor_t *d = arg;

        if (share->uses[0].kind == HEDGED_SHARE_BLOCK && hedged_share_index_block(&d->registry->shares, share->board))
                return false;
        for (unsigned i = 0; i < share->n_uses; i++)
                if (is_use_wanted(d, &share->uses[i], share->board))
                        return true;
        return false;
}

/* What it could hold may have changed, or what there is to hold. */
static void choose(hedged_distributor_t *d, const hedged_board_t *board)
{
        if (board->index != HEDGED_NO_INDEX)
                hedged_room_choose(d->registry, board->index, board->share_bytes_max);
}

/* Have a share encoded; hedged_distribute_encoded sends it. @return 0, -ENOMEM. */
static int start_encoding(hedged_distributor_t *d, hedged_share_t *share)
{
        hedged_encode_t *e = calloc(1, sizeof(*e));

        if (!e)
                return -ENOMEM;
        e->model = hedged_model_ref(share->uses[0].model);
        e->layer = share->uses[0].layer;
        e->variant = share->uses[0].variant;
        e->board = share->board;
        e->ticket = hedged_share_index_send(&d->registry->shares, share);
        hedged_preparer_encode(d->preparer, e);
        return 0;
}

/* It could not be sent. @return r. */
static int put_off(hedged_distributor_t *d, hedged_board_t *board, hedged_share_t *share, int r)
{
        log_warning("board=%s: cannot send a share of %s: %s, trying again later", board->name,
                    share->uses[0].model->name, hedge_strerror(r));
        hedged_share_index_set(&d->registry->shares, share, HEDGED_SHARE_MISSING);
        if (r == -EHOSTUNREACH)
                hedged_cluster_lost(d->cluster, board);
        return r;
}

/* @return 0; < 0: it is still missing. */
static int start_sending(hedged_distributor_t *d, hedged_board_t *board, hedged_share_t *share)
{
        const hedged_share_use_t *use = &share->uses[0];
        int r;

        if (use->kind == HEDGED_SHARE_CODED)
                return start_encoding(d, share);
        hedged_share_index_send(&d->registry->shares, share);
        share->since_ms = hedge_now_ms();
        r = hedged_send_block(d->send, d->socket, &board->route, use->model, hedged_use_block(use), share->board);
        return r < 0 ? put_off(d, board, share, r) : 0;
}

/* Shares on their way to the board, but for the block, which has a window of its own. */
static unsigned sending(const hedged_distributor_t *d, const hedged_board_t *board)
{
        const hedged_share_index_t *index = &d->registry->shares;

        return hedged_share_index_sending(index, board->index) -
               (hedged_share_index_block(index, board->index) != NULL);
}

/* Keep the window of the block full that is on its way. Where there is no room or memory for a piece, the next answer or tick tries
 * again. */
static void feed_pieces(hedged_distributor_t *d, hedged_board_t *board)
{
        hedged_share_t *share = hedged_share_index_block(&d->registry->shares, board->index);
        const hedged_block_t *block;
        int r = 0;

        if (!share) {
                hedged_cluster_streaming(d->cluster, board, 0);
                return;
        }
        block = hedged_use_block(&share->uses[0]);
        while (r == 0 && hedged_pieces_have_room(&share->pieces, block->constant_bytes))
                r = hedged_send_piece(d->send, d->socket, &board->route, share->uses[0].model, block, share->board,
                                      &share->pieces);
        hedged_cluster_streaming(d->cluster, board,
                                 share->pieces.begun ? share->pieces.sent - share->pieces.arrived
                                                     : block->program_bytes);
        if (r == -EHOSTUNREACH)
                put_off(d, board, share, r);
}

/* Keep the board's windows full. Where there is no memory for it, the next tick tries again. */
static void feed(hedged_distributor_t *d, hedged_board_t *board)
{
        hedged_share_t *share;

        if (!board->usable) {
                hedged_cluster_streaming(d->cluster, board, 0);
                return;
        }
        if (sending(d, board) == 0)
                hedged_cluster_sending(d->cluster, board, 0, hedge_now_ms());
        while (sending(d, board) < WINDOW &&
               (share = hedged_share_index_next(&d->registry->shares, board->index, is_wanted, d)))
                if (start_sending(d, board, share) < 0)
                        return;
        feed_pieces(d, board);
}

void hedged_distribute_feed(hedged_distributor_t *d)
{
        unsigned count;
        hedged_board_t *const *boards = hedged_cluster_boards(d->cluster, &count);

        for (unsigned i = 0; i < count; i++)
                feed(d, boards[i]);
}

uint32_t hedged_distribute_number(const hedged_distributor_t *d, const hedge_msg_hello_t *hello)
{
        for (uint32_t i = 0; i < hello->n_held && i < NUMBER_TRIES; i++) {
                const hedged_share_t *share = hedged_share_index_find(&d->registry->shares, &hello->held[i]);

                if (share)
                        return share->board;
        }
        return HEDGED_NO_INDEX;
}

static void send_drop(hedged_distributor_t *d, const hedged_board_t *board, const hedge_digest_t *digest)
{
        hedge_message_t message = { .type = HEDGE_MSG_DROP, .drop = { .digest = *digest } };

        d->send(d->socket, &board->route, &message, NULL, 0); /* if it is lost, the next HELLO brings it up again */
}

/* What it lists it holds, and nothing else. A share that it holds all the time must not seem lost in between. */
static void believe_hello(hedged_distributor_t *d, const hedged_board_t *board, const hedge_msg_hello_t *hello)
{
        unsigned count;
        hedged_share_t *const *shares = shares_of(d, board, &count);

        for (uint32_t i = 0; i < hello->n_held; i++) {
                hedged_share_t *share = find_share(d, board, &hello->held[i]);

                if (share)
                        share->listed = true;
                else
                        send_drop(d, board, &hello->held[i]);
        }
        for (unsigned i = 0; i < count; i++) {
                set_held(d, board, shares[i], shares[i]->listed ? HEDGED_SHARE_HELD : HEDGED_SHARE_MISSING);
                shares[i]->listed = false;
        }
}

void hedged_distribute_hello(hedged_distributor_t *d, hedged_board_t *board, const hedge_msg_hello_t *hello)
{
        if (board->index == HEDGED_NO_INDEX)
                return;
        believe_hello(d, board, hello);
        choose(d, board);
        hedged_distribute_feed(d);
}

void hedged_distribute_changed(hedged_distributor_t *d, hedged_board_t *board, bool restarted)
{
        unsigned count;
        hedged_share_t *const *shares = shares_of(d, board, &count);

        if (hedged_cluster_usable(d->cluster) > d->most_usable)
                d->most_usable = hedged_cluster_usable(d->cluster);
        for (unsigned i = 0; i < count; i++) {
                /* what was on its way to a board that is lost, or is another one now, has to be sent again */
                if (restarted || (!board->usable && shares[i]->held == HEDGED_SHARE_SENDING))
                        hedged_share_index_set(&d->registry->shares, shares[i], HEDGED_SHARE_MISSING);
                refresh(board, shares[i]);
        }
        choose(d, board); /* it may have been a spare, with other memory than who had its number */
        if (!restarted && board->index != HEDGED_NO_INDEX)
                hedged_distribute_feed(d); /* else its HELLO, or the next tick, says what it holds already */
}

void hedged_distribute_encoded(hedged_distributor_t *d, hedged_encode_t *e)
{
        const hedged_variant_t *v = &e->model->layers[e->layer].variants[e->variant];
        hedged_share_t *share = hedged_share_index_find(&d->registry->shares, &v->digests[e->board]);
        hedged_board_t *board = hedged_cluster_at(d->cluster, e->board);

        /* else its board was lost or said HELLO again meanwhile, or no model has it any more */
        if (board && board->usable && share && share->held == HEDGED_SHARE_SENDING && share->ticket == e->ticket) {
                int r = hedged_send_share(d->send, d->socket, &board->route, e);

                if (r < 0)
                        put_off(d, board, share, r);
                else
                        hedged_cluster_sending(d->cluster, board, hedged_variant_share_bytes(v, e->board),
                                               hedge_now_ms());
        }
        hedged_encode_destroy(&e);
}

bool hedged_distribute_confirmed(hedged_distributor_t *d, hedged_board_t *board, const hedge_digest_t *digest)
{
        hedged_share_t *share = find_share(d, board, digest);

        if (share && share == hedged_share_index_block(&d->registry->shares, board->index))
                log_info("board=%s model=%s: a block of %.1f MB is there, after %.1f s", board->name,
                         share->uses[0].model->name, (double)share->pieces.arrived / 1e6,
                         (double)(hedge_now_ms() - share->since_ms) / 1e3);
        if (share)
                set_held(d, board, share, HEDGED_SHARE_HELD);
        feed(d, board);
        return share != NULL;
}

int hedged_distribute_arrived(hedged_distributor_t *d, hedged_board_t *board, const hedge_msg_constants_ok_t *ok)
{
        hedged_share_t *share = find_share(d, board, &ok->digest);
        int r = 1;

        if (share && share == hedged_share_index_block(&d->registry->shares, board->index))
                r = hedged_pieces_arrived(&share->pieces, ok->bytes);
        if (r == 0)
                feed(d, board);
        return r;
}

/* Pieces of a sending before that were still under way: the GRAPH of this one is behind them, and is answered by nothing like that. */
static bool is_late(const hedged_distributor_t *d, const hedged_board_t *board, const hedged_share_t *share, int code)
{
        return code == HEDGE_ENOSHARE && share == hedged_share_index_block(&d->registry->shares, board->index) &&
               !share->pieces.begun;
}

bool hedged_distribute_refused(hedged_distributor_t *d, hedged_board_t *board, const hedge_digest_t *digest, int code)
{
        hedged_share_t *share = find_share(d, board, digest);

        if (share && is_late(d, board, share, code))
                return false;
        if (share)
                set_held(d, board, share, code == HEDGE_ENOSHARE ? HEDGED_SHARE_MISSING : HEDGED_SHARE_REFUSED);
        choose(d, board); /* smaller ones may fit where one did not */
        feed(d, board);
        return share && share->held == HEDGED_SHARE_REFUSED && share->uses[0].kind == HEDGED_SHARE_BLOCK;
}

void hedged_distribute_loaded(hedged_distributor_t *d)
{
        unsigned count, n;
        hedged_board_t *const *boards = hedged_cluster_boards(d->cluster, &count);

        for (unsigned i = 0; i < count; i++) {
                hedged_share_t *const *shares = shares_of(d, boards[i], &n);

                for (unsigned s = 0; s < n; s++)
                        refresh(boards[i], shares[s]); /* it may hold them for another model of this file */
                choose(d, boards[i]);
                feed(d, boards[i]);
        }
}

void hedged_distribute_replanned(hedged_distributor_t *d, hedged_model_t *model)
{
        if (hedged_registry_extend(d->registry, model) < 0)
                log_warning("model=%s: no memory to tell boards of its new plan, going on with the old", model->name);
        else
                hedged_distribute_loaded(d);
}

void hedged_distribute_room(const hedged_distributor_t *d, const char *model, hedged_speeds_t *speeds)
{
        unsigned count;
        hedged_board_t *const *boards = hedged_cluster_boards(d->cluster, &count);

        memset(speeds->share_bytes, 0, sizeof(speeds->share_bytes));
        for (unsigned i = 0; i < count; i++) {
                const uint32_t index = boards[i]->index;

                if (index < speeds->boards) {
                        const uint64_t room = hedged_room_of(d->registry, index, boards[i]->share_bytes_max, model);

                        speeds->share_bytes[index] = room ? room : 1; /* 0 would be: not known */
                }
        }
}

/* A board that is not there lists the share when it says HELLO again, and is told then. */
static void drop_share(void *arg, const hedged_share_t *share)
{
        hedged_distributor_t *d = arg;
        const hedged_board_t *board = hedged_cluster_at(d->cluster, share->board);

        if (share->held != HEDGED_SHARE_MISSING && board && board->state == HEDGED_BOARD_ALIVE)
                send_drop(d, board, &share->digest);
}

void hedged_distribute_unloaded(hedged_distributor_t *d, hedged_model_t *model)
{
        unsigned count, n;
        hedged_board_t *const *boards = hedged_cluster_boards(d->cluster, &count);

        hedged_share_index_remove(&d->registry->shares, model, drop_share, d);
        for (unsigned i = 0; i < count; i++) {
                hedged_share_t *const *shares = shares_of(d, boards[i], &n);

                for (unsigned s = 0; s < n; s++)
                        if (shares[s]->held == HEDGED_SHARE_REFUSED) /* there is room again */
                                hedged_share_index_set(&d->registry->shares, shares[s], HEDGED_SHARE_MISSING);
                choose(d, boards[i]);
                feed(d, boards[i]);
        }
}

static bool waits_for(const hedged_distributor_t *d, const hedged_model_t *model, const hedged_share_t *share)
{
        if (share->held == HEDGED_SHARE_HELD || share->held == HEDGED_SHARE_REFUSED)
                return false;
        for (unsigned i = 0; i < share->n_uses; i++)
                if (share->uses[i].model == model && is_use_wanted(d, &share->uses[i], share->board))
                        return true;
        return false;
}

bool hedged_distribute_settled(const hedged_distributor_t *d, const hedged_model_t *model)
{
        unsigned count, n;
        hedged_board_t *const *boards = hedged_cluster_boards(d->cluster, &count);

        for (unsigned i = 0; i < count; i++) {
                hedged_share_t *const *shares = shares_of(d, boards[i], &n);

                for (unsigned s = 0; boards[i]->usable && s < n; s++)
                        if (waits_for(d, model, shares[s]))
                                return false;
        }
        return true;
}

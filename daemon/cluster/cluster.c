/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/cluster/cluster.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOWEST_BYTES_PER_MS 1250 /* 10 Mbit/s */
#define MAX_KNOWN            (2 * HEDGE_CODE_MAX_BOARDS)
#define RECENT_MS            60000
#define MAX_PROBATION_MS     60000

struct hedged_cluster {
        unsigned slots, heartbeat_ms, strikes, gone_ms;
        hedged_board_changed_t *changed;
        hedged_board_ready_t *ready; /* NULL: all are */
        void *arg;
        hedged_board_t *boards[MAX_KNOWN];
        unsigned count;
        uint32_t preferred; /* of the next board, or HEDGED_NO_INDEX */
};

int hedged_cluster_new(unsigned slots, unsigned heartbeat_ms, unsigned strikes, unsigned gone_ms,
                       hedged_board_changed_t *changed, void *arg, hedged_cluster_t **ret)
{
        hedged_cluster_t *c = calloc(1, sizeof(*c));

        if (!c)
                return -ENOMEM;
        c->slots = slots;
        c->heartbeat_ms = heartbeat_ms;
        c->strikes = strikes;
        c->gone_ms = gone_ms;
        c->changed = changed;
        c->arg = arg;
        c->preferred = HEDGED_NO_INDEX;
        *ret = c;
        return 0;
}

void hedged_cluster_destroy(hedged_cluster_t **cluster)
{
        if (!*cluster)
                return;
        for (unsigned i = 0; i < (*cluster)->count; i++)
                free((*cluster)->boards[i]);
        free(*cluster);
        *cluster = NULL;
}

/* Set state and usability; tell whoever listens if anything is different. */
static void update(hedged_cluster_t *c, hedged_board_t *b, hedged_board_state_t state, int64_t now_ms, bool restarted)
{
        bool usable = state == HEDGED_BOARD_ALIVE && b->index != HEDGED_NO_INDEX && now_ms >= b->probation_until_ms;

        b->unmeasured = usable && (!b->usable || restarted) && c->ready && !c->ready(c->arg, b);
        usable &= !b->unmeasured;
        if (!restarted && state == b->state && usable == b->usable)
                return;
        b->state = state;
        b->usable = usable;
        c->changed(c->arg, b, restarted);
}

void hedged_cluster_set_ready(hedged_cluster_t *c, hedged_board_ready_t *ready)
{
        c->ready = ready;
}

void hedged_cluster_look(hedged_cluster_t *c, hedged_board_t *b, int64_t now_ms)
{
        update(c, b, b->state, now_ms, false);
}

static bool index_taken(const hedged_cluster_t *c, uint32_t index)
{
        for (unsigned i = 0; i < c->count; i++)
                if (c->boards[i]->index == index)
                        return true;
        return false;
}

/* The number that is preferred, a free one, else that of a board that is gone. */
static uint32_t take_index(hedged_cluster_t *c)
{
        if (c->preferred < c->slots && !index_taken(c, c->preferred))
                return c->preferred;
        for (uint32_t index = 0; index < c->slots; index++)
                if (!index_taken(c, index))
                        return index;
        for (unsigned i = 0; i < c->count; i++) {
                hedged_board_t *b = c->boards[i];

                if (b->state == HEDGED_BOARD_GONE && b->index != HEDGED_NO_INDEX) {
                        uint32_t index = b->index;

                        b->index = HEDGED_NO_INDEX;
                        return index;
                }
        }
        return HEDGED_NO_INDEX;
}

/* Room for a new board: a fresh entry, else that of a spare that is gone. */
static hedged_board_t *add_board(hedged_cluster_t *c, const char *name)
{
        hedged_board_t *b = NULL;

        if (c->count < MAX_KNOWN) {
                b = calloc(1, sizeof(*b));
                if (b)
                        c->boards[c->count++] = b;
        } else {
                for (unsigned i = 0; i < c->count && !b; i++)
                        if (c->boards[i]->state == HEDGED_BOARD_GONE && c->boards[i]->index == HEDGED_NO_INDEX)
                                b = c->boards[i];
                if (b)
                        memset(b, 0, sizeof(*b));
        }
        if (b) {
                snprintf(b->name, sizeof(b->name), "%s", name);
                b->index = HEDGED_NO_INDEX;
                b->fd = -1;
        }
        return b;
}

static hedged_board_t *find_name(const hedged_cluster_t *c, const char *name)
{
        for (unsigned i = 0; i < c->count; i++)
                if (!strcmp(c->boards[i]->name, name))
                        return c->boards[i];
        return NULL;
}

/* The board is back after it was lost: watch it, the longer the more often that happened of late. */
static void came_back(hedged_cluster_t *c, hedged_board_t *b, int64_t now_ms)
{
        int64_t probation = 0;

        b->recent_backs = now_ms - b->last_back_ms < RECENT_MS ? b->recent_backs + 1 : 0;
        b->last_back_ms = now_ms;
        b->comebacks++;
        if (b->recent_backs > 0)
                probation = (int64_t)c->heartbeat_ms << (b->recent_backs < 10 ? b->recent_backs : 10);
        b->probation_until_ms = now_ms + (probation < MAX_PROBATION_MS ? probation : MAX_PROBATION_MS);
}

int hedged_cluster_hello(hedged_cluster_t *c, const hedge_msg_hello_t *hello, const hedge_route_t *route, int fd,
                         int64_t now_ms, hedged_board_t **ret)
{
        hedged_board_t *b = find_name(c, hello->board);
        bool restarted = !b || b->incarnation != hello->incarnation;

        if (!b) {
                b = add_board(c, hello->board);
                if (!b)
                        return HEDGE_ELIMIT;
        } else if (b->state != HEDGED_BOARD_ALIVE || restarted) {
                came_back(c, b, now_ms);
        }
        if (b->index == HEDGED_NO_INDEX)
                b->index = take_index(c);
        c->preferred = HEDGED_NO_INDEX;
        b->incarnation = hello->incarnation;
        b->route = *route;
        b->fd = fd;
        b->cores = hello->cores;
        b->share_bytes_max = hello->share_bytes_max;
        memcpy(b->backend, hello->backend, sizeof(b->backend));
        memcpy(b->version, hello->version, sizeof(b->version));
        b->seen_ms = now_ms;
        b->missed = 0;
        b->patient_until_ms = 0;
        b->excused_bytes = 0;
        b->streamed_bytes = 0;
        b->hellos++;
        b->ping_answered = true;
        b->promoted = false;
        if (restarted) {
                b->parts_done = 0;
                memset(&b->cost, 0, sizeof(b->cost));
        }
        update(c, b, HEDGED_BOARD_ALIVE, now_ms, restarted);
        *ret = b;
        return 0;
}

void hedged_cluster_prefer(hedged_cluster_t *c, uint32_t index)
{
        c->preferred = index;
}

hedged_board_t *hedged_cluster_find(hedged_cluster_t *c, const hedge_route_t *route)
{
        for (unsigned i = 0; i < c->count; i++) {
                hedged_board_t *b = c->boards[i];

                if (b->state != HEDGED_BOARD_GONE && b->route.size == route->size &&
                    !memcmp(b->route.bytes, route->bytes, route->size))
                        return b;
        }
        return NULL;
}

hedged_board_t *hedged_cluster_at(hedged_cluster_t *c, unsigned index)
{
        for (unsigned i = 0; i < c->count; i++)
                if (c->boards[i]->index == index)
                        return c->boards[i];
        return NULL;
}

void hedged_cluster_seen(hedged_cluster_t *c, hedged_board_t *b, int fd, int64_t now_ms)
{
        b->seen_ms = now_ms;
        b->missed = 0;
        b->fd = fd;
        if (b->state != HEDGED_BOARD_ALIVE)
                came_back(c, b, now_ms);
        update(c, b, HEDGED_BOARD_ALIVE, now_ms, false);
}

/* @return 0, HEDGE_EMALFORMED. */
static int note_cost(hedged_board_t *b, const hedge_cost_t *cost, int64_t now_us)
{
        if (!cost->process_us)
                return 0; /* it does not say */
        if (!hedge_cost_credible(cost, &b->cost))
                return HEDGE_EMALFORMED;
        b->cost = *cost;
        b->cost_ms = now_us / 1000;
        return 0;
}

int hedged_cluster_pong(hedged_cluster_t *c, hedged_board_t *b, const hedge_msg_pong_t *pong, int64_t now_us)
{
        (void)c;
        b->shares = pong->shares;
        b->queued = pong->queued;
        b->held_bytes = pong->held_bytes;
        b->parts_done = pong->parts_done;
        if (pong->sequence == b->ping_sequence) {
                b->ping_answered = true;
                b->round_trip_ms = (double)(now_us - b->ping_us) / 1000.0;
        }
        return note_cost(b, &pong->cost, now_us);
}

void hedged_cluster_sending(hedged_cluster_t *c, hedged_board_t *b, uint64_t bytes, int64_t now_ms)
{
        (void)c;
        if (bytes == 0)
                b->patient_until_ms = 0;
        else
                b->patient_until_ms = (b->patient_until_ms > now_ms ? b->patient_until_ms : now_ms) +
                                      (int64_t)(bytes / SLOWEST_BYTES_PER_MS);
}

void hedged_cluster_streaming(hedged_cluster_t *c, hedged_board_t *b, uint64_t bytes)
{
        (void)c;
        b->streamed_bytes = bytes;
}

void hedged_cluster_excuse(hedged_cluster_t *c, hedged_board_t *b, uint64_t bytes)
{
        (void)c;
        b->excused_bytes = bytes;
}

void hedged_cluster_lost(hedged_cluster_t *c, hedged_board_t *b)
{
        if (b->state == HEDGED_BOARD_ALIVE)
                update(c, b, HEDGED_BOARD_SUSPECT, b->seen_ms, false);
}

void hedged_cluster_disconnected(hedged_cluster_t *c, int fd)
{
        for (unsigned i = 0; i < c->count; i++)
                if (fd >= 0 && c->boards[i]->fd == fd) {
                        c->boards[i]->fd = -1;
                        hedged_cluster_lost(c, c->boards[i]);
                }
}

static void tick_board(hedged_cluster_t *c, hedged_board_t *b, int64_t now_ms, int64_t now_us)
{
        const uint64_t under_way = b->excused_bytes + b->streamed_bytes;
        const int64_t silent_ms = now_ms - b->seen_ms - (int64_t)(under_way / SLOWEST_BYTES_PER_MS);

        if (b->state == HEDGED_BOARD_GONE)
                return;
        if (now_ms >= b->patient_until_ms && b->ping_sequence && !b->ping_answered &&
            silent_ms >= (int64_t)c->heartbeat_ms)
                b->missed++;
        if (now_ms >= b->patient_until_ms && silent_ms >= (int64_t)c->gone_ms)
                update(c, b, HEDGED_BOARD_GONE, now_ms, false);
        else if (b->missed >= c->strikes)
                update(c, b, HEDGED_BOARD_SUSPECT, now_ms, false);
        else if (b->state == HEDGED_BOARD_ALIVE)
                update(c, b, HEDGED_BOARD_ALIVE, now_ms, false); /* its probation may be over */
        b->ping_sequence++;
        b->ping_us = now_us;
        b->ping_answered = false;
}

/* Spares take the numbers of boards that are gone. */
static void promote_spares(hedged_cluster_t *c, int64_t now_ms)
{
        for (unsigned i = 0; i < c->count; i++) {
                hedged_board_t *b = c->boards[i];

                if (b->state != HEDGED_BOARD_ALIVE || b->index != HEDGED_NO_INDEX)
                        continue;
                b->index = take_index(c);
                if (b->index == HEDGED_NO_INDEX)
                        return;
                b->promoted = true;
                update(c, b, b->state, now_ms, true);
        }
}

void hedged_cluster_tick(hedged_cluster_t *c, int64_t now_ms, int64_t now_us)
{
        for (unsigned i = 0; i < c->count; i++)
                tick_board(c, c->boards[i], now_ms, now_us);
        promote_spares(c, now_ms);
}

bool hedged_cluster_calm(const hedged_cluster_t *c)
{
        for (unsigned i = 0; i < c->count; i++) {
                const hedged_board_t *b = c->boards[i];

                if (b->state == HEDGED_BOARD_GONE)
                        continue;
                if (b->state != HEDGED_BOARD_ALIVE || (!b->usable && b->index != HEDGED_NO_INDEX) ||
                    b->patient_until_ms || b->streamed_bytes || !b->ping_sequence || !b->ping_answered)
                        return false;
        }
        return true;
}

hedged_board_t *const *hedged_cluster_boards(const hedged_cluster_t *c, unsigned *ret_count)
{
        *ret_count = c->count;
        return c->boards;
}

unsigned hedged_cluster_usable(const hedged_cluster_t *c)
{
        unsigned n = 0;

        for (unsigned i = 0; i < c->count; i++)
                n += c->boards[i]->usable;
        return n;
}

unsigned hedged_cluster_slots(const hedged_cluster_t *c)
{
        return c->slots;
}

const char *hedged_board_state_name(const hedged_board_t *b)
{
        if (b->state == HEDGED_BOARD_GONE)
                return "gone";
        if (b->state == HEDGED_BOARD_SUSPECT)
                return "suspect";
        if (b->index == HEDGED_NO_INDEX)
                return "spare";
        return b->usable ? "alive" : b->unmeasured ? "measuring" : "probation";
}

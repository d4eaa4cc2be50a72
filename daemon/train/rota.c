/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/rota.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BOARDS HEDGE_CODE_MAX_BOARDS
#define NONE   HEDGED_NO_SHARD

/* A shard on a board's list. */
typedef struct seat {
        uint32_t shard;
        bool sent;       /* to the board, or was there already */
        bool takes_over; /* who else has it and others too gives it up when the board holds it */
} seat_t;

typedef struct row {
        bool joined;
        bool full; /* has no room for more */
        uint32_t n;
        seat_t *list; /* room for all shards */
        bool *holds;  /* per shard */
} row_t;

struct hedged_rota {
        uint32_t shards;
        bool started;
        uint32_t *home; /* per shard, the board that had it first */
        row_t rows[BOARDS];
};

int hedged_rota_new(uint32_t shards, hedged_rota_t **ret)
{
        hedged_rota_t *rota = calloc(1, sizeof(*rota));

        if (!rota)
                return -ENOMEM;
        rota->shards = shards;
        rota->home = malloc(shards * sizeof(*rota->home));
        if (!rota->home) {
                free(rota);
                return -ENOMEM;
        }
        for (uint32_t s = 0; s < shards; s++)
                rota->home[s] = HEDGED_NO_BOARD;
        *ret = rota;
        return 0;
}

void hedged_rota_destroy(hedged_rota_t **rota)
{
        if (!*rota)
                return;
        for (unsigned b = 0; b < BOARDS; b++) {
                free((*rota)->rows[b].list);
                free((*rota)->rows[b].holds);
        }
        free((*rota)->home);
        free(*rota);
        *rota = NULL;
}

/* ---- lists ---- */

static seat_t *find_seat(const row_t *row, uint32_t shard)
{
        for (uint32_t i = 0; i < row->n; i++)
                if (row->list[i].shard == shard)
                        return &row->list[i];
        return NULL;
}

static void remove_seat(row_t *row, seat_t *seat)
{
        const size_t behind = (size_t)(row->list + row->n - (seat + 1));

        memmove(seat, seat + 1, behind * sizeof(*seat));
        row->n--;
}

/* The board holds what it is to take over: who has others to draw from lets it go. */
static void relieve(hedged_rota_t *rota, const row_t *taker, seat_t *seat)
{
        for (unsigned b = 0; b < BOARDS; b++) {
                row_t *row = &rota->rows[b];
                seat_t *other = row != taker ? find_seat(row, seat->shard) : NULL;

                if (other && row->n > 1)
                        remove_seat(row, other);
        }
        seat->takes_over = false;
}

static void give(hedged_rota_t *rota, unsigned board, uint32_t shard, bool takes_over)
{
        row_t *row = &rota->rows[board];
        seat_t *seat = &row->list[row->n];

        assert(row->n < rota->shards && !find_seat(row, shard));
        *seat = (seat_t){ .shard = shard, .sent = row->holds[shard], .takes_over = takes_over };
        row->n++;
        if (rota->home[shard] == HEDGED_NO_BOARD)
                rota->home[shard] = board;
        if (takes_over && row->holds[shard])
                relieve(rota, row, seat);
}

static unsigned listings(const hedged_rota_t *rota, uint32_t shard)
{
        unsigned n = 0;

        for (unsigned b = 0; b < BOARDS; b++)
                n += find_seat(&rota->rows[b], shard) != NULL;
        return n;
}

/* @return the board with the shortest list; HEDGED_NO_BOARD: nobody has room. */
static unsigned least_busy(const hedged_rota_t *rota)
{
        unsigned best = HEDGED_NO_BOARD;

        for (unsigned b = 0; b < BOARDS; b++) {
                const row_t *row = &rota->rows[b];

                if (row->joined && !row->full && (best == HEDGED_NO_BOARD || row->n < rota->rows[best].n))
                        best = b;
        }
        return best;
}

/* Every shard is to be drawn from. */
static void fill_gaps(hedged_rota_t *rota)
{
        for (uint32_t s = 0; rota->started && s < rota->shards; s++) {
                const unsigned board = listings(rota, s) ? HEDGED_NO_BOARD : least_busy(rota);

                if (board != HEDGED_NO_BOARD)
                        give(rota, board, s, false);
        }
}

/* The shard that the busiest board had last, of one that has several; NONE: nobody has. */
static uint32_t spare_shard(const hedged_rota_t *rota)
{
        const row_t *busiest = NULL;

        for (unsigned b = 0; b < BOARDS; b++) {
                const row_t *row = &rota->rows[b];

                if (row->joined && row->n > 1 && (!busiest || row->n > busiest->n))
                        busiest = row;
        }
        return busiest ? busiest->list[busiest->n - 1].shard : NONE;
}

static uint32_t loneliest_shard(const hedged_rota_t *rota)
{
        uint32_t best = 0;

        for (uint32_t s = 1; s < rota->shards; s++)
                if (listings(rota, s) < listings(rota, best))
                        best = s;
        return best;
}

void hedged_rota_seat(hedged_rota_t *rota, unsigned board)
{
        const row_t *row = &rota->rows[board];
        uint32_t spare;

        assert(row->n == 0);
        for (uint32_t s = 0; s < rota->shards; s++)
                if (rota->home[s] == board)
                        give(rota, board, s, true);
        fill_gaps(rota);
        if (row->n > 0)
                return;
        spare = spare_shard(rota);
        give(rota, board, spare == NONE ? loneliest_shard(rota) : spare, spare != NONE);
}

/* After a restart of the coordinator boards still hold what they had. */
static void give_what_is_held(hedged_rota_t *rota)
{
        for (unsigned b = 0; b < BOARDS; b++) {
                const row_t *row = &rota->rows[b];

                for (uint32_t s = 0; row->joined && row->n == 0 && s < rota->shards; s++)
                        if (row->holds[s] && rota->home[s] == HEDGED_NO_BOARD)
                                give(rota, b, s, false);
        }
}

void hedged_rota_start(hedged_rota_t *rota)
{
        uint32_t next = 0;

        assert(!rota->started);
        give_what_is_held(rota);
        for (unsigned b = 0; b < BOARDS; b++) {
                const row_t *row = &rota->rows[b];

                while (next < rota->shards && rota->home[next] != HEDGED_NO_BOARD)
                        next++;
                if (row->joined && row->n == 0 && next < rota->shards)
                        give(rota, b, next, false);
        }
        rota->started = true;
        fill_gaps(rota);
        for (unsigned b = 0; b < BOARDS; b++)
                if (rota->rows[b].joined && rota->rows[b].n == 0)
                        hedged_rota_seat(rota, b);
}

/* ---- who is there, and holds what ---- */

int hedged_rota_enter(hedged_rota_t *rota, unsigned board)
{
        row_t *row = &rota->rows[board];

        if (!row->list)
                row->list = calloc(rota->shards, sizeof(*row->list));
        if (!row->holds)
                row->holds = calloc(rota->shards, sizeof(*row->holds));
        if (!row->list || !row->holds)
                return -ENOMEM;
        memset(row->holds, 0, rota->shards * sizeof(*row->holds));
        for (uint32_t i = 0; i < row->n; i++)
                row->list[i].sent = false;
        row->joined = row->full = false;
        return 0;
}

void hedged_rota_join(hedged_rota_t *rota, unsigned board)
{
        rota->rows[board].joined = true;
}

void hedged_rota_leave(hedged_rota_t *rota, unsigned board)
{
        rota->rows[board].n = 0;
        rota->rows[board].joined = false;
        fill_gaps(rota);
}

void hedged_rota_holds(hedged_rota_t *rota, unsigned board, uint32_t shard)
{
        row_t *row = &rota->rows[board];
        seat_t *seat;

        if (shard >= rota->shards)
                return;
        row->holds[shard] = true;
        seat = find_seat(row, shard);
        if (!seat)
                return;
        seat->sent = true;
        if (seat->takes_over)
                relieve(rota, row, seat);
}

void hedged_rota_lacks(hedged_rota_t *rota, unsigned board, uint32_t shard)
{
        row_t *row = &rota->rows[board];
        seat_t *seat;

        if (shard >= rota->shards)
                return;
        row->holds[shard] = false;
        seat = find_seat(row, shard);
        if (seat)
                seat->sent = false;
}

void hedged_rota_refuse(hedged_rota_t *rota, unsigned board, uint32_t shard)
{
        row_t *row = &rota->rows[board];

        row->full = true;
        for (uint32_t i = row->n; i-- > 0;) {
                const uint32_t s = row->list[i].shard;

                if (!row->holds[s] && row->list[i].sent && (s == shard || shard == NONE))
                        remove_seat(row, &row->list[i]);
        }
        fill_gaps(rota);
}

uint32_t hedged_rota_listed(const hedged_rota_t *rota, unsigned board)
{
        return rota->rows[board].n;
}

uint32_t hedged_rota_held(const hedged_rota_t *rota, unsigned board)
{
        const row_t *row = &rota->rows[board];
        uint32_t held = 0;

        for (uint32_t i = 0; i < row->n; i++)
                held += row->holds[row->list[i].shard];
        return held;
}

bool hedged_rota_loading(const hedged_rota_t *rota, unsigned board, uint32_t shard)
{
        const row_t *row = &rota->rows[board];
        const seat_t *seat = find_seat(row, shard);

        return seat && seat->sent && !row->holds[shard];
}

uint32_t hedged_rota_send(hedged_rota_t *rota, unsigned board)
{
        row_t *row = &rota->rows[board];

        for (uint32_t i = 0; i < row->n; i++) {
                if (row->list[i].sent)
                        continue;
                row->list[i].sent = true;
                return row->list[i].shard;
        }
        return NONE;
}

uint32_t hedged_rota_turn(const hedged_rota_t *rota, unsigned board, uint64_t step)
{
        const row_t *row = &rota->rows[board];
        uint32_t skip = (uint32_t)(step % hedged_rota_held(rota, board));

        for (uint32_t i = 0;; i++)
                if (row->holds[row->list[i].shard] && skip-- == 0)
                        return row->list[i].shard;
}

uint32_t hedged_rota_first(const hedged_rota_t *rota, unsigned board)
{
        return rota->rows[board].list[0].shard;
}

unsigned hedged_rota_home(const hedged_rota_t *rota, uint32_t shard)
{
        return rota->home[shard];
}

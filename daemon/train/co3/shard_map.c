/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/train/co3/shard_map.h"

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

struct hedged_shard_map {
        uint32_t shards;
        bool started;
        uint32_t *home; /* per shard, the board that had it first */
        row_t rows[BOARDS];
};

int hedged_shard_map_new(uint32_t shards, hedged_shard_map_t **ret)
{
        hedged_shard_map_t *map = calloc(1, sizeof(*map));

        if (!map)
                return -ENOMEM;
        map->shards = shards;
        map->home = malloc(shards * sizeof(*map->home));
        if (!map->home) {
                free(map);
                return -ENOMEM;
        }
        for (uint32_t s = 0; s < shards; s++)
                map->home[s] = HEDGED_NO_BOARD;
        *ret = map;
        return 0;
}

void hedged_shard_map_destroy(hedged_shard_map_t **map)
{
        if (!*map)
                return;
        for (unsigned b = 0; b < BOARDS; b++) {
                free((*map)->rows[b].list);
                free((*map)->rows[b].holds);
        }
        free((*map)->home);
        free(*map);
        *map = NULL;
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
static void relieve(hedged_shard_map_t *map, const row_t *taker, seat_t *seat)
{
        for (unsigned b = 0; b < BOARDS; b++) {
                row_t *row = &map->rows[b];
                seat_t *other = row != taker ? find_seat(row, seat->shard) : NULL;

                if (other && row->n > 1)
                        remove_seat(row, other);
        }
        seat->takes_over = false;
}

static void give(hedged_shard_map_t *map, unsigned board, uint32_t shard, bool takes_over)
{
        row_t *row = &map->rows[board];
        seat_t *seat = &row->list[row->n];

        assert(row->n < map->shards && !find_seat(row, shard));
        *seat = (seat_t){ .shard = shard, .sent = row->holds[shard], .takes_over = takes_over };
        row->n++;
        if (map->home[shard] == HEDGED_NO_BOARD)
                map->home[shard] = board;
        if (takes_over && row->holds[shard])
                relieve(map, row, seat);
}

static unsigned listings(const hedged_shard_map_t *map, uint32_t shard)
{
        unsigned n = 0;

        for (unsigned b = 0; b < BOARDS; b++)
                n += find_seat(&map->rows[b], shard) != NULL;
        return n;
}

/* @return the board with the shortest list; HEDGED_NO_BOARD: nobody has room. */
static unsigned least_busy(const hedged_shard_map_t *map)
{
        unsigned best = HEDGED_NO_BOARD;

        for (unsigned b = 0; b < BOARDS; b++) {
                const row_t *row = &map->rows[b];

                if (row->joined && !row->full && (best == HEDGED_NO_BOARD || row->n < map->rows[best].n))
                        best = b;
        }
        return best;
}

/* Every shard is to be drawn from. */
static void fill_gaps(hedged_shard_map_t *map)
{
        for (uint32_t s = 0; map->started && s < map->shards; s++) {
                const unsigned board = listings(map, s) ? HEDGED_NO_BOARD : least_busy(map);

                if (board != HEDGED_NO_BOARD)
                        give(map, board, s, false);
        }
}

/* The shard that the busiest board had last, of one that has several; NONE: nobody has. */
static uint32_t spare_shard(const hedged_shard_map_t *map)
{
        const row_t *busiest = NULL;

        for (unsigned b = 0; b < BOARDS; b++) {
                const row_t *row = &map->rows[b];

                if (row->joined && row->n > 1 && (!busiest || row->n > busiest->n))
                        busiest = row;
        }
        return busiest ? busiest->list[busiest->n - 1].shard : NONE;
}

static uint32_t loneliest_shard(const hedged_shard_map_t *map)
{
        uint32_t best = 0;

        for (uint32_t s = 1; s < map->shards; s++)
                if (listings(map, s) < listings(map, best))
                        best = s;
        return best;
}

void hedged_shard_map_seat(hedged_shard_map_t *map, unsigned board)
{
        const row_t *row = &map->rows[board];
        uint32_t spare;

        assert(row->n == 0);
        for (uint32_t s = 0; s < map->shards; s++)
                if (map->home[s] == board)
                        give(map, board, s, true);
        fill_gaps(map);
        if (row->n > 0)
                return;
        spare = spare_shard(map);
        give(map, board, spare == NONE ? loneliest_shard(map) : spare, spare != NONE);
}

/* After a restart of the coordinator boards still hold what they had. */
static void give_what_is_held(hedged_shard_map_t *map)
{
        for (unsigned b = 0; b < BOARDS; b++) {
                const row_t *row = &map->rows[b];

                for (uint32_t s = 0; row->joined && row->n == 0 && s < map->shards; s++)
                        if (row->holds[s] && map->home[s] == HEDGED_NO_BOARD)
                                give(map, b, s, false);
        }
}

void hedged_shard_map_start(hedged_shard_map_t *map)
{
        uint32_t next = 0;

        assert(!map->started);
        give_what_is_held(map);
        for (unsigned b = 0; b < BOARDS; b++) {
                const row_t *row = &map->rows[b];

                while (next < map->shards && map->home[next] != HEDGED_NO_BOARD)
                        next++;
                if (row->joined && row->n == 0 && next < map->shards)
                        give(map, b, next, false);
        }
        map->started = true;
        fill_gaps(map);
        for (unsigned b = 0; b < BOARDS; b++)
                if (map->rows[b].joined && map->rows[b].n == 0)
                        hedged_shard_map_seat(map, b);
}

/* ---- who is there, and holds what ---- */

int hedged_shard_map_enter(hedged_shard_map_t *map, unsigned board)
{
        row_t *row = &map->rows[board];

        if (!row->list)
                row->list = calloc(map->shards, sizeof(*row->list));
        if (!row->holds)
                row->holds = calloc(map->shards, sizeof(*row->holds));
        if (!row->list || !row->holds)
                return -ENOMEM;
        memset(row->holds, 0, map->shards * sizeof(*row->holds));
        for (uint32_t i = 0; i < row->n; i++)
                row->list[i].sent = false;
        row->joined = row->full = false;
        return 0;
}

void hedged_shard_map_join(hedged_shard_map_t *map, unsigned board)
{
        map->rows[board].joined = true;
}

void hedged_shard_map_leave(hedged_shard_map_t *map, unsigned board)
{
        map->rows[board].n = 0;
        map->rows[board].joined = false;
        fill_gaps(map);
}

void hedged_shard_map_holds(hedged_shard_map_t *map, unsigned board, uint32_t shard)
{
        row_t *row = &map->rows[board];
        seat_t *seat;

        if (shard >= map->shards)
                return;
        row->holds[shard] = true;
        seat = find_seat(row, shard);
        if (!seat)
                return;
        seat->sent = true;
        if (seat->takes_over)
                relieve(map, row, seat);
}

void hedged_shard_map_lacks(hedged_shard_map_t *map, unsigned board, uint32_t shard)
{
        row_t *row = &map->rows[board];
        seat_t *seat;

        if (shard >= map->shards)
                return;
        row->holds[shard] = false;
        seat = find_seat(row, shard);
        if (seat)
                seat->sent = false;
}

void hedged_shard_map_refuse(hedged_shard_map_t *map, unsigned board, uint32_t shard)
{
        row_t *row = &map->rows[board];

        row->full = true;
        for (uint32_t i = row->n; i-- > 0;) {
                const uint32_t s = row->list[i].shard;

                if (!row->holds[s] && row->list[i].sent && (s == shard || shard == NONE))
                        remove_seat(row, &row->list[i]);
        }
        fill_gaps(map);
}

uint32_t hedged_shard_map_listed(const hedged_shard_map_t *map, unsigned board)
{
        return map->rows[board].n;
}

uint32_t hedged_shard_map_held(const hedged_shard_map_t *map, unsigned board)
{
        const row_t *row = &map->rows[board];
        uint32_t held = 0;

        for (uint32_t i = 0; i < row->n; i++)
                held += row->holds[row->list[i].shard];
        return held;
}

bool hedged_shard_map_loading(const hedged_shard_map_t *map, unsigned board, uint32_t shard)
{
        const row_t *row = &map->rows[board];
        const seat_t *seat = find_seat(row, shard);

        return seat && seat->sent && !row->holds[shard];
}

uint32_t hedged_shard_map_send(hedged_shard_map_t *map, unsigned board)
{
        row_t *row = &map->rows[board];

        for (uint32_t i = 0; i < row->n; i++) {
                if (row->list[i].sent)
                        continue;
                row->list[i].sent = true;
                return row->list[i].shard;
        }
        return NONE;
}

uint32_t hedged_shard_map_turn(const hedged_shard_map_t *map, unsigned board, uint64_t step)
{
        const row_t *row = &map->rows[board];
        uint32_t skip = (uint32_t)(step % hedged_shard_map_held(map, board));

        for (uint32_t i = 0;; i++)
                if (row->holds[row->list[i].shard] && skip-- == 0)
                        return row->list[i].shard;
}

uint32_t hedged_shard_map_first(const hedged_shard_map_t *map, unsigned board)
{
        return map->rows[board].list[0].shard;
}

unsigned hedged_shard_map_home(const hedged_shard_map_t *map, uint32_t shard)
{
        return map->home[shard];
}

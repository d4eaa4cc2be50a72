/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/infer/share_graph.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/held.h"
#include "common/model/pack.h"
#include "worker/infer/constants.h"
#include "worker/infer/share.h"

typedef struct block {
        hedgew_share_t share;
        hedge_graph_t *graph;
        hedgew_constants_t constants;
        uint64_t others;  /* counted for all but the engines */
        uint64_t reserve; /* and at least so much for these, whether there are any or not */
        hedgew_engines_t engines;
        hedge_packs_t *packs; /* of all engines */
} block_t;

static void release(hedgew_share_t *share)
{
        block_t *b = (block_t *)share;

        hedgew_engines_clear(&b->engines);
        hedge_packs_destroy(&b->packs);
        hedge_graph_destroy(&b->graph);
        hedgew_constants_release(&b->constants);
        free(b);
}

/* ---- claiming ---- */

static int unpack(block_t *b, zmq_msg_t *program, hedge_why_t *why)
{
        if (zmq_msg_size(program) > HEDGEW_PROGRAM_BYTES_MAX)
                return hedge_why(why, HEDGE_ELIMIT, "a graph of %zu bytes is above %u", zmq_msg_size(program),
                                 HEDGEW_PROGRAM_BYTES_MAX);
        return hedge_graph_unpack(zmq_msg_data(program), zmq_msg_size(program), HEDGE_MAX_ELEMENTS, &b->graph, why);
}

/* What a block takes before and with its first engine. @return false: more than can be counted. */
static bool measure(block_t *b)
{
        uint64_t elements = 0;

        for (uint32_t i = 0; i < b->constants.n; i++)
                elements += hedge_shape_elements(&b->graph->values[b->constants.values[i]].shape);
        b->share.bytes = hedge_held_bytes(b->constants.bytes, elements, b->graph->n_nodes);
        b->reserve = elements * sizeof(float);
        b->others = b->share.bytes - b->reserve;
        return b->share.bytes < UINT64_MAX;
}

/* All that can be wrong with it, but for the room. */
static int build(block_t *b, zmq_msg_t *program, hedge_why_t *why)
{
        int r = unpack(b, program, why);

        if (r < 0)
                return r;
        if (hedgew_constants_init(&b->constants, b->graph) < 0 || hedge_packs_new(&b->packs) < 0)
                return hedge_why(why, -ENOMEM, "no memory for a block");
        if (!measure(b))
                return hedge_why(why, HEDGE_ELIMIT, "a block of that many constants does not fit anywhere");
        b->share.state = b->constants.n ? HEDGEW_SHARE_FILLING : HEDGEW_SHARE_CLAIMED;
        return 0;
}

int hedgew_graph_claim(hedgew_shares_t *shares, const hedge_msg_graph_t *message, zmq_msg_t *program,
                       hedgew_share_t **ret, hedge_why_t *why)
{
        block_t *b = calloc(1, sizeof(*b));
        int r;

        if (!b)
                return hedge_why(why, -ENOMEM, "no memory for a block");
        b->share.kind = &hedgew_graph_kind;
        b->share.digest = message->digest;
        r = build(b, program, why);
        if (r == 0) {
                hedgew_shares_clear_filling(shares); /* whoever sends it sends nothing else now */
                r = hedgew_shares_insert(shares, &b->share, why);
        }
        if (r == 0)
                *ret = &b->share;
        else
                release(&b->share);
        return r;
}

int hedgew_graph_fill(hedgew_share_t *share, uint64_t offset, zmq_msg_t *frame, uint64_t *ret_bytes, hedge_why_t *why)
{
        block_t *b = (block_t *)share;
        int r;

        if (share->kind != &hedgew_graph_kind || !hedgew_share_is_filling(share))
                return hedge_why(why, HEDGE_EMALFORMED, "no constants of this share are to come");
        r = hedgew_constants_take(&b->constants, offset, zmq_msg_data(frame), zmq_msg_size(frame), why);
        if (r < 0) {
                hedgew_shares_drop_filling(share->shares, &share->digest);
                return r;
        }
        *ret_bytes = b->constants.come;
        if (!hedgew_constants_are_complete(&b->constants))
                return 0;
        hedgew_share_filled(share);
        return 1;
}

int hedgew_graph_prepare(hedgew_share_t *share, hedge_kernels_t *kernels)
{
        hedgew_shares_make_room(share->shares, kernels);
        return hedgew_share_publish(share);
}

/* ---- engines ---- */

/* Of all engines: what they have packed together, and what each has for itself. */
static uint64_t total(const block_t *b)
{
        return b->engines.bytes + hedge_packs_bytes(b->packs);
}

/* The newest stays where it was made to take little: it would only be made again. */
static bool is_least(const block_t *b)
{
        const hedgew_engine_t *e = b->engines.recent;

        return !e || (!e->next && e->tight);
}

static void recount(block_t *b)
{
        const uint64_t engines = total(b), held = engines > b->reserve ? engines : b->reserve;

        hedgew_share_recount(&b->share, b->others + held, is_least(b) ? 0 : held - b->reserve);
}

/* Buffers first, then engines that were not used for long. */
static void slim(hedgew_share_t *share, hedge_kernels_t *kernels)
{
        block_t *b = (block_t *)share;

        (void)kernels;
        hedgew_engines_trim(&b->engines);
        while (total(b) > b->reserve && !is_least(b))
                hedgew_engines_drop(&b->engines);
        recount(b);
}

static void rest(hedgew_share_t *share)
{
        block_t *b = (block_t *)share;

        if (!b->engines.recent)
                return;
        hedgew_engines_trim(&b->engines);
        recount(b);
}

/* What all engines of the block may take. */
static uint64_t room_for(const block_t *b)
{
        const uint64_t engines = total(b);

        return (engines > b->reserve ? engines : b->reserve) + hedgew_shares_free(b->share.shares);
}

/* Constants of these nodes that no engine has packed. */
static uint64_t unpacked(const block_t *b, const hedgew_engine_t *fresh)
{
        for (const hedgew_engine_t *e = b->engines.recent; e; e = e->next)
                if (e->first <= fresh->first && e->last >= fresh->last)
                        return 0;
        return hedge_graph_constant_bytes(fresh->graph);
}

/* Older engines go for a new one, until it fits; where it fits well, it may take more than it needs. */
static void fit(block_t *b, hedgew_engine_t *e)
{
        const uint64_t room = room_for(b), run = hedge_engine_run_bytes(e->engine);
        uint64_t need;

        while (need = unpacked(b, e) + run, b->engines.recent && total(b) + need > room)
                hedgew_engines_drop(&b->engines);
        e->tight = total(b) + need + unpacked(b, e) > room;
        hedge_engine_share(e->engine, b->packs);
        hedge_engine_limit(e->engine, e->tight ? 0 : room - b->engines.bytes - run);
}

static int prepare_engine(block_t *b, hedge_kernels_t *kernels, hedgew_engine_t *e, hedge_why_t *why)
{
        const uint64_t most = hedgew_shares_bytes_max(b->share.shares);
        int r = hedge_engine_new(e->graph, kernels, &e->engine);

        if (r < 0)
                return hedge_why(why, r, "preparing nodes %u to %u: %s", e->first, e->last, hedge_strerror(r));
        if (hedge_engine_run_bytes(e->engine) > most)
                return hedge_why(why, HEDGE_ELIMIT,
                                 "nodes %u to %u need %llu bytes while they run, and all shares may take %llu",
                                 e->first, e->last, (unsigned long long)hedge_engine_run_bytes(e->engine),
                                 (unsigned long long)most);
        fit(b, e);
        return 0;
}

int hedgew_graph_engine(hedgew_share_t *share, hedge_kernels_t *kernels, uint32_t first, uint32_t last,
                        const hedge_window_t *window, hedgew_engine_t **ret, hedge_why_t *why)
{
        block_t *b = (block_t *)share;
        hedgew_engine_t *e = NULL;
        int r = hedgew_engines_find(&b->engines, b->graph, first, last, window, &e);

        if (r < 0)
                return hedge_why(why, r, "nodes %u to %u: %s", first, last, hedge_strerror(r));
        if (r == 1) {
                r = prepare_engine(b, kernels, e, why);
                if (r < 0) {
                        hedgew_engine_destroy(&e);
                        return r;
                }
                hedgew_engines_add(&b->engines, e);
        }
        *ret = e;
        return 0;
}

void hedgew_graph_used(hedgew_share_t *share, hedge_kernels_t *kernels)
{
        block_t *b = (block_t *)share;

        hedgew_engines_count(&b->engines);
        recount(b);
        hedgew_shares_make_room(share->shares, kernels);
}

/* ---- the kind ---- */

static bool is_same(const hedgew_share_t *known, const hedgew_share_t *other)
{
        const block_t *a = (const block_t *)known, *b = (const block_t *)other;

        return a->constants.n == b->constants.n && a->graph->n_nodes == b->graph->n_nodes &&
               a->graph->n_values == b->graph->n_values && a->reserve == b->reserve;
}

const hedgew_share_kind_t hedgew_graph_kind = { is_same, slim, rest, release };

const hedge_graph_t *hedgew_graph_of(const hedgew_share_t *share)
{
        return ((const block_t *)share)->graph;
}

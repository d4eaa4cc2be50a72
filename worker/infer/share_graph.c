/* SPDX-License-Identifier: Apache-2.0 */
#include "worker/infer/share_graph.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/model/held.h"
#include "common/model/pack.h"
#include "worker/infer/share.h"

#define SMALL_BYTES (16u << 10) /* libzmq may hand out what is smaller inside a buffer of 8 KiB */

typedef struct block {
        hedgew_share_t share;
        hedge_graph_t *graph;
        uint32_t n_constants;
        zmq_msg_t *frames; /* n_constants; empty where there is a copy */
        void **copies;     /* likewise */
        uint64_t others;   /* counted for all but the engines */
        uint64_t reserve;  /* and at least so much for these, whether there are any or not */
        hedgew_engines_t engines;
        hedge_packs_t *packs; /* of all engines */
} block_t;

static void release(hedgew_share_t *share)
{
        block_t *b = (block_t *)share;

        hedgew_engines_clear(&b->engines);
        hedge_packs_destroy(&b->packs);
        hedge_graph_destroy(&b->graph);
        for (uint32_t i = 0; b->frames && i < b->n_constants; i++)
                zmq_msg_close(&b->frames[i]);
        for (uint32_t i = 0; b->copies && i < b->n_constants; i++)
                free(b->copies[i]);
        free(b->frames);
        free(b->copies);
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

/* Is there a frame of the right size for each? @param values  The constants. */
static int check_constants(const block_t *b, const uint32_t *values, zmq_msg_t *frames, uint32_t n_frames,
                           hedge_why_t *why)
{
        if (n_frames != b->n_constants)
                return hedge_why(why, HEDGE_EMALFORMED, "%u frames came, not one for each of the graph's %u constants",
                                 n_frames, b->n_constants);
        for (uint32_t i = 0; i < n_frames; i++) {
                const size_t size = hedge_graph_constant_size(b->graph, values[i]);

                if (zmq_msg_size(&frames[i]) != size)
                        return hedge_why(why, HEDGE_EMALFORMED, "constant %u has %zu bytes, not the %zu of '%s'", i,
                                         zmq_msg_size(&frames[i]), size, b->graph->values[values[i]].name);
        }
        return 0;
}

/* What a block takes before and with its first engine. @return false: more than can be counted. */
static bool measure(block_t *b, const uint32_t *values)
{
        uint64_t bytes = 0, elements = 0;

        for (uint32_t i = 0; i < b->n_constants; i++) {
                bytes += hedge_graph_constant_size(b->graph, values[i]);
                elements += hedge_shape_elements(&b->graph->values[values[i]].shape);
        }
        b->share.bytes = hedge_held_bytes(bytes, elements, b->graph->n_nodes);
        b->reserve = elements * sizeof(float);
        b->others = b->share.bytes - b->reserve;
        return b->share.bytes < UINT64_MAX;
}

static bool wants_copy(zmq_msg_t *frame)
{
        return zmq_msg_size(frame) < SMALL_BYTES || (uintptr_t)zmq_msg_data(frame) % sizeof(float) != 0;
}

/* Copies are made before a frame is taken, so that nothing is taken where there is no memory. */
static int copy_constants(block_t *b, zmq_msg_t *frames)
{
        for (uint32_t i = 0; i < b->n_constants; i++) {
                const size_t size = zmq_msg_size(&frames[i]);

                if (!wants_copy(&frames[i]))
                        continue;
                b->copies[i] = hedge_floats_new(size / sizeof(float) + 1);
                if (!b->copies[i])
                        return -ENOMEM;
                memcpy(b->copies[i], zmq_msg_data(&frames[i]), size);
        }
        return 0;
}

static int lend_constants(block_t *b, const uint32_t *values, zmq_msg_t *frames, hedge_why_t *why)
{
        int r = copy_constants(b, frames);

        if (r < 0)
                return hedge_why(why, r, "no memory for a block");
        for (uint32_t i = 0; i < b->n_constants && r == 0; i++) {
                r = hedge_graph_lend(b->graph, values[i], b->copies[i] ? b->copies[i] : zmq_msg_data(&frames[i]));
                if (r < 0)
                        return hedge_why(why, r, "constant %u: %s", i, hedge_strerror(r));
        }
        return 0;
}

static void take_frames(block_t *b, zmq_msg_t *frames)
{
        for (uint32_t i = 0; i < b->n_constants; i++)
                if (!b->copies[i])
                        zmq_msg_move(&b->frames[i], &frames[i]); /* what it holds stays where it is */
                else
                        zmq_msg_close(&frames[i]);
}

static int allocate(block_t *b)
{
        b->frames = malloc((b->n_constants + (size_t)1) * sizeof(*b->frames));
        b->copies = calloc(b->n_constants + (size_t)1, sizeof(*b->copies));
        for (uint32_t i = 0; b->frames && i < b->n_constants; i++)
                zmq_msg_init(&b->frames[i]);
        return b->frames && b->copies ? hedge_packs_new(&b->packs) : -ENOMEM;
}

/* All that can be wrong with it, but for the room. @param frames  Of the constants. */
static int build(block_t *b, zmq_msg_t *program, zmq_msg_t *frames, uint32_t n_frames, hedge_why_t *why)
{
        uint32_t *values = NULL;
        int r = unpack(b, program, why);

        if (r < 0)
                return r;
        values = malloc((b->graph->n_values + (size_t)1) * sizeof(*values));
        b->n_constants = hedge_graph_constants(b->graph, values);
        if (!values || allocate(b) < 0)
                r = hedge_why(why, -ENOMEM, "no memory for a block");
        if (r == 0)
                r = check_constants(b, values, frames, n_frames, why);
        if (r == 0 && !measure(b, values))
                r = hedge_why(why, HEDGE_ELIMIT, "a block of that many constants does not fit anywhere");
        if (r == 0)
                r = lend_constants(b, values, frames, why);
        free(values);
        return r;
}

int hedgew_graph_claim(hedgew_shares_t *shares, const hedge_msg_graph_t *message, zmq_msg_t *frames, uint32_t n_frames,
                       hedgew_share_t **ret, hedge_why_t *why)
{
        block_t *b;
        int r;

        if (!n_frames)
                return hedge_why(why, HEDGE_EMALFORMED, "a block without its graph");
        b = calloc(1, sizeof(*b));
        if (!b)
                return hedge_why(why, -ENOMEM, "no memory for a block");
        b->share.kind = &hedgew_graph_kind;
        b->share.digest = message->digest;
        r = build(b, &frames[0], frames + 1, n_frames - 1, why);
        if (r == 0)
                r = hedgew_shares_insert(shares, &b->share, why);
        if (r == 0) {
                zmq_msg_close(&frames[0]);
                take_frames(b, frames + 1);
                *ret = &b->share;
        } else {
                release(&b->share);
        }
        return r;
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

        return a->n_constants == b->n_constants && a->graph->n_nodes == b->graph->n_nodes &&
               a->graph->n_values == b->graph->n_values && a->reserve == b->reserve;
}

const hedgew_share_kind_t hedgew_graph_kind = { is_same, slim, rest, release };

const hedge_graph_t *hedgew_graph_of(const hedgew_share_t *share)
{
        return ((const block_t *)share)->graph;
}
